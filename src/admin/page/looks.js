// How a pool looks: a colour that people of every colour vision tell apart (Okabe and Ito), a pattern, and a letter.

import { s } from "./dom.js";

const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"];
const PATTERNS = ["", "M-2,2l4,-4M0,10l10,-10M8,12l4,-4", "M2,5h3M7,0h3", "M0,5h10", "M-2,8l4,4M0,0l10,10M8,-2l4,4", "M5,0v10M0,5h10"];
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

let order = new Map();

/** Pools keep their looks whoever is live: they follow the names of all pools. */
export function setPools(names) {
  order = new Map([...new Set(names)].sort().map((name, index) => [name, index]));
}

/** The pools that have looks. */
export const known = () => [...order.keys()];

/** The letters that stand for a pool on the map. */
export function letter(pool) {
  const index = order.get(pool);
  if (index === undefined) return "?";
  const first = Math.floor(index / LETTERS.length);
  return (first ? LETTERS[(first - 1) % LETTERS.length] : "") + LETTERS[index % LETTERS.length];
}

/** What fills a pool's area; `small` is for legends. */
export function paint(pool, small = false) {
  const index = order.get(pool);
  return index === undefined ? "url(#nobody)" : `url(#${small ? "k" : "p"}${index})`;
}

/** The patterns that `paint` names, once a page. */
export function definitions() {
  const tile = (id, scale, colour, path) => s("pattern",
    { id, width: 10, height: 10, patternUnits: "userSpaceOnUse", patternTransform: `scale(${scale})` },
    s("rect", { width: 10, height: 10, fill: colour }),
    path && s("path", { d: path, class: "hatch" }));
  const all = [...order.values()].flatMap((index) => {
    const colour = COLOURS[index % COLOURS.length];
    const pattern = PATTERNS[(index + Math.floor(index / COLOURS.length)) % PATTERNS.length];
    return [tile(`p${index}`, 8, colour, pattern), tile(`k${index}`, 0.9, colour, pattern)];
  });
  return s("defs", {}, all, tile("nobody", 8, "#30343b", "M0,0l10,10M10,0l-10,10"));
}

/** A pool's colour with its letter, as in the legend. */
export function badge(pool) {
  return s("svg", { class: "badge", viewBox: "0 0 24 24", "aria-hidden": "true" },
    s("rect", { width: 24, height: 24, rx: 5, fill: paint(pool, true) }),
    s("text", { x: 12, y: 17, class: "letter" }, letter(pool)));
}
