import { describe, expect, test } from "vitest";

import { HandshakeType } from "../../src/messages/codepoints.ts";
import { fromHex } from "../support/hex.ts";
import { ConnectionObserver, eventRow, keyLogSecrets, type Side } from "../support/observer.ts";
import { sharedVectors } from "../support/shared-vectors.ts";

/** A connection between two ssl.SSLObject of CPython, with what their message callbacks reported. */
interface Recording {
  readonly events: readonly Row[];
  /** Who sent what, in order. */
  readonly wire: readonly (readonly [Side, string])[];
  readonly keylog: readonly string[];
}

/** A row whose first cell is `--` ends an operation (`do_handshake`, `read`, …) of the side in the second. */
type Row = readonly [string, ...unknown[]];

const vectors = sharedVectors("cpython-golden");
const names = vectors.names().filter((name) => /^tls13_.*\.json$/.test(name));

/** What OpenSSL refuses in these recordings; it reads nothing behind it, and what was sent behind it is never reported. */
const refused: Readonly<Record<string, readonly [Side, number]>> = {
  "tls13_client_rejects_server.json": ["client", HandshakeType.certificate],
  "tls13_hostname_mismatch.json": ["client", HandshakeType.certificate],
  "tls13_mtls_required_nocert.json": ["server", HandshakeType.certificate],
  "tls13_mtls_selfsigned_rejected.json": ["server", HandshakeType.certificate],
};

function recordedRows({ events }: Recording): readonly Row[] {
  return events.filter(([side]) => side !== "--");
}

function observe(name: string, { wire, keylog }: Recording): ConnectionObserver {
  const observer = new ConnectionObserver(keyLogSecrets(keylog));
  const [refuser, type] = refused[name] ?? [];
  for (const [sender, bytes] of wire) {
    observer.carry(sender, fromHex(bytes), refuser !== sender && type !== undefined ? { refused: type } : {});
  }
  return observer;
}

describe.skipIf(vectors.missing)(`message callbacks of CPython ${vectors.missing ?? ""}`, () => {
  test.each(names)("%s: every event of both sides is observed, in order", (name) => {
    const recording = vectors.json<Recording>(name);
    const observer = observe(name, recording);
    expect(observer.events.map(eventRow)).toEqual(recordedRows(recording));
    expect(observer.pending).toBe(0);
    expect(Object.values(observer.finished)).not.toContain(false);
  });

  test("at least 535 events of 10 recordings are compared, of which 9 have records that are protected", () => {
    const rows = names.map((name) => recordedRows(vectors.json<Recording>(name)));
    const withProtection = rows.filter((events) => events.some((row) => row[3] === 257));
    expect(names.length).toBeGreaterThanOrEqual(10);
    expect(rows.flat().length).toBeGreaterThanOrEqual(535);
    expect(withProtection.length).toBeGreaterThanOrEqual(9);
  });

  test("every operation of a recording reports events of its own side only, so that the order between sides means something", () => {
    for (const name of names) {
      let sides = new Set<string>();
      for (const [first, side] of vectors.json<Recording>(name).events) {
        if (first !== "--") {
          sides.add(first);
          continue;
        }
        expect([...sides].filter((reported) => reported !== side)).toEqual([]);
        sides = new Set();
      }
    }
  });
});
