import { describe, expect, test } from "vitest";

import { ascii } from "../../src/bytes.ts";
import type { AlertName } from "../../src/index.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import type { Forger } from "../support/forger.ts";
import type { ForgedServer } from "./forged-server.ts";
import type { ForgedServer12 } from "./forged-server12.ts";
import { testCredential } from "./leaf-certificate.ts";
import { expectOpen, expectRefusal } from "./pitfall.ts";
import { forgedClient12, forgedServer12 } from "./pitfall12.ts";
import { forgedClient, forgedServer } from "./pitfall13.ts";

// Reserved values that nobody knows, and that must neither disturb nor be chosen. RFC 8701.

/** RFC 8701 §2. */
const VALUES = Array.from({ length: 16 }, (_, i) => 0x0a0a + 0x1010 * i);
const MODES = [0x0b, 0x2a, 0x49, 0x68, 0x87, 0xa6, 0xc5, 0xe4];

const around = (value: number, list: readonly number[] = []): readonly number[] => [value, ...list, value];
const protocol = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 0xff);

/** Places of a ClientHello that a value may stand in, each with how it is put there. RFC 8701 §3.1. */
const PLACES: Readonly<Record<string, (hello: ClientHello, value: number) => ClientHello>> = {
  cipher_suites: (hello, value) => ({ ...hello, cipherSuites: around(value, hello.cipherSuites) }),
  supported_versions: (hello, value) =>
    extended(hello, { supportedVersions: around(value, hello.extensions.supportedVersions ?? [0x0303]) }),
  supported_groups: (hello, value) =>
    extended(hello, { supportedGroups: around(value, hello.extensions.supportedGroups) }),
  signature_algorithms: (hello, value) =>
    extended(hello, { signatureAlgorithms: around(value, hello.extensions.signatureAlgorithms) }),
  signature_algorithms_cert: (hello, value) =>
    extended(hello, { signatureAlgorithmsCert: around(value, hello.extensions.signatureAlgorithms) }),
  psk_key_exchange_modes: (hello, value) =>
    extended(hello, { pskKeyExchangeModes: Uint8Array.of(MODES[value & 7] ?? 0, 1, 0xe4) }),
  compress_certificate: (hello, value) => extended(hello, { compressCertificate: [value, 0x1a1a] }),
  application_layer_protocol_negotiation: (hello, value) =>
    extended(hello, {
      applicationLayerProtocolNegotiation: [protocol(value), ascii("echo"), protocol(value ^ 0x1010)],
    }),
  "an empty extension": (hello, value) =>
    extended(hello, { unknown: [{ type: value, body: new Uint8Array() }] }),
  "extensions with a body": (hello, value) =>
    extended(hello, {
      unknown: [
        { type: value, body: new Uint8Array(1) },
        { type: value ^ 0x1010, body: new Uint8Array(300) },
      ],
    }),
};

function extended(hello: ClientHello, extensions: ClientHello["extensions"]): ClientHello {
  return { ...hello, extensions: { ...hello.extensions, ...extensions } };
}

const config = { alpn: ["echo"], ticketCount: 0 };

describe.each(Object.entries(PLACES))("a server passes over GREASE in %s", (place, put) => {
  test.each(VALUES.map((value) => [value.toString(16), value] as const))("0x%s", (_name, value) => {
    const client = forgedClient({ config });
    client.clientHello((hello) => put(hello, value));
    expect(expectOpen(client.complete()).version).toBe("TLSv1.3");
    const older = forgedClient12({ config });
    older.clientHello((hello) => put(hello, value));
    expect(expectOpen(older.complete()).version).toBe("TLSv1.2");
    if (place.startsWith("application")) expect(older.engine.info?.alpn).toBe("echo");
  });
});

test("a server passes over a key share of a reserved group, in front and behind", () => {
  for (const group of VALUES) {
    const client = forgedClient({ config });
    client.clientHello((hello) => {
      const share = { group, keyExchange: new Uint8Array(1) };
      const keyShare = [share, ...(hello.extensions.keyShare ?? [])];
      return extended(hello, {
        keyShare,
        supportedGroups: around(group, hello.extensions.supportedGroups).slice(0, -1),
      });
    });
    expect(expectOpen(client.complete()).helloRetried).toBe(false);
  }
});

test("a server that has nothing but reserved values to choose from refuses them", () => {
  const refusals: readonly (readonly [AlertName, (hello: ClientHello) => ClientHello])[] = [
    ["handshake_failure", (hello) => ({ ...hello, cipherSuites: VALUES })],
    ["handshake_failure", (hello) => extended(hello, { supportedGroups: VALUES, keyShare: [] })],
    ["handshake_failure", (hello) => extended(hello, { signatureAlgorithms: VALUES })],
    ["protocol_version", (hello) => extended(hello, { supportedVersions: VALUES })],
    [
      "no_application_protocol",
      (hello) => extended(hello, { applicationLayerProtocolNegotiation: VALUES.map(protocol) }),
    ],
  ];
  for (const [alert, change] of refusals) {
    const client = forgedClient({ config });
    client.clientHello(change);
    expectRefusal(client, { alert, says: /./ });
  }
});

/** What a greasing client has offered, by place. */
interface Offered {
  readonly suite: number;
  readonly group: number;
  readonly version: number;
  readonly scheme: number;
  readonly types: readonly number[];
}

const isReserved = (value: number): boolean => VALUES.includes(value);

function offeredBy({ cipherSuites, extensions }: ClientHello): Offered {
  const first = (list: readonly number[] = []): number => list.find(isReserved) ?? 0;
  return {
    suite: first(cipherSuites),
    group: first(extensions.supportedGroups),
    version: first(extensions.supportedVersions),
    scheme: first(extensions.signatureAlgorithms),
    types: (extensions.order ?? []).filter(isReserved),
  };
}

const greasing = { config: { grease: true, alpn: ["echo"] } };

/** `type` among the extensions of a message. */
const withType =
  (type: number) =>
  <T extends { readonly extensions: object }>(body: T): T => ({
    ...body,
    extensions: { ...body.extensions, unknown: [{ type, body: new Uint8Array() }] },
  });

const answers13: readonly (readonly [string, AlertName, (server: ForgedServer, offered: Offered) => void])[] =
  [
    [
      "a version",
      "illegal_parameter",
      (server, { version }) =>
        server.serverHello((body) => ({
          ...body,
          extensions: { ...body.extensions, supportedVersions: version },
        })),
    ],
    [
      "a version in HelloRetryRequest",
      "illegal_parameter",
      (server, { version }) =>
        server.helloRetryRequest((body) => ({
          ...body,
          extensions: { ...body.extensions, supportedVersions: version },
        })),
    ],
    [
      "a suite",
      "illegal_parameter",
      (server, { suite }) => server.serverHello((body) => ({ ...body, cipherSuite: suite })),
    ],
    [
      "a suite in HelloRetryRequest",
      "illegal_parameter",
      (server, { suite }) => server.helloRetryRequest((body) => ({ ...body, cipherSuite: suite })),
    ],
    [
      "a group",
      "illegal_parameter",
      (server, { group }) =>
        server.serverHello((body) => ({
          ...body,
          extensions: { ...body.extensions, keyShare: { group, keyExchange: new Uint8Array(1) } },
        })),
    ],
    [
      "a group in HelloRetryRequest",
      "illegal_parameter",
      (server, { group }) =>
        server.helloRetryRequest((body) => ({
          ...body,
          extensions: { ...body.extensions, keyShare: group },
        })),
    ],
    [
      "a signature scheme",
      "illegal_parameter",
      (server, { scheme }) =>
        server.upTo("certificateVerify").certificateVerify((body) => ({ ...body, algorithm: scheme })),
    ],
    [
      "an ALPN protocol",
      "illegal_parameter",
      (server, { group }) =>
        server.upTo("encryptedExtensions").encryptedExtensions(() => ({
          extensions: { applicationLayerProtocolNegotiation: [protocol(group)] },
        })),
    ],
    ...[0, 1].flatMap((index) => {
      const type = ({ types }: Offered): number => types[index] ?? 0;
      const which = index === 0 ? "the first extension" : "the last extension";
      return [
        [
          `${which} in HelloRetryRequest`,
          "unsupported_extension",
          (server: ForgedServer, offered: Offered) => server.helloRetryRequest(withType(type(offered))),
        ],
        [
          `${which} in ServerHello`,
          "unsupported_extension",
          (server: ForgedServer, offered: Offered) => server.serverHello(withType(type(offered))),
        ],
        [
          `${which} in EncryptedExtensions`,
          "unsupported_extension",
          (server: ForgedServer, offered: Offered) =>
            server.upTo("encryptedExtensions").encryptedExtensions(withType(type(offered))),
        ],
        [
          `${which} in Certificate`,
          "unsupported_extension",
          (server: ForgedServer, offered: Offered) => {
            server.upTo("certificate").certificate((body) => ({
              ...body,
              certificateList: body.certificateList.map(withType(type(offered))),
            }));
          },
        ],
      ] as const;
    }),
  ];

const answers12: readonly (readonly [
  string,
  AlertName,
  (server: ForgedServer12, offered: Offered) => void,
])[] = [
  [
    "a version",
    "protocol_version",
    (server, { version }) => server.serverHello((body) => ({ ...body, serverVersion: version })),
  ],
  [
    "a suite",
    "illegal_parameter",
    (server, { suite }) => server.serverHello((body) => ({ ...body, cipherSuite: suite })),
  ],
  [
    "a group",
    "illegal_parameter",
    (server, { group }) => {
      const params = (own: Uint8Array): Uint8Array =>
        Uint8Array.of(3, group >> 8, group & 0xff, ...own.subarray(3));
      server.upTo("serverKeyExchange").serverKeyExchange({}, { params });
      // What is chosen there is looked at when its flight is whole.
      server.serverHelloDone();
    },
  ],
  [
    "a signature scheme",
    "illegal_parameter",
    (server, { scheme }) =>
      server.upTo("serverKeyExchange").serverKeyExchange((body) => ({ ...body, algorithm: scheme })),
  ],
  [
    "an extension",
    "unsupported_extension",
    (server, { types: [type = 0] }) => server.serverHello(withType(type)),
  ],
];

describe("a client refuses what it has greased its ClientHello with, and what it has not, when a server chooses it (RFC 8701 §4)", () => {
  const other = ({ types, ...values }: Offered): Offered => ({
    suite: values.suite ^ 0x1010,
    group: values.group ^ 0x1010,
    version: values.version ^ 0x1010,
    scheme: values.scheme ^ 0x1010,
    types: types.map(() => VALUES.find((value) => !types.includes(value)) ?? 0),
  });
  const refuse = <S extends Forger & { readonly clientHello: ClientHello }>(
    server: () => S,
    forge: (server: S, offered: Offered) => void,
    alert: AlertName,
  ): void => {
    for (const change of [(offered: Offered) => offered, other]) {
      const peer = server();
      const offered = offeredBy(peer.clientHello);
      expect(Object.values(offered).flat().every(isReserved)).toBe(true);
      expect(offered.types).toHaveLength(2);
      forge(peer, change(offered));
      expectRefusal(peer, { alert, says: /./ });
    }
  };

  test.each(answers13)("%s in TLS 1.3: %s", (_what, alert, forge) => {
    refuse(() => forgedServer(greasing), forge, alert);
  });

  test.each(answers12)("%s in TLS 1.2: %s", (_what, alert, forge) => {
    refuse(() => forgedServer12(greasing), forge, alert);
  });
});

test("a client that greases opens connections of either version", () => {
  expect(expectOpen(forgedServer(greasing).complete()).version).toBe("TLSv1.3");
  expect(expectOpen(forgedServer12(greasing).complete()).version).toBe("TLSv1.2");
});

test("a client passes over GREASE in CertificateRequest and NewSessionTicket (RFC 8701 §4.1)", () => {
  const server = forgedServer({
    config: { clientCredential: testCredential() },
    forger: { asksForCertificate: true },
  });
  server.upTo("certificateRequest").certificateRequest((body) => ({
    ...body,
    extensions: {
      ...body.extensions,
      signatureAlgorithms: around(0x3a3a, body.extensions.signatureAlgorithms),
      unknown: [{ type: 0x5a5a, body: new Uint8Array(3) }],
    },
  }));
  server.complete();
  server.newSessionTicket(withType(0x6a6a));
  expect(server.messages.map(({ name }) => name)).toContain("certificate_verify");
  expectOpen(server);
});
