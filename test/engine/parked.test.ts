import { describe, expect, test } from "vitest";

import { ascii, concatBytes, latin1 } from "../../src/bytes.ts";
import {
  ClientConfig,
  ContentType,
  type Credential,
  NEED_DATA,
  type ServerOptions,
  type ServerSetup,
  TlsAlert,
  TlsEngine,
  type TlsEvent,
  type Verified,
} from "../../src/index.ts";
import { TOY_CLIENT_OPTIONS, toyClient, toyServer } from "../handshake/scenarios.ts";
import { toyCredential } from "../handshake/toy-provider.ts";
import { End } from "../support/pair.ts";
import { ScriptedPeer } from "../support/scripted-peer.ts";

/** A promise that a test settles. */
class Deferred<T> {
  readonly promise: Promise<T>;
  #resolve: ((value: T) => void) | undefined;
  #reject: ((reason: unknown) => void) | undefined;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  resolve(value: T): void {
    this.#resolve?.(value);
  }

  reject(reason: unknown): void {
    this.#reject?.(reason);
  }
}

/** A server that is parked on its chooseSetup, and a client that waits for it. */
function parkedServer(options: Partial<ServerOptions> = {}): {
  readonly client: End;
  readonly server: End;
  readonly setup: Deferred<Partial<ServerSetup>>;
} {
  const setup = new Deferred<Partial<ServerSetup>>();
  const client = new End(TlsEngine.client(toyClient()));
  const server = new End(TlsEngine.server(toyServer({ chooseSetup: () => setup.promise, ...options })));
  move(client, server);
  expect(server.drain()).toBeInstanceOf(Promise);
  return { client, server, setup };
}

/** A client that is parked on its trust policy, with the server's flight received but for its last `held` bytes. */
function parkedClient(held = 0): {
  readonly client: End;
  readonly server: End;
  readonly verdict: Deferred<Verified>;
  /** What is held. */
  readonly rest: Uint8Array;
} {
  const verdict = new Deferred<Verified>();
  const { dangerouslyAcceptAnyCertificate: _, ...options } = TOY_CLIENT_OPTIONS;
  const config = new ClientConfig({ ...options, trust: { verify: () => verdict.promise } });
  const client = new End(TlsEngine.client(config));
  const server = new End(TlsEngine.server(toyServer()));
  move(client, server);
  expect(server.drain()).toBeUndefined();
  const flight = server.engine.takeOutput();
  if (flight === null) throw new Error("no output");
  client.engine.receive(flight.subarray(0, flight.length - held));
  expect(client.drain()).toBeInstanceOf(Promise);
  return { client, server, verdict, rest: flight.slice(flight.length - held) };
}

function move(from: End, to: End): void {
  const output = from.engine.takeOutput();
  if (output !== null) to.engine.receive(output);
}

/** Carries what is left, now that nobody waits. */
function finish(client: End, server: End): void {
  for (let i = 0; i < 6; i++) {
    expect(client.drain()).toBeUndefined();
    move(client, server);
    expect(server.drain()).toBeUndefined();
    move(server, client);
  }
}

/** Header, message with its header, content type and tag. */
const FINISHED_RECORD_LENGTH = 5 + (4 + 32) + 1 + 16;

const types = ({ events }: End): readonly string[] => events.map(({ type }) => type);
const done = (event: TlsEvent | typeof NEED_DATA): Promise<void> => {
  if (event === NEED_DATA || event.type !== "pending") throw new Error("the engine is not parked");
  return event.done;
};

describe("a parked handshake", () => {
  test("answers the same pending again and again, and goes on at the next call after it", async () => {
    const { client, server, setup } = parkedServer();
    const first = server.engine.nextEvent();
    expect(server.engine.nextEvent()).toBe(first);
    expect(server.engine.takeOutput()).toBeNull();
    setup.resolve({});
    await done(first);
    // Nothing happens by itself.
    expect(server.engine.takeOutput()).toBeNull();
    expect(server.engine.nextEvent()).toBe(NEED_DATA);
    expect(server.engine.pendingOutput).toBeGreaterThan(0);
    finish(client, server);
    expect(types(server)).toEqual(["handshake-complete"]);
  });

  test("keeps bytes that arrive, and takes them in order afterwards", async () => {
    const { client, server, verdict, rest } = parkedClient(FINISHED_RECORD_LENGTH);
    const waits = done(client.engine.nextEvent());
    for (const byte of rest) {
      client.engine.receive(Uint8Array.of(byte));
      expect(client.engine.nextEvent()).toMatchObject({ type: "pending" });
    }
    expect(client.engine.pendingInput).toBe(FINISHED_RECORD_LENGTH);
    verdict.resolve({ trust: "verified" });
    await waits;
    finish(client, server);
    expect(types(client)).toEqual(["handshake-complete"]);
    expect(types(server)).toEqual(["handshake-complete"]);
  });

  test("keeps application data that comes while its own signature is awaited", async () => {
    const signature = new Deferred<void>();
    const credential = await toyCredential("client");
    const lateCredential: Credential = {
      ...credential,
      key: {
        ...credential.key,
        sign: async (...args) => {
          await signature.promise;
          return credential.key.sign(...args);
        },
      },
    };
    const client = new End(TlsEngine.client(toyClient({ clientCredential: lateCredential })));
    const clientAuth = { mode: "require", dangerouslyAcceptAnyCertificate: true } as const;
    // A server may send data as soon as it has sent Finished; ours waits for the client's, so this one is scripted.
    const server = new ScriptedPeer(toyServer({ clientAuth }));
    server.receive(client.engine.takeOutput() ?? new Uint8Array());
    while (server.peek() !== undefined) server.play();
    server.sendRecord(ContentType.application_data, ascii("half a round trip early"));
    client.engine.write(ascii("behind Finished"));
    client.engine.receive(server.takeOutput());
    const waits = client.drain();
    expect(waits).toBeInstanceOf(Promise);
    // Its Certificate is out already.
    expect(client.engine.pendingOutput).toBeGreaterThan(0);
    expect(client.events).toEqual([]);
    signature.resolve();
    await waits;
    expect(client.drain()).toBeUndefined();
    expect(types(client)).toEqual(["handshake-complete", "data"]);
    expect(latin1(client.received)).toBe("half a round trip early");
    server.receive(client.engine.takeOutput() ?? new Uint8Array());
    expect(latin1(server.data)).toBe("behind Finished");
    expect(server.established?.info.peer.kind).toBe("unverified");
  });

  test("fails with internal_error when more arrives than limits.parkedInputBytes", () => {
    const { client, server } = parkedServer({ limits: { parkedInputBytes: 100 } });
    server.engine.receive(new Uint8Array(60));
    server.engine.receive(new Uint8Array(40));
    expect(server.engine.nextEvent()).toMatchObject({ type: "pending" });
    server.engine.receive(new Uint8Array(1));
    expect(server.drain()).toBeUndefined();
    expect(server.closed).toMatchObject({ kind: "error", alertSent: "internal_error" });
    expect(server.engine.pendingInput).toBe(0);
    move(server, client);
    expect(client.drain()).toBeUndefined();
    expect(client.closed).toMatchObject({ kind: "alert", alert: "internal_error" });
  });

  test("may hold more than the limit of what came together with the message that parked it, and nothing more", () => {
    const client = TlsEngine.client(toyClient());
    const never = new Deferred<Partial<ServerSetup>>();
    const limits = { parkedInputBytes: 10 };
    const server = new End(TlsEngine.server(toyServer({ limits, chooseSetup: () => never.promise })));
    server.engine.receive(concatBytes(client.takeOutput() ?? new Uint8Array(), new Uint8Array(11).fill(20)));
    expect(server.drain()).toBeInstanceOf(Promise);
    expect(server.engine.pendingInput).toBe(11);
    server.engine.receive(Uint8Array.of(20));
    expect(server.drain()).toBeUndefined();
    expect(server.closed).toMatchObject({ kind: "error", alertSent: "internal_error" });
  });

  test("reports the end of the transport when it goes on: the peer's flight counts, what is missing is truncation", async () => {
    const { server, setup } = parkedServer();
    const waits = done(server.engine.nextEvent());
    server.engine.receiveEof();
    expect(server.engine.nextEvent()).toMatchObject({ type: "pending" });
    setup.resolve({});
    await waits;
    expect(server.drain()).toBeUndefined();
    expect(server.closed).toMatchObject({ kind: "truncated" });
    // Its flight was made, and may still be sent.
    expect(server.engine.pendingOutput).toBeGreaterThan(0);
  });

  test("finishes behind the end of the transport, if everything was there", async () => {
    const { client, verdict } = parkedClient();
    const waits = done(client.engine.nextEvent());
    client.engine.receiveEof();
    verdict.resolve({ trust: "verified" });
    await waits;
    expect(client.drain()).toBeUndefined();
    expect(types(client)).toEqual(["handshake-complete", "closed"]);
    expect(client.closed).toMatchObject({ kind: "truncated" });
  });

  test("abort() ends it at once; what the hook answers later changes nothing", async () => {
    for (const settle of [
      (setup: Deferred<Partial<ServerSetup>>) => setup.resolve({}),
      (setup: Deferred<Partial<ServerSetup>>) => setup.reject(new Error("too late")),
    ]) {
      const { server, setup } = parkedServer();
      const waits = done(server.engine.nextEvent());
      server.engine.abort("user_canceled");
      expect(server.drain()).toBeUndefined();
      expect(server.closed).toEqual({ kind: "aborted", alertSent: "user_canceled" });
      const alert = server.engine.takeOutput();
      expect(alert).toEqual(Uint8Array.of(21, 3, 3, 0, 2, 2, 90));
      settle(setup);
      await waits;
      expect(server.engine.nextEvent()).toBe(NEED_DATA);
      expect(server.engine.takeOutput()).toBeNull();
      expect(server.engine.state).toBe("closed");
    }
  });

  test("closeWrite() takes effect when the handshake has ended", async () => {
    const { client, server, setup } = parkedServer();
    const waits = done(server.engine.nextEvent());
    server.engine.write(ascii("last"));
    server.engine.closeWrite();
    expect(server.engine.takeOutput()).toBeNull();
    setup.resolve({});
    await waits;
    finish(client, server);
    expect(latin1(client.received)).toBe("last");
    expect(client.closed).toEqual({ kind: "clean" });
    expect(server.engine.state).toBe("open");
  });

  test("reads an alert of the peer when it goes on", async () => {
    const { client, server, setup } = parkedServer();
    const waits = done(server.engine.nextEvent());
    client.engine.abort("user_canceled");
    move(client, server);
    expect(server.engine.nextEvent()).toMatchObject({ type: "pending" });
    setup.resolve({});
    await waits;
    expect(server.drain()).toBeUndefined();
    expect(server.closed).toMatchObject({ kind: "alert", alert: "user_canceled" });
  });

  test("a client that waits for its own key share has sent nothing, and then sends its ClientHello", async () => {
    const { provider } = toyClient().settings;
    const client = new End(
      TlsEngine.client(
        toyClient({
          provider: {
            ...provider,
            groups: provider.groups.map((group) => ({
              ...group,
              generate: async (random) => group.generate(random),
            })),
          },
        }),
      ),
    );
    const server = new End(TlsEngine.server(toyServer()));
    expect(client.engine.takeOutput()).toBeNull();
    for (let waits = client.drain(); waits !== undefined; waits = client.drain()) await waits;
    expect(client.engine.pendingOutput).toBeGreaterThan(0);
    finish(client, server);
    expect(types(client)).toEqual(["handshake-complete"]);
  });
});

describe("a hook that fails", () => {
  const failure = new Error("the database is gone");
  const alert = new TlsAlert("unrecognized_name", "nobody here is called so");

  test.each([
    [
      "throws",
      () => {
        throw failure;
      },
    ],
    ["rejects", () => Promise.reject(failure)],
  ])("and %s is internal_error, with what it threw as the cause", async (_how, chooseSetup) => {
    const server = await runServer({ chooseSetup });
    expect(server.closed).toMatchObject({ kind: "error", alertSent: "internal_error" });
    expect(server.closed?.kind === "error" && server.closed.error.cause).toBe(failure);
  });

  test.each([
    [
      "throws",
      () => {
        throw alert;
      },
    ],
    ["rejects with", () => Promise.reject(alert)],
  ])("and %s a TlsAlert sends that alert", async (_how, chooseSetup) => {
    const server = await runServer({ chooseSetup });
    expect(server.closed).toEqual({ kind: "error", error: alert, alertSent: "unrecognized_name" });
  });

  test.each([
    ["at once", () => ({ reject: "access_denied" as const })],
    ["late", async () => ({ reject: "access_denied" as const })],
  ])("chooseSetup may refuse with an alert of its own, %s", async (_when, chooseSetup) => {
    const server = await runServer({ chooseSetup });
    expect(server.closed).toMatchObject({ kind: "error", alertSent: "access_denied" });
  });

  test.each([
    ["gives no credentials", () => ({ credentials: [] })],
    ["gives a policy that is none", () => ({ clientAuth: { mode: "require", trust: {} } as never })],
  ])("chooseSetup that %s is internal_error", async (_what, chooseSetup) => {
    const server = await runServer({ chooseSetup });
    expect(server.closed).toMatchObject({ kind: "error", alertSent: "internal_error" });
  });

  test("a trust policy that rejects sends its alert, or certificate_unknown", async () => {
    for (const [reason, alertSent] of [
      [{ trust: "rejected", reason: "expired", alert: "certificate_expired" }, "certificate_expired"],
      [{ trust: "rejected", reason: "no" }, "certificate_unknown"],
    ] as const) {
      const { client, verdict } = parkedClient();
      const waits = done(client.engine.nextEvent());
      verdict.resolve(reason as never);
      await waits;
      expect(client.drain()).toBeUndefined();
      expect(client.closed).toMatchObject({ kind: "error", alertSent });
      expect(client.closed?.kind === "error" && client.closed.error.message).toContain(reason.reason);
    }
  });

  test("a client's policy cannot leave the server unverified", async () => {
    const { client, verdict } = parkedClient();
    const waits = done(client.engine.nextEvent());
    verdict.resolve({ trust: "unverified", reason: "no types here" } as never);
    await waits;
    expect(client.drain()).toBeUndefined();
    expect(client.closed).toMatchObject({ kind: "error", alertSent: "internal_error" });
    expect(client.engine.info).toBeNull();
  });

  async function runServer(options: Partial<ServerOptions>): Promise<End> {
    const client = new End(TlsEngine.client(toyClient()));
    const server = new End(TlsEngine.server(toyServer(options)));
    move(client, server);
    for (let waits = server.drain(); waits !== undefined; waits = server.drain()) await waits;
    move(server, client);
    expect(client.drain()).toBeUndefined();
    expect(client.closed?.kind).toBe("alert");
    return server;
  }
});
