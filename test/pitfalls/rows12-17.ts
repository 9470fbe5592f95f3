import { expect } from "vitest";

import { ascii, concatBytes } from "../../src/bytes.ts";
import { nobleCipherSuites } from "../../src/crypto/noble.ts";
import type { Tls12CipherSuite } from "../../src/crypto/provider.ts";
import {
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
} from "../../src/crypto/suites12.ts";
import { HandshakeType } from "../../src/messages/codepoints.ts";
import { plainRecord, rawMessage, type RecordShape } from "../support/forger.ts";
import type { Forger12 } from "../support/forger12.ts";
import { flipped } from "./edits.ts";
import { eventsOf, expectOpen, expectRefusal, type Pitfall } from "./pitfall.ts";
import { bothRefuse, clientRefuses, forgedClient12, forgedServer12, serverRefuses } from "./pitfall12.ts";
import { badRecord } from "./setups12.ts";

/** Every way to protect records, each with the changes that its records can have. */
const protections = nobleCipherSuites.flatMap((suite) => {
  if (suite.version !== "TLSv1.2" || suite.authentication !== "ecdsa") return [];
  if (suite.protection.kind === "aead") return [{ suite, encryptThenMac: false }];
  return [false, true].map((encryptThenMac) => ({ suite, encryptThenMac }));
});

interface BadRecord {
  readonly what: string;
  readonly shape: RecordShape;
}

/** Changes that any record can have. */
const changes: readonly BadRecord[] = [
  { what: "one bit changed in its first byte", shape: { mangle: (record) => flipped(record, 5) } },
  { what: "one bit changed in its last byte", shape: { mangle: (record) => flipped(record) } },
  { what: "one bit changed in the middle", shape: { mangle: (record) => flipped(record, 5 + 16) } },
  { what: "the minor version changed in its header", shape: { mangle: (record) => flipped(record, 2) } },
  { what: "the type changed in its header", shape: { mangle: (record) => flipped(record, 0, 22 ^ 23) } },
  { what: "no bytes", shape: { mangle: (record) => plainRecord(record[0] ?? 0, new Uint8Array()) } },
  {
    what: "its last byte cut off",
    shape: { mangle: (record) => plainRecord(23, record.subarray(5, -1)) },
  },
  {
    what: "16 bytes behind it",
    shape: { mangle: (record) => plainRecord(23, concatBytes(record.subarray(5), new Uint8Array(16))) },
  },
  { what: "15 bytes of it", shape: { mangle: (record) => plainRecord(23, record.subarray(5, 20)) } },
  { what: "16 bytes of it", shape: { mangle: (record) => plainRecord(23, record.subarray(5, 21)) } },
];

/** Changes of what is encrypted under CBC, which must all look the same from outside. */
const paddings: readonly BadRecord[] = [
  {
    what: "the last byte of its padding one higher",
    shape: { mangleBlocks: (bytes) => bytes.set([(bytes.at(-1) ?? 0) + 1], bytes.length - 1) },
  },
  {
    what: "a wrong first byte of its padding",
    shape: {
      mangleBlocks: (bytes) => bytes.set([(bytes.at(-1) ?? 0) ^ 1], bytes.length - 1 - (bytes.at(-1) ?? 0)),
    },
  },
  { what: "a padding as long as there can be", shape: { mangleBlocks: (bytes) => bytes.fill(255) } },
  {
    what: "a padding that is longer than the record",
    shape: { mangleBlocks: (bytes) => bytes.set([bytes.length], bytes.length - 1) },
  },
];

function shown({
  suite,
  encryptThenMac,
}: {
  readonly suite: Tls12CipherSuite;
  readonly encryptThenMac: boolean;
}) {
  return `${suite.name}${encryptThenMac ? " with encrypt_then_mac" : ""}`;
}

/** Suites whose records are changed in every way, and with a client engine as well: one of each form. */
const thorough: readonly Tls12CipherSuite[] = [
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
];

/** A server engine with a protection, and a client engine with some. */
function withProtection(
  { suite, encryptThenMac }: (typeof protections)[number],
  name: string,
  run: (peer: Forger12) => void,
): readonly Pitfall[] {
  const setup = { config: { cipherSuites: [suite.name] }, forger: { suite, encryptThenMac } };
  const title = `${name} under ${shown({ suite, encryptThenMac })}`;
  const client: Pitfall = {
    row: 17,
    engine: "client",
    name: title,
    run: () => run(forgedServer12(setup).complete()),
  };
  const server: Pitfall = {
    row: 17,
    engine: "server",
    name: title,
    run: () => run(forgedClient12(setup).complete()),
  };
  return thorough.includes(suite) ? [client, server] : [server];
}

/** All changes for one suite of each form, and those of one bit for the others. */
function changesOf(suite: Tls12CipherSuite): readonly BadRecord[] {
  if (!thorough.includes(suite)) return changes.slice(0, 2);
  return suite.protection.kind === "cbc" ? [...changes, ...paddings] : changes;
}

/** Row 17: what does not authenticate, and what does not even try to. */
const authentication: readonly Pitfall[] = [
  ...protections.flatMap((protection) => [
    ...changesOf(protection.suite).flatMap(({ what, shape }) =>
      withProtection(protection, `a record with ${what} gets bad_record_mac`, (peer) => {
        peer.sendData(ascii("some data of 26 characters"), shape);
        expectRefusal(peer, badRecord);
      }),
    ),
    ...withProtection(protection, "a record that comes twice gets bad_record_mac", (peer) => {
      let twice = new Uint8Array();
      peer.sendData(ascii("data"), { mangle: (record) => (twice = record.slice()) });
      peer.deliver(twice);
      expectRefusal(peer, badRecord);
    }),
    ...withProtection(
      protection,
      "a record of which one before it is missing gets bad_record_mac",
      (peer) => {
        peer.sendData(ascii("data"), { mangle: () => new Uint8Array() });
        peer.sendData(ascii("data"));
        expectRefusal(peer, badRecord);
      },
    ),
    ...withProtection(protection, "records of all sizes are taken", (peer) => {
      for (const length of [0, 1, 15, 16, 17, 255, 256, 16383, 16384]) peer.sendData(peer.random(length));
      expectOpen(peer);
    }),
  ]),
  ...protections
    .filter(({ suite }) => suite.protection.kind === "cbc")
    .flatMap((protection) =>
      withProtection(protection, "records with all lengths of padding are taken", (peer) => {
        // Content, and the MAC if it is inside, and padding fill blocks.
        const { mac } = protection.suite.protection as Extract<
          Tls12CipherSuite["protection"],
          { kind: "cbc" }
        >;
        const inside = protection.encryptThenMac ? 0 : mac.outputLength;
        for (let padding = 0; padding < 256; padding += 51)
          peer.sendData(new Uint8Array(64 - 1 - ((inside + padding) % 16)), { padding });
        expect(eventsOf(peer, "data")).toHaveLength(6);
        expectOpen(peer);
      }),
    ),
  ...(["application data", "HelloRequest", "ClientHello"] as const).flatMap((what) =>
    bothRefuse(17, `unprotected ${what}`, badRecord, (peer) => {
      const types = { HelloRequest: HandshakeType.hello_request, ClientHello: HandshakeType.client_hello };
      if (what === "application data") peer.sendData(ascii("not protected at all"), { plaintext: true });
      else peer.sendHandshake(rawMessage(types[what], new Uint8Array(40)), { plaintext: true });
    }),
  ),
  clientRefuses(17, "an unprotected Finished of a server", badRecord, (server) => {
    server.upTo("finished");
    server.sendHandshake(rawMessage(HandshakeType.finished, server.verifyData()), { plaintext: true });
  }),
  serverRefuses(17, "an unprotected Finished of a client", badRecord, (client) => {
    client.upTo("finished");
    client.sendHandshake(rawMessage(HandshakeType.finished, client.verifyData()), { plaintext: true });
  }),
  ...(["key", "iv"] as const).flatMap((part) => [
    clientRefuses(17, `a server's Finished under another ${part}`, badRecord, (server) => {
      server
        .upTo("changeCipherSpec")
        .changeCipherSpec({ keys: (own) => ({ ...own, [part]: flipped(own[part]) }) });
      server.finished();
    }),
    serverRefuses(17, `a client's Finished under another ${part}`, badRecord, (client) => {
      client
        .upTo("changeCipherSpec")
        .changeCipherSpec({ keys: (own) => ({ ...own, [part]: flipped(own[part]) }) });
      client.finished();
    }),
  ]),
  clientRefuses(17, "a server's Finished under the client's keys", badRecord, (server) => {
    server.upTo("changeCipherSpec").changeCipherSpec({ keys: (own) => server.keys?.client ?? own });
    server.finished();
  }),
  serverRefuses(17, "a client's Finished under the server's keys", badRecord, (client) => {
    client.upTo("changeCipherSpec").changeCipherSpec({ keys: (own) => client.keys?.server ?? own });
    client.finished();
  }),
  serverRefuses(
    17,
    "a Finished of a client that has sent another share than its own",
    badRecord,
    (client) => {
      // A share that is good as such; the secret is another one.
      client
        .upTo("clientKeyExchange")
        .clientKeyExchange((body) => ({ publicKey: flipped(body.publicKey, 0) }));
      client.complete();
    },
  ),
  clientRefuses(
    17,
    "application data of a server between ChangeCipherSpec and Finished",
    { alert: "unexpected_message", says: "application data during the handshake" },
    (server) => server.upTo("finished").sendData(ascii("early")),
  ),
  serverRefuses(
    17,
    "application data of a client between ChangeCipherSpec and Finished",
    { alert: "unexpected_message", says: "application data during the handshake" },
    (client) => client.upTo("finished").sendData(ascii("early")),
  ),
];

export const tls12Rows17: readonly Pitfall[] = [...authentication];
