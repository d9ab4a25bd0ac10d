// Hits go in, cards come out: a grid that arrow keys walk, where each card opens and offers "more like this".

import { picture } from "./api.js";
import { FITS } from "./query.js";
import { say } from "./words.js";

export function titleOf(hit) {
  const { title, page, pages } = hit.facts ?? {};
  if (title && page && pages) return `${title} · ${page}/${pages}`; // of a PDF
  return hit.title || (hit.text ?? "").split("\n")[0].slice(0, 120) || String(hit.facts?.name ?? hit.facts?.title ?? "") || hit.id.split("/").pop() || say("untitled");
}

export async function show(image, url, alt) {
  image.alt = alt;
  try { image.src = await picture(url); } catch { image.replaceWith(blank(alt)); }
}

function blank(text) {
  const b = document.createElement("span");
  b.className = "blank";
  b.textContent = text;
  return b;
}

export function card(hit, { open, like }) {
  const title = titleOf(hit);
  const li = document.createElement("li");
  const article = document.createElement("article");
  article.className = "card";
  const opener = document.createElement("button");
  opener.type = "button";
  opener.className = "open";
  opener.dataset.id = hit.id;
  opener.setAttribute("aria-label", title);
  opener.addEventListener("click", () => open(hit));
  const first = hit.images?.[0];
  if (first) {
    const image = document.createElement("img");
    image.loading = "lazy";
    image.decoding = "async";
    image.addEventListener("error", () => image.replaceWith(blank(title)), { once: true });
    show(image, first.thumbnail, "");
    opener.append(image);
  } else opener.append(blank(hit.text ?? title));
  const text = document.createElement("div");
  text.className = "text";
  text.textContent = first ? hit.text || title : title;
  const foot = document.createElement("div");
  foot.className = "foot";
  if (hit.relevance != null) { // the score hangs on the options; relevance means the same wherever a hit is shown
    const fits = document.createElement("span");
    fits.className = hit.relevance < FITS ? "relevance weak" : "relevance";
    fits.textContent = `${Math.round(hit.relevance * 100)}%`;
    fits.title = say(hit.relevance < FITS ? "relevanceWeak" : "relevance");
    const spoken = document.createElement("span");
    spoken.className = "unseen";
    spoken.textContent = say("relevance");
    fits.prepend(spoken);
    foot.append(fits);
  }
  const more = document.createElement("button");
  more.type = "button";
  more.className = "plain";
  more.textContent = say("like");
  more.setAttribute("aria-label", `${say("like")}: ${title}`);
  more.addEventListener("click", () => like(hit));
  foot.append(more);
  article.append(opener, text, foot);
  li.append(article);
  return li;
}

// Arrow keys go where they point, also between rows of unequal length.
export function walk(grid, event) {
  const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const step = keys[event.key];
  const all = [...grid.querySelectorAll(".open")];
  const at = all.indexOf(document.activeElement);
  if (!step || at < 0) return;
  const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  const to = all[Math.min(Math.max(at + step[0] + step[1] * columns, 0), all.length - 1)];
  event.preventDefault();
  to.focus();
}
