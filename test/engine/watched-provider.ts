import type { Awaitable, CryptoProvider, OwnKeyShare } from "../../src/index.ts";

/** A provider that remembers every secret which passes through it, so that a test sees what was wiped. */
export class WatchedProvider {
  readonly provider: CryptoProvider;
  /** Key shares, sealers and openers that were not wiped yet. */
  readonly #alive = new Map<object, string>();
  /** The very arrays that were given as keys or taken as shared secrets. */
  readonly #secrets: { readonly what: string; readonly bytes: Uint8Array }[] = [];

  constructor(inner: CryptoProvider) {
    this.provider = {
      ...inner,
      cipherSuites: inner.cipherSuites.map((suite) => ({
        ...suite,
        hash: {
          ...suite.hash,
          hmac: (key, data) => {
            this.#secrets.push({ what: "HMAC key", bytes: key });
            return suite.hash.hmac(key, data);
          },
        },
        aead: {
          ...suite.aead,
          sealer: (key) => {
            this.#secrets.push({ what: "AEAD key", bytes: key });
            const sealer = suite.aead.sealer(key);
            return this.#watch("sealer", {
              seal: (...args) => sealer.seal(...args),
              wipe: () => sealer.wipe(),
            });
          },
          opener: (key) => {
            this.#secrets.push({ what: "AEAD key", bytes: key });
            const opener = suite.aead.opener(key);
            return this.#watch("opener", {
              open: (...args) => opener.open(...args),
              wipe: () => opener.wipe(),
            });
          },
        },
      })),
      groups: inner.groups.map((group) => ({
        id: group.id,
        name: group.name,
        generate: (random) => then(group.generate(random), (own) => this.#share(own)),
        respond: (keyExchange, random) =>
          then(group.respond(keyExchange, random), (answer) => {
            this.#secrets.push({ what: "shared secret", bytes: answer.sharedSecret });
            return answer;
          }),
      })),
    };
  }

  /** How many secrets were seen. */
  get seen(): number {
    return this.#secrets.length;
  }

  /** What is not wiped, by name. */
  get alive(): readonly string[] {
    const secrets = this.#secrets.filter(({ bytes }) => bytes.some((byte) => byte !== 0));
    return [...this.#alive.values(), ...secrets.map(({ what }) => what)].toSorted();
  }

  /** Sealers and openers that are not wiped. */
  get aliveAeads(): readonly string[] {
    return this.alive.filter((what) => what === "sealer" || what === "opener");
  }

  #share(own: OwnKeyShare): OwnKeyShare {
    return this.#watch("key share", {
      group: own.group,
      keyExchange: own.keyExchange,
      sharedSecret: (keyExchange) =>
        then(own.sharedSecret(keyExchange), (bytes) => {
          this.#secrets.push({ what: "shared secret", bytes });
          return bytes;
        }),
      wipe: () => own.wipe(),
    });
  }

  #watch<T extends { wipe(): void }>(what: string, target: T): T {
    const wiping: T = {
      ...target,
      wipe: () => {
        this.#alive.delete(wiping);
        target.wipe();
      },
    };
    this.#alive.set(wiping, what);
    return wiping;
  }
}

function then<T, U>(value: Awaitable<T>, map: (value: T) => U): Awaitable<U> {
  return typeof value === "object" && value !== null && "then" in value ? value.then(map) : map(value);
}
