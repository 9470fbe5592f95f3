import { describe, expect, test } from "vitest";

import { nodeCompressions } from "../../src/adapters/node/compressions.ts";
import {
  type CertificateCompression,
  type ClientHello,
  type ClientOptions,
  type Credential,
  type ServerOptions,
  TlsAlert,
  TlsEngine,
  zlibCompression,
} from "../../src/index.ts";
import { decodeHandshake, encodeHandshake } from "../../src/messages/handshake.ts";
import { toyClient, toyServer } from "../handshake/scenarios.ts";
import { toyCredential } from "../handshake/toy-provider.ts";
import { CountedCompression, SeenMessages } from "../support/compression.ts";
import { byteByByte, End, Pair } from "../support/pair.ts";
import { Deferred, move } from "./parked-pair.ts";
import { Policy, trustingClient } from "./sessions.ts";
import { open, VERSION_LISTS } from "./versions.ts";

const zlib = zlibCompression();
const [brotli] = nodeCompressions();
if (brotli === undefined) throw new Error("there is no brotli");

const clientAuth = { mode: "require", dangerouslyAcceptAnyCertificate: true } as const;

/** A credential whose chain is worth compressing. */
async function longCredential(name: string): Promise<Credential> {
  const { certificateChain, key } = await toyCredential(name);
  return { certificateChain: [...certificateChain, ...certificateChain, ...certificateChain], key };
}

const ownOfServer = await longCredential("server");
const ownOfClient = await longCredential("client");

type Options = Partial<Omit<ClientOptions, "serverName" | "trust">>;

interface Seen {
  /** What the client has read and written of Certificates. */
  readonly messages: readonly string[];
  readonly pair: Pair;
  readonly seen: SeenMessages;
}

/** A connection that is open, between a client and a server with {@link ownOfClient} and {@link ownOfServer}. */
async function meet(client: Options, server: Partial<ServerOptions>, split = false): Promise<Seen> {
  const seen = new SeenMessages();
  const clientConfig = toyClient({
    clientCredential: ownOfClient,
    onMessage: seen.onMessage,
    ...client,
  });
  const serverConfig = toyServer({ credentials: [ownOfServer], ...server });
  const pair = split
    ? await new Pair(clientConfig, serverConfig, byteByByte).run()
    : await open(clientConfig, serverConfig);
  for (const { engine } of [pair.client, pair.server]) {
    expect(engine.info).not.toBeNull();
    expect(engine.takeHookErrors()).toEqual([]);
  }
  return { messages: seen.certificates, pair, seen };
}

/** The algorithm of a CompressedCertificate that was seen. */
function algorithmOf({ seen }: Seen, direction: "read" | "write"): number | undefined {
  const raw = seen.raw.get(`${direction} compressed_certificate`);
  return raw && decodeHandshake("compressed_certificate", raw).algorithm;
}

const PLAIN = ["read certificate", "write certificate"];
const COMPRESSED = ["read compressed_certificate", "write compressed_certificate"];

describe("certificates are compressed", () => {
  test.each([
    { title: "zlib", client: [zlib], server: [zlib] },
    { title: "brotli", client: [brotli], server: [brotli] },
    { title: "all that Node has", client: nodeCompressions(), server: nodeCompressions() },
    { title: "zlib of two makers", client: [zlib], server: nodeCompressions() },
  ])("in both directions under $title", async ({ client, server }) => {
    const met = await meet(
      { certificateCompression: client },
      { certificateCompression: server, clientAuth },
    );
    expect(met.messages).toEqual(COMPRESSED);
    const { client: c, server: s } = met.pair;
    expect(c.engine.info?.peer).toMatchObject({ chain: ownOfServer.certificateChain });
    expect(s.engine.info?.peer).toMatchObject({ chain: ownOfClient.certificateChain });
  });

  test("when the bytes come one by one", async () => {
    const both = { certificateCompression: [zlib] };
    expect((await meet(both, { ...both, clientAuth }, true)).messages).toEqual(COMPRESSED);
  });

  test("each direction under the sender's first that the peer reads", async () => {
    const met = await meet(
      { certificateCompression: [zlib, brotli] },
      { certificateCompression: [brotli, zlib], clientAuth },
    );
    expect(algorithmOf(met, "read")).toBe(brotli.id);
    expect(algorithmOf(met, "write")).toBe(zlib.id);
  });

  test("by what both have in common", async () => {
    const other = new CountedCompression(zlib, 77);
    const met = await meet(
      { certificateCompression: [other, brotli] },
      { certificateCompression: [zlib, brotli], clientAuth },
    );
    expect([algorithmOf(met, "read"), algorithmOf(met, "write")]).toEqual([brotli.id, brotli.id]);
    expect(other).toMatchObject({ compressed: 0, decompressed: 0 });
  });

  test("and are shorter on the wire", async () => {
    const length = async (certificateCompression: readonly CertificateCompression[]): Promise<number> => {
      const { pair } = await meet({ certificateCompression }, { certificateCompression });
      return pair.server.sent.reduce((sum, bytes) => sum + bytes.length, 0);
    };
    expect(await length([zlib])).toBeLessThan((await length([])) - 500);
  });
});

describe("certificates are sent as they are", () => {
  test("when nobody wants it, which is so by default", async () => {
    const met = await meet({}, { clientAuth });
    expect(met.messages).toEqual(PLAIN);
    const hello = met.seen.raw.get("write client_hello") ?? new Uint8Array();
    expect(decodeHandshake("client_hello", hello).extensions.compressCertificate).toBeUndefined();
    const request = met.seen.raw.get("read certificate_request") ?? new Uint8Array();
    expect(decodeHandshake("certificate_request", request).extensions.compressCertificate).toBeUndefined();
  });

  test.each([
    ["the client", [zlib], []],
    ["the server", [], [zlib]],
    ["each of them under an algorithm of its own", [zlib], [brotli]],
  ] as const)("when compression is wanted by %s alone", async (_who, client, server) => {
    const met = await meet(
      { certificateCompression: client },
      { certificateCompression: server, clientAuth },
    );
    expect(met.messages).toEqual(PLAIN);
  });

  test("when compression makes them no shorter", async () => {
    const longer: CertificateCompression = {
      id: 1,
      name: "longer",
      compress: (bytes) => new Uint8Array(bytes.length - 5),
      decompress: () => new Uint8Array(),
    };
    const both = { certificateCompression: [longer] };
    expect((await meet(both, { ...both, clientAuth })).messages).toEqual(PLAIN);
    const shorter = { ...longer, compress: (bytes: Uint8Array) => zlib.compress(bytes) };
    const met = await meet({ certificateCompression: [zlib] }, { certificateCompression: [shorter] });
    expect(met.messages).toEqual(["read compressed_certificate"]);
  });

  test("when there is none: an empty Certificate is sent as it is", async () => {
    const both = { certificateCompression: [new CountedCompression(zlib)] };
    const met = await meet(
      { ...both, clientCredential: () => null },
      { ...both, clientAuth: { ...clientAuth, mode: "request" } },
    );
    expect(met.messages).toEqual(["read compressed_certificate", "write certificate"]);
    expect(met.pair.server.engine.info?.peer.kind).toBe("none");
  });

  test.each(
    VERSION_LISTS.flatMap((client) => VERSION_LISTS.map((server) => ({ client, server }))).filter(
      ({ client, server }) => client.some((version) => server.includes(version)),
    ),
  )("in TLS 1.2, and compressed in TLS 1.3: client $client, server $server", async ({ client, server }) => {
    const compression = new CountedCompression(zlib);
    const certificateCompression = [compression];
    const met = await meet(
      { certificateCompression, versions: client },
      { certificateCompression, versions: server, clientAuth },
    );
    const is13 = client.includes("TLSv1.3") && server.includes("TLSv1.3");
    expect(met.pair.client.engine.info?.version).toBe(is13 ? "TLSv1.3" : "TLSv1.2");
    expect(met.messages).toEqual(is13 ? COMPRESSED : PLAIN);
    expect(compression).toMatchObject(
      is13 ? { compressed: 2, decompressed: 2 } : { compressed: 0, decompressed: 0 },
    );
    const hello = decodeHandshake("client_hello", met.seen.raw.get("write client_hello") ?? new Uint8Array());
    expect(hello.extensions.compressCertificate).toEqual(client.includes("TLSv1.3") ? [1] : undefined);
  });
});

describe("the offer", () => {
  test("stands in the ClientHello and in the CertificateRequest, in order of preference", async () => {
    const other = new CountedCompression(zlib, 0xfe01);
    const { seen } = await meet(
      { certificateCompression: [brotli, zlib, other] },
      { certificateCompression: [zlib, brotli], clientAuth },
    );
    const hello = decodeHandshake("client_hello", seen.raw.get("write client_hello") ?? new Uint8Array());
    expect(hello.extensions.compressCertificate).toEqual([2, 1, 0xfe01]);
    const request = seen.raw.get("read certificate_request") ?? new Uint8Array();
    expect(decodeHandshake("certificate_request", request).extensions.compressCertificate).toEqual([1, 2]);
  });

  test.each([false, true])(
    "is the same behind a HelloRetryRequest, with a cookie: %s",
    async (helloRetryCookie) => {
      const both = { certificateCompression: [zlib] };
      const met = await meet(
        { ...both, keyShares: ["x25519"] },
        { ...both, groups: ["secp256r1"], helloRetryCookie, clientAuth },
      );
      expect(met.pair.client.engine.info?.helloRetried).toBe(true);
      expect(met.messages).toEqual(COMPRESSED);
    },
  );

  test("is what was sent: a client whose hello was rewritten without it takes no CompressedCertificate", async () => {
    const both = { certificateCompression: [zlib] };
    const shapeClientHello = (hello: ClientHello): ClientHello => {
      const { compressCertificate: _left, ...extensions } = hello.extensions;
      return { ...hello, extensions };
    };
    const met = await meet({ ...both, shapeClientHello }, { ...both, clientAuth });
    expect(met.messages).toEqual(["read certificate", "write compressed_certificate"]);
  });

  test("may hold what nobody knows, and one algorithm twice", async () => {
    const shapeClientHello = (hello: ClientHello): ClientHello => ({
      ...hello,
      extensions: { ...hello.extensions, compressCertificate: [0x6a6a, 0, 1, 1, 0xffff] },
    });
    const both = { certificateCompression: [zlib] };
    expect(algorithmOf(await meet({ ...both, shapeClientHello }, both), "read")).toBe(1);
  });
});

describe("compressing", () => {
  /** How often a credential is compressed for clients that ask for this and that, each with a server of its own. */
  async function counted(connections: readonly Options[], credential: Credential): Promise<number> {
    const compression = new CountedCompression(zlib);
    for (const client of connections) {
      const met = await meet(
        { certificateCompression: [zlib], ...client },
        { certificateCompression: [compression], credentials: [credential] },
      );
      expect(met.messages).toEqual(["read compressed_certificate"]);
    }
    return compression.compressed;
  }

  test("is done once for a credential and an algorithm", async () => {
    expect(await counted([{}, {}, {}], await longCredential("once"))).toBe(1);
  });

  test("is done once for each set of staples that clients ask for", async () => {
    const status = {
      ocspResponse: Uint8Array.of(0x30, 3, 10, 1, 0),
      signedCertificateTimestamps: [Uint8Array.of(1, 2, 3)],
    };
    const stapled = { ...(await longCredential("stapled")), ...status };
    const wishes: readonly Options[] = [true, false].flatMap((requestOcspResponse) =>
      [true, false].map((requestSignedCertificateTimestamps) => ({
        requestOcspResponse,
        requestSignedCertificateTimestamps,
      })),
    );
    expect(await counted([...wishes, ...wishes, ...wishes], stapled)).toBe(4);
  });

  test("is done anew for another staple to the same chain, and the client gets that one", async () => {
    const { certificateChain, key } = await longCredential("renewed");
    const compression = new CountedCompression(zlib);
    const staples = [1, 2, 3, 4, 5, 6].map((byte) => Uint8Array.of(byte, byte, byte));
    const policy = new Policy();
    const client = trustingClient(policy, { versions: ["TLSv1.3"], certificateCompression: [zlib] });
    for (const ocspResponse of staples) {
      const credentials = [{ certificateChain, key, ocspResponse }];
      const server = toyServer({ credentials, certificateCompression: [compression] });
      for (let i = 0; i < 2; i++) await open(client, server);
    }
    const twice = staples.flatMap((ocspResponse) => [{ ocspResponse }, { ocspResponse }]);
    expect(policy.asked).toMatchObject(twice);
    expect(compression.compressed).toBe(staples.length);
  });

  test("is done by both configurations that have compressions of their own", async () => {
    const credential = await longCredential("two configs");
    expect(await counted([{}], credential)).toBe(1);
    expect(await counted([{}], credential)).toBe(1);
  });
});

/** zlib whose answers come a turn later. */
const lateZlib: CertificateCompression = {
  id: 1,
  name: "late zlib",
  compress: async (bytes) => zlib.compress(bytes),
  decompress: async (bytes, length) => zlib.decompress(bytes, length),
};

describe("a compression that answers late", () => {
  test.each([
    ["on both sides", lateZlib, lateZlib],
    ["at the client", lateZlib, zlib],
    ["at the server", zlib, lateZlib],
  ] as const)("is waited for %s", async (_where, client, server) => {
    const met = await meet(
      { certificateCompression: [client] },
      { certificateCompression: [server], clientAuth, credentials: [await longCredential("late")] },
      true,
    );
    expect(met.messages).toEqual(COMPRESSED);
  });

  test("is asked by every connection until it has answered one, and then by none", async () => {
    const compression = new CountedCompression(lateZlib);
    const certificateCompression = [compression];
    const server = toyServer({ credentials: [await longCredential("busy")], certificateCompression });
    const client = toyClient({ certificateCompression: [zlib] });
    const pairs = await Promise.all([1, 2, 3].map(() => new Pair(client, server).run()));
    for (const pair of pairs) expect(pair.client.engine.state).toBe("open");
    expect(compression.compressed).toBe(3);
    await open(client, server);
    expect(compression.compressed).toBe(3);
  });

  test.each(["resolves", "rejects"] as const)("does no harm when it %s behind the end", async (how) => {
    const answer = new Deferred<Uint8Array>();
    const client = new End(
      TlsEngine.client(
        toyClient({ certificateCompression: [{ ...zlib, decompress: () => answer.promise }] }),
      ),
    );
    const certificateCompression = [zlib];
    const server = new End(
      TlsEngine.server(toyServer({ credentials: [ownOfServer], certificateCompression })),
    );
    move(client, server);
    expect(server.drain()).toBeUndefined();
    move(server, client);
    const waits = client.drain();
    if (waits === undefined) throw new Error("the client does not wait");
    client.engine.abort();
    if (how === "resolves") answer.resolve(new Uint8Array(3000));
    else answer.reject(new Error("too late"));
    await waits;
    expect(client.drain()).toBeUndefined();
    expect(client.closed?.kind).toBe("aborted");
    expect(client.engine.takeHookErrors()).toEqual([]);
  });
});

describe("a compression that fails", () => {
  const failure = new Error("out of memory");
  const throws = (): never => {
    throw failure;
  };
  const rejects = (): Promise<Uint8Array> => Promise.reject(failure);

  /** How both sides end. */
  async function ends(client: CertificateCompression, server: CertificateCompression): Promise<Pair> {
    return await new Pair(
      toyClient({ clientCredential: ownOfClient, certificateCompression: [client] }),
      toyServer({
        credentials: [await longCredential("failing")],
        certificateCompression: [server],
        clientAuth,
      }),
    ).run();
  }

  test.each([
    ["throws", throws],
    ["rejects", rejects],
  ])("to compress and %s ends the handshake with internal_error", async (_how, compress) => {
    const atServer = await ends(zlib, { ...zlib, compress });
    expect(atServer.server.closed).toMatchObject({ kind: "error", alertSent: "internal_error" });
    expect(causeOf(atServer.server)).toBe(failure);
    const atClient = await ends({ ...zlib, compress }, zlib);
    expect(atClient.client.closed).toMatchObject({ kind: "error", alertSent: "internal_error" });
  });

  test.each([
    ["throws", throws],
    ["rejects", rejects],
    ["throws an alert", () => Promise.reject(new TlsAlert("internal_error", "no"))],
  ])("to decompress and %s ends the handshake with bad_certificate", async (how, decompress) => {
    const atClient = await ends({ ...zlib, decompress }, zlib);
    expect(atClient.client.closed).toMatchObject({ kind: "error", alertSent: "bad_certificate" });
    expect(atClient.server.closed).toMatchObject({ kind: "alert", alert: "bad_certificate" });
    if (how !== "throws an alert") expect(causeOf(atClient.client)).toBe(failure);
    const atServer = await ends(zlib, { ...zlib, decompress });
    expect(atServer.server.closed).toMatchObject({ kind: "error", alertSent: "bad_certificate" });
    expect(atServer.client.closed).toMatchObject({ kind: "alert", alert: "bad_certificate" });
  });

  test("to give what was declared ends the handshake with bad_certificate", async () => {
    for (const change of [-1, 1]) {
      const decompress = (_bytes: Uint8Array, length: number): Uint8Array => new Uint8Array(length + change);
      const { client } = await ends({ ...zlib, decompress }, zlib);
      expect(client.closed).toMatchObject({ kind: "error", alertSent: "bad_certificate" });
    }
  });
});

test("a compression may keep and change what it is given, and what it has given", async () => {
  const spoiled: CertificateCompression = {
    id: 1,
    name: "spoiling",
    async compress(bytes) {
      const result = await zlib.compress(bytes.slice());
      bytes.fill(0);
      setImmediate(() => result.fill(0));
      return result;
    },
    async decompress(bytes, length) {
      const result = await zlib.decompress(bytes.slice(), length);
      bytes.fill(0);
      setImmediate(() => result.fill(0));
      return result;
    },
  };
  const certificateCompression = [spoiled];
  const credentials = [await longCredential("spoiled")];
  for (let i = 0; i < 2; i++) {
    const met = await meet({ certificateCompression }, { certificateCompression, credentials, clientAuth });
    expect(met.pair.client.engine.info?.peer).toMatchObject({ chain: credentials[0]?.certificateChain });
  }
});

describe("a Certificate that is longer than allowed", () => {
  const certificateCompression = [new CountedCompression(zlib)];
  const length = encodeHandshake("certificate", {
    certificateRequestContext: new Uint8Array(),
    certificateList: ownOfServer.certificateChain.map((certData) => ({ certData, extensions: {} })),
  }).length;

  test.each([
    { allowed: length - 4, refused: false },
    { allowed: length - 5, refused: true },
  ])("is refused before it is inflated: $allowed bytes allowed", async ({ allowed, refused }) => {
    const compression = new CountedCompression(zlib);
    const pair = await new Pair(
      toyClient({
        certificateCompression: [compression],
        limits: { handshakeMessageBytes: allowed },
        requestSignedCertificateTimestamps: false,
      }),
      toyServer({ credentials: [ownOfServer], certificateCompression }),
    ).run();
    expect(compression.decompressed).toBe(refused ? 0 : 1);
    if (refused) expect(pair.client.closed).toMatchObject({ kind: "error", alertSent: "bad_certificate" });
    else expect(pair.client.engine.state).toBe("open");
  });
});

function causeOf({ closed }: End): unknown {
  return closed?.kind === "error" ? closed.error.cause : undefined;
}
