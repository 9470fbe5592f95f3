import type {
  Aead,
  Awaitable,
  CbcCipher,
  CryptoProvider,
  Hash,
  KeyExchangeGroup,
  OwnKeyShare,
  SessionStore,
  TlsCipherSuite,
} from "../../src/index.ts";

/** A provider that remembers every secret which passes through it, so that a test sees what was wiped. */
export class WatchedProvider {
  readonly provider: CryptoProvider;
  /** Key shares and states of ciphers that were not wiped yet. */
  readonly #alive = new Map<object, string>();
  /** The very arrays that were given as keys or taken as shared secrets. */
  readonly #secrets = new Map<Uint8Array, string>();
  /** Those of the configuration, which outlive a connection. */
  readonly #lasting = new Set<Uint8Array>();

  constructor(inner: CryptoProvider) {
    this.provider = {
      ...inner,
      cipherSuites: inner.cipherSuites.map((suite) => this.#watchSuite(suite)),
      groups: inner.groups.map((group) => this.#watchGroup(group)),
    };
  }

  /** How many secrets were seen. */
  get seen(): number {
    return this.#secrets.size;
  }

  /** What is not wiped, by name. */
  get alive(): readonly string[] {
    const secrets = [...this.#secrets].filter(([bytes]) => isAlive(bytes) && !this.#lasting.has(bytes));
    return [...this.#alive.values(), ...secrets.map(([, what]) => what)].toSorted();
  }

  /** States of ciphers that are not wiped. */
  get aliveCiphers(): readonly string[] {
    return this.alive.filter((what) => ["sealer", "opener", "encryptor", "decryptor"].includes(what));
  }

  /** What is not wiped now belongs to the configuration, as the key of its tickets does. Gives their names. */
  keepForGood(): readonly string[] {
    const { alive } = this;
    for (const bytes of this.#secrets.keys()) if (isAlive(bytes)) this.#lasting.add(bytes);
    return alive;
  }

  /** Remembers `bytes`. */
  watchSecret(what: string, bytes: Uint8Array): Uint8Array {
    this.#secrets.set(bytes, what);
    return bytes;
  }

  #watchSuite(suite: TlsCipherSuite): TlsCipherSuite {
    const hash = this.#watchHash(suite.hash, "HMAC key");
    if (suite.version === "TLSv1.3") return { ...suite, hash, aead: this.#watchAead(suite.aead) };
    const { protection } = suite;
    return {
      ...suite,
      hash,
      protection:
        protection.kind === "aead"
          ? { ...protection, aead: this.#watchAead(protection.aead) }
          : {
              ...protection,
              cipher: this.#watchCipher(protection.cipher),
              mac: this.#watchHash(protection.mac, "MAC key"),
            },
    };
  }

  #watchHash(hash: Hash, what: string): Hash {
    return {
      ...hash,
      hmac: (key, data) => {
        this.watchSecret(what, key);
        return hash.hmac(key, data);
      },
    };
  }

  #watchAead(aead: Aead): Aead {
    return {
      ...aead,
      sealer: (key) => {
        const sealer = aead.sealer(this.watchSecret("AEAD key", key));
        return this.#watch("sealer", {
          seal: (...args) => sealer.seal(...args),
          wipe: () => sealer.wipe(),
        });
      },
      opener: (key) => {
        const opener = aead.opener(this.watchSecret("AEAD key", key));
        return this.#watch("opener", {
          open: (...args) => opener.open(...args),
          wipe: () => opener.wipe(),
        });
      },
    };
  }

  #watchCipher(cipher: CbcCipher): CbcCipher {
    return {
      ...cipher,
      encryptor: (key) => {
        const encryptor = cipher.encryptor(this.watchSecret("CBC key", key));
        return this.#watch("encryptor", {
          encrypt: (...args) => encryptor.encrypt(...args),
          wipe: () => encryptor.wipe(),
        });
      },
      decryptor: (key) => {
        const decryptor = cipher.decryptor(this.watchSecret("CBC key", key));
        return this.#watch("decryptor", {
          decrypt: (...args) => decryptor.decrypt(...args),
          wipe: () => decryptor.wipe(),
        });
      },
    };
  }

  #watchGroup(group: KeyExchangeGroup): KeyExchangeGroup {
    return {
      ...group,
      generate: (random) => then(group.generate(random), (own) => this.#share(own)),
      respond: (keyExchange, random) =>
        then(group.respond(keyExchange, random), (answer) => {
          this.watchSecret("shared secret", answer.sharedSecret);
          return answer;
        }),
    };
  }

  #share(own: OwnKeyShare): OwnKeyShare {
    return this.#watch("key share", {
      group: own.group,
      keyExchange: own.keyExchange,
      sharedSecret: (keyExchange) =>
        then(own.sharedSecret(keyExchange), (bytes) => this.watchSecret("shared secret", bytes)),
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

function isAlive(bytes: Uint8Array): boolean {
  return bytes.some((byte) => byte !== 0);
}

function then<T, U>(value: Awaitable<T>, map: (value: T) => U): Awaitable<U> {
  return typeof value === "object" && value !== null && "then" in value ? value.then(map) : map(value);
}

/** A store that shows `watch` every copy of a session that passes. @param initial what it has already. */
export function watchedStore(
  watch: WatchedProvider,
  initial: Iterable<readonly [string, Uint8Array]> = [],
): SessionStore {
  const sessions = new Map(initial);
  const copyOf = (key: string): Uint8Array | null => {
    const session = sessions.get(key);
    return session === undefined ? null : watch.watchSecret("session", session.slice());
  };
  return {
    get: copyOf,
    put: (key, session) => void sessions.set(key, watch.watchSecret("session", session).slice()),
    take: (key) => {
      const session = copyOf(key);
      sessions.delete(key);
      return session;
    },
  };
}
