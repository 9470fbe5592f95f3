import { hex } from "../../src/bytes.ts";
import { TlsEngine } from "../../src/index.ts";
import { End } from "../support/pair.ts";
import { type Carriage, Wire } from "./carriage.ts";
import { clientConfig, serverConfig, type SettingPsk, storesOf } from "./configs-psk.ts";
import { allSettled } from "./configs12.ts";
import type { Speech } from "./conversation12.ts";
import type { RowPsk } from "./matrix-psk.ts";
import type { Memory } from "./remembering.ts";
import { type Side12, Watched12 } from "./watched12.ts";

/** A connection that was had. */
export interface ConnectionPsk {
  readonly client: Side12;
  readonly server: Side12;
}

/** All connections of a row. */
export interface OutcomePsk {
  readonly connections: readonly ConnectionPsk[];
  /** What hooks have thrown, by side. */
  readonly hookErrors: { readonly client: readonly unknown[]; readonly server: readonly unknown[] };
  /** How often a hook was awaited. */
  readonly waits: number;
}

/** The second and the third connection have a ticket of the first. */
export const CONNECTIONS = 3;

/** What each side says; in the first connection, the server says more than fits into a record. */
export function speechOf(role: "client" | "server", connection: number): Speech {
  return role === "client"
    ? { early: ["early ", "bird "], long: "x".repeat(300), last: "late" }
    : { early: ["hello "], long: "y".repeat(connection === 0 ? 17_000 : 30), last: "bye" };
}

/**
 * The whole life of two configs: some connections, each from its first byte to close_notify both ways.
 *
 * @param seed of the randomness of both; rows with the same one have public-key operations in common, which `memory` holds.
 */
export async function conversePsk(
  row: RowPsk,
  carriage: Carriage,
  seed: string,
  memory: Memory,
): Promise<OutcomePsk> {
  const { answer } = carriage;
  const setting: SettingPsk = { row, answer, seed, memory };
  const stores = storesOf(row, answer);
  const watched = { client: new Watched12(), server: new Watched12() };
  const configs = {
    client: await clientConfig(setting, watched.client, stores.client),
    server: await serverConfig(setting, watched.server, stores.server),
  };
  const connections: ConnectionPsk[] = [];
  const hookErrors = { client: [] as unknown[], server: [] as unknown[] };
  let waits = 0;
  for (let number = 0; number < CONNECTIONS; number++) {
    const client = new End(TlsEngine.client(configs.client));
    const server = new End(TlsEngine.server(configs.server));
    const wire = new Wire(client, server, carriage);
    const exported = await talk(row, number, client, server, wire);
    waits += wire.waits;
    // Those that answer late, too.
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

async function talk(
  row: RowPsk,
  connection: number,
  client: End,
  server: End,
  wire: Wire,
): Promise<{ readonly client: string; readonly server: string }> {
  const sides = [
    { end: client, speech: speechOf("client", connection) },
    { end: server, speech: speechOf("server", connection) },
  ];
  for (const { end, speech } of sides) for (const text of speech.early) end.engine.write(ascii(text));
  await wire.carry();
  const exported = { client: exportedText(client), server: exportedText(server) };
  for (const { end, speech } of sides) {
    end.engine.updateKeys(end === server);
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

/** What an authentication can be bound to. */
function exportedText({ engine }: End): string {
  const bindings = (["tls-exporter", "tls-server-end-point"] as const).map((type) => {
    try {
      return hex(engine.channelBinding(type));
    } catch (error) {
      return String(error);
    }
  });
  return [hex(engine.exportKeyingMaterial("EXPERIMENTAL pairs", ascii("context"), 40)), ...bindings].join(
    " ",
  );
}

function ascii(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
