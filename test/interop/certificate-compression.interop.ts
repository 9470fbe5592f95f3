import tls from "node:tls";
import { afterAll, expect } from "vitest";
import { nodeCompressions } from "../../src/adapters/node/compressions.ts";
import {
  type CertificateCompression,
  type ClientOptions,
  pinned,
  type ServerOptions,
  zlibCompression,
} from "../../src/index.ts";
import { decodeHandshake } from "../../src/messages/handshake.ts";
import { SeenMessages } from "../support/compression.ts";
import { makeAuthority } from "./ca.ts";
import { listen } from "./driver.ts";
import { answer, readRequest } from "./http.ts";
import { noCurlCffi, startCurlCffi } from "./peers/curl-cffi.ts";
import {
  compileLoopback,
  echoAndClose,
  exchangeAndClose,
  gnutlsLacks,
  gnutlsServerLacks,
  meetGnutlsClient,
  meetGnutlsServer,
  startGnutlsClient,
} from "./peers/gnutls.ts";
import { exchangeWithNode, meetNodeClient, meetNodeServer, nodeLacks } from "./peers/node.ts";
import { clientFor, row, serverWith } from "./rows.ts";
import { Scope } from "./waiting.ts";

const authority = await makeAuthority(["ecdsa-p256", "rsa-2048"]);
afterAll(() => authority.remove());

const certificate = authority.server("rsa-2048");
const own = authority.client("rsa-2048");
const clientAuth = { mode: "require", trust: pinned([own.spkiSha256]) } as const;

/** All compressions that there are here, by name. */
const compressions = new Map<string, CertificateCompression>([
  ...nodeCompressions().map((compression) => [compression.name, compression] as const),
  ["zlib", zlibCompression()],
]);
const NAMES = ["zlib", "brotli", "zstd"] as const;
type Name = (typeof NAMES)[number];

function compressionOf(name: Name): CertificateCompression {
  const found = compressions.get(name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

const weLack = (name: Name): string | undefined =>
  compressions.has(name) ? undefined : `node ${process.version} has no ${name}`;

/** The names of the algorithms under which certificates went by, each with its direction. */
function algorithmsIn({ raw }: SeenMessages): readonly string[] {
  return [...raw].flatMap(([name, bytes]) => {
    if (!name.endsWith(" compressed_certificate")) return [];
    const { algorithm } = decodeHandshake("compressed_certificate", bytes);
    return [name.replace("compressed_certificate", NAMES[algorithm - 1] ?? "unknown")];
  });
}

/** Options of node:tls that its types do not have yet. */
const compressing = (...names: readonly Name[]): object => ({ certificateCompression: names });

/** Why node:tls cannot compress certificates: before there was such an option, it took any value. */
const nodeLacksCompression = ((): string | undefined => {
  try {
    tls.createSecureContext({ certificateCompression: ["none such"] } as tls.SecureContextOptions);
    return `node ${process.version} does not compress certificates, 26.10 does`;
  } catch {
    return nodeLacks({});
  }
})();

for (const name of NAMES) {
  const missing = nodeLacksCompression ?? weLack(name);
  const feature = `certificates compressed by ${name}`;

  row({ peer: "node:tls server", we: "client", feature }, missing, async (scope) => {
    const seen = new SeenMessages();
    const ours: Partial<ClientOptions> = {
      certificateCompression: [compressionOf(name)],
      clientCredential: own.credential,
      onMessage: seen.onMessage,
    };
    const theirs = { ...compressing(name), requestCert: true, ca: authority.rootPem };
    const { client, peer } = await meetNodeServer(
      scope,
      "socket",
      certificate,
      clientFor(certificate, ours),
      theirs,
    );
    expect((await client.untilComplete()).peer.kind).toBe("verified");
    expect(peer.socket.authorized).toBe(true);
    // Node asks its clients for compressed certificates as well.
    expect(algorithmsIn(seen)).toEqual([`read ${name}`, `write ${name}`]);
    await exchangeWithNode(client, peer);
  });

  row({ peer: "node:tls client", we: "server", feature }, missing, async (scope) => {
    const seen = new SeenMessages();
    const ours: Partial<ServerOptions> = {
      certificateCompression: [compressionOf(name)],
      clientAuth,
      onMessage: seen.onMessage,
    };
    const theirs = { ...compressing(name), cert: own.chainPem, key: own.keyPem };
    const config = serverWith(certificate, ours);
    const { server, peer } = await meetNodeClient(scope, "socket", authority, config, theirs);
    expect((await server.untilComplete()).peer.kind).toBe("verified");
    expect(algorithmsIn(seen)).toEqual([`write ${name}`, `read ${name}`]);
    await exchangeWithNode(server, peer);
  });
}

for (const name of NAMES) {
  const about = { peer: "curl on BoringSSL", we: "server" } as const;
  row(
    { ...about, feature: `certificates compressed by ${name}` },
    noCurlCffi ?? weLack(name),
    async (scope) => {
      const seen = new SeenMessages();
      const ours = { certificateCompression: [compressionOf(name)], onMessage: seen.onMessage };
      const listener = await listen(scope, serverWith(certificate, ours));
      const peer = startCurlCffi(scope, authority, listener.port, [name]);
      const server = await listener.accept();
      await server.untilComplete();
      expect((await readRequest(server)).target).toBe("/");
      answer(server, "compressed");
      await peer.untilPrinted(/got compressed/);
      expect(algorithmsIn(seen)).toEqual([`write ${name}`]);
    },
  );
}

/** Why GnuTLS does not compress: it takes the option without the libraries, too, and passes over it. */
async function gnutlsLacksCompression(name: Name): Promise<string | undefined> {
  const lacks = gnutlsLacks({});
  if (lacks !== undefined) return lacks;
  const scope = new Scope();
  try {
    const seen = new SeenMessages();
    const listener = await listen(scope, serverWith(certificate, { onMessage: seen.onMessage }));
    startGnutlsClient(scope, authority, listener.port, [`--compress-cert=${name}`]);
    await (await listener.accept()).untilComplete();
    const hello = seen.raw.get("read client_hello") ?? new Uint8Array();
    const { compressCertificate = [] } = decodeHandshake("client_hello", hello).extensions;
    const { id } = compressionOf(name);
    return compressCertificate.includes(id) ? undefined : `this GnuTLS was built without ${name}`;
  } catch (error) {
    return `gnutls-cli --compress-cert=${name} does not connect: ${String(error).slice(0, 200)}`;
  } finally {
    await scope.close();
  }
}

const shim = gnutlsServerLacks({}) === undefined ? compileLoopback(authority.folder) : "";

for (const name of NAMES) {
  const missing = weLack(name) ?? (await gnutlsLacksCompression(name));
  const feature = `certificates compressed by ${name}`;

  row({ peer: "gnutls-serv", we: "client", feature }, missing ?? gnutlsServerLacks({}), async (scope) => {
    const seen = new SeenMessages();
    const ours: Partial<ClientOptions> = {
      certificateCompression: [compressionOf(name)],
      clientCredential: own.credential,
      onMessage: seen.onMessage,
    };
    const ask = ["--require-client-cert", "--verify-client-cert", `--x509cafile=${authority.rootFile}`];
    const theirs = [`--compress-cert=${name}`, ...ask];
    const { client } = await meetGnutlsServer(scope, shim, certificate, theirs, clientFor(certificate, ours));
    await echoAndClose(client);
    expect(algorithmsIn(seen)).toContain(`read ${name}`);
  });

  row({ peer: "gnutls-cli", we: "server", feature }, missing, async (scope) => {
    const seen = new SeenMessages();
    const ours: Partial<ServerOptions> = {
      certificateCompression: [compressionOf(name)],
      clientAuth,
      onMessage: seen.onMessage,
    };
    const identity = [`--x509certfile=${own.chainFile}`, `--x509keyfile=${own.keyFile}`];
    const theirs = [`--compress-cert=${name}`, ...identity];
    const config = serverWith(certificate, ours);
    const { server, peer } = await meetGnutlsClient(scope, authority, theirs, config);
    await exchangeAndClose(server, peer);
    expect(algorithmsIn(seen)).toContain(`write ${name}`);
  });
}
