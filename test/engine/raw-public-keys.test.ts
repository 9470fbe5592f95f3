import { describe, expect, test } from "vitest";

import {
  type ClientAuth,
  type ClientHelloInfo,
  type ClientOptions,
  ConfigError,
  ExtensionType,
  MemorySessionStore,
  pinned,
  type ServerOptions,
  tofu,
  webPki,
  zlibCompression,
} from "../../src/index.ts";
import { sha256 } from "../../src/crypto/hashes.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import { SeenMessages } from "../support/compression.ts";
import { Pair } from "../support/pair.ts";
import { Asked, clientKey, late, rawClient, rawServer, serverKey, spkiOf } from "./raw-public-keys.ts";
import { expectRefusal } from "./refusal.ts";
import { expectResumed, helloOf, infosOf } from "./sessions.ts";
import { open, VERSIONS } from "./versions.ts";

const RAW = ["raw-public-key"] as const;
const EITHER = ["raw-public-key", "x509"] as const;
const serverPin = sha256.digest(spkiOf(serverKey));
const clientPin = sha256.digest(spkiOf(clientKey));

function asking(trust: Asked, options: Partial<ClientAuth> = {}): ClientAuth {
  return { mode: "require", trust, certificateTypes: RAW, ...options } as ClientAuth;
}

describe.each(VERSIONS)("raw public keys in %s", (version) => {
  test("prove who both sides are", async () => {
    const seen = new SeenMessages();
    const [ofServer, ofClient] = [new Asked(), new Asked()];
    const client = rawClient(version, ofServer, {
      clientCredential: clientKey.raw,
      onMessage: seen.onMessage,
    });
    const pair = await open(client, rawServer(version, { clientAuth: asking(ofClient) }));
    const identity = { kind: "verified", certificateType: "raw-public-key", path: null };
    const [own, peers] = infosOf(pair);
    expect(own?.peer).toEqual({ ...identity, chain: [spkiOf(serverKey)] });
    expect(peers?.peer).toEqual({ ...identity, chain: [spkiOf(clientKey)] });
    expect(own?.peerSignatureScheme).toBe("ecdsa_secp256r1_sha256");
    expect(ofServer.peers).toHaveLength(1);
    expect(ofServer.peers[0]).toMatchObject({
      role: "server",
      serverName: "localhost",
      chain: [spkiOf(serverKey)],
      leaf: {
        certificateType: "raw-public-key",
        certificate: null,
        subjectPublicKeyInfo: spkiOf(serverKey),
        spkiSha256: serverPin,
        keyType: "ecdsa-p256",
      },
    });
    expect(ofClient.peers[0]).toMatchObject({ role: "client", leaf: { spkiSha256: clientPin } });
    const names = ["read certificate", "write certificate"] as const;
    const shown = names.map((name) => {
      const raw = seen.raw.get(name) ?? new Uint8Array();
      if (version === "TLSv1.2") return decodeHandshake("tls12_raw_public_key", raw).subjectPublicKeyInfo;
      const { certificateList } = decodeHandshake("certificate", raw);
      expect(certificateList).toHaveLength(1);
      expect(certificateList[0]?.extensions.order).toEqual([]);
      return certificateList[0]?.certData;
    });
    expect(shown).toEqual([spkiOf(serverKey), spkiOf(clientKey)]);
  });

  test("are agreed on with the hooks that answer late", async () => {
    const [ofServer, ofClient] = [new Asked(true), new Asked(true)];
    const client = rawClient(version, ofServer, {
      clientCertificateTypes: RAW,
      clientCredential: async ({ certificateType }) => {
        await Promise.resolve();
        return certificateType === "raw-public-key" ? late(clientKey.raw) : null;
      },
    });
    let info: ClientHelloInfo | undefined;
    const chooseSetup: ServerOptions["chooseSetup"] = async (hello) => {
      info = hello;
      await Promise.resolve();
      return { credentials: [late(serverKey.raw)], clientAuth: asking(ofClient) };
    };
    const pair = await open(client, rawServer(version, { chooseSetup }));
    expect(infosOf(pair).map((one) => one?.peer.kind)).toEqual(["verified", "verified"]);
    expect(info?.serverCertificateTypes).toEqual([2]);
    expect([ofServer, ofClient].map(({ peers }) => peers.length)).toEqual([1, 1]);
  });

  test("have no channel binding tls-server-end-point, on either side, resumed or not", async () => {
    const [client, server] = [rawClient(version), rawServer(version)];
    for (const resumed of [false, true]) {
      const pair = await open(client, server);
      expectResumed(pair, resumed);
      for (const { engine } of [pair.client, pair.server])
        expect(() => engine.channelBinding("tls-server-end-point")).toThrow(
          /no channel binding tls-server-end-point$/,
        );
    }
  });

  test.each([
    ["by ticket", true] as const,
    version === "TLSv1.2" ? (["by id", false] as const) : (["in the server's store", "stored"] as const),
  ])("are asked about again when a session is resumed %s", async (_how, sessionTickets) => {
    const [ofServer, ofClient] = [new Asked(), new Asked(true)];
    const client = rawClient(version, ofServer, { clientCredential: clientKey.raw });
    const server = rawServer(version, { sessionTickets, clientAuth: asking(ofClient) });
    const first = await open(client, server);
    const second = await open(client, server);
    expectResumed(first, false);
    expectResumed(second, true);
    expect(infosOf(second).map((info) => info?.peer)).toEqual(infosOf(first).map((info) => info?.peer));
    expect(ofServer.peers.map(({ leaf }) => leaf.spkiSha256)).toEqual([serverPin, serverPin]);
    expect(ofClient.peers.map(({ leaf }) => [leaf.certificate, leaf.spkiSha256])).toEqual([
      [null, clientPin],
      [null, clientPin],
    ]);
  });

  test("are not resumed by a client that does not take them any more", async () => {
    const sessionStore = new MemorySessionStore();
    const server = rawServer(version, { credentials: [serverKey.x509, serverKey.raw] });
    await open(rawClient(version, new Asked(), { sessionStore }), server);
    const trust = new Asked();
    const pair = await open(
      rawClient(version, trust, { sessionStore, serverCertificateTypes: ["x509"] }),
      server,
    );
    expectResumed(pair, false);
    expect(trust.peers.map(({ leaf }) => leaf.certificateType)).toEqual(["x509"]);
  });

  test("are not resumed by a server that does not take them any more", async () => {
    const ofClient = new Asked();
    const client = rawClient(version, new Asked(), { clientCredential: [clientKey.raw, clientKey.x509] });
    const server = rawServer(version, { clientAuth: asking(ofClient) });
    await open(client, server);
    const stricter = server.with({
      sessionTickets: server.ticketKeys ?? false,
      clientAuth: asking(ofClient, { certificateTypes: ["x509"] }),
    });
    expectResumed(await open(client, stricter), false);
    expect(ofClient.peers.map(({ leaf }) => leaf.certificateType)).toEqual(["raw-public-key", "x509"]);
  });

  test.each([
    [["raw-public-key"], "raw"],
    [["raw-public-key", "x509"], "raw"],
    [["x509", "raw-public-key"], "x509"],
    [["x509"], "x509"],
    [undefined, "x509"],
  ] as const)("the server shows to a client that takes %s: %s", async (serverCertificateTypes, form) => {
    const credentials = [serverKey.raw, serverKey.x509];
    const options = serverCertificateTypes === undefined ? {} : { serverCertificateTypes };
    const client = rawClient(version, new Asked()).with({
      serverCertificateTypes: undefined,
      ...options,
    } as never);
    const pair = await open(client, rawServer(version, { credentials }));
    expect(infosOf(pair)[0]?.peer).toMatchObject({ chain: serverKey[form].certificateChain });
  });

  test("a server with a certificate alone shows it to a client that would rather have a raw key", async () => {
    const client = rawClient(version, new Asked(), { serverCertificateTypes: EITHER });
    const pair = await open(client, rawServer(version, { credentials: [serverKey.x509] }));
    expect(infosOf(pair)[0]?.peer).toMatchObject({ certificateType: "x509" });
  });

  test("are not spoken of by default", async () => {
    const seen = new SeenMessages();
    const client = rawClient(version, new Asked(), {
      serverCertificateTypes: ["x509"],
      clientCredential: clientKey.x509,
      onMessage: seen.onMessage,
    });
    const clientAuth = { mode: "require", trust: new Asked() } as const;
    const pair = await open(client, rawServer(version, { credentials: [serverKey.x509], clientAuth }));
    const { order = [] } = helloOf(pair.client).extensions;
    expect(order).not.toContain(ExtensionType.client_certificate_type);
    expect(order).not.toContain(ExtensionType.server_certificate_type);
    expect(infosOf(pair).map((info) => info?.peer)).toMatchObject([
      { certificateType: "x509" },
      { certificateType: "x509" },
    ]);
  });

  test("the client's order of credentials decides what it is asked for", async () => {
    const clientAuth = asking(new Asked(), { certificateTypes: ["x509", "raw-public-key"] });
    const server = rawServer(version, { clientAuth });
    for (const forms of [
      ["raw", "x509"],
      ["x509", "raw"],
    ] as const) {
      const clientCredential = forms.map((form) => clientKey[form]);
      const pair = await open(rawClient(version, new Asked(), { clientCredential }), server);
      expect(infosOf(pair)[1]?.peer).toMatchObject({ chain: clientCredential[0]?.certificateChain });
    }
  });

  describe("types that do not fit", () => {
    const plain = (options: Partial<ClientOptions> = {}) =>
      rawClient(version, new Asked(), { serverCertificateTypes: ["x509"], ...options });

    test("a server with raw keys alone refuses a client that takes none", async () => {
      const pair = await new Pair(plain(), rawServer(version)).run();
      const fact = "no certificate type in common: the client takes X509; ours: raw-public-key";
      expectRefusal(pair.server, "unsupported_certificate", fact);
      expect(pair.client.closed).toMatchObject({ kind: "alert", alert: "unsupported_certificate" });
    });

    test("a server without raw keys refuses a client that takes nothing else", async () => {
      const server = rawServer(version, { credentials: [serverKey.x509] });
      const pair = await new Pair(rawClient(version), server).run();
      const fact = "no certificate type in common: the client takes RawPublicKey; ours: x509";
      expectRefusal(pair.server, "unsupported_certificate", fact);
    });

    test("a client that has nothing of what is required is refused", async () => {
      const required = rawServer(version, { clientAuth: asking(new Asked()) });
      const client = rawClient(version, new Asked(), { clientCredential: clientKey.x509 });
      const pair = await new Pair(client, required).run();
      const fact = "no certificate type in common: the client has X509; ours: raw-public-key";
      expectRefusal(pair.server, "unsupported_certificate", fact);
      const other = rawServer(version, { clientAuth: asking(new Asked(), { certificateTypes: ["x509"] }) });
      const raw = rawClient(version, new Asked(), { clientCredential: clientKey.raw });
      expectRefusal((await new Pair(raw, other).run()).server, "unsupported_certificate", /has RawPublicKey/);
    });

    test("a client that has nothing of what is requested is not asked", async () => {
      const seen = new SeenMessages();
      const client = rawClient(version, new Asked(), {
        clientCredential: clientKey.x509,
        onMessage: seen.onMessage,
      });
      const server = rawServer(version, { clientAuth: asking(new Asked(), { mode: "request" }) });
      const pair = await open(client, server);
      expect(infosOf(pair)[1]?.peer).toEqual({ kind: "none" });
      expect([...seen.raw.keys()]).not.toContain("read certificate_request");
    });

    test("a hook that gives another type than was agreed on gives nothing", async () => {
      const client = rawClient(version, new Asked(), {
        clientCertificateTypes: EITHER,
        clientCredential: () => [clientKey.x509],
      });
      const server = rawServer(version, { clientAuth: asking(new Asked(), { mode: "request" }) });
      expect(infosOf(await open(client, server))[1]?.peer).toEqual({ kind: "none" });
    });
  });

  describe("a policy", () => {
    const meet = (
      policies: Pick<ClientOptions & { readonly trust: unknown }, "trust">,
      clientAuth?: ClientAuth,
    ) =>
      new Pair(
        rawClient(version, new Asked(), { ...policies, clientCredential: clientKey.raw } as never),
        rawServer(version, clientAuth === undefined ? {} : { clientAuth }),
      ).run();

    test("pinned() trusts the keys that it has, and no other", async () => {
      const good = await meet({ trust: pinned([serverPin]) }, asking(pinned([clientPin]) as never));
      expect(infosOf(good).map((info) => info?.peer.kind)).toEqual(["verified", "verified"]);
      expectRefusal(
        (await meet({ trust: pinned([clientPin]) })).client,
        "certificate_unknown",
        /is not pinned$/,
      );
      const bad = await meet({ trust: pinned([serverPin]) }, asking(pinned([serverPin]) as never));
      expectRefusal(bad.server, "certificate_unknown", /is not pinned$/);
    });

    test("webPki() trusts none", async () => {
      const anchors = serverKey.x509.certificateChain;
      const fact = /no-certificate: raw public key [0-9a-f]{64}, which no authority vouches for$/;
      expectRefusal((await meet({ trust: webPki(anchors) })).client, "unsupported_certificate", fact);
      const pair = await meet({ trust: pinned([serverPin]) }, asking(webPki(anchors) as never));
      expectRefusal(pair.server, "unsupported_certificate", fact);
    });

    test("tofu() keeps a server's key under its name, and a client's under its own hash", async () => {
      const kept = new Map<string, Uint8Array>();
      const store = {
        get: (name: string) => kept.get(name) ?? null,
        put: (name: string, key: Uint8Array) => void kept.set(name, key),
      };
      const [trust, clientTrust] = [tofu(store), tofu(store)];
      for (let i = 0; i < 2; i++) {
        const pair = await meet({ trust }, asking(clientTrust as never));
        expect(infosOf(pair).map((info) => info?.peer.kind)).toEqual(["verified", "verified"]);
      }
      const clientName = `raw public key ${Buffer.from(clientPin).toString("hex")}`;
      expect(kept).toEqual(
        new Map([
          ["localhost", serverPin],
          [clientName, clientPin],
        ]),
      );
      kept.set("localhost", clientPin);
      expectRefusal(
        (await meet({ trust })).client,
        "certificate_unknown",
        /the key of "localhost" has changed/,
      );
    });

    test("that is none leaves the peer unverified", async () => {
      const any = { dangerouslyAcceptAnyCertificate: true, mode: "require", certificateTypes: RAW } as const;
      const pair = await meet({ trust: new Asked() }, any);
      expect(infosOf(pair)[1]?.peer).toMatchObject({ kind: "unverified", certificateType: "raw-public-key" });
    });
  });
});

describe("raw public keys in TLS 1.3", () => {
  test("are agreed on over a HelloRetryRequest, with a cookie", async () => {
    const client = rawClient("TLSv1.3", new Asked(), {
      keyShares: ["x25519"],
      clientCredential: clientKey.raw,
    });
    const server = rawServer("TLSv1.3", {
      groups: ["secp256r1"],
      helloRetryCookie: true,
      clientAuth: asking(new Asked()),
    });
    const pair = await open(client, server);
    expect(infosOf(pair)).toMatchObject([
      { helloRetried: true, peer: { certificateType: "raw-public-key" } },
      { helloRetried: true, peer: { certificateType: "raw-public-key" } },
    ]);
  });

  test("are in a Certificate that may be compressed", async () => {
    const seen = new SeenMessages();
    const certificateCompression = [zlibCompression()];
    const client = rawClient("TLSv1.3", new Asked(), { certificateCompression, onMessage: seen.onMessage });
    const pair = await open(client, rawServer("TLSv1.3", { certificateCompression }));
    expect(infosOf(pair)[0]?.peer.kind).toBe("verified");
    expect([...seen.raw.keys()].filter((name) => name.endsWith("certificate"))).toHaveLength(1);
  });

  test.each([
    ["that was asked in the handshake too", asking(new Asked(), { mode: "request" })],
    ["that was not asked before", { mode: "none", certificateTypes: RAW } as const],
  ])("are shown behind the handshake by a client %s, resumed or not", async (_what, clientAuth) => {
    const client = rawClient("TLSv1.3", new Asked(), {
      postHandshakeAuth: true,
      clientCredential: clientKey.raw,
    });
    const server = rawServer("TLSv1.3", { clientAuth });
    for (const resumed of [false, true]) {
      const pair = await open(client, server);
      expectResumed(pair, resumed);
      pair.server.engine.requestClientCertificate(asking(new Asked()));
      await pair.run();
      const peer = { kind: "verified", certificateType: "raw-public-key", chain: [spkiOf(clientKey)] };
      expect(pair.server.events.at(-1)).toMatchObject({ type: "client-authenticated", peer });
    }
  });

  test("cannot be asked for behind a handshake that has agreed on certificates", async () => {
    const client = rawClient("TLSv1.3", new Asked(), {
      postHandshakeAuth: true,
      clientCredential: [clientKey.raw, clientKey.x509],
    });
    const pair = await open(client, rawServer("TLSv1.3"));
    const { engine } = pair.server;
    expect(() => engine.requestClientCertificate(asking(new Asked()))).toThrow(ConfigError);
    expect(() => engine.requestClientCertificate({ mode: "none" })).toThrow(ConfigError);
    expect(pair.server.closed).toBeUndefined();
    engine.requestClientCertificate(asking(new Asked(), { certificateTypes: EITHER }));
    await pair.run();
    expect(engine.info?.peer).toMatchObject({ certificateType: "x509" });
  });
});
