import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import type { SignatureVerifier } from "../../src/crypto/provider.ts";
import {
  derBitString,
  derInteger,
  derNull,
  derObjectIdentifier,
  derSequence,
  derUnsignedInteger,
} from "../../src/der/writer.ts";
import { issueAuthority, type Issued, issueLeaf, issueRoot, testKey, type TestKey } from "./issuing.ts";

/** Certificates of a Certificate message, at most, unless the configuration says otherwise. */
export const PRESENTED = 16;

/** What makes up keys: RSA of 2048 bits, or on a curve. */
export type MadeUpKind = "RSA" | "P-256" | "P-384" | "P-521";

/** A key that signs nothing, so certificates with it are signed by nobody. */
export function madeUpKey(kind: MadeUpKind = "RSA"): TestKey {
  const key = kind === "RSA" ? madeUpRsaKey() : testKey(kind);
  return { ...key, sign: () => new Uint8Array(64) };
}

/** With a modulus that is drawn, and most probably is none. */
function madeUpRsaKey(): Omit<TestKey, "sign"> {
  const modulus = crypto.getRandomValues(new Uint8Array(256));
  modulus[0] = 0xff;
  modulus[255] = 0xff;
  const algorithm = derSequence(derObjectIdentifier("1.2.840.113549.1.1.1"), derNull());
  const key = derSequence(derUnsignedInteger(modulus), derInteger(65537));
  return {
    subjectPublicKeyInfo: derSequence(algorithm, derBitString(key)),
    keyIdentifier: modulus.slice(100, 120),
    algorithm: derSequence(derObjectIdentifier("1.2.840.113549.1.1.11"), derNull()),
  };
}

/** Verifiers that count what they are asked. */
export interface CountingVerifiers {
  readonly verifiers: readonly SignatureVerifier[];
  count: number;
}

/** The worst that an attacker could bring about: every key has signed everything. */
export function agreeable(): CountingVerifiers {
  return counting(() => true);
}

/** As agreeable as the signatures are genuine. */
export function truthful(): CountingVerifiers {
  return counting((verifier, ...args) => verifier.verify(...args));
}

function counting(
  verify: (
    verifier: SignatureVerifier,
    ...args: Parameters<SignatureVerifier["verify"]>
  ) => ReturnType<SignatureVerifier["verify"]>,
): CountingVerifiers {
  const result: CountingVerifiers = {
    count: 0,
    verifiers: nobleSignatureVerifiers.map((verifier) => ({
      ...verifier,
      verify: (...args) => {
        result.count++;
        return verify(verifier, ...args);
      },
    })),
  };
  return result;
}

/** A leaf with the authorities that are presented with it. */
export interface HostileChain {
  readonly leaf: Issued;
  readonly others: readonly Issued[];
}

/** A leaf below sixteen authorities of one name, each with a key of its own, none of which is below an anchor. */
export function namesakes(kind: MadeUpKind): HostileChain {
  const top = issueRoot({ subject: "hydra", key: madeUpKey(kind) });
  const others = Array.from({ length: PRESENTED }, () =>
    issueAuthority(top, { subject: "hydra", key: madeUpKey(kind) }),
  );
  return { leaf: issueLeaf(top, { key: madeUpKey(kind) }), others };
}
