import type { AlertName, PeerAlert, ReceivedAlertName, TlsAlert } from "../alert.ts";
import type { NotTlsError, TruncationError } from "../errors.ts";
import type { ConnectionInfo, PeerIdentity } from "../handshake/established.ts";
import type { Session } from "../handshake/post.ts";

/** What `nextEvent()` answers when it has nothing to report until more bytes are received. */
export const NEED_DATA: unique symbol = Symbol("need data");

/** How reading ended. */
export type CloseReason =
  /** The peer said so: close_notify; or, in plaintext, its end of the stream. We may write on. */
  | { readonly kind: "clean" }
  /** The transport ended without close_notify: data may be missing. */
  | { readonly kind: "truncated"; readonly error: TruncationError }
  /** The peer sent a fatal alert; or close_notify before the handshake had ended. */
  | { readonly kind: "alert"; readonly alert: ReceivedAlertName; readonly error: PeerAlert }
  /** We found a fault. `alertSent` lies in the output; it is null when the peer could not have read one. */
  | { readonly kind: "error"; readonly error: TlsAlert | NotTlsError; readonly alertSent: AlertName | null }
  /** `abort()` was called. */
  | { readonly kind: "aborted"; readonly alertSent: AlertName | null };

/** What an engine reports. A `switch` on `type` can exhaust it. */
export type TlsEvent =
  /** Received application data: one record of it, or the plaintext before TLS. A view, valid until the next call of the engine. */
  | { readonly type: "data"; readonly data: Uint8Array }
  /**
   * Application data that came before the handshake has ended, as `earlyData` of the config allows: whoever has seen it on the way may send it
   * again, so nothing must come of it that must not happen twice. A view, valid until the next call of the engine. RFC 8446 §8.
   */
  | { readonly type: "early-data"; readonly data: Uint8Array }
  /**
   * The early data that was given was not taken, or could not be sent, and is the receiver's again. It may be written now, if it is fit
   * for this connection: the server may be another one than the session was made with.
   */
  | { readonly type: "early-data-rejected"; readonly data: Uint8Array }
  /** The handshake waits for a hook. Stop reading from the transport, and call `nextEvent()` again after `done`, which never rejects. */
  | { readonly type: "pending"; readonly done: Promise<void> }
  /** What was written before goes out now. */
  | { readonly type: "handshake-complete"; readonly info: ConnectionInfo }
  /** A ticket for a later connection; the receiver owns it. */
  | { readonly type: "session"; readonly session: Session }
  /** The client has answered `requestClientCertificate()`: `info.peer` is this from now on. */
  | { readonly type: "client-authenticated"; readonly peer: PeerIdentity }
  /** The keys of one direction were renewed. */
  | { readonly type: "key-update"; readonly direction: "read" | "write" }
  /** The peer sent an alert that does not end the connection. */
  | { readonly type: "warning-alert"; readonly alert: ReceivedAlertName }
  /** `unwrap()` is through: the engine is in plaintext again, both ways. */
  | { readonly type: "unwrapped" }
  /** Nothing more will be received. The last event, and there is exactly one. */
  | { readonly type: "closed"; readonly how: CloseReason };
