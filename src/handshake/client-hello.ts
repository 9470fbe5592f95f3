import type { ClientConfig } from "../config/client.ts";
import { equalBytes } from "../bytes.ts";
import type { OwnKeyShare, Tls13CipherSuite } from "../crypto/provider.ts";
import {
  CertificateStatusType,
  ECPointFormat,
  ExtensionType,
  ProtocolVersion,
  PskKeyExchangeMode,
} from "../messages/codepoints.ts";
import { decodeHandshake, encodeHandshake } from "../messages/handshake.ts";
import type { OfferedPsks } from "../messages/extensions.ts";
import type { ClientHello } from "../messages/handshake13.ts";
import { certificateTypeOffer } from "./certificate-types.ts";
import { compressionOffer } from "./certificate-compression.ts";
import { type EarlyOffer, mayOfferEarlyData, sendEarlyData } from "./early-data.ts";
import { type Flow, settle } from "./flow.ts";
import { greased } from "./grease.ts";
import type { HandshakeIo } from "./io.ts";
import { alpnBytes, serverNameList } from "./negotiate.ts";
import { emptyBinders, fillBinders } from "./psk.ts";
import type { OfferedSession } from "./resume12.ts";
import type { OfferedPsk } from "./resume13.ts";
import type { ClientSession13 } from "./session13.ts";

/** A ClientHello as it was sent, and the private halves of its key shares. What the server answers is held against it. */
export interface ClientOffer {
  /** Read back from the bytes that were sent, so that `extensions.order` is what went out. */
  readonly hello: ClientHello;
  /** Before `shapeClientHello`, which sees the second ClientHello as it saw the first. */
  readonly unshaped: ClientHello;
  readonly shares: readonly OwnKeyShare[];
  /** The session of TLS 1.2 that is offered. */
  readonly session: OfferedSession | undefined;
  /** The PSKs of TLS 1.3 that are offered, in this order. */
  readonly psks: readonly OfferedPsk[];
  /** Early data that went out behind it. */
  readonly early: EarlyOffer | undefined;
}

/** The first ClientHello. RFC 8446 §4.1.2. Randomness is drawn in this order: random, session id, one key per share. */
export function* sendClientHello(
  config: ClientConfig,
  io: HandshakeIo,
  session: OfferedSession | undefined,
  psks: readonly OfferedPsk[],
): Flow<ClientOffer> {
  const { settings } = config;
  const speaksTls13 = settings.versions.includes("TLSv1.3");
  const speaksTls12 = settings.versions.includes("TLSv1.2");
  const random = io.random(32);
  const legacySessionId = sessionIdToSend(config, io, session);
  const shares: OwnKeyShare[] = [];
  for (const group of speaksTls13 ? config.keyShares : []) {
    const share = yield* settle(group.generate(io.random), (late) => late.wipe());
    io.keep(share);
    shares.push(share);
  }
  const groups = settings.groups.filter(({ inTls12 }) => speaksTls13 || inTls12);
  const plain: ClientHello = {
    legacyVersion: ProtocolVersion["TLSv1.2"],
    random,
    legacySessionId,
    cipherSuites: settings.cipherSuites.map(({ id }) => id),
    legacyCompressionMethods: Uint8Array.of(0),
    extensions: {
      ...(config.sni !== null && { serverName: serverNameList(config.sni) }),
      ...(config.requestOcspResponse && {
        statusRequest: {
          statusType: CertificateStatusType.ocsp,
          responderIdList: [],
          requestExtensions: new Uint8Array(),
        },
      }),
      supportedGroups: groups.map(({ id }) => id),
      signatureAlgorithms: settings.signatureVerifiers.map(({ id }) => id),
      ...(settings.alpn.length > 0 && {
        applicationLayerProtocolNegotiation: settings.alpn.map(alpnBytes),
      }),
      ...(config.requestSignedCertificateTimestamps && { signedCertificateTimestamp: true as const }),
      ...certificateTypeOffer(config),
      ...(config.recordSizeLimit !== undefined && { recordSizeLimit: config.recordSizeLimit }),
      ...(speaksTls12 && extensionsOfTls12(config, session)),
      ...(speaksTls13 && {
        ...compressionOffer(settings),
        supportedVersions: settings.versions.map((version) => ProtocolVersion[version]),
        pskKeyExchangeModes: Uint8Array.from(settings.pskModes, (mode) => PskKeyExchangeMode[mode]),
        keyShare: shares.map(({ group, keyExchange }) => ({ group, keyExchange })),
        ...(config.postHandshakeAuth && { postHandshakeAuth: true as const }),
      }),
      ...(mayOfferEarlyData(config, io, psks) && { earlyData: true as const }),
      ...(psks.length > 0 && { preSharedKey: offeredPsks(psks, io.now()) }),
    },
  };
  const hello = config.grease ? greased(plain, io.random) : plain;
  const sent = send(config, io, hello, psks);
  const [psk] = psks;
  const announced = psk !== undefined && psk.resumes !== null && sent.extensions.earlyData === true;
  const early = announced ? sendEarlyData(config, io, sent, psk, psk.resumes.state) : undefined;
  return { hello: sent, unshaped: hello, shares, session, psks, early };
}

/** A session's own id; a new one beside a ticket, whose echo tells that it was accepted (RFC 5077 §3.4); or one for middleboxes. */
function sessionIdToSend(
  { middleboxCompatibility, settings }: ClientConfig,
  io: HandshakeIo,
  session: OfferedSession | undefined,
): Uint8Array {
  if (session !== undefined && session.state.ticket.length === 0) return session.state.sessionId;
  const forMiddleboxes = middleboxCompatibility && settings.versions.includes("TLSv1.3");
  return session !== undefined || forMiddleboxes ? io.random(32) : new Uint8Array();
}

/** What TLS 1.2 asks for in extensions, and TLS 1.3 has for good or not at all. */
function extensionsOfTls12(
  { settings }: ClientConfig,
  session: OfferedSession | undefined,
): ClientHello["extensions"] {
  return {
    extendedMainSecret: true,
    renegotiationInfo: new Uint8Array(),
    ecPointFormats: Uint8Array.of(ECPointFormat.uncompressed),
    ...(settings.sessionStore !== null && { sessionTicket: session?.state.ticket ?? new Uint8Array() }),
    ...(settings.tls12Suites.some(({ protection }) => protection.kind === "cbc") && {
      encryptThenMac: true as const,
    }),
  };
}

/** What a HelloRetryRequest asks for: another key share, a cookie, or both. */
export interface RetryRequest {
  readonly share: OwnKeyShare | undefined;
  readonly cookie: Uint8Array | undefined;
}

/**
 * The second ClientHello: the first one with the key share and the cookie that the server asked for, without the PSKs that the server's suite
 * leaves no use for, and without early data. RFC 8446 §4.1.2.
 */
export function sendSecondClientHello(
  config: ClientConfig,
  io: HandshakeIo,
  first: ClientOffer,
  { share, cookie }: RetryRequest,
  { hash }: Tls13CipherSuite,
): ClientOffer {
  const psks = first.psks.filter((psk) => psk.hash.name === hash.name);
  const { preSharedKey, earlyData, ...kept } = first.unshaped.extensions;
  const hello: ClientHello = {
    ...first.unshaped,
    extensions: {
      ...kept,
      ...(cookie !== undefined && { cookie }),
      ...(share !== undefined && { keyShare: [{ group: share.group, keyExchange: share.keyExchange }] }),
      ...(psks.length > 0 && { preSharedKey: offeredPsks(psks, io.now()) }),
    },
  };
  if (share !== undefined) wipeShares(first.shares);
  return {
    hello: send(config, io, hello, psks),
    unshaped: hello,
    shares: share === undefined ? first.shares : [share],
    session: first.session,
    psks,
    early: undefined,
  };
}

/** Forgets the private halves. */
export function wipeShares(shares: readonly OwnKeyShare[]): void {
  for (const share of shares) share.wipe();
}

/** With room for the binders. RFC 8446 §4.2.11. */
function offeredPsks(psks: readonly OfferedPsk[], nowMs: number): OfferedPsks {
  return {
    identities: psks.map(({ identity, resumes }) => ({
      identity,
      obfuscatedTicketAge: resumes === null ? 0 : obfuscatedAge(resumes.state, nowMs),
    })),
    binders: emptyBinders(psks),
  };
}

/** RFC 8446 §4.2.11.1 */
function obfuscatedAge({ ticketAtMs, ageAdd }: ClientSession13, nowMs: number): number {
  return (Math.max(0, nowMs - ticketAtMs) + ageAdd) % 2 ** 32;
}

function send(
  config: ClientConfig,
  io: HandshakeIo,
  hello: ClientHello,
  psks: readonly OfferedPsk[],
): ClientHello {
  const raw = encodeHandshake("client_hello", config.shapeClientHello?.(hello) ?? hello);
  const shaped = decodeHandshake("client_hello", raw);
  if (hasRoomFor(psks, shaped))
    fillBinders(raw, psks, (hash, truncated) => io.transcript.digestWith(hash, truncated));
  io.sendRaw(raw);
  return shaped;
}

/** Whether the PSKs are still where they were: `shapeClientHello` may have taken them out, or made something else of them. */
function hasRoomFor(psks: readonly OfferedPsk[], { extensions }: ClientHello): boolean {
  const { preSharedKey, order = [] } = extensions;
  if (preSharedKey === undefined || order.at(-1) !== ExtensionType.pre_shared_key) return false;
  const { identities, binders } = preSharedKey;
  return (
    identities.length === psks.length &&
    binders.length === psks.length &&
    psks.every(
      ({ identity, hash }, i) =>
        equalBytes(identity, identities[i]?.identity ?? new Uint8Array()) &&
        binders[i]?.length === hash.outputLength,
    )
  );
}
