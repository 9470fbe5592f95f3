import { readdirSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { nobleSignatureVerifiers } from "../../src/crypto/noble.ts";
import type { KeyType } from "../../src/crypto/provider.ts";
import { parsePublicKey } from "../../src/crypto/public-key.ts";
import { bitLength } from "../../src/der/integers.ts";
import { DerError, readDer } from "../../src/der/reader.ts";
import { DerTag } from "../../src/der/tags.ts";
import {
  derBitString,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derSequence,
} from "../../src/der/writer.ts";
import { codepointName, SignatureScheme } from "../../src/messages/codepoints.ts";
import { signatureSchemeOf } from "../../src/x509/algorithms.ts";
import { decodeCertificate } from "../../src/x509/certificate.ts";
import { keyTypeOf } from "../../src/x509/key-type.ts";
import { webpki } from "./corpora.ts";
import { algorithmCases, keyCases, signatureFile, signedDataCases } from "./rustls-webpki-signed-data.ts";
import { readWebpki, readWebpkiPem } from "./rustls-webpki.ts";
import { findSignatureFault, type SignedBytes } from "./signed-object.ts";

const skip = webpki.missing !== undefined;
const KEY_TYPES: readonly KeyType[] = ["rsa", "rsa-pss", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519"];

describe.skipIf(skip)(`signed data of Chromium ${webpki.missing ?? ""}`, () => {
  test.each(signedDataCases)("$file: $fault", ({ file, scheme, fault, detail }) => {
    const signed = readSignedData(file);
    expect(schemeOf(signed.algorithm)).toBe(scheme);
    const finding = faultOf(signed);
    expect(finding?.fault ?? null).toBe(fault);
    if (fault === null) return;
    expect(detail?.length).toBeGreaterThan(8);
    expect(finding?.detail).toContain(detail);
  });

  test("what is answered otherwise than by Chromium or webpki has a reason", () => {
    for (const { file, chromium, webpki: verdict, fault, reason } of signedDataCases) {
      const ours = fault === null ? "accepts" : "refuses";
      expect(reason === undefined, file).toBe(chromium === ours && verdict === ours);
    }
  });

  test("3 of 31 are genuine, and nothing is that Chromium refuses", () => {
    const genuine = signedDataCases.filter(({ fault }) => fault === null);
    expect(genuine).toHaveLength(3);
    for (const { file, chromium } of genuine) expect(chromium, file).toBe("accepts");
    const files = readdirSync(join(webpki.path, "chromium-verify_signed_data"));
    const expected = files.filter((name) => name.endsWith(".pem")).sort();
    expect(signedDataCases.map(({ file }) => file).toSorted()).toEqual(expected);
    expect(expected).toHaveLength(31);
  });

  test("no genuine one is, once a bit of it is another", () => {
    for (const { file } of signedDataCases.filter(({ fault }) => fault === null)) {
      const signed = readSignedData(file);
      expect(faultOf({ ...signed, message: flipped(signed.message) })?.fault, file).toBe("bad-signature");
      expect(faultOf({ ...signed, signature: flipped(signed.signature) })?.fault, file).toBe("bad-signature");
    }
  });
});

describe.skipIf(skip)(`signatures of rustls-webpki's tests ${webpki.missing ?? ""}`, () => {
  test.each(algorithmCases)("$file is an algorithm that is refused", ({ file, block, chromium }) => {
    const algorithm = derSequence(readWebpki(`tests/signatures/${file}`));
    const quoted = readWebpkiPem(`chromium-verify_signed_data/${chromium}`).get(block) ?? new Uint8Array();
    const found = block === "ALGORITHM" ? quoted : keyAlgorithm(quoted);
    expect(hex(found)).toBe(hex(algorithm));
    expect(schemeOf(algorithm)).toBeNull();
    const { fault } = signedDataCases.find((other) => other.file === chromium) ?? {};
    expect(fault).toBe("unsupported-key");
  });

  test.each(keyCases)("the certificate with $name has that key", ({ name, keyType, bits }) => {
    const { subjectPublicKeyInfo } = decodeCertificate(readWebpki(`tests/signatures/${name}.ee.der`));
    expect(hex(subjectPublicKeyInfo)).toBe(hex(readWebpki(`tests/signatures/${name}.spki.der`)));
    const key = parsePublicKey(subjectPublicKeyInfo);
    expect(key.keyType).toBe(keyType);
    expect("modulus" in key ? bitLength(key.modulus) : undefined).toBe(bits);
  });

  const signatures = keyCases.flatMap(({ name, hashes }) => hashes.map((hash) => ({ name, hash })));

  test.each(signatures)(
    "$name with SHA-$hash: the good one is genuine, the bad one is not",
    ({ name, hash }) => {
      const algorithm = ALGORITHMS[`ecdsa_sha${hash}`] ?? new Uint8Array();
      expect(faultOf(signedMessage(name, algorithm, hash, "good"))).toBeNull();
      expect(faultOf(signedMessage(name, algorithm, hash, "bad"))?.fault).toBe("bad-signature");
      for (const [other, identifier] of Object.entries(ALGORITHMS)) {
        if (other === `ecdsa_sha${hash}`) continue;
        const expected = other.startsWith("ecdsa") ? "bad-signature" : "weak-algorithm";
        expect(faultOf(signedMessage(name, identifier, hash, "good"))?.fault, other).toBe(expected);
      }
    },
  );

  test.each(keyCases)("$name does nothing with the algorithms of other keys", ({ name, keyType }) => {
    const subjectPublicKeyInfo = readWebpki(`tests/signatures/${name}.spki.der`);
    const nothing = { message: new Uint8Array(), signature: derBitString(new Uint8Array()) };
    const kind = keyType === "rsa" ? "rsa" : "ecdsa";
    for (const [other, algorithm] of Object.entries(ALGORITHMS)) {
      const expected = other.startsWith(kind) ? "bad-signature" : "weak-algorithm";
      expect(faultOf({ ...nothing, algorithm, subjectPublicKeyInfo })?.fault, other).toBe(expected);
    }
  });

  test("a key of Ed25519 is that of its certificate, and a certificate is no key", () => {
    const certificate = readWebpki("tests/ed25519/ee.der");
    const key = readWebpki("tests/ed25519/ee-pubkey.der");
    expect(hex(decodeCertificate(certificate).subjectPublicKeyInfo)).toBe(hex(key));
    expect(keyTypeOf(key)).toBe("ed25519");
    expect(() => keyTypeOf(certificate)).toThrow(DerError);
  });
});

const SHA2 = { 256: 1, 384: 2, 512: 3 } as const;

/** The algorithms that certificates may be signed with. */
const ALGORITHMS: Readonly<Record<string, Uint8Array>> = Object.fromEntries([
  ["ed25519", derSequence(derObjectIdentifier("1.3.101.112"))],
  ...([256, 384, 512] as const).flatMap((bits) => {
    const arc = SHA2[bits];
    const hash = derSequence(derObjectIdentifier(`2.16.840.1.101.3.4.2.${arc}`), derNull());
    const mask = derSequence(derObjectIdentifier("1.2.840.113549.1.1.8"), hash);
    const pss = derSequence(derExplicit(0, hash), derExplicit(1, mask), derExplicit(2, derInteger(bits / 8)));
    return [
      [`ecdsa_sha${bits}`, derSequence(derObjectIdentifier(`1.2.840.10045.4.3.${1 + arc}`))],
      [`rsa_pkcs1_sha${bits}`, derSequence(derObjectIdentifier(`1.2.840.113549.1.1.${10 + arc}`), derNull())],
      [`rsa_pss_sha${bits}`, derSequence(derObjectIdentifier("1.2.840.113549.1.1.10"), pss)],
    ];
  }),
]);

function readSignedData(file: string): SignedBytes {
  const blocks = readWebpkiPem(`chromium-verify_signed_data/${file}`);
  const block = (label: string): Uint8Array => {
    const bytes = blocks.get(label);
    if (bytes === undefined) throw new Error(`${file} has no ${label}`);
    return bytes;
  };
  return {
    message: block("DATA"),
    algorithm: block("ALGORITHM"),
    signature: block("SIGNATURE"),
    subjectPublicKeyInfo: block("PUBLIC KEY"),
  };
}

function signedMessage(name: string, algorithm: Uint8Array, hash: number, kind: "good" | "bad"): SignedBytes {
  return {
    message: readWebpki("tests/signatures/message.bin"),
    algorithm,
    signature: derBitString(readWebpki(signatureFile(name, hash, kind))),
    subjectPublicKeyInfo: readWebpki(`tests/signatures/${name}.spki.der`),
  };
}

/** What is wrong with the signature; null when it is genuine. */
function faultOf(signed: SignedBytes): { readonly fault: string; readonly detail: string } | null {
  try {
    return findSignatureFault(signed, nobleSignatureVerifiers);
  } catch (error) {
    if (error instanceof DerError) return { fault: "malformed", detail: error.message };
    throw error;
  }
}

/** The scheme for the first type of key that has one; null when none has. */
function schemeOf(algorithm: Uint8Array): string | null {
  for (const keyType of KEY_TYPES) {
    const scheme = signatureSchemeOf(algorithm, keyType);
    if (scheme !== undefined) return codepointName(SignatureScheme, scheme);
  }
  return null;
}

/** The AlgorithmIdentifier of a SubjectPublicKeyInfo. */
function keyAlgorithm(subjectPublicKeyInfo: Uint8Array): Uint8Array {
  return readDer(subjectPublicKeyInfo, (outer) =>
    outer.sequence((info) => {
      const algorithm = info.element(DerTag.SEQUENCE);
      info.skip();
      return algorithm;
    }),
  );
}

/** With another last bit. */
function flipped(bytes: Uint8Array): Uint8Array {
  const other = bytes.slice();
  other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
  return other;
}
