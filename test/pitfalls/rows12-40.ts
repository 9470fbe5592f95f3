import { expect } from "vitest";

import { ascii } from "../../src/bytes.ts";
import { ExtensionType, HandshakeType } from "../../src/messages/codepoints.ts";
import { encodeHandshake, type HandshakeBody } from "../../src/messages/handshake.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { present, rawMessage } from "../support/forger.ts";
import type { Forger12 } from "../support/forger12.ts";
import { packed, setting, times, without } from "./edits.ts";
import type { ForgedServer12, ServerStep12 } from "./forged-server12.ts";
import { eventsOf, expectOpen, expectRefusal, type Pitfall } from "./pitfall.ts";
import {
  clientAccepts,
  clientRefuses,
  forgedClient12,
  forgedServer12,
  serverAccepts,
  serverRefuses,
} from "./pitfall12.ts";
import { clientRefuses as client13Refuses, serverAccepts as server13Accepts } from "./pitfall13.ts";
import { everything, only12, resumingClient, resumingServer } from "./setups12.ts";

const HELLO_REQUEST = rawMessage(HandshakeType.hello_request);

const insists = (who: string) =>
  ({ alert: "no_renegotiation", says: `the ${who} asks for renegotiation again` }) as const;

/** An engine whose peer asks for a renegotiation: it says no, goes on, and ends the connection when it is asked again. */
function refusesTwice(
  engine: "client" | "server",
  name: string,
  peer: () => Forger12,
  ask: (peer: Forger12) => void,
): Pitfall {
  return {
    row: 40,
    engine,
    name,
    run() {
      const forger = peer();
      ask(forger);
      expect(forger.alerts).toEqual([{ level: 1, alert: "no_renegotiation", isProtected: true }]);
      // What was said is said; the connection works as before.
      forger.alerts.length = 0;
      expectOpen(forger);
      expect(eventsOf(forger, "warning-alert")).toEqual([]);
      ask(forger);
      expectRefusal(forger, insists(engine === "client" ? "server" : "client"));
    },
  };
}

/** The ClientHello of a client that renegotiates, as RFC 5746 §3.5 has it. */
function renegotiating(client: Forger12, hello: ClientHello): Uint8Array {
  const renegotiationInfo = client.verifyData("client");
  return encodeHandshake("client_hello", {
    ...hello,
    random: client.random(32),
    extensions: { ...hello.extensions, renegotiationInfo },
  });
}

/** Row 40: nothing is renegotiated. */
const renegotiation: readonly Pitfall[] = [
  refusesTwice(
    "client",
    "HelloRequest gets a warning, and then no_renegotiation",
    () => forgedServer12().complete(),
    (server) => server.sendHandshake(HELLO_REQUEST),
  ),
  refusesTwice(
    "client",
    "HelloRequest on a resumed session gets a warning, and then no_renegotiation",
    () => resumingServer().complete(),
    (server) => server.sendHandshake(HELLO_REQUEST),
  ),
  refusesTwice(
    "server",
    "ClientHello gets a warning, and then no_renegotiation",
    () => forgedClient12().complete(),
    (client) => client.sendHandshake(renegotiating(client, forgedClient12().hello)),
  ),
  refusesTwice(
    "server",
    "ClientHello on a resumed session gets a warning, and then no_renegotiation",
    () => resumingClient().complete(),
    (client) => client.sendHandshake(renegotiating(client, forgedClient12().hello)),
  ),
  refusesTwice(
    "server",
    "ClientHello with SCSV, as of a client that does not know RFC 5746, gets the same",
    () => forgedClient12().complete(),
    (client) => {
      const { hello } = forgedClient12();
      const plain = without<ClientHello>("renegotiationInfo")(hello);
      client.sendHandshake(encodeHandshake("client_hello", { ...plain, cipherSuites: [0xc02b, 0x00ff] }));
    },
  ),
  {
    row: 40,
    engine: "server",
    name: "a renegotiating client that goes on as before is answered as before",
    run() {
      const client = forgedClient12().complete();
      client.sendHandshake(renegotiating(client, client.hello));
      client.alerts.length = 0;
      times(3, () => client.sendData(ascii("data")));
      expect(eventsOf(client, "data")).toHaveLength(3);
      expectOpen(client);
    },
  },
  serverRefuses(
    40,
    "a renegotiating ClientHello that is cut off inside",
    { alert: "decode_error", says: "are left" },
    (client) => {
      client.complete();
      client.sendHandshake(
        rawMessage(HandshakeType.client_hello, renegotiating(client, client.hello).subarray(4, -1)),
      );
    },
  ),
  serverRefuses(
    40,
    "a second ClientHello in the handshake",
    { alert: "unexpected_message", says: "got client_hello where client_key_exchange is due" },
    (client) => {
      client.clientHello();
      client.sendHandshake(encodeHandshake("client_hello", client.hello));
    },
  ),
];

const STEPS: readonly ServerStep12[] = [
  "serverHello",
  "certificate",
  "certificateStatus",
  "serverKeyExchange",
  "certificateRequest",
  "serverHelloDone",
  "newSessionTicket",
  "changeCipherSpec",
  "finished",
];

const manyRequests = {
  alert: "unexpected_message",
  says: "more than 32 HelloRequest messages during the handshake",
} as const;

/** Sends HelloRequests, all of them in records of their own. */
function request(server: ForgedServer12, count: number): void {
  times(count, () => server.sendHandshake(HELLO_REQUEST));
}

/** Row 40: a client that is in a handshake already passes over HelloRequest. RFC 5246 §7.4.1.1. */
const helloRequests: readonly Pitfall[] = [
  ...STEPS.map((step) =>
    clientAccepts(
      40,
      `a HelloRequest in front of ${step} is passed over`,
      (server) => request(server.upTo(step), 1),
      everything,
    ),
  ),
  clientAccepts(40, "32 HelloRequests in the handshake are passed over", (server) => {
    request(server, 16);
    request(server.upTo("changeCipherSpec"), 16);
  }),
  clientRefuses(40, "the 33rd HelloRequest in the handshake", manyRequests, (server) => {
    request(server, 16);
    request(server.upTo("changeCipherSpec"), 17);
  }),
  clientRefuses(40, "the 33rd HelloRequest before ServerHello", manyRequests, (server) =>
    request(server, 33),
  ),
  clientRefuses(
    40,
    "33 HelloRequests in one record",
    manyRequests,
    (server) =>
      packed(
        server,
        () => request(server, 32),
        () => request(server, 1),
      ),
    only12,
  ),
  clientAccepts(40, "a HelloRequest in the record of the flight is passed over", (server) =>
    packed(
      server,
      () => {
        server.upTo("certificate");
        request(server, 1);
        server.upTo("serverHelloDone");
      },
      () => server.serverHelloDone(),
    ),
  ),
  clientAccepts(
    40,
    "a HelloRequest before ServerHello is passed over by a client of TLS 1.2 alone",
    (server) => request(server, 1),
    only12,
  ),
  client13Refuses(
    40,
    "a HelloRequest before a ServerHello of TLS 1.3",
    { alert: "unexpected_message", says: "the server sent HelloRequest and then chose TLS 1.3" },
    (server) => {
      server.sendHandshake(HELLO_REQUEST);
      server.serverHello((body) => without<typeof body>("keyShare")(body));
    },
  ),
  serverRefuses(
    40,
    "a HelloRequest of a client",
    { alert: "unexpected_message", says: "got hello_request where client_key_exchange is due" },
    (client) => client.upTo("clientKeyExchange").sendHandshake(HELLO_REQUEST),
  ),
];

const notEmpty = (who: string) =>
  ({
    alert: "handshake_failure",
    says: `${who} renegotiation_info is not empty in a first handshake`,
  }) as const;

const insecure = { alert: "handshake_failure", says: "server does not know renegotiation_info" } as const;

const SCSV = 0x00ff;

/** What the ServerHello of a server engine says to `hello`. */
function serverAnswers(
  name: string,
  hello: (usual: ClientHello) => ClientHello,
  isAnswered: boolean,
): Pitfall {
  return {
    row: 40,
    engine: "server",
    name,
    run() {
      const client = forgedClient12();
      client.clientHello(hello);
      const { renegotiationInfo } = present(client.serverHello).extensions;
      expect(renegotiationInfo).toEqual(isAnswered ? new Uint8Array() : undefined);
      expectOpen(client.complete());
    },
  };
}

const noInfo = without<ClientHello>("renegotiationInfo");

const signalling = (hello: ClientHello): ClientHello => ({
  ...hello,
  cipherSuites: [...hello.cipherSuites, SCSV],
});

/** Row 40: both sides say that they know RFC 5746. */
const signals: readonly Pitfall[] = [
  serverAnswers("renegotiation_info is answered", (hello) => hello, true),
  serverAnswers("the SCSV is answered by renegotiation_info", (hello) => signalling(noInfo(hello)), true),
  serverAnswers("renegotiation_info with the SCSV is answered", signalling, true),
  serverAnswers("a client with neither is not answered, and taken", noInfo, false),
  ...[1, 12, 24, 255].flatMap((length) => [
    serverRefuses(
      40,
      `renegotiation_info of ${length} bytes in ClientHello`,
      notEmpty("the client's"),
      (client) => client.clientHello(setting({ renegotiationInfo: new Uint8Array(length) })),
    ),
    clientRefuses(
      40,
      `renegotiation_info of ${length} bytes in ServerHello`,
      notEmpty("server's"),
      (server) => server.serverHello(setting({ renegotiationInfo: new Uint8Array(length) })),
    ),
  ]),
  clientRefuses(40, "a ServerHello without renegotiation_info", insecure, (server) =>
    server.serverHello((body) => without<typeof body>("renegotiationInfo")(body)),
  ),
  {
    row: 40,
    engine: "client",
    name: "a ServerHello that resumes a session without renegotiation_info gets handshake_failure",
    run() {
      const server = resumingServer();
      server.serverHello((body) => without<HandshakeBody<"tls12_server_hello">>("renegotiationInfo")(body));
      expectRefusal(server, insecure);
    },
  },
  clientAccepts(
    40,
    "a ServerHello without renegotiation_info is taken by a client that wants to",
    (server) => server.serverHello((body) => without<typeof body>("renegotiationInfo")(body)),
    { config: { dangerouslyAllowServerWithoutRenegotiationInfo: true } },
  ),
  clientRefuses(
    40,
    "renegotiation_info of a byte, to a client that takes a server without it,",
    notEmpty("server's"),
    (server) => server.serverHello(setting({ renegotiationInfo: Uint8Array.of(1) })),
    { config: { dangerouslyAllowServerWithoutRenegotiationInfo: true } },
  ),
  clientAccepts(
    40,
    "a ServerHello with renegotiation_info is taken by a client whose shape has the SCSV instead",
    () => undefined,
    { config: { shapeClientHello: (hello) => signalling(noInfo(hello)) } },
  ),
  {
    row: 40,
    engine: "client",
    name: "a client says that it knows RFC 5746 by an empty renegotiation_info",
    run() {
      for (const setup of [{}, only12]) {
        const { extensions, cipherSuites } = forgedServer12(setup).clientHello;
        expect(extensions.renegotiationInfo).toEqual(new Uint8Array());
        expect(cipherSuites).not.toContain(SCSV);
      }
    },
  },
  server13Accepts(
    40,
    "renegotiation_info of a client means nothing in TLS 1.3, whatever it holds",
    (client) =>
      client.clientHello((hello) => {
        const unknown = [{ type: ExtensionType.renegotiation_info, body: Uint8Array.of(2, 7, 7) }];
        return { ...hello, extensions: { ...hello.extensions, unknown } };
      }),
  ),
  serverAccepts(40, "the SCSV is no suite", (client) =>
    client.clientHello((hello) => ({ ...hello, cipherSuites: [SCSV, ...hello.cipherSuites] })),
  ),
];

export const tls12Rows40: readonly Pitfall[] = [...renegotiation, ...helloRequests, ...signals];
