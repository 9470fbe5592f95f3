/** Bits of keyUsage by their numbers in RFC 5280 §4.2.1.3. */
export const KeyUsageBit = {
  digitalSignature: 1 << 0,
  keyCertSign: 1 << 5,
  cRLSign: 1 << 6,
} as const;

/** Purposes of extendedKeyUsage. RFC 5280 §4.2.1.12. */
export const KeyPurpose = {
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  anyExtendedKeyUsage: "2.5.29.37.0",
} as const;

/** The purpose that a certificate must be for, by the role of whoever shows it. */
export const purposeOfRole = {
  server: KeyPurpose.serverAuth,
  client: KeyPurpose.clientAuth,
} as const;
