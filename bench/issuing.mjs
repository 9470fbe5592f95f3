// Certificates that conform to every profile, as far as they are not told otherwise.
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";

import { ascii } from "../dist/bytes.js";
import {
  derBitString,
  derBoolean,
  derElement,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSet,
  derUnsignedInteger,
} from "../dist/der/writer.js";
import { DerTag } from "../dist/der/tags.js";

/**
 * @typedef {object} Key
 * @property {Uint8Array} spki
 * @property {Uint8Array} algorithm the AlgorithmIdentifier of its signatures.
 * @property {(tbs: Uint8Array) => Uint8Array} sign
 *
 * @typedef {object} Issued
 * @property {Uint8Array} name
 * @property {Key} key
 * @property {Uint8Array} der
 */

/** When what {@link issue} makes is valid. */
export const NOW_MS = Date.UTC(2026, 5, 1);

const SIGNATURES = {
  "P-256": ["sha256", "1.2.840.10045.4.3.2"],
  "P-384": ["sha384", "1.2.840.10045.4.3.3"],
  "P-521": ["sha512", "1.2.840.10045.4.3.4"],
  Ed25519: [null, "1.3.101.112"],
  RSA: ["sha256", "1.2.840.113549.1.1.11"],
};

/** @param {"P-256" | "P-384" | "P-521" | "Ed25519" | `RSA-${number}`} kind @returns {Key} */
export function newKey(kind) {
  const [family, bits] = kind.startsWith("RSA") ? kind.split("-") : [kind];
  const [hash, oid] = SIGNATURES[family];
  const { publicKey, privateKey } = keyPair(family, Number(bits));
  return {
    spki: new Uint8Array(publicKey.export({ type: "spki", format: "der" })),
    algorithm: derSequence(derObjectIdentifier(oid), ...(family === "RSA" ? [derNull()] : [])),
    sign: (tbs) => new Uint8Array(sign(hash, tbs, privateKey)),
  };
}

function keyPair(family, modulusLength) {
  if (family === "RSA") return generateKeyPairSync("rsa", { modulusLength });
  return family === "Ed25519"
    ? generateKeyPairSync("ed25519")
    : generateKeyPairSync("ec", { namedCurve: family });
}

/** An RSA key with a modulus that is drawn, and the exponent that costs most; its signatures are none. @returns {Key} */
export function madeUpRsaKey(bits) {
  const modulus = new Uint8Array(randomBytes(bits / 8));
  modulus[0] = 0xff;
  modulus[modulus.length - 1] |= 1;
  const algorithm = derSequence(derObjectIdentifier("1.2.840.113549.1.1.1"), derNull());
  const key = derSequence(derUnsignedInteger(modulus), derInteger(0xffffffff));
  return {
    spki: derSequence(algorithm, derBitString(key)),
    algorithm: derSequence(derObjectIdentifier(SIGNATURES.RSA[1]), derNull()),
    sign: () => new Uint8Array(randomBytes(bits / 8)).fill(0, 0, 1),
  };
}

/** An attribute of names. */
export const COMMON_NAME = "2.5.4.3";

let serial = 1;

/**
 * A certificate: of an authority, or of the server `example.com`.
 *
 * @param {object} fields
 * @param {Issued} [fields.issuer] the certificate itself when it is left out.
 * @param {string} [fields.authority] the name of an authority; without it, the certificate is a server's.
 * @param {Uint8Array} [fields.subject] a DER Name in place of that.
 * @param {Key} fields.key
 * @param {readonly Uint8Array[]} [fields.names] GeneralNames beside `example.com`.
 * @param {readonly Uint8Array[]} [fields.extensions] more of them.
 * @returns {Issued}
 */
export function issue({ issuer, authority, subject, key, names = [], extensions = [] }) {
  const name = subject ?? nameOf([COMMON_NAME, authority ?? "example.com"]);
  const signer = issuer ?? { name, key };
  const isAuthority = authority !== undefined;
  const own = isAuthority
    ? [
        extension("2.5.29.19", derSequence(derBoolean(true)), true),
        extension("2.5.29.15", derBitString(Uint8Array.of(0x06), 1), true),
        extension("2.5.29.14", derOctetString(keyIdentifier(key))),
      ]
    : [
        extension("2.5.29.15", derBitString(Uint8Array.of(0x80), 7), true),
        extension("2.5.29.37", derSequence(derObjectIdentifier("1.3.6.1.5.5.7.3.1"))),
        extension("2.5.29.17", derSequence(dnsName("example.com"), ...names)),
      ];
  const authorityKeyIdentifier = derSequence(derElement(0x80, keyIdentifier(signer.key)));
  const tbs = derSequence(
    derExplicit(0, derInteger(2)),
    derInteger(serial++),
    signer.key.algorithm,
    signer.name,
    derSequence(...["26", "27"].map((year) => derElement(DerTag.UTCTime, ascii(`${year}0101000000Z`)))),
    name,
    key.spki,
    derExplicit(3, derSequence(...own, extension("2.5.29.35", authorityKeyIdentifier), ...extensions)),
  );
  const der = derSequence(tbs, signer.key.algorithm, derBitString(signer.key.sign(tbs)));
  return { name, key, der };
}

/** A DER Name of UTF8Strings, one in each of its sets. */
export function nameOf(...attributeList) {
  return derSequence(
    ...attributeList.map(([oid, value]) =>
      derSet(derSequence(derObjectIdentifier(oid), derElement(DerTag.UTF8String, bytesOf(value)))),
    ),
  );
}

/** With excluded subtrees alone; critical. */
export function nameConstraints(excluded) {
  const subtrees = derElement(0xa1, ...excluded.map((name) => derSequence(name)));
  return extension("2.5.29.30", derSequence(subtrees), true);
}

/** An Extension. */
export function extension(oid, value, critical = false) {
  return derSequence(
    derObjectIdentifier(oid),
    ...(critical ? [derBoolean(true)] : []),
    derOctetString(value),
  );
}

/** A GeneralName; as those below. */
export function dnsName(name) {
  return derElement(0x82, ascii(name));
}

export function mailbox(address) {
  return derElement(0x81, ascii(address));
}

export function directoryName(name) {
  return derElement(0xa4, name);
}

function keyIdentifier({ spki }) {
  return new Uint8Array(createHash("sha1").update(spki).digest());
}

function bytesOf(value) {
  return typeof value === "string" ? ascii(value) : value;
}
