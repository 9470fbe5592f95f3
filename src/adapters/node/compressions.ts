import * as zlib from "node:zlib";

import type { CertificateCompression } from "../../crypto/certificate-compression.ts";
import { CertificateCompressionAlgorithm } from "../../messages/codepoints.ts";

/**
 * Ways to compress certificates (RFC 8879) that this Node has, for `certificateCompression`: brotli, zstd (from Node 22.15 on), zlib.
 *
 * They answer at once. Inflating ends a byte beyond what it should come to.
 */
export function nodeCompressions(): readonly CertificateCompression[] {
  const { zstdCompressSync, zstdDecompressSync } = zlib as LaterZlib;
  const hasZstd = zstdCompressSync !== undefined && zstdDecompressSync !== undefined;
  return [brotli, ...(hasZstd ? [zstd(zstdCompressSync, zstdDecompressSync)] : []), deflate];
}

/** `zlib` of later versions of Node. */
interface LaterZlib {
  readonly zstdCompressSync?: Convert;
  readonly zstdDecompressSync?: Convert;
}

interface ConvertOptions {
  readonly params?: Readonly<Record<number, number>>;
  readonly info?: boolean;
  readonly chunkSize?: number;
  readonly maxOutputLength?: number;
}

type Convert = (bytes: Uint8Array, options: ConvertOptions) => Uint8Array;

const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_PARAM_SIZE_HINT } = zlib.constants;

const brotli: CertificateCompression = {
  id: CertificateCompressionAlgorithm.brotli,
  name: "brotli",
  // A quality of 11 with a full window takes forty times as long, and saves one byte in a hundred.
  compress: (bytes) =>
    zlib.brotliCompressSync(bytes, {
      params: {
        [BROTLI_PARAM_QUALITY]: 9,
        [BROTLI_PARAM_LGWIN]: 16,
        [BROTLI_PARAM_SIZE_HINT]: bytes.length,
      },
    }),
  decompress: (bytes, length) => inflate(zlib.brotliDecompressSync, bytes, length),
};

const deflate: CertificateCompression = {
  id: CertificateCompressionAlgorithm.zlib,
  name: "zlib",
  compress: (bytes) => zlib.deflateSync(bytes, { level: 9 }),
  decompress: (bytes, length) => inflate(zlib.inflateSync, bytes, length),
};

/** Parameters of zstd, which the types of Node 20 do not have. */
const ZSTD_c_compressionLevel = 100;
const ZSTD_d_windowLogMax = 100;
/** Windows of 8 MB are what every decoder should take, and all that this one does: they are made before they are filled. RFC 8878 §3.1.1.1.2. */
const ZSTD_WINDOW_LOG = 23;

function zstd(compress: Convert, decompress: Convert): CertificateCompression {
  return {
    id: CertificateCompressionAlgorithm.zstd,
    name: "zstd",
    compress: (bytes) => compress(bytes, { params: { [ZSTD_c_compressionLevel]: 19 } }),
    decompress: (bytes, length) =>
      inflate(decompress, bytes, length, { params: { [ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }),
  };
}

/** With `info`, what comes back says how much of the input it took. */
interface Inflated {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

function inflate(
  convert: Convert,
  bytes: Uint8Array,
  length: number,
  options: ConvertOptions = {},
): Uint8Array {
  const result = convert(bytes, {
    ...options,
    info: true,
    // The one chunk is a byte too long for the limit: a stream that fills it is refused, and one that ends before is not.
    chunkSize: Math.max(length + 1, zlib.constants.Z_MIN_CHUNK),
    maxOutputLength: Math.max(length, 1),
  });
  // The types know nothing of what `info` does to the result.
  const { buffer, engine } = result as unknown as Inflated;
  const left = bytes.length - engine.bytesWritten;
  if (left > 0) throw new RangeError(`${left} bytes behind the compressed stream`);
  if (buffer.length !== length)
    throw new RangeError(`the stream holds ${buffer.length} bytes, not ${length}`);
  return buffer;
}
