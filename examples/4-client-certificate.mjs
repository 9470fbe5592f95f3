// Article 4: a server that asks for a client certificate, and gets one that nobody vouches for, without trusting it. It watches
// the messages as they go.
// Usage: node examples/4-client-certificate.mjs [certificate.pem key.pem]
import { X509Certificate } from "node:crypto";
import { ClientConfig, credential, openConnection, pinned, ServerConfig, startServer } from "tls-engine/node";
import { identityFor, makeSelfSigned } from "../demo/certificates.mjs";
import { describeMessage } from "../demo/messages.mjs";

const identity = await identityFor(["localhost"], ...process.argv.slice(2));
const ownCertificate = await makeSelfSigned("somebody");
const credentialOf = ({ certificatePem, keyPem }) =>
  credential({ certificateChain: certificatePem, key: keyPem });

const listener = await startServer(greet, {
  host: "127.0.0.1",
  port: 0,
  tls: new ServerConfig({
    credentials: [credentialOf(identity)],
    clientAuth: { mode: "request", dangerouslyAcceptAnyCertificate: true },
    onMessage: (message) => console.log(describeMessage(message)),
  }),
});

async function greet(connection) {
  const { peer } = connection.info;
  // The client has proven that it holds the key. Whether its certificate is to be believed is for us to say.
  if (peer.kind === "none") return connection.write("Hello, stranger\n");
  const certificate = new X509Certificate(peer.chain[0]);
  connection.write(`Hello ${certificate.subject}, ${peer.kind}, ${certificate.fingerprint256}\n`);
}

const connection = await openConnection({
  host: "127.0.0.1",
  port: listener.port,
  tls: new ClientConfig({
    serverName: "localhost",
    trust: pinned([identity.spkiSha256]),
    clientCredential: credentialOf(ownCertificate),
  }),
});
console.log(await connection.readLine());
await connection.close();
await listener.close();
