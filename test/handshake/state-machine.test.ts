import { expect, test } from "vitest";

import { ContentType, HandshakeType } from "../../src/index.ts";
import { handshakeMessages } from "../../src/messages/handshake.ts";
import { foreign, MESSAGES } from "./foreign-messages.ts";
import { machineOf } from "./machine.ts";
import { describeScenarios } from "./scenario-tests.ts";
import { pointsOf, SCENARIOS, sceneOf } from "./scenarios.ts";
import { CCS, expectRefused } from "./walk.ts";

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

describeScenarios(SCENARIOS);

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
    else
      expectRefused(
        scene,
        raw[0] === HandshakeType.certificate ? "decode_error" : "unexpected_message",
        name,
      );
  }
  const scene = sceneOf(scenario);
  scene.inject(foreign("tls12_server_hello"));
  scene.injectRecord(ContentType.change_cipher_spec, CCS);
  expectRefused(scene, "unexpected_message");
});
