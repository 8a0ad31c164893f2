// What is wrong, the worst first, in plain sentences. Only from what the server says that it answers.

import { at, h, show } from "./dom.js";
import { count, moment, now, shares, span } from "./words.js";

const OLD_DATABASE_DAYS = 90;
const SOON_S = 900;
const FORGOTTEN_S = 86_400;

/** All problems of a model as `{ rank, level, title, text }`, sorted. */
export function problems(model) {
  const found = [...lost(model), ...down(model), ...guard(model), ...server(model), ...thin(model), ...overrides(model)];
  return found.sort((a, b) => a.rank - b.rank);
}

const bad = (rank, title, text) => ({ rank, level: "bad", title, text });
const warn = (rank, title, text) => ({ rank, level: "warn", title, text });

function lost({ gone }) {
  if (!gone) return [];
  return [bad(0, "The server does not answer this page", `${gone.why}, since ${moment(gone.since)}. What is below is what it said last; DNS may well go on.`)];
}

/** Why endpoints are not live, the commonest reason first. */
function reasons(endpoints) {
  const counts = new Map();
  for (const one of endpoints) if (one.note) counts.set(one.note, (counts.get(one.note) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).slice(0, 2).map(([note]) => note).join("; ");
}

/** Where the clients are that this pool would have. */
function goneTo(model, pool) {
  const moved = model.moved?.get(pool);
  return moved ? ` — its clients go to ${shares(moved)}` : "";
}

function down(model) {
  return model.pools.filter((pool) => !pool.live).map((pool) => {
    const own = model.endpointsOf(pool);
    if (pool.state === "drain" || pool.state === "down") {
      const word = pool.state === "drain" ? "drained" : "taken down";
      return warn(40, `Pool ${pool.pool} is ${word} by an operator`, `${pool.by ?? "the zone file"} says ${pool.state}${goneTo(model, pool.pool)}.`);
    }
    if (pool.needs) return bad(11, `Pool ${pool.pool} is DOWN`, `it depends on ${pool.needs}, which is not live${goneTo(model, pool.pool)}.`);
    const failing = own.filter((one) => !one.live);
    const since = failing.map((one) => model.sinceOf(one)).filter(Boolean);
    const when = since.length ? ` since ${moment(Math.max(...since))}` : "";
    return bad(10, `Pool ${pool.pool} is DOWN`, `${failing.length} of ${count(own.length, "endpoint")} ${own.length === 1 ? "fails" : "fail"}: ${reasons(failing) || "no probe has answered"}${when}${goneTo(model, pool.pool)}.`);
  });
}

function guard({ status }) {
  const { state, held, since, until, canaries } = status.guard;
  const failing = canaries.filter((one) => one.answers === false).map((one) => `${one.url}: ${one.note}`);
  const canary = failing.length ? ` Canaries fail: ${failing.join("; ")}.` : "";
  if (state === "up") {
    const end = until ? `believed at ${moment(until)} at the latest` : "held for as long as the canaries fail";
    return [bad(5, "The blast guard is on", `${count(held, "failure")} held back since ${since ? moment(since) : "?"}, ${end}. So many fail at once that the prober itself may be cut off.${canary}`)];
  }
  if (state === "spent") return [warn(20, "The blast guard gave up holding", `failures are believed until fewer sites fail.${canary}`)];
  return failing.length ? [warn(21, "Canaries fail", canary.trim())] : [];
}

function server(model) {
  const { status, events, databases } = model;
  const all = [];
  if (status.stale > 0) all.push(bad(15, "Probes are late", `${count(status.stale, "target")} had no outcome for long: their last state is kept, and may be wrong.`));
  if (status.problem) all.push(warn(25, "The state directory has a problem", status.problem));
  const reload = events.filter((event) => event.kind === "reload").at(-1);
  if (reload && /refus|fail/.test(reload.to)) all.push(warn(22, "The last reload was refused", `${reload.reason} (${moment(reload.at)}). The configuration before it serves on.`));
  for (const { label: name, built } of databases ?? []) {
    const days = (now() - built) / 86_400;
    if (days > OLD_DATABASE_DAYS) all.push(warn(50, "The geo database is old", `${name}: ${Math.floor(days)} days.`));
  }
  return all;
}

/** Pools that live with fewer endpoints than they have. */
function thin(model) {
  return model.pools.filter((pool) => pool.live && pool.up < pool.endpoints).flatMap((pool) => {
    const out = model.endpointsOf(pool).filter((one) => !one.live && one.health !== "unchecked" && one.state === "auto");
    return out.length ? [warn(30, `Pool ${pool.pool} has ${pool.up} of ${pool.endpoints} endpoints`, `${out.slice(0, 3).map((one) => one.endpoint).join(", ")}${out.length > 3 ? ` and ${out.length - 3} more` : ""}: ${reasons(out) || "not up"}.`)] : [];
  });
}

function overrides({ status }) {
  return status.overrides.flatMap((one) => {
    const left = one.until ? one.until - now() : null;
    const who = `${one.owner}${one.reason ? `: ${one.reason}` : ""}`;
    if (one.orphan) return [warn(35, `An override is about nothing`, `${one.target} ${one.said} (${who}): nothing is called so.`)];
    if (left !== null && left < SOON_S) return [warn(32, `${one.target} ${one.said} ends in ${span(left)}`, `at ${moment(one.until)} by itself (${who}).`)];
    if (left === null && now() - one.since > FORGOTTEN_S) return [warn(45, `${one.target} ${one.said}: forgotten?`, `for ${span(now() - one.since)}, without an end (${who}).`)];
    return [];
  });
}

let shown = "";
/** Draws them; what did not change is not said again. */
export function drawProblems(model) {
  const all = problems(model);
  const text = JSON.stringify(all);
  if (text === shown) return;
  shown = text;
  const worst = all[0];
  document.title = worst ? `${worst.level === "bad" ? "✖" : "▲"} ${worst.title} – geosteer` : "geosteer";
  const line = ({ level, title, text: more }) => h("div", { class: `problem ${level}` },
    h("span", { class: "sign", "aria-hidden": "true" }, level === "bad" ? "✖" : "▲"),
    h("p", {}, h("strong", {}, title), " ", more));
  const most = all.slice(0, 8).map(line);
  if (all.length > most.length) most.push(h("p", { class: "quiet" }, `and ${all.length - most.length} more`));
  show(at("problems"), all.length ? most : h("div", { class: "problem good" },
    h("span", { class: "sign", "aria-hidden": "true" }, "●"),
    h("p", {}, h("strong", {}, "All is well."), ` ${model.pools.length} pools and ${model.endpoints.length} endpoints take clients.`)));
}
