import { constants } from "node:crypto";
import type { SecureContextOptions, SecureVersion } from "node:tls";
import { afterAll, expect } from "vitest";
import { makeAuthority } from "./ca.ts";
import { connect, listen } from "./driver.ts";
import {
  connectNode,
  exchangeWithNode,
  expectSameNodeExports,
  listenNode,
  meetNodeClient,
  meetNodeServer,
  nodeLacks,
} from "./peers/node.ts";
import { clientFor, row, serverWith } from "./rows.ts";

// Sessions that are resumed, renegotiation, which there is none of, and versions.

const authority = await makeAuthority(["ecdsa-p256"]);
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const toServer = { peer: "node:tls server", we: "client", version: "TLSv1.2" } as const;
const toClient = { peer: "node:tls client", we: "server", version: "TLSv1.2" } as const;
const tls12 = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const satisfies SecureContextOptions;

for (const [how, secureOptions] of [
  ["by ticket", 0],
  ["by session id", constants.SSL_OP_NO_TICKET],
] as const) {
  row({ ...toServer, feature: `resumption ${how}` }, nodeLacks({}), async (scope) => {
    const { port, next } = await listenNode(scope, certificate, { ...tls12, secureOptions });
    const config = clientFor(certificate);
    for (const resumed of [false, true]) {
      const client = await connect(scope, port, config);
      expect(await client.untilComplete()).toMatchObject({ resumed, peer: { kind: "verified" } });
      const peer = await next();
      expect(peer.socket.isSessionReused()).toBe(resumed);
      await expectSameNodeExports(client, peer);
      await exchangeWithNode(client, peer);
    }
  });
}

for (const [how, theirs, ours] of [
  ["by ticket", {}, {}],
  ["by session id, they take no tickets", { secureOptions: constants.SSL_OP_NO_TICKET }, {}],
  ["by session id, we give no tickets", {}, { sessionTickets: false }],
] as const) {
  row({ ...toClient, feature: `resumption ${how}` }, nodeLacks({}), async (scope) => {
    const listener = await listen(scope, serverWith(certificate, ours));
    let session: Buffer | undefined;
    for (const resumed of [false, true]) {
      const options = { ...tls12, ...theirs, ...(session !== undefined && { session }) };
      const peer = connectNode(scope, authority, listener.port, options);
      peer.socket.on("session", (made) => (session = made));
      const server = await listener.accept();
      expect(await server.untilComplete()).toMatchObject({ resumed });
      await expectSameNodeExports(server, peer);
      expect(peer.socket.isSessionReused()).toBe(resumed);
      await exchangeWithNode(server, peer);
    }
  });
}

row({ ...toServer, feature: "renegotiation is refused with a warning" }, nodeLacks({}), async (scope) => {
  const config = clientFor(certificate);
  const { client, peer } = await meetNodeServer(scope, "duplex", certificate, config, tls12);
  await client.untilComplete();
  peer.socket.renegotiate({}, () => undefined);
  // OpenSSL ends the connection by itself then.
  expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "handshake_failure" });
  expect(await peer.untilOver()).toMatchObject({ code: "ERR_SSL_NO_RENEGOTIATION" });
});

row({ ...toClient, feature: "renegotiation is refused with a warning" }, nodeLacks({}), async (scope) => {
  const config = serverWith(certificate);
  const { server, peer } = await meetNodeClient(scope, "duplex", authority, config, tls12);
  await server.untilComplete();
  await peer.untilSecure();
  peer.socket.renegotiate({}, () => undefined);
  expect(await server.untilClosed()).toMatchObject({ kind: "alert", alert: "handshake_failure" });
  expect(await peer.untilOver()).toMatchObject({ code: "ERR_SSL_NO_RENEGOTIATION" });
});

/** What node:tls is told of versions, what we are, and what becomes of it; null for nothing. */
const versions: readonly (readonly [SecureVersion, SecureVersion, "TLSv1.2" | "TLSv1.3", string | null])[] = [
  ["TLSv1.2", "TLSv1.3", "TLSv1.2", "TLSv1.2"],
  ["TLSv1.2", "TLSv1.3", "TLSv1.3", "TLSv1.3"],
  ["TLSv1.2", "TLSv1.2", "TLSv1.3", null],
  ["TLSv1.3", "TLSv1.3", "TLSv1.2", null],
];
for (const [minVersion, maxVersion, own, outcome] of versions) {
  const theirs = minVersion === maxVersion ? minVersion : `${minVersion} and ${maxVersion}`;
  const feature = `they have ${theirs}, we have ${own}`;
  const about = { version: "any", feature } as const;
  const range = { minVersion, maxVersion };
  row({ ...toServer, ...about }, nodeLacks({}), async (scope) => {
    const config = clientFor(certificate, { versions: [own] });
    const { port, next } = await listenNode(scope, certificate, range);
    const client = await connect(scope, port, config);
    if (outcome === null) {
      expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "protocol_version" });
      return;
    }
    expect((await client.untilComplete()).version).toBe(outcome);
    await exchangeWithNode(client, await next());
  });
  row({ ...toClient, ...about }, nodeLacks({}), async (scope) => {
    const config = serverWith(certificate, { versions: [own] });
    const { server, peer } = await meetNodeClient(scope, "socket", authority, config, range);
    if (outcome === null) {
      expect(await server.untilClosed()).toMatchObject({
        alertSent: "protocol_version",
        error: { message: expect.stringContaining(`the client offers version ${minVersion},`) },
      });
      expect(await peer.untilOver()).toMatchObject({ code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" });
      return;
    }
    expect((await server.untilComplete()).version).toBe(outcome);
    await exchangeWithNode(server, peer);
  });
}
