import { type AlertName, TlsAlert } from "../alert.ts";
import type { Tls13CipherSuite } from "../crypto/provider.ts";
import { KeyUpdateRequest } from "../messages/codepoints.ts";
import { encodeHandshake } from "../messages/handshake.ts";
import type { NewSessionTicket } from "../messages/handshake13.ts";
import type { TrafficSecret } from "../schedule/traffic.ts";
import type { CertificateMessage } from "./certificate-compression.ts";
import type { Authenticated, Established13 } from "./established.ts";
import type { Flow } from "./flow.ts";
import { receiveUnrecorded, receiveWhatIsDue, type RecordPort } from "./io.ts";
import type { CertificateAnswers, CertificateRequests } from "./post-authentication.ts";
import { MAX_LIFETIME_SECONDS } from "./session-access.ts";

/** A ticket for resumption. RFC 8446 §4.6.1. Whoever has it and the key behind it can be this client. */
export interface Session {
  /** What is shown to the server. */
  readonly ticket: Uint8Array;
  /** The PSK that belongs to the ticket: a secret. */
  readonly preSharedKey: Uint8Array;
  /** IANA name; the PSK works with suites of the same hash. */
  readonly cipherSuite: string;
  readonly lifetimeSeconds: number;
  /** Milliseconds, added modulo 2^32 to the age that is shown. */
  readonly ageAdd: number;
  /** Milliseconds since 1970. */
  readonly receivedAtMs: number;
  /** Bytes of early data that the server takes, or null when it takes none. */
  readonly maxEarlyDataBytes: number | null;
  readonly serverName: string | null;
  readonly alpn: string | null;
}

/** What happens after the handshake. */
export interface PostHandshakeEvents {
  /** @param index how many have come before in this connection. */
  session(session: Session, index: number): void;
  /** @param isAnswer whether we have asked the peer for it. */
  keyUpdate(direction: "read" | "write", isAnswer: boolean): void;
  /** The client has answered a request for its certificate. */
  authenticated(client: Authenticated): void;
  /** Whether our direction is still open. */
  mayWrite(): boolean;
  /** Tells the peer something that does not end the connection. */
  sendWarning(alert: AlertName): void;
}

/** What writing asks of the keys of an open connection. */
export interface WriteKeys {
  /** Does what the peer has asked for since the last write. */
  payUpdate(): void;
  /**
   * Replaces a key that may not seal much more.
   * @throws {TlsAlert} internal_error where there is no other one.
   */
  renew(): void;
  wipe(): void;
}

/** The traffic secrets of an open connection, and how they are renewed. RFC 8446 §4.6.3, §7.2. */
export class TrafficKeys implements WriteKeys {
  readonly #suite: Tls13CipherSuite;
  readonly #port: RecordPort;
  readonly #events: PostHandshakeEvents;
  #read: TrafficSecret;
  #write: TrafficSecret;
  #owesUpdate = false;
  /** KeyUpdates that we have asked for and not received. */
  #requested = 0;

  constructor(
    { suite, readSecret, writeSecret }: Established13,
    port: RecordPort,
    events: PostHandshakeEvents,
  ) {
    this.#suite = suite;
    this.#read = readSecret;
    this.#write = writeSecret;
    this.#port = port;
    this.#events = events;
  }

  /** Borrowed. */
  get readSecret(): TrafficSecret {
    return this.#read;
  }

  /** Borrowed. */
  get writeSecret(): TrafficSecret {
    return this.#write;
  }

  /** The peer has renewed the keys that it writes with; it may ask for the same, which is owed until our next write. */
  peerHasUpdated(requestUpdate: number): void {
    if (!this.#port.isAligned) {
      throw new TlsAlert(
        "unexpected_message",
        "the peer sent handshake bytes in the record of its KeyUpdate",
      );
    }
    this.#read = this.#renew(this.#read);
    this.#port.protectReads(this.#suite, this.#read, "application");
    const isAnswer = this.#requested > 0;
    if (isAnswer) this.#requested--;
    this.#events.keyUpdate("read", isAnswer);
    if (requestUpdate === KeyUpdateRequest.update_requested) this.#owesUpdate = true;
  }

  /** Sends the KeyUpdate that the peer has asked for; one answers all requests since the last one. */
  payUpdate(): void {
    if (this.#owesUpdate) this.update(false);
  }

  renew(): void {
    this.update(false);
  }

  /** Renews the keys that we write with, and asks the peer to do the same if `requestPeer`. */
  update(requestPeer: boolean): void {
    this.#owesUpdate = false;
    const { update_requested, update_not_requested } = KeyUpdateRequest;
    const requestUpdate = requestPeer ? update_requested : update_not_requested;
    this.#port.sendHandshake(encodeHandshake("key_update", { requestUpdate }));
    this.#write = this.#renew(this.#write);
    this.#port.protectWrites(this.#suite, this.#write);
    if (requestPeer) this.#requested++;
    this.#events.keyUpdate("write", false);
  }

  wipe(): void {
    this.#read.wipe();
    this.#write.wipe();
  }

  #renew(secret: TrafficSecret): TrafficSecret {
    const next = secret.next();
    secret.wipe();
    return next;
  }
}

/** What a client takes after the handshake: tickets, KeyUpdate, and requests for its certificate. RFC 8446 §4.6. It never ends. */
export function* clientPostHandshake(
  established: Established13,
  keys: TrafficKeys,
  events: PostHandshakeEvents,
  now: () => number,
  answers: CertificateAnswers,
): Flow<never> {
  const due = ["new_session_ticket", "key_update"] as const;
  const names = answers.wasOffered ? ([...due, "certificate_request"] as const) : due;
  for (let tickets = 0; ;) {
    const message = yield* receiveUnrecorded(...names);
    if (message.name === "key_update") {
      keys.peerHasUpdated(message.body.requestUpdate);
      continue;
    }
    if (message.name === "certificate_request") {
      yield* answers.answerRequest(message, keys, events);
      continue;
    }
    // A lifetime of zero says that the ticket is to be discarded at once (RFC 8446 §4.6.1).
    if (message.body.ticketLifetime === 0) continue;
    events.session(sessionFrom(established, message.body, now()), tickets);
    tickets++;
  }
}

/** What a server takes after the handshake: KeyUpdate, and the certificates that it has asked for. RFC 8446 §4.6. It never ends. */
export function* serverPostHandshake(
  keys: TrafficKeys,
  events: PostHandshakeEvents,
  requests: CertificateRequests,
): Flow<never> {
  for (;;) {
    const message = yield* receiveWhatIsDue<"key_update" | CertificateMessage>(() => [
      "key_update",
      ...requests.due,
    ]);
    if (message.name === "key_update") keys.peerHasUpdated(message.body.requestUpdate);
    else events.authenticated(yield* requests.receive(message, keys));
  }
}

function sessionFrom({ info, resumption }: Established13, message: NewSessionTicket, nowMs: number): Session {
  const { ticket, ticketLifetime, ticketAgeAdd, ticketNonce, extensions } = message;
  return {
    ticket: ticket.slice(),
    preSharedKey: resumption.preSharedKey(ticketNonce),
    cipherSuite: info.cipherSuite,
    lifetimeSeconds: Math.min(ticketLifetime, MAX_LIFETIME_SECONDS),
    ageAdd: ticketAgeAdd,
    receivedAtMs: nowMs,
    maxEarlyDataBytes: extensions.earlyData ?? null,
    serverName: info.serverName,
    alpn: info.alpn,
  };
}
