import { loadavg } from "node:os";

/**
 * @typedef {object} Variant
 * @property {string} name
 * @property {() => number} run one unit of work; what it returns is consumed, so that nothing can be optimised away.
 * @property {number} bytes bytes per unit, or 0 when the unit is what counts.
 */

let sink = 0;

/**
 * Time of one slot, per unit, in microseconds. It is wall time: the CPU time of a process counts the threads that collect garbage, and
 * what they do in a slot is mostly left from the one before.
 */
function slot(variant, units) {
  const before = process.hrtime.bigint();
  for (let i = 0; i < units; i++) sink += variant.run();
  return Number(process.hrtime.bigint() - before) / 1000 / units;
}

/** Runs for `ms` milliseconds, so that what is measured afterwards is compiled. */
function warmUp(variant, ms) {
  for (const end = Date.now() + ms; Date.now() < end;) sink += variant.run();
}

function calibrate(variant, slotMs) {
  let units = 1;
  for (;;) {
    const us = slot(variant, units) * units;
    if (us >= slotMs * 1000) return units;
    units = Math.max(units * 2, Math.ceil((units * slotMs * 1000) / Math.max(us, 1)));
  }
}

const quantile = (values, q) => values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * q)];

/**
 * Measures variants against the first one: slots are interleaved round by round, so that what else the machine does hits all of them.
 * Prints the quarter-quantile of the times and the median of the ratios of each round.
 *
 * @param {string} title
 * @param {readonly Variant[]} variants
 */
export function compare(title, variants, { rounds = 21, slotMs = 25 } = {}) {
  for (const variant of variants) warmUp(variant, 200);
  globalThis.gc?.();
  const units = variants.map((variant) => calibrate(variant, slotMs));
  const times = variants.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, variant] of variants.entries()) times[index].push(slot(variant, units[index]));
  }
  console.log(`\n${title}   (load ${loadavg()[0].toFixed(1)})`);
  for (const [index, { name, bytes }] of variants.entries()) {
    const us = quantile(times[index], 0.25);
    const ratio = quantile(
      times[index].map((time, round) => times[0][round] / time),
      0.5,
    );
    const rate =
      bytes > 0 ? `${(bytes / us).toFixed(1).padStart(9)} MB/s` : `${us.toFixed(0).padStart(9)} µs`;
    console.log(`  ${name.padEnd(36)}${rate}   x ${ratio.toFixed(3)}`);
  }
}

process.on("exit", () => {
  if (Number.isNaN(sink)) console.log("a benchmark returned NaN");
});
