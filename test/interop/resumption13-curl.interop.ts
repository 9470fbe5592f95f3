import { afterAll, expect } from "vitest";
import { makeAuthority } from "./ca.ts";
import { listen } from "./driver.ts";
import { answer, readRequest } from "./http.ts";
import { curlLacks, startCurl } from "./peers/curl.ts";
import { acceptAs, SeenMessages } from "./resumption13.ts";
import { serverPairs } from "./resumption13-pairs.ts";
import { row, serverWith } from "./rows.ts";

// Sessions of TLS 1.3 that curl resumes: one run of it fetches two pages, and we end the connection behind each.

const authority = await makeAuthority(["ecdsa-p256"]);
afterAll(() => authority.remove());

const certificate = authority.server("ecdsa-p256");

for (const { feature, resumed, helloRetried = false, make } of serverPairs) {
  row({ peer: "curl", we: "server", feature: `resumption, ${feature}` }, curlLacks({}), async (scope) => {
    const listener = await listen(scope);
    const urls = ["/1", "/2"].map((path) => `https://localhost:${listener.port}${path}`);
    const peer = startCurl(scope, authority, "--verbose", ...urls);
    const seen = new SeenMessages();
    for (const [index, ours] of make().entries()) {
      const config = serverWith(certificate, { ...ours, onMessage: seen.onMessage });
      const server = await acceptAs(listener, config);
      const info = await server.untilComplete();
      expect(info).toMatchObject({ version: "TLSv1.3", resumed: index === 1 && resumed, helloRetried });
      seen.expectAsTold(info);
      expect((await readRequest(server)).target).toBe(`/${index + 1}`);
      answer(server, `page ${index + 1}\n`);
      expect((await server.untilClosed()).kind).toBe("clean");
    }
    expect(await peer.untilExit(), peer.output).toBe(0);
    expect(peer.stdout.toString()).toBe("page 1\npage 2\n");
    // It offers the ticket whatever comes of it; that it was taken shows in what curl saw of certificates.
    expect(peer.output).toMatch(/SSL re-?using session/);
    const certificates = peer.output.split("TLS handshake, CERT verify").length - 1;
    expect(certificates).toBe(resumed ? 1 : 2);
  });
}
