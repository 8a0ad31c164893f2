// Answers a second by pool, from the counters of two scrapes.

import { metrics } from "./api.js";

const LINE = /^geosteer_answers_total\{(.*)\} ([0-9.e+]+)/;
const POOL = /(?:^|,)pool="((?:[^"\\]|\\.)*)"/;

let before = null;
let absent = false;

/** The sums by pool of a text in the Prometheus format. */
export function sums(text) {
  const all = new Map();
  for (const line of text.split("\n")) {
    const [, labels, value] = LINE.exec(line) ?? [];
    const pool = labels && POOL.exec(labels)?.[1];
    if (pool) all.set(pool, (all.get(pool) ?? 0) + Number(value));
  }
  return all;
}

/** Rates since the last call; nothing at the first, and where the server has no counters. */
export async function rates() {
  if (absent) return null;
  const text = await metrics().catch(() => "");
  if (text === null) { absent = true; return null; }
  const now = { at: performance.now() / 1000, sums: sums(text) };
  const last = before;
  before = now;
  if (!last || !now.sums.size) return null;
  const rate = ([pool, sum]) => [pool, Math.max(0, (sum - (last.sums.get(pool) ?? sum)) / (now.at - last.at))];
  return new Map([...now.sums].map(rate));
}
