import { TlsAlert } from "../alert.ts";
import { hex, wipe } from "../bytes.ts";
import type { ClientConfig } from "../config/client.ts";
import type { ServerConfig } from "../config/server.ts";
import type { Tls12CipherSuite } from "../crypto/provider.ts";
import type { CompleteSetup } from "./choose-setup.ts";
import type { ReceivedClientHello } from "./client-hello-rules.ts";
import type { PeerIdentity } from "./established.ts";
import type { Flow } from "./flow.ts";
import type { HandshakeIo } from "./io.ts";
import {
  askAboutClient,
  askAboutServer,
  clientKey,
  drop,
  fetchSession,
  isAlive,
  MAX_LIFETIME_SECONDS,
  MAX_TICKET_LENGTH,
  MAX_TICKET_STATE_LENGTH,
  nowSeconds,
  putAside,
} from "./session-access.ts";
import {
  type ClientSession12,
  decodeSession12,
  encodeSession12,
  type ServerSession12,
  type Session12,
} from "./session12.ts";

/** A session that may be resumed: everything but the peer's consent is there. */
interface Resumable<S extends Session12> {
  readonly state: S;
  readonly suite: Tls12CipherSuite;
  /** Who the peer is, by the trust policy of now. */
  readonly peer: PeerIdentity;
}

/** A session that a client offers. */
export type OfferedSession = Resumable<ClientSession12>;

/** The longest that a session with an id should live. RFC 5246 §F.1.4. */
const ID_LIFETIME_SECONDS = 24 * 3600;
/** That of tickets whose server does not say. */
const DEFAULT_TICKET_LIFETIME_SECONDS = 2 * 3600;

/**
 * A client's session with the server that it is about to talk to. The store is asked, and then the trust policy again: what has expired or
 * is not trusted any more is not resumed. A store that fails costs a full handshake.
 */
export function* findSession(config: ClientConfig, io: HandshakeIo): Flow<OfferedSession | undefined> {
  const { sessionStore, tls12Suites, requireExtendedMainSecret } = config.settings;
  const key = storeKey(config);
  if (sessionStore === null || key === undefined) return undefined;
  const state = yield* fetchSession(sessionStore, key, io, readState);
  if (state?.role !== "client" || state.serverName !== config.serverName) return undefined;
  const suite = tls12Suites.find(({ id }) => id === state.cipherSuite);
  const isUsable = suite !== undefined && (state.extendedMainSecret || !requireExtendedMainSecret);
  if (!isUsable || !isAlive(state, io)) return undefined;
  const peer = yield* askAboutServer(config, io, state);
  const forget = (): unknown => drop(sessionStore, key);
  if (peer === undefined) {
    io.runAside(forget);
    return undefined;
  }
  // A session that led to a failure is not offered again (RFC 5246 §7.2.2).
  io.onFailure(forget);
  return { state, suite, peer };
}

/** What a client has learned of a session that it may resume later. */
export type NewClientSession = Omit<
  ClientSession12,
  "role" | "createdAtSeconds" | "lifetimeSeconds" | "serverName"
> & {
  /** Of its ticket, from now on. */
  readonly lifetimeHintSeconds: number;
  /** When the full handshake was; undefined for now. A new ticket does not make its main secret any younger. */
  readonly createdAtSeconds: number | undefined;
};

/** Keeps a session for the next connection to the same server, if it can be resumed at all. Nothing waits for the store. */
export function keepClientSession(config: ClientConfig, io: HandshakeIo, session: NewClientSession): void {
  const { sessionStore } = config.settings;
  const key = storeKey(config);
  const now = nowSeconds(io);
  const { lifetimeHintSeconds, createdAtSeconds = now, ...learned } = session;
  const hasTicket = learned.ticket.length > 0;
  if (sessionStore === null || key === undefined || (!hasTicket && learned.sessionId.length === 0)) return;
  if (learned.ticket.length > MAX_TICKET_LENGTH) return;
  const hint = lifetimeHintSeconds > 0 ? lifetimeHintSeconds : DEFAULT_TICKET_LIFETIME_SECONDS;
  const state = encodeSession12({
    ...learned,
    role: "client",
    createdAtSeconds,
    lifetimeSeconds: hasTicket
      ? Math.min(now - createdAtSeconds + hint, MAX_LIFETIME_SECONDS)
      : ID_LIFETIME_SECONDS,
    serverName: config.serverName,
  });
  putAside(sessionStore, io, key, state);
}

/** A session that the client has offered and that the server resumes. */
export type AcceptedSession = Resumable<ServerSession12>;

/**
 * The session that a ClientHello offers, by ticket (RFC 5077) or by id, if everything about it still holds: age, suite, server name,
 * extended main secret, and what the trust policy says of the client's certificate now. Anything else costs a full handshake.
 *
 * @throws {TlsAlert} handshake_failure when the session has an extended main secret and the client does not offer one. RFC 7627 §5.3.
 */
export function* findOfferedSession(
  config: ServerConfig,
  io: HandshakeIo,
  { clientAuth }: CompleteSetup,
  hello: ReceivedClientHello,
): Flow<AcceptedSession | undefined> {
  const state = yield* offeredState(config, io, hello);
  if (state?.role !== "server" || state.serverName !== hello.serverName || !isAlive(state, io))
    return undefined;
  const suite = config.settings.tls12Suites.find(({ id }) => id === state.cipherSuite);
  if (suite === undefined || !hello.body.cipherSuites.includes(suite.id)) return undefined;
  const isExtended = hello.body.extensions.extendedMainSecret === true;
  if (state.extendedMainSecret && !isExtended) {
    throw new TlsAlert(
      "handshake_failure",
      "the client resumes a session with an extended main secret, and does not offer it any more",
    );
  }
  if (isExtended !== state.extendedMainSecret) return undefined;
  if (clientAuth.mode === "none" && state.peerChain.length > 0) return undefined;
  if (clientAuth.mode === "require" && state.peerChain.length === 0) return undefined;
  const peer = yield* askAboutClient(config, io, clientAuth, state);
  return peer === undefined ? undefined : { state, suite, peer };
}

/** What a server puts into a session. */
export type NewServerSession = Omit<ServerSession12, "role" | "createdAtSeconds" | "lifetimeSeconds">;

/** A ticket with the session in it, which is empty when there can be none: the session is too large, or the keys give none. RFC 5077 §3.3. */
export function sealTicket(
  { ticketKeys, ticketLifetimeSeconds }: ServerConfig,
  io: HandshakeIo,
  session: NewServerSession,
): { readonly ticketLifetimeHint: number; readonly ticket: Uint8Array } {
  const state = encodeServerSession(io, session, ticketLifetimeSeconds);
  const none = ticketKeys === null || state.length > MAX_TICKET_STATE_LENGTH;
  const ticket = none ? new Uint8Array() : ticketKeys.seal(state, io.random, io.now());
  wipe(state);
  return { ticketLifetimeHint: ticket.length === 0 ? 0 : ticketLifetimeSeconds, ticket };
}

/** Keeps a session under its id. Nothing waits for the store. */
export function keepServerSession(
  { settings: { sessionStore } }: ServerConfig,
  io: HandshakeIo,
  sessionId: Uint8Array,
  session: NewServerSession,
): void {
  if (sessionStore === null) return;
  const state = encodeServerSession(io, session, ID_LIFETIME_SECONDS);
  putAside(sessionStore, io, serverKey(sessionId), state);
}

function encodeServerSession(
  io: HandshakeIo,
  session: NewServerSession,
  lifetimeSeconds: number,
): Uint8Array {
  return encodeSession12({ ...session, role: "server", createdAtSeconds: nowSeconds(io), lifetimeSeconds });
}

function storeKey(config: ClientConfig): string | undefined {
  const key = clientKey(config);
  return key === undefined ? undefined : `tls12 ${key}`;
}

function serverKey(sessionId: Uint8Array): string {
  return `tls12 server ${hex(sessionId)}`;
}

/** A ticket that cannot be opened means that there is no session: its id is one that the client has made up. RFC 5077 §3.4. */
function* offeredState(
  { ticketKeys, settings: { sessionStore } }: ServerConfig,
  io: HandshakeIo,
  { body }: ReceivedClientHello,
): Flow<Session12 | null> {
  const { sessionTicket } = body.extensions;
  if (sessionTicket !== undefined && sessionTicket.length > 0 && ticketKeys !== null) {
    const bytes = ticketKeys.open(sessionTicket, io.now());
    return bytes === null ? null : readState(bytes, io);
  }
  if (body.legacySessionId.length === 0 || sessionStore === null) return null;
  return yield* fetchSession(sessionStore, serverKey(body.legacySessionId), io, readState);
}

/** The session in `bytes`, which are wiped. */
function readState(bytes: Uint8Array, io: HandshakeIo): Session12 | null {
  const state = decodeSession12(bytes);
  wipe(bytes);
  if (state !== null) io.keep({ wipe: () => state.mainSecret.fill(0) });
  return state;
}
