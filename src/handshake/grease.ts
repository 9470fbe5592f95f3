import type { Random } from "../crypto/provider.ts";
import { ExtensionType } from "../messages/codepoints.ts";
import { decodeHandshake, encodeHandshake } from "../messages/handshake.ts";
import type { ClientHello } from "../messages/handshake13.ts";

/**
 * `hello` with values that nobody must know, for servers that would choke on what they do not know: a cipher suite, a group with a key share, a
 * version, a signature scheme, a PSK mode, and two extensions, one of them empty. RFC 8701 §3.1.
 *
 * @param random which of the reserved values they are.
 */
export function greased(hello: ClientHello, random: Random): ClientHello {
  const [suite = 0, group = 0, version = 0, scheme = 0, mode = 0, first = 0, step = 0] = random(7);
  const { supportedVersions, supportedGroups, signatureAlgorithms, pskKeyExchangeModes, keyShare } =
    hello.extensions;
  const extensionTypes = [greaseValue(first), greaseValue(first + 1 + (step % 15))] as const;
  const extensions: ClientHello["extensions"] = {
    ...hello.extensions,
    ...(supportedVersions !== undefined && {
      supportedVersions: [greaseValue(version), ...supportedVersions],
    }),
    ...(supportedGroups !== undefined && { supportedGroups: [greaseValue(group), ...supportedGroups] }),
    ...(signatureAlgorithms !== undefined && {
      signatureAlgorithms: [...signatureAlgorithms, greaseValue(scheme)],
    }),
    ...(pskKeyExchangeModes !== undefined && {
      pskKeyExchangeModes: Uint8Array.of(...pskKeyExchangeModes, greaseMode(mode)),
    }),
    ...(keyShare !== undefined && {
      keyShare: [{ group: greaseValue(group), keyExchange: new Uint8Array(1) }, ...keyShare],
    }),
    unknown: [
      { type: extensionTypes[0], body: new Uint8Array() },
      { type: extensionTypes[1], body: new Uint8Array(1) },
    ],
  };
  return {
    ...hello,
    cipherSuites: [greaseValue(suite), ...hello.cipherSuites],
    extensions: { ...extensions, order: orderWith(hello, extensionTypes) },
  };
}

/** One of the 16 reserved values 0x0a0a, 0x1a1a, ... 0xfafa. RFC 8701 §2. */
function greaseValue(seed: number): number {
  return 0x0a0a + 0x1010 * (seed & 0x0f);
}

/** One of the reserved PSK key exchange modes. RFC 8701 §2. */
function greaseMode(seed: number): number {
  return 0x0b + 0x1f * (seed & 0x07);
}

/** One extension in front, and one behind all but pre_shared_key, which stays the last one, also when a second ClientHello gets a cookie. */
function orderWith(hello: ClientHello, [first, last]: readonly [number, number]): readonly number[] {
  const sent = decodeHandshake("client_hello", encodeHandshake("client_hello", hello));
  const others = (sent.extensions.order ?? []).filter((type) => type !== ExtensionType.pre_shared_key);
  return [first, ...others, last];
}
