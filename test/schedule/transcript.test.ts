import { describe, expect, test } from "vitest";

import { concatBytes, hex } from "../../src/bytes.ts";
import { sha256, sha384 } from "../../src/crypto/hashes.ts";
import { Transcript } from "../../src/schedule/transcript.ts";

const FIRST = Uint8Array.of(1, 0, 0, 2, 0xaa, 0xbb);
const SECOND = Uint8Array.of(2, 0, 0, 1, 0xcc);
const THIRD = Uint8Array.of(8, 0, 0, 0);

describe("Transcript", () => {
  test.each([sha256, sha384])(
    "is the $name of all messages, whether added before or after the start",
    (hash) => {
      const transcript = new Transcript();
      transcript.add(FIRST);
      expect(transcript.hash).toBeUndefined();
      transcript.start(hash);
      transcript.add(SECOND);
      expect(hex(transcript.digest())).toBe(hex(hash.digest(concatBytes(FIRST, SECOND))));
      transcript.add(THIRD);
      expect(hex(transcript.digest())).toBe(hex(hash.digest(concatBytes(FIRST, SECOND, THIRD))));
      expect(transcript.hash).toBe(hash);
    },
  );

  test("copies what is added", () => {
    const message = FIRST.slice();
    const transcript = new Transcript();
    transcript.add(message);
    message.fill(0);
    transcript.start(sha256);
    expect(hex(transcript.digest())).toBe(hex(sha256.digest(FIRST)));
  });

  test("gives the same digest twice, in arrays of their own", () => {
    const transcript = new Transcript();
    transcript.start(sha256);
    transcript.add(FIRST);
    const digest = transcript.digest();
    digest.fill(0);
    expect(hex(transcript.digest())).toBe(hex(sha256.digest(FIRST)));
  });

  test("has no digest before the start", () => {
    const transcript = new Transcript();
    transcript.add(FIRST);
    expect(() => transcript.digest()).toThrow(new TypeError("the transcript has not been started"));
    expect(() => transcript.replaceByMessageHash()).toThrow(TypeError);
  });

  test("is started once more with the same hash, and not with another", () => {
    const transcript = new Transcript();
    transcript.start(sha256);
    transcript.add(FIRST);
    transcript.start(sha256);
    expect(() => transcript.start(sha384)).toThrow(TypeError);
    expect(hex(transcript.digest())).toBe(hex(sha256.digest(FIRST)));
    expect(() => transcript.start(sha384)).toThrow(TypeError);
    transcript.start(sha256);
  });

  test.each([sha256, sha384])("puts message_hash in place of the first ClientHello under $name", (hash) => {
    const transcript = new Transcript();
    transcript.add(FIRST);
    transcript.start(hash);
    transcript.replaceByMessageHash();
    transcript.add(SECOND);
    const messageHash = concatBytes(Uint8Array.of(254, 0, 0, hash.outputLength), hash.digest(FIRST));
    expect(hex(transcript.digestWith(hash, THIRD))).toBe(
      hex(hash.digest(concatBytes(messageHash, SECOND, THIRD))),
    );
    expect(hex(transcript.digest())).toBe(hex(hash.digest(concatBytes(messageHash, SECOND))));
    expect(() => transcript.replaceByMessageHash()).toThrow(TypeError);
  });
});

describe("digestWith", () => {
  test("looks ahead under any hash before the start, and adds nothing", () => {
    const transcript = new Transcript();
    expect(hex(transcript.digestWith(sha384, FIRST))).toBe(hex(sha384.digest(FIRST)));
    transcript.add(FIRST);
    expect(hex(transcript.digestWith(sha256))).toBe(hex(sha256.digest(FIRST)));
    expect(hex(transcript.digestWith(sha384, SECOND))).toBe(hex(sha384.digest(concatBytes(FIRST, SECOND))));
    transcript.start(sha256);
    expect(hex(transcript.digest())).toBe(hex(sha256.digest(FIRST)));
  });

  test("refuses another hash after the start, and anything after the first digest", () => {
    const transcript = new Transcript();
    transcript.add(FIRST);
    transcript.start(sha256);
    expect(() => transcript.digestWith(sha384)).toThrow(TypeError);
    transcript.digest();
    expect(() => transcript.digestWith(sha256)).toThrow(
      new TypeError("the messages of the transcript have been hashed"),
    );
  });
});

describe("retain", () => {
  const started = (...messages: readonly Uint8Array[]): Transcript => {
    const transcript = new Transcript();
    transcript.start(sha256);
    for (const message of messages) transcript.add(message);
    return transcript;
  };

  test("keeps all messages, from before and after it and after the first digest", () => {
    const transcript = started(FIRST);
    transcript.retain();
    transcript.add(SECOND);
    expect(hex(transcript.messages())).toBe(hex(concatBytes(FIRST, SECOND)));
    transcript.digest();
    transcript.add(THIRD);
    expect(hex(transcript.messages())).toBe(hex(concatBytes(FIRST, SECOND, THIRD)));
    expect(hex(transcript.digest())).toBe(hex(sha256.digest(concatBytes(FIRST, SECOND, THIRD))));
    transcript.retain();
    expect(hex(transcript.messages())).toBe(hex(concatBytes(FIRST, SECOND, THIRD)));
  });

  test("gives the messages to the caller", () => {
    const transcript = started(FIRST);
    transcript.retain();
    transcript.messages().fill(0xff);
    expect(hex(transcript.messages())).toBe(hex(FIRST));
    expect(hex(transcript.digest())).toBe(hex(sha256.digest(FIRST)));
  });

  test("comes too late after the first digest", () => {
    const transcript = started(FIRST);
    transcript.digest();
    expect(() => transcript.retain()).toThrow(
      new TypeError("the messages of the transcript have been forgotten"),
    );
    expect(() => transcript.messages()).toThrow(TypeError);
  });

  test("is what messages() needs", () => {
    const transcript = started(FIRST);
    expect(() => transcript.messages()).toThrow(
      new TypeError("the messages of the transcript are not retained"),
    );
  });

  test("ends with release(), which leaves the digest as it is", () => {
    const transcript = started(FIRST);
    transcript.retain();
    transcript.digest();
    transcript.add(SECOND);
    transcript.release();
    expect(() => transcript.messages()).toThrow(TypeError);
    expect(() => transcript.retain()).toThrow(TypeError);
    transcript.add(THIRD);
    expect(hex(transcript.digest())).toBe(hex(sha256.digest(concatBytes(FIRST, SECOND, THIRD))));
  });

  test("may be released before the first digest, and called again", () => {
    const transcript = started(FIRST);
    transcript.release();
    transcript.retain();
    transcript.release();
    transcript.add(SECOND);
    transcript.retain();
    expect(hex(transcript.messages())).toBe(hex(concatBytes(FIRST, SECOND)));
    expect(hex(transcript.digest())).toBe(hex(sha256.digest(concatBytes(FIRST, SECOND))));
  });
});
