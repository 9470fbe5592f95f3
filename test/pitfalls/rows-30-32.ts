import { expect } from "vitest";

import { ascii, hex16 } from "../../src/bytes.ts";
import { secp256r1, secp384r1 } from "../../src/crypto/groups/nist.ts";
import { x25519 } from "../../src/crypto/groups/x25519.ts";
import { TLS_CHACHA20_POLY1305_SHA256 } from "../../src/crypto/suites.ts";
import { ExtensionType } from "../../src/messages/codepoints.ts";
import { decodeHandshake, type HandshakeBody } from "../../src/messages/handshake.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { adding, cut, flipped, raw, setting, without } from "./edits.ts";
import type { ForgedServer } from "./forged-server.ts";
import { expectOpen, type Pitfall } from "./pitfall.ts";
import {
  clientRefuses,
  type ClientSetup,
  forgedServer,
  serverAccepts,
  serverRefuses,
  type ServerSetup,
} from "./pitfall13.ts";
import { illegal, otherGroup } from "./setups.ts";

/** The extensions of a ClientHello that a HelloRetryRequest may not change, in their order. */
function kept({ extensions }: ClientHello): readonly unknown[] {
  const { keyShare, cookie, order = [], ...others } = extensions;
  return [others, order.filter((type) => type !== ExtensionType.cookie)];
}

/** The two ClientHellos that the engine has sent. */
function bothHellos({ messages }: ForgedServer): readonly [ClientHello, ClientHello] {
  const [first, second] = messages.map((message) => decodeHandshake("client_hello", message.raw));
  if (first === undefined || second === undefined)
    throw new Error("the engine has not sent two ClientHellos");
  return [first, second];
}

/** A HelloRetryRequest that the client follows, and what is in its second ClientHello. */
function clientFollows(
  name: string,
  extensions: HandshakeBody<"hello_retry_request">["extensions"],
  setup?: ClientSetup,
): Pitfall {
  return {
    row: 30,
    engine: "client",
    name,
    run() {
      const server = forgedServer(setup);
      server.fragment = (message) => cut(message, 2 ** 14);
      server.helloRetryRequest((body) => ({
        ...body,
        extensions: { supportedVersions: 0x0304, ...extensions },
      }));
      const [first, second] = bothHellos(server);
      expect(second.extensions.cookie).toEqual(extensions.cookie);
      expect(second.extensions.keyShare?.map(({ group }) => group)).toEqual([
        extensions.keyShare ?? x25519.id,
      ]);
      if (extensions.keyShare === undefined)
        expect(second.extensions.keyShare).toEqual(first.extensions.keyShare);
      expect(kept(second)).toEqual(kept(first));
      expect({ ...second, extensions: {} }).toEqual({ ...first, extensions: {} });
      expect(expectOpen(server.complete()).helloRetried).toBe(true);
    },
  };
}

/** Row 30: what a client checks of HelloRetryRequest, and of the ServerHello behind it. */
const clientRetries: readonly Pitfall[] = [
  clientFollows("a HelloRetryRequest for another group is followed", { keyShare: secp256r1.id }, otherGroup),
  clientFollows("a HelloRetryRequest with a cookie alone is followed", { cookie: ascii("cookie") }),
  clientFollows(
    "a HelloRetryRequest with a cookie and another group is followed",
    { keyShare: secp256r1.id, cookie: new Uint8Array(2 ** 15).fill(7) },
    otherGroup,
  ),
  clientRefuses(
    30,
    "a HelloRetryRequest with a cookie that might not fit into a ClientHello",
    illegal("HelloRetryRequest holds a cookie of 32769 bytes"),
    (server) => {
      server.fragment = (message) => cut(message, 2 ** 14);
      server.helloRetryRequest(setting({ cookie: new Uint8Array(2 ** 15 + 1) }));
    },
    otherGroup,
  ),
  clientRefuses(
    30,
    "a second HelloRetryRequest",
    { alert: "unexpected_message", says: "got hello_retry_request where server_hello is due" },
    (server) => {
      server.helloRetryRequest();
      server.helloRetryRequest();
    },
    otherGroup,
  ),
  clientRefuses(30, "a HelloRetryRequest that asks for nothing", illegal("asks for nothing"), (server) =>
    server.helloRetryRequest(without<HandshakeBody<"hello_retry_request">>("keyShare")),
  ),
  clientRefuses(
    30,
    "a HelloRetryRequest for the group that has a share",
    illegal("asks for x25519, whose share it was sent"),
    (server) => server.helloRetryRequest(),
  ),
  clientRefuses(
    30,
    "a HelloRetryRequest for the group that has a share, with a cookie,",
    illegal("asks for x25519, whose share it was sent"),
    (server) => server.helloRetryRequest(setting({ cookie: ascii("cookie") })),
  ),
  ...[
    { what: "is not known", keyShare: 0x7a7a },
    { what: "is known and was not offered", keyShare: secp384r1.id },
    { what: "is of TLS 1.2 only", keyShare: 0x0016 },
  ].map(({ what, keyShare }) =>
    clientRefuses(
      30,
      `a HelloRetryRequest for a group that ${what}`,
      illegal(`asks for group ${hex16(keyShare)}, which was not offered`),
      (server) => server.helloRetryRequest(setting({ keyShare })),
    ),
  ),
  clientRefuses(
    30,
    "a HelloRetryRequest with a suite that was not offered",
    illegal("server chose cipher suite 0x1304, which was not offered"),
    (server) => server.helloRetryRequest((body) => ({ ...body, cipherSuite: 0x1304 })),
    otherGroup,
  ),
  clientRefuses(
    30,
    "a ServerHello with another suite than HelloRetryRequest",
    illegal(
      "chose TLS_AES_128_GCM_SHA256 in HelloRetryRequest and TLS_CHACHA20_POLY1305_SHA256 in ServerHello",
    ),
    (server) => {
      server.helloRetryRequest();
      server.serverHello((body) => ({ ...body, cipherSuite: TLS_CHACHA20_POLY1305_SHA256.id }));
    },
    otherGroup,
  ),
  ...[x25519.id, secp384r1.id].map((group) =>
    clientRefuses(
      30,
      `a ServerHello with group ${hex16(group)} behind a HelloRetryRequest for 0x0017`,
      illegal(`server chose group ${hex16(group)}, for which it has no share`),
      (server) => {
        server.helloRetryRequest();
        server.serverHello(setting({ keyShare: { group, keyExchange: new Uint8Array(32) } }));
      },
      otherGroup,
    ),
  ),
  clientRefuses(
    30,
    "a ServerHello for a group that would have needed a HelloRetryRequest",
    illegal("server chose group 0x0017, for which it has no share"),
    (server) => server.serverHello(),
    otherGroup,
  ),
];

const withCookie: ServerSetup = { config: { helloRetryCookie: true } };

const differs = illegal("differs from the first in more than it may");

/** What a second ClientHello may not change. */
const changes: readonly { readonly what: string; readonly change: (hello: ClientHello) => ClientHello }[] = [
  { what: "another random", change: (hello) => ({ ...hello, random: flipped(hello.random) }) },
  {
    what: "another legacy_session_id",
    change: (hello) => ({ ...hello, legacySessionId: flipped(hello.legacySessionId) }),
  },
  {
    what: "another legacy_version",
    change: (hello) => ({ ...hello, legacyVersion: 0x0302 }),
  },
  {
    what: "more cipher suites",
    change: (hello) => ({ ...hello, cipherSuites: [...hello.cipherSuites, 0x1303] }),
  },
  { what: "more groups", change: setting<ClientHello>({ supportedGroups: [x25519.id, secp256r1.id] }) },
  { what: "other signature schemes", change: setting<ClientHello>({ signatureAlgorithms: [0x0403] }) },
  {
    what: "a server_name",
    change: setting<ClientHello>({ serverName: [{ nameType: 0, name: ascii("b") }] }),
  },
  { what: "an unknown extension more", change: adding<ClientHello>(raw(0x7357)) },
  { what: "TLS 1.2 as well", change: setting<ClientHello>({ supportedVersions: [0x0304, 0x0303] }) },
];

/** Row 31: what a server checks of a second ClientHello. */
const serverRetries: readonly Pitfall[] = [
  serverAccepts(31, "a second ClientHello with the share that was asked for is taken", (client) => {
    client.clientHelloWithoutShare();
    client.secondClientHello();
  }),
  serverAccepts(
    31,
    "a second ClientHello with the cookie is taken",
    (client) => {
      client.clientHelloWithoutShare();
      expect(client.retryRequest?.extensions.cookie).toHaveLength(32);
      client.secondClientHello();
    },
    withCookie,
  ),
  serverAccepts(31, "a second ClientHello with other padding and without early_data is taken", (client) => {
    client.clientHello(setting({ keyShare: [], padding: new Uint8Array(10) }));
    client.secondClientHello(setting({ padding: new Uint8Array(20) }));
  }),
  serverRefuses(
    31,
    "a second ClientHello without key_share",
    { alert: "missing_extension", says: "ClientHello holds no key_share" },
    (client) => {
      client.clientHelloWithoutShare();
      client.secondClientHello(without<ClientHello>("keyShare"));
    },
  ),
  serverRefuses(
    31,
    "a second ClientHello with no share",
    illegal("has shares for no group, asked was 0x001d"),
    (client) => {
      client.clientHelloWithoutShare();
      client.secondClientHello(setting({ keyShare: [] }));
    },
  ),
  serverRefuses(
    31,
    "a second ClientHello with a share of another group",
    illegal("has shares for 0x0017, asked was 0x001d"),
    (client) => {
      const supportedGroups = [x25519.id, secp256r1.id];
      client.clientHello(setting({ keyShare: [], supportedGroups }));
      client.secondClientHello(
        setting({ keyShare: [{ group: secp256r1.id, keyExchange: new Uint8Array(65) }] }),
      );
    },
  ),
  serverRefuses(
    31,
    "a second ClientHello with one share more than was asked for",
    illegal("has shares for 0x001d, 0x0017, asked was 0x001d"),
    (client) => {
      const supportedGroups = [x25519.id, secp256r1.id];
      client.clientHello(setting({ keyShare: [], supportedGroups }));
      client.secondClientHello((hello) => {
        const [own] = hello.extensions.keyShare ?? [];
        const other = { group: secp256r1.id, keyExchange: new Uint8Array(65) };
        return setting<ClientHello>({ keyShare: own === undefined ? [] : [own, other] })(hello);
      });
    },
  ),
  serverRefuses(
    31,
    "a second ClientHello without the cookie",
    { alert: "missing_extension", says: "ClientHello holds no cookie" },
    (client) => {
      client.clientHelloWithoutShare();
      client.secondClientHello(without<ClientHello>("cookie"));
    },
    withCookie,
  ),
  serverRefuses(
    31,
    "a second ClientHello with another cookie",
    illegal("brings back another cookie"),
    (client) => {
      client.clientHelloWithoutShare();
      client.secondClientHello((hello) =>
        setting<ClientHello>({ cookie: flipped(hello.extensions.cookie ?? new Uint8Array(1)) })(hello),
      );
    },
    withCookie,
  ),
  serverRefuses(
    31,
    "a second ClientHello with a cookie that it was not given",
    illegal("brings a cookie that it was not given"),
    (client) => {
      client.clientHelloWithoutShare();
      client.secondClientHello(setting({ cookie: ascii("cookie") }));
    },
  ),
  ...changes.map(({ what, change }) =>
    serverRefuses(31, `a second ClientHello with ${what}`, differs, (client) => {
      client.clientHelloWithoutShare();
      client.secondClientHello(change);
    }),
  ),
  serverRefuses(31, "a second ClientHello that leaves server_name out", differs, (client) => {
    client.clientHello(setting({ keyShare: [], serverName: [{ nameType: 0, name: ascii("a") }] }));
    client.secondClientHello(without<ClientHello>("serverName"));
  }),
];

/** Row 32: what a ClientHello of TLS 1.3 needs for a key exchange. */
const keyShares: readonly Pitfall[] = [
  ...(
    [
      ["key_share", "keyShare"],
      ["supported_groups", "supportedGroups"],
      ["signature_algorithms", "signatureAlgorithms"],
    ] as const
  ).map(([name, key]) =>
    serverRefuses(
      32,
      `a ClientHello without ${name}`,
      { alert: "missing_extension", says: `ClientHello holds no ${name}` },
      (client) => client.clientHello(without<ClientHello>(key)),
    ),
  ),
  serverRefuses(
    32,
    "a ClientHello without key_share and supported_groups",
    { alert: "missing_extension", says: "ClientHello holds no supported_groups" },
    (client) =>
      client.clientHello((hello) =>
        without<ClientHello>("keyShare")(without<ClientHello>("supportedGroups")(hello)),
      ),
  ),
  serverRefuses(32, "two key shares for one group", illegal("two key shares for one group"), (client) =>
    client.clientHello((hello) => {
      const shares = hello.extensions.keyShare ?? [];
      return setting<ClientHello>({ keyShare: [...shares, ...shares] })(hello);
    }),
  ),
  serverRefuses(
    32,
    "two key shares for one group that the server does not know",
    illegal("two key shares for one group"),
    (client) =>
      client.clientHello((hello) => {
        const unknown = { group: 0x7a7a, keyExchange: Uint8Array.of(1) };
        const keyShare = [...(hello.extensions.keyShare ?? []), unknown, unknown];
        return setting<ClientHello>({ keyShare, supportedGroups: [x25519.id, 0x7a7a] })(hello);
      }),
  ),
  serverRefuses(
    32,
    "a key share for a group that supported_groups does not list",
    illegal("a key share for 0x001d, which supported_groups does not list"),
    (client) => client.clientHello(setting({ supportedGroups: [secp256r1.id] })),
  ),
  serverAccepts(32, "a key share of GREASE before the real one is passed over", (client) =>
    client.clientHello((hello) => {
      const grease = { group: 0x2a2a, keyExchange: Uint8Array.of(0) };
      const keyShare = [grease, ...(hello.extensions.keyShare ?? [])];
      return setting<ClientHello>({ keyShare, supportedGroups: [0x2a2a, x25519.id] })(hello);
    }),
  ),
  serverRefuses(
    32,
    "a ClientHello with groups that the server does not know",
    { alert: "handshake_failure", says: "no group in common: the client supports 0x7a7a, 0x0100" },
    (client) => client.clientHello(setting({ keyShare: [], supportedGroups: [0x7a7a, 0x0100] })),
  ),
];

export const rows30To32: readonly Pitfall[] = [...clientRetries, ...serverRetries, ...keyShares];
