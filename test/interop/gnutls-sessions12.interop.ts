import { join } from "node:path";
import { afterAll, expect } from "vitest";
import type { ChannelBindingType, ClientOptions, ServerOptions } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver, listen } from "./driver.ts";
import { keyLogLines } from "./key-log.ts";
import {
  compileLoopback,
  echoAndClose,
  exchangeAndClose,
  expectSameExport,
  gnutlsLacks,
  gnutlsServerLacks,
  meetGnutlsClient,
  meetGnutlsServer,
  priority12,
  startGnutlsClient,
  startGnutlsServer,
} from "./peers/gnutls.ts";
import type { Peer } from "./process.ts";
import { applicationRecords } from "./record-lengths.ts";
import { clientFor, row, serverWith } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// What comes of the main secret, sessions that are resumed, limits of records, and renegotiation, which there is none of.

const authority = await makeAuthority(["ecdsa-p256"]);
afterAll(() => authority.remove());

const shim = gnutlsServerLacks({}) === undefined ? compileLoopback(authority.folder) : "";
const certificate = authority.server("ecdsa-p256");
const asClient = { peer: "gnutls-serv", we: "client", version: "TLSv1.2" } as const;
const asServer = { peer: "gnutls-cli", we: "server", version: "TLSv1.2" } as const;
const noServer = gnutlsServerLacks({});
const noClient = gnutlsLacks({});

/** Our client, and a new gnutls-serv that has what `priority` leaves of TLS 1.2. */
function meetServer(
  scope: Scope,
  priority: readonly string[] = [],
  theirs: readonly string[] = [],
  ours: Partial<ClientOptions> = {},
  env: Record<string, string> = {},
): Promise<{ readonly client: Driver; readonly peer: Peer }> {
  const args = [priority12(...priority), ...theirs];
  return meetGnutlsServer(scope, shim, certificate, args, clientFor(certificate, ours), env);
}

/** A new gnutls-cli that has what `priority` leaves of TLS 1.2, and a server of ours. */
function meetClient(
  scope: Scope,
  priority: readonly string[] = [],
  theirs: readonly string[] = [],
  ours: Partial<ServerOptions> = {},
  env: Record<string, string> = {},
): Promise<{ readonly server: Driver; readonly peer: Peer }> {
  const args = [priority12(...priority), ...theirs];
  return meetGnutlsClient(scope, authority, args, serverWith(certificate, ours), env);
}

const bindings: readonly ChannelBindingType[] = ["tls-unique", "tls-server-end-point", "tls-exporter"];
const label = "EXPORTER-interop";
const exporting = [`--keymatexport=${label}`, "--keymatexportsize=40"];

for (const extended of [true, false]) {
  const priority = extended ? [] : ["%NO_SESSION_HASH"];
  const suffix = extended ? "" : ", no extended main secret";
  const feature = `exporter, channel bindings and key log are the same${suffix}`;

  row({ ...asClient, feature }, noServer, async (scope) => {
    const file = join(authority.folder, `gnutls-serv-${extended}.log`);
    const lines: string[] = [];
    const ours = { onKeyLog: (line: string) => lines.push(line) };
    const env = { SSLKEYLOGFILE: file };
    const { client, peer } = await meetServer(scope, priority, exporting, ours, env);
    expect((await client.untilComplete()).extendedMainSecret).toBe(extended);
    await expectSameExport(client, peer, label, null);
    for (const type of extended ? bindings : bindings.slice(0, 2)) {
      const [, theirs] = await peer.untilPrinted(new RegExp(`'${type}': ([0-9a-f]+)`));
      expect(Buffer.from(client.engine.channelBinding(type)).toString("hex"), type).toBe(theirs);
    }
    await echoAndClose(client);
    expect(lines).toEqual([expect.stringMatching(/^CLIENT_RANDOM /)]);
    expect(keyLogLines(file)).toEqual(lines);
  });

  row(
    { ...asServer, feature: feature.replace("exporter, channel bindings", "exporter") },
    noClient,
    async (scope) => {
      const file = join(authority.folder, `gnutls-cli-${extended}.log`);
      const lines: string[] = [];
      const ours = { onKeyLog: (line: string) => lines.push(line) };
      const env = { SSLKEYLOGFILE: file };
      const { server, peer } = await meetClient(scope, priority, exporting, ours, env);
      expect((await server.untilComplete()).extendedMainSecret).toBe(extended);
      await expectSameExport(server, peer, label, null);
      await exchangeAndClose(server, peer);
      expect(lines).toEqual([expect.stringMatching(/^CLIENT_RANDOM /)]);
      expect(keyLogLines(file)).toEqual(lines);
    },
  );
}

/** What a record of TLS 1.2 with AES-GCM holds besides content: the explicit nonce and the tag. */
const nonceAndTag = 8 + 16;
const gcm = { cipherSuites: ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"] };

row({ ...asClient, feature: "record_size_limit 512 both ways" }, noServer, async (scope) => {
  const sizes = applicationRecords();
  const ours = { ...gcm, recordSizeLimit: 512, onMessage: sizes.onMessage };
  const { client } = await meetServer(scope, [], ["--recordsize=512"], ours);
  const line = "x".repeat(3000);
  client.write(`${line}\n`);
  await client.untilReceived(line);
  sizes.expectAtMost(512 + nonceAndTag);
  await echoAndClose(client);
});

row({ ...asServer, feature: "record_size_limit 1024 both ways" }, noClient, async (scope) => {
  const sizes = applicationRecords();
  // Not 512: gnutls-cli takes its limit for our Certificate too, which is not protected yet. RFC 8449 §4.
  const ours = { ...gcm, recordSizeLimit: 1024, onMessage: sizes.onMessage };
  const { server, peer } = await meetClient(scope, [], ["--recordsize=1024"], ours);
  await peer.untilPrinted(/Handshake was completed/);
  // Of what it reads at once, gnutls-cli sends what fits into one record.
  peer.write(`${"x".repeat(1200)}\n`);
  await server.until("a full record", () => server.receivedLength >= 1024);
  server.write("y".repeat(3000));
  await peer.untilPrinted(/y{3000}/);
  sizes.expectAtMost(1024 + nonceAndTag);
  await exchangeAndClose(server, peer);
});

for (const [how, theirs, ours] of [
  ["by ticket", [], {}],
  ["by session id, they take no tickets", ["--noticket"], {}],
  ["by session id, we give no tickets", [], { sessionTickets: false }],
] as const) {
  row({ ...asServer, feature: `resumption ${how}` }, noClient, async (scope) => {
    const listener = await listen(scope, serverWith(certificate, ours));
    const args = [priority12(), "--resume", ...theirs];
    const peer = startGnutlsClient(scope, authority, listener.port, args);
    const first = await listener.accept();
    expect((await first.untilComplete()).resumed).toBe(false);
    expect((await first.untilClosed()).kind).toBe("clean");
    await first.close();
    const server = await listener.accept();
    expect(await server.untilComplete()).toMatchObject({ resumed: true, extendedMainSecret: true });
    await peer.untilPrinted(/This is a resumed session/);
    await exchangeAndClose(server, peer);
  });
}

for (const [how, theirs, resumed] of [
  ["by ticket", [], true],
  ["by session id", ["--noticket"], true],
  ["refused: they keep no sessions", ["--noticket", "--nodb"], false],
] as const) {
  row({ ...asClient, feature: `resumption ${how}` }, noServer, async (scope) => {
    const { port, peer } = await startGnutlsServer(scope, shim, certificate, [priority12(), ...theirs]);
    const config = clientFor(certificate);
    const first = await connect(scope, port, config);
    expect(await first.untilComplete()).toMatchObject({ resumed: false });
    await echoAndClose(first);
    const client = await connect(scope, port, config);
    const info = await client.untilComplete();
    expect(info).toMatchObject({ resumed, extendedMainSecret: true, peer: { kind: "verified" } });
    if (resumed) {
      await peer.untilPrinted(/This is a resumed session/);
      const printed = await peer.until("two bindings", () => {
        const found = [...peer.output.matchAll(/'tls-unique': ([0-9a-f]+)/g)].map(([, hex]) => hex);
        return found.length === 2 && found;
      });
      expect(Buffer.from(client.engine.channelBinding("tls-unique")).toString("hex")).toBe(printed[1]);
    }
    await echoAndClose(client);
  });
}

row({ ...asClient, feature: "renegotiation is refused with a warning" }, noServer, async (scope) => {
  const { client, peer } = await meetServer(scope);
  await client.untilComplete();
  client.write("**REHANDSHAKE**\n");
  // GnuTLS goes away by itself then.
  await peer.untilPrinted(/Sending rehandshake request[^]+A TLS warning alert has been received/);
  expect((await client.untilClosed()).kind).toBe("truncated");
});

row(
  { ...asServer, feature: "renegotiation is refused with a warning, then the connection ends" },
  noClient,
  async (scope) => {
    // GnuTLS takes the warning, and tries once more.
    const { server, peer } = await meetClient(scope, [], ["--inline-commands"]);
    await peer.untilPrinted(/Handshake was completed/);
    peer.write("^renegotiate^\n");
    expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "no_renegotiation" });
    await peer.untilPrinted(/A TLS warning alert has been received/);
    await peer.untilPrinted(/A TLS fatal alert has been received/);
  },
);
