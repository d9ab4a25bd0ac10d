// The page's start: controls change what is asked, what is asked is searched, what is found is shown.

import * as api from "./api.js";
import * as detail from "./detail.js";
import { card, titleOf, walk } from "./grid.js";
import * as map from "./map.js";
import { asked, body, literal, PAGE, pictureFrom, query, read, spoken, state, where, write } from "./query.js";
import { current, dress, number, say, switchTo } from "./words.js";

const $ = (id) => document.getElementById(id);
let about = null; // what the service says of its collection
let hits = [];
let running = null; // the search under way, which a newer one stops
let opened = null;

function trouble(e) {
  if (e?.name === "AbortError") return;
  if (e instanceof api.Refused && (e.status === 401 || e.status === 403)) { if (!$("key-dialog").open) $("key-dialog").showModal(); return; }
  $("trouble").textContent = e instanceof api.Refused ? e.message : e instanceof TypeError ? say("offline") : String(e?.message ?? e);
  $("trouble").hidden = false;
  $("status").textContent = "";
}

async function search(offset = 0) {
  running?.abort();
  running = new AbortController();
  const mine = running;
  $("trouble").hidden = true;
  $("status").textContent = say("searching");
  $("results").setAttribute("aria-busy", "true");
  try {
    const [found, narrowed] = await Promise.all([look(offset, mine.signal), api.facets(where(), mine.signal)]);
    if (mine !== running) return;
    hits = offset ? [...hits, ...found.hits] : found.hits;
    draw(found, offset);
    facets(narrowed.facets);
  } catch (e) { if (mine === running) { if (!offset) { hits = []; $("grid").replaceChildren(); $("more").hidden = true; } trouble(e); } }
  finally { if (mine === running) $("results").removeAttribute("aria-busy"); }
}

// With nothing asked, the collection is leafed through.
async function look(offset, signal) {
  if (asked()) return api.search(body(offset, about?.parts ?? true), signal);
  return { hits: (await api.items(where(), PAGE, offset, signal)).items };
}

function draw(found, offset) {
  const cards = found.hits.map((h) => card(h, { open, like }));
  if (offset) {
    $("grid").append(...cards);
    cards[0]?.querySelector(".open").focus();
  } else $("grid").replaceChildren(...cards);
  if (!hits.length) {
    const li = document.createElement("li");
    li.className = "empty";
    li.textContent = say(about && !about.count ? "empty" : "nothing");
    $("grid").append(li);
  }
  $("more").hidden = found.hits.length < PAGE;
  $("status").textContent = asked() ? say("found", { n: number(hits.length), ms: Math.round(found.took_ms ?? 0) }) : say("all");
}

function facets(found) {
  // What is ticked stays to be unticked, even where nothing is left of it.
  const fields = new Map(found.map((f) => [f.field, f.values.map((v) => ({ ...v, key: literal(v.value) }))]));
  for (const [field, values] of Object.entries(state.facets)) {
    const there = fields.get(field) ?? [];
    const gone = [...values].filter((v) => !there.some((t) => literal(t.value) === v));
    fields.set(field, [...there, ...gone.map((key) => ({ value: spoken(key), key, count: 0 }))]);
  }
  $("facets").replaceChildren(...[...fields].map(([field, values]) => {
    const set = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = field;
    set.append(legend, ...values.map(({ value, key, count }) => {
      const label = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.checked = state.facets[field]?.has(key) ?? false;
      box.addEventListener("change", () => {
        const chosen = (state.facets[field] ??= new Set());
        if (box.checked) chosen.add(key); else chosen.delete(key);
        go();
      });
      const n = document.createElement("span");
      n.className = "count";
      n.textContent = number(count);
      label.append(box, String(value), n);
      return label;
    }));
    return set;
  }));
  document.querySelector("main").classList.toggle("no-facets", !fields.size);
}

function chosen() {
  const chip = (entry, list, sign) => {
    const li = document.createElement("li");
    const b = document.createElement("button");
    b.type = "button";
    if (entry.thumbnail) { const i = document.createElement("img"); i.alt = ""; api.picture(entry.thumbnail).then((u) => { i.src = u; }).catch(() => i.remove()); b.append(i); }
    b.append(`${sign}: ${entry.label} ×`);
    b.addEventListener("click", () => { state[list] = state[list].filter((l) => l !== entry); go(); });
    li.append(b);
    return li;
  };
  $("chosen").replaceChildren(...state.like.map((l) => chip(l, "like", say("similarTo"))), ...state.unlike.map((l) => chip(l, "unlike", say("without"))));
}

// Controls show what is asked.
function controls() {
  $("words").value = state.words;
  $("mix").value = state.mix;
  $("weight").value = state.weight;
  $("share").value = state.share ?? 0.3;
  $("diversity").value = state.diversity;
  $("where").value = state.where;
  $("chip").hidden = !state.picture;
  if (state.picture) $("chip-image").src = state.picture.preview;
  $("mix-row").hidden = !(state.picture && about?.parts !== false);
  $("share").closest("label").hidden = !state.words.trim();
  $("weight").closest("label").hidden = about?.parts === false;
  chosen();
}

function go(push = true) {
  write(push);
  controls();
  return search();
}

function like(hit) {
  Object.assign(state, { words: "", picture: null, unlike: [], like: [{ id: hit.id, label: titleOf(hit).slice(0, 30), thumbnail: hit.images?.[0]?.thumbnail }] });
  $("detail").close();
  view("grid");
  go();
  scrollTo({ top: 0 });
}

function unlike(hit) {
  state.unlike.push({ id: hit.id, label: titleOf(hit).slice(0, 30), thumbnail: hit.images?.[0]?.thumbnail });
  $("detail").close();
  go();
}

function open(hit) {
  opened = hit;
  const why = query(about?.parts ?? true); // asked for only when somebody wants to know
  detail.open(hit, why.query ? api.explain({ ...why, id: hit.id }).then((h) => h.explain) : null);
}

async function view(which) {
  state.view = which;
  $("to-grid").setAttribute("aria-pressed", which === "grid");
  $("to-map").setAttribute("aria-pressed", which === "map");
  $("results").hidden = $("narrow").hidden = which === "map";
  $("map").hidden = which !== "map";
  document.querySelector("main").classList.toggle("no-facets", which === "map" || !$("facets").childElementCount);
  if (which === "map") {
    try { map.fill((await api.map()).points, open); } catch (e) { view("grid"); trouble(e); }
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

async function addFiles(files) {
  const largest = (about?.max_upload_bytes ?? Infinity) / 1048576;
  const refused = [];
  const sent = [...files].filter((f) => {
    if (!f.type.startsWith("image/")) refused.push(say("notPicture", { name: f.name }));
    else if (f.size / 1048576 > largest) refused.push(say("tooLarge", { name: f.name, size: (f.size / 1048576).toFixed(1), max: Math.floor(largest) }));
    else return true;
    return false;
  });
  $("job").hidden = false;
  let [done, added] = [0, 0];
  const problems = [...refused];
  const show = () => {
    $("job-text").textContent = say("adding", { done: number(done), total: number(sent.length) });
    $("job-bar").value = sent.length ? done / sent.length : 1;
    $("job-problems").replaceChildren(...problems.map((p) => { const li = document.createElement("li"); li.textContent = p; return li; }));
  };
  show();
  try {
    for (let at = 0; at < sent.length;) {
      // Batches stay below the service's limit for one body.
      let [batch, bytes] = [[], 0];
      while (at < sent.length && batch.length < 20 && (!batch.length || bytes + sent[at].size <= largest * 1048576 * 0.9)) { bytes += sent[at].size; batch.push(sent[at++]); }
      let job = await api.add(batch);
      const before = done;
      while (job.state === "queued" || job.state === "running") {
        await new Promise((r) => setTimeout(r, 250));
        job = await api.job(job.job ?? job.id);
        done = before + Math.min(job.done ?? 0, batch.length);
        show();
      }
      done = before + batch.length;
      added += job.added ?? batch.length - (job.problems?.length ?? 0);
      problems.push(...(job.problems ?? []).map((p) => { // "row 2" is the second file of this batch
        const row = /^row (\d+)/.exec(p.where);
        return `${(row && batch[row[1] - 1]?.name) ?? p.where}: ${p.reason}`;
      }));
      if (job.state === "failed" && !job.problems?.length && job.error) problems.push(job.error);
      show();
    }
    $("job-text").textContent = say("added", { n: number(added) }) + (problems.length ? ` · ${say("problems", { n: number(problems.length) })}` : "");
    await meet();
    if (!asked()) await search();
  } catch (e) { $("job").hidden = true; trouble(e); }
  setTimeout(() => { $("job").hidden = true; }, problems.length ? 12000 : 4000);
}

// What is said in words of its own, in the language of the page.
function introduce() {
  const korean = current() === "ko";
  $("language").textContent = korean ? "English" : "한국어";
  $("language").lang = korean ? "en" : "ko";
  if (about) $("about").textContent = `${about.name} · ${number(about.count)}${korean ? "" : " "}${say("items")} · ${about.encoder}`;
}

async function meet() {
  about = await api.collection();
  introduce();
  $("add").hidden = about.writable === false;
}

function dropping() {
  const zones = { search: $("drop-search"), add: $("drop-add") };
  const isFiles = (e) => [...(e.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  addEventListener("dragenter", (e) => { if (isFiles(e) && depth++ === 0) { $("drop").hidden = false; zones.add.hidden = about?.writable === false; } });
  addEventListener("dragleave", (e) => { if (isFiles(e) && --depth <= 0) { depth = 0; $("drop").hidden = true; } });
  addEventListener("dragover", (e) => {
    if (!isFiles(e)) return;
    e.preventDefault();
    for (const z of Object.values(zones)) z.classList.toggle("over", z.contains(e.target));
  });
  addEventListener("drop", (e) => {
    if (!isFiles(e)) return;
    e.preventDefault();
    depth = 0;
    $("drop").hidden = true;
    const files = [...e.dataTransfer.files];
    if (zones.add.contains(e.target)) addFiles(files);
    else if (files[0]) pictured(files[0]);
  });
}

function listen() {
  let typing = 0;
  $("ask").addEventListener("submit", (e) => { e.preventDefault(); clearTimeout(typing); view("grid"); go(); });
  $("words").addEventListener("input", () => { state.words = $("words").value; if (!state.words) { clearTimeout(typing); typing = setTimeout(go, 200); } });
  for (const name of ["mix", "weight", "diversity", "share"]) {
    $(name).addEventListener("input", () => { state[name] = Number($(name).value); clearTimeout(typing); typing = setTimeout(() => go(false), 150); });
  }
  $("where").addEventListener("change", () => { state.where = $("where").value; go(); });
  $("pick").addEventListener("click", () => $("pick-file").click());
  $("pick-file").addEventListener("change", (e) => { if (e.target.files[0]) pictured(e.target.files[0]); e.target.value = ""; });
  $("chip-remove").addEventListener("click", () => { state.picture = null; go(); $("words").focus(); });
  $("add").addEventListener("click", () => $("add-files").click());
  $("add-files").addEventListener("change", (e) => { addFiles(e.target.files); });
  $("more").addEventListener("click", () => search(hits.length));
  $("grid").addEventListener("keydown", (e) => walk($("grid"), e));
  $("to-grid").addEventListener("click", () => { view("grid"); write(); });
  $("to-map").addEventListener("click", () => { view("map"); write(); });
  $("detail-like").addEventListener("click", () => like(opened));
  $("detail-unlike").addEventListener("click", () => unlike(opened));
  $("language").addEventListener("click", () => { switchTo(current() === "ko" ? "en" : "ko"); translated(); });
  $("key-form").addEventListener("submit", () => { api.useKey($("key").value.trim()); $("key").value = ""; start(); });
  addEventListener("paste", (e) => { const f = [...(e.clipboardData?.files ?? [])][0]; if (f) { e.preventDefault(); pictured(f); } });
  addEventListener("popstate", () => { read(); controls(); view(state.view); search(); });
  addEventListener("keydown", (e) => {
    const writing = e.target.closest?.("input, textarea, dialog");
    if (e.key === "/" && !writing) { e.preventDefault(); $("words").focus(); }
  });
  dropping();
}

function translated() {
  introduce();
  controls();
  $("grid").replaceChildren(...hits.map((h) => card(h, { open, like })));
  if (hits.length) $("status").textContent = asked() ? say("found", { n: number(hits.length), ms: "" }).replace(/ · ?\s?ms$/, "") : say("all");
}

async function start() {
  try {
    await meet();
    controls();
    await Promise.all([search(), state.view === "map" ? view("map") : null]);
  } catch (e) { trouble(e); }
}

$("narrow").open = matchMedia("(min-width: 44rem)").matches;
read();
dress();
introduce();
listen();
start();
