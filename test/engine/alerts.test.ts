import { describe, expect, test } from "vitest";

import { AlertDescription } from "../../src/alert.ts";
import { ascii, latin1 } from "../../src/bytes.ts";
import { type AlertName, ContentType, PeerAlert } from "../../src/index.ts";
import { AlertLevel } from "../../src/messages/record.ts";
import { Scene } from "../support/scripted-peer.ts";
import { configsOf } from "./versions.ts";

const both = configsOf("TLSv1.3", "TLSv1.2");
const { client: clientOf, server: serverOf } = configsOf("TLSv1.2");

const warning = (alert: AlertName): Uint8Array => Uint8Array.of(AlertLevel.warning, AlertDescription[alert]);
const fatal = (alert: AlertName): Uint8Array => Uint8Array.of(AlertLevel.fatal, AlertDescription[alert]);

const ROLES = ["client", "server"] as const;

/** An engine of TLS 1.2 that its peer has sent `played` messages; all of them by default. */
function sceneOf(role: "client" | "server", played = Infinity): Scene {
  const scene = role === "client" ? new Scene(clientOf(), serverOf()) : new Scene(serverOf(), clientOf());
  if (played === Infinity) scene.playAll();
  else scene.playTimes(played);
  return scene;
}

function expectRefused(scene: Scene, alert: AlertName): void {
  expect(scene.closed).toMatchObject([{ kind: "error", alertSent: alert }]);
  expect(scene.peer.alerts).toEqual([alert]);
}

describe.each(ROLES)("in TLS 1.2, a %s", (role) => {
  test("is told of a warning, and the connection goes on", () => {
    const scene = sceneOf(role);
    scene.injectRecord(ContentType.alert, warning("no_renegotiation"));
    scene.injectRecord(ContentType.alert, Uint8Array.of(AlertLevel.warning, 200));
    scene.injectRecord(ContentType.application_data, ascii("on"));
    scene.engine.write(ascii("fine"));
    scene.exchange();
    expect(scene.events.slice(1)).toEqual([
      { type: "warning-alert", alert: "no_renegotiation" },
      { type: "warning-alert", alert: "alert_200" },
      { type: "data", data: ascii("on") },
    ]);
    expect(latin1(scene.peer.data)).toBe("fine");
  });

  test("takes four warnings, before and behind the end of the handshake together, and no fifth", () => {
    const scene = sceneOf(role, 1);
    for (let i = 0; i < 2; i++) scene.injectRecord(ContentType.alert, warning("unrecognized_name"));
    scene.playAll();
    for (let i = 0; i < 2; i++) scene.injectRecord(ContentType.alert, warning("user_canceled"));
    scene.injectRecord(ContentType.application_data, ascii("data"));
    expect(scene.closed).toEqual([]);
    expect(scene.events.filter(({ type }) => type === "warning-alert")).toHaveLength(4);
    scene.injectRecord(ContentType.alert, warning("user_canceled"));
    expectRefused(scene, "unexpected_message");
  });

  test.each(["handshake_failure", "bad_record_mac", "no_renegotiation", "user_canceled"] as const)(
    "ends for a fatal %s, without an answer, at any time",
    (alert) => {
      for (const played of [0, 1, Infinity]) {
        const scene = sceneOf(role, played);
        scene.injectRecord(ContentType.alert, fatal(alert));
        expect(scene.closed).toMatchObject([{ kind: "alert", alert }]);
        const [how] = scene.closed;
        expect(how?.kind === "alert" && how.error).toBeInstanceOf(PeerAlert);
        expect(scene.peer.alerts).toEqual([]);
        expect(scene.engine.state).toBe("closed");
      }
    },
  );

  test.each([
    ["of a level that does not exist", Uint8Array.of(3, 40), "illegal_parameter"],
    ["of level 0", Uint8Array.of(0, 0), "illegal_parameter"],
    ["of one byte", Uint8Array.of(2), "decode_error"],
    ["of three bytes", Uint8Array.of(1, 90, 0), "decode_error"],
    ["that is two", Uint8Array.of(1, 90, 1, 90), "decode_error"],
    ["that is empty", new Uint8Array(), "unexpected_message"],
  ] as const)("refuses an alert %s", (_what, bytes, alert) => {
    const scene = sceneOf(role);
    scene.injectRecord(ContentType.alert, bytes);
    expectRefused(scene, alert);
  });

  test("takes no alert in the clear once its peer has keys", () => {
    const scene = sceneOf(role);
    scene.peer.sendPlaintextRecord(ContentType.alert, fatal("handshake_failure"));
    scene.exchange();
    expectRefused(scene, "bad_record_mac");
  });

  test("refuses a record that does not authenticate, and says so under its keys", () => {
    const scene = sceneOf(role);
    scene.peer.sendRecord(ContentType.application_data, ascii("data"));
    const record = scene.peer.takeOutput();
    record[record.length - 1] = (record.at(-1) ?? 0) ^ 1;
    scene.engine.receive(record);
    scene.exchange();
    expectRefused(scene, "bad_record_mac");
    expect(scene.events.map(({ type }) => type)).toEqual(["handshake-complete", "closed"]);
  });

  test("refuses a record that comes twice, and one that comes too early", () => {
    for (const order of [
      [0, 0],
      [1, 0],
    ]) {
      const scene = sceneOf(role);
      const records = ["first", "second"].map((text) => {
        scene.peer.sendRecord(ContentType.application_data, ascii(text));
        return scene.peer.takeOutput();
      });
      for (const index of order) scene.engine.receive(records[index] ?? new Uint8Array());
      scene.exchange();
      expectRefused(scene, "bad_record_mac");
    }
  });

  test("says in the clear what goes wrong before it has keys", () => {
    const scene = sceneOf(role, 1);
    scene.inject(Uint8Array.of(99, 0, 0, 0));
    expectRefused(scene, "unexpected_message");
  });
});

describe("a warning before the version is known", () => {
  test("is taken by who speaks TLS 1.2, and counts in whichever version it comes to", () => {
    for (const version of ["TLSv1.3", "TLSv1.2"] as const) {
      const scene = new Scene(both.client(), configsOf(version).server());
      for (let i = 0; i < 4; i++) {
        scene.peer.sendPlaintextRecord(ContentType.alert, warning("unrecognized_name"));
        scene.exchange();
      }
      scene.playAll();
      expect(scene.engine.info?.version).toBe(version);
      expect(scene.events.map(({ type }) => type)).toEqual([
        ...Array<string>(4).fill("warning-alert"),
        "handshake-complete",
      ]);
      scene.injectRecord(ContentType.alert, warning("user_canceled"));
      expectRefused(scene, "unexpected_message");
    }
  });

  test("is decode_error for who speaks TLS 1.3 alone, and for everybody once that is agreed on", () => {
    const alone = new Scene(configsOf("TLSv1.3").client(), both.server());
    alone.peer.sendPlaintextRecord(ContentType.alert, warning("unrecognized_name"));
    alone.exchange();
    expectRefused(alone, "decode_error");
    const agreed = new Scene(both.client(), both.server());
    agreed.play();
    agreed.injectRecord(ContentType.alert, warning("unrecognized_name"));
    expectRefused(agreed, "decode_error");
  });
});
