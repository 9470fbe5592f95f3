import { HandshakeIo } from "../../src/handshake/io.ts";
import type { ClientConfig, ServerConfig, SessionStore } from "../../src/index.ts";
import type { HandshakeBody, HandshakeName } from "../../src/messages/handshake.ts";
import { type Facts, machineOf } from "./machine.ts";
import { type IoClass, Peer12, Scene12 } from "./peer12.ts";
import type { Walk } from "./points.ts";
import { toyClient, toyServer } from "./scenarios.ts";
import { toyCredential } from "./toy-provider.ts";

/** A handshake of TLS 1.2, seen from one side. */
export interface Scenario12 {
  readonly title: string;
  readonly role: "client" | "server";
  readonly client: ClientConfig;
  readonly server: ServerConfig;
  /** What is true at the start. */
  readonly facts: Facts;
  /** The server's, where it is the peer and sends what our server does not. */
  readonly serverIo?: IoClass;
}

/** An engine of the scenario's role, and its peer. Nothing was played yet. */
export function scene12Of({ role, client, server, serverIo }: Scenario12): Scene12 {
  return role === "client"
    ? new Scene12(client, new Peer12(server, serverIo))
    : new Scene12(server, new Peer12(client));
}

/** The subject as a peer too, so that what its flow waits for can be seen; and its peer. */
export function twoPeers({ role, client, server, serverIo }: Scenario12): {
  readonly subject: Peer12;
  readonly peer: Peer12;
} {
  const clientSide = new Peer12(client);
  const serverSide = new Peer12(server, serverIo);
  return role === "client"
    ? { subject: clientSide, peer: serverSide }
    : { subject: serverSide, peer: clientSide };
}

/** Announces CertificateStatus and does not send it, as RFC 6066 §8 allows. */
class SilentOnStatus extends HandshakeIo {
  override send<K extends HandshakeName>(name: K, body: HandshakeBody<K>): void {
    if (name !== "certificate_status") super.send(name, body);
  }
}

/** Gives another ticket when it resumes a session. RFC 5077 §3.1, figure 2. */
class Renewing extends HandshakeIo {
  override send<K extends HandshakeName>(name: K, body: HandshakeBody<K>): void {
    if (name !== "tls12_server_hello") {
      super.send(name, body);
      return;
    }
    // It is the body of that message.
    const hello = body as HandshakeBody<"tls12_server_hello">;
    super.send("tls12_server_hello", { ...hello, extensions: { ...hello.extensions, sessionTicket: true } });
  }

  override sendChangeCipherSpec(): void {
    this.send("tls12_new_session_ticket", { ticketLifetimeHint: 60, ticket: Uint8Array.of(1, 2, 3) });
    super.sendChangeCipherSpec();
  }
}

/** A peer speaks TLS 1.2 alone, so that this is what a subject of both versions comes to. */
const tls12 = { versions: ["TLSv1.2"] } as const;
const clientAuth = { mode: "request", dangerouslyAcceptAnyCertificate: true } as const;
const clientCredential = await toyCredential("client");
const stapled = { ...(await toyCredential("server")), ocspResponse: Uint8Array.of(0x30, 3, 10, 1, 0) };
/** The server resumes by its store, and gives no tickets. */
const byId = { sessionTickets: false } as const;
const keepsNothing = { sessionStore: null, sessionTickets: false } as const;

/** A client with it asks for tickets, and has nothing to resume ever. */
const forgets: SessionStore = { get: () => null, put: () => undefined, take: () => null };

/** Sessions of a server, which a client can have again and again. */
function storeWithSessionOf(server: ServerConfig): SessionStore {
  let kept: Uint8Array | undefined;
  const recording: SessionStore = { ...forgets, put: (_key, session) => void (kept = session.slice()) };
  new Scene12(toyClient({ ...tls12, sessionStore: recording }), new Peer12(server)).playAll();
  if (kept === undefined) throw new Error("the client was given no session");
  const session = kept;
  return { ...forgets, get: () => session.slice() };
}

const ticketServer = toyServer(tls12);
const idServer = toyServer({ ...tls12, ...byId });
const ticketSubject = toyServer();
const idSubject = toyServer(byId);
const bothVersions = true;
const resumed = true;
const ticketAnnounced = true;

const CLIENT_SCENARIOS: readonly Omit<Scenario12, "role">[] = [
  {
    title: "client of a server that keeps no sessions",
    client: toyClient({ sessionStore: forgets }),
    server: toyServer({ ...tls12, ...keepsNothing }),
    facts: { bothVersions },
  },
  {
    title: "client that gets a ticket",
    client: toyClient({ sessionStore: forgets }),
    server: ticketServer,
    facts: { bothVersions, ticketAnnounced },
  },
  {
    title: "client that is asked for a certificate, and gets a session id",
    client: toyClient({ clientCredential, sessionStore: forgets }),
    server: toyServer({ ...tls12, ...byId, clientAuth }),
    facts: { bothVersions },
  },
  {
    title: "client that is asked for a certificate and has none",
    client: toyClient({ sessionStore: forgets }),
    server: toyServer({ ...tls12, clientAuth }),
    facts: { bothVersions, ticketAnnounced },
  },
  {
    title: "client that gets CertificateStatus and a ticket, and is asked for a certificate",
    client: toyClient({ clientCredential, sessionStore: forgets }),
    server: toyServer({ ...tls12, credentials: [stapled], clientAuth }),
    facts: { bothVersions, ticketAnnounced, statusAnnounced: true },
  },
  {
    title: "client that does not get the CertificateStatus that was announced",
    client: toyClient({ sessionStore: forgets }),
    server: toyServer({ ...tls12, ...keepsNothing, credentials: [stapled] }),
    serverIo: SilentOnStatus,
    facts: { bothVersions, statusAnnounced: true },
  },
  {
    title: "client that resumes by id",
    client: toyClient({ sessionStore: storeWithSessionOf(idServer) }),
    server: idServer,
    facts: { bothVersions, resumed },
  },
  {
    title: "client that resumes by ticket",
    client: toyClient({ sessionStore: storeWithSessionOf(ticketServer) }),
    server: ticketServer,
    facts: { bothVersions, resumed },
  },
  {
    title: "client that resumes by ticket and gets another one",
    client: toyClient({ sessionStore: storeWithSessionOf(ticketServer) }),
    server: ticketServer,
    serverIo: Renewing,
    facts: { bothVersions, resumed, ticketAnnounced },
  },
  {
    title: "client of TLS 1.2 alone that gets a ticket",
    client: toyClient({ ...tls12, sessionStore: forgets }),
    server: ticketSubject,
    facts: { ticketAnnounced },
  },
  {
    title: "client of TLS 1.2 alone that resumes by ticket",
    client: toyClient({ ...tls12, sessionStore: storeWithSessionOf(ticketSubject) }),
    server: ticketSubject,
    facts: { resumed },
  },
];

const SERVER_SCENARIOS: readonly Omit<Scenario12, "role">[] = [
  {
    title: "server that keeps no sessions",
    client: toyClient({ ...tls12, sessionStore: forgets }),
    server: toyServer(keepsNothing),
    facts: { bothVersions },
  },
  {
    title: "server that gives a ticket",
    client: toyClient({ ...tls12, sessionStore: forgets }),
    server: ticketSubject,
    facts: { bothVersions },
  },
  {
    title: "server that gets a certificate, and gives a session id",
    client: toyClient({ ...tls12, clientCredential, sessionStore: forgets }),
    server: toyServer({ ...byId, clientAuth }),
    facts: { bothVersions, clientAuth: true },
  },
  {
    title: "server that sends CertificateStatus, and gets an empty Certificate",
    client: toyClient({ ...tls12, sessionStore: forgets }),
    server: toyServer({ clientAuth, credentials: [stapled] }),
    facts: { bothVersions, clientAuth: true, certificateEmpty: true },
  },
  {
    title: "server that resumes by id",
    client: toyClient({ ...tls12, sessionStore: storeWithSessionOf(idSubject) }),
    server: idSubject,
    facts: { bothVersions, resumed },
  },
  {
    title: "server that resumes by ticket",
    client: toyClient({ ...tls12, sessionStore: storeWithSessionOf(ticketSubject) }),
    server: ticketSubject,
    facts: { bothVersions, resumed },
  },
  {
    title: "server of TLS 1.2 alone that gets a certificate",
    client: toyClient({ clientCredential, sessionStore: forgets }),
    server: toyServer({ ...tls12, clientAuth }),
    facts: { clientAuth: true },
  },
];

/** Ways through both machines: together they take every transition of a handshake. */
export const SCENARIOS12: readonly Scenario12[] = [
  ...CLIENT_SCENARIOS.map((scenario) => ({ ...scenario, role: "client" as const })),
  ...SERVER_SCENARIOS.map((scenario) => ({ ...scenario, role: "server" as const })),
];

/** The scenario, to be walked. */
export function walk12Of(scenario: Scenario12): Walk {
  return {
    machine: machineOf(scenario.role, "TLSv1.2"),
    facts: scenario.facts,
    start: () => scene12Of(scenario),
    twoSides: () => twoPeers(scenario),
  };
}
