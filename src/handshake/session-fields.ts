import { TlsAlert } from "../alert.ts";
import { ascii, latin1 } from "../bytes.ts";
import { CertificateType } from "../messages/codepoints.ts";
import type { CertificateTypeName } from "../x509/raw-public-key.ts";
import { type Codec, enumeration, opaque, uint32, vector } from "../wire/codec.ts";

const Flag = enumeration(1, "flag", 0, 1);

/** One byte. */
export const boolean: Codec<boolean> = {
  read: (reader) => Flag.read(reader) === 1,
  write: (writer, value) => Flag.write(writer, value ? 1 : 0),
};

/** A flag, and what it tells to be there. */
export function nullable<T>(codec: Codec<T>): Codec<T | null> {
  return {
    read: (reader) => (boolean.read(reader) ? codec.read(reader) : null),
    write(writer, value) {
      boolean.write(writer, value !== null);
      if (value !== null) codec.write(writer, value);
    },
  };
}

const NameBytes = opaque(1, 255);

const serverNameText: Codec<string> = {
  read(reader) {
    const bytes = NameBytes.read(reader);
    if (bytes.some((byte) => byte > 0x7f)) throw new TlsAlert("decode_error", "server name is not ASCII");
    return latin1(bytes);
  },
  write: (writer, value) => NameBytes.write(writer, ascii(value)),
};

const TypeCode = enumeration(1, "certificate type", CertificateType.X509, CertificateType.RawPublicKey);

const certificateTypeName: Codec<CertificateTypeName> = {
  read: (reader) => (TypeCode.read(reader) === CertificateType.X509 ? "x509" : "raw-public-key"),
  write: (writer, value) =>
    TypeCode.write(writer, value === "x509" ? CertificateType.X509 : CertificateType.RawPublicKey),
};

/** What sessions of all versions keep about the connection that they come from. */
export interface SessionOrigin {
  /** When the full handshake was, in seconds since 1970. */
  readonly createdAtSeconds: number;
  readonly lifetimeSeconds: number;
  /** The name that the client wanted to talk to, in ASCII; null for none. */
  readonly serverName: string | null;
  /** What {@link peerChain} is. */
  readonly peerCertificateType: CertificateTypeName;
  /** DER certificates of the peer, the leaf first; none when it showed none. Of a raw public key its DER SubjectPublicKeyInfo. */
  readonly peerChain: readonly Uint8Array[];
  /** The OCSPResponse that the peer stapled, in DER; null for none. */
  readonly ocspResponse: Uint8Array | null;
  /** The signed certificate timestamps that the peer sent (RFC 6962). */
  readonly signedCertificateTimestamps: readonly Uint8Array[];
}

/** {@link SessionOrigin} as bytes. */
export const sharedFields = {
  createdAtSeconds: uint32,
  lifetimeSeconds: uint32,
  serverName: nullable(serverNameText),
  peerCertificateType: certificateTypeName,
  peerChain: vector(opaque(1, 2 ** 24 - 1), 0, 2 ** 32 - 1),
  ocspResponse: nullable(opaque(1, 2 ** 24 - 1)),
  signedCertificateTimestamps: vector(opaque(1, 2 ** 16 - 1), 0, 2 ** 32 - 1),
} as const;

/** Whose session it is. */
export const SessionRole = { client: 1, server: 2 } as const;
