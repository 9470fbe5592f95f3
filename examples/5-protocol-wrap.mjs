// Article 0 in the shape that it has there: an application protocol wrapped in TLS, and a protocol in front that decides.
// Usage: node examples/5-protocol-wrap.mjs [port] [certificate.pem key.pem]
import { createServer } from "node:net";
import { credential, nodeTransport, ServerConfig, TlsEngine } from "tls-engine/node";
import { identityFor } from "../demo/certificates.mjs";

const [port = "8082", ...files] = process.argv.slice(2);
const { certificatePem, keyPem, certificateFile } = await identityFor(["dummy.org"], ...files);
const tls = new ServerConfig({
  credentials: [credential({ certificateChain: certificatePem, key: keyPem })],
  alpn: ["http/1.1"],
});

class HttpServerProtocol {
  head = "";

  connectionMade(transport) {
    this.transport = transport;
  }

  dataReceived(bytes) {
    this.head += Buffer.from(bytes).toString("latin1");
    const end = this.head.indexOf("\r\n\r\n") + 4;
    if (end >= 4) this.requestReceived(this.head.slice(0, end), this.head.slice(end));
  }

  requestReceived() {
    this.transport.write(Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK"));
    this.transport.close();
  }

  connectionLost() {}
}

class HttpsServerProtocol extends HttpServerProtocol {
  requestReceived(head, rest) {
    if (!head.startsWith("CONNECT ")) return super.requestReceived();
    this.transport.write(Buffer.from("HTTP/1.1 200 OK\r\n\r\n"));
    // What came behind the request is the beginning of TLS, and for nobody else.
    const unread = Buffer.from(rest, "latin1");
    const wrapped = TlsEngine.wrap(new HttpServerProtocol(), tls, { unread });
    this.transport.setProtocol(wrapped);
    wrapped.connectionMade(this.transport);
  }
}

const server = createServer({ allowHalfOpen: true }, (socket) => {
  nodeTransport(socket, new HttpsServerProtocol());
});
server.listen(Number(port), "127.0.0.1", () => {
  console.log(
    `curl --proxy http://127.0.0.1:${server.address().port} --cacert ${certificateFile} https://dummy.org`,
  );
});
