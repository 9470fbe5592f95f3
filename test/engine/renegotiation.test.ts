import { describe, expect, test } from "vitest";

import { ascii, latin1 } from "../../src/bytes.ts";
import { type AlertName, CipherSuite, type ClientHello, ContentType } from "../../src/index.ts";
import { encodeHandshake } from "../../src/messages/handshake.ts";
import { Pair } from "../support/pair.ts";
import { Scene } from "../support/scripted-peer.ts";
import { expectRefusal } from "./refusal.ts";
import { configsOf, open } from "./versions.ts";

const { client: clientOf, server: serverOf } = configsOf("TLSv1.2");

const HELLO_REQUEST = encodeHandshake("hello_request", {});
/** A whole one, as a client would send it to begin anew. */
const CLIENT_HELLO = (() => {
  const raw = new Scene(serverOf(), clientOf()).peer.peek()?.raw;
  if (raw === undefined) throw new Error("no ClientHello");
  return raw;
})();

/** An engine of `role` behind its handshake. */
function openScene(role: "client" | "server", options: Parameters<typeof clientOf>[0] & {} = {}): Scene {
  const scene =
    role === "client"
      ? new Scene(clientOf(options), serverOf())
      : new Scene(serverOf({ limits: options.limits ?? {} }), clientOf());
  scene.playAll();
  expect(scene.engine.state).toBe("open");
  return scene;
}

function expectRefused(scene: Scene, alert: AlertName): void {
  expect(scene.closed).toMatchObject([{ kind: "error", alertSent: alert }]);
  expect(scene.peer.alerts.at(-1)).toBe(alert);
}

describe.each([
  ["client", "HelloRequest", HELLO_REQUEST],
  ["server", "ClientHello", CLIENT_HELLO],
] as const)("a %s that gets %s after the handshake", (role, _what, request) => {
  test("refuses with a warning, without an event, and the connection goes on both ways", () => {
    const scene = openScene(role);
    scene.injectRecord(ContentType.application_data, ascii("before, "));
    scene.inject(request);
    expect(scene.peer.alerts).toEqual(["no_renegotiation"]);
    scene.injectRecord(ContentType.application_data, ascii("and behind"));
    scene.engine.write(ascii("still here"));
    scene.exchange();
    expect(scene.events.map(({ type }) => type)).toEqual(["handshake-complete", "data", "data"]);
    expect(latin1(scene.peer.data)).toBe("still here");
    expect(scene.engine).toMatchObject({ state: "open", writeState: "open" });
    expect(scene.peer.laterMessages).toEqual([]);
  });

  test("refuses a second time for good, whatever was said between", () => {
    const scene = openScene(role);
    scene.inject(request);
    for (let i = 0; i < 40; i++) scene.injectRecord(ContentType.application_data, ascii("data"));
    scene.inject(request);
    expectRefused(scene, "no_renegotiation");
    expect(scene.peer.alerts).toEqual(["no_renegotiation", "no_renegotiation"]);
    expect(scene.engine.state).toBe("closed");
  });

  test("says nothing after closeWrite(), and reads on", () => {
    const scene = openScene(role);
    scene.engine.closeWrite();
    scene.inject(request);
    scene.injectRecord(ContentType.application_data, ascii("data"));
    expect(scene.peer.alerts).toEqual(["close_notify"]);
    expect(scene.events.map(({ type }) => type)).toEqual(["handshake-complete", "data"]);
    scene.inject(request);
    expect(scene.closed).toMatchObject([{ kind: "error", alertSent: null }]);
  });

  test("takes it in as many records as it comes in, with nothing between them", () => {
    const scene = openScene(role);
    for (const byte of request) scene.injectRecord(ContentType.handshake, Uint8Array.of(byte));
    expect(scene.peer.alerts).toEqual(["no_renegotiation"]);
    expect(scene.closed).toEqual([]);
    const broken = openScene(role);
    broken.injectRecord(ContentType.handshake, request.subarray(0, -1));
    broken.injectRecord(ContentType.application_data, ascii("data"));
    expectRefused(broken, "unexpected_message");
  });

  test.each([
    ["Finished", encodeHandshake("finished", { verifyData: new Uint8Array(12) })],
    [
      "NewSessionTicket",
      encodeHandshake("tls12_new_session_ticket", { ticketLifetimeHint: 1, ticket: Uint8Array.of(1) }),
    ],
    ["KeyUpdate", encodeHandshake("key_update", { requestUpdate: 1 })],
    ["ServerHelloDone", encodeHandshake("server_hello_done", {})],
    ["the other side's", role === "client" ? CLIENT_HELLO : HELLO_REQUEST],
  ])("takes no other message: %s is unexpected_message", (_name, raw) => {
    for (const isSecond of [false, true]) {
      const scene = openScene(role);
      if (isSecond) scene.inject(request);
      scene.inject(raw);
      expectRefused(scene, "unexpected_message");
    }
  });

  test("refuses a ChangeCipherSpec, in the clear and under its keys", () => {
    const clear = openScene(role);
    clear.peer.sendPlaintextRecord(ContentType.change_cipher_spec, Uint8Array.of(1));
    clear.exchange();
    expectRefused(clear, "unexpected_message");
    const hidden = openScene(role);
    hidden.injectRecord(ContentType.change_cipher_spec, Uint8Array.of(1));
    expectRefused(hidden, "unexpected_message");
  });
});

test("a HelloRequest with a body is decode_error", () => {
  const scene = openScene("client");
  scene.inject(Uint8Array.of(0, 0, 0, 1, 0));
  expectRefused(scene, "decode_error");
});

describe("a HelloRequest during the handshake", () => {
  // The last of five messages before ChangeCipherSpec would be the ticket.
  const points = [0, 1, 2, 3];

  test.each(points)("is passed over by a client behind %i messages, and enters no transcript", (played) => {
    const scene = new Scene(clientOf(), serverOf());
    scene.playTimes(played);
    scene.inject(HELLO_REQUEST);
    scene.inject(HELLO_REQUEST);
    scene.playAll();
    expect(scene.events.map(({ type }) => type)).toEqual(["handshake-complete"]);
    expect(scene.peer.established?.version).toBe("TLSv1.2");
    expect(scene.peer.alerts).toEqual([]);
    // It does not count as one of those after the handshake.
    scene.inject(HELLO_REQUEST);
    expect(scene.peer.alerts).toEqual(["no_renegotiation"]);
    expect(scene.closed).toEqual([]);
  });

  test("comes as often as limits.postHandshakeMessages say, and not once more", () => {
    for (const [count, isRefused] of [
      [3, false],
      [4, true],
    ] as const) {
      const scene = new Scene(clientOf({ limits: { postHandshakeMessages: 3 } }), serverOf());
      for (let i = 0; i < count; i++) scene.inject(HELLO_REQUEST);
      if (isRefused) expectRefused(scene, "unexpected_message");
      else expect(scene.playAll().length).toBeGreaterThan(3);
    }
  });

  test("is unexpected_message for a server", () => {
    const scene = new Scene(serverOf(), clientOf());
    scene.inject(HELLO_REQUEST);
    expectRefused(scene, "unexpected_message");
  });
});

describe("a server that does not know RFC 5746", () => {
  /** As of a client of before: its server does not answer with the extension either. */
  const without = ({
    extensions: { renegotiationInfo: _, ...kept },
    ...hello
  }: ClientHello): ClientHello => ({
    ...hello,
    extensions: kept,
  });

  test("is refused, and the error says what may be in front of us", async () => {
    const pair = await new Pair(clientOf({ shapeClientHello: without }), serverOf()).run();
    expectRefusal(
      pair.client,
      "handshake_failure",
      "server does not know renegotiation_info (RFC 5746), and an attacker's handshake may stand before ours",
    );
  });

  test("is talked to when that is said, and sessions with it are resumed", async () => {
    const client = clientOf({
      shapeClientHello: without,
      dangerouslyAllowServerWithoutRenegotiationInfo: true,
    });
    const server = serverOf();
    for (const resumed of [false, true]) {
      const pair = await open(client, server);
      expect(pair.client.engine.info).toMatchObject({ version: "TLSv1.2", resumed });
    }
  });

  test("is another one than a server that answers the signalling suite", async () => {
    const shapeClientHello = (hello: ClientHello): ClientHello => ({
      ...without(hello),
      cipherSuites: [...hello.cipherSuites, CipherSuite.TLS_EMPTY_RENEGOTIATION_INFO_SCSV],
    });
    const pair = await open(clientOf({ shapeClientHello }), serverOf());
    expect(pair.client.engine.info?.version).toBe("TLSv1.2");
  });
});
