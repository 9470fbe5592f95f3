import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Why there can be no {@link RedisServer} here; undefined when there can. */
export const missingRedis: string | undefined =
  spawnSync("redis-server", ["--version"]).status === 0 ? undefined : "no redis-server command here";

/** A real Redis server on the loopback, which keeps nothing on disk. */
export class RedisServer {
  readonly port: number;
  readonly stop: () => Promise<void>;

  constructor(port: number, stop: () => Promise<void>) {
    this.port = port;
    this.stop = stop;
  }

  /** @param port by default one that is free. */
  static async start(port?: number): Promise<RedisServer> {
    const chosen = port ?? (await freePort());
    const folder = mkdtempSync(join(tmpdir(), "tls-engine-redis-"));
    const options = ["--port", String(chosen), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    const child = spawn("redis-server", [...options, "--dir", folder], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(child, "exit");
    const stop = async (): Promise<void> => {
      child.kill("SIGKILL");
      await exited;
      rmSync(folder, { recursive: true, force: true });
    };
    for await (const line of createInterface({ input: child.stdout }))
      if (line.includes("Ready to accept connections")) break;
    if (child.exitCode !== null) throw new Error("redis-server has not started");
    child.stdout.resume();
    return new RedisServer(chosen, stop);
  }
}

/** A port of the loopback that nobody uses. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
