import { gunzipSync } from "node:zlib";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A record of a recorded byte stream, without its header. */
export interface RecordedFragment {
  readonly contentType: number;
  readonly fragment: Uint8Array;
}

/** The records of `stream`; what is cut off at its end is left out. */
export function recordsOf(stream: Uint8Array): readonly RecordedFragment[] {
  const records: RecordedFragment[] = [];
  for (let at = 0; at + 5 <= stream.length;) {
    const length = (stream[at + 3] ?? 0) * 256 + (stream[at + 4] ?? 0);
    if (at + 5 + length > stream.length) break;
    records.push({ contentType: stream[at] ?? 0, fragment: stream.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return records;
}

/** The whole handshake messages at the beginning of `stream`, up to the first record that is not of a plain handshake. */
export function plainMessagesOf(stream: Uint8Array): readonly Uint8Array[] {
  const fragments: Uint8Array[] = [];
  for (const { contentType, fragment } of recordsOf(stream)) {
    if (contentType !== 22) break;
    fragments.push(fragment);
  }
  const joined = Buffer.concat(fragments);
  const messages: Uint8Array[] = [];
  for (let at = 0; at + 4 <= joined.length;) {
    const end = at + 4 + joined.readUIntBE(at + 1, 3);
    if (end > joined.length) break;
    messages.push(Uint8Array.from(joined.subarray(at, end)));
    at = end;
  }
  return messages;
}

/** The flights of a recording of Go's crypto/tls: `>>> Flow 1 (client to server)`, and a dump in hexadecimal. */
export function goFlights(
  text: string,
): readonly { readonly from: "client" | "server"; readonly bytes: Uint8Array }[] {
  return text
    .split(/^>>> Flow \d+ /m)
    .slice(1)
    .map((flight) => {
      const digits = [...flight.matchAll(/^[0-9a-f]{8} ((?: +[0-9a-f]{2}){1,16})/gm)]
        .map(([, row]) => row)
        .join("");
      const from = flight.startsWith("(client") ? "client" : "server";
      return { from, bytes: Uint8Array.from(Buffer.from(digits.replace(/ /g, ""), "hex")) };
    });
}

/** The files of a gzipped tar archive. */
export function filesOf(
  folder: string,
  archive: string,
): readonly { readonly name: string; readonly bytes: Uint8Array }[] {
  const tar = gunzipSync(readFileSync(join(folder, archive)));
  const files: { readonly name: string; readonly bytes: Uint8Array }[] = [];
  for (let at = 0; at + 512 <= tar.length && tar[at] !== 0;) {
    const name = tar.toString("latin1", at, at + 100).replace(/\0.*$/s, "");
    const length = parseInt(tar.toString("latin1", at + 124, at + 136), 8);
    const isFile = tar[at + 156] === 0x30;
    if (isFile) files.push({ name, bytes: Uint8Array.from(tar.subarray(at + 512, at + 512 + length)) });
    at += 512 + Math.ceil(length / 512) * 512;
  }
  return files;
}
