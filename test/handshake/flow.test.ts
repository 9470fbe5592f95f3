import { describe, expect, test } from "vitest";

import { sha256 } from "../../src/crypto/hashes.ts";
import { type Flow, FlowRunner, settle } from "../../src/handshake/flow.ts";
import { HandshakeIo, receiveUnrecorded, type RecordPort } from "../../src/handshake/io.ts";
import { encodeHandshake } from "../../src/messages/handshake.ts";

const KEY_UPDATE = encodeHandshake("key_update", { requestUpdate: 1 });

/** A port for flows that send nothing and change no keys: whatever they do with it throws. */
const noPort = new Proxy({} as RecordPort, {
  get(_port, property) {
    throw new Error(`the flow used ${String(property)} of its port`);
  },
});

describe("FlowRunner", () => {
  test("hands a message to the flow that waits for it, and ends with what the flow returns", () => {
    const runner = new FlowRunner(
      (function* (): Flow<string> {
        const { name, body } = yield* receiveUnrecorded("key_update");
        return `${name} ${body.requestUpdate}`;
      })(),
    );
    runner.start();
    expect(runner.state).toEqual({ is: "waiting", expected: ["key_update"] });
    runner.deliver(KEY_UPDATE);
    expect(runner.state).toEqual({ is: "done", value: "key_update 1" });
  });

  test("hands a ChangeCipherSpec to the flow that waits for one, which has no name to expect", () => {
    const io = new HandshakeIo(noPort);
    const before = digestOf(io);
    const runner = new FlowRunner(
      (function* (): Flow<string> {
        yield* io.receiveChangeCipherSpec();
        const { name } = yield* receiveUnrecorded("key_update");
        return `change_cipher_spec ${name}`;
      })(),
    );
    expect(runner.awaitsChangeCipherSpec).toBe(false);
    runner.start();
    expect(runner.state).toEqual({ is: "waiting", expected: [] });
    expect(runner.awaitsChangeCipherSpec).toBe(true);
    runner.deliver(undefined);
    expect(runner.state).toEqual({ is: "waiting", expected: ["key_update"] });
    expect(runner.awaitsChangeCipherSpec).toBe(false);
    runner.deliver(KEY_UPDATE);
    expect(runner.state).toEqual({ is: "done", value: "change_cipher_spec key_update" });
    expect(runner.awaitsChangeCipherSpec).toBe(false);
    expect(digestOf(io)).toEqual(before);
  });

  test("lets a flow refuse a message in place of ChangeCipherSpec", () => {
    const io = new HandshakeIo(noPort);
    const before = digestOf(io);
    const runner = new FlowRunner(io.receiveChangeCipherSpec());
    runner.start();
    expect(() => runner.deliver(KEY_UPDATE)).toThrow(
      "unexpected_message: got key_update where change_cipher_spec is due",
    );
    expect(digestOf(io)).toEqual(before);
  });

  test("goes through values without suspending", () => {
    const runner = new FlowRunner(
      (function* (): Flow<number> {
        return (yield* settle(1)) + (yield* settle(2));
      })(),
    );
    runner.start();
    expect(runner.state).toEqual({ is: "done", value: 3 });
  });

  test("is parked on a promise until it has settled and resume() is called", async () => {
    const runner = new FlowRunner(
      (function* (): Flow<string> {
        return yield* settle(Promise.resolve("late"));
      })(),
    );
    runner.start();
    const { state } = runner;
    if (state.is !== "parked") throw new Error(state.is);
    expect(state.isSettled).toBe(false);
    expect(runner.isParked).toBe(true);
    expect(runner.awaitsChangeCipherSpec).toBe(false);
    expect(() => runner.resume()).toThrow(TypeError);
    expect(() => runner.deliver(KEY_UPDATE)).toThrow(TypeError);
    await state.settled;
    expect(runner.state).toMatchObject({ is: "parked", isSettled: true });
    runner.resume();
    expect(runner.isParked).toBe(false);
    expect(runner.state).toEqual({ is: "done", value: "late" });
    expect(() => runner.resume()).toThrow(TypeError);
    expect(() => runner.deliver(KEY_UPDATE)).toThrow(TypeError);
  });

  test("throws what a promise was rejected with into the flow, which may catch it", async () => {
    const failure = new Error("no such key");
    const runner = new FlowRunner(
      (function* (): Flow<unknown> {
        try {
          yield* settle(Promise.reject(failure));
        } catch (error) {
          return error;
        }
        return undefined;
      })(),
    );
    runner.start();
    const { state } = runner;
    if (state.is !== "parked") throw new Error(state.is);
    await state.settled;
    runner.resume();
    expect(runner.state).toEqual({ is: "done", value: failure });
  });

  test("lets the error of a flow out of the call that ran it", () => {
    const runner = new FlowRunner(
      (function* (): Flow<never> {
        yield* receiveUnrecorded("finished");
        throw new Error("not reached");
      })(),
    );
    runner.start();
    expect(() => runner.deliver(KEY_UPDATE)).toThrow(
      "unexpected_message: got key_update where finished is due",
    );
  });

  test("takes a thenable that is no Promise", async () => {
    const thenable: PromiseLike<string> = {
      // oxlint-disable-next-line unicorn/no-thenable -- that it is one is what is tested
      then: (resolve) => Promise.resolve("from elsewhere").then(resolve),
    };
    const runner = new FlowRunner(
      (function* (): Flow<string> {
        return yield* settle(thenable);
      })(),
    );
    runner.start();
    const { state } = runner;
    if (state.is !== "parked") throw new Error(state.is);
    await state.settled;
    runner.resume();
    expect(runner.state).toEqual({ is: "done", value: "from elsewhere" });
  });
});

test("a flow that is called without yield* does nothing", () => {
  const io = new HandshakeIo(noPort);
  io.receive("finished");
  io.receiveChangeCipherSpec();
  expect(io.transcript.hash).toBeUndefined();
});

test("what is received enters the transcript, unless it is refused", () => {
  const io = new HandshakeIo(noPort);
  const before = digestOf(io);
  const runner = new FlowRunner(io.receive("key_update"));
  runner.start();
  runner.deliver(KEY_UPDATE);
  const behind = digestOf(io);
  expect(behind).not.toEqual(before);
  const refusing = new FlowRunner(io.receive("finished"));
  refusing.start();
  expect(() => refusing.deliver(KEY_UPDATE)).toThrow("unexpected_message");
  expect(digestOf(io)).toEqual(behind);
});

function digestOf({ transcript }: HandshakeIo): Uint8Array {
  return transcript.digestWith(sha256);
}
