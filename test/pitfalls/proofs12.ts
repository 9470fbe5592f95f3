import type { Credential } from "../../src/index.ts";
import type { HandshakeBody } from "../../src/messages/handshake.ts";
import type { Pitfall, Verdict } from "./pitfall.ts";
import { clientRefuses, type ClientSetup12, mutual, serverRefuses, type ServerSetup12 } from "./pitfall12.ts";
import { suiteFor } from "./setups12.ts";

/** The end of ServerKeyExchange, which is all of CertificateVerify. */
type DigitallySigned = HandshakeBody<"certificate_verify">;

type Certificate = HandshakeBody<"tls12_certificate">;

/** Groups of a client that takes keys on any curve. */
const anyCurve = { groups: ["x25519", "secp256r1", "secp384r1", "secp521r1"] } as const;

/** A client that trusts the key of `own`, and a server that has it. */
export function serverHas12(own: Credential): ClientSetup12 {
  return {
    config: { ...anyCurve, trust: { verify: () => ({ trust: "verified" }) } },
    forger: { credential: own, suite: suiteFor(own.key.keyType) },
  };
}

/** A server that asks for a certificate, and a client that has `own`. */
export function clientHas12(own: Credential): ServerSetup12 {
  return { config: { ...mutual.config, ...anyCurve }, forger: { credential: own } };
}

/** The same signature, which both engines refuse from a peer with `own`: in ServerKeyExchange, and in CertificateVerify. */
export function bothRefuseProof12(
  row: number,
  name: string,
  own: Credential,
  verdict: Verdict,
  forge: (body: DigitallySigned) => DigitallySigned,
  scheme?: number,
): readonly Pitfall[] {
  const signing = scheme === undefined ? {} : { scheme };
  return [
    clientRefuses(
      row,
      `a ServerKeyExchange with ${name}`,
      verdict,
      (server) =>
        server
          .upTo("serverKeyExchange")
          .serverKeyExchange((body) => ({ params: body.params, ...forge(body) }), signing),
      serverHas12(own),
    ),
    serverRefuses(
      row,
      `a client's CertificateVerify with ${name}`,
      verdict,
      (client) => client.upTo("certificateVerify").certificateVerify(forge, signing),
      clientHas12(own),
    ),
  ];
}

/** The same Certificate, which both engines refuse, if not at once then with the signature behind it. */
export function bothRefuseCertificate12(
  row: number,
  name: string,
  verdict: Verdict,
  forge: (body: Certificate) => Certificate,
  setups: { readonly config?: { readonly limits?: { readonly certificateBytes: number } } } = {},
): readonly Pitfall[] {
  return [
    clientRefuses(
      row,
      `a server's Certificate with ${name}`,
      verdict,
      (server) => {
        server.upTo("certificate").certificate(forge);
        server.serverKeyExchange();
      },
      setups,
    ),
    serverRefuses(
      row,
      `a client's Certificate with ${name}`,
      verdict,
      (client) => {
        client.upTo("certificate").certificate(forge);
        client.clientKeyExchange();
        client.certificateVerify();
      },
      { ...mutual, config: { ...mutual.config, ...setups.config } },
    ),
  ];
}
