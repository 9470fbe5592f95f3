import {
  ClientConfig,
  credential,
  type Credential,
  nobleProvider,
  pinned,
  type SettingsOptions,
  ServerConfig,
  TlsEngine,
} from "../../src/index.ts";
import { type TestCertificate, testCertificate, type TestKeyType } from "../support/certificates.ts";
import { End } from "../support/pair.ts";
import { account, type Account } from "./account.ts";
import { type Carriage, Wire } from "./carriage.ts";
import { type Answer, answering, signing } from "./hooks.ts";
import type { Row } from "./matrix.ts";
import { Seeded } from "./seeded.ts";

/** A conversation that was had. */
export interface Outcome {
  readonly client: Account;
  readonly server: Account;
  readonly clientEnd: End;
  readonly serverEnd: End;
  /** How often a hook was awaited. */
  readonly waits: number;
}

const NOW_MS = Date.UTC(2026, 10, 21);
const ALPN = ["h2", "http/1.1"];
const SUITE_OF_TLS12 = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";

/** What the two say, longer than a record in one direction. */
export const CLIENT_SAYS = ["early ", "bird ", "x".repeat(300), "late"];
export const SERVER_SAYS = ["hello ", "y".repeat(17_000), "bye"];

/** The whole life of two engines, from their first bytes to close_notify both ways. */
export async function converse(row: Row, carriage: Carriage, seed: string): Promise<Outcome> {
  const clientLog: string[] = [];
  const serverLog: string[] = [];
  const client = new End(
    TlsEngine.client(await clientConfig(row, carriage.answer, seed, (line) => clientLog.push(line))),
  );
  const server = new End(
    TlsEngine.server(await serverConfig(row, carriage.answer, seed, (line) => serverLog.push(line))),
  );
  const wire = new Wire(client, server, carriage);
  const [queued = "", queuedToo = "", asked = "", last = ""] = CLIENT_SAYS;
  const [greeting = "", answer = "", farewell = ""] = SERVER_SAYS;
  client.engine.write(ascii(queued));
  server.engine.write(ascii(greeting));
  client.engine.write(ascii(queuedToo));
  await wire.carry();
  const exported = [client, server].map(({ engine }) =>
    Buffer.from(engine.exportKeyingMaterial("EXPERIMENTAL pairs", ascii(seed), 40)).toString("hex"),
  );
  client.engine.write(ascii(asked));
  await wire.carry();
  server.engine.updateKeys(true);
  server.engine.write(ascii(answer));
  await wire.carry();
  client.engine.write(ascii(last));
  client.engine.closeWrite();
  await wire.carry();
  server.engine.write(ascii(farewell));
  server.engine.closeWrite();
  await wire.carry();
  return {
    client: account(client, clientLog, exported[0] ?? ""),
    server: account(server, serverLog, exported[1] ?? ""),
    clientEnd: client,
    serverEnd: server,
    waits: wire.waits,
  };
}

async function clientConfig(
  row: Row,
  answer: Answer,
  seed: string,
  onKeyLog: (line: string) => void,
): Promise<ClientConfig> {
  const { spkiSha256 } = await serverCertificate(row.certificate);
  const trust = pinned([spkiSha256]);
  const given = row.clientCertificate === null ? null : await clientCredential(row.clientCertificate, answer);
  return new ClientConfig({
    ...common(row, answer, seed, "client", onKeyLog),
    ...(row.retry === "none"
      ? { groups: [row.group, missed(row)], keyShares: [row.group] }
      : { groups: [missed(row), row.group], keyShares: [missed(row)] }),
    ...(row.recordSizeLimit !== "none" && { recordSizeLimit: 700 }),
    versions: speaksTls12("client", row) ? ["TLSv1.3", "TLSv1.2"] : ["TLSv1.3"],
    serverName: "localhost",
    trust: { verify: (peer) => answer(trust.verify(peer)) },
    clientCredential: () => answer<Credential | null>(given),
    middleboxCompatibility: row.middleboxCompatibility,
  });
}

async function serverConfig(
  row: Row,
  answer: Answer,
  seed: string,
  onKeyLog: (line: string) => void,
): Promise<ServerConfig> {
  const { certificatePem, keyPem } = await serverCertificate(row.certificate);
  const own = signing(credential({ certificateChain: certificatePem, key: keyPem }), answer);
  const { spkiSha256 } = await clientCertificate(row.clientCertificate ?? "ecdsa-p256");
  const trust = pinned([spkiSha256]);
  return new ServerConfig({
    ...common(row, answer, seed, "server", onKeyLog),
    cipherSuites: speaksTls12("server", row) ? [row.suite, SUITE_OF_TLS12] : [row.suite],
    groups: [row.group],
    ...(row.recordSizeLimit === "both" && { recordSizeLimit: 64 }),
    helloRetryCookie: row.retry === "group and cookie",
    chooseSetup: ({ serverName, alpn }) =>
      answer({
        credentials: serverName === "localhost" ? [own] : [],
        alpn: alpn.filter((name) => name === "http/1.1"),
        clientAuth:
          row.clientAuth === "none"
            ? { mode: "none" as const }
            : {
                mode: row.clientAuth.startsWith("require") ? ("require" as const) : ("request" as const),
                trust: { verify: (peer) => answer(trust.verify(peer)) },
              },
      }),
  });
}

function common(
  row: Row,
  answer: Answer,
  seed: string,
  role: "client" | "server",
  onKeyLog: (line: string) => void,
): SettingsOptions {
  return {
    provider: answering(nobleProvider(), answer),
    random: new Seeded(`${seed} ${role}`).bytes,
    now: () => NOW_MS,
    onKeyLog,
    ...(row.alpn === "agreed" && role === "client" && { alpn: ALPN }),
  };
}

/** Whether a side would speak TLS 1.2 too. */
function speaksTls12(role: "client" | "server", { versions }: Row): boolean {
  return versions === `${role} also 1.2` || versions === "both also 1.2";
}

/** A group that the client has besides: the one that it guesses when it is to guess wrong. */
function missed({ group }: Row): string {
  return group === "x25519" ? "secp256r1" : "x25519";
}

function serverCertificate(keyType: TestKeyType): Promise<TestCertificate> {
  return testCertificate({ keyType, commonName: "server" });
}

function clientCertificate(keyType: TestKeyType): Promise<TestCertificate> {
  return testCertificate({ keyType, commonName: "client" });
}

async function clientCredential(keyType: TestKeyType, answer: Answer): Promise<Credential> {
  const { certificatePem, keyPem } = await clientCertificate(keyType);
  return signing(credential({ certificateChain: certificatePem, key: keyPem }), answer);
}

function ascii(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
