// Requests go out, JSON comes back; a refusal becomes an Error whose message is the service's own line.

let key = sessionStorage.getItem("key") ?? "";

export class Refused extends Error {
  // code: one word of the service's for what went wrong; "" where the page itself says it.
  constructor(message, status, wait = 0, code = "") { super(message); this.status = status; this.wait = wait; this.code = code; }
}

export function useKey(given) { key = given; sessionStorage.setItem("key", given); }

async function call(method, path, body, signal, keepalive = false) {
  const headers = {};
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined && !(body instanceof FormData)) headers["Content-Type"] = "application/json";
  const sent = body === undefined || body instanceof FormData ? body : JSON.stringify(body);
  const answer = await fetch(path, { method, headers, body: sent, signal, keepalive });
  const type = answer.headers.get("Content-Type") ?? "";
  const data = type.includes("json") ? await answer.json() : null;
  if (answer.ok) return data;
  const wait = Number(answer.headers.get("Retry-After") ?? 0);
  throw new Refused(data?.error?.message ?? `${answer.status} ${answer.statusText}`, answer.status, wait, data?.error?.code || "other");
}

// A busy service says when to come back (429): asked again then, three times at most.
async function patient(method, path, body, signal, keepalive) {
  for (let turn = 0; ; turn++) {
    try { return await call(method, path, body, signal, keepalive); } catch (e) {
      if (!(e instanceof Refused) || e.status !== 429 || turn === 2) throw e;
      await new Promise((done) => setTimeout(done, 1000 * Math.min(Math.max(e.wait, 1), 10)));
    }
  }
}

export const collection = () => patient("GET", "/v1/collection");
export const search = (query, signal) => patient("POST", "/v1/search", query, signal);
export const thumbnail = (asked) => patient("POST", "/v1/thumbnail", asked);
export const explain = (query) => patient("POST", "/v1/explain", query);
export function facets(where, signal, field) {
  return patient("GET", `/v1/facets?${new URLSearchParams({ ...(where && { where }), ...(field && { field }) })}`, undefined, signal);
}
export const ranges = (signal) => patient("GET", "/v1/ranges", undefined, signal);
export const readings = (words) => patient("GET", `/v1/readings?${new URLSearchParams({ words })}`);
export const map = () => patient("GET", "/v1/map");
export function items(where, limit, offset, signal) {
  const asked = new URLSearchParams({ limit, offset, ...(where && { where }) });
  return patient("GET", `/v1/items?${asked}`, undefined, signal);
}
export const item = (id) => patient("GET", `/v1/items/${encodeURIComponent(id)}`);
export const job = (id) => patient("GET", `/v1/jobs/${encodeURIComponent(id)}`);

// Work that changes the collection is a job; it is waited for, so that what is shown next has it.
async function ended(accepted) {
  let job = accepted;
  while (job.state === "queued" || job.state === "running") {
    await new Promise((r) => setTimeout(r, 250));
    job = await patient("GET", `/v1/jobs/${encodeURIComponent(job.job)}`);
  }
  if (job.state === "failed") throw new Refused(job.error ?? job.problems?.[0]?.reason ?? "", 500, 0, "failed");
  return job;
}

export const change = async (id, facts) => ended(await patient("PATCH", "/v1/items?wait=5", { ids: [id], facts }));
// `leaving`: the page is being closed, and the request must outlive it.
export async function remove(id, leaving = false) {
  const accepted = await patient("DELETE", `/v1/items?wait=${leaving ? 0 : 5}`, { ids: [id] }, undefined, leaving);
  return leaving ? accepted : ended(accepted);
}

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
