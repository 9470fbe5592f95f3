import { derExplicit, derSequence } from "../../src/der/writer.ts";
import {
  buildCertificate,
  buildName,
  buildValidity,
  extension,
  ExtensionId,
  withExtensions,
} from "./certificate-builder.ts";

/** One certificate with one change. */
export interface Refused {
  readonly what: string;
  readonly der: Uint8Array;
  /** How the message begins; the offset follows. */
  readonly because: string;
}

/** A certificate that is decoded; the others differ from it in one place. */
export const FINE: Uint8Array = buildCertificate();

/** With keyUsage of this value. */
export const keyUsage = (value: Uint8Array): Uint8Array =>
  withExtensions(extension(ExtensionId.keyUsage, value));

/** With these names in subjectAltName. */
export const altNames = (...names: readonly Uint8Array[]): Uint8Array =>
  withExtensions(extension(ExtensionId.subjectAltName, derSequence(...names)));

/** With these fields of basicConstraints. */
export const basicConstraints = (...fields: readonly Uint8Array[]): Uint8Array =>
  withExtensions(extension(ExtensionId.basicConstraints, derSequence(...fields), true));

/** With these lists in nameConstraints. */
export const constraints = (...lists: readonly Uint8Array[]): Uint8Array =>
  withExtensions(extension(ExtensionId.nameConstraints, derSequence(...lists), true));

/** permittedSubtrees with one subtree of these fields. */
export const permitted = (...base: readonly Uint8Array[]): Uint8Array => derExplicit(0, derSequence(...base));

/** With these fields of authorityKeyIdentifier. */
export const keyIdentifiers = (...fields: readonly Uint8Array[]): Uint8Array =>
  withExtensions(extension(ExtensionId.authorityKeyIdentifier, derSequence(...fields)));

/** With these relative names in the subject. */
export const subject = (...relativeNames: readonly Uint8Array[]): Uint8Array =>
  buildCertificate({ subject: derSequence(...relativeNames) });

/** With a commonName of this type. */
export const named = (tag: number, text: string): Uint8Array =>
  buildCertificate({ subject: buildName(["2.5.4.3", tag, text]) });

/** With these dates; see {@link buildValidity}. */
export const dates = (...times: readonly string[]): Uint8Array =>
  buildCertificate({ validity: buildValidity(...times) });
