import { describe, expect, test } from "vitest";

import { ascii, concatBytes, hex } from "../../src/bytes.ts";
import {
  ContentType,
  HandshakeType,
  MessageContentType,
  TlsEngine,
  type TlsMessage,
} from "../../src/index.ts";
import { End, Pair } from "../support/pair.ts";
import { Scene } from "../support/scripted-peer.ts";
import { recordsOf } from "./man-in-the-middle.ts";
import { configsOf, open, VERSIONS } from "./versions.ts";

describe.each(VERSIONS)("in %s,", (version) => {
  const { client: toyClient, server: toyServer } = configsOf(version);

  describe("onMessage", () => {
    test("sees what one side writes as what the other reads", async () => {
      const seen: Record<"client" | "server", TlsMessage[]> = { client: [], server: [] };
      const pair = new Pair(
        toyClient({ onMessage: (message) => seen.client.push(message) }),
        toyServer({ onMessage: (message) => seen.server.push(message) }),
      );
      pair.client.engine.write(ascii("data"));
      await pair.run();
      if (version === "TLSv1.3") pair.server.engine.updateKeys();
      pair.client.engine.closeWrite();
      await pair.run();
      const messages = (side: "client" | "server", direction: "read" | "write"): readonly string[] =>
        seen[side]
          .filter(
            (message) => message.direction === direction && message.contentType < MessageContentType.HEADER,
          )
          // What is read of ChangeCipherSpec is its header alone.
          .filter(({ contentType }) => contentType !== ContentType.change_cipher_spec)
          .map(({ contentType, messageType, data }) => `${contentType} ${messageType} ${hex(data)}`);
      // ClientHello, in TLS 1.2 ClientKeyExchange, Finished, close_notify.
      expect(messages("client", "write")).toHaveLength(version === "TLSv1.3" ? 3 : 4);
      expect(messages("client", "write")).toEqual(messages("server", "read"));
      // Five messages of a handshake and KeyUpdate, or six with NewSessionTicket.
      expect(messages("server", "write")).toHaveLength(6);
      expect(messages("server", "write")).toEqual(messages("client", "read"));
      const headers = (side: "client" | "server", direction: "read" | "write"): readonly string[] =>
        seen[side]
          .filter((message) => message.direction === direction)
          .filter(({ contentType }) => contentType === MessageContentType.HEADER)
          .map(({ data }) => hex(data));
      expect(headers("client", "write")).toEqual(headers("server", "read"));
      expect(headers("server", "write")).toEqual(headers("client", "read"));
      expect(headers("client", "write")[0]?.slice(0, 6)).toBe("160301");
    });

    test("gets bytes that it may keep and change", async () => {
      const kept: Uint8Array[] = [];
      const spoil = ({ data }: TlsMessage): void => {
        kept.push(data);
        data.fill(0);
      };
      const pair = await new Pair(toyClient({ onMessage: spoil }), toyServer({ onMessage: spoil })).run();
      expect(pair.client.engine.state).toBe("open");
      expect(kept.length).toBeGreaterThan(20);
      expect(kept.every((bytes) => bytes.every((byte) => byte === 0))).toBe(true);
    });

    test("sees the refused message and the alert that answers it", () => {
      const seen: TlsMessage[] = [];
      const scene = new Scene(toyServer({ onMessage: (message) => seen.push(message) }), toyClient());
      scene.peer.sendPlaintextRecord(ContentType.handshake, Uint8Array.of(20, 0, 0, 0));
      scene.exchange();
      const told = seen.filter(({ contentType }) => contentType < MessageContentType.HEADER);
      expect(told.map(({ direction, messageType }) => [direction, messageType])).toEqual([
        ["read", HandshakeType.finished],
        ["write", 10],
      ]);
    });
  });

  describe("hooks that throw", () => {
    test("disturb nothing, and what they throw is given once, oldest first", async () => {
      let count = 0;
      const fail = (): never => {
        throw new Error(`hook ${count++}`);
      };
      const pair = new Pair(toyClient({ onMessage: fail, onKeyLog: fail }), toyServer());
      pair.server.engine.write(ascii("fine"));
      await pair.run();
      expect(pair.client.events.map(({ type }) => type)).toEqual(["handshake-complete", "data"]);
      const errors = pair.client.engine.takeHookErrors();
      expect(errors.length).toBe(count);
      expect(errors.map((error) => (error as Error).message)).toEqual(
        Array.from({ length: count }, (_, i) => `hook ${i}`),
      );
      expect(pair.client.engine.takeHookErrors()).toEqual([]);
      expect(pair.server.engine.takeHookErrors()).toEqual([]);
      expect(new TlsEngine().takeHookErrors()).toEqual([]);
    });

    test("are still told of after the end, and after unwrap()", async () => {
      const failing = toyClient({
        onMessage: () => {
          throw new Error("hook");
        },
      });
      const pair = await new Pair(failing, toyServer()).run();
      pair.client.engine.takeHookErrors();
      pair.client.engine.unwrap();
      pair.server.engine.unwrap();
      await pair.run();
      expect(pair.client.engine.state).toBe("plaintext");
      expect(pair.client.engine.takeHookErrors()).not.toEqual([]);
      const aborted = new End(TlsEngine.client(failing));
      aborted.engine.abort("internal_error");
      expect(aborted.engine.takeHookErrors()).toHaveLength(4);
    });
  });
});

test("in TLS 1.2 onMessage speaks of no inner types and of no other version, once the version is known", async () => {
  const seen: TlsMessage[] = [];
  const client = configsOf("TLSv1.3", "TLSv1.2").client({ onMessage: (message) => seen.push(message) });
  const pair = await open(client, configsOf("TLSv1.2").server());
  pair.client.engine.write(ascii("data"));
  pair.client.engine.closeWrite();
  await pair.run();
  const [, hello, ...others] = seen;
  // Until then it is the highest, as for OpenSSL.
  expect(hello).toMatchObject({ messageType: HandshakeType.client_hello, version: 0x0304 });
  // The header of the ServerHello is read before what is in it.
  const [serverHello, ...rest] = others.slice(1);
  expect(serverHello).toMatchObject({ messageType: HandshakeType.server_hello, direction: "read" });
  expect(new Set(rest.map(({ version }) => version))).toEqual(new Set([0x0303]));
  expect(seen.map(({ contentType }) => contentType)).not.toContain(MessageContentType.INNER_CONTENT_TYPE);
  // Every record has its header, and data nothing else.
  const sent = recordsOf(concatBytes(...pair.client.sent)).map((record) => hex(record.subarray(0, 5)));
  const headers = seen.filter(({ contentType, direction }) => contentType === 256 && direction === "write");
  expect(headers.map(({ data }) => hex(data))).toEqual(sent);
  expect(seen.filter(({ contentType }) => contentType === ContentType.application_data)).toEqual([]);
  const changes = seen.filter(({ contentType }) => contentType === ContentType.change_cipher_spec);
  expect(changes).toMatchObject([{ direction: "write", messageType: 0x0101, data: Uint8Array.of(1) }]);
});

describe("onKeyLog", () => {
  const { client: toyClient, server: toyServer } = configsOf("TLSv1.3");

  test("gives both sides the same lines, in the NSS format", async () => {
    const lines: Record<"client" | "server", string[]> = { client: [], server: [] };
    const pair = await new Pair(
      toyClient({ onKeyLog: (line) => lines.client.push(line) }),
      toyServer({ onKeyLog: (line) => lines.server.push(line) }),
    ).run();
    expect(pair.client.engine.state).toBe("open");
    expect(lines.client).toEqual(lines.server);
    expect(lines.client.map((line) => line.split(" ")[0])).toEqual([
      "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
      "SERVER_HANDSHAKE_TRAFFIC_SECRET",
      "CLIENT_TRAFFIC_SECRET_0",
      "SERVER_TRAFFIC_SECRET_0",
      "EXPORTER_SECRET",
    ]);
    for (const line of lines.client) expect(line).toMatch(/^[A-Z_0]+ [0-9a-f]{64} [0-9a-f]{64}$/);
    expect(new Set(lines.client.map((line) => line.split(" ")[1])).size).toBe(1);
    expect(new Set(lines.client.map((line) => line.split(" ")[2])).size).toBe(5);
  });

  test("gives one line with the main secret in TLS 1.2, which a resumed connection has again", async () => {
    const configs = configsOf("TLSv1.2");
    const lines: Record<"client" | "server", string[]> = { client: [], server: [] };
    const client = configs.client({ onKeyLog: (line) => lines.client.push(line) });
    const server = configs.server({ onKeyLog: (line) => lines.server.push(line) });
    const randoms: string[] = [];
    for (const resumed of [false, true]) {
      const pair = await open(client, server);
      expect(pair.client.engine.info?.resumed).toBe(resumed);
      // Header of the record, header of the message, legacy_version.
      randoms.push(hex(pair.client.sent[0]?.subarray(5 + 4 + 2, 5 + 4 + 2 + 32) ?? new Uint8Array()));
    }
    expect(lines.client).toEqual(lines.server);
    expect(lines.client).toHaveLength(2);
    const parts = lines.client.map((line) => line.split(" "));
    expect(parts.map(([label, random]) => `${label} ${random}`)).toEqual(
      randoms.map((random) => `CLIENT_RANDOM ${random}`),
    );
    for (const [, , secret] of parts) expect(secret).toMatch(/^[0-9a-f]{96}$/);
    expect(parts[0]?.[2]).toBe(parts[1]?.[2]);
  });
});
