import type { ProtocolVersion } from "../../src/messages/codepoints.ts";
import type { Side } from "../support/observer.ts";

/** What is expected of a recorded connection of Go's crypto/tls. */
export interface Flow {
  readonly suite: string;
  /** Null for a suite without ECDHE: the premaster secret is known. */
  readonly group: "x25519" | "secp256r1" | null;
  /** Signers and schemes, in order: of ServerKeyExchange and of CertificateVerify. */
  readonly proofs: readonly string[];
  /** Default: 1. With each one more, there is another key exchange. */
  readonly handshakes?: number;
  /** Whether the main secret is bound to the session hash (RFC 7627). Default: true. */
  readonly extended?: false;
  /** The flow that has issued the ticket which is used. */
  readonly resumes?: string;
  /** The server issues a ticket. */
  readonly ticket?: true;
  /** Application data of both sides. Default: a line from Go's side. */
  readonly said?: Readonly<Record<Side, readonly string[]>>;
  /** Alerts of Go's side. Default: close_notify. */
  readonly alerts?: readonly string[];
}

const server = {
  pss: "server rsa_pss_rsae_sha256",
  pkcs1: "server rsa_pkcs1_sha256",
  ecdsa: "server ecdsa_secp256r1_sha256",
  ed25519: "server ed25519",
} as const;
const client = {
  pss: "client rsa_pss_rsae_sha256",
  pkcs1: "client rsa_pkcs1_sha256",
  ecdsa: "client ecdsa_secp256r1_sha256",
  ed25519: "client ed25519",
} as const;

const ECDSA = "TLS_ECDHE_ECDSA_WITH_";
const RSA = "TLS_ECDHE_RSA_WITH_";
const flow = (
  suite: string,
  group: Flow["group"],
  proofs: readonly string[],
  more: Omit<Flow, "suite" | "group" | "proofs"> = {},
): Flow => ({ suite, group, proofs, ...more });

/** With suites that the engine has; what the file names promise, and what is left open by them. */
export const flows: Readonly<Record<string, Flow>> = {
  "Client-TLSv12-ALPN": flow(`${RSA}CHACHA20_POLY1305_SHA256`, "x25519", [server.pss]),
  "Client-TLSv12-ALPN-NoMatch": flow(`${RSA}AES_128_GCM_SHA256`, "secp256r1", [server.pkcs1], {
    extended: false,
  }),
  "Client-TLSv12-ClientCert-ECDSA-ECDSA": flow(`${ECDSA}AES_128_CBC_SHA`, "x25519", [
    server.ecdsa,
    client.ecdsa,
  ]),
  "Client-TLSv12-ClientCert-ECDSA-RSA": flow(`${RSA}AES_128_GCM_SHA256`, "x25519", [
    server.pss,
    client.ecdsa,
  ]),
  "Client-TLSv12-ClientCert-Ed25519": flow(`${RSA}CHACHA20_POLY1305_SHA256`, "x25519", [
    server.pss,
    client.ed25519,
  ]),
  "Client-TLSv12-ClientCert-RSA-AES256-GCM-SHA384": flow(`${RSA}AES_256_GCM_SHA384`, "x25519", [
    server.pss,
    client.pss,
  ]),
  "Client-TLSv12-ClientCert-RSA-ECDSA": flow(`${ECDSA}AES_128_CBC_SHA`, "x25519", [server.ecdsa, client.pss]),
  "Client-TLSv12-ClientCert-RSA-RSA": flow(`${RSA}AES_128_GCM_SHA256`, "x25519", [server.pss, client.pss]),
  "Client-TLSv12-ClientCert-RSA-RSAPKCS1v15": flow(`${RSA}AES_128_GCM_SHA256`, "x25519", [
    server.pkcs1,
    client.pkcs1,
  ]),
  "Client-TLSv12-ClientCert-RSA-RSAPSS": flow(`${RSA}AES_128_GCM_SHA256`, "x25519", [server.pss, client.pss]),
  "Client-TLSv12-ECDHE-ECDSA-AES": flow(`${ECDSA}AES_128_CBC_SHA`, "x25519", [server.ecdsa]),
  "Client-TLSv12-ECDHE-ECDSA-AES-GCM": flow(`${ECDSA}AES_128_GCM_SHA256`, "x25519", [server.ecdsa]),
  "Client-TLSv12-ECDHE-ECDSA-AES128-SHA256": flow(`${ECDSA}AES_128_CBC_SHA256`, "x25519", [server.ecdsa]),
  "Client-TLSv12-ECDHE-ECDSA-AES256-GCM-SHA384": flow(`${ECDSA}AES_256_GCM_SHA384`, "x25519", [server.ecdsa]),
  "Client-TLSv12-ECDHE-ECDSA-CHACHA20-POLY1305": flow(`${ECDSA}CHACHA20_POLY1305_SHA256`, "x25519", [
    server.ecdsa,
  ]),
  "Client-TLSv12-ECDHE-RSA-AES": flow(`${RSA}AES_128_CBC_SHA`, "x25519", [server.pss]),
  "Client-TLSv12-ECDHE-RSA-AES128-SHA256": flow(`${RSA}AES_128_CBC_SHA256`, "x25519", [server.pss]),
  "Client-TLSv12-ECDHE-RSA-CHACHA20-POLY1305": flow(`${RSA}CHACHA20_POLY1305_SHA256`, "x25519", [server.pss]),
  "Client-TLSv12-Ed25519": flow(`${ECDSA}CHACHA20_POLY1305_SHA256`, "x25519", [server.ed25519]),
  "Client-TLSv12-ExportKeyingMaterial": flow(`${RSA}CHACHA20_POLY1305_SHA256`, "x25519", [server.pss]),
  "Client-TLSv12-P256-ECDHE": flow(`${RSA}AES_128_GCM_SHA256`, "secp256r1", [server.pss]),
  "Client-TLSv12-RenegotiateOnce": flow(
    `${RSA}CHACHA20_POLY1305_SHA256`,
    "x25519",
    [server.pss, server.pss, client.pss],
    { handshakes: 2, said: { client: ["hello\n"], server: ["SENTINEL\n"] } },
  ),
  "Client-TLSv12-RenegotiateTwice": flow(
    `${RSA}CHACHA20_POLY1305_SHA256`,
    "x25519",
    [server.pss, server.pss, client.pss, server.pss],
    { handshakes: 3, said: { client: ["hello\n"], server: ["SENTINEL\n", "SENTINEL\n"] } },
  ),
  "Client-TLSv12-RenegotiateTwiceRejected": flow(
    `${RSA}CHACHA20_POLY1305_SHA256`,
    "x25519",
    [server.pss, server.pss, client.pss],
    {
      handshakes: 2,
      said: { client: ["hello\n"], server: ["SENTINEL\n"] },
      alerts: ["0164", "0100"],
    },
  ),
  "Client-TLSv12-RenegotiationRejected": flow(`${RSA}CHACHA20_POLY1305_SHA256`, "x25519", [server.pss], {
    alerts: ["0164", "0100"],
  }),
  "Client-TLSv12-SCT": flow(`${RSA}CHACHA20_POLY1305_SHA256`, "x25519", [server.pss]),
  "Client-TLSv12-X25519-ECDHE": flow(`${RSA}AES_128_GCM_SHA256`, "x25519", [server.pss]),
  "Server-TLSv12-ALPN": flow(`${RSA}CHACHA20_POLY1305_SHA256`, "x25519", [server.pss], { ticket: true }),
  "Server-TLSv12-ALPN-Fallback": flow(`${RSA}CHACHA20_POLY1305_SHA256`, "x25519", [server.pss], {
    ticket: true,
  }),
  "Server-TLSv12-ALPN-NotConfigured": flow(`${RSA}CHACHA20_POLY1305_SHA256`, "x25519", [server.pss], {
    ticket: true,
  }),
  "Server-TLSv12-ECDHE-ECDSA-AES": flow(`${ECDSA}AES_256_CBC_SHA`, "x25519", [server.ecdsa]),
  "Server-TLSv12-Ed25519": flow(`${ECDSA}CHACHA20_POLY1305_SHA256`, "x25519", [server.ed25519]),
  "Server-TLSv12-ExportKeyingMaterial": flow(`${RSA}AES_256_CBC_SHA`, "x25519", [server.pss], {
    ticket: true,
  }),
  "Server-TLSv12-P256": flow(`${RSA}CHACHA20_POLY1305_SHA256`, "secp256r1", [server.pss]),
  "Server-TLSv12-RSA-AES-GCM": flow(`${RSA}AES_128_GCM_SHA256`, "x25519", [server.pss]),
  "Server-TLSv12-RSA-AES256-GCM-SHA384": flow(`${RSA}AES_256_GCM_SHA384`, "x25519", [server.pss]),
  "Server-TLSv12-RSA-RSAPKCS1v15": flow(`${RSA}CHACHA20_POLY1305_SHA256`, "x25519", [server.pkcs1]),
  "Server-TLSv12-RSA-RSAPSS": flow(`${RSA}CHACHA20_POLY1305_SHA256`, "x25519", [server.pss]),
  "Server-TLSv12-X25519": flow(`${RSA}CHACHA20_POLY1305_SHA256`, "x25519", [server.pss]),
};

/**
 * Those in which RSA exchanges keys, which the engine does not do. All else about them is the same, and Go's resumed sessions are of this
 * kind, as are its servers' clients with certificates.
 */
export const rsaFlows: Readonly<Record<string, Flow>> = {
  "Client-TLSv12-AES128-GCM-SHA256": flow("TLS_RSA_WITH_AES_128_GCM_SHA256", null, []),
  "Client-TLSv12-AES128-SHA256": flow("TLS_RSA_WITH_AES_128_CBC_SHA256", null, []),
  "Client-TLSv12-AES256-GCM-SHA384": flow("TLS_RSA_WITH_AES_256_GCM_SHA384", null, []),
  "Server-TLSv12-ClientAuthRequestedAndECDSAGiven": flow("TLS_RSA_WITH_AES_128_CBC_SHA", null, [
    client.ecdsa,
  ]),
  "Server-TLSv12-ClientAuthRequestedAndEd25519Given": flow("TLS_RSA_WITH_AES_128_CBC_SHA", null, [
    client.ed25519,
  ]),
  "Server-TLSv12-ClientAuthRequestedAndGiven": flow("TLS_RSA_WITH_AES_128_CBC_SHA", null, [client.pss]),
  "Server-TLSv12-ClientAuthRequestedAndPKCS1v15Given": flow("TLS_RSA_WITH_AES_128_CBC_SHA", null, [
    client.pkcs1,
  ]),
  "Server-TLSv12-ClientAuthRequestedNotGiven": flow("TLS_RSA_WITH_AES_128_CBC_SHA", null, []),
  "Server-TLSv12-IssueTicket": flow("TLS_RSA_WITH_AES_128_CBC_SHA", null, [], { ticket: true }),
  "Server-TLSv12-IssueTicketPreDisable": flow("TLS_RSA_WITH_AES_128_CBC_SHA", null, [], { ticket: true }),
  "Server-TLSv12-RSA-AES": flow("TLS_RSA_WITH_AES_128_CBC_SHA", null, []),
  "Server-TLSv12-Resume": flow("TLS_RSA_WITH_AES_128_CBC_SHA", null, [], {
    resumes: "Server-TLSv12-IssueTicket",
    ticket: true,
  }),
  "Server-TLSv12-ResumeDisabled": flow("TLS_RSA_WITH_AES_128_CBC_SHA", null, []),
  "Server-TLSv12-SNI": flow("TLS_RSA_WITH_AES_128_CBC_SHA", null, []),
  "Server-TLSv12-SNI-GetCertificate": flow("TLS_RSA_WITH_AES_128_CBC_SHA", null, []),
  "Server-TLSv12-SNI-GetCertificateNotFound": flow("TLS_RSA_WITH_AES_128_CBC_SHA", null, []),
};

/** Servers that answer the ClientHello with an alert. */
export const refusals: Readonly<Record<string, number>> = {
  "Server-TLSv12-ALPN-NoMatch": 120,
};

/** What stands in ServerHello, and why the flow is left out for it. */
export const leftOut: Readonly<
  Record<string, readonly [version: keyof typeof ProtocolVersion, suite: string]>
> = {
  "Client-TLSv10-ClientCert-ECDSA-ECDSA": ["TLSv1", `${ECDSA}AES_128_CBC_SHA`],
  "Client-TLSv10-ClientCert-ECDSA-RSA": ["TLSv1", `${RSA}AES_128_CBC_SHA`],
  "Client-TLSv10-ClientCert-Ed25519": ["TLSv1", `${RSA}AES_128_CBC_SHA`],
  "Client-TLSv10-ClientCert-RSA-ECDSA": ["TLSv1", `${ECDSA}AES_128_CBC_SHA`],
  "Client-TLSv10-ClientCert-RSA-RSA": ["TLSv1", `${RSA}AES_128_CBC_SHA`],
  "Client-TLSv10-ECDHE-ECDSA-AES": ["TLSv1", `${ECDSA}AES_128_CBC_SHA`],
  "Client-TLSv10-ECDHE-RSA-AES": ["TLSv1", `${RSA}AES_128_CBC_SHA`],
  "Client-TLSv10-ExportKeyingMaterial": ["TLSv1", `${RSA}AES_128_CBC_SHA`],
  "Client-TLSv10-RSA-RC4": ["TLSv1", "TLS_RSA_WITH_RC4_128_SHA"],
  "Client-TLSv11-ECDHE-ECDSA-AES": ["TLSv1.1", `${ECDSA}AES_128_CBC_SHA`],
  "Client-TLSv11-ECDHE-RSA-AES": ["TLSv1.1", `${RSA}AES_128_CBC_SHA`],
  "Client-TLSv11-RSA-RC4": ["TLSv1.1", "TLS_RSA_WITH_RC4_128_SHA"],
  "Client-TLSv12-RSA-RC4": ["TLSv1.2", "TLS_RSA_WITH_RC4_128_SHA"],
  "Server-TLSv10-ECDHE-ECDSA-AES": ["TLSv1", `${ECDSA}AES_256_CBC_SHA`],
  "Server-TLSv10-ExportKeyingMaterial": ["TLSv1", `${RSA}AES_256_CBC_SHA`],
  "Server-TLSv10-RSA-3DES": ["TLSv1", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"],
  "Server-TLSv10-RSA-AES": ["TLSv1", "TLS_RSA_WITH_AES_128_CBC_SHA"],
  "Server-TLSv10-RSA-RC4": ["TLSv1", "TLS_RSA_WITH_RC4_128_SHA"],
  "Server-TLSv11-RSA-RC4": ["TLSv1.1", "TLS_RSA_WITH_RC4_128_SHA"],
  "Server-TLSv12-RSA-3DES": ["TLSv1.2", "TLS_RSA_WITH_3DES_EDE_CBC_SHA"],
  "Server-TLSv12-RSA-RC4": ["TLSv1.2", "TLS_RSA_WITH_RC4_128_SHA"],
};

/** A client that says that it fell back to TLS 1.1 (RFC 7507), and is refused: there is no ServerHello to observe. */
export const FALLBACK = "Server-TLSv11-FallbackSCSV";
export const INAPPROPRIATE_FALLBACK = 86;
