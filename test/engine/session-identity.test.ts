import { expect, test } from "vitest";

import {
  ClientConfig,
  type Credential,
  credential,
  MemorySessionStore,
  ServerConfig,
  type ServerOptions,
} from "../../src/index.ts";
import { testCertificate } from "../support/certificates.ts";
import { Pair } from "../support/pair.ts";

async function credentialFor(commonName: string): Promise<Credential> {
  const { certificatePem, keyPem } = await testCertificate({ commonName, names: [commonName] });
  return credential({ certificateChain: certificatePem, key: keyPem });
}

/** Connects a client after the other with one store between them; says who the server saw, and whether the session was resumed. */
async function meet(clients: readonly (Credential | undefined)[]): Promise<readonly string[]> {
  const sessionStore = new MemorySessionStore();
  const options: ServerOptions = {
    versions: ["TLSv1.2"],
    credentials: [await credentialFor("localhost")],
    clientAuth: { mode: "request", dangerouslyAcceptAnyCertificate: true },
  };
  const server = new ServerConfig(options);
  const seen: string[] = [];
  for (const clientCredential of clients) {
    const client = new ClientConfig({
      serverName: "localhost",
      dangerouslyAcceptAnyCertificate: true,
      sessionStore,
      ...(clientCredential !== undefined && { clientCredential }),
    });
    const pair = await new Pair(client, server).run();
    const { peer, resumed } = pair.server.engine.info ?? {};
    seen.push(`${peer?.kind} ${resumed === true ? "resumed" : "anew"}`);
  }
  return seen;
}

test("configurations that share a store resume sessions of their own certificate, and no others", async () => {
  const [alice, bob] = [await credentialFor("alice"), await credentialFor("bob")];
  expect(await meet([alice, undefined, bob, alice, undefined, bob])).toEqual([
    "unverified anew",
    "none anew",
    "unverified anew",
    "unverified resumed",
    "none resumed",
    "unverified resumed",
  ]);
});
