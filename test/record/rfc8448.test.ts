import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { TLS_AES_128_GCM_SHA256 } from "../../src/crypto/suites.ts";
import { ContentType } from "../../src/messages/codepoints.ts";
import { RecordLayer } from "../../src/record/layer.ts";
import { ReadProtection13, WriteProtection13 } from "../../src/record/protection.ts";
import { fromHex } from "../support/hex.ts";
import section3 from "../../vectors/rfc8448/section3-simple-1-rtt.json" with { type: "json" };
import section4 from "../../vectors/rfc8448/section4-resumed-0-rtt.json" with { type: "json" };
import section5 from "../../vectors/rfc8448/section5-hello-retry-request.json" with { type: "json" };
import section6 from "../../vectors/rfc8448/section6-client-authentication.json" with { type: "json" };
import section7 from "../../vectors/rfc8448/section7-compatibility-mode.json" with { type: "json" };

interface Step {
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly fields?: Readonly<Record<string, string | undefined>>;
}

type Event =
  | { readonly kind: "protect"; readonly key: Uint8Array; readonly iv: Uint8Array }
  | { readonly kind: "record"; readonly type: number; readonly payload: Uint8Array; readonly record: string };

/** What one side does to its records, in order: new write keys, and records that it sends. */
function eventsOf(steps: readonly Step[], actor: string): Event[] {
  const events: Event[] = [];
  for (const step of steps) {
    if (step.actor !== actor) continue;
    if (step.action === "traffic keys" && step.subject.startsWith("write")) {
      // "The same as the peer's read keys" is said without the bytes; the peer's step of the same epoch has them.
      const twin = {
        actor: actor === "client" ? "server" : "client",
        subject: step.subject.replace("write", "read"),
      };
      const { fields } = step.fields
        ? step
        : (steps.find((other) => other.actor === twin.actor && other.subject === twin.subject) ?? step);
      events.push({
        kind: "protect",
        key: fromHex(fields?.["key"] ?? ""),
        iv: fromHex(fields?.["iv"] ?? ""),
      });
    } else if (step.action === "send") {
      const type = Object.entries(ContentType).find(([name]) => name === step.subject)?.[1] ?? 0;
      const { payload = "", record = "" } = step.fields ?? {};
      events.push({ kind: "record", type, payload: fromHex(payload), record });
    }
  }
  return events;
}

const directions = [section3, section4, section5, section6, section7].flatMap(({ source, steps }) =>
  ["client", "server"].map((actor) => {
    const events = eventsOf(steps as readonly Step[], actor);
    return { source, actor, events, records: events.filter(({ kind }) => kind === "record").length };
  }),
);

function layer(): RecordLayer {
  return new RecordLayer({ limits: { emptyRecords: 32, changeCipherSpecs: 32 } });
}

describe("RFC 8448", () => {
  test.each(directions)(
    "$source: the $records records of the $actor are written to the byte",
    ({ actor, events }) => {
      const writer = layer();
      if (actor === "client") writer.plaintextVersion = 0x0301;
      for (const event of events) {
        if (event.kind === "protect")
          writer.protectWrites(new WriteProtection13(TLS_AES_128_GCM_SHA256, event));
        else {
          writer.write(event.type, event.payload);
          expect(hex(writer.takeOutput() ?? new Uint8Array())).toBe(event.record);
          writer.plaintextVersion = 0x0303;
        }
      }
    },
  );

  test.each(directions)("$source: the $records records of the $actor are read to the byte", ({ events }) => {
    const reader = layer();
    reader.changeCipherSpecPolicy = "drop";
    for (const event of events) if (event.kind === "record") reader.receive(fromHex(event.record));
    let isProtected = false;
    for (const event of events) {
      if (event.kind === "protect") {
        reader.protectReads(new ReadProtection13(TLS_AES_128_GCM_SHA256, event));
        isProtected = true;
      } else if (event.type !== ContentType.change_cipher_spec) {
        const record = reader.read();
        expect(record?.type).toBe(event.type);
        expect(record?.isProtected).toBe(isProtected);
        expect(hex(record?.fragment ?? new Uint8Array())).toBe(hex(event.payload));
      }
    }
    expect(reader.read()).toBeUndefined();
    expect(reader.bufferedLength).toBe(0);
  });

  test("none of the 41 records of the traces is left out", () => {
    expect(directions.map(({ records }) => records)).toEqual([4, 5, 6, 4, 4, 4, 3, 3, 4, 4]);
  });
});
