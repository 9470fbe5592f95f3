import { concatBytes } from "../../src/bytes.ts";
import { HandshakeType } from "../../src/messages/codepoints.ts";
import { HELLO_RETRY_REQUEST_RANDOM } from "../../src/messages/handshake13.ts";
import { type Forger, rawMessage } from "../support/forger.ts";
import { withoutLastByte, withTrailingByte } from "./edits.ts";
import type { ForgedClient } from "./forged-client.ts";
import type { ForgedServer } from "./forged-server.ts";
import { type Pitfall } from "./pitfall.ts";
import { clientRefuses, type ClientSetup, mutual, serverRefuses, type ServerSetup } from "./pitfall13.ts";
import { asking, only13, otherGroup } from "./setups.ts";

const trailing = { alert: "decode_error", says: "trailing byte" } as const;

const short = { alert: "decode_error", says: /are left|vector of/ } as const;

const mismatch = { alert: "decrypt_error", says: "Finished does not match the transcript" } as const;

/** Row 7: a message must fill its length, no more and no less. */
const lengths: readonly Pitfall[] = [
  { what: "one byte too many", change: { raw: withTrailingByte }, verdict: trailing },
  { what: "one byte too few", change: { raw: withoutLastByte }, verdict: short },
].flatMap(({ what, change, verdict }) => [
  clientRefuses(7, `a ServerHello with ${what}`, verdict, (server) => server.serverHello(change)),
  clientRefuses(
    7,
    `a HelloRetryRequest with ${what}`,
    verdict,
    (server) => server.helloRetryRequest(change),
    otherGroup,
  ),
  clientRefuses(7, `an EncryptedExtensions with ${what}`, verdict, (server) =>
    server.upTo("encryptedExtensions").encryptedExtensions(change),
  ),
  clientRefuses(
    7,
    `a CertificateRequest with ${what}`,
    verdict,
    (server) => server.upTo("certificateRequest").certificateRequest(change),
    asking,
  ),
  clientRefuses(7, `a server's Certificate with ${what}`, verdict, (server) =>
    server.upTo("certificate").certificate(change),
  ),
  clientRefuses(7, `a server's CertificateVerify with ${what}`, verdict, (server) =>
    server.upTo("certificateVerify").certificateVerify(change),
  ),
  clientRefuses(7, `a server's Finished with ${what}`, mismatch, (server) =>
    server.upTo("finished").finished(change),
  ),
  clientRefuses(7, `a NewSessionTicket with ${what}`, verdict, (server) =>
    server.complete().newSessionTicket(change),
  ),
  clientRefuses(7, `a server's KeyUpdate with ${what}`, verdict, (server) =>
    server.complete().keyUpdate(change),
  ),
  serverRefuses(7, `a ClientHello with ${what}`, verdict, (client) => client.clientHello(change)),
  serverRefuses(7, `a second ClientHello with ${what}`, verdict, (client) => {
    client.clientHelloWithoutShare();
    client.secondClientHello(change);
  }),
  serverRefuses(
    7,
    `a client's Certificate with ${what}`,
    verdict,
    (client) => client.upTo("certificate").certificate(change),
    mutual,
  ),
  serverRefuses(
    7,
    `a client's CertificateVerify with ${what}`,
    verdict,
    (client) => client.upTo("certificateVerify").certificateVerify(change),
    mutual,
  ),
  serverRefuses(7, `a client's Finished with ${what}`, mismatch, (client) =>
    client.upTo("finished").finished(change),
  ),
  serverRefuses(7, `a client's KeyUpdate with ${what}`, verdict, (client) =>
    client.complete().keyUpdate(change),
  ),
]);

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

interface WaitingPoint<P extends Forger, S> {
  readonly when: string;
  readonly due: readonly string[];
  readonly reach: (peer: P) => void;
  readonly setup?: S;
}

const clientWaits: readonly WaitingPoint<ForgedServer, ClientSetup>[] = [
  {
    when: "in answer to ClientHello",
    due: ["server_hello", "hello_retry_request"],
    reach: () => undefined,
    // While TLS 1.2 is possible, a HelloRequest is passed over.
    setup: only13,
  },
  {
    when: "in answer to the second ClientHello",
    due: ["server_hello"],
    reach: (server) => server.helloRetryRequest(),
    setup: otherGroup,
  },
  {
    when: "behind ServerHello",
    due: ["encrypted_extensions"],
    reach: (server) => server.upTo("encryptedExtensions"),
  },
  {
    when: "behind EncryptedExtensions",
    due: ["certificate_request", "certificate"],
    reach: (server) => server.upTo("certificate"),
  },
  {
    when: "behind CertificateRequest",
    due: ["certificate"],
    reach: (server) => server.upTo("certificate"),
    setup: asking,
  },
  {
    when: "behind the server's Certificate",
    due: ["certificate_verify"],
    reach: (server) => server.upTo("certificateVerify"),
  },
  {
    when: "behind the server's CertificateVerify",
    due: ["finished"],
    reach: (server) => server.upTo("finished"),
  },
  {
    when: "after the handshake",
    due: ["new_session_ticket", "key_update"],
    reach: (server) => server.complete(),
  },
];

const serverWaits: readonly WaitingPoint<ForgedClient, ServerSetup>[] = [
  { when: "at the start", due: ["client_hello"], reach: () => undefined },
  {
    when: "in answer to HelloRetryRequest",
    due: ["client_hello"],
    reach: (client) => client.clientHelloWithoutShare(),
  },
  {
    when: "in answer to CertificateRequest",
    due: ["certificate"],
    reach: (client) => client.upTo("certificate"),
    setup: mutual,
  },
  {
    when: "behind the client's Certificate",
    due: ["certificate_verify"],
    reach: (client) => client.upTo("certificateVerify"),
    setup: mutual,
  },
  {
    when: "behind the client's CertificateVerify",
    due: ["finished"],
    reach: (client) => client.upTo("finished"),
    setup: mutual,
  },
  {
    when: "in answer to the server's Finished",
    due: ["finished"],
    reach: (client) => client.upTo("finished"),
  },
  { when: "after the handshake", due: ["key_update"], reach: (client) => client.complete() },
];

/** Row 8: each message where another one is due. */
const wrongTypes: readonly Pitfall[] = messagesOfAllTypes.flatMap(({ what, message }) => {
  const verdict = (due: readonly string[]) =>
    ({ alert: "unexpected_message", says: `got ${what} where ${due.join(" or ")} is due` }) as const;
  return [
    ...clientWaits
      .filter(({ due }) => !due.includes(what))
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

function gotInsteadOf(got: string, due: string) {
  return { alert: "unexpected_message", says: `got ${got} where ${due} is due` } as const;
}

/** Row 9: real messages, of which one is left out, or one is too many. */
const skipped: readonly Pitfall[] = [
  clientRefuses(
    9,
    "a server that leaves out EncryptedExtensions",
    gotInsteadOf("certificate", "encrypted_extensions"),
    (server) => {
      server.serverHello();
      server.certificate();
    },
  ),
  clientRefuses(
    9,
    "a server that leaves out its Certificate",
    gotInsteadOf("certificate_verify", "certificate_request or certificate"),
    (server) => server.upTo("certificate").certificateVerify(),
  ),
  clientRefuses(
    9,
    "a server that leaves out its CertificateVerify",
    gotInsteadOf("finished", "certificate_verify"),
    (server) => server.upTo("certificateVerify").finished(),
  ),
  clientRefuses(
    9,
    "a server that does not authenticate itself",
    gotInsteadOf("finished", "certificate_request or certificate"),
    (server) => server.upTo("certificate").finished(),
  ),
  clientRefuses(
    9,
    "a CertificateRequest behind the server's Certificate",
    gotInsteadOf("certificate_request", "certificate_verify"),
    (server) => server.upTo("certificateVerify").certificateRequest(),
  ),
  clientRefuses(
    9,
    "a second CertificateRequest",
    gotInsteadOf("certificate_request", "certificate"),
    (server) => server.upTo("certificate").certificateRequest(),
    asking,
  ),
  clientRefuses(
    9,
    "a CertificateRequest after the handshake",
    gotInsteadOf("certificate_request", "new_session_ticket or key_update"),
    (server) => server.complete().certificateRequest(),
  ),
  serverRefuses(
    9,
    "a client that leaves out its Certificate",
    gotInsteadOf("certificate_verify", "certificate"),
    (client) => client.upTo("certificate").certificateVerify(),
    mutual,
  ),
  serverRefuses(
    9,
    "a client that leaves out Certificate and CertificateVerify",
    gotInsteadOf("finished", "certificate"),
    (client) => client.upTo("certificate").finished(),
    mutual,
  ),
  serverRefuses(
    9,
    "a client that leaves out its CertificateVerify",
    gotInsteadOf("finished", "certificate_verify"),
    (client) => client.upTo("certificateVerify").finished(),
    mutual,
  ),
  serverRefuses(
    9,
    "a client's Certificate that was not asked for",
    gotInsteadOf("certificate", "finished"),
    (client) => client.upTo("finished").certificate(),
    { forger: mutual.forger },
  ),
  serverRefuses(
    9,
    "a CertificateVerify behind an empty Certificate",
    gotInsteadOf("certificate_verify", "finished"),
    (client) => {
      client.upTo("certificate").certificate((body) => ({ ...body, certificateList: [] }));
      client.certificateVerify();
    },
    { ...mutual, config: { clientAuth: { mode: "request", dangerouslyAcceptAnyCertificate: true } } },
  ),
];

export const rows7To9: readonly Pitfall[] = [...lengths, ...wrongTypes, ...skipped];
