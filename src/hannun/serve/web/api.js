// Requests go out, JSON comes back; a refusal becomes an Error whose message is the service's own line.

let key = sessionStorage.getItem("key") ?? "";

export class Refused extends Error {
  constructor(message, status, wait) { super(message); this.status = status; this.wait = wait; }
}

export function useKey(given) { key = given; sessionStorage.setItem("key", given); }

async function call(method, path, body, signal) {
  const headers = {};
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined && !(body instanceof FormData)) headers["Content-Type"] = "application/json";
  const sent = body === undefined || body instanceof FormData ? body : JSON.stringify(body);
  const answer = await fetch(path, { method, headers, body: sent, signal });
  const type = answer.headers.get("Content-Type") ?? "";
  const data = type.includes("json") ? await answer.json() : null;
  if (answer.ok) return data;
  const wait = Number(answer.headers.get("Retry-After") ?? 0);
  throw new Refused(data?.error?.message ?? `${answer.status} ${answer.statusText}`, answer.status, wait);
}

// A busy service says when to come back (429): asked again then, three times at most.
async function patient(method, path, body, signal) {
  for (let turn = 0; ; turn++) {
    try { return await call(method, path, body, signal); } catch (e) {
      if (!(e instanceof Refused) || e.status !== 429 || turn === 2) throw e;
      await new Promise((done) => setTimeout(done, 1000 * Math.min(Math.max(e.wait, 1), 10)));
    }
  }
}

export const collection = () => patient("GET", "/v1/collection");
export const search = (query, signal) => patient("POST", "/v1/search", query, signal);
export const explain = (query) => patient("POST", "/v1/explain", query);
export const facets = (where, signal) => patient("GET", `/v1/facets${where ? `?where=${encodeURIComponent(where)}` : ""}`, undefined, signal);
export const map = () => patient("GET", "/v1/map");
export function items(where, limit, offset, signal) {
  const asked = new URLSearchParams({ limit, offset, ...(where && { where }) });
  return patient("GET", `/v1/items?${asked}`, undefined, signal);
}
export const job = (id) => patient("GET", `/v1/jobs/${encodeURIComponent(id)}`);

export function add(files) {
  const form = new FormData();
  for (const f of files) form.append("files", f, f.name);
  return patient("POST", "/v1/items", form);
}

// Pictures behind a key cannot be had by <img src>: they are fetched and shown from memory.
const shown = new Map();
export async function picture(url) {
  if (!key) return url;
  if (!shown.has(url)) {
    const answer = await fetch(url, { headers: { Authorization: `Bearer ${key}` } });
    if (!answer.ok) throw new Refused(`${answer.status}`, answer.status, 0);
    shown.set(url, URL.createObjectURL(await answer.blob()));
  }
  return shown.get(url);
}
