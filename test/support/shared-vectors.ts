import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../../../shared/vectors");

/** A folder of vectors that lies beside the project and is not part of it. */
export interface SharedVectors {
  /** Why tests on this folder are skipped; undefined when it is there. Put it into the name of the skipped test. */
  readonly missing: string | undefined;
  /** The folder's absolute path. */
  readonly path: string;
  /** Names of the files and folders inside; none when the folder is missing. */
  names(): readonly string[];
  text(name: string): string;
  json<T>(name: string): T;
}

/** `../shared/vectors/<folder>`, which a clone of this project alone does not have. */
export function sharedVectors(folder: string): SharedVectors {
  const path = join(ROOT, folder);
  const missing = existsSync(path) ? undefined : `../shared/vectors/${folder} is not on this machine`;
  return {
    missing,
    path,
    names: () => (missing === undefined ? readdirSync(path).sort() : []),
    text: (name) => readFileSync(join(path, name), "utf8"),
    json: <T>(name: string) => JSON.parse(readFileSync(join(path, name), "utf8")) as T,
  };
}
