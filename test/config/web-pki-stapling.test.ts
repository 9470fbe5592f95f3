import { describe, expect, test } from "vitest";

import { derExplicit } from "../../src/der/writer.ts";
import type { PresentedPeer } from "../../src/index.ts";
import type { Issued } from "../x509/issuing.ts";
import { generalizedTime, revoked, UNKNOWN } from "../x509/ocsp-builder.ts";
import { authority, presented, server, stapler, stapleOf } from "./peers.ts";
import { refusalOf, verdictOf } from "./web-pki-verdicts.ts";

describe("stapling", () => {
  const good = stapleOf(server);
  const forRevoked = stapleOf(server, { certStatus: revoked() });
  const byNobody = forRevoked.with(forRevoked.length - 1, (forRevoked.at(-1) ?? 0) ^ 1);
  const outdated = stapleOf(stapler, { nextUpdate: overNextUpdate() });
  const of = (leaf: Issued, ocspResponse: Uint8Array | null) =>
    presented([leaf, authority], { ocspResponse });

  test.each<{
    what: string;
    peer: PresentedPeer;
    honour: string;
    require: string;
    ignore?: string;
  }>([
    { what: "no response", peer: of(server, null), honour: "verified", require: "missing-status" },
    { what: "a good response", peer: of(server, good), honour: "verified", require: "verified" },
    {
      what: "one that says revoked",
      peer: of(server, stapleOf(server, { certStatus: revoked() })),
      honour: "revoked",
      require: "revoked",
    },
    {
      what: "one that says unknown",
      peer: of(server, stapleOf(server, { certStatus: UNKNOWN })),
      honour: "verified",
      require: "bad-status",
    },
    {
      what: "one that says revoked, and does not verify",
      peer: of(server, byNobody),
      honour: "verified",
      require: "bad-status",
    },
    {
      what: "one about another certificate",
      peer: of(server, stapleOf(stapler)),
      honour: "verified",
      require: "bad-status",
    },
    {
      what: "bytes that are none",
      peer: of(server, Uint8Array.of(1)),
      honour: "verified",
      require: "bad-status",
    },
    {
      what: "none, though the certificate promises it",
      peer: of(stapler, null),
      honour: "missing-status",
      require: "missing-status",
    },
    {
      what: "a good one, as the certificate promises",
      peer: of(stapler, stapleOf(stapler)),
      honour: "verified",
      require: "verified",
    },
    {
      what: "an outdated one, though the certificate promises a good one",
      peer: of(stapler, outdated),
      honour: "bad-status",
      require: "bad-status",
    },
    {
      what: "one about another certificate, though this one promises its own",
      peer: of(stapler, good),
      honour: "bad-status",
      require: "bad-status",
    },
  ])(
    "$what: honour gives $honour, require $require, and ignore looks at nothing",
    ({ peer, ...expected }) => {
      for (const stapling of ["honour", "require"] as const) {
        if (expected[stapling] === "verified") {
          expect(verdictOf(peer, { stapling }).trust, stapling).toBe("verified");
        } else {
          const { fault, alert } = refusalOf(peer, { stapling });
          expect(fault).toBe(expected[stapling]);
          expect(alert).toBe(fault === "revoked" ? "certificate_revoked" : "bad_certificate_status_response");
        }
      }
      expect(verdictOf(peer, { stapling: "ignore" }).trust).toBe("verified");
      if (expected.honour === "verified") expect(verdictOf(peer).trust).toBe("verified");
      else expect(refusalOf(peer).fault).toBe(expected.honour);
    },
  );

  test("a response does not help a certificate without a path", () => {
    const peer = presented([server], { ocspResponse: good });
    expect(refusalOf(peer, { stapling: "require" }).fault).toBe("unknown-issuer");
  });
});

/** nextUpdate, over. */
function overNextUpdate(): Uint8Array {
  return derExplicit(0, generalizedTime("20260714000000Z"));
}
