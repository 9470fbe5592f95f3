import { afterAll, expect } from "vitest";
import { makeAuthority } from "../interop/ca.ts";
import { connect, listen } from "../interop/driver.ts";
import {
  exchangeWithClient,
  exchangeWithServer,
  only,
  opensslLacks,
  startClient,
  startServer,
} from "../interop/peers/openssl.ts";
import { clientFor, type Combination, expectAgreement, row, serverWith } from "../interop/rows.ts";
import { answerStartTls } from "../interop/smtp.ts";

// A few rows of `npm run interop`, whose table has all of them.

const authority = await makeAuthority(["ecdsa-p256", "rsa-2048", "ed25519"]);
afterAll(() => authority.remove());

const sample: readonly Combination[] = [
  { suite: "TLS_AES_128_GCM_SHA256", group: "x25519", certificate: "rsa-2048" },
  { suite: "TLS_AES_256_GCM_SHA384", group: "secp256r1", certificate: "ecdsa-p256" },
  { suite: "TLS_CHACHA20_POLY1305_SHA256", group: "secp384r1", certificate: "ed25519" },
];

for (const combination of sample) {
  const { suite, group } = combination;
  const about = { ...combination, feature: "data both ways" };
  const ours = { cipherSuites: [suite], groups: [group] };
  const issued = authority.server(combination.certificate);

  row({ peer: "openssl s_server", we: "client", ...about }, opensslLacks(combination), async (scope) => {
    const { peer, port } = await startServer(scope, authority, issued, only(combination));
    const client = await connect(scope, port, clientFor(issued, ours));
    expectAgreement(await client.untilComplete(), combination);
    await exchangeWithServer(client, peer);
  });

  row({ peer: "openssl s_client", we: "server", ...about }, opensslLacks(combination), async (scope) => {
    const listener = await listen(scope, serverWith(issued, ours));
    const peer = startClient(scope, authority, listener.port, only(combination));
    const server = await listener.accept();
    expectAgreement(await server.untilComplete(), combination);
    await exchangeWithClient({ server, peer });
  });
}

const certificate = authority.server("ecdsa-p256");

row(
  { peer: "openssl s_server", we: "client", feature: "HelloRetryRequest" },
  opensslLacks({}),
  async (scope) => {
    const { peer, port } = await startServer(scope, authority, certificate, ["-groups", "P-521"]);
    const client = await connect(scope, port, clientFor(certificate));
    expect(await client.untilComplete()).toMatchObject({ helloRetried: true, group: "secp521r1" });
    await exchangeWithServer(client, peer);
  },
);

row(
  { peer: "openssl s_client", we: "server", feature: "STARTTLS (SMTP)" },
  opensslLacks({}),
  async (scope) => {
    const listener = await listen(scope);
    const peer = startClient(scope, authority, listener.port, ["-starttls", "smtp"]);
    const server = await listener.accept();
    await answerStartTls(server, serverWith(certificate));
    await exchangeWithClient({ server, peer });
  },
);
