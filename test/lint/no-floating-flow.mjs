/**
 * A flow (a generator in src/handshake) that is called without `yield*` does nothing at all: the handshake would go on without
 * the step. This rule reports such calls. test/architecture.test.ts holds the list against the sources.
 */
export const FLOWS = [
  "abbreviatedHandshake",
  "admitEarlyData",
  "answerCertificateRequest",
  "answerRequest",
  "askAboutClient",
  "askAboutServer",
  "askAgain",
  "askPolicy",
  "checkClientCertificate",
  "checkHelloRetryRequest",
  "choosePsk",
  "chooseSetup",
  "claimPsk",
  "clientCredentials",
  "clientHandshake",
  "clientHandshake12",
  "clientHandshake13",
  "clientPostHandshake",
  "clientPostHandshake12",
  "compressedForm",
  "decompressed",
  "exchangeHellos",
  "exchangeKeys",
  "externalFor",
  "fetchBytes",
  "fetchSession",
  "findOfferedSession",
  "findPsks",
  "findSession",
  "fullHandshake",
  "offeredState",
  "receive",
  "receiveCertificates",
  "receiveChangeCipherSpec",
  "receiveClientAuthentication",
  "receiveClientCertificate",
  "receiveClientFlight",
  "receiveClientProof",
  "receiveProof",
  "receiveServerAuthentication",
  "receiveServerHelloDone",
  "receiveServerProof",
  "receiveTicket",
  "receiveUnrecorded",
  "receiveWhatIsDue",
  "resumedBy",
  "sendAuthentication",
  "sendCertificate",
  "sendCertificateVerify12",
  "sendClientCertificate",
  "sendClientHello",
  "sendServerKeyExchange",
  "serverHandshake",
  "serverHandshake12",
  "serverHandshake13",
  "serverPostHandshake",
  "serverPostHandshake12",
  "sessionOf",
  "settle",
  "takeSession",
  "uncompressed",
  "verifySignature",
];

const flows = new Set(FLOWS);

/** The name that is called: of a function, or of a method of anything but a config, whose hooks are no flows. */
function calledName(callee) {
  if (callee.type === "Identifier") return callee.name;
  if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier") return undefined;
  const { object } = callee;
  return object.type === "Identifier" && object.name === "config" ? undefined : callee.property.name;
}

export default {
  meta: { name: "flow" },
  rules: {
    "no-floating-flow": {
      create: (context) => ({
        CallExpression(node) {
          const name = calledName(node.callee);
          if (name === undefined || !flows.has(name)) return;
          const { parent } = node;
          if (parent.type === "YieldExpression" && parent.delegate) return;
          context.report({ node, message: `${name}() is a flow and does nothing without yield*` });
        },
      }),
    },
  },
};
