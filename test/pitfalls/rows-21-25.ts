import { expect } from "vitest";

import { ascii, concatBytes, equalBytes, hex16 } from "../../src/bytes.ts";
import { codepointName, ExtensionType, ProtocolVersion } from "../../src/messages/codepoints.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { withBody } from "../support/forger.ts";
import { replacing, setting, without } from "./edits.ts";
import { type Pitfall } from "./pitfall.ts";
import { clientAccepts, clientRefuses, serverAccepts, serverRefuses } from "./pitfall13.ts";
import { only13, otherGroup } from "./setups.ts";

const versionName = (version: number): string => codepointName(ProtocolVersion, version);

function withoutTls13(offered: string) {
  return { alert: "protocol_version", says: `offers version ${offered}, and TLSv1.3 is required` } as const;
}

function otherVersion(chosen: string) {
  return {
    alert: "protocol_version",
    says: `server chose version ${chosen}, and TLSv1.3 was offered`,
  } as const;
}

/** Rows 21 and 22: which version it is, is said by supported_versions. */
const versions: readonly Pitfall[] = [
  ...[0x0301, 0x0302, 0x0303, 0x0304, 0x0305, 0x7f1c, 0xffff].map((legacyVersion) =>
    serverAccepts(
      21,
      `a ClientHello with supported_versions and legacy_version ${hex16(legacyVersion)} is taken`,
      (client) => client.clientHello((hello) => ({ ...hello, legacyVersion })),
    ),
  ),
  ...[
    { what: "GREASE before TLS 1.3", supportedVersions: [0x7a7a, 0x0304, 0x0303] },
    { what: "TLS 1.2 before TLS 1.3", supportedVersions: [0x0301, 0x0303, 0x0304] },
    { what: "versions to come before TLS 1.3", supportedVersions: [0x0306, 0x0305, 0x0304] },
    { what: "TLS 1.3 twice", supportedVersions: [0x0304, 0x0304] },
  ].map(({ what, supportedVersions }) =>
    serverAccepts(21, `supported_versions with ${what} is taken`, (client) =>
      client.clientHello(setting({ supportedVersions })),
    ),
  ),
  ...(
    [
      [0x0301, "TLSv1"],
      [0x0302, "TLSv1.1"],
      [0x0303, "TLSv1.2"],
      // TLS 1.3 is offered in supported_versions or not at all.
      [0x0304, "TLSv1.2"],
      [0xffff, "TLSv1.2"],
    ] as const
  ).map(([legacyVersion, offered]) =>
    serverRefuses(
      21,
      `a ClientHello without supported_versions and with legacy_version ${hex16(legacyVersion)}`,
      withoutTls13(offered),
      (client) =>
        client.clientHello((hello) => without<ClientHello>("supportedVersions")({ ...hello, legacyVersion })),
      only13,
    ),
  ),
  ...[[0x0303], [0x0301, 0x0302, 0x0303], [0x0305], [0x7f1c], [0x3a3a]].map((supportedVersions) =>
    serverRefuses(
      21,
      `supported_versions of ${supportedVersions.map(hex16).join(", ")}`,
      withoutTls13(supportedVersions.map(versionName).join(", ")),
      (client) => client.clientHello(setting({ supportedVersions })),
      only13,
    ),
  ),
  serverRefuses(
    21,
    "a ClientHello with legacy_version 0x0300, as SSL 3.0 has it,",
    { alert: "protocol_version", says: "legacy_version SSLv3" },
    (client) => client.clientHello((hello) => ({ ...hello, legacyVersion: 0x0300 })),
  ),
  clientRefuses(
    21,
    "a ServerHello with legacy_version 0x0300, as SSL 3.0 has it,",
    { alert: "protocol_version", says: "legacy_version SSLv3" },
    (server) => server.serverHello((hello) => ({ ...hello, legacyVersion: 0x0300 })),
  ),
  ...[0x0301, 0x0302, 0x0303].flatMap((legacyVersion) => [
    clientRefuses(
      21,
      `a ServerHello without supported_versions and with legacy_version ${hex16(legacyVersion)}`,
      otherVersion(versionName(legacyVersion)),
      (server) =>
        server.serverHello((hello) =>
          without<typeof hello>("supportedVersions")({ ...hello, legacyVersion }),
        ),
      only13,
    ),
    clientRefuses(
      21,
      `a HelloRetryRequest without supported_versions and with legacy_version ${hex16(legacyVersion)}`,
      { alert: "protocol_version", says: "HelloRetryRequest holds no supported_versions" },
      (server) =>
        server.helloRetryRequest((hello) =>
          without<typeof hello>("supportedVersions")({ ...hello, legacyVersion }),
        ),
      otherGroup,
    ),
  ]),
  ...[0x0305, 0x7f1c, 0x0a0a].flatMap((supportedVersions) => [
    clientRefuses(
      21,
      `a ServerHello that selects version ${hex16(supportedVersions)}`,
      { alert: "illegal_parameter", says: `server chose version ${hex16(supportedVersions)}` },
      (server) => server.serverHello(setting({ supportedVersions })),
    ),
    clientRefuses(
      21,
      `a HelloRetryRequest that selects version ${hex16(supportedVersions)}`,
      { alert: "illegal_parameter", says: `server chose version ${hex16(supportedVersions)}` },
      (server) => server.helloRetryRequest(setting({ supportedVersions })),
      otherGroup,
    ),
  ]),
  clientRefuses(
    21,
    "a ServerHello after HelloRetryRequest that selects TLS 1.2",
    { alert: "illegal_parameter", says: "server chose version 0x0303" },
    (server) => {
      server.helloRetryRequest();
      server.serverHello(setting({ supportedVersions: 0x0303 }));
    },
    otherGroup,
  ),
  ...[0x0303, 0x0302, 0x0300].map((supportedVersions) =>
    clientRefuses(
      22,
      `supported_versions in ServerHello that selects ${hex16(supportedVersions)}`,
      { alert: "illegal_parameter", says: `server chose version ${hex16(supportedVersions)}` },
      (server) => server.serverHello(setting({ supportedVersions })),
    ),
  ),
];

/** Row 23: a server that knows TLS 1.3 and does not use it marks its random. */
const downgrades: readonly Pitfall[] = [
  { version: "TLS 1.2", legacyVersion: 0x0303, mark: 1 },
  { version: "TLS 1.1", legacyVersion: 0x0302, mark: 0 },
].map(({ version, legacyVersion, mark }) =>
  clientRefuses(
    23,
    `a ServerHello of ${version} with the downgrade mark`,
    { alert: "illegal_parameter", says: "brought down from TLS 1.3" },
    (server) =>
      server.serverHello((hello) => {
        const random = concatBytes(hello.random.subarray(0, 24), ascii("DOWNGRD"), Uint8Array.of(mark));
        return without<typeof hello>("supportedVersions")({ ...hello, random, legacyVersion });
      }),
  ),
);

const longVector = { alert: "decode_error", says: "vector of 33 bytes, allowed 0..32" } as const;

const otherEcho = { alert: "illegal_parameter", says: "echoes another legacy_session_id" } as const;

/** The offset of `legacy_session_id` in the body of a hello: behind version and random. */
const SESSION_ID_AT = 2 + 32;

function withLongSessionId(message: Uint8Array): Uint8Array {
  return withBody(message, (body) => {
    const behind = SESSION_ID_AT + 1 + (body[SESSION_ID_AT] ?? 0);
    return concatBytes(
      body.subarray(0, SESSION_ID_AT),
      Uint8Array.of(33),
      new Uint8Array(33),
      body.subarray(behind),
    );
  });
}

/** Row 24: legacy_session_id is echoed whatever it is, up to its bound. */
const sessionIds: readonly Pitfall[] = [
  ...[0, 1, 16, 31, 32].map((length) =>
    serverAccepts(24, `a legacy_session_id of ${length} bytes is echoed`, (client) => {
      client.clientHello((hello) => ({ ...hello, legacySessionId: client.random(length) }));
      const [answer] = client.messages;
      if (answer === undefined) throw new Error("no ServerHello");
      const { legacySessionIdEcho } = decodeHandshake("server_hello", answer.raw);
      expect(equalBytes(legacySessionIdEcho, client.hello.legacySessionId)).toBe(true);
    }),
  ),
  serverRefuses(24, "a legacy_session_id of 33 bytes", longVector, (client) =>
    client.clientHello({ raw: withLongSessionId }),
  ),
  clientRefuses(24, "a legacy_session_id_echo of 33 bytes", longVector, (server) =>
    server.serverHello({ raw: withLongSessionId }),
  ),
  clientRefuses(
    24,
    "a legacy_session_id_echo of 33 bytes in HelloRetryRequest",
    longVector,
    (server) => server.helloRetryRequest({ raw: withLongSessionId }),
    otherGroup,
  ),
  ...[
    { what: "no bytes", echo: (id: Uint8Array) => id.subarray(32) },
    { what: "31 of the 32 bytes", echo: (id: Uint8Array) => id.subarray(0, 31) },
    { what: "other bytes", echo: (id: Uint8Array) => id.map((byte) => byte ^ 1) },
  ].flatMap(({ what, echo }) => [
    clientRefuses(24, `a legacy_session_id_echo with ${what}`, otherEcho, (server) =>
      server.serverHello((hello) => ({ ...hello, legacySessionIdEcho: echo(hello.legacySessionIdEcho) })),
    ),
    clientRefuses(
      24,
      `a legacy_session_id_echo in HelloRetryRequest with ${what}`,
      otherEcho,
      (server) =>
        server.helloRetryRequest((hello) => ({
          ...hello,
          legacySessionIdEcho: echo(hello.legacySessionIdEcho),
        })),
      otherGroup,
    ),
  ]),
  clientRefuses(
    24,
    "a legacy_session_id_echo where none was sent",
    otherEcho,
    (server) => server.serverHello((hello) => ({ ...hello, legacySessionIdEcho: new Uint8Array(32) })),
    { config: { middleboxCompatibility: false } },
  ),
  clientAccepts(24, "an empty legacy_session_id is echoed as such", () => undefined, {
    config: { middleboxCompatibility: false },
  }),
];

/** Row 25: compression is none, and nothing else is offered. */
const compression: readonly Pitfall[] = [
  ...[[1], [0, 1], [1, 0], [0, 0], [64]].map((methods) =>
    serverRefuses(
      25,
      `the compression methods ${methods.join(", ")}`,
      { alert: "illegal_parameter", says: `offers compression methods ${methods.join(", ")}` },
      (client) =>
        client.clientHello((hello) => ({ ...hello, legacyCompressionMethods: Uint8Array.from(methods) })),
    ),
  ),
  serverRefuses(
    25,
    "a ClientHello without a compression method",
    { alert: "decode_error", says: "vector of 0 bytes, allowed 1..255" },
    (client) =>
      client.clientHello({
        raw: (message) =>
          withBody(message, (body) => {
            const at = SESSION_ID_AT + 1 + 32 + 2 + 2;
            return concatBytes(body.subarray(0, at), Uint8Array.of(0), body.subarray(at + 2));
          }),
      }),
  ),
  ...[1, 255].flatMap((legacyCompressionMethod) => [
    clientRefuses(
      25,
      `a ServerHello that chooses compression method ${legacyCompressionMethod}`,
      { alert: "illegal_parameter", says: `server chose compression method ${legacyCompressionMethod}` },
      (server) => server.serverHello((hello) => ({ ...hello, legacyCompressionMethod })),
    ),
    clientRefuses(
      25,
      `a HelloRetryRequest that chooses compression method ${legacyCompressionMethod}`,
      { alert: "illegal_parameter", says: `server chose compression method ${legacyCompressionMethod}` },
      (server) => server.helloRetryRequest((hello) => ({ ...hello, legacyCompressionMethod })),
      otherGroup,
    ),
  ]),
];

/** Row 21, and how a version list itself may look. */
const versionLists: readonly Pitfall[] = [
  { what: "an empty list", bytes: [0] },
  { what: "half a version", bytes: [1, 3] },
  { what: "a version and a half", bytes: [3, 3, 4, 3] },
].map(({ what, bytes }) =>
  serverRefuses(
    21,
    `supported_versions with ${what}`,
    { alert: "decode_error", says: /vector of|are left/ },
    (client) =>
      client.clientHello(
        replacing<ClientHello>("supportedVersions", ExtensionType.supported_versions, Uint8Array.from(bytes)),
      ),
  ),
);

export const rows21To25: readonly Pitfall[] = [
  ...versions,
  ...versionLists,
  ...downgrades,
  ...sessionIds,
  ...compression,
];
