import { MessageContentType, type TlsMessage } from "../../src/config/hooks.ts";
import type { TlsVersion } from "../../src/config/settings.ts";
import { ContentType, ProtocolVersion } from "../../src/messages/codepoints.ts";

/** Something in a record that callbacks report. */
export interface Happening {
  readonly is: "header" | "inner" | "handshake" | "alert" | "change_cipher_spec";
  readonly data: Uint8Array;
}

/** OpenSSL's number for ChangeCipherSpec as a message. */
const CHANGE_CIPHER_SPEC_MESSAGE = 0x0101;

/** What the callback of the side that wrote it is told; the inner content type has another version there. */
export function writtenEvent(happening: Happening, version: TlsVersion): TlsMessage {
  return {
    ...readEvent(happening, version),
    direction: "write",
    ...(happening.is === "inner" && { version: ProtocolVersion["TLSv1.2"] }),
  };
}

/**
 * What the callback of the side that has read it is told.
 * @param spoken the version that this side takes the connection for at this point.
 */
export function readEvent({ is, data }: Happening, spoken: TlsVersion): TlsMessage {
  const direction = "read";
  const version = ProtocolVersion[spoken];
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
        version: ProtocolVersion["TLSv1.3"],
        contentType: MessageContentType.INNER_CONTENT_TYPE,
        messageType: first,
        data,
      };
    case "handshake":
      return { direction, version, contentType: ContentType.handshake, messageType: first, data };
    case "alert":
      return { direction, version, contentType: ContentType.alert, messageType: second, data };
    case "change_cipher_spec":
      return {
        direction,
        version,
        contentType: ContentType.change_cipher_spec,
        messageType: CHANGE_CIPHER_SPEC_MESSAGE,
        data,
      };
  }
}
