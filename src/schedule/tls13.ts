/**
 * The key schedule of TLS 1.3 as stages: each makes what the diagram of RFC 8446 §7.1 draws from its secret, and only the
 * stage that may follow can be made from it. So nothing can be protected by a secret that nobody but the peers had a part
 * in: a handshake secret needs a key exchange or a PSK.
 *
 * A stage wipes its own secret when the next stage has been made. What it hands out (traffic, exporter and resumption
 * secrets) belongs to the caller and lives on. Parameters named `…Hash` are the Transcript-Hash up to and including the
 * message that they name.
 */

import { wipe } from "../bytes.ts";
import type { Hash } from "../crypto/provider.ts";
import type { Exporter } from "./exporter.ts";
import { deriveSecret, hkdfExpandLabel, hkdfExtract } from "./hkdf.ts";
import { Secret } from "./secret.ts";
import { TrafficSecret, verifyData } from "./traffic.ts";

/**
 * The early secret: of a PSK, or of none.
 *
 * ```text
 *           0
 *           |
 *           v
 * PSK ->  HKDF-Extract = Early Secret
 *           |
 *           +-----> Derive-Secret(., "ext binder" | "res binder" | "imp binder", "")
 *           |                     = binder_key
 *           |
 *           +-----> Derive-Secret(., "c e traffic", ClientHello)
 *           |                     = client_early_traffic_secret
 *           |
 *           +-----> Derive-Secret(., "e exp master", ClientHello)
 *           |                     = early_exporter_secret
 *           v
 *     Derive-Secret(., "derived", "")
 * ```
 *
 * Every method throws a TypeError when the secret has been wiped, and those that only make sense with a PSK throw one
 * when there is none.
 */
export class EarlySecret {
  readonly #hash: Hash;
  readonly #secret: Secret;
  readonly #hasPreSharedKey: boolean;

  /** @param preSharedKey borrowed; absent when no PSK is offered, or none was chosen. */
  constructor(hash: Hash, preSharedKey?: Uint8Array) {
    this.#hash = hash;
    this.#hasPreSharedKey = preSharedKey !== undefined;
    this.#secret = new Secret("early secret", hkdfExtract(hash, zeros(hash), preSharedKey ?? zeros(hash)));
  }

  /**
   * The PskBinderEntry for this PSK. RFC 8446 §4.2.11.2, RFC 9258 §5.2.
   *
   * @param kind `"resumption"` for a PSK from a ticket, `"external"` for one that was agreed on elsewhere, `"imported"` for one that RFC 9258
   * has made of such a one.
   * @param truncatedClientHelloHash Transcript-Hash up to the ClientHello's `binders`, which are left out.
   */
  binder(kind: keyof typeof BINDER_LABELS, truncatedClientHelloHash: Uint8Array): Uint8Array {
    const label = BINDER_LABELS[kind];
    const binderKey = deriveSecret(this.#hash, this.#shared("a binder"), label, emptyHash(this.#hash));
    const binder = verifyData(this.#hash, binderKey, truncatedClientHelloHash);
    wipe(binderKey);
    return binder;
  }

  /** `client_early_traffic_secret`, for 0-RTT data. */
  clientEarlyTraffic(clientHelloHash: Uint8Array): TrafficSecret {
    const secret = this.#shared("0-RTT data");
    return new TrafficSecret(this.#hash, deriveSecret(this.#hash, secret, "c e traffic", clientHelloHash));
  }

  /** `early_exporter_secret`. */
  earlyExporter(clientHelloHash: Uint8Array): ExporterSecret {
    const secret = this.#shared("an early exporter");
    return new ExporterSecret(this.#hash, deriveSecret(this.#hash, secret, "e exp master", clientHelloHash));
  }

  /**
   * The next stage; this one is wiped.
   *
   * @param sharedSecret of the key exchange, borrowed; undefined for `psk_ke`, which has none.
   */
  handshake(sharedSecret: Uint8Array | undefined, serverHelloHash: Uint8Array): HandshakeSecret {
    const secret = sharedSecret === undefined ? this.#shared("psk_ke") : this.#secret.bytes;
    const handshakeSecret = extractNext(this.#hash, secret, sharedSecret ?? zeros(this.#hash));
    this.wipe();
    return new HandshakeSecret(this.#hash, handshakeSecret, serverHelloHash);
  }

  /** Forgets the early secret, not what was derived from it. */
  wipe(): void {
    this.#secret.wipe();
  }

  #shared(purpose: string): Uint8Array {
    if (!this.#hasPreSharedKey) throw new TypeError(`${purpose} needs a PSK`);
    return this.#secret.bytes;
  }
}

/**
 * The handshake secret, made by {@link EarlySecret.handshake}.
 *
 * ```text
 *     Derive-Secret(., "derived", "")
 *           |
 *           v
 * (EC)DHE -> HKDF-Extract = Handshake Secret
 *           |
 *           +-----> Derive-Secret(., "c hs traffic", ClientHello...ServerHello)
 *           |                     = client_handshake_traffic_secret
 *           |
 *           +-----> Derive-Secret(., "s hs traffic", ClientHello...ServerHello)
 *           |                     = server_handshake_traffic_secret
 *           v
 *     Derive-Secret(., "derived", "")
 * ```
 */
export class HandshakeSecret {
  /** `client_handshake_traffic_secret`; the holder of the stage owns and wipes it. */
  readonly clientTraffic: TrafficSecret;
  /** `server_handshake_traffic_secret`; the holder of the stage owns and wipes it. */
  readonly serverTraffic: TrafficSecret;
  readonly #hash: Hash;
  readonly #secret: Secret;

  /** @param bytes the handshake secret, owned from here on. */
  constructor(hash: Hash, bytes: Uint8Array, serverHelloHash: Uint8Array) {
    this.#hash = hash;
    this.#secret = new Secret("handshake secret", bytes);
    this.clientTraffic = new TrafficSecret(hash, deriveSecret(hash, bytes, "c hs traffic", serverHelloHash));
    this.serverTraffic = new TrafficSecret(hash, deriveSecret(hash, bytes, "s hs traffic", serverHelloHash));
  }

  /**
   * The next stage; the handshake secret is wiped, the traffic secrets are not, since both Finished are still to be
   * computed from them.
   *
   * @throws {TypeError} when the secret has been wiped.
   */
  main(serverFinishedHash: Uint8Array): MainSecret {
    const mainSecret = extractNext(this.#hash, this.#secret.bytes, zeros(this.#hash));
    this.wipe();
    return new MainSecret(this.#hash, mainSecret, serverFinishedHash);
  }

  /** Forgets the handshake secret, not the traffic secrets. */
  wipe(): void {
    this.#secret.wipe();
  }
}

/**
 * The main secret, made by {@link HandshakeSecret.main}.
 *
 * ```text
 *     Derive-Secret(., "derived", "")
 *           |
 *           v
 *   0 -> HKDF-Extract = Main Secret
 *           |
 *           +-----> Derive-Secret(., "c ap traffic", ClientHello...server Finished)
 *           |                     = client_application_traffic_secret_0
 *           |
 *           +-----> Derive-Secret(., "s ap traffic", ClientHello...server Finished)
 *           |                     = server_application_traffic_secret_0
 *           |
 *           +-----> Derive-Secret(., "exp master", ClientHello...server Finished)
 *           |                     = exporter_secret
 *           |
 *           +-----> Derive-Secret(., "res master", ClientHello...client Finished)
 *                                 = resumption_secret
 * ```
 */
export class MainSecret {
  /** `client_application_traffic_secret_0`; the holder of the stage owns and wipes it. */
  readonly clientTraffic: TrafficSecret;
  /** `server_application_traffic_secret_0`; the holder of the stage owns and wipes it. */
  readonly serverTraffic: TrafficSecret;
  /** `exporter_secret`; the holder of the stage owns and wipes it. */
  readonly exporter: ExporterSecret;
  readonly #hash: Hash;
  readonly #secret: Secret;

  /** @param bytes the main secret, owned from here on. */
  constructor(hash: Hash, bytes: Uint8Array, serverFinishedHash: Uint8Array) {
    this.#hash = hash;
    this.#secret = new Secret("main secret", bytes);
    this.clientTraffic = new TrafficSecret(
      hash,
      deriveSecret(hash, bytes, "c ap traffic", serverFinishedHash),
    );
    this.serverTraffic = new TrafficSecret(
      hash,
      deriveSecret(hash, bytes, "s ap traffic", serverFinishedHash),
    );
    this.exporter = new ExporterSecret(hash, deriveSecret(hash, bytes, "exp master", serverFinishedHash));
  }

  /**
   * `resumption_secret`, the last thing that the main secret is for: it is wiped.
   * @throws {TypeError} when the secret has been wiped.
   */
  resumption(clientFinishedHash: Uint8Array): ResumptionSecret {
    const secret = deriveSecret(this.#hash, this.#secret.bytes, "res master", clientFinishedHash);
    this.wipe();
    return new ResumptionSecret(this.#hash, secret);
  }

  /** Forgets the main secret, not what was derived from it. */
  wipe(): void {
    this.#secret.wipe();
  }
}

/** `exporter_secret` or `early_exporter_secret`. RFC 8446 §7.5. */
export class ExporterSecret implements Exporter {
  readonly #hash: Hash;
  readonly #secret: Secret;

  /** @param bytes owned from here on. */
  constructor(hash: Hash, bytes: Uint8Array) {
    this.#hash = hash;
    this.#secret = new Secret("exporter secret", bytes);
  }

  /** The secret itself, borrowed, for the key log. @throws {TypeError} when it has been wiped. */
  get bytes(): Uint8Array {
    return this.#secret.bytes;
  }

  /**
   * TLS-Exporter: `length` bytes for `label` and `context`, which the caller owns. No context (null) is an empty one.
   * RFC 8446 §7.5.
   *
   * @throws {RangeError} for a label that is not 1 to 249 ASCII characters, or a length that is not 0 to 255 digests.
   * @throws {TypeError} when the secret has been wiped.
   */
  export(label: string, context: Uint8Array | null, length: number): Uint8Array {
    const hash = this.#hash;
    const derived = deriveSecret(hash, this.bytes, label, emptyHash(hash));
    try {
      return hkdfExpandLabel(hash, derived, "exporter", hash.digest(context ?? new Uint8Array()), length);
    } finally {
      wipe(derived);
    }
  }

  /** Forgets the secret: what is asked of it afterwards is a TypeError. */
  wipe(): void {
    this.#secret.wipe();
  }
}

/** `resumption_secret`, made by {@link MainSecret.resumption}. RFC 8446 §4.6.1. */
export class ResumptionSecret {
  readonly #hash: Hash;
  readonly #secret: Secret;

  /** @param bytes owned from here on. */
  constructor(hash: Hash, bytes: Uint8Array) {
    this.#hash = hash;
    this.#secret = new Secret("resumption secret", bytes);
  }

  /** The secret itself, borrowed. @throws {TypeError} when it has been wiped. */
  get bytes(): Uint8Array {
    return this.#secret.bytes;
  }

  /**
   * The PSK of the ticket with `ticketNonce`; the caller owns it. RFC 8446 §4.6.1.
   * @throws {TypeError} when the secret has been wiped.
   */
  preSharedKey(ticketNonce: Uint8Array): Uint8Array {
    return hkdfExpandLabel(this.#hash, this.bytes, "resumption", ticketNonce, this.#hash.outputLength);
  }

  /** Forgets the secret: what is asked of it afterwards is a TypeError. */
  wipe(): void {
    this.#secret.wipe();
  }
}

const BINDER_LABELS = { external: "ext binder", resumption: "res binder", imported: "imp binder" } as const;

/** The step from one secret of the diagram to the one below it. */
function extractNext(hash: Hash, secret: Uint8Array, inputKeyingMaterial: Uint8Array): Uint8Array {
  const salt = deriveSecret(hash, secret, "derived", emptyHash(hash));
  const next = hkdfExtract(hash, salt, inputKeyingMaterial);
  wipe(salt);
  return next;
}

/** The `0` of the diagram: a string of zeros as long as a digest. */
function zeros(hash: Hash): Uint8Array {
  return new Uint8Array(hash.outputLength);
}

/** The Transcript-Hash of no messages, `""` in the diagram. */
function emptyHash(hash: Hash): Uint8Array {
  return hash.digest(new Uint8Array());
}
