import { describe, expect, test } from "vitest";

import { ascii, concatBytes } from "../../src/bytes.ts";
import { AlertDescription, ContentType, HandshakeType, NEED_DATA, TlsAlert } from "../../src/index.ts";
import { AlertLevel } from "../../src/messages/record.ts";
import type { Scene } from "../support/scripted-peer.ts";
import { MESSAGES } from "./foreign-messages.ts";
import { machineOf } from "./machine.ts";
import { pointsOf, SCENARIOS, sceneAt, sceneOf, twoScripted } from "./scenarios.ts";

const CCS = Uint8Array.of(1);

/** The engine has refused with `alert`, has said so to its peer, and is dead. */
function expectRefused(scene: Scene, alert: string): void {
  expect(scene.closed).toHaveLength(1);
  const [how] = scene.closed;
  if (how?.kind !== "error") throw new Error(`closed as ${how?.kind}`);
  expect(how.error).toBeInstanceOf(TlsAlert);
  expect(how.error.message.split(":")[0]).toBe(alert);
  expect(how.alertSent).toBe(alert);
  expect(scene.peer.alerts).toEqual([alert]);
  expectDead(scene);
}

/** Whatever else the peer sends gives no event and no output. */
function expectDead(scene: Scene): void {
  const { length } = scene.events;
  expect(scene.engine.state).toBe("closed");
  while (scene.peer.peek() !== undefined) scene.peer.play();
  scene.peer.sendRecord(ContentType.application_data, ascii("too late"));
  scene.engine.receive(scene.peer.takeOutput());
  expect(scene.engine.nextEvent()).toBe(NEED_DATA);
  expect(scene.engine.takeOutput()).toBeNull();
  expect(scene.events).toHaveLength(length);
}

test("the messages to refuse include every type of the registry, and an unknown one", () => {
  const types = new Set(MESSAGES.map(({ raw }) => raw[0]));
  expect([...types].toSorted((a, b) => Number(a) - Number(b))).toEqual(
    [...Object.values(HandshakeType), 3, 99].toSorted((a, b) => a - b),
  );
  expect(MESSAGES.map(({ name }) => name)).toContain("hello_retry_request");
});

test("the scenarios pass through every state but that of early data", () => {
  for (const role of ["client", "server"] as const) {
    const passed = SCENARIOS.filter((scenario) => scenario.role === role).flatMap(pointsOf);
    const states = [...machineOf(role).states.keys()].filter((name) => name !== "WAIT_EOED");
    expect([...new Set(passed.map(({ state }) => state.name))].toSorted()).toEqual(states.toSorted());
  }
});

describe.each(SCENARIOS.map((scenario) => [scenario.title, scenario] as const))("%s", (_title, scenario) => {
  const machine = machineOf(scenario.role);
  const points = pointsOf(scenario);

  test("its flow waits for what the machine accepts, at every point", () => {
    const { subject, peer } = twoScripted(scenario);
    for (const { state, facts, played } of points) {
      while (subject.peek() !== undefined) subject.play();
      peer.receive(subject.takeOutput());
      if (state === machine.end) expect(subject.established, played.join()).toBeDefined();
      else expect(subject.expected.toSorted(), played.join()).toEqual(machine.accepted(state, facts));
      if (peer.peek() === undefined) break;
      peer.play();
      subject.receive(peer.takeOutput());
    }
    expect(subject.established).toBeDefined();
  });

  test("the engine reports the end of the handshake in the last state, and not before", () => {
    const scene = sceneOf(scenario);
    for (const { state, played } of points) {
      const isComplete = scene.events.some(({ type }) => type === "handshake-complete");
      expect(isComplete, played.join()).toBe(state === machine.end);
      if (scene.peer.peek() !== undefined) scene.play();
    }
  });

  describe.each(points.map((point) => [point.state.name, point.played.join(), point] as const))(
    "in %s, behind (%s)",
    (_name, _played, point) => {
      const accepted = machine.accepted(point.state, point.facts);

      test("every message that is not accepted is unexpected_message", () => {
        const refused = MESSAGES.filter(({ name }) => !accepted.some((other) => other === name));
        expect(refused.length).toBe(MESSAGES.length - accepted.length);
        for (const { name, raw } of refused) {
          const scene = sceneAt(scenario, point);
          scene.inject(raw);
          expect(scene.closed[0], name).toMatchObject({ kind: "error", alertSent: "unexpected_message" });
          expectRefused(scene, "unexpected_message");
        }
      });

      test("application data is delivered or unexpected_message, as the machine says", () => {
        const scene = sceneAt(scenario, point);
        scene.injectRecord(ContentType.application_data, ascii("data"));
        if (point.state.applicationData === "refuse") {
          expectRefused(scene, "unexpected_message");
        } else {
          expect(scene.events.at(-1)).toEqual({ type: "data", data: ascii("data") });
          expect(scene.closed).toEqual([]);
        }
      });

      test("unprotected application data is never accepted", () => {
        const scene = sceneAt(scenario, point);
        scene.peer.sendPlaintextRecord(ContentType.application_data, ascii("data"));
        scene.exchange();
        expectRefused(scene, point.state.readKeys === "none" ? "unexpected_message" : "bad_record_mac");
      });

      test("ChangeCipherSpec is dropped or unexpected_message, as the machine says", () => {
        const scene = sceneAt(scenario, point);
        const { length } = scene.events;
        scene.peer.sendPlaintextRecord(ContentType.change_cipher_spec, CCS);
        scene.exchange();
        if (point.state.changeCipherSpec === "refuse") {
          expectRefused(scene, "unexpected_message");
          return;
        }
        expect(scene.events).toHaveLength(length);
        expect(scene.peer.alerts).toEqual([]);
        scene.playAll();
        expect(scene.events.map(({ type }) => type)).toEqual(["handshake-complete"]);
      });

      test.each([
        ["with another value", Uint8Array.of(2)],
        ["of two bytes", Uint8Array.of(1, 1)],
        ["that is empty", Uint8Array.of()],
      ])("ChangeCipherSpec %s is unexpected_message", (_what, content) => {
        const scene = sceneAt(scenario, point);
        scene.peer.sendPlaintextRecord(ContentType.change_cipher_spec, content);
        scene.exchange();
        expectRefused(scene, "unexpected_message");
      });

      if (point.state.readKeys !== "none") {
        test("ChangeCipherSpec in a protected record is unexpected_message", () => {
          const scene = sceneAt(scenario, point);
          scene.injectRecord(ContentType.change_cipher_spec, CCS);
          expectRefused(scene, "unexpected_message");
        });
      }

      test("a fatal alert ends it without an answer", () => {
        const scene = sceneAt(scenario, point);
        scene.injectRecord(
          ContentType.alert,
          Uint8Array.of(AlertLevel.fatal, AlertDescription.handshake_failure),
        );
        expect(scene.closed).toMatchObject([{ kind: "alert", alert: "handshake_failure" }]);
        expect(scene.peer.alerts).toEqual([]);
        expectDead(scene);
      });

      test("close_notify is a clean end after the handshake, and an alert before", () => {
        const scene = sceneAt(scenario, point);
        scene.injectRecord(ContentType.alert, Uint8Array.of(AlertLevel.warning, 0));
        if (point.state === machine.end) {
          expect(scene.closed).toEqual([{ kind: "clean" }]);
          expect(scene.engine.write(ascii("still here"))).toBe(true);
        } else {
          expect(scene.closed).toMatchObject([{ kind: "alert", alert: "close_notify" }]);
          expectDead(scene);
        }
        expect(scene.peer.alerts).toEqual([]);
      });
    },
  );

  test("bytes behind a message that ends a flight or changes keys, in its record, are unexpected_message", () => {
    const ends: string[] = [];
    for (const point of points) {
      for (const more of [Uint8Array.of(8), MESSAGES[0]?.raw ?? new Uint8Array()]) {
        const scene = sceneAt(scenario, point);
        const next = scene.peer.peek();
        if (next === undefined || !ENDS_ITS_RECORD.includes(next.name)) continue;
        ends.push(next.name);
        scene.injectRecord(ContentType.handshake, concatBytes(next.raw, more));
        expectRefused(scene, "unexpected_message");
      }
    }
    expect(ends.length).toBeGreaterThan(1);
  });

  test.each([
    ["ChangeCipherSpec", ContentType.change_cipher_spec, CCS],
    ["application data", ContentType.application_data, ascii("data")],
  ])("%s between two records of one message is unexpected_message", (_what, type, content) => {
    for (const point of points) {
      for (const half of ["the first byte", "all but the last byte"]) {
        const scene = sceneAt(scenario, point);
        const { raw } = scene.peer.peek() ?? { raw: Uint8Array.of(24, 0, 0, 1, 0) };
        scene.injectRecord(ContentType.handshake, raw.subarray(0, half === "the first byte" ? 1 : -1));
        expect(scene.closed).toEqual([]);
        if (type === ContentType.change_cipher_spec) scene.peer.sendPlaintextRecord(type, content);
        else scene.peer.sendRecord(type, content);
        scene.exchange();
        expectRefused(scene, "unexpected_message");
      }
    }
  });

  test("what the last state accepts is taken without an end", () => {
    const end = points.at(-1);
    if (end === undefined) throw new Error("no points");
    for (const name of machine.accepted(end.state, end.facts)) {
      const message = MESSAGES.find((candidate) => candidate.name === name);
      if (message === undefined) throw new Error(`no ${name}`);
      const scene = sceneAt(scenario, end);
      scene.inject(message.raw);
      expect(scene.closed, name).toEqual([]);
      expect(scene.events.at(-1)?.type).toBe(name === "key_update" ? "key-update" : "session");
    }
  });

  test("no message can be left out", () => {
    for (const { played } of points) {
      const scene = sceneOf(scenario);
      scene.playTimes(played.length);
      if (scene.peer.peek() === undefined) continue;
      const skipped = scene.peer.skip();
      scene.exchange();
      const rest = scene.playAll();
      // Behind the last message of a flight nothing comes but application data, if it was the last one of all.
      if (rest.length === 0 && skipped === "finished") {
        scene.injectRecord(ContentType.application_data, ascii("data"));
      }
      expect(
        scene.events.map(({ type }) => type),
        skipped,
      ).not.toContain("handshake-complete");
      expect(scene.engine.info, skipped).toBeNull();
      const alert = LEFT_OUT[skipped as keyof typeof LEFT_OUT];
      if (alert === null) expect(scene.engine.state, skipped).toBe("handshaking");
      else expectRefused(scene, alert);
    }
  });
});

/** RFC 8446 §5.1; a HelloRetryRequest changes no keys, but nothing may follow it before its answer. */
const ENDS_ITS_RECORD: readonly string[] = [
  "client_hello",
  "server_hello",
  "hello_retry_request",
  "finished",
];

/** What comes of a flight without this message; null when the peer cannot go on without an answer to it. */
const LEFT_OUT = {
  client_hello: null,
  hello_retry_request: null,
  server_hello: "unexpected_message",
  encrypted_extensions: "unexpected_message",
  // It may be missing, but the server has signed it.
  certificate_request: "decrypt_error",
  certificate: "unexpected_message",
  certificate_verify: "unexpected_message",
  // What follows is under the next keys.
  finished: "bad_record_mac",
} as const;
