// What the articles do, done with tls-engine, each step checked. `--serve` keeps the servers running instead.
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { ClientConfig, credential, openConnection, pinned, ServerConfig, startServer } from "tls-engine/node";
import { makeAuthority, makeSelfSigned, temporaryFile } from "./certificates.mjs";
import { startConnectProxy } from "./connect-proxy.mjs";
import { curl } from "./curl.mjs";
import { describeMessage } from "./messages.mjs";
import { runPingClient, startPingServer } from "./ping.mjs";

const TIME_LIMIT_MS = 20_000;

const authority = await makeAuthority();
const identity = await authority.issue(["localhost", "127.0.0.1"]);
const authorityFile = temporaryFile("authority.pem", authority.certificatePem);

const server = { credentials: [credentialOf(identity)] };
const client = { serverName: "localhost", trust: pinned([identity.spkiSha256]) };
const log = (line) => console.log(`  ${line}`);

if (process.argv.includes("--serve")) await serve();
else await run();

async function run() {
  const watchdog = setTimeout(() => {
    console.error(`the demo did not end within ${TIME_LIMIT_MS} ms`);
    process.exit(1);
  }, TIME_LIMIT_MS);
  await step("articles 1 and 2: PING, STARTTLS, PING", startTls);
  await step(
    "article 4: the message callback, and a client certificate that nobody vouches for",
    clientCertificate,
  );
  await step("commands behind STARTTLS are refused: by the server", injectionIntoServer);
  await step("answers behind the go-ahead are refused: by the client", injectionIntoClient);
  await step("article 0: CONNECT, and curl verifies the certificate behind it", connectWithCurl);
  console.log("\nall steps passed");
  clearTimeout(watchdog);
}

async function step(title, action) {
  console.log(`\n${title}`);
  try {
    await action();
  } catch (error) {
    console.error(`\nfailed: ${title}\n`, error);
    // A step that fails may leave servers behind.
    process.exit(1);
  }
}

async function startTls() {
  const listener = await startPingServer(new ServerConfig(server));
  const { infoBefore, info, answers, rest, end } = await runPingClient(
    listener.port,
    new ClientConfig(client),
    log,
  );
  assert.equal(infoBefore, null);
  assert.equal(info.version, "TLSv1.3");
  assert.equal(info.peer.kind, "verified");
  assert.deepEqual(answers, ["PONG", "PONG"]);
  assert.equal(rest, null);
  assert.equal(end.kind, "clean");
  await listener.close();
}

async function clientCertificate() {
  const own = await makeSelfSigned("somebody");
  const lines = [];
  const peers = [];
  const tls = new ServerConfig({
    ...server,
    clientAuth: { mode: "request", dangerouslyAcceptAnyCertificate: true },
    onMessage: (message) => {
      const line = describeMessage(message);
      lines.push(line);
      log(`server ${line}`);
    },
  });
  const serveOne = async (connection) => {
    peers.push(connection.info.peer);
    connection.write(`hello ${new X509Certificate(connection.info.peer.chain[0]).subject}\n`);
    await connection.readLine();
  };
  const listener = await startServer(serveOne, { host: "127.0.0.1", port: 0, tls });
  const clientTls = new ClientConfig({ ...client, clientCredential: credentialOf(own) });
  const connection = await openConnection({ host: "127.0.0.1", port: listener.port, tls: clientTls });
  const greeting = await connection.readLine();
  await connection.close();
  await listener.close();
  const [peer] = peers;
  log(`server: ${greeting}; peer.kind ${peer.kind}: ${peer.reason}`);
  assert.equal(greeting, "hello CN=somebody");
  assert.equal(peer.kind, "unverified");
  assert.ok(new X509Certificate(own.certificatePem).raw.equals(peer.chain[0]));
  for (const line of [
    "read HEADER 22 handshake",
    "read handshake 11 certificate",
    "write alert 0 close_notify",
  ])
    assert.ok(lines.includes(line), line);
}

async function injectionIntoServer() {
  const refused = [];
  const listener = await startPingServer(new ServerConfig(server), {
    onHandshakeError: (error) => refused.push(error),
  });
  const attacker = connect(listener.port, "127.0.0.1");
  attacker.end("STARTTLS\nPING\n");
  let answer = "";
  for await (const chunk of attacker) answer += chunk.toString("latin1");
  assert.equal(refused.length, 1);
  assert.equal(refused[0].kind, "plaintext-after-upgrade");
  assert.equal(answer, "");
  log(`${refused[0].name}: ${refused[0].message}`);
  await listener.close();
}

async function injectionIntoClient() {
  const attacker = createServer((socket) => socket.on("error", () => {}).end("220 go\n250 EVIL\n"));
  await once(attacker.listen(0, "127.0.0.1"), "listening");
  const connection = await openConnection({
    host: "127.0.0.1",
    port: attacker.address().port,
    tls: new ClientConfig(client),
    upgradeable: true,
  });
  assert.equal(await connection.readLine(), "220 go");
  await assert.rejects(connection.startTls(), (error) => {
    log(`${error.name}: ${error.message}`);
    return error.kind === "plaintext-after-upgrade";
  });
  await assert.rejects(connection.readLine(), { kind: "plaintext-after-upgrade" });
  attacker.close();
}

async function connectWithCurl() {
  if ((await curl(["--version"])).code === "ENOENT") {
    log("skipped: there is no curl here");
    return;
  }
  const listener = await startConnectProxy(authority);
  const url = "https://dummy.org/any/path";
  const args = ["--proxy", `http://127.0.0.1:${listener.port}`, url];
  const trusting = await curl([...args, "--cacert", authorityFile, "--write-out", " %{http_code}"]);
  log(`curl --proxy … --cacert … ${url} → ${trusting.stdout || trusting.stderr.trim()}`);
  assert.deepEqual({ code: trusting.code, stdout: trusting.stdout }, { code: 0, stdout: "OK 200" });
  const doubting = await curl(args);
  log(`curl --proxy … ${url} → ${doubting.stderr.trim().split("\n")[0]}`);
  assert.equal(doubting.code, 60, "curl must not trust a certificate of an authority that it does not know");
  await listener.close();
}

async function serve() {
  const onMessage = (message) => console.log(`  ${describeMessage(message)}`);
  const onHandshakeError = (error, remote) => console.log(`  ${remote}: ${error.name}: ${error.message}`);
  const onError = (error) => console.log(`  ${error.name}: ${error.message}`);
  const ping = await startPingServer(new ServerConfig({ ...server, onMessage }), {
    onHandshakeError,
    onError,
  });
  const proxy = await startConnectProxy(authority, { onHandshakeError, onError });
  const pin = Buffer.from(identity.spkiSha256).toString("hex");
  console.log(`PING, STARTTLS and QUIT on 127.0.0.1:${ping.port}; an HTTP proxy on 127.0.0.1:${proxy.port}. Try:

  node examples/2-upgradeable-client.mjs ${ping.port} ${pin}
  node examples/3-engine-over-socket.mjs ${ping.port} ${pin}
  curl --proxy http://127.0.0.1:${proxy.port} --cacert ${authorityFile} https://dummy.org/any/path
  curl http://127.0.0.1:${proxy.port}/any/path

Ctrl-C ends it.`);
}

function credentialOf({ certificatePem, keyPem }) {
  return credential({ certificateChain: certificatePem, key: keyPem });
}
