// How much the time of opening a MAC-then-encrypt record tells about its padding. Records of one length, with every length of padding,
// are opened in turns, and the medians of their times are compared. Beside them stand as many records that all have padding of length 0,
// as what noise alone looks like, and an opener that stops where it can, as what a leak looks like.
//
// Content and IV are random and other ones in each round: AES on look-up tables is faster for what it has just seen, so that records with
// much in common would differ for that alone.
//
// node bench/cbc-timing.mjs [rounds]
import { createCipheriv, createHmac, randomBytes, randomInt } from "node:crypto";
import { loadavg } from "node:os";

import { aes128Cbc, aes256Cbc } from "../dist/crypto/cbc.js";
import { sha1, sha256, sha384 } from "../dist/crypto/hashes.js";
import { MacThenEncryptOpener } from "../dist/record/cbc12.js";

const ROUNDS = Number(process.argv[2] ?? 151);
/** Records per time that is taken. */
const RECORDS = 8;
/** Bytes behind the IV. */
const LENGTH = 1024;
const PADDINGS = 256;
const HEADER = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 23, 3, 3);

const kinds = [
  {
    name: "AES-128-CBC, HMAC-SHA-1",
    cipher: aes128Cbc,
    mac: sha1,
    nodeCipher: "aes-128-cbc",
    nodeMac: "sha1",
  },
  {
    name: "AES-128-CBC, HMAC-SHA-256",
    cipher: aes128Cbc,
    mac: sha256,
    nodeCipher: "aes-128-cbc",
    nodeMac: "sha256",
  },
  {
    name: "AES-256-CBC, HMAC-SHA-384",
    cipher: aes256Cbc,
    mac: sha384,
    nodeCipher: "aes-256-cbc",
    nodeMac: "sha384",
  },
];

for (const kind of kinds) {
  console.log(`\n${kind.name}, ${LENGTH} bytes, ${ROUNDS} rounds   (load ${loadavg()[0].toFixed(1)})`);
  const keys = {
    key: new Uint8Array(kind.cipher.keyLength).fill(7),
    macKey: new Uint8Array(kind.mac.outputLength).fill(8),
    iv: new Uint8Array(),
  };
  const opener = new MacThenEncryptOpener({ kind: "cbc", cipher: kind.cipher, mac: kind.mac }, keys);
  const open = (fragment) => opener.open(Uint8Array.of(...HEADER, 0, 0), fragment);
  const sealWith = (fault) => (paddingLength) => seal(kind, keys, paddingLength, fault);

  const series = [
    { name: "good", open, seal: sealWith("none"), opens: true },
    { name: "bad MAC", open, seal: sealWith("mac"), opens: false },
    { name: "bad padding", open, seal: sealWith("padding"), opens: false },
    { name: "noise: all the same", open, seal: () => seal(kind, keys, 0, "mac"), opens: false },
    { name: "leak: plain opener", open: plainOpener(kind, keys), seal: sealWith("mac"), opens: false },
  ];
  const times = measure(series);
  const compression = timeOfCompression(kind.mac);
  console.log(
    `  a compression takes ${compression.toFixed(0)} ns\n  ${"".padEnd(20)}   median   greatest deviation        slope           step`,
  );
  for (const [i, { name }] of series.entries()) report(name, times[i].map(median), kind.mac);
  const [, badMac, badPadding, same] = times;
  console.log(`  bad padding - bad MAC:          ${difference(badPadding, badMac)}`);
  console.log(`  bad MAC, padding of 0 - others: ${difference(same, badMac)}`);
}

/** A fragment with so much padding, and a fault in it: a bit of the MAC, or of the first byte of padding (the only one when it has length 0). */
function seal({ mac, nodeCipher, nodeMac }, { key, macKey }, paddingLength, fault) {
  const content = randomBytes(LENGTH - mac.outputLength - 1 - paddingLength);
  const iv = randomBytes(16);
  const length = Uint8Array.of(content.length >>> 8, content.length & 0xff);
  const tag = createHmac(nodeMac, macKey).update(HEADER).update(length).update(content).digest();
  if (fault === "mac") tag[0] ^= 1;
  const padding = new Uint8Array(paddingLength + 1).fill(paddingLength);
  if (fault === "padding") padding[0] ^= 128;
  const cipher = createCipheriv(nodeCipher, key, iv).setAutoPadding(false);
  return new Uint8Array(
    Buffer.concat([iv, cipher.update(Buffer.concat([content, tag, padding])), cipher.final()]),
  );
}

/** As RFC 5246 §6.2.3.2 says that it must not be done: the MAC is of as much as the padding leaves. */
function plainOpener({ cipher, mac }, { key, macKey }) {
  const decryptor = cipher.decryptor(key);
  return (fragment) => {
    const plaintext = fragment.subarray(16);
    decryptor.decrypt(fragment.subarray(0, 16), plaintext, plaintext);
    const paddingLength = plaintext[plaintext.length - 1];
    const contentLength = plaintext.length - 1 - paddingLength - mac.outputLength;
    if (contentLength < 0) return undefined;
    for (let i = 1; i <= paddingLength; i++)
      if (plaintext[plaintext.length - 1 - i] !== paddingLength) return undefined;
    const content = plaintext.subarray(0, contentLength);
    const computed = mac.hmac(
      macKey,
      Uint8Array.of(...HEADER, contentLength >>> 8, contentLength & 255, ...content),
    );
    for (let i = 0; i < computed.length; i++)
      if (computed[i] !== plaintext[contentLength + i]) return undefined;
    return content;
  };
}

/** Nanoseconds of one opening, by series, padding and round. Every round takes all of them, in an order of its own. */
function measure(series) {
  const fragment = new Uint8Array(16 + LENGTH);
  const slot = ({ open, seal, opens }, padding) => {
    const sealed = seal(padding);
    const start = process.hrtime.bigint();
    for (let i = 0; i < RECORDS; i++) {
      fragment.set(sealed);
      if ((open(fragment) !== undefined) !== opens) throw new Error(`padding of ${padding}: wrong answer`);
    }
    return Number(process.hrtime.bigint() - start) / RECORDS;
  };
  const slots = series.flatMap((_, i) => Array.from({ length: PADDINGS }, (_, padding) => [i, padding]));
  const times = series.map(() => Array.from({ length: PADDINGS }, () => []));
  for (let round = -20; round < ROUNDS; round++) {
    shuffle(slots);
    for (const [i, padding] of slots) {
      const time = slot(series[i], padding);
      if (round >= 0) times[i][padding].push(time);
    }
  }
  return times;
}

/** How much longer `a` takes than `b`: the median over the rounds, and between which values half of them are. */
function difference(a, b) {
  const ofRound = (times, round) => median(times.map((ofPadding) => ofPadding[round]));
  const rounds = Array.from({ length: ROUNDS }, (_, round) => ofRound(a, round) - ofRound(b, round));
  const [low, middle, high] = [0.25, 0.5, 0.75].map((q) => quantile(rounds, q).toFixed(0).padStart(5));
  return `${middle} ns (half of the rounds:${low} to${high} ns)`;
}

/**
 * One line: the median of all paddings; the farthest that one of them is from it; the least-squares slope per byte of padding; and
 * the same against the compressions that the content takes by itself, which is the step that Lucky Thirteen looks for.
 */
function report(name, times, mac) {
  const middle = median(times);
  const deviations = times.map((time) => time - middle);
  const greatest = deviations.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  const compressions = times.map((_, paddingLength) => {
    const hashed = 13 + LENGTH - mac.outputLength - 1 - paddingLength;
    return Math.ceil((hashed + 1 + mac.blockLength / 8) / mac.blockLength);
  });
  console.log(
    `  ${name.padEnd(20)}${(middle / 1000).toFixed(2).padStart(7)} us` +
      `${greatest.toFixed(0).padStart(8)} ns (${((100 * Math.abs(greatest)) / middle).toFixed(2)} %)` +
      `${slope(Array.from(times.keys()), times).toFixed(2).padStart(9)} ns/byte` +
      `${slope(compressions, times).toFixed(0).padStart(6)} ns/compression`,
  );
}

function slope(xs, ys) {
  const meanX = mean(xs);
  const meanY = mean(ys);
  let products = 0;
  let squares = 0;
  for (const [i, x] of xs.entries()) {
    products += (x - meanX) * (ys[i] - meanY);
    squares += (x - meanX) ** 2;
  }
  return products / squares;
}

function timeOfCompression(mac) {
  const blocks = new Uint8Array(1000 * mac.blockLength);
  const times = Array.from({ length: 51 }, () => {
    const hash = mac.start();
    const start = process.hrtime.bigint();
    hash.update(blocks);
    return Number(process.hrtime.bigint() - start) / 1000;
  });
  return median(times);
}

function shuffle(values) {
  for (let i = values.length - 1; i > 0; i--) {
    const j = randomInt(i + 1);
    [values[i], values[j]] = [values[j], values[i]];
  }
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values) {
  return quantile(values, 0.5);
}

function quantile(values, q) {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * q)];
}
