import { expect } from "vitest";

import type { Credential } from "../../src/index.ts";
import { decodeHandshake, type HandshakeBody } from "../../src/messages/handshake.ts";
import { setting } from "./edits.ts";
import { expectOpen, type Pitfall, type Verdict } from "./pitfall.ts";
import {
  clientRefuses,
  type ClientSetup,
  forgedServer,
  mutual,
  serverRefuses,
  type ServerSetup,
} from "./pitfall13.ts";

type CertificateVerify = HandshakeBody<"certificate_verify">;
type Certificate = HandshakeBody<"certificate">;

/** A client that trusts the key of `own`, and a server that has it. */
export function serverHas(own: Credential): ClientSetup {
  return { config: { trust: { verify: () => ({ trust: "verified" }) } }, forger: { credential: own } };
}

/** A server that asks for a certificate, and a client that has `own`. */
export function clientHas(own: Credential): ServerSetup {
  return { ...mutual, forger: { credential: own } };
}

/** The same CertificateVerify, which both engines refuse from a peer with `own`. */
export function bothRefuseProof(
  row: number,
  name: string,
  own: Credential,
  verdict: Verdict,
  forge: (body: CertificateVerify) => CertificateVerify,
): readonly Pitfall[] {
  return [
    clientRefuses(
      row,
      `a server's CertificateVerify with ${name}`,
      verdict,
      (server) => server.upTo("certificateVerify").certificateVerify(forge),
      serverHas(own),
    ),
    serverRefuses(
      row,
      `a client's CertificateVerify with ${name}`,
      verdict,
      (client) => client.upTo("certificateVerify").certificateVerify(forge),
      clientHas(own),
    ),
  ];
}

/** A client engine goes on with an empty Certificate. */
export function answersWithoutCertificate(
  row: number,
  name: string,
  setup: ClientSetup,
  signatureAlgorithms: readonly number[],
): Pitfall {
  return {
    row,
    engine: "client",
    name,
    run() {
      const server = forgedServer(setup);
      server.upTo("certificateRequest").certificateRequest(setting({ signatureAlgorithms }));
      expectOpen(server.complete());
      const answer = server.messages.find((message) => message.name === "certificate");
      if (answer === undefined) throw new Error("the engine has sent no Certificate");
      expect(decodeHandshake("certificate", answer.raw)).toEqual({
        certificateRequestContext: new Uint8Array(),
        certificateList: [],
      });
    },
  };
}

/** The same Certificate, which both engines refuse, if not at once then with the CertificateVerify behind it. */
export function bothRefuseCertificate(
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
        server.certificateVerify();
      },
      setups,
    ),
    serverRefuses(
      row,
      `a client's Certificate with ${name}`,
      verdict,
      (client) => {
        client.upTo("certificate").certificate(forge);
        client.certificateVerify();
      },
      { ...mutual, config: { ...mutual.config, ...setups.config } },
    ),
  ];
}
