import { describe, expect, test } from "vitest";

import { ascii } from "../../src/bytes.ts";
import { type ClientAuth, type ClientOptions, type ServerOptions, zlibCompression } from "../../src/index.ts";
import { HandshakeType } from "../../src/messages/codepoints.ts";
import { encodeHandshake } from "../../src/messages/handshake.ts";
import { rawMessage, seededRandom } from "../support/forger.ts";
import { byteByByte } from "../support/pair.ts";
import { AskedClient, AskingServer } from "./late-authentication.ts";
import { testCredential } from "./leaf-certificate.ts";
import { eventsOf, expectOpen, expectRefusal, type Verdict } from "./pitfall.ts";
import { clientConfig, serverConfig } from "./pitfall13.ts";

// Authentication behind the handshake (RFC 8446 §4.6.2), with peers that do it wrong.

const credential = testCredential();
const ANSWER = ["certificate", "certificate_verify", "finished"] as const;
const requested: ClientAuth = { mode: "request", dangerouslyAcceptAnyCertificate: true };

function asked(
  config: Partial<ServerOptions> = {},
  own: typeof credential | undefined = credential,
): AskedClient {
  const quiet = { ticketCount: 0, ...config };
  return new AskedClient(serverConfig(quiet), own === undefined ? {} : { credential: own });
}

function asking(options: Partial<ClientOptions> = {}): AskingServer {
  const config = { postHandshakeAuth: true, clientCredential: credential, ...options };
  return new AskingServer(clientConfig(config), { credential });
}

describe("a client", () => {
  const refusals: readonly (readonly [
    string,
    Verdict,
    (server: AskingServer) => void,
    Partial<ClientOptions>?,
  ])[] = [
    [
      "that has not offered it is asked",
      {
        alert: "unexpected_message",
        says: "got certificate_request where new_session_ticket or key_update is due",
      },
      (server) => server.ask(),
      { postHandshakeAuth: false },
    ],
    [
      "is asked without a context",
      { alert: "illegal_parameter", says: "CertificateRequest has no context" },
      (server) => server.ask((body) => ({ ...body, certificateRequestContext: new Uint8Array() })),
    ],
    [
      "is asked twice with one context",
      { alert: "illegal_parameter", says: "CertificateRequest has the context of an earlier one" },
      (server) => {
        for (let i = 0; i < 2; i++)
          server.ask((body) => ({ ...body, certificateRequestContext: Uint8Array.of(7) }));
      },
    ],
    [
      "is asked with a context again that it has answered long ago",
      { alert: "illegal_parameter", says: "CertificateRequest has the context of an earlier one" },
      (server) => {
        for (const context of [1, 2, 1])
          server.ask((body) => ({ ...body, certificateRequestContext: Uint8Array.of(context) }));
      },
    ],
    [
      "is asked without signature_algorithms",
      { alert: "missing_extension", says: "CertificateRequest holds no signature_algorithms" },
      (server) => server.ask((body) => ({ ...body, extensions: { compressCertificate: [1] } })),
    ],
    [
      "is asked with bytes behind the extensions",
      { alert: "decode_error", says: /trailing byte|are left/ },
      (server) => server.ask({ raw: (raw) => rawMessage(raw[0] ?? 0, Uint8Array.of(...raw.subarray(4), 0)) }),
    ],
    [
      "gets a Certificate itself",
      {
        alert: "unexpected_message",
        says: "got certificate where new_session_ticket or key_update or certificate_request is due",
      },
      (server) =>
        server.sendHandshake(
          encodeHandshake("certificate", {
            certificateRequestContext: new Uint8Array(),
            certificateList: [],
          }),
        ),
    ],
    [
      "is asked in the record of a KeyUpdate",
      { alert: "unexpected_message", says: "handshake bytes in the record of its KeyUpdate" },
      (server) => server.keyUpdate({ tail: Uint8Array.of(HandshakeType.certificate_request) }),
    ],
  ];
  for (const [what, verdict, forge, options] of refusals) {
    test(`${what}: ${verdict.alert}`, () => {
      const server = asking(options);
      forge(server);
      expectRefusal(server, verdict);
    });
  }

  test("answers with the three messages alone in a row, under the keys that it writes with", () => {
    const server = asking();
    server.keyUpdate({}, 1);
    server.ask();
    server.engine.updateKeys();
    server.pump();
    server.ask();
    expect(server.answers.map(({ name }) => name)).toEqual([...ANSWER, ...ANSWER]);
    expect(server.messages.map(({ name }) => name).slice(-8)).toEqual([
      // What the server has asked for before goes out before.
      "key_update",
      ...ANSWER,
      "key_update",
      ...ANSWER,
    ]);
    expect(server.finishes).toEqual([true, true]);
    expectOpen(server);
  });

  test("answers each of several requests in one record", () => {
    const server = asking();
    server.together(() => {
      server.ask();
      server.ask();
      server.ask();
    });
    expect(server.finishes).toEqual([true, true, true]);
    expectOpen(server);
  });

  test("has no certificate to give for the schemes that it is asked with", () => {
    const server = asking();
    // A registered scheme that no key of ours signs with.
    server.ask((body) => ({ ...body, extensions: { signatureAlgorithms: [0x0708] } }));
    expect(server.answers.map(({ name }) => name)).toEqual(["certificate", "finished"]);
    expect(server.finishes).toEqual([true]);
    expectOpen(server);
  });

  test("passes over what a server greases its request and its tickets with (RFC 8701 §4.1)", () => {
    const server = asking();
    server.ask((body) => ({
      ...body,
      extensions: {
        ...body.extensions,
        signatureAlgorithms: [0x2a2a, ...(body.extensions.signatureAlgorithms ?? []), 0xfafa],
        unknown: [{ type: 0x4a4a, body: Uint8Array.of(1) }],
      },
    }));
    server.newSessionTicket((body) => ({
      ...body,
      extensions: { unknown: [{ type: 0xbaba, body: new Uint8Array() }] },
    }));
    expect(server.finishes).toEqual([true]);
    expect(eventsOf(server, "session")).toHaveLength(1);
    expectOpen(server);
  });

  test("counts requests among the messages that come without data", () => {
    const server = asking({ limits: { postHandshakeMessages: 3 } });
    for (let i = 0; i < 3; i++) server.ask();
    server.sendData(ascii("data"));
    for (let i = 0; i < 3; i++) server.ask();
    expect(server.finishes).toHaveLength(6);
    server.ask();
    expectRefusal(server, { alert: "unexpected_message", says: "more than 3 handshake messages" });
  });
});

describe("a server", () => {
  const pause = (client: AskedClient): void => {
    client.ask();
    client.lateCertificate();
  };
  const between = { alert: "unexpected_message" } as const;
  const refusals: readonly (readonly [
    string,
    Verdict,
    (client: AskedClient) => void,
    Partial<ServerOptions>?,
  ])[] = [
    [
      "gets a Certificate that it has never asked for",
      { alert: "unexpected_message", says: "got certificate where key_update is due" },
      (client) =>
        client.sendHandshake(
          encodeHandshake("certificate", {
            certificateRequestContext: new Uint8Array(),
            certificateList: [],
          }),
        ),
    ],
    [
      "gets a Certificate with another context",
      { alert: "illegal_parameter", says: "a context that was not asked with" },
      (client) => {
        client.ask();
        client.lateCertificate((body) => ({ ...body, certificateRequestContext: Uint8Array.of(1) }));
      },
    ],
    [
      "gets a Certificate without a context",
      { alert: "illegal_parameter", says: "a context that was not asked with" },
      (client) => {
        client.ask();
        client.lateCertificate((body) => ({ ...body, certificateRequestContext: new Uint8Array() }));
      },
    ],
    [
      "gets two answers to the one request",
      { alert: "unexpected_message", says: "got certificate where key_update is due" },
      (client) => {
        client.ask();
        client.answer();
        client.answer();
      },
    ],
    [
      "gets two answers to the first one of two requests",
      { alert: "illegal_parameter", says: "a context that was not asked with" },
      (client) => {
        client.ask();
        client.ask();
        client.answer(0);
        client.answer(0);
      },
    ],
    [
      "gets a certificate without CertificateVerify",
      { alert: "unexpected_message", says: "got finished where certificate_verify is due" },
      (client) => {
        pause(client);
        client.lateFinished();
      },
    ],
    [
      "gets a CertificateVerify for no certificate",
      { alert: "unexpected_message", says: "got certificate_verify where finished is due" },
      (client) => {
        client.ask(requested);
        client.lateCertificate((body) => ({ ...body, certificateList: [] }));
        client.lateCertificateVerify();
      },
    ],
    [
      "gets no certificate where it needs one",
      { alert: "certificate_required", says: "the client sent no certificate" },
      (client) => {
        client.ask();
        client.lateCertificate((body) => ({ ...body, certificateList: [] }));
      },
    ],
    [
      "gets a signature that is flipped",
      { alert: "decrypt_error", says: "does not verify" },
      (client) => {
        pause(client);
        client.lateCertificateVerify((body) => ({
          ...body,
          signature: Uint8Array.from(body.signature, (byte, i) => (i === 20 ? byte ^ 1 : byte)),
        }));
      },
    ],
    [
      "gets a signature over another request",
      { alert: "decrypt_error", says: "does not verify" },
      (client) => {
        client.ask();
        client.ask();
        client.lateCertificate((body) => ({
          ...body,
          certificateRequestContext: client.requests[0]?.context ?? new Uint8Array(),
        }));
        client.lateCertificateVerify();
      },
    ],
    [
      "gets a signature under a scheme that it has not asked for",
      { alert: "illegal_parameter", says: "which it was not offered for this" },
      (client) => {
        pause(client);
        client.lateCertificateVerify((body) => ({ ...body, algorithm: 0x2a2a }));
      },
    ],
    [
      "gets a signature under a scheme that is for certificates alone",
      { alert: "illegal_parameter", says: "which it was not offered for this" },
      (client) => {
        pause(client);
        client.lateCertificateVerify((body) => ({ ...body, algorithm: 0x0401 }));
      },
    ],
    [
      "gets a signature under the scheme of another key",
      { alert: "illegal_parameter", says: "and its key is" },
      (client) => {
        pause(client);
        client.lateCertificateVerify((body) => ({ ...body, algorithm: 0x0807 }));
      },
    ],
    [
      "gets no Finished but a new answer",
      { alert: "unexpected_message", says: "got certificate where finished is due" },
      (client) => {
        client.ask();
        pause(client);
        client.lateCertificateVerify();
        client.lateCertificate({}, 0);
      },
    ],
    [
      "gets a Finished that is flipped",
      { alert: "decrypt_error", says: "the client's Finished does not match its authentication" },
      (client) => {
        pause(client);
        client.lateCertificateVerify();
        client.lateFinished((body) => ({
          verifyData: Uint8Array.from(body.verifyData, (byte, i) => (i === 0 ? byte ^ 1 : byte)),
        }));
      },
    ],
    [
      "gets a Finished that is cut",
      { alert: "decrypt_error", says: "the client's Finished does not match its authentication" },
      (client) => {
        pause(client);
        client.lateCertificateVerify();
        client.lateFinished((body) => ({ verifyData: body.verifyData.subarray(0, -1) }));
      },
    ],
    [
      "gets a Finished under the keys of before a KeyUpdate",
      { alert: "decrypt_error", says: "the client's Finished does not match its authentication" },
      (client) => {
        const before = client.writeSecret;
        client.keyUpdate();
        pause(client);
        client.lateCertificateVerify();
        client.lateFinished({}, before);
      },
    ],
    [
      "gets a Finished under the next keys",
      { alert: "decrypt_error", says: "the client's Finished does not match its authentication" },
      (client) => {
        pause(client);
        client.lateCertificateVerify();
        client.lateFinished({}, client.writeSecret.next());
      },
    ],
    ...[
      ["KeyUpdate", (client: AskedClient): void => client.keyUpdate(), "got key_update where"],
      [
        "NewSessionTicket",
        (client: AskedClient): void => client.sendHandshake(rawMessage(HandshakeType.new_session_ticket)),
        "got new_session_ticket where",
      ],
      [
        "application data",
        (client: AskedClient): void => client.sendData(ascii("data")),
        "application data between the messages of an authentication",
      ],
      [
        "an empty record of application data",
        (client: AskedClient): void => client.sendData(new Uint8Array()),
        "application data between the messages of an authentication",
      ],
      [
        "close_notify",
        (client: AskedClient): void => client.sendAlert(1, "close_notify"),
        "an alert that is no error between the messages of an authentication",
      ],
      [
        "user_canceled",
        (client: AskedClient): void => client.sendAlert(1, "user_canceled"),
        "an alert that is no error between the messages of an authentication",
      ],
      [
        "a ChangeCipherSpec",
        (client: AskedClient): void => client.sendChangeCipherSpec(),
        /change_cipher_spec/,
      ],
    ].flatMap(([what, send, says]) =>
      [false, true].map(
        (isSigned) =>
          [
            `gets ${String(what)} behind ${isSigned ? "CertificateVerify" : "Certificate"}`,
            { ...between, says: says as string | RegExp },
            (client: AskedClient): void => {
              pause(client);
              if (isSigned) client.lateCertificateVerify();
              (send as (client: AskedClient) => void)(client);
            },
          ] as const,
      ),
    ),
    [
      "gets application data inside of the Certificate",
      { alert: "unexpected_message", says: "application data inside of a handshake message" },
      (client) => {
        client.ask();
        client.sendHandshake(Uint8Array.of(HandshakeType.certificate, 0, 1));
        client.sendData(ascii("data"));
      },
    ],
    [
      "gets a compressed Certificate, which it has not asked for",
      {
        alert: "unexpected_message",
        says: "got compressed_certificate where key_update or certificate is due",
      },
      (client) => {
        client.ask();
        client.lateCompressedCertificate(compressed(client));
      },
    ],
    [
      "gets a Certificate that is compressed under another algorithm",
      { alert: "illegal_parameter", says: "the peer compressed with brotli, which it was not offered" },
      (client) => {
        client.ask();
        client.lateCompressedCertificate({ ...compressed(client), algorithm: 2 });
      },
      { certificateCompression: [zlibCompression()] },
    ],
    [
      "gets a compressed Certificate with another context",
      { alert: "illegal_parameter", says: "a context that was not asked with" },
      (client) => {
        client.ask();
        client.lateCompressedCertificate(compressed(client, Uint8Array.of(1, 2, 3)));
      },
      { certificateCompression: [zlibCompression()] },
    ],
    [
      "gets an extension in a certificate that it has not asked for",
      { alert: "unsupported_extension", says: "Certificate holds" },
      (client) => {
        client.ask();
        client.lateCertificate((body) => ({
          ...body,
          certificateList: body.certificateList.map((entry) => ({
            ...entry,
            extensions: { statusRequest: { statusType: 1, response: Uint8Array.of(0x30, 3, 10, 1, 3) } },
          })),
        }));
        client.lateCertificateVerify();
      },
    ],
    [
      "gets KeyUpdates without end while it waits for an answer",
      { alert: "unexpected_message", says: "more than 32 handshake messages without application data" },
      (client) => {
        client.ask();
        for (let i = 0; i < 33; i++) client.keyUpdate();
      },
    ],
  ];
  for (const [what, verdict, forge, options] of refusals) {
    test(`${what}: ${verdict.alert}`, () => {
      const client = asked(options);
      forge(client);
      expectRefusal(client, verdict);
      const authenticated = eventsOf(client, "client-authenticated");
      expect(authenticated).toHaveLength(what.startsWith("gets two answers") ? 1 : 0);
    });
  }

  function compressed(client: AskedClient, context = client.requests.at(-1)?.context ?? new Uint8Array()) {
    const { certificateChain } = credential;
    const body = encodeHandshake("certificate", {
      certificateRequestContext: context,
      certificateList: certificateChain.map((certData) => ({ certData, extensions: {} })),
    }).subarray(4);
    const zlib = zlibCompression();
    return {
      algorithm: zlib.id,
      uncompressedLength: body.length,
      // That of pure TypeScript answers at once.
      compressedCertificateMessage: zlib.compress(body) as Uint8Array,
    };
  }

  test("ends with the fatal alert of a client amid its answer", () => {
    const client = asked();
    pause(client);
    client.sendAlert(2, "internal_error");
    expect(eventsOf(client, "closed").map(({ how }) => how.kind)).toEqual(["alert"]);
  });

  test("takes a compressed Certificate that it has asked for", () => {
    const client = asked({ certificateCompression: [zlibCompression()] });
    client.ask();
    client.lateCompressedCertificate(compressed(client));
    client.lateCertificateVerify();
    client.lateFinished();
    expect(client.engine.info?.peer).toMatchObject({
      kind: "unverified",
      chain: credential.certificateChain,
    });
    expectOpen(client);
  });

  test("takes answers in another order than its requests, with data, KeyUpdates and close_notify around them", () => {
    const client = asked();
    client.ask();
    client.ask(requested);
    client.ask();
    client.answer(2);
    client.sendData(ascii("one"));
    client.keyUpdate({}, 1);
    client.answer(0);
    client.keyUpdate();
    client.lateCertificate((body) => ({ ...body, certificateList: [] }), 1);
    client.lateFinished();
    expect(eventsOf(client, "client-authenticated").map(({ peer }) => peer.kind)).toEqual([
      "unverified",
      "unverified",
      "none",
    ]);
    expect(client.engine.info).toMatchObject({ peer: { kind: "none" }, peerSignatureScheme: null });
    expectOpen(client);
    client.sendAlert(1, "close_notify");
    expect(eventsOf(client, "closed").map(({ how }) => how)).toEqual([{ kind: "clean" }]);
  });

  test("takes an answer in one record, in many, and byte by byte", () => {
    const outcomes = [
      (content: Uint8Array) => [content],
      (content: Uint8Array) => [...byteByByte(content)],
    ].flatMap((fragment) =>
      [undefined, byteByByte].map((split) => {
        const client = asked();
        client.fragment = fragment;
        client.ask();
        client.together(() => client.answer(), split);
        expectOpen(client);
        return client.events;
      }),
    );
    for (const events of outcomes) expect(events).toEqual(outcomes[0]);
  });

  test("does not count answers that it has asked for among the messages that come without data", () => {
    const client = asked({ limits: { postHandshakeMessages: 1 } });
    for (let i = 0; i < 9; i++) client.ask();
    for (let i = 0; i < 9; i++) client.answer(i);
    expect(eventsOf(client, "client-authenticated")).toHaveLength(9);
    client.keyUpdate();
    client.ask();
    client.answer();
    client.keyUpdate();
    expectRefusal(client, { alert: "unexpected_message", says: "more than 1 handshake messages" });
  });

  test("asks with another context each time, and with its authorities", () => {
    const client = asked({ random: seededRandom(3) });
    const authorities = [Uint8Array.of(0x30, 0)];
    for (let i = 0; i < 20; i++) client.ask({ ...requested, authorities });
    const contexts = client.requests.map(({ context }) => Buffer.from(context).toString("hex"));
    expect(new Set(contexts).size).toBe(20);
    expect(contexts.every(({ length }) => length === 32)).toBe(true);
  });
});
