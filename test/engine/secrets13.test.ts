import { describe, expect, test } from "vitest";

import { ascii, hex } from "../../src/bytes.ts";
import {
  ContentType,
  type CryptoProvider,
  externalPsk,
  NEED_DATA,
  type ServerOptions,
  TlsEngine,
} from "../../src/index.ts";
import { decodeSession13, encodeSession13 } from "../../src/handshake/session13.ts";
import { encodeHandshake } from "../../src/messages/handshake.ts";
import type { toyClient } from "../handshake/scenarios.ts";
import { toyCredential, toyProvider } from "../handshake/toy-provider.ts";
import { End, Pair } from "../support/pair.ts";
import { Scene } from "../support/scripted-peer.ts";
import { ENDS } from "./ends.ts";
import { OpenStore } from "./sessions.ts";
import { client13, copyOf, server13 } from "./sessions13.ts";
import { WatchedProvider, watchedStore } from "./watched-provider.ts";

/** A handshake of TLS 1.3 with a PSK, or with tickets behind it, in which one side is watched. */
interface Scenario13 {
  readonly title: string;
  readonly role: "client" | "server";
  readonly client?: NonNullable<Parameters<typeof toyClient>[0]>;
  readonly server?: Partial<ServerOptions>;
  /** Whether the client comes back; it takes no full handshake then, unless `full` says so. */
  readonly comesBack?: true;
  readonly full?: true;
}

const clientCredential = await toyCredential("client");
const asksForCertificate = {
  clientAuth: { mode: "require", dangerouslyAcceptAnyCertificate: true },
} as const satisfies Partial<ServerOptions>;
const missing = { keyShares: ["x25519"] } as const;
const retrying = { groups: ["secp256r1"] } as const;
const psk = externalPsk({ identity: ascii("device"), key: new Uint8Array(32).fill(0x5e) });
const of384 = externalPsk({ identity: ascii("384"), key: new Uint8Array(32).fill(0x5e), hash: "SHA-384" });
const psks = { externalPsks: [of384, psk] };
const findPsk = (identity: Uint8Array) => (hex(identity) === hex(psk.identity) ? psk : null);
const stored = { sessionTickets: "stored" } as const;
const psk_ke = { pskModes: ["psk_ke"] } as const;

const SCENARIOS13: readonly Scenario13[] = (["client", "server"] as const).flatMap((role) => [
  { title: `${role} of a full handshake with tickets`, role },
  { title: `${role} of a full handshake with sessions in a store`, role, server: stored },
  { title: `${role} that resumes`, role, comesBack: true },
  { title: `${role} that resumes from the server's store`, role, server: stored, comesBack: true },
  {
    title: `${role} that resumes a session with a client certificate`,
    role,
    client: { clientCredential },
    server: asksForCertificate,
    comesBack: true,
  },
  {
    title: `${role} that resumes behind HelloRetryRequest`,
    role,
    client: missing,
    server: { ...retrying, helloRetryCookie: true },
    comesBack: true,
  },
  {
    title: `${role} that resumes without a key exchange`,
    role,
    client: psk_ke,
    server: psk_ke,
    comesBack: true,
  },
  {
    title: `${role} that passes over a session`,
    role,
    // A full handshake, since there is no mode in common.
    client: psk_ke,
    server: { pskModes: ["psk_dhe_ke"] },
    comesBack: true,
    full: true,
  },
  { title: `${role} with an external PSK`, role, client: psks, server: { findPsk } },
  {
    title: `${role} with an external PSK behind HelloRetryRequest`,
    role,
    client: { ...psks, ...missing },
    server: { findPsk, ...retrying },
  },
]);

/** What starts a scenario, any number of times. What belongs to the config is not watched. */
async function prepared({ role, client = {}, server = {}, comesBack }: Scenario13) {
  const kept = { client: new OpenStore(), server: new OpenStore() };
  // A server that is not watched gives the session, and another one has its tickets.
  const giver = server13({
    ...server,
    pskModes: client.pskModes ?? ["psk_dhe_ke"],
    sessionStore: kept.server,
  });
  if (comesBack) {
    await new Pair(client13({ ...client, sessionStore: kept.client }), giver).run();
    expect(kept.client.sessions.size).toBe(2);
  }
  return () => {
    const watch = new WatchedProvider(toyProvider());
    const optionsOf = (side: "client" | "server") =>
      side === role
        ? { provider: watch.provider, sessionStore: watchedStore(watch, copyOf(kept[side]).sessions) }
        : { sessionStore: copyOf(kept[side]) };
    const configs = {
      client: client13({ ...client, ...optionsOf("client") }),
      server: server13({
        ...server,
        ...optionsOf("server"),
        sessionTickets: giver.ticketKeys ?? "stored",
      }),
    };
    const { client: own, server: peer } = configs;
    return { scene: role === "client" ? new Scene(own, peer) : new Scene(peer, own), watch };
  };
}

const prepareds = await Promise.all(
  SCENARIOS13.map(async (scenario) => [scenario.title, scenario, await prepared(scenario)] as const),
);

describe.each(prepareds)("TLS 1.3: %s", (_title, scenario, start) => {
  const { length } = start().scene.playAll();

  test.each(Object.entries(ENDS))("has wiped every secret after %s, whenever it comes", (_what, end) => {
    for (let played = 0; played <= length; played++) {
      const { scene, watch } = start();
      scene.playTimes(played);
      end(scene);
      scene.exchange();
      expect(scene.engine.state).toBe("closed");
      expect(watch.alive, `behind ${played} messages`).toEqual([]);
    }
  });

  test("holds what the connection needs while it is open, and nothing after a clean end", () => {
    const { scene, watch } = start();
    scene.playAll();
    const { info } = scene.engine;
    const isPsk = scenario.client?.externalPsks !== undefined;
    expect(info).toMatchObject({ resumed: scenario.comesBack === true && scenario.full !== true });
    if (isPsk) expect(info?.peer.kind).toBe("psk");
    expect(watch.seen).toBeGreaterThan(10);
    // Traffic secrets; and the one for tickets, once it was used. Of PSKs nothing is left, whether they were taken or not.
    const hasTickets = !isPsk && scenario.full !== true;
    expect(watch.alive).toEqual([
      ...Array.from({ length: hasTickets ? 3 : 2 }, () => "HMAC key"),
      "opener",
      "sealer",
    ]);
    scene.engine.write(ascii("data"));
    scene.injectRecord(ContentType.application_data, ascii("data"));
    scene.injectRecord(ContentType.alert, Uint8Array.of(1, 0));
    scene.engine.closeWrite();
    expect(watch.alive).toEqual([]);
  });
});

test("a client whose handshake has ended wipes what a ticket brings when the connection is over, but for the host's", async () => {
  const watch = new WatchedProvider(toyProvider());
  const client = client13({ provider: watch.provider, sessionStore: watchedStore(watch) });
  const scene = new Scene(client, server13({ ticketCount: 0 }));
  scene.playAll();
  scene.inject(
    encodeHandshake("new_session_ticket", {
      ticketLifetime: 60,
      ticketAgeAdd: 1,
      ticketNonce: Uint8Array.of(0),
      ticket: Uint8Array.of(1),
      extensions: {},
    }),
  );
  const session = scene.events.find(({ type }) => type === "session");
  if (session?.type !== "session") throw new Error("no session");
  expect(watch.alive).not.toContain("session");
  scene.engine.abort();
  expect(watch.alive).toEqual([]);
  expect(session.session.preSharedKey.some((byte) => byte !== 0)).toBe(true);
});

describe("the state of a session", () => {
  /** A client that comes back. What its session is decoded to is not seen from outside: the PSK is looked for in what goes into HMACs. */
  async function returning(role: "client" | "server") {
    const store = new OpenStore();
    const server = server13({ ticketCount: 1 });
    await new Pair(client13({ sessionStore: store }), server).run();
    const [kept = new Uint8Array()] = store.sessions.values();
    const secret = hex(decodeSession13(kept.slice())?.preSharedKey ?? new Uint8Array());
    const seen: Uint8Array[] = [];
    const provider = toyProvider();
    const listening: CryptoProvider = {
      ...provider,
      cipherSuites: provider.cipherSuites.map((suite) => ({
        ...suite,
        hash: {
          ...suite.hash,
          hmac: (key, data) => {
            if (hex(data) === secret) seen.push(data);
            return suite.hash.hmac(key, data);
          },
        },
      })),
    };
    const pair = new Pair(
      client13({ sessionStore: store, ...(role === "client" && { provider: listening }) }),
      server13({
        sessionTickets: server.ticketKeys ?? false,
        ...(role === "server" && { provider: listening }),
      }),
    );
    return { pair, alive: () => seen.map((bytes) => bytes.some((byte) => byte !== 0)) };
  }

  test.each(["client", "server"] as const)(
    "that a %s has decoded is wiped when the handshake has ended",
    async (role) => {
      const { pair, alive } = await returning(role);
      await pair.run();
      expect(pair[role].engine.info?.resumed).toBe(true);
      expect(alive()).toEqual([false]);
    },
  );

  test.each(["client", "server"] as const)(
    "that a %s has decoded is wiped when the handshake is cut off",
    async (role) => {
      const { pair, alive } = await returning(role);
      pair.server.engine.receive(pair.client.engine.takeOutput() ?? new Uint8Array());
      expect(pair.server.drain()).toBeUndefined();
      expect(alive()).toEqual([true]);
      pair[role].engine.abort();
      expect(alive()).toEqual([false]);
    },
  );

  test("that a client has offered to a server of TLS 1.2 is wiped when that has answered", async () => {
    const watch = new WatchedProvider(toyProvider());
    const store = new OpenStore();
    await new Pair(client13({ sessionStore: store }), server13()).run();
    const client = client13({
      versions: ["TLSv1.3", "TLSv1.2"],
      provider: watch.provider,
      sessionStore: store,
      externalPsks: [psk],
    });
    const scene = new Scene(client, server13({ versions: ["TLSv1.2"] }));
    expect(watch.alive.filter((what) => what === "HMAC key")).toHaveLength(2);
    scene.play();
    expect(watch.alive).not.toContain("HMAC key");
    scene.playAll();
    expect(scene.engine.info).toMatchObject({ version: "TLSv1.2" });
  });

  test("that a client drops, since it is too old or not trusted any more, is wiped with it", async () => {
    const store = new OpenStore();
    await new Pair(client13({ sessionStore: store }), server13()).run();
    const seen: Uint8Array[] = [];
    store.change((bytes) => {
      const session = decodeSession13(bytes);
      if (session === null) throw new Error("no session");
      return encodeSession13({ ...session, lifetimeSeconds: 0 });
    });
    const client = client13({
      sessionStore: {
        get: () => null,
        put: () => undefined,
        take: (key) => {
          const session = store.take(key);
          if (session !== null) seen.push(session);
          return session;
        },
      },
    });
    const end = new End(TlsEngine.client(client));
    expect(end.engine.nextEvent()).toBe(NEED_DATA);
    expect(seen).toHaveLength(2);
    for (const session of seen) expect(hex(session)).toBe("00".repeat(session.length));
  });
});
