import type { TestKeyType } from "../support/certificates.ts";

/** What two sides may differ in, with the values that each thing takes. */
export const FACTORS = {
  suite: ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"],
  group: ["x25519", "secp256r1", "secp384r1", "secp521r1", "X25519MLKEM768"],
  certificate: ["ecdsa-p256", "ecdsa-p384", "rsa-2048", "ed25519"],
  /** Whether the server asks for a certificate, and what the client answers. */
  clientAuth: ["none", "request, declined", "request, answered", "require, answered"],
  /** The key of the client's certificate; null when it gives none. */
  clientCertificate: ["ecdsa-p256", "ecdsa-p384", "rsa-2048", "ed25519", null],
  /** Whether the first key shares miss the server's group, and whether a cookie comes with that. */
  retry: ["none", "group", "group and cookie"],
  alpn: ["agreed", "none"],
  /** Who announces a record_size_limit. */
  recordSizeLimit: ["none", "client", "both"],
  middleboxCompatibility: [true, false],
} as const satisfies Record<string, readonly (string | boolean | null)[]>;

export type Factor = keyof typeof FACTORS;
/** One combination of all values. */
export type Row = { readonly [F in Factor]: (typeof FACTORS)[F][number] } & {
  readonly certificate: TestKeyType;
  readonly clientCertificate: TestKeyType | null;
};

/** Two values of two factors, as text. */
export type ValuePair = string;

/** Every combination of suite, group and certificate, with the other values laid over them so that every pair of values occurs. */
export const ROWS: readonly Row[] = cover();

/** Pairs that occur in `row`. A client without a certificate has no value for its key that would count. */
export function pairsOf(row: Partial<Row>): readonly ValuePair[] {
  const values = factorNames().flatMap((factor) => {
    const value = row[factor] ?? null;
    return value === null ? [] : [`${factor}=${String(value)}`];
  });
  return values.flatMap((first, i) => values.slice(i + 1).map((second) => `${first} & ${second}`));
}

/** Pairs that can occur at all. */
export function allPairs(): ReadonlySet<ValuePair> {
  const names = factorNames();
  const pairs = names.flatMap((first, i) =>
    names.slice(i + 1).flatMap((second) => combinations([first, second]).filter(makesSense).flatMap(pairsOf)),
  );
  return new Set(pairs);
}

/** A short title. */
export function describeRow(row: Row): string {
  const { clientAuth, clientCertificate, retry, alpn, recordSizeLimit, middleboxCompatibility } = row;
  const auth = clientCertificate === null ? clientAuth : `${clientAuth} (${clientCertificate})`;
  return [
    `${row.suite}, ${row.certificate}`,
    `client auth ${auth}`,
    `retry ${retry}`,
    `ALPN ${alpn}`,
    `record_size_limit ${recordSizeLimit}`,
    `compatibility ${middleboxCompatibility ? "on" : "off"}`,
  ].join("; ");
}

/** Greedy: each triple takes the values that cover most pairs which are still missing. */
function cover(): readonly Row[] {
  const triples = combinations(["suite", "group", "certificate"]);
  const others = combinations(
    factorNames().filter((name) => name !== "suite" && name !== "group" && name !== "certificate"),
  ).filter(makesSense);
  const missing = new Set(allPairs());
  return triples.map((triple, turn) => {
    let best: Row | undefined;
    let bestGain = -1;
    for (let i = 0; i < others.length; i++) {
      // Ties are broken in turn, or the first values would fill every row once all pairs are covered.
      const row = { ...triple, ...others[(i + turn * 37) % others.length] } as Row;
      const gain = missing.size === 0 ? 0 : pairsOf(row).filter((pair) => missing.has(pair)).length;
      if (gain > bestGain) [best, bestGain] = [row, gain];
      if (missing.size === 0) break;
    }
    if (best === undefined) throw new Error("there are no other factors");
    for (const pair of pairsOf(best)) missing.delete(pair);
    return best;
  });
}

/** Every combination of the values of `names`. */
function combinations(names: readonly Factor[]): readonly Partial<Row>[] {
  let rows: Readonly<Record<string, unknown>>[] = [{}];
  for (const name of names) {
    rows = rows.flatMap((row) => FACTORS[name].map((value) => ({ ...row, [name]: value })));
  }
  // Each factor has got one of its own values, which the compiler cannot see.
  return rows as Partial<Row>[];
}

/** A client gives a certificate when it is said to, and then it has a key. */
function makesSense({ clientAuth, clientCertificate }: Partial<Row>): boolean {
  if (clientAuth === undefined || clientCertificate === undefined) return true;
  return clientAuth.endsWith(", answered") === (clientCertificate !== null);
}

function factorNames(): readonly Factor[] {
  return Object.keys(FACTORS) as Factor[];
}
