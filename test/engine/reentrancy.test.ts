import { describe, expect, test } from "vitest";

import { ascii, latin1 } from "../../src/bytes.ts";
import {
  ClientConfig,
  type Credential,
  NEED_DATA,
  type ServerOptions,
  TlsEngine,
  type Verified,
} from "../../src/index.ts";
import { TOY_CLIENT_OPTIONS } from "../handshake/scenarios.ts";
import { toyCredential } from "../handshake/toy-provider.ts";
import { End } from "../support/pair.ts";
import { configsOf, VERSIONS } from "./versions.ts";
import { WatchedProvider } from "./watched-provider.ts";

/** A call of the engine from inside of one of its hooks. */
type Inside = (engine: TlsEngine) => void;

/** A client and a server; whoever has the hook calls its own engine from there, once. */
interface Stage {
  readonly subject: End;
  readonly peer: End;
  readonly watch: WatchedProvider;
  /** Whether the hook was called. */
  readonly wasCalled: () => boolean;
}

const VERIFIED: Verified = { trust: "verified" };

function stageOf(
  make: (call: () => void, watch: WatchedProvider) => TlsEngine,
  peer: TlsEngine,
  inside: Inside,
): Stage {
  const watch = new WatchedProvider(TOY_CLIENT_OPTIONS.provider);
  let subject: End | undefined = undefined;
  let calls = 0;
  const call = (): void => {
    if (subject === undefined || calls++ > 0) return;
    inside(subject.engine);
  };
  subject = new End(make(call, watch));
  return { subject, peer: new End(peer), watch, wasCalled: () => calls > 0 };
}

async function run({ subject, peer }: Stage): Promise<void> {
  for (let isIdle = false; !isIdle;) {
    isIdle = true;
    for (const [from, to] of [
      [subject, peer],
      [peer, subject],
    ] as const) {
      for (let waits = from.drain(); waits !== undefined; waits = from.drain()) await waits;
      const output = from.engine.takeOutput();
      if (output === null) continue;
      isIdle = false;
      from.sent.push(output);
      to.engine.receive(output);
    }
  }
}

const credential = await toyCredential("reentrant");
const { dangerouslyAcceptAnyCertificate: _, ...clientOptions } = TOY_CLIENT_OPTIONS;
const clientAuth = { mode: "require", dangerouslyAcceptAnyCertificate: true } as const;

const signing = (call: () => void): Credential => ({
  ...credential,
  key: {
    ...credential.key,
    sign: (...args) => {
      call();
      return credential.key.sign(...args);
    },
  },
});

describe.each(VERSIONS)("in %s,", (version) => {
  const { client: toyClient, server: toyServer } = configsOf(version);
  const server = (options: Partial<ServerOptions>, watch: WatchedProvider): TlsEngine =>
    TlsEngine.server(toyServer({ provider: watch.provider, ...options }));

  /** Every hook that a flow calls, at once. */
  const HOOKS: Readonly<Record<string, (inside: Inside) => Stage>> = {
    "a server's chooseSetup": (inside) =>
      stageOf(
        (call, watch) => server({ chooseSetup: () => (call(), {}) }, watch),
        TlsEngine.client(toyClient()),
        inside,
      ),
    "a server's key": (inside) =>
      stageOf(
        (call, watch) => server({ credentials: [signing(call)] }, watch),
        TlsEngine.client(toyClient()),
        inside,
      ),
    "a server's trust policy": (inside) =>
      stageOf(
        (call, watch) =>
          server({ clientAuth: { mode: "require", trust: { verify: () => (call(), VERIFIED) } } }, watch),
        TlsEngine.client(toyClient({ clientCredential: credential })),
        inside,
      ),
    "a client's trust policy": (inside) =>
      stageOf(
        (call, watch) =>
          TlsEngine.client(
            new ClientConfig({
              ...clientOptions,
              versions: [version],
              provider: watch.provider,
              trust: { verify: () => (call(), VERIFIED) },
            }),
          ),
        TlsEngine.server(toyServer()),
        inside,
      ),
    "a client's choice of a certificate": (inside) =>
      stageOf(
        (call, watch) =>
          TlsEngine.client(
            toyClient({ provider: watch.provider, clientCredential: () => (call(), credential) }),
          ),
        TlsEngine.server(toyServer({ clientAuth })),
        inside,
      ),
    "a client's key": (inside) =>
      stageOf(
        (call, watch) =>
          TlsEngine.client(toyClient({ provider: watch.provider, clientCredential: signing(call) })),
        TlsEngine.server(toyServer({ clientAuth })),
        inside,
      ),
    "a client's onMessage": (inside) =>
      stageOf(
        (call, watch) => TlsEngine.client(toyClient({ provider: watch.provider, onMessage: call })),
        TlsEngine.server(toyServer()),
        inside,
      ),
    "a server's onKeyLog": (inside) =>
      stageOf((call, watch) => server({ onKeyLog: call }, watch), TlsEngine.client(toyClient()), inside),
  };

  describe.each(Object.entries(HOOKS))("inside of %s", (_hook, stage) => {
    test("abort() ends the connection: one event, the alert is the last output, and no secret is left", async () => {
      const scene = stage((engine) => engine.abort("user_canceled"));
      await run(scene);
      const { subject, peer, watch } = scene;
      expect(scene.wasCalled()).toBe(true);
      expect(subject.closed).toEqual({ kind: "aborted", alertSent: "user_canceled" });
      expect(subject.events.map(({ type }) => type)).toEqual(["closed"]);
      expect(subject.engine.state).toBe("closed");
      expect(subject.engine.takeOutput()).toBeNull();
      expect(subject.engine.pendingOutput).toBe(0);
      expect(peer.closed).toMatchObject({ kind: "alert", alert: "user_canceled" });
      expect(watch.alive).toEqual([]);
    });

    test.each<readonly [string, Inside]>([
      ["nextEvent()", (engine) => engine.nextEvent()],
      ["receive()", (engine) => engine.receive(Uint8Array.of(22))],
      ["write()", (engine) => engine.write(ascii("from inside"))],
      ["closeWrite()", (engine) => engine.closeWrite()],
      ["unwrap()", (engine) => engine.unwrap()],
      ["updateKeys()", (engine) => engine.updateKeys()],
      ["upgrade()", (engine) => engine.upgrade(toyClient(), "none")],
    ])("%s is a TypeError, and the connection goes on if the hook does", async (_call, inside) => {
      let thrown: unknown;
      const scene = stage((engine) => {
        try {
          inside(engine);
        } catch (error) {
          thrown = error;
        }
      });
      scene.subject.engine.write(ascii("before"));
      await run(scene);
      expect(thrown).toBeInstanceOf(TypeError);
      expect(scene.subject.events.map(({ type }) => type)).toEqual(["handshake-complete"]);
      expect(latin1(scene.peer.received)).toBe("before");
      expect(scene.subject.engine.nextEvent()).toBe(NEED_DATA);
    });

    test("takeOutput() gives nothing, and loses nothing", async () => {
      let taken: Uint8Array | null | undefined;
      const scene = stage((engine) => {
        taken = engine.takeOutput();
      });
      await run(scene);
      expect(taken).toBeNull();
      expect(scene.subject.events.map(({ type }) => type)).toEqual(["handshake-complete"]);
      expect(scene.peer.events.map(({ type }) => type)).toEqual(["handshake-complete"]);
    });
  });
});
