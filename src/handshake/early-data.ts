import { TlsAlert } from "../alert.ts";
import { equalBytes, hex } from "../bytes.ts";
import type { ClientConfig } from "../config/client.ts";
import type { EarlyHello } from "../config/replay-store.ts";
import type { ServerConfig } from "../config/server.ts";
import { sha256 } from "../crypto/hashes.ts";
import type { Tls13CipherSuite } from "../crypto/provider.ts";
import type { EncryptedExtensions } from "../messages/handshake13.ts";
import type { ClientHello } from "../messages/handshake13.ts";
import type { TrafficSecret } from "../schedule/traffic.ts";
import type { OfferedClientHello } from "./client-hello-rules.ts";
import type { ClientOffer } from "./client-hello.ts";
import { type Flow, settle } from "./flow.ts";
import type { HandshakeIo } from "./io.ts";
import { alpnBytes } from "./negotiate.ts";
import type { Psk } from "./psk.ts";
import type { ChosenPsk, OfferedPsk } from "./resume13.ts";
import type { ClientSession13 } from "./session13.ts";

/** Early data that a client has sent, under the suite and for the protocol of its session. */
export interface EarlyOffer {
  readonly traffic: TrafficSecret;
  readonly suite: Tls13CipherSuite;
  /** Empty for none. */
  readonly alpn: Uint8Array;
}

/** Whether a client may send what it has to say with its first flight: the session must be for it, and the first PSK. RFC 8446 §4.2.10. */
export function mayOfferEarlyData(
  { settings }: ClientConfig,
  io: HandshakeIo,
  psks: readonly OfferedPsk[],
): boolean {
  const { earlyData } = io;
  const state = psks[0]?.resumes?.state;
  if (earlyData === undefined || earlyData.length === 0 || state === undefined) return false;
  const { maxEarlyDataBytes, cipherSuite, alpn } = state;
  return (
    maxEarlyDataBytes !== null &&
    earlyData.length <= maxEarlyDataBytes &&
    settings.tls13Suites.some(({ id }) => id === cipherSuite) &&
    (alpn.length === 0 || settings.alpn.some((name) => equalBytes(alpnBytes(name), alpn)))
  );
}

/** Sends early data behind the ClientHello, which has announced it. RFC 8446 §4.2.10, §D.4. */
export function sendEarlyData(
  { settings }: ClientConfig,
  io: HandshakeIo,
  hello: ClientHello,
  psk: Psk,
  { cipherSuite, alpn }: ClientSession13,
): EarlyOffer | undefined {
  const { earlyData } = io;
  const suite = settings.tls13Suites.find(({ id }) => id === cipherSuite);
  if (earlyData === undefined || suite === undefined) return undefined;
  const traffic = deriveSecrets(io, psk, hello);
  // ChangeCipherSpec goes before the first protected record.
  if (hello.legacySessionId.length > 0) io.sendChangeCipherSpec();
  io.protectWrites(suite, traffic);
  io.sendEarlyData(earlyData);
  return { traffic, suite, alpn };
}

/**
 * Whether the server takes the early data that it was sent.
 * @throws {TlsAlert} illegal_parameter when it does so with another PSK, suite or protocol than the data was sent for; unsupported_extension
 * when it has taken no PSK at all. RFC 8446 §4.2.10, §4.2.11.
 */
export function isEarlyDataTaken(
  { extensions }: EncryptedExtensions,
  { early, psks }: ClientOffer,
  psk: Psk | undefined,
  suite: Tls13CipherSuite,
  alpn: string | null,
): boolean {
  if (extensions.earlyData === undefined) return false;
  if (early === undefined || psk === undefined)
    throw new TlsAlert("unsupported_extension", "the server takes early data without the PSK that it is for");
  if (psk !== psks[0]) {
    throw new TlsAlert(
      "illegal_parameter",
      "the server takes early data, and chose another PSK than the first, which it is for",
    );
  }
  if (suite !== early.suite) {
    throw new TlsAlert(
      "illegal_parameter",
      `the server takes early data of ${early.suite.name} and chose ${suite.name}`,
    );
  }
  if (!equalBytes(alpn === null ? new Uint8Array() : alpnBytes(alpn), early.alpn)) {
    throw new TlsAlert(
      "illegal_parameter",
      "the server takes early data, and chose another ALPN protocol than it is for",
    );
  }
  return true;
}

/** How far the age that a client shows may be from ours, in milliseconds. RFC 8446 §8.3. */
const MAX_SKEW_MS = 60_000;

/** Early data that a server takes. */
export interface AdmittedEarlyData {
  readonly traffic: TrafficSecret;
  /** Bytes that the client may send: what its ticket says. */
  readonly maxBytes: number;
}

/**
 * Whether a server takes the early data of this ClientHello: it must be of the first PSK, with the suite and the protocol of its session, no
 * more than the config allows by now, fresh, and seen for the first time. Undefined when it is to be passed over. RFC 8446 §4.2.10, §8.
 */
export function* admitEarlyData(
  { earlyData: options }: ServerConfig,
  io: HandshakeIo,
  { body }: OfferedClientHello,
  suite: Tls13CipherSuite,
  psk: ChosenPsk | undefined,
  alpn: string | null,
): Flow<AdmittedEarlyData | undefined> {
  if (options === undefined || body.extensions.earlyData === undefined) return undefined;
  if (psk === undefined || psk.index !== 0 || psk.resumes === null) return undefined;
  const { state } = psk.resumes;
  const { maxEarlyDataBytes: maxBytes } = state;
  if (maxBytes === null || maxBytes > options.maxBytes || state.cipherSuite !== suite.id) return undefined;
  if (!equalBytes(alpn === null ? new Uint8Array() : alpnBytes(alpn), state.alpn)) return undefined;
  const { identities, binders } = body.extensions.preSharedKey ?? { identities: [], binders: [] };
  const [identity] = identities;
  const [binder] = binders;
  if (identity === undefined || binder === undefined) return undefined;
  const shownAgeMs = (identity.obfuscatedTicketAge - state.ageAdd + 2 ** 32) % 2 ** 32;
  const skewMs = io.now() - state.ticketAtMs - shownAgeMs;
  if (Math.abs(skewMs) > MAX_SKEW_MS) return undefined;
  const hello: EarlyHello = {
    // The binder covers the whole ClientHello, and nobody but the holder of the PSK can make another one.
    key: hex(sha256.digest(binder)),
    issuedAtMs: state.ticketAtMs,
    expiresAtMs: state.ticketAtMs + shownAgeMs + MAX_SKEW_MS + 1,
  };
  try {
    if ((yield* settle(options.replayStore.take(hello))) !== true) return undefined;
  } catch (error) {
    io.keepError(error);
    return undefined;
  }
  return { traffic: deriveSecrets(io, psk, body), maxBytes };
}

/**
 * Bytes of records that a server passes over, when it does not take early data. Data that it has once allowed must not end the
 * connection, so that there is room for it, and for as much again that protection and padding may add.
 */
export function skippedEarlyDataBytes(
  { earlyData, settings: { limits } }: ServerConfig,
  psk: ChosenPsk | undefined,
): number {
  const allowed = Math.max(earlyData?.maxBytes ?? 0, psk?.resumes?.state.maxEarlyDataBytes ?? 0);
  return Math.max(limits.skippedEarlyDataBytes, 2 * allowed);
}

/**
 * Both sides compute them over the ClientHello alone, which is all that the transcript holds. The early exporter is there from now on.
 * RFC 8446 §7.1, §7.5.
 */
function deriveSecrets(io: HandshakeIo, { early, hash }: Psk, { random }: ClientHello): TrafficSecret {
  const clientHelloHash = io.transcript.digestWith(hash);
  const traffic = early.clientEarlyTraffic(clientHelloHash);
  const exporter = early.earlyExporter(clientHelloHash);
  io.keep(traffic);
  io.logSecret("CLIENT_EARLY_TRAFFIC_SECRET", random, traffic.bytes);
  io.logSecret("EARLY_EXPORTER_SECRET", random, exporter.bytes);
  io.lendEarlyExporter(exporter);
  return traffic;
}
