import { expect, test } from "vitest";
import { ascii, latin1 } from "../../src/bytes.ts";
import { ClientConfig, type ClientHello, type ClientOptions, ServerConfig } from "../../src/index.ts";
import { credential } from "../../src/config/credential.ts";
import { testCertificate } from "../support/certificates.ts";
import { Pair } from "../support/pair.ts";

/** A client that offers early data with a ticket of some other server, as a client may to any server behind a name. */
const offersEarlyData = (hello: ClientHello): ClientHello => {
  // RFC 8446 §4.2.10: a second ClientHello offers none.
  if (hello.extensions.keyShare?.length === 1) return hello;
  return {
    ...hello,
    extensions: {
      ...hello.extensions,
      earlyData: true,
      preSharedKey: {
        identities: [{ identity: ascii("ticket"), obfuscatedTicketAge: 1 }],
        binders: [new Uint8Array(32)],
      },
    },
  };
};

/** A record as it would look if it were protected with early keys. */
function earlyRecord(length: number): Uint8Array {
  const record = new Uint8Array(5 + length).fill(0x5a);
  record.set([23, 3, 3, length >> 8, length & 0xff]);
  return record;
}

async function pairWith(early: readonly Uint8Array[], changes: Partial<ClientOptions> = {}): Promise<Pair> {
  const { certificatePem, keyPem } = await testCertificate();
  const client = new ClientConfig({
    serverName: "localhost",
    dangerouslyAcceptAnyCertificate: true,
    groups: ["x25519", "secp256r1", "secp384r1"],
    shapeClientHello: offersEarlyData,
  });
  const server = new ServerConfig({
    credentials: [credential({ certificateChain: certificatePem, key: keyPem })],
    groups: changes.groups ?? ["x25519"],
    limits: { skippedEarlyDataBytes: 20_000 },
  });
  const pair = new Pair(client, server);
  const hello = pair.client.engine.takeOutput();
  if (hello === null) throw new Error("no ClientHello");
  pair.server.engine.receive(hello);
  for (const record of early) pair.server.engine.receive(record);
  return pair.run();
}

test.each([
  ["the first flight", ["x25519"]],
  ["a HelloRetryRequest", ["secp384r1"]],
])("a server passes over early data that it does not take, behind %s", async (_where, groups) => {
  const pair = await pairWith([earlyRecord(16_384 + 17), earlyRecord(17), earlyRecord(2_000)], { groups });
  expect(pair.server.closed).toBeUndefined();
  expect(pair.client.engine.info?.helloRetried).toBe(groups[0] === "secp384r1");
  pair.client.engine.write(ascii("on time"));
  await pair.run();
  expect(latin1(pair.server.received)).toBe("on time");
});

test.each([
  ["the first flight", ["x25519"]],
  ["a HelloRetryRequest", ["secp384r1"]],
])("more of it than the limit is refused behind %s: unexpected_message", async (_where, groups) => {
  const pair = await pairWith([earlyRecord(16_000), earlyRecord(4_000), earlyRecord(17)], { groups });
  expect(pair.server.closed).toMatchObject({ kind: "error", alertSent: "unexpected_message" });
});

test("once a record has opened, the next one that does not is refused: bad_record_mac", async () => {
  const pair = await pairWith([earlyRecord(100)]);
  expect(pair.server.closed).toBeUndefined();
  pair.server.engine.receive(earlyRecord(100));
  await pair.run();
  expect(pair.server.closed).toMatchObject({ kind: "error", alertSent: "bad_record_mac" });
});
