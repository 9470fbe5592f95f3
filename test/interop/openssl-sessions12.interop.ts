import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import {
  type ClientOptions,
  type ConnectionInfo,
  pinned,
  type ServerConfig,
  type ServerOptions,
} from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { connect, type Driver, listen } from "./driver.ts";
import { keyLogLines } from "./key-log.ts";
import {
  exchangeWithClient,
  exchangeWithServer,
  meetClient,
  opensslLacks,
  type OpensslServer,
  opensslSuite12,
  startClient,
  startServer,
  withoutExtendedMainSecret,
} from "./peers/openssl.ts";
import { clientFor, row, serverWith } from "./rows.ts";
import type { Suite12 } from "./rows12.ts";
import type { Scope } from "./waiting.ts";

// Sessions of TLS 1.2, made in one connection and resumed in another.

const authority = await makeAuthority(["ecdsa-p256", "rsa-2048"]);
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const own = authority.client("rsa-2048");
const withoutEms = withoutExtendedMainSecret(authority.folder);

function asClient(name: string, run: (scope: Scope) => Promise<void>): void {
  const about = { peer: "openssl s_server", we: "client", version: "TLSv1.2" } as const;
  row({ ...about, feature: name }, opensslLacks({}), run);
}

function asServer(name: string, run: (scope: Scope) => Promise<void>): void {
  const about = { peer: "openssl s_client", we: "server", version: "TLSv1.2" } as const;
  row({ ...about, feature: name }, opensslLacks({}), run);
}

/** An s_server for two connections, and what makes one to it with the same config each time. */
async function meetTwice(
  scope: Scope,
  args: readonly string[] = [],
  options: Partial<ClientOptions> = {},
  env: Record<string, string> = {},
): Promise<OpensslServer & { readonly again: () => Promise<ConnectionInfo> }> {
  const server = await startServer(scope, authority, certificate, ["-tls1_2", "-naccept", "2", ...args], env);
  const config = clientFor(certificate, options);
  return {
    ...server,
    again: async () => {
      const client = await connect(scope, server.port, config);
      const info = await client.untilComplete();
      await exchangeWithServer(client, server.peer);
      return info;
    },
  };
}

const resumed = { version: "TLSv1.2", resumed: true, group: null, peer: { kind: "verified" } };

for (const [how, args] of [
  ["by ticket", []],
  ["by session id", ["-no_ticket"]],
] as const) {
  asClient(`resumption ${how}`, async (scope) => {
    const file = join(authority.folder, `resumed ${how}.log`);
    const ours: string[] = [];
    const options = { onKeyLog: (line: string) => ours.push(line) };
    const { again, peer } = await meetTwice(scope, [...args, "-keylogfile", file], options);
    expect(await again()).toMatchObject({ resumed: false });
    expect(await again()).toMatchObject({ ...resumed, extendedMainSecret: true });
    await peer.untilPrinted(/Reused session-id/);
    expect(ours).toHaveLength(2);
    expect(ours.sort()).toEqual(keyLogLines(file));
  });

  asClient(`resumption ${how}, no extended main secret`, async (scope) => {
    const { again, peer } = await meetTwice(scope, args, {}, withoutEms);
    expect(await again()).toMatchObject({ resumed: false });
    expect(await again()).toMatchObject({ ...resumed, extendedMainSecret: false });
    await peer.untilPrinted(/Reused session-id/);
  });

  asClient(`resumption ${how}, client certificate`, async (scope) => {
    const verify = ["-CAfile", authority.rootFile, "-verify_return_error", "-Verify", "3"];
    const options = { clientCredential: own.credential };
    const { again, peer } = await meetTwice(scope, [...args, ...verify], options);
    expect(await again()).toMatchObject({ resumed: false });
    expect(await again()).toMatchObject(resumed);
    await peer.untilPrinted(/Reused session-id/);
  });
}

asClient("resumption: they keep no sessions", async (scope) => {
  const { again } = await meetTwice(scope, ["-no_ticket", "-no_cache"]);
  expect(await again()).toMatchObject({ resumed: false });
  expect(await again()).toMatchObject({ resumed: false });
});

asClient("resumption: we keep no sessions", async (scope) => {
  const { again } = await meetTwice(scope, [], { sessionStore: null });
  expect(await again()).toMatchObject({ resumed: false });
  expect(await again()).toMatchObject({ resumed: false });
});

asClient("resumption: the trust policy is asked again", async (scope) => {
  let verdicts = 0;
  const { again } = await meetTwice(scope, [], {
    trust: {
      verify: ({ chain }) => {
        expect(chain).toHaveLength(2);
        verdicts++;
        return { trust: "verified" };
      },
    },
  });
  await again();
  expect(await again()).toMatchObject(resumed);
  expect(verdicts).toBe(2);
});

asClient("resumption with another ALPN protocol", async (scope) => {
  const args = ["-tls1_2", "-naccept", "2", "-alpn", "b,a"];
  const { peer, port } = await startServer(scope, authority, certificate, args);
  const config = clientFor(certificate);
  const store = config.settings.sessionStore;
  for (const alpn of ["a", "b"]) {
    const client = await connect(scope, port, config.with({ alpn: [alpn], sessionStore: store }));
    expect(await client.untilComplete()).toMatchObject({ alpn, resumed: alpn === "b" });
    await exchangeWithServer(client, peer);
  }
});

asClient("resumption: another server that does not know the ticket", async (scope) => {
  const config = clientFor(certificate);
  for (const again of [false, true]) {
    const { port, peer } = await startServer(scope, authority, certificate, ["-tls1_2"]);
    const client = await connect(scope, port, config);
    expect(await client.untilComplete(), String(again)).toMatchObject({ resumed: false });
    await exchangeWithServer(client, peer);
  }
});

const resumedSuites: readonly Suite12[] = [
  "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
  "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
];
for (const suite of resumedSuites) {
  const about = { version: "TLSv1.2", suite, feature: "resumption by ticket" } as const;
  const theirs = ["-cipher", opensslSuite12(suite)];
  const ours = { cipherSuites: [suite] };
  row({ peer: "openssl s_server", we: "client", ...about }, opensslLacks({}), async (scope) => {
    const { again } = await meetTwice(scope, theirs, ours);
    expect(await again()).toMatchObject({ resumed: false, cipherSuite: suite });
    expect(await again()).toMatchObject({ ...resumed, cipherSuite: suite });
  });
  row({ peer: "openssl s_client", we: "server", ...about }, opensslLacks({}), async (scope) => {
    const meet = sessionClient(scope, serverWith(certificate, ours), `suite ${suite}`);
    expect(await meet(theirs)).toMatchObject({ resumed: false, cipherSuite: suite });
    expect(await meet(theirs)).toMatchObject({ resumed: true, cipherSuite: suite, group: null });
  });
}

/** What starts an s_client again and again, each with the session of the one before. */
function sessionClient(
  scope: Scope,
  config: ServerConfig,
  name: string,
): (args?: readonly string[], env?: Record<string, string>, to?: ServerConfig) => Promise<ConnectionInfo> {
  const file = join(authority.folder, `${name}.session`);
  const remembered: string[] = [];
  return async (args = [], env = {}, to = config) => {
    const sessions = ["-tls1_2", "-sess_out", file, ...remembered];
    const meeting = await meetClient(scope, authority, [...sessions, ...args], to, env);
    const info = await meeting.server.untilComplete();
    await meeting.peer.untilPrinted(info.resumed ? /^Reused, /m : /^New, /m);
    await exchangeWithClient(meeting);
    // It writes a session only when there is something to resume it by.
    if (existsSync(file)) remembered.splice(0, Infinity, "-sess_in", file);
    return info;
  };
}

/** A server that must see the client's certificate. */
const strict: Partial<ServerOptions> = {
  clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) },
};
const ownCertificate = ["-cert", own.leafFile, "-key", own.keyFile];

for (const [how, args, options] of [
  ["by ticket", [], {}],
  ["by session id, they take no tickets", ["-no_ticket"], {}],
  ["by session id, we give no tickets", [], { sessionTickets: false }],
] as const) {
  asServer(`resumption ${how}`, async (scope) => {
    const meet = sessionClient(scope, serverWith(certificate, options), `plain ${how}`);
    expect(await meet(args)).toMatchObject({ resumed: false });
    expect(await meet(args)).toMatchObject({ resumed: true, group: null, extendedMainSecret: true });
    expect(await meet(args)).toMatchObject({ resumed: true });
  });

  asServer(`resumption ${how}, no extended main secret`, async (scope) => {
    const meet = sessionClient(scope, serverWith(certificate, options), `classic ${how}`);
    expect(await meet(args, withoutEms)).toMatchObject({ resumed: false });
    expect(await meet(args, withoutEms)).toMatchObject({ resumed: true, extendedMainSecret: false });
  });

  asServer(`resumption ${how}, client certificate`, async (scope) => {
    const config = serverWith(certificate, { ...strict, ...options });
    const meet = sessionClient(scope, config, `client certificate ${how}`);
    const verified = { kind: "verified", chain: [expect.any(Uint8Array)] };
    expect(await meet([...args, ...ownCertificate])).toMatchObject({ resumed: false, peer: verified });
    expect(await meet([...args, ...ownCertificate])).toMatchObject({ resumed: true, peer: verified });
  });

  asServer(`-reconnect: five resumptions ${how}`, async (scope) => {
    const listener = await listen(scope, serverWith(certificate, options));
    const peer = startClient(scope, authority, listener.port, ["-tls1_2", "-reconnect", ...args]);
    const infos: ConnectionInfo[] = [];
    let server: Driver | undefined;
    while (infos.length < 6) {
      server = await listener.accept();
      infos.push(await server.untilComplete());
    }
    expect(infos.map((info) => info.resumed)).toEqual([false, true, true, true, true, true]);
    if (server !== undefined) await exchangeWithClient({ server, peer });
  });
}

asServer("resumption: we keep no sessions", async (scope) => {
  const config = serverWith(certificate, { sessionTickets: false, sessionStore: null });
  const meet = sessionClient(scope, config, "none");
  expect(await meet()).toMatchObject({ resumed: false });
  expect(await meet()).toMatchObject({ resumed: false });
});

asServer("resumption: a ticket of another server", async (scope) => {
  const meet = sessionClient(scope, serverWith(certificate), "elsewhere");
  expect(await meet()).toMatchObject({ resumed: false });
  expect(await meet([], {}, serverWith(certificate))).toMatchObject({ resumed: false });
});

asServer("resumption: for another name", async (scope) => {
  const meet = sessionClient(scope, serverWith(certificate), "name");
  expect(await meet()).toMatchObject({ resumed: false, serverName: "localhost" });
  expect(await meet(["-servername", "second.test"])).toMatchObject({ resumed: false });
});

asServer("resumption: a client certificate is required now", async (scope) => {
  const config = serverWith(certificate, { sessionTickets: false });
  const meet = sessionClient(scope, config, "required now");
  expect(await meet()).toMatchObject({ resumed: false });
  const later = config.with({ ...strict, sessionStore: config.settings.sessionStore });
  const info = await meet(ownCertificate, {}, later);
  expect(info).toMatchObject({ resumed: false, peer: { kind: "verified" } });
});

asServer("resumption: the client certificate is not trusted any more", async (scope) => {
  const config = serverWith(certificate, { ...strict, sessionTickets: false });
  const meet = sessionClient(scope, config, "distrusted");
  expect(await meet(ownCertificate)).toMatchObject({ resumed: false });
  const other = authority.client("ecdsa-p256");
  const later = config.with({
    clientAuth: { mode: "require", trust: pinned([other.spkiSha256]) },
    sessionStore: config.settings.sessionStore,
  });
  const info = await meet(["-cert", other.leafFile, "-key", other.keyFile], {}, later);
  expect(info).toMatchObject({ resumed: false, peer: { kind: "verified" } });
});

asServer("resumption: without extended main secret, and they offer it now", async (scope) => {
  const meet = sessionClient(scope, serverWith(certificate), "offered now");
  expect(await meet([], withoutEms)).toMatchObject({ resumed: false, extendedMainSecret: false });
  expect(await meet()).toMatchObject({ resumed: false, extendedMainSecret: true });
});

asServer("resumption: with extended main secret, and they do not offer it any more", async (scope) => {
  const config = serverWith(certificate);
  await sessionClient(scope, config, "not any more")();
  const file = join(authority.folder, "not any more.session");
  const args = ["-tls1_2", "-sess_in", file];
  const { server, peer } = await meetClient(scope, authority, args, config, withoutEms);
  expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
  await peer.untilPrinted(/alert handshake failure/);
});
