import { DerError } from "./reader.ts";

/** One block of a PEM text. RFC 7468. */
export interface PemBlock {
  /** What stands between `BEGIN` and the dashes, such as `CERTIFICATE`. */
  readonly label: string;
  /** Headers of RFC 1421, such as `Proc-Type` → `4,ENCRYPTED`, which marks an encrypted key; usually none. */
  readonly headers: ReadonlyMap<string, string>;
  /** What the base64 decodes to; the caller owns it. */
  readonly bytes: Uint8Array;
}

/**
 * All blocks of a PEM text, in order. Text between blocks is ignored, as RFC 7468 §2 has it.
 *
 * @throws {DerError} for a block without its end, or with anything but headers and canonical base64 inside. Contents are not shown.
 */
export function parsePem(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  let open: { readonly label: string; readonly lines: string[] } | undefined;
  for (const line of text.split(/\r\n|\n|\r/)) {
    const boundary = /^-----(BEGIN|END) (.+)-----[ \t]*$/.exec(line);
    if (boundary === null) {
      open?.lines.push(line);
      continue;
    }
    const [, kind, label = ""] = boundary;
    if (kind === "BEGIN") {
      if (open !== undefined) throw new DerError(`PEM block ${open.label} has no end`);
      open = { label, lines: [] };
    } else {
      if (open?.label !== label) throw new DerError(`PEM block ${label} ends without a beginning`);
      blocks.push(parseBlock(label, open.lines));
      open = undefined;
    }
  }
  if (open !== undefined) throw new DerError(`PEM block ${open.label} has no end`);
  return blocks;
}

/**
 * The bytes of base64 (RFC 4648 §4), padded, with white space anywhere.
 * @throws {DerError} for other characters, wrong padding, or bits behind the last byte that are not zero.
 */
export function decodeBase64(text: string): Uint8Array {
  const digits = text.replace(/[ \t\r\n]+/g, "");
  if (digits.length % 4 !== 0) throw new DerError("base64 is not padded to a multiple of four characters");
  const padding = digits.endsWith("==") ? 2 : digits.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((digits.length / 4) * 3 - padding);
  const digitCount = digits.length - padding;
  let bits = 0;
  let bitCount = 0;
  let at = 0;
  for (let i = 0; i < digitCount; i++) {
    const value = base64Value(digits.charCodeAt(i));
    if (value < 0) throw new DerError(`base64 has a foreign character at position ${i}`);
    bits = ((bits << 6) | value) & 0xfff;
    bitCount += 6;
    if (bitCount >= 8) {
      bitCount -= 8;
      bytes[at++] = bits >> bitCount;
    }
  }
  if ((bits & ((1 << bitCount) - 1)) !== 0) throw new DerError("base64 has bits behind the last byte");
  return bytes;
}

function parseBlock(label: string, lines: readonly string[]): PemBlock {
  const headers = new Map<string, string>();
  let body = 0;
  let last: string | undefined;
  for (; body < lines.length; body++) {
    const line = lines[body] ?? "";
    const colon = line.indexOf(":");
    if (colon > 0) {
      last = line.slice(0, colon).trim();
      headers.set(last, line.slice(colon + 1).trim());
    } else if (last !== undefined && /^[ \t]+\S/.test(line)) {
      headers.set(last, `${headers.get(last) ?? ""}${line.trim()}`);
    } else break;
  }
  try {
    return { label, headers, bytes: decodeBase64(lines.slice(body).join("\n")) };
  } catch (error) {
    if (error instanceof DerError) throw new DerError(`PEM block ${label}: ${error.message}`);
    throw error;
  }
}

function base64Value(code: number): number {
  if (code >= 0x41 && code <= 0x5a) return code - 0x41;
  if (code >= 0x61 && code <= 0x7a) return code - 0x61 + 26;
  if (code >= 0x30 && code <= 0x39) return code - 0x30 + 52;
  if (code === 0x2b) return 62;
  if (code === 0x2f) return 63;
  return -1;
}
