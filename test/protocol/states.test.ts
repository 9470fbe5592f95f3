import { expect, test } from "vitest";
import { ascii } from "../../src/bytes.ts";
import type { WrapState } from "../../src/protocol/tls-protocol.ts";
import { connectedPair, tlsPair } from "./memory.ts";

type Pair = Awaited<ReturnType<typeof tlsPair>>;
type Situation = WrapState | "lost";

const flushing = async (): Promise<Pair> => {
  const pair = await connectedPair();
  pair.client.tls.pauseWriting();
  pair.client.tls.appTransport.close();
  return pair;
};

const situations: Record<Situation, () => Promise<Pair>> = {
  UNWRAPPED: () => tlsPair(),
  DO_HANDSHAKE: async () => {
    const pair = await tlsPair();
    pair.open();
    return pair;
  },
  WRAPPED: () => connectedPair(),
  FLUSHING: flushing,
  SHUTDOWN: async () => {
    const pair = await connectedPair();
    pair.client.tls.appTransport.close();
    return pair;
  },
  lost: async () => {
    const pair = await connectedPair();
    pair.client.lower.lose(new Error("broken"));
    pair.clock.settle();
    return pair;
  },
};

/** What the client in a situation is told or asked. */
const inputs = {
  "data from the peer": ({ client, server, link }) => {
    // Before the handshake the server has no data: it gets what there is, and answers with its flight.
    server.tls.appTransport.write(ascii("data"));
    link.server.receive(link.client.take());
    client.tls.dataReceived(link.server.take());
  },
  "close_notify from the peer": ({ client, server, link }) => {
    server.tls.appTransport.close();
    client.tls.dataReceived(link.server.take());
  },
  "no TLS from the peer": ({ client }) => client.tls.dataReceived(ascii("550 go away\r\n")),
  eofReceived: ({ client }) => void client.tls.eofReceived(),
  "connectionLost(null)": ({ client }) => client.lower.lose(null),
  "connectionLost(error)": ({ client }) => client.lower.lose(new RangeError("reset")),
  pauseWriting: ({ client }) => client.tls.pauseWriting(),
  resumeWriting: ({ client }) => client.tls.resumeWriting(),
  "write()": ({ client }) => client.tls.appTransport.write(ascii("data")),
  "close()": ({ client }) => client.tls.appTransport.close(),
  "abort()": ({ client }) => client.tls.appTransport.abort(new SyntaxError("enough")),
  "pauseReading()": ({ client }) => client.tls.appTransport.pauseReading(),
  "resumeReading()": ({ client }) => client.tls.appTransport.resumeReading(),
  "the handshake's time": ({ clock }) => clock.pass(60_000),
  "connectionMade again": ({ client, link }) => client.tls.connectionMade(link.client),
} satisfies Record<string, (pair: Pair) => void>;

/** The state that follows; what the transport is told; what the application is told (`lost:` with the error's name). */
type Outcome = readonly [state: WrapState, lower: string, app: string];
const nothing = (state: WrapState): Outcome => [state, "", ""];

const outcomes: Record<keyof typeof inputs, Record<Situation, Outcome>> = {
  "data from the peer": {
    UNWRAPPED: nothing("UNWRAPPED"),
    DO_HANDSHAKE: ["WRAPPED", "write", "connectionMade"],
    WRAPPED: ["WRAPPED", "", "dataReceived"],
    FLUSHING: ["FLUSHING", "", "dataReceived"],
    // The server has had the client's close_notify, and answers it.
    SHUTDOWN: ["SHUTDOWN", "close", ""],
    lost: nothing("UNWRAPPED"),
  },
  "close_notify from the peer": {
    UNWRAPPED: nothing("UNWRAPPED"),
    // The server's close() during its handshake sends nothing.
    DO_HANDSHAKE: nothing("DO_HANDSHAKE"),
    WRAPPED: ["SHUTDOWN", "write close", "eofReceived"],
    FLUSHING: ["FLUSHING", "", "eofReceived"],
    SHUTDOWN: ["SHUTDOWN", "close", ""],
    lost: nothing("UNWRAPPED"),
  },
  "no TLS from the peer": {
    UNWRAPPED: nothing("UNWRAPPED"),
    DO_HANDSHAKE: ["UNWRAPPED", "close", ""],
    WRAPPED: ["UNWRAPPED", "write close", "lost:TlsAlert"],
    FLUSHING: ["UNWRAPPED", "write close", "lost:TlsAlert"],
    // After close_notify there is no alert any more.
    SHUTDOWN: ["UNWRAPPED", "close", "lost:TlsAlert"],
    lost: nothing("UNWRAPPED"),
  },
  eofReceived: {
    UNWRAPPED: nothing("UNWRAPPED"),
    DO_HANDSHAKE: ["UNWRAPPED", "close", ""],
    WRAPPED: ["UNWRAPPED", "close", "lost:TruncationError"],
    FLUSHING: ["FLUSHING", "", ""],
    SHUTDOWN: ["SHUTDOWN", "close", ""],
    lost: nothing("UNWRAPPED"),
  },
  "connectionLost(null)": {
    UNWRAPPED: nothing("UNWRAPPED"),
    DO_HANDSHAKE: ["UNWRAPPED", "", ""],
    WRAPPED: ["UNWRAPPED", "", "lost:TruncationError"],
    FLUSHING: ["UNWRAPPED", "", "lost:null"],
    SHUTDOWN: ["UNWRAPPED", "", "lost:null"],
    lost: nothing("UNWRAPPED"),
  },
  "connectionLost(error)": {
    UNWRAPPED: nothing("UNWRAPPED"),
    DO_HANDSHAKE: ["UNWRAPPED", "", ""],
    WRAPPED: ["UNWRAPPED", "", "lost:RangeError"],
    FLUSHING: ["UNWRAPPED", "", "lost:RangeError"],
    SHUTDOWN: ["UNWRAPPED", "", "lost:RangeError"],
    lost: nothing("UNWRAPPED"),
  },
  pauseWriting: {
    UNWRAPPED: nothing("UNWRAPPED"),
    DO_HANDSHAKE: nothing("DO_HANDSHAKE"),
    WRAPPED: nothing("WRAPPED"),
    FLUSHING: nothing("FLUSHING"),
    SHUTDOWN: nothing("SHUTDOWN"),
    lost: nothing("UNWRAPPED"),
  },
  resumeWriting: {
    UNWRAPPED: nothing("UNWRAPPED"),
    DO_HANDSHAKE: nothing("DO_HANDSHAKE"),
    WRAPPED: nothing("WRAPPED"),
    FLUSHING: ["SHUTDOWN", "write", ""],
    SHUTDOWN: nothing("SHUTDOWN"),
    lost: nothing("UNWRAPPED"),
  },
  "write()": {
    UNWRAPPED: nothing("UNWRAPPED"),
    DO_HANDSHAKE: nothing("DO_HANDSHAKE"),
    WRAPPED: ["WRAPPED", "write", ""],
    FLUSHING: nothing("FLUSHING"),
    SHUTDOWN: nothing("SHUTDOWN"),
    lost: nothing("UNWRAPPED"),
  },
  "close()": {
    UNWRAPPED: nothing("UNWRAPPED"),
    DO_HANDSHAKE: ["UNWRAPPED", "abort", ""],
    WRAPPED: ["SHUTDOWN", "write", ""],
    FLUSHING: nothing("FLUSHING"),
    SHUTDOWN: nothing("SHUTDOWN"),
    lost: nothing("UNWRAPPED"),
  },
  "abort()": {
    UNWRAPPED: nothing("UNWRAPPED"),
    DO_HANDSHAKE: ["UNWRAPPED", "abort", ""],
    WRAPPED: ["UNWRAPPED", "abort", "lost:SyntaxError"],
    FLUSHING: ["UNWRAPPED", "abort", "lost:SyntaxError"],
    SHUTDOWN: ["UNWRAPPED", "abort", "lost:SyntaxError"],
    lost: nothing("UNWRAPPED"),
  },
  "pauseReading()": {
    UNWRAPPED: nothing("UNWRAPPED"),
    DO_HANDSHAKE: nothing("DO_HANDSHAKE"),
    WRAPPED: nothing("WRAPPED"),
    FLUSHING: nothing("FLUSHING"),
    SHUTDOWN: nothing("SHUTDOWN"),
    lost: nothing("UNWRAPPED"),
  },
  "resumeReading()": {
    UNWRAPPED: nothing("UNWRAPPED"),
    DO_HANDSHAKE: nothing("DO_HANDSHAKE"),
    WRAPPED: nothing("WRAPPED"),
    FLUSHING: nothing("FLUSHING"),
    SHUTDOWN: nothing("SHUTDOWN"),
    lost: nothing("UNWRAPPED"),
  },
  "the handshake's time": {
    UNWRAPPED: nothing("UNWRAPPED"),
    DO_HANDSHAKE: ["UNWRAPPED", "abort", ""],
    WRAPPED: nothing("WRAPPED"),
    // By then the shutdown has run out of time.
    FLUSHING: ["UNWRAPPED", "abort", "lost:TimeoutError"],
    SHUTDOWN: ["UNWRAPPED", "abort", "lost:TimeoutError"],
    lost: nothing("UNWRAPPED"),
  },
  "connectionMade again": {
    UNWRAPPED: ["DO_HANDSHAKE", "write", ""],
    DO_HANDSHAKE: ["DO_HANDSHAKE", "throws TypeError", ""],
    WRAPPED: ["WRAPPED", "throws TypeError", ""],
    FLUSHING: ["FLUSHING", "throws TypeError", ""],
    SHUTDOWN: ["SHUTDOWN", "throws TypeError", ""],
    lost: ["UNWRAPPED", "throws TypeError", ""],
  },
};

const cases = Object.entries(outcomes).flatMap(([input, bySituation]) =>
  Object.entries(bySituation).map(
    ([situation, outcome]) => [input, situation, outcome] as [keyof typeof inputs, Situation, Outcome],
  ),
);

test.each(cases)("%s in %s", async (input, situation, [state, lower, app]) => {
  const pair = await situations[situation]();
  const { client, clock } = pair;
  expect(client.tls.state).toBe(situation === "lost" ? "UNWRAPPED" : situation);
  client.lower.calls.length = 0;
  client.app.calls.length = 0;
  const before = client.app.lostWith;
  try {
    inputs[input](pair);
  } catch (error) {
    client.lower.calls.push(`throws ${(error as Error).name}`);
  }
  const calls = client.lower.calls.map((call) => call.replace(/^write \d+$/, "write"));
  expect(calls.join(" ")).toBe(lower);
  expect(client.tls.state).toBe(state);
  // The application hears of the loss when the call has returned.
  expect(client.app.lostWith).toBe(before);
  // What follows from the end of the transport is another input.
  if (!pair.client.lower.isLost) pair.client.lower.protocol = undefined;
  clock.settle();
  const told = client.app.calls.map((call) =>
    call === "connectionLost" ? `lost:${client.app.lostWith?.name ?? null}` : call.replace(/ \d+$/, ""),
  );
  expect(told.join(" ")).toBe(app);
});
