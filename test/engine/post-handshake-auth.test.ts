import { describe, expect, test } from "vitest";

import {
  type ClientAuth,
  type ClientOptions,
  ConfigError,
  type Credential,
  type ServerOptions,
  zlibCompression,
} from "../../src/index.ts";
import { ascii, latin1 } from "../../src/bytes.ts";
import { toyClient, toyServer } from "../handshake/scenarios.ts";
import { toyCredential } from "../handshake/toy-provider.ts";
import { SeenMessages } from "../support/compression.ts";
import { Pair } from "../support/pair.ts";

const own = await toyCredential("client");
const anybody: ClientAuth = { mode: "require", dangerouslyAcceptAnyCertificate: true };
const requested: ClientAuth = { mode: "request", dangerouslyAcceptAnyCertificate: true };

async function open(client: Partial<ClientOptions> = {}, server: Partial<ServerOptions> = {}): Promise<Pair> {
  const pair = new Pair(
    toyClient({ postHandshakeAuth: true, clientCredential: own, ...client }),
    toyServer(server),
  );
  return await pair.run();
}

function kinds({ server }: Pair): readonly string[] {
  return server.events.map(({ type }) => type);
}

describe("a server that asks behind the handshake", () => {
  test("learns who the client is, and the connection goes on", async () => {
    const pair = await open();
    expect(pair.server.engine.info?.peer).toEqual({ kind: "none" });
    pair.server.engine.requestClientCertificate(anybody);
    await pair.run();
    const peer = {
      kind: "unverified",
      certificateType: "x509",
      chain: own.certificateChain,
      reason: "any certificate is accepted",
    };
    expect(pair.server.events.at(-1)).toEqual({ type: "client-authenticated", peer });
    expect(pair.server.engine.info).toMatchObject({ peer, peerSignatureScheme: expect.any(String) });
    pair.client.engine.write(ascii("still here"));
    pair.server.engine.write(ascii("so am I"));
    await pair.run();
    expect(latin1(pair.server.received)).toBe("still here");
    expect(latin1(pair.client.received)).toBe("so am I");
  });

  test("asks with the client authentication of its config, and of several requests gets an answer to each", async () => {
    const pair = await open(
      {},
      { clientAuth: requested, chooseSetup: () => ({ clientAuth: { mode: "none" } }) },
    );
    pair.server.engine.requestClientCertificate();
    pair.server.engine.requestClientCertificate();
    await pair.run();
    expect(kinds(pair).filter((type) => type === "client-authenticated")).toHaveLength(2);
  });

  test("is answered under the keys of the moment, after KeyUpdates of both sides", async () => {
    const pair = await open();
    pair.client.engine.updateKeys(true);
    await pair.run();
    pair.server.engine.updateKeys(true);
    pair.server.engine.requestClientCertificate(anybody);
    await pair.run();
    expect(pair.server.engine.info?.peer.kind).toBe("unverified");
    expect(pair.client.closed).toBeUndefined();
  });

  test("goes on without a certificate where it has only requested one", async () => {
    const pair = await open({ clientCredential: () => null });
    pair.server.engine.requestClientCertificate(requested);
    await pair.run();
    expect(pair.server.events.at(-1)).toEqual({ type: "client-authenticated", peer: { kind: "none" } });
    expect(pair.server.closed).toBeUndefined();
  });

  test("refuses a client without one where it requires one", async () => {
    const pair = await open({ clientCredential: [] });
    pair.server.engine.requestClientCertificate(anybody);
    await pair.run();
    expect(pair.server.closed).toMatchObject({ kind: "error", alertSent: "certificate_required" });
    expect(pair.client.closed).toMatchObject({ kind: "alert", alert: "certificate_required" });
  });

  test("refuses what its policy refuses, with its alert", async () => {
    const trust = {
      verify: () => ({ trust: "rejected", reason: "unknown", alert: "access_denied" }) as const,
    };
    const pair = await open();
    pair.server.engine.requestClientCertificate({ mode: "require", trust });
    await pair.run();
    expect(pair.client.closed).toMatchObject({ kind: "alert", alert: "access_denied" });
  });

  test("gets a certificate that is compressed, if both can", async () => {
    const [leaf = new Uint8Array()] = own.certificateChain;
    const clientCredential = { ...own, certificateChain: [leaf, leaf, leaf] };
    for (const [offer, name] of [
      [[zlibCompression()], "read compressed_certificate"],
      [[], "read certificate"],
    ] as const) {
      const seen = new SeenMessages();
      const pair = await open(
        { clientCredential, certificateCompression: [zlibCompression()] },
        { certificateCompression: offer, onMessage: seen.onMessage },
      );
      for (let i = 0; i < 2; i++) {
        pair.server.engine.requestClientCertificate(anybody);
        await pair.run();
      }
      expect(seen.certificates.slice(1)).toEqual([name, name]);
      expect(pair.server.engine.info?.peer).toMatchObject({ chain: [leaf, leaf, leaf] });
    }
  });

  test("waits for a policy and a key that answer late, while both sides write", async () => {
    const late = async <T>(value: T): Promise<T> => (await Promise.resolve(), value);
    const key = {
      ...own.key,
      sign: async (...args: Parameters<Credential["key"]["sign"]>) => late(await own.key.sign(...args)),
    };
    const pair = await open({ clientCredential: () => late({ ...own, key }) });
    const trust = { verify: () => late({ trust: "verified" } as const) };
    pair.server.engine.requestClientCertificate({ mode: "require", trust });
    pair.client.engine.write(ascii("before"));
    pair.server.engine.write(ascii("meanwhile"));
    await pair.run();
    expect(pair.server.engine.info?.peer.kind).toBe("verified");
    expect(latin1(pair.server.received)).toBe("before");
    expect(latin1(pair.client.received)).toBe("meanwhile");
  });

  test("must not ask a client that has not offered it, one of TLS 1.2, in plaintext, or for nothing", async () => {
    for (const options of [{ postHandshakeAuth: false }, { versions: ["TLSv1.2"] as const }]) {
      const pair = await open(options);
      expect(() => pair.server.engine.requestClientCertificate(anybody)).toThrow(TypeError);
      expect(pair.server.engine.takeOutput()).toBeNull();
    }
    const pair = await open();
    expect(() => pair.server.engine.requestClientCertificate()).toThrow(ConfigError);
    expect(() => pair.server.engine.requestClientCertificate({ mode: "none" })).toThrow(ConfigError);
    expect(() => pair.client.engine.requestClientCertificate(anybody)).toThrow(TypeError);
  });
});

test("a client whose direction is closed does not answer", async () => {
  const pair = await open();
  pair.server.engine.requestClientCertificate(anybody);
  pair.client.engine.closeWrite();
  await pair.run();
  expect(pair.server.engine.info?.peer).toEqual({ kind: "none" });
  expect(pair.server.closed).toEqual({ kind: "clean" });
  expect(pair.client.closed).toBeUndefined();
});

test("a client is asked 256 times at most, whatever comes in between", async () => {
  const pair = await open({ clientCredential: [] });
  for (let i = 0; i < 257; i++) {
    expect(pair.client.closed).toBeUndefined();
    pair.server.engine.requestClientCertificate(requested);
    pair.server.engine.write(ascii("data"));
    pair.client.engine.write(ascii("data"));
    await pair.run();
  }
  expect(pair.client.closed).toMatchObject({ kind: "error", alertSent: "unexpected_message" });
});
