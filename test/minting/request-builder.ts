import {
  derBitString,
  derElement,
  derInteger,
  derObjectIdentifier,
  derSequence,
  derSet,
} from "../../src/der/writer.ts";
import { commonName, extension } from "../x509/certificate-builder.ts";
import { subjectAltName, type TestKey, testKey } from "../x509/issuing.ts";

/** What a request is to be like; what is left out makes one that is granted. */
export interface RequestFields {
  /** Default: one on P-256. */
  readonly key: TestKey;
  /** What really signs, in place of {@link key}. */
  readonly signer: TestKey;
  readonly version: Uint8Array;
  /** A DER Name. Default: `CN=a.example`. */
  readonly subject: Uint8Array;
  /** Default: one extensionRequest. */
  readonly attributes: readonly Uint8Array[];
  /** The `[0]` with {@link attributes} in it. */
  readonly wholeAttributes: Uint8Array;
  /** Extensions in extensionRequest. Default: subjectAltName with `a.example`. */
  readonly extensions: readonly Uint8Array[];
  /** Behind the last field of certificationRequestInfo. */
  readonly infoEnd: Uint8Array;
  readonly signature: Uint8Array;
  /** Behind the signature. */
  readonly requestEnd: Uint8Array;
}

/** A certification request, with `changes`; DER. */
export function buildRequest(changes: Partial<RequestFields> = {}): Uint8Array {
  const key = changes.key ?? testKey();
  const attributes = changes.attributes ?? [
    extensionRequest(...(changes.extensions ?? [requestedNames(derElement(0x82, Buffer.from("a.example")))])),
  ];
  const info = derSequence(
    changes.version ?? derInteger(0),
    changes.subject ?? commonName("a.example"),
    key.subjectPublicKeyInfo,
    changes.wholeAttributes ?? derElement(0xa0, ...attributes),
    changes.infoEnd ?? new Uint8Array(),
  );
  const signer = changes.signer ?? key;
  return derSequence(
    info,
    signer.algorithm,
    changes.signature ?? derBitString(signer.sign(info)),
    changes.requestEnd ?? new Uint8Array(),
  );
}

/** subjectAltName with GeneralNames. */
export function requestedNames(...names: readonly Uint8Array[]): Uint8Array {
  return extension("2.5.29.17", subjectAltName(...names)?.value ?? new Uint8Array());
}

/** The attribute extensionRequest. RFC 2985 §5.4.2. */
export function extensionRequest(...extensions: readonly Uint8Array[]): Uint8Array {
  return attribute("1.2.840.113549.1.9.14", derSequence(...extensions));
}

/** An attribute with any number of values. */
export function attribute(oid: string, ...values: readonly Uint8Array[]): Uint8Array {
  return derSequence(derObjectIdentifier(oid), derSet(...values));
}
