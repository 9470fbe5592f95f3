// Preloaded into examples under test: `tls-engine` is the build that the test has made, and not a `dist` that may be old.
import { register } from "node:module";

register(
  `data:text/javascript,${encodeURIComponent(`
    const entries = {
      "tls-engine": "index.js",
      "tls-engine/node": "node.js",
      "tls-engine/x509": "minting.js",
    };
    export function resolve(specifier, context, next) {
      const entry = entries[specifier];
      if (entry === undefined) return next(specifier, context);
      return { url: new URL(entry, ${JSON.stringify(process.env["TLS_ENGINE_BUILD"])}).href, shortCircuit: true };
    }
  `)}`,
);
