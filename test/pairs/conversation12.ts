import { TlsEngine } from "../../src/index.ts";
import { End } from "../support/pair.ts";
import { type Carriage, Wire } from "./carriage.ts";
import {
  allSettled,
  clientConfig,
  longestContent,
  serverConfig,
  type Setting12,
  storesOf,
} from "./configs12.ts";
import { exportedText } from "./exported12.ts";
import type { Row12 } from "./matrix12.ts";
import type { Memory } from "./remembering.ts";
import { type Side12, Watched12 } from "./watched12.ts";

/** A connection that was had. */
export interface Connection12 {
  readonly client: Side12;
  readonly server: Side12;
}

/** All connections of a row: one, or two of which the second resumes the session of the first. */
export interface Outcome12 {
  readonly connections: readonly Connection12[];
  /** What hooks have thrown, by side. */
  readonly hookErrors: { readonly client: readonly unknown[]; readonly server: readonly unknown[] };
  /** How often a hook was awaited. */
  readonly waits: number;
}

/** What a side says before the handshake, in the connection, and at its end. */
export interface Speech {
  readonly early: readonly string[];
  readonly long: string;
  readonly last: string;
}

/** What `role` says. In the last connection of a row, it says more than fits into a record. */
export function speechOf(role: "client" | "server", row: Row12, isLastConnection: boolean): Speech {
  const length = isLastConnection ? longestContent(role, row) + 300 : 30;
  return role === "client"
    ? { early: ["early ", "bird "], long: "x".repeat(length), last: "late" }
    : { early: ["hello "], long: "y".repeat(length), last: "bye" };
}

/**
 * The whole life of two configs: one connection or two, each from its first byte to close_notify both ways.
 *
 * @param seed of the randomness of both; rows with the same one have public-key operations in common, which `memory` holds.
 */
export async function converse12(
  row: Row12,
  carriage: Carriage,
  seed: string,
  memory: Memory,
): Promise<Outcome12> {
  const { answer } = carriage;
  const setting: Setting12 = { row, answer, seed, memory };
  const stores = storesOf(row, answer);
  const watched = { client: new Watched12(), server: new Watched12() };
  const configs = {
    client: await clientConfig(setting, watched.client, stores.client),
    server: await serverConfig(setting, watched.server, stores.server),
  };
  const connections: Connection12[] = [];
  const hookErrors = { client: [] as unknown[], server: [] as unknown[] };
  let waits = 0;
  for (let number = row.resumption === "none" ? 1 : 2; number > 0; number--) {
    const client = new End(TlsEngine.client(configs.client));
    const server = new End(TlsEngine.server(configs.server));
    const wire = new Wire(client, server, carriage);
    const exported = await talk(row, number === 1, client, server, wire);
    waits += wire.waits;
    if (row.store === "failing") await allSettled(stores);
    hookErrors.client.push(...client.engine.takeHookErrors());
    hookErrors.server.push(...server.engine.takeHookErrors());
    connections.push({
      client: watched.client.side(client, exported.client),
      server: watched.server.side(server, exported.server),
    });
  }
  return { connections, hookErrors, waits };
}

interface Exported {
  readonly client: string;
  readonly server: string;
}

async function talk(
  row: Row12,
  isLastConnection: boolean,
  client: End,
  server: End,
  wire: Wire,
): Promise<Exported> {
  const sides = [
    { end: client, speech: speechOf("client", row, isLastConnection) },
    { end: server, speech: speechOf("server", row, isLastConnection) },
  ];
  for (const { end, speech } of sides) for (const text of speech.early) end.engine.write(ascii(text));
  await wire.carry();
  const exported = { client: exportedText(client.engine), server: exportedText(server.engine) };
  for (const { end, speech } of sides) {
    end.engine.write(ascii(speech.long));
    await wire.carry();
  }
  for (const { end, speech } of row.closesFirst === "client" ? sides : sides.toReversed()) {
    end.engine.write(ascii(speech.last));
    end.engine.closeWrite();
    await wire.carry();
  }
  return exported;
}

function ascii(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
