import { latin1 } from "../bytes.ts";
import { DerTag } from "../der/tags.ts";
import { AttributeType, relativeNamesOf } from "../x509/name-attributes.ts";

/**
 * The last, most specific, commonName of a decoded Name as text; undefined when there is none, or one of a string type that new names
 * do not have (RFC 5280 §4.1.2.4).
 */
export function commonNameIn(name: Uint8Array): string | undefined {
  const attribute = relativeNamesOf(name)
    .flat()
    .findLast(({ type }) => type === AttributeType.commonName);
  if (attribute?.tag === DerTag.UTF8String) return new TextDecoder().decode(attribute.value);
  return attribute?.tag === DerTag.PrintableString ? latin1(attribute.value) : undefined;
}
