import { join } from "node:path";
import { Peer, versionOf } from "../process.ts";
import type { Combination } from "../rows.ts";
import type { Scope } from "../waiting.ts";

const probe =
  "import json, ssl, sys; print(json.dumps([*sys.version_info[:2], *ssl.OPENSSL_VERSION_INFO[:2]]))";
const printed = versionOf("python3", "-c", probe);
const [major = 0, minor = 0, opensslMajor = 0, opensslMinor = 0] = JSON.parse(printed ?? "[]") as number[];

/** Why rows with Python cannot run here: `StreamWriter.start_tls` came with 3.11. */
export const noPython: string | undefined =
  printed === undefined
    ? "no python3 command here"
    : major > 3 || minor >= 11
      ? undefined
      : `python3 is ${major}.${minor}, needed is 3.11 or later`;

/** Why Python cannot do what a row is about. */
export function pythonLacks({ group }: Pick<Combination, "group">): string | undefined {
  if (noPython !== undefined) return noPython;
  const hasHybrid = opensslMajor > 3 || (opensslMajor === 3 && opensslMinor >= 5);
  if (group !== "X25519MLKEM768" || hasHybrid) return undefined;
  return `python3 is built on OpenSSL ${opensslMajor}.${opensslMinor}, which has no X25519MLKEM768`;
}

/** Runs one of our scripts. */
export function startPython(scope: Scope, script: string, ...args: readonly string[]): Peer {
  return new Peer(scope, "python3", [join(import.meta.dirname, "python", script), ...args]);
}
