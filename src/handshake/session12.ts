import { TlsAlert } from "../alert.ts";
import { concatBytes } from "../bytes.ts";
import { enumeration, opaque, struct, uint16 } from "../wire/codec.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { boolean, type SessionOrigin, SessionRole, sharedFields } from "./session-fields.ts";

/**
 * What both sides keep of a TLS 1.2 session, to resume it. RFC 5246 §7.3, RFC 7627 §5.3.
 *
 * The ALPN protocol is not part of it: each connection agrees on one anew (RFC 7301 §3.1).
 */
interface SessionState extends SessionOrigin {
  /** Code point of the suite, which a resumed connection must use again. */
  readonly cipherSuite: number;
  /** 48 bytes. */
  readonly mainSecret: Uint8Array;
  /** Whether the main secret is one of RFC 7627; a resumed connection must agree. */
  readonly extendedMainSecret: boolean;
}

/** A session as a client keeps it. */
export interface ClientSession12 extends SessionState {
  readonly role: "client";
  /** What the server named the session, 0..32 bytes; empty when it has to be resumed by its ticket. */
  readonly sessionId: Uint8Array;
  /** The ticket of the server (RFC 5077), 0..65,535 bytes; empty for none. */
  readonly ticket: Uint8Array;
}

/** A session as a server keeps it, in a store or in a ticket. */
export interface ServerSession12 extends SessionState {
  readonly role: "server";
  /** `tls-server-end-point` of the certificate that the server showed, 0..64 bytes; empty when it has none. RFC 5929 §4. */
  readonly endPointBinding: Uint8Array;
}

/** A TLS 1.2 session of either side. */
export type Session12 = ClientSession12 | ServerSession12;

/**
 * `session` as bytes, which the caller owns: a secret, as is what they hold.
 * @throws {RangeError} for a field out of its bounds.
 */
export function encodeSession12(session: Session12): Uint8Array {
  if (session.mainSecret.length !== MAIN_SECRET_LENGTH) {
    throw new RangeError(`a main secret has ${MAIN_SECRET_LENGTH} bytes, not ${session.mainSecret.length}`);
  }
  const writer = new Writer();
  Header.write(writer, { version: VERSION, format: FORMAT, role: SessionRole[session.role] });
  if (session.role === "client") ClientFields.write(writer, session);
  else ServerFields.write(writer, session);
  // Not through the Writer, whose memory is not wiped.
  return concatBytes(writer.finish(), session.mainSecret);
}

/**
 * The session of {@link encodeSession12}, with bytes of its own; null for anything else, be it of another version or role
 * or damaged. Does not throw.
 */
export function decodeSession12(bytes: Uint8Array): Session12 | null {
  // Not slice(), which gives a view when a store returns a Buffer of Node.
  const own = new Uint8Array(bytes);
  const end = own.length - MAIN_SECRET_LENGTH;
  if (end < 0) return null;
  try {
    return readSession(new Reader(own, 0, end), own.subarray(end));
  } catch (error) {
    if (!(error instanceof TlsAlert)) throw error;
    return null;
  }
}

function readSession(reader: Reader, mainSecret: Uint8Array): Session12 {
  const { role } = Header.read(reader);
  const session =
    role === SessionRole.client
      ? { role: "client" as const, ...ClientFields.read(reader), mainSecret }
      : { role: "server" as const, ...ServerFields.read(reader), mainSecret };
  reader.expectEnd("session");
  return session;
}

const MAIN_SECRET_LENGTH = 48;

/** The code point of TLS 1.2, so that sessions of another version are told from these. */
const VERSION = 0x0303;
/** To be raised with any change of the fields below: sessions of before are passed over then. */
const FORMAT = 2;

const Header = struct({
  version: enumeration(2, "session version", VERSION),
  format: enumeration(1, "session format", FORMAT),
  role: enumeration(1, "session role", SessionRole.client, SessionRole.server),
});

const fields = { cipherSuite: uint16, extendedMainSecret: boolean, ...sharedFields } as const;

const ClientFields = struct({ ...fields, sessionId: opaque(0, 32), ticket: opaque(0, 2 ** 16 - 1) });

const ServerFields = struct({ ...fields, endPointBinding: opaque(0, 64) });
