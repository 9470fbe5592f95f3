// The proxy of article 0: it answers CONNECT with TLS of its own, and requests without it in plaintext.
// Usage: node examples/0-connect-proxy.mjs [port] [certificate.pem key.pem]
import { credential, ServerConfig, startServer } from "tls-engine/node";
import { identityFor } from "../demo/certificates.mjs";

const [port = "8082", ...files] = process.argv.slice(2);
const { certificatePem, keyPem, certificateFile } = await identityFor(["dummy.org"], ...files);
const tls = new ServerConfig({
  credentials: [credential({ certificateChain: certificatePem, key: keyPem })],
  alpn: ["http/1.1"],
});

const listener = await startServer(serve, { host: "127.0.0.1", port: Number(port), tls, upgradeable: true });
console.log(`curl --proxy http://127.0.0.1:${listener.port} --cacert ${certificateFile} https://dummy.org`);

async function serve(connection) {
  const head = await readHead(connection);
  if (head.startsWith("CONNECT ")) {
    connection.write("HTTP/1.1 200 OK\r\n\r\n");
    // A ClientHello that came behind the request is not lost, and plaintext there is refused.
    const info = await connection.startTls();
    console.log(`${info.version} for ${info.serverName}`);
    await readHead(connection);
  }
  connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK");
}

async function readHead(connection) {
  return Buffer.from((await connection.readUntil("\r\n\r\n")) ?? "").toString("latin1");
}
