import type { Awaitable, Credential, CryptoProvider, OwnKeyShare } from "../../src/index.ts";
import type { Seeded } from "./seeded.ts";

/** When hooks answer: a value goes through as it is, or as a promise of it. */
export type Answer = <T>(value: Awaitable<T>) => Awaitable<T>;

export const atOnce: Answer = (value) => value;

/** Answers after some turns of the microtask queue, and now and then of the event loop. */
export function late(seeded: Seeded): Answer {
  return async (value) => {
    for (let turns = seeded.integer(4); turns > 0; turns--) await Promise.resolve();
    if (seeded.integer(8) === 0) await new Promise((resolve) => setImmediate(resolve));
    return value;
  };
}

/** `provider` with every operation that may wait going through `answer`. */
export function answering(provider: CryptoProvider, answer: Answer): CryptoProvider {
  return {
    ...provider,
    groups: provider.groups.map((group) => ({
      id: group.id,
      name: group.name,
      inTls12: group.inTls12,
      generate: (random) => {
        const share = group.generate(random);
        return answer(isPromise(share) ? share.then((own) => shareOf(own, answer)) : shareOf(share, answer));
      },
      respond: (keyExchange, random) => answer(group.respond(keyExchange, random)),
    })),
    signatureVerifiers: provider.signatureVerifiers.map((verifier) => ({
      ...verifier,
      verify: (subjectPublicKeyInfo, message, signature) =>
        answer(verifier.verify(subjectPublicKeyInfo, message, signature)),
    })),
  };
}

/** `credential` with signatures going through `answer`. */
export function signing(credential: Credential, answer: Answer): Credential {
  const { key } = credential;
  return {
    ...credential,
    key: {
      keyType: key.keyType,
      schemes: key.schemes,
      ...(key.tls12Schemes !== undefined && { tls12Schemes: key.tls12Schemes }),
      subjectPublicKeyInfo: key.subjectPublicKeyInfo,
      sign: (scheme, message, random) => answer(key.sign(scheme, message, random)),
    },
  };
}

function shareOf(own: OwnKeyShare, answer: Answer): OwnKeyShare {
  return {
    group: own.group,
    keyExchange: own.keyExchange,
    sharedSecret: (keyExchange) => answer(own.sharedSecret(keyExchange)),
    wipe: () => own.wipe(),
  };
}

/** Whether `value` is yet to come. */
export function isPromise<T>(value: Awaitable<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value;
}
