import { expect } from "vitest";

import { hex16 } from "../../src/bytes.ts";
import type { TlsVersion } from "../../src/index.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { adding, raw, setting, without } from "./edits.ts";
import { expectOpen, expectRefusal, type Pitfall, type Verdict } from "./pitfall.ts";
import { clientAccepts, clientRefuses, forgedClient12, forgedServer12 } from "./pitfall12.ts";
import { clientRefuses as client13Refuses, forgedClient as forgedClient13 } from "./pitfall13.ts";
import { illegal, otherGroup } from "./setups.ts";
import { only12 } from "./setups12.ts";

const SCSV = 0x5600;

/** What a server is configured for, by name. */
const spoken = {
  both: {},
  "TLS 1.2 alone": { versions: ["TLSv1.2"] },
  "TLS 1.3 alone": { versions: ["TLSv1.3"] },
} as const satisfies Record<string, { readonly versions?: readonly TlsVersion[] }>;

interface Offer {
  readonly legacyVersion: number;
  readonly supportedVersions?: readonly number[];
  /** What a server of each kind chooses; in place of a version the alert, and what the error says. */
  readonly chosen: Readonly<Record<keyof typeof spoken, TlsVersion | Verdict>>;
  readonly fallback?: true;
}

function noneInCommon(offered: string, required: string): Verdict {
  return {
    alert: "protocol_version",
    says: `the client offers version ${offered}, and ${required} is required`,
  };
}

/** The verdicts on a client of a version that nobody has. */
function refusedBy(offered: string): Offer["chosen"] {
  return {
    both: noneInCommon(offered, "TLSv1.3 or TLSv1.2"),
    "TLS 1.2 alone": noneInCommon(offered, "TLSv1.2"),
    "TLS 1.3 alone": noneInCommon(offered, "TLSv1.3"),
  };
}

function cameDown(offered: string, highest: string): Verdict {
  return {
    alert: "inappropriate_fallback",
    says: `the client fell back to version ${offered}, and ${highest} is spoken here`,
  };
}

const onlyTls12: Offer["chosen"] = {
  both: "TLSv1.2",
  "TLS 1.2 alone": "TLSv1.2",
  "TLS 1.3 alone": noneInCommon("TLSv1.2", "TLSv1.3"),
};

/** TLS 1.3 and TLS 1.2 are offered. */
const highest: Offer["chosen"] = { both: "TLSv1.3", "TLS 1.2 alone": "TLSv1.2", "TLS 1.3 alone": "TLSv1.3" };

const SSL3: Verdict = { alert: "protocol_version", says: "ClientHello has legacy_version SSLv3" };

const offers: readonly Offer[] = [
  { legacyVersion: 0x0300, chosen: { both: SSL3, "TLS 1.2 alone": SSL3, "TLS 1.3 alone": SSL3 } },
  { legacyVersion: 0x0301, chosen: refusedBy("TLSv1") },
  { legacyVersion: 0x0302, chosen: refusedBy("TLSv1.1") },
  { legacyVersion: 0x0303, chosen: onlyTls12 },
  // Without supported_versions, what is above TLS 1.2 is TLS 1.2.
  { legacyVersion: 0x0304, chosen: onlyTls12 },
  { legacyVersion: 0x03ff, chosen: onlyTls12 },
  { legacyVersion: 0xffff, chosen: onlyTls12 },
  { legacyVersion: 0x0303, supportedVersions: [0x0303], chosen: onlyTls12 },
  { legacyVersion: 0x0301, supportedVersions: [0x0303], chosen: onlyTls12 },
  { legacyVersion: 0x0303, supportedVersions: [0x0304, 0x0303], chosen: highest },
  { legacyVersion: 0x0303, supportedVersions: [0x0303, 0x0304], chosen: highest },
  { legacyVersion: 0x0303, supportedVersions: [0x7a7a, 0x0301, 0x0303, 0x0306, 0x0304], chosen: highest },
  { legacyVersion: 0x0303, supportedVersions: [0x0301], chosen: refusedBy("TLSv1") },
  { legacyVersion: 0x0303, supportedVersions: [0x0302, 0x0301], chosen: refusedBy("TLSv1.1, TLSv1") },
  { legacyVersion: 0x0303, supportedVersions: [0x0305], chosen: refusedBy("0x0305") },
  { legacyVersion: 0x0303, supportedVersions: [0x3a3a], chosen: refusedBy("0x3a3a") },
  {
    legacyVersion: 0x0303,
    fallback: true,
    chosen: {
      both: cameDown("TLSv1.2", "TLSv1.3"),
      "TLS 1.2 alone": "TLSv1.2",
      "TLS 1.3 alone": cameDown("TLSv1.2", "TLSv1.3"),
    },
  },
  {
    legacyVersion: 0x0302,
    fallback: true,
    chosen: {
      both: cameDown("TLSv1.1", "TLSv1.3"),
      "TLS 1.2 alone": cameDown("TLSv1.1", "TLSv1.2"),
      "TLS 1.3 alone": cameDown("TLSv1.1", "TLSv1.3"),
    },
  },
  {
    legacyVersion: 0x0303,
    supportedVersions: [0x0303],
    fallback: true,
    chosen: {
      both: cameDown("TLSv1.2", "TLSv1.3"),
      "TLS 1.2 alone": "TLSv1.2",
      "TLS 1.3 alone": cameDown("TLSv1.2", "TLSv1.3"),
    },
  },
  { legacyVersion: 0x0303, supportedVersions: [0x0304, 0x0303], fallback: true, chosen: highest },
];

function offerName({ legacyVersion, supportedVersions, fallback }: Offer): string {
  const versions = supportedVersions === undefined ? "no" : supportedVersions.map(hex16).join(", ");
  const signal = fallback === true ? " and TLS_FALLBACK_SCSV" : "";
  return `legacy_version ${hex16(legacyVersion)}, ${versions} supported_versions${signal}`;
}

/** What a forged client says in its ClientHello. */
function offering({
  legacyVersion,
  supportedVersions,
  fallback,
}: Offer): (hello: ClientHello) => ClientHello {
  return (hello) => {
    const cipherSuites = [...hello.cipherSuites, ...(fallback === true ? [SCSV] : [])];
    const plain = without<ClientHello>("supportedVersions")({ ...hello, legacyVersion, cipherSuites });
    return supportedVersions === undefined ? plain : setting<ClientHello>({ supportedVersions })(plain);
  };
}

/** Row 21 on servers: supported_versions is what counts, and legacy_version without it. */
const serversChoices: readonly Pitfall[] = offers.flatMap((offer) =>
  (["both", "TLS 1.2 alone", "TLS 1.3 alone"] as const).map((kind): Pitfall => {
    const chosen = offer.chosen[kind];
    const outcome = typeof chosen === "string" ? `gives ${chosen}` : `gets ${chosen.alert}`;
    return {
      row: 21,
      engine: "server",
      name: `${offerName(offer)} for a server of ${kind} ${outcome}`,
      run() {
        const setup = { config: spoken[kind] };
        const client = chosen === "TLSv1.3" ? forgedClient13(setup) : forgedClient12(setup);
        client.clientHello(offering(offer));
        if (typeof chosen === "string") expect(expectOpen(client.complete()).version).toBe(chosen);
        else expectRefusal(client, chosen);
      },
    };
  }),
);

function chose(version: string, offered: string): Verdict {
  return { alert: "protocol_version", says: `server chose version ${version}, and ${offered} was offered` };
}

/** Row 21 on clients: a ServerHello without supported_versions says its version itself. */
const clientsChecks: readonly Pitfall[] = [
  ...(
    [
      [0x0301, "TLSv1"],
      [0x0302, "TLSv1.1"],
      [0x0304, "TLSv1.3"],
      [0x0305, "0x0305"],
      [0x0403, "0x0403"],
      [0xfefd, "0xfefd"],
    ] as const
  ).flatMap(([serverVersion, name]) => [
    clientRefuses(
      21,
      `a ServerHello of version ${hex16(serverVersion)}, to a client of both,`,
      chose(name, "TLSv1.3 or TLSv1.2"),
      (server) => server.serverHello((body) => ({ ...body, serverVersion })),
    ),
    clientRefuses(
      21,
      `a ServerHello of version ${hex16(serverVersion)}, to a client of TLS 1.2 alone,`,
      chose(name, "TLSv1.2"),
      (server) => server.serverHello((body) => ({ ...body, serverVersion })),
      only12,
    ),
  ]),
  clientRefuses(
    21,
    "a ServerHello of TLS 1.2, to a client of TLS 1.3 alone,",
    chose("TLSv1.2", "TLSv1.3"),
    (server) => server.serverHello(),
    { config: { versions: ["TLSv1.3"] } },
  ),
  ...[{}, only12].map((setup, index) =>
    clientRefuses(
      21,
      `a ServerHello of SSL 3.0, to a client of ${index === 0 ? "both" : "TLS 1.2 alone"},`,
      { alert: "protocol_version", says: "server sent legacy_version SSLv3" },
      (server) => server.serverHello((body) => ({ ...body, serverVersion: 0x0300 })),
      setup,
    ),
  ),
  clientAccepts(
    21,
    "a ServerHello of TLS 1.2 is taken by a client of TLS 1.2 alone",
    () => undefined,
    only12,
  ),
  client13Refuses(
    21,
    "a ServerHello of TLS 1.3, to a client of TLS 1.2 alone,",
    { alert: "unsupported_extension", says: "server answers with TLS 1.3, and TLSv1.2 was offered" },
    (server) => server.serverHello((body) => without<typeof body>("keyShare")(body)),
    { config: { versions: ["TLSv1.2"] }, forger: {} },
  ),
  {
    row: 21,
    engine: "client",
    name: "a client of TLS 1.2 alone says nothing that only TLS 1.3 has",
    run() {
      const { clientHello } = forgedServer12({
        config: { ...only12.config, groups: ["X25519MLKEM768", "x25519", "secp256r1"] },
      });
      const { extensions, cipherSuites, legacySessionId, legacyVersion } = clientHello;
      expect(legacyVersion).toBe(0x0303);
      expect(legacySessionId).toHaveLength(0);
      expect(extensions.supportedVersions).toBeUndefined();
      expect(extensions.keyShare).toBeUndefined();
      expect(extensions.pskKeyExchangeModes).toBeUndefined();
      expect(extensions.supportedGroups).toEqual([29, 23]);
      expect(cipherSuites.filter((id) => id >>> 8 === 0x13)).toEqual([]);
    },
  },
  {
    row: 21,
    engine: "client",
    name: "a client does not say that it has fallen back",
    run() {
      expect(forgedServer12().clientHello.cipherSuites).not.toContain(SCSV);
      expect(forgedServer12(only12).clientHello.cipherSuites).not.toContain(SCSV);
    },
  },
];

/** Rows 22 and 30, where a version is answered in the form of the other one. */
const crossed: readonly Pitfall[] = [
  ...[0x0303, 0x0302].map((supportedVersions) =>
    clientRefuses(
      22,
      `supported_versions of ${hex16(supportedVersions)} in a ServerHello of TLS 1.2`,
      illegal(`server chose version ${hex16(supportedVersions)}`),
      (server) => server.serverHello(adding(raw(43, [supportedVersions >>> 8, supportedVersions & 0xff]))),
    ),
  ),
  clientRefuses(
    22,
    "supported_versions of 0x0303 in a ServerHello of TLS 1.2, to a client of TLS 1.2 alone,",
    { alert: "unsupported_extension", says: "TLSv1.2 was offered" },
    (server) => server.serverHello(adding(raw(43, [3, 3]))),
    only12,
  ),
  ...[0x0301, 0x0303].map((legacyVersion) =>
    client13Refuses(
      30,
      `a ServerHello of version ${hex16(legacyVersion)} behind HelloRetryRequest`,
      illegal("server chose TLS 1.3 in HelloRetryRequest and an older version in ServerHello"),
      (server) => {
        server.helloRetryRequest();
        server.serverHello((body) =>
          without<typeof body>("supportedVersions")(
            without<typeof body>("keyShare")({ ...body, legacyVersion }),
          ),
        );
      },
      otherGroup,
    ),
  ),
];

export const tls12Rows21To22: readonly Pitfall[] = [...serversChoices, ...clientsChecks, ...crossed];
