import { isThenable } from "../awaitable.ts";
import { hex } from "../bytes.ts";
import type { ClientConfig } from "../config/client.ts";
import { type KeyLog, type MessageCallback, MessageContentType } from "../config/hooks.ts";
import type { ServerConfig } from "../config/server.ts";
import type { TlsVersion } from "../config/settings.ts";
import type { KeyLogLabel } from "../handshake/io.ts";
import { ContentType, ProtocolVersion } from "../messages/codepoints.ts";
import type { RecordObserver } from "../record/layer.ts";

/** Number under which OpenSSL reports ChangeCipherSpec as a message. */
const CHANGE_CIPHER_SPEC_MESSAGE = 0x0101;

/** Errors that are kept until they are taken; those behind are dropped. */
const KEPT_ERRORS = 1000;

/**
 * The hooks that watch a connection. What they throw is kept for `takeHookErrors()` and disturbs nothing: a hook
 * that only watches must not be able to end a connection, and its mistakes must not be lost.
 */
export class Hooks implements RecordObserver {
  readonly #onMessage: MessageCallback | undefined;
  readonly #onKeyLog: KeyLog | undefined;
  #version: TlsVersion;
  #errors: unknown[] = [];

  constructor({ role, settings }: ClientConfig | ServerConfig) {
    const [highest = "TLSv1.3"] = settings.versions;
    // Until a version is agreed on, OpenSSL reports messages of a client under its highest, and reads a ClientHello as one of the
    // highest that there is, whatever the server speaks.
    this.#version = role === "client" ? highest : "TLSv1.3";
    this.#onMessage = settings.onMessage;
    this.#onKeyLog = settings.onKeyLog;
  }

  /** What is reported from here on is of `version`. */
  startVersion(version: TlsVersion): void {
    this.#version = version;
  }

  /** Errors that hooks have thrown since the last call, oldest first. */
  takeErrors(): readonly unknown[] {
    const errors = this.#errors;
    this.#errors = [];
    return errors;
  }

  /** A record header, and the content type inside if the record is protected. */
  record(direction: "read" | "write", header: Uint8Array, innerType: number | undefined): void {
    if (this.#onMessage === undefined) return;
    const version = ((header[1] ?? 0) << 8) | (header[2] ?? 0);
    this.#report(direction, version, MessageContentType.HEADER, header[0] ?? 0, header);
    // In TLS 1.2 the content type is that of the header.
    if (innerType === undefined || this.#version === "TLSv1.2") return;
    // OpenSSL reports the inner type of a written record under the version of its header, and of a read one under the protocol's.
    const innerVersion = direction === "write" ? ProtocolVersion["TLSv1.2"] : ProtocolVersion["TLSv1.3"];
    this.#report(
      direction,
      innerVersion,
      MessageContentType.INNER_CONTENT_TYPE,
      innerType,
      Uint8Array.of(innerType),
    );
  }

  /** A whole handshake message, header included. */
  handshake(direction: "read" | "write", raw: Uint8Array): void {
    this.#report(direction, this.#protocolVersion, ContentType.handshake, raw[0] ?? 0, raw);
  }

  /** The two bytes of an alert. */
  alert(direction: "read" | "write", alert: Uint8Array): void {
    this.#report(direction, this.#protocolVersion, ContentType.alert, alert[1] ?? 0, alert);
  }

  /** A written ChangeCipherSpec; OpenSSL does not report those that it reads as messages. */
  changeCipherSpec(content: Uint8Array): void {
    this.#report(
      "write",
      this.#protocolVersion,
      ContentType.change_cipher_spec,
      CHANGE_CIPHER_SPEC_MESSAGE,
      content,
    );
  }

  /** A line of the NSS key log format. */
  secret(label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): void {
    const log = this.#onKeyLog;
    if (log !== undefined) this.#call(() => log(`${label} ${hex(clientRandom)} ${hex(secret)}`));
  }

  /** Runs what the connection does not wait for; what it throws, at once or later, is kept. */
  runAside(action: () => unknown): void {
    this.#call(action);
  }

  /** A hook that always throws must not fill the memory: the first errors say what is wrong. */
  keepError(error: unknown): void {
    if (this.#errors.length < KEPT_ERRORS) this.#errors.push(error);
  }

  get #protocolVersion(): number {
    return ProtocolVersion[this.#version];
  }

  #report(
    direction: "read" | "write",
    version: number,
    contentType: number,
    messageType: number,
    data: Uint8Array,
  ): void {
    const callback = this.#onMessage;
    if (callback === undefined) return;
    this.#call(() => callback({ direction, version, contentType, messageType, data: data.slice() }));
  }

  #call(hook: () => unknown): void {
    try {
      // An async function passes for one that returns nothing; its rejection would end the process.
      const result = hook();
      if (isThenable(result)) result.then(undefined, (error: unknown) => this.keepError(error));
    } catch (error) {
      this.keepError(error);
    }
  }
}
