import { expect } from "vitest";

import { latin1 } from "../../src/bytes.ts";
import { HandshakeType } from "../../src/messages/codepoints.ts";
import { rawMessage } from "../support/forger.ts";
import { EarlyClient, type EarlyClientSetup } from "./forged-early-client.ts";
import { EarlyServer, type EarlyServerSetup } from "./forged-early-server.ts";
import { eventsOf, type Pitfall, pitfallMakers } from "./pitfall.ts";

export const { clientRefuses, serverRefuses, clientAccepts, serverAccepts } = pitfallMakers<
  EarlyServer,
  EarlyClient,
  EarlyServerSetup,
  EarlyClientSetup
>({
  version: "TLSv1.3",
  forgedServer: (setup) => new EarlyServer(setup),
  forgedClient: (setup) => new EarlyClient(setup),
  serverMidway: () => new EarlyServer().upTo("finished"),
  clientMidway: () => new EarlyClient().upTo("finished"),
});

export const END_OF_EARLY_DATA = rawMessage(HandshakeType.end_of_early_data);
export const badRecord = { alert: "bad_record_mac", says: "record does not authenticate" } as const;
export const early = (length: number): Uint8Array => new Uint8Array(length).fill(0x61);

/** What has arrived as early data. */
export const received = (client: EarlyClient): string =>
  eventsOf(client, "early-data")
    .map(({ data }) => latin1(data))
    .join("");

/** The engine takes early data, and what `act` does with it; `arrives` of it. */
export function takes(
  row: number,
  name: string,
  act: (client: EarlyClient) => void,
  arrives: string,
  setup: EarlyClientSetup = {},
): Pitfall {
  return serverAccepts(
    row,
    name,
    (client) => {
      client.upTo("early data");
      expect(client.isTaken).toBe(true);
      act(client);
      expect(received(client)).toBe(arrives);
    },
    setup,
  );
}

/** The engine takes early data, and refuses what `act` does with it; `arrives` of it before. */
export function refuses(
  row: number,
  name: string,
  verdict: Parameters<typeof serverRefuses>[2],
  act: (client: EarlyClient) => void,
  arrives = "",
  setup: EarlyClientSetup = {},
): Pitfall {
  return serverRefuses(
    row,
    name,
    verdict,
    (client) => {
      client.upTo("early data");
      expect(client.isTaken).toBe(true);
      act(client);
      expect(received(client)).toBe(arrives);
    },
    setup,
  );
}

/** A server that knows the ticket, and does not take its early data. */
export const rejecting: EarlyClientSetup = {
  config: { earlyData: { maxBytes: 100, replayStore: { take: () => false } } },
};

/** Says early data under early keys, although the server does not take it. */
export function sendsRejected(client: EarlyClient, ...lengths: readonly number[]): void {
  client.protectEarly();
  for (const length of lengths) client.sendData(early(length));
  client.endEarlyKeys();
}
