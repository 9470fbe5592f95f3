import { equalBytes, latin1 } from "../bytes.ts";
import type { Awaitable } from "../awaitable.ts";
import type { SignatureVerifier } from "../crypto/provider.ts";
import { BudgetExhausted, PathBudget, type PathLimits } from "./budget.ts";
import { CertificateError, type CertificateFault } from "./certificate-error.ts";
import type { Certificate } from "./certificate.ts";
import { showName } from "./distinguished-name.ts";
import { NameConstraintChecks } from "./name-constraints.ts";
import {
  type Finding,
  findAuthorityFault,
  findLeafFault,
  type RuleContext,
  showSubject,
} from "./path-rules.ts";
import { findRevocation, type RevocationLists } from "./revocation-lists.ts";
import { type Search, settle, SignatureChecks } from "./signature-checks.ts";
import type { TrustAnchors } from "./trust-anchors.ts";

/** What is asked about a certificate. */
export interface PathQuestion extends RuleContext {
  readonly leaf: Certificate;
  /** Certificates that may be issuers, in any order, of any worth. */
  readonly others: readonly Certificate[];
  readonly anchors: TrustAnchors;
  /** Schemes that a certificate may be signed with. */
  readonly verifiers: readonly SignatureVerifier[];
  readonly limits: PathLimits;
  /** Default: none. */
  readonly revocationLists?: RevocationLists;
  /** What the peer presented, for {@link CertificateError.chain}. */
  readonly chain?: readonly Uint8Array[];
}

/**
 * Looks for a path from a leaf to an anchor. RFC 5280 §6, from the leaf up: candidates are tried in the order of their promise, and a way
 * that ends is left again. All that costs little is checked before a signature is, and nothing is checked twice.
 *
 * @returns the path, the leaf first and the anchor last; a promise only when a verifier gives one.
 * @throws {CertificateError} saying what is wrong with which certificate, also as a rejection. What else a verifier throws is passed on.
 */
export function findPath(question: PathQuestion): Awaitable<readonly Certificate[]> {
  const search = new PathSearch(question).search();
  return settle(search, search.next());
}

/** A certificate with its place in the graph. Names and keys are text here, which is quick to compare and to look up. */
class Vertex {
  readonly certificate: Certificate;
  readonly role: "leaf" | "intermediate" | "anchor";
  readonly subject: string;
  readonly issuer: string;
  readonly key: string;
  /** What keeps it from being an authority in any path; {@link NO_FAULT} for nothing, undefined before anybody has asked. */
  authorityFault: Finding | undefined;

  constructor(certificate: Certificate, role: Vertex["role"]) {
    this.certificate = certificate;
    this.role = role;
    this.subject = latin1(certificate.subject);
    this.issuer = latin1(certificate.issuer);
    this.key = latin1(certificate.subjectPublicKeyInfo);
  }

  /** RFC 5280 §6.1: an authority's certificate for itself, as when it changes its key. */
  get isSelfIssued(): boolean {
    return this.subject === this.issuer;
  }

  isSameEntityAs({ subject, key }: Vertex): boolean {
    return this.subject === subject && this.key === key;
  }
}

class PathSearch {
  readonly #question: PathQuestion;
  readonly #budget: PathBudget;
  readonly #signatures: SignatureChecks;
  readonly #names: NameConstraintChecks;
  readonly #others = new Map<string, Vertex[]>();
  readonly #anchors = new Map<string, readonly Vertex[]>();
  readonly #issuers = new Map<Vertex, readonly Vertex[]>();
  /** What stood in the way; of several, the first that says most. */
  #obstacle: CertificateError | undefined;

  constructor(question: PathQuestion) {
    this.#question = { ...question, nowSeconds: Math.floor(question.nowSeconds) };
    this.#budget = new PathBudget(question.limits);
    this.#signatures = new SignatureChecks(question.verifiers, this.#budget);
    this.#names = new NameConstraintChecks(this.#budget);
    for (const other of question.others) this.#addOther(new Vertex(other, "intermediate"));
  }

  *search(): Search<readonly Certificate[]> {
    const leaf = new Vertex(this.#question.leaf, "leaf");
    const finding = findLeafFault(leaf.certificate, this.#question);
    if (finding !== undefined) throw this.#error(leaf, finding);
    try {
      const path = yield* this.#extend(leaf, [leaf]);
      if (path !== undefined) return path.map(({ certificate }) => certificate);
    } catch (error) {
      if (!(error instanceof BudgetExhausted)) throw error;
      throw this.#error(leaf, { fault: "too-costly", detail: error.message });
    }
    throw (
      this.#obstacle ?? this.#error(leaf, { fault: "unknown-issuer", detail: "no issuer leads to an anchor" })
    );
  }

  /** Goes from `child`, the last of `path`, to its issuers; undefined when none of them leads to an anchor. */
  *#extend(child: Vertex, path: readonly Vertex[]): Search<readonly Vertex[] | undefined> {
    const issuers = this.#issuersOf(child);
    let isDeadEnd = true;
    for (const issuer of issuers) {
      this.#budget.spendCandidate();
      // A path does not go through the same name and key twice.
      if (path.some((vertex) => vertex.isSameEntityAs(issuer))) continue;
      isDeadEnd = false;
      if (this.#isBarred(issuer, path)) continue;
      const fault = yield* this.#signatures.findFault(child.certificate, issuer.certificate);
      if (fault !== null) {
        this.#meet(child, fault);
        continue;
      }
      const longer = [...path, issuer];
      if (issuer.role === "intermediate") {
        const found = yield* this.#extend(issuer, longer);
        if (found !== undefined) return found;
      } else if (!(yield* this.#isRevoked(longer))) {
        return longer;
      }
    }
    if (isDeadEnd) this.#meet(child, unknownIssuer(child, issuers.length === 0));
    return undefined;
  }

  /** Anchors first; of either kind those first whose key identifier is the one that the child names. */
  #issuersOf(child: Vertex): readonly Vertex[] {
    const known = this.#issuers.get(child);
    if (known !== undefined) return known;
    const wanted = child.certificate.extensions.authorityKeyIdentifier?.keyIdentifier;
    const rank = ({ certificate: { extensions } }: Vertex): number => {
      const identifier = extensions.subjectKeyIdentifier;
      if (wanted === undefined || identifier === undefined) return 1;
      return equalBytes(identifier, wanted) ? 0 : 2;
    };
    const anchors = this.#anchorsNamed(child);
    // A copy of an anchor that the peer sends along leads nowhere that the anchor does not.
    const others = (this.#others.get(child.issuer) ?? []).filter(
      (other) => !(other.isSelfIssued && anchors.some((anchor) => anchor.isSameEntityAs(other))),
    );
    const issuers = [anchors, others].flatMap((group) => group.toSorted((a, b) => rank(a) - rank(b)));
    this.#issuers.set(child, issuers);
    return issuers;
  }

  #anchorsNamed(child: Vertex): readonly Vertex[] {
    const known = this.#anchors.get(child.issuer);
    if (known !== undefined) return known;
    const anchors = this.#question.anchors
      .named(child.certificate.issuer)
      .map((anchor) => new Vertex(anchor, "anchor"));
    this.#anchors.set(child.issuer, anchors);
    return anchors;
  }

  #addOther(other: Vertex): void {
    const known = this.#others.get(other.subject);
    if (known === undefined) this.#others.set(other.subject, [other]);
    else if (!known.some(({ certificate }) => equalBytes(certificate.der, other.certificate.der)))
      known.push(other);
  }

  /** Whether `issuer` must not be above `path`, as far as that can be told without a signature check. */
  #isBarred(issuer: Vertex, path: readonly Vertex[]): boolean {
    const { certificate } = issuer;
    const role = issuer.role === "anchor" ? "anchor" : "intermediate";
    issuer.authorityFault ??= findAuthorityFault(certificate, role, this.#question) ?? NO_FAULT;
    if (issuer.authorityFault !== NO_FAULT) return this.#meet(issuer, issuer.authorityFault);
    const tooLong = this.#lengthFault(issuer, path);
    if (tooLong !== undefined) return this.#meet(issuer, tooLong);
    const { nameConstraints } = certificate.extensions;
    if (nameConstraints === undefined) return false;
    return path.some((vertex, index) => {
      // RFC 5280 §4.2.1.10: not for self-issued certificates, unless it is the leaf.
      if (index > 0 && vertex.isSelfIssued) return false;
      const violation = this.#names.findViolation(nameConstraints, vertex.certificate);
      if (violation === null) return false;
      const detail = `${violation} by ${showSubject(certificate)}`;
      return this.#meet(vertex, { fault: "name-constraints", detail });
    });
  }

  /** RFC 5280 §6.1.4 (l), (m): certificates that authorities issue for themselves do not count. */
  #lengthFault(issuer: Vertex, path: readonly Vertex[]): Finding | undefined {
    const selfIssued = path.filter((vertex, index) => index > 0 && vertex.isSelfIssued).length;
    const below = path.length - 1 - selfIssued;
    const allowed = issuer.certificate.extensions.basicConstraints?.pathLength ?? Infinity;
    if (below > allowed)
      return {
        fault: "path-too-long",
        detail: `${below} authorities are below it, and it allows ${allowed}`,
      };
    const { depth } = this.#question.limits;
    if (issuer.role === "anchor" || (issuer.isSelfIssued ? selfIssued : below) < depth) return undefined;
    return { fault: "path-too-long", detail: `there are more than ${depth} authorities below an anchor` };
  }

  *#isRevoked(path: readonly Vertex[]): Search<boolean> {
    const { revocationLists, nowSeconds } = this.#question;
    if (revocationLists === undefined) return false;
    for (const [index, child] of path.entries()) {
      const issuer = path[index + 1];
      if (issuer === undefined) continue;
      const fault = yield* findRevocation(
        child.certificate,
        issuer.certificate,
        revocationLists,
        nowSeconds,
        this.#signatures,
      );
      if (fault !== undefined) return this.#meet(child, fault);
    }
    return false;
  }

  /** Notes what stands in the way. @returns true, that something does. */
  #meet(vertex: Vertex, finding: Finding): true {
    if (this.#obstacle === undefined || weightOf(finding.fault) > weightOf(this.#obstacle.fault))
      this.#obstacle = this.#error(vertex, finding);
    return true;
  }

  #error({ certificate }: Vertex, { fault, detail }: Finding): CertificateError {
    return new CertificateError(fault, showSubject(certificate), detail, this.#question.chain);
  }
}

/** Stands for having looked. */
const NO_FAULT: Finding = { fault: "malformed", detail: "" };

/** How much a fault says of why there is no path. That a key did not sign says least: there may be several of one name. */
function weightOf(fault: CertificateFault): number {
  if (fault === "bad-signature") return 0;
  return fault === "unknown-issuer" ? 1 : 2;
}

function unknownIssuer({ isSelfIssued, certificate }: Vertex, hasNone: boolean): Finding {
  const issuer = showName(certificate.issuer);
  if (isSelfIssued) return { fault: "unknown-issuer", detail: "it is self-signed, and no anchor" };
  const detail = hasNone ? `its issuer ${issuer} is not known` : `its issuer ${issuer} leads back to it`;
  return { fault: "unknown-issuer", detail };
}
