import { describe, expect, test } from "vitest";

import { DerError } from "../../src/der/reader.ts";
import { DerTag } from "../../src/der/tags.ts";
import type { CertificateFault } from "../../src/x509/certificate-error.ts";
import { parseIpAddress } from "../../src/x509/ip-address.ts";
import { matchesName, readReferenceName } from "../../src/x509/reference-name.ts";
import { buildName, generalName } from "./certificate-builder.ts";
import {
  directoryName,
  dnsName,
  emailName,
  ipName,
  issueLeaf,
  issueRoot,
  nameConstraints,
  pathOf,
  questionAbout,
  refusalOf,
  subjectAltName,
} from "./issuing.ts";
import type { Verdict } from "./rustls-webpki.ts";

/** A leaf below an authority with constraints, as a test of `tests/tls_server_certs.rs` of rustls-webpki has it made. */
interface NamesCase {
  /** The name of that test. */
  readonly name: string;
  readonly permitted?: readonly Uint8Array[];
  readonly excluded?: readonly Uint8Array[];
  readonly commonName?: string;
  /** An emailAddress in the subject. */
  readonly subjectEmail?: string;
  /** Default: no subjectAltName at all. */
  readonly alternatives?: readonly Uint8Array[];
  readonly webpki: Verdict;
  readonly answer: "path" | CertificateFault;
  /** Whom the leaf is for, and whom not. */
  readonly valid?: readonly string[];
  readonly invalid?: readonly string[];
  /** Why we say something else than webpki does. */
  readonly reason?: string;
}

const ALLOWED = { webpki: "accepts", answer: "path" } as const;
const VIOLATION = { webpki: "refuses", answer: "name-constraints" } as const;

/** GeneralName `uniformResourceIdentifier`. */
const uriName = (uri: string): Uint8Array => generalName(6, uri);
/** A subtree of addresses. */
const subnet = (address: string, mask: readonly number[]): Uint8Array =>
  ipName(...(parseIpAddress(address) ?? []), ...mask);
const address = (text: string): Uint8Array => ipName(...(parseIpAddress(text) ?? []));
const MASK_24 = [255, 255, 255, 0];
const MASK_48 = [255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const COUNTRY = directoryName(buildName(["2.5.4.6", DerTag.PrintableString, "CN"]));
const MAPPED = "0000:0000:0000:0000:0000:ffff:0c22:384e";

const cases: readonly NamesCase[] = [
  {
    name: "no_name_constraints",
    commonName: "subject.example.com",
    alternatives: [dnsName("dns.example.com")],
    ...ALLOWED,
    valid: ["dns.example.com"],
    invalid: ["subject.example.com"],
  },
  {
    name: "additional_dns_labels",
    permitted: [dnsName(".example.com")],
    commonName: "subject.example.com",
    alternatives: [dnsName("host1.example.com"), dnsName("host2.example.com")],
    ...ALLOWED,
    valid: ["host1.example.com", "host2.example.com"],
    invalid: ["subject.example.com"],
  },
  {
    name: "disallow_dns_san",
    excluded: [dnsName("disallowed.example.com")],
    alternatives: [dnsName("disallowed.example.com")],
    ...VIOLATION,
  },
  {
    name: "allow_subject_common_name",
    permitted: [dnsName("allowed.example.com")],
    commonName: "allowed.example.com",
    ...ALLOWED,
    invalid: ["allowed.example.com"],
  },
  {
    name: "allow_dns_san",
    permitted: [dnsName("allowed.example.com")],
    alternatives: [dnsName("allowed.example.com")],
    ...ALLOWED,
    valid: ["allowed.example.com"],
  },
  {
    name: "allow_dns_san_and_subject_common_name",
    permitted: [dnsName("allowed-san.example.com"), dnsName("allowed-cn.example.com")],
    commonName: "allowed-cn.example.com",
    alternatives: [dnsName("allowed-san.example.com")],
    ...ALLOWED,
    valid: ["allowed-san.example.com"],
    invalid: ["allowed-cn.example.com"],
  },
  {
    name: "disallow_dns_san_and_allow_subject_common_name",
    permitted: [dnsName("allowed-san.example.com"), dnsName("allowed-cn.example.com")],
    excluded: [dnsName("disallowed-san.example.com")],
    commonName: "allowed-cn.example.com",
    alternatives: [dnsName("allowed-san.example.com"), dnsName("disallowed-san.example.com")],
    ...VIOLATION,
  },
  {
    name: "we_incorrectly_ignore_name_constraints_on_name_in_subject",
    excluded: [emailName("example.com")],
    subjectEmail: "test@example.com",
    webpki: "accepts",
    answer: "name-constraints",
    reason: "RFC 5280 §4.2.1.10: the emailAddress of a subject counts where subjectAltName has none",
  },
  {
    name: "reject_constraints_on_unimplemented_names",
    permitted: [emailName("example.com")],
    alternatives: [emailName("joe@example.com")],
    webpki: "refuses",
    answer: "path",
    reason: "constraints on mailboxes are understood here, and this one permits the name",
  },
  {
    name: "we_ignore_constraints_on_names_that_do_not_appear_in_cert",
    permitted: [emailName("example.com")],
    alternatives: [dnsName("notexample.com")],
    ...ALLOWED,
    valid: ["notexample.com"],
    invalid: ["example.com"],
  },
  {
    name: "wildcard_san_accepted_if_in_subtree",
    permitted: [dnsName("example.com")],
    alternatives: [dnsName("*.example.com")],
    ...ALLOWED,
    valid: ["bob.example.com", "jane.example.com"],
    invalid: ["example.com", "uh.oh.example.com"],
  },
  {
    name: "wildcard_san_rejected_if_in_excluded_subtree",
    excluded: [dnsName("example.com")],
    alternatives: [dnsName("*.example.com")],
    ...VIOLATION,
  },
  {
    name: "wildcard_san_rejected_if_could_match_excluded_subtree",
    excluded: [dnsName("evil.example.com")],
    alternatives: [dnsName("*.example.com")],
    ...VIOLATION,
  },
  {
    name: "wildcard_san_rejected_if_could_match_name_outside_permitted_subtree",
    permitted: [dnsName("foo.example.com")],
    alternatives: [dnsName("*.example.com")],
    ...VIOLATION,
  },
  {
    name: "ip4_address_san_rejected_if_in_excluded_subtree",
    excluded: [subnet("12.34.56.0", MASK_24)],
    alternatives: [address("12.34.56.78")],
    ...VIOLATION,
  },
  {
    name: "ip4_address_san_allowed_if_outside_excluded_subtree",
    excluded: [subnet("12.34.56.252", [255, 255, 255, 252])],
    alternatives: [address("12.34.56.78")],
    ...ALLOWED,
    valid: ["12.34.56.78"],
  },
  {
    name: "ip4_address_san_rejected_if_excluded_is_sparse_cidr_mask",
    excluded: [subnet("12.34.56.0", [255, 0, 255, 0])],
    alternatives: [address("12.34.56.79")],
    webpki: "refuses",
    answer: "malformed",
  },
  {
    name: "ip4_address_san_allowed",
    permitted: [subnet("12.34.56.0", MASK_24)],
    alternatives: [address("12.34.56.78")],
    ...ALLOWED,
    valid: ["12.34.56.78"],
    invalid: ["12.34.56.77", "12.34.56.79", MAPPED],
  },
  {
    name: "ip6_address_san_rejected_if_in_excluded_subtree",
    excluded: [subnet("2001:db8::", MASK_48)],
    alternatives: [address("2001:db8::1")],
    ...VIOLATION,
  },
  {
    name: "ip6_address_san_allowed_if_outside_excluded_subtree",
    excluded: [subnet("2001:db8::", MASK_48)],
    alternatives: [address("2001:db9::1")],
    ...ALLOWED,
    valid: ["2001:0db9:0000:0000:0000:0000:0000:0001"],
  },
  {
    name: "ip6_address_san_allowed",
    permitted: [subnet("2001:db9::", MASK_48)],
    alternatives: [address("2001:db9::1")],
    ...ALLOWED,
    valid: ["2001:0db9:0000:0000:0000:0000:0000:0001"],
    invalid: ["12.34.56.78"],
  },
  {
    name: "ip46_mixed_address_san_allowed",
    permitted: [subnet("12.34.56.0", MASK_24), subnet("2001:db9::", MASK_48)],
    alternatives: [address("12.34.56.78"), address("2001:db9::1")],
    ...ALLOWED,
    valid: ["12.34.56.78", "2001:0db9:0000:0000:0000:0000:0000:0001"],
    invalid: ["12.34.56.77", "12.34.56.79", MAPPED],
  },
  {
    name: "uri_san_rejected_against_uri_permitted_subtree",
    permitted: [uriName("https://allowed.example.com")],
    alternatives: [uriName("https://evil.example.com")],
    ...VIOLATION,
  },
  {
    name: "uri_san_rejected_against_uri_excluded_subtree",
    excluded: [uriName("https://evil.example.com")],
    alternatives: [uriName("https://evil.example.com")],
    ...VIOLATION,
  },
  {
    name: "permit_directory_name_not_implemented",
    permitted: [COUNTRY],
    ...VIOLATION,
  },
  {
    name: "exclude_directory_name_not_implemented",
    excluded: [COUNTRY],
    webpki: "refuses",
    answer: "path",
    reason: "constraints on directory names are understood here, and this one does not exclude the name",
  },
  {
    name: "invalid_dns_name_matching",
    alternatives: [dnsName("{invalid}.example.com"), dnsName("dns.example.com")],
    ...ALLOWED,
    valid: ["dns.example.com"],
  },
];

describe("the names of rustls-webpki's tests", () => {
  test.each(cases)("$name: $answer", ({ answer, valid = [], invalid = [], ...names }) => {
    if (answer === "malformed") {
      expect(() => issueChain(names)).toThrow(DerError);
      return;
    }
    const { root, leaf } = issueChain(names);
    const question = questionAbout(leaf, [root], [], { reference: null, conformance: "none" });
    if (answer !== "path") {
      expect(refusalOf(question).fault).toBe(answer);
      return;
    }
    expect(pathOf(question)).toHaveLength(2);
    for (const name of valid) {
      expect(pathOf({ ...question, reference: readReferenceName(name) }), name).toHaveLength(2);
    }
    for (const name of invalid) {
      const reference = readReferenceName(name);
      expect(matchesName(leaf.certificate, reference), name).toBe(false);
      expect(refusalOf({ ...question, reference }).fault, name).toBe("wrong-name");
    }
  });

  test("what is answered otherwise than by webpki has a reason: 3 of 27", () => {
    for (const { name, webpki, answer, reason } of cases)
      expect(reason === undefined, name).toBe((webpki === "accepts") === (answer === "path"));
    expect(cases).toHaveLength(27);
    expect(cases.filter(({ reason }) => reason !== undefined)).toHaveLength(3);
  });
});

function issueChain({
  permitted = [],
  excluded = [],
  commonName,
  subjectEmail,
  alternatives = [],
}: Omit<NamesCase, "answer">) {
  const constraints = nameConstraints({ permitted, excluded });
  const root = issueRoot({
    extensions: permitted.length + excluded.length === 0 ? {} : { nameConstraints: constraints },
  });
  const subject = buildName(
    ...(commonName === undefined ? [] : [["2.5.4.3", DerTag.UTF8String, commonName] as const]),
    ...(subjectEmail === undefined
      ? []
      : [["1.2.840.113549.1.9.1", DerTag.IA5String, subjectEmail] as const]),
    ["2.5.4.10", DerTag.UTF8String, "test"],
  );
  const leaf = issueLeaf(root, {
    subject,
    extensions: { subjectAltName: alternatives.length === 0 ? null : subjectAltName(...alternatives) },
  });
  return { root, leaf };
}
