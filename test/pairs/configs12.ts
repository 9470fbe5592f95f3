import {
  ClientConfig,
  type ClientOptions,
  credential,
  type Credential,
  nobleProvider,
  ServerConfig,
  type SettingsOptions,
} from "../../src/index.ts";
import { testCertificate, type TestKeyType } from "../support/certificates.ts";
import { type Answer, answering, signing } from "./hooks.ts";
import type { Row12 } from "./matrix12.ts";
import { type Memory, remembering, rememberingCredential } from "./remembering.ts";
import { Seeded } from "./seeded.ts";
import { answeringStore, FailingStore, lateStore } from "./stores.ts";
import type { Watched12 } from "./watched12.ts";

const NOW_MS = Date.UTC(2026, 10, 21);
const SUITE_OF_TLS13 = "TLS_AES_128_GCM_SHA256";
/** With `rsa_pkcs1_*`, and ECDSA under a hash that is not the curve's. */
export const SCHEMES_OF_TLS12: readonly string[] = [
  "rsa_pkcs1_sha256",
  "ecdsa_secp384r1_sha384",
  "ed25519",
  "rsa_pss_pss_sha384",
];

/** Most bytes that a side may put into a record: the `record_size_limit` of its peer if that sends one, or those of RFC 5246 §6.2.1. */
export function longestContent(role: "client" | "server", { recordSizeLimit }: Row12): number {
  const isLimited = role === "client" ? recordSizeLimit === "both" : recordSizeLimit !== "none";
  return isLimited ? RECORD_SIZE_LIMITS[role === "client" ? "server" : "client"] : 2 ** 14;
}

/** Of each side, if it sends one. */
const RECORD_SIZE_LIMITS = { client: 700, server: 64 } as const;

/** What a server staples; nothing of it is looked into here. */
export const OCSP_RESPONSE: Uint8Array = ascii("an OCSPResponse, ".repeat(20));
export const SCTS: readonly Uint8Array[] = [ascii("one timestamp"), ascii("another timestamp")];

/** What both have of a row. */
export interface Setting12 {
  readonly row: Row12;
  readonly answer: Answer;
  readonly seed: string;
  readonly memory: Memory;
}

/** What keeps the sessions of each side; undefined leaves the choice to the config. */
export type Stores = Readonly<Record<"client" | "server", SettingsOptions["sessionStore"]>>;

/** The stores of a row, which are new. */
export function storesOf({ store }: Row12, answer: Answer): Stores {
  switch (store) {
    case "default":
      return { client: undefined, server: undefined };
    case "none":
      return { client: null, server: null };
    case "one for both": {
      const both = answeringStore(answer);
      return { client: both, server: both };
    }
    case "late":
      return { client: lateStore(), server: lateStore() };
    case "failing":
      return { client: new FailingStore(answer), server: new FailingStore(answer) };
  }
}

/** Waits for what was answered late, and for those that have waited for it. */
export async function allSettled(stores: Stores): Promise<void> {
  for (const store of Object.values(stores)) {
    if (store instanceof FailingStore) await Promise.allSettled(store.answers);
  }
  await new Promise((resolve) => setImmediate(resolve));
}

/** The client of a row. */
export async function clientConfig(
  setting: Setting12,
  watched: Watched12,
  store: Stores["client"],
): Promise<ClientConfig> {
  const { row, answer } = setting;
  const { spkiSha256 } = await certificateOf("server", row.certificate);
  const own = row.clientCertificate === null ? null : await ownCredential("client", setting, {});
  const curve = CURVES[row.certificate];
  const speaksTls13 = row.versions === "client also 1.3";
  return new ClientConfig({
    ...common("client", setting, watched, store),
    cipherSuites: [...(speaksTls13 ? [SUITE_OF_TLS13] : []), row.suite],
    groups: [...new Set(["x25519", row.group, ...(curve === undefined ? [] : [curve])])],
    keyShares: ["x25519"],
    serverName: "localhost",
    trust: watched.trust(spkiSha256, answer),
    clientCredential: () => answer<Credential | null>(own),
    middleboxCompatibility: row.middleboxCompatibility,
    requestOcspResponse: row.staples !== "not asked for",
    requestSignedCertificateTimestamps: row.staples !== "not asked for",
    ...(row.alpn === "agreed" && { alpn: ["h2", "http/1.1"] }),
    ...(row.recordSizeLimit !== "none" && { recordSizeLimit: RECORD_SIZE_LIMITS.client }),
    shapeClientHello: shapedFor(row),
  });
}

/** Leaves out what this engine always offers, and others do not. */
function shapedFor(row: Row12): NonNullable<ClientOptions["shapeClientHello"]> {
  return ({ extensions, ...hello }) => {
    const { encryptThenMac, extendedMainSecret, sessionTicket, ...others } = extensions;
    const takesTickets = row.resumption !== "by id, as the client takes none";
    return {
      ...hello,
      extensions: {
        ...others,
        ...(row.encryptThenMac !== false && encryptThenMac !== undefined && { encryptThenMac }),
        ...(row.extendedMainSecret && extendedMainSecret !== undefined && { extendedMainSecret }),
        ...(takesTickets && sessionTicket !== undefined && { sessionTicket }),
      },
    };
  };
}

/** A client must support the curve of an ECDSA certificate. RFC 8422 §5.1. */
const CURVES: Partial<Record<TestKeyType, string>> = {
  "ecdsa-p256": "secp256r1",
  "ecdsa-p384": "secp384r1",
  "ecdsa-p521": "secp521r1",
};

/** The server of a row, which has one group and one suite for TLS 1.2. */
export async function serverConfig(
  setting: Setting12,
  watched: Watched12,
  store: Stores["server"],
): Promise<ServerConfig> {
  const { row, answer } = setting;
  const own = await ownCredential("server", setting, {
    ...(/OCSP|not asked for/.test(row.staples) && { ocspResponse: OCSP_RESPONSE }),
    ...(/SCT|not asked for/.test(row.staples) && { signedCertificateTimestamps: SCTS }),
  });
  const { spkiSha256 } = await certificateOf("client", row.clientCertificate ?? "ecdsa-p256");
  const speaksTls13 = row.versions === "server also 1.3";
  return new ServerConfig({
    ...common("server", setting, watched, store),
    cipherSuites: [...(speaksTls13 ? [SUITE_OF_TLS13] : []), row.suite],
    groups: [row.group],
    sessionTickets: givesTickets(row),
    ...(row.recordSizeLimit === "both" && { recordSizeLimit: RECORD_SIZE_LIMITS.server }),
    chooseSetup: ({ serverName, alpn }) =>
      answer({
        credentials: serverName === "localhost" ? [own] : [],
        alpn: alpn.filter((name) => name === "http/1.1"),
        clientAuth:
          row.clientAuth === "none"
            ? { mode: "none" as const }
            : {
                mode: row.clientAuth.startsWith("require") ? ("require" as const) : ("request" as const),
                trust: watched.trust(spkiSha256, answer),
              },
      }),
  });
}

/** Whether the server of a row gives tickets; one that does not has to ask its store. */
export function givesTickets({ resumption, store }: Row12): boolean {
  return resumption !== "by id, as the server gives no tickets" && store !== "failing";
}

function common(
  role: "client" | "server",
  { row, answer, seed, memory }: Setting12,
  watched: Watched12,
  store: SettingsOptions["sessionStore"],
): SettingsOptions {
  return {
    provider: answering(remembering(nobleProvider(), memory), answer),
    random: new Seeded(`${seed} ${role}`).bytes,
    now: () => NOW_MS,
    ...watched.hooks,
    ...(store !== undefined && { sessionStore: store }),
    ...(row.signatureSchemes === "only in TLS 1.2" && { signatureSchemes: SCHEMES_OF_TLS12 }),
  };
}

async function ownCredential(
  role: "client" | "server",
  { row, answer, memory }: Setting12,
  staples: Pick<Credential, "ocspResponse" | "signedCertificateTimestamps">,
): Promise<Credential> {
  const keyType = role === "server" ? row.certificate : (row.clientCertificate ?? "ecdsa-p256");
  const { certificatePem, keyPem } = await certificateOf(role, keyType);
  const own = credential({ certificateChain: certificatePem, key: keyPem, ...staples });
  return signing(rememberingCredential(own, memory), answer);
}

/** The certificate that `role` shows in all rows. */
export function certificateOf(
  role: "client" | "server",
  keyType: TestKeyType,
): ReturnType<typeof testCertificate> {
  return testCertificate({ keyType, commonName: role });
}

function ascii(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
