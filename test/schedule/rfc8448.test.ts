import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { sha256 } from "../../src/crypto/hashes.ts";
import { TLS_AES_128_GCM_SHA256 } from "../../src/crypto/suites.ts";
import { handshakeName } from "../../src/messages/handshake.ts";
import { hkdfExpand, hkdfExpandLabel, hkdfExtract } from "../../src/schedule/hkdf.ts";
import type { TrafficSecret } from "../../src/schedule/traffic.ts";
import {
  EarlySecret,
  type HandshakeSecret,
  type MainSecret,
  type ResumptionSecret,
} from "../../src/schedule/tls13.ts";
import { Transcript } from "../../src/schedule/transcript.ts";
import {
  printedStep,
  RFC8448_TRACES,
  rfc8448Trace,
  type StepFields,
  type Trace,
  type TraceAction,
  type TraceStep,
} from "../support/vectors.ts";

/** Steps that print a value of the key schedule, by trace: every one of them must have been compared. */
const PRINTED = {
  3: { extract: 3, derive: 10, "traffic keys": 4, finish: 2, bind: 0 },
  4: { extract: 3, derive: 11, "traffic keys": 5, finish: 2, bind: 1 },
  5: { extract: 3, derive: 9, "traffic keys": 4, finish: 2, bind: 0 },
  6: { extract: 3, derive: 9, "traffic keys": 4, finish: 2, bind: 0 },
  7: { extract: 3, derive: 9, "traffic keys": 4, finish: 2, bind: 0 },
} as const;

for (const section of [3, 4, 5, 6, 7] as const) {
  const trace = rfc8448Trace(section);
  describe(`${trace.source}, ${trace.title}`, () => {
    const compared = replay(trace);

    test.each(compared)("$step has the values that the RFC prints", ({ actual, printed }) => {
      expect(actual).toEqual(printed);
    });

    test("no step of the key schedule is left out", () => {
      const counts = { extract: 0, derive: 0, "traffic keys": 0, finish: 0, bind: 0 };
      for (const { action } of compared) counts[action]++;
      expect(counts).toEqual(PRINTED[section]);
    });
  });
}

test("there is a trace for each section", () => {
  expect(Object.keys(RFC8448_TRACES)).toEqual(Object.keys(PRINTED));
});

test("RFC 8448 §4 starts from the PSK that the ticket of §3 gives", () => {
  const { inputKeyingMaterial } = printedStep(rfc8448Trace(4), "client", "extract", "early");
  const { expanded } = printedStep(rfc8448Trace(3), "server", "derive", "resumption");
  expect(hex(inputKeyingMaterial)).toBe(hex(expanded));
});

test("RFC 8448 §5 hashes its first ClientHello as message_hash", () => {
  const trace = rfc8448Trace(5);
  const [first] = trace.steps.flatMap((step) => (step.action === "construct" ? [step.fields?.message] : []));
  if (first === undefined) throw new Error("no ClientHello");
  const transcript = new Transcript();
  transcript.add(first);
  transcript.start(sha256);
  transcript.replaceByMessageHash();
  const messageHash = Uint8Array.of(254, 0, 0, 32, ...sha256.digest(first));
  expect(hex(transcript.digest())).toBe(hex(sha256.digest(messageHash)));
});

interface Comparison {
  readonly step: string;
  readonly action: keyof (typeof PRINTED)[3];
  readonly actual: Readonly<Record<string, string>>;
  readonly printed: Readonly<Record<string, string>>;
}

/** Runs the stages over the messages of a trace, and pairs what they give with what it prints. */
function replay(trace: Trace): readonly Comparison[] {
  const schedule = new Replay(trace);
  return trace.steps.flatMap((step) => schedule.take(step) ?? []);
}

class Replay {
  readonly #transcript = new Transcript();
  readonly #early: EarlySecret;
  readonly #sharedSecret: Uint8Array;
  #clientHelloPrefix: Uint8Array | undefined;
  #clientEarly: TrafficSecret | undefined;
  #handshake: HandshakeSecret | undefined;
  #main: MainSecret | undefined;
  #resumption: ResumptionSecret | undefined;

  constructor(trace: Trace) {
    const actor = trace.source === "RFC 8448 §4" ? "client" : "server";
    const psk = printedStep(trace, actor, "extract", "early").inputKeyingMaterial;
    this.#early = psk.some((byte) => byte !== 0) ? new EarlySecret(sha256, psk) : new EarlySecret(sha256);
    this.#sharedSecret = printedStep(trace, "server", "extract", "handshake").inputKeyingMaterial;
  }

  /** What is to be compared for a step; undefined for one that is not of the key schedule. */
  take(step: TraceStep): Comparison | undefined {
    if (step.fields === undefined) return undefined;
    switch (step.action) {
      case "generate":
        return undefined;
      case "construct":
        this.#add(step.fields.message);
        return undefined;
      case "send":
        this.#addBinders(step.fields.payload);
        return undefined;
      case "bind":
        return this.#bind(step.fields);
      case "extract":
        return comparison(step, step.fields, {
          secret: hkdfExtract(sha256, step.fields.salt, step.fields.inputKeyingMaterial),
        });
      case "derive":
        return this.#derive(step.subject, step.fields, step);
      case "traffic keys": {
        const secret = this.#traffic(step);
        return comparison(step, step.fields, {
          pseudorandomKey: secret.bytes,
          ...secret.trafficKeys(TLS_AES_128_GCM_SHA256.aead),
        });
      }
      case "finish": {
        const secret = step.actor === "client" ? this.#stage().clientTraffic : this.#stage().serverTraffic;
        return comparison(step, step.fields, {
          pseudorandomKey: secret.bytes,
          expanded: hkdfExpandLabel(sha256, secret.bytes, "finished", step.fields.hash, 32),
          finished: secret.finished(this.#transcript.digest()),
        });
      }
    }
  }

  #add(message: Uint8Array): void {
    // §4 prints the ClientHello without its binders first; the whole one stands in the record.
    if (this.#transcript.hash === undefined && hex(message) === this.#prefix(message)) {
      this.#clientHelloPrefix = message;
      return;
    }
    const name = handshakeName(message);
    if (name === "server_hello") this.#transcript.start(sha256);
    if (name === "hello_retry_request") {
      this.#transcript.start(sha256);
      this.#transcript.replaceByMessageHash();
    }
    this.#transcript.add(message);
    if (name === "server_hello") {
      this.#handshake = this.#early.handshake(this.#sharedSecret, this.#transcript.digest());
    }
    // The main secret takes the server's Finished, the resumption secret the client's, which comes second.
    if (name === "finished" && this.#main === undefined) {
      this.#main = this.#stage().main(this.#transcript.digest());
    } else if (name === "finished") {
      this.#resumption = this.#main?.resumption(this.#transcript.digest());
    }
  }

  /** The message's own bytes when its header tells of more than there is. */
  #prefix(message: Uint8Array): string | undefined {
    const declared = 4 + (message[1] ?? 0) * 0x10000 + (message[2] ?? 0) * 0x100 + (message[3] ?? 0);
    return declared > message.length ? hex(message) : undefined;
  }

  #addBinders(payload: Uint8Array): void {
    const prefix = this.#clientHelloPrefix;
    if (prefix === undefined || !hex(payload).startsWith(hex(prefix))) return;
    this.#transcript.add(payload);
    this.#clientHelloPrefix = undefined;
  }

  #bind(fields: StepFields<"bind">): Comparison {
    const truncatedHash = this.#transcript.digestWith(sha256, fields.clientHelloPrefix);
    return comparison({ actor: "client", action: "bind", subject: "binder" }, fields, {
      binderHash: truncatedHash,
      expanded: hkdfExpandLabel(sha256, fields.pseudorandomKey, "finished", fields.hash, 32),
      finished: this.#early.binder("resumption", truncatedHash),
    });
  }

  #derive(label: string, fields: StepFields<"derive">, step: TraceStep): Comparison {
    const { pseudorandomKey, hash } = fields;
    const byStage = this.#derived(label, hash);
    return comparison(step, fields, {
      expanded: byStage?.bytes ?? hkdfExpandLabel(sha256, pseudorandomKey, label, hash, 32),
      ...(byStage?.transcriptHash && { hash: byStage.transcriptHash }),
    });
  }

  /** The secret that a stage has for `label`; undefined for a step between two stages, which they keep to themselves. */
  #derived(
    label: string,
    context: Uint8Array,
  ): { readonly bytes: Uint8Array; readonly transcriptHash?: Uint8Array } | undefined {
    switch (label) {
      case "derived":
        return undefined;
      case "c e traffic": {
        const transcriptHash = this.#transcript.digestWith(sha256);
        this.#clientEarly = this.#early.clientEarlyTraffic(transcriptHash);
        return { bytes: this.#clientEarly.bytes, transcriptHash };
      }
      case "e exp master": {
        const transcriptHash = this.#transcript.digestWith(sha256);
        return { bytes: this.#early.earlyExporter(transcriptHash).bytes, transcriptHash };
      }
      case "c hs traffic":
        return { bytes: this.#stage().clientTraffic.bytes, transcriptHash: this.#transcript.digest() };
      case "s hs traffic":
        return { bytes: this.#stage().serverTraffic.bytes, transcriptHash: this.#transcript.digest() };
      case "c ap traffic":
        return { bytes: defined(this.#main).clientTraffic.bytes, transcriptHash: this.#transcript.digest() };
      case "s ap traffic":
        return { bytes: defined(this.#main).serverTraffic.bytes, transcriptHash: this.#transcript.digest() };
      case "exp master":
        return { bytes: defined(this.#main).exporter.bytes, transcriptHash: this.#transcript.digest() };
      case "res master":
        return { bytes: defined(this.#resumption).bytes, transcriptHash: this.#transcript.digest() };
      case "resumption":
        return { bytes: defined(this.#resumption).preSharedKey(context) };
      default:
        throw new Error(`no stage has the label ${label}`);
    }
  }

  #traffic({ actor, subject }: TraceStep): TrafficSecret {
    const [direction, ...epoch] = subject.split(" ");
    const isClientSending = (actor === "client") === (direction === "write");
    switch (epoch.join(" ")) {
      case "early application":
        return defined(this.#clientEarly);
      case "handshake":
        return isClientSending ? this.#stage().clientTraffic : this.#stage().serverTraffic;
      case "application":
        return isClientSending ? defined(this.#main).clientTraffic : defined(this.#main).serverTraffic;
      default:
        throw new Error(`no epoch ${subject}`);
    }
  }

  #stage(): HandshakeSecret {
    return defined(this.#handshake);
  }
}

/** Pairs `actual` with the printed fields of the same names, and the printed `info`s with their HKDF-Expand. */
function comparison(
  {
    actor,
    action,
    subject,
  }: { readonly actor: string; readonly action: TraceAction; readonly subject: string },
  fields: Readonly<Record<string, Uint8Array>>,
  actual: Readonly<Record<string, Uint8Array>>,
): Comparison {
  if (action === "generate" || action === "construct" || action === "send")
    throw new Error(`no values in ${action}`);
  const byInfo: Record<string, Uint8Array> = {};
  for (const [info, output] of Object.entries({ info: "expanded", keyInfo: "key", ivInfo: "iv" })) {
    const [infoBytes, outputBytes, prk] = [fields[info], fields[output], fields["pseudorandomKey"]];
    if (infoBytes && outputBytes && prk)
      byInfo[`${output} from ${info}`] = hkdfExpand(sha256, prk, infoBytes, outputBytes.length);
  }
  const printed = Object.fromEntries(
    [...Object.keys(actual), ...Object.keys(byInfo)].map((name) => [name, fields[name.split(" ")[0] ?? ""]]),
  );
  return {
    step: `${actor}: ${action} ${subject}`,
    action,
    actual: inHex({ ...actual, ...byInfo }),
    printed: inHex(printed),
  };
}

function inHex(values: Readonly<Record<string, Uint8Array | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, value === undefined ? "not printed" : hex(value)]),
  );
}

function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the trace asks for a stage before its messages");
  return value;
}
