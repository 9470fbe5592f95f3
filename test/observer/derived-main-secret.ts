import { nobleGroups } from "../../src/crypto/noble.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { ClientKeyExchange, ServerECDHParams } from "../../src/messages/handshake12.ts";
import { Tls12MainSecret } from "../../src/schedule/tls12.ts";
import { decode } from "../../src/wire/codec.ts";
import type { SecretContext, SecretSource, Tls12SecretContext } from "../support/observer.ts";
import { atOnce, type KnownSide, requireSame } from "./derived-secrets.ts";

/** What the main secret of a TLS 1.2 connection is derived from. */
export interface MainSecretOptions extends KnownSide {
  /** The premaster secret behind the ClientKeyExchange of a suite in which RSA exchanges keys. */
  readonly rsaPremasterSecret?: (clientKeyExchange: Uint8Array) => Uint8Array;
  /** The main secret of the session that the client offers to resume; undefined when it is not known. */
  readonly session?: (offer: ClientHello) => Uint8Array | undefined;
}

/** The main secret from a private key, by our key exchange and our key schedule. */
export function derivedMainSecret(options: MainSecretOptions): SecretSource {
  return (label, context) => {
    const { clientHello, hash, transcriptHash, tls12 } = context;
    if (label !== "CLIENT_RANDOM" || tls12 === undefined || hash === undefined) return undefined;
    if (tls12.clientKeyExchange === undefined) return options.session?.(clientHello);
    const premasterSecret = premasterSecretOf(options, tls12, tls12.clientKeyExchange);
    const { extensions, random } = tls12.serverHello;
    const main =
      extensions.extendedMainSecret === true
        ? Tls12MainSecret.extended(hash, premasterSecret, transcriptHash)
        : Tls12MainSecret.classic(hash, premasterSecret, clientHello.random, random);
    return main.bytes;
  };
}

/** The ECDHE premaster secret of a context that has both keys. */
export function premasterSecretIn(options: MainSecretOptions, { tls12 }: SecretContext): Uint8Array {
  if (tls12?.clientKeyExchange === undefined) throw new Error("there is no ClientKeyExchange");
  return premasterSecretOf(options, tls12, tls12.clientKeyExchange);
}

function premasterSecretOf(
  { side, privateKey, rsaPremasterSecret }: MainSecretOptions,
  { serverParams }: Tls12SecretContext,
  clientKeyExchange: Uint8Array,
): Uint8Array {
  if (serverParams === undefined) {
    if (rsaPremasterSecret === undefined) throw new Error("the premaster secret is not known");
    return rsaPremasterSecret(clientKeyExchange);
  }
  const { namedCurve, publicKey: ofServer } = decode(ServerECDHParams, serverParams, "params");
  const { publicKey: ofClient } = decode(ClientKeyExchange, clientKeyExchange, "client_key_exchange");
  const group = nobleGroups.find(({ id }) => id === namedCurve);
  if (group === undefined) throw new Error(`group ${namedCurve} is not known`);
  const own = atOnce(group.generate((length) => privateKey(group, length).slice()));
  requireSame(group.name, own.keyExchange, side === "client" ? ofClient : ofServer);
  return atOnce(own.sharedSecret(side === "client" ? ofServer : ofClient));
}
