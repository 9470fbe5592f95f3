import { expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { certificateVerifyContent } from "../../src/schedule/certificate-verify.ts";
import { fromHex } from "../support/hex.ts";

test("the server's content is the one that RFC 8446 §4.4.3 prints", () => {
  const printed = `
    2020202020202020202020202020202020202020202020202020202020202020
    2020202020202020202020202020202020202020202020202020202020202020
    544c5320312e332c207365727665722043657274696669636174655665726966
    79
    00
    0101010101010101010101010101010101010101010101010101010101010101`;
  expect(hex(certificateVerifyContent("server", new Uint8Array(32).fill(1)))).toBe(hex(fromHex(printed)));
});

test("the client's content has a context string of its own, and takes a longer hash", () => {
  const content = certificateVerifyContent("client", new Uint8Array(48).fill(2));
  const context = Buffer.from("TLS 1.3, client CertificateVerify").toString("hex");
  expect(hex(content)).toBe(`${"20".repeat(64)}${context}00${"02".repeat(48)}`);
});
