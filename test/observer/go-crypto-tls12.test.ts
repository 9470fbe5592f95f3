import { createHmac } from "node:crypto";

import { describe, expect, test } from "vitest";

import { concatBytes, hex, latin1 } from "../../src/bytes.ts";
import { nobleCipherSuites } from "../../src/crypto/noble.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import { ServerECDHParams } from "../../src/messages/handshake12.ts";
import {
  CipherSuite,
  codepointName,
  ContentType,
  NamedGroup,
  ProtocolVersion,
} from "../../src/messages/codepoints.ts";
import { decode } from "../../src/wire/codec.ts";
import { fromHex } from "../support/hex.ts";
import { ConnectionObserver, type Side } from "../support/observer.ts";
import { goFlights, plainMessagesOf } from "../support/recorded.ts";
import { sharedVectors } from "../support/shared-vectors.ts";
import { derivedMainSecret } from "./derived-main-secret.ts";
import { FALLBACK, flows, INAPPROPRIATE_FALLBACK, leftOut, refusals, rsaFlows } from "./go-flows12.ts";
import type { ObservedHandshake12 } from "./handshake12.ts";
import { checkProof, type CheckedProof } from "./proofs.ts";
import { decryptPremasterSecret, rsaSuites } from "./rsa-key-exchange.ts";

/** Code points of suites that nothing here has. */
const strangeSuites: Readonly<Record<string, number>> = {
  TLS_RSA_WITH_RC4_128_SHA: 0x0005,
  TLS_RSA_WITH_3DES_EDE_CBC_SHA: 0x000a,
};

const vectors = sharedVectors("go-crypto-tls");
const goSide = (name: string): Side => (name.startsWith("Client-") ? "client" : "server");
const bySender = (sender: Side, of: Side, own: readonly string[]): readonly string[] =>
  sender === of ? own : [];

/** Go's clients draw zeros; its servers are sent a secret that their key decrypts. */
function rsaPremasterSecret(name: string, clientKeyExchange: Uint8Array): Uint8Array {
  if (goSide(name) === "client") return concatBytes(Uint8Array.of(3, 3), new Uint8Array(46));
  const { testRSAPrivateKey } = vectors.json<{ readonly testRSAPrivateKey: { readonly derHex: string } }>(
    "test-keys.json",
  );
  return decryptPremasterSecret(fromHex(testRSAPrivateKey.derHex), clientKeyExchange);
}

const observed = new Map<string, ConnectionObserver>();

/** An observer that has seen the whole flow; the same one each time. */
function observe(name: string): ConnectionObserver {
  const known = observed.get(name) ?? observeAnew(name);
  observed.set(name, known);
  return known;
}

function observeAnew(name: string): ConnectionObserver {
  const { resumes } = rsaFlows[name] ?? {};
  const secrets = derivedMainSecret({
    side: goSide(name),
    privateKey: ({ name: group }, length) => {
      const key = new Uint8Array(length);
      // Go makes NIST keys of zeros so, as zero itself is no key.
      if (group !== "x25519") key[1] = 0x42;
      return key;
    },
    rsaPremasterSecret: (clientKeyExchange) => rsaPremasterSecret(name, clientKeyExchange),
    session: ({ extensions: { sessionTicket } }) => {
      const issuer = resumes === undefined ? undefined : observe(resumes);
      const [issued] = issuer === undefined ? [] : ticketsOf(issuer);
      const isIssued = issued !== undefined && hex(issued) === hex(sessionTicket ?? new Uint8Array());
      return isIssued ? issuer?.handshakes12[0]?.mainSecret.bytes : undefined;
    },
  });
  const observer = new ConnectionObserver(secrets, { suites: [...nobleCipherSuites, ...rsaSuites] });
  for (const { from, bytes } of goFlights(vectors.text(name))) observer.carry(from, bytes);
  return observer;
}

function ticketsOf({ messages }: ConnectionObserver): readonly Uint8Array[] {
  return messages
    .filter(({ name }) => name === "tls12_new_session_ticket")
    .map(({ raw }) => decodeHandshake("tls12_new_session_ticket", raw).ticket);
}

const groupOf = ({ serverParams }: ObservedHandshake12): string | null =>
  serverParams === undefined
    ? null
    : codepointName(NamedGroup, decode(ServerECDHParams, serverParams, "params").namedCurve);

/** HMAC-based expansion of RFC 5246 §5 by node:crypto. */
function nodePrf(
  hash: "sha256" | "sha384",
  secret: Uint8Array,
  label: string,
  seed: Uint8Array,
  length: number,
): string {
  const labelled = Buffer.concat([Buffer.from(label), seed]);
  const hmac = (input: Uint8Array): Buffer => createHmac(hash, secret).update(input).digest();
  let output = Buffer.alloc(0);
  for (let chained = hmac(labelled); output.length < length; chained = hmac(chained))
    output = Buffer.concat([output, hmac(Buffer.concat([chained, labelled]))]);
  return output.toString("hex", 0, length);
}

describe.skipIf(vectors.missing)(`Go's recorded connections of TLS 1.2 ${vectors.missing ?? ""}`, () => {
  test.each(Object.entries({ ...flows, ...rsaFlows }))(
    "%s: decrypts with the keys of Go's side; every Finished and signature is right",
    async (name, { suite, group, proofs, handshakes = 1, extended, resumes, ticket, said, alerts }) => {
      const go = goSide(name);
      const observer = observe(name);
      expect(observer.pending).toBe(0);
      expect(observer.finished).toEqual({ client: true, server: true });
      expect(observer.messages.filter((message) => message.name === "finished").length).toBe(2 * handshakes);
      expect(observer.handshakes12.length).toBe(handshakes);
      for (const handshake of observer.handshakes12) {
        expect(handshake.suite.name).toBe(suite);
        expect(groupOf(handshake)).toBe(group);
        expect(handshake.isExtended).toBe(extended ?? true);
        expect(handshake.isResumed).toBe(resumes !== undefined);
      }
      const checked = await Promise.all(observer.proofs.map(checkProof));
      expect(checked.map((proof) => proof.name)).toEqual(proofs);
      expect(checked.map(({ isGenuine }) => isGenuine)).toEqual(proofs.map(() => true));
      expect({
        client: observer.data.client.map(latin1),
        server: observer.data.server.map(latin1),
      }).toEqual(
        said ?? {
          client: bySender("client", go, ["hello\n"]),
          server: bySender("server", go, ["hello, world\n"]),
        },
      );
      expect({ client: observer.alerts.client.map(hex), server: observer.alerts.server.map(hex) }).toEqual({
        client: bySender("client", go, alerts ?? ["0100"]),
        server: bySender("server", go, alerts ?? ["0100"]),
      });
      expect(ticketsOf(observer).map(({ length }) => length > 0)).toEqual(ticket === true ? [true] : []);
    },
  );

  test.each(Object.entries({ ...flows, ...rsaFlows }))(
    "%s: our record protection writes every record alike, but for AES-GCM of OpenSSL, which counts its nonces from elsewhere",
    (name, { suite }) => {
      for (const { protections } of observe(name).handshakes12) {
        for (const side of ["client", "server"] as const) {
          const { opened = 0, resealed } = protections[side] ?? {};
          expect(opened).toBeGreaterThan(0);
          expect(resealed).toBe(suite.includes("GCM") && side !== goSide(name) ? 0 : opened);
        }
      }
    },
  );

  test.each(Object.entries(refusals))(
    "%s: the server answers the ClientHello with alert %i",
    (name, alert) => {
      const observer = observe(name);
      expect(observer.messages.map((message) => message.name)).toEqual(["client_hello"]);
      expect(observer.alerts).toEqual({ client: [], server: [Uint8Array.of(2, alert)] });
      expect(observer.pending).toBe(0);
    },
  );

  test("281 records of 55 connections are opened, of which our record protection writes 267 alike", () => {
    const protections = Object.keys({ ...flows, ...rsaFlows })
      .flatMap((name) => observe(name).handshakes12)
      .flatMap((handshake) => [handshake.protections.client, handshake.protections.server]);
    const total = (count: "opened" | "resealed"): number =>
      protections.reduce((sum, protection) => sum + (protection?.[count] ?? 0), 0);
    expect([total("opened"), total("resealed")]).toEqual([281, 267]);
  });

  test.each([
    [
      "Server-TLSv12-ALPN",
      "tls12_certificate server_key_exchange server_hello_done client_key_exchange finished tls12_new_session_ticket finished",
    ],
    [
      "Client-TLSv12-ClientCert-RSA-RSAPSS",
      "tls12_certificate server_key_exchange tls12_certificate_request server_hello_done tls12_certificate client_key_exchange certificate_verify finished finished",
    ],
    ["Server-TLSv12-Resume", "tls12_new_session_ticket finished finished"],
    [
      "Client-TLSv12-RenegotiationRejected",
      "tls12_certificate server_key_exchange server_hello_done client_key_exchange finished finished hello_request",
    ],
  ])("%s: its messages have the order of RFC 5246 §7.3", (name, behindHellos) => {
    const said = observe(name).messages.map((message) => message.name);
    expect(said.join(" ")).toBe(`client_hello tls12_server_hello ${behindHellos}`);
  });

  test("a renegotiated handshake is bound to the one before by verify_data, and has another main secret", () => {
    const { messages, handshakes12 } = observe("Client-TLSv12-RenegotiateTwice");
    const verifyData = messages
      .filter(({ name }) => name === "finished")
      .map(({ raw }) => hex(decodeHandshake("finished", raw).verifyData));
    const bindings = handshakes12.flatMap(({ clientHello, serverHello }) => [
      hex(clientHello.extensions.renegotiationInfo ?? new Uint8Array()),
      hex(serverHello.extensions.renegotiationInfo ?? new Uint8Array()),
    ]);
    const [client1, server1, client2, server2] = verifyData;
    expect(bindings).toEqual(["", "", client1, `${client1}${server1}`, client2, `${client2}${server2}`]);
    expect(new Set(handshakes12.map(({ mainSecret }) => hex(mainSecret.bytes))).size).toBe(3);
  });

  test("the resumed session has the main secret of the session that its ticket is of", () => {
    const mainSecretOf = (name: string): string =>
      hex(observe(name).handshakes12[0]?.mainSecret.bytes ?? new Uint8Array());
    expect(mainSecretOf("Server-TLSv12-Resume")).toBe(mainSecretOf("Server-TLSv12-IssueTicket"));
  });

  test("a server that has tickets disabled makes a session of its own for a client that offers one", () => {
    const { clientHello, handshakes12 } = observe("Server-TLSv12-ResumeDisabled");
    expect(clientHello?.extensions.sessionTicket?.length).toBeGreaterThan(0);
    expect(
      handshakes12.map(({ isResumed, serverHello }) => [isResumed, serverHello.extensions.sessionTicket]),
    ).toEqual([[false, undefined]]);
  });

  test.each(["Client-TLSv12-ExportKeyingMaterial", "Server-TLSv12-ExportKeyingMaterial"])(
    "%s: the exporter gives what node:crypto computes, without a context and with an empty one",
    (name) => {
      const [handshake] = observe(name).handshakes12;
      if (handshake === undefined) throw new Error("there is no handshake");
      const { clientHello, serverHello, mainSecret } = handshake;
      const exporter = mainSecret.exporter(clientHello.random, serverHello.random);
      const seed = concatBytes(clientHello.random, serverHello.random);
      const expected = (more: Uint8Array): string =>
        nodePrf("sha256", mainSecret.bytes, "test", concatBytes(seed, more), 42);
      expect(hex(exporter.export("test", null, 42))).toBe(expected(new Uint8Array()));
      expect(hex(exporter.export("test", new Uint8Array(), 42))).toBe(expected(Uint8Array.of(0, 0)));
    },
  );

  test("ALPN and signed certificate timestamps are in the ServerHello of the flows that are about them", () => {
    const helloOf = (name: string) => observe(name).handshakes12[0]?.serverHello.extensions;
    for (const name of ["Client-TLSv12-ALPN", "Server-TLSv12-ALPN"]) {
      expect(helloOf(name)?.applicationLayerProtocolNegotiation?.map(latin1)).toEqual(["proto1"]);
    }
    for (const name of ["Client-TLSv12-ALPN-NoMatch", "Server-TLSv12-ALPN-Fallback"]) {
      expect(helloOf(name)?.applicationLayerProtocolNegotiation).toBeUndefined();
    }
    expect(helloOf("Client-TLSv12-SCT")?.signedCertificateTimestamp?.length).toBe(3);
  });

  test("no flow below TLS 1.3 is left out without a reason: 39 decrypt, 16 with RSA key exchange too, 1 is refused, 22 are left out", () => {
    const names = vectors.names().filter((name) => /TLSv1[012]-/.test(name));
    const listed = [flows, rsaFlows, refusals, leftOut].map((table) => Object.keys(table));
    expect([...listed.flat(), FALLBACK].toSorted()).toEqual(names);
    expect(listed.map(({ length }) => length)).toEqual([39, 16, 1, 21]);
    expect(names.length).toBe(78);
  });

  test.each(Object.entries(leftOut).map(([name, [version, suite]]) => [name, version, suite] as const))(
    "%s is left out: %s with %s",
    (name, version, suite) => {
      const flight = goFlights(vectors.text(name)).find(({ from }) => from === "server")?.bytes;
      const [raw = new Uint8Array()] = plainMessagesOf(flight ?? new Uint8Array());
      const { serverVersion, cipherSuite } = decodeHandshake("tls12_server_hello", raw);
      const codepoints = { ...CipherSuite, ...strangeSuites, TLS_RSA_WITH_AES_128_CBC_SHA: 0x002f };
      expect(codepointName(ProtocolVersion, serverVersion)).toBe(version);
      expect(codepointName(codepoints, cipherSuite)).toBe(suite);
      // TLS 1.0 and 1.1 are not spoken (RFC 8996); of TLS 1.2, RC4 (RFC 7465) and 3DES have no implementation here.
      expect(version !== "TLSv1.2" || /RC4|3DES/.test(suite)).toBe(true);
    },
  );

  test(`${FALLBACK}: the server answers the fallback with alert ${INAPPROPRIATE_FALLBACK}`, () => {
    const [hello, answer] = goFlights(vectors.text(FALLBACK));
    const [raw = new Uint8Array()] = plainMessagesOf(hello?.bytes ?? new Uint8Array());
    const { legacyVersion, cipherSuites } = decodeHandshake("client_hello", raw);
    expect(legacyVersion).toBe(ProtocolVersion["TLSv1.1"]);
    expect(cipherSuites).toContain(CipherSuite.TLS_FALLBACK_SCSV);
    expect(answer?.bytes.subarray(-2)).toEqual(Uint8Array.of(2, INAPPROPRIATE_FALLBACK));
    expect(answer?.bytes[0]).toBe(ContentType.alert);
  });

  test("of 58 signatures our verifiers check 15, and refuse 43 for their RSA key of 1024 bits, which node:crypto checks", async () => {
    const proofs = Object.keys({ ...flows, ...rsaFlows }).flatMap((name) => observe(name).proofs);
    const checked = await Promise.all(proofs.map(checkProof));
    const by = (who: CheckedProof["by"]): number => checked.filter((proof) => proof.by === who).length;
    expect({ ours: by("tls-engine"), nodes: by("node:crypto") }).toEqual({ ours: 15, nodes: 43 });
    const forged = await Promise.all(
      proofs.map((proof) =>
        checkProof({ ...proof, content: proof.content.map((byte, at) => (at === 60 ? byte ^ 1 : byte)) }),
      ),
    );
    expect(forged.filter(({ isGenuine }) => isGenuine)).toEqual([]);
  });
});
