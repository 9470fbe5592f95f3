import { MessageContentType, type TlsMessage } from "../../src/config/hooks.ts";
import { ContentType } from "../../src/messages/codepoints.ts";

/** Something in a record that callbacks report. */
export interface Happening {
  readonly is: "header" | "inner" | "handshake" | "alert" | "change_cipher_spec";
  readonly data: Uint8Array;
}

const TLS_1_2 = 0x0303;
const TLS_1_3 = 0x0304;
/** OpenSSL's number for ChangeCipherSpec as a message. */
const CHANGE_CIPHER_SPEC_MESSAGE = 0x0101;

/** What the callback of the side that wrote it is told; the inner content type has another version there. */
export function writtenEvent(happening: Happening): TlsMessage {
  return {
    ...readEvent(happening),
    direction: "write",
    ...(happening.is === "inner" && { version: TLS_1_2 }),
  };
}

/** What the callback of the side that has read it is told. */
export function readEvent({ is, data }: Happening): TlsMessage {
  const direction = "read";
  const [first = 0, second = 0, third = 0] = data;
  switch (is) {
    case "header":
      return {
        direction,
        version: (second << 8) | third,
        contentType: MessageContentType.HEADER,
        messageType: first,
        data,
      };
    case "inner":
      return {
        direction,
        version: TLS_1_3,
        contentType: MessageContentType.INNER_CONTENT_TYPE,
        messageType: first,
        data,
      };
    case "handshake":
      return { direction, version: TLS_1_3, contentType: ContentType.handshake, messageType: first, data };
    case "alert":
      return { direction, version: TLS_1_3, contentType: ContentType.alert, messageType: second, data };
    case "change_cipher_spec":
      return {
        direction,
        version: TLS_1_3,
        contentType: ContentType.change_cipher_spec,
        messageType: CHANGE_CIPHER_SPEC_MESSAGE,
        data,
      };
  }
}
