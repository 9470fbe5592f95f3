/**
 * A clock that runs `rate` times as fast as the wall's, and in all processes alike.
 *
 * @param {{ wallMs: number, startMs: number, rate: number }} epoch when it shows `startMs`, and how fast it runs from there on.
 * @param {number} aheadMs how far it is ahead of the others.
 * @returns {() => number} milliseconds since 1970.
 */
export function fastClock({ wallMs, startMs, rate }, aheadMs = 0) {
  return () => startMs + aheadMs + (Date.now() - wallMs) * rate;
}
