import { createPrivateKey, createPublicKey, verify as nodeVerify, constants, X509Certificate } from "node:crypto";

import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { sha256 } from "../../src/crypto/hashes.ts";
import { nobleProvider } from "../../src/crypto/noble.ts";
import { signingKeyFromPkcs8 } from "../../src/crypto/private-key.ts";
import type { SignatureVerifier } from "../../src/crypto/provider.ts";
import { bigIntFromBytes } from "../../src/der/integers.ts";
import { derInteger, derSequence } from "../../src/der/writer.ts";
import { SignatureScheme } from "../../src/messages/codepoints.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import { certificateVerifyContent } from "../../src/schedule/certificate-verify.ts";
import { Transcript } from "../../src/schedule/transcript.ts";
import { fromHex } from "../support/hex.ts";
import { rfc8448ServerRsaKey, rfc8448Trace, vectorCases } from "../support/vectors.ts";

const provider = nobleProvider();

function verifierFor(scheme: number): SignatureVerifier {
  const verifier = provider.signatureVerifiers.find(({ id }) => id === scheme);
  if (verifier === undefined) throw new Error(`no verifier for ${scheme}`);
  return verifier;
}

/** `bytes` with the lowest bit of its last byte flipped. */
function flipped(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, index) => (index === bytes.length - 1 ? byte ^ 1 : byte));
}

describe("RFC 8032", () => {
  const ed25519 = verifierFor(SignatureScheme.ed25519);
  const cases = vectorCases(
    "primitives/rfc8032-ed25519.json",
    { privateKey: "bytes", publicKey: "bytes", message: "bytes" },
    { signature: "bytes" },
  );
  const spki = (publicKey: Uint8Array): Uint8Array => concatBytes(fromHex("302a300506032b6570032100"), publicKey);

  test.each(cases)("Ed25519 verifies $name, and nothing else", async ({ input, expected }) => {
    const key = spki(input.publicKey);
    expect(await ed25519.verify(key, input.message, expected.signature)).toBe(true);
    expect(await ed25519.verify(key, input.message, flipped(expected.signature))).toBe(false);
    expect(await ed25519.verify(key, concatBytes(input.message, Uint8Array.of(0)), expected.signature)).toBe(false);
  });

  test.each(cases)("Ed25519 signs $name", async ({ input, expected }) => {
    const key = signingKeyFromPkcs8(concatBytes(fromHex("302e020100300506032b657004220420"), input.privateKey));
    const signature = await key.sign(SignatureScheme.ed25519, input.message, provider.random);
    expect(hex(signature)).toBe(hex(expected.signature));
    expect(hex(key.subjectPublicKeyInfo ?? fromHex(""))).toBe(hex(spki(input.publicKey)));
  });

  test("all five cases are there", () => {
    expect(cases).toHaveLength(5);
  });
});

describe("RFC 6979", () => {
  const schemes = {
    "P-256": { hash: "SHA-256", scheme: SignatureScheme.ecdsa_secp256r1_sha256 },
    "P-384": { hash: "SHA-384", scheme: SignatureScheme.ecdsa_secp384r1_sha384 },
    "P-521": { hash: "SHA-512", scheme: SignatureScheme.ecdsa_secp521r1_sha512 },
  } as const;
  const cases = vectorCases(
    "primitives/rfc6979-ecdsa.json",
    { curve: "text", hash: "text", privateKey: "bytes", publicKey: "bytes", message: "bytes" },
    { r: "bytes", s: "bytes" },
  );

  test.each(cases)("$name verifies under the scheme of its curve when it has the hash too", async ({ input, expected }) => {
    const { hash, scheme } = schemes[input.curve as keyof typeof schemes];
    const coordinate = (start: number): string =>
      Buffer.from(input.publicKey.subarray(start, start + input.privateKey.length)).toString("base64url");
    const jwk = { kty: "EC", crv: input.curve, x: coordinate(1), y: coordinate(1 + input.privateKey.length) };
    const key = Uint8Array.from(createPublicKey({ key: jwk, format: "jwk" }).export({ format: "der", type: "spki" }));
    const { r, s } = expected;
    const signature = derSequence(derInteger(bigIntFromBytes(r)), derInteger(bigIntFromBytes(s)));
    const verifier = verifierFor(scheme);
    expect(await verifier.verify(key, input.message, signature)).toBe(hash === input.hash);
    expect(await verifier.verify(key, input.message, flipped(signature))).toBe(false);
  });

  test("there are two messages under three hashes on each of three curves", () => {
    expect(cases).toHaveLength(18);
    expect(cases.filter(({ input }) => schemes[input.curve as keyof typeof schemes].hash === input.hash)).toHaveLength(6);
  });
});

describe("RFC 8448", () => {
  interface SignedTranscript {
    readonly signer: "client" | "server";
    readonly certificate: X509Certificate;
    readonly algorithm: number;
    readonly signature: Uint8Array;
    readonly content: Uint8Array;
  }

  /** The CertificateVerify messages of a trace, with what they sign. */
  function signedTranscripts(section: 3 | 5 | 6 | 7): readonly SignedTranscript[] {
    const transcript = new Transcript();
    const signed: SignedTranscript[] = [];
    let certificate: X509Certificate | undefined;
    let hellos = 0;
    for (const step of rfc8448Trace(section).steps) {
      if (step.action !== "construct" || step.fields === undefined) continue;
      const { message } = step.fields;
      if (step.subject === "ServerHello") transcript.start(sha256);
      if (section === 5 && step.subject === "ServerHello" && hellos++ === 0) transcript.replaceByMessageHash();
      if (step.subject === "Certificate") {
        const [leaf] = decodeHandshake("certificate", message).certificateList;
        if (leaf === undefined) throw new Error("no certificate");
        certificate = new X509Certificate(leaf.certData);
      }
      if (step.subject === "CertificateVerify") {
        if (certificate === undefined) throw new Error("no certificate");
        const content = certificateVerifyContent(step.actor, transcript.digest());
        signed.push({ ...decodeHandshake("certificate_verify", message), signer: step.actor, certificate, content });
      }
      transcript.add(message);
    }
    return signed;
  }

  const all = ([3, 5, 6, 7] as const).flatMap((section) =>
    signedTranscripts(section).map((signed) => ({ section, ...signed })),
  );

  // The keys of RSA have 1024 bits, which our own verifiers refuse; so node:crypto checks what was signed.
  test.each(all)("§$section: the signature of the $signer is of our content", ({ certificate, algorithm, signature, content }) => {
    const isPss = algorithm === SignatureScheme.rsa_pss_rsae_sha256;
    const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
    const key = { key: certificate.publicKey, ...(isPss && pss) };
    expect(nodeVerify("sha256", content, key, signature)).toBe(true);
    expect(nodeVerify("sha256", flipped(content), key, signature)).toBe(false);
  });

  test("§6: our verifier accepts the server's ECDSA signature", async () => {
    const signed = all.find(({ algorithm }) => algorithm === SignatureScheme.ecdsa_secp256r1_sha256);
    if (signed === undefined) throw new Error("no ECDSA signature");
    const key = Uint8Array.from(signed.certificate.publicKey.export({ format: "der", type: "spki" }));
    const verifier = verifierFor(signed.algorithm);
    expect(await verifier.verify(key, signed.content, signed.signature)).toBe(true);
    expect(await verifier.verify(key, flipped(signed.content), signed.signature)).toBe(false);
  });

  test("five messages are signed, one of them with ECDSA", () => {
    expect(all.map(({ section, signer, algorithm }) => `§${section} ${signer} ${algorithm.toString(16)}`)).toEqual([
      "§3 server 804",
      "§5 server 804",
      "§6 server 403",
      "§6 client 804",
      "§7 server 804",
    ]);
  });

  test("the private key of §2 belongs to the server's RSA certificate", () => {
    const numbers = rfc8448ServerRsaKey();
    const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
    const jwk = {
      kty: "RSA",
      n: base64(numbers.modulus),
      e: base64(numbers.publicExponent),
      d: base64(numbers.privateExponent),
      p: base64(numbers.prime1),
      q: base64(numbers.prime2),
      dp: base64(numbers.exponent1),
      dq: base64(numbers.exponent2),
      qi: base64(numbers.coefficient),
    };
    const key = createPrivateKey({ key: jwk, format: "jwk" });
    expect(all.find(({ section }) => section === 3)?.certificate.checkPrivateKey(key)).toBe(true);
  });
});
