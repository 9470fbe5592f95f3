import { TlsAlert } from "../alert.ts";
import { certificateTypeOf, DEFAULT_CERTIFICATE_TYPES } from "../config/certificate-types.ts";
import type { ClientConfig } from "../config/client.ts";
import type { Credential } from "../config/credential.ts";
import type { ClientAuth } from "../config/server.ts";
import { CertificateType, codepointName } from "../messages/codepoints.ts";
import type { ClientHello } from "../messages/handshake13.ts";
import { readLeaf } from "../x509/leaf.ts";
import { type CertificateTypeName, type Leaf, readRawPublicKey } from "../x509/raw-public-key.ts";

type HelloExtensions = ClientHello["extensions"];

const CODES: Readonly<Record<CertificateTypeName, number>> = {
  x509: CertificateType.X509,
  "raw-public-key": CertificateType.RawPublicKey,
};

/** Undefined for types that are not known here. */
function nameOf(code: number): CertificateTypeName | undefined {
  if (code === CertificateType.X509) return "x509";
  return code === CertificateType.RawPublicKey ? "raw-public-key" : undefined;
}

/** What a ClientHello says about types; nothing where it is certificates alone. RFC 7250 §4.1. */
export function certificateTypeOffer({
  clientCertificateTypes,
  serverCertificateTypes,
}: ClientConfig): Pick<HelloExtensions, "clientCertificateTypes" | "serverCertificateTypes"> {
  return {
    ...(isWorthSaying(clientCertificateTypes) && { clientCertificateTypes: codes(clientCertificateTypes) }),
    ...(isWorthSaying(serverCertificateTypes) && { serverCertificateTypes: codes(serverCertificateTypes) }),
  };
}

function isWorthSaying(types: readonly CertificateTypeName[]): boolean {
  return types.some((type) => type !== "x509");
}

function codes(types: readonly CertificateTypeName[]): Uint8Array {
  return Uint8Array.from(types, (type) => CODES[type]);
}

/** What the sides of a connection show, if they show anything. */
export interface CertificateTypes {
  readonly client: CertificateTypeName;
  readonly server: CertificateTypeName;
}

/** What a server may answer, in EncryptedExtensions or a ServerHello of TLS 1.2. */
interface TypeAnswer {
  readonly clientCertificateType?: number;
  readonly serverCertificateType?: number;
}

/**
 * The types that a server has chosen; without an answer it is certificates. RFC 7250 §4.2.
 *
 * @param hello as it was sent.
 * @param showsCertificate whether the server shows anything in this handshake.
 * @throws {TlsAlert} illegal_parameter for a type that was not offered; unsupported_certificate when it shows certificates, which were not.
 */
export function checkCertificateTypes(
  { extensions }: ClientHello,
  { clientCertificateType, serverCertificateType }: TypeAnswer,
  showsCertificate: boolean,
): CertificateTypes {
  const { clientCertificateTypes, serverCertificateTypes } = extensions;
  const client = chosenType("client", clientCertificateTypes, clientCertificateType);
  const server = chosenType("server", serverCertificateTypes, serverCertificateType);
  const mayBeX509 = serverCertificateTypes?.includes(CertificateType.X509) ?? true;
  if (showsCertificate && server === "x509" && !mayBeX509) {
    throw new TlsAlert(
      "unsupported_certificate",
      "server does not answer server_certificate_type, and no certificate would be taken",
    );
  }
  return { client, server };
}

function chosenType(
  role: "client" | "server",
  offered: Uint8Array | undefined,
  answer: number | undefined,
): CertificateTypeName {
  if (answer === undefined) return "x509";
  const name = nameOf(answer);
  if (name === undefined || offered?.includes(answer) !== true) {
    const shown = codepointName(CertificateType, answer);
    throw new TlsAlert("illegal_parameter", `server chose ${role}_certificate_type ${shown}, not offered`);
  }
  return name;
}

/** What a client that does not say anything takes, and has. */
const X509_ALONE = Uint8Array.of(CertificateType.X509);

/**
 * The credentials of types that the client takes, one list for each type, in the client's order.
 * @throws {TlsAlert} unsupported_certificate when there are none. RFC 7250 §4.2.
 */
export function credentialsByType(
  credentials: readonly Credential[],
  { serverCertificateTypes = X509_ALONE }: HelloExtensions,
): readonly (readonly Credential[])[] {
  const lists = [...new Set(serverCertificateTypes)]
    .map((code) => credentials.filter((credential) => certificateTypeOf(credential) === nameOf(code)))
    .filter(({ length }) => length > 0);
  // Without any credentials it is not the type that is wrong.
  if (lists.length > 0 || credentials.length === 0) return lists;
  throw nothingInCommon("takes", serverCertificateTypes, credentials.map(certificateTypeOf));
}

/** The answer about what we show, to a client that has said what it takes. */
export function serverTypeAnswer(
  { serverCertificateTypes }: HelloExtensions,
  credential: Credential,
): Pick<TypeAnswer, "serverCertificateType"> {
  if (serverCertificateTypes === undefined) return {};
  return { serverCertificateType: CODES[certificateTypeOf(credential)] };
}

/** How a client is authenticated, its types considered. */
export interface ClientTypeAgreement {
  /** Whether and how it is asked in the handshake: not when it has nothing that may be asked for. */
  readonly clientAuth: ClientAuth;
  readonly type: CertificateTypeName;
  readonly answer: Pick<TypeAnswer, "clientCertificateType">;
}

/** What stands for a handshake in which a client is not asked. */
const NOT_ASKED: ClientTypeAgreement = { clientAuth: { mode: "none" }, type: "x509", answer: {} };

/**
 * What the client shall show: the first type of its list that `clientAuth` has. RFC 7250 §4.2.
 *
 * @param when whether it can be asked in this handshake, and behind it.
 * @throws {TlsAlert} unsupported_certificate when a certificate is required, and there is no type in common.
 */
export function agreeOnClientType(
  clientAuth: ClientAuth,
  { clientCertificateTypes }: HelloExtensions,
  when: { readonly now: boolean; readonly later: boolean },
): ClientTypeAgreement {
  const own = clientAuth.certificateTypes ?? DEFAULT_CERTIFICATE_TYPES;
  const asks = when.now && clientAuth.mode !== "none";
  const offered = clientCertificateTypes ?? X509_ALONE;
  const code = offered.find((candidate) => own.some((type) => CODES[type] === candidate));
  const type = code === undefined ? undefined : nameOf(code);
  if (type === undefined) {
    if (asks && clientAuth.mode === "require") throw nothingInCommon("has", offered, own);
    return NOT_ASKED;
  }
  // Where nobody is asked, the extension must not be sent; a client that can be asked later must hear of what is not the default.
  const isAnswered = clientCertificateTypes !== undefined && (asks || (when.later && type !== "x509"));
  return {
    clientAuth: asks ? clientAuth : NOT_ASKED.clientAuth,
    type: isAnswered ? type : "x509",
    answer: isAnswered ? { clientCertificateType: CODES[type] } : {},
  };
}

function nothingInCommon(
  verb: "has" | "takes",
  offered: Uint8Array,
  own: readonly CertificateTypeName[],
): TlsAlert {
  const theirs = [...offered.subarray(0, 16)].map((code) => codepointName(CertificateType, code)).join(", ");
  return new TlsAlert(
    "unsupported_certificate",
    `no certificate type in common: the client ${verb} ${theirs}; ours: ${[...new Set(own)].join(", ")}`,
  );
}

/**
 * Reads what a peer shows of its key.
 *
 * @param bytes a certificate or a SubjectPublicKeyInfo in DER.
 * @throws {TlsAlert} decode_error when it is malformed; unsupported_certificate when its key is of a kind that is not supported.
 */
export function readAs(type: CertificateTypeName, bytes: Uint8Array): Leaf {
  return type === "x509" ? readLeaf(bytes) : readRawPublicKey(bytes);
}
