import { describe, expect, test } from "vitest";
import { ascii } from "../../src/bytes.ts";
import { TlsEngine } from "../../src/index.ts";
import type { Protocol, Transport } from "../../src/protocol/transport.ts";
import { connectedPair, FakeClock, Recorder, testClientConfig, testServerConfig, tlsPair } from "./memory.ts";

type Callback = Exclude<keyof Protocol, "connectionLost">;
const callbacks: readonly Callback[] = [
  "connectionMade",
  "dataReceived",
  "eofReceived",
  "pauseWriting",
  "resumeWriting",
];
const actions: Record<string, (transport: Transport) => void> = {
  "close()": (transport) => transport.close(),
  "closeWrite()": (transport) => transport.closeWrite(),
  "abort()": (transport) => transport.abort(),
  "write()": (transport) => transport.write(ascii("inside")),
  "pauseReading() and resumeReading()": (transport) => {
    transport.pauseReading();
    transport.resumeReading();
  },
  "everything at once": (transport) => {
    transport.write(ascii("inside"));
    transport.closeWrite();
    transport.close();
    transport.abort();
    transport.write(ascii("late"));
    transport.resumeReading();
  },
};

/** The order in which an application must be called. */
function expectOrder(app: Recorder): void {
  const order = app.calls
    .filter((call) => !call.endsWith("Writing"))
    .map((call) => call.replace(/ \d+$/, ""));
  expect(order.join(" ")).toMatch(/^(connectionMade( dataReceived)*( eofReceived)?( connectionLost)?)?$/);
  const pauses = app.calls.filter((call) => call.endsWith("Writing")).join(" ");
  expect(pauses).toMatch(/^(pauseWriting resumeWriting ?)*(pauseWriting)?$/);
}

describe("an application that calls from inside of a callback", () => {
  const cases = callbacks.flatMap((callback) =>
    Object.entries(actions).map(([name, action]) => [name, callback, action] as const),
  );
  test.each(cases)(
    "%s in %s is called in order, and its connection ends",
    async (_name, callback, action) => {
      const { client, server, link, clock, open } = await tlsPair({
        client: { halfClose: true, writeHighWater: 10 },
      });
      let [depth, nested] = [0, 0];
      client.app.during[callback] = (transport) => {
        // No callback comes from inside of another, but for those of write().
        if (depth > 0 && !callback.endsWith("Writing")) nested += 1;
        depth += 1;
        if (depth === 1) action(transport);
        depth -= 1;
      };
      open();
      link.run();
      client.tls.pauseWriting();
      client.tls.appTransport.write(new Uint8Array(100));
      client.tls.resumeWriting();
      server.tls.appTransport.write(new Uint8Array(40_000));
      link.run();
      server.tls.appTransport.close();
      link.run();
      client.tls.appTransport.close();
      link.run();
      for (const { app } of [client, server]) {
        expectOrder(app);
        // A server whose client is gone before the handshake has ended is told nothing.
        if (app === client.app || app.calls.length > 0) expect(app.calls.at(-1)).toBe("connectionLost");
      }
      expect(client.app.lostWith).toBeNull();
      expect([clock.timers, nested]).toEqual([0, 0]);
    },
  );

  test("write() in dataReceived goes out at once, in order", async () => {
    const { client, server, link } = await connectedPair();
    server.app.during.dataReceived = (transport) => {
      transport.write(ascii("a"));
      transport.write(ascii("b"));
      expect(server.lower.outgoing).toHaveLength(2);
    };
    client.tls.appTransport.write(ascii("?"));
    link.run();
    expect(client.app.text).toBe("ab");
  });

  test("write() until it is paused stops in connectionMade", async () => {
    const { client, server, link, open } = await tlsPair();
    const isPaused = (): boolean => client.app.calls.includes("pauseWriting");
    client.app.during.connectionMade = (transport) => {
      client.tls.pauseWriting();
      for (let i = 0; i < 100 && !isPaused(); i++) transport.write(new Uint8Array(65_536));
    };
    open();
    link.run();
    expect(isPaused()).toBe(true);
    client.tls.resumeWriting();
    link.run();
    expect(Buffer.concat(server.app.chunks).length).toBe(8 * 65_536);
  });

  test("setProtocol() in dataReceived sends the rest to the new one", async () => {
    const { client, server, link } = await connectedPair({ client: { maxRead: 1 } });
    const next = new Recorder();
    client.app.during.dataReceived = (transport) => transport.setProtocol(next);
    server.tls.appTransport.write(ascii("old"));
    server.tls.appTransport.write(ascii("new"));
    server.tls.appTransport.close();
    link.run();
    expect([client.app.text, next.text]).toEqual(["old", "new"]);
    expect(client.app.calls).toEqual(["connectionMade", "dataReceived 3"]);
    expect(next.calls).toEqual(["dataReceived 3", "eofReceived", "connectionLost"]);
  });
});

describe("an application that throws", () => {
  test.each(["connectionMade", "dataReceived", "eofReceived"] as const)(
    "in %s ends its connection with what it has thrown, and the peer is told internal_error",
    async (callback) => {
      const { client, server, link, clock, open } = await tlsPair();
      client.app.during[callback] = () => {
        throw new RangeError("a bug");
      };
      open();
      link.run();
      server.tls.appTransport.write(ascii("data"));
      server.tls.appTransport.close();
      link.run();
      expect(client.app.calls.slice(-2)).toEqual([expect.stringContaining(callback), "connectionLost"]);
      expect(client.app.lostWith).toEqual(new RangeError("a bug"));
      expect([client.tls.state, clock.timers, client.lower.isClosing]).toEqual(["UNWRAPPED", 0, true]);
      if (callback === "connectionMade") {
        expect(server.app.lostWith).toMatchObject({ name: "PeerAlert", alert: "internal_error" });
      }
    },
  );

  test("something that is no Error gets an Error with it as its cause", async () => {
    const { client, server, link } = await connectedPair();
    client.app.during.dataReceived = () => {
      throw "a string"; // oxlint-disable-line no-throw-literal
    };
    server.tls.appTransport.write(ascii("data"));
    link.run();
    expect(client.app.lostWith).toMatchObject({ cause: "a string" });
  });

  test("after it has aborted has its error reported", async () => {
    const errors: unknown[] = [];
    const { client, server, link } = await connectedPair({
      client: { onHookError: (error) => errors.push(error) },
    });
    client.app.during.dataReceived = (transport) => {
      transport.abort();
      throw new RangeError("a bug");
    };
    server.tls.appTransport.write(ascii("data"));
    link.run();
    expect([client.app.lostWith, errors]).toEqual([null, [new RangeError("a bug")]]);
  });
});

/** A transport that delivers from inside of write(), as two objects in one process may. */
class DirectTransport implements Transport {
  readonly info = null;
  isClosing = false;
  peer: DirectTransport | undefined;
  protocol: Protocol | undefined;
  write(bytes: Uint8Array): void {
    this.peer?.protocol?.dataReceived(bytes);
  }
  close(): void {
    if (this.isClosing) return;
    this.isClosing = true;
    this.peer?.protocol?.eofReceived?.();
    if (this.peer?.isClosing !== true) return;
    this.peer.protocol?.connectionLost(null);
    this.protocol?.connectionLost(null);
  }
  closeWrite(): void {}
  abort(error?: Error): void {
    this.isClosing = true;
    this.protocol?.connectionLost(error ?? null);
  }
  pauseReading(): void {}
  resumeReading(): void {}
  setProtocol(protocol: Protocol): void {
    this.protocol = protocol;
  }
}

describe("a transport that delivers from inside of write()", () => {
  test("carries a whole conversation, and calls no application from inside of its own calls", async () => {
    const clock = new FakeClock();
    const [a, b] = [new DirectTransport(), new DirectTransport()];
    [a.peer, b.peer] = [b, a];
    const apps = [new Recorder(), new Recorder()] as const;
    const client = TlsEngine.wrap(apps[0], await testClientConfig(), { clock });
    const server = TlsEngine.wrap(apps[1], await testServerConfig(), { clock });
    [a.protocol, b.protocol] = [client, server];
    const inside = new Set<Recorder>();
    const outside = (app: Recorder, action: () => void): void => {
      inside.add(app);
      action();
      inside.delete(app);
    };
    const violations: string[] = [];
    for (const app of apps) {
      for (const name of callbacks) {
        app.during[name] = (transport) => {
          if (inside.has(app)) violations.push(name);
          if (name === "dataReceived" && app.chunks.length < 3)
            outside(app, () => transport.write(ascii("echo")));
        };
      }
    }
    server.connectionMade(b);
    client.connectionMade(a);
    clock.settle();
    await Promise.all([client.handshake, server.handshake]);
    outside(apps[0], () => client.appTransport.write(ascii("hello")));
    clock.settle();
    expect(apps.map(({ text }) => text)).toEqual(["echoecho", "helloechoecho"]);
    outside(apps[0], () => client.appTransport.close());
    clock.settle();
    for (const app of apps) {
      expectOrder(app);
      expect(app.lostWith).toBeNull();
    }
    expect([clock.timers, violations]).toEqual([0, []]);
  });
});
