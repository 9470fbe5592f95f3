// Chains that cost as much as each limit allows.
import { derElement, derOctetString, derSequence } from "../dist/der/writer.js";
import { DerTag } from "../dist/der/tags.js";
import {
  COMMON_NAME,
  directoryName,
  dnsName,
  issue,
  madeUpRsaKey,
  mailbox,
  nameConstraints,
  nameOf,
  newKey,
} from "./issuing.mjs";

/**
 * @typedef {object} HostileChain
 * @property {string} name
 * @property {string} bound what ends it.
 * @property {() => readonly import("./issuing.mjs").Issued[]} make the leaf first.
 */

/**
 * Each is refused, by the limit that is named, or at a cost that is as high as it allows. They fit into a message of 64 KiB, which is the
 * default, but for those that say so.
 *
 * @type {readonly HostileChain[]}
 */
export const hostileChains = [
  ...["P-256", "P-384", "P-521", "Ed25519"].map((kind) => ({
    name: `16 namesakes, ${kind}`,
    bound: "signature cost 32",
    make: () => namesakes(() => newKey(kind)),
  })),
  ...[2048, 4096, 8192].map((bits) => ({
    name: `16 namesakes, RSA-${bits}`,
    bound: bits > 4096 ? "signature cost 32" : "2000 candidates",
    make: () => namesakes(() => madeUpRsaKey(bits)),
  })),
  {
    name: "500 DNS names, as many constraints",
    bound: "50,000 name comparisons",
    make: () => {
      const names = numbered(500, (i) => dnsName(`${i}.com`));
      return constrained({ names, excluded: names });
    },
  },
  {
    name: "215 DNS names, as many constraints",
    bound: "50,000 name comparisons",
    make: () =>
      constrained({
        names: numbered(215, (i) => dnsName(`*.${labels(10)}${i}.com`)),
        excluded: numbered(215, (i) => dnsName(`${labels(110)}${i}.com`)),
      }),
  },
  {
    name: "215 mailboxes, as many constraints",
    bound: "50,000 name comparisons",
    make: () =>
      constrained({
        names: numbered(215, (i) => mailbox(`a@${i}.com`)),
        excluded: numbered(215, (i) => mailbox(`${labels(110)}${i}.com`)),
      }),
  },
  {
    name: "100 directory names, as many constraints",
    bound: "50,000 name comparisons",
    make: () => {
      const alike = (i) => directoryName(nameOf(...attributes(27), ["1.1", `${i}`]));
      return constrained({ names: numbered(100, alike), excluded: numbered(100, (i) => alike(1000 + i)) });
    },
  },
  {
    name: "15 certificates, 50 kB of constraints",
    bound: "bytes",
    make: () => constrained({ siblings: 14, excluded: [directoryName(nameOf(...attributes(4500)))] }),
  },
  {
    name: "15 certificates, 50 kB of constraints, in combining marks",
    bound: "bytes",
    make: () =>
      constrained({ siblings: 14, excluded: [directoryName(nameOf([COMMON_NAME, marks(50_000)]))] }),
  },
  {
    name: "16 authorities, each with constraints",
    bound: "depth 8",
    make: () =>
      tower(16, [
        nameConstraints(numbered(3, (i) => directoryName(nameOf(...attributes(100), ["1.1", `${i}`])))),
      ]),
  },
  {
    name: "64 extensions with identifiers of 1 kB",
    bound: "64 extensions",
    make: () => [
      unknown(numbered(60, (i) => derSequence(longObjectIdentifier(i), derOctetString(new Uint8Array())))),
    ],
  },
  {
    name: "1000 DNS names",
    bound: "1000 names",
    make: () => [unknown([], { names: numbered(999, (i) => dnsName(`${labels(26)}${i}.com`)) })],
  },
  {
    name: "5500 attributes in the subject",
    bound: "bytes",
    make: () => [unknown([], { subject: nameOf(...attributes(5500)) })],
  },
  {
    name: "3300 common names, 999 addresses",
    bound: "1000 names",
    make: () => {
      const addresses = numbered(998, (i) =>
        derElement(0x87, Uint8Array.of(32, i >> 8, 0, i), new Uint8Array(12).fill(1, 6)),
      );
      const subject = nameOf(...numbered(3300, () => [COMMON_NAME, "::"]));
      return [unknown([], { subject, names: [...addresses, derElement(0x87, new Uint8Array(16))] })];
    },
  },
  {
    name: "16 namesakes of 63 kB, RSA-2048 (message of 1 MiB)",
    bound: "2000 candidates",
    make: () => namesakes(() => madeUpRsaKey(2048), nameOf(...attributes(3100))),
  },
  {
    name: "8 times 54 kB of constraints (message of 1 MiB)",
    bound: "bytes",
    make: () =>
      constrained({ siblings: 7, copies: 8, excluded: [directoryName(nameOf(...attributes(5400)))] }),
  },
];

/** An anchor that none of {@link hostileChains} leads to. */
export const stranger = issue({ authority: "stranger", key: newKey("P-256") });

/** A leaf below sixteen authorities with one name and a key each: with verifiers that agree to everything, all of them have signed all. */
function namesakes(makeKey, subject = nameOf([COMMON_NAME, "hydra"])) {
  const top = { name: subject, key: makeKey() };
  const heads = numbered(16, () => issue({ issuer: top, authority: "", subject, key: makeKey() }));
  return [issue({ issuer: top, key: makeKey() }), ...heads];
}

/** `copies` of an authority with constraints, `siblings` authorities below it, and a leaf below these. Their signatures are genuine. */
function constrained({ names = [], excluded, siblings = 0, copies = 1 }) {
  const key = newKey("P-256");
  const nobody = issue({ authority: "nobody", key });
  const extensions = [nameConstraints(excluded)];
  const tops = numbered(copies, () => issue({ issuer: nobody, authority: "top", key, extensions }));
  const middle = numbered(siblings, () => issue({ issuer: tops[0], authority: "middle", key }));
  return [issue({ issuer: middle[0] ?? tops[0], key, names }), ...middle, ...tops];
}

/** A leaf below `height` authorities, each below the next. Their signatures are genuine. */
function tower(height, extensions) {
  const key = newKey("P-256");
  const chain = [];
  let issuer = issue({ authority: "nobody", key });
  for (let level = height; level > 0; level--) {
    issuer = issue({ issuer, authority: `level ${level}`, key, extensions });
    chain.unshift(issuer);
  }
  return [issue({ issuer, key }), ...chain];
}

/** A leaf that says much, and whose issuer nobody knows. */
function unknown(extensions, fields = {}) {
  const key = newKey("P-256");
  return issue({ issuer: issue({ authority: "nobody", key }), key, extensions, ...fields });
}

/** The shortest attributes there are, 10 bytes each. */
function attributes(count) {
  return numbered(count, () => ["1.1", "a"]);
}

/** Marks that Unicode has in another order: how long sorting them takes is up to the implementation. */
function marks(bytes) {
  return new TextEncoder().encode(`a${"\u0301".repeat(bytes / 4)}${"\u0316".repeat(bytes / 4)}`);
}

function labels(count) {
  return "a.".repeat(count);
}

function longObjectIdentifier(last) {
  const arc = new Uint8Array(1024).fill(0xff);
  arc[1023] = last;
  return derElement(DerTag.OBJECT_IDENTIFIER, arc);
}

function numbered(length, make) {
  return Array.from({ length }, (_, i) => make(i));
}
