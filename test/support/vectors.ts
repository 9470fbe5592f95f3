import { readFileSync } from "node:fs";
import { join } from "node:path";

import { fromHex } from "./hex.ts";

const ROOT = join(import.meta.dirname, "../../vectors");

/** How a field of a case is written in the file. */
export type FieldKind = "bytes" | "text" | "integer";
type FieldKinds = Readonly<Record<string, FieldKind>>;
type Value<K extends FieldKind> = K extends "bytes" ? Uint8Array : K extends "integer" ? number : string;

/** The fields of a case, with hexadecimal as bytes. */
export type Fields<S extends FieldKinds> = { readonly [N in keyof S]: Value<S[N]> };

export interface VectorCase<I extends FieldKinds, E extends FieldKinds> {
  readonly name: string;
  readonly input: Fields<I>;
  readonly expected: Fields<E>;
}

/** The cases of `vectors/<path>`, whose fields must be those of `input` and `expected`, no more and no less. */
export function vectorCases<const I extends FieldKinds, const E extends FieldKinds>(
  path: string,
  input: I,
  expected: E,
): readonly VectorCase<I, E>[] {
  const { cases } = header(path, load(path), ["cases"]);
  const names = new Set<string>();
  return list(`${path} cases`, cases).map((one) => {
    const { name: nameOfCase, ...fields } = record(path, one);
    const name = text(`${path} name`, nameOfCase);
    if (names.has(name)) throw new Error(`${path}: there are two cases ${name}`);
    names.add(name);
    const where = `${path} ${name}`;
    expectKeys(where, fields, ["input", "expected"]);
    return {
      name,
      input: readFields(`${where} input`, fields["input"], input),
      expected: readFields(`${where} expected`, fields["expected"], expected),
    };
  });
}

const TRACE_FIELDS = {
  generate: ["privateKey", "publicKey"],
  construct: ["message"],
  send: ["payload", "record"],
  extract: ["salt", "inputKeyingMaterial", "secret"],
  derive: ["pseudorandomKey", "hash", "info", "expanded"],
  "traffic keys": ["pseudorandomKey", "keyInfo", "key", "ivInfo", "iv"],
  finish: ["pseudorandomKey", "hash", "info", "expanded", "finished"],
  bind: ["clientHelloPrefix", "binderHash", "pseudorandomKey", "hash", "info", "expanded", "finished"],
} as const;

/** What a peer does in a step of a trace. */
export type TraceAction = keyof typeof TRACE_FIELDS;

/** The values that a step with `action` prints. */
export type StepFields<A extends TraceAction> = Readonly<
  Record<(typeof TRACE_FIELDS)[A][number], Uint8Array>
>;

interface StepOf<A extends TraceAction> {
  readonly actor: "client" | "server";
  readonly action: A;
  /** What it is done with: a message, a content type, a label, a direction and an epoch. */
  readonly subject: string;
  /** Undefined when the values are those of the peer's step, which are not printed again. */
  readonly fields: StepFields<A> | undefined;
}

/** A step of a trace; see vectors/README.md. */
export type TraceStep = { readonly [A in TraceAction]: StepOf<A> }[TraceAction];

export interface Trace {
  readonly source: string;
  readonly title: string;
  readonly steps: readonly TraceStep[];
}

/** The traces of RFC 8448, by section. */
export const RFC8448_TRACES = {
  3: "section3-simple-1-rtt",
  4: "section4-resumed-0-rtt",
  5: "section5-hello-retry-request",
  6: "section6-client-authentication",
  7: "section7-compatibility-mode",
} as const;

/** The trace of RFC 8448 §`section`. */
export function rfc8448Trace(section: keyof typeof RFC8448_TRACES): Trace {
  const path = `rfc8448/${RFC8448_TRACES[section]}.json`;
  const { source, notes, steps } = header(path, load(path), ["steps"]);
  return {
    source: text(path, source),
    title: text(path, notes),
    steps: list(`${path} steps`, steps).map((step, index) => readStep(`${path} step ${index}`, step)),
  };
}

/** The values of the steps of `trace` in which `actor` does `action` with `subject`, as far as the RFC prints them. */
export function printedSteps<A extends TraceAction>(
  trace: Trace,
  actor: "client" | "server",
  action: A,
  subject: string,
): readonly StepFields<A>[] {
  return trace.steps
    .filter((step) => step.actor === actor && step.action === action && step.subject === subject)
    .flatMap(({ fields }) => (fields === undefined ? [] : [fields as StepFields<A>])); // The filter pairs them with A.
}

/** The values of the one step that {@link printedSteps} finds. */
export function printedStep<A extends TraceAction>(
  trace: Trace,
  actor: "client" | "server",
  action: A,
  subject: string,
): StepFields<A> {
  const steps = printedSteps(trace, actor, action, subject);
  const [step] = steps;
  if (step === undefined || steps.length > 1) {
    throw new Error(`${trace.source}: ${steps.length} steps "${actor} ${action} ${subject}"`);
  }
  return step;
}

/** The private key of RFC 8448 §2, as the integers of an RSAPrivateKey. */
export function rfc8448ServerRsaKey(): Fields<typeof RSA_KEY> {
  const path = "rfc8448/server-rsa-key.json";
  return readFields(path, header(path, load(path), ["key"])["key"], RSA_KEY);
}

const RSA_KEY = {
  modulus: "bytes",
  publicExponent: "bytes",
  privateExponent: "bytes",
  prime1: "bytes",
  prime2: "bytes",
  exponent1: "bytes",
  exponent2: "bytes",
  coefficient: "bytes",
} as const;

function readStep(where: string, value: unknown): TraceStep {
  const { actor, action, subject, ...body } = record(where, value);
  if (actor !== "client" && actor !== "server") throw new Error(`${where}: actor ${String(actor)}`);
  if (!isTraceAction(action)) throw new Error(`${where}: action ${String(action)}`);
  const isPrinted = body["sameAsPeer"] === undefined;
  if (!isPrinted && body["sameAsPeer"] !== true) throw new Error(`${where}: sameAsPeer is not true`);
  expectKeys(where, body, [isPrinted ? "fields" : "sameAsPeer"]);
  const kinds = Object.fromEntries(TRACE_FIELDS[action].map((name) => [name, "bytes"] as const));
  const fields = isPrinted ? readFields(where, body["fields"], kinds) : undefined;
  // The fields are those of TRACE_FIELDS[action], which the compiler cannot pair with the action.
  return { actor, action, subject: text(where, subject), fields } as TraceStep;
}

function isTraceAction(value: unknown): value is TraceAction {
  return typeof value === "string" && Object.hasOwn(TRACE_FIELDS, value);
}

function load(path: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8"));
}

function header(path: string, file: unknown, others: readonly string[]): Readonly<Record<string, unknown>> {
  const object = record(path, file);
  expectKeys(path, object, ["source", "notes", ...others]);
  text(`${path} source`, object["source"]);
  text(`${path} notes`, object["notes"]);
  return object;
}

function readFields<S extends FieldKinds>(where: string, value: unknown, kinds: S): Fields<S> {
  const object = record(where, value);
  expectKeys(where, object, Object.keys(kinds));
  const fields = Object.entries(kinds).map(([name, kind]) => [
    name,
    readField(`${where} ${name}`, kind, object[name]),
  ]);
  // Each field was read by its own kind, which the compiler cannot see.
  return Object.fromEntries(fields) as Fields<S>;
}

function readField(where: string, kind: FieldKind, value: unknown): Uint8Array | string | number {
  if (kind === "integer") {
    if (!Number.isInteger(value)) throw new Error(`${where}: not an integer`);
    return Number(value);
  }
  if (kind === "text") return text(where, value);
  if (typeof value !== "string" || !/^([0-9a-f]{2})*$/.test(value))
    throw new Error(`${where}: not lower-case hexadecimal`);
  return fromHex(value);
}

function record(where: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error(`${where}: not an object`);
  return value as Readonly<Record<string, unknown>>;
}

function list(where: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0) throw new Error(`${where}: not a list with entries`);
  return value;
}

function text(where: string, value: unknown): string {
  if (typeof value !== "string" || value === "") throw new Error(`${where}: not a text`);
  return value;
}

function expectKeys(where: string, object: Readonly<Record<string, unknown>>, keys: readonly string[]): void {
  const found = Object.keys(object).sort().join(", ");
  const wanted = [...keys].sort().join(", ");
  if (found !== wanted) throw new Error(`${where}: has ${found}; wanted ${wanted}`);
}
