import { describe, expect, test } from "vitest";

import { ascii, concatBytes, hex, latin1 } from "../../src/bytes.ts";
import {
  type ClientAuth,
  type ClientOptions,
  ContentType,
  credential,
  pinned,
  type ServerOptions,
} from "../../src/index.ts";
import { HandshakeJoiner } from "../../src/record/joiner.ts";
import { answering, signing } from "../pairs/hooks.ts";
import { nobleProvider } from "../../src/crypto/noble.ts";
import { seededRandom } from "../support/forger.ts";
import { testCertificate } from "../support/certificates.ts";
import { type ConnectionObserver, eventRow, type Side } from "../support/observer.ts";
import { byteByByte, type Pair, type Split, whole } from "../support/pair.ts";
import { checkProof } from "./proofs.ts";
import { rows, type WatchedConnection, WatchedPeers } from "./watched-pair.ts";

// Authentication behind the handshake, as somebody sees it who reads the connection with the secrets of its key log.

const own = await testCertificate({ commonName: "client", keyType: "ed25519" });
const clientCredential = credential({ certificateChain: own.certificatePem, key: own.keyPem });
const required: ClientAuth = { mode: "require", trust: pinned([own.spkiSha256]) };

/** Data and KeyUpdates around and between two requests, one of which waits for the client's hook. */
async function course(pair: Pair): Promise<void> {
  const { client, server } = pair;
  server.engine.requestClientCertificate(required);
  server.engine.write(ascii("behind the request"));
  client.engine.write(ascii("before the answer"));
  client.engine.updateKeys(true);
  await pair.run();
  server.engine.updateKeys(true);
  server.engine.requestClientCertificate(required);
  client.engine.write(ascii("meanwhile"));
  server.engine.updateKeys(true);
  await pair.run();
  client.engine.write(ascii("afterwards"));
  await pair.run();
}

/** What the client sends behind its first Finished: names of messages, and `data`. */
function sentByClient(observer: ConnectionObserver): readonly string[] {
  const joiner = new HandshakeJoiner(2 ** 24 - 1);
  const sent: string[] = [];
  for (const { sender, type, content } of observer.protectedRecords) {
    if (sender !== "client") continue;
    if (type === ContentType.handshake) joiner.push(content);
    else sent.push(joiner.isAligned ? "data" : "data inside of a message");
    for (let raw = joiner.next(); raw !== undefined; raw = joiner.next()) sent.push(String(raw[0]));
  }
  return sent.slice(sent.indexOf("20") + 1);
}

async function connect(
  client: Partial<ClientOptions>,
  server: Partial<ServerOptions>,
  split: Split,
  resumed = false,
): Promise<WatchedConnection> {
  const peers = new WatchedPeers({ postHandshakeAuth: true, clientCredential, ...client }, server);
  if (resumed) await peers.connect();
  return await peers.connect({ afterwards: course }, split);
}

const late = async <T>(value: T | PromiseLike<T>): Promise<T> => {
  for (let turns = 0; turns < 5; turns++) await Promise.resolve();
  return value;
};
const lateClient: Partial<ClientOptions> = {
  provider: answering(nobleProvider(), late),
  clientCredential: () => late(signing(clientCredential, late)),
};
const lateServer: Partial<ServerOptions> = { provider: answering(nobleProvider(), late) };

describe.each([
  ["whole flights", whole],
  ["single bytes", byteByByte],
] as const)("over %s,", (_split, split) => {
  test.each([
    { hooks: "at once", client: {}, server: {}, resumed: false },
    { hooks: "late", client: lateClient, server: lateServer, resumed: false },
    { hooks: "at once", client: {}, server: {}, resumed: true },
    { hooks: "late", client: lateClient, server: lateServer, resumed: true },
    { hooks: "at once", client: { recordSizeLimit: 64 }, server: { recordSizeLimit: 80 }, resumed: false },
  ])("hooks answer $hooks, resumed: $resumed", async ({ client, server, resumed }) => {
    const { pair, observer, reported } = await connect(client, server, split, resumed);
    expect([pair.client.closed, pair.server.closed]).toEqual([undefined, undefined]);
    expect(pair.client.engine.info?.resumed).toBe(resumed);
    expect(observer.pending).toBe(0);
    expect(observer.finished).toEqual({ client: true, server: true });
    expect(observer.lateFinished).toEqual([true, true]);
    for (const proof of observer.proofs) expect(await checkProof(proof)).toMatchObject({ isGenuine: true });
    expect(observer.proofs.filter(({ signer }) => signer === "client")).toHaveLength(2);
    expect(pair.server.engine.info?.peer).toMatchObject({ kind: "verified", chain: [own.der] });

    const text = (side: Side): string => latin1(concatBytes(...observer.data[side]));
    expect(text("client")).toBe("before the answermeanwhileafterwards");
    expect(text("server")).toBe("behind the request");
    // Certificate, CertificateVerify and Finished, and nothing in between.
    const sent = sentByClient(observer).join(" ");
    expect(sent.split("11 15 20")).toHaveLength(3);
    expect(sent).not.toMatch(/\b(11|15) (?!15|20)/);
    expect(sent).not.toContain("inside of a message");

    for (const side of ["client", "server"] as const) {
      for (const direction of ["read", "write"] as const) {
        const told = reported[side].filter((message) => message.direction === direction);
        const seen = observer.events.filter((event) => event.side === side && event.direction === direction);
        expect(rows(side, told)).toEqual(seen.map(eventRow));
      }
    }
  });
});

test("the same messages go out however the bytes were cut and the hooks have waited", async () => {
  const outcomes: (readonly string[])[] = [];
  for (const split of [whole, byteByByte]) {
    for (const [client, server] of [
      [{}, {}],
      [lateClient, lateServer],
    ] as const) {
      const { observer } = await connect(
        { ...client, random: seededRandom(1) },
        { ...server, random: seededRandom(2) },
        split,
      );
      const ofClient = observer.messages.filter(({ sender }) => sender === "client");
      outcomes.push(ofClient.map(({ name, raw }) => `${name} ${hex(raw)}`));
    }
  }
  const [first = []] = outcomes;
  expect(first.filter((message) => /^(certificate|certificate_verify|finished) /.test(message))).toHaveLength(
    7,
  );
  for (const outcome of outcomes) expect(outcome).toEqual(first);
});
