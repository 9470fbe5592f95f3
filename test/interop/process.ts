import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { Changes, type Scope } from "./waiting.ts";

/** However long a row or a file takes, no peer lives longer. */
const LIFE_MS = 200_000;

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A program that plays the other side. It ends with the scope at the latest, by its process id. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #changes = new Changes();
  readonly #stdout: Buffer[] = [];
  readonly #all: Buffer[] = [];
  readonly #command: string;
  #stdoutLength = 0;
  #isOver = false;

  /** @param env in addition to our own. */
  constructor(scope: Scope, command: string, args: readonly string[], env: Record<string, string> = {}) {
    this.#command = [command, ...args].join(" ");
    this.#child = spawn(command, args, { stdio: "pipe", env: { ...process.env, ...env }, timeout: LIFE_MS });
    running.add(this.#child);
    this.#child.stdout?.on("data", (bytes: Buffer) => {
      this.#stdout.push(bytes);
      this.#stdoutLength += bytes.length;
      this.#add(bytes);
    });
    this.#child.stderr?.on("data", (bytes: Buffer) => this.#add(bytes));
    // The peer may be gone when we write to it; what it has printed tells why.
    this.#child.stdin?.on("error", () => undefined);
    this.#child.on("error", (error) => this.#add(Buffer.from(String(error))));
    this.#child.on("close", () => {
      running.delete(this.#child);
      this.#isOver = true;
      this.#changes.announce();
    });
    scope.onClose(() => this.end());
  }

  /** What it has printed on both outputs, as Latin-1. */
  get output(): string {
    return Buffer.concat(this.#all).toString("latin1");
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#stdout);
  }

  get stdoutLength(): number {
    return this.#stdoutLength;
  }

  /** Writes to its standard input. */
  write(data: Uint8Array | string): void {
    this.#child.stdin?.write(data);
  }

  endInput(): void {
    this.#child.stdin?.end();
  }

  /** Waits until `pattern` occurs in what it prints, and returns the match. */
  async untilPrinted(pattern: RegExp): Promise<RegExpExecArray> {
    return await this.until(String(pattern), () => pattern.exec(this.output) ?? undefined);
  }

  async until<T>(what: string, probe: () => T | undefined | false): Promise<T> {
    return await this.#changes.until(
      what,
      probe,
      () => `${this.#command} printed:\n${this.output.slice(-4000)}`,
      () => this.#isOver,
    );
  }

  /** Waits for its end, and gives its exit code; null when a signal ended it. */
  async untilExit(): Promise<number | null> {
    await this.#changes.until(
      "exit",
      () => this.#isOver,
      () => `${this.#command} printed:\n${this.output.slice(-4000)}`,
      () => false,
    );
    return this.#child.exitCode;
  }

  /** Ends it without giving it a chance to say anything. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  async end(): Promise<void> {
    if (this.#isOver || this.#child.pid === undefined) return;
    const closed = once(this.#child, "close");
    this.#child.kill("SIGTERM");
    const last = setTimeout(() => this.#child.kill("SIGKILL"), 2_000);
    await closed;
    clearTimeout(last);
  }

  #add(bytes: Buffer): void {
    this.#all.push(bytes);
    this.#changes.announce();
  }
}

/** What `command` prints about itself, or undefined when it cannot be run. */
export function versionOf(command: string, ...args: readonly string[]): string | undefined {
  const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: "latin1", timeout: 20_000 });
  return error !== undefined || status !== 0 ? undefined : `${stdout}${stderr}`.trim();
}
