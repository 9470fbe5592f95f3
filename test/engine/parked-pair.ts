import { expect } from "vitest";

import {
  ClientConfig,
  NEED_DATA,
  type ServerOptions,
  type ServerSetup,
  TlsEngine,
  type TlsEvent,
  type TlsVersion,
  type Verified,
} from "../../src/index.ts";
import { TOY_CLIENT_OPTIONS, toyServer } from "../handshake/scenarios.ts";
import { End } from "../support/pair.ts";
import { configsOf } from "./versions.ts";

/** A promise that a test settles. */
export class Deferred<T> {
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
export function parkedServer(
  version: TlsVersion,
  options: Partial<ServerOptions> = {},
): {
  readonly client: End;
  readonly server: End;
  readonly setup: Deferred<Partial<ServerSetup>>;
} {
  const setup = new Deferred<Partial<ServerSetup>>();
  const configs = configsOf(version);
  const client = new End(TlsEngine.client(configs.client()));
  const server = new End(TlsEngine.server(configs.server({ chooseSetup: () => setup.promise, ...options })));
  move(client, server);
  expect(server.drain()).toBeInstanceOf(Promise);
  return { client, server, setup };
}

/** A client that is parked on its trust policy, with the server's flight received but for its last `held` bytes. */
export function parkedClient(
  version: TlsVersion,
  held = 0,
): {
  readonly client: End;
  readonly server: End;
  readonly verdict: Deferred<Verified>;
  /** What is held. */
  readonly rest: Uint8Array;
} {
  const verdict = new Deferred<Verified>();
  const { dangerouslyAcceptAnyCertificate: _, ...options } = TOY_CLIENT_OPTIONS;
  const versions = [version];
  const config = new ClientConfig({ ...options, versions, trust: { verify: () => verdict.promise } });
  const client = new End(TlsEngine.client(config));
  const server = new End(TlsEngine.server(toyServer({ versions })));
  move(client, server);
  expect(server.drain()).toBeUndefined();
  const flight = server.engine.takeOutput();
  if (flight === null) throw new Error("no output");
  client.engine.receive(flight.subarray(0, flight.length - held));
  expect(client.drain()).toBeInstanceOf(Promise);
  return { client, server, verdict, rest: flight.slice(flight.length - held) };
}

/** Gives `to` what `from` has to say. */
export function move(from: End, to: End): void {
  const output = from.engine.takeOutput();
  if (output !== null) to.engine.receive(output);
}

/** Carries what is left, now that nobody waits. */
export function finish(client: End, server: End): void {
  for (let i = 0; i < 6; i++) {
    expect(client.drain()).toBeUndefined();
    move(client, server);
    expect(server.drain()).toBeUndefined();
    move(server, client);
  }
}

/** What was reported, by name. */
export const types = ({ events }: End): readonly string[] => events.map(({ type }) => type);
/** The promise of a `pending`. */
export const done = (event: TlsEvent | typeof NEED_DATA): Promise<void> => {
  if (event === NEED_DATA || event.type !== "pending") throw new Error("the engine is not parked");
  return event.done;
};
