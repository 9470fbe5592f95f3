import { describe, expect, test } from "vitest";

import { latin1 } from "../../src/bytes.ts";
import type { ConnectionInfo } from "../../src/index.ts";
import { byteByByte, whole } from "../support/pair.ts";
import type { Carriage } from "./carriage.ts";
import { CLIENT_SAYS, converse, type Outcome, SERVER_SAYS } from "./conversation.ts";
import { atOnce, late } from "./hooks.ts";
import { describeRow, type Row, ROWS } from "./matrix.ts";
import { RUN_SEED, Seeded } from "./seeded.ts";

/** The tests of all rows of the matrix with `group`. */
export function describePairs(group: Row["group"]): void {
  describe(`${group}, TLS_ENGINE_SEED=${RUN_SEED}`, () => {
    for (const row of ROWS.filter((candidate) => candidate.group === group)) {
      const title = describeRow(row);
      test(`${title}: agrees, and is the same however it is carried`, async () => {
        const seed = `${RUN_SEED} ${title}`;
        const reference = await converse(
          row,
          { split: whole, answer: atOnce, deliversWhileParked: false },
          seed,
        );
        expectAgreement(row, reference);
        for (const [how, carriage] of Object.entries(carriages(seed))) {
          const outcome = await converse(row, carriage, seed);
          expect(outcome.client, `client, ${how}`).toEqual(reference.client);
          expect(outcome.server, `server, ${how}`).toEqual(reference.server);
          expect(outcome.waits > 0, how).toBe(carriage.answer !== atOnce);
        }
      });
    }
  });
}

function carriages(seed: string): Readonly<Record<string, Carriage>> {
  const seeded = new Seeded(`${seed} carriage`);
  return {
    "byte by byte": { split: byteByByte, answer: atOnce, deliversWhileParked: false },
    "in random pieces": { split: seeded.split(400), answer: atOnce, deliversWhileParked: false },
    "whole, with late hooks": { split: whole, answer: late(seeded), deliversWhileParked: false },
    "byte by byte, with late hooks": {
      split: byteByByte,
      answer: late(seeded),
      deliversWhileParked: false,
    },
    "in random pieces that go on coming while late hooks are awaited": {
      split: seeded.split(400),
      answer: late(seeded),
      deliversWhileParked: true,
    },
  };
}

function expectAgreement(row: Row, outcome: Outcome): void {
  const { client, server, clientEnd, serverEnd } = outcome;
  expect(clientEnd.closed).toEqual({ kind: "clean" });
  expect(serverEnd.closed).toEqual({ kind: "clean" });
  expect(latin1(clientEnd.received)).toBe(SERVER_SAYS.join(""));
  expect(latin1(serverEnd.received)).toBe(CLIENT_SAYS.join(""));
  expect(outcome.waits).toBe(0);
  expect(client.exported).toMatch(/^[0-9a-f]{80}$/);
  expect(client.exported).toBe(server.exported);
  expect(client.keyLog).toHaveLength(5);
  expect(client.keyLog.toSorted()).toEqual(server.keyLog.toSorted());
  const shared = {
    version: "TLSv1.3",
    cipherSuite: row.suite,
    group: row.group,
    alpn: row.alpn === "agreed" ? "http/1.1" : null,
    serverName: "localhost",
    resumed: false,
    helloRetried: row.retry !== "none",
  } satisfies Partial<ConnectionInfo>;
  expect(clientEnd.engine.info).toMatchObject({
    ...shared,
    role: "client",
    peerSignatureScheme: SCHEMES[row.certificate],
    peer: { kind: "verified" },
  });
  expect(serverEnd.engine.info).toMatchObject({
    ...shared,
    role: "server",
    peerSignatureScheme: row.clientCertificate === null ? null : SCHEMES[row.clientCertificate],
    peer: { kind: row.clientCertificate === null ? "none" : "verified" },
  });
}

/** What each kind of key signs with when the verifier takes anything. */
const SCHEMES: Readonly<Record<Row["certificate"], string>> = {
  "ecdsa-p256": "ecdsa_secp256r1_sha256",
  "ecdsa-p384": "ecdsa_secp384r1_sha384",
  "rsa-2048": "rsa_pss_rsae_sha256",
  ed25519: "ed25519",
};
