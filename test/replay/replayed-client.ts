import { concatBytes } from "../../src/bytes.ts";
import {
  ClientConfig,
  type ClientHello,
  credential,
  ExtensionType,
  MemorySessionStore,
  type PresentedPeer,
  type SessionStore,
  type SigningKey,
  TlsEngine,
  type TlsMessage,
} from "../../src/index.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import { ConnectionObserver, keyLogSecrets } from "../support/observer.ts";
import { End, type Split } from "../support/pair.ts";
import type { Trace } from "../support/vectors.ts";
import { traceProvider, type UsedKeys } from "./rfc8448-provider.ts";
import {
  clientDraws,
  earlyDataOf,
  InjectedRandom,
  messagesOf,
  printedKeyLog,
  printedRecords,
  type PrintedRecord,
} from "./rfc8448-trace.ts";

/** The order of extensions in every ClientHello of the traces, as far as they are there. */
const EXTENSION_ORDER: readonly number[] = [
  ExtensionType.server_name,
  ExtensionType.renegotiation_info,
  ExtensionType.supported_groups,
  ExtensionType.session_ticket,
  ExtensionType.key_share,
  ExtensionType.early_data,
  ExtensionType.supported_versions,
  ExtensionType.signature_algorithms,
  ExtensionType.cookie,
  ExtensionType.psk_key_exchange_modes,
  ExtensionType.record_size_limit,
  ExtensionType.padding,
  ExtensionType.pre_shared_key,
];

export interface Replay {
  readonly section: 3 | 4 | 5 | 6 | 7;
  readonly title: string;
  readonly supportedGroups: readonly number[];
  readonly hasSessionTicket?: true;
  /** Bytes of padding in the first ClientHello, and in the second one. */
  readonly padding?: readonly [first: number | undefined, second: number | undefined];
  /** The session of §3 is resumed, so many milliseconds after its ticket. */
  readonly resumesAfterMs?: number;
  readonly middleboxCompatibility?: true;
  /** Whether the client's Certificate, CertificateVerify and Finished share a record; we give each its own. */
  readonly hasCoalescedFlight?: true;
  readonly group: string;
  /** With which the server signs; null where it does not. */
  readonly scheme: string | null;
  readonly records: { readonly client: number; readonly server: number };
}

/** The ClientHello as the traces' client would send it. */
function shape(hello: ClientHello, replay: Replay): ClientHello {
  const none = new Uint8Array();
  const padding = replay.padding?.[hello.extensions.cookie === undefined ? 0 : 1];
  return {
    ...hello,
    extensions: {
      ...hello.extensions,
      supportedGroups: replay.supportedGroups,
      unknown: [
        { type: ExtensionType.renegotiation_info, body: Uint8Array.of(0) },
        ...(replay.hasSessionTicket ? [{ type: ExtensionType.session_ticket, body: none }] : []),
      ],
      ...(padding !== undefined && { padding: new Uint8Array(padding) }),
      order: EXTENSION_ORDER,
    },
  };
}

/** A client of ours in the place of the traces', and what it did. */
export class ReplayedClient {
  readonly end: End;
  readonly random: InjectedRandom;
  readonly usedKeys: UsedKeys[] = [];
  readonly keyLog: string[] = [];
  readonly messages: TlsMessage[] = [];
  readonly presented: PresentedPeer[] = [];
  readonly signed: Uint8Array[] = [];
  readonly requestedSchemes: (readonly number[])[] = [];
  readonly observer: ConnectionObserver;

  constructor(trace: Trace, replay: Replay, sessionStore: SessionStore = new MemorySessionStore()) {
    this.random = new InjectedRandom(clientDraws(trace));
    this.observer = new ConnectionObserver(keyLogSecrets(printedKeyLog(trace)));
    const [certificate] = messagesOf(trace, "client", "Certificate");
    const [certificateVerify] = messagesOf(trace, "client", "CertificateVerify");
    const config = new ClientConfig({
      serverName: "server",
      trust: {
        verify: (peer) => {
          this.presented.push(peer);
          return { trust: "verified" };
        },
      },
      provider: traceProvider(this.random.draw, this.usedKeys),
      keyShares: ["x25519"],
      middleboxCompatibility: replay.middleboxCompatibility ?? false,
      recordSizeLimit: 0x4001,
      requestOcspResponse: false,
      requestSignedCertificateTimestamps: false,
      shapeClientHello: (hello) => shape(hello, replay),
      onKeyLog: (line) => this.keyLog.push(line),
      onMessage: (message) => this.messages.push(message),
      now: () => replay.resumesAfterMs ?? 0,
      sessionStore,
      ...(certificate &&
        certificateVerify && {
          clientCredential: ({ signatureSchemes }) => {
            this.requestedSchemes.push(signatureSchemes);
            const { certificateList } = decodeHandshake("certificate", certificate);
            const certificateChain = certificateList.map(({ certData }) => certData);
            return credential({ certificateChain, key: this.#signingKey(certificateVerify) });
          },
        }),
    });
    const earlyData = earlyDataOf(trace);
    this.end = new End(TlsEngine.client(config, earlyData && { earlyData }));
  }

  /** Gives what the trace's client has signed: RSA-PSS is random, and the traces print no salt. */
  #signingKey(certificateVerify: Uint8Array): SigningKey {
    const { algorithm, signature } = decodeHandshake("certificate_verify", certificateVerify);
    return {
      keyType: "rsa",
      schemes: [algorithm],
      subjectPublicKeyInfo: undefined,
      sign: (_scheme, message) => {
        this.signed.push(message.slice());
        return signature;
      },
    };
  }

  /** What the engine does for one record of its side, and all its output since the last one. */
  send({ subject, payload }: PrintedRecord): Uint8Array {
    // Early data was given to it at the start.
    const isEarly = this.end.engine.state === "handshaking";
    if (subject === "application_data" && !isEarly) this.end.engine.write(payload);
    if (subject === "alert") this.end.engine.closeWrite();
    const output = this.end.engine.takeOutput() ?? new Uint8Array();
    this.observer.carry("client", output);
    return output;
  }

  receive({ record }: PrintedRecord, split: Split): void {
    this.observer.carry("server", record);
    for (const bytes of split(record)) {
      this.end.engine.receive(bytes);
      if (this.end.drain() !== undefined) throw new Error("the client waits for a hook");
    }
  }
}

/** Runs a trace against our client. Gives the client's output per printed record of the client. */
export function replayTrace(trace: Trace, replay: Replay, split: Split, sessionStore?: SessionStore) {
  const client = new ReplayedClient(trace, replay, sessionStore);
  const sent: { readonly printed: PrintedRecord; readonly bytes: Uint8Array }[] = [];
  let unclaimed: Uint8Array = new Uint8Array();
  for (const printed of printedRecords(trace)) {
    if (printed.sender === "server") {
      client.receive(printed, split);
      continue;
    }
    unclaimed = concatBytes(unclaimed, client.send(printed));
    const isFlight = replay.hasCoalescedFlight === true && sent.length === 1;
    const length = isFlight ? unclaimed.length : printed.record.length;
    sent.push({ printed, bytes: unclaimed.slice(0, length) });
    unclaimed = unclaimed.slice(length);
  }
  return { client, sent, unclaimed };
}
