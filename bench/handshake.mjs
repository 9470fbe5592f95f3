import { ClientConfig, credential, NEED_DATA, pinned, ServerConfig, TlsEngine } from "../dist/index.js";
import { benchCertificate } from "./certificate.mjs";
import { compare } from "./harness.mjs";

const drain = (engine) => {
  for (;;) {
    const event = engine.nextEvent();
    if (event === NEED_DATA) return;
    if (event.type === "closed") throw new Error(JSON.stringify(event.how));
  }
};

for (const keyType of ["ecdsa-p256", "rsa-2048", "ed25519"]) {
  const { certificatePem, keyPem, spkiSha256 } = await benchCertificate(keyType);
  const own = credential({ certificateChain: certificatePem, key: keyPem });
  const variants = ["x25519", "secp256r1", "X25519MLKEM768"].map((group) => {
    const client = new ClientConfig({
      serverName: "localhost",
      trust: pinned([spkiSha256]),
      groups: [group],
    });
    const server = new ServerConfig({ credentials: [own], groups: [group] });
    return {
      name: group,
      bytes: 0,
      run: () => {
        const ends = [TlsEngine.client(client), TlsEngine.server(server)];
        for (let turn = 0; turn < 4; turn++) {
          const [from, to] = turn % 2 === 0 ? ends : ends.toReversed();
          const output = from.takeOutput();
          if (output !== null) to.receive(output);
          drain(to);
        }
        if (ends[1].info === null) throw new Error("the handshake did not end");
        return 1;
      },
    };
  });
  compare(`full handshake, both sides, ${keyType}`, variants, { rounds: 9, slotMs: 60 });
}
