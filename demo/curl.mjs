import { execFile } from "node:child_process";

/**
 * Runs curl, whatever the user's own settings are.
 *
 * @param {readonly string[]} args
 * @returns {Promise<{ code: number | string, stdout: string, stderr: string }>} `code` is "ENOENT" when there is no curl.
 */
export function curl(args) {
  return new Promise((resolve) => {
    const common = ["-q", "--silent", "--show-error", "--max-time", "10", "--noproxy", ""];
    execFile("curl", [...common, ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? "killed"), stdout, stderr });
    });
  });
}
