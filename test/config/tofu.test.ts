import { describe, expect, test } from "vitest";

import { CertificateError, type PresentedPeer, tofu, type TofuStore } from "../../src/index.ts";
import { issueLeaf, issueRoot } from "../x509/issuing.ts";
import { expectConfigError } from "./config-error.ts";
import { atOnce, authority, client, newKey, presented, server, stranger } from "./peers.ts";

const spkiOf = ({ leaf }: PresentedPeer): Uint8Array => leaf.spkiSha256;

/** A store in memory that can be looked into. */
function memory(): { readonly store: TofuStore; readonly keys: Map<string, Uint8Array> } {
  const keys = new Map<string, Uint8Array>();
  return {
    keys,
    store: {
      get: (name) => keys.get(name) ?? null,
      put: (name, spkiSha256) => void keys.set(name, spkiSha256),
    },
  };
}

const first = presented([server, authority]);
const verified = { trust: "verified" };

test("the first key under a name is kept, and trusted from then on", () => {
  const { store, keys } = memory();
  const policy = tofu(store);
  expect(policy.verify(first)).toEqual(verified);
  expect(keys).toEqual(new Map([["example.com", spkiOf(first)]]));
  expect(policy.verify(first)).toEqual(verified);
  expect(tofu(store).verify(first)).toEqual(verified);
});

test("the key counts, and not the certificate around it, nor its dates", () => {
  const { store } = memory();
  atOnce(tofu(store).verify(first));
  const renewed = presented([issueLeaf(stranger, { key: server.key, notAfter: "260102000000Z" })]);
  expect(tofu(store).verify(renewed)).toEqual(verified);
});

test("another key under the same name is refused as an unknown key, and the first one stays", () => {
  const { store, keys } = memory();
  atOnce(tofu(store).verify(first));
  const other = presented([issueLeaf(authority, { key: newKey() }), authority]);
  const verdict = atOnce(tofu(store).verify(other));
  if (verdict.trust !== "rejected") throw new Error("it is trusted");
  const { cause } = verdict;
  if (!(cause instanceof CertificateError)) throw new Error("no CertificateError", { cause });
  expect(verdict).toEqual({ trust: "rejected", reason: cause.message, alert: "certificate_unknown", cause });
  expect(cause).toMatchObject({ fault: "unknown-key", subject: "CN=example.com", chain: other.chain });
  const digest = Buffer.from(spkiOf(other)).toString("hex");
  expect(cause.message).toBe(
    `unknown-key: CN=example.com, the key of "example.com" has changed (SHA-256 ${digest})`,
  );
  expect(keys.get("example.com")).toEqual(spkiOf(first));
});

test("a certificate that the first key has signed as an authority is refused", () => {
  const { store, keys } = memory();
  const selfSigned = issueRoot({ key: newKey(), subject: "example.com" });
  expect(tofu(store).verify(presented([selfSigned]))).toEqual(verified);
  const issued = issueLeaf(selfSigned, { key: newKey() });
  for (const chain of [[issued], [issued, selfSigned]]) {
    expect(tofu(store).verify(presented(chain))).toMatchObject({
      trust: "rejected",
      cause: { fault: "unknown-key" },
    });
  }
  expect(tofu(store).verify(presented([selfSigned, issued]))).toEqual(verified);
  expect(keys.size).toBe(1);
});

test("names are apart from each other", () => {
  const { store, keys } = memory();
  atOnce(tofu(store).verify(first));
  const other = presented([issueLeaf(authority, { key: newKey() })], { serverName: "example.org" });
  expect(tofu(store).verify(other)).toEqual(verified);
  expect(Array.from(keys.keys())).toEqual(["example.com", "example.org"]);
});

test("a client's key is kept under the subject of its certificate, or under what the application says", () => {
  const { store, keys } = memory();
  const peer = presented([client], { role: "client", serverName: null });
  atOnce(tofu(store).verify(peer));
  atOnce(tofu(store, { nameOf: ({ role, chain }) => `${role} ${chain.length}` }).verify(peer));
  expect(Array.from(keys.keys())).toEqual(["CN=alice", "client 1"]);
});

test("the store may keep and change the bytes that it gets", () => {
  const { store, keys } = memory();
  const before = spkiOf(first).slice();
  atOnce(tofu(store).verify(first));
  keys.get("example.com")?.fill(0);
  expect(spkiOf(first)).toEqual(before);
});

test.each([new Uint8Array(), new Uint8Array(31), new Uint8Array(32)])(
  "%s from the store is no key of anybody, and none is kept in its place",
  (kept) => {
    const store: TofuStore = {
      get: () => kept,
      put: () => {
        throw new Error("nothing is to be put");
      },
    };
    expect(tofu(store).verify(first)).toMatchObject({ trust: "rejected", cause: { fault: "unknown-key" } });
  },
);

test("an answer that is neither a key nor null is a fault of the store, and nobody is trusted", () => {
  const { store, keys } = memory();
  // A store without types, on a Map as it is.
  const careless = { ...store, get: (name: string) => keys.get(name) } as unknown as TofuStore;
  expect(() => tofu(careless).verify(first)).toThrow(TypeError);
  expect(keys.size).toBe(0);
});

describe("a store", () => {
  test("that answers late is waited for", async () => {
    const { store, keys } = memory();
    const slow: TofuStore = {
      get: async (name) => store.get(name),
      put: async (name, spkiSha256) => store.put(name, spkiSha256),
    };
    const verdict = tofu(slow).verify(first);
    expect(verdict).toBeInstanceOf(Promise);
    expect(await verdict).toEqual(verified);
    expect(keys.size).toBe(1);
    expect(await tofu(slow).verify(first)).toEqual(verified);
    const other = presented([issueLeaf(authority, { key: newKey() })]);
    expect(await tofu(slow).verify(other)).toEqual(tofu(store).verify(other));
  });

  test("that keeps late is waited for, before anybody is trusted", async () => {
    const order: string[] = [];
    const store: TofuStore = {
      get: () => null,
      put: async () => {
        await Promise.resolve();
        order.push("kept");
      },
    };
    await Promise.resolve(tofu(store).verify(first)).then(() => order.push("verified"));
    expect(order).toEqual(["kept", "verified"]);
  });

  test.each(["get", "put"] as const)("that fails in %s makes no verdict", async (method) => {
    const failure = new Error("the disk is full");
    const { store } = memory();
    const throwing: TofuStore = {
      ...store,
      [method]: () => {
        throw failure;
      },
    };
    expect(() => tofu(throwing).verify(first)).toThrow(failure);
    const rejecting: TofuStore = { ...store, [method]: () => Promise.reject(failure) };
    await expect(tofu(rejecting).verify(first)).rejects.toBe(failure);
  });
});

test("what is no store or no function is refused", () => {
  const { store } = memory();
  for (const method of ["get", "put"] as const) {
    expectConfigError(() => tofu({ ...store, [method]: undefined } as unknown as TofuStore), {
      option: `store.${method}`,
      value: "undefined",
      allowed: "a function",
    });
  }
  const options = { nameOf: "example.com" } as unknown as Parameters<typeof tofu>[1];
  expectConfigError(() => tofu(store, options), {
    option: "nameOf",
    value: '"example.com"',
    allowed: "a function",
  });
});
