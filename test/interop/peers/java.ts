import { join } from "node:path";
import { Peer, versionOf } from "../process.ts";
import type { Combination } from "../rows.ts";
import type { Scope } from "../waiting.ts";

const version = /^(?:openjdk|java) (\d+)/.exec(versionOf("java", "--version") ?? "");
const canCompile = version !== null && (versionOf("java", "--list-modules") ?? "").includes("jdk.compiler");

/** Why rows with Java cannot run here. */
export const noJava: string | undefined =
  version === null
    ? "no java command here"
    : Number(version[1]) < 17
      ? `java is ${version[1] ?? ""}, needed is 17 or later`
      : canCompile
        ? undefined
        : "java is here without its compiler (package default-jdk-headless)";

/** Why Java cannot do what a row is about. */
export function javaLacks({ group }: Pick<Combination, "group">): string | undefined {
  if (noJava !== undefined) return noJava;
  const major = Number(version?.[1]);
  if (group === "X25519MLKEM768" && major < 27) return `JSSE of Java ${major} has no X25519MLKEM768`;
  return undefined;
}

/** Starts `peers/java/TlsPeer.java`, which takes seconds, and serves many connections. */
export function startJava(scope: Scope, ...args: readonly string[]): Peer {
  const options = ["-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xmx256m"];
  return new Peer(scope, "java", [...options, join(import.meta.dirname, "java", "TlsPeer.java"), ...args]);
}
