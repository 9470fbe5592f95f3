import { describe, expect, test } from "vitest";

import { hex } from "../../src/bytes.ts";
import { nobleProvider } from "../../src/crypto/noble.ts";
import type { KeyExchangeGroup } from "../../src/crypto/provider.ts";
import { printedSteps, RFC8448_TRACES, rfc8448Trace, type Trace, vectorCases } from "../support/vectors.ts";

function groupNamed(name: string): KeyExchangeGroup {
  const group = nobleProvider().groups.find((one) => one.name === name);
  if (group === undefined) throw new Error(`no group ${name}`);
  return group;
}

/** Expects the same of both roles: the public key of `privateKey`, and the secret that it shares with `peer`. */
async function expectAgreement(
  group: KeyExchangeGroup,
  privateKey: Uint8Array,
  peer: Uint8Array,
  expected: { readonly publicKey?: Uint8Array; readonly sharedSecret: Uint8Array },
): Promise<void> {
  const random = (length: number): Uint8Array => {
    expect(length).toBe(privateKey.length);
    return privateKey.slice();
  };
  const own = await group.generate(random);
  const answer = await group.respond(peer, random);
  expect(hex(await own.sharedSecret(peer))).toBe(hex(expected.sharedSecret));
  expect(hex(answer.sharedSecret)).toBe(hex(expected.sharedSecret));
  expect(hex(answer.keyExchange)).toBe(hex(own.keyExchange));
  if (expected.publicKey !== undefined) expect(hex(own.keyExchange)).toBe(hex(expected.publicKey));
}

describe("RFC 7748", () => {
  const inputs = { privateKey: "bytes", peerPublicKey: "bytes" } as const;
  const multiplications = vectorCases("primitives/rfc7748-x25519.json", inputs, { sharedSecret: "bytes" });
  const agreements = vectorCases("primitives/rfc7748-agreement.json", inputs, {
    publicKey: "bytes",
    sharedSecret: "bytes",
  });

  test.each([...multiplications, ...agreements])("x25519 computes what is printed in $name", async ({ input, expected }) => {
    await expectAgreement(groupNamed("x25519"), input.privateKey, input.peerPublicKey, expected);
  });

  test("there are two multiplications, and two sides of an agreement", () => {
    expect([multiplications.length, agreements.length]).toEqual([2, 2]);
  });
});

describe("RFC 5903", () => {
  const cases = vectorCases(
    "primitives/rfc5903-ecdh.json",
    { curve: "text", privateKey: "bytes", peerPublicKey: "bytes" },
    { publicKey: "bytes", sharedSecret: "bytes" },
  );

  test.each(cases)("$input.curve computes what is printed in $name", async ({ input, expected }) => {
    const group = groupNamed(`secp${input.curve.slice(2)}r1`);
    await expectAgreement(group, input.privateKey, input.peerPublicKey, expected);
  });

  test("there are two roles on each of three curves", () => {
    expect(cases.map(({ input }) => input.curve)).toEqual(["P-256", "P-256", "P-384", "P-384", "P-521", "P-521"]);
  });
});

describe("RFC 8448", () => {
  const sections = Object.keys(RFC8448_TRACES).map(Number) as readonly (keyof typeof RFC8448_TRACES)[];
  const groups = { x25519: "x25519", "P-256": "secp256r1" } as const;

  /** The only key pair of `actor` on the group that both sides end with. */
  const keyPair = (trace: Trace, actor: "client" | "server", subject: keyof typeof groups) =>
    printedSteps(trace, actor, "generate", subject)[0];

  test.each(sections)("§%i: both sides make the printed key shares, and the shared secret", async (section) => {
    const trace = rfc8448Trace(section);
    const subject = section === 5 ? "P-256" : "x25519";
    const client = keyPair(trace, "client", subject);
    const server = keyPair(trace, "server", subject);
    const [handshake] = printedSteps(trace, "server", "extract", "handshake");
    if (client === undefined || server === undefined || handshake === undefined) throw new Error("not printed");
    const sharedSecret = handshake.inputKeyingMaterial;
    const group = groupNamed(groups[subject]);
    const { publicKey } = client;
    await expectAgreement(group, client.privateKey, server.publicKey, { publicKey, sharedSecret });
    await expectAgreement(group, server.privateKey, publicKey, { publicKey: server.publicKey, sharedSecret });
  });
});
