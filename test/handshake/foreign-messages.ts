import { concatBytes } from "../../src/bytes.ts";
import { HandshakeType } from "../../src/index.ts";
import { encodeHandshake, handshakeMessages, type HandshakeName } from "../../src/messages/handshake.ts";
import { SCENARIOS, sceneOf } from "./scenarios.ts";
import { scene12Of, SCENARIOS12 } from "./scenarios12.ts";

/** A whole handshake message, and what it is. */
export interface Message {
  /** As `handshakeMessages` has it, or else the name of its type. */
  readonly name: string;
  readonly raw: Uint8Array;
}

/** Messages of every type there is, all well formed: those of both versions as real handshakes have them. */
export const MESSAGES: readonly Message[] = [...recorded(), ...made(), ...fromElsewhere()];

/** The bytes of one of {@link MESSAGES}. */
export function foreign(name: HandshakeName): Uint8Array {
  const message = MESSAGES.find((candidate) => candidate.name === name);
  if (message === undefined) throw new Error(`no ${name}`);
  return message.raw;
}

function recorded(): readonly Message[] {
  const found = new Map<string, Message>();
  for (const scene of [...SCENARIOS.map(sceneOf), ...SCENARIOS12.map(scene12Of)]) {
    for (let step = scene.peer.peek(); step !== undefined; step = scene.peer.peek()) {
      const { name, raw } = step;
      if (raw !== undefined && !found.has(name)) found.set(name, { name, raw });
      scene.play();
    }
  }
  return [...found.values()];
}

/** Those that no handshake of ours has. */
function made(): readonly Message[] {
  return [
    {
      name: "new_session_ticket",
      raw: encodeHandshake("new_session_ticket", {
        ticketLifetime: 3600,
        ticketAgeAdd: 1,
        ticketNonce: Uint8Array.of(0),
        ticket: Uint8Array.of(1, 2, 3),
        extensions: {},
      }),
    },
    { name: "key_update", raw: encodeHandshake("key_update", { requestUpdate: 0 }) },
    { name: "hello_request", raw: encodeHandshake("hello_request", {}) },
    {
      name: "tls12_raw_public_key",
      raw: encodeHandshake("tls12_raw_public_key", { subjectPublicKeyInfo: new Uint8Array(44) }),
    },
    { name: "end_of_early_data", raw: encodeHandshake("end_of_early_data", {}) },
    {
      name: "compressed_certificate",
      raw: encodeHandshake("compressed_certificate", {
        algorithm: 1,
        uncompressedLength: 100,
        compressedCertificateMessage: new Uint8Array(40),
      }),
    },
  ];
}

/** Those that are reserved, and those that nobody knows. */
function fromElsewhere(): readonly Message[] {
  const known = new Set<number>(Object.values(handshakeMessages).map(({ type }) => type));
  const others = Object.entries(HandshakeType).filter(([, type]) => !known.has(type));
  return [...others, ["hello_verify_request", 3] as const, ["unknown 99", 99] as const].map(
    ([name, type]) => ({ name, raw: concatBytes(Uint8Array.of(type, 0, 0, 32), new Uint8Array(32)) }),
  );
}
