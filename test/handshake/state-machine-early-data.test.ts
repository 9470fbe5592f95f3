import { describe, expect, test } from "vitest";

import { ascii, latin1 } from "../../src/bytes.ts";
import { EarlyClient } from "../pitfalls/forged-early-client.ts";
import { EarlyServer } from "../pitfalls/forged-early-server.ts";
import { eventsOf, expectOpen, expectRefusal } from "../pitfalls/pitfall.ts";
import { MESSAGES } from "./foreign-messages.ts";
import { machineOf } from "./machine.ts";

// The one state that scripted peers do not come to: a server has taken early data, and waits for its end.

const machine = machineOf("server", "TLSv1.3");
const waiting = machine.states.get("WAIT_EOED");
if (waiting === undefined) throw new Error("there is no state WAIT_EOED");
const others = MESSAGES.filter(({ name }) => !machine.accepted(waiting, {}).some((taken) => taken === name));

const takingServer = (): EarlyClient => {
  const client = new EarlyClient().upTo("early data");
  expect(client.isTaken).toBe(true);
  return client;
};

describe("a server that takes early data", () => {
  test("is in the state of the table: it delivers data, drops ChangeCipherSpec, and goes on with EndOfEarlyData", () => {
    expect(waiting).toMatchObject({
      readKeys: "early data",
      changeCipherSpec: "drop",
      applicationData: "deliver",
    });
    expect(machine.accepted(waiting, {})).toEqual(["end_of_early_data"]);
    const client = takingServer();
    client.sendChangeCipherSpec();
    client.sendData(ascii("early"));
    expect(eventsOf(client, "early-data").map(({ data }) => latin1(data))).toEqual(["early"]);
    expectOpen(client.complete());
  });

  test.each(others.map(({ name, raw }) => [name, raw] as const))(
    "refuses %s in place of EndOfEarlyData, before early data and behind",
    (_name, raw) => {
      for (const data of [[], [ascii("early")]]) {
        const client = takingServer();
        for (const bytes of data) client.sendData(bytes);
        client.sendHandshake(raw);
        expectRefusal(client, {
          alert: "unexpected_message",
          says: /^got .* where end_of_early_data is due$/,
        });
      }
    },
  );

  test.each(MESSAGES.filter(({ name }) => name !== "finished").map(({ name, raw }) => [name, raw] as const))(
    "refuses %s behind EndOfEarlyData",
    (_name, raw) => {
      const client = takingServer();
      client.endOfEarlyData();
      client.sendHandshake(raw);
      expectRefusal(client, { alert: "unexpected_message", says: /^got .* where finished is due$/ });
    },
  );

  test("takes user_canceled, and what follows it", () => {
    const client = takingServer();
    client.sendAlert(1, "user_canceled");
    client.sendData(ascii("early"));
    expect(client.events.map(({ type }) => type)).toEqual(["warning-alert", "early-data"]);
    expectOpen(client.complete());
  });

  test.each([
    [1, "close_notify"],
    [2, "internal_error"],
  ] as const)("ends at an alert of level %d, %s, and says nothing any more", (level, alert) => {
    const client = takingServer();
    client.sendData(ascii("early"));
    client.sendAlert(level, alert);
    expect(client.events.map(({ type }) => type)).toEqual(["early-data", "closed"]);
    expect(eventsOf(client, "closed")[0]?.how).toMatchObject({ kind: "alert", alert });
    expect(client.alerts).toEqual([]);
  });

  test("takes an alert that is not protected only before the first record that opens", () => {
    const before = takingServer();
    before.sendAlert(2, "internal_error", { plaintext: true });
    expect(eventsOf(before, "closed")[0]?.how).toMatchObject({ kind: "alert", alert: "internal_error" });
    const behind = takingServer();
    behind.sendData(ascii("early"));
    behind.sendAlert(2, "internal_error", { plaintext: true });
    expectRefusal(behind, { alert: "bad_record_mac", says: "record does not authenticate" });
  });

  test("ends at the end of the transport as truncated", () => {
    const client = takingServer();
    client.sendData(ascii("early"));
    client.engine.receiveEof();
    client.pump();
    expect(eventsOf(client, "closed")[0]?.how).toMatchObject({ kind: "truncated" });
  });
});

describe("a client that has sent early data", () => {
  const unexpected = MESSAGES.filter(({ name }) => name !== "encrypted_extensions");
  test.each(unexpected.map(({ name, raw }) => [name, raw] as const))(
    "refuses %s in place of EncryptedExtensions, under early keys",
    (_name, raw) => {
      const server = new EarlyServer().upTo("encryptedExtensions");
      server.sendHandshake(raw);
      expectRefusal(server, {
        alert: "unexpected_message",
        says: /^got .* where encrypted_extensions is due$/,
      });
      expect(server.alerts[0]?.isProtected).toBe(true);
    },
  );

  test("refuses application data of the server before its Finished", () => {
    for (const step of ["encryptedExtensions", "finished"] as const) {
      const server = new EarlyServer().upTo(step);
      server.sendData(ascii("too soon"));
      expectRefusal(server, { alert: "unexpected_message", says: "application data during the handshake" });
    }
  });
});
