// An item's facts go in, a small form comes out, and what was changed in it: {name: value}, null for what was taken away.

import { say } from "./words.js";

const scalar = (v) => v === null || typeof v !== "object";
const plain = (v) => scalar(v) || (Array.isArray(v) && v.every((x) => typeof x === "string" && !x.includes(",")));
const written = (v) => (Array.isArray(v) ? v.join(", ") : String(v));

// A value as it was typed: of the kind that it had; of a new fact, a number or true/false where it is written exactly as one.
export function value(text, before) {
  const typed = text.trim();
  if (!typed) return null;
  if (Array.isArray(before)) return typed.split(",").map((t) => t.trim()).filter(Boolean);
  if (typeof before === "string") return typed;
  if (typeof before === "boolean" || before === undefined) { if (typed === "true") return true; if (typed === "false") return false; }
  if (typeof before === "boolean") return typed;
  return String(Number(typed)) === typed || (typeof before === "number" && Number.isFinite(Number(typed))) ? Number(typed) : typed;
}

function field(label, text) {
  const input = document.createElement("input");
  input.value = text;
  input.setAttribute("aria-label", label);
  return input;
}

function row(name, before, form) {
  const line = document.createElement("div");
  line.className = "fact";
  const key = before === undefined ? field(say("factName"), "") : document.createElement("span");
  if (before === undefined) { key.maxLength = 200; key.placeholder = say("factName"); } else key.textContent = name;
  const of = field(before === undefined ? say("factValue") : name, before === undefined ? "" : written(before));
  if (before === undefined) of.placeholder = say("factValue");
  if (typeof before === "number") { of.inputMode = "decimal"; of.pattern = "\\s*[\\-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][\\-+]?\\d+)?\\s*"; of.title = say("factNumber"); }
  const drop = document.createElement("button");
  drop.type = "button";
  drop.className = "icon";
  drop.textContent = "×";
  drop.setAttribute("aria-label", `${say("factRemove")}: ${name || say("factName")}`);
  drop.addEventListener("click", () => { of.value = ""; line.hidden = true; form.querySelector("button[type=submit]").focus(); });
  line.append(key, of, drop);
  return { line, name: () => (before === undefined ? key.value.trim() : name), of, before };
}

export function form(facts, { save, cancel }) {
  const made = document.createElement("form");
  made.className = "facts-form";
  const rows = [];
  const buttons = document.createElement("p");
  buttons.className = "actions";
  const button = (key, type, act) => {
    const b = document.createElement("button");
    b.type = type;
    b.textContent = say(key);
    if (type === "button") { b.className = "plain"; b.addEventListener("click", act); }
    buttons.append(b);
    return b;
  };
  const add = () => {
    const one = row("", undefined, made);
    rows.push(one);
    buttons.before(one.line);
    return one;
  };
  button("save", "submit");
  button("factAdd", "button", () => add().line.querySelector("input").focus());
  button("cancel", "button", cancel);
  made.append(buttons);
  for (const [name, before] of Object.entries(facts)) {
    if (!plain(before)) continue; // dicts and lists of other things are left as they are
    const one = row(name, before, made);
    rows.push(one);
    buttons.before(one.line);
  }
  if (!rows.length) add();
  made.addEventListener("submit", (e) => {
    e.preventDefault();
    const changes = {};
    for (const { name, of, before } of rows) {
      const now = value(of.value, before);
      if (!name() || (before === undefined && now === null)) continue;
      if (before === undefined || JSON.stringify(now) !== JSON.stringify(value(written(before), before))) changes[name()] = now;
    }
    save(changes);
  });
  made.addEventListener("keydown", (e) => { if (e.key === "Escape") { e.preventDefault(); e.stopPropagation(); cancel(); } });
  return made;
}
