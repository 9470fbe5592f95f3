import "../support/reflect-metadata.ts";
import * as x509 from "@peculiar/x509";
import { describe, expect, test } from "vitest";

import {
  CertificateError,
  ClientConfig,
  type ClientOptions,
  type ClientTrust,
  type Credential,
  credential,
  nobleProvider,
  ServerConfig,
  type ServerOptions,
  TlsAlert,
  type TlsVersion,
  tofu,
  type TofuStore,
  webPki,
  type WebPkiOptions,
} from "../../src/index.ts";
import {
  authority,
  client,
  credentialOf,
  late,
  newKey,
  NOW_MS,
  root,
  server,
  stapler,
  stapleOf,
  stranger,
} from "../config/peers.ts";
import { type End, Pair } from "../support/pair.ts";
import {
  dnsName,
  ipName,
  issueAuthority,
  type Issued,
  issueLeaf,
  issueRoot,
  nameConstraints,
  subjectAltName,
} from "../x509/issuing.ts";
import { revoked } from "../x509/ocsp-builder.ts";
import { VERSIONS } from "./versions.ts";

const now = (): number => NOW_MS;
const ders = (...certificates: readonly Issued[]) => certificates.map(({ der }) => der);

/** A client for `example.com` that trusts our root. */
function trusting(
  version: TlsVersion,
  options: WebPkiOptions,
  changes: Partial<ClientOptions>,
): ClientConfig {
  const base = new ClientConfig({
    provider: nobleProvider(),
    versions: [version],
    now,
    serverName: "example.com",
    trust: webPki(root.der, options),
  });
  return base.with(changes);
}

/** Connects such a client to a server with `own`. */
async function meet(
  version: TlsVersion,
  own: Credential,
  {
    options = {},
    clientChanges = {},
    serverChanges = {},
  }: {
    readonly options?: WebPkiOptions;
    readonly clientChanges?: Partial<ClientOptions>;
    readonly serverChanges?: Partial<ServerOptions>;
  } = {},
): Promise<Pair> {
  const serverConfig = new ServerConfig({
    provider: nobleProvider(),
    versions: [version],
    now,
    credentials: [own],
    ...serverChanges,
  });
  return new Pair(trusting(version, options, clientChanges), serverConfig).run();
}

/** `end` refused `chain` with a CertificateError, and `peer` was told so. */
function expectRefusal(
  end: End,
  peer: End,
  chain: readonly Uint8Array[],
  fault: string,
  alert: string,
): void {
  const { closed } = end;
  if (closed?.kind !== "error" || !(closed.error instanceof TlsAlert))
    throw new Error(`the end is ${String(closed?.kind)}`, { cause: closed });
  expect(closed.alertSent).toBe(alert);
  const { cause } = closed.error;
  if (!(cause instanceof CertificateError)) throw new Error("no CertificateError", { cause: closed.error });
  expect(cause).toMatchObject({ fault, chain });
  expect([
    `${alert}: the client's certificate was rejected: ${cause.message}`,
    `${alert}: the server's certificate was rejected: ${cause.message}`,
  ]).toContain(closed.error.message);
  expect(cause.subject).toMatch(/^CN=/);
  expect(peer.closed).toMatchObject({ kind: "alert", alert });
}

/** An authority whose key may sign handshakes too. */
const selfSigned = issueRoot({
  key: newKey(),
  subject: "example.com",
  extensions: { keyUsage: null },
});

const ownKey = newKey();
/** For `example.com`, as {@link server}, but signed with its own key. */
const ownIssuer = issueLeaf({ ...server, key: ownKey }, { key: ownKey });
const constrained = issueAuthority(root, {
  key: newKey(),
  subject: "constrained",
  extensions: { nameConstraints: nameConstraints({ permitted: [dnsName("example.net")] }) },
});
const addressed = issueLeaf(authority, {
  key: newKey(),
  subject: "192.0.2.1",
  extensions: { subjectAltName: subjectAltName(ipName(192, 0, 2, 1)) },
});
const leafWith = (issuer: Issued, changes: Parameters<typeof issueLeaf>[1] = {}) =>
  issueLeaf(issuer, { key: newKey(), ...changes });

describe.each(VERSIONS)("in %s, webPki", (version) => {
  test("verifies a server, and gives the path", async () => {
    const pair = await meet(version, credentialOf(server, [authority]));
    expect(pair.client.engine.info).toMatchObject({ version });
    expect(pair.client.engine.info?.peer).toEqual({
      kind: "verified",
      certificateType: "x509",
      chain: ders(server, authority),
      path: ders(server, authority, root),
    });
  });

  test("verifies with verifiers that answer late", async () => {
    const provider = nobleProvider({ signatureVerifiers: late(nobleProvider().signatureVerifiers) });
    const clientChanges = { provider };
    const good = await meet(version, credentialOf(server, [authority]), { clientChanges });
    expect(good.client.engine.info?.peer).toMatchObject({ path: ders(server, authority, root) });
    const bad = await meet(version, credentialOf(server), { clientChanges });
    expectRefusal(bad.client, bad.server, ders(server), "unknown-issuer", "unknown_ca");
  });

  test.each<{
    what: string;
    chain: readonly [Issued, ...Issued[]];
    name?: string;
    fault: string;
    alert: string;
  }>([
    {
      what: "an expired certificate",
      chain: [leafWith(authority, { notAfter: "260714000000Z" }), authority],
      fault: "expired",
      alert: "certificate_expired",
    },
    {
      what: "a wrong host",
      chain: [server, authority],
      name: "example.org",
      fault: "wrong-name",
      alert: "bad_certificate",
    },
    {
      what: "a wrong address",
      chain: [addressed, authority],
      name: "192.0.2.2",
      fault: "wrong-name",
      alert: "bad_certificate",
    },
    {
      what: "an unknown issuer",
      chain: [leafWith(stranger), stranger],
      fault: "unknown-issuer",
      alert: "unknown_ca",
    },
    { what: "a missing intermediate", chain: [server], fault: "unknown-issuer", alert: "unknown_ca" },
    { what: "a self-signed certificate", chain: [ownIssuer], fault: "unknown-issuer", alert: "unknown_ca" },
    {
      what: "a client's certificate",
      chain: [client, authority],
      fault: "wrong-usage",
      alert: "unsupported_certificate",
    },
    {
      what: "a name outside of the constraints",
      chain: [leafWith(constrained), constrained],
      fault: "name-constraints",
      alert: "bad_certificate",
    },
    {
      what: "a promise to staple that is not kept",
      chain: [stapler, authority],
      fault: "missing-status",
      alert: "bad_certificate_status_response",
    },
  ])("refuses $what with $alert", async ({ chain, name, fault, alert }) => {
    const [leaf, ...others] = chain;
    const clientChanges = name === undefined ? {} : { serverName: name };
    const pair = await meet(version, credentialOf(leaf, others), { clientChanges });
    expectRefusal(pair.client, pair.server, ders(leaf, ...others), fault, alert);
  });

  test("finds a missing intermediate among those of the configuration", async () => {
    const pair = await meet(version, credentialOf(server), { options: { intermediates: authority.der } });
    expect(pair.client.engine.info?.peer).toEqual({
      kind: "verified",
      certificateType: "x509",
      chain: ders(server),
      path: ders(server, authority, root),
    });
  });

  test("verifies an IP address, which is not sent as a server name", async () => {
    const clientChanges = { serverName: "192.0.2.1" };
    const pair = await meet(version, credentialOf(addressed, [authority]), { clientChanges });
    expect(pair.client.engine.info?.peer.kind).toBe("verified");
    expect(pair.server.engine.info?.serverName).toBeNull();
  });

  test("looks at what is stapled", async () => {
    const good = await meet(version, credentialOf(stapler, [authority], stapleOf(stapler)));
    expect(good.client.engine.info?.peer.kind).toBe("verified");
    const options = { stapling: "require" } as const;
    const missing = await meet(version, credentialOf(server, [authority]), { options });
    const status = "bad_certificate_status_response";
    expectRefusal(missing.client, missing.server, ders(server, authority), "missing-status", status);
    const staple = stapleOf(server, { certStatus: revoked() });
    const bad = await meet(version, credentialOf(server, [authority], staple));
    expectRefusal(bad.client, bad.server, ders(server, authority), "revoked", "certificate_revoked");
    const ignored = await meet(version, credentialOf(server, [authority], staple), {
      options: { stapling: "ignore" },
    });
    expect(ignored.client.engine.info?.peer.kind).toBe("verified");
  });

  describe.each(["request", "require"] as const)("on a server that is to %s certificates", (mode) => {
    const ask = (own: Credential | null, trust: ClientTrust = webPki(root.der)) =>
      meet(version, credentialOf(server, [authority]), {
        clientChanges: own === null ? {} : { clientCredential: own },
        serverChanges: { clientAuth: { mode, trust } },
      });

    test("verifies a client, and gives the path", async () => {
      const pair = await ask(credentialOf(client, [authority]));
      expect(pair.client.closed).toBeUndefined();
      expect(pair.server.engine.info?.peer).toEqual({
        kind: "verified",
        certificateType: "x509",
        chain: ders(client, authority),
        path: ders(client, authority, root),
      });
    });

    test("refuses a client that nobody vouches for, or with a server's certificate", async () => {
      const unknown = await ask(credentialOf(client));
      expectRefusal(unknown.server, unknown.client, ders(client), "unknown-issuer", "unknown_ca");
      const wrong = await ask(credentialOf(server, [authority]));
      const chain = ders(server, authority);
      expectRefusal(wrong.server, wrong.client, chain, "wrong-usage", "unsupported_certificate");
    });

    test("is not asked about a client without a certificate", async () => {
      const pair = await ask(null);
      if (mode === "request") {
        expect(pair.server.engine.info?.peer).toEqual({ kind: "none" });
      } else {
        const alert = version === "TLSv1.3" ? "certificate_required" : "handshake_failure";
        expect(pair.server.closed).toMatchObject({ kind: "error", alertSent: alert });
        expect(pair.client.closed).toMatchObject({ kind: "alert", alert });
      }
    });

    test("can be softened, and the chain is there to be read whatever the verdict", async () => {
      const policy = webPki(root.der);
      const soft: ClientTrust = {
        async verify(peer) {
          const verdict = await policy.verify(peer);
          return verdict.trust === "rejected" ? { trust: "unverified", reason: verdict.reason } : verdict;
        },
      };
      const unknown = await ask(credentialOf(client), soft);
      expect(unknown.client.closed).toBeUndefined();
      expect(unknown.server.engine.info?.peer).toEqual({
        kind: "unverified",
        certificateType: "x509",
        chain: ders(client),
        reason: "unknown-issuer: CN=alice, its issuer CN=authority is not known",
      });
      const good = await ask(credentialOf(client, [authority]), soft);
      expect(good.server.engine.info?.peer).toMatchObject({
        kind: "verified",
        certificateType: "x509",
        chain: ders(client, authority),
      });
    });
  });

  test("takes a private authority without authorityKeyIdentifier only by looser rules", async () => {
    const { own, anchor } = await privateChain();
    const connect = (options: WebPkiOptions) =>
      meet(version, own, { clientChanges: { trust: webPki(anchor, options) } });
    const strict = await connect({});
    expectRefusal(strict.client, strict.server, own.certificateChain, "nonconforming", "bad_certificate");
    const { client: loose } = await connect({ conformance: "none" });
    expect(loose.engine.info?.peer).toMatchObject({
      kind: "verified",
      certificateType: "x509",
      path: [...own.certificateChain, anchor],
    });
  });
});

describe.each(VERSIONS)("in %s, tofu", (version) => {
  const connect = (store: TofuStore, own: Credential) =>
    meet(version, own, { clientChanges: { trust: tofu(store) } });

  test("trusts the first key and no other, nor one that the first has signed", async () => {
    const keys = new Map<string, Uint8Array>();
    const store: TofuStore = {
      get: async (name) => keys.get(name) ?? null,
      put: async (name, key) => void keys.set(name, key),
    };
    for (let i = 0; i < 2; i++) {
      const pair = await connect(store, credentialOf(selfSigned));
      expect(pair.client.engine.info?.peer).toEqual({
        kind: "verified",
        certificateType: "x509",
        chain: ders(selfSigned),
        path: null,
      });
    }
    const issued = issueLeaf(selfSigned, { key: newKey() });
    for (const [leaf, ...others] of [[server, authority], [issued], [issued, selfSigned]] as const) {
      const pair = await connect(store, credentialOf(leaf, others));
      expectRefusal(pair.client, pair.server, ders(leaf, ...others), "unknown-key", "certificate_unknown");
    }
    expect(Array.from(keys.keys())).toEqual(["example.com"]);
  });

  test.each(["get", "put"] as const)(
    "refuses with internal_error when the store fails in %s",
    async (method) => {
      const failure = new Error("the disk is full");
      const quiet: TofuStore = { get: () => null, put: () => undefined };
      for (const fail of [() => Promise.reject(failure), () => raise(failure)]) {
        const pair = await connect({ ...quiet, [method]: fail }, credentialOf(server, [authority]));
        expect(pair.client.engine.info).toBeNull();
        expect(pair.client.closed).toMatchObject({ kind: "error", alertSent: "internal_error" });
        expect(pair.server.closed).toMatchObject({ kind: "alert", alert: "internal_error" });
      }
    },
  );
});

function raise(error: Error): never {
  throw error;
}

/** As another program makes it: a root and a server, without key identifiers. */
async function privateChain(): Promise<{ readonly own: Credential; readonly anchor: Uint8Array }> {
  x509.cryptoProvider.set(globalThis.crypto);
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const makeKeys = () => globalThis.crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const [rootKeys, keys] = [await makeKeys(), await makeKeys()];
  const common = {
    signingKey: rootKeys.privateKey,
    signingAlgorithm: { name: "ECDSA", hash: "SHA-256" },
    issuer: "CN=private",
    notBefore: new Date(NOW_MS - 86_400_000),
    notAfter: new Date(NOW_MS + 86_400_000),
  };
  const anchor = await x509.X509CertificateGenerator.create({
    ...common,
    serialNumber: "01",
    subject: "CN=private",
    publicKey: rootKeys.publicKey,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  const leaf = await x509.X509CertificateGenerator.create({
    ...common,
    serialNumber: "02",
    subject: "CN=example.com",
    publicKey: keys.publicKey,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: "dns", value: "example.com" }])],
  });
  const pkcs8 = Buffer.from(await globalThis.crypto.subtle.exportKey("pkcs8", keys.privateKey));
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString("base64")}\n-----END PRIVATE KEY-----\n`;
  return {
    own: credential({ certificateChain: [new Uint8Array(leaf.rawData)], key }),
    anchor: new Uint8Array(anchor.rawData),
  };
}
