import { describe, expect, test } from "vitest";

import { ascii, latin1 } from "../../src/bytes.ts";
import { ContentType, type CryptoProvider, HandshakeType } from "../../src/index.ts";
import { toyClient, toyServer } from "../handshake/scenarios.ts";
import { Pair } from "../support/pair.ts";
import { Scene } from "../support/scripted-peer.ts";
import { counting } from "./counting-provider.ts";

async function openPair(provider?: CryptoProvider): Promise<Pair> {
  const options = provider === undefined ? {} : { provider };
  return new Pair(toyClient(options), toyServer(options)).run();
}

/** An engine behind its handshake, with a scripted peer. */
function openScene(role: "client" | "server"): Scene {
  const scene = role === "client" ? new Scene(toyClient(), toyServer()) : new Scene(toyServer(), toyClient());
  scene.playAll();
  return scene;
}

/** `request_update` of the KeyUpdates that the peer has got. */
const updates = ({ peer }: Scene): readonly (number | undefined)[] =>
  peer.laterMessages.map((raw) => {
    expect(raw[0]).toBe(HandshakeType.key_update);
    return raw[4];
  });

const types = (scene: { readonly events: readonly { readonly type: string }[] }): readonly string[] =>
  scene.events.map(({ type }) => type);

describe.each(["client", "server"] as const)("a %s", (role) => {
  test("reads on after a KeyUpdate of its peer, and reports it", () => {
    const scene = openScene(role);
    for (const word of ["one", "two", "three"]) {
      scene.peer.updateKeys(0);
      scene.injectRecord(ContentType.application_data, ascii(word));
    }
    expect(scene.events.slice(1)).toEqual(
      ["one", "two", "three"].flatMap((word) => [
        { type: "key-update", direction: "read" },
        { type: "data", data: ascii(word) },
      ]),
    );
    expect(updates(scene)).toEqual([]);
  });

  test("answers many requests with one KeyUpdate, in front of its next data and not before", () => {
    const scene = openScene(role);
    for (let i = 0; i < 5; i++) scene.peer.updateKeys(1);
    scene.exchange();
    expect(types(scene).slice(1)).toEqual(Array<string>(5).fill("key-update"));
    expect(updates(scene)).toEqual([]);
    scene.engine.write(ascii("first"));
    scene.engine.write(ascii("second"));
    scene.exchange();
    expect(updates(scene)).toEqual([0]);
    expect(latin1(scene.peer.data)).toBe("firstsecond");
    expect(scene.events.at(-1)).toEqual({ type: "key-update", direction: "write" });
    scene.peer.updateKeys(1);
    scene.exchange();
    scene.engine.write(ascii("third"));
    scene.exchange();
    expect(updates(scene)).toEqual([0, 0]);
  });

  test("owes nothing any more when it has updated by itself", () => {
    const scene = openScene(role);
    scene.peer.updateKeys(1);
    scene.exchange();
    scene.engine.updateKeys();
    scene.engine.write(ascii("data"));
    scene.exchange();
    expect(updates(scene)).toEqual([0]);
    expect(latin1(scene.peer.data)).toBe("data");
  });

  test("updates its own keys, with and without a request to the peer", () => {
    const scene = openScene(role);
    scene.engine.updateKeys();
    scene.engine.write(ascii("a"));
    scene.engine.updateKeys(true);
    scene.engine.updateKeys(false);
    scene.engine.write(ascii("b"));
    scene.exchange();
    expect(updates(scene)).toEqual([0, 1, 0]);
    expect(latin1(scene.peer.data)).toBe("ab");
    expect(types(scene).slice(1)).toEqual(["key-update", "key-update", "key-update"]);
  });

  test("does not answer a request after closeWrite()", () => {
    const scene = openScene(role);
    scene.engine.closeWrite();
    scene.peer.updateKeys(1);
    scene.injectRecord(ContentType.application_data, ascii("data"));
    expect(types(scene).slice(1)).toEqual(["key-update", "data"]);
    expect(updates(scene)).toEqual([]);
  });

  test("refuses data under the old keys after a KeyUpdate, and data under new keys without one", () => {
    const early = openScene(role);
    early.peer.updateKeys(0);
    early.peer.takeOutput();
    early.injectRecord(ContentType.application_data, ascii("data"));
    expect(early.closed).toMatchObject([{ kind: "error", alertSent: "bad_record_mac" }]);

    const late = openScene(role);
    late.peer.sendRecord(ContentType.application_data, ascii("data"));
    const underOldKeys = late.peer.takeOutput();
    late.peer.updateKeys(0);
    late.exchange();
    late.engine.receive(underOldKeys);
    late.exchange();
    expect(late.closed).toMatchObject([{ kind: "error", alertSent: "bad_record_mac" }]);
  });

  test.each([
    ["another request_update", [24, 0, 0, 1, 2], "illegal_parameter"],
    ["no request_update", [24, 0, 0, 0], "decode_error"],
    ["two bytes", [24, 0, 0, 2, 0, 0], "decode_error"],
    ["more handshake bytes behind it", [24, 0, 0, 1, 0, 24], "unexpected_message"],
    ["another KeyUpdate in its record", [24, 0, 0, 1, 0, 24, 0, 0, 1, 0], "unexpected_message"],
  ])("refuses a KeyUpdate with %s", (_what, raw, alert) => {
    const scene = openScene(role);
    scene.inject(Uint8Array.from(raw));
    expect(scene.closed).toMatchObject([{ kind: "error", alertSent: alert }]);
    expect(scene.peer.alerts).toEqual([alert]);
  });

  test("takes a KeyUpdate in two records", () => {
    const scene = openScene(role);
    scene.injectRecord(ContentType.handshake, Uint8Array.of(24, 0));
    scene.injectRecord(ContentType.handshake, Uint8Array.of(0, 1, 0));
    expect(types(scene).slice(1)).toEqual(["key-update"]);
  });
});

test("updates that cross on their way renew both directions twice", async () => {
  const pair = await openPair();
  pair.client.engine.updateKeys(true);
  pair.server.engine.updateKeys(true);
  await pair.run();
  pair.client.engine.write(ascii("client"));
  pair.server.engine.write(ascii("server"));
  await pair.run();
  for (const { events } of [pair.client, pair.server]) {
    const directions = events.flatMap((event) => (event.type === "key-update" ? [event.direction] : []));
    expect(directions.toSorted()).toEqual(["read", "read", "write", "write"]);
  }
  expect(latin1(pair.server.received)).toBe("client");
  expect(latin1(pair.client.received)).toBe("server");
});

describe("near recordsPerKey", () => {
  test.each([600, 1024])("of %i, keys are renewed by themselves, and no key seals more", async (limit) => {
    const { provider, sealed } = counting(limit);
    const pair = await openPair(provider);
    for (let i = 0; i < 1500; i++) pair.client.engine.write(Uint8Array.of(i & 0xff));
    await pair.run();
    expect(pair.server.received).toEqual(Buffer.from(Uint8Array.from({ length: 1500 }, (_, i) => i & 0xff)));
    expect(Math.max(...sealed)).toBeLessThanOrEqual(limit);
    const renewals = pair.client.events.filter(({ type }) => type === "key-update").length;
    expect(renewals).toBe(Math.floor(1500 / (limit - 511)));
    expect(pair.server.events.filter(({ type }) => type === "key-update")).toHaveLength(renewals);
    pair.server.engine.write(ascii("the other direction has keys of its own"));
    await pair.run();
    expect(pair.client.received).toHaveLength(39);
  });

  test("a large write into small records stays within it too", async () => {
    const { provider, sealed } = counting(900);
    const pair = await new Pair(toyClient({ provider }), toyServer({ provider, recordSizeLimit: 64 })).run();
    // A limit counts when both sides have named one; the server's holds for what the client writes.
    const limited = await new Pair(
      toyClient({ provider, recordSizeLimit: 16385 }),
      toyServer({ provider, recordSizeLimit: 64 }),
    ).run();
    for (const { client, server } of [pair, limited]) {
      client.engine.write(new Uint8Array(200_000).fill(7));
      server.engine.write(ascii("ok"));
    }
    await pair.run();
    await limited.run();
    expect(pair.server.received).toHaveLength(200_000);
    expect(limited.server.received).toHaveLength(200_000);
    expect(limited.server.events.filter(({ type }) => type === "data")).toHaveLength(
      12 * Math.ceil(16384 / 63) + Math.ceil((200_000 - 12 * 16384) / 63),
    );
    expect(limited.client.events.filter(({ type }) => type === "key-update").length).toBeGreaterThan(4);
    expect(Math.max(...sealed)).toBeLessThanOrEqual(900);
  });
});
