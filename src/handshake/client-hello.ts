import type { ClientConfig } from "../config/client.ts";
import type { OwnKeyShare } from "../crypto/provider.ts";
import { CertificateStatusType, ProtocolVersion, PskKeyExchangeMode } from "../messages/codepoints.ts";
import { decodeHandshake, encodeHandshake } from "../messages/handshake.ts";
import type { ClientHello } from "../messages/handshake13.ts";
import { type Flow, settle } from "./flow.ts";
import type { HandshakeIo } from "./io.ts";
import { alpnBytes, serverNameList } from "./negotiate.ts";

/** A ClientHello as it was sent, and the private halves of its key shares. What the server answers is held against it. */
export interface ClientOffer {
  /** Read back from the bytes that were sent, so that `extensions.order` is what went out. */
  readonly hello: ClientHello;
  /** Before `shapeClientHello`, which sees the second ClientHello as it saw the first. */
  readonly unshaped: ClientHello;
  readonly shares: readonly OwnKeyShare[];
}

/** The first ClientHello. RFC 8446 §4.1.2. Randomness is drawn in this order: random, session id, one key per share. */
export function* sendClientHello(config: ClientConfig, io: HandshakeIo): Flow<ClientOffer> {
  const { settings } = config;
  const random = io.random(32);
  const legacySessionId = config.middleboxCompatibility ? io.random(32) : new Uint8Array();
  const shares: OwnKeyShare[] = [];
  for (const group of config.keyShares) {
    const share = yield* settle(group.generate(io.random), (late) => late.wipe());
    io.keep(share);
    shares.push(share);
  }
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
      supportedGroups: settings.groups.map(({ id }) => id),
      signatureAlgorithms: settings.signatureVerifiers.map(({ id }) => id),
      ...(settings.alpn.length > 0 && {
        applicationLayerProtocolNegotiation: settings.alpn.map(alpnBytes),
      }),
      ...(config.requestSignedCertificateTimestamps && { signedCertificateTimestamp: true as const }),
      ...(config.recordSizeLimit !== undefined && { recordSizeLimit: config.recordSizeLimit }),
      supportedVersions: [ProtocolVersion["TLSv1.3"]],
      pskKeyExchangeModes: Uint8Array.of(PskKeyExchangeMode.psk_dhe_ke),
      keyShare: shares.map(({ group, keyExchange }) => ({ group, keyExchange })),
    },
  };
  return { hello: send(config, io, hello), unshaped: hello, shares };
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
