// Numbers and moments as people write them.

const two = (number) => String(number).padStart(2, "0");

/** `12:03:07`, with the day if it is not today. Seconds since 1970. */
export function moment(at) {
  const then = new Date(at * 1000);
  const time = `${two(then.getHours())}:${two(then.getMinutes())}:${two(then.getSeconds())}`;
  if (then.toDateString() === new Date().toDateString()) return time;
  return `${then.getFullYear()}-${two(then.getMonth() + 1)}-${two(then.getDate())} ${time}`;
}

/** `3 min 20 s`. */
export function span(seconds) {
  const all = Math.max(0, Math.round(seconds));
  if (all < 60) return `${all} s`;
  if (all < 3600) return `${Math.floor(all / 60)} min ${all % 60} s`;
  if (all < 172800) return `${Math.floor(all / 3600)} h ${Math.floor((all % 3600) / 60)} min`;
  return `${Math.floor(all / 86400)} days`;
}

/** A share of 0 to 1 as percent; what is not nothing is never shown as 0. */
export function percent(share) {
  if (share > 0 && share < 0.01) return "< 1 %";
  if (share < 1 && share > 0.99) return "> 99 %";
  return `${Math.round(share * 100)} %`;
}

/** Shares by pool in words, the largest first. */
export function shares(byPool, most = 3) {
  const sorted = Object.entries(byPool).sort((a, b) => b[1] - a[1]);
  const words = sorted.slice(0, most).map(([pool, share]) => `${pool} (${percent(share)})`);
  if (sorted.length > most) words.push(`${sorted.length - most} more`);
  return words.join(", ");
}

let names;
/** A country's name in the reader's language. */
export function country(code) {
  names ??= new Intl.DisplayNames(undefined, { type: "region", fallback: "code" });
  try { return names.of(code); } catch { return code; }
}

/** `1 pool`, `2 pools`. */
export const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

/** Seconds since 1970, now. */
export const now = () => Date.now() / 1000;
