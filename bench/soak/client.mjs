// A client of the soak, in a process of its own: connects again and again to one server or the other, under names that it visits more or less
// often.
import { ClientConfig, MemorySessionStore, openConnection, pinned } from "../../dist/node.js";
import { fastClock } from "./clock.mjs";
import { footprint } from "./footprint.mjs";

const counts = { full: 0, resumed: 0, offered: 0, elsewhere: 0, failures: [] };
let visit;

/** Sessions that the parent process keeps for several of its children; each call is a message, and its answer another one. */
class RemoteStore {
  #next = 0;
  #waiting = new Map();

  get(key) {
    return this.#ask({ store: "get", key });
  }

  put(key, session) {
    return this.#ask({ store: "put", key, session });
  }

  take(key) {
    return this.#ask({ store: "take", key });
  }

  answer({ id, result }) {
    this.#waiting.get(id)(result);
    this.#waiting.delete(id);
  }

  #ask(question) {
    const id = this.#next++;
    process.send({ ...question, id });
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }
}

/** The sessions of `store`, each with the number of the server that it was made with; for one connection to `server`. */
function labelled(store, server) {
  const seen = { madeWith: undefined };
  const unpack = (packed) => {
    if (packed === null) return null;
    seen.madeWith = packed[0];
    return packed.slice(1);
  };
  return {
    seen,
    get: async (key) => unpack(await store.get(key)),
    take: async (key) => unpack(await store.take(key)),
    put: (key, session) => store.put(key, Uint8Array.of(server, ...session)),
  };
}

/** mulberry32: the same numbers in 0..1 for the same seed. */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

let remote;

function start({ epoch, ports, spkiSha256, names, seed, sharesStore, suite, group }) {
  const now = fastClock(epoch);
  const random = seeded(seed);
  remote = sharesStore ? new RemoteStore() : undefined;
  const store = remote ?? new MemorySessionStore();
  const config = new ClientConfig({
    serverName: "localhost",
    trust: pinned([spkiSha256]),
    versions: ["TLSv1.3"],
    cipherSuites: [suite],
    groups: [group],
    now,
  });
  visit = async () => {
    const server = Math.floor(random() * ports.length);
    // The first name gets half of the visits, and the last one hardly any.
    const name = `host-${Math.min(names - 1, Math.floor(-Math.log2(random())))}.test`;
    const sessions = labelled(store, server);
    let isOffered = false;
    const tls = config.with({
      serverName: name,
      sessionStore: sessions,
      shapeClientHello: (hello) => {
        isOffered = hello.extensions.preSharedKey !== undefined;
        return hello;
      },
    });
    const connection = await openConnection({ host: "127.0.0.1", port: ports[server], tls });
    connection.write(`to ${name}\n`);
    const answer = await connection.readLine();
    if (answer !== `to ${name}`) throw new Error(`the answer is ${JSON.stringify(answer)}`);
    await connection.close();
    const { resumed } = connection.info;
    counts[resumed ? "resumed" : "full"]++;
    if (isOffered) counts.offered++;
    if (resumed && sessions.seen.madeWith !== server) counts.elsewhere++;
  };
  return null;
}

/** So many visits, some at once. */
async function run({ visits, atOnce }) {
  let left = visits;
  const worker = async () => {
    while (left-- > 0) {
      try {
        await visit();
      } catch (error) {
        counts.failures.push(String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return counts;
}

const actions = { start, run, measure: footprint };

async function obey({ id, action, options, ...answer }) {
  if (action === undefined) remote.answer({ id, ...answer });
  else process.send({ id, result: await actions[action](options) });
}

process.on("message", (message) => void obey(message));
process.on("disconnect", () => process.exit());
