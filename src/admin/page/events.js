// What happened: a stream, and the list of it. While the stream is away the polls bring the events.

import { get, stream } from "./api.js";
import { at, h, show } from "./dom.js";
import { moment } from "./words.js";

const KEPT = 1024;
const SHOWN = 60;
const AGAIN_MS = 5_000;
/** The server says something four times as often. */
const SILENT_MS = 60_000;

/** The events of this run of the server; `changed` is called when there are new ones. */
export class Events {
  constructor(changed) {
    this.list = [];
    this.changed = changed;
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

  /** Follows the stream for as long as the page is open; where it breaks off, it goes on where it was. */
  async follow() {
    for (;;) {
      await this.listen().catch(() => {});
      at("events").dataset.stream = "closed";
      await new Promise((done) => { setTimeout(done, AGAIN_MS); });
    }
  }

  /** Reads one stream to its end. An EventSource could not send the token, which whoever is not on the server's machine needs. */
  async listen() {
    const silence = new AbortController();
    const told = await stream(`events/stream?since=${this.list.at(-1)?.number ?? 0}`, silence.signal);
    if (!told) return;
    at("events").dataset.stream = "open";
    const parts = told.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ;) {
      const timer = setTimeout(() => silence.abort(), SILENT_MS);
      const { value, done } = await parts.read();
      clearTimeout(timer);
      if (done) return;
      const messages = (rest + value).split("\n\n");
      rest = messages.pop();
      const data = messages.flatMap((message) => message.split("\n").filter((line) => line.startsWith("data: ")));
      if (this.add(data.map((line) => JSON.parse(line.slice(6))))) this.changed();
    }
  }

  draw() {
    const line = (event) => h("li", { class: `event ${event.to}` }, h("time", {}, moment(event.at)), h("span", { class: "kind" }, event.kind),
      h("span", {}, h("b", {}, event.subject), " ", event.from ? `${event.from} → ` : "", event.to, event.reason ? h("small", {}, event.reason) : null));
    show(at("events"), this.list.slice(-SHOWN).reverse().map(line));
  }
}
