import { pinned, type PresentedPeer, type SignatureVerifier, type TlsMessage } from "../../src/index.ts";
import type { End } from "../support/pair.ts";
import { account, type Account, digest } from "./account.ts";
import type { Answer } from "./hooks.ts";

/** What can be compared of one side of a connection of TLS 1.2. */
export interface Account12 extends Account {
  /** What the message callback was told. */
  readonly messages: readonly string[];
  /** What the trust policy was asked. */
  readonly policies: readonly string[];
}

/** One side of a connection. */
export interface Side12 {
  readonly account: Account12;
  readonly end: End;
  readonly messages: readonly TlsMessage[];
}

/** What the hooks of one side are told, for one connection after the other. */
export class Watched12 {
  #keyLog: string[] = [];
  #messages: TlsMessage[] = [];
  #policies: PresentedPeer[] = [];

  readonly hooks = {
    onKeyLog: (line: string): void => void this.#keyLog.push(line),
    onMessage: (message: TlsMessage): void => void this.#messages.push(message),
  };

  /** Trusts those whose key has the digest `spkiSha256`. */
  trust(spkiSha256: Uint8Array, answer: Answer): ReturnType<typeof pinned> {
    const policy = pinned([spkiSha256]);
    return {
      verify: (peer) => {
        this.#policies.push(peer);
        return answer(policy.verify(peer));
      },
    };
  }

  /** What `end` has done; the next connection starts with nothing. */
  side(end: End, exported: string): Side12 {
    const messages = this.#messages;
    const side = {
      account: {
        ...account(end, this.#keyLog, exported),
        messages: messages.map(messageAsText),
        policies: this.#policies.map(policyAsText),
      },
      end,
      messages,
    };
    this.#keyLog = [];
    this.#messages = [];
    this.#policies = [];
    return side;
  }
}

function messageAsText({ direction, version, contentType, messageType, data }: TlsMessage): string {
  return `${direction} ${version} ${contentType} ${messageType} ${digest(data)}`;
}

/** What a trust policy is asked, but for what it can read out of the certificates and off the clock. */
export function policyAsText(
  peer: Omit<PresentedPeer, "leaf" | "nowMs" | "signatureVerifiers"> & {
    readonly signatureVerifiers: readonly Pick<SignatureVerifier, "name">[];
  },
): string {
  const { role, serverName, chain, ocspResponse, signedCertificateTimestamps, signatureVerifiers } = peer;
  return JSON.stringify({
    role,
    serverName,
    chain: chain.map(digest),
    ocspResponse: ocspResponse && digest(ocspResponse),
    signedCertificateTimestamps: signedCertificateTimestamps.map(digest),
    signatureSchemes: signatureVerifiers.map(({ name }) => name),
  });
}
