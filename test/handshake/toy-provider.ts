import { createHash, createHmac } from "node:crypto";

import { TlsAlert } from "../../src/alert.ts";
import { concatBytes, equalBytes } from "../../src/bytes.ts";
import {
  type Credential,
  type CryptoProvider,
  type Hash,
  type KeyExchangeGroup,
  NamedGroup,
  nobleProvider,
  readLeaf,
  type RunningHash,
  SignatureScheme,
  type SigningKey,
} from "../../src/index.ts";
import { testCertificate } from "../support/certificates.ts";

/**
 * Key exchange and signatures that cost nothing and protect nothing, for tests that need thousands of handshakes. Hashes are
 * Node's, which are fast, and AEADs the ones that are in use.
 */
export function toyProvider(): CryptoProvider {
  const { cipherSuites, random } = nobleProvider();
  return {
    name: "toy",
    cipherSuites: cipherSuites.map((suite) =>
      suite.hash.name === "SHA-256" ? { ...suite, hash: sha256 } : suite,
    ),
    groups: [toyGroup("x25519"), toyGroup("secp256r1")],
    signatureVerifiers: [
      {
        id: SignatureScheme.ecdsa_secp256r1_sha256,
        name: "ecdsa_secp256r1_sha256",
        keyType: "ecdsa-p256",
        tls12KeyTypes: ["ecdsa-p256"],
        inHandshake: true,
        verify: (subjectPublicKeyInfo, message, signature) =>
          equalBytes(signature, toySignature(subjectPublicKeyInfo, message)),
      },
    ],
    random,
  };
}

/** A real P-256 certificate with a key that signs as {@link toyProvider} verifies. */
export async function toyCredential(commonName: string): Promise<Credential> {
  const { der } = await testCertificate({ commonName });
  const { subjectPublicKeyInfo } = readLeaf(der);
  const key: SigningKey = {
    keyType: "ecdsa-p256",
    schemes: [SignatureScheme.ecdsa_secp256r1_sha256],
    subjectPublicKeyInfo,
    sign: (_scheme, message) => toySignature(subjectPublicKeyInfo, message),
  };
  return { certificateChain: [der], key };
}

const sha256: Hash = {
  name: "SHA-256",
  outputLength: 32,
  blockLength: 64,
  digest: (data) => new Uint8Array(createHash("sha256").update(data).digest()),
  start: () => runningSha256(createHash("sha256")),
  hmac: (key, data) => new Uint8Array(createHmac("sha256", key).update(data).digest()),
};

function runningSha256(running: ReturnType<typeof createHash>): RunningHash {
  return {
    update: (data) => void running.update(data),
    digest: () => new Uint8Array(running.copy().digest()),
    clone: () => runningSha256(running.copy()),
  };
}

const LENGTH = 32;

/** The public key is the private one, and the shared secret is the digest of both. */
function toyGroup(name: "x25519" | "secp256r1"): KeyExchangeGroup {
  const id = NamedGroup[name];
  return {
    id,
    name,
    inTls12: true,
    generate: (random) => {
      const own = random(LENGTH);
      return {
        group: id,
        keyExchange: own.slice(),
        sharedSecret: (peer) => sha256.digest(concatBytes(own, checked(peer))),
        wipe: () => own.fill(0),
      };
    },
    respond: (peer, random) => {
      const own = random(LENGTH);
      return { keyExchange: own, sharedSecret: sha256.digest(concatBytes(checked(peer), own)) };
    },
  };
}

function checked(keyExchange: Uint8Array): Uint8Array {
  if (keyExchange.length !== LENGTH) {
    throw new TlsAlert("illegal_parameter", `toy key_exchange of ${keyExchange.length} bytes`);
  }
  return keyExchange;
}

function toySignature(subjectPublicKeyInfo: Uint8Array, message: Uint8Array): Uint8Array {
  return sha256.digest(concatBytes(subjectPublicKeyInfo, message));
}
