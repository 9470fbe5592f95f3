// A server of the soak, in a process of its own: echoes lines. It is told by messages what to do, and answers each.
import { credential, nobleProvider, ServerConfig, startServer, TicketKeys } from "../../dist/node.js";
import { fastClock } from "./clock.mjs";
import { footprint } from "./footprint.mjs";

const counts = { full: 0, resumed: 0, failures: [] };
let listener;

async function start({
  epoch,
  aheadMs,
  certificate,
  rotation,
  imported,
  ticketLifetimeSeconds,
  suite,
  group,
}) {
  const now = fastClock(epoch, aheadMs);
  const provider = nobleProvider();
  const keys =
    imported === undefined
      ? new TicketKeys({ provider, ...rotation })
      : TicketKeys.import(imported, { provider });
  const tls = new ServerConfig({
    provider,
    now,
    credentials: [credential({ certificateChain: certificate.certificatePem, key: certificate.keyPem })],
    cipherSuites: [suite],
    groups: [group],
    sessionTickets: keys,
    ticketLifetimeSeconds,
  });
  const fail = (error) => counts.failures.push(String(error));
  const serve = async (connection) => {
    counts[connection.info.resumed ? "resumed" : "full"]++;
    for (let line = await connection.readLine(); line !== null; line = await connection.readLine())
      connection.write(`${line}\n`);
  };
  listener = await startServer(serve, {
    host: "127.0.0.1",
    port: 0,
    tls,
    onHandshakeError: fail,
    onError: fail,
  });
  return { port: listener.port, exported: keys.export(now()) };
}

const actions = { start, measure: footprint, count: () => counts };

async function obey({ id, action, options }) {
  process.send({ id, result: await actions[action](options) });
}

process.on("message", (message) => void obey(message));
process.on("disconnect", () => process.exit());
