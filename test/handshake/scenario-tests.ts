import { describe, expect, test } from "vitest";

import { ascii, concatBytes } from "../../src/bytes.ts";
import { ContentType, SignatureScheme } from "../../src/index.ts";
import { encodeHandshake } from "../../src/messages/handshake.ts";
import { foreign, MESSAGES } from "./foreign-messages.ts";
import { machineOf } from "./machine.ts";
import { pointsOf, type Scenario, sceneAt, sceneOf, walkOf } from "./scenarios.ts";
import { describeWalk, expectRefused } from "./walk.ts";

/** What holds at every point of a scenario of TLS 1.3. */
export function describeScenarios(scenarios: readonly Scenario[]): void {
  describe.each(scenarios.map((scenario) => [scenario.title, scenario] as const))(
    "%s",
    (_title, scenario) => {
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
    },
  );
}

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
