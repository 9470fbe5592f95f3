import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { pathToFileURL } from "node:url";

const ROOT = resolve(import.meta.dirname, "../..");

/** Builds the package into a folder of its own, where it finds the dependencies of this one. @returns the folder. */
export function buildPackage(): string {
  mkdirSync(join(ROOT, ".tmp"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, ".tmp", "build-"));
  try {
    execFileSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", "tsconfig.build.json", "--outDir", folder], {
      cwd: ROOT,
      stdio: "pipe",
    });
  } catch (error) {
    rmSync(folder, { recursive: true });
    const { stdout } = error as { readonly stdout?: Buffer };
    throw new Error(`the build failed: ${stdout?.toString() ?? String(error)}`, { cause: error });
  }
  return folder;
}

/** A program of `demo` or `examples` that runs on a build of the package, and the lines that it prints. */
export class Program {
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  readonly #printed: string[] = [];
  readonly #exited: Promise<number | null>;
  #errors = "";

  constructor(
    buildFolder: string,
    file: string,
    args: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.#child = spawn(process.execPath, ["--import", "./test/demo/use-build.mjs", file, ...args], {
      cwd: ROOT,
      env: { ...process.env, ...environment, TLS_ENGINE_BUILD: `${pathToFileURL(buildFolder).href}/` },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error("the program has no output");
    this.#lines = createInterface({ input: stdout });
    this.#lines.on("line", (line) => this.#printed.push(line));
    stderr.on("data", (chunk: Buffer) => (this.#errors += chunk.toString()));
    this.#exited = once(this.#child, "close").then(([code]) => code as number | null);
  }

  /** What it has printed so far. */
  get output(): string {
    return this.#printed.join("\n");
  }

  /** The arguments of the first line that begins with `command`, as soon as it is printed. */
  async argumentsOf(command: string): Promise<readonly string[]> {
    for (;;) {
      const line = this.#printed.find((printed) => printed.trim().startsWith(command));
      if (line !== undefined) return line.trim().slice(command.length).trim().split(" ");
      const news = await Promise.race([once(this.#lines, "line"), this.#exited]);
      if (!Array.isArray(news)) throw new Error(`the program ended before "${command}": ${this.#errors}`);
    }
  }

  /** Waits for its end. @returns everything that it has printed. @throws when it fails. */
  async finish(): Promise<string> {
    const code = await this.#exited;
    if (code !== 0)
      throw new Error(`the program has ended with ${String(code)}:\n${this.output}\n${this.#errors}`);
    if (this.#errors !== "") throw new Error(`the program has complained: ${this.#errors}`);
    return this.output;
  }

  /** Interrupts it as Ctrl-C does, and waits for its end. */
  async stop(): Promise<void> {
    this.#child.kill("SIGINT");
    await this.#exited;
  }
}
