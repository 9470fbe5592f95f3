import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { ServerConfig } from "../../src/index.ts";
import { BadAuthority, type Holder } from "./bad-authority.ts";
import { makeAuthority } from "./ca.ts";
import {
  exchangeWithClient,
  exchangeWithServer,
  meetClient,
  noOpenssl,
  startServer,
} from "./peers/openssl.ts";
import { connect } from "./driver.ts";
import { clientFor, row } from "./rows.ts";

// Which of our credentials a peer gets: for its name, its schemes and its authorities.

const authority = await makeAuthority(["ecdsa-p256"]);
const issuing = new BadAuthority();
afterAll(() => {
  authority.remove();
  issuing.remove();
});

/** A root, and an authority below it, which sign with keys of one kind. */
async function makeIssuers(kind: "ecdsa-p256" | "rsa-2048"): Promise<{ root: Holder; middle: Holder }> {
  const root = await issuing.certify({ kind, commonName: `${kind} root`, use: "authority" });
  const commonName = `${kind} authority`;
  return { root, middle: await issuing.certify({ kind, commonName, use: "authority", issuer: root }) };
}

const elliptic = await makeIssuers("ecdsa-p256");
const rsa = await makeIssuers("rsa-2048");
const strange = await issuing.certify({ commonName: "strange root", use: "authority" });
const everyRoot = join(issuing.folder, "every-root.pem");
writeFileSync(everyRoot, elliptic.root.pem + rsa.root.pem);

/** What credentials are told apart by: the name, the key, and what signs the chain. */
type Label = `${"one" | "two" | "client"} ${"ecdsa" | "rsa"} by ${"ecdsa" | "rsa"}`;

async function makeCredentials(...labels: readonly Label[]): Promise<readonly Holder[]> {
  const holders: Holder[] = [];
  for (const commonName of labels) {
    const [name, key, , issuer] = commonName.split(" ");
    const use = name === "client" ? "client" : "server";
    const names = name === "client" ? [] : [`${name}.test`];
    const kind = key === "rsa" ? "rsa-2048" : "ecdsa-p256";
    const { middle } = issuer === "rsa" ? rsa : elliptic;
    holders.push(await issuing.certify({ commonName, use, names, kind, issuer: middle }));
  }
  return holders;
}

const servers = await makeCredentials(
  "one ecdsa by ecdsa",
  "one ecdsa by rsa",
  "one rsa by ecdsa",
  "one rsa by rsa",
  "two rsa by rsa",
  "two rsa by ecdsa",
  "two ecdsa by rsa",
  "two ecdsa by ecdsa",
);
const clients = await makeCredentials(
  "client ecdsa by ecdsa",
  "client ecdsa by rsa",
  "client rsa by ecdsa",
  "client rsa by rsa",
);

const RSA_ALONE = "RSA-PSS+SHA256:RSA+SHA256";
const ECDSA_ALONE = "ECDSA+SHA256";

interface ServerChoice {
  readonly feature: string;
  /** Null: none is sent. */
  readonly sni: string | null;
  /** Arguments of s_client. */
  readonly args?: readonly string[];
  /** What is chosen; undefined where that version cannot say it. */
  readonly in13?: Label;
  readonly in12?: Label;
}

/** In TLS 1.2, of credentials that fit alike, the suite decides: ours with ECDSA come first. */
const serverChoices: readonly ServerChoice[] = [
  { feature: "no name", sni: null, in13: "one ecdsa by ecdsa", in12: "one ecdsa by ecdsa" },
  { feature: "the first name", sni: "one.test", in13: "one ecdsa by ecdsa", in12: "one ecdsa by ecdsa" },
  { feature: "the second name", sni: "two.test", in13: "two rsa by rsa", in12: "two ecdsa by rsa" },
  { feature: "another name", sni: "three.test", in13: "one ecdsa by ecdsa", in12: "one ecdsa by ecdsa" },
  {
    feature: "RSA alone, the first name",
    sni: "one.test",
    args: ["-sigalgs", RSA_ALONE],
    in13: "one rsa by rsa",
    in12: "one rsa by rsa",
  },
  {
    feature: "RSA alone, another name",
    sni: "three.test",
    args: ["-sigalgs", RSA_ALONE],
    in13: "one rsa by rsa",
    in12: "one rsa by rsa",
  },
  {
    feature: "ECDSA alone, the second name",
    sni: "two.test",
    args: ["-sigalgs", ECDSA_ALONE],
    in13: "two ecdsa by ecdsa",
    in12: "two ecdsa by ecdsa",
  },
  {
    feature: "RSA keys, and ECDSA above them",
    sni: "two.test",
    args: ["-sigalgs", "RSA-PSS+SHA256:ECDSA+SHA256"],
    in13: "two rsa by ecdsa",
    in12: "two ecdsa by ecdsa",
  },
  {
    feature: "an RSA suite",
    sni: "one.test",
    args: ["-cipher", "ECDHE-RSA-AES128-GCM-SHA256"],
    in12: "one rsa by ecdsa",
  },
  {
    feature: "a root",
    sni: "one.test",
    args: ["-requestCAfile", rsa.root.leafFile],
    in13: "one ecdsa by rsa",
  },
  {
    feature: "the authority below a root",
    sni: "one.test",
    args: ["-requestCAfile", rsa.middle.leafFile],
    in13: "one ecdsa by rsa",
  },
  {
    feature: "the other root, the second name",
    sni: "two.test",
    args: ["-requestCAfile", elliptic.root.leafFile],
    in13: "two rsa by ecdsa",
  },
  {
    feature: "both roots",
    sni: "two.test",
    args: ["-requestCAfile", everyRoot],
    in13: "two rsa by rsa",
  },
  {
    feature: "a root that we have nothing of",
    sni: "two.test",
    args: ["-requestCAfile", strange.leafFile],
    in13: "two rsa by rsa",
  },
  {
    feature: "roots before schemes of the chain",
    sni: "one.test",
    args: ["-requestCAfile", rsa.root.leafFile, "-sigalgs", ECDSA_ALONE],
    in13: "one ecdsa by rsa",
  },
];

const config = new ServerConfig({ credentials: servers.map(({ credential }) => credential) });

for (const { feature, sni, args = [], in13, in12 } of serverChoices) {
  for (const [version, chosen] of [["TLSv1.3", in13] as const, ["TLSv1.2", in12] as const]) {
    if (chosen === undefined) continue;
    const about = { peer: "openssl s_client", we: "server", version } as const;
    row({ ...about, feature: `our certificate for: ${feature}` }, noOpenssl, async (scope) => {
      const name = sni === null ? ["-noservername"] : ["-servername", sni];
      const verification = ["-CAfile", everyRoot, "-verify_hostname", `${chosen.slice(0, 3)}.test`];
      const all = [onlyVersion(version), ...name, ...verification, ...args];
      const meeting = await meetClient(scope, authority, all, config);
      expect(await meeting.server.untilComplete()).toMatchObject({ version, serverName: sni });
      await exchangeWithClient(meeting);
      expect(meeting.peer.output).toMatch(new RegExp(`^subject=CN ?= ?${chosen}$`, "m"));
      expect(meeting.peer.output).toContain("Verification: OK");
    });
  }
}

interface ClientChoice {
  readonly feature: string;
  /** Arguments of s_server. */
  readonly args: readonly string[];
  readonly chosen: Label;
}

const clientChoices: readonly ClientChoice[] = [
  { feature: "both roots", args: ["-CAfile", everyRoot], chosen: "client ecdsa by ecdsa" },
  { feature: "the first root", args: ["-CAfile", elliptic.root.leafFile], chosen: "client ecdsa by ecdsa" },
  { feature: "the second root", args: ["-CAfile", rsa.root.leafFile], chosen: "client ecdsa by rsa" },
  {
    feature: "both roots, RSA alone",
    args: ["-CAfile", everyRoot, "-client_sigalgs", RSA_ALONE],
    chosen: "client rsa by rsa",
  },
];

const identity = authority.server("ecdsa-p256");
const clientCredential = clients.map(({ credential }) => credential);

for (const version of ["TLSv1.3", "TLSv1.2"] as const) {
  const about = { peer: "openssl s_server", we: "client", version } as const;
  const request = [onlyVersion(version), "-Verify", "3", "-verify_return_error"];

  for (const { feature, args, chosen } of clientChoices) {
    row({ ...about, feature: `our certificate for: ${feature}` }, noOpenssl, async (scope) => {
      const { peer, port } = await startServer(scope, authority, identity, [...request, ...args]);
      const client = await connect(scope, port, clientFor(identity, { clientCredential }));
      expect((await client.untilComplete()).version).toBe(version);
      await exchangeWithServer(client, peer);
      expect(peer.output).toMatch(new RegExp(`^subject=CN ?= ?${chosen}$`, "m"));
    });
  }

  row(
    { ...about, feature: "our certificate for: a root that we have nothing of" },
    noOpenssl,
    async (scope) => {
      const theirs = [...request, "-CAfile", strange.leafFile];
      const { peer, port } = await startServer(scope, authority, identity, theirs);
      const client = await connect(scope, port, clientFor(identity, { clientCredential }));
      expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "unknown_ca" });
      await peer.untilPrinted(/depth=1 CN ?= ?ecdsa-p256 authority/);
    },
  );
}

function onlyVersion(version: "TLSv1.3" | "TLSv1.2"): string {
  return version === "TLSv1.3" ? "-tls1_3" : "-tls1_2";
}
