import { connect } from "node:net";
import tls from "node:tls";
import { expect, test } from "vitest";
import { nodeTransport } from "../../src/adapters/node/socket-transport.ts";
import { ascii } from "../../src/bytes.ts";
import { type Session, TlsEngine } from "../../src/index.ts";
import { testCertificate } from "../support/certificates.ts";
import { Recorder, testClientConfig } from "./memory.ts";

test("onSession takes the tickets of a server, and what it throws is reported", async () => {
  const { certificatePem, keyPem } = await testCertificate({ keyType: "ecdsa-p256" });
  const server = tls.createServer({ cert: certificatePem, key: keyPem }, (socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const sessions: Session[] = [];
  const errors: unknown[] = [];
  const app = new Recorder();
  app.during.connectionMade = (transport) => transport.write(ascii("echo"));
  app.during.dataReceived = (transport) => transport.close();
  const lost = new Promise((resolve) => {
    app.during.connectionLost = () => resolve(undefined);
  });
  const client = TlsEngine.wrap(app, await testClientConfig(), {
    onSession: (session) => {
      sessions.push(session);
      throw new RangeError("a bug");
    },
    onHookError: (error) => errors.push(error),
  });
  // A server that listens on TCP has an AddressInfo.
  const { port } = server.address() as { readonly port: number };
  nodeTransport(connect(port, "127.0.0.1"), client);
  await lost;
  server.close();
  expect(app.text).toBe("echo");
  expect(app.lostWith).toBeNull();
  expect(sessions.length).toBeGreaterThan(0);
  expect(sessions[0]?.serverName).toBe("localhost");
  expect(errors).toEqual(sessions.map(() => new RangeError("a bug")));
});
