import { afterAll, expect } from "vitest";
import { pinned, type ServerOptions } from "../../src/index.ts";
import { type Authority, makeAuthority } from "./ca.ts";
import { type Driver, listen } from "./driver.ts";
import { answer, answerConnect, readRequest, serveInside } from "./http.ts";
import { curlLacks, curlOnly, startCurl } from "./peers/curl.ts";
import type { Peer } from "./process.ts";
import { combinations, expectAgreement, patterned, row, serverWith } from "./rows.ts";
import { answerSmtp, answerStartTls } from "./smtp.ts";
import type { Scope } from "./waiting.ts";

const authority: Authority = await makeAuthority();
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const about = { peer: "curl", we: "server" } as const;

/** curl behind a proxy of ours, which has answered CONNECT in plaintext and put TLS on the same connection. */
async function meetThroughConnect(
  scope: Scope,
  theirs: readonly string[] = [],
  ours: Partial<ServerOptions> = {},
  issued = certificate,
): Promise<{ readonly server: Driver; readonly peer: Peer }> {
  const listener = await listen(scope);
  const proxy = `http://127.0.0.1:${listener.port}`;
  const peer = startCurl(scope, authority, "--proxy", proxy, ...theirs, "https://localhost/path");
  const server = await listener.accept();
  expect((await answerConnect(server)).target).toBe("localhost:443");
  server.upgrade(serverWith(issued, ours));
  return { server, peer };
}

async function exchange(
  server: Driver,
  peer: Peer,
  body: Uint8Array | string = "hello curl\n",
): Promise<void> {
  expect(await readRequest(server)).toMatchObject({ method: "GET", target: "/path" });
  answer(server, body);
  expect(await peer.untilExit(), peer.output.slice(0, 1000)).toBe(0);
  expect(peer.stdout.equals(Buffer.from(body))).toBe(true);
  expect((await server.untilClosed()).kind).toBe("clean");
}

for (const combination of combinations()) {
  const { suite, group } = combination;
  const feature = "CONNECT, GET";
  row({ ...about, ...combination, feature }, curlLacks(combination), async (scope) => {
    const ours = { cipherSuites: [suite], groups: [group] };
    const issued = authority.server(combination.certificate);
    const { server, peer } = await meetThroughConnect(scope, curlOnly(combination), ours, issued);
    expectAgreement(await server.untilComplete(), combination);
    await exchange(server, peer);
  });
}

row({ ...about, feature: "CONNECT, ALPN" }, curlLacks({}), async (scope) => {
  const { server, peer } = await meetThroughConnect(scope, ["--http1.1"], { alpn: ["http/1.1"] });
  expect(await server.untilComplete()).toMatchObject({ alpn: "http/1.1", serverName: "localhost" });
  await exchange(server, peer);
});

row({ ...about, feature: "CONNECT, 4 MiB" }, curlLacks({}), async (scope) => {
  const { server, peer } = await meetThroughConnect(scope);
  await exchange(server, peer, patterned(4 * 1024 * 1024));
});

row({ ...about, feature: "CONNECT, client certificate required" }, curlLacks({}), async (scope) => {
  const own = authority.client("rsa-2048");
  const { server, peer } = await meetThroughConnect(scope, ["--cert", own.leafFile, "--key", own.keyFile], {
    clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) },
  });
  expect((await server.untilComplete()).peer.kind).toBe("verified");
  await exchange(server, peer);
});

row(
  { ...about, feature: "CONNECT, client certificate required, none given" },
  curlLacks({}),
  async (scope) => {
    const { spkiSha256 } = authority.client("rsa-2048");
    const ours: Partial<ServerOptions> = { clientAuth: { mode: "require", trust: pinned([spkiSha256]) } };
    const { server, peer } = await meetThroughConnect(scope, [], ours);
    expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "certificate_required" });
    await peer.untilPrinted(/alert certificate required/);
  },
);

row({ ...about, feature: "CONNECT, the name does not match" }, curlLacks({}), async (scope) => {
  const { server, peer } = await meetThroughConnect(scope, [], {}, authority.second);
  await server.untilClosed();
  expect(await peer.untilExit()).toBe(60);
});

row({ ...about, feature: "CONNECT, another authority" }, curlLacks({}), async (scope) => {
  const { server, peer } = await meetThroughConnect(scope, ["--cacert", authority.second.leafFile]);
  expect(await server.untilClosed()).toMatchObject({ kind: "alert", alert: "unknown_ca" });
  expect(await peer.untilExit()).toBe(60);
});

row({ ...about, feature: "CONNECT inside of TLS" }, curlLacks({}), async (scope) => {
  const config = serverWith(certificate);
  const listener = await listen(scope, config);
  const proxy = ["--proxy", `https://localhost:${listener.port}`, "--proxy-cacert", authority.rootFile];
  const peer = startCurl(scope, authority, ...proxy, "https://localhost/path");
  const outer = await listener.accept();
  await answerConnect(outer);
  const inner = serveInside(outer, config);
  await inner.untilComplete();
  await exchange(inner, peer, patterned(2 ** 20));
});

row({ ...about, feature: "https" }, curlLacks({}), async (scope) => {
  const listener = await listen(scope, serverWith(certificate));
  const peer = startCurl(scope, authority, `https://localhost:${listener.port}/path`);
  await exchange(await listener.accept(), peer);
});

row({ ...about, feature: "STARTTLS (SMTP)" }, curlLacks({}), async (scope) => {
  const listener = await listen(scope);
  const url = `smtp://localhost:${listener.port}/curl.test`;
  const peer = startCurl(scope, authority, "--ssl-reqd", "--request", "NOOP", url);
  const server = await listener.accept();
  await answerStartTls(server, serverWith(certificate));
  expect(await answerSmtp(server)).toEqual(["EHLO curl.test", "NOOP", "QUIT"]);
  expect(await peer.untilExit(), peer.output).toBe(0);
});
