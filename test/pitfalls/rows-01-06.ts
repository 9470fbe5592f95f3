import { expect } from "vitest";

import { ascii } from "../../src/bytes.ts";
import { HandshakeType } from "../../src/messages/codepoints.ts";
import { type Forger, rawMessage } from "../support/forger.ts";
import { cut, packed, replacing } from "./edits.ts";
import type { ForgedClient } from "./forged-client.ts";
import { eventsOf, expectInert, type Pitfall } from "./pitfall.ts";
import {
  clientAccepts,
  clientRefuses,
  forgedClient,
  forgedServer,
  mutual,
  serverAccepts,
  serverRefuses,
} from "./pitfall13.ts";
import { asking, otherGroup, strayChangeCipherSpec } from "./setups.ts";

const KEY_UPDATE = rawMessage(HandshakeType.key_update, Uint8Array.of(0));

/** Rows 1 and 2: messages and records are cut independently. */
const cutting: readonly Pitfall[] = [
  ...[1, 2, 3, 4, 5, 7, 100].flatMap((size) => [
    clientAccepts(1, `messages in records of ${size} bytes are joined`, (server) => {
      server.fragment = (message) => cut(message, size);
    }),
    serverAccepts(
      1,
      `messages in records of ${size} bytes are joined`,
      (client) => {
        client.fragment = (message) => cut(message, size);
      },
      mutual,
    ),
  ]),
  ...[1, 2, 3, 4, 5, 6].flatMap((first) => [
    serverAccepts(
      1,
      `a first record with ${first} bytes of ClientHello is joined with the next`,
      (client) => {
        client.fragment = cutOnce(first);
      },
    ),
    clientAccepts(
      1,
      `a first record with ${first} bytes of ServerHello is joined with the next`,
      (server) => {
        server.fragment = cutOnce(first);
      },
    ),
  ]),
  serverAccepts(1, "records that arrive byte by byte are joined", (client) => {
    client.together(
      () => client.clientHello(),
      (bytes) => cut(bytes, 1),
    );
    client.together(
      () => client.finished(),
      (bytes) => cut(bytes, 1),
    );
  }),
  clientAccepts(1, "records that arrive byte by byte are joined", (server) => {
    server.together(
      () => server.complete(),
      (bytes) => cut(bytes, 1),
    );
  }),
  clientAccepts(2, "EncryptedExtensions to Finished are taken from one record", (server) => {
    server.upTo("encryptedExtensions");
    packed(
      server,
      () => server.upTo("finished"),
      () => server.finished(),
    );
  }),
  clientAccepts(
    2,
    "EncryptedExtensions to Finished with a CertificateRequest are taken from one record",
    (server) => {
      server.upTo("encryptedExtensions");
      packed(
        server,
        () => server.upTo("finished"),
        () => server.finished(),
      );
    },
    asking,
  ),
  clientAccepts(2, "a flight is taken that is cut every 61 bytes, across its messages", (server) => {
    server.upTo("encryptedExtensions");
    packed(
      server,
      () => server.upTo("finished"),
      () => server.finished(),
      (flight) => cut(flight, 61),
    );
  }),
  clientAccepts(2, "several NewSessionTickets are taken from one record", (server) => {
    server.complete();
    packed(
      server,
      () => server.newSessionTicket(),
      () => server.newSessionTicket(),
    );
    expect(eventsOf(server, "session")).toHaveLength(2);
  }),
  serverAccepts(
    2,
    "Certificate to Finished are taken from one record",
    (client) => {
      client.upTo("certificate");
      packed(
        client,
        () => client.upTo("finished"),
        () => client.finished(),
      );
    },
    mutual,
  ),
  serverAccepts(
    2,
    "a flight is taken that is cut every 61 bytes, across its messages",
    (client) => {
      client.upTo("certificate");
      packed(
        client,
        () => client.upTo("finished"),
        () => client.finished(),
        (flight) => cut(flight, 61),
      );
    },
    mutual,
  ),
];

/** Cuts behind the first bytes; a record of a handshake message must not be empty. */
function cutOnce(first: number): (message: Uint8Array) => readonly Uint8Array[] {
  return (message) =>
    [message.subarray(0, first), message.subarray(first)].filter(({ length }) => length > 0);
}

const interleavedAlert = {
  alert: "unexpected_message",
  says: "an alert that is no error inside of a handshake message",
} as const;

const interleaved = { alert: "unexpected_message", says: "inside of a handshake message" } as const;

const START_OF_FINISHED = Uint8Array.of(HandshakeType.finished, 0, 0, 32, 1);

/** A fatal alert between the parts of a message is the peer's last word, and is reported as such. */
function alertInsideOfMessage(engine: "client" | "server", peer: () => Forger): Pitfall {
  return {
    row: 3,
    engine,
    name: "a fatal alert inside of a handshake message is reported, and not answered",
    run() {
      const forger = peer();
      forger.sendHandshake(START_OF_FINISHED);
      forger.sendAlert(2, "internal_error");
      expect(eventsOf(forger, "closed").map(({ how }) => how)).toMatchObject([
        { kind: "alert", alert: "internal_error" },
      ]);
      expect(forger.alerts).toEqual([]);
      expectInert(forger);
    },
  };
}

/** Row 3: nothing may come between the records of one message. */
const interleaving: readonly Pitfall[] = [
  clientRefuses(3, "a ChangeCipherSpec inside of ServerHello", strayChangeCipherSpec, (server) => {
    server.sendHandshake(Uint8Array.of(HandshakeType.server_hello));
    server.sendChangeCipherSpec();
  }),
  clientRefuses(3, "a ChangeCipherSpec inside of EncryptedExtensions", strayChangeCipherSpec, (server) => {
    server.upTo("encryptedExtensions");
    server.sendHandshake(Uint8Array.of(HandshakeType.encrypted_extensions, 0, 0, 2));
    server.sendChangeCipherSpec();
  }),
  serverRefuses(3, "a ChangeCipherSpec inside of the second ClientHello", strayChangeCipherSpec, (client) => {
    client.clientHelloWithoutShare();
    client.sendHandshake(Uint8Array.of(HandshakeType.client_hello, 0, 0, 100, 3, 3));
    client.sendChangeCipherSpec();
  }),
  serverRefuses(3, "a ChangeCipherSpec inside of Finished", strayChangeCipherSpec, (client) => {
    client.upTo("finished");
    client.sendHandshake(START_OF_FINISHED);
    client.sendChangeCipherSpec();
  }),
  clientRefuses(3, "application data inside of NewSessionTicket", interleaved, (server) => {
    server.complete();
    server.sendHandshake(Uint8Array.of(HandshakeType.new_session_ticket, 0, 0));
    server.sendData(ascii("data"));
  }),
  serverRefuses(3, "application data inside of KeyUpdate", interleaved, (client) => {
    client.complete();
    client.sendHandshake(KEY_UPDATE.subarray(0, 4));
    client.sendData(ascii("data"));
  }),
  serverRefuses(3, "an empty record of application data inside of KeyUpdate", interleaved, (client) => {
    client.complete();
    client.sendHandshake(KEY_UPDATE.subarray(0, 4));
    client.sendData(new Uint8Array());
  }),
  ...(["close_notify", "user_canceled"] as const).flatMap((alert) => [
    clientRefuses(3, `${alert} inside of Finished`, interleavedAlert, (server) => {
      server.upTo("finished").sendHandshake(START_OF_FINISHED);
      server.sendAlert(1, alert);
    }),
    serverRefuses(3, `${alert} inside of KeyUpdate`, interleavedAlert, (client) => {
      client.complete().sendHandshake(KEY_UPDATE.subarray(0, 4));
      client.sendAlert(1, alert);
    }),
  ]),
  alertInsideOfMessage("client", () => forgedServer().upTo("finished")),
  alertInsideOfMessage("server", () => forgedClient().upTo("finished")),
];

const beforeKeys = { alert: "unexpected_message", says: "in the record before its change of keys" } as const;

const behindKeyUpdate = { alert: "unexpected_message", says: "in the record of its KeyUpdate" } as const;

const behindFlight = { alert: "unexpected_message", says: "where its flight should have ended" } as const;

const oneByte = Uint8Array.of(HandshakeType.encrypted_extensions);

const wholeMessage = rawMessage(HandshakeType.encrypted_extensions, Uint8Array.of(0, 0));

/** Rows 4 and 5: what lies behind a message in its record is under the keys of that message. */
const alignment: readonly Pitfall[] = (
  [
    ["one byte", oneByte],
    ["a whole message", wholeMessage],
  ] as const
).flatMap(([what, tail]) => [
  clientRefuses(4, `${what} behind ServerHello`, beforeKeys, (server) => server.serverHello({ tail })),
  clientRefuses(
    4,
    `${what} behind the ServerHello after HelloRetryRequest`,
    beforeKeys,
    (server) => {
      server.helloRetryRequest();
      server.serverHello({ tail });
    },
    otherGroup,
  ),
  clientRefuses(4, `${what} behind the server's Finished`, beforeKeys, (server) =>
    server.upTo("finished").finished({ tail }),
  ),
  clientRefuses(4, `${what} behind the server's KeyUpdate`, behindKeyUpdate, (server) =>
    server.complete().keyUpdate({ tail }),
  ),
  serverRefuses(4, `${what} behind ClientHello`, behindFlight, (client) => client.clientHello({ tail })),
  serverRefuses(4, `${what} behind the second ClientHello`, behindFlight, (client) => {
    client.clientHelloWithoutShare();
    client.secondClientHello({ tail });
  }),
  serverRefuses(4, `${what} behind the client's Finished`, beforeKeys, (client) =>
    client.upTo("finished").finished({ tail }),
  ),
  serverRefuses(
    4,
    `${what} behind the Finished of a client with a certificate`,
    beforeKeys,
    (client) => client.upTo("finished").finished({ tail }),
    mutual,
  ),
  serverRefuses(4, `${what} behind the client's KeyUpdate`, behindKeyUpdate, (client) =>
    client.complete().keyUpdate({ tail }),
  ),
  clientRefuses(
    5,
    `${what} behind HelloRetryRequest`,
    behindFlight,
    (server) => server.helloRetryRequest({ tail }),
    otherGroup,
  ),
  serverRefuses(5, `${what} behind a ClientHello that will be asked again`, behindFlight, (client) =>
    client.clientHello({ ...withoutShare, tail }),
  ),
]);

const withoutShare = { body: replacing<ForgedClient["hello"]>("keyShare", 51, Uint8Array.of(0, 0)) };

function tooLong(allowed: number) {
  return { alert: "illegal_parameter", says: `${allowed + 1} bytes, allowed ${allowed}` } as const;
}

/** A handshake header and nothing behind it, which must be enough to be refused. */
function header(type: number, length: number): Uint8Array {
  return Uint8Array.of(type, length >>> 16, (length >>> 8) & 0xff, length & 0xff);
}

/** A padding extension that brings the ClientHello to `length` bytes. */
function paddedTo(length: number): (hello: ForgedClient["hello"]) => ForgedClient["hello"] {
  return (hello) => {
    const { extensions, cipherSuites } = hello;
    const { supportedGroups = [], signatureAlgorithms = [], keyShare = [] } = extensions;
    const shares = keyShare.reduce((sum, { keyExchange }) => sum + 4 + keyExchange.length, 0);
    const lists = 2 * (supportedGroups.length + signatureAlgorithms.length) + shares;
    const usual = 2 + 32 + 33 + 2 + 2 * cipherSuites.length + 2 + 2 + (6 + 6 + 7 + 6 + lists);
    return { ...hello, extensions: { ...extensions, padding: new Uint8Array(length - usual - 4) } };
  };
}

/** Row 6: the cap on messages is held against the length that is declared. */
const caps: readonly Pitfall[] = [
  clientRefuses(6, "the header of a ServerHello of 64 KiB and a byte", tooLong(65536), (server) =>
    server.sendHandshake(header(HandshakeType.server_hello, 65537)),
  ),
  clientRefuses(6, "the header of a Certificate of 64 KiB and a byte", tooLong(65536), (server) => {
    server.upTo("certificate");
    server.sendHandshake(header(HandshakeType.certificate, 65537));
  }),
  clientRefuses(6, "the header of a NewSessionTicket of 64 KiB and a byte", tooLong(65536), (server) => {
    server.complete();
    server.sendHandshake(header(HandshakeType.new_session_ticket, 65537));
  }),
  serverRefuses(6, "the header of a ClientHello of 64 KiB and a byte", tooLong(65536), (client) =>
    client.sendHandshake(header(HandshakeType.client_hello, 65537)),
  ),
  serverRefuses(
    6,
    "the header of a Finished that is a byte over the configured cap",
    tooLong(2000),
    (client) => {
      client.upTo("finished");
      client.sendHandshake(header(HandshakeType.finished, 2001));
    },
    { config: { limits: { handshakeMessageBytes: 2000 } } },
  ),
  serverAccepts(6, "a ClientHello of 64 KiB is taken", (client) => {
    client.fragment = (message) => cut(message, 2 ** 14);
    client.clientHello({
      body: paddedTo(65536),
      raw(message) {
        expect(message).toHaveLength(4 + 65536);
        return message;
      },
    });
  }),
  serverRefuses(6, "a ClientHello of 64 KiB and a byte", tooLong(65536), (client) => {
    client.fragment = (message) => cut(message, 2 ** 14);
    client.clientHello(paddedTo(65537));
  }),
];

export const rows1To6: readonly Pitfall[] = [...cutting, ...interleaving, ...alignment, ...caps];
