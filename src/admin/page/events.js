// What happened: a stream, and the list of it. While the stream is away the polls bring the events.

import { get } from "./api.js";
import { at, h, show } from "./dom.js";
import { moment } from "./words.js";

const KEPT = 1024;
const SHOWN = 60;

/** The events of this run of the server; `changed` is called when there are new ones. */
export class Events {
  constructor(changed) {
    this.list = [];
    this.changed = changed;
    this.stream = null;
  }

  add(events) {
    const last = this.list.at(-1)?.number ?? 0;
    const fresh = events.filter((event) => event.number > last);
    this.list = this.list.concat(fresh).slice(-KEPT);
    return fresh.length > 0;
  }

  /** Asks for what is not known yet; another run of the server counts from 1 again. */
  async poll() {
    const last = this.list.at(-1)?.number;
    const told = await get(last === undefined ? "events" : `events?since=${last}`);
    if (this.started !== told.started || told.last < (last ?? 0)) {
      if (this.started) { this.list = []; this.started = told.started; return this.poll(); }
      this.started = told.started;
    }
    this.add(told.events);
    return undefined;
  }

  follow() {
    const last = this.list.at(-1)?.number ?? 0;
    this.stream = new EventSource(`/api/v1/events/stream?since=${last}`);
    this.stream.onmessage = (message) => { if (this.add([JSON.parse(message.data)])) this.changed(); };
    // The browser tries again by itself, but not after an error of HTTP (all places taken).
    this.stream.onerror = () => { if (this.stream.readyState === EventSource.CLOSED) setTimeout(() => this.follow(), 10_000); };
  }

  draw() {
    const line = (event) => h("li", { class: `event ${event.to}` }, h("time", {}, moment(event.at)), h("span", { class: "kind" }, event.kind),
      h("span", {}, h("b", {}, event.subject), " ", event.from ? `${event.from} → ` : "", event.to, event.reason ? h("small", {}, event.reason) : null));
    show(at("events"), this.list.slice(-SHOWN).reverse().map(line));
  }
}
