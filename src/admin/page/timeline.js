// Three hours of an endpoint, from the events that the server remembers.

import { s } from "./dom.js";
import { moment, now } from "./words.js";

const LENGTH_S = 3 * 3600;
const WIDTH = 180;

/** The changes of each checked address, the oldest first. */
export function bySubject(events) {
  const all = new Map();
  for (const event of events) {
    if (event.kind !== "health" || !["up", "down", "unknown"].includes(event.to)) continue;
    if (!all.has(event.subject)) all.set(event.subject, []);
    all.get(event.subject).push(event);
  }
  return all;
}

/** The last change of an endpoint, if it is remembered. */
export function lastChange(endpoint, changes) {
  return (endpoint.checked ?? []).flatMap((subject) => changes.get(subject) ?? []).reduce((last, one) => (!last || one.number > last.number ? one : last), null);
}

/** Bars of what its checks said: low and red is down, high is up, a line is not known. */
export function timeline(endpoint, changes) {
  const end = now();
  const start = end - LENGTH_S;
  const x = (at) => Math.max(0, ((at - start) / LENGTH_S) * WIDTH);
  const own = (endpoint.checked ?? []).flatMap((subject) => changes.get(subject) ?? []).sort((a, b) => a.number - b.number);
  const bars = [];
  // What took a moment, or began just now, is seen as well.
  const least = (state) => (state === "unknown" ? 0 : 2.5);
  const bar = (from, to, state, title, width = Math.max(least(state), x(to) - x(from))) => bars.push(s("rect", {
    x: Math.min(x(from), WIDTH - width), width, class: `bar ${state}`,
    y: state === "down" ? 9 : state === "up" ? 2 : 8, height: state === "unknown" ? 1.5 : 7,
  }, s("title", {}, title)));
  own.forEach((change, index) => {
    const until = own[index + 1]?.at ?? end;
    if (until < start) return;
    if (index === 0 && change.at > start && change.from) bar(start, change.at, change.from, `${change.from} until ${moment(change.at)}`);
    bar(change.at, until, change.to, `${change.to} since ${moment(change.at)}: ${change.reason}`);
  });
  const words = own.length ? `${own.length} changes, ${own.at(-1).to} since ${moment(own.at(-1).at)}` : "no change is remembered";
  return s("svg", { class: "timeline", viewBox: `0 0 ${WIDTH} 18`, preserveAspectRatio: "none", role: "img", "aria-label": `last three hours: ${words}` }, bars);
}
