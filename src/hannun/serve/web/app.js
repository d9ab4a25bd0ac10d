// The page's start: controls change what is asked, what is asked is searched, what is found is shown.

import * as adding from "./adding.js";
import * as api from "./api.js";
import * as detail from "./detail.js";
import * as filters from "./filters.js";
import { card, titleOf, walk } from "./grid.js";
import * as map from "./map.js";
import { asked, body, filters as inUse, FITS, PAGE, pictureFrom, query, read, state, where, write } from "./query.js";
import * as saved from "./saved.js";
import { line } from "./trouble.js";
import * as undo from "./undo.js";
import { current, dress, number, say, switchTo } from "./words.js";

const $ = (id) => document.getElementById(id);
let about = null; // what the service says of its collection
let hits = [];
let took = 0;
let more = false; // whether the service has further hits
let running = null; // the search under way, which a newer one stops
let opened = -1; // the place in `hits` of what the dialog shows; -1 for an item from elsewhere
const gone = new Set(); // ids that are being removed: they are shown no more

async function trouble(e) {
  if (e?.name === "AbortError") return;
  if (e instanceof api.Refused && (e.status === 401 || e.code === "scope")) { if (!$("key-dialog").open) $("key-dialog").showModal(); return; }
  const text = await line(e, { typed: state.where, example: $("where").placeholder });
  $("trouble-text").textContent = text;
  (document.querySelector("dialog[open] .trouble-place") ?? $("trouble-home")).append($("trouble")); // a modal dialog hides what lies behind it
  $("trouble").hidden = false;
  $("where").setAttribute("aria-invalid", e.code === "WhereError");
  $("status").textContent = hits.length ? say("before") : "";
}

function calm() {
  $("trouble").hidden = true;
  $("where").removeAttribute("aria-invalid");
}

async function search(offset = 0) {
  running?.abort();
  running = new AbortController();
  const mine = running;
  calm();
  $("status").textContent = say("searching");
  $("results").setAttribute("aria-busy", "true");
  try {
    const [found, narrowed] = await Promise.all([look(offset, mine.signal), filters.offers(mine.signal)]);
    if (mine !== running) return;
    const kept = found.hits.filter((h) => !gone.has(h.id));
    hits = offset ? [...hits, ...kept] : kept;
    more = found.hits.length === PAGE;
    took = found.took_ms ?? 0;
    draw(offset ? kept : null);
    const any = filters.draw(narrowed, go);
    document.querySelector("main").classList.toggle("no-facets", !any || state.view === "map");
  } catch (e) { if (mine === running) await trouble(e); } // what was found before stays
  finally { if (mine === running) $("results").removeAttribute("aria-busy"); }
}

// With nothing asked, the collection is leafed through.
async function look(offset, signal) {
  if (asked() || state.sort) return api.search(body(offset, about?.parts ?? true), signal);
  return { hits: (await api.items(where(), PAGE, offset, signal)).items };
}

// All of the hits, or those that have come to them.
function draw(further) {
  const cards = (further ?? hits).map((h) => card(h, { open, like }));
  if (further) $("grid").append(...cards); else $("grid").replaceChildren(...cards);
  if (further && !$("detail").open) cards[0]?.querySelector(".open").focus();
  if (!hits.length) {
    const li = document.createElement("li");
    li.className = "empty";
    li.textContent = say(about && !about.count ? "empty" : "nothing");
    $("grid").append(li);
  }
  const strange = Boolean(hits.length && state.words.trim()) && !hits.some((h) => h.relevance == null || h.relevance >= FITS);
  $("strange").hidden = !strange;
  $("grid").hidden = strange;
  $("more").hidden = strange || !more;
  tell();
  if (strange && !further) meant(state.words.trim());
}

function tell() {
  if (!$("strange").hidden) $("status").textContent = say("nothingFits");
  else $("status").textContent = asked() ? say("found", { n: number(hits.length), ms: Math.round(took) }) : say("all");
}

// Words that find nothing may have been typed with the keyboard in the other language.
async function meant(words) {
  $("meant").replaceChildren();
  try {
    const { readings } = await api.readings(words.slice(0, 200));
    if (state.words.trim() !== words) return;
    $("meant").replaceChildren(...readings.slice(0, 3).map((r) => {
      const b = document.createElement("button");
      b.type = "button";
      b.textContent = say("meant", { words: r });
      b.addEventListener("click", () => { state.words = r; go(); $("words").focus(); });
      return b;
    }));
  } catch { /* a proposal that cannot be made is none */ }
}

// Controls show what is asked.
function controls() {
  $("words").value = state.words;
  for (const name of ["mix", "weight", "diversity", "where"]) $(name).value = state[name];
  $("share").value = state.share ?? 0.3;
  $("fits").checked = state.fits;
  filters.orders($("sort"));
  $("chip").hidden = !state.picture;
  if (state.picture) $("chip-image").src = state.picture.preview;
  $("mix-row").hidden = !(state.picture && about?.parts !== false);
  $("share").closest("label").hidden = !state.words.trim();
  $("weight").closest("label").hidden = about?.parts === false;
  $("narrow-count").textContent = inUse() ? ` ${number(inUse())}` : "";
  filters.chosen(go);
}

function go(push = true) {
  write(push);
  controls();
  return search();
}

const example = (hit) => ({ id: hit.id, label: titleOf(hit).slice(0, 30), thumbnail: hit.images?.[0]?.thumbnail });

function like(hit) {
  Object.assign(state, { words: "", picture: null, unlike: [], like: [example(hit)] });
  $("detail").close();
  view("grid");
  go();
  scrollTo({ top: 0 });
}

function unlike(hit) {
  state.unlike.push(example(hit));
  $("detail").close();
  go();
}

function open(hit) {
  opened = hits.indexOf(hit);
  const why = query(about?.parts ?? true); // asked for only when somebody wants to know
  const explain = why.query ? api.explain({ ...why, id: hit.id }).then((h) => h.explain) : null;
  detail.open(hit, { explain, at: opened, of: opened < 0 ? 0 : hits.length, more: more && opened >= 0, mayWrite: about?.writable === true, query: state.words.trim() });
}

// The neighbour of what is shown; at the end of what has come, more is fetched.
async function step(way) {
  if (opened + way >= hits.length && more) await search(hits.length);
  const hit = hits[opened + way];
  if (hit) open(hit);
}

// Taken out of sight now, out of the collection when it can no longer be taken back.
function remove(hit) {
  const [at, before] = [hits.indexOf(hit), [...hits]];
  gone.add(hit.id);
  hits = hits.filter((h) => h !== hit);
  if (at >= 0 && hits.length) open(hits[Math.min(at, hits.length - 1)]); else $("detail").close();
  draw();
  const back = () => { gone.delete(hit.id); if (at >= 0 && hits.every((h) => before.includes(h))) { hits = before.filter((h) => !gone.has(h.id)); draw(); } else search(); };
  undo.offer(say("deleted", { title: titleOf(hit) }), {
    undo: () => { back(); if ($("detail").open) open(hit); },
    commit: async (leaving) => {
      try { await api.remove(hit.id, leaving); await meet(); } catch (e) { back(); trouble(e); }
    },
  });
}

async function view(which) {
  state.view = which;
  $("to-grid").setAttribute("aria-pressed", which === "grid");
  $("to-map").setAttribute("aria-pressed", which === "map");
  $("results").hidden = which === "map";
  document.body.classList.toggle("mapping", which === "map");
  $("map").hidden = which !== "map";
  document.querySelector("main").classList.toggle("no-facets", which === "map" || !$("facets").childElementCount);
  if (which === "map") {
    const whole = (point) => api.item(point.id).then(open, trouble);
    try { map.fill((await api.map()).points.filter((p) => !gone.has(p.id)), whole); } catch (e) { view("grid"); trouble(e); }
  }
}

async function pictured(file) {
  try {
    state.picture = await pictureFrom(file);
    state.like = [];
    view("grid");
    await go();
    $("words").focus();
  } catch (e) { trouble(e); }
}

async function add(files) {
  try {
    await adding.files(files, about?.max_upload_bytes);
    await meet();
    if (!asked()) await search();
  } catch (e) { trouble(e); }
}

// What is told in words of its own, in the language of the page.
function introduce() {
  const korean = current() === "ko";
  const other = korean ? "English" : "한국어";
  $("language").textContent = innerWidth < 700 ? other.slice(0, 2) : other;
  $("language").setAttribute("aria-label", other);
  $("language").lang = korean ? "en" : "ko";
  if (about) {
    $("about").textContent = `${about.name} · ${number(about.count)}${korean ? "" : " "}${say("items")} · ${about.encoder}`;
    $("where").placeholder = filters.example(about.facets);
  }
}

// What is served: asked again when it has changed.
async function meet() {
  const [of, { ranges }] = await Promise.all([api.collection(), api.ranges().catch((e) => { if (e.status === 401) throw e; return { ranges: [] }; })]);
  about = of;
  filters.know(ranges, about.facets);
  introduce();
  $("add").hidden = about.writable === false;
}

function folds() {
  for (const name of ["tune", "narrow"]) {
    $(`fold-${name}`).addEventListener("click", () => {
      const on = $(`fold-${name}`).getAttribute("aria-expanded") !== "true";
      $(`fold-${name}`).setAttribute("aria-expanded", on);
      $(name).classList.toggle("unfolded", on);
    });
  }
}

function goTo(address) {
  history.pushState(null, "", `${location.pathname}${address}`);
  state.picture = null;
  read();
  controls();
  view(state.view);
  search();
}

function name() {
  return [state.words.trim(), ...state.like.map((l) => l.label), ...Object.values(state.facets).flatMap((v) => [...v].map((x) => x.replaceAll('"', ""))), state.where.trim()].filter(Boolean).join(" · ").slice(0, 60);
}

function listen() {
  let typing = 0;
  $("ask").addEventListener("submit", (e) => { e.preventDefault(); clearTimeout(typing); view("grid"); go(); });
  $("words").addEventListener("input", () => { state.words = $("words").value; if (!state.words) { clearTimeout(typing); typing = setTimeout(go, 200); } });
  for (const name of ["mix", "weight", "diversity", "share"]) {
    $(name).addEventListener("input", () => { state[name] = Number($(name).value); clearTimeout(typing); typing = setTimeout(() => go(false), 150); });
  }
  $("where").addEventListener("change", () => { state.where = $("where").value; go(); });
  $("sort").addEventListener("change", () => { state.sort = $("sort").value; go(); });
  $("fits").addEventListener("change", () => { state.fits = $("fits").checked; go(); });
  $("pick").addEventListener("click", () => $("pick-file").click());
  $("pick-file").addEventListener("change", (e) => { if (e.target.files[0]) pictured(e.target.files[0]); e.target.value = ""; });
  $("chip-remove").addEventListener("click", () => { state.picture = null; go(); $("words").focus(); });
  $("add").addEventListener("click", () => $("add-files").click());
  $("add-files").addEventListener("change", (e) => { add(e.target.files); });
  $("more").addEventListener("click", () => search(hits.length));
  $("strange-show").addEventListener("click", () => { $("strange").hidden = true; $("grid").hidden = false; $("more").hidden = !more; tell(); $("grid").querySelector(".open")?.focus(); });
  $("trouble-close").addEventListener("click", () => { calm(); tell(); });
  $("grid").addEventListener("keydown", (e) => walk($("grid"), e));
  $("to-grid").addEventListener("click", () => { view("grid"); write(); });
  $("to-map").addEventListener("click", () => { view("map"); write(); });
  $("save").addEventListener("click", () => saved.open({ name: name(), picture: state.picture, go: goTo }));
  $("language").addEventListener("click", () => { switchTo(current() === "ko" ? "en" : "ko"); translated(); });
  $("key-form").addEventListener("submit", () => { api.useKey($("key").value.trim()); $("key").value = ""; start(); });
  addEventListener("paste", (e) => { const f = [...(e.clipboardData?.files ?? [])][0]; if (f) { e.preventDefault(); pictured(f); } });
  addEventListener("popstate", () => { read(); controls(); view(state.view); search(); });
  addEventListener("keydown", (e) => {
    const writing = e.target.closest?.("input, textarea, dialog");
    if (e.key === "/" && !writing) { e.preventDefault(); $("words").focus(); }
  });
  const closed = (hit) => {
    $("trouble-home").append($("trouble"));
    [...$("grid").querySelectorAll(".open")].find((o) => o.dataset.id === hit?.id)?.focus(); // where one was, not where one began
  };
  const narrow = (field, value) => {
    (state.facets[field] ??= new Set()).add(JSON.stringify(value));
    $("detail").close();
    view("grid");
    go();
  };
  detail.listen({ narrow, step, remove, like, unlike, changed: () => { meet().then(() => draw()).catch(trouble); }, trouble, closed });
  adding.dropping({ ask: pictured, add, writable: () => about?.writable !== false });
  saved.listen();
  undo.listen();
  folds();
}

function translated() {
  introduce();
  controls();
  calm();
  draw();
  filters.offers().then((f) => filters.draw(f, go)).catch(() => {});
}

async function start() {
  try {
    await meet();
    controls();
    await Promise.all([search(), state.view === "map" ? view("map") : null]);
  } catch (e) { trouble(e); }
}

read();
dress();
introduce();
listen();
start();
