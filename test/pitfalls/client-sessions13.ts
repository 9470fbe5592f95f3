import { expect } from "vitest";

import type { ClientConfig, ClientOptions } from "../../src/index.ts";
import type { HandshakeBody } from "../../src/messages/handshake.ts";
import { ForgedServer, type ForgedServerOptions } from "./forged-server.ts";
import { testCredential } from "./leaf-certificate.ts";
import { expectOpen, expectRefusal, type Pitfall, type Verdict } from "./pitfall.ts";
import { clientConfig } from "./pitfall13.ts";

/** What is not as usual about a client that has a session, and the server that it comes back to. */
export interface ClientReturn {
  readonly config?: Partial<ClientOptions>;
  /** Of the server, in both connections. */
  readonly forger?: ForgedServerOptions;
  /** Of the server, in the second one. */
  readonly again?: ForgedServerOptions;
  /** What the server does with the PSK. Default: it takes the first. */
  readonly psk?: Partial<NonNullable<ForgedServerOptions["psk"]>>;
  /** Of the ticket. */
  readonly ticket?: (body: HandshakeBody<"new_session_ticket">) => HandshakeBody<"new_session_ticket">;
}

const credential = testCredential();

/** A client that has the ticket of a server; and its PSK. */
export function withSession({ config: options, forger, ticket = (body) => body }: ClientReturn = {}): {
  readonly config: ClientConfig;
  readonly key: Uint8Array;
} {
  const config = clientConfig(options);
  const server = new ForgedServer(config, { credential, ...forger }).complete();
  expect(expectOpen(server).resumed).toBe(false);
  server.newSessionTicket(ticket);
  expect(server.alerts).toEqual([]);
  return { config, key: server.pskOf() };
}

/** A server to which a client comes back that has a session with it. */
export function serverAgain(back: ClientReturn = {}): ForgedServer {
  const { config, key } = withSession(back);
  const psk = { key, ...back.psk };
  return new ForgedServer(config, { credential, seed: 2, ...back.forger, psk, ...back.again });
}

/** The client engine refuses what a server does to which it comes back. */
export function clientRefusesPsk(
  row: number,
  name: string,
  verdict: Verdict,
  forge: (server: ForgedServer) => void,
  back: ClientReturn = {},
): Pitfall {
  return {
    row,
    engine: "client",
    name: `${name} gets ${verdict.alert}`,
    run() {
      const server = serverAgain(back);
      expect(server.clientHello.extensions.preSharedKey?.identities).toHaveLength(1);
      forge(server);
      expectRefusal(server, verdict);
    },
  };
}

/** The client engine goes on with a server to which it comes back. */
export function clientTakesPsk(
  row: number,
  name: string,
  means: "resumed" | "full",
  forge: (server: ForgedServer) => void,
  back: ClientReturn = {},
): Pitfall {
  return {
    row,
    engine: "client",
    name,
    run() {
      const server = serverAgain(back);
      forge(server);
      expect(expectOpen(server.complete()).resumed).toBe(means === "resumed");
    },
  };
}
