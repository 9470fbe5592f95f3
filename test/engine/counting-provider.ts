import type { Aead, CryptoProvider, TlsCipherSuite } from "../../src/index.ts";
import { toyProvider } from "../handshake/toy-provider.ts";

/** A provider whose keys may seal `recordsPerKey` records, and what each key has sealed. */
export function counting(recordsPerKey: number): {
  readonly provider: CryptoProvider;
  readonly sealed: readonly number[];
} {
  const sealed: number[] = [];
  const counted = (aead: Aead): Aead => ({
    ...aead,
    recordsPerKey,
    sealer: (key) => {
      const sealer = aead.sealer(key);
      const index = sealed.push(0) - 1;
      return {
        seal: (nonce, additionalData, plaintext, output) => {
          sealed[index] = (sealed[index] ?? 0) + 1;
          sealer.seal(nonce, additionalData, plaintext, output);
        },
        wipe: () => sealer.wipe(),
      };
    },
  });
  const limited = (suite: TlsCipherSuite): TlsCipherSuite => {
    if (suite.version === "TLSv1.3") return { ...suite, aead: counted(suite.aead) };
    const { protection } = suite;
    if (protection.kind === "cbc") return suite;
    return { ...suite, protection: { ...protection, aead: counted(protection.aead) } };
  };
  const toy = toyProvider();
  return { provider: { ...toy, cipherSuites: toy.cipherSuites.map(limited) }, sealed };
}
