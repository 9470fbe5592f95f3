import type { ECDSA } from "@noble/curves/abstract/weierstrass.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";

import { TlsAlert } from "../../alert.ts";
import { wipe } from "../../bytes.ts";
import { bigIntFromBytes } from "../../der/integers.ts";
import type { KeyExchangeGroup, OwnKeyShare, Random } from "../provider.ts";
import { drawBytes } from "../random.ts";

/** ECDHE on P-256. RFC 8446 §4.2.8.2. */
export const secp256r1: KeyExchangeGroup = /* @__PURE__ */ ecdhe(0x0017, "secp256r1", 32, 0xff, p256);

/** ECDHE on P-384. RFC 8446 §4.2.8.2. */
export const secp384r1: KeyExchangeGroup = /* @__PURE__ */ ecdhe(0x0018, "secp384r1", 48, 0xff, p384);

/** ECDHE on P-521. RFC 8446 §4.2.8.2. */
export const secp521r1: KeyExchangeGroup = /* @__PURE__ */ ecdhe(0x0019, "secp521r1", 66, 0x01, p521);

interface Curve {
  readonly id: number;
  readonly name: string;
  /** Bytes of a coordinate and of a private key. */
  readonly length: number;
  /** The bits of a private key's first byte that the order of the curve can use. */
  readonly firstByteMask: number;
  readonly noble: ECDSA;
}

function ecdhe(
  id: number,
  name: string,
  length: number,
  firstByteMask: number,
  noble: ECDSA,
): KeyExchangeGroup {
  const curve: Curve = { id, name, length, firstByteMask, noble };
  return {
    id,
    name,
    inTls12: true,
    generate: (random) => new EcdheKeyShare(curve, drawPrivateKey(curve, random)),
    respond: (keyExchange, random) => {
      checkPoint(curve, keyExchange);
      const privateKey = drawPrivateKey(curve, random);
      const own = curve.noble.getPublicKey(privateKey, false);
      const sharedSecret = sharedX(curve, privateKey, keyExchange);
      wipe(privateKey);
      return { keyExchange: own, sharedSecret };
    },
  };
}

class EcdheKeyShare implements OwnKeyShare {
  readonly group: number;
  readonly keyExchange: Uint8Array;
  readonly #curve: Curve;
  #privateKey: Uint8Array | undefined;

  constructor(curve: Curve, privateKey: Uint8Array) {
    this.group = curve.id;
    this.keyExchange = curve.noble.getPublicKey(privateKey, false);
    this.#curve = curve;
    this.#privateKey = privateKey;
  }

  sharedSecret(keyExchange: Uint8Array): Uint8Array {
    if (this.#privateKey === undefined) throw new TypeError(`the ${this.#curve.name} private key was wiped`);
    checkPoint(this.#curve, keyExchange);
    return sharedX(this.#curve, this.#privateKey, keyExchange);
  }

  wipe(): void {
    if (this.#privateKey !== undefined) wipe(this.#privateKey);
    this.#privateKey = undefined;
  }
}

/** More than a working source of randomness ever needs: each draw fails with a chance below 2^-31. */
const DRAWS = 16;

/** Random bytes that are a private key as they are (FIPS 186-5 §A.2.2), so that a given key can be injected. */
function drawPrivateKey({ name, length, firstByteMask, noble }: Curve, random: Random): Uint8Array {
  for (let draw = 0; draw < DRAWS; draw++) {
    const candidate = drawBytes(random, length);
    candidate[0] = (candidate[0] ?? 0) & firstByteMask;
    const scalar = bigIntFromBytes(candidate);
    if (scalar >= 1n && scalar < noble.Point.Fn.ORDER) return candidate;
  }
  throw new Error(`random gave no private key for ${name} in ${DRAWS} draws`);
}

/** @throws {TlsAlert} illegal_parameter unless `point` is an uncompressed point on the curve (RFC 8446 §4.2.8.2). */
function checkPoint({ name, length, noble }: Curve, point: Uint8Array): void {
  if (point.length !== 1 + 2 * length) {
    throw new TlsAlert(
      "illegal_parameter",
      `${name} key_exchange has ${point.length} bytes, not ${1 + 2 * length}`,
    );
  }
  if (point[0] !== 0x04) {
    throw new TlsAlert("illegal_parameter", `${name} key_exchange has point form ${point[0]}, not 4`);
  }
  try {
    noble.Point.fromBytes(point);
  } catch (cause) {
    throw new TlsAlert("illegal_parameter", `${name} key_exchange is not a point on the curve`, { cause });
  }
}

/** The x coordinate of the shared point: all of it, leading zeros too (RFC 8446 §7.4.2). */
function sharedX({ noble }: Curve, privateKey: Uint8Array, point: Uint8Array): Uint8Array {
  return noble.getSharedSecret(privateKey, point, true).slice(1);
}
