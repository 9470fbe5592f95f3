import { hex } from "../../src/bytes.ts";
import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import type { SignatureVerifier } from "../../src/crypto/provider.ts";
import type { PathQuestion } from "../../src/x509/path.ts";
import {
  issueAuthority,
  type Issued,
  issueLeaf,
  type IssueOptions,
  issueRoot,
  questionAbout,
} from "./issuing.ts";

/** Purposes of extendedKeyUsage. */
export const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
export const ANY_USAGE = "2.5.29.37.0";

/** A root, an authority below it, and a leaf below that. */
export const root = issueRoot();
export const authority = issueAuthority(root);
export const leaf = issueLeaf(authority);

/** What is to be different in the three certificates. */
export interface ChainChanges {
  readonly root?: IssueOptions;
  readonly authority?: IssueOptions;
  readonly leaf?: IssueOptions;
}

/** Three certificates with the same keys as {@link root}, {@link authority} and {@link leaf}. */
export function chainOf(changes: ChainChanges): {
  readonly root: Issued;
  readonly authority: Issued;
  readonly leaf: Issued;
} {
  const top = issueRoot({ key: root.key, ...changes.root });
  const middle = issueAuthority(top, { key: authority.key, ...changes.authority });
  return { root: top, authority: middle, leaf: issueLeaf(middle, { key: leaf.key, ...changes.leaf }) };
}

/** The question whether such a leaf has a path. */
export function questionOf(changes: ChainChanges, question: Partial<PathQuestion> = {}): PathQuestion {
  const chain = chainOf(changes);
  return questionAbout(chain.leaf, [chain.root], [chain.authority], question);
}

/** Options that change extensions alone. */
export const extensions = (list: IssueOptions["extensions"]): IssueOptions =>
  list === undefined ? {} : { extensions: list };

/** Verifiers that note whose keys are asked about. */
export function counting(): { readonly verifiers: readonly SignatureVerifier[]; readonly keys: string[] } {
  const keys: string[] = [];
  const verifiers = nobleSignatureVerifiers.map((verifier) => ({
    ...verifier,
    verify: (key: Uint8Array, message: Uint8Array, signature: Uint8Array) => {
      keys.push(hex(key));
      return verifier.verify(key, message, signature);
    },
  }));
  return { verifiers, keys };
}
