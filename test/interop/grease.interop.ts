import { afterAll, beforeAll, expect } from "vitest";
import {
  type ClientOptions,
  type ConnectionInfo,
  MemorySessionStore,
  type TlsVersion,
} from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver } from "./driver.ts";
import {
  compileLoopback,
  echoAndClose,
  gnutlsServerLacks,
  priority,
  priority12,
  startGnutlsServer,
} from "./peers/gnutls.ts";
import { buildGoPeer, noGo } from "./peers/go.ts";
import { noJava, startJava } from "./peers/java.ts";
import { listenNode } from "./peers/node.ts";
import { exchangeWithServer, noOpenssl, startServer } from "./peers/openssl.ts";
import { connectToPython, noPython, startPython } from "./peers/python.ts";
import type { Peer } from "./process.ts";
import { clientFor, row } from "./rows.ts";
import { Scope } from "./waiting.ts";

// A client with values that no server must know, RFC 8701: servers pass over them.

const authority = await makeAuthority(["ecdsa-p256"]);
const certificate = authority.server("ecdsa-p256");
const shim = gnutlsServerLacks({}) === undefined ? compileLoopback(authority.folder) : "";
const go = buildGoPeer();
/** One virtual machine for all rows. */
const machines = new Scope();
let java: Peer;

beforeAll(async () => {
  if (noJava !== undefined) return;
  const identities = ["TLSv1.3", "TLSv1.2"].map((version) =>
    ["ecdsa-p256", certificate.chainFile, certificate.keyFile, "none", version].join(":"),
  );
  java = startJava(machines, "server", authority.rootFile, ...identities);
  await java.untilPrinted(/^LISTENING ecdsa-p256 none TLSv1\.2 /m);
});
afterAll(async () => {
  await machines.close();
  go.remove();
  authority.remove();
});

/** A server that listens for three connections. */
interface Listening {
  readonly connect: (options: Partial<ClientOptions>) => Promise<Driver>;
  /** Data both ways and a clean end. */
  readonly exchange: (client: Driver) => Promise<unknown>;
}

interface ServerKind {
  readonly peer: string;
  readonly missing: string | undefined;
  /** @param retries whether it has none of the groups that we send a share for. */
  readonly listen: (scope: Scope, version: TlsVersion, retries: boolean) => Promise<Listening>;
  /** Whether its groups can be chosen. */
  readonly canRetry?: false;
}

const echo = async (client: Driver): Promise<void> => {
  client.write("ping from tls-engine\n");
  await client.untilReceived("ping from tls-engine\n");
  expect((await client.close()).kind).toBe("clean");
};

function on(scope: Scope, port: number): Listening["connect"] {
  return (options) => connect(scope, port, clientFor(certificate, options));
}

const kinds: readonly ServerKind[] = [
  {
    peer: "openssl s_server",
    missing: noOpenssl,
    async listen(scope, version, retries) {
      const only = version === "TLSv1.3" ? "-tls1_3" : "-tls1_2";
      const args = [only, "-naccept", "3", ...(retries ? ["-groups", "P-384"] : [])];
      const { peer, port } = await startServer(scope, authority, certificate, args);
      return { connect: on(scope, port), exchange: (client) => exchangeWithServer(client, peer) };
    },
  },
  {
    peer: "gnutls-serv",
    missing: gnutlsServerLacks({}),
    async listen(scope, version, retries) {
      const wanted =
        version === "TLSv1.3" ? `--priority=${priority(retries ? ["secp384r1"] : [])}` : priority12();
      const { port } = await startGnutlsServer(scope, shim, certificate, [wanted, "--disable-client-cert"]);
      return { connect: on(scope, port), exchange: echoAndClose };
    },
  },
  {
    peer: "Go crypto/tls server",
    missing: noGo,
    async listen(scope, version, retries) {
      const number = version.slice("TLSv".length);
      const args = ["-cert", certificate.chainFile, "-key", certificate.keyFile, "-connections", "3"];
      const groups = retries ? ["-groups", "secp384r1"] : [];
      const peer = go.start(scope, "server", ...args, "-min", number, "-max", number, ...groups);
      const [, port] = await peer.untilPrinted(/"port":(\d+)/);
      return { connect: on(scope, Number(port)), exchange: echo };
    },
  },
  {
    peer: "Java JSSE server",
    missing: noJava,
    canRetry: false,
    async listen(scope, version) {
      const line = new RegExp(`^LISTENING ecdsa-p256 none ${version.replace(".", "\\.")} (\\d+)`, "m");
      const [, port] = await java.untilPrinted(line);
      return { connect: on(scope, Number(port)), exchange: echo };
    },
  },
  {
    peer: "Python asyncio start_tls server",
    missing: noPython,
    async listen(scope, version, retries) {
      const name = version.replace(".", "_");
      const theirs = { versions: [name, name], ...(retries && { curve: "secp384r1" }) };
      const args = [certificate.chainFile, certificate.keyFile, JSON.stringify(theirs)];
      const peer = startPython(scope, "starttls_server.py", ...args);
      const [, port] = await peer.untilPrinted(/"port": (\d+)/);
      return {
        connect: (options) => connectToPython(scope, Number(port), clientFor(certificate, options)),
        exchange: echo,
      };
    },
  },
  {
    peer: "node:tls server",
    missing: undefined,
    async listen(scope, version, retries) {
      const options = { minVersion: version, maxVersion: version, ...(retries && { ecdhCurve: "P-384" }) };
      const { port, next } = await listenNode(scope, certificate, options);
      return {
        connect: async (ours) => {
          const connecting = on(scope, port)(ours);
          void next().then(({ socket }) => socket.pipe(socket));
          return await connecting;
        },
        exchange: echo,
      };
    },
  },
];

/** A greasing client's connection to `server`, from beginning to end, with its session in hand. */
async function talk(
  { connect, exchange }: Listening,
  options: Partial<ClientOptions>,
): Promise<ConnectionInfo> {
  const client = await connect({ grease: true, ...options });
  const info = await client.untilComplete();
  await exchange(client);
  return info;
}

for (const { peer, missing, listen, canRetry = true } of kinds) {
  for (const version of ["TLSv1.3", "TLSv1.2"] as const) {
    row(
      { peer, we: "client", version, feature: "GREASE, three connections, two resumed" },
      missing,
      async (scope) => {
        const server = await listen(scope, version, false);
        const sessionStore = new MemorySessionStore();
        const outcomes: unknown[] = [];
        for (let i = 0; i < 3; i++) {
          const { version: spoken, resumed } = await talk(server, { sessionStore });
          outcomes.push([spoken, resumed]);
        }
        expect(outcomes).toEqual([false, true, true].map((resumed) => [version, resumed]));
      },
    );
  }
  if (!canRetry) continue;
  row(
    { peer, we: "client", feature: "GREASE behind HelloRetryRequest, then resumed" },
    missing,
    async (scope) => {
      const server = await listen(scope, "TLSv1.3", true);
      const options = { sessionStore: new MemorySessionStore(), keyShares: ["x25519"] };
      const expected = { version: "TLSv1.3", group: "secp384r1", helloRetried: true };
      expect(await talk(server, options)).toMatchObject({ ...expected, resumed: false });
      expect(await talk(server, options)).toMatchObject({ ...expected, resumed: true });
    },
  );
}
