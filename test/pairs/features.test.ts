import { describe, expect, test } from "vitest";

import { ascii, hex } from "../../src/bytes.ts";
import {
  type CertificateCompression,
  ClientConfig,
  type ClientOptions,
  type Credential,
  MemoryReplayStore,
  MemorySessionStore,
  rawPublicKey,
  ServerConfig,
  type ServerOptions,
  type TlsEvent,
  type TlsVersion,
  zlibCompression,
} from "../../src/index.ts";
import { HandshakeType } from "../../src/messages/codepoints.ts";
import { toyCredential, toyProvider } from "../handshake/toy-provider.ts";
import { seededRandom } from "../support/forger.ts";
import { Pair } from "../support/pair.ts";
import { type Answer, answering, atOnce, late, signing } from "./hooks.ts";
import { RUN_SEED, Seeded } from "./seeded.ts";

const NOW_MS = Date.UTC(2026, 10, 21);
const EARLY = ascii("early");
const serverCredential = await toyCredential("server");
const clientCredential = await toyCredential("client");

/** What a combination is about, and what has come of it. */
interface Outcome {
  readonly pair: Pair;
  readonly resumed: boolean;
  readonly retried: boolean;
  /** Types of the handshake messages that the server has written. */
  readonly written: readonly number[];
  /** What the client's policy was told about staples, oldest first. */
  readonly staples: readonly (Uint8Array | null)[];
}

interface Feature {
  readonly versions: readonly TlsVersion[];
  readonly client?: (answer: Answer) => Partial<ClientOptions>;
  readonly server?: (answer: Answer) => Partial<ServerOptions>;
  readonly earlyData?: Uint8Array;
  /** Behind the handshake. */
  readonly behind?: (pair: Pair, answer: Answer) => void;
  readonly check: (outcome: Outcome) => void;
}

const BOTH = ["TLSv1.3", "TLSv1.2"] as const;
const verified = { trust: "verified" } as const;

function compressing(answer: Answer): readonly CertificateCompression[] {
  const zlib = zlibCompression();
  return [
    {
      id: zlib.id,
      name: zlib.name,
      compress: (bytes) => answer(zlib.compress(bytes)),
      decompress: (bytes, length) => answer(zlib.decompress(bytes, length)),
    },
  ];
}

const stapled: Credential = { ...serverCredential, ocspResponse: ascii("staple") };
/** It gets shorter when it is compressed. */
const twice: Credential = {
  ...serverCredential,
  certificateChain: serverCredential.certificateChain.flatMap((der) => [der, der]),
};

const FEATURES: Readonly<Record<string, Feature>> = {
  "compressed certificates": {
    versions: BOTH,
    client: (answer) => ({ certificateCompression: compressing(answer) }),
    server: (answer) => ({
      credentials: [signing(twice, answer)],
      certificateCompression: compressing(answer),
    }),
    check({ pair, resumed, written }) {
      const isUsed = pair.client.engine.info?.version === "TLSv1.3" && !resumed;
      expect(written.includes(HandshakeType.compressed_certificate)).toBe(isUsed);
    },
  },
  "raw public keys": {
    versions: BOTH,
    client: () => ({ serverCertificateTypes: ["raw-public-key"] }),
    server: (answer) => ({ credentials: [signing(rawPublicKey(serverCredential), answer)] }),
    check({ pair }) {
      expect(pair.client.engine.info?.peer).toMatchObject({
        kind: "verified",
        certificateType: "raw-public-key",
        chain: [serverCredential.key.subjectPublicKeyInfo],
      });
    },
  },
  "client certificates": {
    versions: BOTH,
    client: (answer) => ({ clientCredential: () => answer(signing(clientCredential, answer)) }),
    server: (answer) => ({ clientAuth: { mode: "require", trust: { verify: () => answer(verified) } } }),
    check({ pair }) {
      expect(pair.server.engine.info?.peer).toMatchObject({
        kind: "verified",
        chain: clientCredential.certificateChain,
      });
    },
  },
  "authentication behind the handshake": {
    versions: ["TLSv1.3"],
    client: (answer) => ({
      postHandshakeAuth: true,
      clientCredential: () => answer(signing(clientCredential, answer)),
    }),
    behind({ server }, answer) {
      const trust = { verify: () => answer(verified) };
      server.engine.requestClientCertificate({ mode: "require", trust });
    },
    check({ pair }) {
      expect(pair.server.engine.info?.peer).toMatchObject({ kind: "verified" });
    },
  },
  "early data": {
    versions: ["TLSv1.3"],
    server: (answer) => {
      const store = new MemoryReplayStore({ now: () => 0 });
      return { earlyData: { maxBytes: 100, replayStore: { take: (hello) => answer(store.take(hello)) } } };
    },
    earlyData: EARLY,
    check({ pair: { client, server }, resumed, retried }) {
      const isTaken = resumed && !retried;
      expect(client.engine.info?.earlyDataAccepted).toBe(isTaken);
      expect(bytesOf(server.events, "early-data")).toBe(isTaken ? hex(EARLY) : "");
      expect(bytesOf(client.events, "early-data-rejected")).toBe(isTaken ? "" : hex(EARLY));
    },
  },
  staples: {
    versions: BOTH,
    server: (answer) => ({ credentials: [signing(stapled, answer)] }),
    check({ staples }) {
      expect(staples.length).toBeGreaterThan(0);
      for (const staple of staples) expect(staple).toEqual(stapled.ocspResponse);
    },
  },
  record_size_limit: {
    versions: BOTH,
    client: () => ({ recordSizeLimit: 100 }),
    server: () => ({ recordSizeLimit: 64 }),
    check: ({ pair }) => expect(pair.client.engine.info).not.toBeNull(),
  },
  GREASE: {
    versions: BOTH,
    client: () => ({ grease: true }),
    check: ({ pair }) => expect(pair.client.engine.info).not.toBeNull(),
  },
};

function bytesOf(events: readonly TlsEvent[], type: "early-data" | "early-data-rejected"): string {
  return events.flatMap((event) => (event.type === type ? [hex(event.data)] : [])).join("");
}

/** One connection with `feature`, behind another one whose session it resumes if it is to. */
async function connect(
  feature: Feature,
  version: TlsVersion,
  { resumed, retried }: { readonly resumed: boolean; readonly retried: boolean },
  answer: Answer,
): Promise<Outcome> {
  const written: number[] = [];
  const staples: (Uint8Array | null)[] = [];
  const kept = new MemorySessionStore();
  const provider = answering(toyProvider(), answer);
  const common = { provider, versions: [version], now: () => NOW_MS } as const;
  const client = new ClientConfig({
    ...common,
    serverName: "localhost",
    trust: { verify: ({ ocspResponse }) => (staples.push(ocspResponse), answer(verified)) },
    random: seededRandom(1),
    sessionStore: {
      get: (key) => answer(kept.get(key)),
      put: (key, session) => kept.put(key, session),
      take: (key) => answer(kept.take(key)),
    },
    ...(retried && { keyShares: ["x25519"] }),
  }).with(feature.client?.(answer) ?? {});
  const server = new ServerConfig({
    ...common,
    credentials: [signing(serverCredential, answer)],
    random: seededRandom(2),
    sessionStore: null,
    chooseSetup: () => answer({}),
    ...(retried && { groups: ["secp256r1"] }),
    onMessage: ({ direction, contentType, messageType }) => {
      if (direction === "write" && contentType === 22) written.push(messageType);
    },
  }).with(feature.server?.(answer) ?? {});
  if (resumed) await new Pair(client, server).run();
  written.length = 0;
  staples.length = 0;
  const { earlyData } = feature;
  const pair = new Pair(client, server, undefined, earlyData === undefined ? {} : { earlyData });
  pair.client.engine.write(new Uint8Array(300).fill(1));
  await pair.run();
  feature.behind?.(pair, answer);
  pair.server.engine.write(new Uint8Array(300).fill(2));
  await pair.run();
  return { pair, resumed, retried, written, staples };
}

function expectSound({ pair: { client, server }, resumed, retried }: Outcome): void {
  expect([client.closed, server.closed]).toEqual([undefined, undefined]);
  for (const { engine } of [client, server])
    expect(engine.info).toMatchObject({ resumed, helloRetried: retried });
  expect(hex(server.received)).toBe("01".repeat(300));
  expect(hex(client.received)).toBe("02".repeat(300));
  const exported = [client, server].map(({ engine }) => hex(engine.exportKeyingMaterial("test", null, 32)));
  expect(exported[0]).toBe(exported[1]);
  for (const { engine } of [client, server]) expect(engine.takeHookErrors()).toEqual([]);
}

/** What both ends have reported and sent. */
function traceOf({ pair: { client, server } }: Outcome): readonly unknown[] {
  return [client, server].map(({ events, sent }) => [
    events.map(({ type }) => type).filter((type) => type !== "data"),
    hex(Buffer.concat(sent)),
  ]);
}

describe.each(Object.entries(FEATURES))("%s", (name, feature) => {
  for (const version of feature.versions) {
    for (const resumed of [false, true]) {
      for (const retried of version === "TLSv1.3" ? [false, true] : [false]) {
        const how = `${version}${resumed ? ", resumed" : ""}${retried ? ", behind HelloRetryRequest" : ""}`;
        const seed = `${RUN_SEED} ${name} ${how}`;
        test(`in ${how}: the same bytes with hooks that answer at once and late (${seed})`, async () => {
          const now = await connect(feature, version, { resumed, retried }, atOnce);
          expectSound(now);
          feature.check(now);
          const later = await connect(feature, version, { resumed, retried }, late(new Seeded(seed)));
          expectSound(later);
          feature.check(later);
          expect(traceOf(later)).toEqual(traceOf(now));
        });
      }
    }
  }
});
