// Why a client gets its answer: the server's explanation in sentences.

import { get } from "./api.js";
import { at, h, show } from "./dom.js";
import { badge } from "./looks.js";
import { country } from "./words.js";

const sentence = (...content) => h("li", {}, ...content);
const place = (where) => h("code", {}, where);

function sentences(told) {
  const { location, trail } = told;
  const all = [
    sentence(`The client is ${told.client}`, location.country ? ` in ${country(location.country)}.` : ", and where it is is not known."),
    sentence("Its region is ", h("b", {}, told.region ?? "default"), told.selector ? [`, by ${told.selector.matches} at `, place(told.selector.at)] : "", "."),
  ];
  if (told.row) all.push(sentence(`Policy ${told.row.policy} decides, row at `, place(told.row.at), told.row.geofence ? "; it never goes on to default." : "."));
  for (const pool of trail.filter((one) => one.picked || one.why !== "not reached")) {
    const members = pool.endpoints.slice(0, 6).map((one) => `${one.name} ${one.address}: ${one.why}`).join("; ");
    all.push(h("li", { class: pool.picked ? "picked" : "" }, `Step ${pool.step}: `, badge(pool.pool), h("b", {}, pool.pool), ` ${pool.why}.`, h("small", {}, members)));
  }
  if (told.fallback) all.push(sentence(told.fallback));
  if (told.ttl !== null) all.push(sentence(`TTL ${told.ttl} s: ${told.ttl_why}. Scope /${told.scope}: ${told.scope_why}.`));
  return all.concat(told.notes.map((note) => sentence(note)));
}

function draw(told) {
  const answer = told.answers.length ? told.answers.join(", ") : told.rcode;
  show(at("trail"),
    h("p", { class: "verdict" }, told.pool ? [badge(told.pool), h("b", {}, told.pool), " answers "] : "The answer is ", h("code", {}, answer)),
    h("ol", {}, sentences(told)),
    h("p", { class: "quiet" }, "To see it yourself: ", h("code", {}, told.dig)));
}

/** Makes the form work. */
export function startExplain() {
  at("explain").addEventListener("submit", async (event) => {
    event.preventDefault();
    const query = new URLSearchParams({ name: at("explain-name").value.trim(), client: at("explain-client").value.trim() });
    try {
      draw(await get(`explain?${query}`));
    } catch (error) {
      show(at("trail"), h("p", { class: "problem bad" }, error.message));
    }
  });
}
