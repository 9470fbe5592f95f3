import { checkAlertName, TlsAlert } from "../alert.ts";
import { checkCredentials } from "../config/credential.ts";
import {
  checkClientAuth,
  type ClientHelloInfo,
  type ServerConfig,
  type ServerSetup,
} from "../config/server.ts";
import { CertificateType } from "../messages/codepoints.ts";
import type { ReceivedClientHello } from "./client-hello-rules.ts";
import { type Flow, settle } from "./flow.ts";
import { offeredVersions } from "./version.ts";

/** A setup of which nothing is left open. */
export type CompleteSetup = Required<ServerSetup>;

/** Asks the server's hook what to be for this client; what the hook leaves out comes from the config. */
export function* chooseSetup(
  config: ServerConfig,
  hello: ReceivedClientHello,
  raw: Uint8Array,
): Flow<CompleteSetup> {
  const { credentials, clientAuth, settings } = config;
  const defaults: CompleteSetup = { credentials, clientAuth, alpn: settings.alpn };
  if (config.chooseSetup === undefined) return defaults;
  const answer = yield* settle(config.chooseSetup(clientHelloInfo(hello, raw)));
  if ("reject" in answer) {
    checkAlertName(answer.reject);
    throw new TlsAlert(
      answer.reject,
      `the server's chooseSetup refuses the client (SNI ${hello.serverName ?? "none"})`,
    );
  }
  // What is given as undefined is left out.
  const setup: CompleteSetup = {
    credentials: checkCredentials("credentials", answer.credentials ?? credentials),
    clientAuth: checkClientAuth(answer.clientAuth ?? clientAuth),
    alpn: answer.alpn ?? settings.alpn,
  };
  if (setup.credentials.length === 0 && config.findPsk === undefined)
    throw new TypeError("chooseSetup gave no credentials, and the config has none");
  return setup;
}

function clientHelloInfo({ body, serverName, alpn }: ReceivedClientHello, raw: Uint8Array): ClientHelloInfo {
  const { supportedGroups = [], signatureAlgorithms = [], unknown = [], order = [] } = body.extensions;
  const { signatureAlgorithmsCert = signatureAlgorithms, certificateAuthorities = [] } = body.extensions;
  const { serverCertificateTypes = [CertificateType.X509] } = body.extensions;
  return {
    serverName,
    alpn,
    versions: offeredVersions(body),
    cipherSuites: body.cipherSuites,
    groups: supportedGroups,
    signatureSchemes: signatureAlgorithms,
    certificateSignatureSchemes: signatureAlgorithmsCert,
    serverCertificateTypes: [...serverCertificateTypes],
    authorities: certificateAuthorities.map((name) => name.slice()),
    extensionTypes: order,
    unknownExtensions: unknown.map(({ type, body: bytes }) => ({ type, body: bytes.slice() })),
    raw: raw.slice(),
  };
}
