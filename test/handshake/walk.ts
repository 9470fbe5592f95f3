import { describe, expect, test } from "vitest";

import { ascii, concatBytes } from "../../src/bytes.ts";
import { AlertDescription, ContentType, HandshakeType, NEED_DATA, TlsAlert } from "../../src/index.ts";
import { handshakeMessages } from "../../src/messages/handshake.ts";
import { AlertLevel } from "../../src/messages/record.ts";
import { foreign, MESSAGES } from "./foreign-messages.ts";
import { type Point, pointsOfWalk, sceneOfWalk, type Walk, type WalkScene } from "./points.ts";

/** The single byte of a ChangeCipherSpec. */
export const CCS = Uint8Array.of(1);
const HELLO_REQUEST = foreign("hello_request");

/** The engine has refused with `alert`, has said so to its peer, and is dead. */
export function expectRefused(scene: WalkScene, alert: string, hint?: string): void {
  expect(scene.closed, hint).toHaveLength(1);
  const [how] = scene.closed;
  if (how?.kind !== "error") throw new Error(`${hint ?? "scene"}: closed as ${how?.kind}`);
  expect(how.error, hint).toBeInstanceOf(TlsAlert);
  expect(how.error.message.split(":")[0], hint).toBe(alert);
  expect(how.alertSent, hint).toBe(alert);
  expect(scene.peer.alerts, hint).toEqual([alert]);
  expectDead(scene);
}

/** Whatever else the peer sends gives no event and no output. */
export function expectDead(scene: WalkScene): void {
  const { length } = scene.events;
  expect(scene.engine.state).toBe("closed");
  while (scene.peer.peek() !== undefined) scene.peer.play();
  scene.peer.sendRecord(ContentType.application_data, ascii("too late"));
  scene.engine.receive(scene.peer.takeOutput());
  expect(scene.engine.nextEvent()).toBe(NEED_DATA);
  expect(scene.engine.takeOutput()).toBeNull();
  expect(scene.events).toHaveLength(length);
}

/** What holds for the machines of both versions. */
export function describeWalk(walk: Walk): void {
  const { machine } = walk;
  const points = pointsOfWalk(walk);

  test("its flow waits for what the machine accepts, at every point", () => {
    const { subject, peer } = walk.twoSides();
    for (const { state, facts, played } of points) {
      while (subject.peek() !== undefined) subject.play();
      peer.receive(subject.takeOutput());
      if (state === machine.end) expect(subject.established, played.join()).toBeDefined();
      else expect(subject.expected.toSorted(), played.join()).toEqual(machine.awaited(state, facts));
      if (peer.peek() === undefined) break;
      peer.play();
      subject.receive(peer.takeOutput());
    }
    expect(subject.established).toBeDefined();
  });

  test("the engine reports the end of the handshake in the last state, and not before", () => {
    const scene = walk.start();
    for (const { state, played } of points) {
      const isComplete = scene.events.some(({ type }) => type === "handshake-complete");
      expect(isComplete, played.join()).toBe(state === machine.end);
      if (scene.peer.peek() !== undefined) scene.play();
    }
  });

  describe.each(points.map((point) => [point.state.name, point.played.join(), point] as const))(
    "in %s, behind (%s)",
    (_name, _played, point) => describePoint(walk, point),
  );

  test.each([
    ["ChangeCipherSpec", ContentType.change_cipher_spec, CCS],
    ["application data", ContentType.application_data, ascii("data")],
    ["a warning", ContentType.alert, warning("user_canceled")],
  ])("%s between two records of one message is unexpected_message", (_what, type, content) => {
    for (const point of points) {
      for (const half of ["the first byte", "all but the last byte"]) {
        const scene = sceneOfWalk(walk, point);
        const raw = scene.peer.peek()?.raw ?? Uint8Array.of(24, 0, 0, 1, 0);
        scene.injectRecord(ContentType.handshake, raw.subarray(0, half === "the first byte" ? 1 : -1));
        expect(scene.closed).toEqual([]);
        if (type === ContentType.change_cipher_spec) scene.peer.sendPlaintextRecord(type, content);
        else scene.peer.sendRecord(type, content);
        scene.exchange();
        expectRefused(scene, "unexpected_message", `${point.state.name}, ${half}`);
      }
    }
  });
}

function describePoint(walk: Walk, point: Point): void {
  const { machine } = walk;
  const { state, facts } = point;

  test("every message that is not accepted is refused, by unexpected_message but where the machine says otherwise", () => {
    const accepted: readonly string[] = machine.accepted(state, facts);
    const refused = MESSAGES.filter(({ name }) => !accepted.includes(name));
    expect(refused.length).toBeGreaterThan(MESSAGES.length - 6);
    const types = machine.awaited(state, facts).map(typeOf);
    for (const { name, raw } of refused) {
      const scene = sceneOfWalk(walk, point);
      scene.inject(raw);
      // Both versions give the type to it, and another body: it is what is due, and cannot be read.
      const isOtherForm = types.includes(raw[0]) && raw[0] !== HandshakeType.server_hello;
      const alert = isOtherForm ? "decode_error" : machine.refusal(state, facts, name);
      expectRefused(scene, alert, name);
    }
  });

  const proofs = machine.awaited(state, facts).filter((name) => PROOFS.includes(name));
  if (proofs.length > 0) {
    test("what was signed or finished in another connection is decrypt_error", () => {
      for (const { name, raw } of MESSAGES.filter((message) =>
        proofs.some((proof) => proof === message.name),
      )) {
        // A Finished that is shorter or longer by a byte is as wrong.
        const all =
          name === "finished" ? [raw, resized(raw, -1), resized(raw, 1), resized(raw, 12 - 32)] : [raw];
        for (const [i, one] of all.entries()) {
          const scene = sceneOfWalk(walk, point);
          scene.inject(one);
          expectRefused(scene, "decrypt_error", `${name} ${i}`);
        }
      }
    });
  }

  test("application data is delivered or unexpected_message, as the machine says", () => {
    const scene = sceneOfWalk(walk, point);
    scene.injectRecord(ContentType.application_data, ascii("data"));
    if (state.applicationData === "refuse") {
      expectRefused(scene, "unexpected_message");
    } else {
      expect(scene.events.at(-1)).toEqual({ type: "data", data: ascii("data") });
      expect(scene.closed).toEqual([]);
    }
  });

  test("unprotected application data is never accepted", () => {
    const scene = sceneOfWalk(walk, point);
    scene.peer.sendPlaintextRecord(ContentType.application_data, new Uint8Array(100));
    scene.exchange();
    expectRefused(scene, state.readKeys === "none" ? "unexpected_message" : "bad_record_mac");
  });

  test("ChangeCipherSpec is taken, dropped or unexpected_message, as the machine says", () => {
    const scene = sceneOfWalk(walk, point);
    const { length } = scene.events;
    scene.peer.sendPlaintextRecord(ContentType.change_cipher_spec, CCS);
    scene.exchange();
    const isDeferred = state.changeCipherSpec === "defer" && facts["bothVersions"] === true;
    if (state.changeCipherSpec === "refuse" || (state.changeCipherSpec === "defer" && !isDeferred)) {
      expectRefused(scene, "unexpected_message");
      return;
    }
    expect(scene.events).toHaveLength(length);
    expect(scene.peer.alerts).toEqual([]);
    if (isDeferred) {
      scene.play();
      expectRefused(scene, "unexpected_message");
    } else if (state.changeCipherSpec === "due") {
      // From here on what is read is protected.
      scene.peer.sendPlaintextRecord(ContentType.handshake, new Uint8Array(100));
      scene.exchange();
      expectRefused(scene, "bad_record_mac");
    } else {
      scene.playAll();
      expect(scene.events.map(({ type }) => type)).toEqual(["handshake-complete"]);
    }
  });

  test.each([
    ["with another value", Uint8Array.of(2)],
    ["of two bytes", Uint8Array.of(1, 1)],
    ["that is empty", Uint8Array.of()],
  ])("ChangeCipherSpec %s is unexpected_message, or illegal_parameter where one is due", (_what, content) => {
    const scene = sceneOfWalk(walk, point);
    scene.peer.sendPlaintextRecord(ContentType.change_cipher_spec, content);
    scene.exchange();
    expectRefused(scene, state.changeCipherSpec === "due" ? "illegal_parameter" : "unexpected_message");
  });

  if (state.readKeys !== "none") {
    test("ChangeCipherSpec in a protected record is unexpected_message", () => {
      const scene = sceneOfWalk(walk, point);
      scene.injectRecord(ContentType.change_cipher_spec, CCS);
      expectRefused(scene, "unexpected_message");
    });
  }

  if (machine.accepted(state, facts).includes("hello_request") && state !== machine.end) {
    test("HelloRequest is passed over, and enters no transcript", () => {
      const scene = sceneOfWalk(walk, point);
      scene.inject(HELLO_REQUEST);
      scene.inject(concatBytes(HELLO_REQUEST, HELLO_REQUEST));
      expect(scene.events).toEqual([]);
      const behind = machine.follow(state, facts, "hello_request");
      const next = scene.peer.peek()?.name ?? "";
      if (machine.accepted(behind.state, behind.facts).some((name) => name === next)) {
        scene.playAll();
        expect(scene.events.map(({ type }) => type)).toEqual(["handshake-complete"]);
        expect(scene.peer.established).toBeDefined();
        expect(scene.peer.alerts).toEqual([]);
      } else {
        scene.play();
        expectRefused(scene, "unexpected_message");
      }
    });
  }

  describeAlerts(walk, point);
}

function describeAlerts(walk: Walk, point: Point): void {
  test("a fatal alert ends it without an answer", () => {
    const scene = sceneOfWalk(walk, point);
    scene.injectRecord(
      ContentType.alert,
      Uint8Array.of(AlertLevel.fatal, AlertDescription.handshake_failure),
    );
    expect(scene.closed).toMatchObject([{ kind: "alert", alert: "handshake_failure" }]);
    expect(scene.peer.alerts).toEqual([]);
    expectDead(scene);
  });

  test("close_notify is a clean end after the handshake, and an alert before", () => {
    const scene = sceneOfWalk(walk, point);
    scene.injectRecord(ContentType.alert, warning("close_notify"));
    if (point.state === walk.machine.end) {
      expect(scene.closed).toEqual([{ kind: "clean" }]);
      expect(scene.engine.write(ascii("still here"))).toBe(true);
    } else {
      expect(scene.closed).toMatchObject([{ kind: "alert", alert: "close_notify" }]);
      expectDead(scene);
    }
    expect(scene.peer.alerts).toEqual([]);
  });

  const { version } = walk.machine;
  const mayBeTls12 =
    version === "TLSv1.2" || (point.facts["bothVersions"] === true && point.played.length === 0);
  test(`a warning is ${mayBeTls12 ? "reported, and nothing more" : "decode_error"}`, () => {
    const scene = sceneOfWalk(walk, point);
    scene.injectRecord(ContentType.alert, warning("unrecognized_name"));
    if (!mayBeTls12) {
      expectRefused(scene, "decode_error");
      return;
    }
    expect(scene.events.at(-1)).toEqual({ type: "warning-alert", alert: "unrecognized_name" });
    scene.playAll();
    expect(scene.events.map(({ type }) => type).toSorted()).toEqual(["handshake-complete", "warning-alert"]);
    expect(scene.peer.alerts).toEqual([]);
  });
}

const PROOFS: readonly string[] = ["server_key_exchange", "certificate_verify", "finished"];

/** A short message with `more` bytes. */
function resized(raw: Uint8Array, more: number): Uint8Array {
  const body = new Uint8Array(raw.length - 4 + more);
  body.set(raw.subarray(4, 4 + body.length));
  return concatBytes(raw.subarray(0, 3), Uint8Array.of(body.length), body);
}

/** The bytes of a warning. */
export function warning(alert: keyof typeof AlertDescription): Uint8Array {
  return Uint8Array.of(AlertLevel.warning, AlertDescription[alert]);
}

function typeOf(name: string): number | undefined {
  return Object.entries(handshakeMessages).find(([candidate]) => candidate === name)?.[1].type;
}
