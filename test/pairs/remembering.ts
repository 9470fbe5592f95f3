import { hex } from "../../src/bytes.ts";
import type {
  Awaitable,
  Credential,
  CryptoProvider,
  KeyExchangeGroup,
  OwnKeyShare,
  Random,
} from "../../src/index.ts";
import { isPromise } from "./hooks.ts";

/**
 * Public-key operations that were done once. A conversation that is had again with the same randomness asks for the same ones, and
 * gets the same answers in less time. What is asked for with another input, or draws other random bytes, is computed.
 */
export class Memory {
  /** By what is done, its inputs and the bytes that it draws. */
  readonly #results = new Map<string, unknown>();
  /** How many bytes each draw takes, by what is done and its inputs. */
  readonly #draws = new Map<string, readonly number[]>();

  /** @param copy makes a result of the caller's own, who may wipe it. */
  recall<T>(
    [what, ...inputs]: readonly [string, ...Uint8Array[]],
    random: Random,
    compute: (random: Random) => Awaitable<T>,
    copy: (result: T) => T,
  ): T {
    const operation = [what, ...inputs.map(hex)].join(" ");
    const drawn = (this.#draws.get(operation) ?? []).map((length) => random(length));
    const key = [operation, ...drawn.map(hex)].join(" ");
    // What has the same name has the same type.
    if (this.#draws.has(operation) && this.#results.has(key)) return copy(this.#results.get(key) as T);
    const ahead = drawn.toReversed();
    const draws: Uint8Array[] = [];
    const result = atOnce(
      compute((length) => {
        const bytes = ahead.pop() ?? random(length);
        if (bytes.length !== length)
          throw new RangeError(`${what} draws another number of bytes than before`);
        draws.push(bytes.slice());
        return bytes;
      }),
    );
    this.#draws.set(
      operation,
      draws.map(({ length }) => length),
    );
    this.#results.set([operation, ...draws.map(hex)].join(" "), copy(result));
    return result;
  }
}

/** `provider` with its public-key operations in `memory`. */
export function remembering(provider: CryptoProvider, memory: Memory): CryptoProvider {
  return {
    ...provider,
    groups: provider.groups.map((group) => ({
      ...group,
      generate: (random) => rememberedShare(group, random, memory),
      respond: (keyExchange, random) =>
        memory.recall(
          [`${group.name} respond`, keyExchange],
          random,
          (drawn) => group.respond(keyExchange, drawn),
          (answer) => ({
            keyExchange: answer.keyExchange.slice(),
            sharedSecret: answer.sharedSecret.slice(),
          }),
        ),
    })),
    signatureVerifiers: provider.signatureVerifiers.map((verifier) => ({
      ...verifier,
      verify: (subjectPublicKeyInfo, message, signature) =>
        memory.recall<boolean>(
          [verifier.name, subjectPublicKeyInfo, message, signature],
          provider.random,
          () => verifier.verify(subjectPublicKeyInfo, message, signature),
          (isGenuine) => isGenuine,
        ),
    })),
  };
}

/** A private key is drawn at once, and made when it is needed. */
function rememberedShare(group: KeyExchangeGroup, random: Random, memory: Memory): OwnKeyShare {
  let made: OwnKeyShare | undefined;
  const { privateKey, keyExchange } = memory.recall(
    [`${group.name} generate`],
    random,
    (draw) => {
      let privateKey = new Uint8Array();
      made = atOnce(
        group.generate((length) => {
          privateKey = new Uint8Array(draw(length));
          return privateKey.slice();
        }),
      );
      return { privateKey, keyExchange: made.keyExchange };
    },
    (share) => ({ privateKey: share.privateKey.slice(), keyExchange: share.keyExchange.slice() }),
  );
  return {
    group: group.id,
    keyExchange,
    sharedSecret: (peerKeyExchange) =>
      memory.recall<Uint8Array>(
        [`${group.name} sharedSecret`, keyExchange, peerKeyExchange],
        random,
        () => (made ?? atOnce(group.generate(() => privateKey.slice()))).sharedSecret(peerKeyExchange),
        (secret) => secret.slice(),
      ),
    wipe: () => made?.wipe(),
  };
}

/** `credential` with its signatures in `memory`. */
export function rememberingCredential(credential: Credential, memory: Memory): Credential {
  const { key } = credential;
  const { keyType, schemes, tls12Schemes, subjectPublicKeyInfo } = key;
  if (subjectPublicKeyInfo === undefined) throw new TypeError(`the ${keyType} key has no public key`);
  return {
    ...credential,
    key: {
      keyType,
      schemes,
      ...(tls12Schemes !== undefined && { tls12Schemes }),
      subjectPublicKeyInfo,
      sign: (scheme, message, random) =>
        memory.recall<Uint8Array>(
          [`sign ${scheme}`, subjectPublicKeyInfo, message],
          random,
          (draw) => key.sign(scheme, message, draw),
          (signature) => signature.slice(),
        ),
    },
  };
}

function atOnce<T>(value: Awaitable<T>): T {
  if (isPromise(value)) throw new TypeError("only what answers at once is remembered");
  return value;
}
