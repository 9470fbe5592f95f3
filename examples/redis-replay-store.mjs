// A ReplayStore on Redis, over a plain socket: for servers that share ticket keys. With a client library it is one line:
//   take: async ({ key, expiresAtMs }) => (await redis.set(key, 1, { NX: true, PXAT: expiresAtMs + 60_000 })) === "OK"
// Redis must not evict keys (maxmemory-policy noeviction), and of replicas only the primary may be asked.
import { connect } from "node:net";

/** How far the clocks of servers may be apart: a key stays so much longer. */
const CLOCK_SKEW_MS = 60_000;
/** The handshake waits for the answer; without one, early data is not taken. */
const TIMEOUT_MS = 1000;

export class RedisReplayStore {
  #port;
  #connection;

  constructor(port) {
    this.#port = port;
  }

  /** Before the first ticket is given: those that are older than what Redis remembers are none for early data. */
  async start() {
    this.#connection ??= this.#open();
    const { sinceMs } = await this.#connection;
    await sinceMs;
    return this;
  }

  /** @param {import("tls-engine").EarlyHello} hello */
  async take({ key, issuedAtMs, expiresAtMs }) {
    this.#connection ??= this.#open();
    const { ask, sinceMs } = await this.#connection;
    // Redis may have been started anew, and have forgotten what was taken before.
    if (issuedAtMs < (await sinceMs)) return false;
    const lifetimeMs = Math.max(1, expiresAtMs - Date.now() + CLOCK_SKEW_MS);
    return (await ask("SET", `tls-early:${key}`, "1", "NX", "PX", String(lifetimeMs))) === "OK";
  }

  /** Answers come in the order of the questions. */
  async #open() {
    const waiting = [];
    const socket = connect(this.#port, "127.0.0.1").setTimeout(TIMEOUT_MS).setNoDelay();
    let fault = new Error("Redis has closed the connection");
    // A connection that is idle is closed as well; the next question opens another one.
    socket.on("timeout", () => socket.destroy(new Error("Redis does not answer")));
    socket.on("error", (error) => (fault = error));
    socket.on("close", () => {
      this.#connection = undefined;
      for (const { reject } of waiting.splice(0)) reject(fault);
    });
    let received = "";
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
      for (let reply = takeReply(); reply !== undefined; reply = takeReply()) {
        const { resolve, reject } = waiting.shift();
        if (reply instanceof Error) reject(reply);
        else resolve(reply);
      }
    });
    // RESP: +text, -error, $length and so many bytes, $-1 for nil; each with CRLF behind it.
    const takeReply = () => {
      const [, type, text] = /^([+$-])(.*)\r\n/.exec(received) ?? [];
      if (type === undefined) return undefined;
      const isBulk = type === "$" && text !== "-1";
      const end = text.length + 3 + (isBulk ? Number(text) + 2 : 0);
      if (received.length < end) return undefined;
      const bulk = received.slice(text.length + 3, end - 2);
      received = received.slice(end);
      if (type === "-") return new Error(`Redis: ${text}`);
      return type === "+" ? text : isBulk ? bulk : null;
    };
    const ask = (...words) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(fault);
        waiting.push({ resolve, reject });
        const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
        socket.write(`*${words.length}\r\n${parts.join("")}`);
      });
    void ask("SET", "tls-early:since", String(Date.now()), "NX").catch(() => undefined);
    return { ask, sinceMs: ask("GET", "tls-early:since").then((ms) => Number(ms ?? Infinity)) };
  }
}
