import { TlsAlert } from "../alert.ts";
import { equalBytes } from "../bytes.ts";
import type { PskMode } from "../config/external-psk.ts";
import type { ServerConfig } from "../config/server.ts";
import type { KeyExchangeGroup, Tls13CipherSuite } from "../crypto/provider.ts";
import { ProtocolVersion, PskKeyExchangeMode } from "../messages/codepoints.ts";
import { type ClientHello, HELLO_RETRY_REQUEST_RANDOM } from "../messages/handshake13.ts";
import { chooseSetup, type CompleteSetup } from "./choose-setup.ts";
import {
  checkClientHello,
  checkForCertificates,
  checkForKeyExchange,
  checkSecondClientHello,
  type OfferedClientHello,
} from "./client-hello-rules.ts";
import { skippedEarlyDataBytes } from "./early-data.ts";
import type { Flow } from "./flow.ts";
import { type HandshakeIo, type Received, receiveUnrecorded } from "./io.ts";
import { chooseCipherSuite, chooseGroup } from "./negotiate.ts";
import { checkBinder } from "./psk.ts";
import { type ChosenPsk, choosePsk, claimPsk } from "./resume13.ts";

/** What the hellos have come to. */
export interface Hellos {
  /** The ClientHello that ServerHello answers. */
  readonly hello: OfferedClientHello;
  readonly setup: CompleteSetup;
  readonly suite: Tls13CipherSuite;
  /** Undefined when a PSK is used without a key exchange. */
  readonly exchange: KeyExchange | undefined;
  /** The PSK that is taken; its binder is good. */
  readonly psk: ChosenPsk | undefined;
  readonly helloRetried: boolean;
}

/** A group, and what the client sends for it. */
export interface KeyExchange {
  readonly group: KeyExchangeGroup;
  /** The client's share for the group. */
  readonly share: Uint8Array;
}

/** Everything that the first ClientHello decides, and a second one when the first has no share that is of use. RFC 8446 §4.1. */
export function* exchangeHellos(
  config: ServerConfig,
  io: HandshakeIo,
  first: Received<"client_hello">,
): Flow<Hellos> {
  const { settings } = config;
  io.allowChangeCipherSpec();
  const hello = checkClientHello(first.body);
  const setup = yield* chooseSetup(config, hello, first.raw);
  const suite = chooseCipherSuite(settings.tls13Suites, hello.body.cipherSuites);
  const { supportedGroups, keyShare } = hello.body.extensions;
  const mode = choosePskMode(settings.pskModes, hello);
  let psk = mode === undefined ? undefined : yield* choosePsk(config, io, setup, hello, suite);
  if (psk !== undefined) {
    checkBinder(first.raw, first.body, psk.index, psk, (hash, truncated) => hash.digest(truncated));
    if (!(yield* claimPsk(config, io, psk))) psk = undefined;
  }
  if (first.body.extensions.earlyData !== undefined) io.skipEarlyData(skippedEarlyDataBytes(config, psk));
  io.transcript.start(suite.hash);
  if (psk === undefined) checkForCertificates(hello);
  if (psk !== undefined && mode === "psk_ke")
    return { hello, setup, suite, exchange: undefined, psk, helloRetried: false };
  checkForKeyExchange(hello);
  const { group, share } = chooseGroup(settings.groups, supportedGroups, keyShare);
  if (share !== undefined) {
    const exchange = { group, share: share.keyExchange };
    return { hello, setup, suite, exchange, psk, helloRetried: false };
  }

  io.transcript.replaceByMessageHash();
  const cookie = config.helloRetryCookie ? io.random(32) : undefined;
  sendHelloRetryRequest(io, hello.body, suite, group, cookie);
  const second = yield* receiveUnrecorded("client_hello");
  io.expectFlightEnd();
  io.skipEarlyData(undefined);
  const retried = checkSecondClientHello(first.body, second.body, group.id, cookie);
  const retriedPsk = pskAgain(io, second, psk);
  io.transcript.add(second.raw);
  const exchange = { group, share: retried.share };
  return { hello: retried.hello, setup, suite, exchange, psk: retriedPsk, helloRetried: true };
}

/** How the client lets a PSK be used; undefined when there is no way in common. RFC 8446 §4.2.9. */
export function choosePskMode(own: readonly PskMode[], { body }: OfferedClientHello): PskMode | undefined {
  const offered = body.extensions.pskKeyExchangeModes;
  return own.find((mode) => offered?.includes(PskKeyExchangeMode[mode]));
}

/**
 * The PSK in the second ClientHello, which may have lost others and has a new binder: only what the suite is not for may be left out.
 * @throws {TlsAlert} missing_extension or illegal_parameter when it is gone. RFC 8446 §4.1.2.
 */
function pskAgain(
  io: HandshakeIo,
  { raw, body }: Received<"client_hello">,
  psk: ChosenPsk | undefined,
): ChosenPsk | undefined {
  if (psk === undefined) return undefined;
  const { preSharedKey } = body.extensions;
  if (preSharedKey === undefined)
    throw new TlsAlert("missing_extension", "the second ClientHello holds no pre_shared_key any more");
  const index = preSharedKey.identities.findIndex(({ identity }) => equalBytes(identity, psk.identity));
  if (index < 0)
    throw new TlsAlert(
      "illegal_parameter",
      `the second ClientHello does not offer PSK ${psk.index} any more`,
    );
  checkBinder(raw, body, index, psk, (hash, truncated) => io.transcript.digestWith(hash, truncated));
  return { ...psk, index };
}

/** RFC 8446 §4.1.4 */
function sendHelloRetryRequest(
  io: HandshakeIo,
  hello: ClientHello,
  suite: Tls13CipherSuite,
  group: KeyExchangeGroup,
  cookie: Uint8Array | undefined,
): void {
  io.send("hello_retry_request", {
    legacyVersion: ProtocolVersion["TLSv1.2"],
    random: HELLO_RETRY_REQUEST_RANDOM.slice(),
    legacySessionIdEcho: hello.legacySessionId,
    cipherSuite: suite.id,
    legacyCompressionMethod: 0,
    extensions: {
      supportedVersions: ProtocolVersion["TLSv1.3"],
      keyShare: group.id,
      ...(cookie !== undefined && { cookie }),
    },
  });
  if (hello.legacySessionId.length > 0) io.sendChangeCipherSpec();
}
