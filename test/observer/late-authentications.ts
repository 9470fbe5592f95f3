import { equalBytes, hex } from "../../src/bytes.ts";
import { decodeHandshake, type HandshakeName } from "../../src/messages/handshake.ts";
import { certificateVerifyContent } from "../../src/schedule/certificate-verify.ts";
import type { Transcript } from "../../src/schedule/transcript.ts";
import type { Findings } from "../support/observer.ts";
import type { Direction } from "./direction.ts";

/** What a server asks of a client behind the handshake of TLS 1.3, and the client's answers. RFC 8446 §4.6.2. */
export class LateAuthentications {
  /** Of each answer, whether its Finished is right. */
  readonly finished: boolean[] = [];
  readonly #handshake: Transcript;
  readonly #client: Direction;
  readonly #findings: Findings;
  /** By context, in hexadecimal. */
  readonly #requests = new Map<string, Transcript>();
  #answer: Transcript | undefined;
  #certificate: Uint8Array | undefined;

  /** @param handshake ends with the client's Finished. */
  constructor(handshake: Transcript, client: Direction, findings: Findings) {
    this.#handshake = handshake;
    this.#client = client;
    this.#findings = findings;
  }

  /** Takes a message. @returns false for one that does not belong here. */
  receive(name: HandshakeName, raw: Uint8Array): boolean {
    if (name === "certificate_request") {
      const { certificateRequestContext } = decodeHandshake(name, raw);
      const request = this.#handshake.fork();
      request.add(raw);
      this.#requests.set(hex(certificateRequestContext), request);
    } else if (name === "certificate") {
      const { certificateRequestContext, certificateList } = decodeHandshake(name, raw);
      const context = hex(certificateRequestContext);
      this.#answer = this.#requests.get(context);
      this.#requests.delete(context);
      this.#certificate = certificateList[0]?.certData;
      this.#open().add(raw);
    } else if (name === "certificate_verify") {
      const { algorithm, signature } = decodeHandshake(name, raw);
      if (this.#certificate === undefined) throw new Error("the client signed without a certificate");
      const content = certificateVerifyContent("client", this.#open().digest());
      const proof = { algorithm, content, signature, certificate: this.#certificate };
      this.#findings.proofs.push({ version: "TLSv1.3", signer: "client", ...proof });
      this.#open().add(raw);
    } else if (name === "finished") {
      const expected = this.#client.secret?.finished(this.#open().digest());
      const { verifyData } = decodeHandshake(name, raw);
      this.finished.push(expected !== undefined && equalBytes(verifyData, expected));
      this.#answer = undefined;
    } else {
      return false;
    }
    return true;
  }

  #open(): Transcript {
    if (this.#answer === undefined) throw new Error("the client answers what it was not asked");
    return this.#answer;
  }
}
