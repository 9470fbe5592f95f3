/**
 * Making certificates, for development, tests and proxies: an authority of one's own, what it issues, and certification requests. It needs
 * the package `@peculiar/x509` (a peer dependency, which comes with types that need those of the DOM), and a runtime with WebCrypto:
 * Node, or a browser. Nothing in the rest of the library needs it.
 *
 * What is made has the form that RFC 5280 and the Baseline Requirements of the CA/Browser Forum ask for. The keys are made by WebCrypto, and are
 * in memory, and in PEM without a password: an authority of this kind is none that strangers should trust.
 *
 * No polyfill of `Reflect` metadata need be there: one that `@peculiar/x509` asks for is lent to it while it is imported. A program that has
 * decorators of its own imports its polyfill first, as it would without this module; and so does one whose bundler puts packages into
 * chunks of their own, which run before what would lend it.
 */
export { type Authority, type AuthorityOptions, createAuthority } from "./minting/authority.ts";
export { issue, type IssueOptions, mintLike, type MintOptions } from "./minting/issue.ts";
export type { NewKeyType } from "./minting/key-pair.ts";
export type { LeafOptions } from "./minting/leaf.ts";
export type { MintedCredential } from "./minting/minted-credential.ts";
export type { CertificateUsage } from "./minting/names.ts";
export {
  type CertificateRequest,
  createRequest,
  type GrantOptions,
  type IssuedCertificate,
  issueFromRequest,
  type RequestOptions,
} from "./minting/request.ts";
export { toPeculiar } from "./minting/to-peculiar.ts";
