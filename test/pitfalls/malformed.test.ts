import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import {
  AlertDescription,
  type AlertName,
  ClientConfig,
  type CloseReason,
  NEED_DATA,
  NotTlsError,
  ServerConfig,
  TlsEngine,
  type TlsEvent,
} from "../../src/index.ts";
import { plainRecord, rawMessage, seededRandom } from "../support/forger.ts";
import { fromHex } from "../support/hex.ts";
import { testCredential } from "./leaf-certificate.ts";

const FOLDER = join(import.meta.dirname, "../../vectors/malformed");
const ROLES = ["client", "server"] as const;
const KINDS = ["error", "alert", "not-tls", "waiting"] as const;

type Role = (typeof ROLES)[number];

/** A case of vectors/malformed; see the README there. */
interface Case {
  readonly name: string;
  readonly role: Role;
  /** What the engine receives, one piece after the other. */
  readonly records: readonly Uint8Array[];
  /** The alert that the engine sends; null for none. */
  readonly alert: AlertName | null;
  readonly kind: (typeof KINDS)[number];
}

const config = {
  client: new ClientConfig({
    serverName: "server.example",
    dangerouslyAcceptAnyCertificate: true,
    groups: ["x25519", "secp256r1"],
    keyShares: ["x25519"],
    random: (length) => new Uint8Array(length).fill(0x42),
  }),
  server: new ServerConfig({
    credentials: [testCredential()],
    groups: ["x25519", "secp256r1"],
    random: (length) => new Uint8Array(length).fill(0x42),
  }),
};

function start(role: Role): TlsEngine {
  return role === "client" ? TlsEngine.client(config.client) : TlsEngine.server(config.server);
}

/** An engine that has received `pieces`, what it has reported, and what it has sent since its first flight. */
function replay(role: Role, pieces: Iterable<Uint8Array>, engine = start(role)) {
  const events: TlsEvent[] = [];
  const output: Uint8Array[] = [];
  engine.takeOutput();
  const drain = (): void => {
    for (let event = engine.nextEvent(); event !== NEED_DATA; event = engine.nextEvent()) events.push(event);
    output.push(engine.takeOutput() ?? new Uint8Array());
  };
  for (const piece of pieces) {
    engine.receive(piece);
    drain();
  }
  const closed = events.flatMap((event) => (event.type === "closed" ? [event.how] : []));
  return { engine, events, closed, output: concatBytes(...output) };
}

/** What a case says, as far as an outcome has it. */
function outcomeOf(closed: readonly CloseReason[]): Pick<Case, "alert" | "kind"> {
  const [how, ...others] = closed;
  expect(others).toEqual([]);
  if (how === undefined) return { alert: null, kind: "waiting" };
  if (how.kind === "alert") return { alert: null, kind: "alert" };
  if (how.kind !== "error") throw new Error(`closed as ${how.kind}`);
  if (how.error instanceof NotTlsError) return { alert: how.alertSent, kind: "not-tls" };
  expect(how.error.alert).toBe(how.alertSent);
  return { alert: how.alertSent, kind: "error" };
}

/** The last record of `output`. */
function lastRecord(output: Uint8Array): Uint8Array {
  let last = output;
  for (let at = 0; at < output.length;) {
    const length = 5 + (((output[at + 3] ?? 0) << 8) | (output[at + 4] ?? 0));
    last = output.subarray(at, at + length);
    at += length;
  }
  return last;
}

/** Whatever is done, nothing happens any more. */
function expectDead(engine: TlsEngine, events: readonly TlsEvent[]): void {
  expect(events.at(-1)?.type).toBe("closed");
  expect(events.filter(({ type }) => type === "data")).toEqual([]);
  engine.receive(plainRecord(22, rawMessage(1)));
  engine.receiveEof();
  expect(engine.nextEvent()).toBe(NEED_DATA);
  expect(engine.takeOutput()).toBeNull();
  expect(engine.write(Uint8Array.of(1))).toBe(false);
  expect(engine.state).toBe("closed");
}

const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
const casesByFile = new Map(files.map((name) => [name, readCases(name)]));

test("the folder has the files that its README names", () => {
  const readme = readFileSync(join(FOLDER, "README.md"), "utf8");
  expect(files.length).toBeGreaterThan(0);
  const named = Array.from(readme.matchAll(/`([a-z-]+\.json)`/g), ([, name = ""]) => name);
  expect(named.toSorted()).toEqual(files.toSorted());
});

describe.each([...casesByFile])("%s", (_file, cases) => {
  test.each(cases.map((one) => [`${one.role}: ${one.name}`, one] as const))("%s", (_name, expected) => {
    const { role, records, alert, kind } = expected;
    const { engine, events, closed, output } = replay(role, records);
    expect(outcomeOf(closed)).toEqual({ alert, kind });
    if (alert !== null) {
      const [type, , , ...rest] = lastRecord(output);
      // Behind the hellos an alert is protected: 2 bytes, their type and a tag.
      if (type === 23) expect(rest.slice(0, 2)).toEqual([0, 2 + 1 + 16]);
      else expect([type, ...rest]).toEqual([21, 0, 2, 2, AlertDescription[alert]]);
    }
    if (kind === "waiting") expect(engine.state).toBe("handshaking");
    else expectDead(engine, events);
  });

  test.each(cases.map((one) => [`${one.role}: ${one.name}`, one] as const))(
    "%s, byte by byte and at once",
    (_name, { role, records, alert, kind }) => {
      const bytes = concatBytes(...records);
      const bytewise = replay(
        role,
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
      );
      expect(outcomeOf(bytewise.closed)).toEqual({ alert, kind });
      const atOnce = replay(role, [bytes]);
      expect(outcomeOf(atOnce.closed)).toEqual({ alert, kind });
      expect(hex(atOnce.output)).toBe(hex(bytewise.output));
    },
  );
});

describe("behind an upgrade", () => {
  const plaintext = casesByFile.get("plaintext.json") ?? [];
  test.each(plaintext.map((one) => [`${one.role}: ${one.name}`, one] as const))(
    "%s is plaintext after the upgrade",
    (_name, { role, records }) => {
      const engine = new TlsEngine();
      engine.upgrade(config[role], concatBytes(...records));
      const { closed, output } = replay(role, [new Uint8Array()], engine);
      expect(closed).toMatchObject([
        { kind: "error", alertSent: null, error: { kind: "plaintext-after-upgrade" } },
      ]);
      expect(output).toHaveLength(0);
    },
  );
});

/** The message of the case `name`, which is one record. */
function messageOf(file: string, name: string): Uint8Array {
  const [record] = casesByFile.get(file)?.find((one) => one.name === name)?.records ?? [];
  if (record === undefined) throw new Error(`${file} has no case ${name}`);
  return record.subarray(5);
}

describe("truncated", () => {
  test.each([
    { role: "server", file: "client-hello.json", name: "a good ClientHello", blockAt: 34 + 33 + 6 + 2 },
    { role: "client", file: "server-hello.json", name: "a good ServerHello", blockAt: 34 + 33 + 2 + 1 },
  ] as const)("$name is refused at every length", ({ role, file, name, blockAt }) => {
    const message = messageOf(file, name);
    const body = message.subarray(4);
    for (let length = 0; length < body.length; length++) {
      const cut = rawMessage(message[0] ?? 0, body.subarray(0, length));
      const { closed } = replay(role, [plainRecord(22, cut)]);
      // Without its extensions it is whole, and of TLS 1.2.
      const alert = length === blockAt ? "protocol_version" : "decode_error";
      expect({ length, ...outcomeOf(closed) }).toEqual({ length, alert, kind: "error" });
    }
  });
});

const SEED = 20_260_801;
const MUTATIONS = 400;

describe(`mutated, with seed ${SEED}`, () => {
  test.each(ROLES)("bytes for a %s end in at most one closed event, and never throw", (role) => {
    const random = seededRandom(SEED);
    const number = (below: number): number => {
      const [a = 0, b = 0, c = 0] = random(3);
      return ((a << 16) | (b << 8) | c) % below;
    };
    const inputs = [...casesByFile.values()].flat().filter((one) => one.role === role);
    const kinds = new Set<string>();
    for (let round = 0; round < MUTATIONS; round++) {
      const original = concatBytes(...(inputs[number(inputs.length)]?.records ?? []));
      const mutated = mutate(original, number, random);
      const { engine, events, closed } = replay(role, [mutated]);
      const { alert, kind } = outcomeOf(closed);
      expect(alert, hex(mutated)).not.toBe("internal_error");
      kinds.add(kind);
      if (kind !== "waiting") expectDead(engine, events);
    }
    expect([...kinds].sort()).toEqual([...KINDS].sort());
  });
});

/** One to four bytes changed, taken out, put in, or cut off at the end. */
function mutate(
  original: Uint8Array,
  number: (below: number) => number,
  random: (length: number) => Uint8Array,
): Uint8Array {
  let bytes = original;
  for (let times = 1 + number(4); times > 0; times--) {
    const at = number(bytes.length + 1);
    const size = 1 + number(4);
    switch (number(4)) {
      case 0:
        bytes = concatBytes(bytes.subarray(0, at), random(size), bytes.subarray(at + size));
        break;
      case 1:
        bytes = concatBytes(bytes.subarray(0, at), bytes.subarray(at + size));
        break;
      case 2:
        bytes = concatBytes(bytes.subarray(0, at), random(size), bytes.subarray(at));
        break;
      default:
        bytes = bytes.subarray(0, bytes.length - Math.min(size, bytes.length));
    }
  }
  return bytes;
}

/** The cases of a file, whose shape is checked. */
function readCases(file: string): readonly Case[] {
  const { source, notes, cases, ...others } = record(
    file,
    JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as unknown,
  );
  expect({ source, notes, others }).toEqual({
    source: expect.stringMatching(/./),
    notes: expect.stringMatching(/./),
    others: {},
  });
  if (!Array.isArray(cases) || cases.length === 0) throw new Error(`${file} has no cases`);
  const read = cases.map((one: unknown, index) => readCase(`${file} case ${index}`, one));
  expect(new Set(read.map(({ name, role }) => `${role}: ${name}`)).size).toBe(read.length);
  return read;
}

function readCase(where: string, value: unknown): Case {
  const { name, role, input, expected, ...others } = record(where, value);
  const { records, ...otherInput } = record(`${where} input`, input);
  const { alert, kind, ...otherExpected } = record(`${where} expected`, expected);
  expect({ others, otherInput, otherExpected }, where).toEqual({
    others: {},
    otherInput: {},
    otherExpected: {},
  });
  const knownRole = ROLES.find((known) => known === role);
  const knownKind = KINDS.find((known) => known === kind);
  if (
    typeof name !== "string" ||
    knownRole === undefined ||
    knownKind === undefined ||
    !Array.isArray(records)
  )
    throw new Error(`${where} is not a case`);
  if (alert !== null && !isAlertName(alert))
    throw new Error(`${where} expects the alert ${JSON.stringify(alert)}`);
  if ((alert !== null) !== (knownKind === "error")) throw new Error(`${where}: only an error sends an alert`);
  return {
    name,
    role: knownRole,
    records: records.map((text) => fromHex(String(text))),
    alert,
    kind: knownKind,
  };
}

function isAlertName(value: unknown): value is AlertName {
  return typeof value === "string" && Object.hasOwn(AlertDescription, value);
}

function record(where: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error(`${where}: not an object`);
  return value as Readonly<Record<string, unknown>>;
}
