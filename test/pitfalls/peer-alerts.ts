import { expect } from "vitest";

import { PeerAlert } from "../../src/index.ts";
import type { Forger } from "../support/forger.ts";
import { eventsOf, expectInert, type Pitfall } from "./pitfall.ts";
import { forgedClient, forgedServer, mutual } from "./pitfall13.ts";

/** A peer of either role, brought somewhere. */
export interface Reached {
  readonly client: () => Forger;
  readonly server: () => Forger;
}

/** What the peer sends ends the connection, and is not answered. */
export function endsWith(
  row: number,
  name: string,
  alert: string,
  reach: Reached,
  act: (peer: Forger) => void,
): readonly Pitfall[] {
  return (["client", "server"] as const).map((engine) => ({
    row,
    engine,
    name,
    run() {
      const peer = reach[engine]();
      act(peer);
      expect(eventsOf(peer, "closed").map(({ how }) => how)).toEqual([
        { kind: "alert", alert, error: expect.any(PeerAlert) },
      ]);
      expect(peer.alerts).toEqual([]);
      expectInert(peer);
    },
  }));
}

/** In front of Finished. */
export const inHandshake: Reached = {
  client: () => forgedServer().upTo("finished"),
  server: () => forgedClient(mutual).upTo("finished"),
};

/** With the handshake behind. */
export const afterHandshake: Reached = {
  client: () => forgedServer().complete(),
  server: () => forgedClient().complete(),
};

/** In front of the first hello. */
export const atTheStart: Reached = { client: () => forgedServer(), server: () => forgedClient() };

/** With handshake keys, and nothing sent under them. */
export const withKeysAlone: Reached = {
  client: () => forgedServer().upTo("encryptedExtensions"),
  server: () => forgedClient(mutual).upTo("certificate"),
};
