import { afterAll, expect } from "vitest";
import { pinned } from "../../src/index.ts";
import { makeAuthority } from "../interop/ca.ts";
import { exchangeWithNode, meetNodeClient, meetNodeServer } from "../interop/peers/node.ts";
import { clientFor, row, serverWith } from "../interop/rows.ts";

// A few rows of `npm run interop`, whose table has all of them.

const authority = await makeAuthority(["ecdsa-p256", "rsa-2048"]);
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const own = authority.client("rsa-2048");

for (const carrier of ["socket", "duplex"] as const) {
  const feature = `client certificate and ALPN (${carrier})`;

  row({ peer: "node:tls server", we: "client", feature }, undefined, async (scope) => {
    const ours = { clientCredential: own.credential, alpn: ["a", "b"] };
    const { client, peer } = await meetNodeServer(scope, carrier, certificate, clientFor(certificate, ours), {
      requestCert: true,
      ca: authority.rootPem,
      ALPNProtocols: ["b"],
    });
    expect((await client.untilComplete()).alpn).toBe("b");
    expect(peer.socket.authorized).toBe(true);
    await exchangeWithNode(client, peer);
  });

  row({ peer: "node:tls client", we: "server", feature }, undefined, async (scope) => {
    const config = serverWith(certificate, {
      alpn: ["b"],
      clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) },
    });
    const { server, peer } = await meetNodeClient(scope, carrier, authority, config, {
      key: own.keyPem,
      cert: own.chainPem,
      ALPNProtocols: ["a", "b"],
    });
    expect(await server.untilComplete()).toMatchObject({ alpn: "b", peer: { kind: "verified" } });
    await exchangeWithNode(server, peer);
    expect(peer.socket.authorized).toBe(true);
  });
}
