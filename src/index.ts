export {
  Connection,
  type ConnectionEnd,
  type ConnectionOptions,
  type StartTlsOptions,
  type TlsOptions,
} from "./adapters/connection.ts";
export { IncompleteReadError, ReadLimitError } from "./adapters/reader.ts";
export { AlertDescription, type AlertName, PeerAlert, type ReceivedAlertName, TlsAlert } from "./alert.ts";
export {
  ClientConfig,
  type ClientCertificateRequest,
  type ClientCredentialHook,
  type ClientOptions,
} from "./config/client.ts";
export type { ServerIdentity, ServerVerification } from "./config/client.ts";
export {
  certificatesFromPem,
  type Credential,
  credential,
  type CredentialOptions,
} from "./config/credential.ts";
export { type KeyLog, type MessageCallback, MessageContentType, type TlsMessage } from "./config/hooks.ts";
export { rawPublicKey, type RawPublicKeyOptions } from "./config/raw-public-key.ts";
export { defaultLimits, type Limits } from "./config/limits.ts";
export {
  type ClientAuth,
  type ClientHelloInfo,
  type ClientVerification,
  type RejectClient,
  ServerConfig,
  type ServerOptions,
  type ServerSetup,
} from "./config/server.ts";
export { type ExternalPsk, externalPsk, type PskMode } from "./config/external-psk.ts";
export {
  type EarlyDataOptions,
  type EarlyHello,
  MemoryReplayStore,
  type MemoryReplayStoreOptions,
  type ReplayStore,
} from "./config/replay-store.ts";
export {
  MemorySessionStore,
  type MemorySessionStoreOptions,
  type SessionStore,
} from "./config/session-store.ts";
export { TicketKeys, type TicketKeysOptions } from "./config/ticket-keys.ts";
export { tofu, type TofuOptions, type TofuStore } from "./config/tofu.ts";
export { webPki, type WebPkiOptions } from "./config/web-pki.ts";
export type { Settings, SettingsOptions, TlsVersion } from "./config/settings.ts";
export {
  type ClientTrust,
  noCertificates,
  pinned,
  type PresentedPeer,
  type Rejected,
  type ServerTrust,
  type Unverified,
  type Verified,
} from "./config/trust.ts";
export type { Awaitable } from "./awaitable.ts";
export type { CertificateCompression } from "./crypto/certificate-compression.ts";
export { nobleProvider, type NobleProviderOptions } from "./crypto/noble.ts";
export { signingKeyFromPem, signingKeyFromPkcs8 } from "./crypto/private-key.ts";
export type {
  Aead,
  CbcCipher,
  CbcDecryptor,
  CbcEncryptor,
  CryptoProvider,
  Hash,
  KeyExchangeGroup,
  KeyType,
  Opener,
  OwnKeyShare,
  Random,
  RunningHash,
  Sealer,
  SignatureVerifier,
  SigningKey,
  Tls12AeadProtection,
  Tls12CbcProtection,
  Tls12CipherSuite,
  Tls13CipherSuite,
  TlsCipherSuite,
} from "./crypto/provider.ts";
export { zlibCompression } from "./crypto/zlib.ts";
export { type CloseReason, NEED_DATA, type TlsEvent } from "./engine/events.ts";
export { type ClientStartOptions, type EngineState, TlsEngine, type Unread } from "./engine/engine.ts";
export { upgrade, type Upgraded } from "./engine/upgrade.ts";
export { ConfigError, NotTlsError, TimeoutError, TruncationError } from "./errors.ts";
export type { ChannelBindingType, ConnectionInfo, PeerIdentity } from "./handshake/established.ts";
export type { Session } from "./handshake/post.ts";
export {
  CertificateType,
  CipherSuite,
  codepointName,
  ContentType,
  ExtensionType,
  HandshakeType,
  NamedGroup,
  ProtocolVersion,
  SignatureScheme,
} from "./messages/codepoints.ts";
export type { ClientHello } from "./messages/handshake13.ts";
export {
  type AppState,
  TlsProtocol,
  type TlsControls,
  type TlsProtocolOptions,
  type WrapState,
} from "./protocol/tls-protocol.ts";
export type { Clock, Protocol, Transport } from "./protocol/transport.ts";
export type { RawExtension } from "./wire/codec.ts";
export { type LeafCertificate, readLeaf } from "./x509/leaf.ts";
export {
  type CertificateTypeName,
  type Leaf,
  type RawPublicKeyLeaf,
  readRawPublicKey,
} from "./x509/raw-public-key.ts";
export type { PathLimits } from "./x509/budget.ts";
export { CertificateError, type CertificateFault } from "./x509/certificate-error.ts";
export type {
  AuthorityKeyIdentifier,
  BasicConstraints,
  CertificateExtensions,
  Extension,
} from "./x509/certificate-extensions.ts";
export { type Certificate, decodeCertificate } from "./x509/certificate.ts";
export type { Conformance } from "./x509/conformance.ts";
export { showName } from "./x509/distinguished-name.ts";
export type { GeneralName, GeneralSubtree, NameConstraints } from "./x509/general-name.ts";
export type { PemOrDer } from "./x509/pem-or-der.ts";
export { TrustAnchors } from "./x509/trust-anchors.ts";
export {
  importedPsks,
  type ImportTarget,
  type ImportedPsk,
  type ImportedPskOptions,
} from "./schedule/imported-psk.ts";
