import { describe, expect, test } from "vitest";

import { ascii, concatBytes } from "../../src/bytes.ts";
import { ContentType, HandshakeType, SignatureScheme } from "../../src/index.ts";
import { encodeHandshake, handshakeMessages } from "../../src/messages/handshake.ts";
import { foreign, MESSAGES } from "./foreign-messages.ts";
import { machineOf } from "./machine.ts";
import { pointsOf, SCENARIOS, sceneAt, sceneOf, walkOf } from "./scenarios.ts";
import { CCS, describeWalk, expectRefused } from "./walk.ts";

test("the messages to refuse include every type of the registry, every form of it, and an unknown one", () => {
  const types = new Set(MESSAGES.map(({ raw }) => raw[0]));
  expect([...types].toSorted((a, b) => Number(a) - Number(b))).toEqual(
    [...Object.values(HandshakeType), 3, 99].toSorted((a, b) => a - b),
  );
  const names = MESSAGES.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(Object.keys(handshakeMessages)));
  expect(new Set(names).size).toBe(names.length);
});

test("the scenarios pass through every state but that of early data", () => {
  for (const role of ["client", "server"] as const) {
    const scenarios = SCENARIOS.filter((scenario) => scenario.role === role);
    const states = [...machineOf(role, "TLSv1.3").states.keys()].filter((name) => name !== "WAIT_EOED");
    const passed = scenarios.flatMap(pointsOf).map(({ state }) => state.name);
    expect([...new Set(passed)].toSorted()).toEqual(states.toSorted());
  }
});

/** The request for a certificate that has a context: the one of a handshake has none. */
const LATE_REQUEST = encodeHandshake("certificate_request", {
  certificateRequestContext: Uint8Array.of(1),
  extensions: { signatureAlgorithms: [SignatureScheme.ecdsa_secp256r1_sha256] },
});

/** What is reported last behind a message that follows the handshake. */
const EVENTS: Readonly<Record<string, string>> = {
  key_update: "key-update",
  new_session_ticket: "session",
  certificate_request: "handshake-complete",
};

describe.each(SCENARIOS.map((scenario) => [scenario.title, scenario] as const))("%s", (_title, scenario) => {
  const machine = machineOf(scenario.role, "TLSv1.3");
  const points = pointsOf(scenario);

  describeWalk(walkOf(scenario));

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

  test("what the last state accepts is taken without an end", () => {
    const end = points.at(-1);
    if (end === undefined) throw new Error("no points");
    for (const name of machine.accepted(end.state, end.facts)) {
      if (name === "change_cipher_spec") throw new Error("TLS 1.3 waits for none");
      const scene = sceneAt(scenario, end);
      scene.inject(name === "certificate_request" ? LATE_REQUEST : foreign(name));
      expect(scene.closed, name).toEqual([]);
      expect(scene.events.at(-1)?.type).toBe(EVENTS[name]);
      // Certificate, CertificateVerify and Finished.
      expect(scene.peer.laterMessages).toHaveLength(name === "certificate_request" ? 3 : 0);
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

test("a ServerHello of TLS 1.2 leads a client of both versions to the other machine", () => {
  const scenario = SCENARIOS.find(({ role, facts }) => role === "client" && facts["bothVersions"] === true);
  if (scenario === undefined) throw new Error("no such client");
  const { states } = machineOf("client", "TLSv1.2");
  const state = states.get("WAIT_CERTIFICATE");
  if (state === undefined) throw new Error("no such state");
  const awaited: readonly string[] = machineOf("client", "TLSv1.2").accepted(state, {});
  expect(awaited).toEqual(["hello_request", "tls12_certificate"]);
  for (const { name, raw } of MESSAGES) {
    const scene = sceneOf(scenario);
    scene.inject(foreign("tls12_server_hello"));
    expect(scene.events).toEqual([]);
    scene.inject(raw);
    if (awaited.includes(name)) expect(scene.events, name).toEqual([]);
    else expectRefused(scene, name === "certificate" ? "decode_error" : "unexpected_message", name);
  }
  const scene = sceneOf(scenario);
  scene.inject(foreign("tls12_server_hello"));
  scene.injectRecord(ContentType.change_cipher_spec, CCS);
  expectRefused(scene, "unexpected_message");
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
