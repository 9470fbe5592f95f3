import {
  type Awaitable,
  type ClientConfig,
  type ClientOptions,
  type Credential,
  type PresentedPeer,
  rawPublicKey,
  type ServerConfig,
  type ServerOptions,
  type TlsVersion,
  type Verified,
} from "../../src/index.ts";
import { trustingClient } from "./sessions.ts";
import { toyServer } from "../handshake/scenarios.ts";
import { toyCredential } from "../handshake/toy-provider.ts";

/** A key, as a certificate and as itself. */
export interface BothForms {
  readonly x509: Credential;
  readonly raw: Credential;
}

async function bothForms(name: string): Promise<BothForms> {
  const x509 = await toyCredential(name);
  return { x509, raw: rawPublicKey({ key: x509.key }) };
}

export const serverKey: BothForms = await bothForms("server");
export const clientKey: BothForms = await bothForms("client");

/** The key that is shown. */
export function spkiOf({ raw }: BothForms): Uint8Array {
  const [spki] = raw.certificateChain;
  if (spki === undefined) throw new Error("no key");
  return spki;
}

/** Trusts everybody, and remembers whom, at once or late. */
export class Asked {
  readonly peers: PresentedPeer[] = [];
  readonly #isLate: boolean;

  constructor(isLate = false) {
    this.#isLate = isLate;
  }

  verify(peer: PresentedPeer): Awaitable<Verified> {
    this.peers.push(peer);
    const verdict: Verified = { trust: "verified" };
    return this.#isLate ? Promise.resolve(verdict) : verdict;
  }
}

/** As it is, but it signs late. */
export function late(credential: Credential): Credential {
  const { key } = credential;
  const sign: typeof key.sign = async (...args) => {
    await Promise.resolve();
    return key.sign(...args);
  };
  return { ...credential, key: { ...key, sign } };
}

/** A client that takes raw public keys alone. */
export function rawClient(
  version: TlsVersion,
  trust: Asked = new Asked(),
  options: Partial<ClientOptions> = {},
): ClientConfig {
  return trustingClient(
    trust as never,
    {
      versions: [version],
      serverCertificateTypes: ["raw-public-key"],
      ...options,
    } as Partial<ClientOptions>,
  );
}

/** A server that has a raw public key and nothing else. */
export function rawServer(version: TlsVersion, options: Partial<ServerOptions> = {}): ServerConfig {
  return toyServer({ versions: [version], credentials: [serverKey.raw], ticketCount: 2, ...options });
}
