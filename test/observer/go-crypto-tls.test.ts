import { describe, expect, test } from "vitest";

import { hex, latin1 } from "../../src/bytes.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import type { NewSessionTicket } from "../../src/messages/handshake13.ts";
import { codepointName, NamedGroup } from "../../src/messages/codepoints.ts";
import { EarlySecret } from "../../src/schedule/tls13.ts";
import { Transcript } from "../../src/schedule/transcript.ts";
import { fromHex } from "../support/hex.ts";
import { ConnectionObserver, type Side } from "../support/observer.ts";
import { sharedVectors } from "../support/shared-vectors.ts";
import { DerivedSecrets } from "./derived-secrets.ts";
import { checkProof, type CheckedProof } from "./proofs.ts";

interface Flow {
  readonly suite: string;
  readonly group: string;
  /** Signers and schemes of CertificateVerify; none when a PSK authenticates. */
  readonly proofs: readonly string[];
  /** The flow that has issued the ticket which is used. */
  readonly resumes?: string;
}

const AES128 = "TLS_AES_128_GCM_SHA256";
const AES256 = "TLS_AES_256_GCM_SHA384";
const CHACHA20 = "TLS_CHACHA20_POLY1305_SHA256";
const flow = (suite: string, group: string, ...proofs: readonly string[]): Flow => ({ suite, group, proofs });
const rsa = "server rsa_pss_rsae_sha256";
const ecdsa = "server ecdsa_secp521r1_sha512";

/** What the file names promise, and what is left open by them. Go's side has a private key of zeros. */
const flows: Readonly<Record<string, Flow>> = {
  "Client-TLSv13-AES128-SHA256": flow(AES128, "x25519", rsa),
  "Client-TLSv13-AES256-SHA384": flow(AES256, "x25519", rsa),
  "Client-TLSv13-ALPN": flow(CHACHA20, "x25519", rsa),
  "Client-TLSv13-CHACHA20-SHA256": flow(CHACHA20, "x25519", rsa),
  "Client-TLSv13-ClientCert-ECDSA-RSA": flow(CHACHA20, "x25519", rsa, "client ecdsa_secp521r1_sha512"),
  "Client-TLSv13-ClientCert-Ed25519": flow(CHACHA20, "x25519", rsa, "client ed25519"),
  "Client-TLSv13-ClientCert-RSA-ECDSA": flow(CHACHA20, "x25519", ecdsa, "client rsa_pss_rsae_sha256"),
  "Client-TLSv13-ClientCert-RSA-RSAPSS": flow(CHACHA20, "x25519", rsa, "client rsa_pss_rsae_sha256"),
  "Client-TLSv13-ECDSA": flow(CHACHA20, "x25519", ecdsa),
  "Client-TLSv13-Ed25519": flow(CHACHA20, "x25519", "server ed25519"),
  "Client-TLSv13-ExportKeyingMaterial": flow(CHACHA20, "x25519", rsa),
  "Client-TLSv13-HelloRetryRequest": flow(CHACHA20, "secp256r1", rsa),
  "Client-TLSv13-KeyUpdate": flow(CHACHA20, "x25519", rsa),
  "Client-TLSv13-P256-ECDHE": flow(CHACHA20, "secp256r1", rsa),
  "Client-TLSv13-X25519-ECDHE": flow(CHACHA20, "x25519", rsa),
  "Server-TLSv13-AES128-SHA256": flow(AES128, "x25519", rsa),
  "Server-TLSv13-AES256-SHA384": flow(AES256, "x25519", rsa),
  "Server-TLSv13-ALPN": flow(CHACHA20, "x25519", rsa),
  "Server-TLSv13-ALPN-Fallback": flow(CHACHA20, "x25519", rsa),
  "Server-TLSv13-ALPN-NotConfigured": flow(CHACHA20, "x25519", rsa),
  "Server-TLSv13-CHACHA20-SHA256": flow(CHACHA20, "x25519", rsa),
  "Server-TLSv13-ClientAuthRequestedAndECDSAGiven": flow(
    AES128,
    "x25519",
    rsa,
    "client ecdsa_secp521r1_sha512",
  ),
  "Server-TLSv13-ClientAuthRequestedAndEd25519Given": flow(AES128, "x25519", rsa, "client ed25519"),
  "Server-TLSv13-ClientAuthRequestedAndGiven": flow(AES128, "x25519", rsa, "client rsa_pss_rsae_sha256"),
  "Server-TLSv13-ClientAuthRequestedNotGiven": flow(AES128, "x25519", rsa),
  "Server-TLSv13-ECDHE-ECDSA-AES": flow(AES128, "x25519", ecdsa),
  "Server-TLSv13-Ed25519": flow(CHACHA20, "x25519", "server ed25519"),
  "Server-TLSv13-ExportKeyingMaterial": flow(CHACHA20, "x25519", rsa),
  "Server-TLSv13-HelloRetryRequest": flow(CHACHA20, "secp256r1", rsa),
  "Server-TLSv13-IssueTicket": flow(AES128, "x25519", rsa),
  "Server-TLSv13-IssueTicketPreDisable": flow(AES128, "x25519", rsa),
  "Server-TLSv13-KeySharePreference": flow(CHACHA20, "secp256r1", rsa),
  "Server-TLSv13-P256": flow(CHACHA20, "secp256r1", rsa),
  "Server-TLSv13-RSA-RSAPSS": flow(CHACHA20, "x25519", rsa),
  "Server-TLSv13-Resume": { ...flow(AES128, "x25519"), resumes: "Server-TLSv13-IssueTicket" },
  "Server-TLSv13-Resume-HelloRetryRequest": {
    ...flow(AES128, "secp256r1"),
    resumes: "Server-TLSv13-IssueTicket",
  },
  "Server-TLSv13-ResumeDisabled": flow(AES128, "x25519", rsa),
  "Server-TLSv13-X25519": flow(CHACHA20, "x25519", rsa),
};

/** Servers that answer the ClientHello with an alert. */
const refusals: Readonly<Record<string, number>> = {
  "Server-TLSv13-ALPN-NoMatch": 120,
  "Server-TLSv13-RSA-RSAPSS-TooSmall": 40,
};

const vectors = sharedVectors("go-crypto-tls");

/** The chunks of a `>>> Flow N (client to server)` file, whose lines are those of `hexdump -C`. */
function readFlow(name: string): readonly { readonly sender: Side; readonly bytes: Uint8Array }[] {
  return vectors
    .text(name)
    .split(">>> Flow ")
    .slice(1)
    .map((text, index) => {
      const [title = "", ...lines] = text.split("\n");
      const [, number, sender] = /^(\d+) \((client|server) to (?:client|server)\)$/.exec(title) ?? [];
      if (Number(number) !== index + 1) throw new Error(`${name}: flow ${title} is out of order`);
      const dump = lines.map((line) => line.slice(8, 58)).join("");
      return { sender: sender === "client" ? "client" : "server", bytes: fromHex(dump) };
    });
}

interface Observed {
  readonly observer: ConnectionObserver;
  readonly derived: DerivedSecrets;
}

function observe(name: string, preSharedKey?: (ticket: Uint8Array) => Uint8Array | undefined): Observed {
  const derived = new DerivedSecrets({
    side: name.startsWith("Client-") ? "client" : "server",
    privateKey: ({ name: group }, length) => {
      const key = new Uint8Array(length);
      // Go makes NIST keys of zeros so, as zero itself is no key.
      if (group !== "x25519") key[1] = 0x42;
      return key;
    },
    ...(preSharedKey && { preSharedKey }),
  });
  const observer = new ConnectionObserver(derived.find);
  for (const { sender, bytes } of readFlow(name)) observer.carry(sender, bytes);
  return { observer, derived };
}

function ticketsOf({ observer }: Observed): readonly NewSessionTicket[] {
  return observer.messages
    .filter(({ name }) => name === "new_session_ticket")
    .map(({ raw }) => decodeHandshake("new_session_ticket", raw));
}

/** The PSK of `ticket`, if `issuer` has issued it. */
function preSharedKeyFrom(issuer: Observed, ticket: Uint8Array): Uint8Array | undefined {
  const issued = ticketsOf(issuer).find((one) => hex(one.ticket) === hex(ticket));
  const { clientFinished } = issuer.observer.transcriptHashes;
  if (issued === undefined || clientFinished === undefined) return undefined;
  return issuer.derived.preSharedKey(clientFinished, issued.ticketNonce);
}

function observeFlow(name: string): Observed {
  const issuer = flows[name]?.resumes;
  if (issuer === undefined) return observe(name);
  return observe(name, (ticket) => preSharedKeyFrom(observe(issuer), ticket));
}

describe.skipIf(vectors.missing)(`Go's recorded connections ${vectors.missing ?? ""}`, () => {
  test.each(Object.entries(flows))(
    "%s: decrypts with the private key of zeros; Finished and CertificateVerify are right",
    async (name, { suite, group, proofs }) => {
      const { observer } = observeFlow(name);
      expect(observer.suite?.name).toBe(suite);
      const { keyShare } = observer.serverHello?.extensions ?? {};
      expect(codepointName(NamedGroup, keyShare?.group ?? 0)).toBe(group);
      expect(observer.finished).toEqual({ client: true, server: true });
      const checked = await Promise.all(observer.proofs.map(checkProof));
      expect(checked.map((proof) => proof.name)).toEqual(proofs);
      expect(checked.map(({ isGenuine }) => isGenuine)).toEqual(proofs.map(() => true));
      const said = { client: observer.data.client.map(latin1), server: observer.data.server.map(latin1) };
      if (name === "Client-TLSv13-KeyUpdate") {
        expect(said).toEqual({ client: ["hello\n", "hello again\n"], server: ["SENTINEL\n"] });
        const updates = observer.messages.filter((message) => message.name === "key_update");
        expect(updates.map(({ sender }) => sender)).toEqual(["server", "client"]);
      } else if (name.startsWith("Client-")) expect(said).toEqual({ client: ["hello\n"], server: [] });
      else expect(said).toEqual({ client: [], server: ["hello, world\n"] });
      const closing = name.startsWith("Client-") ? observer.alerts.client : observer.alerts.server;
      expect(closing.map(hex)).toEqual(["0100"]);
      expect(observer.pending).toBe(0);
    },
  );

  test.each(Object.entries(refusals))(
    "%s: the server answers the ClientHello with alert %i",
    (name, alert) => {
      const { observer } = observe(name);
      expect(observer.messages.map((message) => message.name)).toEqual(["client_hello"]);
      expect(observer.alerts).toEqual({ client: [], server: [Uint8Array.of(2, alert)] });
      expect(observer.pending).toBe(0);
    },
  );

  test.each(Object.entries(flows).filter(([, { resumes }]) => resumes !== undefined))(
    "%s: the binder is that of the PSK from the ticket of an earlier connection",
    (name, { resumes = "" }) => {
      const { observer } = observeFlow(name);
      const issuer = observe(resumes);
      const hellos = observer.messages.filter((message) => message.name === "client_hello");
      expect(hellos.length).toBe(name.includes("HelloRetryRequest") ? 2 : 1);
      for (const hello of hellos) {
        const { preSharedKey } = decodeHandshake("client_hello", hello.raw).extensions;
        const [identity] = preSharedKey?.identities ?? [];
        const [binder] = preSharedKey?.binders ?? [];
        const psk = identity && preSharedKeyFrom(issuer, identity.identity);
        const hash = observer.suite?.hash;
        if (psk === undefined || binder === undefined || hash === undefined)
          throw new Error("there is no PSK");
        const transcript = new Transcript();
        for (const message of observer.messages.slice(0, observer.messages.indexOf(hello))) {
          if (message.name === "hello_retry_request") {
            transcript.start(hash);
            transcript.replaceByMessageHash();
          }
          transcript.add(message.raw);
        }
        // One binder, with the length of the list and its own.
        const truncated = hello.raw.subarray(0, -(2 + 1 + binder.length));
        const expected = new EarlySecret(hash, psk).binder(
          "resumption",
          transcript.digestWith(hash, truncated),
        );
        expect(hex(binder)).toBe(hex(expected));
      }
    },
  );

  test("no TLS 1.3 flow is left out: 38 decrypt, 2 end with an alert before there are keys", () => {
    const names = vectors.names().filter((name) => name.includes("TLSv13"));
    expect([...Object.keys(flows), ...Object.keys(refusals)].toSorted()).toEqual(names);
    expect(names.length).toBe(40);
    expect(Object.keys(flows).length).toBe(38);
  });

  test("of 43 signatures our verifiers check 9, and refuse 34 for their RSA key of 1024 bits, which node:crypto checks", async () => {
    const proofs = Object.keys(flows).flatMap((name) => observeFlow(name).observer.proofs);
    const checked = await Promise.all(proofs.map(checkProof));
    const by = (who: CheckedProof["by"]): number => checked.filter((proof) => proof.by === who).length;
    expect({ ours: by("tls-engine"), nodes: by("node:crypto") }).toEqual({ ours: 9, nodes: 34 });
    const forged = await Promise.all(
      proofs.map((proof) =>
        checkProof({ ...proof, content: proof.content.map((byte, at) => (at === 100 ? byte ^ 1 : byte)) }),
      ),
    );
    expect(forged.filter(({ isGenuine }) => isGenuine)).toEqual([]);
  });
});
