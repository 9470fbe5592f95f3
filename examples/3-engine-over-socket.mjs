// TlsEngine alone over a net.Socket: the engine does no I/O, so the loop around it is all there is to do.
// Usage: node examples/3-engine-over-socket.mjs <port> <SHA-256 of the server's key, in hexadecimal>
import { connect } from "node:net";
import { ClientConfig, NEED_DATA, pinned, TlsEngine } from "tls-engine";

const [port, pin = ""] = process.argv.slice(2);
const config = new ClientConfig({ serverName: "localhost", trust: pinned([Buffer.from(pin, "hex")]) });

const engine = new TlsEngine();
const socket = connect({ host: "127.0.0.1", port: Number(port), noDelay: true, allowHalfOpen: true });

function send(text) {
  engine.write(Buffer.from(text));
  run();
}

function run() {
  for (let event = engine.nextEvent(); event !== NEED_DATA; event = engine.nextEvent()) {
    if (event.type === "data") receive(Buffer.from(event.data).toString());
    if (event.type === "handshake-complete") console.log(`TLS: ${event.info.cipherSuite}`);
    if (event.type === "closed") {
      console.log(`Closed: ${event.how.kind}`);
      engine.closeWrite();
      if (event.how.kind !== "clean") process.exitCode = 1;
    }
    if (event.type === "pending") return void event.done.then(run);
  }
  // Also after an error: it may hold an alert.
  const output = engine.takeOutput();
  if (output !== null) socket.write(output);
  if (engine.state === "closed") socket.end();
}

function receive(text) {
  console.log(`Received in ${engine.info === null ? "plaintext" : "TLS"}: ${text.trim()}`);
  if (engine.info !== null) return send("QUIT\n");
  send("STARTTLS\n");
  engine.upgrade(config, "none");
  send("PING\n");
}

socket.on("data", (bytes) => (engine.receive(bytes), run()));
socket.on("end", () => (engine.receiveEof(), run()));
send("PING\n");
