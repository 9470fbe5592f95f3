import { TlsAlert } from "../alert.ts";
import { latin1 } from "../bytes.ts";
import type { Awaitable } from "../awaitable.ts";
import type { SignatureVerifier } from "../crypto/provider.ts";
import { signatureSchemeOf } from "./algorithms.ts";
import type { PathBudget } from "./budget.ts";
import type { Certificate } from "./certificate.ts";
import { type Finding, readKeyType, showSubject } from "./path-rules.ts";

/** A computation that waits for answers of signature verifiers that are not there at once. */
export type Search<T> = Generator<PromiseLike<boolean>, T, boolean>;

/** Runs `search` from `step` to its end; the result is a promise only when a verifier gives one. */
export function settle<T>(search: Search<T>, step: IteratorResult<PromiseLike<boolean>, T>): Awaitable<T> {
  if (step.done === true) return step.value;
  return step.value.then(
    (answer) => settle(search, search.next(answer)),
    (error: unknown) => settle(search, search.throw(error)),
  );
}

/** What a certificate and a revocation list have in common. */
export interface SignedObject {
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
}

/** Checks signatures for one path, each at most once, and charges a budget. */
export class SignatureChecks {
  readonly #verifiers: readonly SignatureVerifier[];
  readonly #budget: PathBudget;
  /** Keys as text, to look them up by. */
  readonly #keys = new Map<Certificate, string>();
  /** By what is signed, and the key. */
  readonly #outcomes = new Map<SignedObject, Map<string, Finding | null>>();

  /** @param verifiers schemes that may be used. */
  constructor(verifiers: readonly SignatureVerifier[], budget: PathBudget) {
    this.#verifiers = verifiers;
    this.#budget = budget;
  }

  /**
   * What is wrong with the signature of `signed`, which `issuer` should have made; null when it is genuine.
   * @throws {BudgetExhausted}
   */
  *findFault(signed: SignedObject, issuer: Certificate): Search<Finding | null> {
    const outcomes = this.#outcomes.get(signed) ?? new Map<string, Finding | null>();
    this.#outcomes.set(signed, outcomes);
    const key = this.#keys.get(issuer) ?? latin1(issuer.subjectPublicKeyInfo);
    this.#keys.set(issuer, key);
    const known = outcomes.get(key);
    if (known !== undefined) return known;
    const outcome = yield* this.#check(signed, issuer);
    outcomes.set(key, outcome);
    return outcome;
  }

  *#check({ tbs, signatureAlgorithm, signature }: SignedObject, issuer: Certificate): Search<Finding | null> {
    const keyType = readKeyType(issuer);
    if (typeof keyType !== "string") return keyType;
    const scheme = signatureSchemeOf(signatureAlgorithm, keyType);
    const verifier = this.#verifiers.find(
      ({ id, tls12KeyTypes }) => id === scheme && tls12KeyTypes.includes(keyType),
    );
    if (verifier === undefined)
      return { fault: "weak-algorithm", detail: "its signature is of an algorithm that is not accepted" };
    this.#budget.spendSignature(keyType, issuer.subjectPublicKeyInfo);
    try {
      const answer = verifier.verify(issuer.subjectPublicKeyInfo, tbs, signature);
      const isGenuine = typeof answer === "object" ? yield answer : answer;
      return isGenuine === true
        ? null
        : { fault: "bad-signature", detail: `the key of ${showSubject(issuer)} did not sign it` };
    } catch (error) {
      // Of a verifier, a TlsAlert says that it does not verify with such a key.
      if (!(error instanceof TlsAlert)) throw error;
      return { fault: "unsupported-key", detail: `the key of ${showSubject(issuer)}: ${error.message}` };
    }
  }
}
