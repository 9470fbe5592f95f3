import { describe, expect, test } from "vitest";

import { HandshakeType } from "../../src/messages/codepoints.ts";
import { fromHex } from "../support/hex.ts";
import { ConnectionObserver, eventRow, keyLogSecrets, type Side } from "../support/observer.ts";
import { sharedVectors } from "../support/shared-vectors.ts";
import { checkProof } from "./proofs.ts";

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
const namesOf = (version: "tls12" | "tls13"): readonly string[] =>
  vectors.names().filter((name) => name.startsWith(`${version}_`) && name.endsWith(".json"));
const names13 = namesOf("tls13");
const names12 = namesOf("tls12");
const names = [...names13, ...names12];

/** What OpenSSL refuses in these recordings; it reads nothing behind it, and what was sent behind it is never reported. */
const refused: Readonly<Record<string, readonly [Side, number]>> = {
  "tls12_mtls_required_nocert.json": ["server", HandshakeType.certificate],
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

  test("at least 535 events of 10 recordings of TLS 1.3 are compared, of which 9 have records that are protected", () => {
    const rows = names13.map((name) => recordedRows(vectors.json<Recording>(name)));
    const withProtection = rows.filter((events) => events.some((row) => row[3] === 257));
    expect(names13.length).toBeGreaterThanOrEqual(10);
    expect(rows.flat().length).toBeGreaterThanOrEqual(535);
    expect(withProtection.length).toBeGreaterThanOrEqual(9);
  });

  test("all 350 events of 8 recordings of TLS 1.2 are compared, of which 7 have records that are protected", () => {
    const rows = names12.map((name) => recordedRows(vectors.json<Recording>(name)));
    const isProtected = (name: string): boolean =>
      observe(name, vectors.json<Recording>(name)).protectedRecords.length > 0;
    expect(names12.length).toBe(8);
    expect(rows.flat().length).toBe(350);
    expect(names12.filter(isProtected).length).toBe(7);
  });

  test("the signatures of TLS 1.2 are right: of the server in 6 recordings, and of the client in 1", async () => {
    const proofs = names12.flatMap((name) => observe(name, vectors.json<Recording>(name)).proofs);
    const checked = await Promise.all(proofs.map(checkProof));
    const name = (signer: Side) => `${signer} rsa_pss_rsae_sha256`;
    expect(checked.filter(({ isGenuine }) => !isGenuine)).toEqual([]);
    expect(checked.filter((proof) => proof.name === name("server")).length).toBe(6);
    expect(checked.filter((proof) => proof.name === name("client")).length).toBe(1);
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
