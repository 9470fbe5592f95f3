// The client of articles 1 and 2: PING in plaintext, STARTTLS, PING in TLS, QUIT.
// Usage: node examples/2-upgradeable-client.mjs <port> <SHA-256 of the server's key, in hexadecimal>
import { ClientConfig, openConnection, pinned } from "tls-engine/node";

const [port, pin = ""] = process.argv.slice(2);
const tls = new ClientConfig({ serverName: "localhost", trust: pinned([Buffer.from(pin, "hex")]) });

const connection = await openConnection({ host: "127.0.0.1", port: Number(port), tls, upgradeable: true });
console.log("The info is", connection.info);

connection.write("PING\n");
console.log(`Received: ${await connection.readLine()}`);

connection.write("STARTTLS\n");
await connection.startTls();
console.log(`The info is ${connection.info.version} with a peer that is ${connection.info.peer.kind}`);

connection.write("PING\n");
console.log(`Received: ${await connection.readLine()}`);

connection.write("QUIT\n");
await connection.close();
console.log("Client disconnected");
