// Taking out and bringing back: what would change comes first, then the order, then when it is safe.

import { post, remove } from "./api.js";
import { at, h, show } from "./dom.js";
import { count, moment, now, span } from "./words.js";

const KEY = "geosteer-owner";
const part = (pools, percents) => pools.map((pool, index) => (percents[index] < 99.95 ? `${pool} ${percents[index].toFixed(1)} %` : pool)).join(" + ") || "nobody";

/** Whose clients go where. */
function moves(done) {
  if (!done.moves.length) return h("p", {}, "No client goes elsewhere.");
  const row = (move) => h("tr", { class: move.dry ? "dry" : "" },
    h("th", { scope: "row" }, move.region, h("small", {}, `${move.policy}, ${move.type}`)),
    h("td", {}, part(move.from, move.from_percent)), h("td", {}, "→ ", part(move.to, move.to_percent), move.dry ? " (nothing is left: the fallback answers)" : ""),
    h("td", {}, move.names_in_all === 1 ? move.names[0] : count(move.names_in_all, "name")));
  return h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["Region", "From", "To", "Names"].map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, done.moves.slice(0, 50).map(row))));
}

const seconds = (form) => { const minutes = Number(form.elements.minutes.value); return minutes > 0 ? Math.round(minutes * 60) : null; };

function undrainPath(target, order) {
  const query = new URLSearchParams({ target, reason: order.reason, dry_run: String(order.dry_run) });
  if (order.owner) query.set("owner", order.owner);
  return `overrides?${query}`;
}

/** Opens the dialog for `drain` or `undrain` of a target; `changed` is called when something was changed. */
export function openDrain(verb, target, changed) {
  const box = at("drain");
  const plan = h("div", { "aria-live": "polite" });
  const goes = h("button", { type: "button", class: "main danger", disabled: true }, `${verb === "drain" ? "Drain" : "Undrain"} now`);
  const close = h("button", { type: "button", onclick: () => box.close() }, "Cancel");
  const minutes = verb === "drain" ? h("label", {}, "Ends by itself after ", h("input", { name: "minutes", type: "number", min: 1, max: 525600, placeholder: "never" }), " minutes") : null;
  const form = h("form", {},
    h("h2", { id: "drain-title" }, `${verb === "drain" ? "Drain" : "Undrain"} ${target}`),
    h("label", {}, "Why ", h("input", { name: "reason", required: true, maxlength: 200, autofocus: true, placeholder: "new switches" })),
    h("label", {}, "Who ", h("input", { name: "owner", required: true, maxlength: 60, value: sessionStorage.getItem(KEY) ?? "" })),
    minutes,
    h("div", { class: "buttons" }, close, h("button", { type: "submit" }, "Show what would change"), goes),
    plan);
  const order = (dry_run) => ({ target, state: "drain", reason: form.elements.reason.value.trim(), owner: form.elements.owner.value.trim(), for_s: minutes ? seconds(form) : null, dry_run });
  const send = (dry_run) => (verb === "drain" ? post("overrides", order(dry_run)) : remove(undrainPath(target, order(dry_run))));
  const fails = (error) => { goes.disabled = true; show(plan, h("p", { class: "problem bad" }, error.message)); };
  form.addEventListener("input", () => { goes.disabled = true; show(plan); });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY, form.elements.owner.value.trim());
    try {
      const done = await send(true);
      show(plan, h("h3", {}, "What would change"), done.refused ? h("p", { class: "problem bad" }, `It would be refused: ${done.refused}`) : null, moves(done), done.warnings.map((warning) => h("p", { class: "problem warn" }, warning)));
      goes.disabled = Boolean(done.refused);
      if (!done.refused) goes.focus();
    } catch (error) { fails(error); }
  });
  goes.addEventListener("click", async () => {
    goes.disabled = true;
    try {
      await send(false);
      box.close();
      changed();
    } catch (error) { fails(error); }
  });
  box.replaceChildren(form);
  box.showModal();
}

/** Overrides that hold, with the countdown of those that close. */
export function drawOverrides(model) {
  const line = (one) => h("div", { class: "override", "data-target": one.target },
    h("span", { class: "sign", "aria-hidden": "true" }, "◆"),
    h("p", {}, h("strong", {}, `${one.target} ${one.said}`), ` by ${one.owner}${one.reason ? `: ${one.reason}` : ""}, since ${moment(one.since)}`, one.until ? `, until ${moment(one.until)}` : ", no end", ". ", safeWords(one)),
    h("button", { type: "button", "data-key": `override ${one.target} ${one.said}`, onclick: () => model.undrain(one.target), "aria-label": `Undrain ${one.target}`, hidden: /^(weight|shed)/.test(one.said) }, "Undrain …"));
  show(at("overrides"), model.status.overrides.slice(0, 20).map(line));
}

function safeWords(one) {
  if (!one.safe) return "";
  if (one.safe.named) return h("b", { class: "safe no" }, "NOT safe to switch off: nothing else is left, answers name it.");
  if (one.safe.shared.length) return h("b", { class: "safe no" }, `NOT safe to switch off: ${one.safe.shared.join(", ")} has the same address.`);
  if (one.safe.records?.length) return h("b", { class: "safe no" }, `NOT safe to switch off: static records name it: ${one.safe.records.join(", ")}${one.safe.records_in_all > one.safe.records.length ? ` and ${one.safe.records_in_all - one.safe.records.length} more` : ""}.`);
  const left = one.safe.at - now();
  return h("b", { class: "safe", "data-safe": one.safe.at }, left > 0 ? `Safe to switch off at ${moment(one.safe.at)}, in ${span(left)}.` : `Safe to switch off since ${moment(one.safe.at)}.`);
}

/** Lets the countdowns go on between the server's answers. */
export function tickCountdowns() {
  for (const place of document.querySelectorAll("[data-safe]")) {
    const when = Number(place.dataset.safe);
    const left = when - now();
    place.textContent = left > 0 ? `Safe to switch off at ${moment(when)}, in ${span(left)}.` : `Safe to switch off since ${moment(when)}.`;
  }
}

