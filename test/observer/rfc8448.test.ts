import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { ContentType } from "../../src/messages/codepoints.ts";
import { printedByEither, printedKeyLog, printedRecords, privateKeysOf } from "../replay/rfc8448-trace.ts";
import { ConnectionObserver, keyLogSecrets, type SecretSource, type Side } from "../support/observer.ts";
import { RFC8448_TRACES, rfc8448Trace, type Trace } from "../support/vectors.ts";
import { DerivedSecrets } from "./derived-secrets.ts";
import { checkProof } from "./proofs.ts";

const byNode = { by: "node:crypto", isGenuine: true };
const serverRsa = { name: "server rsa_pss_rsae_sha256", ...byNode };

const traces = [
  { section: 3, protectedRecords: 7, proofs: [serverRsa] },
  { section: 4, protectedRecords: 8, proofs: [] },
  { section: 5, protectedRecords: 4, proofs: [serverRsa] },
  {
    section: 6,
    protectedRecords: 4,
    proofs: [
      { name: "server ecdsa_secp256r1_sha256", by: "tls-engine", isGenuine: true },
      { name: "client rsa_pss_rsae_sha256", ...byNode },
    ],
  },
  { section: 7, protectedRecords: 4, proofs: [serverRsa] },
] as const satisfies readonly { readonly section: keyof typeof RFC8448_TRACES; [key: string]: unknown }[];

function observe(trace: Trace, secrets: SecretSource): ConnectionObserver {
  const observer = new ConnectionObserver(secrets);
  for (const { sender, record } of printedRecords(trace)) observer.carry(sender, record);
  return observer;
}

describe.each(traces)("RFC 8448 §$section", ({ section, protectedRecords, proofs }) => {
  const trace = rfc8448Trace(section);

  async function expectPlaintext(observer: ConnectionObserver): Promise<void> {
    const isProtected = ({ record }: { readonly record: Uint8Array }): boolean =>
      record[0] === ContentType.application_data;
    const printed = printedRecords(trace).filter(isProtected);
    expect(printed.length).toBe(protectedRecords);
    expect(
      observer.protectedRecords.map(({ sender, type, content }) => [sender, type, hex(content)]),
    ).toEqual(
      printed.map(({ sender, subject, payload }) => [
        sender,
        ContentType[subject as keyof typeof ContentType],
        hex(payload),
      ]),
    );
    expect(observer.pending).toBe(0);
    expect(observer.finished).toEqual({ client: true, server: true });
    expect(await Promise.all(observer.proofs.map(checkProof))).toEqual(proofs);
  }

  test("the printed secrets open all its records to the printed plaintext; Finished and CertificateVerify are right", async () => {
    await expectPlaintext(observe(trace, keyLogSecrets(printedKeyLog(trace))));
  });

  test.each(["client", "server"] as const)(
    "the %s's private keys open all its records as well, with the PSK of §3 for those of §4",
    async (side: Side) => {
      // Of two shares, the one that counts is the last.
      const privateKey = (): Uint8Array => privateKeysOf(trace, side).at(-1) ?? new Uint8Array();
      const preSharedKey = (): Uint8Array =>
        printedByEither(rfc8448Trace(3), "derive", "resumption").expanded;
      await expectPlaintext(observe(trace, new DerivedSecrets({ side, privateKey, preSharedKey }).find));
    },
  );
});

test("a flight in one record is reported as one header, one inner type, and then its messages", () => {
  const trace = rfc8448Trace(3);
  const observer = observe(trace, keyLogSecrets(printedKeyLog(trace)));
  const read = observer.events
    .filter(({ side, direction }) => side === "client" && direction === "read")
    .map(({ contentType, messageType }) => `${contentType}/${messageType}`);
  expect(read.slice(0, 9)).toEqual([
    "256/22",
    "22/2",
    "256/23",
    "257/22",
    "22/8",
    "22/11",
    "22/15",
    "22/20",
    "256/23",
  ]);
});
