import { concatBytes } from "../../src/bytes.ts";
import { derBitString, derInteger, derNull, derObjectIdentifier, derSequence } from "../../src/der/writer.ts";
import type { Credential } from "../../src/index.ts";
import { flipped } from "./edits.ts";
import {
  keyUsage,
  KeyUsageBit,
  leafCertificate,
  spkiOf,
  testCredential,
  testKey,
} from "./leaf-certificate.ts";

/** The certificate that most tests show. */
export const [goodLeaf = new Uint8Array()] = testCredential().certificateChain;

/** What is no certificate. */
export const garbageLeaves: readonly { readonly what: string; readonly certData: Uint8Array }[] = [
  { what: "one byte", certData: Uint8Array.of(0x30) },
  { what: "zeros", certData: new Uint8Array(200) },
  { what: "text", certData: Uint8Array.from("-----BEGIN CERTIFICATE-----", (c) => c.charCodeAt(0)) },
  { what: "an empty SEQUENCE", certData: derSequence() },
  { what: "a byte behind it", certData: concatBytes(goodLeaf, Uint8Array.of(0)) },
  { what: "a byte missing", certData: goodLeaf.subarray(0, -1) },
  { what: "half of it missing", certData: goodLeaf.subarray(0, goodLeaf.length / 2) },
  {
    what: "a keyUsage without a bit",
    certData: leafCertificate(spkiOf(testKey("ecdsa-p256")), { extensions: [keyUsage()] }),
  },
  {
    what: "an indefinite length",
    certData: concatBytes(Uint8Array.of(0x30, 0x80), goodLeaf, new Uint8Array(2)),
  },
];

/** Certificates with a key that nobody can use. */
export const unsupportedLeaves: readonly {
  readonly what: string;
  readonly oid: string;
  readonly certData: Uint8Array;
}[] = [
  { what: "Ed448", oid: "1.3.101.113", parameters: [] },
  { what: "DSA", oid: "1.2.840.10040.4.1", parameters: [derNull()] },
  { what: "secp256k1", oid: "1.2.840.10045.2.1", parameters: [derObjectIdentifier("1.3.132.0.10")] },
  { what: "a curve by its equation", oid: "1.2.840.10045.2.1", parameters: [derSequence(derInteger(1))] },
  { what: "a curve by nothing", oid: "1.2.840.10045.2.1", parameters: [] },
].map(({ what, oid, parameters }) => {
  const algorithm = derSequence(derObjectIdentifier(oid), ...parameters);
  const key = derBitString(new Uint8Array(57).fill(7));
  return { what, oid, certData: leafCertificate(derSequence(algorithm, key)) };
});

/** A certificate with a key that is no point on its curve. */
export const pointlessLeaf: Uint8Array = leafCertificate(flipped(spkiOf(testKey("ecdsa-p256"))));

const { digitalSignature, keyEncipherment, keyCertSign, decipherOnly } = KeyUsageBit;

/** Values of keyUsage that do not permit what a handshake needs. */
export const forbiddingKeyUsages = [
  { what: "keyEncipherment", bits: [keyEncipherment] },
  { what: "keyCertSign", bits: [keyCertSign] },
  { what: "decipherOnly", bits: [decipherOnly] },
] as const;

/** Credentials whose keyUsage permits signatures. */
export const permittingCredentials: readonly { readonly what: string; readonly own: Credential }[] = [
  {
    what: "digitalSignature",
    own: testCredential("ecdsa-p256", { extensions: [keyUsage(digitalSignature)] }),
  },
  {
    what: "digitalSignature and others",
    own: testCredential("ecdsa-p256", {
      extensions: [keyUsage(digitalSignature, keyEncipherment, decipherOnly)],
    }),
  },
  { what: "anything, as it is not there,", own: testCredential() },
];
