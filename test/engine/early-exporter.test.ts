import { describe, expect, test } from "vitest";

import { ascii, hex } from "../../src/bytes.ts";
import { NEED_DATA, nobleProvider, TicketKeys, TlsEngine } from "../../src/index.ts";
import { ExporterSecret } from "../../src/schedule/tls13.ts";
import { TLS_AES_128_GCM_SHA256 } from "../../src/crypto/suites.ts";
import { End, Pair } from "../support/pair.ts";
import { fromHex } from "../support/hex.ts";
import { acquainted, expectWorking, meetAgain, QUESTION } from "./early-data.ts";
import { configsOf, open, VERSIONS } from "./versions.ts";

const LABEL = "EXPORTER-early";
const none = "early exporters need a connection with early data";
const suites = { cipherSuites: ["TLS_AES_128_GCM_SHA256"] };
const keys = new TicketKeys({ provider: nobleProvider() });

describe("an early exporter", () => {
  test("gives both sides the same, which is what the key log says, and not that of the connection", async () => {
    const lines: string[] = [];
    const sides = await acquainted({}, suites);
    const client = sides.client.with({ onKeyLog: (line) => lines.push(line) });
    const { client: own, server: peer } = await meetAgain({ ...sides, client });
    const [, secret = ""] = /^EARLY_EXPORTER_SECRET \w+ (\w+)$/m.exec(lines.join("\n")) ?? [];
    const expected = new ExporterSecret(TLS_AES_128_GCM_SHA256.hash, fromHex(secret));
    const seen = new Set<string>();
    for (const label of [LABEL, "EXPORTER-other"]) {
      for (const context of [null, ascii("a"), new Uint8Array(300)]) {
        const early = own.engine.exportEarlyKeyingMaterial(label, context, 48);
        expect(hex(early)).toBe(hex(expected.export(label, context, 48)));
        expect(peer.engine.exportEarlyKeyingMaterial(label, context, 48)).toEqual(early);
        seen.add(hex(early)).add(hex(own.engine.exportKeyingMaterial(label, context, 48)));
      }
    }
    expect(seen.size).toBe(12);
    expect(own.engine.exportEarlyKeyingMaterial(LABEL, new Uint8Array(), 48)).toEqual(
      own.engine.exportEarlyKeyingMaterial(LABEL, null, 48),
    );
  });

  test("is there before the handshake has ended, when that of the connection is not", async () => {
    const { client, server } = await acquainted();
    const own = new End(TlsEngine.client(client, { earlyData: ascii(QUESTION) }));
    const peer = new End(TlsEngine.server(server));
    expect(() => peer.engine.exportEarlyKeyingMaterial(LABEL, null, 32)).toThrow(none);
    const early = own.engine.exportEarlyKeyingMaterial(LABEL, null, 32);
    expect(() => own.engine.exportKeyingMaterial(LABEL, null, 32)).toThrow(TypeError);
    peer.engine.receive(own.engine.takeOutput() ?? new Uint8Array());
    expect(peer.engine.nextEvent()).toMatchObject({ type: "early-data" });
    // As an application does that looks at what it was just given.
    expect(peer.engine.exportEarlyKeyingMaterial(LABEL, null, 32)).toEqual(early);
    expect(() => peer.engine.exportKeyingMaterial(LABEL, null, 32)).toThrow(TypeError);
    expect(peer.engine.nextEvent()).toBe(NEED_DATA);
  });

  test("stays to the end of the connection, through new keys, and no longer", async () => {
    const sides = await acquainted();
    const pair = await meetAgain(sides);
    const early = pair.client.engine.exportEarlyKeyingMaterial(LABEL, null, 32);
    pair.client.engine.updateKeys(true);
    await pair.run();
    pair.server.engine.closeWrite();
    await pair.run();
    for (const { engine } of [pair.client, pair.server])
      expect(engine.exportEarlyKeyingMaterial(LABEL, null, 32)).toEqual(early);
    pair.client.engine.closeWrite();
    await pair.run();
    for (const { engine } of [pair.client, pair.server]) {
      expect(engine.state).toBe("closed");
      expect(() => engine.exportEarlyKeyingMaterial(LABEL, null, 32)).toThrow(none);
    }
  });

  test("goes with TLS when that is taken off, and comes with other early data as another one", async () => {
    const sides = await acquainted();
    const pair = await meetAgain(sides);
    const before = pair.client.engine.exportEarlyKeyingMaterial(LABEL, null, 32);
    pair.client.engine.unwrap();
    pair.server.engine.unwrap();
    await pair.run();
    expect(() => pair.client.engine.exportEarlyKeyingMaterial(LABEL, null, 32)).toThrow(none);
    pair.server.engine.upgrade(sides.server, "none");
    pair.client.engine.upgrade(sides.client, "none", { earlyData: ascii(QUESTION) });
    await pair.run();
    const after = pair.client.engine.exportEarlyKeyingMaterial(LABEL, null, 32);
    expect(after).not.toEqual(before);
    expect(pair.server.engine.exportEarlyKeyingMaterial(LABEL, null, 32)).toEqual(after);
  });

  test.each([
    ["rejected", {}],
    ["rejected by HelloRetryRequest", { groups: ["secp256r1"] }],
  ])("is the client's alone when early data is %s", async (_how, changes) => {
    const sides = await acquainted({}, { sessionTickets: keys });
    const server = sides.server.with({ ...changes, earlyData: undefined as never });
    const pair = await meetAgain({ ...sides, server });
    expect(pair.client.engine.exportEarlyKeyingMaterial(LABEL, null, 32)).toHaveLength(32);
    expect(() => pair.server.engine.exportEarlyKeyingMaterial(LABEL, null, 32)).toThrow(none);
    await expectWorking(pair);
  });

  test("is nobody's without early data, in a resumed connection too", async () => {
    const sides = await acquainted();
    for (const pair of [await new Pair(sides.client, sides.server).run(), await meetAgain(sides, "")]) {
      expect(pair.client.engine.info?.resumed).toBe(true);
      for (const { engine } of [pair.client, pair.server])
        expect(() => engine.exportEarlyKeyingMaterial(LABEL, null, 32)).toThrow(none);
    }
  });

  test("is nobody's in a connection that failed, and in plaintext", async () => {
    const { client } = await acquainted();
    expect(() => new TlsEngine().exportEarlyKeyingMaterial(LABEL, null, 32)).toThrow(none);
    const end = new End(TlsEngine.client(client, { earlyData: ascii(QUESTION) }));
    end.engine.abort();
    expect(() => end.engine.exportEarlyKeyingMaterial(LABEL, null, 32)).toThrow(none);
  });

  test("refuses labels and lengths that are out of range, and a context that is no bytes", async () => {
    const { client: own } = await meetAgain(await acquainted());
    const { engine } = own;
    for (const label of ["", "x".repeat(250), "é"])
      expect(() => engine.exportEarlyKeyingMaterial(label, null, 32), label).toThrow(RangeError);
    for (const length of [0, -1, 1.5, NaN, 8161])
      expect(() => engine.exportEarlyKeyingMaterial(LABEL, null, length), `${length}`).toThrow(RangeError);
    expect(() => engine.exportEarlyKeyingMaterial(LABEL, "text" as never, 32)).toThrow(TypeError);
    expect(engine.exportEarlyKeyingMaterial("x".repeat(249), null, 8160)).toHaveLength(8160);
  });
});

test.each(VERSIONS)("there is no early exporter in a full handshake of %s", async (version) => {
  const configs = configsOf(version);
  const { client, server } = await open(configs.client(), configs.server());
  for (const { engine } of [client, server])
    expect(() => engine.exportEarlyKeyingMaterial(LABEL, null, 32)).toThrow(none);
});

test("two connections with the same early data export different bytes", async () => {
  const { client } = await acquainted({}, { ticketCount: 2 });
  const exported = [0, 1].map(() => {
    const engine = TlsEngine.client(client, { earlyData: ascii(QUESTION) });
    return hex(engine.exportEarlyKeyingMaterial(LABEL, null, 32));
  });
  expect(new Set(exported).size).toBe(2);
});
