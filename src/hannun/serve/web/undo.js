// A change that can be taken back goes in, a line with an undo button comes out. What cannot be taken back once the service has
// done it is given as `commit`: it waits for as long as the line stands, and is done at once when another change or the end of
// the page comes.

import { say } from "./words.js";

const $ = (id) => document.getElementById(id);
const STANDS = 10_000; // ms; longer while it has the pointer or the focus

let last = null;

function settle(leaving = false) {
  const done = last;
  last = null;
  clearTimeout(done?.timer);
  $("undo").hidden = true;
  return done?.commit?.(leaving);
}

function wait() {
  if (!last) return;
  clearTimeout(last.timer);
  last.timer = setTimeout(() => { if ($("undo").matches(":hover, :focus-within")) wait(); else settle(); }, STANDS);
}

// A modal dialog makes everything outside it inert: the line stands where it can be reached.
export function place() {
  (document.querySelector("dialog[open]") ?? document.body).append($("undo"));
}

export function offer(text, { undo, commit }) {
  settle();
  last = { undo, commit };
  $("undo-text").textContent = text;
  $("undo-button").textContent = say("undo");
  place();
  $("undo").hidden = false;
  wait();
}

export function take() {
  const done = last;
  if (!done) return false;
  last = null;
  clearTimeout(done.timer);
  $("undo").hidden = true;
  done.undo();
  return true;
}

export function listen() {
  $("undo-button").addEventListener("click", take);
  addEventListener("pagehide", () => settle(true));
  addEventListener("keydown", (e) => {
    if (e.key.toLowerCase() === "z" && (e.ctrlKey || e.metaKey) && !e.shiftKey && !e.target.closest?.("input, textarea") && take()) e.preventDefault();
  });
}
