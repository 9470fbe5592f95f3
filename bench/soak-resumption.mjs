// Connections by the thousand that resume sessions, while the ticket keys of the two servers rotate. See README.md.
import { fork } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { MemorySessionStore } from "../dist/index.js";
import { benchCertificate } from "./certificate.mjs";

const { values } = parseArgs({
  options: {
    connections: { type: "string", default: "10000" },
    seconds: { type: "string", default: "600" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
  },
});
const total = Number(values.connections);
/** Connections behind which most of the code has been compiled: what is held then is what the end is compared with. */
const early = Math.floor(Math.min(1000, total / 2));
const limitMs = Number(values.seconds) * 1000;
const seed = Number(values.seed);

/** A key seals for a minute of the clock, which is a second on the wall, and opens for one or two more. */
const RATE = 60;
const rotation = { rotationSeconds: 60, lifetimeSeconds: 60 };
/** Longer than that, so that clients come with tickets whose key is gone. */
const ticketLifetimeSeconds = 240;
/** Of the second server's clock. */
const aheadMs = 30_000;
const cheap = { suite: "TLS_CHACHA20_POLY1305_SHA256", group: "x25519" };
/** What a process may hold at the end beyond what it held early on, for code that was compiled late: at 10,000 connections about a kilobyte for each of its own. */
const GROWTH_LIMIT_BYTES = 4 * 2 ** 20;

const started = performance.now();
const children = [];

/** A process of the soak, which does one thing after the other. */
class Child {
  #process;
  #next = 0;
  #waiting = new Map();

  constructor(name, script, store) {
    this.name = name;
    this.#process = fork(join(import.meta.dirname, "soak", script), {
      execArgv: ["--expose-gc"],
      serialization: "advanced",
    });
    this.#process.on("message", ({ id, ...message }) => {
      if (message.store === undefined) {
        this.#waiting.get(id).resolve(message.result);
        this.#waiting.delete(id);
      } else {
        const result = store[message.store](message.key, message.session) ?? null;
        this.#process.send({ id, result });
      }
    });
    this.#process.on("exit", (code, signal) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`${name} has ended: ${code ?? signal}`));
    });
    children.push(this);
  }

  ask(action, options) {
    const id = this.#next++;
    this.#process.send({ id, action, options });
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  end() {
    this.#process.kill();
  }
}

const outOfTime = setTimeout(() => {
  console.error(`not done within ${limitMs / 1000} s`);
  for (const child of children) child.end();
  process.exit(1);
}, limitMs);

async function main() {
  const certificate = await benchCertificate("ecdsa-p256");
  const epoch = { wallMs: Date.now(), startMs: Date.now(), rate: RATE };
  const servers = ["first server", "second server"].map((name) => new Child(name, "server.mjs"));
  const [first, second] = servers;
  const common = { epoch, certificate, ticketLifetimeSeconds, ...cheap };
  const { port, exported } = await first.ask("start", { ...common, rotation });
  const ports = [port, (await second.ask("start", { ...common, aheadMs, imported: exported })).port];

  const shared = new MemorySessionStore();
  const clients = [
    new Child("client with a store of its own", "client.mjs"),
    new Child("client with a shared store", "client.mjs", shared),
    new Child("another one with that store", "client.mjs", shared),
  ];
  for (const [index, client] of clients.entries()) {
    const { spkiSha256 } = certificate;
    const options = { epoch, ports, spkiSha256, names: 16, seed: seed + index, sharesStore: index > 0 };
    await client.ask("start", { ...options, ...cheap });
  }

  console.log(`${total} connections, seed ${seed}`);
  const all = [...servers, ...clients];
  await connect(clients, early);
  const before = await Promise.all(all.map((child) => child.ask("measure")));
  const results = await connect(clients, total - early);
  const after = await Promise.all(all.map((child) => child.ask("measure")));
  const served = await Promise.all(servers.map((server) => server.ask("count")));
  return { results, served, before, after, all, epoch };
}

/** Has the clients connect so often altogether. @returns what they have counted since the start. */
async function connect(clients, connections) {
  const share = Math.floor(connections / clients.length);
  const visits = clients.map((_, i) =>
    i === 0 ? Math.floor(connections) - share * (clients.length - 1) : share,
  );
  return await Promise.all(clients.map((client, i) => client.ask("run", { visits: visits[i], atOnce: 3 })));
}

function report({ results, served, before, after, all, epoch }) {
  const seconds = (performance.now() - started) / 1000;
  const sum = (counts, key) => counts.reduce((total, each) => total + each[key], 0);
  const [full, resumed, offered] = ["full", "resumed", "offered"].map((key) => sum(results, key));
  const rotations = Math.floor(((Date.now() - epoch.wallMs) * RATE) / 1000 / rotation.rotationSeconds);
  const percent = (part, whole) => `${((100 * part) / whole).toFixed(1)} %`;
  console.log(`in ${seconds.toFixed(0)} s, and ${rotations} rotations of the ticket keys`);
  console.log(`resumed ${resumed} of ${full + resumed}: ${percent(resumed, full + resumed)}`);
  console.log(`  at the other server than the one that gave the ticket: ${sum(results, "elsewhere")}`);
  console.log(`  not resumed, no ticket to offer: ${full + resumed - offered}`);
  console.log(`  not resumed, the key of the ticket rotated out: ${offered - resumed}`);
  console.log(
    `handshakes that failed: ${sum(
      results.map(({ failures }) => ({ failures: failures.length })),
      "failures",
    )}`,
  );

  const faults = [...results, ...served].flatMap(({ failures }) => failures);
  if (full + resumed !== total) faults.push(`${full + resumed} connections of ${total}`);
  if (sum(served, "resumed") !== resumed || sum(served, "full") !== full)
    faults.push(
      `the servers have seen ${sum(served, "resumed")} resumed and ${sum(served, "full")} full handshakes`,
    );
  if (resumed < total / 2) faults.push("less than half were resumed");
  if (sum(results, "elsewhere") < resumed / 4) faults.push("hardly any were resumed at the other server");

  console.log(`\nmemory behind ${early} connections, and at the end; MB`);
  const mb = (bytes) => (bytes / 2 ** 20).toFixed(1).padStart(6);
  for (const [i, { name }] of all.entries()) {
    const columns = ["rss", "heap"].map((key) => `${key} ${mb(before[i][key])} ${mb(after[i][key])}`);
    console.log(`  ${name.padEnd(32)}${columns.join("   ")}   sockets ${after[i].sockets}`);
    if (after[i].heap - before[i].heap > GROWTH_LIMIT_BYTES) faults.push(`${name} has grown`);
    if (after[i].sockets > 0) faults.push(`${name} has ${after[i].sockets} sockets left`);
  }
  for (const fault of faults.slice(0, 20)) console.error(`FAULT: ${fault}`);
  return faults.length === 0;
}

try {
  process.exitCode = report(await main()) ? 0 : 1;
} finally {
  clearTimeout(outOfTime);
  for (const child of children) child.end();
}
