import { ExtensionType } from "../../src/messages/codepoints.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { badChains } from "./bad-chains.ts";
import { ecdsaRoot, expectPath, otherAuthority, shownByClient, shownByServer } from "./chains.ts";
import { setting } from "./edits.ts";
import { goodChains } from "./good-chains.ts";
import type { Pitfall } from "./pitfall.ts";
import { clientAccepts, clientRefuses, forgedClient, forgedServer, serverRefuses } from "./pitfall13.ts";

/** Rows 36, 38 and 39: certificates behind the leaf, which the policy is asked about behind CertificateVerify. */
const refused = badChains.flatMap(({ verdict, ...chain }): readonly Pitfall[] => {
  const { row, what } = chain;
  const [server, client] = [shownByServer(chain), shownByClient(chain)];
  return [
    clientRefuses(row, `a server's chain ${what}`, verdict, (peer) => peer.upTo("finished"), {
      config: server.config,
      forger: { credential: server.credential },
    }),
    serverRefuses(row, `a client's chain ${what}`, verdict, (peer) => peer.upTo("finished"), {
      config: client.config,
      forger: { credential: client.credential },
    }),
  ];
});

const taken = goodChains.flatMap(({ path, ...chain }): readonly Pitfall[] => {
  const { row, what } = chain;
  const [server, client] = [shownByServer(chain), shownByClient(chain)];
  return [
    {
      row,
      engine: "client",
      name: `a server's chain ${what} is taken`,
      run() {
        const { config, credential } = server;
        expectPath(forgedServer({ config, forger: { credential } }).complete(), credential, path);
      },
    },
    {
      row,
      engine: "server",
      name: `a client's chain ${what} is taken`,
      run() {
        const { config, credential } = client;
        expectPath(forgedClient({ config, forger: { credential } }).complete(), credential, path);
      },
    },
  ];
});

const unoffered = shownByServer({
  row: 36,
  what: "",
  behind: [otherAuthority(ecdsaRoot).der],
  anchor: ecdsaRoot,
});

/** Ed25519 for the handshake, and ECDSA for certificates too. */
function withCertificateSchemes(hello: ClientHello): ClientHello {
  const { order = [], ...extensions } = hello.extensions;
  return {
    ...hello,
    extensions: {
      ...extensions,
      signatureAlgorithms: [0x0807],
      signatureAlgorithmsCert: [0x0807, 0x0403],
      order: [...order, ExtensionType.signature_algorithms_cert],
    },
  };
}

export const rowsOfChains: readonly Pitfall[] = [
  ...refused,
  ...taken,
  clientRefuses(
    36,
    "a server's chain whose intermediate is signed with an algorithm that was taken out of the ClientHello",
    { alert: "bad_certificate", says: "weak-algorithm: CN=authority" },
    (server) => server.upTo("finished"),
    {
      config: {
        ...unoffered.config,
        shapeClientHello: setting<ClientHello>({ signatureAlgorithms: [0x0807] }),
      },
      forger: { credential: unoffered.credential },
    },
  ),
  clientAccepts(
    36,
    "a server's chain with an algorithm that only signature_algorithms_cert has is taken",
    (server) => server.upTo("finished"),
    {
      config: { ...unoffered.config, shapeClientHello: withCertificateSchemes },
      forger: { credential: unoffered.credential },
    },
  ),
];
