// Facets and ranges of the collection's own facts go in, boxes to tick and bounds to type come out; and what is chosen, as chips.

import * as api from "./api.js";
import { literal, spoken, state, where } from "./query.js";
import { number, say } from "./words.js";

const $ = (id) => document.getElementById(id);
let bounds = []; // what the service says of facts that are numbers or dates
let offered = new Set(); // facts that have boxes: one that has few values needs no range, unless it is a date

export function know(ranges, facets) {
  bounds = ranges;
  offered = new Set(facets.map((f) => f.field));
}

const day = (text) => String(text).slice(0, 10);
const shown = (r) => r.kind === "date" || !offered.has(r.field);

// What the results may be ordered by: facts that are numbers or dates, each way round.
export function orders(select) {
  const ways = bounds.flatMap((r) => [[r.field, r.kind === "date" ? "earliest" : "upwards"], [`-${r.field}`, r.kind === "date" ? "latest" : "downwards"]]);
  if (state.sort && !ways.some(([value]) => value === state.sort)) ways.push([state.sort, state.sort.startsWith("-") ? "downwards" : "upwards"]);
  select.replaceChildren(new Option(say("byRelevance"), ""), ...ways.map(([value, way]) => new Option(say(way, { field: value.replace(/^-/, "") }), value)));
  select.value = state.sort;
  select.closest("label").hidden = !ways.length;
}

// An example condition made of the collection's own facts; an example of the grammar where it has none.
export function example(facets) {
  const parts = [];
  const usual = (f) => f.values[0]?.count ?? 0;
  const choice = facets.reduce((best, f) => (usual(f) > usual(best) ? f : best), { values: [] });
  const name = (field) => (/^[\p{L}_][\p{L}\p{N}_.]*$/u.test(field) ? field : `\`${field}\``);
  if (choice.values.length) {
    const value = choice.values[0].value;
    parts.push(`${name(choice.field)} = ${typeof value !== "string" || /^[\p{L}_]+$/u.test(value) ? value : literal(value)}`);
  }
  const range = bounds.find((r) => r.kind === "number" && shown(r)) ?? bounds.find(shown);
  if (range) parts.push(`${name(range.field)} < ${range.kind === "date" ? day(range.greatest) : rounded((range.least + range.greatest) / 2)}`);
  return parts.join(" and ") || say("whereHint");
}

function rounded(n) {
  const step = 10 ** Math.max(Math.floor(Math.log10(Math.abs(n) || 1)) - 1, -3);
  return Number((Math.round(n / step) * step).toPrecision(6));
}

function fieldset(field, kind) {
  const made = document.createElement("fieldset");
  made.dataset.field = field;
  made.className = kind;
  const legend = document.createElement("legend");
  legend.textContent = field;
  made.append(legend);
  return made;
}

// The nodes in this order. What is in its place is not touched: a box under a finger, or that has the focus, must not be put in anew.
function arrange(parent, wanted) {
  for (const old of [...parent.children]) if (!wanted.includes(old)) old.remove();
  wanted.forEach((node, n) => { if (parent.children[n] !== node) parent.insertBefore(node, parent.children[n] ?? null); });
}

function box(field, key, go) {
  const label = document.createElement("label");
  label.dataset.key = key;
  const tick = document.createElement("input");
  tick.type = "checkbox";
  tick.addEventListener("change", () => {
    const chosen = (state.facets[field] ??= new Set());
    if (tick.checked) chosen.add(key); else chosen.delete(key);
    go();
  });
  const n = document.createElement("span");
  n.className = "count";
  label.append(tick, spoken(key), n);
  return label;
}

function boxes(set, field, values, go) {
  const there = new Map([...set.querySelectorAll("label")].map((l) => [l.dataset.key, l]));
  arrange(set, [set.firstChild, ...values.map(({ key, count }) => {
    const label = there.get(key) ?? box(field, key, go);
    label.querySelector("input").checked = state.facets[field]?.has(key) ?? false;
    label.querySelector(".count").textContent = number(count);
    return label;
  })]);
}

function span(r, go) {
  const set = fieldset(r.field, "range");
  const ends = ["from", "to"].map(() => {
    const input = document.createElement("input");
    input.step = "any";
    input.addEventListener("change", () => {
      let [from, to] = ends.map((e) => e.value);
      if (from && to && (r.kind === "date" ? from > to : Number(from) > Number(to))) [from, to] = [to, from]; // the wrong way round is meant as the right one
      if (from || to) state.ranges[r.field] = [from, to]; else delete state.ranges[r.field];
      go();
    });
    return input;
  });
  const hint = document.createElement("p");
  hint.className = "quiet";
  set.append(ends[0], "–", ends[1], hint);
  return set;
}

function bind(set, r) {
  const [least, greatest] = r.kind === "date" ? [day(r.least), day(r.greatest)] : [r.least, r.greatest];
  ["from", "to"].forEach((which, n) => {
    const input = set.querySelectorAll("input")[n];
    const value = state.ranges[r.field]?.[n] ?? "";
    input.type = r.kind;
    if (r.kind === "number") input.placeholder = String(n ? greatest : least); else { input.min = least; input.max = greatest; }
    if (input.dataset.told !== value) input.dataset.told = input.value = value; // what is being typed stays
    input.setAttribute("aria-label", `${r.field} ${say(which)} (${least} – ${greatest})`);
  });
  set.querySelector(".quiet").textContent = r.kind === "date" ? `${least} – ${greatest}` : `${number(least)} – ${number(greatest)}`;
}

// What may be ticked. A fact that has ticks offers its other values too: one more tick widens it.
export async function offers(signal) {
  const ticked = Object.keys(state.facets).filter((field) => state.facets[field].size);
  const [narrowed, ...own] = await Promise.all([api.facets(where(), signal), ...ticked.map((field) => api.facets(where(field), signal, field))]);
  const wide = new Map(own.flatMap((o) => o.facets).map((f) => [f.field, f]));
  return [...narrowed.facets.filter((f) => !wide.has(f.field)), ...wide.values()].sort((a, b) => place(narrowed, a) - place(narrowed, b));
}

const place = (narrowed, f) => { const at = narrowed.facets.findIndex((n) => n.field === f.field); return at < 0 ? narrowed.facets.length : at; };

export function draw(found, go) {
  // What is ticked stays to be unticked, even where nothing is left of it.
  const fields = new Map(found.map((f) => [f.field, f.values.map((v) => ({ ...v, key: literal(v.value) }))]));
  for (const [field, values] of Object.entries(state.facets)) {
    const there = fields.get(field) ?? [];
    const gone = [...values].filter((v) => !there.some((t) => t.key === v));
    fields.set(field, [...there, ...gone.map((key) => ({ key, count: 0 }))]);
  }
  const there = new Map([...$("facets").children].map((f) => [`${f.className} ${f.dataset.field}`, f]));
  const kept = (field, kind, make) => there.get(`${kind} ${field}`) ?? make();
  const spans = bounds.filter(shown).map((r) => {
    const set = kept(r.field, "range", () => span(r, go));
    bind(set, r);
    return set;
  });
  const ticks = [...fields].filter(([field, values]) => values.length && (state.facets[field]?.size || !bounds.some((r) => r.field === field && shown(r)))).map(([field, values]) => {
    const set = kept(field, "ticks", () => fieldset(field, "ticks"));
    boxes(set, field, values, go);
    return set;
  });
  const focused = document.activeElement?.closest("#facets input");
  arrange($("facets"), [...spans, ...ticks]);
  if (focused?.isConnected) focused.focus({ preventScroll: true }); // one that has moved loses it
  return $("facets").childElementCount;
}

function chip(text, remove, thumbnail) {
  const li = document.createElement("li");
  const b = document.createElement("button");
  b.type = "button";
  if (thumbnail) { const i = document.createElement("img"); i.alt = ""; api.picture(thumbnail).then((u) => { i.src = u; }).catch(() => i.remove()); b.append(i); }
  b.append(`${text} ×`);
  b.addEventListener("click", remove);
  li.append(b);
  return li;
}

export function chosen(go) {
  const examples = (list, sign) => state[list].map((l) => chip(`${sign}: ${l.label}`, () => { state[list] = state[list].filter((x) => x !== l); go(); }, l.thumbnail));
  const ticked = Object.entries(state.facets).flatMap(([field, values]) => [...values].map((v) => chip(`${field}: ${spoken(v)}`, () => { values.delete(v); go(); })));
  const spans = Object.entries(state.ranges).map(([field, [from, to]]) => chip(`${field}: ${from} – ${to}`, () => { delete state.ranges[field]; go(); }));
  const typed = state.where.trim() ? [chip(state.where.trim(), () => { state.where = ""; go(); })] : [];
  $("chosen").replaceChildren(...examples("like", say("similarTo")), ...examples("unlike", say("without")), ...ticked, ...spans, ...typed);
}
