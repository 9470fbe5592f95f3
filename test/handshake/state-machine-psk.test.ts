import { describe, expect, test } from "vitest";

import { foreign } from "./foreign-messages.ts";
import { machineOf } from "./machine.ts";
import { describeScenarios } from "./scenario-tests.ts";
import { PSK_SCENARIOS } from "./scenarios-psk.ts";
import { pointsOf, sceneAt, sceneOf } from "./scenarios.ts";
import { expectRefused } from "./walk.ts";

describeScenarios(PSK_SCENARIOS);

describe.each(PSK_SCENARIOS.map((scenario) => [scenario.title, scenario] as const))(
  "%s",
  (title, scenario) => {
    const isDeclined = /not take|not taken/.test(title);

    test("it ends in the handshake that the scenario is about", () => {
      const scene = sceneOf(scenario);
      const played = scene.playAll();
      const isExternal = title.includes("external");
      expect(scene.engine.info).toMatchObject({
        version: "TLSv1.3",
        resumed: !isDeclined && !isExternal,
        helloRetried: title.includes("second ClientHello"),
        group: title.includes("without a key exchange") ? null : expect.stringMatching(/x25519|secp256r1/),
        ...(isExternal && { peer: { kind: "psk" } }),
      });
      const shown =
        scenario.role === "client"
          ? ["certificate_request", "certificate", "certificate_verify"]
          : ["certificate"];
      expect(played.filter((name) => name.startsWith("certificate"))).toEqual(isDeclined ? shown : []);
    });

    if (!isDeclined) {
      test("a message of certificates is unexpected_message wherever it comes", () => {
        const { states } = machineOf(scenario.role, "TLSv1.3");
        for (const point of pointsOf(scenario)) {
          expect(states.has(point.state.name)).toBe(true);
          expect(point.state.name).not.toMatch(/CERT|CV/);
          for (const name of ["certificate_request", "certificate", "certificate_verify"] as const) {
            const scene = sceneAt(scenario, point);
            scene.inject(foreign(name));
            expectRefused(scene, "unexpected_message", `${name} in ${point.state.name}`);
          }
        }
      });
    }
  },
);
