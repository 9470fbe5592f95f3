// The protocol of articles 1 and 2: PING is answered with PONG, STARTTLS starts TLS, QUIT ends.
import { openConnection, startServer } from "tls-engine/node";

/**
 * @param {import("tls-engine").ServerConfig} tls
 * @param {Partial<import("tls-engine/node").ListenerOptions>} options
 * @returns {Promise<import("tls-engine/node").Listener>}
 */
export function startPingServer(tls, options = {}) {
  return startServer(servePings, { host: "127.0.0.1", port: 0, tls, upgradeable: true, ...options });
}

async function servePings(connection) {
  for (let line = await connection.readLine(); line !== null; line = await connection.readLine()) {
    if (line === "QUIT") return;
    if (line === "PING") connection.write("PONG\n");
    else if (line === "STARTTLS") await connection.startTls();
    else connection.write("unknown command\n");
  }
}

/**
 * The client of articles 1 and 2.
 *
 * @param {number} port
 * @param {import("tls-engine").ClientConfig} tls
 * @param {(line: string) => void} log
 */
export async function runPingClient(port, tls, log) {
  const connection = await openConnection({ host: "127.0.0.1", port, tls, upgradeable: true });
  const ask = async (command) => {
    connection.write(`${command}\n`);
    const answer = await connection.readLine();
    log(`${command} → ${answer}`);
    return answer;
  };
  const infoBefore = connection.info;
  log(`info before: ${JSON.stringify(infoBefore)}`);
  const answers = [await ask("PING")];
  connection.write("STARTTLS\n");
  log("STARTTLS");
  await connection.startTls();
  const { info } = connection;
  log(`info after: ${info.version} ${info.cipherSuite} ${info.group}, peer ${info.peer.kind}`);
  answers.push(await ask("PING"));
  connection.write("QUIT\n");
  log("QUIT");
  const rest = await connection.read();
  await connection.close();
  const end = await connection.closed;
  log(`closed: ${end.kind}`);
  return { infoBefore, info, answers, rest, end };
}
