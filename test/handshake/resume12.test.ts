import { expect, test } from "vitest";

import { ClientConfig, MemorySessionStore } from "../../src/index.ts";
import { HandshakeIo, type RecordPort } from "../../src/handshake/io.ts";
import { keepClientSession } from "../../src/handshake/resume12.ts";
import { decodeSession12 } from "../../src/handshake/session12.ts";

const NOW = 1_800_000_000;
const WEEK = 7 * 24 * 3600;

/** What a client keeps of a ticket with `hint` seconds, for a session that was made `age` seconds ago. */
function kept(age: number | undefined, hint: number): { created: number; lifetime: number } {
  const sessionStore = new MemorySessionStore();
  const config = new ClientConfig({
    serverName: "localhost",
    dangerouslyAcceptAnyCertificate: true,
    sessionStore,
  });
  const port: Pick<RecordPort, "now" | "runAside"> = {
    now: () => NOW * 1000 + 999,
    runAside: (action) => void action(),
  };
  keepClientSession(config, new HandshakeIo(port as RecordPort), {
    cipherSuite: 0xc02b,
    mainSecret: new Uint8Array(48),
    extendedMainSecret: true,
    peerCertificateType: "x509" as const,
    peerChain: [],
    ocspResponse: null,
    signedCertificateTimestamps: [],
    sessionId: new Uint8Array(),
    ticket: Uint8Array.of(1),
    lifetimeHintSeconds: hint,
    createdAtSeconds: age === undefined ? undefined : NOW - age,
  });
  const session = decodeSession12(sessionStore.get("tls12 client localhost") ?? new Uint8Array());
  if (session === null) throw new Error("no session was kept");
  return { created: session.createdAtSeconds - NOW, lifetime: session.lifetimeSeconds };
}

test("a new ticket of a resumed session keeps the age of its main secret, and lives a week in all", () => {
  expect(kept(undefined, 3600)).toEqual({ created: 0, lifetime: 3600 });
  expect(kept(1000, 3600)).toEqual({ created: -1000, lifetime: 4600 });
  expect(kept(WEEK - 10, 3600)).toEqual({ created: 10 - WEEK, lifetime: WEEK });
  expect(kept(undefined, 2 ** 32 - 1)).toEqual({ created: 0, lifetime: WEEK });
});

test("a ticket without a hint lives two hours", () => {
  expect(kept(undefined, 0)).toEqual({ created: 0, lifetime: 7200 });
});
