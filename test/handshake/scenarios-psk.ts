import {
  type ClientConfig,
  externalPsk,
  type ServerConfig,
  type ServerOptions,
  type SessionStore,
  TicketKeys,
  TlsEngine,
} from "../../src/index.ts";
import { End } from "../support/pair.ts";
import { type Scenario, toyClient, toyServer } from "./scenarios.ts";
import { toyCredential, toyProvider } from "./toy-provider.ts";

const provider = toyProvider();
const clientCredential = await toyCredential("client");
const clientAuth = { mode: "request", dangerouslyAcceptAnyCertificate: true } as const;
const missing = { keyShares: ["x25519"] } as const;
const retrying = { groups: ["secp256r1"] } as const;
const tls13 = { versions: ["TLSv1.3"] } as const;
const psk = externalPsk({ identity: Uint8Array.of(1, 2, 3), key: new Uint8Array(32).fill(7) });
const bothVersions = true;

type ClientOptions = NonNullable<Parameters<typeof toyClient>[0]>;

/** A client that always has a session with the server, which gives no more tickets behind a handshake. */
function withSession(
  client: ClientOptions,
  server: Partial<ServerOptions>,
): { readonly client: ClientConfig; readonly server: ServerConfig } {
  const sessionTickets = server.sessionTickets ?? new TicketKeys({ provider });
  const serverStore = new EverlastingStore();
  const clientStore = new EverlastingStore();
  const common = { ...server, sessionTickets, sessionStore: serverStore };
  const giving = new End(TlsEngine.server(toyServer({ ...common, ticketCount: 1 })));
  const taking = new End(TlsEngine.client(toyClient({ ...client, sessionStore: clientStore })));
  for (let i = 0; i < 4; i++) {
    if (taking.drain() ?? giving.drain()) throw new Error("hooks have to answer at once");
    giving.engine.receive(taking.engine.takeOutput() ?? new Uint8Array());
    if (giving.drain() !== undefined) throw new Error("hooks have to answer at once");
    taking.engine.receive(giving.engine.takeOutput() ?? new Uint8Array());
  }
  if (clientStore.size !== 1) throw new Error("the client has got no session");
  return {
    client: toyClient({ ...client, sessionStore: clientStore }),
    server: toyServer(common),
  };
}

/** A store from which the first session of each name can be taken again and again. */
class EverlastingStore implements SessionStore {
  readonly #sessions = new Map<string, Uint8Array>();

  get size(): number {
    return this.#sessions.size;
  }

  get(key: string): Uint8Array | null {
    return this.#sessions.get(key)?.slice() ?? null;
  }

  put(key: string, session: Uint8Array): void {
    if (!this.#sessions.has(key)) this.#sessions.set(key, session.slice());
  }

  take(key: string): Uint8Array | null {
    return this.get(key);
  }
}

const plain = withSession({}, {});
const retried = withSession(missing, { ...retrying, helloRetryCookie: true });
const authenticated = withSession({ clientCredential }, { clientAuth });
const withoutExchange = withSession({ ...tls13, pskModes: ["psk_ke"] }, { ...tls13, pskModes: ["psk_ke"] });
const fromStore = withSession(tls13, { ...tls13, sessionTickets: "stored" });
const external = {
  client: toyClient({ externalPsks: [psk] }),
  server: toyServer({ findPsk: () => psk, clientAuth }),
};
const externalRetried = {
  client: toyClient({ externalPsks: [psk], ...missing }),
  server: toyServer({ findPsk: () => psk, ...retrying }),
};
/** The session is of a server that has other keys by now. */
const declined = { client: plain.client, server: toyServer({ clientAuth }) };

/** Handshakes of TLS 1.3 with PSKs: no certificates, and nothing that asks for them. */
export const PSK_SCENARIOS: readonly Scenario[] = [
  { title: "client that resumes", role: "client", ...plain, facts: { bothVersions, psk: true } },
  {
    title: "client that resumes behind a second ClientHello with a cookie",
    role: "client",
    ...retried,
    facts: { bothVersions, psk: true },
  },
  {
    title: "client of TLS 1.3 alone that resumes without a key exchange",
    role: "client",
    ...withoutExchange,
    facts: { psk: true },
  },
  { title: "client with an external PSK", role: "client", ...external, facts: { bothVersions, psk: true } },
  {
    title: "client whose session is not taken",
    role: "client",
    ...declined,
    facts: { bothVersions },
  },
  { title: "server that resumes", role: "server", ...plain, facts: { bothVersions } },
  {
    title: "server that resumes behind a second ClientHello with a cookie",
    role: "server",
    ...retried,
    facts: { bothVersions, retryNeeded: true },
  },
  {
    title: "server that resumes a session with a client certificate",
    role: "server",
    ...authenticated,
    facts: { bothVersions },
  },
  {
    title: "server of TLS 1.3 alone that resumes from its store",
    role: "server",
    ...fromStore,
    facts: {},
  },
  {
    title: "server with an external PSK that would take certificates, behind a second ClientHello",
    role: "server",
    ...externalRetried,
    facts: { bothVersions, retryNeeded: true },
  },
  {
    title: "server that does not take a session, and asks for a certificate",
    role: "server",
    ...declined,
    facts: { bothVersions, clientAuth: true, certificateEmpty: true },
  },
];
