import { expect } from "vitest";
import { MessageContentType, type TlsMessage } from "../../src/index.ts";

/** Watches the lengths of records with application data, both ways. */
export function applicationRecords(): {
  readonly onMessage: (message: TlsMessage) => void;
  /** Checks that the longest one each way has at most so many bytes behind its header, and more than half of them. */
  expectAtMost(length: number): void;
} {
  const lengths = { read: 0, write: 0 };
  return {
    onMessage: ({ contentType, direction, messageType, data }) => {
      if (contentType !== MessageContentType.HEADER || messageType !== 23) return;
      lengths[direction] = Math.max(lengths[direction], Buffer.from(data).readUInt16BE(3));
    },
    expectAtMost: (length) => {
      for (const direction of ["read", "write"] as const) {
        expect(lengths[direction], direction).toBeLessThanOrEqual(length);
        expect(lengths[direction], direction).toBeGreaterThan(length / 2);
      }
    },
  };
}
