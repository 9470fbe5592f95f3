import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { nodeCompressions } from "../../src/adapters/node/compressions.ts";
import { concatBytes } from "../../src/bytes.ts";
import { FlowRunner } from "../../src/handshake/flow.ts";
import { uncompressed } from "../../src/handshake/certificate-compression.ts";
import { type AlertName, defaultLimits, type Limits, TlsAlert, zlibCompression } from "../../src/index.ts";
import { ExtensionType, HandshakeType } from "../../src/messages/codepoints.ts";
import { encodeHandshake, type HandshakeBody } from "../../src/messages/handshake.ts";
import { bytesAllocated, CountedCompression } from "../support/compression.ts";
import { rawMessage, withBody } from "../support/forger.ts";
import { fromHex } from "../support/hex.ts";
import { adding, cut, flipped, raw, replacing, withoutLastByte, withTrailingByte } from "./edits.ts";
import type { ForgedClient } from "./forged-client.ts";
import type { ForgedServer } from "./forged-server.ts";
import { testCredential } from "./leaf-certificate.ts";
import { expectOpen, expectRefusal, type Verdict } from "./pitfall.ts";
import { forgedClient12, forgedServer12, mutual as mutual12 } from "./pitfall12.ts";
import { forgedClient, forgedServer, mutual } from "./pitfall13.ts";

/** A forged peer, and the compression that its engine has offered. */
interface Meeting {
  readonly peer: ForgedServer | ForgedClient;
  readonly compression: CountedCompression;
}

/** Engines of both roles in front of their peer's Certificate, which they have offered to inflate. */
const ENGINES: Readonly<
  Record<"client" | "server", (limits?: Partial<Limits>, own?: "zlib" | "brotli") => Meeting>
> = {
  client(limits = {}, own = "zlib") {
    const compression = compressionOf(own);
    const certificateCompression = [compression];
    const peer = forgedServer({ config: { certificateCompression, limits } });
    return { peer: peer.upTo("certificate"), compression };
  },
  server(limits = {}, own = "zlib") {
    const compression = compressionOf(own);
    const certificateCompression = [compression];
    const peer = forgedClient({ ...mutual, config: { ...mutual.config, certificateCompression, limits } });
    return { peer: peer.upTo("certificate"), compression };
  },
};

function compressionOf(name: "zlib" | "brotli"): CountedCompression {
  const brotli = nodeCompressions().find((compression) => compression.name === name);
  return new CountedCompression(name === "zlib" || brotli === undefined ? zlibCompression() : brotli);
}

/** The peer's Certificate without its header, if it is as `change` has it. */
function certificate(
  change: (body: HandshakeBody<"certificate">) => HandshakeBody<"certificate"> = (body) => body,
): Uint8Array {
  const [certData = new Uint8Array()] = testCredential().certificateChain;
  const body = change({
    certificateRequestContext: new Uint8Array(),
    certificateList: [{ certData, extensions: {} }],
  });
  return encodeHandshake("certificate", body).slice(4);
}

/** The Certificate of an honest peer. */
const PLAIN = certificate();

interface Compressed {
  readonly algorithm?: number;
  readonly length?: number;
  readonly bytes?: Uint8Array;
}

/** A CompressedCertificate; a good one if nothing is said. */
function compressed({
  algorithm = 1,
  bytes = deflateSync(PLAIN),
  length = PLAIN.length,
}: Compressed = {}): Uint8Array {
  return encodeHandshake("compressed_certificate", {
    algorithm,
    uncompressedLength: length,
    compressedCertificateMessage: bytes,
  });
}

/** A CompressedCertificate of `plain`, which need not be a Certificate. */
const packed = (plain: Uint8Array): Uint8Array =>
  compressed({ bytes: deflateSync(plain), length: plain.length });

const bad = (says: string | RegExp): Verdict => ({ alert: "bad_certificate", says });
const notInflated = bad(/^CompressedCertificate of \d+ bytes is not \d+ bytes under zlib$/);
const decodeError: Verdict = { alert: "decode_error", says: /./ };
const UINT24_MAX = 2 ** 24 - 1;

/** What either engine refuses in place of a good CompressedCertificate. */
const REFUSED: readonly {
  readonly what: string;
  readonly verdict: Verdict;
  readonly message: () => Uint8Array;
  /** Whether anything is inflated. */
  readonly inflates: boolean;
  readonly limits?: Partial<Limits>;
}[] = [
  {
    what: "16 MB declared for a kilobyte of data",
    verdict: bad(`declares ${UINT24_MAX} bytes, allowed 65536`),
    message: () => compressed({ length: UINT24_MAX, bytes: new Uint8Array(1024) }),
    inflates: false,
  },
  {
    what: "16 MB declared for a stream that does come to 16 MB",
    verdict: bad(`declares ${UINT24_MAX} bytes, allowed 65536`),
    message: () => compressed({ length: UINT24_MAX, bytes: deflateSync(new Uint8Array(UINT24_MAX)) }),
    inflates: false,
  },
  {
    what: "one byte more than is allowed",
    verdict: bad("declares 65537 bytes, allowed 65536"),
    message: () => packed(new Uint8Array(65_537)),
    inflates: false,
  },
  {
    what: "one byte more than is allowed, with a limit of the configuration's own",
    verdict: bad(`declares ${PLAIN.length} bytes, allowed ${PLAIN.length - 1}`),
    message: () => compressed(),
    limits: { handshakeMessageBytes: PLAIN.length - 1 },
    inflates: false,
  },
  {
    what: "16 MB declared for a kilobyte of data, where they are allowed",
    verdict: notInflated,
    message: () => compressed({ length: UINT24_MAX, bytes: deflateSync(new Uint8Array(1024)) }),
    limits: { handshakeMessageBytes: UINT24_MAX },
    inflates: true,
  },
  ...[0, 1, PLAIN.length - 1, PLAIN.length + 1, 65_536].map((length) => ({
    what: `${length} bytes declared for ${PLAIN.length}`,
    verdict: notInflated,
    message: () => compressed({ length }),
    inflates: true,
  })),
  ...(
    [
      ["a byte behind the stream", concatBytes(deflateSync(PLAIN), Uint8Array.of(0))],
      ["a second stream behind the first", concatBytes(deflateSync(PLAIN), deflateSync(PLAIN))],
      ["a stream without its last byte", deflateSync(PLAIN).subarray(0, -1)],
      ["a stream without its checksum", deflateSync(PLAIN).subarray(0, -4)],
      ["a stream with another checksum", flipped(deflateSync(PLAIN))],
      ["half a stream", deflateSync(PLAIN).subarray(0, 60)],
      ["a header alone", deflateSync(PLAIN).subarray(0, 2)],
      ["raw deflate", deflateRawSync(PLAIN)],
      ["gzip", gzipSync(PLAIN)],
      ["brotli", brotliCompressSync(PLAIN)],
      ["what is not compressed at all", PLAIN],
      ["a preset dictionary", deflateSync(PLAIN, { dictionary: PLAIN.subarray(0, 40) })],
      ["zeros", new Uint8Array(40)],
    ] as const
  ).map(([what, bytes]) => ({
    what,
    verdict: notInflated,
    message: () => compressed({ bytes }),
    inflates: true,
  })),
  ...(
    [
      [0, "0x0000"],
      [2, "brotli"],
      [3, "zstd"],
      [4, "0x0004"],
      [0x0a0a, "0x0a0a"],
      [0xffff, "0xffff"],
    ] as const
  ).map(([algorithm, name]) => ({
    what: `algorithm ${algorithm}, which was not offered`,
    verdict: {
      alert: "illegal_parameter",
      says: `the peer compressed with ${name}, which it was not offered`,
    } as const,
    message: () => compressed({ algorithm, length: UINT24_MAX }),
    inflates: false,
  })),
  {
    what: "a CompressedCertificate of nothing",
    verdict: decodeError,
    message: () => withBody(compressed(), (body) => Uint8Array.of(...body.subarray(0, 5), 0, 0, 0)),
    inflates: false,
  },
  {
    what: "a CompressedCertificate with a byte too many",
    verdict: decodeError,
    message: () => withTrailingByte(compressed()),
    inflates: false,
  },
  {
    what: "a CompressedCertificate with a byte too few",
    verdict: decodeError,
    message: () => withoutLastByte(compressed()),
    inflates: false,
  },
  {
    what: "a compressed Certificate with its header",
    verdict: decodeError,
    message: () => packed(rawMessage(HandshakeType.certificate, PLAIN)),
    inflates: true,
  },
  {
    what: "a compressed Certificate with a byte behind it",
    verdict: { alert: "decode_error", says: "1 trailing bytes in certificate" },
    message: () => packed(concatBytes(PLAIN, Uint8Array.of(0))),
    inflates: true,
  },
  {
    what: "nothing, compressed",
    verdict: decodeError,
    message: () => packed(new Uint8Array()),
    inflates: true,
  },
  {
    what: "a compressed Certificate with a context",
    verdict: { alert: "illegal_parameter", says: "context" },
    message: () => packed(certificate((body) => ({ ...body, certificateRequestContext: Uint8Array.of(1) }))),
    inflates: true,
  },
  {
    what: "a compressed Certificate with too many certificates",
    verdict: bad("sent 17 certificates, allowed 16"),
    message: () =>
      packed(
        certificate((body) => ({
          ...body,
          certificateList: Array.from({ length: 17 }, () => ({ certData: Uint8Array.of(1), extensions: {} })),
        })),
      ),
    inflates: true,
  },
  {
    what: "a compressed Certificate with an extension that nobody asked for",
    verdict: { alert: "unsupported_extension", says: "Certificate holds compress_certificate" },
    message: () =>
      packed(
        certificate((body) => ({
          ...body,
          certificateList: body.certificateList.map(
            adding(raw(ExtensionType.compress_certificate, [2, 0, 1])),
          ),
        })),
      ),
    inflates: true,
  },
];

const BOTH = ["client", "server"] as const;

describe.each(BOTH)("a %s is sent", (engine) => {
  const cases = REFUSED.map((refused) => [`${refused.what}: ${refused.verdict.alert}`, refused] as const);

  test.each(cases)("%s", (_title, { verdict, message, inflates, limits }) => {
    const { peer, compression } = ENGINES[engine](limits);
    peer.certificate({ raw: message });
    expectRefusal(peer, verdict);
    expect(compression.decompressed).toBe(inflates ? 1 : 0);
  });

  test("a good CompressedCertificate, and takes it", () => {
    const { peer } = ENGINES[engine]();
    peer.certificate({ raw: () => compressed() });
    expect(expectOpen(peer.complete()).peer).toMatchObject({
      chain: testCredential().certificateChain,
    });
  });

  test.each([
    ["stored", deflateSync(PLAIN, { level: 0 })],
    ["in a small window", deflateSync(PLAIN, { windowBits: 9 })],
    ["with fixed codes", deflateSync(PLAIN, { strategy: 4 })],
  ])("a CompressedCertificate that is %s, and takes it", (_how, bytes) => {
    const { peer } = ENGINES[engine]();
    peer.certificate({ raw: () => compressed({ bytes }) });
    expectOpen(peer.complete());
  });

  test("a Certificate as it is, although it has offered to inflate one, and takes it", () => {
    const { peer, compression } = ENGINES[engine]();
    peer.certificate();
    expectOpen(peer.complete());
    expect(compression.decompressed).toBe(0);
  });

  test("a CompressedCertificate in many records, and takes it", () => {
    const { peer } = ENGINES[engine]();
    peer.fragment = (bytes) => Array.from({ length: bytes.length }, (_, i) => bytes.subarray(i, i + 1));
    peer.certificate({ raw: () => compressed() });
    peer.fragment = (bytes) => [bytes];
    expectOpen(peer.complete());
  });

  test("a CompressedCertificate that it has not offered to inflate: unexpected_message", () => {
    const peer =
      engine === "client" ? forgedServer().upTo("certificate") : forgedClient(mutual).upTo("certificate");
    peer.certificate({ raw: () => compressed() });
    expectRefusal(peer, {
      alert: "unexpected_message",
      says: "got compressed_certificate where certificate",
    });
  });

  test.each(["certificate", "compressed_certificate"])(
    "a CompressedCertificate behind a %s: unexpected_message",
    (first) => {
      const { peer } = ENGINES[engine]();
      peer.certificate(first === "certificate" ? {} : { raw: () => compressed() });
      peer.sendHandshake(compressed());
      expectRefusal(peer, {
        alert: "unexpected_message",
        says: "got compressed_certificate where certificate_verify is due",
      });
    },
  );

  test("a CompressedCertificate and a signature over the Certificate inside: decrypt_error", () => {
    const { peer } = ENGINES[engine]();
    // What is in the transcript is the message as it was sent (RFC 8879 §4).
    peer.transcript.add(rawMessage(HandshakeType.certificate, PLAIN));
    peer.sendHandshake(compressed());
    peer.certificateVerify();
    expectRefusal(peer, { alert: "decrypt_error", says: "does not verify" });
  });
});

describe("a zip bomb ends at its bound with bad_certificate:", () => {
  const BOMBS = [
    {
      name: "zlib",
      algorithm: 1,
      holds: 60_000_000,
      bytes: deflateSync(new Uint8Array(60_000_000), { level: 9 }),
    },
    {
      name: "brotli",
      algorithm: 2,
      holds: 100_000_000,
      bytes: brotliCompressSync(new Uint8Array(100_000_000)),
    },
  ] as const;

  test.each(BOTH.flatMap((engine) => BOMBS.map((bomb) => ({ engine, ...bomb }))))(
    "$holds bytes of $name, at a $engine",
    ({ engine, name, algorithm, bytes }) => {
      expect(bytes.length).toBeLessThan(60_000);
      for (const length of [PLAIN.length, defaultLimits.handshakeMessageBytes]) {
        const { peer } = ENGINES[engine]({}, name);
        const message = compressed({ algorithm, length, bytes });
        peer.fragment = (whole) => cut(whole, 2 ** 14);
        const allocated = bytesAllocated(() => peer.certificate({ raw: () => message }));
        expectRefusal(peer, bad(`is not ${length} bytes under ${name}`));
        // Records, and the messages in them, are counted too.
        expect(allocated).toBeLessThan(1_000_000);
      }
    },
  );
});

test("a client with an empty CompressedCertificate is one without a certificate", () => {
  const nobody = certificate((body) => ({ ...body, certificateList: [] }));
  const certificateCompression = [zlibCompression()];
  for (const mode of ["request", "require"] as const) {
    const clientAuth = { mode, dangerouslyAcceptAnyCertificate: true } as const;
    const client = forgedClient({ config: { clientAuth, certificateCompression } }).upTo("certificate");
    client.certificate({ raw: () => packed(nobody) });
    if (mode === "request") expect(expectOpen(client.complete()).peer.kind).toBe("none");
    else expectRefusal(client, { alert: "certificate_required", says: "no certificate" });
  }
});

test("a server with an empty CompressedCertificate gets decode_error", () => {
  const { peer } = ENGINES.client();
  peer.certificate({ raw: () => packed(certificate((body) => ({ ...body, certificateList: [] }))) });
  expectRefusal(peer, { alert: "decode_error", says: "holds no certificate" });
});

describe("compress_certificate", () => {
  const LISTS = ["00", "", "0200", "03000100", "0101", "02000100", "040001"] as const;

  test.each(LISTS)("of the bytes '%s' in a ClientHello is a decode_error", (hex) => {
    const client = forgedClient();
    client.clientHello(replacing("compressCertificate", ExtensionType.compress_certificate, fromHex(hex)));
    expectRefusal(client, decodeError);
  });

  test.each(LISTS)("of the bytes '%s' in a CertificateRequest is a decode_error", (hex) => {
    const server = forgedServer({ forger: { asksForCertificate: true } }).upTo("certificateRequest");
    server.certificateRequest(
      replacing("compressCertificate", ExtensionType.compress_certificate, fromHex(hex)),
    );
    expectRefusal(server, decodeError);
  });

  test("in EncryptedExtensions is an unsupported_extension, although it was offered", () => {
    const server = forgedServer({ config: { certificateCompression: [zlibCompression()] } });
    server.upTo("encryptedExtensions");
    server.encryptedExtensions(adding(raw(ExtensionType.compress_certificate, [2, 0, 1])));
    expectRefusal(server, {
      alert: "unsupported_extension",
      says: "EncryptedExtensions holds compress_certificate",
    });
  });
});

describe("in TLS 1.2 a CompressedCertificate is an unexpected_message,", () => {
  const config = { certificateCompression: [zlibCompression()] };
  const verdict: Verdict = {
    alert: "unexpected_message",
    says: "got compressed_certificate where certificate",
  };

  test("to a client that has offered to inflate it", () => {
    const server = forgedServer12({ config }).upTo("certificate");
    server.certificate({ raw: () => compressed() });
    expectRefusal(server, verdict);
  });

  test("to a server that could inflate it", () => {
    const client = forgedClient12({ ...mutual12, config: { ...mutual12.config, ...config } });
    client.upTo("certificate");
    client.certificate({ raw: () => compressed() });
    expectRefusal(client, verdict);
  });
});

describe("any CompressedCertificate at all is a Certificate, or has an alert", () => {
  const EXPECTED: ReadonlySet<AlertName> = new Set(["bad_certificate", "decode_error", "illegal_parameter"]);
  const compressions = [...nodeCompressions().filter(({ id }) => id !== 1), zlibCompression()];

  function outcome(body: HandshakeBody<"compressed_certificate">): "certificate" | AlertName {
    const message = { name: "compressed_certificate", body, raw: new Uint8Array() } as const;
    const runner = new FlowRunner(uncompressed(message, compressions, defaultLimits));
    try {
      runner.start();
    } catch (error) {
      if (error instanceof TlsAlert) return error.alert;
      throw error;
    }
    expect(runner.state.is).toBe("done");
    return "certificate";
  }

  const anyBytes = fc.uint8Array({ minLength: 1, maxLength: 400 });
  /** Streams of what may be a Certificate, and what has been done to them. */
  const streams = fc
    .tuple(
      fc.oneof(fc.constant(PLAIN), anyBytes),
      fc.nat(2),
      fc.array(fc.tuple(fc.nat(1000), fc.nat(7)), { maxLength: 2 }),
    )
    .chain(([plain, index, flips]) => {
      const { id } = compressions[index % compressions.length] ?? zlibCompression();
      const stream = id === 2 ? brotliCompressSync(plain) : deflateSync(plain);
      const bytes = flips.reduce<Uint8Array>(
        (changed, [at, bit]) => flipped(changed, at % changed.length, 1 << bit),
        stream,
      );
      return fc.record({
        algorithm: fc.constant(id),
        uncompressedLength: fc.constant(plain.length),
        compressedCertificateMessage: fc.constant(bytes),
      });
    });

  test("when it is made of any bytes", () => {
    const bodies = fc.record({
      algorithm: fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 0xffff })),
      uncompressedLength: fc.oneof(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: UINT24_MAX })),
      compressedCertificateMessage: anyBytes,
    });
    fc.assert(
      fc.property(bodies, (body) => {
        expect([...EXPECTED]).toContain(outcome(body));
      }),
      { numRuns: 3000 },
    );
  });

  test("when it is a good stream, and when that was spoilt", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(streams, (body) => {
        const result = outcome(body);
        seen.add(result);
        if (result !== "certificate") expect([...EXPECTED]).toContain(result);
      }),
      { numRuns: 3000 },
    );
    expect([...seen].toSorted()).toEqual(["bad_certificate", "certificate", "decode_error"]);
  });

  test("when the bytes of the message are anything, at an engine", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const { peer } = ENGINES.client();
        peer.certificate({ raw: () => withBody(compressed(), () => bytes) });
        expect(peer.alerts).toHaveLength(1);
        expect([...EXPECTED]).toContain(peer.alerts[0]?.alert);
      }),
      { numRuns: 50 },
    );
  });
});
