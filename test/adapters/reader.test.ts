import { expect, test } from "vitest";
import {
  exactly,
  IncompleteReadError,
  Reader,
  ReadLimitError,
  some,
  until,
} from "../../src/adapters/reader.ts";
import { ascii, latin1 } from "../../src/bytes.ts";

const newline = ascii("\n");
const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : latin1(bytes));

/** Whether `promise` has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => void (settled = true);
  promise.then(note, note);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test("gives what is there, at most as much as was asked for", async () => {
  const reader = new Reader();
  reader.append(ascii("abcdef"));
  expect(text(await reader.read(some(4)))).toBe("abcd");
  expect(text(await reader.read(some(4)))).toBe("ef");
});

test("keeps its own copy of what it is given", async () => {
  const reader = new Reader();
  const chunk = ascii("abc");
  reader.append(chunk);
  chunk.fill(0);
  const first = await reader.read(some(2));
  reader.append(ascii("defghijkl"));
  expect(text(first)).toBe("ab");
});

test("waits for the bytes that it needs", async () => {
  const reader = new Reader();
  const read = reader.read(exactly(3));
  reader.append(ascii("ab"));
  expect(await isSettled(read)).toBe(false);
  expect(reader.isWaiting).toBe(true);
  reader.append(ascii("cd"));
  expect(text(await read)).toBe("abc");
  expect(reader.isWaiting).toBe(false);
  expect(reader.length).toBe(1);
});

test("finds a separator that is cut in two", async () => {
  const reader = new Reader();
  const read = reader.read(until(ascii("\r\n\r\n"), 100));
  for (const byte of ascii("a\r\r\n\r\nrest")) reader.append(Uint8Array.of(byte));
  expect(text(await read)).toBe("a\r\r\n\r\n");
  expect(reader.length).toBe(4);
});

test.each([
  ["takes a line that has exactly the limit", "abc\n", 4, "abc\n"],
  ["refuses a line that is one byte longer", "abcd\n", 4, ReadLimitError],
  ["refuses a separator that ends behind the limit", "abc\n", 3, ReadLimitError],
])("%s", async (_name, received, limit, expected) => {
  const reader = new Reader();
  const read = reader.read(until(newline, limit));
  reader.append(ascii(received));
  if (typeof expected === "string") expect(text(await read)).toBe(expected);
  else await expect(read).rejects.toThrow(expected);
});

test("refuses a line without end as soon as the limit is reached, and keeps what came", async () => {
  const reader = new Reader();
  const read = reader.read(until(newline, 8));
  read.catch(() => undefined);
  reader.append(ascii("1234567"));
  expect(await isSettled(read)).toBe(false);
  reader.append(ascii("8"));
  await expect(read).rejects.toThrow("no separator within 8 bytes");
  expect(text(await reader.read(some(100)))).toBe("12345678");
});

test("looks at every byte of a long line once, whatever its pieces", async () => {
  const reader = new Reader();
  const read = reader.read(until(newline, 2 ** 20));
  const piece = Uint8Array.of(0x61);
  const startedAt = performance.now();
  for (let i = 0; i < 2 ** 19; i++) reader.append(piece);
  reader.append(newline);
  expect((await read)?.length).toBe(2 ** 19 + 1);
  // Looking at all of it for each byte would take minutes.
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test("after an orderly end, gives what is left and then null", async () => {
  const reader = new Reader();
  reader.append(ascii("ab"));
  reader.end(null);
  await expect(reader.read(exactly(3))).rejects.toThrow(IncompleteReadError);
  await expect(reader.read(until(newline, 10))).rejects.toMatchObject({ receivedBytes: 2 });
  expect(text(await reader.read(some(10)))).toBe("ab");
  expect(await reader.read(some(10))).toBeNull();
  expect(await reader.read(until(newline, 10))).toBeNull();
});

test("after an error, gives what is left and then the error", async () => {
  const reader = new Reader();
  reader.append(ascii("one\ntw"));
  const error = new Error("cut");
  reader.end(error);
  expect(text(await reader.read(until(newline, 10)))).toBe("one\n");
  await expect(reader.read(until(newline, 10))).rejects.toBe(error);
  expect(text(await reader.read(some(10)))).toBe("tw");
  await expect(reader.read(some(10))).rejects.toBe(error);
});

test("a read that waits hears of the end, and only the first end counts", async () => {
  const reader = new Reader();
  const read = reader.read(some(1));
  reader.end(null);
  reader.end(new Error("too late"));
  reader.append(ascii("too late"));
  expect(await read).toBeNull();
  expect(await reader.read(some(1))).toBeNull();
});

test("refuses a second read while one waits", async () => {
  const reader = new Reader();
  const first = reader.read(some(1));
  await expect(reader.read(some(1))).rejects.toThrow(TypeError);
  reader.append(ascii("a"));
  expect(text(await first)).toBe("a");
});

test("drops what is there when it is discarded", async () => {
  const reader = new Reader();
  reader.append(ascii("secret"));
  reader.discard(null);
  expect(reader.length).toBe(0);
  expect(await reader.read(some(10))).toBeNull();
});
