import { type DerReader, readDer } from "../../src/der/reader.ts";
import { contextConstructed } from "../../src/der/tags.ts";
import { derElement, derSequence } from "../../src/der/writer.ts";
import type { Verdict } from "./rustls-webpki.ts";

/** A certificate revocation list. */
export interface ListCase {
  /** In `tests`. */
  readonly file: string;
  /** What `tests/crl_tests.rs` and the tests in `src/crl/types.rs` say, of a list with all its entries. */
  readonly webpki: Verdict;
  /** A part of the message that it is refused with; null when it is decoded. */
  readonly fault: string | null;
  /**
   * The same of the list without its issuingDistributionPoint, where that is what it is refused for, and it is there to show something
   * else.
   */
  readonly bareFault?: string | null;
  /** A serial number that the list, or what is left of it, revokes: the contents of the INTEGER in hexadecimal. */
  readonly revoked?: string;
  /** Why we say something else than webpki does. */
  readonly reason?: string;
}

const POINT = "it has issuingDistributionPoint, and only complete lists are taken";
const PARTIAL =
  "lists here are complete; for which certificates one with an issuingDistributionPoint is complete is not looked at, and RFC 5280 §5.2 has it refused";
const SERIAL = "03ae51db51155a3c";

/** A list that webpki decodes, and that we do but for its issuingDistributionPoint. */
function partial(name: string, revoked: string): ListCase {
  return {
    file: `crls/${name}.der`,
    webpki: "accepts",
    fault: POINT,
    bareFault: null,
    revoked,
    reason: PARTIAL,
  };
}

/** A list with an issuingDistributionPoint that webpki decodes. */
function withPoint(name: string): ListCase {
  return { file: `crls/crl.idp.${name}.der`, webpki: "accepts", fault: POINT, reason: PARTIAL };
}

/** A list that nobody decodes. */
function refused(name: string, fault: string, bareFault?: string): ListCase {
  return {
    file: `crls/${name}.der`,
    webpki: "refuses",
    fault,
    ...(bareFault === undefined ? {} : { bareFault }),
  };
}

/** A list of {@link chainCases}. webpki decodes it, and finds then that it is not the one that the certificate names. */
function ofChain(name: string): ListCase {
  return { file: `client_auth_revocation/${name}.crl.der`, webpki: "accepts", fault: POINT, reason: PARTIAL };
}

export const listCases: readonly ListCase[] = [
  partial("crl.valid", SERIAL),
  { file: "crls/crl.empty.der", webpki: "accepts", fault: null },
  refused("crl.mismatched.sigalg", POINT, "signatureAlgorithm is not that of tbsCertList"),
  refused("crl.invalid.this.update.time", "a date before 2050 is a GeneralizedTime"),
  refused("crl.missing.next.update", "there is no nextUpdate"),
  refused("crl.wrong.version", "it is not of version 2"),
  refused("crl.missing.exts", "there is no cRLNumber"),
  refused("crl.unknown.crit.ext", POINT, "extension 2.5.29.69 is critical"),
  refused("crl.negative.crl.number", "INTEGER is negative"),
  refused(
    "crl.delta",
    "it has deltaCRLIndicator, and only complete lists are taken",
    "it has deltaCRLIndicator, and only complete lists are taken",
  ),
  refused("crl.too.long.crl.number", POINT, "its cRLNumber has 29 bytes"),
  partial("crl.negative.serial", "fd78a84e"),
  partial("crl.topbit.serial", "0080feedf00d"),
  partial("crl.no.entry.exts", SERIAL),
  {
    file: "crls/crl.entry.empty.ext.seq.der",
    webpki: "accepts",
    fault: "expected SEQUENCE, found the end",
    reason: "Extensions ::= SEQUENCE SIZE (1..MAX) (RFC 5280 §4.1)",
  },
  refused("crl.entry.unknown.crit.ext", "extension 2.5.29.99 of an entry is critical, and not known"),
  {
    file: "crls/crl.entry.invalid.reason.der",
    webpki: "refuses",
    fault: POINT,
    bareFault: null,
    revoked: SERIAL,
    reason: "reasons are not read: a certificate is revoked for whatever reason",
  },
  partial("crl.entry.invalidity.date", SERIAL),
  refused("crl.entry.issuer.ext", "an entry has certificateIssuer, and only lists of one issuer are taken"),
  withPoint("valid"),
  withPoint("only_user_certs"),
  withPoint("only_ca_certs"),
  withPoint("explicit.false.bool"),
  refused("crl.idp.indirect_crl", POINT),
  refused("crl.idp.only_attribute_certs", POINT),
  refused("crl.idp.only_some_reasons", POINT),
  refused("crl.idp.invalid.bool", POINT),
  refused("crl.idp.unknown.tag", POINT),
  refused("crl.idp.invalid.name", POINT),
  refused("crl.idp.name_relative_to_issuer", POINT),
  refused("crl.idp.no_distribution_point_name", POINT),
  ofChain("ee_dp_invalid"),
  ofChain("ee_indirect_dp_unknown_status"),
  ofChain("ee_nofullname_dp_unknown_status"),
  ofChain("ee_reasons_dp_unknown_status"),
  {
    file: "client_auth_revocation/ee_revoked_crl_ku_ee_depth.crl.der",
    webpki: "accepts",
    fault: null,
    revoked: "0c44d0cf56e2f43928e3f55a04518f666afe7031",
  },
];

/** A chain of four with a list of its lowest authority. Each `<chain>.<role>.der` in `tests/client_auth_revocation`. */
export interface ChainCase {
  readonly chain: string;
  readonly list: string;
}

/**
 * In `tests/client_auth_revocation.rs` nothing is known about the leaf then (`UnknownRevocationStatus`), which is refused there by
 * default: its cRLDistributionPoints does not match the list's issuingDistributionPoint. Here a configuration does not take such a list.
 */
export const chainCases: readonly ChainCase[] = [
  { chain: "indirect_dp_chain", list: "ee_indirect_dp_unknown_status.crl.der" },
  { chain: "reasons_dp_chain", list: "ee_reasons_dp_unknown_status.crl.der" },
  { chain: "nofullname_dp_chain", list: "ee_nofullname_dp_unknown_status.crl.der" },
  { chain: "invalid_dp_chain", list: "ee_dp_invalid.crl.der" },
];

const ISSUING_DISTRIBUTION_POINT = "2.5.29.28";

/** A DER CertificateList without its issuingDistributionPoint, for decoding only: nobody has signed that. */
export function withoutDistributionPoint(der: Uint8Array): Uint8Array {
  return readDer(der, (outer) =>
    outer.sequence((list) => {
      const tbs = list.sequence((fields) =>
        derSequence(
          ...elementsOf(fields, (field) =>
            field[0] === contextConstructed(0) ? withoutExtension(field) : field,
          ),
        ),
      );
      return derSequence(tbs, ...elementsOf(list, (element) => element));
    }),
  );
}

function withoutExtension(extensions: Uint8Array): Uint8Array {
  return readDer(extensions, (outer) =>
    outer.nested(contextConstructed(0), (explicit) =>
      explicit.sequence((list) => {
        const kept = elementsOf(list, (one) => one).filter(
          (one) => oidOf(one) !== ISSUING_DISTRIBUTION_POINT,
        );
        return derElement(contextConstructed(0), derSequence(...kept));
      }),
    ),
  );
}

function oidOf(extension: Uint8Array): string {
  return readDer(extension, (outer) =>
    outer.sequence((fields) => {
      const oid = fields.objectIdentifier();
      while (!fields.isAtEnd) fields.skip();
      return oid;
    }),
  );
}

function elementsOf(reader: DerReader, change: (element: Uint8Array) => Uint8Array): readonly Uint8Array[] {
  const elements: Uint8Array[] = [];
  while (!reader.isAtEnd) {
    reader.skip();
    elements.push(change(reader.lastElement()));
  }
  return elements;
}
