import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Peer, versionOf } from "../process.ts";
import type { Scope } from "../waiting.ts";

const version = /go1\.(\d+)/.exec(versionOf("go", "version") ?? "");

/** Why rows with Go cannot run here: X25519MLKEM768 came with 1.24. */
export const noGo: string | undefined =
  version === null
    ? "no go command here"
    : Number(version[1]) >= 24
      ? undefined
      : `go is 1.${version[1] ?? ""}, needed is 1.24 or later`;

/** The program in `peers/go`, built. */
export interface GoPeer {
  /** Starts it for one connection. */
  start(scope: Scope, role: "client" | "server", ...args: readonly string[]): Peer;
  remove(): void;
}

/** Builds the program into a folder for temporary files. The first build on a machine takes half a minute, later ones a second. */
export function buildGoPeer(): GoPeer {
  const folder = mkdtempSync(join(tmpdir(), "tls-engine-go-"));
  const file = join(folder, "tlspeer");
  if (noGo === undefined) {
    const source = join(import.meta.dirname, "go");
    const { status, stderr } = spawnSync("go", ["build", "-o", file, "."], {
      cwd: source,
      encoding: "utf8",
      env: { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "-buildvcs=false" },
      timeout: 110_000,
    });
    if (status !== 0) throw new Error(`go build failed: ${stderr}`);
  }
  return {
    start: (scope, ...args) => new Peer(scope, file, args),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
