import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { Driver } from "../driver.ts";
import { Peer, versionOf } from "../process.ts";
import { type Combination12, groupsFor } from "../rows12.ts";
import type { Scope } from "../waiting.ts";

const version = /go1\.(\d+)/.exec(versionOf("go", "version") ?? "");

/** Why rows with Go cannot run here: X25519MLKEM768 came with 1.24. */
export const noGo: string | undefined =
  version === null
    ? "no go command here"
    : Number(version[1]) >= 24
      ? undefined
      : `go is 1.${version[1] ?? ""}, needed is 1.24 or later`;

/** Flags that leave Go TLS 1.2 alone. */
export const goTls12 = ["-min", "1.2", "-max", "1.2"] as const;

/** Why Go cannot do one combination of TLS 1.2. */
export function goLacks12({ suite, certificate }: Combination12): string | undefined {
  if (noGo !== undefined) return noGo;
  if (certificate === "rsa-pss-2048") return "crypto/tls has no keys of type RSASSA-PSS";
  return suite.endsWith("CBC_SHA384") ? "crypto/tls has no CBC suites with SHA-384" : undefined;
}

/** Flags that hold Go to one combination of TLS 1.2; the curve of a certificate comes behind the group. */
export function goOnly12(combination: Combination12): readonly string[] {
  return [...goTls12, "-suites", combination.suite, "-groups", groupsFor(combination).join(",")];
}

/** The program in `peers/go`, built. */
export interface GoPeer {
  /** Starts it for one connection, if the arguments do not ask for more. */
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

/** An echoed line, and a clean end that we begin. */
export async function echoWithGo(client: Driver, peer: Peer): Promise<void> {
  await peer.untilPrinted(/"open":"TLS 1\.[23]"/);
  client.write("ping from tls-engine\n");
  await client.untilReceived("ping from tls-engine\n");
  expect((await client.close()).kind).toBe("clean");
  await peer.untilPrinted(/"echoed":21/);
}

/** One line each way, and a clean end that the peer begins. */
export async function answerGo(server: Driver, peer: Peer): Promise<void> {
  await answerGoOnce(server);
  await peer.untilPrinted(/"received":"pong from tls-engine\\n"/);
  expect(await peer.untilExit()).toBe(0);
}

/** {@link answerGo} for a peer that will connect again. */
export async function answerGoOnce(server: Driver): Promise<void> {
  await server.untilReceived("ping from go\n");
  server.write("pong from tls-engine\n");
  expect((await server.untilClosed()).kind).toBe("clean");
  await server.close();
}

/** Compares what the program has exported with a context. */
export async function expectSameGoExport(own: Driver, peer: Peer): Promise<void> {
  const [, theirs] = await peer.untilPrinted(/"exported":"([0-9a-f]+)"/);
  const ours = own.engine.exportKeyingMaterial("EXPORTER-interop", Buffer.from("a context"), 40);
  expect(Buffer.from(ours).toString("hex")).toBe(theirs);
}
