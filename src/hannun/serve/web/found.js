// The facts of an item go in; what was found in it (tags with their probability) and where it lies come out, as elements for the dialog.

import { say } from "./words.js";

// The names of the facts that annotators found: the fact `tags` holds the score of each.
export function names(facts) {
  const tags = facts?.tags;
  if (tags === null || typeof tags !== "object" || Array.isArray(tags)) return [];
  return Object.keys(tags).filter((k) => typeof tags[k] === "number" && typeof facts[k] === "string");
}

// Chips: colour 빨강 91 %. A click asks for more of them: narrow(name, value).
export function chips(facts, narrow) {
  return names(facts).map((k) => {
    const [li, b, p] = [document.createElement("li"), document.createElement("button"), document.createElement("span")];
    b.type = "button";
    b.className = "tag";
    b.dataset.field = k;
    const sure = `${Math.round(facts.tags[k] * 100)}%`;
    b.append(`${k}: ${facts[k]} `, p);
    p.className = "sure";
    p.textContent = sure;
    b.setAttribute("aria-label", say("tagged", { name: k, value: facts[k], sure }));
    b.addEventListener("click", () => narrow(k, facts[k]));
    li.append(b);
    return li;
  });
}

const isPlace = (f) => typeof f?.latitude === "number" && typeof f?.longitude === "number";

// Where a picture was taken, or the place that it shows: name, region, coordinates; a geo: link opens the device's own map.
export function place(facts) {
  if (!isPlace(facts)) return null;
  const [card, name, at] = [document.createElement("section"), document.createElement("strong"), document.createElement("a")];
  card.className = "place";
  card.setAttribute("aria-label", say("placeCard"));
  const { latitude, longitude } = facts;
  name.textContent = typeof facts.place === "string" ? facts.place : say("placeCard");
  const region = Array.isArray(facts.region) ? facts.region.at(-1) : facts.region;
  at.href = `geo:${latitude},${longitude}`;
  at.textContent = `${Math.abs(latitude).toFixed(4)}°${latitude < 0 ? "S" : "N"} ${Math.abs(longitude).toFixed(4)}°${longitude < 0 ? "W" : "E"}`;
  card.append(name);
  if (typeof region === "string" && region) {
    const path = document.createElement("span");
    path.className = "quiet";
    path.textContent = ` ${region.replaceAll("/", " › ")} `;
    card.append(path);
  }
  card.append(" ", at);
  return card;
}

// What the list of facts need not say again.
export const said = (facts) => new Set([...(names(facts).length ? ["tags", ...names(facts)] : []), ...(isPlace(facts) ? ["latitude", "longitude", "place", "region"] : [])]);
