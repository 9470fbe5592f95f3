import { hex } from "../../src/bytes.ts";
import type { Random } from "../../src/crypto/provider.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import type { TrafficKeys } from "../../src/schedule/traffic.ts";
import type { Side } from "../support/observer.ts";
import { printedSteps, type StepFields, type Trace, type TraceAction } from "../support/vectors.ts";

/** A record that a trace prints. */
export interface PrintedRecord {
  readonly sender: Side;
  /** Its content type in words. */
  readonly subject: string;
  /** What is inside. */
  readonly payload: Uint8Array;
  /** With its header. */
  readonly record: Uint8Array;
}

/** All records of a trace in order. */
export function printedRecords(trace: Trace): readonly PrintedRecord[] {
  return trace.steps.flatMap((step) => {
    if (step.action !== "send" || step.fields === undefined) return [];
    return [{ sender: step.actor, subject: step.subject, ...step.fields }];
  });
}

/** The values of the one step with `action` and `subject`, whichever peer it is printed for. */
export function printedByEither<A extends TraceAction>(
  trace: Trace,
  action: A,
  subject: string,
): StepFields<A> {
  const printed = trace.steps.flatMap((step) =>
    step.action === action && step.subject === subject && step.fields !== undefined ? [step.fields] : [],
  );
  const [fields] = printed;
  if (fields === undefined || printed.length > 1)
    throw new Error(`${trace.source}: ${printed.length} steps "${action} ${subject}" are printed`);
  // The filter pairs the fields with A.
  return fields as StepFields<A>;
}

const LABELS = {
  "c e traffic": "CLIENT_EARLY_TRAFFIC_SECRET",
  "e exp master": "EARLY_EXPORTER_SECRET",
  "c hs traffic": "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
  "s hs traffic": "SERVER_HANDSHAKE_TRAFFIC_SECRET",
  "c ap traffic": "CLIENT_TRAFFIC_SECRET_0",
  "s ap traffic": "SERVER_TRAFFIC_SECRET_0",
  "exp master": "EXPORTER_SECRET",
} as const;

/** The secrets of a trace as lines of an NSS key log; those of early data where there is some. */
export function printedKeyLog(trace: Trace): readonly string[] {
  const [hello] = messagesOf(trace, "client", "ClientHello");
  if (hello === undefined) throw new Error(`${trace.source}: there is no ClientHello`);
  const clientRandom = hex(hello.subarray(6, 38));
  return Object.entries(LABELS).flatMap(([subject, label]) => {
    const isThere = trace.steps.some((step) => step.action === "derive" && step.subject === subject);
    if (!isThere) return [];
    return [`${label} ${clientRandom} ${hex(printedByEither(trace, "derive", subject).expanded)}`];
  });
}

/** The messages that `side` constructs under that name, such as `"ClientHello"`, in order. */
export function messagesOf(trace: Trace, side: Side, name: string): readonly Uint8Array[] {
  return trace.steps.flatMap((step) =>
    step.action === "construct" && step.actor === side && step.subject === name && step.fields !== undefined
      ? [step.fields.message]
      : [],
  );
}

/** The private keys that `side` generates, in order. */
export function privateKeysOf(trace: Trace, side: Side): readonly Uint8Array[] {
  return trace.steps.flatMap((step) =>
    step.action === "generate" && step.actor === side && step.fields !== undefined
      ? [step.fields.privateKey]
      : [],
  );
}

/** A source of randomness that gives `draws` one after the other, whatever length is asked for. */
export class InjectedRandom {
  readonly #draws: Uint8Array[];

  constructor(draws: readonly Uint8Array[]) {
    this.#draws = draws.map((bytes) => bytes.slice());
  }

  /** Draws that nobody has asked for. */
  get left(): number {
    return this.#draws.length;
  }

  readonly draw: Random = () => {
    const bytes = this.#draws.shift();
    if (bytes === undefined) throw new Error("more randomness is drawn than the trace has");
    return bytes;
  };
}

/** The keys with which `side` reads or writes in an epoch (`"early application"`, `"handshake"`, `"application"`), printed for it or for its peer. */
export function trafficKeysOf(
  trace: Trace,
  side: Side,
  direction: "read" | "write",
  epoch: string,
): TrafficKeys {
  const own = printedSteps(trace, side, "traffic keys", `${direction} ${epoch}`);
  const peers = printedSteps(
    trace,
    side === "client" ? "server" : "client",
    "traffic keys",
    `${direction === "read" ? "write" : "read"} ${epoch}`,
  );
  const [keys, ...others] = [...own, ...peers];
  if (keys === undefined || others.length > 0)
    throw new Error(
      `${trace.source}: ${own.length + peers.length} keys of the ${side} to ${direction} ${epoch} data`,
    );
  return keys;
}

/** The early data of a trace; undefined where there is none. */
export function earlyDataOf(trace: Trace): Uint8Array | undefined {
  const records = printedRecords(trace);
  const early = records.find(({ subject }) => subject === "application_data");
  const answer = records.findIndex(({ sender }) => sender === "server");
  return early !== undefined && records.indexOf(early) < answer ? early.payload : undefined;
}

/** What a client draws: random, session id if it has one, one private key per share. */
export function clientDraws(trace: Trace): readonly Uint8Array[] {
  // The message that §4 constructs has no binders yet.
  const [first] = printedRecords(trace);
  if (first === undefined) throw new Error(`${trace.source}: there is no ClientHello`);
  const { random, legacySessionId } = decodeHandshake("client_hello", first.payload);
  return [
    random,
    ...(legacySessionId.length > 0 ? [legacySessionId] : []),
    ...privateKeysOf(trace, "client"),
  ];
}
