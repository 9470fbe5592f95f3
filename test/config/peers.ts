import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

import { derInteger, derObjectIdentifier, derSequence } from "../../src/der/writer.ts";
import {
  type Awaitable,
  type Credential,
  credential,
  nobleProvider,
  type PresentedPeer,
  readLeaf,
  type SignatureVerifier,
} from "../../src/index.ts";
import { sha1 } from "../../src/crypto/hashes.ts";
import { extendedKeyUsage, type Issued, issueAuthority, issueLeaf, issueRoot } from "../x509/issuing.ts";
import type { ExtensionValue, TestKey } from "../x509/issuing.ts";
import { buildResponse, buildSingle, MID_JULY, type SingleFields } from "../x509/ocsp-builder.ts";

/** When the certificates here and the OCSP responses are valid, in milliseconds since 1970. */
export const NOW_MS: number = MID_JULY * 1000;

export const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

const privateKeys = new WeakMap<TestKey, KeyObject>();

/** A new Ed25519 key, whose private half {@link credentialOf} and {@link stapleOf} find again. */
export function newKey(): TestKey {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const subjectPublicKeyInfo = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  const key: TestKey = {
    subjectPublicKeyInfo,
    keyIdentifier: sha1.digest(subjectPublicKeyInfo),
    algorithm: derSequence(derObjectIdentifier("1.3.101.112")),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
  privateKeys.set(key, privateKey);
  return key;
}

/** A root, an authority below it, and certificates of a server and a client below that one. */
export const root: Issued = issueRoot({ key: newKey() });
export const authority: Issued = issueAuthority(root, { key: newKey() });
export const server: Issued = issueLeaf(authority, { key: newKey() });
export const client: Issued = issueLeaf(authority, {
  key: newKey(),
  subject: "alice",
  extensions: { extKeyUsage: extendedKeyUsage(CLIENT_AUTH) },
});
/** An authority that nobody here trusts. */
export const stranger: Issued = issueRoot({ key: newKey(), subject: "stranger" });

/** TLSFeature with status_request. RFC 7633 §6. */
export const MUST_STAPLE: ExtensionValue = { value: derSequence(derInteger(5)) };
/** A server that promises to staple. */
export const stapler: Issued = issueLeaf(authority, {
  key: newKey(),
  extensions: { tlsFeature: MUST_STAPLE },
});

/** An OCSP response of the authority about one of its certificates. */
export function stapleOf({ certificate }: Issued, changes: Partial<SingleFields> = {}): Uint8Array {
  const signer = { certificate: authority.certificate, key: privateKeyOf(authority) };
  return buildResponse(signer, { responses: [buildSingle(certificate, signer, changes)] });
}

/** The credential of `leaf`, which has a {@link newKey}. */
export function credentialOf(
  leaf: Issued,
  others: readonly Issued[] = [],
  ocspResponse?: Uint8Array,
): Credential {
  return credential({
    certificateChain: [leaf, ...others].map(({ der }) => der),
    key: pemOf(privateKeyOf(leaf)),
    ...(ocspResponse !== undefined && { ocspResponse }),
  });
}

/** What a policy is told of a server that is asked for as `example.com`. */
export function presented(chain: readonly Issued[], changes: Partial<PresentedPeer> = {}): PresentedPeer {
  const ders = chain.map(({ der }) => der);
  const [first] = ders;
  if (first === undefined) throw new TypeError("nobody presents no certificate");
  return {
    role: "server",
    chain: ders,
    leaf: readLeaf(first),
    serverName: "example.com",
    ocspResponse: null,
    signedCertificateTimestamps: [],
    signatureVerifiers: nobleProvider().signatureVerifiers,
    nowMs: NOW_MS,
    ...changes,
  };
}

/** As they are, but with promises. */
export function late(verifiers: readonly SignatureVerifier[]): readonly SignatureVerifier[] {
  return verifiers.map((verifier) => ({
    ...verifier,
    verify: async (...args: Parameters<SignatureVerifier["verify"]>) => {
      await Promise.resolve();
      return verifier.verify(...args);
    },
  }));
}

/** What is there already. */
export function atOnce<T>(value: Awaitable<T>): T {
  if (typeof value === "object" && value !== null && "then" in value) throw new Error("it is a promise");
  return value;
}

function privateKeyOf({ key }: Issued): KeyObject {
  const privateKey = privateKeys.get(key);
  if (privateKey === undefined) throw new TypeError("the key is not one of newKey()");
  return privateKey;
}

function pemOf(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}
