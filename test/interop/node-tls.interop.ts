import type { ConnectionOptions } from "node:tls";
import { afterAll, expect } from "vitest";
import { type ClientOptions, pinned, type ServerOptions } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver, listen } from "./driver.ts";
import {
  type Carrier,
  exchangeWithNode,
  meetNodeClient,
  meetNodeServer,
  nodeLacks,
  nodeOnly,
  type NodePeer,
  type NodeServerOptions,
} from "./peers/node.ts";
import { requestNodeStartTls, startNodeStartTls } from "./peers/node-starttls.ts";
import {
  clientFor,
  combinations,
  expectAgreement,
  matrixCertificates,
  patterned,
  row,
  serverWith,
} from "./rows.ts";
import { answerStartTls, requestStartTls } from "./smtp.ts";
import type { Scope } from "./waiting.ts";

const authority = await makeAuthority();
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");

for (const combination of combinations()) {
  const { suite, group } = combination;
  const about = { ...combination, feature: "data both ways" };
  const options = { cipherSuites: [suite], groups: [group] };
  row({ peer: "node:tls server", we: "client", ...about }, nodeLacks(combination), async (scope) => {
    const issued = authority.server(combination.certificate);
    const config = clientFor(issued, options);
    const { client, peer } = await meetNodeServer(scope, "socket", issued, config, nodeOnly(combination));
    expectAgreement(await client.untilComplete(), combination);
    await exchangeWithNode(client, peer);
  });
  row({ peer: "node:tls client", we: "server", ...about }, nodeLacks(combination), async (scope) => {
    const config = serverWith(authority.server(combination.certificate), options);
    const { server, peer } = await meetNodeClient(scope, "socket", authority, config, nodeOnly(combination));
    expectAgreement(await server.untilComplete(), combination);
    await exchangeWithNode(server, peer);
  });
}

type ClientRun = (
  scope: Scope,
  meet: (
    ours?: Partial<ClientOptions>,
    theirs?: NodeServerOptions,
  ) => Promise<{ readonly client: Driver; readonly peer: NodePeer }>,
) => Promise<void>;
type ServerRun = (
  scope: Scope,
  meet: (
    ours?: Partial<ServerOptions>,
    theirs?: ConnectionOptions,
  ) => Promise<{ readonly server: Driver; readonly peer: NodePeer }>,
) => Promise<void>;

const carriers: readonly Carrier[] = ["socket", "duplex"];

/** A row of our client, over a socket and over a Duplex. */
function asClient(feature: string, run: ClientRun): void {
  for (const carrier of carriers) {
    const about = { peer: "node:tls server", we: "client", feature: `${feature} (${carrier})` } as const;
    row(about, nodeLacks({}), async (scope) => {
      await run(scope, (ours, theirs) =>
        meetNodeServer(scope, carrier, certificate, clientFor(certificate, ours), theirs),
      );
    });
  }
}

/** A row of our server, over a socket and over a Duplex. */
function asServer(feature: string, run: ServerRun): void {
  for (const carrier of carriers) {
    const about = { peer: "node:tls client", we: "server", feature: `${feature} (${carrier})` } as const;
    row(about, nodeLacks({}), async (scope) => {
      await run(scope, (ours, theirs) =>
        meetNodeClient(scope, carrier, authority, serverWith(certificate, ours), theirs),
      );
    });
  }
}

asClient("ALPN and SNI", async (_scope, meet) => {
  const names: string[] = [];
  const { client, peer } = await meet(
    { alpn: ["c", "a", "b"] },
    {
      ALPNProtocols: ["b", "a"],
      SNICallback: (name, done) => {
        names.push(name);
        done(null);
      },
    },
  );
  expect((await client.untilComplete()).alpn).toBe("b");
  await exchangeWithNode(client, peer);
  expect(names).toEqual(["localhost"]);
  expect(peer.socket.alpnProtocol).toBe("b");
});

asServer("ALPN and SNI", async (_scope, meet) => {
  const { server, peer } = await meet({ alpn: ["b", "a"] }, { ALPNProtocols: ["c", "a", "b"] });
  expect(await server.untilComplete()).toMatchObject({ alpn: "b", serverName: "localhost" });
  await exchangeWithNode(server, peer);
  expect(peer.socket.alpnProtocol).toBe("b");
  expect(peer.socket.authorized).toBe(true);
});

asServer("the name does not match", async (_scope, meet) => {
  const { peer } = await meet({}, { servername: "elsewhere.test" });
  expect(await peer.untilOver()).toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
});

asClient("client certificate required", async (_scope, meet) => {
  const own = authority.client("ecdsa-p256");
  const theirs = { requestCert: true, rejectUnauthorized: true, ca: authority.rootPem };
  const { client, peer } = await meet({ clientCredential: own.credential }, theirs);
  await exchangeWithNode(client, peer);
  expect(peer.socket.authorized).toBe(true);
});

asServer("client certificate required", async (_scope, meet) => {
  const own = authority.client("rsa-2048");
  const ours: Partial<ServerOptions> = {
    clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) },
  };
  const { server, peer } = await meet(ours, { key: own.keyPem, cert: own.chainPem });
  expect((await server.untilComplete()).peer.kind).toBe("verified");
  await exchangeWithNode(server, peer);
});

asServer("client certificate required, none given", async (_scope, meet) => {
  const { spkiSha256 } = authority.client("rsa-2048");
  const { server, peer } = await meet({ clientAuth: { mode: "require", trust: pinned([spkiSha256]) } });
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "certificate_required" });
  expect(await peer.untilOver()).toMatchObject({ code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED" });
});

asClient("HelloRetryRequest", async (_scope, meet) => {
  const { client, peer } = await meet({}, { ecdhCurve: "P-521" });
  expect(await client.untilComplete()).toMatchObject({ helloRetried: true, group: "secp521r1" });
  await exchangeWithNode(client, peer);
});

asServer("HelloRetryRequest and cookie", async (_scope, meet) => {
  const ours = { groups: ["secp384r1"], helloRetryCookie: true };
  const { server, peer } = await meet(ours, { ecdhCurve: "X25519:P-384" });
  expect(await server.untilComplete()).toMatchObject({ helloRetried: true, group: "secp384r1" });
  await exchangeWithNode(server, peer);
});

asClient("exporter and key log are the same", async (_scope, meet) => {
  const keys = keyLogs();
  const { client, peer } = await meet({ onKeyLog: keys.ours }, { onKeyLog: keys.theirs });
  await client.untilComplete();
  await expectSameExports(client, peer);
  await exchangeWithNode(client, peer);
  keys.expectSame();
});

asServer("exporter and key log are the same", async (_scope, meet) => {
  const keys = keyLogs();
  const { server, peer } = await meet({ onKeyLog: keys.ours });
  peer.socket.on("keylog", keys.theirs);
  await server.untilComplete();
  await expectSameExports(server, peer);
  await exchangeWithNode(server, peer);
  keys.expectSame();
});

asClient("tickets arrive as sessions", async (_scope, meet) => {
  const { client, peer } = await meet();
  await exchangeWithNode(client, peer);
  expect(client.eventsOf("session").map(({ session }) => session.serverName)).toEqual([
    "localhost",
    "localhost",
  ]);
});

asClient("KeyUpdate: ours, with a request", async (_scope, meet) => {
  const { client, peer } = await meet();
  await client.untilComplete();
  client.updateKeys(true);
  await exchangeWithNode(client, peer);
  expect(client.eventsOf("key-update").map(({ direction }) => direction)).toEqual(["write", "read"]);
});

asClient("4 MiB both ways at once", async (_scope, meet) => {
  const { client, peer } = await meet();
  await client.untilComplete();
  await exchangeMuch(client, peer);
});

asServer("4 MiB both ways at once", async (_scope, meet) => {
  const { server, peer } = await meet();
  await server.untilComplete();
  await exchangeMuch(server, peer);
});

asClient("close_notify: theirs first", async (_scope, meet) => {
  const { client, peer } = await meet();
  // Before it has sent its tickets, node ends without close_notify.
  client.write("ping");
  await peer.untilReceived("ping");
  peer.socket.end("last words");
  expect((await client.untilClosed()).kind).toBe("clean");
  expect(client.received.toString()).toBe("last words");
  await client.close();
  expect(await peer.untilOver()).toBeUndefined();
});

asClient("half-closed: they answer behind our close_notify", async (_scope, meet) => {
  const { client, peer } = await meet({}, { allowHalfOpen: true });
  peer.socket.prependListener("end", () => peer.socket.write("late answer"));
  client.write("question");
  client.closeWrite();
  expect((await client.untilClosed()).kind).toBe("clean");
  expect(client.received.toString()).toBe("late answer");
  expect(peer.received.toString()).toBe("question");
});

asServer("close_notify: theirs first", async (_scope, meet) => {
  const { server, peer } = await meet();
  await server.untilComplete();
  peer.socket.end("last words");
  expect((await server.untilClosed()).kind).toBe("clean");
  expect(server.received.toString()).toBe("last words");
  await server.close();
  expect(await peer.untilOver()).toBeUndefined();
});

for (const kind of matrixCertificates) {
  const about = { certificate: kind, feature: "STARTTLS (SMTP)" } as const;
  const issued = authority.server(kind);

  row({ peer: "node:tls server", we: "client", ...about }, undefined, async (scope) => {
    const { port, upgraded } = await startNodeStartTls(scope, issued);
    const client = await connect(scope, port);
    await requestStartTls(client);
    client.upgrade(clientFor(issued));
    await exchangeWithNode(client, await upgraded());
  });

  row({ peer: "node:tls client", we: "server", ...about }, undefined, async (scope) => {
    const listener = await listen(scope);
    const asking = requestNodeStartTls(scope, authority, listener.port);
    const server = await listener.accept();
    await answerStartTls(server, serverWith(issued));
    await exchangeWithNode(server, await asking);
  });
}

/** Compares two exports, with a context and without. */
async function expectSameExports(own: Driver, peer: NodePeer): Promise<void> {
  await peer.untilSecure();
  for (const context of [Buffer.alloc(0), Buffer.from("a context")]) {
    const theirs = peer.socket.exportKeyingMaterial(64, "EXPORTER-interop", context);
    const ours = own.engine.exportKeyingMaterial("EXPORTER-interop", context, 64);
    expect(Buffer.from(ours).equals(theirs)).toBe(true);
  }
}

function keyLogs(): {
  readonly ours: (line: string) => void;
  readonly theirs: (line: Buffer) => void;
  expectSame(): void;
} {
  const ours: string[] = [];
  const theirs: string[] = [];
  return {
    ours: (line) => ours.push(line),
    theirs: (line) => theirs.push(line.toString("latin1").trimEnd()),
    expectSame: () => {
      expect(ours).toHaveLength(5);
      expect(ours.sort()).toEqual(theirs.sort());
    },
  };
}

async function exchangeMuch(own: Driver, peer: NodePeer): Promise<void> {
  const data = patterned(4 * 1024 * 1024);
  peer.socket.write(data);
  own.write(data);
  await own.until("4 MiB", () => own.receivedLength >= data.length);
  await peer.until("4 MiB", () => peer.receivedLength >= data.length);
  expect(own.received.equals(data)).toBe(true);
  expect(peer.received.equals(data)).toBe(true);
  expect((await own.close()).kind).toBe("clean");
}
