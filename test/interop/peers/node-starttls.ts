import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";
import type { Authority, Issued } from "../ca.ts";
import { Changes, type Scope } from "../waiting.ts";
import { NodePeer } from "./node.ts";

/** A server of node's that speaks SMTP up to TLS, and what becomes of its first connection. */
export async function startNodeStartTls(
  scope: Scope,
  { keyPem, chainPem }: Issued,
  options: tls.TlsOptions = {},
): Promise<{ readonly port: number; readonly upgraded: () => Promise<NodePeer> }> {
  let peer: NodePeer | undefined;
  const changes = new Changes();
  const secure = tls.createServer({ key: keyPem, cert: chainPem, ...options }, (socket) => {
    peer = new NodePeer(scope, socket, true);
    changes.announce();
  });
  const server = net.createServer((socket) => {
    scope.onClose(() => socket.destroy());
    socket.write("220 localhost ESMTP node\r\n");
    socket.on("data", function answer(line: Buffer) {
      if (!line.toString("latin1").startsWith("STARTTLS")) {
        socket.write("250 STARTTLS\r\n");
        return;
      }
      socket.off("data", answer);
      socket.write("220 go ahead\r\n");
      secure.emit("connection", socket);
    });
  });
  scope.onClose(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    // A server that listens on a port has an address of this kind.
    port: (server.address() as net.AddressInfo).port,
    upgraded: () =>
      changes.until(
        "secureConnection",
        () => peer,
        () => "node has not upgraded",
        () => false,
      ),
  };
}

/** A client of node's that has asked an SMTP server for TLS, and puts it on its socket. */
export async function requestNodeStartTls(
  scope: Scope,
  authority: Authority,
  port: number,
  options: tls.ConnectionOptions = {},
): Promise<NodePeer> {
  const socket = net.connect(port, "127.0.0.1");
  scope.onClose(() => socket.destroy());
  await say(socket, "EHLO node.test", /250 /);
  await say(socket, "STARTTLS", /220 go/);
  const all = { socket, ca: authority.rootPem, servername: "localhost", ...options };
  return new NodePeer(scope, tls.connect(all), false);
}

/** Sends a line, and waits for an answer that matches. */
async function say(socket: net.Socket, line: string, due: RegExp): Promise<void> {
  socket.write(`${line}\r\n`);
  for (let answer = ""; !due.test(answer); answer += String(socket.read() ?? "")) {
    await once(socket, "readable");
  }
  // node:tls takes the socket over as it is.
  socket.removeAllListeners("readable");
}
