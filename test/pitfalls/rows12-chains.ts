import type { ClientHello } from "../../src/messages/handshake13.ts";
import { badChains } from "./bad-chains.ts";
import { ecdsaRoot, expectPath, otherAuthority, shownByClient, shownByServer } from "./chains.ts";
import { setting } from "./edits.ts";
import { goodChains } from "./good-chains.ts";
import type { Pitfall } from "./pitfall.ts";
import { clientRefuses, forgedClient12, forgedServer12, serverRefuses } from "./pitfall12.ts";

/** Rows 36, 38 and 39: certificates behind the leaf. A client asks its policy behind ServerHelloDone, a server behind CertificateVerify. */
const refused = badChains.flatMap(({ verdict, ...chain }): readonly Pitfall[] => {
  const { row, what } = chain;
  const [server, client] = [shownByServer(chain), shownByClient(chain)];
  return [
    clientRefuses(row, `a server's chain ${what}`, verdict, (peer) => peer.upTo("changeCipherSpec"), {
      config: server.config,
      forger: { credential: server.credential },
    }),
    serverRefuses(row, `a client's chain ${what}`, verdict, (peer) => peer.upTo("changeCipherSpec"), {
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
        expectPath(forgedServer12({ config, forger: { credential } }).complete(), credential, path);
      },
    },
    {
      row,
      engine: "server",
      name: `a client's chain ${what} is taken`,
      run() {
        const { config, credential } = client;
        expectPath(forgedClient12({ config, forger: { credential } }).complete(), credential, path);
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

export const tls12RowsOfChains: readonly Pitfall[] = [
  ...refused,
  ...taken,
  clientRefuses(
    36,
    "a server's chain whose intermediate is signed with an algorithm that was taken out of the ClientHello",
    { alert: "bad_certificate", says: "weak-algorithm: CN=authority" },
    (server) => server.upTo("changeCipherSpec"),
    {
      config: {
        ...unoffered.config,
        shapeClientHello: setting<ClientHello>({ signatureAlgorithms: [0x0807] }),
      },
      forger: { credential: unoffered.credential },
    },
  ),
];
