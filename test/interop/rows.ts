import { expect, test } from "vitest";
import {
  ClientConfig,
  type ClientOptions,
  type ConnectionInfo,
  pinned,
  ServerConfig,
  type ServerOptions,
} from "../../src/index.ts";
import type { CertificateKind, Issued } from "./ca.ts";
import { Scope } from "./waiting.ts";

/** One line of the table that `npm run interop` ends with. */
export interface Row {
  /** The other side, such as `openssl s_server`. */
  readonly peer: string;
  /** Our role. */
  readonly we: "client" | "server";
  readonly feature: string;
  /** Left out where it is TLS 1.3. */
  readonly version?: "TLSv1.3" | "TLSv1.2" | "any";
  /** IANA name, where the row is about one. */
  readonly suite?: string;
  /** IANA name, where the row is about one. */
  readonly group?: string;
  /** The server's certificate, where the row is about one. */
  readonly certificate?: CertificateKind;
}

declare module "vitest" {
  interface TaskMeta {
    row?: Row;
  }
}

/**
 * Registers a row as a test.
 *
 * @param missing why it cannot run on this machine; it is reported as skipped with that reason.
 */
export function row(about: Row, missing: string | undefined, run: (scope: Scope) => Promise<void>): void {
  const { peer, we, version, suite, group, certificate, feature } = about;
  const title = [`our ${we} and ${peer}`, version, suite, group, certificate, feature]
    .filter(Boolean)
    .join(", ");
  test.concurrent(title, async ({ task, skip, onTestFinished }) => {
    task.meta.row = about;
    if (missing !== undefined) skip(missing);
    const scope = new Scope();
    onTestFinished(() => scope.close());
    await run(scope);
  });
}

export const suites = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
] as const;
export const groups = ["x25519", "secp256r1", "secp384r1", "secp521r1", "X25519MLKEM768"] as const;
export type Suite = (typeof suites)[number];
export type Group = (typeof groups)[number];

/** Certificates of the matrix. The other kinds have a row each. */
export const matrixCertificates = ["ecdsa-p256", "rsa-2048", "ed25519"] as const;
export const rareCertificates = ["ecdsa-p384", "ecdsa-p521", "rsa-pss-2048"] as const;

/** One place of the matrix. */
export interface Combination {
  readonly suite: Suite;
  readonly group: Group;
  readonly certificate: CertificateKind;
}

/** Every suite with every group and certificate; and the rarer certificates with one suite and group. */
export function combinations(): readonly Combination[] {
  const all = suites.flatMap((suite) =>
    groups.flatMap((group) => matrixCertificates.map((certificate) => ({ suite, group, certificate }))),
  );
  const rare = rareCertificates.map(
    (certificate) => ({ suite: suites[0], group: groups[0], certificate }) as const,
  );
  return [...all, ...rare];
}

/** A client for `localhost` that trusts `server`. */
export function clientFor(server: Issued, options: Partial<ClientOptions> = {}): ClientConfig {
  const identity = { serverName: "localhost", trust: pinned([server.spkiSha256]) };
  return new ClientConfig(identity).with(options);
}

/** A server with `certificate`. */
export function serverWith(certificate: Issued, options: Partial<ServerOptions> = {}): ServerConfig {
  return new ServerConfig({ credentials: [certificate.credential], ...options });
}

/** Checks that a handshake has ended as the row says. */
export function expectAgreement(info: ConnectionInfo, { suite, group, certificate }: Combination): void {
  expect(info).toMatchObject({ version: "TLSv1.3", cipherSuite: suite, group });
  if (info.role === "client") {
    expect(info.peer.kind).toBe("verified");
    expect(info.peerSignatureScheme).toMatch(schemeOf[certificate]);
  }
}

const schemeOf: Record<CertificateKind, RegExp> = {
  "ecdsa-p256": /^ecdsa_secp256r1_sha256$/,
  "ecdsa-p384": /^ecdsa_secp384r1_sha384$/,
  "ecdsa-p521": /^ecdsa_secp521r1_sha512$/,
  ed25519: /^ed25519$/,
  "rsa-2048": /^rsa_pss_rsae_sha(256|384|512)$/,
  "rsa-pss-2048": /^rsa_pss_pss_sha(256|384|512)$/,
};

/**
 * Bytes in which a piece that is lost, doubled or misplaced shows. They are digits alone, as interactive peers take
 * letters for commands.
 */
export function patterned(length: number): Buffer {
  const data = Buffer.alloc(length);
  for (let at = 0; at < length; at += 8) data.write(String(at / 8).padStart(8, "0"), at, "latin1");
  return data;
}
