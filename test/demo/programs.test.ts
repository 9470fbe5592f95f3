import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, type TestContext } from "vitest";
import { buildPackage, Program } from "./program.ts";
import { missingRedis, RedisServer } from "./redis-server.ts";

const hasCurl = spawnSync("curl", ["--version"]).status === 0;

let build: string;
beforeAll(() => {
  build = buildPackage();
}, 60_000);
afterAll(() => rmSync(build, { recursive: true }));

/** A program that goes on until the test is over. */
function start({ onTestFinished }: TestContext, file: string, ...args: readonly string[]): Program {
  const program = new Program(build, file, args);
  onTestFinished(() => program.stop());
  return program;
}

function run(file: string, ...args: readonly string[]): Promise<string> {
  return new Program(build, file, args).finish();
}

interface CurlResult {
  /** curl's exit status. */
  readonly status: unknown;
  readonly stdout: string;
}

function curl(...args: readonly string[]): Promise<CurlResult> {
  const all = ["-q", "-sS", "--max-time", "10", "--noproxy", "", ...args];
  return new Promise((resolve) => {
    execFile("curl", all, (error, stdout) => resolve({ status: error === null ? 0 : error.code, stdout }));
  });
}

/** What a plain socket gets for `text`, until the server ends. */
async function answerTo(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.end(text);
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

test("npm run demo: every step passes", async () => {
  const output = await run("demo/main.mjs");
  expect(output).toContain("info before: null");
  expect(output).toMatch(/info after: TLSv1\.3 TLS_\w+ \S+, peer verified/);
  expect(output).toContain("server read HEADER 22 handshake\n  server read handshake 1 client_hello");
  expect(output).toContain("peer.kind unverified");
  expect(output).toContain('NotTlsError: plaintext-after-upgrade: the peer sent "PING\\x0a"');
  expect(output).toContain('NotTlsError: plaintext-after-upgrade: the peer sent "250 EVIL"');
  expect(output).toContain(hasCurl ? "→ OK 200" : "skipped: there is no curl here");
  expect(output).toMatch(/all steps passed$/);
});

test("npm run demo: without curl, it says so and passes; with one that misbehaves, it fails", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tls-engine-path-"));
  try {
    const without = new Program(build, "demo/main.mjs", [], { PATH: folder });
    expect(await without.finish()).toMatch(/skipped: there is no curl here\n\nall steps passed$/);
    writeFileSync(join(folder, "curl"), "#!/bin/sh\necho broken\n", { mode: 0o755 });
    const broken = new Program(build, "demo/main.mjs", [], { PATH: folder });
    await expect(broken.finish()).rejects.toThrow("the program has ended with 1");
    expect(broken.output).not.toContain("all steps passed");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("npm run demo -- --serve: the commands that it prints work, and an interrupt ends it", async () => {
  const demo = new Program(build, "demo/main.mjs", ["--serve"]);
  const ping = await demo.argumentsOf("node examples/2-upgradeable-client.mjs");
  const engine = await demo.argumentsOf("node examples/3-engine-over-socket.mjs");
  const proxied = await demo.argumentsOf("curl --proxy");
  const [url = ""] = await demo.argumentsOf("curl http");
  expect(await run("examples/2-upgradeable-client.mjs", ...ping)).toContain("Client disconnected");
  expect(await run("examples/3-engine-over-socket.mjs", ...engine)).toContain("Closed: clean");
  const [, , authorityFile = ""] = proxied;
  expect(existsSync(authorityFile)).toBe(true);
  if (hasCurl) {
    expect(await curl("--proxy", ...proxied)).toMatchObject({ status: 0, stdout: "OK" });
    expect(await curl(`http${url}`)).toMatchObject({ status: 0, stdout: "OK" });
  }
  await demo.stop();
  expect(await demo.finish()).toContain("read handshake 1 client_hello");
  expect(existsSync(authorityFile)).toBe(false);
});

test("examples 1, 2 and 3: two clients upgrade with the server, and injected commands do not get through", async (context) => {
  const server = start(context, "examples/1-upgradeable-server.mjs", "0");
  const [port = "", pin = ""] = await server.argumentsOf("node examples/2-upgradeable-client.mjs");
  expect(await run("examples/2-upgradeable-client.mjs", port, pin)).toBe(
    [
      "The info is null",
      "Received: PONG",
      "The info is TLSv1.3 with a peer that is verified",
      "Received: PONG",
      "Client disconnected",
    ].join("\n"),
  );
  await expect.poll(() => server.output).toContain("Upgraded to TLSv1.3\nRead 'PING'\nRead 'QUIT'");
  expect(await run("examples/3-engine-over-socket.mjs", port, pin)).toMatch(
    /^Received in plaintext: PONG\nTLS: TLS_\w+\nReceived in TLS: PONG\nClosed: clean$/,
  );
  await expect(run("examples/2-upgradeable-client.mjs", port, "00".repeat(32))).rejects.toThrow(
    "certificate_unknown",
  );
  const before = server.output;
  expect(await answerTo(Number(port), "PING\nSTARTTLS\nPING\n")).toBe("PONG\n");
  await expect.poll(() => server.output).toContain("plaintext-after-upgrade");
  expect(server.output.slice(before.length).match(/Read 'PING'/g)).toHaveLength(1);
});

test("example 4: the server greets a client whose certificate nobody vouches for", async () => {
  const output = await run("examples/4-client-certificate.mjs");
  expect(output).toMatch(/^Hello CN=somebody, unverified, ([0-9A-F]{2}:){31}[0-9A-F]{2}$/m);
  expect(output).toContain("read handshake 11 certificate");
});

test.for(["examples/0-connect-proxy.mjs", "examples/5-protocol-wrap.mjs"])(
  "%s answers in plaintext, refuses plaintext behind CONNECT, and upgrades curl, which verifies the certificate",
  async (file, context) => {
    const server = start(context, file, "0");
    const args = await server.argumentsOf("curl --proxy");
    const [proxy = ""] = args;
    const port = Number(new URL(proxy).port);
    expect(await answerTo(port, "GET / HTTP/1.1\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nOK$/s);
    const injected = "CONNECT dummy.org:443 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n";
    expect(await answerTo(port, injected)).toBe("HTTP/1.1 200 OK\r\n\r\n");
    if (!hasCurl) context.skip("there is no curl here; the rest has passed");
    expect(await curl("--proxy", ...args)).toMatchObject({ status: 0, stdout: "OK" });
    expect(await curl("--proxy", proxy, "https://dummy.org")).toMatchObject({ status: 60, stdout: "" });
    expect(await curl("--proxy", proxy, ...args.slice(1, -1), "https://other.org")).toMatchObject({
      status: 60,
    });
  },
);

test("example 6: an authority of its own vouches for a server and a client", async () => {
  const output = await run("examples/6-authority.mjs");
  expect(output).toMatch(/^-----BEGIN CERTIFICATE-----\n/);
  expect(output).toContain("Received: Hello CN=localhost, verified, vouched for by CN=Example Authority");
  expect(output).toContain(
    "Received: Hello CN=alice@example.org, verified, vouched for by CN=Example Authority",
  );
});

test.skipIf(missingRedis !== undefined)(
  `example 7: of two server processes on one Redis, one takes recorded early data, once${missingRedis === undefined ? "" : ` (${missingRedis})`}`,
  async () => {
    const redis = await RedisServer.start();
    try {
      const output = await run("examples/7-replay-store-redis.mjs", String(redis.port));
      expect(output.split("\n")).toEqual([
        expect.stringMatching(/^Server 1 of 2 was sent it 4 times, and took \[("PAY 10")?\]$/),
        expect.stringMatching(/^Server 2 of 2 was sent it 4 times, and took \[("PAY 10")?\]$/),
      ]);
      expect(output.match(/PAY 10/g)).toHaveLength(1);
    } finally {
      await redis.stop();
    }
  },
);
