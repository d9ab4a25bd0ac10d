// Searches that the user wants to keep: their names and addresses stay in this browser; an address also opens anywhere else.

import { say } from "./words.js";

const $ = (id) => document.getElementById(id);
const KEY = "saved";

function all() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((s) => typeof s?.name === "string" && typeof s.address === "string" && s.address.startsWith("?")) : [];
  } catch { return []; }
}

const keep = (list) => localStorage.setItem(KEY, JSON.stringify(list));

let follow = () => {}; // takes an address

function draw() {
  const list = all();
  $("saved-list").replaceChildren(...list.map((one) => {
    const li = document.createElement("li");
    const a = document.createElement("a");
    a.href = `${location.pathname}${one.address}`;
    a.textContent = one.name;
    a.addEventListener("click", (e) => {
      if (e.ctrlKey || e.metaKey || e.shiftKey) return;
      e.preventDefault();
      $("saved").close();
      follow(one.address);
    });
    const drop = document.createElement("button");
    drop.type = "button";
    drop.className = "icon";
    drop.textContent = "×";
    drop.setAttribute("aria-label", `${say("savedRemove")}: ${one.name}`);
    drop.addEventListener("click", () => { keep(all().filter((s) => s.name !== one.name)); draw(); $("saved-name").focus(); });
    li.append(a, drop);
    return li;
  }));
  $("saved-none").hidden = list.length > 0;
}

// `name` proposes one; `go` takes an address; `picture` tells whether the search has a picture, which no address can hold.
export function open({ name, picture, go }) {
  $("saved-name").value = name;
  $("saved-here").hidden = !location.search;
  $("saved-picture").hidden = !picture;
  $("saved-told").textContent = "";
  follow = go;
  draw();
  $("saved").showModal();
  if (location.search) $("saved-name").select();
}

export function listen() {
  $("saved-form").addEventListener("submit", (e) => {
    e.preventDefault();
    const name = $("saved-name").value.trim();
    if (!name) return;
    keep([...all().filter((s) => s.name !== name), { name, address: location.search }]);
    draw();
    $("saved-told").textContent = say("savedDone", { name });
  });
  $("saved-copy").addEventListener("click", async () => {
    // Without a secure connection a browser gives no clipboard: then the address is shown to be copied by hand.
    try { await navigator.clipboard.writeText(location.href); $("saved-told").textContent = say("copied"); } catch { $("saved-told").textContent = location.href; }
  });
}
