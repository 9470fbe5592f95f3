import { expect } from "vitest";

import { ascii } from "../../src/bytes.ts";
import { type ConnectionInfo, externalPsk, type ServerConfig, type ServerOptions } from "../../src/index.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import type { ForgedPsk } from "../support/forger13.ts";
import { setting } from "./edits.ts";
import { ForgedClient, type ForgedClientOptions, type ForgedTicket } from "./forged-client.ts";
import { expectOpen, expectRefusal, type Pitfall, type Verdict } from "./pitfall.ts";
import { serverConfig } from "./pitfall13.ts";

/** A server, and a client that has a session with it, or a PSK in common. */
export interface Known {
  readonly config: ServerConfig;
  readonly psk: ForgedPsk;
}

/** What is not as usual about a client that comes back. */
export interface Return {
  /** Of the server. */
  readonly config?: Partial<ServerOptions>;
  /** Of the client, in both connections. */
  readonly forger?: ForgedClientOptions;
  /** Where the PSK comes from. Default: a ticket of the first connection. */
  readonly known?: () => Known;
}

/** A server, and a ticket of it. */
export function withTicket({ config: options, forger }: Return = {}): Known & { readonly psk: ForgedTicket } {
  const config = serverConfig(options);
  const first = new ForgedClient(config, { pskModes: [1], ...forger }).complete();
  expect(expectOpen(first).resumed).toBe(false);
  const [psk] = first.tickets;
  if (psk === undefined) throw new Error("the server has given no ticket");
  return { config, psk };
}

/** A client that comes back with its PSK. */
export function comesBack({ config, psk }: Known, forger: ForgedClientOptions = {}): ForgedClient {
  return new ForgedClient(config, { seed: 2, psks: [psk], ...forger });
}

const start = ({ known, ...back }: Return): ForgedClient =>
  comesBack(known?.() ?? withTicket(back), back.forger);

/** The server engine refuses what a client does that comes back. */
export function refuses(
  row: number,
  name: string,
  verdict: Verdict,
  forge: (client: ForgedClient) => void,
  back: Return = {},
): Pitfall {
  return {
    row,
    engine: "server",
    name: `${name} gets ${verdict.alert}`,
    run() {
      const client = start(back);
      forge(client);
      expectRefusal(client, verdict);
    },
  };
}

/** The server engine takes what a client does that comes back, with its PSK or with certificates. */
export function accepts(
  row: number,
  name: string,
  means: "a PSK" | "certificates",
  forge: (client: ForgedClient) => void = () => undefined,
  back: Return = {},
): Pitfall {
  return {
    row,
    engine: "server",
    name: `${name} ${means === "a PSK" ? "is taken with its PSK" : "leads to a full handshake"}`,
    run() {
      const client = start(back);
      forge(client);
      expectMeans(client, means);
    },
  };
}

/** The connection is open, and was made by a PSK or by certificates. */
export function expectMeans(client: ForgedClient, means: "a PSK" | "certificates"): ConnectionInfo {
  const info = expectOpen(client.complete());
  expect(client.selected !== undefined).toBe(means === "a PSK");
  expect(info.resumed).toBe(client.selected?.kind === "resumption");
  const shown = client.messages.filter(({ name }) => name === "certificate");
  expect(shown).toHaveLength(means === "a PSK" ? 0 : 1);
  expect(client.engine.takeHookErrors()).toEqual([]);
  return info;
}

type Psks = NonNullable<ClientHello["extensions"]["preSharedKey"]>;

/** Changes the offer of PSKs. */
export function offering(change: (psks: Psks) => Psks): (hello: ClientHello) => ClientHello {
  return (hello) => {
    const { preSharedKey } = hello.extensions;
    if (preSharedKey === undefined) throw new Error("the client offers no PSK");
    return setting<ClientHello>({ preSharedKey: change(preSharedKey) })(hello);
  };
}

/** What a server says of a binder that is not the right one. */
export const badBinder = (index = 0) =>
  ({ alert: "decrypt_error", says: `the binder of PSK ${index} does not match the ClientHello` }) as const;

/** An identity that no server knows. */
export const strange = { identity: ascii("nobody's"), obfuscatedTicketAge: 7 };
/** A PSK that no ticket brings. */
export const EXTERNAL = {
  kind: "external",
  identity: ascii("device"),
  key: new Uint8Array(32).fill(9),
} as const;
const findPsk = (identity: Uint8Array) =>
  ascii("device").every((byte, i) => byte === identity[i]) && identity.length === 6
    ? externalPsk({ identity, key: EXTERNAL.key })
    : null;
/** A client with {@link EXTERNAL}, which the server knows. */
export const external: Return = { known: () => ({ config: serverConfig({ findPsk }), psk: EXTERNAL }) };
/** A server whose tickets are names of sessions in its store. */
export const stored: Return = { config: { sessionTickets: "stored" } };
