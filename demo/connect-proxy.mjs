// The proxy of article 0: CONNECT is answered with TLS from here, under a certificate for whatever name the client wants.
import { credential, ServerConfig, startServer } from "tls-engine/node";

/**
 * @param {import("./certificates.mjs").Authority} authority
 * @param {Partial<import("tls-engine/node").ListenerOptions>} options
 * @returns {Promise<import("tls-engine/node").Listener>}
 */
export function startConnectProxy(authority, options = {}) {
  const minted = new Map();
  const mint = async (name) => {
    const { certificatePem, keyPem } = await authority.issue([name]);
    return credential({ certificateChain: certificatePem, key: keyPem });
  };
  const tls = new ServerConfig({
    alpn: ["http/1.1"],
    chooseSetup: async ({ serverName }) => {
      if (serverName === null) return { reject: "unrecognized_name" };
      if (!minted.has(serverName)) minted.set(serverName, mint(serverName));
      return { credentials: [await minted.get(serverName)] };
    },
  });
  return startServer(serveHttp, { host: "127.0.0.1", port: 0, tls, upgradeable: true, ...options });
}

async function serveHttp(connection) {
  const isConnect = (await readHead(connection))?.startsWith("CONNECT ");
  if (isConnect) {
    connection.write("HTTP/1.1 200 OK\r\n\r\n");
    await connection.startTls();
    await readHead(connection);
  }
  connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK");
}

async function readHead(connection) {
  const head = await connection.readUntil("\r\n\r\n");
  return head === null ? null : Buffer.from(head).toString("latin1");
}
