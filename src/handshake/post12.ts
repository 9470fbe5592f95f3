import { TlsAlert } from "../alert.ts";
import type { Flow } from "./flow.ts";
import { receiveUnrecorded } from "./io.ts";
import type { PostHandshakeEvents, WriteKeys } from "./post.ts";

/** The keys of a connection of TLS 1.2, which stay as they are, since nothing is renegotiated. */
export const lastingKeys: WriteKeys = {
  payUpdate: () => undefined,
  renew() {
    throw new TlsAlert("internal_error", "the write key is used up, and TLS 1.2 has no other one");
  },
  wipe: () => undefined,
};

/**
 * What a client takes after the handshake: one HelloRequest, which is refused with a warning (RFC 5246 §7.2.2). A server that insists is not
 * talked to any more.
 */
export function* clientPostHandshake12(events: PostHandshakeEvents): Flow<never> {
  yield* receiveUnrecorded("hello_request");
  events.sendWarning("no_renegotiation");
  yield* receiveUnrecorded("hello_request");
  throw new TlsAlert("no_renegotiation", "the server asks for renegotiation again");
}

/** What a server takes after the handshake: one ClientHello, which is refused as {@link clientPostHandshake12} does. */
export function* serverPostHandshake12(events: PostHandshakeEvents): Flow<never> {
  yield* receiveUnrecorded("client_hello");
  events.sendWarning("no_renegotiation");
  yield* receiveUnrecorded("client_hello");
  throw new TlsAlert("no_renegotiation", "the client asks for renegotiation again");
}
