import { afterAll, expect } from "vitest";
import { pinned, type ServerOptions } from "../../src/index.ts";
import { makeAuthority } from "./ca.ts";
import { type Driver, listen } from "./driver.ts";
import { answer, answerConnect, readRequest, serveInside } from "./http.ts";
import { curlLacks, curlOnly12, curlTls12, startCurl } from "./peers/curl.ts";
import type { Peer } from "./process.ts";
import { patterned, row, serverWith } from "./rows.ts";
import { AgreedExtensions, combinations12, expectAgreement12, featureOf, only12 } from "./rows12.ts";
import { answerSmtp, answerStartTls } from "./smtp.ts";
import type { Scope } from "./waiting.ts";

const authority = await makeAuthority();
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");
const about = { peer: "curl", we: "server", version: "TLSv1.2" } as const;

/** A curl that goes through a proxy of ours, which has answered CONNECT in plaintext and put TLS on the same connection. */
async function meetThroughConnect(
  scope: Scope,
  theirs: readonly string[] = [],
  ours: Partial<ServerOptions> = {},
  issued = certificate,
): Promise<{ readonly server: Driver; readonly peer: Peer }> {
  const listener = await listen(scope);
  const proxy = `http://127.0.0.1:${listener.port}`;
  const args = [...curlTls12, "--proxy", proxy, ...theirs, "https://localhost/path"];
  const peer = startCurl(scope, authority, ...args);
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

// curl has no option against encrypt-then-MAC.
for (const combination of combinations12([true])) {
  const { suite, group, certificate: kind, encryptThenMac } = combination;
  const feature = featureOf(combination).replace("data both ways", "CONNECT, GET");
  const place = { suite, group, certificate: kind, feature };
  row({ ...about, ...place }, curlLacks({}), async (scope) => {
    const agreed = new AgreedExtensions();
    const ours = { ...only12(combination), onMessage: agreed.onMessage };
    const theirs = curlOnly12(combination);
    const { server, peer } = await meetThroughConnect(scope, theirs, ours, authority.server(kind));
    expectAgreement12(await server.untilComplete(), combination);
    agreed.expectEncryptThenMac(encryptThenMac);
    await exchange(server, peer);
  });
}

row({ ...about, feature: "CONNECT, ALPN" }, curlLacks({}), async (scope) => {
  const { server, peer } = await meetThroughConnect(scope, ["--http1.1"], { alpn: ["http/1.1"] });
  expect(await server.untilComplete()).toMatchObject({
    version: "TLSv1.2",
    alpn: "http/1.1",
    serverName: "localhost",
    extendedMainSecret: true,
  });
  await exchange(server, peer);
});

row({ ...about, feature: "CONNECT, 1 MiB" }, curlLacks({}), async (scope) => {
  const { server, peer } = await meetThroughConnect(scope);
  await exchange(server, peer, patterned(2 ** 20));
});

for (const kind of ["rsa-2048", "ecdsa-p256"] as const) {
  const own = authority.client(kind);
  const feature = `CONNECT, client certificate required, ${kind}`;
  row({ ...about, feature }, curlLacks({}), async (scope) => {
    const theirs = ["--cert", own.leafFile, "--key", own.keyFile];
    const { server, peer } = await meetThroughConnect(scope, theirs, {
      clientAuth: { mode: "require", trust: pinned([own.spkiSha256]) },
    });
    expect((await server.untilComplete()).peer.kind).toBe("verified");
    await exchange(server, peer);
  });
}

for (const mode of ["request", "require"] as const) {
  row(
    { ...about, feature: `CONNECT, client certificate: ${mode}, none given` },
    curlLacks({}),
    async (scope) => {
      const { spkiSha256 } = authority.client("rsa-2048");
      const ours: Partial<ServerOptions> = { clientAuth: { mode, trust: pinned([spkiSha256]) } };
      const { server, peer } = await meetThroughConnect(scope, [], ours);
      if (mode === "request") {
        await exchange(server, peer);
        return;
      }
      expect(await server.untilClosed()).toMatchObject({ kind: "error", alertSent: "handshake_failure" });
      await peer.untilPrinted(/alert handshake failure/);
    },
  );
}

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
  const config = serverWith(certificate, { versions: ["TLSv1.2"] });
  const listener = await listen(scope, config);
  const proxy = ["--proxy", `https://localhost:${listener.port}`, "--proxy-cacert", authority.rootFile];
  const peer = startCurl(scope, authority, "--tlsv1.2", ...proxy, "https://localhost/path");
  const outer = await listener.accept();
  await answerConnect(outer);
  const inner = serveInside(outer, config);
  expect((await inner.untilComplete()).version).toBe("TLSv1.2");
  expect(outer.info.version).toBe("TLSv1.2");
  await exchange(inner, peer, patterned(2 ** 18));
});

for (const [how, sessionTickets] of [
  ["by ticket", true],
  ["by session id", false],
] as const) {
  row({ ...about, feature: `https, resumption ${how}` }, curlLacks({}), async (scope) => {
    const listener = await listen(scope, serverWith(certificate, { sessionTickets }));
    const url = `https://localhost:${listener.port}/path`;
    const peer = startCurl(scope, authority, ...curlTls12, url, url);
    for (const resumed of [false, true]) {
      const server = await listener.accept();
      expect(await server.untilComplete()).toMatchObject({ version: "TLSv1.2", resumed });
      await readRequest(server);
      answer(server, "once\n");
      expect((await server.untilClosed()).kind).toBe("clean");
    }
    expect(await peer.untilExit(), peer.output).toBe(0);
    expect(peer.stdout.toString()).toBe("once\nonce\n");
  });
}

row({ ...about, feature: "STARTTLS (SMTP)" }, curlLacks({}), async (scope) => {
  const listener = await listen(scope);
  const url = `smtp://localhost:${listener.port}/curl.test`;
  const peer = startCurl(scope, authority, ...curlTls12, "--ssl-reqd", "--request", "NOOP", url);
  const server = await listener.accept();
  await answerStartTls(server, serverWith(certificate));
  expect(await answerSmtp(server)).toEqual(["EHLO curl.test", "NOOP", "QUIT"]);
  expect(server.info.version).toBe("TLSv1.2");
  expect(await peer.untilExit(), peer.output).toBe(0);
});

row(
  { ...about, version: "any", feature: "they have TLSv1.2 and TLSv1.3, we have TLSv1.2" },
  curlLacks({}),
  async (scope) => {
    const listener = await listen(scope, serverWith(certificate, { versions: ["TLSv1.2"] }));
    const peer = startCurl(scope, authority, "--tlsv1.2", `https://localhost:${listener.port}/path`);
    const server = await listener.accept();
    expect((await server.untilComplete()).version).toBe("TLSv1.2");
    await exchange(server, peer);
  },
);

for (const [theirs, args, own] of [
  ["TLSv1.2", curlTls12, "TLSv1.3"],
  ["TLSv1.3", ["--tlsv1.3"], "TLSv1.2"],
] as const) {
  const feature = `they have ${theirs}, we have ${own}`;
  row({ ...about, version: "any", feature }, curlLacks({}), async (scope) => {
    const listener = await listen(scope, serverWith(certificate, { versions: [own] }));
    const peer = startCurl(scope, authority, ...args, `https://localhost:${listener.port}/path`);
    const server = await listener.accept();
    expect(await server.untilClosed()).toMatchObject({
      alertSent: "protocol_version",
      error: { message: expect.stringContaining(`the client offers version ${theirs},`) },
    });
    await peer.untilPrinted(/alert protocol version/);
    expect(await peer.untilExit()).toBe(35);
  });
}
