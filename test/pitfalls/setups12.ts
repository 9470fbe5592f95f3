import type { KeyType, Tls12CipherSuite } from "../../src/crypto/provider.ts";
import {
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
} from "../../src/crypto/suites12.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import type { Forger12 } from "../support/forger12.ts";
import { talkative } from "./extensions.ts";
import { ForgedClient12 } from "./forged-client12.ts";
import { ForgedServer12 } from "./forged-server12.ts";
import { testCredential } from "./leaf-certificate.ts";
import type { Reached } from "./peer-alerts.ts";
import { expectOpen, type Pitfall } from "./pitfall.ts";
import { type ClientSetup12, forgedClient12, forgedServer12, type ServerSetup12 } from "./pitfall12.ts";
import { clientConfig, serverConfig } from "./pitfall13.ts";

export { strayChangeCipherSpec } from "./setups.ts";

/** A server that announces a ticket and sends it. */
export const ticketing = { forger: { issuesTicket: true } } as const satisfies ClientSetup12;

/** A server that asks for a certificate, and a client that has none. */
export const asking12 = { forger: { asksForCertificate: true } } as const satisfies ClientSetup12;

/** A server that announces a CertificateStatus and sends it. */
export const stapling = { forger: { staples: true } } as const satisfies ClientSetup12;

/** A server whose handshake has every message that there is, and a client with a certificate. */
export const everything = {
  config: { clientCredential: testCredential() },
  forger: { asksForCertificate: true, staples: true, issuesTicket: true },
} as const satisfies ClientSetup12;

/** An engine that speaks TLS 1.2 and nothing else. */
export const only12 = { config: { versions: ["TLSv1.2"] } } as const;

/** A suite of CBC, which has to be asked for. */
export const cbc = {
  config: { cipherSuites: ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"] },
  forger: { suite: TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA },
} as const;

/** A suite for a key of a kind. */
export function suiteFor(keyType: KeyType): Tls12CipherSuite {
  const isRsa = keyType === "rsa" || keyType === "rsa-pss";
  return isRsa ? TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 : TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
}

/** A session id that a server gives out. */
export const SESSION_ID: Uint8Array = Uint8Array.from({ length: 32 }, (_, index) => 0x80 + index);

/** A server that resumes a session with a client engine, by an id unless `setup` has tickets; the session's handshake is through. */
export function resumingServer({ config, forger = {} }: ClientSetup12 = {}): ForgedServer12 {
  const sessions = clientConfig(config);
  const options = { credential: testCredential(), sessionId: SESSION_ID, ...forger };
  const first = new ForgedServer12(sessions, options).complete();
  expectOpen(first);
  return new ForgedServer12(sessions, { ...options, session: first.newSession });
}

/** A client that resumes a session with a server engine; the session's handshake is through, with `hello` done to its ClientHello. */
export function resumingClient(
  { config, forger = {} }: ServerSetup12 = {},
  hello: (hello: ClientHello) => ClientHello = (usual) => usual,
): ForgedClient12 {
  const sessions = serverConfig(config);
  const first = new ForgedClient12(sessions, forger);
  first.clientHello(hello);
  expectOpen(first.complete());
  return new ForgedClient12(sessions, { ...forger, session: first.newSession });
}

/** Amid the first flight of the peer. */
export const amid12: Reached = {
  client: () => forgedServer12().upTo("serverKeyExchange"),
  server: () => forgedClient12().upTo("clientKeyExchange"),
};

/** Between the peer's ChangeCipherSpec and its Finished. */
export const behindChange12: Reached = {
  client: () => forgedServer12().upTo("finished"),
  server: () => forgedClient12().upTo("finished"),
};

/** With the handshake behind. */
export const afterHandshake12: Reached = {
  client: () => forgedServer12().complete(),
  server: () => forgedClient12().complete(),
};

/** In front of the first hello, with TLS 1.2 alone. */
export const atTheStart12: Reached = {
  client: () => forgedServer12(only12),
  server: () => forgedClient12(only12),
};

/** The verdict on a record that does not authenticate, whatever the reason. */
export const badRecord = { alert: "bad_record_mac", says: "record does not authenticate" } as const;

/** A test with an engine of each role, whose handshake is through. */
export function withBoth(row: number, name: string, act: (peer: Forger12) => void): readonly Pitfall[] {
  return [
    { row, engine: "client", name, run: () => act(forgedServer12().complete()) },
    { row, engine: "server", name, run: () => act(forgedClient12().complete()) },
  ];
}

/** A test with an engine of each role, which resumes a session. */
export function withBothResuming(
  row: number,
  name: string,
  act: (peer: Forger12) => void,
): readonly Pitfall[] {
  return [
    { row, engine: "client", name, run: () => act(resumingServer().complete()) },
    { row, engine: "server", name, run: () => act(resumingClient().complete()) },
  ];
}

/** Options of a client that asks for ALPN and record_size_limit too. */
export const { config: talkativeOptions = {} } = talkative;

/** A client that asks for all that a ServerHello of TLS 1.2 can answer. */
export const asksForAll: ClientSetup12 = {
  config: { ...talkativeOptions, cipherSuites: [...cbc.config.cipherSuites, "TLS_AES_128_GCM_SHA256"] },
  forger: { suite: cbc.forger.suite },
};
