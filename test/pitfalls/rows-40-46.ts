import { expect } from "vitest";

import { ascii } from "../../src/bytes.ts";
import { ContentType, ExtensionType, HandshakeType } from "../../src/messages/codepoints.ts";
import { encodeHandshake } from "../../src/messages/handshake.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { plainRecord, rawMessage, withBody } from "../support/forger.ts";
import { adding, raw, replacing, setting, without } from "./edits.ts";
import type { ForgedClient } from "./forged-client.ts";
import { eventsOf, type Pitfall } from "./pitfall.ts";
import { clientAccepts, clientRefuses, serverAccepts, serverRefuses } from "./pitfall13.ts";
import { malformed } from "./setups.ts";

/** Row 40: there is no renegotiation in TLS 1.3. */
const renegotiation: readonly Pitfall[] = [
  serverRefuses(
    40,
    "a ClientHello after the handshake",
    { alert: "unexpected_message", says: "got client_hello where key_update is due" },
    (client) => {
      client.complete();
      client.sendHandshake(encodeHandshake("client_hello", client.hello));
    },
  ),
  clientRefuses(
    40,
    "a HelloRequest after the handshake",
    { alert: "unexpected_message", says: "got hello_request where new_session_ticket or key_update is due" },
    (server) => server.complete().sendHandshake(rawMessage(HandshakeType.hello_request)),
  ),
  clientRefuses(
    40,
    "a HelloRequest in the handshake",
    { alert: "unexpected_message", says: "got hello_request where certificate_verify is due" },
    (server) => server.upTo("certificateVerify").sendHandshake(rawMessage(HandshakeType.hello_request)),
  ),
  serverAccepts(40, "renegotiation_info and the SCSV mean nothing in a ClientHello of TLS 1.3", (client) =>
    client.clientHello((hello) =>
      adding<ClientHello>(raw(ExtensionType.renegotiation_info, [0]))({
        ...hello,
        cipherSuites: [...hello.cipherSuites, 0x00ff],
      }),
    ),
  ),
];

const identity = { identity: ascii("ticket"), obfuscatedTicketAge: 1 };

const binder = new Uint8Array(32).fill(7);

const offer = {
  pskKeyExchangeModes: Uint8Array.of(1),
  preSharedKey: { identities: [identity], binders: [binder] },
} as const;

/** One identity of a byte, and then what is said. */
const oneIdentity = [0, 7, 0, 1, 0x61, 0, 0, 0, 1];

/** Row 41: a server that takes no PSK still reads what it is offered. */
const offeredKeys: readonly Pitfall[] = [
  serverAccepts(41, "a PSK that the server does not know is passed over", (client) =>
    client.clientHello(setting(offer)),
  ),
  serverAccepts(
    41,
    "a PSK that the server does not know is passed over behind HelloRetryRequest",
    (client) => {
      client.clientHello(setting({ ...offer, keyShare: [] }));
      client.secondClientHello(
        setting({ preSharedKey: { identities: [identity], binders: [new Uint8Array(48)] } }),
      );
    },
  ),
  ...[[0], [0, 1], [1, 2, 255], [0x2a, 1]].map((modes) =>
    serverAccepts(41, `the psk_key_exchange_modes ${modes.join(", ")} are taken`, (client) =>
      client.clientHello(setting({ ...offer, pskKeyExchangeModes: Uint8Array.from(modes) })),
    ),
  ),
  serverRefuses(
    41,
    "pre_shared_key before other extensions",
    { alert: "illegal_parameter", says: "pre_shared_key is not the last extension" },
    (client) => client.clientHello(setting({ ...offer, order: [ExtensionType.pre_shared_key] })),
  ),
  serverRefuses(
    41,
    "pre_shared_key before an unknown extension",
    { alert: "illegal_parameter", says: "pre_shared_key is not the last extension" },
    (client) =>
      client.clientHello((hello) => {
        const { order: _, ...extensions } = hello.extensions;
        const order = [10, 13, 43, 45, 51, ExtensionType.pre_shared_key, 0x7357];
        return adding<ClientHello>(raw(0x7357))({ ...hello, extensions: { ...extensions, ...offer, order } });
      }),
  ),
  serverRefuses(
    41,
    "pre_shared_key without psk_key_exchange_modes",
    { alert: "missing_extension", says: "ClientHello holds no psk_key_exchange_modes" },
    (client) => client.clientHello(setting({ preSharedKey: offer.preSharedKey })),
  ),
  ...[
    { what: "an identity without binder", identities: [identity, identity], binders: [binder] },
    { what: "a binder without identity", identities: [identity], binders: [binder, binder] },
  ].map(({ what, identities, binders }) =>
    serverRefuses(
      41,
      `a PSK offer with ${what}`,
      {
        alert: "illegal_parameter",
        says: `pre_shared_key holds ${identities.length} identities and ${binders.length} binders`,
      },
      (client) => client.clientHello(setting({ ...offer, preSharedKey: { identities, binders } })),
    ),
  ),
  ...[
    { what: "no identities", bytes: [0, 0, 0, 33, 32, ...binder] },
    { what: "an empty identity", bytes: [0, 6, 0, 0, 0, 0, 0, 1, 0, 33, 32, ...binder] },
    { what: "no binders", bytes: [...oneIdentity, 0, 0] },
    { what: "nothing behind the identities", bytes: oneIdentity },
    { what: "an empty binder", bytes: [...oneIdentity, 0, 1, 0] },
    { what: "a binder of 31 bytes", bytes: [...oneIdentity, 0, 32, 31, ...binder.subarray(1)] },
    { what: "a byte behind the binders", bytes: [...oneIdentity, 0, 33, 32, ...binder, 0] },
    { what: "a binder that is cut off", bytes: [...oneIdentity, 0, 33, 33, ...binder] },
  ].map(({ what, bytes }) =>
    serverRefuses(41, `a PSK offer with ${what}`, malformed, (client) =>
      client.clientHello(replacing("preSharedKey", ExtensionType.pre_shared_key, Uint8Array.from(bytes))),
    ),
  ),
];

/** What a client says that sends early data behind its first ClientHello. */
const early = { ...offer, earlyData: true } as const;

/** Records as they would look under early keys, which the server does not have. */
function sendEarlyData(client: ForgedClient, ...lengths: readonly number[]): void {
  for (const length of lengths)
    client.deliver(plainRecord(ContentType.application_data, client.random(length)));
}

/** A second ClientHello offers no early data. RFC 8446 §4.2.10. */
function secondWithoutEarlyData(client: ForgedClient): void {
  client.secondClientHello((hello) => setting<ClientHello>(offer)(without<ClientHello>("earlyData")(hello)));
}

const tooMuchEarlyData = {
  alert: "unexpected_message",
  says: "more early data than is passed over",
} as const;
const badRecord = { alert: "bad_record_mac", says: "record does not authenticate" } as const;

/** Row 45: early data of a client whose ticket is of some other server. */
const skippedEarlyData: readonly Pitfall[] = [
  serverAccepts(45, "early data is passed over, up to the limit, and what follows is taken", (client) => {
    client.clientHello(setting(early));
    sendEarlyData(client, 10_000, 17, 6000);
    client.sendChangeCipherSpec();
    sendEarlyData(client, 2 ** 14 - 16_017);
  }),
  serverAccepts(45, "a client that offers early data and sends none is taken", (client) =>
    client.clientHello(setting(early)),
  ),
  serverAccepts(45, "early data is passed over in front of a second ClientHello", (client) => {
    client.clientHello(setting({ ...early, keyShare: [] }));
    sendEarlyData(client, 16_000);
    client.sendChangeCipherSpec();
    sendEarlyData(client, 384);
    secondWithoutEarlyData(client);
  }),
  serverRefuses(45, "early data that is a byte over the limit", tooMuchEarlyData, (client) => {
    client.clientHello(setting(early));
    sendEarlyData(client, 16_000, 385);
  }),
  serverRefuses(
    45,
    "early data that is a byte over a limit that was set",
    tooMuchEarlyData,
    (client) => {
      client.clientHello(setting(early));
      sendEarlyData(client, 60, 41);
    },
    { config: { limits: { skippedEarlyDataBytes: 100 } } },
  ),
  serverRefuses(
    45,
    "early data in front of a second ClientHello that is a byte over the limit",
    tooMuchEarlyData,
    (client) => {
      client.clientHello(setting({ ...early, keyShare: [] }));
      sendEarlyData(client, 16_000, 385);
    },
  ),
  serverRefuses(45, "early data behind a record that opens", badRecord, (client) => {
    client.clientHello(setting(early));
    sendEarlyData(client, 100);
    client.complete();
    sendEarlyData(client, 100);
  }),
  serverRefuses(45, "early data behind a second ClientHello", badRecord, (client) => {
    client.clientHello(setting({ ...early, keyShare: [] }));
    secondWithoutEarlyData(client);
    sendEarlyData(client, 100);
  }),
  serverRefuses(45, "early data that was not offered", badRecord, (client) => {
    client.clientHello(setting(offer));
    sendEarlyData(client, 100);
  }),
  serverRefuses(45, "a handshake record among early data that does not authenticate", badRecord, (client) => {
    client.clientHello(setting(early));
    client.deliver(plainRecord(ContentType.handshake, client.random(100)));
  }),
];

/** Rows 42, 44 to 46: what a peer without sessions does about those of the other side. */
const sessions: readonly Pitfall[] = [
  ...[0, 1].map((preSharedKey) =>
    clientRefuses(
      42,
      `a ServerHello that selects PSK ${preSharedKey} of none`,
      { alert: "unsupported_extension", says: "ServerHello holds pre_shared_key, which was not asked for" },
      (server) => server.serverHello(setting({ preSharedKey })),
    ),
  ),
  clientRefuses(
    42,
    "a ServerHello without key_share",
    { alert: "missing_extension", says: "ServerHello holds no key_share" },
    (server) => server.serverHello((body) => without<typeof body>("keyShare")(body)),
  ),
  clientRefuses(
    42,
    "a ServerHello with a PSK instead of key_share",
    { alert: "unsupported_extension", says: "ServerHello holds pre_shared_key, which was not asked for" },
    (server) =>
      server.serverHello((body) =>
        setting<typeof body>({ preSharedKey: 0 })(without<typeof body>("keyShare")(body)),
      ),
  ),
  clientRefuses(44, "a NewSessionTicket with an empty ticket", malformed, (server) =>
    server.complete().newSessionTicket({
      raw: (message) => withBody(message, () => Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0)),
    }),
  ),
  clientAccepts(44, "a NewSessionTicket is reported as a session", (server) => {
    server.complete().newSessionTicket((body) => ({ ...body, ticketNonce: Uint8Array.of(1, 2) }));
    const [event] = eventsOf(server, "session");
    expect(event?.session).toMatchObject({
      ticket: Uint8Array.of(1, 2, 3),
      lifetimeSeconds: 7200,
      ageAdd: 1,
      receivedAtMs: 1_800_000_000_000,
      maxEarlyDataBytes: null,
    });
  }),
  clientAccepts(44, "a ticket with a lifetime of 0 is discarded", (server) => {
    server.complete().newSessionTicket((body) => ({ ...body, ticketLifetime: 0 }));
    expect(eventsOf(server, "session")).toEqual([]);
  }),
  ...[604_801, 2 ** 32 - 1].map((ticketLifetime) =>
    clientAccepts(44, `a ticket lifetime of ${ticketLifetime} s is brought down to seven days`, (server) => {
      server.complete().newSessionTicket((body) => ({ ...body, ticketLifetime }));
      expect(eventsOf(server, "session").map(({ session }) => session.lifetimeSeconds)).toEqual([604_800]);
    }),
  ),
  serverRefuses(
    45,
    "early_data in a second ClientHello",
    { alert: "illegal_parameter", says: "the second ClientHello offers early data" },
    (client) => {
      client.clientHelloWithoutShare();
      client.secondClientHello(setting({ earlyData: true }));
    },
  ),
  clientRefuses(
    46,
    "early_data in EncryptedExtensions, which was not offered,",
    { alert: "unsupported_extension", says: "EncryptedExtensions holds early_data, which was not asked for" },
    (server) => server.upTo("encryptedExtensions").encryptedExtensions(setting({ earlyData: true })),
  ),
  serverRefuses(
    46,
    "an EndOfEarlyData that nothing went before",
    { alert: "unexpected_message", says: "got end_of_early_data where finished is due" },
    (client) => client.upTo("finished").sendHandshake(rawMessage(HandshakeType.end_of_early_data)),
  ),
  clientRefuses(
    46,
    "an EndOfEarlyData of a server",
    { alert: "unexpected_message", says: "got end_of_early_data where finished is due" },
    (server) => server.upTo("finished").sendHandshake(rawMessage(HandshakeType.end_of_early_data)),
  ),
];

export const rows40To46: readonly Pitfall[] = [
  ...renegotiation,
  ...offeredKeys,
  ...skippedEarlyData,
  ...sessions,
];
