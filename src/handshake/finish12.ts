import { TlsAlert } from "../alert.ts";
import { equalBytes, wipe } from "../bytes.ts";
import type { Tls12CipherSuite } from "../crypto/provider.ts";
import type { Tls12Keys, Tls12MainSecret } from "../schedule/tls12.ts";
import type { Flow } from "./flow.ts";
import type { HandshakeIo } from "./io.ts";

/** The end of a handshake of TLS 1.2: on each side ChangeCipherSpec and, under the new keys, Finished. RFC 5246 §7.1, §7.4.9. */
export class Finish12 {
  readonly #io: HandshakeIo;
  readonly #role: "client" | "server";
  readonly #suite: Tls12CipherSuite;
  readonly #encryptThenMac: boolean;
  readonly #main: Tls12MainSecret;
  readonly #keys: { readonly client: Tls12Keys; readonly server: Tls12Keys };

  /** Expands the keys of both directions; they are forgotten when they are in use. */
  constructor(
    io: HandshakeIo,
    role: "client" | "server",
    suite: Tls12CipherSuite,
    encryptThenMac: boolean,
    main: Tls12MainSecret,
    randoms: { readonly client: Uint8Array; readonly server: Uint8Array },
  ) {
    this.#io = io;
    this.#role = role;
    this.#suite = suite;
    this.#encryptThenMac = encryptThenMac;
    this.#main = main;
    this.#keys = main.trafficKeys(suite, randoms.client, randoms.server);
    io.keep({ wipe: () => wipeKeys(this.#keys.client) }, { wipe: () => wipeKeys(this.#keys.server) });
    io.logSecret("CLIENT_RANDOM", randoms.client, main.bytes);
  }

  /** ChangeCipherSpec and Finished of ours. @returns verify_data */
  send(): Uint8Array {
    const keys = this.#keys[this.#role];
    this.#io.sendChangeCipherSpec();
    this.#io.protectWrites12(this.#suite, keys, this.#encryptThenMac);
    wipeKeys(keys);
    const verifyData = this.#main.finished(this.#role, this.#io.transcript.digest());
    this.#io.send("finished", { verifyData });
    return verifyData;
  }

  /**
   * ChangeCipherSpec and Finished of the peer, and nothing behind them.
   *
   * @returns verify_data
   * @throws {TlsAlert} decrypt_error for a Finished that does not match; unexpected_message for more handshake bytes.
   */
  *receive(): Flow<Uint8Array> {
    const peer = this.#role === "client" ? "server" : "client";
    const keys = this.#keys[peer];
    yield* this.#io.receiveChangeCipherSpec();
    this.#io.protectReads12(this.#suite, keys, this.#encryptThenMac);
    wipeKeys(keys);
    const verifyData = this.#main.finished(peer, this.#io.transcript.digest());
    const { body } = yield* this.#io.receive("finished");
    if (!equalBytes(body.verifyData, verifyData)) {
      throw new TlsAlert("decrypt_error", `the ${peer}'s Finished does not match the transcript`);
    }
    this.#io.expectFlightEnd();
    return verifyData;
  }
}

function wipeKeys({ macKey, key, iv }: Tls12Keys): void {
  wipe(macKey, key, iv);
}
