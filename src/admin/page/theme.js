// Light or dark: as the system says, until the button says otherwise.

import { at } from "./dom.js";

const KEY = "geosteer-theme";
const NEXT = { system: "light", light: "dark", dark: "system" };

function wear(theme) {
  document.documentElement.dataset.theme = theme;
  at("theme").textContent = `Theme: ${theme}`;
}

/** Makes the button work. */
export function startTheme() {
  const kept = localStorage.getItem(KEY);
  wear(kept in NEXT ? kept : "system");
  at("theme").addEventListener("click", () => {
    const theme = NEXT[document.documentElement.dataset.theme];
    localStorage.setItem(KEY, theme);
    wear(theme);
  });
}
