import { TlsAlert } from "../alert.ts";
import { hex, wipe } from "../bytes.ts";
import type { ClientConfig } from "../config/client.ts";
import type { ServerConfig } from "../config/server.ts";
import type { SessionStore } from "../config/session-store.ts";
import { sha256 } from "../crypto/hashes.ts";
import type { Awaitable } from "../awaitable.ts";
import type { Tls12CipherSuite } from "../crypto/provider.ts";
import { readLeaf } from "../x509/leaf.ts";
import { askPolicy, type PolicyRules } from "./authentication.ts";
import type { CompleteSetup } from "./choose-setup.ts";
import type { ReceivedClientHello } from "./client-hello-rules.ts";
import type { PeerIdentity } from "./established.ts";
import { type Flow, settle } from "./flow.ts";
import type { HandshakeIo } from "./io.ts";
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

/** The longest that a session may live, whatever its server says. */
const MAX_LIFETIME_SECONDS = 7 * 24 * 3600;
/** The longest that a session with an id should live. RFC 5246 §F.1.4. */
const ID_LIFETIME_SECONDS = 24 * 3600;
/** What our tickets say, and sessions of servers that say nothing. */
const TICKET_LIFETIME_SECONDS = 2 * 3600;
/** A longer state is not put into a ticket: it must fit into a ClientHello, with room to spare. */
const MAX_TICKET_STATE_LENGTH = 2 ** 14;

/**
 * Where a client keeps the session with its server; undefined when it does not know who that is. The session is of the client's own
 * certificate too: configurations that share a store do not resume as each other.
 */
function clientKey({ serverName, sni, clientCredential }: ClientConfig): string | undefined {
  const name = serverName ?? sni;
  if (name === null) return undefined;
  if (typeof clientCredential === "function") return `tls12 client ${name} as the hook says`;
  if (clientCredential.length === 0) return `tls12 client ${name}`;
  const own = clientCredential.map(({ certificateChain: [leaf = new Uint8Array()] }) => sha256.digest(leaf));
  return `tls12 client ${name} as ${own.map(hex).join(" or ")}`;
}

/**
 * A client's session with the server that it is about to talk to. The store is asked, and then the trust policy again: what has expired or
 * is not trusted any more is not resumed. A store that fails costs a full handshake.
 */
export function* findSession(config: ClientConfig, io: HandshakeIo): Flow<OfferedSession | undefined> {
  const {
    sessionStore,
    tls12Suites,
    requireExtendedMainSecret,
    signatureVerifiers: verifiers,
  } = config.settings;
  const key = clientKey(config);
  if (sessionStore === null || key === undefined) return undefined;
  const state = yield* fetchState(sessionStore, key, io);
  if (state?.role !== "client" || state.serverName !== config.serverName) return undefined;
  const suite = tls12Suites.find(({ id }) => id === state.cipherSuite);
  const isUsable = suite !== undefined && (state.extendedMainSecret || !requireExtendedMainSecret);
  if (!isUsable || !isAlive(state, io)) return undefined;
  const { trust, serverName } = config;
  const verify = trust === null ? null : trust.verify.bind(trust);
  const peer = yield* askAgain(io, state, { signer: "server", serverName, verify, verifiers });
  const drop = (): unknown => take(sessionStore, key);
  if (peer === undefined) {
    io.runAside(drop);
    return undefined;
  }
  // A session that led to a failure is not offered again (RFC 5246 §7.2.2).
  io.onFailure(drop);
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
  const key = clientKey(config);
  const now = nowSeconds(io);
  const { lifetimeHintSeconds, createdAtSeconds = now, ...learned } = session;
  const hasTicket = learned.ticket.length > 0;
  if (sessionStore === null || key === undefined || (!hasTicket && learned.sessionId.length === 0)) return;
  const hint = lifetimeHintSeconds > 0 ? lifetimeHintSeconds : TICKET_LIFETIME_SECONDS;
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
  const trust = "trust" in clientAuth ? clientAuth.trust : null;
  const verifiers = config.settings.signatureVerifiers;
  const verify = trust === null ? null : trust.verify.bind(trust);
  const peer = yield* askAgain(io, state, { signer: "client", serverName: null, verify, verifiers });
  return peer === undefined ? undefined : { state, suite, peer };
}

/** What a server puts into a session. */
export type NewServerSession = Omit<ServerSession12, "role" | "createdAtSeconds" | "lifetimeSeconds">;

/** A ticket with the session in it, which is empty when there can be none: the session is too large, or the keys give none. RFC 5077 §3.3. */
export function sealTicket(
  { ticketKeys }: ServerConfig,
  io: HandshakeIo,
  session: NewServerSession,
): { readonly ticketLifetimeHint: number; readonly ticket: Uint8Array } {
  const state = encodeServerSession(io, session, TICKET_LIFETIME_SECONDS);
  const none = ticketKeys === null || state.length > MAX_TICKET_STATE_LENGTH;
  const ticket = none ? new Uint8Array() : ticketKeys.seal(state, io.random, io.now());
  wipe(state);
  return { ticketLifetimeHint: ticket.length === 0 ? 0 : TICKET_LIFETIME_SECONDS, ticket };
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

/** The store copies what it is given, if not at once then before it has settled; ours is wiped then. */
function putAside(store: SessionStore, io: HandshakeIo, key: string, state: Uint8Array): void {
  io.runAside(() => {
    let done: Awaitable<void>;
    try {
      done = store.put(key, state);
    } catch (error) {
      wipe(state);
      throw error;
    }
    if (done !== undefined) return Promise.resolve(done).finally(() => wipe(state));
    wipe(state);
    return undefined;
  });
}

/** Takes a session away, and wipes it. */
function take(store: SessionStore, key: string): unknown {
  const taken = store.take(key);
  if (!(taken instanceof Uint8Array)) return taken?.then((late) => late?.fill(0));
  wipe(taken);
  return undefined;
}

function encodeServerSession(
  io: HandshakeIo,
  session: NewServerSession,
  lifetimeSeconds: number,
): Uint8Array {
  return encodeSession12({ ...session, role: "server", createdAtSeconds: nowSeconds(io), lifetimeSeconds });
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
  return yield* fetchState(sessionStore, serverKey(body.legacySessionId), io);
}

/** A store that throws or rejects has nothing; the error is kept for the host. */
function* fetchState(store: SessionStore, key: string, io: HandshakeIo): Flow<Session12 | null> {
  let bytes: Uint8Array | null;
  try {
    bytes = yield* settle(store.get(key), (late) => late?.fill(0));
  } catch (error) {
    io.keepError(error);
    return null;
  }
  // A store without types may answer undefined, as a Map does.
  return bytes instanceof Uint8Array ? readState(bytes, io) : null;
}

/** The session in `bytes`, which are wiped. */
function readState(bytes: Uint8Array, io: HandshakeIo): Session12 | null {
  const state = decodeSession12(bytes);
  wipe(bytes);
  if (state !== null) io.keep({ wipe: () => state.mainSecret.fill(0) });
  return state;
}

function isAlive({ createdAtSeconds, lifetimeSeconds }: Session12, io: HandshakeIo): boolean {
  const age = nowSeconds(io) - createdAtSeconds;
  return age >= 0 && age < Math.min(lifetimeSeconds, MAX_LIFETIME_SECONDS);
}

function nowSeconds(io: HandshakeIo): number {
  return Math.floor(io.now() / 1000);
}

/** The verdict about a peer that has proven its key when the session was made; undefined when it is not trusted any more. */
function* askAgain(io: HandshakeIo, state: Session12, rules: PolicyRules): Flow<PeerIdentity | undefined> {
  const [first] = state.peerChain;
  if (first === undefined) return { kind: "none" };
  try {
    const { peerChain: chain, ocspResponse, signedCertificateTimestamps } = state;
    const presented = { chain, leaf: readLeaf(first), ocspResponse, signedCertificateTimestamps };
    return yield* askPolicy(io, presented, rules);
  } catch (error) {
    if (error instanceof TlsAlert) return undefined;
    throw error;
  }
}
