import { concatBytes } from "../../src/bytes.ts";
import { HandshakeType } from "../../src/messages/codepoints.ts";
import { HELLO_RETRY_REQUEST_RANDOM } from "../../src/messages/handshake13.ts";
import { rawMessage } from "../support/forger.ts";
import { withoutLastByte, withTrailingByte } from "./edits.ts";
import type { ForgedClient12 } from "./forged-client12.ts";
import type { ForgedServer12 } from "./forged-server12.ts";
import type { Pitfall } from "./pitfall.ts";
import { clientRefuses, type ClientSetup12, mutual, serverRefuses, type ServerSetup12 } from "./pitfall12.ts";
import { asking12, everything, stapling, ticketing } from "./setups12.ts";

const trailing = { alert: "decode_error", says: "trailing byte" } as const;

const short = { alert: "decode_error", says: /are left|vector of/ } as const;

const mismatch = { alert: "decrypt_error", says: "Finished does not match the transcript" } as const;

/** Row 7: a message must fill its length, no more and no less. */
const lengths: readonly Pitfall[] = [
  { what: "one byte too many", change: { raw: withTrailingByte }, verdict: trailing },
  { what: "one byte too few", change: { raw: withoutLastByte }, verdict: short },
].flatMap(({ what, change, verdict }) => [
  ...(
    [
      "certificate",
      "certificateStatus",
      "serverKeyExchange",
      "certificateRequest",
      "newSessionTicket",
    ] as const
  ).map((step) =>
    clientRefuses(
      7,
      `a ${step} with ${what}`,
      verdict,
      (server) => server.upTo(step)[step](change),
      everything,
    ),
  ),
  clientRefuses(7, `a ServerHello with ${what}`, verdict, (server) => server.serverHello(change)),
  clientRefuses(7, `a server's Finished with ${what}`, mismatch, (server) =>
    server.upTo("finished").finished(change),
  ),
  serverRefuses(7, `a ClientHello with ${what}`, verdict, (client) => client.clientHello(change)),
  ...(["certificate", "clientKeyExchange", "certificateVerify"] as const).map((step) =>
    serverRefuses(
      7,
      `a client's ${step} with ${what}`,
      verdict,
      (client) => client.upTo(step)[step](change),
      mutual,
    ),
  ),
  serverRefuses(7, `a client's Finished with ${what}`, mismatch, (client) =>
    client.upTo("finished").finished(change),
  ),
  serverRefuses(7, `a renegotiating ClientHello with ${what}`, verdict, (client) => {
    client.complete();
    client.clientHello(change);
  }),
]);

/** Messages without a body, which may not have one. */
const emptyBodies: readonly Pitfall[] = [
  clientRefuses(7, "a ServerHelloDone with one byte", trailing, (server) =>
    server.upTo("serverHelloDone").serverHelloDone({ raw: withTrailingByte }),
  ),
  clientRefuses(7, "a HelloRequest with one byte", trailing, (server) =>
    server.complete().sendHandshake(rawMessage(HandshakeType.hello_request, Uint8Array.of(0))),
  ),
  clientRefuses(
    7,
    "a HelloRequest with one byte in the handshake",
    { alert: "unexpected_message", says: "got hello_request where certificate is due" },
    (server) =>
      server.upTo("certificate").sendHandshake(rawMessage(HandshakeType.hello_request, Uint8Array.of(0))),
  ),
];

/** A message of each type that there is, and of one that there is not; what is due is told by the type alone. */
const messagesOfAllTypes: readonly { readonly what: string; readonly message: Uint8Array }[] = [
  ...Object.entries(HandshakeType).map(([what, type]) => ({ what, message: rawMessage(type) })),
  {
    what: "hello_retry_request",
    message: rawMessage(
      HandshakeType.server_hello,
      concatBytes(Uint8Array.of(3, 3), HELLO_RETRY_REQUEST_RANDOM, Uint8Array.of(0, 0x13, 1, 0)),
    ),
  },
  { what: "0x0063", message: rawMessage(99) },
];

interface WaitingPoint<P, S> {
  readonly when: string;
  readonly due: readonly string[];
  readonly reach: (peer: P) => void;
  readonly setup?: S;
  /** In its handshake a client passes over HelloRequest (row 40). */
  readonly takesHelloRequest?: boolean;
}

const clientWaits: readonly WaitingPoint<ForgedServer12, ClientSetup12>[] = [
  {
    when: "in answer to ClientHello",
    due: ["server_hello", "hello_retry_request"],
    reach: () => undefined,
    takesHelloRequest: true,
  },
  {
    when: "behind ServerHello",
    due: ["certificate"],
    reach: (server) => server.upTo("certificate"),
    takesHelloRequest: true,
  },
  {
    when: "behind the server's Certificate",
    due: ["server_key_exchange"],
    reach: (server) => server.upTo("serverKeyExchange"),
    takesHelloRequest: true,
  },
  {
    when: "behind the server's Certificate, with a CertificateStatus announced,",
    due: ["certificate_status", "server_key_exchange"],
    reach: (server) => server.upTo("certificateStatus"),
    setup: stapling,
    takesHelloRequest: true,
  },
  {
    when: "behind CertificateStatus",
    due: ["server_key_exchange"],
    reach: (server) => server.upTo("serverKeyExchange"),
    setup: stapling,
    takesHelloRequest: true,
  },
  {
    when: "behind ServerKeyExchange",
    due: ["certificate_request", "server_hello_done"],
    reach: (server) => server.upTo("serverHelloDone"),
    takesHelloRequest: true,
  },
  {
    when: "behind CertificateRequest",
    due: ["server_hello_done"],
    reach: (server) => server.upTo("serverHelloDone"),
    setup: asking12,
    takesHelloRequest: true,
  },
  {
    when: "behind ServerHelloDone",
    due: ["change_cipher_spec"],
    reach: (server) => server.upTo("changeCipherSpec"),
    takesHelloRequest: true,
  },
  {
    when: "behind ServerHelloDone, with a ticket announced,",
    due: ["new_session_ticket"],
    reach: (server) => server.upTo("newSessionTicket"),
    setup: ticketing,
    takesHelloRequest: true,
  },
  {
    when: "behind NewSessionTicket",
    due: ["change_cipher_spec"],
    reach: (server) => server.upTo("changeCipherSpec"),
    setup: ticketing,
    takesHelloRequest: true,
  },
  {
    when: "behind the server's ChangeCipherSpec",
    due: ["finished"],
    reach: (server) => server.upTo("finished"),
    takesHelloRequest: true,
  },
  { when: "after the handshake", due: ["hello_request"], reach: (server) => server.complete() },
];

const serverWaits: readonly WaitingPoint<ForgedClient12, ServerSetup12>[] = [
  { when: "at the start", due: ["client_hello"], reach: () => undefined },
  {
    when: "in answer to ServerHelloDone",
    due: ["client_key_exchange"],
    reach: (client) => client.upTo("clientKeyExchange"),
  },
  {
    when: "in answer to CertificateRequest",
    due: ["certificate"],
    reach: (client) => client.upTo("certificate"),
    setup: mutual,
  },
  {
    when: "behind the client's Certificate",
    due: ["client_key_exchange"],
    reach: (client) => client.upTo("clientKeyExchange"),
    setup: mutual,
  },
  {
    when: "behind the ClientKeyExchange of a client with a certificate",
    due: ["certificate_verify"],
    reach: (client) => client.upTo("certificateVerify"),
    setup: mutual,
  },
  {
    when: "behind ClientKeyExchange",
    due: ["change_cipher_spec"],
    reach: (client) => client.upTo("changeCipherSpec"),
  },
  {
    when: "behind the client's CertificateVerify",
    due: ["change_cipher_spec"],
    reach: (client) => client.upTo("changeCipherSpec"),
    setup: mutual,
  },
  {
    when: "behind the client's ChangeCipherSpec",
    due: ["finished"],
    reach: (client) => client.upTo("finished"),
  },
  { when: "after the handshake", due: ["client_hello"], reach: (client) => client.complete() },
];

/** Row 8: each message where another one is due. */
const wrongTypes: readonly Pitfall[] = messagesOfAllTypes.flatMap(({ what, message }) => {
  const verdict = (due: readonly string[]) =>
    ({ alert: "unexpected_message", says: `got ${what} where ${due.join(" or ")} is due` }) as const;
  return [
    ...clientWaits
      .filter(
        ({ due, takesHelloRequest }) =>
          !due.includes(what) && !(takesHelloRequest && what === "hello_request"),
      )
      .map(({ when, due, reach, setup }) =>
        clientRefuses(
          8,
          `${what} ${when}`,
          verdict(due),
          (server) => {
            reach(server);
            server.sendHandshake(message);
          },
          setup,
        ),
      ),
    ...serverWaits
      .filter(({ due }) => !due.includes(what))
      .map(({ when, due, reach, setup }) =>
        serverRefuses(
          8,
          `${what} ${when}`,
          verdict(due),
          (client) => {
            reach(client);
            client.sendHandshake(message);
          },
          setup,
        ),
      ),
  ];
});

export const tls12Rows7To8: readonly Pitfall[] = [...lengths, ...emptyBodies, ...wrongTypes];
