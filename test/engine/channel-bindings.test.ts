import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import {
  ClientConfig,
  type ClientHello,
  credential,
  HandshakeType,
  ServerConfig,
  type ServerOptions,
  TlsEngine,
  type TlsMessage,
  type TlsVersion,
} from "../../src/index.ts";
import { testCertificate } from "../support/certificates.ts";
import { type End, Pair } from "../support/pair.ts";
import { configsOf, open, VERSIONS } from "./versions.ts";

const TYPES = ["tls-exporter", "tls-server-end-point", "tls-unique"] as const;
type BindingType = (typeof TYPES)[number];

/** A binding as text, or what is said instead. */
function bindingOf({ engine }: End, type: BindingType): string {
  try {
    return hex(engine.channelBinding(type));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return error.message;
  }
}

/** The binding on which both sides agree. */
function agreed({ client, server }: Pair, type: BindingType): string {
  const own = bindingOf(client, type);
  expect(bindingOf(server, type)).toBe(own);
  return own;
}

const NONE: Readonly<Record<BindingType, string>> = {
  "tls-exporter": "tls-exporter needs an extended main secret in TLS 1.2 (RFC 9266 §4)",
  "tls-server-end-point": "this connection has no channel binding tls-server-end-point",
  "tls-unique": "this connection has no channel binding tls-unique",
};

/** As of a client that does not know RFC 7627. */
const withoutExtension = ({
  extensions: { extendedMainSecret: _, ...kept },
  ...hello
}: ClientHello): ClientHello => ({
  ...hello,
  extensions: kept,
});

/** `verify_data` of the Finished of each side, as the hooks of the client see it. */
function finishedSeenBy(seen: readonly TlsMessage[]): Readonly<Record<"client" | "server", string>> {
  const of = (direction: "read" | "write"): string => {
    const message = seen.find(
      (one) =>
        one.direction === direction && one.messageType === HandshakeType.finished && one.contentType === 22,
    );
    return message === undefined ? "none" : hex(message.data.subarray(4));
  };
  return { client: of("write"), server: of("read") };
}

const CONNECTIONS: readonly {
  readonly what: string;
  readonly version: TlsVersion;
  readonly resumed: boolean;
  readonly extended: boolean;
  readonly options: Partial<ServerOptions>;
}[] = [
  { what: "TLS 1.3", version: "TLSv1.3", resumed: false, extended: true, options: {} },
  ...([true, "stored"] as const).map((sessionTickets) => ({
    what: `TLS 1.3, resumed by a ticket that ${sessionTickets === true ? "holds the session" : "is its name"}`,
    version: "TLSv1.3" as const,
    resumed: true,
    extended: true,
    options: { sessionTickets, ticketCount: 1 },
  })),
  ...[true, false].flatMap((extended) =>
    [false, true].flatMap((resumed) =>
      [true, false].map((sessionTickets) => ({
        what: `TLS 1.2, ${resumed ? "resumed by" : "with"} ${sessionTickets ? "a ticket" : "an id"}, ${extended ? "with" : "without"} an extended main secret`,
        version: "TLSv1.2" as const,
        resumed,
        extended,
        options: { sessionTickets },
      })),
    ),
  ),
];

describe.each(CONNECTIONS)("in $what", ({ version, resumed, extended, options }) => {
  async function connect(): Promise<{
    readonly pair: Pair;
    readonly finished: ReturnType<typeof finishedSeenBy>;
    readonly certificate: Uint8Array;
  }> {
    const configs = configsOf(version);
    const seen: TlsMessage[] = [];
    const client = configs.client({
      onMessage: (message) => seen.push(message),
      ...(!extended && { shapeClientHello: withoutExtension }),
    });
    const server = configs.server(options);
    if (resumed) await open(client, server);
    seen.length = 0;
    const pair = await open(client, server);
    expect(pair.client.engine.info).toMatchObject({ resumed, extendedMainSecret: extended });
    const [certificate = new Uint8Array()] = server.credentials[0]?.certificateChain ?? [];
    return { pair, finished: finishedSeenBy(seen), certificate };
  }

  test("tls-server-end-point is the hash of the server's certificate", async () => {
    const { pair, certificate } = await connect();
    expect(agreed(pair, "tls-server-end-point")).toBe(createHash("sha256").update(certificate).digest("hex"));
  });

  test(`tls-unique is ${version === "TLSv1.3" || (resumed && !extended) ? "not there" : "the first Finished"}`, async () => {
    const { pair, finished } = await connect();
    const isThere = version === "TLSv1.2" && !(resumed && !extended);
    const first = resumed ? finished.server : finished.client;
    expect(first).toMatch(version === "TLSv1.2" ? /^[0-9a-f]{24}$/ : /^[0-9a-f]{64}$/);
    expect(agreed(pair, "tls-unique")).toBe(isThere ? first : NONE["tls-unique"]);
  });

  test(`tls-exporter is ${extended ? "what the exporter gives for it" : "not there"}`, async () => {
    const { pair } = await connect();
    const exported = pair.client.engine.exportKeyingMaterial(
      "EXPORTER-Channel-Binding",
      new Uint8Array(),
      32,
    );
    expect(agreed(pair, "tls-exporter")).toBe(extended ? hex(exported) : NONE["tls-exporter"]);
  });
});

test("the bindings of two connections differ, but for that of the certificate", async () => {
  const { client, server } = configsOf("TLSv1.2");
  const configs = [client(), server()] as const;
  const pairs = [await open(...configs), await open(...configs), await open(...configs)];
  for (const type of TYPES) {
    const values = new Set(pairs.map((pair) => agreed(pair, type)));
    expect(values.size, type).toBe(type === "tls-server-end-point" ? 1 : pairs.length);
  }
});

describe.each(VERSIONS)("in %s", (version) => {
  test("a binding is the caller's to overwrite", async () => {
    const { client, server } = configsOf(version);
    const { engine } = (await open(client(), server())).client;
    const types = TYPES.filter((type) => version === "TLSv1.2" || type !== "tls-unique");
    for (const type of types) {
      const binding = engine.channelBinding(type);
      const copy = binding.slice();
      binding.fill(0);
      expect(engine.channelBinding(type), type).toEqual(copy);
    }
  });

  test("there is none before the handshake has ended, nor after the connection has", async () => {
    const { client, server } = configsOf(version);
    const pair = new Pair(client(), server());
    const { engine } = pair.client;
    const needsOpen = "channel bindings need a connection that is open";
    for (const type of TYPES) expect(() => engine.channelBinding(type), type).toThrow(needsOpen);
    await pair.run();
    expect(engine.channelBinding("tls-exporter")).toHaveLength(32);
    engine.abort();
    for (const type of TYPES) expect(() => engine.channelBinding(type), type).toThrow(needsOpen);
    for (const type of TYPES) expect(() => new TlsEngine().channelBinding(type), type).toThrow(needsOpen);
  });

  test("one that nobody knows is a TypeError that names it", async () => {
    const { client, server } = configsOf(version);
    const { engine } = (await open(client(), server())).server;
    expect(() => engine.channelBinding("tls-unique-for-telnet" as never)).toThrow(
      new TypeError("channel binding tls-unique-for-telnet is not supported"),
    );
    expect(engine.state).toBe("open");
  });

  test("tls-server-end-point is not there for a certificate whose signature names no hash, as that of Ed25519", async () => {
    const { certificatePem, keyPem } = await testCertificate({ keyType: "ed25519" });
    const common = { versions: [version], groups: ["x25519"] };
    const client = new ClientConfig({
      ...common,
      serverName: "localhost",
      dangerouslyAcceptAnyCertificate: true,
    });
    const server = new ServerConfig({
      ...common,
      credentials: [credential({ certificateChain: certificatePem, key: keyPem })],
    });
    for (let i = 0; i < 2; i++) {
      const pair = await open(client, server);
      expect(agreed(pair, "tls-server-end-point")).toBe(NONE["tls-server-end-point"]);
      expect(agreed(pair, "tls-exporter")).toHaveLength(64);
    }
  });
});
