import { expect, test } from "vitest";
import { ClientConfig, credential, pinned, ServerConfig } from "../../src/index.ts";
import { ascii, latin1 } from "../../src/bytes.ts";
import { testCertificate } from "../support/certificates.ts";
import { byteByByte, Pair, whole } from "../support/pair.ts";

test.each([
  ["whole flights", whole],
  ["single bytes", byteByByte],
])("client and server agree, and exchange data, over %s", async (_name, split) => {
  const { certificatePem, keyPem, spkiSha256 } = await testCertificate();
  const pair = new Pair(
    new ClientConfig({ serverName: "localhost", trust: pinned([spkiSha256]), alpn: ["b", "a"] }),
    new ServerConfig({
      credentials: [credential({ certificateChain: certificatePem, key: keyPem })],
      alpn: ["a", "b"],
    }),
    split,
  );
  pair.client.engine.write(ascii("early bird"));
  await pair.run();
  expect(pair.client.closed).toBeUndefined();
  expect(pair.server.closed).toBeUndefined();
  expect(pair.client.engine.info).toMatchObject({
    version: "TLSv1.3",
    alpn: "a",
    peer: { kind: "verified" },
    group: "X25519MLKEM768",
  });
  expect(pair.server.engine.info).toMatchObject({ serverName: "localhost", peer: { kind: "none" } });
  expect(latin1(pair.server.received)).toBe("early bird");
  pair.server.engine.write(ascii("worm"));
  pair.server.engine.updateKeys(true);
  await pair.run();
  pair.client.engine.write(ascii("thanks"));
  pair.client.engine.closeWrite();
  await pair.run();
  expect(latin1(pair.client.received)).toBe("worm");
  expect(latin1(pair.server.received)).toBe("early birdthanks");
  expect(pair.server.closed).toEqual({ kind: "clean" });
});
