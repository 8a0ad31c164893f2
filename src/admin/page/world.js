// The world, each country in the looks of the pool that serves most of it.

import { at, h, s, show } from "./dom.js";
import { badge, definitions, known, letter, paint } from "./looks.js";
import { country, percent, shares } from "./words.js";

// Parts of the outlines that come again on the other edge, and the sea around the missing Antarctica, lie outside.
const VIEW = "0 0 10000 4080";
/** Countries narrower or lower than this have no letter: it would cover them. */
const ROOM = [170, 120];

const outlines = new Map();
let lane = null;
let failures = new Map();
let told = null;

/** Draws the land; colours come with `paintWorld`. */
export async function drawWorld() {
  const response = await fetch("/assets/world.txt");
  if (!response.ok) throw new Error("the map did not come");
  const land = s("g", { class: "lands" });
  const letters = s("g", { class: "letters", "aria-hidden": "true" });
  for (const line of (await response.text()).split("\n")) {
    const cut = line.indexOf(" ");
    if (cut < 0) continue;
    const code = line.slice(0, cut);
    const path = s("path", { d: line.slice(cut + 1), class: "land", "data-country": code, fill: "url(#nobody)", tabindex: -1, role: "img" });
    const text = s("text", { class: "letter" });
    outlines.set(code, { path, text });
    land.append(path);
    letters.append(text);
  }
  const map = s("svg", { viewBox: VIEW, role: "group", "aria-label": "Map of the world; arrow keys move from country to country" }, definitions(), land, letters);
  show(at("map"), map);
  for (const { path, text } of outlines.values()) place(path, text);
  listen(map);
}

/** The letter stands in the middle of the largest part of a country. */
function place(path, text) {
  const parts = path.getAttribute("d").split(/(?=M)/);
  const probe = s("path", {});
  path.parentNode.append(probe);
  let best = null;
  for (const part of parts) {
    probe.setAttribute("d", part);
    const box = probe.getBBox();
    if (!best || box.width * box.height > best.width * best.height) best = box;
  }
  probe.remove();
  if (!best || best.width < ROOM[0] || best.height < ROOM[1]) return;
  text.setAttribute("x", best.x + best.width / 2);
  text.setAttribute("y", best.y + best.height / 2 + 34);
  text.dataset.room = "yes";
}

const sorted = (byPool) => Object.entries(byPool).sort((a, b) => b[1] - a[1]);

/** Colours the land by the shares of a simulation's name; `down` says why pools take nobody. */
export function paintWorld(simulated, down) {
  lane = simulated;
  failures = down;
  at("map").querySelector("defs")?.replaceWith(definitions());
  for (const [code, { path, text }] of outlines) {
    const served = lane.countries[code]?.before;
    const first = served && sorted(served)[0]?.[0];
    path.setAttribute("fill", first ? paint(first) : "var(--nobody)");
    path.setAttribute("aria-label", words(code));
    path.dataset.pool = first ?? "";
    text.textContent = first && text.dataset.room ? letter(first) : "";
  }
  if (told) at("country").textContent = words(told);
  legend();
}

/** What is said of one country. */
function words(code) {
  const portion = lane?.countries[code];
  if (!portion) return `${country(code)}: no clients are known there`;
  const why = portion.why ? ` — ${portion.why}` : "";
  return `${country(code)}, region ${portion.region}: ${shares(portion.before, 4)}${why}`;
}

function tell(path) {
  const code = path.dataset.country;
  told = code;
  for (const { path: other } of outlines.values()) other.classList.toggle("told", other === path);
  at("country").textContent = words(code);
}

function listen(map) {
  map.addEventListener("pointerover", (event) => event.target.dataset?.country && tell(event.target));
  map.addEventListener("focusin", (event) => event.target.dataset?.country && tell(event.target));
  const all = [...outlines.values()].map(({ path }) => path);
  const middle = (path) => { const box = path.getBBox(); return [box.x + box.width / 2, box.y + box.height / 2]; };
  const centres = new Map(all.map((path) => [path, middle(path)]));
  const start = outlines.get("CH")?.path ?? all[0];
  start.setAttribute("tabindex", 0);
  map.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way || !event.target.dataset.country) return;
    event.preventDefault();
    const next = neighbour(centres, event.target, way);
    if (!next) return;
    event.target.setAttribute("tabindex", -1);
    next.setAttribute("tabindex", 0);
    next.focus();
  });
}

/** The nearest country in a direction: what lies aside counts as twice as far. */
function neighbour(centres, from, [dx, dy]) {
  const [x, y] = centres.get(from);
  let best = null;
  for (const [path, [px, py]] of centres) {
    const ahead = (px - x) * dx + (py - y) * dy;
    const aside = Math.abs((px - x) * dy) + Math.abs((py - y) * dx);
    const far = ahead + 2 * aside;
    if (ahead > 1 && (!best || far < best.far)) best = { path, far };
  }
  return best?.path;
}

function legend() {
  const entry = (pool) => {
    const share = lane.before[pool] ?? 0;
    const why = failures.get(pool);
    return h("li", { class: why ? "out" : "" }, badge(pool), h("b", {}, pool), ` ${percent(share)}`, why ? ` ${why}` : "");
  };
  const pools = known().filter((pool) => lane.before[pool] || failures.has(pool));
  show(at("legend"), pools.sort((a, b) => (lane.before[b] ?? 0) - (lane.before[a] ?? 0)).slice(0, 24).map(entry));
}
