import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, expect } from "vitest";
import {
  type AlertName,
  CertificateError,
  type CertificateFault,
  type ClientAuth,
  type ClientTrust,
  pinned,
  type ServerConfig,
  type TlsVersion,
  tofu,
  type TofuStore,
  webPki,
} from "../../src/index.ts";
import { BadAuthority, expectRefusal, type Holder, timeText } from "./bad-authority.ts";
import { makeAuthority } from "./ca.ts";
import { type Driver, listen } from "./driver.ts";
import { answer, readRequest } from "./http.ts";
import { curlLacks, curlTls12, startCurl } from "./peers/curl.ts";
import { exchangeWithNode, meetNodeClient } from "./peers/node.ts";
import { exchangeWithClient, meetClient, noOpenssl } from "./peers/openssl.ts";
import { answerPython, meetPythonClient, noPython } from "./peers/python.ts";
import { row, serverWith } from "./rows.ts";
import type { Scope } from "./waiting.ts";

// Clients with certificates that our server must refuse, take, or leave to the application.

const authority = await makeAuthority(["ecdsa-p256"]);
const bad = new BadAuthority();
afterAll(() => {
  authority.remove();
  bad.remove();
});

const root = await bad.certify({ commonName: "client root", use: "authority" });
const middle = await bad.certify({ commonName: "client authority", use: "authority", issuer: root });
const strange = await bad.certify({ commonName: "strange root", use: "authority" });
const client = { use: "client", issuer: middle } as const;
const good = await bad.certify({ ...client, commonName: "good client" });
const expired = await bad.certify({ ...client, commonName: "expired client", days: [-9, -2] });
const ofServer = await bad.certify({ ...client, commonName: "of a server", use: "server" });
const unknown = await bad.certify({ ...client, commonName: "of strangers", issuer: strange });
const selfSigned = await bad.certify({ use: "client", commonName: "self-signed client" });
const namesake = await bad.certify({ use: "client", commonName: "self-signed client" });

/** A client that we did not write, and that talks to our server. */
interface ClientKind {
  readonly peer: string;
  readonly missing: string | undefined;
  readonly meet: (
    scope: Scope,
    version: TlsVersion,
    holder: Holder,
    config: ServerConfig,
  ) => Promise<ClientMeeting>;
}

interface ClientMeeting {
  readonly server: Driver;
  /** Data both ways, and a clean end. */
  readonly exchange: () => Promise<void>;
  /** Waits until what the client prints matches. */
  readonly untilPrinted: (pattern: RegExp) => Promise<unknown>;
}

const kinds: readonly ClientKind[] = [
  {
    peer: "openssl s_client",
    missing: noOpenssl,
    meet: async (scope, version, { leafFile, keyFile, othersFile }, config) => {
      const others = othersFile === undefined ? [] : ["-cert_chain", othersFile];
      const only = version === "TLSv1.3" ? "-tls1_3" : "-tls1_2";
      const args = [only, "-cert", leafFile, "-key", keyFile, ...others];
      const meeting = await meetClient(scope, authority, args, config);
      const { server, peer } = meeting;
      return {
        server,
        exchange: () => exchangeWithClient(meeting),
        untilPrinted: (pattern) => peer.untilPrinted(pattern),
      };
    },
  },
  {
    peer: "curl",
    missing: curlLacks({}),
    meet: async (scope, version, { chainFile, keyFile }, config) => {
      const listener = await listen(scope, config);
      const identity = ["--cert", chainFile, "--key", keyFile];
      // Its error for certificate_expired is that of an expired certificate of ours; what it gets it tells on the way.
      const args = ["--verbose", ...identity, ...(version === "TLSv1.2" ? curlTls12 : [])];
      const peer = startCurl(scope, authority, ...args, `https://localhost:${listener.port}/path`);
      const server = await listener.accept();
      const exchange = async (): Promise<void> => {
        expect(await readRequest(server)).toMatchObject({ method: "GET", target: "/path" });
        answer(server, "hello curl\n");
        expect(await peer.untilExit(), peer.output).toBe(0);
        expect(peer.stdout.toString("latin1")).toBe("hello curl\n");
      };
      return { server, exchange, untilPrinted: (pattern) => peer.untilPrinted(pattern) };
    },
  },
  {
    peer: "Python asyncio",
    missing: noPython,
    meet: async (scope, version, { chainFile, keyFile }, config) => {
      const only = version.replace(".", "_");
      const theirs = { versions: [only, only], certificate: chainFile, key: keyFile } as const;
      const { server, peer } = await meetPythonClient(scope, authority, theirs, config);
      return {
        server,
        exchange: () => answerPython(server, peer),
        untilPrinted: (pattern) => peer.untilPrinted(pattern),
      };
    },
  },
  {
    peer: "node:tls",
    missing: undefined,
    meet: async (scope, version, { chainPem, keyPem }, config) => {
      const theirs = { cert: chainPem, key: keyPem, minVersion: version, maxVersion: version };
      const { server, peer } = await meetNodeClient(scope, "socket", authority, config, theirs);
      return {
        server,
        exchange: () => exchangeWithNode(server, peer),
        untilPrinted: async (pattern) => expect((await peer.untilOver())?.message).toMatch(pattern),
      };
    },
  },
];

/** Leaves those without a known issuer to the application, and nobody else. */
const lenient: ClientTrust = {
  async verify(peer) {
    const verdict = await webPki(root.pem).verify(peer);
    if (verdict.trust === "verified" || !(verdict.cause instanceof CertificateError)) return verdict;
    return verdict.cause.fault === "unknown-issuer"
      ? { trust: "unverified", reason: verdict.reason }
      : verdict;
  },
};

interface Refusal {
  readonly holder: Holder;
  readonly fault: CertificateFault;
  readonly alert: AlertName;
  /** What the error's message ends with. */
  readonly fact: string;
}

const refusals = {
  "self-signed": {
    holder: selfSigned,
    fault: "unknown-issuer",
    alert: "unknown_ca",
    fact: "it is self-signed, and no anchor",
  },
  expired: {
    holder: expired,
    fault: "expired",
    alert: "certificate_expired",
    fact: `notAfter ${timeText(expired.certificate.notAfter)}`,
  },
  "for servers only": {
    holder: ofServer,
    fault: "wrong-usage",
    alert: "unsupported_certificate",
    fact: "extendedKeyUsage does not allow a client",
  },
  "an unknown authority": {
    holder: unknown,
    fault: "unknown-issuer",
    alert: "unknown_ca",
    fact: "its issuer CN=strange root is not known",
  },
  "a missing intermediate": {
    holder: bad.presenting(good),
    fault: "unknown-issuer",
    alert: "unknown_ca",
    fact: "its issuer CN=client authority is not known",
  },
} as const satisfies Record<string, Refusal>;

for (const { peer, missing, meet } of kinds) {
  for (const version of ["TLSv1.3", "TLSv1.2"] as const) {
    const feature = (
      title: string,
      clientAuth: () => ClientAuth,
      run: (meetWith: (holder: Holder) => Promise<ClientMeeting>) => Promise<void>,
    ): void => {
      row({ peer, we: "server", version, feature: title }, missing, async (scope) => {
        const config = serverWith(authority.server("ecdsa-p256"), { clientAuth: clientAuth() });
        await run((holder) => meet(scope, version, holder, config));
      });
    };
    const requested = (): ClientAuth => ({ mode: "request", trust: lenient });
    const required = (): ClientAuth => ({ mode: "require", trust: webPki(root.pem) });

    feature("requested, self-signed is left unverified", requested, async (meetWith) => {
      const { server, exchange } = await meetWith(selfSigned);
      const reason = "unknown-issuer: CN=self-signed client, it is self-signed, and no anchor";
      const chain = [certificateIn(selfSigned.leafFile)];
      expect((await server.untilComplete()).peer).toEqual({
        kind: "unverified",
        certificateType: "x509",
        chain,
        reason,
      });
      await exchange();
      expect(server.info.version).toBe(version);
    });

    feature("requested, unverified with its issuer", requested, async (meetWith) => {
      const { server, exchange } = await meetWith(bad.presenting(unknown, strange));
      const chain = [certificateIn(unknown.leafFile), certificateIn(strange.leafFile)];
      expect((await server.untilComplete()).peer).toMatchObject({ kind: "unverified", chain });
      await exchange();
    });

    feature("requested, expired is refused", requested, async (meetWith) => {
      await expectRefused(await meetWith(expired), refusals.expired);
    });

    feature("required, a good one is verified", required, async (meetWith) => {
      const { server, exchange } = await meetWith(good);
      const path = [good, middle, root].map(({ leafFile }) => certificateIn(leafFile));
      const chain = path.slice(0, 2);
      expect((await server.untilComplete()).peer).toEqual({
        kind: "verified",
        certificateType: "x509",
        chain,
        path,
      });
      await exchange();
    });

    for (const [what, refusal] of Object.entries(refusals)) {
      feature(`required, refused: ${what}`, required, async (meetWith) => {
        await expectRefused(await meetWith(refusal.holder), refusal);
      });
    }

    const pin = (): ClientAuth => ({ mode: "require", trust: pinned([selfSigned.spkiSha256]) });
    feature("pinned: one key and no other", pin, async (meetWith) => {
      const { server, exchange } = await meetWith(selfSigned);
      const chain = [certificateIn(selfSigned.leafFile)];
      expect((await server.untilComplete()).peer).toEqual({
        kind: "verified",
        certificateType: "x509",
        chain,
        path: null,
      });
      await exchange();
      const second = await meetWith(namesake);
      expect(await second.server.untilClosed()).toMatchObject({ alertSent: "certificate_unknown" });
      await second.untilPrinted(alertPattern("certificate_unknown"));
    });

    const firstUse = (): ClientAuth => ({ mode: "require", trust: tofu(new FirstKeys()) });
    feature("trust on first use: the same key again, and no other", firstUse, async (meetWith) => {
      for (let contact = 1; contact <= 2; contact++) {
        const { server, exchange } = await meetWith(selfSigned);
        expect((await server.untilComplete()).peer).toMatchObject({ kind: "verified" });
        await exchange();
      }
      await expectRefused(await meetWith(namesake), {
        holder: namesake,
        fault: "unknown-key",
        alert: "certificate_unknown",
        fact: `the key of "CN=self-signed client" has changed (SHA-256 ${hexOf(namesake.spkiSha256)})`,
      });
    });
  }
}

/** Checks what our error says, and that the client has heard of it. */
async function expectRefused({ server, untilPrinted }: ClientMeeting, refusal: Refusal): Promise<void> {
  const { holder } = refusal;
  const how = await server.untilClosed();
  await untilPrinted(alertPattern(refusal.alert));
  expectRefusal(how, { ...refusal, peer: "client", culprit: holder, chain: holder.presented });
  expect(server.engine.info).toBeNull();
}

/** curl has a comma in it, and writes CA in capitals. */
function alertPattern(alert: AlertName): RegExp {
  return new RegExp(`alert,? ${alert.replaceAll("_", " ")}`, "i");
}

/** The certificate in a PEM file as Node reads it, DER. */
function certificateIn(file: string): Uint8Array {
  return new Uint8Array(new X509Certificate(readFileSync(file)).raw);
}

/** Keys by name, in memory. */
class FirstKeys implements TofuStore {
  readonly #keys = new Map<string, Uint8Array>();

  get(name: string): Uint8Array | null {
    return this.#keys.get(name) ?? null;
  }

  put(name: string, spkiSha256: Uint8Array): void {
    this.#keys.set(name, spkiSha256);
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
