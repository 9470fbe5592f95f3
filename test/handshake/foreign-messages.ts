import { concatBytes } from "../../src/bytes.ts";
import { HandshakeType } from "../../src/index.ts";
import { encodeHandshake, handshakeMessages } from "../../src/messages/handshake.ts";
import { SCENARIOS, sceneOf } from "./scenarios.ts";

/** A whole handshake message, and what it is. */
export interface Message {
  /** Of a message of TLS 1.3 its name there, or else that of its type. */
  readonly name: string;
  readonly raw: Uint8Array;
}

/** Messages of every type there is, all well formed: those of TLS 1.3 as real handshakes have them. */
export const MESSAGES: readonly Message[] = [...recorded(), ...made(), ...fromElsewhere()];

function recorded(): readonly Message[] {
  const found = new Map<string, Message>();
  for (const scenario of SCENARIOS) {
    const scene = sceneOf(scenario);
    for (let step = scene.peer.peek(); step !== undefined; step = scene.peer.peek()) {
      found.set(step.name, { name: step.name, raw: step.raw });
      scene.play();
    }
  }
  return [...found.values()];
}

/** Those of TLS 1.3 that no handshake of ours has. */
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

/** Those of TLS 1.2, those that are reserved, and those that nobody knows. */
function fromElsewhere(): readonly Message[] {
  const known = new Set<number>(Object.values(handshakeMessages).map(({ type }) => type));
  const others = Object.entries(HandshakeType).filter(([, type]) => !known.has(type));
  const bodies: Readonly<Record<string, Uint8Array>> = {
    server_key_exchange: concatBytes(Uint8Array.of(3, 0, 29, 32), new Uint8Array(32)),
    client_key_exchange: concatBytes(Uint8Array.of(32), new Uint8Array(32)),
    certificate_status: Uint8Array.of(1, 0, 0, 1, 0x30),
    message_hash: new Uint8Array(32),
  };
  return [...others, ["hello_verify_request", 3] as const, ["unknown 99", 99] as const].map(
    ([name, type]) => {
      const body = bodies[name] ?? new Uint8Array();
      return { name, raw: concatBytes(Uint8Array.of(type, 0, 0, body.length), body) };
    },
  );
}
