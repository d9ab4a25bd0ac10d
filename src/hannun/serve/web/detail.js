// One hit goes in, a dialog comes out: the picture, its facts, why it was found, the hits before and after it, and what may be done with it.

import * as api from "./api.js";
import * as edit from "./edit.js";
import * as found from "./found.js";
import { show, titleOf } from "./grid.js";
import * as picker from "./picker.js";
import * as undo from "./undo.js";
import * as why from "./why.js";
import { number, say } from "./words.js";

const $ = (id) => document.getElementById(id);
let current = null; // the hit that is shown
let writable = false;
let narrowed = () => {}; // what a click on a tag asks for
let troubled = () => {};

// explain: a promise of reasons, or null; at, of: its place in the list; of is 0 where there is none; more: whether the list goes on.
export function open(hit, { explain = null, at = 0, of = 0, more = false, mayWrite = false, query = "" } = {}) {
  current = hit;
  writable = mayWrite;
  $("detail-title").textContent = titleOf(hit);
  $("detail-title").dataset.id = hit.id;
  const text = hit.text ?? "";
  $("detail-text").textContent = text === titleOf(hit) ? "" : text; // a title alone is not said twice
  const first = hit.images?.[0];
  $("detail-figure").hidden = $("detail-full").hidden = !first;
  why.clear();
  if (first) look(hit, 0);
  else $("detail-image").removeAttribute("src");
  $("strip").replaceChildren(...(hit.images?.length > 1 ? hit.images : []).map((picture, n) => {
    const [b, i] = [document.createElement("button"), document.createElement("img")];
    b.type = "button";
    b.setAttribute("aria-label", `${say("picture")} ${n + 1}`);
    b.addEventListener("click", () => { why.clear(); look(hit, n); });
    show(i, picture.thumbnail, "");
    b.append(i);
    return b;
  }));
  $("detail-picker").replaceChildren(picker.offer(hit, query, (n) => { why.clear(); look(hit, n); }, troubled));
  facts();
  $("detail-previous").hidden = $("detail-next").hidden = $("detail-place").hidden = of < 2 && !more;
  // Not `disabled`: a disabled button that has the focus swallows the keys.
  $("detail-previous").setAttribute("aria-disabled", at <= 0);
  $("detail-next").setAttribute("aria-disabled", at >= of - 1 && !more);
  $("detail-place").textContent = say("place", { at: number(at + 1), of: number(of) + (more ? "+" : "") });
  $("detail-edit").hidden = $("detail-delete").hidden = !writable;
  if (!$("detail").open) $("detail").showModal();
  undo.place();
  $("detail").scrollTop = 0;
  explain?.then((told) => {
    if (!told || !$("detail").open || current !== hit) return;
    if (told.picture) look(hit, told.picture);
    why.show(told);
  }).catch(() => {}); // without a reason the hit is still a hit
}

// One of the item's pictures; the overlay belongs to the picture it was made for.
function look(hit, n) {
  const { picture } = hit.images[n];
  show($("detail-image"), picture, hit.text || titleOf(hit));
  $("detail-full").href = `${picture}/full`;
}

function facts() {
  $("detail-editing").replaceChildren();
  $("detail-facts").hidden = false;
  $("detail-tags").replaceChildren(...found.chips(current.facts, narrowed));
  $("detail-place-card").replaceChildren(...[found.place(current.facts)].filter(Boolean));
  const said = found.said(current.facts);
  $("detail-facts").replaceChildren(...Object.entries(current.facts ?? {}).filter(([k]) => !said.has(k)).flatMap(([k, v]) => {
    const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
    dt.textContent = k;
    dd.textContent = Array.isArray(v) ? v.join(", ") : v !== null && typeof v === "object" ? JSON.stringify(v) : String(v);
    return [dt, dd];
  }));
}

// What the service now has of an item, in every hit that shows it.
async function written(hit, changes) {
  const before = Object.fromEntries(Object.keys(changes).map((k) => [k, hit.facts?.[k] ?? null]));
  await api.change(hit.id, changes);
  hit.facts = Object.fromEntries(Object.entries({ ...hit.facts, ...changes }).filter(([, v]) => v !== null));
  if (current === hit) facts();
  return before;
}

function editing(changed, trouble) {
  const hit = current;
  $("detail-facts").hidden = $("detail-edit").hidden = true;
  const done = () => { $("detail-edit").hidden = !writable; if (current === hit) { facts(); $("detail-edit").focus(); } };
  $("detail-editing").replaceChildren(edit.form(hit.facts ?? {}, {
    cancel: done,
    save: async (changes) => {
      if (!Object.keys(changes).length) return done();
      try {
        const before = await written(hit, changes);
        done();
        changed();
        undo.offer(say("changed", { title: titleOf(hit) }), { undo: () => written(hit, before).then(changed, trouble) });
      } catch (e) { trouble(e); }
    },
  }));
  $("detail-editing").querySelector("input")?.focus();
}

// step(±1) shows a neighbour; remove, like, unlike take the hit; changed: facts are others now; closed: the id that was last shown.
export function listen({ step, remove, like, unlike, changed, trouble, closed, narrow }) {
  narrowed = narrow;
  troubled = trouble;
  const go = (way) => {
    const button = way < 0 ? $("detail-previous") : $("detail-next");
    if (!button.hidden && button.getAttribute("aria-disabled") !== "true") step(way);
  };
  $("detail-previous").addEventListener("click", () => go(-1));
  $("detail-next").addEventListener("click", () => go(1));
  $("detail-like").addEventListener("click", () => like(current));
  $("detail-unlike").addEventListener("click", () => unlike(current));
  $("detail-delete").addEventListener("click", () => remove(current));
  $("detail-edit").addEventListener("click", () => editing(changed, trouble));
  $("detail").addEventListener("close", () => { undo.place(); closed(current); });
  $("detail").addEventListener("keydown", (e) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (!way || e.altKey || e.ctrlKey || e.metaKey || e.target.closest("input, textarea")) return;
    e.preventDefault();
    go(way);
  });
  let from = null;
  const figure = $("detail-figure");
  figure.addEventListener("touchstart", (e) => { from = e.touches.length === 1 ? e.touches[0].clientX : null; }, { passive: true });
  figure.addEventListener("touchend", (e) => {
    const by = from === null ? 0 : e.changedTouches[0].clientX - from;
    if (Math.abs(by) > 60) go(by > 0 ? -1 : 1);
  });
}
