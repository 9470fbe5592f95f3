import { TlsAlert } from "../alert.ts";
import type { Awaitable } from "../awaitable.ts";
import { hex, wipe } from "../bytes.ts";
import { DEFAULT_CERTIFICATE_TYPES } from "../config/certificate-types.ts";
import type { ClientConfig } from "../config/client.ts";
import type { ClientAuth, ServerConfig } from "../config/server.ts";
import type { SessionStore } from "../config/session-store.ts";
import { sha256 } from "../crypto/hashes.ts";
import type { CertificateTypeName } from "../x509/raw-public-key.ts";
import { askPolicy, type PolicyRules } from "./authentication.ts";
import { readAs } from "./certificate-types.ts";
import type { PeerIdentity } from "./established.ts";
import { type Flow, settle } from "./flow.ts";
import type { HandshakeIo } from "./io.ts";
import type { SessionOrigin } from "./session-fields.ts";

/** The longest that a session may live, whatever its server says. RFC 8446 §4.6.1. */
export const MAX_LIFETIME_SECONDS = 7 * 24 * 3600;
/** A longer state is not put into a ticket: it must fit into a ClientHello, with room to spare. */
export const MAX_TICKET_STATE_LENGTH = 2 ** 14;
/** A longer ticket is not kept: it must fit into one ClientHello with the longest cookie. */
export const MAX_TICKET_LENGTH = 3 * 2 ** 13;

/**
 * Under which name a client keeps sessions with its server; undefined when it does not know who that is. They are of the client's own
 * certificates too: configurations that share a store do not resume as each other.
 */
export function clientKey({ serverName, sni, clientCredential }: ClientConfig): string | undefined {
  const name = serverName ?? sni;
  if (name === null) return undefined;
  if (typeof clientCredential === "function") return `client ${name} as the hook says`;
  if (clientCredential.length === 0) return `client ${name}`;
  const own = clientCredential.map(({ certificateChain: [leaf = new Uint8Array()] }) => sha256.digest(leaf));
  return `client ${name} as ${own.map(hex).join(" or ")}`;
}

/** Keeps a session; nothing waits for the store. It copies what it is given, if not at once then before it has settled; ours is wiped then. */
export function putAside(store: SessionStore, io: HandshakeIo, key: string, state: Uint8Array): void {
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
export function drop(store: SessionStore, key: string): unknown {
  const taken = store.take(key);
  if (!(taken instanceof Uint8Array)) return taken?.then((late) => late?.fill(0));
  wipe(taken);
  return undefined;
}

/**
 * What the store has, which the caller owns; null when it has nothing. A store that throws or rejects has nothing either, and the error is
 * kept for the host.
 */
export function* fetchBytes(
  ask: () => Awaitable<Uint8Array | null>,
  io: HandshakeIo,
): Flow<Uint8Array | null> {
  try {
    const bytes = yield* settle(ask(), (late) => late?.fill(0));
    // A store without types may answer undefined, as a Map does.
    return bytes instanceof Uint8Array ? bytes : null;
  } catch (error) {
    io.keepError(error);
    return null;
  }
}

/** For the host: a store that is shared with something else, or damaged. */
export function notASession({ length }: Uint8Array): Error {
  return new Error(`the session store had ${length} bytes that are no session; they are dropped`);
}

/** How far the clocks of machines that share sessions may be apart. */
const MAX_CLOCK_SKEW_SECONDS = 60;

/** The session that a store has under `key`; null for none. What is no session is removed, and reported. */
export function* fetchSession<S>(
  store: SessionStore,
  key: string,
  io: HandshakeIo,
  read: (bytes: Uint8Array, io: HandshakeIo) => S | null,
): Flow<S | null> {
  const bytes = yield* fetchBytes(() => store.get(key), io);
  if (bytes === null) return null;
  const session = read(bytes, io);
  if (session !== null) return session;
  io.keepError(notASession(bytes));
  io.runAside(() => drop(store, key));
  return null;
}

/** Whether a session is neither of the future nor too old. */
export function isAlive({ createdAtSeconds, lifetimeSeconds }: SessionOrigin, io: HandshakeIo): boolean {
  const age = nowSeconds(io) - createdAtSeconds;
  return age >= -MAX_CLOCK_SKEW_SECONDS && age < Math.min(lifetimeSeconds, MAX_LIFETIME_SECONDS);
}

/** Seconds since 1970. */
export function nowSeconds(io: HandshakeIo): number {
  return Math.floor(io.now() / 1000);
}

/** What a session keeps of what a peer has shown. */
export function peerFields(peer: PeerIdentity): Pick<SessionOrigin, "peerCertificateType" | "peerChain"> {
  return "chain" in peer
    ? { peerCertificateType: peer.certificateType, peerChain: peer.chain }
    : { peerCertificateType: "x509", peerChain: [] };
}

/**
 * The verdict about a peer that has proven its key when the session was made; undefined when it is not trusted any more.
 * @param accepted what a peer may show.
 */
function* askAgain(
  io: HandshakeIo,
  { peerCertificateType, peerChain: chain, ocspResponse, signedCertificateTimestamps }: SessionOrigin,
  accepted: readonly CertificateTypeName[],
  rules: PolicyRules,
): Flow<PeerIdentity | undefined> {
  const [first] = chain;
  if (first === undefined) return { kind: "none" };
  if (!accepted.includes(peerCertificateType)) return undefined;
  try {
    const leaf = readAs(peerCertificateType, first);
    const presented = { chain, leaf, ocspResponse, signedCertificateTimestamps };
    return yield* askPolicy(io, presented, rules);
  } catch (error) {
    if (error instanceof TlsAlert) return undefined;
    throw error;
  }
}

/** The verdict of now about the server of a session; undefined when it is not trusted any more. */
export function* askAboutServer(
  { trust, serverName, serverCertificateTypes, settings }: ClientConfig,
  io: HandshakeIo,
  origin: SessionOrigin,
): Flow<PeerIdentity | undefined> {
  return yield* askAgain(io, origin, serverCertificateTypes, {
    signer: "server",
    serverName,
    verify: trust === null ? null : trust.verify.bind(trust),
    chainVerifiers: settings.signatureVerifiers,
  });
}

/** The verdict of now about the client of a session; undefined when it is not trusted any more. */
export function* askAboutClient(
  { settings }: ServerConfig,
  io: HandshakeIo,
  clientAuth: ClientAuth,
  origin: SessionOrigin,
): Flow<PeerIdentity | undefined> {
  const trust = "trust" in clientAuth ? clientAuth.trust : null;
  return yield* askAgain(io, origin, clientAuth.certificateTypes ?? DEFAULT_CERTIFICATE_TYPES, {
    signer: "client",
    serverName: null,
    verify: trust === null ? null : trust.verify.bind(trust),
    chainVerifiers: settings.signatureVerifiers,
  });
}
