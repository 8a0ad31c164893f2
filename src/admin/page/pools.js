// Pools, and the endpoints of those that are open. States are what DNS answers: never what was configured.

import { at, h, show } from "./dom.js";
import { badge } from "./looks.js";
import { lastChange, timeline } from "./timeline.js";
import { count, moment, now, percent, span } from "./words.js";

/** More rows than this are not drawn: the search narrows them down. */
const POOLS_SHOWN = 150;
const ENDPOINTS_SHOWN = 100;
/** With no more pools than this those that need eyes are open from the start. */
const OPENED = 12;

const open = new Map();

/** A pool's or endpoint's state as a sign and a word. */
function state(one) {
  const closed = one.state === "drain" ? "drained" : one.state === "down" ? "taken down" : null;
  if (closed && !one.live) return h("span", { class: "state closed" }, "◆ ", closed);
  if (!one.live) return h("span", { class: "state down" }, "✖ ", one.health === "waits" ? "waits" : one.health === "unknown" ? "not probed yet" : "DOWN");
  if (one.health === "held") return h("span", { class: "state warn" }, "▲ held: fails, guard on");
  if (one.stale) return h("span", { class: "state warn" }, "▲ live, stale");
  if (one.keeps < 100) return h("span", { class: "state warn" }, `▲ keeps ${one.keeps.toFixed(1)} %`);
  if (one.up < one.endpoints) return h("span", { class: "state warn" }, "▲ live");
  return h("span", { class: "state up" }, "● live");
}

const cell = (label, ...content) => h("td", { "data-label": label }, ...content);

function since(endpoint, model) {
  const last = lastChange(endpoint, model.changes);
  return last ? h("time", { title: span(now() - last.at) }, moment(last.at)) : "before that";
}

function load(one) {
  if (one.load_stale) return "stale";
  if (typeof one.load === "number") return String(Math.round(one.load * 100) / 100);
  return typeof one.time_ms === "number" ? `${one.time_ms.toFixed(1)} ms` : "–";
}

function endpointRow(one, model) {
  return h("tr", {},
    h("th", { scope: "row" }, one.endpoint, h("small", {}, one.address)),
    cell("State", state(one), one.safe ? safe(one.safe) : null),
    cell("Since", since(one, model)),
    cell("Last probe", one.note || "–"),
    cell("Weight", String(one.weight)),
    cell("Load", load(one)),
    cell("3 hours", timeline(one, model.changes)),
    cell("", action(one, `endpoint/${one.pool}/${one.endpoint}`, model)));
}

const safe = (moment_s) => h("small", {}, moment_s <= now() ? "safe to switch off" : `safe at ${moment(moment_s)}`);

/** Drain, or what undoes the operator's word. */
function action(one, target, model) {
  const own = model.status.overrides.find((other) => other.target === (one.by ?? target) && !/^(weight|shed)/.test(other.said));
  const word = own ? "Undrain" : "Drain";
  return h("button", { type: "button", "data-key": target, class: "small", "aria-label": `${word} ${own?.target ?? target}`,
    onclick: () => (own ? model.undrain(own.target) : model.drain(target)) }, `${word} …`);
}

function table(pool, model, wanted) {
  const all = model.endpointsOf(pool).filter((one) => !wanted || matches(pool, wanted) || matchesOne(one, wanted));
  // What needs eyes comes first: of many only some are drawn.
  const rows = all.sort((a, b) => Number(a.live) - Number(b.live)).slice(0, ENDPOINTS_SHOWN);
  const heads = ["Endpoint", "State", "Since", "Last probe", "Weight", "Load", "3 hours", ""];
  return [
    h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head || h("span", { class: "unseen" }, "Act"))))),
      h("tbody", {}, rows.map((one) => endpointRow(one, model)))),
    all.length > rows.length && h("p", { class: "quiet" }, `and ${all.length - rows.length} more: narrow them down with Find`),
  ];
}

const matches = (pool, wanted) => `${pool.pool} ${pool.zone}`.toLowerCase().includes(wanted);
const matchesOne = (one, wanted) => `${one.endpoint} ${one.address}`.toLowerCase().includes(wanted);

function section(pool, model, wanted, few) {
  const key = `${pool.zone}/${pool.pool}`;
  const isOpen = open.get(key) ?? (few || Boolean(wanted));
  const share = model.shares?.[pool.pool];
  const rate = model.rates?.get(pool.pool);
  const numbers = [
    `${pool.up} of ${count(pool.endpoints, "endpoint")}`,
    share !== undefined && `${percent(share)} of clients`,
    rate !== undefined && `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} answers/s`,
    typeof pool.load === "number" && `load ${load(pool)}`,
  ].filter(Boolean).join(" · ");
  const body = h("div", { class: "body" }, isOpen ? table(pool, model, wanted) : null);
  const box = h("details", { class: "pool", open: isOpen, ontoggle: () => {
    if (open.get(key) === box.open || (open.get(key) === undefined && box.open === isOpen)) return;
    open.set(key, box.open);
    show(body, box.open ? table(pool, model, wanted) : []);
  } },
  h("summary", { "data-key": key }, badge(pool.pool), h("b", {}, pool.pool), state(pool), h("span", { class: "numbers" }, numbers)),
  h("div", { class: "acts" }, action(pool, `pool/${pool.pool}`, model), pool.by ? h("span", { class: "quiet" }, ` by ${pool.by}`) : null),
  body);
  return box;
}

/** Draws all pools: those that need eyes first. */
export function drawPools(model) {
  const wanted = at("find").value.trim().toLowerCase();
  const found = model.pools.filter((pool) => !wanted || matches(pool, wanted) || model.endpointsOf(pool).some((one) => matchesOne(one, wanted)));
  found.sort((a, b) => Number(a.live) - Number(b.live) || (a.up - a.endpoints) - (b.up - b.endpoints) || a.pool.localeCompare(b.pool));
  const drawn = found.slice(0, POOLS_SHOWN);
  const few = found.length <= OPENED && model.endpoints.length <= 5 * ENDPOINTS_SHOWN;
  const rest = found.length > drawn.length && h("p", { class: "quiet" }, `and ${found.length - drawn.length} more pools: narrow them down with Find`);
  show(at("pools"), drawn.map((pool) => section(pool, model, wanted, few)), rest, found.length === 0 && h("p", {}, "Nothing is called so."));
  regions(model);
}

/** Which pools serve each region of the chosen name. */
function regions(model) {
  const all = Object.entries(model.regions ?? {}).sort((a, b) => b[1].clients - a[1].clients);
  show(at("regions"), all.map(([name, one]) => h("span", { class: "region" }, h("b", {}, name), " → ",
    Object.entries(one.before).sort((a, b) => b[1] - a[1]).slice(0, 3).map(([pool, share]) => h("span", {}, badge(pool), pool, share < 0.995 ? ` ${percent(share)} ` : " ")))));
}
