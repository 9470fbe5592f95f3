import { createECDH, createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";

import { TlsAlert } from "../../src/alert.ts";
import { concatBytes, hex } from "../../src/bytes.ts";
import { secp256r1, secp384r1, secp521r1 } from "../../src/crypto/groups/nist.ts";
import { x25519 } from "../../src/crypto/groups/x25519.ts";
import { X25519MLKEM768 } from "../../src/crypto/groups/x25519mlkem768.ts";
import type { KeyExchangeGroup, OwnKeyShare, Random } from "../../src/crypto/provider.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { fromHex } from "../support/hex.ts";
import { caseName, wycheproofGroups, wycheproofTest } from "./wycheproof.ts";

/** The groups are synchronous here; a promise would be a defect. */
function generate(group: KeyExchangeGroup, random: Random): OwnKeyShare {
  return group.generate(random) as OwnKeyShare;
}

function respond(group: KeyExchangeGroup, keyExchange: Uint8Array, random: Random) {
  return group.respond(keyExchange, random) as { keyExchange: Uint8Array; sharedSecret: Uint8Array };
}

/** Gives out `bytes` once, and insists on the length asked for. */
function only(...draws: readonly Uint8Array[]): Random {
  const left = [...draws];
  return (length) => {
    const draw = left.shift();
    if (draw?.length !== length) throw new Error(`${length} bytes drawn, ${draw?.length} expected`);
    return draw.slice();
  };
}

/** Runs once, as sources of randomness are used up. */
function expectIllegal(run: () => unknown, message: string | RegExp = /./): void {
  let thrown: unknown;
  try {
    run();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(TlsAlert);
  expect(thrown).toMatchObject({ alert: "illegal_parameter" });
  expect((thrown as TlsAlert).message).toMatch(message);
}

const groups = [
  {
    group: X25519MLKEM768,
    clientLength: 1216,
    serverLength: 1120,
    secretLength: 64,
    drawn: { generate: 96, respond: 64 },
  },
  {
    group: x25519,
    clientLength: 32,
    serverLength: 32,
    secretLength: 32,
    drawn: { generate: 32, respond: 32 },
  },
  {
    group: secp256r1,
    clientLength: 65,
    serverLength: 65,
    secretLength: 32,
    drawn: { generate: 32, respond: 32 },
  },
  {
    group: secp384r1,
    clientLength: 97,
    serverLength: 97,
    secretLength: 48,
    drawn: { generate: 48, respond: 48 },
  },
  {
    group: secp521r1,
    clientLength: 133,
    serverLength: 133,
    secretLength: 66,
    drawn: { generate: 66, respond: 66 },
  },
];

describe.each(groups)("$group.name", ({ group, clientLength, serverLength, secretLength, drawn }) => {
  test("agrees on a secret, with shares and a secret of the registered lengths", () => {
    const share = generate(group, systemRandom);
    const answer = respond(group, share.keyExchange, systemRandom);
    expect(share.group).toBe(group.id);
    expect(share.keyExchange).toHaveLength(clientLength);
    expect(answer.keyExchange).toHaveLength(serverLength);
    expect(answer.sharedSecret).toHaveLength(secretLength);
    expect(hex(share.sharedSecret(answer.keyExchange) as Uint8Array)).toBe(hex(answer.sharedSecret));
  });

  test("draws once, for exactly the private key, and repeats itself for the same bytes", () => {
    const bytes = new Uint8Array(drawn.generate).fill(0x01);
    const other = new Uint8Array(drawn.respond).map((_, i) => (i === 0 ? 0 : i));
    const share = generate(group, only(bytes));
    expect(hex(generate(group, only(bytes)).keyExchange)).toBe(hex(share.keyExchange));
    const answer = respond(group, share.keyExchange, only(other));
    expect(hex(respond(group, share.keyExchange, only(other)).keyExchange)).toBe(hex(answer.keyExchange));
  });

  test("refuses shares of every other length: illegal_parameter", () => {
    const share = generate(group, systemRandom);
    const answer = respond(group, share.keyExchange, systemRandom);
    for (const length of [0, 1, clientLength - 1, clientLength + 1]) {
      const bad = concatBytes(share.keyExchange, Uint8Array.of(0)).subarray(0, length);
      expectIllegal(() => respond(group, bad, systemRandom), `${length} bytes`);
    }
    for (const length of [0, 1, serverLength - 1, serverLength + 1]) {
      const bad = concatBytes(answer.keyExchange, Uint8Array.of(0)).subarray(0, length);
      expectIllegal(() => share.sharedSecret(bad), `${length} bytes`);
    }
  });

  test("is dead after wipe", () => {
    const share = generate(group, systemRandom);
    const answer = respond(group, share.keyExchange, systemRandom);
    share.wipe();
    expect(() => share.sharedSecret(answer.keyExchange)).toThrow(TypeError);
  });

  test("throws a RangeError when the source of randomness returns another length", () => {
    expect(() => group.generate((length) => new Uint8Array(length - 1).fill(1))).toThrow(RangeError);
  });
});

describe("x25519", () => {
  test("computes the shares and the secret of RFC 7748 §6.1", () => {
    const alice = fromHex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    const bob = fromHex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    const share = generate(x25519, only(alice));
    const answer = respond(x25519, share.keyExchange, only(bob));
    expect(hex(share.keyExchange)).toBe("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    expect(hex(answer.keyExchange)).toBe("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    expect(hex(answer.sharedSecret)).toBe("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    expect(hex(share.sharedSecret(answer.keyExchange) as Uint8Array)).toBe(hex(answer.sharedSecret));
  });

  test("agrees with node:crypto", () => {
    const node = generateKeyPairSync("x25519");
    const nodeShare = node.publicKey.export({ format: "der", type: "spki" }).subarray(-32);
    const share = generate(x25519, systemRandom);
    const prefix = fromHex("302a300506032b656e032100");
    const ours = createPublicKey({
      key: Buffer.concat([prefix, share.keyExchange]),
      format: "der",
      type: "spki",
    });
    expect(hex(share.sharedSecret(nodeShare) as Uint8Array)).toBe(
      hex(diffieHellman({ privateKey: node.privateKey, publicKey: ours })),
    );
  });

  test("refuses every point of low order, with the highest bit set or not: illegal_parameter", () => {
    const lowOrder = [
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ].map(fromHex);
    for (const point of lowOrder) {
      const high = point.with(31, (point[31] ?? 0) | 0x80);
      for (const bad of [point, high]) {
        expectIllegal(() => respond(x25519, bad, systemRandom), "low order");
        expectIllegal(() => generate(x25519, systemRandom).sharedSecret(bad), "low order");
        const share = generate(X25519MLKEM768, systemRandom);
        const hybrid = share.keyExchange.slice();
        hybrid.set(bad, 1184);
        expectIllegal(() => respond(X25519MLKEM768, hybrid, systemRandom), "low order");
      }
    }
  });

  wycheproofTest("agrees with all 518 cases of Wycheproof's x25519, and refuses the all-zero secrets", () => {
    const count = { agreed: 0, refused: 0 };
    for (const { tests } of wycheproofGroups<object, { public: string; private: string; shared: string }>(
      "x25519",
    )) {
      for (const vector of tests) {
        const run = () =>
          hex(
            generate(x25519, only(fromHex(vector.private))).sharedSecret(
              fromHex(vector.public),
            ) as Uint8Array,
          );
        if (/^0+$/.test(vector.shared)) {
          expectIllegal(run);
          count.refused++;
        } else {
          expect(run(), caseName(vector)).toBe(vector.shared);
          count.agreed++;
        }
      }
    }
    expect(count.agreed + count.refused).toBe(518);
    expect(count.refused).toBeGreaterThanOrEqual(20);
  });
});

const nistGroups = [
  { group: secp256r1, node: "prime256v1", length: 32, file: "ecdh_secp256r1_ecpoint", cases: 355 },
  { group: secp384r1, node: "secp384r1", length: 48, file: "ecdh_secp384r1_ecpoint", cases: 790 },
  { group: secp521r1, node: "secp521r1", length: 66, file: "ecdh_secp521r1_ecpoint", cases: 661 },
];

describe.each(nistGroups)("$group.name", ({ group, node, length, file, cases }) => {
  test("agrees with node:crypto", () => {
    const peer = createECDH(node);
    const peerShare = peer.generateKeys();
    const share = generate(group, systemRandom);
    const secret = share.sharedSecret(peerShare) as Uint8Array;
    expect(hex(secret)).toBe(hex(peer.computeSecret(share.keyExchange)));
  });

  test("refuses compressed, hybrid and infinite points, and points off the curve: illegal_parameter", () => {
    const peer = createECDH(node);
    peer.generateKeys();
    const share = generate(group, systemRandom);
    const point = Uint8Array.from(peer.getPublicKey());
    const hybrid = Uint8Array.from(peer.getPublicKey(null, "hybrid"));
    const bad: readonly (readonly [Uint8Array, string])[] = [
      [Uint8Array.from(peer.getPublicKey(null, "compressed")), `${length + 1} bytes`],
      [hybrid, `point form ${hybrid[0]}`],
      [Uint8Array.of(0), "1 bytes"],
      [new Uint8Array(point.length), "point form 0"],
      [new Uint8Array(point.length).with(0, 4), "not a point on the curve"],
      [point.with(point.length - 1, (point.at(-1) ?? 0) ^ 1), "not a point on the curve"],
      [point.map((byte, i) => (i === 0 ? byte : 0xff)), "not a point on the curve"],
    ];
    for (const [keyExchange, message] of bad) {
      expectIllegal(() => share.sharedSecret(keyExchange), message);
      expectIllegal(() => respond(group, keyExchange, systemRandom), message);
    }
  });

  test("draws again while the bytes are no private key, and gives up on a broken source", () => {
    const good = new Uint8Array(length).fill(1).with(0, 0);
    const tooLarge = new Uint8Array(length).fill(0xff);
    const zero = new Uint8Array(length);
    expect(hex(generate(group, only(zero, tooLarge, good)).keyExchange)).toBe(
      hex(generate(group, only(good)).keyExchange),
    );
    expect(() => group.generate((count) => new Uint8Array(count))).toThrow(/no private key/);
  });

  wycheproofTest(
    `agrees with all ${cases} cases of Wycheproof's ${file}; compressed points are refused`,
    () => {
      const count = { agreed: 0, refused: 0 };
      for (const { tests } of wycheproofGroups<object, { public: string; private: string; shared: string }>(
        file,
      )) {
        for (const vector of tests) {
          const point = fromHex(vector.public);
          const run = () =>
            hex(generate(group, only(scalar(vector.private, length))).sharedSecret(point) as Uint8Array);
          const refused = vector.result === "invalid" || vector.flags.includes("CompressedPoint");
          if (refused) {
            expectIllegal(run);
            count.refused++;
          } else {
            expect(run(), caseName(vector)).toBe(vector.shared);
            count.agreed++;
          }
        }
      }
      expect(count.agreed + count.refused).toBe(cases);
      expect(count.refused).toBeGreaterThanOrEqual(10);
    },
  );
});

test("P-521 uses the lowest bit of the first random byte alone", () => {
  const drawn = new Uint8Array(66).fill(0x55).with(0, 0xfe);
  expect(hex(generate(secp521r1, only(drawn)).keyExchange)).toBe(
    hex(generate(secp521r1, only(drawn.with(0, 0x00))).keyExchange),
  );
});

describe("X25519MLKEM768", () => {
  const x25519Private = new Uint8Array(32).fill(9);
  const x25519Public = generate(x25519, only(x25519Private)).keyExchange;

  test("lays shares and secret out with ML-KEM first, as the draft says", () => {
    const share = generate(X25519MLKEM768, only(concatBytes(new Uint8Array(64).fill(7), x25519Private)));
    expect(hex(share.keyExchange.subarray(1184))).toBe(hex(x25519Public));
    const serverPrivate = new Uint8Array(32).fill(5);
    const answer = respond(
      X25519MLKEM768,
      share.keyExchange,
      only(concatBytes(new Uint8Array(32).fill(3), serverPrivate)),
    );
    expect(hex(answer.keyExchange.subarray(1088))).toBe(
      hex(generate(x25519, only(serverPrivate)).keyExchange),
    );
    const x25519Secret = generate(x25519, only(serverPrivate)).sharedSecret(x25519Public) as Uint8Array;
    expect(hex(answer.sharedSecret.subarray(32))).toBe(hex(x25519Secret));
  });

  test("gives another secret, and no error, for a ciphertext that was changed", () => {
    const share = generate(X25519MLKEM768, systemRandom);
    const answer = respond(X25519MLKEM768, share.keyExchange, systemRandom);
    const changed = answer.keyExchange.with(100, (answer.keyExchange[100] ?? 0) ^ 1);
    const secret = share.sharedSecret(changed) as Uint8Array;
    expect(hex(secret.subarray(0, 32))).not.toBe(hex(answer.sharedSecret.subarray(0, 32)));
    expect(hex(secret.subarray(32))).toBe(hex(answer.sharedSecret.subarray(32)));
  });

  wycheproofTest(
    "makes the encapsulation keys of all 100 seeds of Wycheproof's mlkem_768_keygen_seed",
    () => {
      let count = 0;
      for (const { tests } of wycheproofGroups<object, { seed: string; ek: string }>(
        "mlkem_768_keygen_seed",
      )) {
        for (const vector of tests) {
          const share = generate(X25519MLKEM768, only(concatBytes(fromHex(vector.seed), x25519Private)));
          expect(hex(share.keyExchange), caseName(vector)).toBe(vector.ek + hex(x25519Public));
          count++;
        }
      }
      expect(count).toBe(100);
    },
  );

  wycheproofTest(
    "encapsulates as all 265 cases of Wycheproof's mlkem_768_encaps, and refuses bad moduli and lengths",
    () => {
      const count = { agreed: 0, refused: 0 };
      for (const { tests } of wycheproofGroups<object, { m: string; ek: string; c: string; K: string }>(
        "mlkem_768_encaps",
      )) {
        for (const vector of tests) {
          const share = concatBytes(fromHex(vector.ek), x25519Public);
          const run = () =>
            respond(X25519MLKEM768, share, only(concatBytes(fromHex(vector.m), x25519Private)));
          if (vector.result === "valid") {
            const answer = run();
            expect(hex(answer.keyExchange.subarray(0, 1088)), caseName(vector)).toBe(vector.c);
            expect(hex(answer.sharedSecret.subarray(0, 32)), caseName(vector)).toBe(vector.K);
            count.agreed++;
          } else {
            expectIllegal(run, /coefficient above 3328|bytes, not 1216/);
            count.refused++;
          }
        }
      }
      expect(count).toEqual({ agreed: 133, refused: 132 });
    },
  );

  wycheproofTest(
    "decapsulates as Wycheproof's mlkem_768: 153 agree, 20 ciphertexts and 20 seeds of other lengths are refused",
    () => {
      const count = { agreed: 0, refusedCiphertexts: 0, refusedSeeds: 0 };
      for (const { tests } of wycheproofGroups<object, { seed: string; c: string; K: string }>("mlkem_768")) {
        for (const vector of tests) {
          const secrets = concatBytes(fromHex(vector.seed), x25519Private);
          if (secrets.length !== 96) {
            expect(vector.result).toBe("invalid");
            expect(() => generate(X25519MLKEM768, () => secrets)).toThrow(RangeError);
            count.refusedSeeds++;
            continue;
          }
          const run = () =>
            generate(X25519MLKEM768, only(secrets)).sharedSecret(
              concatBytes(fromHex(vector.c), x25519Public),
            ) as Uint8Array;
          if (vector.result === "valid") {
            expect(hex(run().subarray(0, 32)), caseName(vector)).toBe(vector.K);
            count.agreed++;
          } else {
            expectIllegal(run, "bytes, not 1120");
            count.refusedCiphertexts++;
          }
        }
      }
      expect(count).toEqual({ agreed: 153, refusedCiphertexts: 20, refusedSeeds: 20 });
    },
  );
});

/** Wycheproof's private keys are integers in hexadecimal, with a leading zero byte or without. */
function scalar(digits: string, length: number): Uint8Array {
  return fromHex(digits.replace(/^0+/, "").padStart(2 * length, "0"));
}
