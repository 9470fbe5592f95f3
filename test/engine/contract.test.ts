import { describe, expect, test } from "vitest";

import { ascii, concatBytes, latin1 } from "../../src/bytes.ts";
import { NEED_DATA, TlsEngine } from "../../src/index.ts";
import { RUN_SEED, Seeded } from "../pairs/seeded.ts";
import { Pair } from "../support/pair.ts";
import { Scene } from "../support/scripted-peer.ts";
import { configsOf, VERSIONS } from "./versions.ts";

describe.each(VERSIONS)("in %s,", (version) => {
  const { client: toyClient, server: toyServer } = configsOf(version);
  /** Header and tag, and in TLS 1.3 the type. */
  const OVERHEAD = version === "TLSv1.3" ? 22 : 21;

  /** A client and a server that are through with their handshake. */
  async function openPair(): Promise<Pair> {
    return new Pair(toyClient(), toyServer()).run();
  }

  describe("bytes", () => {
    test("the caller may overwrite what it has given to receive() and to write()", async () => {
      const client = TlsEngine.client(toyClient());
      const server = TlsEngine.server(toyServer());
      const received: string[] = [];
      const carry = (from: TlsEngine, to: TlsEngine): boolean => {
        const output = from.takeOutput();
        if (output === null) return false;
        to.receive(output);
        output.fill(0xee);
        for (let event = to.nextEvent(); event !== NEED_DATA; event = to.nextEvent()) {
          if (event.type === "data") received.push(latin1(event.data));
        }
        return true;
      };
      const said = ascii("before the end of the handshake");
      client.write(said);
      said.fill(0xee);
      while (carry(client, server) || carry(server, client));
      const saidLater = ascii("and behind it");
      client.write(saidLater);
      saidLater.fill(0xee);
      while (carry(client, server));
      expect(received).toEqual(["before the end of the handshake", "and behind it"]);
    });

    test("a data view holds its record until the next call, one record per event", async () => {
      const { client, server } = await openPair();
      const long = "0123456789abcdef".repeat(1500);
      client.engine.write(ascii(long));
      const output = client.engine.takeOutput();
      if (output === null) throw new Error("no output");
      server.engine.receive(output);
      const lengths: number[] = [];
      let received = "";
      for (let event = server.engine.nextEvent(); event !== NEED_DATA; event = server.engine.nextEvent()) {
        if (event.type !== "data") throw new Error(event.type);
        lengths.push(event.data.length);
        received += latin1(event.data);
      }
      expect(lengths).toEqual([16384, 24000 - 16384]);
      expect(received).toBe(long);
    });

    test("takeOutput(max) gives the same bytes in pieces of at most max", async () => {
      const { client } = await openPair();
      client.engine.write(ascii("x".repeat(1000)));
      const { pendingOutput } = client.engine;
      const pieces: Uint8Array[] = [];
      for (let piece = client.engine.takeOutput(7); piece !== null; piece = client.engine.takeOutput(7)) {
        expect(client.engine.pendingOutput).toBe(pendingOutput - concatBytes(...pieces, piece).length);
        pieces.push(piece);
      }
      expect(pieces.slice(0, -1).every(({ length }) => length === 7)).toBe(true);
      expect(concatBytes(...pieces)).toHaveLength(pendingOutput);
      expect(pendingOutput).toBe(1000 + OVERHEAD);
    });

    test("the same random and now give the same bytes, and another random gives others", async () => {
      const outputs = await Promise.all(
        ["a", "a", "b"].map(async (seed) => {
          const options = (role: string) => ({
            random: new Seeded(`${seed} ${role}`).bytes,
            now: () => 1_700_000_000_000,
          });
          const pair = new Pair(toyClient(options("client")), toyServer(options("server")));
          pair.client.engine.write(ascii("hello"));
          await pair.run();
          return concatBytes(...pair.client.sent, ...pair.server.sent);
        }),
      );
      expect(outputs[0]?.length).toBeGreaterThan(900);
      expect(outputs[0]).toEqual(outputs[1]);
      expect(outputs[0]).not.toEqual(outputs[2]);
    });
  });

  describe("writes before the end of the handshake", () => {
    test("are sent in order behind it, in both directions", async () => {
      const pair = new Pair(toyClient(), toyServer());
      for (const word of ["a", "bc", "", "def"]) pair.client.engine.write(ascii(word));
      for (const word of ["1", "23"]) expect(pair.server.engine.write(ascii(word))).toBe(true);
      await pair.run();
      expect(latin1(pair.server.received)).toBe("abcdef");
      expect(latin1(pair.client.received)).toBe("123");
      for (const { events } of [pair.client, pair.server]) {
        expect(events.map(({ type }) => type)).toEqual(["handshake-complete", "data"]);
      }
    });

    test("beyond the limit are a RangeError, and leave what was written before", async () => {
      const pair = new Pair(toyClient({ limits: { queuedWriteBytes: 10 } }), toyServer());
      const { engine } = pair.client;
      engine.write(ascii("123456"));
      expect(() => engine.write(ascii("78901"))).toThrow(RangeError);
      engine.write(ascii("7890"));
      expect(() => engine.write(ascii("1"))).toThrow(
        "11 bytes written before the handshake has ended, allowed 10",
      );
      await pair.run();
      expect(latin1(pair.server.received)).toBe("1234567890");
      expect(engine.write(new Uint8Array(1000))).toBe(true);
    });

    test("and closeWrite() take effect behind it, in order; a write behind closeWrite() is a TypeError", async () => {
      const pair = new Pair(toyClient(), toyServer());
      pair.client.engine.write(ascii("all"));
      pair.client.engine.closeWrite();
      expect(pair.client.engine.writeState).toBe("handshake");
      expect(() => pair.client.engine.write(ascii("more"))).toThrow(TypeError);
      await pair.run();
      expect(latin1(pair.server.received)).toBe("all");
      expect(pair.server.closed).toEqual({ kind: "clean" });
      expect(pair.client.engine.writeState).toBe("closed");
    });

    test("are dropped when the handshake fails", () => {
      const scene = new Scene(toyClient(), toyServer());
      scene.engine.write(ascii("secret"));
      scene.inject(Uint8Array.of(99, 0, 0, 0));
      expect(scene.closed[0]?.kind).toBe("error");
      expect(scene.engine.write(ascii("more"))).toBe(false);
      expect(scene.engine.takeOutput()).toBeNull();
    });
  });

  describe("exporters and channel bindings", () => {
    test("are the same on both sides, and differ by label, context and connection", async () => {
      const first = await openPair();
      const second = await openPair();
      const asked = [
        ["EXPERIMENTAL one", "", 32],
        ["EXPERIMENTAL two", "", 32],
        ["EXPERIMENTAL one", "context", 32],
        ["EXPERIMENTAL one", "context", 100],
      ] as const;
      const exported = [first.client, first.server, second.client].map(({ engine }) =>
        asked.map(([label, context, length]) =>
          latin1(engine.exportKeyingMaterial(label, ascii(context), length)),
        ),
      );
      expect(exported[0]).toEqual(exported[1]);
      expect(new Set([...(exported[0] ?? []), ...(exported[2] ?? [])]).size).toBe(8);
      expect(exported[0]?.map(({ length }) => length)).toEqual([32, 32, 32, 100]);
      const bindings = [first.client, first.server].map(({ engine }) =>
        engine.channelBinding("tls-exporter"),
      );
      expect(bindings[0]).toHaveLength(32);
      expect(bindings[0]).toEqual(bindings[1]);
      expect(bindings[0]).toEqual(
        first.server.engine.exportKeyingMaterial("EXPORTER-Channel-Binding", new Uint8Array(), 32),
      );
    });

    test("the caller owns what it gets", async () => {
      const { client } = await openPair();
      const first = client.engine.channelBinding("tls-exporter");
      const copy = first.slice();
      first.fill(0);
      expect(client.engine.channelBinding("tls-exporter")).toEqual(copy);
    });
  });

  describe("misuse", () => {
    test("of arguments is a TypeError or a RangeError", async () => {
      const { client } = await openPair();
      const { engine } = client;
      const wrong = "text" as unknown as Uint8Array;
      expect(() => engine.receive(wrong)).toThrow(TypeError);
      expect(() => engine.write(wrong)).toThrow(TypeError);
      expect(() => new TlsEngine().upgrade(toyClient(), wrong)).toThrow(TypeError);
      expect(() => new TlsEngine().upgrade({} as never, "none")).toThrow(TypeError);
      expect(() => TlsEngine.client(toyServer() as never)).toThrow(TypeError);
      expect(() => TlsEngine.server(toyClient() as never)).toThrow(TypeError);
      expect(() => TlsEngine.server(undefined as never)).toThrow(TypeError);
      for (const max of [0, -1, NaN]) expect(() => engine.takeOutput(max), `${max}`).toThrow(RangeError);
      for (const length of [0, -1, 1.5, 8161]) {
        expect(() => engine.exportKeyingMaterial("label", new Uint8Array(), length)).toThrow(RangeError);
      }
      expect(() => engine.exportKeyingMaterial("", new Uint8Array(), 32)).toThrow(RangeError);
      expect(() => engine.exportKeyingMaterial("é", new Uint8Array(), 32)).toThrow(RangeError);
      expect(() => engine.exportKeyingMaterial("label", wrong, 32)).toThrow(TypeError);
      expect(() => engine.channelBinding("tls-unknown" as never)).toThrow(TypeError);
      expect(client.closed).toBeUndefined();
      expect(engine.state).toBe("open");
    });

    test("of the order of calls is a TypeError that changes nothing", async () => {
      const pair = new Pair(toyClient(), toyServer());
      const { engine } = pair.client;
      expect(engine.state).toBe("handshaking");
      expect(() => engine.unwrap()).toThrow(TypeError);
      expect(() => engine.updateKeys()).toThrow(TypeError);
      expect(() => engine.upgrade(toyClient(), "none")).toThrow("upgrade() while TLS is on");
      expect(() => engine.exportKeyingMaterial("label", new Uint8Array(), 32)).toThrow(TypeError);
      expect(() => engine.channelBinding("tls-exporter")).toThrow(TypeError);
      await pair.run();
      expect(engine.state).toBe("open");
      const plain = new TlsEngine();
      expect(() => plain.unwrap()).toThrow(TypeError);
      expect(() => plain.updateKeys()).toThrow(TypeError);
      expect(() => plain.exportKeyingMaterial("label", new Uint8Array(), 32)).toThrow(TypeError);
      expect(plain.state).toBe("plaintext");
    });
  });

  test(`pendingInput counts what no event has covered, TLS_ENGINE_SEED=${RUN_SEED}`, async () => {
    const { client, server } = await openPair();
    const seeded = new Seeded(RUN_SEED);
    client.engine.write(seeded.bytes(100));
    client.engine.write(seeded.bytes(200));
    const output = client.engine.takeOutput();
    if (output === null) throw new Error("no output");
    server.engine.receive(output);
    expect(server.engine.pendingInput).toBe(100 + OVERHEAD + 200 + OVERHEAD);
    server.engine.nextEvent();
    expect(server.engine.pendingInput).toBe(200 + OVERHEAD);
    server.engine.nextEvent();
    expect(server.engine.pendingInput).toBe(0);
  });
});
