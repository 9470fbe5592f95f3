/** The UTF-8 bytes of `text`; a lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  // One UTF-16 unit takes three bytes at the most, and the two of a pair take four.
  const bytes = new Uint8Array(text.length * 3);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const codePoint = scalarAt(text, i);
    if (codePoint > 0xffff) i++;
    length = writeCodePoint(bytes, length, codePoint);
  }
  return bytes.slice(0, length);
}

/**
 * The text of UTF-8 `bytes`. What is malformed becomes U+FFFD, as many of them as the Encoding Standard says, so nothing is refused. A byte
 * order mark is kept.
 */
export function decodeUtf8(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at] ?? 0;
    if (first < 0x80) {
      text += String.fromCharCode(first);
      at++;
      continue;
    }
    const { codePoint, length } = decodeMultibyte(bytes, at, first);
    text += String.fromCodePoint(codePoint);
    at += length;
  }
  return text;
}

const REPLACEMENT = 0xfffd;

/** The code point at `index`; U+FFFD for half of a pair. */
function scalarAt(text: string, index: number): number {
  const codePoint = text.codePointAt(index) ?? REPLACEMENT;
  return codePoint >= 0xd800 && codePoint <= 0xdfff ? REPLACEMENT : codePoint;
}

function writeCodePoint(bytes: Uint8Array, at: number, codePoint: number): number {
  if (codePoint < 0x80) {
    bytes[at] = codePoint;
    return at + 1;
  }
  const continuations = codePoint < 0x800 ? 1 : codePoint < 0x10000 ? 2 : 3;
  const lead = (0xff00 >> (continuations + 1)) & 0xff;
  bytes[at] = lead | (codePoint >> (6 * continuations));
  for (let i = 1; i <= continuations; i++) {
    bytes[at + i] = 0x80 | ((codePoint >> (6 * (continuations - i))) & 0x3f);
  }
  return at + 1 + continuations;
}

interface Decoded {
  readonly codePoint: number;
  /** Bytes that it covers; when they are malformed, as many as could have begun a character. */
  readonly length: number;
}

function decodeMultibyte(bytes: Uint8Array, at: number, first: number): Decoded {
  const continuations = continuationsAfter(first);
  let codePoint = first & (0x3f >> continuations);
  for (let i = 1; i <= continuations; i++) {
    const byte = bytes[at + i] ?? 0;
    const [low, high] = i === 1 ? secondByteRange(first) : [0x80, 0xbf];
    if (byte < low || byte > high) return { codePoint: REPLACEMENT, length: i };
    codePoint = (codePoint << 6) | (byte & 0x3f);
  }
  return continuations === 0
    ? { codePoint: REPLACEMENT, length: 1 }
    : { codePoint, length: 1 + continuations };
}

function continuationsAfter(first: number): number {
  if (first < 0xc2 || first > 0xf4) return 0;
  if (first < 0xe0) return 1;
  return first < 0xf0 ? 2 : 3;
}

/** Leaves out overlong forms, surrogates, and what is above U+10FFFF. */
function secondByteRange(first: number): readonly [number, number] {
  switch (first) {
    case 0xe0:
      return [0xa0, 0xbf];
    case 0xed:
      return [0x80, 0x9f];
    case 0xf0:
      return [0x90, 0xbf];
    case 0xf4:
      return [0x80, 0x8f];
    default:
      return [0x80, 0xbf];
  }
}
