// Facets and ranges of the collection's own facts go in, boxes to tick and bounds to type come out; and what is chosen, as chips.

import * as api from "./api.js";
import { literal, spoken, state } from "./query.js";
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

function legend(text) {
  const made = document.createElement("legend");
  made.textContent = text;
  return made;
}

function box(field, { value, key, count }, go) {
  const label = document.createElement("label");
  const tick = document.createElement("input");
  tick.type = "checkbox";
  tick.checked = state.facets[field]?.has(key) ?? false;
  tick.addEventListener("change", () => {
    const chosen = (state.facets[field] ??= new Set());
    if (tick.checked) chosen.add(key); else chosen.delete(key);
    go();
  });
  const n = document.createElement("span");
  n.className = "count";
  n.textContent = number(count);
  label.append(tick, String(value), n);
  return label;
}

function span(r, go) {
  const set = document.createElement("fieldset");
  set.className = "range";
  set.dataset.field = r.field;
  const [least, greatest] = r.kind === "date" ? [day(r.least), day(r.greatest)] : [r.least, r.greatest];
  const ends = ["from", "to"].map((which, n) => {
    const input = document.createElement("input");
    input.type = r.kind;
    if (r.kind === "number") { input.step = "any"; input.placeholder = String(n ? greatest : least); } else { input.min = least; input.max = greatest; }
    input.value = state.ranges[r.field]?.[n] ?? "";
    input.setAttribute("aria-label", `${r.field} ${say(which)} (${least} – ${greatest})`);
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
  hint.textContent = r.kind === "date" ? `${least} – ${greatest}` : `${number(least)} – ${number(greatest)}`;
  set.append(legend(r.field), ends[0], "–", ends[1], hint);
  return set;
}

export function draw(found, go) {
  // What is ticked stays to be unticked, even where nothing is left of it.
  const fields = new Map(found.map((f) => [f.field, f.values.map((v) => ({ ...v, key: literal(v.value) }))]));
  for (const [field, values] of Object.entries(state.facets)) {
    const there = fields.get(field) ?? [];
    const gone = [...values].filter((v) => !there.some((t) => literal(t.value) === v));
    fields.set(field, [...there, ...gone.map((key) => ({ value: spoken(key), key, count: 0 }))]);
  }
  const at = document.activeElement?.closest("#facets fieldset")?.dataset.field; // drawn anew, the focus must not be lost
  const nth = [...(document.activeElement?.closest("#facets fieldset")?.querySelectorAll("input") ?? [])].indexOf(document.activeElement);
  $("facets").replaceChildren(
    ...bounds.filter(shown).map((r) => span(r, go)),
    ...[...fields].filter(([field, values]) => values.length && (state.facets[field]?.size || !bounds.some((r) => r.field === field && shown(r)))).map(([field, values]) => {
      const set = document.createElement("fieldset");
      set.dataset.field = field;
      set.append(legend(field), ...values.map((v) => box(field, v, go)));
      return set;
    }),
  );
  if (at) [...$("facets").children].find((f) => f.dataset.field === at)?.querySelectorAll("input")[nth]?.focus({ preventScroll: true });
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
