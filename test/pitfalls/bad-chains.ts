import { concatBytes } from "../../src/bytes.ts";
import { derSequence } from "../../src/der/writer.ts";
import { decodeCertificate } from "../../src/x509/certificate.ts";
import { authority, newKey, root, server } from "../config/peers.ts";
import { basicConstraints, issueAuthority, issueRoot, keyUsage } from "../x509/issuing.ts";
import { badSignatures, unknownIssuer } from "./bad-chain-signatures.ts";
import { garbageLeaves, unsupportedLeaves } from "./bad-certificates.ts";
import { type BadChain, limitedChain, otherAuthority } from "./chains.ts";
import { flipped } from "./edits.ts";
import type { Verdict } from "./pitfall.ts";

/** Certificates that cannot be read: what is garbage anywhere, and the one that is needed with something wrong. */
export const garbage: readonly { readonly what: string; readonly der: Uint8Array }[] = [
  ...garbageLeaves.map(({ what, certData }) => ({ what, der: certData })),
  { what: "the authority with a byte behind it", der: concatBytes(authority.der, Uint8Array.of(0)) },
  { what: "the authority with a byte missing", der: authority.der.subarray(0, -1) },
  { what: "half of the authority", der: authority.der.subarray(0, authority.der.length / 2) },
  { what: "the authority in a SEQUENCE", der: derSequence(authority.der) },
  { what: "the authority with another tag", der: flipped(authority.der, 0) },
];

/** Row 38: garbage where a certificate is needed. */
const unreadable: readonly BadChain[] = [
  { row: 38, what: "of a leaf alone", behind: [], verdict: unknownIssuer },
  ...garbage.map(({ what, der }): BadChain => ({
    row: 38,
    what: `with garbage (${what}) in place of the intermediate`,
    behind: [der],
    verdict: unknownIssuer,
  })),
  {
    row: 38,
    what: "with all sorts of garbage in place of the intermediate",
    behind: garbage.map(({ der }) => der),
    verdict: unknownIssuer,
  },
  ...unsupportedLeaves.map(({ what, certData }): BadChain => {
    const { subjectPublicKeyInfo } = decodeCertificate(certData);
    const key = { ...newKey(), subjectPublicKeyInfo };
    return {
      row: 38,
      what: `with a key of ${what} in its intermediate`,
      behind: [issueAuthority(root, { key }).der],
      verdict: {
        alert: "unsupported_certificate",
        says: /unsupported-key: CN=authority, .*(is not supported|is not given by its name|has no parameters)$/,
      },
    };
  }),
];

/** Row 39: intermediates that are no authorities, or not for that much. */
const usages: readonly BadChain[] = [
  ...(
    [
      ["digitalSignature", ["digitalSignature"]],
      ["keyEncipherment", ["keyEncipherment"]],
      ["cRLSign", ["cRLSign"]],
      ["all but keyCertSign", ["digitalSignature", "keyEncipherment", "cRLSign"]],
    ] as const
  ).map(([what, usages]): BadChain => ({
    row: 39,
    what: `whose intermediate has a keyUsage of ${what}`,
    behind: [otherAuthority(root, { extensions: { keyUsage: keyUsage(...usages) } }).der],
    verdict: notAnAuthority("keyUsage does not permit to sign certificates"),
  })),
  {
    row: 39,
    what: "whose intermediate has no keyUsage",
    behind: [otherAuthority(root, { extensions: { keyUsage: null } }).der],
    verdict: {
      alert: "bad_certificate",
      says: /nonconforming: CN=authority, an authority has no keyUsage \(RFC 5280 §4\.2\.1\.3\)$/,
    },
  },
  ...(
    [
      ["no basicConstraints", null],
      ["a basicConstraints that says nothing", basicConstraints(false)],
    ] as const
  ).map(([what, value]): BadChain => ({
    row: 39,
    what: `whose intermediate has ${what}`,
    behind: [otherAuthority(root, { extensions: { basicConstraints: value } }).der],
    verdict: notAnAuthority("basicConstraints does not say that it is an authority"),
  })),
  {
    row: 39,
    what: "whose intermediate is of version 1",
    behind: [
      otherAuthority(root, {
        extensions: {
          authorityKeyIdentifier: null,
          basicConstraints: null,
          keyUsage: null,
          subjectKeyIdentifier: null,
        },
        fields: { version: new Uint8Array() },
      }).der,
    ],
    verdict: notAnAuthority("basicConstraints does not say that it is an authority"),
  },
  {
    row: 39,
    what: "whose intermediate is a server",
    issuer: server,
    behind: [server.der, authority.der],
    verdict: {
      alert: "bad_certificate",
      says: /not-an-authority: CN=example\.com, basicConstraints does not say that it is an authority$/,
    },
  },
  {
    row: 39,
    what: "with an intermediate too many for its anchor",
    anchor: issueRoot({ key: root.key, extensions: { basicConstraints: basicConstraints(true, 0) } }),
    verdict: tooLong("root", 0, 1),
  },
  {
    row: 39,
    what: "with an intermediate too many for another one",
    ...limitedChain({ allowed: 0, below: 1 }),
    verdict: tooLong("authority", 0, 1),
  },
  {
    row: 39,
    what: "with two intermediates too many for another one",
    ...limitedChain({ allowed: 1, below: 3 }),
    verdict: tooLong("authority", 1, 3),
  },
];

function notAnAuthority(fact: string): Verdict {
  return {
    alert: "bad_certificate",
    says: `certificate was rejected: not-an-authority: CN=authority, ${fact}`,
  };
}

function tooLong(name: string, allowed: number, below: number): Verdict {
  return {
    alert: "bad_certificate",
    says: `certificate was rejected: path-too-long: CN=${name}, ${below} authorities are below it, and it allows ${allowed}`,
  };
}

/** All that engines of either role refuse, in both versions. */
export const badChains: readonly BadChain[] = [...badSignatures, ...unreadable, ...usages];
