import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { TLS_AES_128_GCM_SHA256 } from "../../src/crypto/suites.ts";
import { MemorySessionStore, NamedGroup, readLeaf, type SessionStore } from "../../src/index.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import { MAX_PLAINTEXT_LENGTH, RecordBuffer } from "../../src/record/framing.ts";
import { ReadProtection13 } from "../../src/record/protection.ts";
import { ExporterSecret } from "../../src/schedule/tls13.ts";
import type { TrafficKeys } from "../../src/schedule/traffic.ts";
import { verifyRsaPssSha256 } from "../observer/proofs.ts";
import { eventRow } from "../support/observer.ts";
import { byteByByte, type Split, whole } from "../support/pair.ts";
import { printedStep, rfc8448Trace } from "../support/vectors.ts";
import { type Replay, ReplayedClient, replayTrace } from "./replayed-client.ts";
import { asUsed, TRACE_SIGNATURE_ALGORITHMS, type UsedKeys } from "./rfc8448-provider.ts";
import {
  printedByEither,
  printedKeyLog,
  printedRecords,
  messagesOf,
  trafficKeysOf,
} from "./rfc8448-trace.ts";

const { x25519, secp256r1, secp384r1, secp521r1 } = NamedGroup;
const EC_GROUPS = [x25519, secp256r1, secp384r1] as const;
/** x25519 to secp521r1, and ffdhe2048 to ffdhe8192. */
const ALL_GROUPS = [...EC_GROUPS, secp521r1, 0x0100, 0x0101, 0x0102, 0x0103, 0x0104] as const;

const replays: readonly Replay[] = [
  {
    section: 3,
    title: "simple 1-RTT handshake",
    supportedGroups: ALL_GROUPS,
    hasSessionTicket: true,
    group: "x25519",
    scheme: "rsa_pss_rsae_sha256",
    records: { client: 4, server: 5 },
  },
  {
    section: 4,
    title: "resumed 0-RTT handshake",
    supportedGroups: ALL_GROUPS,
    padding: [87, undefined],
    resumesAfterMs: 6,
    group: "x25519",
    scheme: null,
    records: { client: 6, server: 4 },
  },
  {
    section: 5,
    title: "HelloRetryRequest",
    supportedGroups: EC_GROUPS,
    padding: [undefined, 175],
    group: "secp256r1",
    scheme: "rsa_pss_rsae_sha256",
    records: { client: 4, server: 4 },
  },
  {
    section: 6,
    title: "client authentication",
    supportedGroups: ALL_GROUPS,
    hasCoalescedFlight: true,
    group: "x25519",
    scheme: "ecdsa_secp256r1_sha256",
    records: { client: 3, server: 3 },
  },
  {
    section: 7,
    title: "compatibility mode",
    supportedGroups: ALL_GROUPS,
    middleboxCompatibility: true,
    group: "x25519",
    scheme: "rsa_pss_rsae_sha256",
    records: { client: 4, server: 4 },
  },
];

/** What a client has before its connection: for §4, the session of §3. */
function sessionsFor({ resumesAfterMs }: Replay, split: Split): SessionStore {
  const store = new MemorySessionStore();
  const [first] = replays;
  if (resumesAfterMs !== undefined && first !== undefined) replayTrace(rfc8448Trace(3), first, split, store);
  return store;
}

/** What is in the records of `bytes`, which are protected by the printed keys. */
function openAll(bytes: Uint8Array, keys: TrafficKeys) {
  const records = new RecordBuffer();
  records.append(bytes);
  const protection = new ReadProtection13(TLS_AES_128_GCM_SHA256, keys);
  const contents: Uint8Array[] = [];
  for (
    let raw = records.next(MAX_PLAINTEXT_LENGTH);
    raw !== undefined;
    raw = records.next(MAX_PLAINTEXT_LENGTH)
  ) {
    const inner = protection.open(raw);
    if (inner === undefined) throw new Error("a record does not authenticate");
    contents.push(inner.content.slice());
  }
  return contents;
}

describe.each([
  ["whole records", whole],
  ["single bytes", byteByByte],
] as const)("a client that receives %s", (_name, split) => {
  describe.each(replays)("RFC 8448 §$section ($title)", (replay) => {
    const trace = rfc8448Trace(replay.section);
    const { client, sent, unclaimed } = replayTrace(trace, replay, split, sessionsFor(replay, split));
    const { end } = client;
    const isResumed = replay.resumesAfterMs !== undefined;

    test("sends every record to the byte", () => {
      const printed = printedRecords(trace);
      expect(sent.length).toBe(replay.records.client);
      expect(printed.length - sent.length).toBe(replay.records.server);
      expect(unclaimed.length).toBe(0);
      for (const [index, { printed: expected, bytes }] of sent.entries()) {
        // §6 has three messages in one record, where we write one record per message: the same messages, other framing.
        if (replay.hasCoalescedFlight === true && index === 1) {
          const contents = openAll(bytes, trafficKeysOf(trace, "client", "write", "handshake"));
          expect(contents.length).toBe(3);
          expect(hex(concatBytes(...contents))).toBe(hex(expected.payload));
        } else {
          expect(hex(bytes), `record ${index + 1}`).toBe(hex(expected.record));
        }
      }
    });

    test("draws randomness in the documented order, and all of it", () => {
      expect(client.random.left).toBe(0);
    });

    test("logs the printed secrets, and protects records with the printed keys", () => {
      expect(client.keyLog.toSorted()).toEqual(printedKeyLog(trace).toSorted());
      const keys = (direction: "read" | "write", epoch: string): UsedKeys =>
        asUsed(direction, trafficKeysOf(trace, "client", direction, epoch));
      const application = [keys("write", "application"), keys("read", "application")];
      expect(client.usedKeys).toEqual([
        ...(isResumed ? [keys("write", "early application")] : []),
        keys("read", "handshake"),
        keys("write", "handshake"),
        // In §3 the server is the first to use them, for its ticket.
        ...(replay.section === 3 ? application.toReversed() : application),
      ]);
    });

    test("agrees with the server, and closes", () => {
      expect(end.engine.takeHookErrors()).toEqual([]);
      expect(end.engine.info).toMatchObject({
        version: "TLSv1.3",
        cipherSuite: "TLS_AES_128_GCM_SHA256",
        group: replay.group,
        peerSignatureScheme: replay.scheme,
        helloRetried: replay.section === 5,
        resumed: isResumed,
        earlyDataAccepted: isResumed,
        peer: { kind: "verified" },
      });
      const data = printedRecords(trace).filter(
        ({ sender, subject }) => sender === "server" && subject === "application_data",
      );
      expect(data.length).toBe(replay.section <= 4 ? 1 : 0);
      expect(hex(end.received)).toBe(hex(concatBytes(...data.map(({ payload }) => payload))));
      expect(end.closed).toEqual({ kind: "clean" });
      expect(end.engine.state).toBe("closed");
      expect(end.events.map(({ type }) => type)).toEqual([
        "handshake-complete",
        ...(replay.section === 3 ? ["session"] : []),
        ...(replay.section <= 4 ? ["data"] : []),
        "closed",
      ]);
    });

    test("presents the printed certificate to the trust policy, once; that of the session that it resumes", () => {
      const origin = isResumed ? rfc8448Trace(3) : trace;
      const [message = new Uint8Array()] = messagesOf(origin, "server", "Certificate");
      const { certificateList } = decodeHandshake("certificate", message);
      expect(client.presented.map(({ chain }) => chain.map(hex))).toEqual([
        certificateList.map(({ certData }) => hex(certData)),
      ]);
      const nowMs = replay.resumesAfterMs ?? 0;
      expect(client.presented[0]).toMatchObject({ role: "server", serverName: "server", nowMs });
    });

    test("reports to its message callback what an observer sees", () => {
      for (const direction of ["read", "write"] as const) {
        const reported = client.messages.filter((message) => message.direction === direction);
        const observed = client.observer.events.filter(
          (event) => event.side === "client" && event.direction === direction,
        );
        expect(reported.map((message) => eventRow({ side: "client", ...message }))).toEqual(
          observed.map(eventRow),
        );
        expect(reported.length).toBeGreaterThanOrEqual(8);
      }
    });
  });
});

test("§3: the ticket comes with the printed PSK", () => {
  const [replay] = replays;
  if (replay === undefined) throw new Error("there is no replay");
  const trace = rfc8448Trace(3);
  const { client } = replayTrace(trace, replay, whole);
  const { expanded } = printedByEither(trace, "derive", "resumption");
  const { ticket } = decodeHandshake(
    "new_session_ticket",
    printedStep(trace, "server", "construct", "NewSessionTicket").message,
  );
  expect(client.end.events.filter(({ type }) => type === "session")).toEqual([
    {
      type: "session",
      session: {
        ticket,
        preSharedKey: expanded,
        cipherSuite: "TLS_AES_128_GCM_SHA256",
        lifetimeSeconds: 30,
        ageAdd: 0xfad6aac5,
        receivedAtMs: 0,
        maxEarlyDataBytes: 1024,
        serverName: "server",
        alpn: null,
      },
    },
  ]);
});

test("§6: what our client has signed is what the printed signature covers, by the schemes that it was asked for", () => {
  const replay = replays.find(({ section }) => section === 6);
  if (replay === undefined) throw new Error("there is no replay of §6");
  const trace = rfc8448Trace(6);
  const { client } = replayTrace(trace, replay, whole);
  const [certificate] = decodeHandshake(
    "certificate",
    printedStep(trace, "client", "construct", "Certificate").message,
  ).certificateList;
  const { signature } = decodeHandshake(
    "certificate_verify",
    printedStep(trace, "client", "construct", "CertificateVerify").message,
  );
  const { subjectPublicKeyInfo } = readLeaf(certificate?.certData ?? new Uint8Array());
  expect(
    client.signed.map((content) => verifyRsaPssSha256(subjectPublicKeyInfo, content, signature)),
  ).toEqual([true]);
  expect(client.requestedSchemes).toEqual([TRACE_SIGNATURE_ALGORITHMS]);
});

test("§4: the client exports early what the printed early exporter secret gives, and its ticket is gone", () => {
  const replay = replays.find(({ section }) => section === 4);
  if (replay === undefined) throw new Error("there is no replay of §4");
  const trace = rfc8448Trace(4);
  const store = sessionsFor(replay, whole);
  const client = new ReplayedClient(trace, replay, store);
  const secret = printedByEither(trace, "derive", "e exp master").expanded;
  expect(client.end.engine.exportEarlyKeyingMaterial("EXPORTER-test", null, 32)).toEqual(
    new ExporterSecret(TLS_AES_128_GCM_SHA256.hash, secret).export("EXPORTER-test", null, 32),
  );
  const again = new ReplayedClient(trace, replay, store);
  const sent = again.end.engine.takeOutput() ?? new Uint8Array();
  const { extensions } = decodeHandshake("client_hello", sent.subarray(5));
  expect([extensions.preSharedKey, extensions.earlyData]).toEqual([undefined, undefined]);
});
