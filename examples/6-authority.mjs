// An authority of one's own, what it issues to a server and to a client, and the two of them connected in memory.
// Usage: node examples/6-authority.mjs
import { ClientConfig, NEED_DATA, ServerConfig, TlsEngine, webPki } from "tls-engine";
import { createAuthority, issue, toPeculiar } from "tls-engine/x509";

const authority = await createAuthority({ commonName: "Example Authority" });
const serverCredential = await issue(authority, { names: ["localhost", "127.0.0.1"], usage: "server" });
const clientCredential = await issue(authority, { names: ["alice@example.org"], usage: "client" });

// What files would hold: authority.certificatePem goes to those who are to trust it, authority.keyPem stays here.
console.log(authority.certificatePem);

const trust = webPki(authority.certificatePem);
const server = TlsEngine.server(
  new ServerConfig({ credentials: [serverCredential], clientAuth: { mode: "require", trust } }),
);
const client = TlsEngine.client(new ClientConfig({ serverName: "localhost", trust, clientCredential }));

/** Hands on what `from` has to send. Returns whether that was anything. */
function carry(from, to) {
  for (let event = from.nextEvent(); event !== NEED_DATA; event = from.nextEvent()) {
    if (event.type === "handshake-complete") greet(from, event.info.peer);
    if (event.type === "data") console.log("Received:", Buffer.from(event.data).toString());
    if (event.type === "closed" && event.how.kind !== "clean") console.log("Closed:", event.how);
  }
  const output = from.takeOutput();
  if (output !== null) to.receive(output);
  return output !== null;
}

function greet(engine, { kind, chain }) {
  const { subject, issuer } = toPeculiar(chain[0]);
  engine.write(Buffer.from(`Hello ${subject}, ${kind}, vouched for by ${issuer}`));
}

while (carry(client, server) || carry(server, client));
