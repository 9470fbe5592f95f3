// The server of articles 1 and 2: it starts in plaintext, and STARTTLS upgrades the connection in place.
// Usage: node examples/1-upgradeable-server.mjs [port] [certificate.pem key.pem]
import { credential, ServerConfig, startServer } from "tls-engine/node";
import { identityFor } from "../demo/certificates.mjs";

const [port = "10001", ...files] = process.argv.slice(2);
const { certificatePem, keyPem, spkiSha256 } = await identityFor(["localhost"], ...files);
const tls = new ServerConfig({
  credentials: [credential({ certificateChain: certificatePem, key: keyPem })],
});

async function serve(connection) {
  console.log("Client connected");
  for (;;) {
    const request = await connection.readLine();
    console.log(`Read '${request}'`);
    if (request === null || request === "QUIT") break;
    if (request === "PING") connection.write("PONG\n");
    if (request === "STARTTLS") {
      const info = await connection.startTls();
      console.log(`Upgraded to ${info.version}`);
    }
  }
  console.log("Closing client");
}

const listener = await startServer(serve, {
  host: "127.0.0.1",
  port: Number(port),
  tls,
  upgradeable: true,
  onHandshakeError: (error, remote) => console.log(remote, String(error)),
});
const pin = Buffer.from(spkiSha256).toString("hex");
console.log(`node examples/2-upgradeable-client.mjs ${listener.port} ${pin}`);
