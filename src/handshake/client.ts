import { TlsAlert } from "../alert.ts";
import type { ClientConfig } from "../config/client.ts";
import { sendClientHello } from "./client-hello.ts";
import { clientHandshake12 } from "./client12.ts";
import { clientHandshake13 } from "./client13.ts";
import type { Established } from "./established.ts";
import type { Flow } from "./flow.ts";
import { type HandshakeIo, receiveUnrecorded } from "./io.ts";
import { findSession } from "./resume12.ts";
import { findPsks, wipePsks } from "./resume13.ts";
import { checkServerVersion } from "./version.ts";

/**
 * A client's handshake: one ClientHello for all versions, and then that of the version which the server has chosen. RFC 8446 §4.1.
 */
export function* clientHandshake(config: ClientConfig, io: HandshakeIo): Flow<Established> {
  const { versions } = config.settings;
  const psks = versions.includes("TLSv1.3") ? yield* findPsks(config, io) : [];
  // One session is enough; that of the higher version is the better one.
  const resumes13 = psks.some(({ resumes }) => resumes !== null);
  const session = versions.includes("TLSv1.2") && !resumes13 ? yield* findSession(config, io) : undefined;
  const offer = yield* sendClientHello(config, io, session, psks);
  if (versions.includes("TLSv1.3")) io.allowChangeCipherSpec();
  const answer = yield* receiveUnrecorded("server_hello", "hello_retry_request", "tls12_server_hello");
  if (answer.name === "tls12_server_hello") {
    checkServerVersion(versions, answer.body);
    // Nobody who has given a ticket for early data speaks an older version (RFC 8446 §D.3).
    if (offer.early !== undefined)
      throw new TlsAlert("protocol_version", "server chose TLS 1.2 although early data was sent to it");
    io.startVersion("TLSv1.2");
    wipePsks(psks);
    return yield* clientHandshake12(config, io, offer, answer);
  }
  if (!versions.includes("TLSv1.3")) {
    throw new TlsAlert(
      "unsupported_extension",
      `server answers with TLS 1.3, and ${versions.join(" or ")} was offered`,
    );
  }
  return yield* clientHandshake13(config, io, offer, answer);
}
