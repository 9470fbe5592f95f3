import { concatBytes, equalBytes } from "../../src/bytes.ts";
import { nobleProvider } from "../../src/crypto/noble.ts";
import type { ClientAuth, ClientConfig, ServerConfig } from "../../src/index.ts";
import { decodeHandshake, type HandshakeBody, type HandshakeName } from "../../src/messages/handshake.ts";
import { certificateVerifyContent } from "../../src/schedule/certificate-verify.ts";
import type { Transcript } from "../../src/schedule/transcript.ts";
import { answered, type Change, forge, present } from "../support/forger.ts";
import { certificateBody, type Forger13Options } from "../support/forger13.ts";
import { ForgedClient } from "./forged-client.ts";
import { ForgedServer } from "./forged-server.ts";

/** Anybody, who has to have a certificate. */
export const anybody: ClientAuth = { mode: "require", dangerouslyAcceptAnyCertificate: true };

/** A client that is asked for its certificate behind the handshake. RFC 8446 §4.6.2. */
export class AskedClient extends ForgedClient {
  /** What the server engine has asked with, oldest first. */
  readonly requests: { readonly raw: Uint8Array; readonly context: Uint8Array }[] = [];
  #isOpen = false;
  #answer: Transcript | undefined;

  /** Goes through the handshake, and offers to be asked unless `offers` is false. */
  constructor(config: ServerConfig, options: Forger13Options = {}, offers = true) {
    super(config, options);
    this.clientHello((hello) => ({
      ...hello,
      extensions: { ...hello.extensions, ...(offers && { postHandshakeAuth: true as const }) },
    }));
    this.complete();
    this.#isOpen = true;
  }

  /** The server engine asks. */
  ask(clientAuth: ClientAuth = anybody): this {
    this.engine.requestClientCertificate(clientAuth);
    this.pump();
    return this;
  }

  /** Begins the answer to a request with Certificate, with the context of the request. */
  lateCertificate(change: Change<"certificate"> = {}, to = this.requests.length - 1): void {
    const { raw, context } = present(this.requests[to]);
    this.#answer = this.transcript.fork();
    this.#answer.add(raw);
    const body = { ...certificateBody(this.credential), certificateRequestContext: context };
    this.#send("certificate", body, change);
  }

  /** As {@link lateCertificate}, compressed. */
  lateCompressedCertificate(
    body: HandshakeBody<"compressed_certificate">,
    to = this.requests.length - 1,
  ): void {
    this.#answer = this.transcript.fork();
    this.#answer.add(present(this.requests[to]).raw);
    this.#send("compressed_certificate", body, {});
  }

  lateCertificateVerify(change: Change<"certificate_verify"> = {}): void {
    const { key } = present(this.credential);
    const algorithm = present(key.schemes[0]);
    const content = certificateVerifyContent("client", present(this.#answer).digest());
    const signature = answered(key.sign(algorithm, content, this.random));
    this.#send("certificate_verify", { algorithm, signature }, change);
  }

  /** Ends the answer, under `secret`: default the one that the client writes with. */
  lateFinished(change: Change<"finished"> = {}, secret = this.writeSecret): void {
    this.#send("finished", { verifyData: secret.finished(present(this.#answer).digest()) }, change);
  }

  /** A whole answer, as it should be. */
  answer(to = this.requests.length - 1): void {
    this.lateCertificate({}, to);
    if (this.credential !== undefined) this.lateCertificateVerify();
    this.lateFinished();
  }

  /** What the client writes with. */
  get writeSecret(): NonNullable<typeof this.ownTraffic> {
    return present(this.ownTraffic);
  }

  protected override receiveHandshake(name: HandshakeName | undefined, raw: Uint8Array): void {
    if (!this.#isOpen) super.receiveHandshake(name, raw);
    else if (name === "certificate_request")
      this.requests.push({ raw, context: decodeHandshake(name, raw).certificateRequestContext });
  }

  #send<K extends HandshakeName>(name: K, body: HandshakeBody<K>, change: Change<K>): void {
    const { raw, tail } = forge(name, body, change);
    present(this.#answer).add(raw);
    this.sendHandshake(concatBytes(raw, tail));
  }
}

/** A server that asks a client engine for its certificate behind the handshake. RFC 8446 §4.6.2. */
export class AskingServer extends ForgedServer {
  /** Messages of the client's answers, in the order in which they came. */
  readonly answers: { readonly name: HandshakeName | undefined; readonly raw: Uint8Array }[] = [];
  /** Of the client's late Finished messages, in order, whether they were as they should be. */
  readonly finishes: boolean[] = [];
  readonly #requests: Uint8Array[] = [];
  #answer: Transcript | undefined;

  /** Goes through the handshake. */
  constructor(config: ClientConfig, options: Forger13Options = {}) {
    super(config, options);
    this.complete();
  }

  ask(change: Change<"certificate_request"> = {}): void {
    const body = {
      certificateRequestContext: this.random(16),
      extensions: { signatureAlgorithms: nobleProvider().signatureVerifiers.map(({ id }) => id) },
    };
    const { raw, tail } = forge("certificate_request", body, change);
    this.#requests.push(raw);
    this.sendHandshake(concatBytes(raw, tail));
  }

  protected override receiveHandshake(name: HandshakeName | undefined, raw: Uint8Array): void {
    if (this.isPeerFinishedGood === undefined) {
      super.receiveHandshake(name, raw);
      return;
    }
    this.answers.push({ name, raw });
    if (name === "certificate") {
      const { certificateRequestContext } = decodeHandshake(name, raw);
      const request = this.#requests.find((one) =>
        equalBytes(
          decodeHandshake("certificate_request", one).certificateRequestContext,
          certificateRequestContext,
        ),
      );
      this.#answer = this.transcript.fork();
      this.#answer.add(present(request));
    }
    if (name === "finished") {
      const expected = present(this.peerTraffic).finished(present(this.#answer).digest());
      this.finishes.push(equalBytes(decodeHandshake(name, raw).verifyData, expected));
    }
    present(this.#answer).add(raw);
  }
}
