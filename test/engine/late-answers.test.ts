import { expect, test } from "vitest";
import {
  ClientConfig,
  credential,
  NEED_DATA,
  nobleProvider,
  ServerConfig,
  TlsEngine,
} from "../../src/index.ts";
import type { KeyExchangeGroup, OwnKeyShare } from "../../src/index.ts";
import { x25519 } from "../../src/noble.ts";
import { testCertificate } from "../support/certificates.ts";

/** A promise, and when it is kept. */
class Answer<T> {
  readonly promise: Promise<T>;
  #resolve: (value: T) => void = () => undefined;

  constructor() {
    this.promise = new Promise((resolve) => (this.#resolve = resolve));
  }

  give(value: T): void {
    this.#resolve(value);
  }
}

function pendingOf(engine: TlsEngine): Promise<void> {
  const event = engine.nextEvent();
  if (event === NEED_DATA || event.type !== "pending") throw new Error("the handshake does not wait");
  return event.done;
}

const clientWith = (group: KeyExchangeGroup): TlsEngine =>
  TlsEngine.client(
    new ClientConfig({
      serverName: "localhost",
      dangerouslyAcceptAnyCertificate: true,
      provider: nobleProvider({ groups: [group] }),
    }),
  );

async function serverWith(group: KeyExchangeGroup): Promise<TlsEngine> {
  const { certificatePem, keyPem } = await testCertificate();
  return TlsEngine.server(
    new ServerConfig({
      credentials: [credential({ certificateChain: certificatePem, key: keyPem })],
      provider: nobleProvider({ groups: [group] }),
    }),
  );
}

const random = (length: number): Uint8Array => new Uint8Array(length).fill(7);

test("a key share that comes after abort() is wiped", async () => {
  const answer = new Answer<OwnKeyShare>();
  const client = clientWith({ ...x25519, generate: () => answer.promise });
  const done = pendingOf(client);
  client.abort();
  const share = await x25519.generate(random);
  answer.give(share);
  await done;
  expect(() => share.sharedSecret(share.keyExchange)).toThrow(TypeError);
  expect(client.takeOutput()).toBeNull();
});

test("a key share that has come, and was not used before abort(), is wiped", async () => {
  const answer = new Answer<OwnKeyShare>();
  const client = clientWith({ ...x25519, generate: () => answer.promise });
  const done = pendingOf(client);
  const share = await x25519.generate(random);
  answer.give(share);
  await done;
  client.abort();
  expect(() => share.sharedSecret(share.keyExchange)).toThrow(TypeError);
});

test("a client's shared secret that comes after abort() is wiped", async () => {
  const answer = new Answer<Uint8Array>();
  const client = clientWith({
    ...x25519,
    async generate(source) {
      const share = await x25519.generate(source);
      return {
        group: share.group,
        keyExchange: share.keyExchange,
        sharedSecret: () => answer.promise,
        wipe: () => share.wipe(),
      };
    },
  });
  await pendingOf(client);
  expect(client.nextEvent()).toBe(NEED_DATA);
  const server = await serverWith(x25519);
  server.receive(client.takeOutput() ?? new Uint8Array());
  expect(server.nextEvent()).toBe(NEED_DATA);
  client.receive(server.takeOutput() ?? new Uint8Array());
  const done = pendingOf(client);
  client.abort();
  const secret = new Uint8Array(32).fill(9);
  answer.give(secret);
  await done;
  expect(secret).toEqual(new Uint8Array(32));
});

test("a server's shared secret that comes after the peer is gone is wiped", async () => {
  const answer = new Answer<{ keyExchange: Uint8Array; sharedSecret: Uint8Array }>();
  const server = await serverWith({ ...x25519, respond: () => answer.promise });
  server.receive(clientWith(x25519).takeOutput() ?? new Uint8Array());
  const done = pendingOf(server);
  server.abort();
  const secret = new Uint8Array(32).fill(9);
  answer.give({ keyExchange: new Uint8Array(32), sharedSecret: secret });
  await done;
  expect(secret).toEqual(new Uint8Array(32));
  expect(server.takeOutput()).toBeNull();
});
