import { hex } from "../../src/bytes.ts";
import {
  ClientConfig,
  credential,
  type Credential,
  type ExternalPsk,
  externalPsk,
  importedPsks,
  nobleProvider,
  type PskMode,
  ServerConfig,
  type SettingsOptions,
} from "../../src/index.ts";
import { certificateOf, type Stores } from "./configs12.ts";
import { type Answer, answering, signing } from "./hooks.ts";
import type { RowPsk } from "./matrix-psk.ts";
import { type Memory, remembering, rememberingCredential } from "./remembering.ts";
import { Seeded } from "./seeded.ts";
import { answeringStore, FailingStore, lateStore } from "./stores.ts";
import type { Watched12 } from "./watched12.ts";

const NOW_MS = Date.UTC(2026, 10, 21);
const SUITE_OF_TLS12 = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";

/** What both have of a row. */
export interface SettingPsk {
  readonly row: RowPsk;
  readonly answer: Answer;
  readonly seed: string;
  readonly memory: Memory;
}

/** The stores of a row, which are new. */
export function storesOf({ store }: RowPsk, answer: Answer): Stores {
  switch (store) {
    case "default":
      return { client: undefined, server: undefined };
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

/** PSKs that both sides have from elsewhere: one for suites of each hash. */
export function psksOf({ psk }: Pick<RowPsk, "psk">): readonly ExternalPsk[] {
  const key = Uint8Array.from({ length: 32 }, (_, i) => i);
  switch (psk) {
    case "external":
      return (["SHA-384", "SHA-256"] as const).map((hash) =>
        externalPsk({ identity: ascii(`device, ${hash}`), key, hash }),
      );
    case "imported":
      return importedPsks({
        externalIdentity: ascii("device"),
        key,
        context: ascii("pairs"),
        targets: [
          { protocol: 0x0304, kdf: 0x0002 },
          { protocol: 0x0304, kdf: 0x0001 },
        ],
      });
    case "sealed ticket":
    case "ticket of a stored session":
      return [];
  }
}

/** What each side says, most preferred first. */
const MODES: Readonly<
  Record<RowPsk["pskModes"], { readonly client: readonly PskMode[]; readonly server: readonly PskMode[] }>
> = {
  psk_dhe_ke: { client: ["psk_dhe_ke"], server: ["psk_dhe_ke"] },
  psk_ke: { client: ["psk_ke"], server: ["psk_ke"] },
  "both, and psk_dhe_ke": { client: ["psk_ke", "psk_dhe_ke"], server: ["psk_dhe_ke", "psk_ke"] },
  "both, and psk_ke": { client: ["psk_dhe_ke", "psk_ke"], server: ["psk_ke", "psk_dhe_ke"] },
};

/** The client of a row. */
export async function clientConfig(
  setting: SettingPsk,
  watched: Watched12,
  store: Stores["client"],
): Promise<ClientConfig> {
  const { row, answer } = setting;
  const { spkiSha256 } = await certificateOf("server", row.certificate);
  const own = row.clientCertificate === null ? null : await ownCredential("client", setting);
  return new ClientConfig({
    ...common("client", setting, watched, store),
    ...(row.retry === "none"
      ? { groups: [row.group, missed(row)], keyShares: [row.group] }
      : { groups: [missed(row), row.group], keyShares: [missed(row)] }),
    ...(row.recordSizeLimit !== "none" && { recordSizeLimit: 700 }),
    ...(row.alpn === "agreed" && { alpn: ["h2", "http/1.1"] }),
    versions: /^(client|both) also/.test(row.versions) ? ["TLSv1.3", "TLSv1.2"] : ["TLSv1.3"],
    serverName: "localhost",
    trust: watched.trust(spkiSha256, answer),
    clientCredential: () => answer<Credential | null>(own),
    middleboxCompatibility: row.middleboxCompatibility,
    externalPsks: psksOf(row),
  });
}

/** The server of a row, which has one group and one suite. */
export async function serverConfig(
  setting: SettingPsk,
  watched: Watched12,
  store: Stores["server"],
): Promise<ServerConfig> {
  const { row, answer } = setting;
  const own = await ownCredential("server", setting);
  const { spkiSha256 } = await certificateOf("client", row.clientCertificate ?? "ecdsa-p256");
  const known = psksOf(row);
  return new ServerConfig({
    ...common("server", setting, watched, store),
    cipherSuites: /^(server|both) also/.test(row.versions) ? [row.suite, SUITE_OF_TLS12] : [row.suite],
    groups: [row.group],
    sessionTickets: row.psk === "ticket of a stored session" ? "stored" : true,
    ...(row.recordSizeLimit === "both" && { recordSizeLimit: 64 }),
    helloRetryCookie: row.retry === "group and cookie",
    findPsk: (identity) => answer(known.find((psk) => hex(psk.identity) === hex(identity)) ?? null),
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

function common(
  role: "client" | "server",
  { row, answer, seed, memory }: SettingPsk,
  watched: Watched12,
  store: SettingsOptions["sessionStore"],
): SettingsOptions {
  return {
    provider: answering(remembering(nobleProvider(), memory), answer),
    random: new Seeded(`${seed} ${role}`).bytes,
    now: () => NOW_MS,
    pskModes: MODES[row.pskModes][role],
    ...watched.hooks,
    ...(store !== undefined && { sessionStore: store }),
  };
}

/** A group that the client has besides: the one that it guesses when it is to guess wrong. */
function missed({ group }: RowPsk): string {
  return group === "x25519" ? "secp256r1" : "x25519";
}

async function ownCredential(
  role: "client" | "server",
  { row, answer, memory }: SettingPsk,
): Promise<Credential> {
  const keyType = role === "server" ? row.certificate : (row.clientCertificate ?? "ecdsa-p256");
  const { certificatePem, keyPem } = await certificateOf(role, keyType);
  const own = credential({ certificateChain: certificatePem, key: keyPem });
  return signing(rememberingCredential(own, memory), answer);
}

function ascii(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
