/**
 * What the engine asks of cryptography. A provider is composed of suites, groups and schemes, so that a program that
 * lists few of them bundles few of them.
 *
 * Records are synchronous. Operations of a handshake may return a promise (a KMS, an HSM, WebCrypto): the flow is parked
 * until it settles; a value costs nothing.
 */
import type { Awaitable } from "../awaitable.ts";

/** Returns `length` unpredictable bytes, which the caller then owns. */
export type Random = (length: number) => Uint8Array;

/** A hash function, with the constructions that TLS builds on it. */
export interface Hash {
  readonly name: "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512";
  /** Bytes of a digest. */
  readonly outputLength: number;
  /** Bytes that the compression function takes at a time; the check of CBC records counts in them. */
  readonly blockLength: 64 | 128;
  /** The digest of `data`. */
  digest(data: Uint8Array): Uint8Array;
  /** A running hash, empty so far. */
  start(): RunningHash;
  /** HMAC (RFC 2104) of `data` under `key`. */
  hmac(key: Uint8Array, data: Uint8Array): Uint8Array;
}

/** A hash that grows as a transcript does. */
export interface RunningHash {
  update(data: Uint8Array): void;
  /** The digest of what was added so far; more may be added afterwards. */
  digest(): Uint8Array;
  /** Another one that has taken the same so far. */
  clone(): RunningHash;
}

/** An AEAD algorithm of RFC 5116 with 12-byte nonces and a 16-byte tag. */
export interface Aead {
  readonly name: "AES-128-GCM" | "AES-256-GCM" | "CHACHA20-POLY1305";
  /** Bytes of a key. */
  readonly keyLength: 16 | 32;
  /** Bytes of a nonce, and of the static IV. */
  readonly ivLength: 12;
  /** Bytes that sealing adds. */
  readonly tagLength: 16;
  /** Records that one key may seal before it must be replaced (RFC 8446 §5.5). */
  readonly recordsPerKey: number;
  /** State for sealing under `key`, which is copied. */
  sealer(key: Uint8Array): Sealer;
  /** State for opening under `key`, which is copied. */
  opener(key: Uint8Array): Opener;
}

/** Seals under one key. */
export interface Sealer {
  /**
   * Writes ciphertext and tag of `plaintext` to `output`, whose length is `plaintext.length + tagLength`.
   * `output` may start where `plaintext` starts; other overlaps are not allowed. Nothing is kept.
   */
  seal(nonce: Uint8Array, additionalData: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void;
  /** Forgets the key; the sealer is dead afterwards. */
  wipe(): void;
}

/** Opens under one key. */
export interface Opener {
  /**
   * Checks the tag in constant time and writes the plaintext of `ciphertext` (which ends with the tag) to `output`, whose length is
   * `ciphertext.length - tagLength`. `output` may start where `ciphertext` starts; other overlaps are not allowed.
   *
   * @returns false when the tag does not match; nothing of the plaintext is in `output` then.
   */
  open(nonce: Uint8Array, additionalData: Uint8Array, ciphertext: Uint8Array, output: Uint8Array): boolean;
  /** Forgets the key; the opener is dead afterwards. */
  wipe(): void;
}

/** AES in CBC mode (NIST SP 800-38A) without padding of its own, for records of TLS 1.2. */
export interface CbcCipher {
  readonly name: "AES-128-CBC" | "AES-256-CBC";
  /** Bytes of a key. */
  readonly keyLength: 16 | 32;
  /** Bytes of a block, and of an IV. */
  readonly blockLength: 16;
  /** State for encrypting under `key`, which is copied. */
  encryptor(key: Uint8Array): CbcEncryptor;
  /** State for decrypting under `key`, which is copied. */
  decryptor(key: Uint8Array): CbcDecryptor;
}

/** Encrypts under one key. */
export interface CbcEncryptor {
  /**
   * Writes the ciphertext of `plaintext`, which is whole blocks, to `output` of the same length. `output` may start where
   * `plaintext` starts; other overlaps are not allowed. Nothing is kept.
   */
  encrypt(iv: Uint8Array, plaintext: Uint8Array, output: Uint8Array): void;
  /** Forgets the key; the encryptor is dead afterwards. */
  wipe(): void;
}

/** Decrypts under one key. */
export interface CbcDecryptor {
  /**
   * Writes the plaintext of `ciphertext`, which is whole blocks, to `output` of the same length. `output` may start where
   * `ciphertext` starts; other overlaps are not allowed. Nothing is kept.
   */
  decrypt(iv: Uint8Array, ciphertext: Uint8Array, output: Uint8Array): void;
  /** Forgets the key; the decryptor is dead afterwards. */
  wipe(): void;
}

/** Records of TLS 1.2 under an AEAD. RFC 5288 §3, RFC 7905 §2. */
export interface Tls12AeadProtection {
  readonly kind: "aead";
  readonly aead: Aead;
  /**
   * Bytes of the nonce that come from the key block. 4: the other 8 are sent in front of each record (AES-GCM). 12: all, and the
   * sequence number is mixed in as in TLS 1.3 (ChaCha20-Poly1305).
   */
  readonly fixedIvLength: 4 | 12;
}

/** Records of TLS 1.2 under AES-CBC and HMAC. RFC 5246 §6.2.3.2, RFC 7366. */
export interface Tls12CbcProtection {
  readonly kind: "cbc";
  readonly cipher: CbcCipher;
  /** The hash of the HMAC. */
  readonly mac: Hash;
}

/** A TLS 1.2 cipher suite with ephemeral elliptic-curve Diffie-Hellman. RFC 8422 §6, RFC 5289, RFC 7905. */
export interface Tls12CipherSuite {
  readonly version: "TLSv1.2";
  /** Code point, such as 0xc02f. */
  readonly id: number;
  /** IANA name, such as `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`. */
  readonly name: string;
  /** The hash of the PRF and of the transcript. RFC 5246 §5. */
  readonly hash: Hash;
  /** What the server's certificate signs with: `ecdsa` is for Ed25519 too (RFC 8422 §2.1). */
  readonly authentication: "ecdsa" | "rsa";
  readonly protection: Tls12AeadProtection | Tls12CbcProtection;
}

/** A cipher suite of either version. */
export type TlsCipherSuite = Tls13CipherSuite | Tls12CipherSuite;

/** A TLS 1.3 cipher suite. RFC 8446 §B.4. */
export interface Tls13CipherSuite {
  readonly version: "TLSv1.3";
  /** Code point, such as 0x1301. */
  readonly id: number;
  /** IANA name, such as `TLS_AES_128_GCM_SHA256`. */
  readonly name: string;
  readonly hash: Hash;
  readonly aead: Aead;
}

/** A key exchange: (EC)DHE, or a KEM in its place. RFC 8446 §4.2.7, §4.2.8. */
export interface KeyExchangeGroup {
  /** Code point, such as 0x001d. */
  readonly id: number;
  /** IANA name, such as `x25519`. */
  readonly name: string;
  /** Whether TLS 1.2 may use it, as it may any elliptic curve alone, and no hybrid. RFC 8422 §5.1.1. */
  readonly inTls12: boolean;
  /** Makes the client's half. `random` is drawn from once, for exactly the private key (RFC 8448 traces depend on it). */
  generate(random: Random): Awaitable<OwnKeyShare>;
  /**
   * Answers the client's `keyExchange` with the server's half and the shared secret, which the caller owns.
   * @throws {TlsAlert} illegal_parameter for a share of the wrong length or form, a point off the curve, or an all-zero secret.
   */
  respond(
    keyExchange: Uint8Array,
    random: Random,
  ): Awaitable<{ readonly keyExchange: Uint8Array; readonly sharedSecret: Uint8Array }>;
}

/** A client's half of a key exchange: the public bytes to send, and the private key behind them. */
export interface OwnKeyShare {
  readonly group: number;
  /** `key_exchange` of the KeyShareEntry. */
  readonly keyExchange: Uint8Array;
  /**
   * The shared secret with the server's `keyExchange`; the caller owns and wipes it.
   * @throws {TlsAlert} illegal_parameter, as {@link KeyExchangeGroup.respond} does.
   */
  sharedSecret(keyExchange: Uint8Array): Awaitable<Uint8Array>;
  /** Wipes the private key. */
  wipe(): void;
}

/** What kind of key a certificate holds, as far as the choice of a signature scheme depends on it. */
export type KeyType = "rsa" | "rsa-pss" | "ecdsa-p256" | "ecdsa-p384" | "ecdsa-p521" | "ed25519";

/** Verification under one signature scheme. RFC 8446 §4.2.3. */
export interface SignatureVerifier {
  /** Code point, such as 0x0403. */
  readonly id: number;
  /** IANA name, such as `ecdsa_secp256r1_sha256`. */
  readonly name: string;
  /** The key that the scheme is for in TLS 1.3; a certificate with another one cannot use it (RFC 8446 §4.2.3 binds ECDSA schemes to curves). */
  readonly keyType: KeyType;
  /** The keys that the scheme is for in TLS 1.2, where `ecdsa_*` names a hash and no curve (RFC 5246 §7.4.1.4.1, RFC 8422 §5.1.3). */
  readonly tls12KeyTypes: readonly KeyType[];
  /** Whether a CertificateVerify of TLS 1.3 may use it: not so `rsa_pkcs1_*`, which TLS 1.2 takes. */
  readonly inHandshake: boolean;
  /**
   * Checks `signature` of `message` under a DER SubjectPublicKeyInfo, whose key is one of {@link tls12KeyTypes}.
   * @returns false for a signature that does not verify or is not well formed.
   * @throws {TlsAlert} unsupported_certificate for a key that the scheme or its limits exclude; bad_certificate for one that is not well formed.
   */
  verify(subjectPublicKeyInfo: Uint8Array, message: Uint8Array, signature: Uint8Array): Awaitable<boolean>;
}

/** A private key that signs, wherever it lives. */
export interface SigningKey {
  readonly keyType: KeyType;
  /** Schemes that the key can sign with in TLS 1.3, most preferred first. */
  readonly schemes: readonly number[];
  /** Schemes that {@link sign} takes in TLS 1.2, most preferred first, `rsa_pkcs1_*` among them. Default: {@link schemes}. */
  readonly tls12Schemes?: readonly number[];
  /** The DER SubjectPublicKeyInfo of the key, if known; a credential checks that it is the certificate's. */
  readonly subjectPublicKeyInfo: Uint8Array | undefined;
  /**
   * Signs `message` under `scheme`, one of {@link schemes} or {@link tls12Schemes}. A promise parks the handshake.
   * @param random where salts and blinding come from.
   */
  sign(scheme: number, message: Uint8Array, random: Random): Awaitable<Uint8Array>;
}

/** Everything that the engine asks of cryptography. Order is preference. */
export interface CryptoProvider {
  /** Shown in errors and reports, such as `"noble"`. */
  readonly name: string;
  /** Of both versions. The CBC suites of TLS 1.2 are used only when a configuration names them. */
  readonly cipherSuites: readonly TlsCipherSuite[];
  readonly groups: readonly KeyExchangeGroup[];
  readonly signatureVerifiers: readonly SignatureVerifier[];
  readonly random: Random;
}
