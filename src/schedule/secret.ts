import { wipe } from "../bytes.ts";

/** A secret until it is wiped: whoever asks for it afterwards is told so, and does not compute with zeros. */
export class Secret {
  readonly #name: string;
  #bytes: Uint8Array | undefined;

  /**
   * @param name what it is in RFC 8446 §7.1, for errors.
   * @param bytes owned from here on.
   */
  constructor(name: string, bytes: Uint8Array) {
    this.#name = name;
    this.#bytes = bytes;
  }

  /** The secret itself, borrowed: wiping overwrites it. @throws {TypeError} when it has been wiped. */
  get bytes(): Uint8Array {
    if (this.#bytes === undefined) throw new TypeError(`the ${this.#name} has been wiped`);
    return this.#bytes;
  }

  /** Overwrites the secret. Once more does nothing. */
  wipe(): void {
    if (this.#bytes !== undefined) wipe(this.#bytes);
    this.#bytes = undefined;
  }
}
