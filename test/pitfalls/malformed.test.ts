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
  type ServerOptions,
  TlsEngine,
  type TlsEvent,
} from "../../src/index.ts";
import { plainRecord, rawMessage, seededRandom } from "../support/forger.ts";
import { fromHex } from "../support/hex.ts";
import { testCredential } from "./leaf-certificate.ts";

const FOLDER = join(import.meta.dirname, "../../vectors/malformed");
const ROLES = ["client", "server"] as const;
const SETUPS = ["TLS 1.3 alone", "TLS 1.2 alone", "client certificate"] as const;
const KINDS = ["error", "alert", "not-tls", "waiting"] as const;

type Role = (typeof ROLES)[number];
type Setup = (typeof SETUPS)[number];

/** A case of vectors/malformed; see the README there. */
interface Case {
  readonly name: string;
  readonly role: Role;
  /** What the engine is besides the usual. */
  readonly setup: Setup | undefined;
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

/** Options of a {@link Setup}. */
const options = {
  "TLS 1.3 alone": { versions: ["TLSv1.3"] },
  "TLS 1.2 alone": { versions: ["TLSv1.2"] },
  "client certificate": { clientAuth: { mode: "require", dangerouslyAcceptAnyCertificate: true } },
} as const satisfies Record<Setup, Partial<ServerOptions>>;

function start({ role, setup }: Pick<Case, "role" | "setup">): TlsEngine {
  if (role === "server")
    return TlsEngine.server(setup === undefined ? config.server : config.server.with(options[setup]));
  if (setup === "client certificate") throw new Error("only a server asks for a certificate");
  return TlsEngine.client(setup === undefined ? config.client : config.client.with(options[setup]));
}

/** What became of an engine that has received bytes. */
interface Replay {
  readonly engine: TlsEngine;
  readonly events: readonly TlsEvent[];
  readonly closed: readonly CloseReason[];
  readonly output: Uint8Array;
}

/** An engine that has received `pieces`, what it has reported, and what it has sent since its first flight. */
function replay(
  one: Pick<Case, "role" | "setup">,
  pieces: Iterable<Uint8Array>,
  engine: TlsEngine = start(one),
): Replay {
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

/** The records of `output`. */
function recordsIn(output: Uint8Array): readonly Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let at = 0; at < output.length;) {
    const length = 5 + (((output[at + 3] ?? 0) << 8) | (output[at + 4] ?? 0));
    records.push(output.subarray(at, at + length));
    at += length;
  }
  return records;
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
  const named = Array.from(readme.matchAll(/`([a-z0-9-]+\.json)`/g), ([, name = ""]) => name);
  expect(named.toSorted()).toEqual(files.toSorted());
});

describe.each([...casesByFile])("%s", (file, cases) => {
  test.each(cases.map((one) => [`${one.role}: ${one.name}`, one] as const))("%s", (_name, expected) => {
    const { records, alert, kind } = expected;
    const { engine, events, closed, output } = replay(expected, records);
    expect(outcomeOf(closed)).toEqual({ alert, kind });
    if (alert !== null) {
      const sent = recordsIn(output);
      const [type, , , ...rest] = sent.at(-1) ?? [];
      const isUnderNewKeys = file.startsWith("tls12-") && sent.some(([first]) => first === 20);
      // In TLS 1.3 an alert behind the hellos is protected: 2 bytes, their type and a tag.
      if (type === 23) expect(rest.slice(0, 2)).toEqual([0, 2 + 1 + 16]);
      // So it is in TLS 1.2 behind the engine's own ChangeCipherSpec: 2 bytes with an explicit nonce and a tag.
      else if (isUnderNewKeys) expect([type, ...rest.slice(0, 2)]).toEqual([21, 0, 8 + 2 + 16]);
      else expect([type, ...rest]).toEqual([21, 0, 2, 2, AlertDescription[alert]]);
    }
    if (kind === "waiting") expect(engine.state).toBe("handshaking");
    else expectDead(engine, events);
  });

  test.each(cases.map((one) => [`${one.role}: ${one.name}`, one] as const))(
    "%s, byte by byte and at once",
    (_name, one) => {
      const { records, alert, kind } = one;
      const bytes = concatBytes(...records);
      const bytewise = replay(
        one,
        Array.from(bytes, (byte) => Uint8Array.of(byte)),
      );
      expect(outcomeOf(bytewise.closed)).toEqual({ alert, kind });
      const atOnce = replay(one, [bytes]);
      expect(outcomeOf(atOnce.closed)).toEqual({ alert, kind });
      expect(hex(atOnce.output)).toBe(hex(bytewise.output));
    },
  );
});

describe("behind an upgrade", () => {
  const plaintext = casesByFile.get("plaintext.json") ?? [];
  test.each(plaintext.map((one) => [`${one.role}: ${one.name}`, one] as const))(
    "%s is plaintext after the upgrade",
    (_name, one) => {
      const engine = new TlsEngine();
      engine.upgrade(config[one.role], concatBytes(...one.records));
      const { closed, output } = replay(one, [new Uint8Array()], engine);
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
    {
      role: "server",
      file: "client-hello.json",
      name: "a good ClientHello",
      blockAt: 34 + 33 + 6 + 2,
      without: "handshake_failure",
    },
    {
      role: "client",
      file: "server-hello.json",
      name: "a good ServerHello",
      blockAt: 34 + 33 + 2 + 1,
      without: "illegal_parameter",
    },
    {
      role: "server",
      file: "tls12-client-hello.json",
      name: "a good ClientHello",
      blockAt: 34 + 1 + 4 + 2,
      without: "handshake_failure",
    },
    {
      role: "client",
      file: "tls12-server-hello.json",
      name: "a good ServerHello",
      blockAt: 34 + 1 + 2 + 1,
      without: "handshake_failure",
    },
  ] as const)("$name of $file is refused at every length", ({ role, file, name, blockAt, without }) => {
    const message = messageOf(file, name);
    const body = message.subarray(4);
    for (let length = 0; length < body.length; length++) {
      const cut = rawMessage(message[0] ?? 0, body.subarray(0, length));
      const { closed } = replay({ role, setup: undefined }, [plainRecord(22, cut)]);
      // Without its extensions it is whole, and one of TLS 1.2 that lacks what it needs.
      const alert = length === blockAt ? without : "decode_error";
      expect({ length, ...outcomeOf(closed) }).toEqual({ length, alert, kind: "error" });
    }
  });

  test.each(["tls12-server-flight.json", "tls12-client-flight.json"])(
    "a message of a good flight of %s is refused at every length",
    (file) => {
      const flight = [...(casesByFile.get(file) ?? [])].find(({ name }) =>
        /every message|certificate$/.test(name),
      );
      if (flight === undefined) throw new Error(`${file} has no good flight`);
      // The first one is the hello.
      for (let index = 1; index < flight.records.length; index++) {
        const before = flight.records.slice(0, index);
        const message = (flight.records[index] ?? new Uint8Array()).subarray(5);
        for (const length of lengthsBelow(message.length - 4)) {
          const cut = rawMessage(message[0] ?? 0, message.subarray(4, 4 + length));
          const { closed } = replay(flight, [...before, plainRecord(22, cut)]);
          expect({ index, length, ...outcomeOf(closed) }).toEqual({
            index,
            length,
            alert: "decode_error",
            kind: "error",
          });
        }
      }
    },
  );
});

/** Some lengths below `length`, the least and the greatest among them. */
function lengthsBelow(length: number): readonly number[] {
  const step = Math.max(1, Math.floor(length / 16));
  return Array.from({ length }, (_, index) => index).filter(
    (index) => index % step === 0 || index >= length - 2,
  );
}

const SEED = 20_260_801;
const MUTATIONS = 600;

describe(`mutated, with seed ${SEED}`, () => {
  test.each(ROLES)("bytes for a %s end in at most one closed event, and never throw", (role) => {
    const random = seededRandom(SEED);
    const number = (below: number): number => {
      const [a = 0, b = 0, c = 0] = random(3);
      return ((a << 16) | (b << 8) | c) % below;
    };
    const inputs = [...casesByFile.values()].flat().filter((one) => one.role === role);
    const [anyInput] = inputs;
    if (anyInput === undefined) throw new Error("there is nothing to mutate");
    const kinds = new Set<string>();
    for (let round = 0; round < MUTATIONS; round++) {
      const one = inputs[number(inputs.length)] ?? anyInput;
      const mutated = mutate(concatBytes(...one.records), number, random);
      const { engine, events, closed } = replay(one, [mutated]);
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
  const { records, setup, ...otherInput } = record(`${where} input`, input);
  const { alert, kind, ...otherExpected } = record(`${where} expected`, expected);
  expect({ others, otherInput, otherExpected }, where).toEqual({
    others: {},
    otherInput: {},
    otherExpected: {},
  });
  const knownRole = ROLES.find((known) => known === role);
  const knownSetup = SETUPS.find((known) => known === setup);
  const knownKind = KINDS.find((known) => known === kind);
  if (
    typeof name !== "string" ||
    knownRole === undefined ||
    knownKind === undefined ||
    knownSetup !== setup ||
    !Array.isArray(records)
  )
    throw new Error(`${where} is not a case`);
  if (alert !== null && !isAlertName(alert))
    throw new Error(`${where} expects the alert ${JSON.stringify(alert)}`);
  if ((alert !== null) !== (knownKind === "error")) throw new Error(`${where}: only an error sends an alert`);
  return {
    name,
    role: knownRole,
    setup: knownSetup,
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
