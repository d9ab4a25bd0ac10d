// What went wrong goes in, one line in the language of the page comes out. It quotes only what the user typed: the page
// sends more than that (what is ticked, ranges), and the service's own line would quote all of it.

import * as api from "./api.js";
import { say } from "./words.js";

const KNOWN = {
  PictureError: "badPicture", MissingError: "missing", StorageError: "diskFull", DependencyError: "notInstalled", Busy: "busy",
  rate: "busy", load: "busy", bodies: "busy", memory: "busy", closing: "closing", timeout: "tooSlow", body: "tooMuch",
  internal: "internal", host: "foreign", "cross-site": "foreign", gone: "cutOff", failed: "jobFailed",
};

// The service's reasons why a condition cannot be read; $1, $2 are pieces of the condition.
const REASONS = [
  [/character \d+: (.+) cannot be read; /, "whereUnreadable"],
  [/character \d+: (.+) came, expected 'and', 'or' or the end/, "whereAnd"],
  [/character \d+: (.+) came, expected a field name/, "whereName"],
  [/character \d+: (.+) came after (.+), expected one of/, "whereOperator"],
  [/character \d+: (.+) came, expected a value/, "whereValue"],
  [/character \d+: (.+) is not a number or an ISO date/, "whereNumber"],
  [/character \d+: (.+) is too large a number/, "whereLarge"],
  [/the condition ends, expected a value/, "whereEndsValue"],
  [/the condition ends, expected a field name/, "whereEndsName"],
  [/the condition ends, expected one of/, "whereEndsOperator"],
  [/: expected '(.)'/, "whereMark"],
  [/no item has the fact '(.+?)'; did you mean (.+)\?$/, "whereMeant"],
  [/no item has the fact '(.+?)'; known: (.+)$/, "whereKnown"],
  [/no item has the fact '(.+?)'/, "whereNone"],
];

// Without the quotes that Python writes around a piece, or around each name of a list.
const bare = (piece) => /^(['"])(.*)\1$/s.exec(piece)?.[2] ?? piece;
const listed = (names) => names.split(/ or |, /).map(bare).join(", ");

function reason(message, example) {
  for (const [form, key] of REASONS) {
    const found = form.exec(message);
    if (found) return say(key, { a: bare(found[1] ?? ""), b: listed(found[2] ?? "") });
  }
  return say("whereWrong", { example });
}

// Which part of what was asked the service could not read: what was typed is asked once more by itself.
async function condition(e, typed, example) {
  if (!typed) return say("whereStale");
  try { await api.items(typed, 1, 0); } catch (alone) {
    if (alone instanceof api.Refused && alone.code === "WhereError") return say("whereLine", { typed, reason: reason(alone.message, example) });
    if (alone instanceof api.Refused) return say("whereLine", { typed, reason: say("whereWrong", { example }) });
    throw alone;
  }
  return say("whereStale"); // what was typed can be read: it is a box or a range of an old link
}

export async function line(e, { typed = "", example = "" } = {}) {
  if (e instanceof TypeError) return say("offline");
  if (!(e instanceof api.Refused)) return say("internal");
  if (!e.code) return e.message; // the page's own words
  if (e.code === "WhereError") return condition(e, typed.trim(), example).catch((again) => line(again));
  if (e.code === "InputError" && /only words to avoid/.test(e.message)) return say("onlyAvoided");
  return say(KNOWN[e.code] ?? (e.status >= 500 ? "internal" : "refused"), { code: `${e.status} ${e.code}` });
}

// Why one of many pictures was not added.
export function problem(text) {
  const large = /limit here is ([\d,]+) pixels/.exec(text);
  return large ? say("tooManyPixels", { n: large[1] }) : say("badPicture");
}
