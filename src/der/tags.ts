/** Identifier octets of the universal types, with the constructed bit where DER wants it. X.690 §8.1.2, §10.2. */
export const DerTag = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OBJECT_IDENTIFIER: 0x06,
  ENUMERATED: 0x0a,
  UTF8String: 0x0c,
  NumericString: 0x12,
  PrintableString: 0x13,
  TeletexString: 0x14,
  IA5String: 0x16,
  UTCTime: 0x17,
  GeneralizedTime: 0x18,
  VisibleString: 0x1a,
  UniversalString: 0x1c,
  BMPString: 0x1e,
  SEQUENCE: 0x30,
  SET: 0x31,
} as const;

/** The identifier octet of context-specific `[number]` around a primitive encoding: an IMPLICIT primitive type. */
export function contextPrimitive(number: number): number {
  return contextTag(0x80, number);
}

/** The identifier octet of context-specific `[number]` around a constructed encoding: EXPLICIT, or an IMPLICIT SEQUENCE or SET. */
export function contextConstructed(number: number): number {
  return contextTag(0xa0, number);
}

/** The tag as it is shown in messages: `SEQUENCE`, `[0]`, or `tag 0x42`. */
export function tagName(tag: number): string {
  for (const [name, universal] of Object.entries(DerTag)) {
    if (tag === universal) return name.replace("_", " ");
  }
  if ((tag & 0xc0) === 0x80) return `[${tag & 0x1f}]${(tag & 0x20) === 0 ? " primitive" : ""}`;
  return `tag 0x${tag.toString(16).padStart(2, "0")}`;
}

function contextTag(bits: number, number: number): number {
  if (!Number.isInteger(number) || number < 0 || number > 30) {
    throw new RangeError(`context tag ${number} is not in 0..30`);
  }
  return bits | number;
}
