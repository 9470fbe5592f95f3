import { expect } from "vitest";

import { type ClientConfig, type ClientOptions, MemorySessionStore } from "../../src/index.ts";
import type { ForgedSession } from "../support/forger12.ts";
import { ForgedServer12, type ForgedServer12Options } from "./forged-server12.ts";
import { testCredential } from "./leaf-certificate.ts";
import { expectOpen } from "./pitfall.ts";
import { clientConfig } from "./pitfall13.ts";
import { SESSION_ID } from "./setups12.ts";

/** How a server names the session. */
export const WAYS = [
  { way: "ticket", forger: { issuesTicket: true } },
  { way: "id", forger: { sessionId: SESSION_ID } },
] as const;

export type Way = (typeof WAYS)[number];

export const credential = testCredential();

/** A client, and the session that it has with a server. */
export interface Known {
  readonly config: ClientConfig;
  readonly session: ForgedSession;
}

export function known(
  way: Way,
  options: Partial<ClientOptions> = {},
  forger: ForgedServer12Options = {},
): Known {
  const config = clientConfig({ sessionStore: new MemorySessionStore(), ...options });
  const server = new ForgedServer12(config, { credential, ...way.forger, ...forger }).complete();
  expect(expectOpen(server).resumed).toBe(false);
  return { config, session: server.newSession };
}

/** A server to which the client comes back; it resumes the session unless `forger` says otherwise. */
export function back({ config, session }: Known, forger: ForgedServer12Options = {}): ForgedServer12 {
  return new ForgedServer12(config, { credential, session, ...forger });
}

/** What the client offers of a session, in a connection that goes no further. */
export function offered(config: ClientConfig): "ticket" | "id" | "nothing" {
  const { extensions, legacySessionId } = new ForgedServer12(config, { credential }).clientHello;
  if ((extensions.sessionTicket?.length ?? 0) > 0) return "ticket";
  return legacySessionId.length === 32 && legacySessionId.every((byte, at) => byte === SESSION_ID[at])
    ? "id"
    : "nothing";
}
