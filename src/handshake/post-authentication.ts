import { TlsAlert } from "../alert.ts";
import { equalBytes, hex } from "../bytes.ts";
import { DEFAULT_CERTIFICATE_TYPES } from "../config/certificate-types.ts";
import type { ClientConfig } from "../config/client.ts";
import type { ClientAuth, ServerConfig } from "../config/server.ts";
import { ConfigError } from "../errors.ts";
import { encodeHandshake, isHandshake } from "../messages/handshake.ts";
import type { CertificateTypeName } from "../x509/raw-public-key.ts";
import { type CertificateMessage, certificateMessages, uncompressed } from "./certificate-compression.ts";
import {
  answerCertificateRequest,
  certificateRequestExtensions,
  checkClientCertificate,
} from "./client-authentication.ts";
import type { Authenticated, Established13 } from "./established.ts";
import type { Flow } from "./flow.ts";
import type { HandshakeIo, Received } from "./io.ts";
import type { PostHandshakeEvents, TrafficKeys } from "./post.ts";

/** A client authentication that asks at all. */
export type RequestingClientAuth = Exclude<ClientAuth, { readonly mode: "none" }>;

/** In one connection: contexts are remembered, so that none comes twice. */
const MAX_REQUESTS = 256;

/** A client's answers to requests for its certificate behind the handshake. RFC 8446 §4.6.2. */
export class CertificateAnswers {
  /** Whether the server may ask. */
  readonly wasOffered: boolean;
  readonly #config: ClientConfig;
  readonly #certificateType: CertificateTypeName;
  readonly #io: HandshakeIo;
  /** Contexts of all requests, in hexadecimal. */
  readonly #contexts = new Set<string>();

  /** @param io of the handshake, whose transcript ends with our Finished. */
  constructor(
    config: ClientConfig,
    io: HandshakeIo,
    { postHandshakeAuth, clientCertificateType }: Established13,
  ) {
    this.#config = config;
    this.#io = io;
    this.wasOffered = postHandshakeAuth;
    this.#certificateType = clientCertificateType;
  }

  /**
   * Sends Certificate, CertificateVerify and Finished, or an empty Certificate and Finished: all at once when the last of them is made, as
   * nothing may stand between them.
   *
   * @throws {TlsAlert} illegal_parameter for a context that is empty or was there before; missing_extension; unexpected_message for too many.
   */
  *answerRequest(
    { body, raw }: Received<"certificate_request">,
    keys: TrafficKeys,
    events: PostHandshakeEvents,
  ): Flow<void> {
    const context = hex(body.certificateRequestContext);
    if (context === "" || this.#contexts.has(context)) {
      throw new TlsAlert(
        "illegal_parameter",
        `CertificateRequest has ${context === "" ? "no context" : "the context of an earlier one"}`,
      );
    }
    if (this.#contexts.size === MAX_REQUESTS)
      throw new TlsAlert(
        "unexpected_message",
        `the server asks for a certificate more than ${MAX_REQUESTS} times`,
      );
    this.#contexts.add(context);
    if (body.extensions.signatureAlgorithms === undefined)
      throw new TlsAlert("missing_extension", "CertificateRequest holds no signature_algorithms");
    const held: Uint8Array[] = [];
    const io = this.#io.fork((message) => held.push(message));
    io.transcript.add(raw);
    yield* answerCertificateRequest(this.#config, io, body, this.#certificateType);
    // What we write has ended while the hook was awaited, or before.
    if (!events.mayWrite()) return;
    keys.payUpdate();
    io.send("finished", { verifyData: keys.writeSecret.finished(io.transcript.digest()) });
    for (const message of held) this.#io.sendLate(message);
  }
}

interface OpenRequest {
  readonly context: Uint8Array;
  readonly clientAuth: RequestingClientAuth;
  /** Its transcript ends with the request. */
  readonly io: HandshakeIo;
}

const CONTEXT_LENGTH = 16;

/** A server's requests for the client's certificate behind the handshake. RFC 8446 §4.6.2. */
export class CertificateRequests {
  readonly #config: ServerConfig;
  readonly #certificateType: CertificateTypeName;
  readonly #io: HandshakeIo;
  readonly #open: OpenRequest[] = [];
  #isReceiving = false;

  /** @param io of the handshake, whose transcript ends with the client's Finished. */
  constructor(config: ServerConfig, io: HandshakeIo, { clientCertificateType }: Established13) {
    this.#config = config;
    this.#io = io;
    this.#certificateType = clientCertificateType;
  }

  /** Whether an answer has begun and not ended: nothing else may come in between. */
  get isReceiving(): boolean {
    return this.#isReceiving;
  }

  /** The messages that an answer may begin with; none when nothing was asked. */
  get due(): readonly CertificateMessage[] {
    return this.#open.length === 0 ? [] : certificateMessages(this.#config.settings.certificateCompression);
  }

  /** Whether a message belongs to an answer, or begins one: then it is no more than we have asked for. */
  hasAskedFor(raw: Uint8Array): boolean {
    return this.#isReceiving || this.due.some((name) => isHandshake(name, raw));
  }

  /** @throws {ConfigError} when `clientAuth` does not have the type that the client shows. */
  check(clientAuth: ClientAuth): RequestingClientAuth {
    if (clientAuth.mode === "none") throw new ConfigError("clientAuth.mode", "none", "request, require");
    const { certificateTypes = DEFAULT_CERTIFICATE_TYPES } = clientAuth;
    if (!certificateTypes.includes(this.#certificateType)) {
      const allowed = `a list with ${this.#certificateType}, which was agreed on in the handshake`;
      throw new ConfigError("clientAuth.certificateTypes", certificateTypes, allowed);
    }
    return clientAuth;
  }

  /** Asks. Answers may come in another order than requests. */
  send(clientAuth: RequestingClientAuth): void {
    const context = this.#io.random(CONTEXT_LENGTH);
    const raw = encodeHandshake("certificate_request", {
      certificateRequestContext: context,
      extensions: certificateRequestExtensions(this.#config, clientAuth),
    });
    const io = this.#io.fork(() => undefined);
    io.transcript.add(raw);
    this.#open.push({ context, clientAuth, io });
    this.#io.sendLate(raw);
  }

  /**
   * The rest of an answer whose Certificate has come.
   *
   * @throws {TlsAlert} illegal_parameter for a context that no open request has; certificate_required, decrypt_error, and what the policy says.
   */
  *receive(message: Received<CertificateMessage>, keys: TrafficKeys): Flow<Authenticated> {
    const { certificateCompression, limits } = this.#config.settings;
    const body = yield* uncompressed(message, certificateCompression, limits);
    const index = this.#open.findIndex(({ context }) => equalBytes(context, body.certificateRequestContext));
    const [request] = index < 0 ? [] : this.#open.splice(index, 1);
    if (request === undefined)
      throw new TlsAlert(
        "illegal_parameter",
        "the client's Certificate has a context that was not asked with",
      );
    this.#isReceiving = true;
    const { io, clientAuth } = request;
    io.transcript.add(message.raw);
    const client = yield* checkClientCertificate(this.#config, clientAuth, io, body, this.#certificateType);
    const expected = keys.readSecret.finished(io.transcript.digest());
    const finished = yield* io.receive("finished");
    if (!equalBytes(finished.body.verifyData, expected))
      throw new TlsAlert("decrypt_error", "the client's Finished does not match its authentication");
    this.#isReceiving = false;
    return client;
  }
}
