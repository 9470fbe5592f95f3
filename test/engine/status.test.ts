import { describe, expect, test } from "vitest";

import type { ClientHello, ClientOptions, Credential, ServerOptions, TlsVersion } from "../../src/index.ts";
import { toyCredential } from "../handshake/toy-provider.ts";
import { namesOf, Policy, trustingClient } from "./sessions.ts";
import { configsOf, open, VERSIONS } from "./versions.ts";

const plain = await toyCredential("server");
const ocspResponse = Uint8Array.of(0x30, 3, 10, 1, 0);
const signedCertificateTimestamps = [Uint8Array.of(1, 2, 3), new Uint8Array(300).fill(7)];
const withStatus: Credential = { ...plain, ocspResponse, signedCertificateTimestamps };

const NOTHING = { ocspResponse: null, signedCertificateTimestamps: [] };

/** A client that asks `policy`, and a server with status for its certificate. */
function configs(
  version: TlsVersion,
  client: Partial<ClientOptions> = {},
  server: Partial<ServerOptions> = {},
) {
  const policy = new Policy();
  return {
    policy,
    client: trustingClient(policy, { versions: [version], ...client }),
    server: configsOf(version).server({ credentials: [withStatus], ...server }),
  };
}

describe.each(VERSIONS)("in %s, the trust policy", (version) => {
  test("gets the OCSP response and the timestamps that the server has", async () => {
    const { policy, client, server } = configs(version);
    const pair = await open(client, server);
    expect(policy.asked).toMatchObject([{ ocspResponse, signedCertificateTimestamps }]);
    if (version === "TLSv1.2") expect(namesOf(pair.server)).toContain("certificate_status");
  });

  test("gets bytes that it may keep and change", async () => {
    const { policy, client, server } = configs(version);
    policy.verify = (peer) => {
      peer.ocspResponse?.fill(0);
      for (const timestamp of peer.signedCertificateTimestamps) timestamp.fill(0);
      for (const certificate of peer.chain) expect(certificate.length).toBeGreaterThan(100);
      return { trust: "verified" };
    };
    await open(client, server);
    expect(withStatus).toMatchObject({ ocspResponse: Uint8Array.of(0x30, 3, 10, 1, 0) });
    expect(signedCertificateTimestamps[0]).toEqual(Uint8Array.of(1, 2, 3));
  });

  test("gets each of them only when it was asked for", async () => {
    for (const [options, expected] of [
      [{ requestOcspResponse: false }, { ocspResponse: null, signedCertificateTimestamps }],
      [{ requestSignedCertificateTimestamps: false }, { ocspResponse, signedCertificateTimestamps: [] }],
      [{ requestOcspResponse: false, requestSignedCertificateTimestamps: false }, NOTHING],
    ] as const) {
      const { policy, client, server } = configs(version, options);
      const pair = await open(client, server);
      expect(policy.asked).toMatchObject([expected]);
      if (options.requestOcspResponse === false)
        expect(namesOf(pair.server)).not.toContain("certificate_status");
    }
  });

  test("gets nothing from a server that has nothing, and is asked all the same", async () => {
    const { policy, client, server } = configs(version, {}, { credentials: [plain] });
    await open(client, server);
    expect(policy.asked).toMatchObject([NOTHING]);
  });

  test("can be asked with a status of another type than OCSP, which a server does not answer", async () => {
    const { policy, client, server } = configs(version, {
      shapeClientHello: (hello: ClientHello) => ({
        ...hello,
        extensions: { ...hello.extensions, statusRequest: { statusType: 2, request: Uint8Array.of(0, 0) } },
      }),
    });
    await open(client, server);
    expect(policy.asked).toMatchObject([{ ocspResponse: null, signedCertificateTimestamps }]);
  });
});

test("what came with the certificate comes again when a session is resumed", async () => {
  for (const sessionTickets of [true, false]) {
    const { policy, client, server } = configs("TLSv1.2", {}, { sessionTickets });
    await open(client, server);
    const pair = await open(client, server);
    expect(pair.client.engine.info?.resumed).toBe(true);
    expect(namesOf(pair.server)).toEqual(["server_hello"]);
    expect(policy.asked).toHaveLength(2);
    for (const asked of policy.asked)
      expect(asked).toMatchObject({ ocspResponse, signedCertificateTimestamps });
  }
});

test("a server of TLS 1.2 asks its clients for no status, and its policy gets none", async () => {
  const asked: unknown[] = [];
  const trust = { verify: (peer: unknown) => (asked.push(peer), { trust: "verified" }) as never };
  const { client, server } = configs(
    "TLSv1.2",
    { clientCredential: withStatus },
    { clientAuth: { mode: "require", trust } },
  );
  await open(client, server);
  expect(asked).toMatchObject([{ role: "client", ...NOTHING }]);
});

test.each([
  [{}, NOTHING],
  [{ requestOcspResponse: true }, { ...NOTHING, ocspResponse }],
  [{ requestSignedCertificateTimestamps: true }, { ...NOTHING, signedCertificateTimestamps }],
  [
    { requestOcspResponse: true, requestSignedCertificateTimestamps: true },
    { ocspResponse, signedCertificateTimestamps },
  ],
])("a server of TLS 1.3 that asks with %j gets that, and no more", async (requests, status) => {
  const asked: unknown[] = [];
  const trust = { verify: (peer: unknown) => (asked.push(peer), { trust: "verified" }) as never };
  const { client, server } = configs(
    "TLSv1.3",
    { clientCredential: withStatus },
    { clientAuth: { mode: "require", trust, ...requests } },
  );
  await open(client, server);
  expect(asked).toMatchObject([{ role: "client", ...status }]);
});
