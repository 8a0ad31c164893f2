// The server's API. The token is asked for when it is first needed, and kept for as long as this tab is open.

import { askToken } from "./token.js";

const KEY = "geosteer-token";
const LIMIT_MS = 15_000;

/** An address may bring the token behind `#`, as the one that the demo prints: it is kept as one that is typed, and leaves the address bar. */
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  sessionStorage.setItem(KEY, token);
  history.replaceState(null, "", location.pathname);
}
takeToken();
addEventListener("hashchange", takeToken);

/** What the server refused, in its words; `status` is that of HTTP. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function headers() {
  const token = sessionStorage.getItem(KEY);
  return token ? { authorization: `Bearer ${token}` } : {};
}

async function once(method, path, body, limit = LIMIT_MS) {
  return fetch(path, {
    method, headers: body ? { ...headers(), "content-type": "application/json" } : headers(), cache: "no-store",
    body: body ? JSON.stringify(body) : undefined,
    signal: AbortSignal.timeout(limit),
  });
}

async function said(response) {
  const text = await response.text();
  let told;
  try { told = JSON.parse(text); } catch { told = { error: { message: text || response.statusText } }; }
  if (!response.ok) throw new Refused(response.status, told.error?.message ?? response.statusText);
  return told;
}

async function ask(method, path, body, limit) {
  for (let tries = 0; ; tries += 1) {
    const used = sessionStorage.getItem(KEY);
    const response = await once(method, path, body, limit);
    if (response.status !== 401 || tries >= 3) return said(response);
    const why = await response.json().then((told) => told.error?.message, () => "");
    // A server without a token takes none.
    if (why?.includes("has no `[admin] token_file`")) throw new Refused(401, why);
    // Another request may have asked for it meanwhile.
    if (sessionStorage.getItem(KEY) !== used) continue;
    sessionStorage.removeItem(KEY);
    const token = await askToken(why);
    if (!token) throw new Refused(401, "not done: no token was given");
    sessionStorage.setItem(KEY, token);
  }
}

/** GET of a resource below /api/v1/; `limit` is in milliseconds. */
export const get = (path, limit) => ask("GET", `/api/v1/${path}`, undefined, limit);

/** POST of an order. */
export const post = (path, body) => ask("POST", `/api/v1/${path}`, body);

/** DELETE. */
export const remove = (path) => ask("DELETE", `/api/v1/${path}`);

/** The counters as text, or nothing where there are none or the token would be needed. */
export async function metrics() {
  const response = await once("GET", "/metrics");
  return response.ok ? response.text() : null;
}

/** A response that goes on, as its body, or nothing: the token is asked for by others, if it is needed. */
export async function stream(path, signal) {
  const response = await fetch(`/api/v1/${path}`, { headers: headers(), cache: "no-store", signal });
  return response.ok ? response.body : null;
}
