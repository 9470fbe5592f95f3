import { once } from "node:events";
import net from "node:net";
import type { Scope } from "./waiting.ts";

/**
 * An attacker on the path to a port of this machine, who hides from the server that the client has TLS 1.3: the type of
 * supported_versions in the ClientHello becomes one that nobody knows. Everything else passes as it is.
 *
 * @returns the attacker's own port.
 */
export async function hideVersions(scope: Scope, port: number): Promise<number> {
  const server = net.createServer((client) => {
    const upstream = net.connect(port, "127.0.0.1");
    scope.onClose(() => {
      client.destroy();
      upstream.destroy();
    });
    // Either side may be reset when the other one ends; the row looks at what they say.
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
    client.once("data", (hello: Buffer) => {
      upstream.write(withoutVersions(hello));
      client.pipe(upstream);
    });
    upstream.pipe(client);
  });
  scope.onClose(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // A server that listens on a port has an address of this kind.
  return (server.address() as net.AddressInfo).port;
}

/** RFC 8446 §4.2.1: the type, the length of the extension, the length of the list, and TLS 1.3 as its first entry. */
// oxlint-disable-next-line no-control-regex
const SUPPORTED_VERSIONS = /\x00\x2b\x00[^]([^])\x03\x04/;
/** A value that RFC 8701 sets aside for nobody. */
const GREASE = "\x0a\x0a";

function withoutVersions(hello: Buffer): Buffer {
  const text = hello.toString("latin1");
  const at = text.search(SUPPORTED_VERSIONS);
  if (at < 0) throw new Error("there is no supported_versions with TLS 1.3 in the first bytes");
  return Buffer.from(`${text.slice(0, at)}${GREASE}${text.slice(at + 2)}`, "latin1");
}
