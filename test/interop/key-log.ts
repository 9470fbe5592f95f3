import { readFileSync } from "node:fs";

/** The lines of a key log file without its comments, sorted. */
export function keyLogLines(file: string): readonly string[] {
  const lines = readFileSync(file, "latin1").split("\n");
  return lines.filter((line) => /^[A-Z]/.test(line)).sort();
}
