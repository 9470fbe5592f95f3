import { setTimeout } from "node:timers/promises";

/** How long sockets may take to go away that the other side has closed already. */
const PATIENCE_MS = 5_000;

/** What this process takes up when its connections are gone, behind a collection of garbage. Needs `--expose-gc`. */
export async function footprint() {
  for (let waitedMs = 0; openSockets() > 0 && waitedMs < PATIENCE_MS; waitedMs += 50) await setTimeout(50);
  globalThis.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rss, heap: heapUsed + external, sockets: openSockets() };
}

function openSockets() {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
}
