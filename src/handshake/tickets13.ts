import { wipe } from "../bytes.ts";
import type { ClientConfig } from "../config/client.ts";
import type { ServerConfig } from "../config/server.ts";
import type { Tls13CipherSuite } from "../crypto/provider.ts";
import type { ResumptionSecret } from "../schedule/tls13.ts";
import type { Established13 } from "./established.ts";
import type { HandshakeIo } from "./io.ts";
import { alpnBytes } from "./negotiate.ts";
import type { Session } from "./post.ts";
import { SESSION_SLOTS, sessionKey, STORED_TICKET_LENGTH, storedTicketKey } from "./resume13.ts";
import {
  MAX_LIFETIME_SECONDS,
  MAX_TICKET_LENGTH,
  MAX_TICKET_STATE_LENGTH,
  nowSeconds,
  putAside,
} from "./session-access.ts";
import { encodeSession13, type ServerSession13 } from "./session13.ts";

/** What a server puts into the sessions of one connection. */
export type NewServerSession13 = Pick<
  ServerSession13,
  "serverName" | "peerCertificateType" | "peerChain" | "createdAtSeconds" | "endPointBinding" | "alpn"
>;

/**
 * Sends NewSessionTicket messages behind the client's Finished. Sessions do not live longer than their full handshake lets them: a ticket of
 * a resumed connection is for what is left. RFC 8446 §4.6.1.
 */
export function sendTickets(
  config: ServerConfig,
  io: HandshakeIo,
  count: number,
  suite: Tls13CipherSuite,
  resumption: ResumptionSecret,
  session: NewServerSession13,
): void {
  const maxBytes = config.earlyData?.maxBytes;
  const now = nowSeconds(io);
  const left = session.createdAtSeconds + MAX_LIFETIME_SECONDS - now;
  const ticketLifetime = Math.min(config.ticketLifetimeSeconds, left);
  if ((config.ticketKeys === null && !config.storesTickets) || ticketLifetime <= 0) return;
  for (let i = 0; i < count; i++) {
    const ticketNonce = Uint8Array.of(i);
    const [a = 0, b = 0, c = 0, d = 0] = io.random(4);
    const ticketAgeAdd = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
    const preSharedKey = resumption.preSharedKey(ticketNonce);
    const state = encodeSession13({
      ...session,
      role: "server",
      cipherSuite: suite.id,
      preSharedKey,
      ticketAtMs: io.now(),
      ageAdd: ticketAgeAdd,
      maxEarlyDataBytes: maxBytes ?? null,
      lifetimeSeconds: Math.max(0, now - session.createdAtSeconds) + ticketLifetime,
      ocspResponse: null,
      signedCertificateTimestamps: [],
    });
    wipe(preSharedKey);
    const ticket = ticketFor(config, io, state);
    if (ticket === undefined) return;
    const extensions = maxBytes === undefined ? {} : { earlyData: maxBytes };
    io.sendUnrecorded("new_session_ticket", {
      ticketLifetime,
      ticketAgeAdd,
      ticketNonce,
      ticket,
      extensions,
    });
  }
}

/** The session itself, sealed, or a name for it; undefined when it is too large, or the keys give none. `state` is wiped. */
function ticketFor(
  { ticketKeys, settings: { sessionStore } }: ServerConfig,
  io: HandshakeIo,
  state: Uint8Array,
): Uint8Array | undefined {
  if (ticketKeys === null) {
    if (sessionStore === null) return undefined;
    const ticket = io.random(STORED_TICKET_LENGTH);
    putAside(sessionStore, io, storedTicketKey(ticket), state);
    return ticket;
  }
  const ticket =
    state.length > MAX_TICKET_STATE_LENGTH ? new Uint8Array() : ticketKeys.seal(state, io.random, io.now());
  wipe(state);
  return ticket.length === 0 ? undefined : ticket;
}

/** Keeps the session of a ticket for a later connection to the same server. Nothing waits for the store. */
export function keepSession(
  config: ClientConfig,
  io: HandshakeIo,
  { suite, origin, sessionSlot }: Established13,
  session: Session,
  ticketIndex: number,
): void {
  const { sessionStore } = config.settings;
  const key = sessionKey(config, (sessionSlot + ticketIndex) % SESSION_SLOTS);
  if (sessionStore === null || key === undefined || origin === null) return;
  if (session.ticket.length > MAX_TICKET_LENGTH) return;
  const { createdAtSeconds, peerCertificateType, peerChain, ocspResponse, signedCertificateTimestamps } =
    origin;
  // A clock may have gone back since the full handshake.
  const age = Math.max(0, Math.floor(session.receivedAtMs / 1000) - createdAtSeconds);
  const state = encodeSession13({
    role: "client",
    cipherSuite: suite.id,
    preSharedKey: session.preSharedKey,
    ticketAtMs: session.receivedAtMs,
    ageAdd: session.ageAdd,
    maxEarlyDataBytes: session.maxEarlyDataBytes,
    alpn: session.alpn === null ? new Uint8Array() : alpnBytes(session.alpn),
    createdAtSeconds,
    lifetimeSeconds: Math.min(age + session.lifetimeSeconds, MAX_LIFETIME_SECONDS),
    serverName: config.serverName,
    peerCertificateType,
    peerChain,
    ocspResponse,
    signedCertificateTimestamps,
    ticket: session.ticket,
  });
  putAside(sessionStore, io, key, state);
}
