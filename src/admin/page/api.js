// The server's API. The token is asked for when it is first needed, and kept for as long as this tab is open.

import { askToken } from "./token.js";

const KEY = "geosteer-token";
const LIMIT_MS = 15_000;

/** What the server refused, in its words; `status` is that of HTTP. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function once(method, path, body) {
  const token = sessionStorage.getItem(KEY);
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  if (body) headers["content-type"] = "application/json";
  return fetch(path, {
    method, headers, cache: "no-store",
    body: body ? JSON.stringify(body) : undefined,
    signal: AbortSignal.timeout(LIMIT_MS),
  });
}

async function said(response) {
  const text = await response.text();
  let told;
  try { told = JSON.parse(text); } catch { told = { error: { message: text || response.statusText } }; }
  if (!response.ok) throw new Refused(response.status, told.error?.message ?? response.statusText);
  return told;
}

async function ask(method, path, body) {
  let response = await once(method, path, body);
  for (let tries = 0; response.status === 401 && tries < 3; tries += 1) {
    const why = await response.json().then((told) => told.error?.message, () => "");
    // A server without a token takes none.
    if (why?.includes("has no `[admin] token_file`")) throw new Refused(401, why);
    sessionStorage.removeItem(KEY);
    const token = await askToken(why);
    if (!token) throw new Refused(401, "not done: no token was given");
    sessionStorage.setItem(KEY, token);
    response = await once(method, path, body);
  }
  return said(response);
}

/** GET of a resource below /api/v1/. */
export const get = (path) => ask("GET", `/api/v1/${path}`);

/** POST of an order. */
export const post = (path, body) => ask("POST", `/api/v1/${path}`, body);

/** DELETE. */
export const remove = (path) => ask("DELETE", `/api/v1/${path}`);

/** The counters as text, or nothing where there are none or the token would be needed. */
export async function metrics() {
  const response = await once("GET", "/metrics");
  return response.ok ? response.text() : null;
}
