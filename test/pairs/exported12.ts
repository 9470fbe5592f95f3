import { hex } from "../../src/bytes.ts";
import type { TlsEngine } from "../../src/index.ts";

const BINDINGS = ["tls-exporter", "tls-server-end-point", "tls-unique"] as const;

/** What an engine of TLS 1.2 can give to the outside: keying material, and channel bindings or why there is none. */
export interface Exported12 {
  readonly withoutContext: string;
  readonly withEmptyContext: string;
  readonly withContext: string;
  readonly bindings: Readonly<Record<(typeof BINDINGS)[number], string>>;
}

/** In hexadecimal, as JSON. */
export function exportedText(engine: TlsEngine): string {
  const material = (context: Uint8Array | null): string =>
    hex(engine.exportKeyingMaterial("EXPERIMENTAL pairs", context, 40));
  const bindings = BINDINGS.map((type) => {
    try {
      return [type, hex(engine.channelBinding(type))];
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      return [type, error.message];
    }
  });
  return JSON.stringify({
    withoutContext: material(null),
    withEmptyContext: material(new Uint8Array()),
    withContext: material(Uint8Array.of(1, 2, 3)),
    bindings: Object.fromEntries(bindings) as Exported12["bindings"],
  } satisfies Exported12);
}
