import { generateKeyPairSync } from "node:crypto";

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { sha256 } from "../../src/crypto/hashes.ts";
import { type Limits, pinned, rawPublicKey } from "../../src/index.ts";
import { ExtensionType } from "../../src/messages/codepoints.ts";
import { encodeHandshake } from "../../src/messages/handshake.ts";
import { raw } from "./edits.ts";
import { leafCertificate, spkiOf, testCredential, testKey } from "./leaf-certificate.ts";
import { expectOpen, expectRefusal, type Verdict } from "./pitfall.ts";
import { forgedClient12, forgedServer12 } from "./pitfall12.ts";
import { forgedClient, forgedServer } from "./pitfall13.ts";

const RAW = ["raw-public-key"] as const;
const EITHER = ["raw-public-key", "x509"] as const;
const { client_certificate_type, server_certificate_type } = ExtensionType;
const spki = spkiOf(testKey("ecdsa-p256"));
const credential = rawPublicKey({ key: testKey("ecdsa-p256") });

/** What a forged server answers about types: its byte, or nothing. */
interface Answer {
  readonly client?: number;
  readonly server?: number;
}

const answering = ({ client, server }: Answer) => ({
  ...(client !== undefined && { clientCertificateType: client }),
  ...(server !== undefined && { serverCertificateType: server }),
});

/** Clients of both versions in front of a server that answers `answer`. */
const CLIENTS = {
  "TLSv1.3": (config: NonNullable<Parameters<typeof forgedServer>[0]>["config"], answer: Answer) => {
    const peer = forgedServer({ config: config ?? {} }).upTo("encryptedExtensions");
    peer.encryptedExtensions((body) => ({ extensions: { ...body.extensions, ...answering(answer) } }));
    return peer;
  },
  "TLSv1.2": (config: NonNullable<Parameters<typeof forgedServer12>[0]>["config"], answer: Answer) => {
    const peer = forgedServer12({ config: config ?? {} });
    peer.serverHello((body) => ({
      ...body,
      extensions: { ...body.extensions, ...answering(answer) },
    }));
    return peer;
  },
};

describe.each(["TLSv1.3", "TLSv1.2"] as const)("in %s, a client", (version) => {
  const client = CLIENTS[version];
  const message = version === "TLSv1.3" ? "EncryptedExtensions" : "ServerHello";
  const refuses = (config: Parameters<typeof client>[0], answer: Answer, verdict: Verdict) =>
    expectRefusal(client(config, answer), verdict);

  test.each([
    ["client_certificate_type", { client: 2 }],
    ["server_certificate_type", { server: 2 }],
    ["server_certificate_type", { server: 0 }],
  ] as const)("refuses an answer to %s, which it has not sent: unsupported_extension", (name, answer) => {
    refuses({}, answer, {
      alert: "unsupported_extension",
      says: `${message} holds ${name}, which was not asked for`,
    });
  });

  test.each([
    ["certificates, where it takes none", { serverCertificateTypes: RAW }, { server: 0 }, "server", "X509"],
    ["OpenPGP", { serverCertificateTypes: EITHER }, { server: 1 }, "server", "0x0001"],
    ["an unknown type", { serverCertificateTypes: EITHER }, { server: 255 }, "server", "0x00ff"],
    [
      "certificates of its own, of which it has none",
      { clientCredential: credential },
      { client: 0 },
      "client",
      "X509",
    ],
    ["OpenPGP of its own", { clientCredential: credential }, { client: 1 }, "client", "0x0001"],
  ] as const)("refuses the choice of %s: illegal_parameter", (_what, config, answer, role, shown) => {
    refuses(config, answer, {
      alert: "illegal_parameter",
      says: `server chose ${role}_certificate_type ${shown}, not offered`,
    });
  });

  test("refuses a server that shows certificates without a word, where it takes none", () => {
    const peer = client({ serverCertificateTypes: RAW }, {});
    expectRefusal(peer, {
      alert: "unsupported_certificate",
      says: "does not answer server_certificate_type",
    });
  });
});

const decodeError: Verdict = { alert: "decode_error", says: "raw public key is malformed" };
const trust = pinned([sha256.digest(spki)]);
const clientAuth = { mode: "require", trust, certificateTypes: RAW } as const;

/** Engines that wait for a raw public key, and what it would come in. */
const ENGINES = {
  "client, TLSv1.3": (limits: Partial<Limits> = {}) => {
    const peer = CLIENTS["TLSv1.3"]({ serverCertificateTypes: RAW, limits }, { server: 2 });
    return {
      peer,
      show: (key: Uint8Array) => peer.certificate({ raw: () => certificate13(key) }),
      empty: "the server's Certificate holds no certificate",
      prove: () => peer.upTo("finished"),
      complete: () => peer.complete(),
    };
  },
  "server, TLSv1.3": (limits: Partial<Limits> = {}) => {
    const peer = forgedClient({ config: { clientAuth, limits }, forger: { credential: testCredential() } });
    peer.clientHello((hello) => ({
      ...hello,
      extensions: { ...hello.extensions, clientCertificateTypes: Uint8Array.of(2) },
    }));
    return {
      peer,
      show: (key: Uint8Array) => peer.certificate({ raw: () => certificate13(key) }),
      empty: "the client sent no certificate",
      prove: () => peer.upTo("finished"),
      complete: () => peer.complete(),
    };
  },
  "client, TLSv1.2": (limits: Partial<Limits> = {}) => {
    const peer = CLIENTS["TLSv1.2"]({ serverCertificateTypes: RAW, limits }, { server: 2 });
    return {
      peer,
      show: (key: Uint8Array) => peer.certificate({ raw: () => certificate12(key) }),
      empty: "the server's Certificate holds no certificate",
      prove: () => peer.upTo("serverHelloDone"),
      complete: () => peer.complete(),
    };
  },
  "server, TLSv1.2": (limits: Partial<Limits> = {}) => {
    const peer = forgedClient12({ config: { clientAuth, limits }, forger: { credential: testCredential() } });
    peer.clientHello((hello) => ({
      ...hello,
      extensions: { ...hello.extensions, clientCertificateTypes: Uint8Array.of(2) },
    }));
    return {
      peer,
      show: (key: Uint8Array) => peer.certificate({ raw: () => certificate12(key) }),
      empty: "the client sent no certificate",
      prove: () => peer.upTo("changeCipherSpec"),
      complete: () => peer.complete(),
    };
  },
} as const;

function certificate13(...keys: readonly Uint8Array[]): Uint8Array {
  return encodeHandshake("certificate", {
    certificateRequestContext: new Uint8Array(),
    certificateList: keys
      .filter(({ length }) => length > 0)
      .map((certData) => ({ certData, extensions: {} })),
  });
}

function certificate12(subjectPublicKeyInfo: Uint8Array): Uint8Array {
  return encodeHandshake("tls12_raw_public_key", { subjectPublicKeyInfo });
}

describe.each(Object.entries(ENGINES))("a raw public key for a %s,", (title, engine) => {
  const is13 = title.endsWith("1.3");

  test("is taken", () => {
    const { peer, show, complete } = engine();
    show(spki);
    complete();
    expect(expectOpen(peer).peer).toMatchObject({ kind: "verified", certificateType: "raw-public-key" });
  });

  test.each([
    ["a certificate is", leafCertificate(spki), decodeError],
    ["a key with a byte behind it is", Uint8Array.of(...spki, 0), decodeError],
    ["half a key is", spki.subarray(0, 40), decodeError],
    [
      "a key of another kind than any is",
      spki.with(spki.indexOf(0x2a), 0x2b),
      { alert: "unsupported_certificate", says: /^key algorithm .* is not supported$/ },
    ],
  ] as const)("%s refused", (_what, bytes, verdict) => {
    const { peer, show } = engine();
    show(bytes);
    expectRefusal(peer, verdict);
  });

  test("longer than a certificate may be is refused", () => {
    const { peer, show } = engine({ certificateBytes: spki.length - 1 });
    show(spki);
    expectRefusal(peer, { alert: "bad_certificate", says: "sent a certificate of 91 bytes, allowed 90" });
  });

  test("which is no point on its curve is bad_certificate when it is used", () => {
    const { peer, show, prove } = engine();
    show(spki.with(spki.length - 1, (spki.at(-1) ?? 0) ^ 1));
    prove();
    expectRefusal(peer, { alert: "bad_certificate", says: "not an uncompressed point on P-256" });
  });

  test("of somebody else is decrypt_error: the proof is for the key that was shown", () => {
    const { peer, show, prove } = engine();
    show(strangersKey);
    prove();
    expectRefusal(peer, { alert: "decrypt_error", says: "does not verify" });
  });

  test("which is none is refused", () => {
    const { peer, show, empty } = engine();
    show(new Uint8Array());
    const alert = title.startsWith("client")
      ? "decode_error"
      : is13
        ? "certificate_required"
        : "handshake_failure";
    expectRefusal(peer, { alert, says: empty });
  });

  test("with any change ends in one of the alerts for certificates, or before the proof is made", () => {
    const seed = 20_260_402;
    fc.assert(
      fc.property(fc.nat({ max: spki.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const { peer, show, prove } = engine();
        show(spki.with(at, (spki[at] ?? 0) ^ mask));
        prove();
        const alerts =
          /^(decode_error|bad_certificate|unsupported_certificate|illegal_parameter|decrypt_error)$/;
        expect(peer.alerts.at(-1)?.alert).toMatch(alerts);
      }),
      { seed, numRuns: 60 },
    );
  });
});

describe.each(["client, TLSv1.3", "server, TLSv1.3"] as const)("a Certificate for a %s", (title) => {
  test("with two raw public keys is illegal_parameter", () => {
    const { peer } = ENGINES[title]();
    peer.certificate({ raw: () => certificate13(spki, spki) });
    expectRefusal(peer, { alert: "illegal_parameter", says: "sent 2 raw public keys" });
  });

  test("with an extension that nobody asked for is unsupported_extension", () => {
    const { peer } = ENGINES[title]();
    peer.certificate((body) => ({
      ...body,
      certificateList: [{ certData: spki, extensions: { unknown: [raw(server_certificate_type, [2])] } }],
    }));
    expectRefusal(peer, {
      alert: "unsupported_extension",
      says: "Certificate holds server_certificate_type",
    });
  });
});

test("an OCSP response beside a raw public key is passed over", () => {
  const presented: unknown[] = [];
  const policy = {
    verify: (shown: { readonly ocspResponse: unknown }) => {
      presented.push(shown.ocspResponse);
      return { trust: "verified" } as const;
    },
  };
  const peer = CLIENTS["TLSv1.3"]({ serverCertificateTypes: RAW, trust: policy }, { server: 2 });
  peer.certificate((body) => ({
    ...body,
    certificateList: [
      { certData: spki, extensions: { statusRequest: { statusType: 1, response: Uint8Array.of(1) } } },
    ],
  }));
  expectOpen(peer.complete());
  expect(presented).toEqual([null]);
});

describe("a server", () => {
  test.each([client_certificate_type, server_certificate_type])(
    "refuses an empty list of types (extension %i): decode_error",
    (type) => {
      for (const forged of [forgedClient(), forgedClient12()]) {
        forged.clientHello((hello) => ({
          ...hello,
          extensions: { ...hello.extensions, unknown: [raw(type, [0])] },
        }));
        expectRefusal(forged, { alert: "decode_error", says: /./ });
      }
    },
  );

  test("refuses another list of types in the second ClientHello: illegal_parameter", () => {
    const peer = forgedClient({ config: { credentials: [credential, testCredential()] } });
    const saying = (types: readonly number[]) => (hello: typeof peer.hello) => ({
      ...hello,
      extensions: { ...hello.extensions, serverCertificateTypes: Uint8Array.from(types) },
    });
    peer.hello = saying([2])(peer.hello);
    peer.clientHelloWithoutShare();
    peer.secondClientHello(saying([2, 0]));
    expectRefusal(peer, { alert: "illegal_parameter", says: "differs from the first" });
  });

  test("passes over types that it does not know", () => {
    const peer = forgedClient({ config: { credentials: [credential] } });
    peer.clientHello((hello) => ({
      ...hello,
      extensions: {
        ...hello.extensions,
        serverCertificateTypes: Uint8Array.of(1, 0xfe, 2, 2),
        clientCertificateTypes: Uint8Array.of(1, 3),
      },
    }));
    expectOpen(peer.complete());
  });
});

/** Another key of the same kind. */
const strangersKey = new Uint8Array(
  generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ type: "spki", format: "der" }),
);
