import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { concatBytes } from "../../src/bytes.ts";
import { DerError } from "../../src/der/reader.ts";
import { contextConstructed, contextPrimitive, DerTag } from "../../src/der/tags.ts";
import {
  derBoolean,
  derElement,
  derExplicit,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from "../../src/der/writer.ts";
import { decodeOcspResponse, type OcspResponse } from "../../src/x509/ocsp-response.ts";
import { RUN_SEED, Seeded } from "../pairs/seeded.ts";
import { commonName, extension, ExtensionId } from "./certificate-builder.ts";
import {
  buildResponse,
  buildSigner,
  buildSingle,
  enumerated,
  extensions,
  generalizedTime,
  GOOD,
  issuer,
  keyHash,
  leaf,
  MID_JULY,
  NONCE,
  response,
  type ResponseFields,
  revoked,
  SHA1,
  type SingleFields,
  UNKNOWN,
  withCertificates,
} from "./ocsp-builder.ts";
import { check } from "./ocsp-checks.ts";

/** The response, or undefined when it is refused. Any other exception is a failure. */
function decoded(der: Uint8Array): OcspResponse | undefined {
  try {
    return decodeOcspResponse(der);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    expect(error.message).toMatch(/ \(at offset \d+\)$/);
    return undefined;
  }
}

/** What holds for whatever was decoded. */
function expectSound(decodedResponse: OcspResponse, der: Uint8Array): void {
  if (decodedResponse.responseStatus !== "successful") return;
  const { tbs, signatureAlgorithm, signature, responderId, responses, certificates, producedAtSeconds } =
    decodedResponse.basic;
  const fields = [
    tbs,
    signatureAlgorithm,
    signature,
    responderId.kind === "byName" ? responderId.name : responderId.keyHash,
    ...responses.flatMap(({ certId }) => [certId.issuerNameHash, certId.issuerKeyHash, certId.serialNumber]),
    ...certificates,
  ];
  for (const field of fields) {
    expect(field.buffer).toBe(der.buffer);
    expect(field.byteOffset).toBeGreaterThanOrEqual(der.byteOffset);
    expect(field.byteOffset + field.length).toBeLessThanOrEqual(der.byteOffset + der.length);
  }
  for (const { thisUpdateSeconds, nextUpdateSeconds = 0 } of responses)
    expect(Number.isSafeInteger(producedAtSeconds + thisUpdateSeconds + nextUpdateSeconds)).toBe(true);
  expect(certificates.length).toBeLessThanOrEqual(16);
}

const verdictOn = (der: Uint8Array) => check(der, { certificate: leaf }, issuer, { nowSeconds: MID_JULY });

const responder = buildSigner("responder", issuer, {
  extensions: derExplicit(
    3,
    derSequence(extension(ExtensionId.extKeyUsage, derSequence(derObjectIdentifier("1.3.6.1.5.5.7.3.9")))),
  ),
});

/** Responses that are good for the leaf, with all that is decoded, for mutations. */
const SEEDS: readonly Uint8Array[] = [
  response(),
  response(
    { nextUpdate: derExplicit(0, generalizedTime("20260802000000Z")) },
    {
      responderId: derExplicit(2, derOctetString(keyHash(issuer.certificate))),
      responseExtensions: extensions(extension(NONCE, derOctetString(new Uint8Array(8)), true)),
    },
  ),
  buildResponse(responder, {
    responses: [buildSingle(leaf, issuer, { singleExtensions: extensions(extension("1.2.3", derNull())) })],
    certs: withCertificates(responder.certificate.der),
  }),
];

const SPECIAL = [
  0, 1, 2, 3, 4, 5, 6, 7, 0x0a, 0x17, 0x18, 0x1f, 0x30, 0x31, 0x5a, 0x7f, 0x80, 0x81, 0x82, 0xa0, 0xa1, 0xa2,
  0xff,
];

/** A copy with one to three bytes changed, inserted or removed. */
function mutated(der: Uint8Array, seeded: Seeded): Uint8Array {
  let result: Uint8Array = der.slice();
  for (let changes = 1 + seeded.integer(3); changes > 0; changes--) {
    const at = seeded.integer(result.length);
    const byte = seeded.integer(2) === 0 ? seeded.pick(SPECIAL) : seeded.integer(256);
    const kind = seeded.integer(8);
    if (kind < 5) result[at] = byte;
    else if (kind === 5) result[at] = (result[at] ?? 0) ^ (1 << seeded.integer(8));
    else if (kind === 6)
      result = concatBytes(result.subarray(0, at), Uint8Array.of(byte), result.subarray(at));
    else result = concatBytes(result.subarray(0, at), result.subarray(at + 1));
  }
  return result;
}

/** DER elements, some of them nested, with the types and tags that responses have. */
function anyElement(): fc.Arbitrary<Uint8Array> {
  const known = fc.constantFrom(
    derNull(),
    derBoolean(true),
    derInteger(0),
    derInteger(-1),
    enumerated(0),
    enumerated(7),
    GOOD,
    UNKNOWN,
    revoked(),
    revoked(derExplicit(0, enumerated(1))),
    SHA1,
    derOctetString(new Uint8Array(20)),
    derObjectIdentifier("1.3.6.1.5.5.7.48.1.1"),
    generalizedTime("20260701000000Z"),
    commonName("x"),
    extension(NONCE, derNull()),
  );
  const tag = fc.constantFrom(
    ...Object.values(DerTag),
    ...[0, 1, 2].flatMap((number) => [contextPrimitive(number), contextConstructed(number)]),
  );
  const any = fc
    .tuple(tag, fc.uint8Array({ maxLength: 9 }))
    .map(([tag, contents]) => derElement(tag, contents));
  return fc.letrec<{ element: Uint8Array }>((tie) => ({
    element: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      known,
      any,
      fc
        .tuple(fc.constantFrom(0x30, 0xa0, 0xa1, 0xa2), fc.array(tie("element"), { maxLength: 4 }))
        .map(([tag, elements]) => derElement(tag, ...elements)),
    ),
  })).element;
}

describe(`with TLS_ENGINE_SEED=${RUN_SEED},`, () => {
  const options = { seed: new Seeded(RUN_SEED).integer(2 ** 31) };

  test("changed responses are refused, or are unusable, or say the same", () => {
    const outcomes = { refused: 0, unusable: 0, same: 0 };
    for (let round = 0; round < 3_000; round++) {
      const seed = `${RUN_SEED} response ${round}`;
      const seeded = new Seeded(seed);
      const original = seeded.pick(SEEDS);
      const der = mutated(original, seeded);
      try {
        const result = decoded(der);
        if (result !== undefined) expectSound(result, der);
        const verdict = verdictOn(der);
        if (verdict.status !== "unusable") {
          expect(verdict).toEqual(verdictOn(original));
          outcomes.same++;
        } else outcomes[result === undefined ? "refused" : "unusable"]++;
      } catch (cause) {
        throw new Error(`new Seeded(${JSON.stringify(seed)}), ${Buffer.from(der).toString("hex")}`, {
          cause,
        });
      }
    }
    expect(Math.min(outcomes.refused, outcomes.unusable)).toBeGreaterThan(300);
  });

  test("responses of any elements in any place give responses or refusals", () => {
    const outcomes = { refused: 0, decoded: 0 };
    const change = <T extends string>(...names: readonly T[]) =>
      fc.dictionary(fc.constantFrom(...names), anyElement(), { maxKeys: 2 }) as fc.Arbitrary<
        Partial<Record<T, Uint8Array>>
      >;
    const singles: fc.Arbitrary<Partial<SingleFields>> = change(
      ...(["certId", "certStatus", "thisUpdate", "nextUpdate", "singleExtensions"] as const),
    );
    const fields: fc.Arbitrary<Partial<ResponseFields>> = change(
      ...([
        "responseStatus",
        "responseBytes",
        "responseType",
        "responseEnd",
        "version",
        "responderId",
      ] as const),
      ...(["producedAt", "responseExtensions", "signatureAlgorithm", "signature", "certs"] as const),
    );
    fc.assert(
      fc.property(singles, fields, (single, around) => {
        const der = response(single, around);
        const result = decoded(der);
        if (result !== undefined) expectSound(result, der);
        outcomes[result === undefined ? "refused" : "decoded"]++;
        const { status } = verdictOn(der);
        if (result === undefined) expect(status).toBe("unusable");
      }),
      { numRuns: 3000, ...options },
    );
    expect(Math.min(outcomes.refused, outcomes.decoded)).toBeGreaterThan(100);
  });

  test("any bytes are refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const result = decoded(bytes);
        // All that few bytes can say is that there is no answer.
        expect(result?.responseStatus).not.toBe("successful");
        expect(verdictOn(bytes).status).toBe("unusable");
      }),
      { numRuns: 2000, ...options },
    );
  });

  test("what stands in a response at random is refused, or unusable", () => {
    fc.assert(
      fc.property(anyElement(), (element) => {
        const der = derSequence(enumerated(0), derExplicit(0, element));
        expect(decoded(der)).toBeUndefined();
        expect(verdictOn(der).status).toBe("unusable");
      }),
      { numRuns: 2000, ...options },
    );
  });
});
