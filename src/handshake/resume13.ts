import { equalBytes, hex, wipe } from "../bytes.ts";
import type { ClientConfig } from "../config/client.ts";
import { checkExternalPsk, type ExternalPsk } from "../config/external-psk.ts";
import type { ServerConfig } from "../config/server.ts";
import type { Settings } from "../config/settings.ts";
import type { Hash, Tls13CipherSuite } from "../crypto/provider.ts";
import { EarlySecret } from "../schedule/tls13.ts";
import type { CompleteSetup } from "./choose-setup.ts";
import type { PeerIdentity } from "./established.ts";
import { type Flow, settle } from "./flow.ts";
import type { HandshakeIo } from "./io.ts";
import type { OfferedClientHello } from "./client-hello-rules.ts";
import type { Psk } from "./psk.ts";
import {
  askAboutClient,
  askAboutServer,
  clientKey,
  fetchBytes,
  fetchSession,
  isAlive,
  notASession,
} from "./session-access.ts";
import { type ClientSession13, decodeSession13, type ServerSession13, type Session13 } from "./session13.ts";

/** What a PSK of a ticket resumes. */
export interface Resumed<S extends Session13> {
  readonly state: S;
  /** Who the peer is, by the trust policy of now. */
  readonly peer: PeerIdentity;
}

/** A PSK that a client offers. */
export interface OfferedPsk extends Psk {
  /** Null for an external one. */
  readonly resumes: (Resumed<ClientSession13> & { readonly slot: number }) | null;
}

/** How many sessions with one server a client keeps: those of one connection, for two that follow at once. */
export const SESSION_SLOTS = 2;

/** The PSKs that a client can offer: that of a session with the server, and the external ones. */
export function* findPsks(config: ClientConfig, io: HandshakeIo): Flow<readonly OfferedPsk[]> {
  const offered: OfferedPsk[] = [];
  for (let slot = 0; slot < SESSION_SLOTS && offered.length === 0; slot++) {
    const psk = yield* takeSession(config, io, slot);
    if (psk !== undefined) offered.push(psk);
  }
  for (const external of config.externalPsks) {
    const psk = pskOf(config.settings, external, io);
    if (psk !== undefined) offered.push({ ...psk, resumes: null });
  }
  return offered;
}

/** Forgets PSKs that the server has no use for. */
export function wipePsks(psks: readonly OfferedPsk[]): void {
  for (const { early, resumes } of psks) {
    early.wipe();
    resumes?.state.preSharedKey.fill(0);
  }
}

/** Under which name a client keeps a session; undefined when it keeps none. */
export function sessionKey(config: ClientConfig, slot: number): string | undefined {
  const key = clientKey(config);
  return key === undefined ? undefined : `tls13 ${key} #${slot}`;
}

/** A session is used once (RFC 8446 §C.4): it is taken out of the store, whatever comes of it. */
function* takeSession(config: ClientConfig, io: HandshakeIo, slot: number): Flow<OfferedPsk | undefined> {
  const { sessionStore, tls13Suites } = config.settings;
  const key = sessionKey(config, slot);
  if (sessionStore === null || key === undefined) return undefined;
  const bytes = yield* fetchBytes(() => sessionStore.take(key), io);
  if (bytes === null) return undefined;
  const state = readState(bytes, io);
  if (state === null) io.keepError(notASession(bytes));
  if (state?.role !== "client" || state.serverName !== config.serverName || !isAlive(state, io))
    return undefined;
  const suite = tls13Suites.find(({ id }) => id === state.cipherSuite);
  if (suite === undefined || suite.hash.outputLength !== state.preSharedKey.length) return undefined;
  const peer = yield* askAboutServer(config, io, state);
  if (peer === undefined) return undefined;
  const early = earlySecret(suite.hash, state.preSharedKey, io);
  return {
    kind: "resumption",
    identity: state.ticket,
    hash: suite.hash,
    early,
    resumes: { state, peer, slot },
  };
}

/** The PSK that a server takes. */
export interface ChosenPsk extends Psk {
  /** Its place in the client's offer. */
  readonly index: number;
  /** Null for an external one. */
  readonly resumes: Resumed<ServerSession13> | null;
  /** Under which the session is still in the store, from where {@link claimPsk} takes it; null when it is in the ticket. */
  readonly storedKey: string | null;
}

/** What a client may make a server look up. */
const MAX_IDENTITIES = 8;

/**
 * The first PSK of a ClientHello that is known and that everything agrees with: age, suite, server name, and what the trust policy says of
 * the client's certificate now. Undefined costs a full handshake. Its binder has not been looked at yet. RFC 8446 §4.2.11.
 */
export function* choosePsk(
  config: ServerConfig,
  io: HandshakeIo,
  setup: CompleteSetup,
  hello: OfferedClientHello,
  suite: Tls13CipherSuite,
): Flow<ChosenPsk | undefined> {
  const identities = hello.body.extensions.preSharedKey?.identities ?? [];
  for (const [index, { identity }] of identities.slice(0, MAX_IDENTITIES).entries()) {
    const resumed = yield* resumedBy(identity, config, io, setup, hello, suite);
    if (resumed !== undefined) {
      const early = earlySecret(suite.hash, resumed.state.preSharedKey, io);
      const storedKey = config.storesTickets ? storedTicketKey(identity) : null;
      return { kind: "resumption", index, identity, hash: suite.hash, early, resumes: resumed, storedKey };
    }
    const external = yield* externalFor(identity, config, io, setup);
    if (external?.hash.name === suite.hash.name)
      return { ...external, index, resumes: null, storedKey: null };
  }
  return undefined;
}

/**
 * Whether the PSK is still there to be used: a session in a store is taken out of it, by one of those that ask. To be called when the binder has
 * shown that the client holds the PSK, so that nobody else can use a ticket up.
 */
export function* claimPsk(
  { settings: { sessionStore } }: ServerConfig,
  io: HandshakeIo,
  { storedKey }: ChosenPsk,
): Flow<boolean> {
  if (storedKey === null || sessionStore === null) return true;
  const bytes = yield* fetchBytes(() => sessionStore.take(storedKey), io);
  if (bytes !== null) wipe(bytes);
  return bytes !== null;
}

/** The session behind a ticket, if it may be resumed. */
function* resumedBy(
  ticket: Uint8Array,
  config: ServerConfig,
  io: HandshakeIo,
  { clientAuth }: CompleteSetup,
  hello: OfferedClientHello,
  suite: Tls13CipherSuite,
): Flow<Resumed<ServerSession13> | undefined> {
  const state = yield* sessionOf(ticket, config, io);
  if (state?.role !== "server" || state.serverName !== hello.serverName || !isAlive(state, io))
    return undefined;
  const { tls13Suites } = config.settings;
  const made = tls13Suites.find(({ id }) => id === state.cipherSuite);
  if (made?.hash.name !== suite.hash.name || state.preSharedKey.length !== suite.hash.outputLength)
    return undefined;
  if (clientAuth.mode === "none" && state.peerChain.length > 0) return undefined;
  if (clientAuth.mode === "require" && state.peerChain.length === 0) return undefined;
  const peer = yield* askAboutClient(config, io, clientAuth, state);
  return peer === undefined ? undefined : { state, peer };
}

/** A ticket that cannot be opened, or is not in the store, is nobody's. */
function* sessionOf(
  ticket: Uint8Array,
  { ticketKeys, storesTickets, settings: { sessionStore } }: ServerConfig,
  io: HandshakeIo,
): Flow<Session13 | null> {
  const sealed = ticketKeys?.open(ticket, io.now()) ?? null;
  if (sealed !== null) return readState(sealed, io);
  if (!storesTickets || sessionStore === null || ticket.length !== STORED_TICKET_LENGTH) return null;
  const key = storedTicketKey(ticket);
  return yield* fetchSession(sessionStore, key, io, readState);
}

/** Of a ticket that is only a name. */
export const STORED_TICKET_LENGTH = 32;

/** Under which name a server keeps the session of such a ticket. */
export function storedTicketKey(ticket: Uint8Array): string {
  return `tls13 server ${hex(ticket)}`;
}

/** A server that demands certificates takes no PSK in their place. */
function* externalFor(
  identity: Uint8Array,
  { findPsk, settings }: ServerConfig,
  io: HandshakeIo,
  { clientAuth }: CompleteSetup,
): Flow<Psk | undefined> {
  if (findPsk === undefined || clientAuth.mode === "require") return undefined;
  const external = yield* settle(findPsk(identity.slice()));
  // What a Map has not got is undefined, for a hook without types.
  if (external === null || external === undefined) return undefined;
  if (!equalBytes(checkExternalPsk("findPsk", external).identity, identity))
    throw new TypeError("findPsk answered with a PSK of another identity than it was asked for");
  return pskOf(settings, external, io);
}

/** Undefined when there is no suite with its hash. */
function pskOf({ tls13Suites }: Settings, external: ExternalPsk, io: HandshakeIo): Psk | undefined {
  const suite = tls13Suites.find(({ hash }) => hash.name === external.hash);
  if (suite === undefined) return undefined;
  const { kind, identity, key } = external;
  return { kind, identity, hash: suite.hash, early: earlySecret(suite.hash, key, io) };
}

function earlySecret(hash: Hash, preSharedKey: Uint8Array, io: HandshakeIo): EarlySecret {
  const early = new EarlySecret(hash, preSharedKey);
  io.keep(early);
  return early;
}

/** The session in `bytes`, which are wiped. */
function readState(bytes: Uint8Array, io: HandshakeIo): Session13 | null {
  const state = decodeSession13(bytes);
  wipe(bytes);
  if (state !== null) io.keep({ wipe: () => state.preSharedKey.fill(0) });
  return state;
}
