// The record layer beside the cipher that it wraps: what framing, nonces, padding, MACs and buffers cost.
import { nobleCipherSuites } from "../dist/crypto/noble.js";
import { systemRandom } from "../dist/crypto/random.js";
import {
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
} from "../dist/crypto/suites12.js";
import { RecordLayer } from "../dist/record/layer.js";
import { ReadProtection13, WriteProtection13 } from "../dist/record/protection.js";
import { readProtection12, writeProtection12 } from "../dist/record/protection12.js";
import { compare } from "./harness.mjs";

const limits = { emptyRecords: 32, changeCipherSpecs: 32 };
const APPLICATION_DATA = 23;

const protections = [
  ...nobleCipherSuites.filter(({ version }) => version === "TLSv1.3").map(protection13),
  protection12(TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, false),
  protection12(TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, false),
  protection12(TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, false),
  protection12(TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, false),
  protection12(TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384, false),
  protection12(TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, true),
];

for (const { name, cipher, write, read } of protections) {
  for (const size of [64, 1350, 16384]) {
    const content = new Uint8Array(size).fill(0x61);
    const writer = new RecordLayer({ limits });
    writer.protectWrites(write());
    const writing = new RecordLayer({ limits });
    const reading = new RecordLayer({ limits });
    writing.protectWrites(write());
    reading.protectReads(read());
    compare(`${name}, ${size} bytes`, [
      { ...cipher(size), bytes: size },
      {
        name: "record layer, write",
        bytes: size,
        run: () => {
          writer.write(APPLICATION_DATA, content);
          return writer.takeOutput().length;
        },
      },
      {
        name: "record layer, write and read",
        bytes: size,
        run: () => {
          writing.write(APPLICATION_DATA, content);
          reading.receive(writing.takeOutput());
          return reading.read().fragment.length;
        },
      },
    ]);
  }
}

function protection13(suite) {
  const keys = { key: new Uint8Array(suite.aead.keyLength).fill(7), iv: new Uint8Array(12).fill(9) };
  return {
    name: suite.name,
    cipher: (size) => sealing(suite.aead, keys.key, size + 1),
    write: () => new WriteProtection13(suite, keys),
    read: () => new ReadProtection13(suite, keys),
  };
}

function protection12(suite, encryptThenMac) {
  const { protection } = suite;
  const isAead = protection.kind === "aead";
  const keys = {
    key: new Uint8Array((isAead ? protection.aead : protection.cipher).keyLength).fill(7),
    macKey: new Uint8Array(isAead ? 0 : protection.mac.outputLength).fill(8),
    iv: new Uint8Array(isAead ? protection.fixedIvLength : 0).fill(9),
  };
  return {
    name: encryptThenMac ? `${suite.name}, encrypt-then-MAC` : suite.name,
    cipher: (size) =>
      isAead ? sealing(protection.aead, keys.key, size) : encrypting(protection.cipher, keys.key, size),
    write: () => writeProtection12(suite, keys, { encryptThenMac, random: systemRandom }),
    read: () => readProtection12(suite, keys, { encryptThenMac }),
  };
}

function sealing(aead, key, length) {
  const sealer = aead.sealer(key);
  const nonce = new Uint8Array(12);
  const header = new Uint8Array(5);
  const inner = new Uint8Array(length);
  const sealed = new Uint8Array(length + aead.tagLength);
  return {
    name: "AEAD alone, seal",
    run: () => {
      sealer.seal(nonce, header, inner, sealed);
      return sealed[0];
    },
  };
}

/** Blocks that hold `length` bytes and the least padding: the MAC is what the record layer adds. */
function encrypting(cipher, key, length) {
  const encryptor = cipher.encryptor(key);
  const iv = new Uint8Array(16);
  const plaintext = new Uint8Array((Math.floor(length / 16) + 1) * 16);
  const ciphertext = new Uint8Array(plaintext.length);
  return {
    name: "AES-CBC alone, encrypt",
    run: () => {
      encryptor.encrypt(iv, plaintext, ciphertext);
      return ciphertext[0];
    },
  };
}
