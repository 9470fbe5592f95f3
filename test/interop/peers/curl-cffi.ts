import type { Authority } from "../ca.ts";
import { type Peer, versionOf } from "../process.ts";
import type { Scope } from "../waiting.ts";
import { startPython } from "./python.ts";

const probe = "from curl_cffi import CurlOpt; print(CurlOpt.SSL_CERT_COMPRESSION)";

/** Why curl on BoringSSL cannot run here. */
export const noCurlCffi: string | undefined =
  versionOf("python3", "-c", probe) === undefined
    ? "no python3 here with curl_cffi, which brings curl on BoringSSL"
    : undefined;

/** Starts curl on BoringSSL, which asks a server of ours for `/` and prints the body. It takes these compressions of certificates. */
export function startCurlCffi(
  scope: Scope,
  authority: Authority,
  port: number,
  algorithms: readonly string[],
): Peer {
  return startPython(scope, "curl_cffi_client.py", String(port), authority.rootFile, algorithms.join(","));
}
