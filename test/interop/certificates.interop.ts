import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import {
  type AlertName,
  type CertificateFault,
  ClientConfig,
  type ClientOptions,
  type TlsVersion,
  webPki,
  type WebPkiOptions,
} from "../../src/index.ts";
import {
  BadAuthority,
  expectRefusal,
  type Holder,
  makeServerCertificates,
  type Status,
  timeText,
} from "./bad-authority.ts";
import { connect, type Driver } from "./driver.ts";
import { compileLoopback, echoAndClose, gnutlsServerLacks, meetGnutlsServer } from "./peers/gnutls.ts";
import { exchangeWithServer, noOpenssl, OCSP_TRY_LATER } from "./peers/openssl.ts";
import { echoWithPython, meetPythonServer, noPython } from "./peers/python.ts";
import { Peer } from "./process.ts";
import { row } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// Servers with certificates that our client must refuse, and with unusual ones that it must not.

const bad = new BadAuthority();
afterAll(() => bad.remove());

const certificates = await makeServerCertificates(bad);
const { root, middle, lower, strangeRoot, strange, outdated, constrained } = certificates;
const { good, deep, wild, sixth, allowed, expired, early, selfSigned, unknown, forged } = certificates;
const { ofClient, forbidden, authorityLeaf, belowLeaf, belowOutdated, stapled } = certificates;

const NO_STAPLE = "no OCSP response is stapled to it";

/** What a server presents, and what our client makes of it. */
interface Presentation {
  /** Whom our client wants to talk to. Default: localhost. */
  readonly serverName?: string;
  readonly policy?: () => WebPkiOptions;
  /** Gives the path of an OCSP response that is stapled. */
  readonly staple?: () => string;
}

interface Refusal extends Presentation {
  /** Whose fault it is. Default: the holder's. */
  readonly culprit?: Holder;
}

type RefusalRow = readonly [
  feature: string,
  holder: Holder,
  fault: CertificateFault,
  /** What the error's message ends with. */
  fact: string | RegExp,
  refusal?: Refusal,
];

const refusals: readonly RefusalRow[] = [
  ["expired", expired, "expired", `notAfter ${timeText(expired.certificate.notAfter)}`],
  ["not yet valid", early, "not-yet-valid", `notBefore ${timeText(early.certificate.notBefore)}`],
  [
    "an expired intermediate",
    belowOutdated,
    "expired",
    `notAfter ${timeText(outdated.certificate.notAfter)}`,
    { culprit: outdated },
  ],
  ["self-signed", selfSigned, "unknown-issuer", "it is self-signed, and no anchor"],
  [
    "an unknown authority",
    unknown,
    "unknown-issuer",
    "its issuer CN=strange root is not known",
    { culprit: strange },
  ],
  [
    "an unknown root that is sent along",
    bad.presenting(unknown, strange, strangeRoot),
    "unknown-issuer",
    "it is self-signed, and no anchor",
    { culprit: strangeRoot },
  ],
  ["another key's signature", forged, "bad-signature", "the key of CN=interop authority did not sign it"],
  [
    "a missing intermediate",
    bad.presenting(good),
    "unknown-issuer",
    "its issuer CN=interop authority is not known",
  ],
  ["a wrong host name", good, "wrong-name", 'it is not for "other.test"', { serverName: "other.test" }],
  ["a wrong IP address", good, "wrong-name", "it is not for 127.0.0.2", { serverName: "127.0.0.2" }],
  [
    "a wildcard, two labels below",
    wild,
    "wrong-name",
    'it is not for "a.b.wild.test"',
    { serverName: "a.b.wild.test" },
  ],
  ["for clients only", ofClient, "wrong-usage", "extendedKeyUsage does not allow a server"],
  [
    "a name outside of nameConstraints",
    forbidden,
    "name-constraints",
    'DNS name "localhost" is not permitted by CN=constrained authority',
  ],
  [
    "an authority as the leaf",
    authorityLeaf,
    "nonconforming",
    "an authority's certificate is used by a peer (BR §7.1.2.7.8)",
  ],
  [
    "an issuer that is no authority",
    belowLeaf,
    "not-an-authority",
    "basicConstraints does not say that it is an authority",
    { culprit: good },
  ],
  [
    "revoked by a list",
    good,
    "revoked",
    /^by the list of CN=interop authority of 20\d\d-\S+Z$/,
    { policy: () => ({ revocationLists: bad.revocationList(middle, stapled, good) }) },
  ],
  [
    "an intermediate revoked by a list",
    good,
    "revoked",
    /^by the list of CN=interop root of 20\d\d-\S+Z$/,
    { culprit: middle, policy: () => ({ revocationLists: bad.revocationList(root, middle) }) },
  ],
  ["must-staple, no staple", stapled, "missing-status", NO_STAPLE],
  [
    "must-staple, stapled tryLater",
    stapled,
    "bad-status",
    "OCSP response: responseStatus is tryLater",
    { staple: tryLater },
  ],
  [
    "must-staple, staple of another certificate",
    stapled,
    "bad-status",
    "OCSP response: it is not about the certificate",
    stapling(good, "good"),
  ],
  [
    "must-staple, revoked by its staple",
    stapled,
    "revoked",
    "by its OCSP response",
    stapling(stapled, "revoked"),
  ],
  ["revoked by its staple", good, "revoked", "by its OCSP response", stapling(good, "revoked")],
  [
    "stapling required, no staple",
    good,
    "missing-status",
    NO_STAPLE,
    { policy: () => ({ stapling: "require" }) },
  ],
];

interface Acceptance extends Presentation {
  /** What is above the leaf in the path that must be found. Default: the intermediate and the root. */
  readonly above?: readonly Holder[];
}

type AcceptanceRow = readonly [feature: string, holder: Holder, acceptance?: Acceptance];

const aboveDeep = { above: [lower, middle, root] };
const acceptances: readonly AcceptanceRow[] = [
  ["a path of three", good],
  ["a path of four", deep, aboveDeep],
  ["the root is sent along", bad.presenting(deep, lower, middle, root), aboveDeep],
  ["intermediates in the wrong order", bad.presenting(deep, middle, lower), aboveDeep],
  [
    "in the wrong order, among unrelated certificates",
    bad.presenting(deep, strange, expired, root, middle, selfSigned, lower),
    aboveDeep,
  ],
  [
    "the intermediate comes from our options",
    bad.presenting(good),
    { policy: () => ({ intermediates: middle.pem }) },
  ],
  ["an IPv4 address", good, { serverName: "127.0.0.1" }],
  ["an IPv6 address", sixth, { serverName: "::1" }],
  ["a wildcard", wild, { serverName: "a.wild.test" }],
  ["a name within nameConstraints", allowed, { above: [constrained, root], serverName: "www.allowed.test" }],
  [
    "others are revoked by lists",
    good,
    {
      policy: () => ({
        revocationLists: bad.revocationList(middle, expired, stapled) + bad.revocationList(root, outdated),
      }),
    },
  ],
  ["must-staple, a good staple", stapled, stapling(stapled, "good")],
  ["stapled tryLater", good, { staple: tryLater }],
  [
    "stapling required, a good staple",
    good,
    { ...stapling(good, "good"), policy: () => ({ stapling: "require" }) },
  ],
];

function stapling(holder: Holder, status: Status): Presentation {
  return { staple: () => bad.ocspResponse(holder, status) };
}

/** An OCSP response for {@link Presentation.staple} that says nothing. */
function tryLater(): string {
  const file = join(bad.folder, "try-later.der");
  writeFileSync(file, OCSP_TRY_LATER);
  return file;
}

/** A server that we did not write, and that our client talks to. */
interface ServerKind {
  readonly peer: string;
  readonly missing: string | undefined;
  /** Whether it sends whatever certificates it is told to, and any OCSP response. */
  readonly sendsAnything: boolean;
  readonly meet: (
    scope: Scope,
    version: TlsVersion,
    holder: Holder,
    config: ClientConfig,
    staple?: string,
  ) => Promise<{ readonly client: Driver; readonly peer: Peer }>;
  /** What it prints when it gets our alert. */
  readonly logged: (alert: AlertName, number: number) => RegExp;
  readonly exchange: (client: Driver, peer: Peer) => Promise<void>;
}

/** How each fault is told to the server, with the number from RFC 8446 §B.2. */
const alerts: Partial<Record<CertificateFault, readonly [AlertName, number]>> = {
  expired: ["certificate_expired", 45],
  "not-yet-valid": ["certificate_expired", 45],
  "unknown-issuer": ["unknown_ca", 48],
  "bad-signature": ["bad_certificate", 42],
  "wrong-name": ["bad_certificate", 42],
  "wrong-usage": ["unsupported_certificate", 43],
  "name-constraints": ["bad_certificate", 42],
  nonconforming: ["bad_certificate", 42],
  "not-an-authority": ["bad_certificate", 42],
  revoked: ["certificate_revoked", 44],
  "missing-status": ["bad_certificate_status_response", 113],
  "bad-status": ["bad_certificate_status_response", 113],
};

const shim = gnutlsServerLacks({}) === undefined ? compileLoopback(bad.folder) : "";

const kinds: readonly ServerKind[] = [
  {
    peer: "openssl s_server",
    missing: noOpenssl,
    sendsAnything: true,
    meet: meetOpenssl,
    logged: (alert, number) => new RegExp(` ${alert.replaceAll("_", " ")}:.*SSL alert number ${number}\\b`),
    exchange: exchangeWithServer,
  },
  {
    peer: "gnutls-serv",
    missing: gnutlsServerLacks({}) ?? noOpenssl,
    sendsAnything: false,
    meet: (scope, version, holder, config) => {
      const priority = `--priority=NORMAL:-VERS-ALL:+VERS-${version.replace("v", "")}`;
      // It tells which alert it was only where it tells everything.
      return meetGnutlsServer(scope, shim, holder, [priority, "--debug=5"], config);
    },
    logged: (_alert, number) => new RegExp(`Alert\\[2\\|${number}\\] .* was received`),
    exchange: echoAndClose,
  },
  {
    peer: "Python asyncio",
    missing: noPython ?? noOpenssl,
    sendsAnything: false,
    meet: (scope, version, holder, config) => {
      const theirs = version.replace(".", "_");
      return meetPythonServer(scope, holder, { versions: [theirs, theirs] }, config);
    },
    logged: (alert) => new RegExp(`"end": .*${alert.toUpperCase()}`),
    exchange: echoWithPython,
  },
];

/** Our client, connected to a new s_server that sends exactly what the holder presents. */
async function meetOpenssl(
  scope: Scope,
  version: TlsVersion,
  { leafFile, keyFile, othersFile }: Holder,
  config: ClientConfig,
  staple?: string,
): Promise<{ readonly client: Driver; readonly peer: Peer }> {
  const others = othersFile === undefined ? [] : ["-cert_chain", othersFile];
  const status = staple === undefined ? [] : ["-status_file", staple];
  const only = version === "TLSv1.3" ? "-tls1_3" : "-tls1_2";
  const always = ["s_server", "-accept", "127.0.0.1:0", "-naccept", "1", only];
  const identity = ["-cert", leafFile, "-key", keyFile, ...others, ...status];
  const peer = new Peer(scope, "openssl", [...always, ...identity]);
  const [, port] = await peer.untilPrinted(/^ACCEPT 127\.0\.0\.1:(\d+)/m);
  return { peer, client: await connect(scope, Number(port), config) };
}

function clientFor({ serverName = "localhost", policy }: Presentation): ClientConfig {
  const options: ClientOptions = { serverName, trust: webPki(root.pem, policy?.()) };
  return new ClientConfig(options);
}

for (const { peer: name, missing, sendsAnything, meet, logged, exchange } of kinds) {
  for (const version of ["TLSv1.3", "TLSv1.2"] as const) {
    const about = { peer: name, we: "client", version } as const;
    for (const [feature, holder, fault, fact, refusal = {}] of refusals) {
      const { culprit = holder, staple } = refusal;
      if (staple !== undefined && !sendsAnything) continue;
      row({ ...about, feature: `refused: ${feature}` }, missing, async (scope) => {
        const [alert, number] = alerts[fault] ?? [];
        if (alert === undefined || number === undefined) throw new Error(`no alert is known for ${fault}`);
        const { client, peer } = await meet(scope, version, holder, clientFor(refusal), staple?.());
        const how = await client.untilClosed();
        await peer.untilPrinted(logged(alert, number));
        expectRefusal(how, { peer: "server", alert, fault, culprit, fact, chain: holder.presented });
        expect(client.engine.info).toBeNull();
      });
    }
    for (const [feature, holder, acceptance = {}] of sendsAnything ? acceptances : acceptances.slice(0, 2)) {
      const { above = [middle, root], staple } = acceptance;
      row({ ...about, feature: `accepted: ${feature}` }, missing, async (scope) => {
        const { client, peer } = await meet(scope, version, holder, clientFor(acceptance), staple?.());
        const path = [holder, ...above].map(({ der }) => der);
        expect(await client.untilComplete()).toMatchObject({
          version,
          peer: { kind: "verified", chain: holder.presented, path },
        });
        await exchange(client, peer);
      });
    }
  }
}
