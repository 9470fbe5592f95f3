import { createPublicKey } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import {
  type ClientOptions,
  pinned,
  rawPublicKey,
  type ServerOptions,
  type TlsVersion,
} from "../../src/index.ts";
import { type CertificateKind, type Issued, makeAuthority } from "./ca.ts";
import { connect, type Driver, listen } from "./driver.ts";
import {
  compileLoopback,
  echoAndClose,
  exchangeAndClose,
  gnutlsLacks,
  gnutlsServerLacks,
  startGnutlsClient,
  startGnutlsServer,
} from "./peers/gnutls.ts";
import { clientFor, row, serverWith } from "./rows.ts";

const kinds = ["ecdsa-p256", "rsa-2048", "ed25519"] as const satisfies readonly CertificateKind[];
const authority = await makeAuthority(kinds);
afterAll(() => authority.remove());

const shim = gnutlsServerLacks({}) === undefined ? compileLoopback(authority.folder) : "";
const noServer = gnutlsServerLacks({});
const noClient = gnutlsLacks({});
const RAW = ["raw-public-key"] as const;

/** What to show: a certificate, or the key that is in it. */
type Form = "x509" | "raw";

function ownOf({ credential, keyPem }: Issued, form: Form = "raw") {
  return form === "raw" ? rawPublicKey({ key: keyPem }) : credential;
}

let files = 0;

/** Arguments with which both programs have a raw key, besides a certificate if they have one. */
function rawKeyOf({ keyFile, keyPem }: Issued): readonly string[] {
  const publicFile = join(authority.folder, `raw-${files++}.pem`);
  writeFileSync(publicFile, createPublicKey(keyPem).export({ type: "spki", format: "pem" }));
  return [`--rawpkkeyfile=${keyFile}`, `--rawpkfile=${publicFile}`];
}

/** A priority string with these types of certificates of servers and clients, most preferred first. */
function priority(version: TlsVersion, server: readonly Form[], client: readonly Form[]): string {
  const name = { x509: "X509", raw: "RAWPK" };
  const types = [
    ...server.map((form) => `+CTYPE-SRV-${name[form]}`),
    ...client.map((form) => `+CTYPE-CLI-${name[form]}`),
  ];
  const only = `+VERS-TLS${version.slice("TLSv".length)}`;
  return `--priority=${["NORMAL", "-VERS-ALL", only, "-CTYPE-ALL", ...types].join(":")}`;
}

const raw = { kind: "verified", certificateType: "raw-public-key" } as const;

for (const version of ["TLSv1.3", "TLSv1.2"] as const) {
  const asClient = { peer: "gnutls-serv", we: "client", version } as const;
  const asServer = { peer: "gnutls-cli", we: "server", version } as const;
  const rawClient = (issued: Issued, options: Partial<ClientOptions> = {}) =>
    clientFor(issued, { serverCertificateTypes: RAW, ...options });
  const rawServer = (issued: Issued, options: Partial<ServerOptions> = {}) =>
    serverWith(issued, { credentials: [ownOf(issued)], ...options });

  for (const kind of kinds) {
    const issued = authority.server(kind);
    const own = authority.client(kind);
    const feature = "raw public key";

    row({ ...asClient, certificate: kind, feature }, noServer, async (scope) => {
      const theirs = [priority(version, ["raw"], ["x509"]), ...rawKeyOf(issued), "--disable-client-cert"];
      const { port } = await startGnutlsServer(scope, shim, issued, theirs);
      const client = await connect(scope, port, rawClient(issued));
      expect(await client.untilComplete()).toMatchObject({ version, peer: raw });
      expect(() => client.engine.channelBinding("tls-server-end-point")).toThrow(/no channel binding/);
      await echoAndClose(client);
    });

    row({ ...asServer, certificate: kind, feature }, noClient, async (scope) => {
      const listener = await listen(scope, rawServer(issued));
      const theirs = [priority(version, ["raw"], ["x509"]), "--insecure"];
      const peer = startGnutlsClient(scope, authority, listener.port, [...theirs, ...rawKeyOf(own)]);
      const server = await listener.accept();
      expect(await server.untilComplete()).toMatchObject({ version, peer: { kind: "none" } });
      await exchangeAndClose(server, peer);
      expect(peer.output).toMatch(/Certificate type: Raw Public Key/);
    });

    row(
      { ...asClient, certificate: kind, feature: "raw public keys of both sides" },
      noServer,
      async (scope) => {
        const theirs = [priority(version, ["raw"], ["raw"]), ...rawKeyOf(issued), "--require-client-cert"];
        const { port, peer } = await startGnutlsServer(scope, shim, issued, theirs);
        const client = await connect(scope, port, rawClient(issued, { clientCredential: ownOf(own) }));
        expect(await client.untilComplete()).toMatchObject({ version, peer: raw });
        await echoAndClose(client);
        await peer.untilPrinted(/Certificate type: Raw Public Key/);
      },
    );

    row(
      { ...asServer, certificate: kind, feature: "raw public keys of both sides" },
      noClient,
      async (scope) => {
        const clientAuth = {
          mode: "require",
          trust: pinned([own.spkiSha256]),
          certificateTypes: RAW,
        } as const;
        const listener = await listen(scope, rawServer(issued, { clientAuth }));
        const theirs = [priority(version, ["raw"], ["raw"]), "--insecure", ...rawKeyOf(own)];
        const peer = startGnutlsClient(scope, authority, listener.port, theirs);
        const server = await listener.accept();
        expect(await server.untilComplete()).toMatchObject({ version, peer: raw });
        await exchangeAndClose(server, peer);
      },
    );
  }

  const issued = authority.server("ecdsa-p256");
  const own = authority.client("ecdsa-p256");

  for (const [server, client] of [
    ["raw", "x509"],
    ["x509", "raw"],
  ] as const) {
    const feature = `server's ${server}, client's ${client}, where both sides have both`;
    const other = { raw: "x509", x509: "raw" } as const;
    const types = { raw: "raw-public-key", x509: "x509" } as const;
    const [serverForms, clientForms] = [
      [server, other[server]],
      [client, other[client]],
    ] as const;

    row({ ...asClient, feature }, noServer, async (scope) => {
      const theirs = [
        priority(version, serverForms, clientForms),
        ...rawKeyOf(issued),
        "--require-client-cert",
      ];
      const { port } = await startGnutlsServer(scope, shim, issued, theirs);
      const config = clientFor(issued, {
        serverCertificateTypes: serverForms.map((form) => types[form]),
        clientCredential: clientForms.map((form) => ownOf(own, form)),
      });
      const driver = await connect(scope, port, config);
      const peer = { kind: "verified", certificateType: types[server] };
      expect(await driver.untilComplete()).toMatchObject({ version, peer });
      await echoAndClose(driver);
    });

    row({ ...asServer, feature }, noClient, async (scope) => {
      const clientAuth = {
        mode: "require",
        trust: pinned([own.spkiSha256]),
        certificateTypes: ["x509", "raw-public-key"],
      } as const;
      const credentials = [ownOf(issued, "x509"), ownOf(issued, "raw")];
      const listener = await listen(scope, serverWith(issued, { credentials, clientAuth }));
      const theirs = [
        priority(version, serverForms, clientForms),
        "--insecure",
        `--x509certfile=${own.chainFile}`,
        `--x509keyfile=${own.keyFile}`,
        ...rawKeyOf(own),
      ];
      const peer = startGnutlsClient(scope, authority, listener.port, theirs);
      const driver = await listener.accept();
      const identity = { kind: "verified", certificateType: types[client] };
      expect(await driver.untilComplete()).toMatchObject({ version, peer: identity });
      await exchangeAndClose(driver, peer);
      const printed = server === "raw" ? "Raw Public Key" : "X.509";
      expect(peer.output).toContain(`- Certificate type: ${printed}`);
    });
  }

  row({ ...asClient, feature: "resumption, raw public keys of both sides" }, noServer, async (scope) => {
    const theirs = [priority(version, ["raw"], ["raw"]), ...rawKeyOf(issued), "--require-client-cert"];
    const { port } = await startGnutlsServer(scope, shim, issued, theirs);
    const config = rawClient(issued, { clientCredential: ownOf(own) });
    for (const resumed of [false, true]) {
      const client = await connect(scope, port, config);
      expect(await client.untilComplete()).toMatchObject({ resumed, peer: raw });
      await echoAndClose(client);
    }
  });

  row({ ...asServer, feature: "resumption, raw public keys of both sides" }, noClient, async (scope) => {
    const clientAuth = { mode: "require", trust: pinned([own.spkiSha256]), certificateTypes: RAW } as const;
    const listener = await listen(scope, rawServer(issued, { clientAuth }));
    const theirs = [priority(version, ["raw"], ["raw"]), "--insecure", "--resume", ...rawKeyOf(own)];
    // It waits for a ticket before it goes away.
    const peer = startGnutlsClient(scope, authority, listener.port, [...theirs, "--waitresumption"]);
    const first = await listener.accept();
    expect(await first.untilComplete()).toMatchObject({ resumed: false, peer: raw });
    await first.untilClosed();
    await first.close();
    const server: Driver = await listener.accept();
    expect(await server.untilComplete()).toMatchObject({ resumed: true, peer: raw });
    await exchangeAndClose(server, peer);
  });

  row({ ...asClient, feature: "raw public keys alone, which they have none of" }, noServer, async (scope) => {
    const { port } = await startGnutlsServer(scope, shim, issued, [priority(version, ["x509"], ["x509"])]);
    const client = await connect(scope, port, rawClient(issued));
    expect(await client.untilClosed()).toMatchObject({ kind: "alert", alert: "unsupported_certificate" });
  });

  row({ ...asServer, feature: "raw public keys alone, which we have none of" }, noClient, async (scope) => {
    const listener = await listen(scope, serverWith(issued));
    const theirs = [priority(version, ["raw"], ["x509"]), "--insecure", ...rawKeyOf(own)];
    const peer = startGnutlsClient(scope, authority, listener.port, theirs);
    const server = await listener.accept();
    expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "unsupported_certificate" });
    await peer.untilPrinted(/Received alert \[43\]/);
  });

  row({ ...asServer, feature: "raw public keys alone, which they do not take" }, noClient, async (scope) => {
    const listener = await listen(scope, rawServer(issued));
    const theirs = [priority(version, ["x509"], ["x509"])];
    const peer = startGnutlsClient(scope, authority, listener.port, theirs);
    const server = await listener.accept();
    expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "unsupported_certificate" });
    await peer.untilPrinted(/Received alert \[43\]/);
  });
}
