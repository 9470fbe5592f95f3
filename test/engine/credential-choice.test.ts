import { describe, expect, test } from "vitest";

import {
  ClientConfig,
  type ClientHelloInfo,
  type ClientOptions,
  type Credential,
  nobleProvider,
  ServerConfig,
  type ServerOptions,
  type TlsVersion,
} from "../../src/index.ts";
import { ExtensionType, SignatureScheme } from "../../src/messages/codepoints.ts";
import { credentialOf, newKey } from "../config/peers.ts";
import { Pair } from "../support/pair.ts";
import { dnsName, issueAuthority, issueLeaf, issueRoot, subjectAltName } from "../x509/issuing.ts";
import { VERSIONS } from "./versions.ts";

const root = issueRoot({ key: newKey() });
const first = issueAuthority(root, { key: newKey(), subject: "first" });
const second = issueAuthority(root, { key: newKey(), subject: "second" });

function ownFor(name: string, issuer = first): Credential {
  const extensions = { subjectAltName: subjectAltName(dnsName(name)) };
  return credentialOf(issueLeaf(issuer, { key: newKey(), subject: name, extensions }), [issuer]);
}

const a = ownFor("a.test");
const b = ownFor("b.test");
const other = ownFor("b.test", second);

/** What each end has seen of the other. */
async function presented(
  version: TlsVersion,
  client: Partial<ClientOptions>,
  server: Partial<ServerOptions>,
): Promise<{ readonly toClient: readonly Uint8Array[]; readonly toServer: readonly Uint8Array[] }> {
  const provider = nobleProvider();
  const base = new ClientConfig({
    provider,
    versions: [version],
    serverName: "b.test",
    dangerouslyAcceptAnyCertificate: true,
  });
  const pair = await new Pair(
    base.with(client),
    new ServerConfig({ provider, versions: [version], credentials: [a, b, other], ...server }),
  ).run();
  const chains = [pair.client, pair.server].map(({ engine, closed }) => {
    if (closed !== undefined) throw new Error(closed.kind, { cause: closed });
    const peer = engine.info?.peer;
    return peer !== undefined && "chain" in peer ? peer.chain : [];
  });
  return { toClient: chains[0] ?? [], toServer: chains[1] ?? [] };
}

/** Adds extensions to a ClientHello. */
function saying(
  authorities: readonly Uint8Array[],
  certificateSchemes?: readonly number[],
): NonNullable<ClientOptions["shapeClientHello"]> {
  return (hello) => ({
    ...hello,
    extensions: {
      ...hello.extensions,
      order: [
        ...(hello.extensions.order ?? []),
        ExtensionType.certificate_authorities,
        ...(certificateSchemes === undefined ? [] : [ExtensionType.signature_algorithms_cert]),
      ],
      certificateAuthorities: authorities,
      ...(certificateSchemes !== undefined && { signatureAlgorithmsCert: certificateSchemes }),
    },
  });
}

describe.each(VERSIONS)("in %s, a server with several credentials", (version) => {
  test("presents the one for the name that the client asks for", async () => {
    expect((await presented(version, {}, {})).toClient).toEqual(b.certificateChain);
    expect((await presented(version, { serverName: "a.test" }, {})).toClient).toEqual(a.certificateChain);
  });

  test("presents the first to a client that asks for a name of nobody, or for none", async () => {
    expect((await presented(version, { serverName: "c.test" }, {})).toClient).toEqual(a.certificateChain);
    expect((await presented(version, { serverName: "192.0.2.1" }, {})).toClient).toEqual(a.certificateChain);
  });

  test("presents the one below an authority that the client names", async () => {
    const shapeClientHello = saying([second.name]);
    expect((await presented(version, { shapeClientHello }, {})).toClient).toEqual(other.certificateChain);
  });

  test("tells its hook what the client says about certificates, and chooses among those that a late answer gives", async () => {
    let info: ClientHelloInfo | undefined;
    const chooseSetup: ServerOptions["chooseSetup"] = async (hello) => {
      info = hello;
      await Promise.resolve();
      return { credentials: [a, other, b] };
    };
    const shapeClientHello = saying([root.name], [SignatureScheme.ed25519]);
    expect((await presented(version, { shapeClientHello }, { chooseSetup })).toClient).toEqual(
      other.certificateChain,
    );
    expect(info?.authorities).toEqual([root.name]);
    expect(info?.certificateSignatureSchemes).toEqual([SignatureScheme.ed25519]);
    expect(info?.signatureSchemes).not.toEqual(info?.certificateSignatureSchemes);
  });
});

describe.each(VERSIONS)("in %s, a client with several credentials", (version) => {
  const asking = (authorities: readonly Uint8Array[]): Partial<ServerOptions> => ({
    clientAuth: { mode: "require", dangerouslyAcceptAnyCertificate: true, authorities },
  });

  test("presents the first when the server names no authority", async () => {
    const clientCredential = [a, other];
    expect((await presented(version, { clientCredential }, asking([]))).toServer).toEqual(a.certificateChain);
  });

  test("presents the one below an authority that the server names", async () => {
    const clientCredential = [a, other];
    const { toServer } = await presented(version, { clientCredential }, asking([second.name]));
    expect(toServer).toEqual(other.certificateChain);
  });

  test("presents the first when the server names authorities of nobody", async () => {
    const clientCredential = [a, other];
    const { toServer } = await presented(
      version,
      { clientCredential },
      asking([a.certificateChain[0] ?? root.name]),
    );
    expect(toServer).toEqual(a.certificateChain);
  });

  test("chooses in the same way among those that its hook gives", async () => {
    const clientCredential: ClientOptions["clientCredential"] = async ({ authorities }) => {
      await Promise.resolve();
      expect(authorities).toEqual([second.name]);
      return [a, other];
    };
    const { toServer } = await presented(version, { clientCredential }, asking([second.name]));
    expect(toServer).toEqual(other.certificateChain);
  });
});
