// What is asked lives here, and in the address so that a link shows the same; the page's controls read and write it.

import { Refused } from "./api.js";
import { say } from "./words.js";

const PAGE = 30;
const FITS = 0.5; // the relevance from which on a hit fits (docs/search.md)

// share: null leaves the weight of exact words to the service. picture: {data, preview} dropped or pasted by the user; like/unlike: [{id, label, thumbnail}];
// facets: {field: Set(literals)}; ranges: {field: [from, to]} as they were typed, "" for open; fits: only what is related enough; sort: a fact, with a minus the greatest first.
export const state = { words: "", picture: null, mix: 0.5, weight: 0.5, diversity: 0, share: null, fits: false, sort: "", where: "", facets: {}, ranges: {}, like: [], unlike: [], view: "grid" };

const DATE = /^\d{4}-\d\d-\d\d$/;
const NUMBER = /^-?\d+(\.\d+)?$/; // what the address may bring into a condition
const bound = (text) => (DATE.test(text) || NUMBER.test(text) ? text : "");

export function read(address = location.search) {
  const a = new URLSearchParams(address);
  state.words = a.get("q") ?? "";
  state.mix = Number(a.get("mix") ?? 0.5);
  state.weight = Number(a.get("weight") ?? 0.5);
  state.diversity = Number(a.get("diversity") ?? 0);
  state.share = a.has("share") ? Number(a.get("share")) : null;
  state.where = a.get("where") ?? "";
  state.view = a.get("view") === "map" ? "map" : "grid";
  state.facets = {};
  for (const pair of a.getAll("f")) {
    const at = pair.indexOf("=");
    if (at > 0) (state.facets[pair.slice(0, at)] ??= new Set()).add(pair.slice(at + 1));
  }
  state.ranges = {};
  for (const pair of a.getAll("r")) {
    const at = pair.indexOf("=");
    const ends = pair.slice(at + 1).split("..").map(bound);
    if (at > 0 && ends.length === 2 && (ends[0] || ends[1])) state.ranges[pair.slice(0, at)] = ends;
  }
  state.fits = a.get("fits") === "1";
  state.sort = a.get("sort") ?? "";
  state.like = a.getAll("like").map((id) => ({ id, label: id }));
  state.unlike = a.getAll("unlike").map((id) => ({ id, label: id }));
}

export function write(push = true) {
  const a = new URLSearchParams();
  if (state.words) a.set("q", state.words);
  if (state.mix !== 0.5) a.set("mix", state.mix);
  if (state.weight !== 0.5) a.set("weight", state.weight);
  if (state.diversity) a.set("diversity", state.diversity);
  if (state.share !== null) a.set("share", state.share);
  if (state.where) a.set("where", state.where);
  if (state.view === "map") a.set("view", "map");
  for (const [field, values] of Object.entries(state.facets)) for (const v of values) a.append("f", `${field}=${v}`);
  for (const [field, [from, to]] of Object.entries(state.ranges)) a.append("r", `${field}=${from}..${to}`);
  if (state.fits) a.set("fits", "1");
  if (state.sort) a.set("sort", state.sort);
  for (const l of state.like) a.append("like", l.id);
  for (const l of state.unlike) a.append("unlike", l.id);
  const address = a.size ? `?${a}` : location.pathname;
  if (address === (location.search || location.pathname)) return;
  history[push ? "pushState" : "replaceState"](null, "", address);
}

// A fact's value as the service's condition grammar writes it; a ticked box is kept in this form, so that 3 and "3" stay two things.
export const literal = (value) => (typeof value === "string" ? `"${value.replace(/["\\]/g, "\\$&")}"` : String(value));
export const spoken = (written) => (written.startsWith('"') ? written.slice(1, -1).replace(/\\(.)/g, "$1") : written);

const named = (field) => `\`${field.replaceAll("`", "``")}\``;

// The day after, so that "to" a day has all of it: a date with a time of day lies above the bare date.
function next(day) {
  const at = new Date(`${day}T00:00:00Z`);
  at.setUTCDate(at.getUTCDate() + 1);
  return at.toISOString().slice(0, 10);
}

function within(field, [from, to]) {
  return [from && `${named(field)} >= ${from}`, to && (DATE.test(to) ? `${named(field)} < ${next(to)}` : `${named(field)} <= ${to}`)].filter(Boolean);
}

// The service's own condition grammar: what is ticked (but for one field, where that is named), the ranges, and what was typed.
export function where(without) {
  const parts = Object.entries(state.facets).filter(([field, values]) => values.size && field !== without)
    .map(([field, values]) => `${named(field)} in (${[...values].join(", ")})`);
  parts.push(...Object.entries(state.ranges).flatMap(([field, ends]) => within(field, ends)));
  if (state.where.trim()) parts.push(`(${state.where.trim()})`);
  return parts.join(" and ") || undefined;
}

// How many of the filters are in use.
export const filters = () => Object.values(state.facets).filter((v) => v.size).length + Object.keys(state.ranges).length + Boolean(state.where.trim());

export function asked() { return Boolean(state.words.trim() || state.picture || state.like.length); }

// The query alone: what is asked and how its parts and the items' count; also what /v1/explain takes.
export function query(parts) {
  const words = state.words.trim();
  const asked = state.picture ? { image: state.picture.data, ...(words && { text: words }) } : words ? { text: words } : undefined;
  return {
    ...(asked && { query: asked }),
    ...(asked?.image && asked?.text && parts && { mix: state.mix }),
    ...(asked?.text && state.share !== null && { words: state.share }),
    ...(parts && state.weight !== 0.5 && { weights: [state.weight, 1 - state.weight] }),
    ...(where() && { where: where() }),
  };
}

export function body(offset, parts) {
  return {
    ...query(parts),
    ...(state.like.length && { like: state.like.map((l) => ({ id: l.id })) }),
    ...(state.unlike.length && { unlike: state.unlike.map((l) => ({ id: l.id })) }),
    ...(state.fits && { floor: FITS }),
    ...(state.sort ? { sort: state.sort } : { diversity: state.diversity }), // each says the order
    limit: PAGE, offset,
  };
}

// A picture file → what is sent (at most 1024 px, as JPEG: the model looks at far fewer) and what is shown.
export async function pictureFrom(file) {
  if (!file.type.startsWith("image/")) throw new Refused(say("notPicture", { name: file.name }), 0, 0);
  const bitmap = await createImageBitmap(file).catch(() => { throw new Refused(say("notPicture", { name: file.name }), 0, 0); });
  const scale = Math.min(1, 1024 / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const data = canvas.toDataURL("image/jpeg", 0.9);
  return { data, preview: data };
}

export { FITS, PAGE };
