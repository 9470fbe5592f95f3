import { expect } from "vitest";

import { hex16 } from "../../src/bytes.ts";
import { nobleCipherSuites } from "../../src/crypto/noble.ts";
import type { KeyType } from "../../src/crypto/provider.ts";
import { TLS_AES_128_GCM_SHA256 } from "../../src/crypto/suites.ts";
import { cipherSuiteName } from "../../src/messages/cipher-suite-names.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import { present } from "../support/forger.ts";
import { setting } from "./edits.ts";
import { testCredential } from "./leaf-certificate.ts";
import { expectOpen, type Pitfall } from "./pitfall.ts";
import {
  clientAccepts,
  clientRefuses,
  forgedClient12,
  forgedServer12,
  serverAccepts,
  serverRefuses,
} from "./pitfall12.ts";
import { clientRefuses as client13Refuses } from "./pitfall13.ts";
import { illegal } from "./setups.ts";
import { cbc, only12, suiteFor } from "./setups12.ts";

const suites12 = nobleCipherSuites.flatMap((suite) => (suite.version === "TLSv1.2" ? [suite] : []));

function keyFor(authentication: "ecdsa" | "rsa"): KeyType {
  return authentication === "rsa" ? "rsa" : "ecdsa-p256";
}

function unofferedSuite(suite: number) {
  return illegal(`server chose cipher suite ${cipherSuiteName(suite)}, which was not offered for TLS 1.2`);
}

/** Suites that nobody here has: RSA key exchange, DHE, static ECDH, CCM, NULL, signals and unknown ones. */
const strangers = [0x002f, 0x009c, 0x009e, 0xc02d, 0xc0ac, 0x0000, 0x00ff, 0x5600, 0x0a0a, 0xfeff];

/** Row 37: the choice of the suite. */
const suites: readonly Pitfall[] = [
  ...suites12.flatMap((suite) => {
    const credential = testCredential(keyFor(suite.authentication));
    const config = { cipherSuites: [suite.name] };
    return [
      clientAccepts(37, `${suite.name} is taken`, () => undefined, { config, forger: { suite, credential } }),
      serverAccepts(37, `${suite.name} is taken`, () => undefined, {
        config: { ...config, credentials: [credential] },
        forger: { suite },
      }),
      serverAccepts(
        37,
        `${suite.name} is taken from between unknown suites`,
        (client) =>
          client.clientHello((hello) => ({
            ...hello,
            cipherSuites: [0x0a0a, 0x002f, suite.id, 0x00ff, TLS_AES_128_GCM_SHA256.id],
          })),
        { config: { ...config, credentials: [credential] }, forger: { suite } },
      ),
    ];
  }),
  ...[...strangers, 0x1301, 0x1302].map((cipherSuite) =>
    clientRefuses(
      37,
      `a ServerHello with suite ${hex16(cipherSuite)}`,
      unofferedSuite(cipherSuite),
      (server) => server.serverHello((body) => ({ ...body, cipherSuite })),
    ),
  ),
  ...[0xc02b, 0xcca9].map((cipherSuite) =>
    client13Refuses(
      37,
      `suite ${hex16(cipherSuite)} in a ServerHello of TLS 1.3, which was offered for TLS 1.2,`,
      illegal(`server chose cipher suite ${hex16(cipherSuite)}, which was not offered`),
      (server) => server.serverHello((body) => ({ ...body, cipherSuite })),
    ),
  ),
  clientRefuses(
    37,
    "a ServerHello with a suite of CBC, which was not asked for,",
    unofferedSuite(cbc.forger.suite.id),
    (server) => server.serverHello(),
    { forger: cbc.forger },
  ),
  clientRefuses(
    37,
    "a ServerHello with a suite that was taken out of the ClientHello",
    unofferedSuite(0xc02b),
    (server) => server.serverHello(),
    { config: { shapeClientHello: (hello) => ({ ...hello, cipherSuites: [0x1301, 0xc02c] }) } },
  ),
  ...(
    [
      ["rsa", "ecdsa-p256"],
      ["rsa", "ed25519"],
      ["ecdsa-p256", "rsa"],
      ["ecdsa-p256", "rsa-pss"],
    ] as const
  ).map(([suiteKey, keyType]) => {
    const suite = suiteFor(suiteKey);
    return clientRefuses(
      37,
      `a Certificate with a key of kind ${keyType} under ${suite.name}`,
      illegal(`server chose ${suite.name}, and its key is ${keyType}`),
      (server) => server.upTo("certificate").certificate(),
      { forger: { suite, credential: testCredential(keyType) } },
    );
  }),
  ...(["ecdsa-p384", "ecdsa-p521"] as const).map((keyType) =>
    clientRefuses(
      37,
      `a Certificate with a key of kind ${keyType}, whose curve was not offered,`,
      illegal(`the server's key is ${keyType}, whose curve was not offered`),
      (server) => server.upTo("certificate").certificate(),
      { forger: { credential: testCredential(keyType) } },
    ),
  ),
  {
    row: 37,
    engine: "client",
    name: "a client offers no suite of CBC unless it is told to",
    run() {
      const ids = suites12.filter(({ protection }) => protection.kind === "cbc").map(({ id }) => id);
      for (const setup of [{}, only12]) {
        const { clientHello } = forgedServer12(setup);
        expect(clientHello.cipherSuites.filter((id) => ids.includes(id))).toEqual([]);
        expect(clientHello.extensions.encryptThenMac).toBeUndefined();
      }
      expect(forgedServer12(cbc).clientHello.cipherSuites).toEqual([cbc.forger.suite.id]);
    },
  },
];

const ECDSA_GCM = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";

const RSA_GCM = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";

function noneInCommon(first: number) {
  return {
    alert: "handshake_failure",
    says: `no cipher suite in common: the client offers ${cipherSuiteName(first)}`,
  } as const;
}

/** A server chooses a suite that its keys can do. */
function serverChooses(
  name: string,
  own: readonly KeyType[],
  hello: { readonly cipherSuites: readonly number[]; readonly supportedGroups?: readonly number[] },
  chosen: KeyType,
): Pitfall {
  return {
    row: 37,
    engine: "server",
    name,
    run() {
      const client = forgedClient12({
        config: { credentials: own.map((keyType) => testCredential(keyType)) },
        forger: { suite: suiteFor(chosen) },
      });
      const { cipherSuites, supportedGroups = [29, 23] } = hello;
      client.clientHello((usual) => setting<typeof usual>({ supportedGroups })({ ...usual, cipherSuites }));
      const { cipherSuite } = expectOpen(client.complete());
      expect(cipherSuite).toBe(suiteFor(chosen).name);
      const certificate = present(client.messages.find((message) => message.name === "tls12_certificate"));
      expect(decodeHandshake("tls12_certificate", certificate.raw).certificateList).toEqual(
        testCredential(chosen).certificateChain,
      );
    },
  };
}

const ECDSA_ID = suiteFor("ecdsa-p256").id;

const RSA_ID = suiteFor("rsa").id;

/** Row 37 on servers: suites, keys, and the curves of keys. */
const serversSuites: readonly Pitfall[] = [
  ...[[0x002f, 0x009c], [0x00ff], [0x0a0a, 0x1304], [0x1301, 0x1302]].map((cipherSuites) =>
    serverRefuses(
      37,
      `a ClientHello with suites ${cipherSuites.map(hex16).join(", ")}`,
      noneInCommon(cipherSuites[0] ?? 0),
      (client) => client.clientHello((hello) => ({ ...hello, cipherSuites })),
    ),
  ),
  serverRefuses(
    37,
    "a ClientHello with a suite of CBC, which was not asked for,",
    noneInCommon(cbc.forger.suite.id),
    (client) => client.clientHello(),
    { forger: cbc.forger },
  ),
  serverRefuses(
    37,
    "a ClientHello with the one suite that the server does not want",
    noneInCommon(ECDSA_ID),
    (client) => client.clientHello(),
    { config: { cipherSuites: ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"] } },
  ),
  serverRefuses(
    37,
    "a ClientHello for RSA alone, to a server with an ECDSA key,",
    { alert: "handshake_failure", says: `no signature scheme in common with ${RSA_GCM}` },
    (client) => client.clientHello(),
    { forger: { suite: suiteFor("rsa") } },
  ),
  serverRefuses(
    37,
    "a ClientHello for ECDSA alone, to a server with an RSA key,",
    { alert: "handshake_failure", says: `no signature scheme in common with ${ECDSA_GCM}` },
    (client) => client.clientHello(),
    { config: { credentials: [testCredential("rsa")] } },
  ),
  serverRefuses(
    37,
    "a ClientHello without the curve of the server's key",
    {
      alert: "handshake_failure",
      says: `no certificate for ${ECDSA_GCM}: the client does not support the curve of our ecdsa-p256 key`,
    },
    (client) => client.clientHello(setting({ supportedGroups: [29] })),
  ),
  serverChooses(
    "the suite of the key that the server has is taken",
    ["ecdsa-p256"],
    { cipherSuites: [RSA_ID, ECDSA_ID] },
    "ecdsa-p256",
  ),
  serverChooses(
    "the key of the suite that the client has is taken",
    ["ecdsa-p256", "rsa"],
    { cipherSuites: [RSA_ID] },
    "rsa",
  ),
  serverChooses(
    "a key whose curve the client lacks is passed over",
    ["ecdsa-p256", "rsa"],
    { cipherSuites: [ECDSA_ID, RSA_ID], supportedGroups: [29] },
    "rsa",
  ),
  serverChooses(
    "a key whose curve the client lacks is passed over for one that it has",
    ["ecdsa-p384", "ecdsa-p256"],
    { cipherSuites: [ECDSA_ID] },
    "ecdsa-p256",
  ),
];

export const tls12Rows37: readonly Pitfall[] = [...suites, ...serversSuites];
