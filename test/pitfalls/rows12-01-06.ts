import { expect } from "vitest";

import { ascii, concatBytes } from "../../src/bytes.ts";
import { HandshakeType } from "../../src/messages/codepoints.ts";
import { type Forger, rawMessage } from "../support/forger.ts";
import { cut, packed } from "./edits.ts";
import { eventsOf, expectInert, type Pitfall } from "./pitfall.ts";
import {
  clientAccepts,
  clientRefuses,
  forgedClient12,
  forgedServer12,
  mutual,
  serverAccepts,
  serverRefuses,
} from "./pitfall12.ts";
import { everything, strayChangeCipherSpec, ticketing } from "./setups12.ts";

/** Rows 1 and 2: messages and records are cut independently. */
const cutting: readonly Pitfall[] = [
  ...[1, 2, 3, 4, 5, 7, 100].flatMap((size) => [
    clientAccepts(
      1,
      `messages in records of ${size} bytes are joined`,
      (server) => {
        server.fragment = (message) => cut(message, size);
      },
      everything,
    ),
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
        client.fragment = (message) => [message.subarray(0, first), message.subarray(first)];
        client.clientHello();
        client.fragment = (message) => [message];
      },
    ),
    clientAccepts(
      1,
      `a first record with ${first} bytes of ServerHello is joined with the next`,
      (server) => {
        server.fragment = (message) => [message.subarray(0, first), message.subarray(first)];
        server.serverHello();
        server.fragment = (message) => [message];
      },
    ),
  ]),
  serverAccepts(1, "records that arrive byte by byte are joined", (client) => {
    for (const step of ["clientHello", "clientKeyExchange", "changeCipherSpec", "finished"] as const) {
      client.together(
        () => client[step](),
        (bytes) => cut(bytes, 1),
      );
    }
  }),
  clientAccepts(
    1,
    "records that arrive byte by byte are joined",
    (server) => {
      for (const steps of [() => server.upTo("newSessionTicket"), () => server.complete()]) {
        server.together(steps, (bytes) => cut(bytes, 1));
      }
    },
    ticketing,
  ),
  clientAccepts(
    2,
    "ServerHello to ServerHelloDone are taken from one record",
    (server) =>
      packed(
        server,
        () => server.upTo("serverHelloDone"),
        () => server.serverHelloDone(),
      ),
    everything,
  ),
  clientAccepts(
    2,
    "a flight is taken that is cut every 61 bytes, across its messages",
    (server) =>
      packed(
        server,
        () => server.upTo("serverHelloDone"),
        () => server.serverHelloDone(),
        (flight) => cut(flight, 61),
      ),
    everything,
  ),
  serverAccepts(
    2,
    "Certificate to CertificateVerify are taken from one record",
    (client) => {
      client.upTo("certificate");
      packed(
        client,
        () => client.upTo("certificateVerify"),
        () => client.certificateVerify(),
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
        () => client.upTo("certificateVerify"),
        () => client.certificateVerify(),
        (flight) => cut(flight, 61),
      );
    },
    mutual,
  ),
];

const START_OF_FINISHED = Uint8Array.of(HandshakeType.finished, 0, 0, 12, 1);

const START_OF_HELLO_REQUEST = Uint8Array.of(HandshakeType.hello_request, 0, 0);

const START_OF_CLIENT_HELLO = Uint8Array.of(HandshakeType.client_hello, 0, 0, 100, 3, 3);

const interleaved = { alert: "unexpected_message", says: "inside of a handshake message" } as const;

const interleavedAlert = {
  alert: "unexpected_message",
  says: "an alert that is no error inside of a handshake message",
} as const;

function alertInsideOfMessage(engine: "client" | "server", when: string, peer: () => Forger): Pitfall {
  return {
    row: 3,
    engine,
    name: `a fatal alert inside of a handshake message ${when} is reported, and not answered`,
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
  ...(["serverHello", "certificate", "serverKeyExchange", "serverHelloDone"] as const).map((step) =>
    clientRefuses(3, `a ChangeCipherSpec inside of ${step}`, strayChangeCipherSpec, (server) => {
      server.upTo(step).fragment = (message) => [message.subarray(0, 2)];
      server[step]();
      server.sendChangeCipherSpec();
    }),
  ),
  clientRefuses(
    3,
    "a ChangeCipherSpec inside of NewSessionTicket",
    strayChangeCipherSpec,
    (server) => {
      server.upTo("newSessionTicket").fragment = (message) => [message.subarray(0, -1)];
      server.newSessionTicket();
      server.changeCipherSpec();
    },
    ticketing,
  ),
  clientRefuses(3, "a ChangeCipherSpec behind the start of Finished", strayChangeCipherSpec, (server) => {
    server.upTo("changeCipherSpec").sendHandshake(START_OF_FINISHED);
    server.changeCipherSpec();
  }),
  ...(["certificate", "clientKeyExchange", "certificateVerify"] as const).map((step) =>
    serverRefuses(
      3,
      `a ChangeCipherSpec inside of ${step}`,
      strayChangeCipherSpec,
      (client) => {
        client.upTo(step).fragment = (message) => [message.subarray(0, 5)];
        client[step]();
        client.sendChangeCipherSpec();
      },
      mutual,
    ),
  ),
  serverRefuses(3, "a ChangeCipherSpec behind the start of Finished", strayChangeCipherSpec, (client) => {
    client.upTo("changeCipherSpec").sendHandshake(START_OF_FINISHED);
    client.changeCipherSpec();
  }),
  clientRefuses(3, "application data inside of HelloRequest", interleaved, (server) => {
    server.complete().sendHandshake(START_OF_HELLO_REQUEST);
    server.sendData(ascii("data"));
  }),
  serverRefuses(3, "application data inside of a renegotiating ClientHello", interleaved, (client) => {
    client.complete().sendHandshake(START_OF_CLIENT_HELLO);
    client.sendData(ascii("data"));
  }),
  serverRefuses(3, "an empty record inside of a renegotiating ClientHello", interleaved, (client) => {
    client.complete().sendHandshake(START_OF_CLIENT_HELLO);
    client.sendData(new Uint8Array());
  }),
  ...(["close_notify", "user_canceled", "no_renegotiation"] as const).flatMap((alert) => [
    clientRefuses(3, `${alert} inside of Finished`, interleavedAlert, (server) => {
      server.upTo("finished").sendHandshake(START_OF_FINISHED);
      server.sendAlert(1, alert);
    }),
    serverRefuses(3, `${alert} inside of ClientHello`, interleavedAlert, (client) => {
      client.sendHandshake(START_OF_CLIENT_HELLO);
      client.sendAlert(1, alert);
    }),
    serverRefuses(3, `${alert} inside of a renegotiating ClientHello`, interleavedAlert, (client) => {
      client.complete().sendHandshake(START_OF_CLIENT_HELLO);
      client.sendAlert(1, alert);
    }),
  ]),
  alertInsideOfMessage("client", "behind ServerHelloDone", () => forgedServer12().upTo("changeCipherSpec")),
  alertInsideOfMessage("client", "behind ChangeCipherSpec", () => forgedServer12().upTo("finished")),
  alertInsideOfMessage("server", "behind ClientKeyExchange", () => forgedClient12().upTo("changeCipherSpec")),
  alertInsideOfMessage("server", "behind ChangeCipherSpec", () => forgedClient12().upTo("finished")),
];

const behindFlight = { alert: "unexpected_message", says: "where its flight should have ended" } as const;

const oneByte = Uint8Array.of(HandshakeType.finished);

const wholeMessage = rawMessage(HandshakeType.finished, new Uint8Array(12));

/** What stands where a ChangeCipherSpec is due: a part of a message in front of it, or a whole one in its place. */
const beforeChangeCipherSpec = [
  { what: "one byte", tail: oneByte, verdict: strayChangeCipherSpec },
  {
    what: "a whole message",
    tail: wholeMessage,
    verdict: { alert: "unexpected_message", says: "got finished where change_cipher_spec is due" },
  },
] as const;

/** Rows 4 and 5: what lies behind a message in its record is under the keys of that message. */
const alignment: readonly Pitfall[] = [
  ...beforeChangeCipherSpec.flatMap(({ what, tail, verdict }) => [
    serverRefuses(
      4,
      `${what} behind ClientKeyExchange, and in front of ChangeCipherSpec,`,
      verdict,
      (client) => {
        client.upTo("clientKeyExchange").clientKeyExchange({ tail });
        client.changeCipherSpec();
      },
    ),
    serverRefuses(
      4,
      `${what} behind CertificateVerify, and in front of ChangeCipherSpec,`,
      verdict,
      (client) => {
        client.upTo("certificateVerify").certificateVerify({ tail });
        client.changeCipherSpec();
      },
      mutual,
    ),
    clientRefuses(
      4,
      `${what} behind NewSessionTicket, and in front of ChangeCipherSpec,`,
      verdict,
      (server) => {
        server.upTo("newSessionTicket").newSessionTicket({ tail });
        server.changeCipherSpec();
      },
      ticketing,
    ),
  ]),
  ...(
    [
      ["one byte", oneByte],
      ["a whole message", wholeMessage],
    ] as const
  ).flatMap(([what, tail]) => [
    clientRefuses(4, `${what} behind the server's Finished`, behindFlight, (server) =>
      server.upTo("finished").finished({ tail }),
    ),
    serverRefuses(4, `${what} behind the client's Finished`, behindFlight, (client) =>
      client.upTo("finished").finished({ tail }),
    ),
    serverRefuses(
      4,
      `${what} behind the Finished of a client with a certificate`,
      behindFlight,
      (client) => client.upTo("finished").finished({ tail }),
      mutual,
    ),
    clientRefuses(5, `${what} behind ServerHelloDone`, behindFlight, (server) =>
      server.upTo("serverHelloDone").serverHelloDone({ tail }),
    ),
    clientRefuses(
      5,
      `${what} behind the ServerHelloDone of a server that asks for a certificate`,
      behindFlight,
      (server) => server.upTo("serverHelloDone").serverHelloDone({ tail }),
      everything,
    ),
    serverRefuses(5, `${what} behind ClientHello`, behindFlight, (client) => client.clientHello({ tail })),
  ]),
  serverRefuses(5, "a ClientKeyExchange behind ClientHello, in one record", behindFlight, (client) =>
    client.clientHello({
      tail: rawMessage(HandshakeType.client_key_exchange, concatBytes(Uint8Array.of(32), new Uint8Array(32))),
    }),
  ),
  clientRefuses(
    5,
    "a NewSessionTicket behind ServerHelloDone, in one record",
    behindFlight,
    (server) =>
      server.upTo("serverHelloDone").serverHelloDone({
        tail: rawMessage(HandshakeType.new_session_ticket, new Uint8Array(6)),
      }),
    ticketing,
  ),
];

function tooLong(allowed: number) {
  return { alert: "illegal_parameter", says: `${allowed + 1} bytes, allowed ${allowed}` } as const;
}

/** A handshake header and nothing behind it, which must be enough to be refused. */
function header(type: number, length: number): Uint8Array {
  return Uint8Array.of(type, length >>> 16, (length >>> 8) & 0xff, length & 0xff);
}

/** Row 6: the cap on messages is held against the length that is declared. */
const caps: readonly Pitfall[] = [
  ...(
    ["certificate", "serverKeyExchange", "serverHelloDone", "newSessionTicket", "changeCipherSpec"] as const
  ).map((step) =>
    clientRefuses(
      6,
      `a header of 64 KiB and a byte in front of ${step}`,
      tooLong(65536),
      (server) => server.upTo(step).sendHandshake(header(HandshakeType.certificate, 65537)),
      ticketing,
    ),
  ),
  ...(["certificate", "clientKeyExchange", "certificateVerify", "changeCipherSpec", "finished"] as const).map(
    (step) =>
      serverRefuses(
        6,
        `a header of 64 KiB and a byte in front of ${step}`,
        tooLong(65536),
        (client) => client.upTo(step).sendHandshake(header(HandshakeType.certificate_verify, 65537)),
        mutual,
      ),
  ),
  clientRefuses(6, "a HelloRequest of 64 KiB and a byte after the handshake", tooLong(65536), (server) =>
    server.complete().sendHandshake(header(HandshakeType.hello_request, 65537)),
  ),
  serverRefuses(
    6,
    "a ClientHello after the handshake that is a byte over the configured cap",
    tooLong(2000),
    (client) => client.complete().sendHandshake(header(HandshakeType.client_hello, 2001)),
    { config: { limits: { handshakeMessageBytes: 2000 } } },
  ),
];

export const tls12Rows1To6: readonly Pitfall[] = [...cutting, ...interleaving, ...alignment, ...caps];
