import { expect } from "vitest";

import {
  CertificateError,
  type PresentedPeer,
  type Rejected,
  type Verified,
  webPki,
  type WebPkiOptions,
} from "../../src/index.ts";
import { atOnce, root } from "./peers.ts";

/** What a policy with our root says at once. */
export function verdictOf(peer: PresentedPeer, options: WebPkiOptions = {}): Verified | Rejected {
  return atOnce(webPki(root.der, options).verify(peer));
}

/** Why such a policy refuses `peer`: the cause of its verdict, which is a CertificateError about the chain of `peer`, and says the same. */
export function refusalOf(peer: PresentedPeer, options: WebPkiOptions = {}): CertificateError {
  const verdict = verdictOf(peer, options);
  if (verdict.trust !== "rejected") throw new Error("it is trusted");
  const { cause } = verdict;
  if (!(cause instanceof CertificateError)) throw new Error("no CertificateError", { cause });
  expect(verdict).toEqual({ trust: "rejected", reason: cause.message, alert: cause.alert, cause });
  expect(cause.chain).toEqual(peer.chain);
  return cause;
}
