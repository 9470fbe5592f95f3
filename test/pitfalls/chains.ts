import { constants, createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";

import { expect } from "vitest";

import {
  derBitString,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derSequence,
} from "../../src/der/writer.ts";
import { type ClientOptions, type Credential, type ServerOptions, webPki } from "../../src/index.ts";
import type { Conformance } from "../../src/x509/conformance.ts";
import { authority, CLIENT_AUTH, credentialOf, newKey, NOW_MS, root } from "../config/peers.ts";
import type { Forger } from "../support/forger.ts";
import {
  basicConstraints,
  extendedKeyUsage,
  issueAuthority,
  type Issued,
  issueLeaf,
  type IssueOptions,
  issueRoot,
  testKey,
  type TestKey,
} from "../x509/issuing.ts";
import { expectOpen, type Verdict } from "./pitfall.ts";

/** A chain of certificates that a peer shows, and what it is shown to. */
export interface ChainCase {
  readonly row: 36 | 38 | 39;
  /** What is special about the chain, to be read behind "a server's chain". */
  readonly what: string;
  /** Of the leaf. Default: {@link authority}, or whoever has its name and key. */
  readonly issuer?: Issued;
  /** Changes the leaf once it is issued. */
  readonly alterLeaf?: (leaf: Issued) => Issued;
  /** What the peer sends behind the leaf. Default: {@link authority}. */
  readonly behind?: readonly Uint8Array[];
  /** What the engine trusts. Default: {@link root}. */
  readonly anchor?: Issued;
  /** What the engine offers. Default: all that it has. */
  readonly signatureSchemes?: readonly string[];
  readonly conformance?: Conformance;
}

/** A chain that is refused. */
export interface BadChain extends ChainCase {
  readonly verdict: Verdict;
}

/** A chain that is taken. */
export interface GoodChain extends ChainCase {
  /** From the issuer of the leaf to the anchor. Default: {@link authority} and {@link root}. */
  readonly path?: readonly Issued[];
}

/** What an engine is made with, and what its forged peer shows it. */
interface ChainSetup<Options> {
  readonly config: Partial<Options>;
  readonly credential: Credential;
}

/** A client engine that trusts the anchor, and what its server shows. */
export function shownByServer(test: ChainCase): ChainSetup<ClientOptions> {
  const { trust, ...settings } = engineOf(test);
  return {
    config: { ...settings, serverName: "example.com", trust },
    credential: shownBy("server", test),
  };
}

/** A server engine that trusts the anchor, and what its client shows. */
export function shownByClient(test: ChainCase): ChainSetup<ServerOptions> {
  const { trust, ...settings } = engineOf(test);
  return {
    config: { ...settings, clientAuth: { mode: "require", trust } },
    credential: shownBy("client", test),
  };
}

function engineOf({ anchor = root, signatureSchemes, conformance = "web-pki" }: ChainCase) {
  return {
    now: () => NOW_MS,
    trust: webPki(anchor.der, { conformance }),
    ...(signatureSchemes !== undefined && { signatureSchemes }),
  };
}

const leafKey = newKey();

function shownBy(role: "server" | "client", test: ChainCase): Credential {
  const { issuer = authority, alterLeaf = (leaf) => leaf, behind = [authority.der] } = test;
  const options: Omit<IssueOptions, "issuer"> =
    role === "server"
      ? { key: leafKey }
      : { key: leafKey, subject: "alice", extensions: { extKeyUsage: extendedKeyUsage(CLIENT_AUTH) } };
  const own = credentialOf(alterLeaf(issueLeaf(issuer, options)));
  return { ...own, certificateChain: [...own.certificateChain, ...behind] };
}

/** The handshake is through; the engine has verified its peer by `path`, and reports all that was shown. */
export function expectPath(
  peer: Forger,
  { certificateChain: chain }: Credential,
  path: readonly Issued[] = [authority, root],
): void {
  expect(expectOpen(peer).peer).toEqual({
    kind: "verified",
    certificateType: "x509",
    chain,
    path: [chain[0], ...path.map(({ der }) => der)],
  });
}

/** The same certificate with another signature, or with another algorithm beside it; what is signed stays. */
export function rebuilt(
  { certificate }: Issued,
  changes: { readonly signatureAlgorithm?: Uint8Array; readonly signature?: Uint8Array } = {},
): Uint8Array {
  const { tbs, signatureAlgorithm, signature } = { ...certificate, ...changes };
  return derSequence(tbs, signatureAlgorithm, derBitString(signature));
}

/** An authority with the name and the key of {@link authority}, in whose place it can stand. */
export function otherAuthority(issuer: Issued, options: Omit<IssueOptions, "issuer" | "key"> = {}): Issued {
  return issueAuthority(issuer, { ...options, key: authority.key });
}

/** An authority that allows so many authorities below it, and others below it; `path` starts with the issuer of the leaf. */
export function limitedChain({ allowed, below }: { readonly allowed: number; readonly below: number }): {
  readonly issuer: Issued;
  readonly behind: readonly Uint8Array[];
  readonly path: readonly Issued[];
} {
  const limit = { basicConstraints: basicConstraints(true, allowed) };
  let issuer = otherAuthority(root, { extensions: limit });
  const path = [issuer, root];
  for (let depth = 1; depth <= below; depth++) {
    issuer = issueAuthority(issuer, { subject: `authority ${depth} below`, key: newKey() });
    path.unshift(issuer);
  }
  return { issuer, behind: path.slice(0, -1).map(({ der }) => der), path };
}

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });

function signerOf(
  { publicKey, privateKey }: { readonly publicKey: KeyObject; readonly privateKey: KeyObject },
  algorithm: Uint8Array,
  signWith: (message: Uint8Array, key: KeyObject) => Uint8Array,
): TestKey {
  const subjectPublicKeyInfo = new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
  return {
    subjectPublicKeyInfo,
    keyIdentifier: new Uint8Array(createHash("sha1").update(subjectPublicKeyInfo).digest()),
    algorithm,
    sign: (message) => new Uint8Array(signWith(message, privateKey)),
  };
}

/** One RSA key, whose signatures are of PKCS #1 with a hash. RFC 8017 §A.2.4. */
function pkcs1(hash: string, number: number): TestKey {
  const algorithm = derSequence(derObjectIdentifier(`1.2.840.113549.1.1.${number}`), derNull());
  return signerOf(rsa, algorithm, (message, key) => sign(hash, message, key));
}

/** The same RSA key, whose signatures are of RSASSA-PSS. RFC 4055 §3.1. */
function pss(hash: string, hashOid: string, saltLength: number): TestKey {
  const hashAlgorithm = derSequence(derObjectIdentifier(hashOid), derNull());
  const mgf1 = derSequence(derObjectIdentifier("1.2.840.113549.1.1.8"), hashAlgorithm);
  const parameters = derSequence(
    derExplicit(0, hashAlgorithm),
    derExplicit(1, mgf1),
    derExplicit(2, derInteger(saltLength)),
  );
  const algorithm = derSequence(derObjectIdentifier("1.2.840.113549.1.1.10"), parameters);
  return signerOf(rsa, algorithm, (message, key) =>
    sign(hash, message, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }),
  );
}

/** RSASSA-PSS as it is when no parameter says otherwise: with SHA-1. */
function pssOfDefaults(): TestKey {
  const algorithm = derSequence(derObjectIdentifier("1.2.840.113549.1.1.10"), derSequence());
  return signerOf(rsa, algorithm, (message, key) =>
    sign("sha1", message, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 20 }),
  );
}

/** One key on P-256, whose signatures are of ECDSA with a hash. RFC 5758 §3.2. */
function ecdsa(hash: string, oid: string): TestKey {
  return signerOf(p256, derSequence(derObjectIdentifier(oid)), (message, key) => sign(hash, message, key));
}

/** Ways to sign with the keys of {@link rsaRoot} and {@link ecdsaRoot}. */
export const signers = {
  pkcs1Md5: pkcs1("md5", 4),
  pkcs1Sha1: pkcs1("sha1", 5),
  pkcs1Sha224: pkcs1("sha224", 14),
  pkcs1Sha256: pkcs1("sha256", 11),
  pkcs1Sha384: pkcs1("sha384", 12),
  pkcs1Sha512: pkcs1("sha512", 13),
  pssSha1: pssOfDefaults(),
  pssSha256: pss("sha256", "2.16.840.1.101.3.4.2.1", 32),
  pssSha384: pss("sha384", "2.16.840.1.101.3.4.2.2", 48),
  pssSha512: pss("sha512", "2.16.840.1.101.3.4.2.3", 64),
  pssSha256ShortSalt: pss("sha256", "2.16.840.1.101.3.4.2.1", 20),
  ecdsaSha1: ecdsa("sha1", "1.2.840.10045.4.1"),
  ecdsaSha224: ecdsa("sha224", "1.2.840.10045.4.3.1"),
  ecdsaSha256: ecdsa("sha256", "1.2.840.10045.4.3.2"),
  ecdsaSha384: ecdsa("sha384", "1.2.840.10045.4.3.3"),
} as const;

/** Roots with keys that are not of Ed25519, as that of {@link root} is. */
export const rsaRoot: Issued = issueRoot({ key: signers.pkcs1Sha256 });
export const ecdsaRoot: Issued = issueRoot({ key: signers.ecdsaSha256 });
export const p384Root: Issued = issueRoot({ key: testKey("P-384") });
export const p521Root: Issued = issueRoot({ key: testKey("P-521") });
