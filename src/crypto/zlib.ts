import { deflate, Z_FINISH, Z_STREAM_END, zlibInflate, zlibInflateInit, ZStream } from "pako";

import { CertificateCompressionAlgorithm } from "../messages/codepoints.ts";
import type { CertificateCompression } from "./certificate-compression.ts";

/**
 * zlib (RFC 1950) for certificates, in JavaScript alone, for any runtime; on Node there is `nodeCompressions()`.
 *
 * Inflating writes into one array, of a byte more than it should come to, and ends where that is full.
 */
export function zlibCompression(): CertificateCompression {
  return {
    id: CertificateCompressionAlgorithm.zlib,
    name: "zlib",
    compress: (bytes) => deflate(bytes, { level: 9 }),
    decompress: inflate,
  };
}

function inflate(bytes: Uint8Array, length: number): Uint8Array {
  const stream = new ZStream();
  zlibInflateInit(stream);
  stream.input = bytes;
  stream.avail_in = bytes.length;
  // The byte more tells a stream that goes on from one that has ended.
  stream.output = new Uint8Array(length + 1);
  stream.avail_out = length + 1;
  const status = zlibInflate(stream, Z_FINISH);
  if (stream.total_out > length) throw new RangeError(`the zlib stream holds more than ${length} bytes`);
  if (status !== Z_STREAM_END) throw new RangeError(`no whole zlib stream: ${stream.msg || "cut off"}`);
  if (stream.avail_in > 0) throw new RangeError(`${stream.avail_in} bytes behind the zlib stream`);
  if (stream.total_out < length)
    throw new RangeError(`the zlib stream holds ${stream.total_out} bytes, not ${length}`);
  return stream.output.subarray(0, length);
}
