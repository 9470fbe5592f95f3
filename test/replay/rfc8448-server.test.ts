import { constants, createPrivateKey, sign } from "node:crypto";

import { describe, expect, test } from "vitest";

import { equalBytes, hex } from "../../src/bytes.ts";
import { sha256 } from "../../src/crypto/hashes.ts";
import { TLS_AES_128_GCM_SHA256 } from "../../src/crypto/suites.ts";
import { encodeSession13 } from "../../src/handshake/session13.ts";
import {
  credential,
  ExtensionType,
  MemoryReplayStore,
  nobleProvider,
  ServerConfig,
  type SigningKey,
  TicketKeys,
  TlsEngine,
} from "../../src/index.ts";
import { decodeHandshake, encodeHandshake } from "../../src/messages/handshake.ts";
import { EarlySecret, ExporterSecret, type HandshakeSecret } from "../../src/schedule/tls13.ts";
import { Transcript } from "../../src/schedule/transcript.ts";
import { checkProof } from "../observer/proofs.ts";
import { ConnectionObserver, keyLogSecrets, type ObservedMessage } from "../support/observer.ts";
import { End } from "../support/pair.ts";
import { rfc8448ServerRsaKey, rfc8448Trace, type Trace } from "../support/vectors.ts";
import { asUsed, traceProvider, type UsedKeys } from "./rfc8448-provider.ts";
import {
  earlyDataOf,
  InjectedRandom,
  messagesOf,
  printedByEither,
  printedKeyLog,
  type PrintedRecord,
  printedRecords,
  privateKeysOf,
  trafficKeysOf,
} from "./rfc8448-trace.ts";

/** Extensions of ServerHello and HelloRetryRequest in the traces. Ours have another order, which a server is free to choose. */
const EXTENSION_ORDER: readonly number[] = [
  ExtensionType.pre_shared_key,
  ExtensionType.key_share,
  ExtensionType.cookie,
  ExtensionType.supported_versions,
];

/** A ServerHello or HelloRetryRequest of ours, with its extensions in the order of the traces. */
function inTraceOrder({ name, raw }: ObservedMessage): Uint8Array {
  const order = EXTENSION_ORDER;
  if (name === "hello_retry_request") {
    const hello = decodeHandshake(name, raw);
    return encodeHandshake(name, { ...hello, extensions: { ...hello.extensions, order } });
  }
  const hello = decodeHandshake("server_hello", raw);
  return encodeHandshake("server_hello", { ...hello, extensions: { ...hello.extensions, order } });
}

interface Replay {
  readonly section: 3 | 4 | 5 | 6 | 7;
  readonly group: "x25519" | "secp256r1";
  readonly asksClient?: true;
  /** Resumes the session of §3, so many milliseconds after its ticket, and takes early data. */
  readonly resumesAfterMs?: number;
  /** ChangeCipherSpec records of the server. */
  readonly changeCipherSpecs: 0 | 1;
}

const replays: readonly Replay[] = [
  { section: 3, group: "x25519", changeCipherSpecs: 0 },
  { section: 4, group: "x25519", resumesAfterMs: 6, changeCipherSpecs: 0 },
  { section: 5, group: "secp256r1", changeCipherSpecs: 0 },
  { section: 6, group: "x25519", asksClient: true, changeCipherSpecs: 0 },
  { section: 7, group: "x25519", changeCipherSpecs: 1 },
];

/** Signs with the RSA key of RFC 8448 §2, whose 1024 bits our own signing keys refuse. */
function traceRsaKey(): SigningKey {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
  const key = rfc8448ServerRsaKey();
  const jwk = {
    kty: "RSA",
    n: base64(key.modulus),
    e: base64(key.publicExponent),
    d: base64(key.privateExponent),
    p: base64(key.prime1),
    q: base64(key.prime2),
    dp: base64(key.exponent1),
    dq: base64(key.exponent2),
    qi: base64(key.coefficient),
  };
  const privateKey = createPrivateKey({ key: jwk, format: "jwk" });
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return {
    keyType: "rsa",
    schemes: [0x0804],
    subjectPublicKeyInfo: undefined,
    sign: (_scheme, content) =>
      new Uint8Array(
        sign("sha256", content, { key: privateKey, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }),
      ),
  };
}

/** Gives the printed signature of §6, whose ECDSA key is not printed. It cannot be right: our transcript is another one. */
function printedSignature(trace: Trace): SigningKey {
  const [message = new Uint8Array()] = messagesOf(trace, "server", "CertificateVerify");
  const { algorithm, signature } = decodeHandshake("certificate_verify", message);
  return {
    keyType: "ecdsa-p256",
    schemes: [algorithm],
    subjectPublicKeyInfo: undefined,
    sign: () => signature,
  };
}

/** What the server draws: the cookie of §5, its random, its private key. */
function serverDraws(trace: Trace): readonly Uint8Array[] {
  const hellos = messagesOf(trace, "server", "ServerHello");
  const [first = new Uint8Array(), second] = hellos;
  const keys = privateKeysOf(trace, "server");
  if (second === undefined) return [decodeHandshake("server_hello", first).random, ...keys];
  const { cookie } = decodeHandshake("hello_retry_request", first).extensions;
  if (cookie === undefined) throw new Error(`${trace.source}: HelloRetryRequest has no cookie`);
  return [cookie, decodeHandshake("server_hello", second).random, ...keys];
}

/** Opens the ticket of §3, which is sealed by keys of others, to the session that it stands for. */
class TraceTicketKeys extends TicketKeys {
  constructor() {
    super({ provider: nobleProvider() });
  }

  override open(ticket: Uint8Array): Uint8Array | null {
    const trace = rfc8448Trace(3);
    const [message = new Uint8Array()] = messagesOf(trace, "server", "NewSessionTicket");
    const printed = decodeHandshake("new_session_ticket", message);
    if (!equalBytes(ticket, printed.ticket)) return null;
    return encodeSession13({
      role: "server",
      cipherSuite: TLS_AES_128_GCM_SHA256.id,
      preSharedKey: printedByEither(trace, "derive", "resumption").expanded,
      ticketAtMs: 0,
      ageAdd: printed.ticketAgeAdd,
      maxEarlyDataBytes: printed.extensions.earlyData ?? null,
      alpn: new Uint8Array(),
      createdAtSeconds: 0,
      lifetimeSeconds: printed.ticketLifetime,
      serverName: "server",
      peerCertificateType: "x509",
      peerChain: [],
      ocspResponse: null,
      signedCertificateTimestamps: [],
      endPointBinding: new Uint8Array(),
    });
  }
}

/** The ClientHellos of a trace, and its early data, against our server. */
function replayTrace(trace: Trace, { group, section, asksClient, resumesAfterMs = 0 }: Replay) {
  const random = new InjectedRandom(serverDraws(trace));
  const usedKeys: UsedKeys[] = [];
  const keyLog: string[] = [];
  const [certificate] = messagesOf(trace, "server", "Certificate");
  const [ofSection3 = new Uint8Array()] = messagesOf(rfc8448Trace(3), "server", "Certificate");
  const { certificateList } = decodeHandshake("certificate", certificate ?? ofSection3);
  const config = new ServerConfig({
    credentials: [
      credential({
        certificateChain: certificateList.map(({ certData }) => certData),
        key: section === 6 ? printedSignature(trace) : traceRsaKey(),
      }),
    ],
    provider: traceProvider(random.draw, usedKeys),
    groups: [group],
    helloRetryCookie: section === 5,
    recordSizeLimit: 0x4001,
    sessionTickets: new TraceTicketKeys(),
    earlyData: { maxBytes: 1024, replayStore: new MemoryReplayStore({ now: () => 0 }) },
    now: () => resumesAfterMs,
    onKeyLog: (line) => keyLog.push(line),
    ...(asksClient && { clientAuth: { mode: "require", dangerouslyAcceptAnyCertificate: true } }),
  });
  const server = new End(TlsEngine.server(config));
  const output: { readonly sender: "client" | "server"; readonly bytes: Uint8Array }[] = [];
  const early = earlyDataOf(trace);
  const isHelloOrEarly = ({ sender, payload, record }: PrintedRecord): boolean =>
    sender === "client" && (record[0] === 22 || payload === early);
  for (const { record } of printedRecords(trace).filter(isHelloOrEarly)) {
    server.engine.receive(record);
    if (server.drain() !== undefined) throw new Error("the server waits for a hook");
    const bytes = server.engine.takeOutput() ?? new Uint8Array();
    output.push({ sender: "client", bytes: record }, { sender: "server", bytes });
  }
  const observer = new ConnectionObserver(keyLogSecrets(keyLog));
  for (const { sender, bytes } of output) observer.carry(sender, bytes);
  return { config, server, observer, keyLog, usedKeys, random };
}

/** The handshake secrets of the printed key exchange over the transcript of our messages. */
function expectedSecrets(trace: Trace, messages: readonly ObservedMessage[]): HandshakeSecret {
  const transcript = new Transcript();
  transcript.start(sha256);
  for (const { name, raw } of messages) {
    if (name === "hello_retry_request") transcript.replaceByMessageHash();
    transcript.add(raw);
    if (name === "server_hello") break;
  }
  const { inputKeyingMaterial } = printedByEither(trace, "extract", "handshake");
  const isResumed = trace.steps.some(({ action }) => action === "bind");
  const preSharedKey = isResumed ? printedByEither(trace, "extract", "early").inputKeyingMaterial : undefined;
  return new EarlySecret(sha256, preSharedKey).handshake(inputKeyingMaterial, transcript.digest());
}

describe.each(replays)("RFC 8448 §$section, with our server", (replay) => {
  const trace = rfc8448Trace(replay.section);
  const { server, observer, keyLog, usedKeys, random } = replayTrace(trace, replay);
  const sent = observer.messages.filter(({ sender }) => sender === "server");
  const isResumed = replay.resumesAfterMs !== undefined;

  test("answers with the printed ServerHello (and HelloRetryRequest), but for the order of their extensions", () => {
    const printed = messagesOf(trace, "server", "ServerHello");
    const hellos = sent.filter(({ name }) => name === "server_hello" || name === "hello_retry_request");
    expect(hellos.map((hello) => hex(inTraceOrder(hello)))).toEqual(printed.map(hex));
    expect(hellos.length).toBe(replay.section === 5 ? 2 : 1);
    expect(random.left).toBe(0);
    expect(server.events.map(({ type }) => type)).toEqual(isResumed ? ["early-data"] : []);
    expect(hex(server.early)).toBe(hex(earlyDataOf(trace) ?? new Uint8Array()));
    const changeCipherSpecs = observer.events.filter(
      ({ side, contentType }) => side === "server" && contentType === 20,
    );
    expect(changeCipherSpecs.length).toBe(replay.changeCipherSpecs);
  });

  test("derives the handshake secrets of the printed shared secret, and protects its flight with their keys", () => {
    const { clientTraffic, serverTraffic } = expectedSecrets(trace, observer.messages);
    const clientRandom = hex(observer.clientHello?.random ?? new Uint8Array());
    const early = printedKeyLog(trace).filter((line) => line.includes("EARLY"));
    expect(early).toHaveLength(isResumed ? 2 : 0);
    expect(keyLog.slice(0, early.length + 2)).toEqual([
      ...early,
      `CLIENT_HANDSHAKE_TRAFFIC_SECRET ${clientRandom} ${hex(clientTraffic.bytes)}`,
      `SERVER_HANDSHAKE_TRAFFIC_SECRET ${clientRandom} ${hex(serverTraffic.bytes)}`,
    ]);
    expect(usedKeys).toEqual([
      asUsed("write", serverTraffic.trafficKeys(TLS_AES_128_GCM_SHA256.aead)),
      ...(isResumed ? [asUsed("read", trafficKeysOf(trace, "server", "read", "early application"))] : []),
    ]);
  });

  test("sends the printed Certificate and CertificateRequest, a CertificateVerify and a Finished that fit", async () => {
    expect(sent.slice(replay.section === 5 ? 2 : 1).map(({ name }) => name)).toEqual([
      "encrypted_extensions",
      ...(replay.asksClient ? ["certificate_request"] : []),
      ...(isResumed ? [] : ["certificate", "certificate_verify"]),
      "finished",
    ]);
    const named = (name: string): readonly string[] =>
      sent.filter((message) => message.name === name).map(({ raw }) => hex(raw));
    expect(named("certificate")).toEqual(messagesOf(trace, "server", "Certificate").map(hex));
    expect(named("certificate_request")).toEqual(messagesOf(trace, "server", "CertificateRequest").map(hex));
    expect(observer.finished).toEqual({ server: true });
    // Of EncryptedExtensions only this is the same: the traces send supported_groups, and §5 no server_name.
    for (const { name, raw } of sent) {
      if (name !== "encrypted_extensions") continue;
      const { recordSizeLimit, earlyData } = decodeHandshake(name, raw).extensions;
      expect([recordSizeLimit, earlyData]).toEqual([0x4001, isResumed ? true : undefined]);
    }
    if (replay.section === 6) return;
    expect(await Promise.all(observer.proofs.map(checkProof))).toEqual(
      isResumed ? [] : [{ name: "server rsa_pss_rsae_sha256", by: "node:crypto", isGenuine: true }],
    );
  });
});

test("§4: the first flight of the client is taken as early data once", () => {
  const trace = rfc8448Trace(4);
  const { config, server } = replayTrace(trace, {
    section: 4,
    group: "x25519",
    resumesAfterMs: 6,
    changeCipherSpecs: 0,
  });
  expect(hex(server.engine.exportEarlyKeyingMaterial("EXPORTER-test", null, 32))).toBe(
    hex(
      new ExporterSecret(sha256, printedByEither(trace, "derive", "e exp master").expanded).export(
        "EXPORTER-test",
        null,
        32,
      ),
    ),
  );
  const again = new End(
    TlsEngine.server(config.with({ random: (length) => new Uint8Array(length).fill(7) })),
  );
  for (const { record } of printedRecords(trace).slice(0, 2)) again.engine.receive(record);
  expect(again.drain()).toBeUndefined();
  expect(again.events).toEqual([]);
  expect(again.engine.pendingOutput).toBeGreaterThan(100);
});
