import { describe, expect, expectTypeOf, test } from "vitest";

import {
  ClientConfig,
  type ClientOptions,
  ConfigError,
  type ConnectionInfo,
  NEED_DATA,
  type PeerIdentity,
  pinned,
  ServerConfig,
  TlsEngine,
  type TlsEvent,
} from "../../src/index.ts";
import { toyClient, toyServer } from "../handshake/scenarios.ts";
import { Scene } from "../support/scripted-peer.ts";
import { configsOf, VERSIONS } from "./versions.ts";

const trust = pinned([new Uint8Array(32)]);

// What does not compile is refused at run time too, for programs without types. The compiler checks each @ts-expect-error.
describe("a client config does not compile, and is a ConfigError,", () => {
  test("without a server name", () => {
    // @ts-expect-error serverName is missing
    expect(() => new ClientConfig({ trust })).toThrow(ConfigError);
  });

  test("with a server name of null alone", () => {
    // @ts-expect-error dangerouslySkipHostname is missing
    expect(() => new ClientConfig({ serverName: null, trust })).toThrow(ConfigError);
    // @ts-expect-error it has to be true
    expect(() => new ClientConfig({ serverName: null, dangerouslySkipHostname: false, trust })).toThrow(
      ConfigError,
    );
  });

  test("without a trust policy", () => {
    // @ts-expect-error trust is missing
    expect(() => new ClientConfig({ serverName: "localhost" })).toThrow(ConfigError);
    // @ts-expect-error it has to be true
    const notTrue: ClientOptions = { serverName: "localhost", dangerouslyAcceptAnyCertificate: false };
    expect(() => new ClientConfig(notTrue)).toThrow(ConfigError);
  });
});

test("a client's policy that may leave the server unverified does not compile", () => {
  const lax = { verify: () => ({ trust: "unverified" as const, reason: "why not" }) };
  // @ts-expect-error only a server's policy may say so; see failing-hooks.test.ts for what becomes of it at run time
  const config = new ClientConfig({ serverName: "localhost", trust: lax });
  expect(config.trust).toBe(lax);
});

describe("a server config does not compile, and is a ConfigError,", () => {
  test("that asks for certificates without saying who verifies them", () => {
    const { credentials } = toyServer();
    // @ts-expect-error trust or dangerouslyAcceptAnyCertificate is missing
    expect(() => new ServerConfig({ credentials, clientAuth: { mode: "require" } })).toThrow(ConfigError);
  });
});

describe("an engine does not compile, and is a TypeError,", () => {
  test("with the config of the other role", () => {
    // @ts-expect-error a ServerConfig
    expect(() => TlsEngine.client(toyServer())).toThrow(TypeError);
    // @ts-expect-error a ClientConfig
    expect(() => TlsEngine.server(toyClient())).toThrow(TypeError);
  });

  test("upgraded without a word about unread bytes", () => {
    // @ts-expect-error the bytes that a parser holds, or "none"
    expect(() => new TlsEngine().upgrade(toyClient())).toThrow(TypeError);
  });
});

describe("what both versions have in common is in info, and what they differ in has a type for it:", () => {
  test("the version is a union, the group may be null, and a binding has a name", () => {
    expectTypeOf<ConnectionInfo["version"]>().toEqualTypeOf<"TLSv1.3" | "TLSv1.2">();
    expectTypeOf<ConnectionInfo["group"]>().toEqualTypeOf<string | null>();
    const { engine } = new Scene(toyClient(), toyServer());
    // @ts-expect-error there is no such binding
    expect(() => engine.channelBinding("tls-unique-for-telnet")).toThrow(TypeError);
    // @ts-expect-error no context has to be said: null
    expect(() => engine.exportKeyingMaterial("label", undefined, 32)).toThrow(TypeError);
  });

  test("a version that does not exist does not compile, and is a ConfigError", () => {
    // @ts-expect-error TLS 1.1 is not spoken here
    expect(() => toyClient({ versions: ["TLSv1.1"] })).toThrow(ConfigError);
    // @ts-expect-error a store needs all three methods
    expect(() => toyClient({ sessionStore: { get: () => null } })).toThrow(ConfigError);
  });
});

describe("the peer is a union", () => {
  test("whose chain is there only for a peer that has shown one", () => {
    const scene = new Scene(toyClient(), toyServer());
    scene.playAll();
    const { peer } = scene.engine.info ?? { peer: { kind: "none" } satisfies PeerIdentity as PeerIdentity };
    // @ts-expect-error not every peer has one
    const chain: unknown = peer.chain;
    expect(chain).toBeInstanceOf(Array);
    if (peer.kind === "verified" || peer.kind === "unverified") {
      expectTypeOf(peer.chain).toEqualTypeOf<readonly Uint8Array[]>();
      expect(peer.chain).toHaveLength(1);
    }
    // @ts-expect-error only an unverified peer has a reason
    expect(peer.reason).toBe("any certificate is accepted");
  });

  test("and is nothing before the handshake has ended", () => {
    const engine = TlsEngine.client(toyClient());
    expectTypeOf(engine.info).toEqualTypeOf<ConnectionInfo | null>();
    // @ts-expect-error info may be null
    expect(() => engine.info.peer).toThrow(TypeError);
  });
});

describe("events", () => {
  /** Compiles as long as it names every event. */
  function exhaustive(event: TlsEvent): string {
    switch (event.type) {
      case "data":
      case "early-data":
      case "early-data-rejected":
        return `${event.data.length}`;
      case "pending":
        return `${event.done instanceof Promise}`;
      case "handshake-complete":
        return event.info.version;
      case "session":
        return `${event.session.lifetimeSeconds}`;
      case "client-authenticated":
        return event.peer.kind;
      case "key-update":
        return event.direction;
      case "warning-alert":
        return event.alert;
      case "unwrapped":
        return "";
      case "closed":
        return event.how.kind;
      default:
        return event satisfies never;
    }
  }

  /** Lacks `unwrapped` and `closed`. */
  function incomplete(event: TlsEvent): string {
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- that it is not is what is tested
    switch (event.type) {
      case "data":
      case "pending":
      case "handshake-complete":
      case "session":
      case "key-update":
      case "warning-alert":
        return event.type;
      default:
        // @ts-expect-error two are left
        return event satisfies never;
    }
  }

  test.each(VERSIONS)(
    "of %s can be exhausted by a switch, and one that is forgotten does not compile",
    (version) => {
      const configs = configsOf(version);
      const scene = new Scene(configs.client(), configs.server());
      scene.playAll();
      scene.engine.abort();
      scene.exchange();
      expect(scene.events.map(exhaustive)).toEqual([version, "aborted"]);
      expect(incomplete({ type: "unwrapped" })).toEqual({ type: "unwrapped" });
    },
  );

  test("are to be told from NEED_DATA first", () => {
    const event = TlsEngine.client(toyClient()).nextEvent();
    // @ts-expect-error it may be NEED_DATA
    expect(event.type).toBeUndefined();
    expect(event).toBe(NEED_DATA);
  });

  test("say by their kind which fields the end has", () => {
    const how = { kind: "clean" } as Extract<TlsEvent, { type: "closed" }>["how"];
    // @ts-expect-error a clean end has no error
    expect(how.error).toBeUndefined();
    if (how.kind === "alert") expectTypeOf(how.alert).toExtend<string>();
    if (how.kind === "error") expectTypeOf(how.error).toExtend<Error>();
  });
});
