// One hit goes in, a dialog comes out: the picture, its facts, and why it was found: by part, by word, and where in the picture.

import { show, titleOf } from "./grid.js";
import { say } from "./words.js";

const $ = (id) => document.getElementById(id);

export function open(hit, explain) {
  $("detail-title").textContent = titleOf(hit);
  $("detail-title").dataset.id = hit.id;
  $("detail-text").textContent = hit.text ?? "";
  const first = hit.images?.[0];
  $("detail-figure").hidden = !first;
  $("patches").replaceChildren();
  if (first) look(hit, 0);
  else $("detail-image").removeAttribute("src");
  $("strip").replaceChildren(...(hit.images?.length > 1 ? hit.images : []).map((picture, n) => {
    const [b, i] = [document.createElement("button"), document.createElement("img")];
    b.type = "button";
    b.setAttribute("aria-label", `${say("picture")} ${n + 1}`);
    b.addEventListener("click", () => look(hit, n));
    show(i, picture.thumbnail, "");
    b.append(i);
    return b;
  }));
  $("detail-facts").replaceChildren(...Object.entries(hit.facts ?? {}).flatMap(([k, v]) => {
    const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
    dt.textContent = k;
    dd.textContent = Array.isArray(v) ? v.join(", ") : String(v);
    return [dt, dd];
  }));
  $("why").replaceChildren();
  if (!$("detail").open) $("detail").showModal();
  explain?.then((told) => {
    if (!told || !$("detail").open || $("detail-title").dataset.id !== hit.id) return;
    if (told.picture) look(hit, told.picture);
    why(told);
  }).catch(() => {}); // without a reason the hit is still a hit
}

// One of the item's pictures; the overlay belongs to the picture it was made for.
function look(hit, n) {
  $("patches").replaceChildren();
  show($("detail-image"), hit.images[n].picture, hit.text || titleOf(hit));
}

function heading(text) {
  const h = document.createElement("h3");
  h.textContent = text;
  return h;
}

// The overlay lies on the picture itself, whatever the figure's shape.
function cover(rows, columns, values) {
  const image = $("detail-image");
  const lay = () => {
    const [w, h] = [image.clientWidth, image.clientHeight];
    const scale = Math.min(w / (image.naturalWidth || 1), h / (image.naturalHeight || 1));
    const [pw, ph] = [image.naturalWidth * scale, image.naturalHeight * scale];
    Object.assign($("patches").style, {
      left: `${image.offsetLeft + (w - pw) / 2}px`, top: `${image.offsetTop + (h - ph) / 2}px`, width: `${pw}px`, height: `${ph}px`,
      right: "auto", bottom: "auto", gridTemplateColumns: `repeat(${columns}, 1fr)`, gridTemplateRows: `repeat(${rows}, 1fr)`,
    });
  };
  const [low, high] = [Math.min(...values), Math.max(...values)];
  $("patches").replaceChildren(...values.map((v) => {
    const i = document.createElement("i");
    i.style.opacity = high > low ? 0.7 * ((high - v) / (high - low)) : 0; // what fits is left in the light
    return i;
  }));
  if (image.complete && image.naturalWidth) lay(); else image.addEventListener("load", lay, { once: true });
}

function why(told) {
  const found = [heading(say("why"))];
  for (const [part, value] of Object.entries(told.parts ?? {})) {
    if (value == null) continue;
    const row = document.createElement("div");
    row.className = "meter";
    const [name, bar, figure] = [document.createElement("span"), document.createElement("meter"), document.createElement("span")];
    name.textContent = say(part === "words" ? "wordsShort" : part);
    bar.min = 0;
    bar.max = 1;
    bar.value = Math.max(0, Math.min(1, value));
    figure.textContent = value.toFixed(3);
    row.append(name, bar, figure);
    found.push(row);
  }
  if (told.words?.length) {
    found.push(heading(say("whyWords")));
    for (const { word, score } of told.words) {
      const w = document.createElement("span");
      w.className = "word";
      w.textContent = word;
      const b = document.createElement("b");
      b.textContent = score.toFixed(2);
      w.append(b);
      found.push(w);
    }
  }
  if (told.patches?.values?.length) {
    cover(told.patches.rows, told.patches.columns, told.patches.values.flat());
    const p = document.createElement("p");
    p.className = "quiet";
    p.textContent = say("whyPlaces");
    found.push(p);
  }
  if (found.length > 1) $("why").replaceChildren(...found);
}
