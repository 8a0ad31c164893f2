// Asks for the token: one question at a time, whoever needs it waits for the same answer.

import { at, h } from "./dom.js";

let asking = null;

/** What was typed, or nothing if the question was closed. */
export function askToken(why) {
  asking ??= new Promise((done) => {
    const box = at("token");
    const input = h("input", { type: "password", id: "token-value", required: true, autocomplete: "off", autofocus: true });
    const finish = (value) => { box.close(); box.replaceChildren(); asking = null; done(value); };
    const form = h("form", { onsubmit: (event) => { event.preventDefault(); finish(input.value.trim()); } },
      h("h2", { id: "token-title" }, "The server wants its token"),
      h("p", {}, why ?? ""),
      h("label", {}, "Token: that of [admin] token_file, or what geosteer demo prints behind #token= ", input),
      h("p", { class: "quiet" }, "It is kept until this tab is closed, and nowhere else."),
      h("div", { class: "buttons" },
        h("button", { type: "button", onclick: () => finish(null) }, "Cancel"),
        h("button", { type: "submit", class: "main" }, "Go on")));
    box.oncancel = (event) => { event.preventDefault(); finish(null); };
    box.replaceChildren(form);
    box.showModal();
  });
  return asking;
}
