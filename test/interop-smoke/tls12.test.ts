import { afterAll, expect } from "vitest";
import { pinned } from "../../src/index.ts";
import { makeAuthority } from "../interop/ca.ts";
import { connect, listen } from "../interop/driver.ts";
import { connectNode, exchangeWithNode, listenNode } from "../interop/peers/node.ts";
import {
  exchangeWithClient,
  exchangeWithServer,
  only12 as theirOnly12,
  opensslLacks,
  startClient,
  startServer,
} from "../interop/peers/openssl.ts";
import { clientFor, row, serverWith } from "../interop/rows.ts";
import {
  AgreedExtensions,
  type Combination12,
  expectAgreement12,
  featureOf,
  only12,
} from "../interop/rows12.ts";

// A few rows of `npm run interop`, whose table has all of them.

const authority = await makeAuthority(["ecdsa-p256", "rsa-2048", "ed25519"]);
afterAll(() => authority.remove());

const sample: readonly Combination12[] = [
  {
    suite: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    group: "x25519",
    certificate: "rsa-2048",
    encryptThenMac: null,
  },
  {
    suite: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    group: "secp256r1",
    certificate: "ed25519",
    encryptThenMac: null,
  },
  {
    suite: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    group: "x25519",
    certificate: "ecdsa-p256",
    encryptThenMac: true,
  },
  {
    suite: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    group: "secp384r1",
    certificate: "rsa-2048",
    encryptThenMac: false,
  },
];

for (const combination of sample) {
  const { suite, group, certificate: kind, encryptThenMac } = combination;
  const about = {
    version: "TLSv1.2",
    suite,
    group,
    certificate: kind,
    feature: featureOf(combination),
  } as const;
  const issued = authority.server(kind);
  const args = ["-tls1_2", ...theirOnly12(combination)];

  row({ peer: "openssl s_server", we: "client", ...about }, opensslLacks({}), async (scope) => {
    const agreed = new AgreedExtensions();
    const { peer, port } = await startServer(scope, authority, issued, args);
    const ours = { ...only12(combination), onMessage: agreed.onMessage };
    const client = await connect(scope, port, clientFor(issued, ours));
    expectAgreement12(await client.untilComplete(), combination);
    agreed.expectEncryptThenMac(encryptThenMac);
    await exchangeWithServer(client, peer);
  });

  row({ peer: "openssl s_client", we: "server", ...about }, opensslLacks({}), async (scope) => {
    const agreed = new AgreedExtensions();
    const ours = { ...only12(combination), onMessage: agreed.onMessage };
    const listener = await listen(scope, serverWith(issued, ours));
    const peer = startClient(scope, authority, listener.port, args);
    const server = await listener.accept();
    expectAgreement12(await server.untilComplete(), combination);
    agreed.expectEncryptThenMac(encryptThenMac);
    await exchangeWithClient({ server, peer });
  });
}

const certificate = authority.server("ecdsa-p256");
const own = authority.client("rsa-2048");
const tls12 = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;
const feature = "client certificate, ALPN, resumption by ticket";

row({ peer: "node:tls server", we: "client", version: "TLSv1.2", feature }, undefined, async (scope) => {
  const { port, next } = await listenNode(scope, certificate, {
    ...tls12,
    requestCert: true,
    ca: authority.rootPem,
    ALPNProtocols: ["b"],
  });
  const config = clientFor(certificate, { clientCredential: own.credential, alpn: ["a", "b"] });
  for (const resumed of [false, true]) {
    const client = await connect(scope, port, config);
    expect(await client.untilComplete()).toMatchObject({ version: "TLSv1.2", alpn: "b", resumed });
    const peer = await next();
    expect(peer.socket.authorized).toBe(true);
    await exchangeWithNode(client, peer);
  }
});

row({ peer: "node:tls client", we: "server", version: "TLSv1.2", feature }, undefined, async (scope) => {
  const listener = await listen(
    scope,
    serverWith(certificate, {
      alpn: ["b"],
      clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) },
    }),
  );
  let session: Buffer | undefined;
  for (const resumed of [false, true]) {
    const theirs = { key: own.keyPem, cert: own.chainPem, ALPNProtocols: ["a", "b"] };
    const options = { ...tls12, ...theirs, ...(session !== undefined && { session }) };
    const peer = connectNode(scope, authority, listener.port, options);
    peer.socket.on("session", (made) => (session = made));
    const server = await listener.accept();
    expect(await server.untilComplete()).toMatchObject({ version: "TLSv1.2", alpn: "b", resumed });
    expect(server.info.peer.kind).toBe("verified");
    await exchangeWithNode(server, peer);
  }
});
