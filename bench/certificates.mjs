// Certificates: decoding them, finding paths, OCSP responses, and what chains cost that are made to cost much.
//
// node --expose-gc bench/certificates.mjs
import { createHash, X509Certificate } from "node:crypto";
import { loadavg } from "node:os";
import { rootCertificates } from "node:tls";
import { GCProfiler } from "node:v8";

import { ascii } from "../dist/bytes.js";
import { nobleSignatureVerifiers } from "../dist/crypto/noble.js";
import { parsePem } from "../dist/der/pem.js";
import {
  derBitString,
  derElement,
  derExplicit,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from "../dist/der/writer.js";
import { readLeaf, webPki } from "../dist/index.js";
import { decodeCertificate } from "../dist/x509/certificate.js";
import { checkOcspResponse } from "../dist/x509/ocsp.js";
import { compare } from "./harness.mjs";
import { hostileChains, stranger } from "./hostile-chains.mjs";
import { issue, newKey, NOW_MS } from "./issuing.mjs";
import * as limbo from "./limbo.mjs";

/** They cost nothing: what is left are the rules. */
const agreeable = nobleSignatureVerifiers.map((verifier) => ({
  ...verifier,
  verify: () => true,
}));

/** What they return depends on what they read. */
const DECODERS = [
  ["decodeCertificate", (der) => decodeCertificate(der).extensions.all.length],
  ["node:crypto", (der) => new X509Certificate(der).raw.length],
  [
    "node:crypto, with names and dates",
    (der) => {
      const { subject, issuer, validFrom, validTo, subjectAltName = "" } = new X509Certificate(der);
      return subject.length + issuer.length + validFrom.length + validTo.length + subjectAltName.length;
    },
  ],
];

benchDecoding();
benchPaths();
benchOcsp();
benchLimbo();
benchHostileChains();

function benchDecoding() {
  const roots = rootCertificates.map((pem) => parsePem(pem)[0].bytes);
  const lists = [{ what: `${roots.length} root certificates of Node`, ders: roots }];
  if (limbo.missing === undefined) {
    const online = limbo.cases.filter(({ id }) => id.startsWith("online::"));
    const ders = online.flatMap(({ leaf, others }) => [leaf, ...others]);
    const sites = Array.from(new Map(ders.map((der) => [Buffer.from(der).toString("base64"), der])).values());
    lists.push({ what: `${sites.length} certificates of sites and their issuers`, ders: sites });
  } else {
    console.log(`\ncertificates of sites are skipped: ${limbo.missing}`);
  }
  // One after the other: what Node's leave to the garbage collector slows down whatever runs beside it.
  for (const [name, decode] of DECODERS) {
    for (const { what, ders } of lists) {
      const size = Math.round(ders.reduce((sum, { length }) => sum + length, 0) / ders.length);
      // The harness shows whole microseconds.
      const thousand = Array.from({ length: 1000 }, (_, i) => ders[i % ders.length]);
      const run = () => thousand.reduce((sum, der) => sum + decode(der), 0);
      compare(`decoding 1000 of ${what}, ${size} bytes on average`, [{ name, bytes: 0, run }], { rounds: 9 });
    }
  }
}

function benchPaths() {
  for (const kinds of [
    ["P-256", "P-256", "P-256"],
    ["RSA-2048", "RSA-2048", "RSA-2048"],
    ["P-256", "P-384", "RSA-4096"],
  ]) {
    const [leafKey, key, rootKey] = kinds.map(newKey);
    const root = issue({ authority: "root", key: rootKey });
    const authority = issue({ issuer: root, authority: "authority", key });
    const chain = [issue({ issuer: authority, key: leafKey }), authority];
    const policy = webPki(root.der);
    const variant = (name, verifiers) => ({
      name,
      bytes: 0,
      run: () => {
        if (verify(policy, chain, verifiers).trust !== "verified") throw new Error("there is no path");
        return 1;
      },
    });
    compare(`a path of three, ${kinds.join(" below ")}`, [
      variant("webPki", nobleSignatureVerifiers),
      variant("without the signatures", agreeable),
    ]);
  }
}

/** Decodes and verifies, as a client does that is shown `chain`. */
function verify(policy, chain, signatureVerifiers) {
  const ders = chain.map(({ der }) => der);
  return policy.verify({
    role: "server",
    chain: ders,
    leaf: readLeaf(ders[0]),
    serverName: "example.com",
    ocspResponse: null,
    signedCertificateTimestamps: [],
    signatureVerifiers,
    nowMs: NOW_MS,
  });
}

function benchOcsp() {
  const root = issue({ authority: "root", key: newKey("P-256") });
  const leaf = issue({ issuer: root, key: newKey("P-256") });
  const certificate = decodeCertificate(leaf.der);
  const issuer = decodeCertificate(root.der);
  const response = ocspResponse(certificate, root);
  const variant = (name, verifiers) => ({
    name,
    bytes: 0,
    run: () => {
      const question = {
        response,
        certificate,
        issuer,
        nowSeconds: NOW_MS / 1000,
        verifiers,
      };
      if (checkOcspResponse(question).status !== "good") throw new Error("it is not good");
      return 1;
    },
  });
  compare(`an OCSP response of ${response.length} bytes, signed by the issuer's P-256 key`, [
    variant("checkOcspResponse", nobleSignatureVerifiers),
    variant("without the signature", agreeable),
  ]);
}

/** Good, by the issuer itself. RFC 6960 §4.2.1. */
function ocspResponse({ serialNumber }, { name, key }) {
  const sha1 = (bytes) => derOctetString(new Uint8Array(createHash("sha1").update(bytes).digest()));
  const time = (digits) => derElement(0x18, ascii(`${digits}000000Z`));
  const certId = derSequence(
    derSequence(derObjectIdentifier("1.3.14.3.2.26"), derNull()),
    sha1(name),
    // The uncompressed point of P-256 is at the end of what is around it.
    sha1(key.spki.subarray(-65)),
    derElement(0x02, serialNumber),
  );
  const single = derSequence(certId, derElement(0x80), time("20260531"), derExplicit(0, time("20260607")));
  const tbs = derSequence(derExplicit(1, name), time("20260531"), derSequence(single));
  const basic = derSequence(tbs, key.algorithm, derBitString(key.sign(tbs)));
  const bytes = derSequence(derObjectIdentifier("1.3.6.1.5.5.7.48.1.1"), derOctetString(basic));
  return derSequence(derElement(0x0a, Uint8Array.of(0)), derExplicit(0, bytes));
}

function benchLimbo() {
  if (limbo.missing !== undefined) {
    console.log(`\nx509-limbo is skipped: ${limbo.missing}`);
    return;
  }
  for (const conformance of ["web-pki", "none"]) {
    console.log(`\nx509-limbo, conformance "${conformance}", the slowest cases   (load ${load()})`);
    const run = (testcase) => limbo.ask(testcase, conformance, nobleSignatureVerifiers);
    for (const testcase of limbo.cases) run(testcase);
    for (const prefix of ["pathological::", ""]) {
      const timed = limbo.cases
        .filter(({ id }) => id.startsWith(prefix))
        .map((testcase) => ({
          id: testcase.id,
          ms: medianMs(() => run(testcase)),
          says: run(testcase),
        }));
      const [worst] = timed.toSorted((a, b) => b.ms - a.ms);
      console.log(`  ${worst.ms.toFixed(1).padStart(7)} ms  of ${timed.length}: ${worst.id}, ${worst.says}`);
    }
  }
}

function benchHostileChains() {
  console.log(`\nhostile chains: one verify, and by how much the heap grows   (load ${load()})`);
  console.log(
    ["ms", "checks", "peak MB", "kept MB", "bytes"].map((head) => head.padStart(10)).join("") +
      "   chain; what bounds it; fault",
  );
  const policy = webPki(stranger.der);
  for (const { name, bound, make } of hostileChains) {
    const chain = make();
    let checks = 0;
    // They do their work, and then say that the signature is genuine.
    const verifiers = nobleSignatureVerifiers.map((verifier) => ({
      ...verifier,
      verify: (...args) => {
        checks++;
        verifier.verify(...args);
        return true;
      },
    }));
    const run = () => verify(policy, chain, verifiers);
    const verdict = run();
    if (verdict.trust !== "rejected") throw new Error(`${name} is ${verdict.trust}`);
    const ms = medianMs(run);
    checks = 0;
    const { peak, kept } = heapGrowth(run);
    const bytes = chain.reduce((sum, { der }) => sum + der.length, 0);
    const cells = [ms.toFixed(1), checks, mb(peak), mb(kept), bytes].map((cell) => String(cell).padStart(10));
    console.log(`${cells.join("")}   ${name}; ${bound}; ${verdict.cause.fault}`);
  }
}

/** The median of five. */
function medianMs(run) {
  const times = Array.from({ length: 5 }, () => {
    const before = performance.now();
    run();
    return performance.now() - before;
  });
  return times.toSorted((a, b) => a - b)[2];
}

/**
 * What `run` adds to the heap, in bytes: at most, with all that was not collected yet, and when all is collected that can be. A heap is
 * largest right before a collection, or at the end.
 */
function heapGrowth(run) {
  globalThis.gc();
  const before = process.memoryUsage();
  const profiler = new GCProfiler();
  profiler.start();
  const result = run();
  const after = process.memoryUsage();
  const { statistics } = profiler.stop();
  globalThis.gc();
  const kept = sizeOf(process.memoryUsage()) - sizeOf(before);
  const sizes = statistics.map(
    ({ beforeGC: { heapStatistics } }) => heapStatistics.usedHeapSize + heapStatistics.externalMemory,
  );
  // The result is alive until here.
  return {
    peak: Math.max(sizeOf(after), ...sizes) - sizeOf(before),
    kept: result === null ? 0 : kept,
  };
}

function sizeOf({ heapUsed, external }) {
  return heapUsed + external;
}

function mb(bytes) {
  return (bytes / 1e6).toFixed(1);
}

function load() {
  return loadavg()[0].toFixed(1);
}
