import { expect } from "vitest";
import { type ConnectionInfo, ExtensionType, type TlsMessage } from "../../src/index.ts";
import type { CertificateKind } from "./ca.ts";
import type { Group } from "./rows.ts";

/** Suites of TLS 1.2 that are on by default, by IANA name. */
export const aeadSuites12 = [
  "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
  "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
  "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
  "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
  "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
] as const;
/** Suites of TLS 1.2 that a configuration has to name. */
export const cbcSuites12 = [
  "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
  "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
  "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
  "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
  "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
  "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
  "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
] as const;
export type Suite12 = (typeof aeadSuites12)[number] | (typeof cbcSuites12)[number];
/** Groups of TLS 1.2: the hybrid is of TLS 1.3 alone. */
export const groups12 = ["x25519", "secp256r1", "secp384r1", "secp521r1"] as const satisfies readonly Group[];
export type Group12 = (typeof groups12)[number];

/** One place of the matrix of TLS 1.2. */
export interface Combination12 {
  readonly suite: Suite12;
  readonly group: Group12;
  readonly certificate: CertificateKind;
  /** RFC 7366; false where both sides could and the peer is told not to. Null for suites with an AEAD, which have no use for it. */
  readonly encryptThenMac: boolean | null;
}

const kindsOf = {
  ECDSA: ["ecdsa-p256", "ed25519", "ecdsa-p384", "ecdsa-p521"],
  RSA: ["rsa-2048", "rsa-pss-2048"],
} as const satisfies Record<string, readonly CertificateKind[]>;

/**
 * Every suite with an AEAD with every kind of certificate that it is for, and with x25519; every other group with one suite; and CBC suites
 * with one kind of certificate each.
 *
 * @param modes whether the peer can do encrypt-then-MAC, and whether it can be kept from it.
 */
export function combinations12(modes: readonly boolean[] = [true, false]): readonly Combination12[] {
  const aead = aeadSuites12.flatMap((suite) =>
    certificatesFor(suite).map(
      (certificate) => ({ suite, group: "x25519", certificate, encryptThenMac: null }) as const,
    ),
  );
  const [suite] = aeadSuites12;
  const groups = groups12
    .slice(1)
    .map((group) => ({ suite, group, certificate: "ecdsa-p256", encryptThenMac: null }) as const);
  const cbc = cbcSuites12.flatMap((suite) =>
    modes.map((encryptThenMac) => {
      const [certificate] = certificatesFor(suite);
      return { suite, group: "x25519", certificate, encryptThenMac } as const;
    }),
  );
  return [...aead, ...groups, ...cbc];
}

function certificatesFor(suite: Suite12): (typeof kindsOf)["ECDSA" | "RSA"] {
  return suite.startsWith("TLS_ECDHE_RSA_") ? kindsOf.RSA : kindsOf.ECDSA;
}

/** What a row is called, next to its suite, group and certificate. */
export function featureOf({ encryptThenMac }: Combination12): string {
  if (encryptThenMac === null) return "data both ways";
  return `data both ways, ${encryptThenMac ? "encrypt-then-MAC" : "MAC-then-encrypt"}`;
}

/** The group, and behind it the curve of the certificate: the client's list speaks for both. RFC 8422 §5.1. */
export function groupsFor({ group, certificate }: Combination12): readonly Group12[] {
  const curve = curveOf[certificate];
  return curve === undefined || curve === group ? [group] : [group, curve];
}

const curveOf: Partial<Record<CertificateKind, Group12>> = {
  "ecdsa-p256": "secp256r1",
  "ecdsa-p384": "secp384r1",
  "ecdsa-p521": "secp521r1",
};

/** Our options for a combination; with no suite of TLS 1.3 there is no TLS 1.3. */
export function only12(combination: Combination12): {
  readonly cipherSuites: readonly string[];
  readonly groups: readonly string[];
} {
  return { cipherSuites: [combination.suite], groups: groupsFor(combination) };
}

/** Checks that a full handshake has ended as the row says. */
export function expectAgreement12(info: ConnectionInfo, { suite, group, certificate }: Combination12): void {
  expect(info).toMatchObject({ version: "TLSv1.2", cipherSuite: suite, group, resumed: false });
  if (info.role === "client") {
    expect(info.peer.kind).toBe("verified");
    expect(info.peerSignatureScheme).toMatch(schemeOf12[certificate]);
  }
}

// In TLS 1.2 a curve has no hash of its own, and RSA keys may sign as they always did.
const schemeOf12: Record<CertificateKind, RegExp> = {
  "ecdsa-p256": /^ecdsa_/,
  "ecdsa-p384": /^ecdsa_/,
  "ecdsa-p521": /^ecdsa_/,
  ed25519: /^ed25519$/,
  "rsa-2048": /^rsa_(pss_rsae|pkcs1)_sha(256|384|512)$/,
  "rsa-pss-2048": /^rsa_pss_pss_sha(256|384|512)$/,
};

/** Notes what extensions were agreed on. Its `onMessage` goes into a config. */
export class AgreedExtensions {
  #types: readonly number[] | undefined;

  readonly onMessage = ({ contentType, messageType, data }: TlsMessage): void => {
    const isServerHello = contentType === 22 && messageType === 2;
    if (isServerHello) this.#types = extensionTypes(Buffer.from(data));
  };

  /** Types of the extensions in the last ServerHello. */
  get types(): readonly number[] {
    if (this.#types === undefined) throw new Error("there was no ServerHello");
    return this.#types;
  }

  /** Checks whether the ServerHello has agreed to RFC 7366. */
  expectEncryptThenMac(expected: boolean | null): void {
    expect(this.types.includes(ExtensionType.encrypt_then_mac)).toBe(expected ?? false);
  }
}

/** Of a ServerHello with its header. RFC 5246 §7.4.1.3. */
function extensionTypes(hello: Buffer): readonly number[] {
  const sessionIdLengthAt = 4 + 2 + 32;
  const suiteAt = sessionIdLengthAt + 1 + hello.readUInt8(sessionIdLengthAt);
  const types: number[] = [];
  // Suite, compression method, and the length of all extensions.
  for (let at = suiteAt + 2 + 1 + 2; at < hello.length; at += 4 + hello.readUInt16BE(at + 2)) {
    types.push(hello.readUInt16BE(at));
  }
  return types;
}
