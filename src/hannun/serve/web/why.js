// An explanation of a hit goes in, its reasons by part and by word come out, and the places of the picture, which stay unlit until asked for.

import { say } from "./words.js";

const $ = (id) => document.getElementById(id);

export function clear() {
  $("why").replaceChildren();
  $("patches").replaceChildren();
  $("patches").hidden = true;
  $("heat").hidden = true;
  $("heat").setAttribute("aria-pressed", "false");
}

function heading(text) {
  const h = document.createElement("h3");
  h.textContent = text;
  return h;
}

function meter(part, value) {
  const row = document.createElement("div");
  row.className = "meter";
  const [name, bar, figure] = [document.createElement("span"), document.createElement("meter"), document.createElement("span")];
  name.textContent = say(part === "words" ? "wordsShort" : part);
  bar.min = 0;
  bar.max = 1;
  bar.value = Math.max(0, Math.min(1, value));
  bar.setAttribute("aria-label", name.textContent);
  figure.textContent = value.toFixed(3);
  row.append(name, bar, figure);
  return row;
}

// The overlay lies on the picture itself, whatever the figure's shape.
function lay(rows, columns) {
  const image = $("detail-image");
  const [w, h] = [image.clientWidth, image.clientHeight];
  const scale = Math.min(w / (image.naturalWidth || 1), h / (image.naturalHeight || 1));
  const [pw, ph] = [image.naturalWidth * scale, image.naturalHeight * scale];
  Object.assign($("patches").style, {
    left: `${image.offsetLeft + (w - pw) / 2}px`, top: `${image.offsetTop + (h - ph) / 2}px`, width: `${pw}px`, height: `${ph}px`,
    right: "auto", bottom: "auto", gridTemplateColumns: `repeat(${columns}, 1fr)`, gridTemplateRows: `repeat(${rows}, 1fr)`,
  });
}

function cover({ rows, columns, values: table }) {
  const values = table.flat();
  const [low, high] = [Math.min(...values), Math.max(...values)];
  $("patches").replaceChildren(...values.map((v) => {
    const i = document.createElement("i");
    i.style.opacity = high > low ? 0.7 * ((high - v) / (high - low)) : 0; // what fits is left in the light
    return i;
  }));
  $("heat").hidden = false;
  $("heat").onclick = () => {
    const on = $("heat").getAttribute("aria-pressed") !== "true";
    $("heat").setAttribute("aria-pressed", on);
    $("patches").hidden = !on;
    if (on) lay(rows, columns);
  };
}

export function show(told) {
  const found = [heading(say("why"))];
  for (const [part, value] of Object.entries(told.parts ?? {})) if (value != null) found.push(meter(part, value));
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
  if (told.patches?.values?.length) cover(told.patches);
  if (found.length > 1) $("why").replaceChildren(...found);
}
