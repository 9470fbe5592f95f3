import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { parsePem } from "../../src/der/pem.ts";
import { webpki } from "./corpora.ts";

/** What another implementation says of an input. */
export type Verdict = "accepts" | "refuses";

/** A file of `../shared/vectors/rustls-webpki`, by its path in there. */
export function readWebpki(file: string): Uint8Array {
  return Uint8Array.from(readFileSync(join(webpki.path, file)));
}

/** The blocks of a PEM file by their labels. */
export function readWebpkiPem(file: string): ReadonlyMap<string, Uint8Array> {
  const text = readFileSync(join(webpki.path, file), "latin1");
  return new Map(parsePem(text).map(({ label, bytes }) => [label, bytes]));
}

/** All files, by their paths in the folder; none where it is missing. */
export function webpkiFiles(): readonly string[] {
  if (webpki.missing !== undefined) return [];
  return readdirSync(webpki.path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(webpki.path.length + 1))
    .sort();
}

/** Files that no test has for an input, and why. */
export const notInputs: ReadonlyMap<string, string> = new Map([
  ["LICENSE", "a licence"],
  ["PROVENANCE.md", "says where the files are from"],
  ["chromium-verify_signed_data/LICENSE", "a licence"],
  ["chromium-verify_signed_data/README", "says how the files are made up"],
  [
    "limbo-exceptions.json",
    "which cases of x509-limbo webpki answers otherwise; limbo-exceptions.json beside the tests is ours",
  ],
  ["tests/crl_distrib_point/only_reasons.der.txt", "the source of the .der"],
  ["tests/crl_distrib_point/unknown_dp_name_tag.der.txt", "the source of the .der"],
  ["tests/crl_distrib_point/unknown_tag.der.txt", "the source of the .der"],
  ["tests/crls/crl.idp.explicit.false.bool.der.txt", "the source of the .der"],
  ["tests/crls/crl.idp.invalid.bool.der.txt", "the source of the .der"],
  ["tests/crls/crl.idp.invalid.name.der.txt", "the source of the .der"],
  ["tests/crls/crl.idp.unknown.tag.der.txt", "the source of the .der"],
  ["tests/crls/crl.topbit.serial.txt", "the source of the .der"],
  ["tests/misc/empty_sequence_common_name.der.txt", "the source of the .der"],
]);
