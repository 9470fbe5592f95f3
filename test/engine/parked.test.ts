import { describe, expect, test } from "vitest";

import { ascii, concatBytes, latin1 } from "../../src/bytes.ts";
import {
  ContentType,
  type Credential,
  type CryptoProvider,
  NEED_DATA,
  type ServerSetup,
  TlsEngine,
  type Verified,
} from "../../src/index.ts";
import { TOY_CLIENT_OPTIONS } from "../handshake/scenarios.ts";
import { toyCredential } from "../handshake/toy-provider.ts";
import { End } from "../support/pair.ts";
import { ScriptedPeer } from "../support/scripted-peer.ts";
import { Deferred, done, finish, move, parkedClient, parkedServer, types } from "./parked-pair.ts";
import { configsOf, VERSIONS } from "./versions.ts";

/** Header, message with its header, content type and tag. */
const FINISHED_RECORD_LENGTH = 5 + (4 + 32) + 1 + 16;

describe.each(VERSIONS)("a parked handshake of %s", (version) => {
  const { client: toyClient, server: toyServer } = configsOf(version);

  test("answers the same pending again and again, and goes on at the next call after it", async () => {
    const { client, server, setup } = parkedServer(version);
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

  test("fails with internal_error when more arrives than limits.parkedInputBytes", () => {
    const { client, server } = parkedServer(version, { limits: { parkedInputBytes: 100 } });
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
    const { server, setup } = parkedServer(version);
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

  test("abort() ends it at once; what the hook answers later changes nothing", async () => {
    for (const settle of [
      (setup: Deferred<Partial<ServerSetup>>) => setup.resolve({}),
      (setup: Deferred<Partial<ServerSetup>>) => setup.reject(new Error("too late")),
    ]) {
      const { server, setup } = parkedServer(version);
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
    const { client, server, setup } = parkedServer(version);
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
    const { client, server, setup } = parkedServer(version);
    const waits = done(server.engine.nextEvent());
    client.engine.abort("user_canceled");
    move(client, server);
    expect(server.engine.nextEvent()).toMatchObject({ type: "pending" });
    setup.resolve({});
    await waits;
    expect(server.drain()).toBeUndefined();
    expect(server.closed).toMatchObject({ kind: "alert", alert: "user_canceled" });
  });
});

describe("a parked handshake of TLS 1.3 alone", () => {
  const { client: toyClient, server: toyServer } = configsOf("TLSv1.3");

  test("keeps bytes that arrive, and takes them in order afterwards", async () => {
    const { client, server, verdict, rest } = parkedClient("TLSv1.3", FINISHED_RECORD_LENGTH);
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

  test("finishes behind the end of the transport, if everything was there", async () => {
    const { client, verdict } = parkedClient("TLSv1.3");
    const waits = done(client.engine.nextEvent());
    client.engine.receiveEof();
    verdict.resolve({ trust: "verified" });
    await waits;
    expect(client.drain()).toBeUndefined();
    expect(types(client)).toEqual(["handshake-complete", "closed"]);
    expect(client.closed).toMatchObject({ kind: "truncated" });
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

describe("a parked handshake of TLS 1.2 alone", () => {
  const { client: toyClient, server: toyServer } = configsOf("TLSv1.2");
  /** A provider whose verdicts on signatures are those of `verdict`. */
  const verifyingBy = (verdict: Deferred<boolean>): CryptoProvider => {
    const { provider } = TOY_CLIENT_OPTIONS;
    return {
      ...provider,
      signatureVerifiers: provider.signatureVerifiers.map((verifier) => ({
        ...verifier,
        verify: () => verdict.promise,
      })),
    };
  };

  test("keeps bytes that arrive while the server's signature is looked at, and takes them in order afterwards", async () => {
    const verdict = new Deferred<boolean>();
    const client = new End(TlsEngine.client(toyClient({ provider: verifyingBy(verdict) })));
    const server = new End(TlsEngine.server(toyServer()));
    move(client, server);
    expect(server.drain()).toBeUndefined();
    const flight = server.engine.takeOutput() ?? new Uint8Array();
    // ServerHelloDone: a header of a record, and one of a message.
    const rest = flight.subarray(-9);
    client.engine.receive(flight.subarray(0, -9));
    const waits = client.drain();
    expect(waits).toBeInstanceOf(Promise);
    for (const byte of rest) {
      client.engine.receive(Uint8Array.of(byte));
      expect(client.engine.nextEvent()).toMatchObject({ type: "pending" });
    }
    expect(client.engine.pendingInput).toBe(9);
    verdict.resolve(true);
    await waits;
    finish(client, server);
    expect(types(client)).toEqual(["handshake-complete"]);
    expect(types(server)).toEqual(["handshake-complete"]);
  });

  test("keeps data that comes behind the client's Finished, and delivers it behind its own", async () => {
    const verdict = new Deferred<Verified>();
    const clientAuth = { mode: "require", trust: { verify: () => verdict.promise } } as const;
    const clientCredential = await toyCredential("client");
    const server = new End(TlsEngine.server(toyServer({ clientAuth })));
    // A client may send data as soon as it has sent Finished (RFC 7918); ours waits, so this one is scripted.
    const client = new ScriptedPeer(toyClient({ clientCredential }));
    const carry = (): void => {
      while (client.peek() !== undefined) client.play();
      server.engine.receive(client.takeOutput());
    };
    carry();
    expect(server.drain()).toBeUndefined();
    client.receive(server.engine.takeOutput() ?? new Uint8Array());
    while (client.peek() !== undefined) client.play();
    client.sendRecord(ContentType.application_data, ascii("half a round trip early"));
    server.engine.receive(client.takeOutput());
    const waits = server.drain();
    expect(waits).toBeInstanceOf(Promise);
    verdict.resolve({ trust: "verified" });
    await waits;
    expect(server.drain()).toBeUndefined();
    expect(types(server)).toEqual(["handshake-complete", "data"]);
    expect(latin1(server.received)).toBe("half a round trip early");
    client.receive(server.engine.takeOutput() ?? new Uint8Array());
    expect(client.established?.info.version).toBe("TLSv1.2");
  });

  test("finishes behind the end of the transport, if everything was there", async () => {
    const verdict = new Deferred<Verified>();
    const clientAuth = { mode: "require", trust: { verify: () => verdict.promise } } as const;
    const clientCredential = await toyCredential("client");
    const client = new End(TlsEngine.client(toyClient({ clientCredential })));
    const server = new End(TlsEngine.server(toyServer({ clientAuth })));
    move(client, server);
    expect(server.drain()).toBeUndefined();
    move(server, client);
    expect(client.drain()).toBeUndefined();
    move(client, server);
    const waits = server.drain();
    expect(waits).toBeInstanceOf(Promise);
    server.engine.receiveEof();
    verdict.resolve({ trust: "verified" });
    await waits;
    expect(server.drain()).toBeUndefined();
    expect(types(server)).toEqual(["handshake-complete", "closed"]);
    expect(server.closed).toMatchObject({ kind: "truncated" });
  });

  test("a signature that is found to be wrong late is decrypt_error", async () => {
    const verdict = new Deferred<boolean>();
    const client = new End(TlsEngine.client(toyClient({ provider: verifyingBy(verdict) })));
    const server = new End(TlsEngine.server(toyServer()));
    move(client, server);
    expect(server.drain()).toBeUndefined();
    move(server, client);
    const waits = client.drain();
    verdict.resolve(false);
    await waits;
    expect(client.drain()).toBeUndefined();
    expect(client.closed).toMatchObject({ kind: "error", alertSent: "decrypt_error" });
  });
});
