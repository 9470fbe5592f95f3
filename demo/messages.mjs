import {
  AlertDescription,
  codepointName,
  ContentType,
  HandshakeType,
  MessageContentType,
} from "tls-engine/node";

/**
 * One line about what the message callback has seen, such as `read HEADER 22 handshake` or `write handshake 1 client_hello`.
 *
 * @param {import("tls-engine").TlsMessage} message
 * @returns {string}
 */
export function describeMessage({ direction, contentType, messageType }) {
  const isPseudo = contentType in pseudoTypes;
  const type = pseudoTypes[contentType] ?? codepointName(ContentType, contentType);
  const names = isPseudo ? ContentType : (messageNames[contentType] ?? {});
  return `${direction} ${type} ${messageType} ${codepointName(names, messageType)}`;
}

const pseudoTypes = Object.fromEntries(
  Object.entries(MessageContentType).map(([name, contentType]) => [contentType, name]),
);

const messageNames = {
  [ContentType.handshake]: HandshakeType,
  [ContentType.alert]: AlertDescription,
  [ContentType.change_cipher_spec]: { change_cipher_spec: 0x0101 },
};
