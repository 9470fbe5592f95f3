import { describe, expect, test } from "vitest";

import { ascii, latin1 } from "../../src/bytes.ts";
import {
  type CloseReason,
  ContentType,
  NEED_DATA,
  PeerAlert,
  TlsAlert,
  TruncationError,
} from "../../src/index.ts";
import { Pair } from "../support/pair.ts";
import { Scene } from "../support/scripted-peer.ts";
import { configsOf, VERSIONS } from "./versions.ts";

describe.each(VERSIONS)("in %s,", (version) => {
  const { client: toyClient, server: toyServer } = configsOf(version);

  /** A client and a server that are through with their handshake. */
  async function openPair(): Promise<Pair> {
    return new Pair(toyClient(), toyServer()).run();
  }

  describe("the end", () => {
    /** Ends a connection of a client engine in each way that there is. */
    const ends: Readonly<Record<CloseReason["kind"], (scene: Scene) => void>> = {
      clean: ({ engine, peer }) => {
        peer.sendRecord(ContentType.alert, Uint8Array.of(1, 0));
        engine.closeWrite();
      },
      truncated: ({ engine }) => engine.receiveEof(),
      alert: ({ peer }) => peer.sendRecord(ContentType.alert, Uint8Array.of(2, 40)),
      error: ({ peer }) => peer.sendRecord(ContentType.handshake, Uint8Array.of(14, 0, 0, 0)),
      aborted: ({ engine }) => engine.abort("user_canceled"),
    };

    test.each(Object.entries(ends))("%s: one closed event says so, and is the last one", (kind, end) => {
      const scene = new Scene(toyClient(), toyServer());
      scene.playAll();
      end(scene);
      scene.exchange();
      expect(scene.events.map(({ type }) => type)).toEqual(["handshake-complete", "closed"]);
      expect(scene.closed[0]?.kind).toBe(kind);
      expect(scene.engine.state).toBe("closed");
    });

    test.each(Object.entries(ends))("%s: every call is inert afterwards", (_kind, end) => {
      const scene = new Scene(toyClient(), toyServer());
      scene.playAll();
      end(scene);
      scene.exchange();
      const { engine, peer } = scene;
      const { info } = engine;
      peer.sendRecord(ContentType.application_data, ascii("late"));
      engine.receive(peer.takeOutput());
      engine.receive(new Uint8Array(70_000));
      engine.receiveEof();
      expect(engine.write(ascii("lost"))).toBe(false);
      engine.closeWrite();
      engine.abort("internal_error");
      expect(() => engine.unwrap()).toThrow(TypeError);
      expect(() => engine.updateKeys()).toThrow(TypeError);
      expect(() => engine.upgrade(toyClient(), "none")).toThrow(TypeError);
      expect(() => engine.exportKeyingMaterial("label", new Uint8Array(), 32)).toThrow(TypeError);
      expect(engine.nextEvent()).toBe(NEED_DATA);
      expect(engine.takeOutput()).toBeNull();
      expect(engine.takeHookErrors()).toEqual([]);
      expect(engine).toMatchObject({ state: "closed", writeState: "closed", pendingOutput: 0 });
      expect(engine.info).toBe(info);
      expect(info?.role).toBe("client");
    });

    test("after an alert of the peer nothing is sent, and the error names the alert", () => {
      const scene = new Scene(toyClient(), toyServer());
      scene.peer.sendPlaintextRecord(ContentType.alert, Uint8Array.of(2, 200));
      scene.exchange();
      const [how] = scene.closed;
      if (how?.kind !== "alert") throw new Error(how?.kind);
      expect(how.alert).toBe("alert_200");
      expect(how.error).toBeInstanceOf(PeerAlert);
      expect(scene.peer.alerts).toEqual([]);
    });

    test("an end of the transport without close_notify is truncation, in and behind the handshake", () => {
      const { length } = new Scene(toyClient(), toyServer()).playAll();
      for (const messages of [0, 1, 3, length]) {
        const scene = new Scene(toyClient(), toyServer());
        scene.playTimes(messages);
        scene.engine.receiveEof();
        scene.exchange();
        const [how] = scene.closed;
        if (how?.kind !== "truncated") throw new Error(how?.kind);
        expect(how.error).toBeInstanceOf(TruncationError);
        expect(how.error.message).toContain(
          messages < length ? "during the handshake" : "without close_notify",
        );
        expect(scene.engine.takeOutput()).toBeNull();
      }
    });

    test("data in front of the end of the transport is still delivered", () => {
      const scene = new Scene(toyClient(), toyServer());
      scene.playAll();
      scene.peer.sendRecord(ContentType.application_data, ascii("last words"));
      scene.engine.receive(scene.peer.takeOutput());
      scene.engine.receiveEof();
      scene.exchange();
      expect(scene.events.map(({ type }) => type)).toEqual(["handshake-complete", "data", "closed"]);
      expect(scene.closed[0]?.kind).toBe("truncated");
    });

    test("an end of the transport inside of a record is truncation", () => {
      const scene = new Scene(toyClient(), toyServer());
      scene.playAll();
      scene.peer.sendRecord(ContentType.application_data, ascii("cut off"));
      scene.engine.receive(scene.peer.takeOutput().subarray(0, -1));
      scene.engine.receiveEof();
      scene.exchange();
      expect(scene.closed[0]?.kind).toBe("truncated");
      expect(scene.events.map(({ type }) => type)).not.toContain("data");
    });

    test("an end of the transport behind close_notify is clean", () => {
      const scene = new Scene(toyClient(), toyServer());
      scene.playAll();
      scene.injectRecord(ContentType.alert, Uint8Array.of(1, 0));
      scene.engine.receiveEof();
      scene.exchange();
      expect(scene.closed).toEqual([{ kind: "clean" }]);
    });

    test("close_notify is one whatever level it has", () => {
      for (const level of [1, 2]) {
        const scene = new Scene(toyClient(), toyServer());
        scene.playAll();
        scene.injectRecord(ContentType.alert, Uint8Array.of(level, 0));
        expect(scene.closed).toEqual([{ kind: "clean" }]);
      }
    });

    test("what is received behind close_notify is ignored", () => {
      const scene = new Scene(toyClient(), toyServer());
      scene.playAll();
      scene.peer.sendRecord(ContentType.alert, Uint8Array.of(1, 0));
      scene.peer.sendRecord(ContentType.application_data, ascii("late"));
      scene.peer.sendBytes(ascii("no record at all"));
      scene.exchange();
      expect(scene.events.map(({ type }) => type)).toEqual(["handshake-complete", "closed"]);
      expect(scene.closed).toEqual([{ kind: "clean" }]);
    });

    test("the alert is in the output when the error is reported", () => {
      const scene = new Scene(toyServer(), toyClient());
      scene.peer.sendPlaintextRecord(ContentType.handshake, Uint8Array.of(99, 0, 0, 0));
      scene.engine.receive(scene.peer.takeOutput());
      const event = scene.engine.nextEvent();
      expect(event).toMatchObject({
        type: "closed",
        how: { kind: "error", alertSent: "unexpected_message", error: { alert: "unexpected_message" } },
      });
      expect(
        event !== NEED_DATA && event.type === "closed" && event.how.kind === "error" && event.how.error,
      ).toBeInstanceOf(TlsAlert);
      expect(scene.engine.takeOutput()).toEqual(Uint8Array.of(21, 3, 3, 0, 2, 2, 10));
    });

    test("abort() without an alert sends nothing; with one it says so", () => {
      for (const [alert, sent] of [
        [undefined, []],
        ["handshake_failure", ["handshake_failure"]],
      ] as const) {
        const scene = new Scene(toyServer(), toyClient());
        scene.playAll();
        scene.engine.abort(alert);
        scene.exchange();
        expect(scene.closed).toEqual([{ kind: "aborted", alertSent: alert ?? null }]);
        expect(scene.peer.alerts).toEqual(sent);
      }
    });

    test("abort() keeps the output that was there before", async () => {
      const { client } = await openPair();
      client.engine.write(ascii("said"));
      const { pendingOutput } = client.engine;
      client.engine.abort();
      expect(client.engine.takeOutput()).toHaveLength(pendingOutput);
    });

    test("abort() after a clean end of reading ends writing, without a second closed event", () => {
      const scene = new Scene(toyServer(), toyClient());
      scene.playAll();
      scene.injectRecord(ContentType.alert, Uint8Array.of(1, 0));
      expect(scene.engine.state).toBe("open");
      scene.engine.abort("internal_error");
      scene.exchange();
      expect(scene.closed).toEqual([{ kind: "clean" }]);
      expect(scene.peer.alerts).toEqual(["internal_error"]);
      expect(scene.engine.state).toBe("closed");
    });
  });

  describe("the two directions", () => {
    test("closeWrite() ends writing alone: the peer's data still comes", async () => {
      const pair = await openPair();
      const { client, server } = pair;
      client.engine.write(ascii("my last"));
      client.engine.closeWrite();
      await pair.run();
      expect(client.engine).toMatchObject({ state: "open", writeState: "closed" });
      expect(client.closed).toBeUndefined();
      expect(server.closed).toEqual({ kind: "clean" });
      expect(server.engine).toMatchObject({ state: "open", writeState: "open" });
      expect(() => client.engine.write(ascii("more"))).toThrow(TypeError);
      expect(() => client.engine.updateKeys()).toThrow(TypeError);
      server.engine.write(ascii("my answer"));
      await pair.run();
      expect(latin1(client.received)).toBe("my answer");
      expect(latin1(server.received)).toBe("my last");
      server.engine.closeWrite();
      await pair.run();
      expect(client.closed).toEqual({ kind: "clean" });
      expect(client.engine.state).toBe("closed");
      expect(server.engine.state).toBe("closed");
    });

    test("closeWrite() twice sends one close_notify", async () => {
      const { client } = await openPair();
      client.engine.closeWrite();
      const output = client.engine.takeOutput();
      expect(output).toHaveLength(5 + 2 + (version === "TLSv1.3" ? 1 : 0) + 16);
      client.engine.closeWrite();
      expect(client.engine.takeOutput()).toBeNull();
    });

    test("an error ends both, even if writing was over: then no alert is sent", () => {
      const scene = new Scene(toyServer(), toyClient());
      scene.playAll();
      scene.engine.closeWrite();
      scene.exchange();
      expect(scene.peer.alerts).toEqual(["close_notify"]);
      scene.inject(Uint8Array.of(99, 0, 0, 0));
      expect(scene.closed).toMatchObject([{ kind: "error", alertSent: null }]);
      expect(scene.peer.alerts).toEqual(["close_notify"]);
    });

    test("no event follows closed, whatever is written", () => {
      const scene = new Scene(toyServer(), toyClient());
      scene.playAll();
      scene.injectRecord(ContentType.alert, Uint8Array.of(1, 0));
      expect(scene.events.at(-1)?.type).toBe("closed");
      if (version === "TLSv1.3") scene.engine.updateKeys(true);
      scene.engine.write(ascii("on"));
      scene.exchange();
      expect(latin1(scene.peer.data)).toBe("on");
      expect(scene.events.at(-1)?.type).toBe("closed");
    });
  });
});
