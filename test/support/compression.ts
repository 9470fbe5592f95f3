import { type CertificateCompression, type MessageCallback, MessageContentType } from "../../src/index.ts";
import { codepointName, HandshakeType } from "../../src/messages/codepoints.ts";

/** A compression that counts what it does with another one. */
export class CountedCompression implements CertificateCompression {
  readonly id: number;
  readonly name: string;
  readonly #inner: CertificateCompression;
  compressed = 0;
  decompressed = 0;

  constructor(inner: CertificateCompression, id = inner.id) {
    this.id = id;
    this.name = inner.name;
    this.#inner = inner;
  }

  compress(bytes: Uint8Array): ReturnType<CertificateCompression["compress"]> {
    this.compressed++;
    return this.#inner.compress(bytes);
  }

  decompress(bytes: Uint8Array, length: number): ReturnType<CertificateCompression["decompress"]> {
    this.decompressed++;
    return this.#inner.decompress(bytes, length);
  }
}

/** An `onMessage` that keeps the names of handshake messages, such as `"read certificate"`. */
export class SeenMessages {
  readonly names: string[] = [];
  /** Bytes by the same names; the last one of each. */
  readonly raw = new Map<string, Uint8Array>();

  readonly onMessage: MessageCallback = ({ direction, contentType, messageType, data }) => {
    if (contentType >= MessageContentType.HEADER || contentType !== 22) return;
    const name = `${direction} ${codepointName(HandshakeType, messageType)}`;
    this.names.push(name);
    this.raw.set(name, data);
  };

  /** Those about certificates, as far as they were sent or received. */
  get certificates(): readonly string[] {
    return this.names.filter((name) => / (compressed_)?certificate$/.test(name));
  }
}

/** How many bytes `action` asks for, in arrays of bytes and in buffers of Node's zlib. Nothing else may run meanwhile. */
export function bytesAllocated(action: () => unknown): number {
  const { Uint8Array: RealArray } = globalThis;
  const allocUnsafe = Buffer.allocUnsafe.bind(Buffer);
  const descriptor = Object.getOwnPropertyDescriptor(Buffer, "allocUnsafe") ?? {};
  let total = 0;
  globalThis.Uint8Array = new Proxy(RealArray, {
    construct(target, args: [unknown], newTarget) {
      if (typeof args[0] === "number") total += args[0];
      // What is made is what `new` would have made.
      return Reflect.construct(target, args, newTarget) as object;
    },
  });
  Buffer.allocUnsafe = (length) => {
    total += length;
    return allocUnsafe(length);
  };
  try {
    action();
  } finally {
    globalThis.Uint8Array = RealArray;
    Object.defineProperty(Buffer, "allocUnsafe", descriptor);
  }
  return total;
}
