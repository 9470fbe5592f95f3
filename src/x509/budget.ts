import type { KeyType } from "../crypto/provider.ts";

/**
 * What looking for one path may cost at most. Sixteen certificates of one name and key can be put into more orders than anybody could
 * try, and a name constraint is held against every name below it.
 */
export interface PathLimits {
  /**
   * Certificates of authorities between the leaf and the anchor. Self-issued ones (RFC 5280 §6.1), which an authority makes when it changes
   * its key, are counted apart: there may be as many of those.
   */
  readonly depth: number;
  /** Signature checks, in those of P-256: P-384 counts 4, P-521 5, Ed25519 1, RSA ¼ up to 4096 bits. */
  readonly signatureCost: number;
  /** Certificates that are considered as issuers. */
  readonly candidates: number;
  /** Names that are held against name constraints. */
  readonly nameComparisons: number;
}

/** The limits of a policy that names none. */
export const defaultPathLimits: PathLimits = Object.freeze({
  depth: 8,
  signatureCost: 32,
  candidates: 2000,
  nameComparisons: 50_000,
});

/** A limit of {@link PathLimits} has been reached. */
export class BudgetExhausted extends Error {
  override readonly name = "BudgetExhausted";
}

/** What is left to spend on one path. */
export class PathBudget {
  readonly #limits: PathLimits;
  #signatureCost = 0;
  #candidates = 0;
  #nameComparisons = 0;

  constructor(limits: PathLimits) {
    this.#limits = limits;
  }

  /** @throws {BudgetExhausted} */
  spendSignature(keyType: KeyType, subjectPublicKeyInfo: Uint8Array): void {
    this.#signatureCost += signatureCost(keyType, subjectPublicKeyInfo.length);
    if (this.#signatureCost > this.#limits.signatureCost)
      throw new BudgetExhausted(`its signature checks cost more than ${this.#limits.signatureCost}`);
  }

  /** @throws {BudgetExhausted} */
  spendCandidate(): void {
    if (++this.#candidates > this.#limits.candidates)
      throw new BudgetExhausted(`more than ${this.#limits.candidates} issuers were considered`);
  }

  /** @throws {BudgetExhausted} */
  spendNameComparisons(count: number): void {
    this.#nameComparisons += count;
    if (this.#nameComparisons > this.#limits.nameComparisons)
      throw new BudgetExhausted(
        `more than ${this.#limits.nameComparisons} names were held against constraints`,
      );
  }

  /** What has been spent so far, in the units of the limits. */
  get spent(): Omit<PathLimits, "depth"> {
    return {
      signatureCost: this.#signatureCost,
      candidates: this.#candidates,
      nameComparisons: this.#nameComparisons,
    };
  }
}

/** What a signature check costs with the pure provider, in checks with P-256. */
function signatureCost(keyType: KeyType, subjectPublicKeyInfoLength: number): number {
  const cost = COST[keyType];
  if (keyType !== "rsa" && keyType !== "rsa-pss") return cost;
  // The time grows with the square of the modulus.
  return cost * Math.max(1, (subjectPublicKeyInfoLength / RSA_4096_LENGTH) ** 2);
}

const COST: Readonly<Record<KeyType, number>> = {
  rsa: 0.25,
  "rsa-pss": 0.25,
  ed25519: 1,
  "ecdsa-p256": 1,
  "ecdsa-p384": 4,
  "ecdsa-p521": 5,
};

/** Of a SubjectPublicKeyInfo with PSS parameters and the longest exponent. */
const RSA_4096_LENGTH = 620;
