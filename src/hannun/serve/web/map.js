// Points with places go in, a sky to wander in comes out: drag, scroll or pinch, arrow keys from star to star, Enter opens.

import { show, titleOf } from "./grid.js";

const sky = document.getElementById("sky");
const stars = document.getElementById("stars");
const NEAR = 40; // pictures shown at once: those nearest the middle

let points = [];
let at = { x: 0, y: 0, zoom: 1 };
let chosen = -1;
let waiting = 0;

const span = () => 0.46 * Math.min(sky.clientWidth, sky.clientHeight);

export function fill(found, open) {
  points = found.map((p, n) => {
    const b = document.createElement("button");
    b.type = "button";
    b.className = "star";
    b.tabIndex = -1;
    b.setAttribute("aria-label", titleOf(p));
    b.title = titleOf(p);
    b.addEventListener("click", () => { chosen = n; open(p); });
    b.addEventListener("focus", () => { chosen = n; });
    return { ...p, element: b };
  });
  stars.replaceChildren(...points.map((p) => p.element));
  at = { x: 0, y: 0, zoom: 1 };
  chosen = -1;
  place();
}

function place() {
  const unit = span() * at.zoom;
  for (const p of points) p.element.style.transform = `translate(${(p.x - at.x) * unit}px, ${(at.y - p.y) * unit}px)`;
  clearTimeout(waiting);
  waiting = setTimeout(near, 80);
}

function near() {
  const close = points.map((p) => [Math.hypot(p.x - at.x, p.y - at.y), p]).sort((a, b) => a[0] - b[0]).slice(0, NEAR).map(([, p]) => p);
  const dense = at.zoom >= 3 || points.length <= 2 * NEAR;
  for (const p of points) p.element.classList.toggle("near", dense && close.includes(p));
  if (!dense) return;
  for (const p of close) {
    if (p.element.childElementCount) continue;
    if (p.thumbnail) {
      const image = document.createElement("img");
      image.draggable = false;
      show(image, p.thumbnail, "");
      p.element.append(image);
    } else {
      const caption = document.createElement("span");
      caption.className = "caption";
      caption.textContent = titleOf(p);
      p.element.append(caption);
    }
  }
}

function zoom(by, x = 0, y = 0) {
  const before = span() * at.zoom;
  at.zoom = Math.min(60, Math.max(0.5, at.zoom * by));
  const after = span() * at.zoom;
  at.x += x / before - x / after;
  at.y -= y / before - y / after;
  place();
}

sky.addEventListener("wheel", (e) => {
  e.preventDefault();
  const box = sky.getBoundingClientRect();
  zoom(Math.exp(-e.deltaY * 0.0015), e.clientX - box.left - box.width / 2, e.clientY - box.top - box.height / 2);
}, { passive: false });

const fingers = new Map();
let moved = 0;
sky.addEventListener("pointerdown", (e) => { fingers.set(e.pointerId, e); moved = 0; });
addEventListener("pointerup", (e) => fingers.delete(e.pointerId));
addEventListener("pointercancel", (e) => fingers.delete(e.pointerId));
sky.addEventListener("pointermove", (e) => {
  const last = fingers.get(e.pointerId);
  if (!last) return;
  const [dx, dy] = [e.clientX - last.clientX, e.clientY - last.clientY];
  moved += Math.abs(dx) + Math.abs(dy);
  if (fingers.size === 2) {
    const other = [...fingers.values()].find((f) => f.pointerId !== e.pointerId);
    const before = Math.hypot(last.clientX - other.clientX, last.clientY - other.clientY);
    const after = Math.hypot(e.clientX - other.clientX, e.clientY - other.clientY);
    if (before > 0) zoom(after / before);
  } else {
    const unit = span() * at.zoom;
    at.x -= dx / unit;
    at.y += dy / unit;
    place();
  }
  fingers.set(e.pointerId, e);
});
sky.addEventListener("click", (e) => { if (moved > 6) { e.stopPropagation(); e.preventDefault(); } }, true); // a drag opens nothing

sky.addEventListener("keydown", (e) => {
  if (e.key === "+" || e.key === "=") return zoom(1.4);
  if (e.key === "-") return zoom(1 / 1.4);
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[e.key];
  if (!way || !points.length) return;
  e.preventDefault();
  const from = points[chosen] ?? at;
  let [best, least] = [-1, Infinity];
  points.forEach((p, n) => {
    const [dx, dy] = [p.x - from.x, p.y - from.y];
    const along = dx * way[0] + dy * way[1];
    const aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
    if (n !== chosen && along > 1e-9 && along + 2 * aside < least) [best, least] = [n, along + 2 * aside];
  });
  if (best < 0) return;
  chosen = best;
  at.x = points[best].x;
  at.y = points[best].y;
  place();
  points[best].element.focus({ preventScroll: true });
});
new ResizeObserver(place).observe(sky);
