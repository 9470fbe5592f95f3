/**
 * One thing that happened on the wire, as OpenSSL's message callback reports it and CPython's `_msg_callback` passes it on.
 *
 * Every record gives a `HEADER`; a protected one of TLS 1.3 an `INNER_CONTENT_TYPE` too; every handshake message, alert and (when
 * written) ChangeCipherSpec is reported whole behind the header of the last record that it spans. Application data itself is never reported.
 */
export interface TlsMessage {
  readonly direction: "read" | "write";
  /**
   * For a HEADER the record's version; for an INNER_CONTENT_TYPE 0x0303 when written and 0x0304 when read; else the protocol's. Until that is
   * agreed on, it is the highest that a client offers, and 0x0304 for a server.
   */
  readonly version: number;
  /** 20 ChangeCipherSpec, 21 alert, 22 handshake, 256 HEADER, 257 INNER_CONTENT_TYPE. */
  readonly contentType: number;
  /** Handshake type, alert description, 0x0101 for ChangeCipherSpec, or the content type of the record for HEADER and INNER_CONTENT_TYPE. */
  readonly messageType: number;
  /** A copy: 5 bytes of a record header, 1 inner content type, 2 bytes of an alert, 1 of ChangeCipherSpec, or a handshake message with its header. */
  readonly data: Uint8Array;
}

/** Watches the wire. An exception does not disturb the connection: `TlsEngine.takeHookErrors()` returns it. */
export type MessageCallback = (message: TlsMessage) => void;

/** Takes one line of the NSS key log format, without line end. Whoever has it can read the connection. */
export type KeyLog = (line: string) => void;

/** Pseudo content types of the message callback. */
export const MessageContentType = { HEADER: 256, INNER_CONTENT_TYPE: 257 } as const;
