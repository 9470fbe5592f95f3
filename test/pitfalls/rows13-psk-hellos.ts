import { concatBytes } from "../../src/bytes.ts";
import { TLS_AES_256_GCM_SHA384 } from "../../src/crypto/suites.ts";
import { ExtensionType } from "../../src/messages/codepoints.ts";
import type { ClientHello } from "../../src/messages/handshake13.ts";
import { flipped, setting, without } from "./edits.ts";
import { testCredential } from "./leaf-certificate.ts";
import type { Pitfall } from "./pitfall.ts";
import {
  accepts,
  badBinder,
  external,
  offering,
  refuses,
  type Return,
  stored,
  strange,
  withTicket,
} from "./server-sessions13.ts";
import { illegal } from "./setups.ts";

const requesting = { mode: "request", dangerouslyAcceptAnyCertificate: true } as const;
const authenticated: Return = {
  config: { clientAuth: requesting },
  forger: { credential: testCredential() },
};

/** Row 9: who has a PSK shows no certificate. */
const certificates: readonly Pitfall[] = [
  ["of a session", {}],
  ["of a session with a certificate of the client", authenticated],
  ["from elsewhere", external],
].flatMap(([what, back]) =>
  (["certificate", "certificateVerify"] as const).map((step) =>
    refuses(
      9,
      `a client's ${step === "certificate" ? "Certificate" : "CertificateVerify"} in a handshake with a PSK ${what as string}`,
      {
        alert: "unexpected_message",
        says: `got ${step === "certificate" ? "certificate" : "certificate_verify"} where finished is due`,
      },
      (client) => client.upTo("finished")[step](),
      { ...(back as Return), forger: { credential: testCredential() } },
    ),
  ),
);

/** Row 31: PSKs in the second ClientHello. */
const secondHellos: readonly Pitfall[] = [
  ...(
    [
      ["of a session", {}],
      ["of a session in a store", stored],
      ["from elsewhere", external],
      ["of SHA-384", { forger: { suite: TLS_AES_256_GCM_SHA384 } }],
    ] as const
  ).flatMap(([what, back]: readonly [string, Return]) => [
    accepts(
      31,
      `a PSK ${what} whose binder covers the first ClientHello as message_hash`,
      "a PSK",
      (client) => {
        client.clientHelloWithoutShare();
        client.secondClientHello();
      },
      back,
    ),
    refuses(
      31,
      `a PSK ${what} whose second binder is that of the first ClientHello`,
      badBinder(),
      (client) => {
        let first = new Uint8Array();
        client.clientHello({
          body: setting<ClientHello>({ keyShare: [] }),
          raw: (raw) => (first = raw.slice()),
        });
        const { length } = client.hello.extensions.preSharedKey?.binders[0] ?? first;
        client.secondClientHello({
          raw: (raw) => concatBytes(raw.subarray(0, -length), first.subarray(-length)),
        });
      },
      back,
    ),
    refuses(
      31,
      `a PSK ${what} whose second binder covers the second ClientHello alone`,
      badBinder(),
      (client) => {
        client.clientHelloWithoutShare();
        const { transcript } = client;
        const { hash } = client.suite;
        transcript.digestWith = (_hash, more) => hash.digest(more ?? new Uint8Array());
        client.secondClientHello();
      },
      back,
    ),
    refuses(
      31,
      `a PSK ${what} whose second binder is another one`,
      badBinder(),
      (client) => {
        client.clientHelloWithoutShare();
        client.secondClientHello({ raw: (raw) => flipped(raw) });
      },
      back,
    ),
  ]),
  refuses(31, "a PSK whose first binder is not good, before it is asked again,", badBinder(), (client) =>
    client.clientHello({ body: setting<ClientHello>({ keyShare: [] }), raw: (raw) => flipped(raw) }),
  ),
  refuses(
    31,
    "a second ClientHello without pre_shared_key",
    { alert: "missing_extension", says: "the second ClientHello holds no pre_shared_key any more" },
    (client) => {
      client.clientHelloWithoutShare();
      client.secondClientHello(without<ClientHello>("preSharedKey"));
    },
  ),
  refuses(
    31,
    "a second ClientHello with another PSK",
    illegal("the second ClientHello does not offer PSK 0 any more"),
    (client) => {
      client.clientHelloWithoutShare();
      client.secondClientHello(offering(({ binders }) => ({ identities: [strange], binders })));
    },
  ),
  refuses(31, "a second ClientHello with a PSK whose binder has another length", badBinder(), (client) => {
    client.clientHelloWithoutShare();
    client.secondClientHello(offering((psks) => ({ ...psks, binders: [new Uint8Array(33)] })));
  }),
  refuses(
    31,
    "a second ClientHello with an identity without binder",
    illegal("pre_shared_key holds 2 identities and 1 binders"),
    (client) => {
      client.clientHelloWithoutShare();
      client.secondClientHello(
        offering(({ identities, binders }) => ({ identities: [...identities, strange], binders })),
      );
    },
  ),
  refuses(
    31,
    "a second ClientHello with pre_shared_key before other extensions",
    illegal("pre_shared_key is not the last extension"),
    (client) => {
      client.clientHelloWithoutShare();
      client.fillsBinders = false;
      client.secondClientHello(setting({ order: [ExtensionType.pre_shared_key] }));
    },
  ),
  accepts(31, "a second ClientHello that has lost another PSK", "a PSK", (client) => {
    client.clientHello((hello) =>
      setting<ClientHello>({ keyShare: [] })(
        offering(({ identities, binders }) => ({
          identities: [strange, ...identities],
          binders: [...binders, ...binders],
        }))(hello),
      ),
    );
    client.secondClientHello(
      offering(({ identities, binders }) => ({ identities: identities.slice(1), binders: binders.slice(1) })),
    );
  }),
  accepts(31, "a PSK that only the second ClientHello offers", "certificates", (client) => {
    const { preSharedKey } = client.hello.extensions;
    client.clientHello((hello) =>
      setting<ClientHello>({ keyShare: [] })(without<ClientHello>("preSharedKey")(hello)),
    );
    if (preSharedKey === undefined) throw new Error("the client has no PSK");
    client.secondClientHello(setting({ preSharedKey }));
  }),
];

/** Row 41: the offer of a PSK that is known. */
const offers: readonly Pitfall[] = [
  ...(
    [
      ["of a session", {}],
      ["of a session in a store", stored],
      ["from elsewhere", external],
    ] as const
  ).flatMap(([what, back]: readonly [string, Return]) => [
    accepts(41, `a client with a PSK ${what}`, "a PSK", undefined, back),
    ...[-1, -32].map((at) =>
      refuses(
        41,
        `a PSK ${what} whose binder is wrong in byte ${at}`,
        badBinder(),
        (client) => client.clientHello({ raw: (raw) => flipped(raw, at) }),
        back,
      ),
    ),
    ...[33, 48, 255].map((length) =>
      refuses(
        41,
        `a PSK ${what} whose binder has ${length} bytes`,
        badBinder(),
        (client) => client.clientHello(offering((psks) => ({ ...psks, binders: [new Uint8Array(length)] }))),
        back,
      ),
    ),
    refuses(
      41,
      `a PSK ${what} whose binder is good but for a byte more`,
      badBinder(),
      (client) =>
        client.clientHello({
          body: offering((psks) => ({ ...psks, binders: [new Uint8Array(33)] })),
          raw: (raw) => raw,
        }),
      back,
    ),
    refuses(
      41,
      `a PSK ${what} in a ClientHello that was changed`,
      badBinder(),
      (client) => client.clientHello({ raw: (raw) => flipped(raw, 6 + 31) }),
      back,
    ),
    refuses(
      41,
      `a PSK ${what} that is shown for one of another kind`,
      badBinder(),
      (client) => client.clientHello(),
      {
        ...back,
        known: () => {
          const { config, psk } = back.known?.() ?? withTicket(back);
          return { config, psk: { ...psk, kind: psk.kind === "external" ? "resumption" : "external" } };
        },
      },
    ),
    refuses(
      41,
      `a PSK ${what} whose key the client does not have`,
      badBinder(),
      (client) => client.clientHello(),
      {
        ...back,
        known: () => {
          const { config, psk } = back.known?.() ?? withTicket(back);
          return { config, psk: { ...psk, key: flipped(psk.key, 0) } };
        },
      },
    ),
    accepts(
      41,
      `a PSK ${what} behind one that nobody knows, whose binder does not count,`,
      "a PSK",
      (client) =>
        client.clientHello(
          offering(({ identities, binders }) => ({
            identities: [strange, ...identities],
            binders: [new Uint8Array(32).fill(1), ...binders],
          })),
        ),
      back,
    ),
    accepts(
      41,
      `a PSK ${what} in front of one that nobody knows`,
      "a PSK",
      (client) =>
        client.clientHello(
          offering(({ identities, binders }) => ({
            identities: [...identities, strange],
            binders: [...binders, new Uint8Array(255)],
          })),
        ),
      back,
    ),
    refuses(
      41,
      `a PSK ${what} with the binder of another identity`,
      badBinder(1),
      (client) => {
        client.fillsBinders = false;
        client.clientHello(
          offering(({ identities, binders }) => ({
            identities: [strange, ...identities],
            binders: [...binders, ...binders],
          })),
        );
      },
      back,
    ),
  ]),
  ...[
    [1, 0],
    [0, 1],
    [0x2a, 1, 0xff],
  ].map((modes) =>
    accepts(41, `a client with the psk_key_exchange_modes ${modes.join(", ")}`, "a PSK", (client) =>
      client.clientHello(setting({ pskKeyExchangeModes: Uint8Array.from(modes) })),
    ),
  ),
  ...[[0], [0x2a, 0xff]].map((modes) =>
    accepts(41, `a client with the psk_key_exchange_modes ${modes.join(", ")}`, "certificates", (client) =>
      client.clientHello(setting({ pskKeyExchangeModes: Uint8Array.from(modes) })),
    ),
  ),
  refuses(
    41,
    "a PSK that is known, without psk_key_exchange_modes,",
    { alert: "missing_extension", says: "ClientHello holds no psk_key_exchange_modes" },
    (client) => client.clientHello(without<ClientHello>("pskKeyExchangeModes")),
  ),
  refuses(
    41,
    "a PSK that is known, before other extensions,",
    illegal("pre_shared_key is not the last extension"),
    (client) => {
      client.fillsBinders = false;
      client.clientHello(setting({ order: [ExtensionType.pre_shared_key] }));
    },
  ),
  accepts(41, "a PSK that is known, without signature_algorithms,", "a PSK", (client) =>
    client.clientHello(without<ClientHello>("signatureAlgorithms")),
  ),
  refuses(
    41,
    "a PSK that is not known, without signature_algorithms,",
    { alert: "missing_extension", says: "ClientHello holds no signature_algorithms" },
    (client) =>
      client.clientHello((hello) =>
        offering(({ binders }) => ({ identities: [strange], binders }))(
          without<ClientHello>("signatureAlgorithms")(hello),
        ),
      ),
  ),
  ...(["a PSK that is known", "a PSK that is not known"] as const).map((what) =>
    refuses(
      32,
      `${what}, with a key exchange and without supported_groups and key_share,`,
      { alert: "missing_extension", says: "ClientHello holds no supported_groups" },
      (client) =>
        client.clientHello((hello) => {
          const bare = without<ClientHello>("keyShare")(without<ClientHello>("supportedGroups")(hello));
          return what === "a PSK that is known"
            ? bare
            : offering(({ binders }) => ({ identities: [strange], binders }))(bare);
        }),
    ),
  ),
  ...(["keyShare", "supportedGroups"] as const).map((left) =>
    refuses(
      32,
      `a PSK that is known, without ${left === "keyShare" ? "key_share" : "supported_groups"},`,
      {
        alert: "missing_extension",
        says: `ClientHello holds no ${left === "keyShare" ? "key_share" : "supported_groups"}`,
      },
      (client) => client.clientHello(without<ClientHello>(left)),
    ),
  ),
  accepts(
    41,
    "a PSK that is known, without any key exchange,",
    "a PSK",
    (client) =>
      client.clientHello((hello) =>
        without<ClientHello>("keyShare")(without<ClientHello>("supportedGroups")(hello)),
      ),
    { config: { pskModes: ["psk_ke"] }, forger: { pskModes: [0] } },
  ),
];

export const rowsPskHellos: readonly Pitfall[] = [...certificates, ...secondHellos, ...offers];
