// Two server processes with the same ticket keys, and a replay store on Redis: early data that somebody has recorded and sends again and
// again, to both, is taken by one of them, once.
// Usage: node examples/7-replay-store-redis.mjs <port of a Redis server on this machine>
import { fork } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import {
  ClientConfig,
  credential,
  nobleProvider,
  openConnection,
  pinned,
  ServerConfig,
} from "tls-engine/node";
import { startServer, TicketKeys, TlsEngine } from "tls-engine/node";
import { identityFor } from "../demo/certificates.mjs";
import { RedisReplayStore } from "./redis-replay-store.mjs";

const [redisPort] = process.argv.slice(2);
const host = "127.0.0.1";
const provider = nobleProvider();
if (process.send === undefined) await main();
else process.once("message", (message) => void serve(message));

/** A server process: says on which port it listens, and what it has taken when it is asked. */
async function serve({ certificateChain, key, ticketKeys }) {
  const taken = [];
  const replayStore = await new RedisReplayStore(Number(redisPort)).start();
  const { port } = await startServer(async (connection) => connection.write("hello\n"), {
    host,
    port: 0,
    tls: new ServerConfig({
      credentials: [credential({ certificateChain, key })],
      sessionTickets: TicketKeys.import(ticketKeys, { provider }),
      earlyData: { maxBytes: 1000, replayStore },
    }),
    onEarlyData: (data) => taken.push(Buffer.from(data).toString()),
    tlsOptions: { onHookError: ({ message }) => console.log(`The store: ${message}`) },
  });
  process.on("message", () => process.send({ taken }));
  process.on("disconnect", () => process.exit());
  process.send({ port });
}

async function main() {
  const identity = await identityFor(["localhost"]);
  const secrets = {
    certificateChain: identity.certificatePem,
    key: identity.keyPem,
    // To other machines, over a channel that nobody else can read.
    ticketKeys: new TicketKeys({ provider }).export(Date.now()),
  };
  const servers = [1, 2].map(() => fork(import.meta.filename, [redisPort], { serialization: "advanced" }));
  const ask = async (server, message) => {
    server.send(message);
    return (await once(server, "message"))[0];
  };
  const ports = await Promise.all(servers.map(async (server) => (await ask(server, secrets)).port));

  const tls = new ClientConfig({ serverName: "localhost", trust: pinned([identity.spkiSha256]) });
  const first = await openConnection({ host, port: ports[0], tls });
  await first.readLine();
  await first.close();

  // What goes over the network, where anybody can record it; sent to both servers, all at once.
  const flight = TlsEngine.client(tls, { earlyData: Buffer.from("PAY 10") }).takeOutput();
  await Promise.all([...ports, ...ports, ...ports, ...ports].map((port) => answerTo(port, flight)));

  const taken = await Promise.all(servers.map(async (server) => (await ask(server, "?")).taken));
  for (const [index, data] of taken.entries())
    console.log(`Server ${index + 1} of 2 was sent it 4 times, and took ${JSON.stringify(data)}`);
  for (const server of servers) server.disconnect();
}

/** Sends `bytes`, and goes when the server has said something. */
async function answerTo(port, bytes) {
  const socket = connect(port, host).on("error", () => undefined);
  socket.write(bytes);
  await once(socket, "data");
  socket.destroy();
}
