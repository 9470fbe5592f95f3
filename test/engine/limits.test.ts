import { describe, expect, test } from "vitest";

import { ascii, concatBytes } from "../../src/bytes.ts";
import {
  type AlertName,
  ContentType,
  type Credential,
  type Limits,
  type TlsVersion,
} from "../../src/index.ts";
import { encodeHandshake } from "../../src/messages/handshake.ts";
import { toyCredential } from "../handshake/toy-provider.ts";
import { Scene } from "../support/scripted-peer.ts";
import { configsOf, VERSIONS } from "./versions.ts";

type ClientOptions = NonNullable<Parameters<ReturnType<typeof configsOf>["client"]>[0]>;

const CCS = Uint8Array.of(1);
const USER_CANCELED = Uint8Array.of(1, 90);

function expectOpen(scene: Scene): void {
  expect(scene.closed).toEqual([]);
  expect(scene.engine.state).not.toBe("closed");
}

function expectRefused(scene: Scene, alert: AlertName): void {
  expect(scene.closed).toMatchObject([{ kind: "error", alertSent: alert }]);
  expect(scene.peer.alerts).toEqual([alert]);
}

/** A client of `version` behind its handshake. */
function sceneOf(version: TlsVersion, limits: Partial<Limits> = {}): Scene {
  const configs = configsOf(version);
  const scene = new Scene(configs.client({ limits }), configs.server());
  scene.playAll();
  return scene;
}

describe.each(VERSIONS)("in %s,", (version) => {
  const { client: toyClient, server: toyServer } = configsOf(version);
  const openScene = (limits: Partial<Limits> = {}): Scene => sceneOf(version, limits);

  describe("with 32 empty records in a row", () => {
    const sendEmpty = (scene: Scene, count: number): void => {
      for (let i = 0; i < count; i++) scene.injectRecord(ContentType.application_data, new Uint8Array());
    };

    test("it goes on, without an event; one more is unexpected_message", () => {
      const scene = openScene();
      sendEmpty(scene, 32);
      expectOpen(scene);
      expect(scene.events).toHaveLength(1);
      sendEmpty(scene, 1);
      expectRefused(scene, "unexpected_message");
    });

    test("data starts the count again", () => {
      const scene = openScene();
      sendEmpty(scene, 32);
      scene.injectRecord(ContentType.application_data, ascii("data"));
      sendEmpty(scene, 32);
      expectOpen(scene);
    });
  });

  describe("warning alerts", () => {
    test("four user_canceled are reported; one more is unexpected_message", () => {
      const scene = openScene();
      for (let i = 0; i < 4; i++) scene.injectRecord(ContentType.alert, USER_CANCELED);
      expect(scene.events.slice(1)).toEqual(
        Array.from({ length: 4 }, () => ({ type: "warning-alert", alert: "user_canceled" })),
      );
      expectOpen(scene);
      scene.injectRecord(ContentType.alert, USER_CANCELED);
      expectRefused(scene, "unexpected_message");
    });

    test("user_canceled and then close_notify during a handshake end it as an alert", () => {
      const scene = new Scene(toyClient(), toyServer());
      scene.play();
      scene.injectRecord(ContentType.alert, USER_CANCELED);
      scene.injectRecord(ContentType.alert, Uint8Array.of(1, 0));
      expect(scene.events).toMatchObject([
        { type: "warning-alert", alert: "user_canceled" },
        { type: "closed", how: { kind: "alert", alert: "close_notify" } },
      ]);
    });

    test("empty records and warnings in turn do not start each other's count again", () => {
      const scene = openScene();
      for (let i = 0; i < 5; i++) {
        scene.injectRecord(ContentType.application_data, new Uint8Array());
        scene.injectRecord(ContentType.alert, USER_CANCELED);
      }
      expectRefused(scene, "unexpected_message");
    });
  });

  describe("a handshake message", () => {
    test("that declares more than 64 KiB is refused by its header, before anything of it is there", () => {
      const scene = new Scene(toyServer(), toyClient());
      scene.peer.sendRecord(ContentType.handshake, Uint8Array.of(1, 1, 0, 0));
      scene.exchange();
      expectOpen(scene);
      const larger = new Scene(toyServer(), toyClient());
      larger.peer.sendRecord(ContentType.handshake, Uint8Array.of(1, 1, 0, 1));
      larger.exchange();
      expectRefused(larger, "illegal_parameter");
    });

    test("behind the handshake has the same limit", () => {
      const scene = openScene({ handshakeMessageBytes: 20_000 });
      scene.injectRecord(
        ContentType.handshake,
        concatBytes(Uint8Array.of(24, 0, 0x4e, 0x21), new Uint8Array(10)),
      );
      expectRefused(scene, "illegal_parameter");
    });
  });

  describe("a certificate list", () => {
    /** A client that has got the server's Certificate, with `chain` in it. */
    async function withChain(
      limits: Partial<Limits>,
      chain: (leaf: Uint8Array) => readonly Uint8Array[],
      options: ClientOptions = {},
    ): Promise<Scene> {
      const own = await toyCredential("server");
      const [leaf = new Uint8Array()] = own.certificateChain;
      const credential: Credential = { ...own, certificateChain: chain(leaf) };
      const scene = new Scene(toyClient({ limits, ...options }), toyServer({ credentials: [credential] }));
      scene.playAll();
      return scene;
    }

    test("of 16 certificates is taken, and one of 17 is bad_certificate", async () => {
      expectOpen(await withChain({}, (leaf) => Array<Uint8Array>(16).fill(leaf)));
      expectRefused(await withChain({}, (leaf) => Array<Uint8Array>(17).fill(leaf)), "bad_certificate");
    });

    test("with a certificate above the limit is bad_certificate", async () => {
      const limits = { certificateBytes: 1000 };
      expectOpen(await withChain(limits, (leaf) => [leaf, new Uint8Array(1000)]));
      expectRefused(await withChain(limits, (leaf) => [leaf, new Uint8Array(1001)]), "bad_certificate");
    });
  });

  describe("records", () => {
    test("of 2^14 bytes are taken, and one byte more of plaintext is record_overflow", () => {
      const scene = openScene();
      scene.injectRecord(ContentType.application_data, new Uint8Array(2 ** 14));
      expect(scene.events.at(-1)).toMatchObject({ type: "data" });
      scene.injectRecord(ContentType.application_data, new Uint8Array(2 ** 14 + 1));
      expectRefused(scene, "record_overflow");
    });
  });
});

describe("in TLSv1.3,", () => {
  const { client: toyClient, server: toyServer } = configsOf("TLSv1.3");
  const openScene = (limits: Partial<Limits> = {}): Scene => sceneOf("TLSv1.3", limits);

  test("32 ChangeCipherSpecs are dropped during a handshake; one more is unexpected_message", () => {
    for (const messages of [0, 2]) {
      const scene = new Scene(toyClient({ middleboxCompatibility: false }), toyServer());
      scene.playTimes(messages);
      for (let i = 0; i < 32; i++) scene.peer.sendPlaintextRecord(ContentType.change_cipher_spec, CCS);
      scene.exchange();
      expectOpen(scene);
      expect(scene.events).toEqual([]);
      scene.peer.sendPlaintextRecord(ContentType.change_cipher_spec, CCS);
      scene.exchange();
      expectRefused(scene, "unexpected_message");
    }
  });

  test("padding of empty records is not content", () => {
    const scene = openScene();
    for (let i = 0; i < 33; i++) {
      scene.peer.sendRecord(ContentType.application_data, new Uint8Array(), 100);
    }
    scene.exchange();
    expectRefused(scene, "unexpected_message");
  });

  test("records with content and padding above 2^14 are record_overflow", () => {
    const scene = openScene();
    scene.peer.sendRecord(ContentType.application_data, new Uint8Array(2 ** 14 - 10), 10);
    scene.exchange();
    expectOpen(scene);
    scene.peer.sendRecord(ContentType.application_data, new Uint8Array(2 ** 14 - 10), 11);
    scene.exchange();
    expectRefused(scene, "record_overflow");
  });

  test("records that declare more than 2^14 + 256 are refused by their header", () => {
    const scene = openScene();
    scene.peer.sendBytes(Uint8Array.of(23, 3, 3, 0x41, 0x00));
    scene.exchange();
    expectOpen(scene);
    const larger = openScene();
    larger.peer.sendBytes(Uint8Array.of(23, 3, 3, 0x41, 0x01));
    larger.exchange();
    expectRefused(larger, "record_overflow");
  });

  test("records above our own record_size_limit are record_overflow, if the peer was told", () => {
    const open = (): Scene => {
      const scene = new Scene(toyClient({ recordSizeLimit: 100 }), toyServer({ recordSizeLimit: 16385 }));
      scene.playAll();
      return scene;
    };
    const fitting = open();
    fitting.injectRecord(ContentType.application_data, new Uint8Array(99));
    expect(fitting.events.map(({ type }) => type)).toEqual(["handshake-complete", "data"]);
    const larger = open();
    larger.injectRecord(ContentType.application_data, new Uint8Array(100));
    expectRefused(larger, "record_overflow");
  });

  describe("messages behind the handshake", () => {
    test("32 KeyUpdates without data are taken; one more is unexpected_message", () => {
      const scene = openScene();
      for (let i = 0; i < 32; i++) scene.peer.updateKeys(1);
      scene.exchange();
      expectOpen(scene);
      scene.peer.updateKeys(0);
      scene.exchange();
      expectRefused(scene, "unexpected_message");
    });

    test("data starts the count again, and an empty record does not", () => {
      for (const [content, isRefused] of [
        [ascii("data"), false],
        [new Uint8Array(), true],
      ] as const) {
        const scene = openScene();
        for (let i = 0; i < 32; i++) scene.peer.updateKeys(0);
        scene.injectRecord(ContentType.application_data, content);
        scene.peer.updateKeys(0);
        scene.exchange();
        if (isRefused) expectRefused(scene, "unexpected_message");
        else expectOpen(scene);
      }
    });

    test("tickets count too", () => {
      const ticket = encodeHandshake("new_session_ticket", {
        ticketLifetime: 1,
        ticketAgeAdd: 0,
        ticketNonce: Uint8Array.of(1),
        ticket: Uint8Array.of(1),
        extensions: {},
      });
      const scene = openScene({ postHandshakeMessages: 3 });
      for (let i = 0; i < 3; i++) scene.inject(ticket);
      expectOpen(scene);
      expect(scene.events.slice(1).map(({ type }) => type)).toEqual(["session", "session", "session"]);
      scene.inject(ticket);
      expectRefused(scene, "unexpected_message");
    });
  });
});

describe("in TLSv1.2,", () => {
  const { client: toyClient, server: toyServer } = configsOf("TLSv1.2");
  const openScene = (): Scene => sceneOf("TLSv1.2");

  test("records that declare more than 2^14 + 2048 are refused by their header", () => {
    const scene = openScene();
    scene.peer.sendBytes(Uint8Array.of(23, 3, 3, 0x48, 0x00));
    scene.exchange();
    expectOpen(scene);
    const larger = openScene();
    larger.peer.sendBytes(Uint8Array.of(23, 3, 3, 0x48, 0x01));
    larger.exchange();
    expectRefused(larger, "record_overflow");
  });

  test("records above our own record_size_limit are record_overflow, if the peer was told", () => {
    const open = (): Scene => {
      const scene = new Scene(toyClient({ recordSizeLimit: 100 }), toyServer({ recordSizeLimit: 16385 }));
      scene.playAll();
      return scene;
    };
    const fitting = open();
    fitting.injectRecord(ContentType.application_data, new Uint8Array(100));
    expect(fitting.events.map(({ type }) => type)).toEqual(["handshake-complete", "data"]);
    const larger = open();
    larger.injectRecord(ContentType.application_data, new Uint8Array(101));
    expectRefused(larger, "record_overflow");
  });
});
