/** What rows may differ in, with the values that each thing takes. */
export type Factors = Readonly<Record<string, readonly (string | boolean | null)[]>>;

/** One value of each factor. */
export type RowOf<F extends Factors> = { readonly [Name in keyof F]: F[Name][number] };

/** Two values of two factors, as text. */
export type ValuePair = string;

/** Some factors, and which of their values go together. */
export interface Matrix<F extends Factors> {
  readonly factors: F;
  /** Whether values go together; those that are not given yet do. Each value must go together with some of each other factor. */
  makesSense(row: Partial<RowOf<F>>): boolean;
}

/** The combinations of the values of `names` that make sense. */
export function combinations<F extends Factors>(
  matrix: Matrix<F>,
  names: readonly (keyof F)[],
): readonly Partial<RowOf<F>>[] {
  let rows: readonly Partial<RowOf<F>>[] = [{}];
  for (const name of names) {
    // A computed key loses the pairing of name and value.
    rows = rows.flatMap((row) =>
      (matrix.factors[name] ?? []).map((value) => ({ ...row, [name]: value }) as Partial<RowOf<F>>),
    );
  }
  return rows.filter((row) => matrix.makesSense(row));
}

/** The pairs that occur in `row`. */
export function pairsOf(row: Readonly<Record<string, unknown>>): readonly ValuePair[] {
  const values = Object.entries(row);
  return values.flatMap((first, i) => values.slice(i + 1).map((second) => pair(first, second)));
}

/** The pairs that can occur at all. */
export function allPairs<F extends Factors>(matrix: Matrix<F>): ReadonlySet<ValuePair> {
  return new Set(twoFactors(matrix).flatMap((two) => combinations(matrix, two).flatMap(pairsOf)));
}

/**
 * A row for every combination of the values of `whole`, with values of all other factors laid over it: greedily, those whose pairs are
 * missing, and then those whose pairs are rare. More rows follow for the pairs that are missing at the end.
 */
export function cover<F extends Factors>(
  matrix: Matrix<F>,
  whole: readonly (keyof F)[],
): readonly RowOf<F>[] {
  const counts = new Map<ValuePair, number>();
  const rows = combinations(matrix, whole).map((start, turn) => complete(matrix, start, turn, counts));
  for (const two of twoFactors(matrix)) {
    for (const start of combinations(matrix, two)) {
      if (!pairsOf(start).some((missing) => counts.has(missing)))
        rows.push(complete(matrix, start, rows.length, counts));
    }
  }
  return rows;
}

/** `start` with a value of each factor that it has not, whose pairs are counted. */
function complete<F extends Factors>(
  matrix: Matrix<F>,
  start: Partial<RowOf<F>>,
  turn: number,
  counts: Map<ValuePair, number>,
): RowOf<F> {
  const names = Object.keys(matrix.factors);
  // Whoever comes first has the choice: that is who has most to choose from, and among equals each in turn.
  const open = names
    .filter((name) => !(name in start))
    .map((_, i, all) => all[(i + turn) % all.length] ?? "")
    .toSorted((a, b) => (matrix.factors[b]?.length ?? 0) - (matrix.factors[a]?.length ?? 0));
  let row = start;
  for (const name of open) row = withRarest(matrix, row, name, turn, counts);
  // All factors have got one of their own values.
  const whole = Object.fromEntries(names.map((name) => [name, row[name]])) as RowOf<F>;
  for (const two of pairsOf(whole)) counts.set(two, (counts.get(two) ?? 0) + 1);
  return whole;
}

function twoFactors<F extends Factors>({ factors }: Matrix<F>): readonly (readonly string[])[] {
  const names = Object.keys(factors);
  return names.flatMap((first, i) => names.slice(i + 1).map((second) => [first, second]));
}

/** `row` with the value of `name` that makes the rarest pairs. Ties are broken in turn. */
function withRarest<F extends Factors>(
  matrix: Matrix<F>,
  row: Partial<RowOf<F>>,
  name: string,
  turn: number,
  counts: ReadonlyMap<ValuePair, number>,
): Partial<RowOf<F>> {
  const values = matrix.factors[name] ?? [];
  let best: Partial<RowOf<F>> | undefined;
  let bestScore = -1;
  for (let i = 0; i < values.length; i++) {
    const value = values[(i + turn) % values.length] ?? null;
    const candidate = { ...row, [name]: value } as Partial<RowOf<F>>;
    if (!matrix.makesSense(candidate)) continue;
    const score = rarity(row, [name, value], matrix.factors, counts);
    if (score > bestScore) [best, bestScore] = [candidate, score];
  }
  if (best === undefined) throw new Error(`no value of ${name} goes together with ${JSON.stringify(row)}`);
  return best;
}

/** A pair that is missing counts for more than many that are not. */
function rarity(
  row: Readonly<Record<string, unknown>>,
  added: readonly [string, unknown],
  factors: Factors,
  counts: ReadonlyMap<ValuePair, number>,
): number {
  const names = Object.keys(factors);
  let score = 0;
  for (const [i, name] of names.entries()) {
    const value = row[name];
    if (value === undefined) continue;
    // Pairs have the order of the factors.
    const isBefore = i < names.indexOf(added[0]);
    const count = counts.get(isBefore ? pair([name, value], added) : pair(added, [name, value])) ?? 0;
    score += count === 0 ? 1 : 0.1 / (1 + count);
  }
  return score;
}

function pair(first: readonly [string, unknown], second: readonly [string, unknown]): ValuePair {
  return `${first[0]}=${String(first[1])} & ${second[0]}=${String(second[1])}`;
}
