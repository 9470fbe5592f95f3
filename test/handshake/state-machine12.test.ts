import { describe, expect, test } from "vitest";

import { ascii, concatBytes } from "../../src/bytes.ts";
import { ContentType } from "../../src/index.ts";
import { foreign, MESSAGES } from "./foreign-messages.ts";
import { machineOf } from "./machine.ts";
import type { Scene12 } from "./peer12.ts";
import { type Point, pointsOfWalk } from "./points.ts";
import { type Scenario12, scene12Of, SCENARIOS12, walk12Of } from "./scenarios12.ts";
import { CCS, describeWalk, expectRefused, warning } from "./walk.ts";

function scene12At(scenario: Scenario12, { played }: Point): Scene12 {
  const scene = scene12Of(scenario);
  scene.playTimes(played.length);
  return scene;
}

const HELLO_REQUEST = foreign("hello_request");

test("the scenarios pass through every state, and take every transition of a handshake", () => {
  for (const role of ["client", "server"] as const) {
    const machine = machineOf(role, "TLSv1.2");
    const missing = new Set(
      [...machine.states.values()].flatMap(({ name, transitions }) =>
        transitions
          .filter(({ next, passedOver }) => machine.states.has(next ?? "") && passedOver === undefined)
          .map(({ receives, next }) => `${name}, ${receives}: ${next}`),
      ),
    );
    expect(missing.size).toBeGreaterThan(5);
    for (const scenario of SCENARIOS12.filter((candidate) => candidate.role === role)) {
      let before: Point | undefined;
      for (const point of pointsOfWalk(walk12Of(scenario))) {
        missing.delete(`${before?.state.name}, ${point.played.at(-1)}: ${point.state.name}`);
        before = point;
      }
    }
    const renegotiation = role === "client" ? "hello_request" : "client_hello";
    expect([...missing]).toEqual([`CONNECTED, ${renegotiation}: CONNECTED`]);
  }
});

describe.each(SCENARIOS12.map((scenario) => [scenario.title, scenario] as const))(
  "%s",
  (_title, scenario) => {
    const walk = walk12Of(scenario);
    const points = pointsOfWalk(walk);

    describeWalk(walk);

    test("it ends in the handshake that the scenario is about", () => {
      const scene = scene12Of(scenario);
      scene.playAll();
      const { facts } = scenario;
      const isAnswered = facts["clientAuth"] === true && facts["certificateEmpty"] !== true;
      expect(scene.engine.info).toMatchObject({
        role: scenario.role,
        version: "TLSv1.2",
        resumed: facts["resumed"] ?? false,
        ...(scenario.role === "server" && { peer: { kind: isAnswered ? "unverified" : "none" } }),
      });
      expect(scene.peer.established?.info).toMatchObject({
        version: "TLSv1.2",
        resumed: facts["resumed"] ?? false,
      });
      scene.injectRecord(ContentType.application_data, ascii("from the peer"));
      expect(scene.events.at(-1)).toEqual({ type: "data", data: ascii("from the peer") });
      scene.engine.write(ascii("from the engine"));
      scene.exchange();
      expect(scene.peer.data).toEqual(ascii("from the engine"));
    });

    test("nothing can be left out", () => {
      for (const point of points) {
        const scene = scene12At(scenario, point);
        if (scene.peer.peek() === undefined) continue;
        const skipped = scene.peer.skip();
        const next = scene.peer.peek()?.name;
        if (LEFT_TO_THE_PEER.includes(skipped)) {
          // The flow of the engine allows it; the peer has what it sends in its transcript.
          scene.playAll();
          expect(scene.peer.failure, skipped).toBeDefined();
          expect(scene.engine.state, skipped).toBe("handshaking");
        } else if (next !== undefined) {
          scene.play();
          if (
            point.state.changeCipherSpec === "defer" &&
            next === "change_cipher_spec" &&
            scene.closed.length === 0
          ) {
            // It is dropped, as TLS 1.3 may be what the server chooses.
            scene.peer.sendPlaintextRecord(ContentType.handshake, foreign("tls12_server_hello"));
            scene.exchange();
          }
          expectRefused(scene, "unexpected_message", skipped);
        } else {
          // It was the last one of its flight.
          scene.injectRecord(ContentType.application_data, ascii("data"));
          expectRefused(scene, "unexpected_message", skipped);
        }
        expect(scene.events.map(({ type }) => type)).not.toContain("handshake-complete");
        expect(scene.engine.info).toBeNull();
      }
    });

    test("nothing can come twice", () => {
      for (const { played, state } of points.slice(1)) {
        const scene = scene12Of(scenario);
        scene.playTimes(played.length - 1);
        const { name, raw } = scene.peer.peek() ?? {};
        scene.play();
        if (raw === undefined) scene.peer.sendPlaintextRecord(ContentType.change_cipher_spec, CCS);
        else scene.peer.sendRecord(ContentType.handshake, raw);
        scene.exchange();
        expectRefused(scene, "unexpected_message", `${name} in ${state.name}`);
      }
    });

    test("bytes behind a message that ends a flight, or stands before ChangeCipherSpec, in its record, are unexpected_message", () => {
      const ends: string[] = [];
      for (const point of points) {
        for (const more of [
          Uint8Array.of(HELLO_REQUEST[0] ?? 0),
          HELLO_REQUEST.subarray(0, 3),
          foreign("finished"),
        ]) {
          const scene = scene12At(scenario, point);
          const raw = scene.peer.peek()?.raw;
          if (raw === undefined) continue;
          const name = scene.peer.skip();
          const next = scene.peer.peek()?.name;
          if (next !== undefined && next !== "change_cipher_spec") continue;
          ends.push(name);
          scene.inject(concatBytes(raw, more));
          // Where no answer comes between, it is seen when the keys are to change.
          if (scene.closed.length === 0) scene.play();
          expectRefused(scene, "unexpected_message", name);
        }
      }
      expect(new Set(ends).size).toBeGreaterThan(1);
    });

    test("an unprotected record behind ChangeCipherSpec is bad_record_mac", () => {
      const behind = points.filter(({ state }) => state.readKeys !== "none");
      expect(behind.map(({ state }) => state.name)).toEqual(["WAIT_FINISHED", "CONNECTED"]);
      for (const point of behind) {
        for (const [type, content] of [
          [ContentType.alert, Uint8Array.of(2, 40)],
          [ContentType.alert, warning("close_notify")],
          [ContentType.handshake, scene12At(scenario, point).peer.peek()?.raw ?? HELLO_REQUEST],
        ] as const) {
          const scene = scene12At(scenario, point);
          scene.peer.sendPlaintextRecord(type, content);
          scene.exchange();
          expectRefused(scene, "bad_record_mac", point.state.name);
        }
      }
    });
  },
);

/** What may be missing as far as the side that receives it can tell. RFC 5246 §7.4.4, RFC 6066 §8. */
const LEFT_TO_THE_PEER: readonly string[] = ["tls12_certificate_request", "certificate_status"];

test("more HelloRequests in a handshake than the limit are unexpected_message", () => {
  const scenario = SCENARIOS12.find(({ facts }) => facts["statusAnnounced"] === true);
  if (scenario === undefined) throw new Error("no such client");
  const { postHandshakeMessages } = scenario.client.settings.limits;
  for (const point of pointsOfWalk(walk12Of(scenario)).slice(0, -1)) {
    const scene = scene12At(scenario, point);
    for (let i = 0; i < postHandshakeMessages; i++) scene.inject(HELLO_REQUEST);
    expect(scene.events).toEqual([]);
    scene.inject(HELLO_REQUEST);
    expectRefused(scene, "unexpected_message", point.state.name);
  }
});

describe.each(["client", "server"] as const)("renegotiation that the peer of a %s asks for", (role) => {
  const scenario = SCENARIOS12.find((candidate) => candidate.role === role);
  if (scenario === undefined) throw new Error(`no ${role}`);
  const machine = machineOf(role, "TLSv1.2");
  const end = pointsOfWalk(walk12Of(scenario)).at(-1);
  if (end === undefined) throw new Error("no points");
  const request = role === "client" ? "hello_request" : "client_hello";

  /** A scene in which it was asked for once. */
  function asked(): Scene12 {
    if (scenario === undefined || end === undefined) throw new Error("no scenario");
    const scene = scene12At(scenario, end);
    scene.inject(foreign(request));
    return scene;
  }

  test("is refused by a warning the first time, and the connection goes on", () => {
    const scene = asked();
    expect(machine.follow(machine.end, end.facts, request).warning).toBe("no_renegotiation");
    expect(scene.peer.alerts).toEqual(["no_renegotiation"]);
    scene.injectRecord(ContentType.application_data, ascii("data"));
    expect(scene.events.map(({ type }) => type)).toEqual(["handshake-complete", "data"]);
    scene.engine.write(ascii("answer"));
    scene.exchange();
    expect(scene.peer.data).toEqual(ascii("answer"));
  });

  test("is fatal the second time, also when data came between", () => {
    const { facts } = machine.follow(machine.end, end.facts, request);
    expect(machine.refusal(machine.end, facts, request)).toBe("no_renegotiation");
    for (const between of ["", "data"]) {
      const scene = asked();
      if (between !== "") scene.injectRecord(ContentType.application_data, ascii(between));
      scene.inject(foreign(request));
      expect(scene.closed).toMatchObject([{ kind: "error", alertSent: "no_renegotiation" }]);
      expect(scene.peer.alerts).toEqual(["no_renegotiation", "no_renegotiation"]);
      expect(scene.engine.state).toBe("closed");
    }
  });

  test("does not make anything else acceptable", () => {
    for (const { name, raw } of MESSAGES.filter((message) => message.name !== request)) {
      const scene = asked();
      scene.inject(raw);
      expect(scene.closed, name).toMatchObject([{ kind: "error", alertSent: "unexpected_message" }]);
    }
    const scene = asked();
    scene.peer.sendPlaintextRecord(ContentType.change_cipher_spec, CCS);
    scene.exchange();
    expect(scene.closed).toMatchObject([{ kind: "error", alertSent: "unexpected_message" }]);
  });
});
