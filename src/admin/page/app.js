// The page: asks the server every few seconds, and draws what it said. Start reading at `refresh`.

import { get } from "./api.js";
import { at, h, show } from "./dom.js";
import { drawOverrides, openDrain, tickCountdowns } from "./drain.js";
import { Events } from "./events.js";
import { startExplain } from "./explain.js";
import { setPools } from "./looks.js";
import { drawPools } from "./pools.js";
import { drawProblems } from "./problems.js";
import { rates } from "./rates.js";
import { startTheme } from "./theme.js";
import { bySubject, lastChange } from "./timeline.js";
import { now, span } from "./words.js";
import { drawWorld, paintWorld } from "./world.js";

const POLL_MS = 3_000;
/** A simulation after a reload costs the server a second of a core, others little: after a change, and now and then. */
const SIMULATE_S = 120;
const SIMULATE_LEAST_S = 1;
/** The first one goes through the databases, behind everything else that the machine does. */
const SIMULATE_LIMIT_MS = 60_000;

const events = new Events(() => refresh());
const model = {
  status: null, pools: [], endpoints: [], events: [], changes: new Map(), gone: null, databases: [], ofPool: new Map(),
  endpointsOf: (pool) => model.ofPool.get(`${pool.zone}/${pool.pool}`) ?? [],
  sinceOf: (endpoint) => lastChange(endpoint, model.changes)?.at,
  drain: (target) => openDrain("drain", target, refresh),
  undrain: (target) => openDrain("undrain", target, refresh),
};

let running = false;
let again = false;

/** Asks, and draws; one at a time. */
async function refresh() {
  if (running) { again = true; return; }
  running = true;
  try {
    await ask();
    model.gone = null;
    at("link").textContent = "";
  } catch (error) {
    model.gone ??= { since: now(), why: error.message };
  }
  if (model.status) draw();
  else at("server").textContent = `the server does not answer: ${model.gone?.why}`;
  running = false;
  if (again) { again = false; refresh(); }
}

async function ask() {
  const [status, pools, endpoints] = await Promise.all([get("status"), get("pools"), get("endpoints"), events.poll()]);
  Object.assign(model, { status, pools: pools.pools, endpoints: endpoints.endpoints, events: events.list });
  model.changes = bySubject(events.list);
  model.ofPool = Map.groupBy(model.endpoints, (one) => `${one.zone}/${one.pool}`);
  setPools(model.pools.map((pool) => pool.pool));
  const told = await rates();
  if (told) model.rates = told;
  if (status.generation !== model.generation) await askConfiguration(status.generation);
}

/** What only a reload changes. */
async function askConfiguration(generation) {
  const [zones, config] = await Promise.all([get("zones"), get("config")]);
  model.databases = config.databases;
  model.generation = generation;
  const names = zones.zones.flatMap((zone) => zone.names.map((one) => one.name.replace(/\.$/, "")));
  const chosen = at("name").value;
  show(at("name"), names.slice(0, 2000).map((name) => h("option", { value: name, selected: name === chosen }, name)));
  if (!at("explain-name").value && names.length) at("explain-name").value = names[0];
}

function draw() {
  const { status } = model;
  at("server").textContent = `${status.version} · up ${span(now() - status.started)} · configuration ${status.generation} · ${status.pools[1]} of ${status.pools[0]} pools, ${status.endpoints[1]} of ${status.endpoints[0]} endpoints live`;
  // Shares of another moment are not shown beside the states of this one.
  const lane = simulated.drawn === picture() ? simulated.lane : null;
  Object.assign(model, { shares: lane?.before, regions: lane?.regions });
  drawProblems(model);
  drawOverrides(model);
  drawPools(model);
  events.draw();
  simulate();
}

const simulated = { at: 0, of: "", drawn: "", lane: null };
let simulating = false;

/** What the map is of: it is drawn again when this changes. */
const picture = () => JSON.stringify([at("name").value, model.generation, model.pools.map((pool) => [pool.pool, pool.live, pool.keeps, pool.up])]);

async function simulate() {
  const of = picture();
  const age = now() - simulated.at;
  if (simulating || !at("name").value || age < SIMULATE_LEAST_S || (of === simulated.of && age < SIMULATE_S)) return;
  simulating = true;
  Object.assign(simulated, { at: now(), of });
  try {
    await takeSimulation(await get(`simulate?name=${encodeURIComponent(at("name").value)}`, SIMULATE_LIMIT_MS), of);
  } catch (error) {
    simulated.of = "";
    at("country").textContent = `The map is not of this moment: ${error.message}`;
  }
  simulating = false;
}

async function takeSimulation(told, of) {
  const name = at("name").value;
  const lane = told.names[name];
  if (!lane) throw new Error(`${name} was not counted`);
  Object.assign(simulated, { drawn: of, lane });
  const out = model.pools.filter((pool) => !pool.live);
  const word = (pool) => (pool.state === "drain" ? "drained" : pool.state === "down" ? "taken down" : "DOWN");
  paintWorld(lane, new Map(out.map((pool) => [pool.pool, word(pool)])));
  at("credit").textContent = `Shares of ${told.clients.unit}. ${told.attribution ?? ""}`;
  await whereTheyGo(name, out);
  draw();
}

/** Where the clients of dead pools are: the other way round, what would move if each were up. */
async function whereTheyGo(name, out) {
  const moved = new Map();
  for (const pool of out.slice(0, 3)) {
    const query = new URLSearchParams({ name, up: `pool/${pool.pool}` });
    const told = await get(`simulate?${query}`).catch(() => null);
    const back = told?.names[name]?.moves.filter((move) => move.to === pool.pool) ?? [];
    const sum = back.reduce((all, move) => all + move.share, 0);
    if (sum > 0) moved.set(pool.pool, Object.fromEntries(back.map((move) => [move.from, move.share / sum])));
  }
  model.moved = moved;
}

startTheme();
startExplain();
at("find").addEventListener("input", () => model.status && drawPools(model));
at("name").addEventListener("change", () => { simulated.at = 0; model.moved = undefined; draw(); });
await refresh();
await drawWorld().catch((error) => { at("country").textContent = error.message; });
simulated.at = 0;
simulate();
events.follow();
setInterval(refresh, POLL_MS);
setInterval(tickCountdowns, 1_000);
