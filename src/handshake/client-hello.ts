import type { ClientConfig } from "../config/client.ts";
import type { OwnKeyShare } from "../crypto/provider.ts";
import {
  CertificateStatusType,
  ECPointFormat,
  ProtocolVersion,
  PskKeyExchangeMode,
} from "../messages/codepoints.ts";
import { decodeHandshake, encodeHandshake } from "../messages/handshake.ts";
import type { ClientHello } from "../messages/handshake13.ts";
import { compressionOffer } from "./certificate-compression.ts";
import { type Flow, settle } from "./flow.ts";
import type { HandshakeIo } from "./io.ts";
import { alpnBytes, serverNameList } from "./negotiate.ts";
import type { OfferedSession } from "./resume12.ts";

/** A ClientHello as it was sent, and the private halves of its key shares. What the server answers is held against it. */
export interface ClientOffer {
  /** Read back from the bytes that were sent, so that `extensions.order` is what went out. */
  readonly hello: ClientHello;
  /** Before `shapeClientHello`, which sees the second ClientHello as it saw the first. */
  readonly unshaped: ClientHello;
  readonly shares: readonly OwnKeyShare[];
  /** The session of TLS 1.2 that is offered. */
  readonly session: OfferedSession | undefined;
}

/** The first ClientHello. RFC 8446 §4.1.2. Randomness is drawn in this order: random, session id, one key per share. */
export function* sendClientHello(
  config: ClientConfig,
  io: HandshakeIo,
  session: OfferedSession | undefined,
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
  const hello: ClientHello = {
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
      ...(config.recordSizeLimit !== undefined && { recordSizeLimit: config.recordSizeLimit }),
      ...(speaksTls12 && extensionsOfTls12(config, session)),
      ...(speaksTls13 && {
        ...compressionOffer(settings),
        supportedVersions: settings.versions.map((version) => ProtocolVersion[version]),
        pskKeyExchangeModes: Uint8Array.of(PskKeyExchangeMode.psk_dhe_ke),
        keyShare: shares.map(({ group, keyExchange }) => ({ group, keyExchange })),
      }),
    },
  };
  return { hello: send(config, io, hello), unshaped: hello, shares, session };
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

/** The second ClientHello: the first one with the key share and the cookie that the server asked for. RFC 8446 §4.1.2. */
export function sendSecondClientHello(
  config: ClientConfig,
  io: HandshakeIo,
  first: ClientOffer,
  { share, cookie }: RetryRequest,
): ClientOffer {
  const hello: ClientHello = {
    ...first.unshaped,
    extensions: {
      ...first.unshaped.extensions,
      ...(cookie !== undefined && { cookie }),
      ...(share !== undefined && { keyShare: [{ group: share.group, keyExchange: share.keyExchange }] }),
    },
  };
  if (share !== undefined) wipeShares(first.shares);
  return {
    hello: send(config, io, hello),
    unshaped: hello,
    shares: share === undefined ? first.shares : [share],
    session: first.session,
  };
}

/** Forgets the private halves. */
export function wipeShares(shares: readonly OwnKeyShare[]): void {
  for (const share of shares) share.wipe();
}

function send(config: ClientConfig, io: HandshakeIo, hello: ClientHello): ClientHello {
  const raw = encodeHandshake("client_hello", config.shapeClientHello?.(hello) ?? hello);
  io.sendRaw(raw);
  return decodeHandshake("client_hello", raw);
}
