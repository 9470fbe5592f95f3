import { authority, newKey, root, server, stranger } from "../config/peers.ts";
import { ALGORITHM } from "../x509/certificate-builder.ts";
import { issueAuthority, type Issued, issueRoot, keyUsage } from "../x509/issuing.ts";
import { unsupportedLeaves } from "./bad-certificates.ts";
import { garbage } from "./bad-chains.ts";
import {
  ecdsaRoot,
  type GoodChain,
  limitedChain,
  otherAuthority,
  p384Root,
  p521Root,
  rebuilt,
  rsaRoot,
  signers,
} from "./chains.ts";
import { flipped } from "./edits.ts";

/** A good intermediate below another root. */
function below(anchor: Issued, options: Parameters<typeof otherAuthority>[1] = {}) {
  const intermediate = otherAuthority(anchor, options);
  return { behind: [intermediate.der], anchor, path: [intermediate, anchor] };
}

/** Behind something that is to be passed over. */
function authorityBehind(...ders: readonly Uint8Array[]): { readonly behind: readonly Uint8Array[] } {
  return { behind: [...ders, authority.der] };
}

/** Row 36: what is like the bad signatures and algorithms, and is not bad. */
const signatures: readonly GoodChain[] = [
  ...(
    [
      ["Ed25519", root, root.key],
      ["PKCS #1 and SHA-256", rsaRoot, signers.pkcs1Sha256],
      ["PKCS #1 and SHA-384", rsaRoot, signers.pkcs1Sha384],
      ["PKCS #1 and SHA-512", rsaRoot, signers.pkcs1Sha512],
      ["RSASSA-PSS and SHA-256", rsaRoot, signers.pssSha256],
      ["RSASSA-PSS and SHA-384", rsaRoot, signers.pssSha384],
      ["RSASSA-PSS and SHA-512", rsaRoot, signers.pssSha512],
      ["ECDSA on P-256 and SHA-256", ecdsaRoot, signers.ecdsaSha256],
      ["ECDSA on P-256 and SHA-384", ecdsaRoot, signers.ecdsaSha384],
      ["ECDSA on P-384", p384Root, p384Root.key],
      ["ECDSA on P-521", p521Root, p521Root.key],
    ] as const
  ).map(([algorithm, anchor, signer]): GoodChain => ({
    row: 36,
    what: `whose intermediate is signed with ${algorithm}`,
    ...below(anchor, { signer }),
  })),
  {
    row: 36,
    what: "whose intermediate is signed with the one algorithm that the engine offers",
    signatureSchemes: ["ed25519"],
  },
  {
    row: 36,
    what: "whose intermediate was put together anew",
    behind: [rebuilt(authority)],
  },
  {
    row: 36,
    what: "whose anchor has signed itself with SHA-1",
    ...below(issueRoot({ key: signers.pkcs1Sha1 }), { signer: signers.pkcs1Sha256 }),
  },
  {
    row: 36,
    what: "with an intermediate that does not verify, and a good one",
    ...authorityBehind(rebuilt(authority, { signature: flipped(authority.certificate.signature) })),
  },
  {
    row: 36,
    what: "with an intermediate of another key under the same name, and a good one",
    ...authorityBehind(issueAuthority(root, { key: newKey() }).der),
  },
  {
    row: 36,
    what: "with an intermediate that has two algorithms, and a good one",
    ...authorityBehind(rebuilt(authority, { signatureAlgorithm: ALGORITHM })),
  },
  {
    row: 36,
    what: "with an intermediate that is signed with SHA-1, and a good one",
    ...goodBehind(rsaRoot, otherAuthority(rsaRoot, { signer: signers.pkcs1Sha1 })),
  },
];

function goodBehind(anchor: Issued, bad: Issued) {
  const { behind, ...rest } = below(anchor);
  return { ...rest, behind: [bad.der, ...behind] };
}

/** Row 38: garbage that the path does not need. */
const unreadable: readonly GoodChain[] = [
  ...garbage.flatMap(({ what, der }): readonly GoodChain[] => [
    { row: 38, what: `with garbage (${what}) in front of the intermediate`, behind: [der, authority.der] },
    { row: 38, what: `with garbage (${what}) behind the intermediate`, behind: [authority.der, der] },
  ]),
  {
    row: 38,
    what: "with all sorts of garbage around the intermediate",
    behind: [
      ...garbage.slice(0, 7).map(({ der }) => der),
      authority.der,
      ...garbage.slice(7, 14).map(({ der }) => der),
    ],
  },
  {
    row: 38,
    what: "with garbage and no intermediate, which it does not need,",
    issuer: root,
    behind: garbage.map(({ der }) => der),
    path: [root],
  },
  ...unsupportedLeaves.map(({ what, certData }): GoodChain => ({
    row: 38,
    what: `with a certificate of a key of ${what}`,
    behind: [certData, authority.der, certData],
  })),
  {
    row: 38,
    what: "with certificates that have nothing to do with it",
    behind: [stranger.der, server.der, root.der, authority.der, authority.der],
  },
];

/** Row 39: authorities that may sign certificates, and paths of just the length that is allowed. */
const usages: readonly GoodChain[] = [
  ...(
    [
      ["keyCertSign alone", ["keyCertSign"]],
      ["keyCertSign and others", ["digitalSignature", "keyCertSign", "cRLSign"]],
    ] as const
  ).map(([what, usages]): GoodChain => ({
    row: 39,
    what: `whose intermediate has a keyUsage of ${what}`,
    ...below(root, { extensions: { keyUsage: keyUsage(...usages) } }),
  })),
  {
    row: 39,
    what: "whose intermediate has no keyUsage, by an engine that asks for no form,",
    ...below(root, { extensions: { keyUsage: null } }),
    conformance: "none",
  },
  {
    row: 39,
    what: "whose intermediate must not sign certificates, and a copy of it may,",
    ...authorityBehind(otherAuthority(root, { extensions: { keyUsage: keyUsage("digitalSignature") } }).der),
  },
  ...[0, 1, 3].map((allowed): GoodChain => ({
    row: 39,
    what: `with ${allowed} intermediates below one that allows ${allowed}`,
    ...limitedChain({ allowed, below: allowed }),
  })),
];

/** All that engines of either role take, in both versions. */
export const goodChains: readonly GoodChain[] = [...signatures, ...unreadable, ...usages];
