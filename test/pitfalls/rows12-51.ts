import { createHash } from "node:crypto";

import { expect } from "vitest";

import { ascii, latin1 } from "../../src/bytes.ts";
import { present } from "../support/forger.ts";
import type { Forger12 } from "../support/forger12.ts";
import { goodLeaf } from "./bad-certificates.ts";
import { expectOpen, type Pitfall } from "./pitfall.ts";
import { type ClientSetup12, forgedClient12, forgedServer12, type ServerSetup12 } from "./pitfall12.ts";
import { cbc, resumingClient, resumingServer, withBoth, withBothResuming } from "./setups12.ts";

const LABEL = "EXPERIMENTAL";

const none = new Uint8Array();

function exporterOf(peer: Forger12) {
  return present(peer.main).exporter(peer.clientRandom, peer.serverRandom);
}

/** Both sides export the same. */
function expectSameExports(peer: Forger12): void {
  expectOpen(peer);
  const exporter = exporterOf(peer);
  for (const [label, context, length] of [
    [LABEL, null, 32],
    [LABEL, none, 32],
    [LABEL, ascii("context"), 32],
    ["EXPERIMENTAL other", null, 100],
    ["EXPORTER_GSS_SASL", new Uint8Array(65_535), 1],
  ] as const) {
    expect(peer.engine.exportKeyingMaterial(label, context, length)).toEqual(
      exporter.export(label, context, length),
    );
  }
}

const plain = {
  client: { forger: { extendedMainSecret: false } } satisfies ClientSetup12,
  server: { forger: { extendedMainSecret: false } } satisfies ServerSetup12,
};

/** `verify_data` of the Finished that `sender` has sent; the first one of a handshake is tls-unique (RFC 5929 §3). */
function firstFinished(peer: Forger12, sender: "client" | "server"): Uint8Array | undefined {
  if (peer.role === sender) return peer.sentFinished;
  return peer.messages.find(({ name }) => name === "finished")?.raw.subarray(4);
}

/** Row 51: exporters and channel bindings. */
const exporters: readonly Pitfall[] = [
  ...withBoth(51, "both sides export the same", expectSameExports),
  ...withBothResuming(51, "both sides of a resumed session export the same", expectSameExports),
  ...(["client", "server"] as const).map((engine): Pitfall => ({
    row: 51,
    engine,
    name: "both sides export the same under a suite of CBC with SHA-1",
    run: () =>
      expectSameExports(
        engine === "client" ? forgedServer12(cbc).complete() : forgedClient12(cbc).complete(),
      ),
  })),
  ...withBoth(51, "no context is not an empty one", (peer) => {
    const exported = [null, none, ascii("\0"), ascii("context")].map((context) =>
      latin1(peer.engine.exportKeyingMaterial(LABEL, context, 32)),
    );
    expect(new Set(exported).size).toBe(exported.length);
  }),
  ...withBoth(51, "what is exported is not what TLS itself derives", (peer) => {
    for (const label of [
      "client finished",
      "server finished",
      "master secret",
      "extended master secret",
      "key expansion",
    ])
      expect(() => peer.engine.exportKeyingMaterial(label, null, 48)).toThrow(RangeError);
  }),
  ...withBoth(51, "nothing is exported behind the end of the connection", (peer) => {
    peer.sendAlert(2, "internal_error");
    expect(() => peer.engine.exportKeyingMaterial(LABEL, null, 32)).toThrow(TypeError);
    expect(() => peer.engine.channelBinding("tls-unique")).toThrow(TypeError);
  }),
  ...(["client", "server"] as const).flatMap((engine) =>
    (["changeCipherSpec", "finished"] as const).map((step): Pitfall => ({
      row: 51,
      engine,
      name: `there is nothing to export in front of the peer's ${step}`,
      run() {
        const peer = engine === "client" ? forgedServer12().upTo(step) : forgedClient12().upTo(step);
        expect(() => peer.engine.exportKeyingMaterial(LABEL, null, 32)).toThrow(TypeError);
        for (const type of ["tls-exporter", "tls-unique", "tls-server-end-point"] as const)
          expect(() => peer.engine.channelBinding(type)).toThrow(TypeError);
      },
    })),
  ),
  ...withBoth(
    51,
    "channel bindings of a full handshake are the client's Finished and the server's certificate",
    (peer) => {
      expect(peer.engine.channelBinding("tls-unique")).toEqual(firstFinished(peer, "client"));
      expect(peer.engine.channelBinding("tls-server-end-point")).toEqual(
        new Uint8Array(createHash("sha256").update(goodLeaf).digest()),
      );
      expect(peer.engine.channelBinding("tls-exporter")).toEqual(
        exporterOf(peer).export("EXPORTER-Channel-Binding", none, 32),
      );
    },
  ),
  ...withBothResuming(
    51,
    "channel bindings of a resumed session are the server's Finished and the certificate of before",
    (peer) => {
      expect(peer.isResumed).toBe(true);
      expect(peer.engine.channelBinding("tls-unique")).toEqual(firstFinished(peer, "server"));
      expect(peer.engine.channelBinding("tls-server-end-point")).toEqual(
        new Uint8Array(createHash("sha256").update(goodLeaf).digest()),
      );
    },
  ),
  ...(["client", "server"] as const).map((engine): Pitfall => ({
    row: 51,
    engine,
    name: "without extended main secret there is no tls-exporter, and on a resumed session no tls-unique",
    run() {
      const full = engine === "client" ? forgedServer12(plain.client) : forgedClient12(plain.server);
      full.complete();
      expectSameExports(full);
      expect(() => full.engine.channelBinding("tls-exporter")).toThrow(TypeError);
      expect(full.engine.channelBinding("tls-unique")).toEqual(firstFinished(full, "client"));
      const resumed = engine === "client" ? resumingServer(plain.client) : resumingClient(plain.server);
      resumed.complete();
      expect(resumed.isResumed).toBe(true);
      expectSameExports(resumed);
      expect(() => resumed.engine.channelBinding("tls-exporter")).toThrow(TypeError);
      expect(() => resumed.engine.channelBinding("tls-unique")).toThrow(TypeError);
    },
  })),
];

export const tls12Rows51: readonly Pitfall[] = [...exporters];
