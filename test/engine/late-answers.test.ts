import { describe, expect, test } from "vitest";
import {
  ClientConfig,
  credential,
  NEED_DATA,
  nobleProvider,
  ServerConfig,
  TlsEngine,
} from "../../src/index.ts";
import type { KeyExchangeGroup, OwnKeyShare, TlsVersion } from "../../src/index.ts";
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

const clientWith = (group: KeyExchangeGroup, version: TlsVersion): TlsEngine =>
  TlsEngine.client(
    new ClientConfig({
      versions: [version],
      serverName: "localhost",
      dangerouslyAcceptAnyCertificate: true,
      provider: nobleProvider({ groups: [group] }),
    }),
  );

async function serverWith(group: KeyExchangeGroup, version: TlsVersion): Promise<TlsEngine> {
  // Its curve needs to be none of the groups in TLS 1.2.
  const { certificatePem, keyPem } = await testCertificate({ keyType: "ed25519" });
  return TlsEngine.server(
    new ServerConfig({
      versions: [version],
      credentials: [credential({ certificateChain: certificatePem, key: keyPem })],
      provider: nobleProvider({ groups: [group] }),
    }),
  );
}

/** Gives `to` what `from` has to say. */
function move(from: TlsEngine, to: TlsEngine): void {
  expect(from.nextEvent()).toBe(NEED_DATA);
  to.receive(from.takeOutput() ?? new Uint8Array());
}

/** `group` with shares whose secret comes when `answer` does. */
const withLateSecret = (group: KeyExchangeGroup, answer: Answer<Uint8Array>): KeyExchangeGroup => ({
  ...group,
  async generate(source) {
    const share = await group.generate(source);
    return {
      group: share.group,
      keyExchange: share.keyExchange,
      sharedSecret: () => answer.promise,
      wipe: () => share.wipe(),
    };
  },
});

const random = (length: number): Uint8Array => new Uint8Array(length).fill(7);

test("a key share that comes after abort() is wiped", async () => {
  const answer = new Answer<OwnKeyShare>();
  const client = clientWith({ ...x25519, generate: () => answer.promise }, "TLSv1.3");
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
  const client = clientWith({ ...x25519, generate: () => answer.promise }, "TLSv1.3");
  const done = pendingOf(client);
  const share = await x25519.generate(random);
  answer.give(share);
  await done;
  client.abort();
  expect(() => share.sharedSecret(share.keyExchange)).toThrow(TypeError);
});

describe("in TLS 1.3,", () => {
  test("a client's shared secret that comes after abort() is wiped", async () => {
    const answer = new Answer<Uint8Array>();
    const client = clientWith(withLateSecret(x25519, answer), "TLSv1.3");
    await pendingOf(client);
    const server = await serverWith(x25519, "TLSv1.3");
    move(client, server);
    move(server, client);
    const done = pendingOf(client);
    client.abort();
    const secret = new Uint8Array(32).fill(9);
    answer.give(secret);
    await done;
    expect(secret).toEqual(new Uint8Array(32));
  });

  test("a server's shared secret that comes after the peer is gone is wiped", async () => {
    const answer = new Answer<{ keyExchange: Uint8Array; sharedSecret: Uint8Array }>();
    const server = await serverWith({ ...x25519, respond: () => answer.promise }, "TLSv1.3");
    move(clientWith(x25519, "TLSv1.3"), server);
    const done = pendingOf(server);
    server.abort();
    const secret = new Uint8Array(32).fill(9);
    answer.give({ keyExchange: new Uint8Array(32), sharedSecret: secret });
    await done;
    expect(secret).toEqual(new Uint8Array(32));
    expect(server.takeOutput()).toBeNull();
  });
});

describe("in TLS 1.2,", () => {
  test("a client's shared secret that comes after abort() is wiped", async () => {
    const answer = new Answer<{ keyExchange: Uint8Array; sharedSecret: Uint8Array }>();
    const client = clientWith({ ...x25519, respond: () => answer.promise }, "TLSv1.2");
    const server = await serverWith(x25519, "TLSv1.2");
    move(client, server);
    move(server, client);
    const done = pendingOf(client);
    client.abort();
    const secret = new Uint8Array(32).fill(9);
    answer.give({ keyExchange: new Uint8Array(32), sharedSecret: secret });
    await done;
    expect(secret).toEqual(new Uint8Array(32));
    expect(client.takeOutput()).toBeNull();
  });

  test("a server's key share that comes after abort() is wiped", async () => {
    const answer = new Answer<OwnKeyShare>();
    const server = await serverWith({ ...x25519, generate: () => answer.promise }, "TLSv1.2");
    move(clientWith(x25519, "TLSv1.2"), server);
    const done = pendingOf(server);
    server.abort();
    const share = await x25519.generate(random);
    answer.give(share);
    await done;
    expect(() => share.sharedSecret(share.keyExchange)).toThrow(TypeError);
  });

  test("a server's shared secret that comes after the peer is gone is wiped", async () => {
    const answer = new Answer<Uint8Array>();
    const server = await serverWith(withLateSecret(x25519, answer), "TLSv1.2");
    const client = clientWith(x25519, "TLSv1.2");
    move(client, server);
    await pendingOf(server);
    move(server, client);
    move(client, server);
    const done = pendingOf(server);
    server.abort();
    const secret = new Uint8Array(32).fill(9);
    answer.give(secret);
    await done;
    expect(secret).toEqual(new Uint8Array(32));
  });
});
