import { TlsAlert } from "../alert.ts";
import { concatBytes } from "../bytes.ts";
import { type Codec, enumeration, opaque, struct, uint16, uint32, uint8 } from "../wire/codec.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { nullable, type SessionOrigin, SessionRole, sharedFields } from "./session-fields.ts";

/** What both sides keep of a TLS 1.3 session. RFC 8446 §4.6.1. */
interface SessionState extends SessionOrigin {
  /** Code point of the suite; the PSK works with all that have its hash, early data with this one alone. */
  readonly cipherSuite: number;
  /** The PSK of one ticket, as long as the suite's hash. */
  readonly preSharedKey: Uint8Array;
  /** When the ticket was issued or received, in milliseconds since 1970. */
  readonly ticketAtMs: number;
  /** Milliseconds, added modulo 2^32 to the age that a client shows. */
  readonly ageAdd: number;
  /** Bytes of early data that the server takes; null for none. */
  readonly maxEarlyDataBytes: number | null;
  /** The ALPN protocol, which early data is bound to; empty for none. */
  readonly alpn: Uint8Array;
}

/** A session as a client keeps it. */
export interface ClientSession13 extends SessionState {
  readonly role: "client";
  /** 1..65,535 bytes. */
  readonly ticket: Uint8Array;
}

/** A session as a server keeps it, in a store or in a ticket. */
export interface ServerSession13 extends SessionState {
  readonly role: "server";
  /** `tls-server-end-point` of the certificate that the server showed, 0..64 bytes; empty when it has none. RFC 5929 §4. */
  readonly endPointBinding: Uint8Array;
}

/** A TLS 1.3 session of either side. */
export type Session13 = ClientSession13 | ServerSession13;

/**
 * `session` as bytes, which the caller owns: a secret, as is what they hold.
 * @throws {RangeError} for a field out of its bounds.
 */
export function encodeSession13(session: Session13): Uint8Array {
  const { preSharedKey, role } = session;
  if (!PSK_LENGTHS.includes(preSharedKey.length)) {
    throw new RangeError(
      `the PSK of a ticket has ${PSK_LENGTHS.join(" or ")} bytes, not ${preSharedKey.length}`,
    );
  }
  const writer = new Writer();
  Header.write(writer, {
    version: VERSION,
    format: FORMAT,
    role: SessionRole[role],
    preSharedKeyLength: preSharedKey.length,
  });
  if (role === "client") ClientFields.write(writer, session);
  else ServerFields.write(writer, session);
  // Not through the Writer, whose memory is not wiped.
  return concatBytes(writer.finish(), preSharedKey);
}

/**
 * The session of {@link encodeSession13}, with bytes of its own; null for anything else, be it of another version or role
 * or damaged. Does not throw.
 */
export function decodeSession13(bytes: Uint8Array): Session13 | null {
  // Not slice(), which gives a view when a store returns a Buffer of Node.
  const own = new Uint8Array(bytes);
  try {
    const header = Header.read(new Reader(own, 0, Math.min(own.length, HEADER_LENGTH)));
    const end = own.length - header.preSharedKeyLength;
    if (end < HEADER_LENGTH || !PSK_LENGTHS.includes(header.preSharedKeyLength)) return null;
    return readSession(new Reader(own, HEADER_LENGTH, end), header.role, own.subarray(end));
  } catch (error) {
    if (!(error instanceof TlsAlert)) throw error;
    return null;
  }
}

function readSession(reader: Reader, role: number, preSharedKey: Uint8Array): Session13 {
  const session =
    role === SessionRole.client
      ? { role: "client" as const, ...ClientFields.read(reader), preSharedKey }
      : { role: "server" as const, ...ServerFields.read(reader), preSharedKey };
  reader.expectEnd("session");
  return session;
}

/** The code point of TLS 1.3, so that sessions of another version are told from these. */
const VERSION = 0x0304;
/** To be raised with any change of the fields below: sessions of before are passed over then. */
const FORMAT = 2;
const HEADER_LENGTH = 5;
/** Of SHA-256 and SHA-384. */
const PSK_LENGTHS: readonly number[] = [32, 48];

const Header = struct({
  version: enumeration(2, "session version", VERSION),
  format: enumeration(1, "session format", FORMAT),
  role: enumeration(1, "session role", SessionRole.client, SessionRole.server),
  preSharedKeyLength: uint8,
});

/** 64 bits, of which a clock in milliseconds uses 53. */
const milliseconds: Codec<number> = {
  read(reader) {
    const value = uint32.read(reader) * 2 ** 32 + uint32.read(reader);
    if (!Number.isSafeInteger(value)) throw new TlsAlert("decode_error", "the time of the ticket is no time");
    return value;
  },
  write(writer, value) {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no time in milliseconds`);
    uint32.write(writer, Math.floor(value / 2 ** 32));
    uint32.write(writer, value % 2 ** 32);
  },
};

const fields = {
  cipherSuite: uint16,
  ticketAtMs: milliseconds,
  ageAdd: uint32,
  maxEarlyDataBytes: nullable(uint32),
  alpn: opaque(0, 255),
  ...sharedFields,
} as const;

const ClientFields = struct({ ...fields, ticket: opaque(1, 2 ** 16 - 1) });

const ServerFields = struct({ ...fields, endPointBinding: opaque(0, 64) });
