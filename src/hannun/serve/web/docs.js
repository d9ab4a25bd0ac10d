// The service's OpenAPI document goes in, a page comes out that says what each request takes and answers, and that can send it.

import { dress, say } from "./words.js";

const $ = (id) => document.getElementById(id);
const METHODS = ["get", "post", "put", "patch", "delete"];

function made(tag, text = "", cls = "") {
  const e = document.createElement(tag);
  e.textContent = text;
  if (cls) e.className = cls;
  return e;
}

const named = (schema) => schema?.$ref?.split("/").pop();
const resolved = (doc, schema) => (schema?.$ref ? doc.components.schemas[named(schema)] : schema) ?? {};

// A schema in a few words: integer, "a" | "b", array of Row.
function kind(schema = {}) {
  if (schema.$ref) return named(schema);
  if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).join(" | ");
  if ("const" in schema) return JSON.stringify(schema.const);
  const choice = schema.anyOf ?? schema.oneOf;
  if (choice) return [...new Set(choice.map(kind))].join(" | ");
  if (schema.type === "array") return `${say("docsList")} ${schema.prefixItems ? schema.prefixItems.map(kind).join(", ") : kind(schema.items)}`;
  return schema.format && schema.type === "string" ? `string (${schema.format})` : schema.type ?? "any";
}

function bounds(s) {
  const parts = [];
  if (s.minimum !== undefined) parts.push(`≥ ${s.minimum}`);
  if (s.maximum !== undefined) parts.push(`≤ ${s.maximum}`);
  if (s.maxItems !== undefined) parts.push(`≤ ${s.maxItems} ${say("docsValues")}`);
  if (s.default !== undefined && s.default !== null) parts.push(`= ${JSON.stringify(s.default)}`);
  return parts.join(", ");
}

function table(rows) {
  const scroll = made("div", "", "scroll");
  const all = made("table");
  all.append(...rows.map(([name, what, about, needed]) => {
    const tr = made("tr");
    const th = made("th");
    th.scope = "row";
    th.append(made("code", name), needed ? made("em", ` ${say("docsNeeded")}`) : "");
    tr.append(th, made("td", what), made("td", about));
    return tr;
  }));
  scroll.append(all);
  return scroll;
}

function fields(doc, schema) {
  const of = resolved(doc, schema);
  const rows = Object.entries(of.properties ?? {}).map(([name, s]) => [name, kind(s), [s.description ?? "", bounds(s)].filter(Boolean).join(" · "), of.required?.includes(name)]);
  return rows.length ? table(rows) : made("p", kind(schema), "quiet");
}

// The schemas that one names, each once, those that they name after them.
function mentioned(doc, schema, seen = new Set()) {
  for (const found of JSON.stringify(schema ?? {}).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
    if (seen.has(found[1])) continue;
    seen.add(found[1]);
    mentioned(doc, doc.components.schemas[found[1]], seen);
  }
  return seen;
}

const EXAMPLES = {
  SearchBody: { query: "빨간 원피스", limit: 3 }, ExplainBody: { query: "빨간 원피스", id: "1" }, EmbeddingsBody: { input: ["빨간 원피스"] },
  RerankBody: { query: "빨간 원피스", documents: ["붉은 드레스", "파란 바지"] }, AddBody: { items: [{ id: "1", text: "빨간 원피스", price: 39000 }] },
  UpdateBody: { ids: ["1"], facts: { price: 29000 } }, DeleteBody: { ids: ["1"] },
};

function trial(path, method, operation, body) {
  const form = made("form", "", "trial");
  const inputs = (operation.parameters ?? []).filter((p) => p.in !== "header").map((p) => {
    const label = made("label", `${p.name} `);
    const input = made("input");
    input.name = p.name;
    input.required = p.required === true;
    label.append(input);
    form.append(label);
    return [p, input];
  });
  let text = null;
  if (body) {
    text = made("textarea", JSON.stringify(EXAMPLES[named(body)] ?? {}, null, 1));
    text.rows = 6;
    text.spellcheck = false;
    text.setAttribute("aria-label", say("docsBody"));
    form.append(text);
  }
  const send = made("button", say("docsSend"));
  const answer = made("pre");
  answer.setAttribute("role", "status");
  answer.hidden = true;
  form.append(send, answer);
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    let at = path;
    const asked = new URLSearchParams();
    for (const [p, input] of inputs) {
      if (p.in === "path") at = at.replace(`{${p.name}}`, encodeURIComponent(input.value));
      else if (input.value) asked.append(p.name, input.value);
    }
    const headers = { ...(text && { "Content-Type": "application/json" }), ...($("key").value && { Authorization: `Bearer ${$("key").value}` }) };
    answer.hidden = false;
    try {
      const got = await fetch(`${at}${asked.size ? `?${asked}` : ""}`, { method: method.toUpperCase(), headers, body: text?.value });
      const type = got.headers.get("Content-Type") ?? "";
      const told = type.includes("json") ? JSON.stringify(await got.json(), null, 1) : type.startsWith("text/") ? await got.text() : type;
      answer.textContent = `${got.status} ${got.statusText}\n${told.slice(0, 20000)}`;
    } catch { answer.textContent = say("offline"); }
  });
  return form;
}

function operation(doc, path, method, it) {
  const all = made("details", "", "operation");
  all.id = `${method}-${path}`;
  const head = made("summary");
  head.append(made("b", method.toUpperCase(), `method ${method}`), " ", made("code", path), " ", made("span", it.description ?? it.summary ?? "", "quiet"));
  all.append(head);
  // Filled when it is opened first: the page has some thirty of them.
  all.addEventListener("toggle", () => {
    if (all.childElementCount > 1) return;
    const parameters = it.parameters ?? [];
    if (parameters.length) all.append(made("h3", say("docsParameters")), table(parameters.map((p) => [p.name, `${kind(p.schema)} (${p.in})`, [p.description ?? "", bounds(p.schema ?? {})].filter(Boolean).join(" · "), p.required])));
    const body = it.requestBody?.content?.["application/json"]?.schema;
    if (body) all.append(made("h3", `${say("docsBody")}: ${kind(body)}`), fields(doc, body));
    for (const type of Object.keys(it.requestBody?.content ?? {})) if (type !== "application/json") all.append(made("p", `${say("docsAlso")} ${type}`, "quiet"));
    const good = Object.entries(it.responses ?? {}).filter(([status]) => status < "300");
    for (const [status, answer] of good) {
      const schema = answer.content?.["application/json"]?.schema;
      all.append(made("h3", `${say("docsAnswer")} ${status}${schema ? `: ${kind(schema)}` : ` (${Object.keys(answer.content ?? {}).join(", ")})`}`));
      if (schema) all.append(fields(doc, schema));
    }
    const others = [...mentioned(doc, [body, good])].filter((n) => n !== named(body) && !good.some(([, a]) => named(a.content?.["application/json"]?.schema) === n));
    for (const name of others) all.append(made("h4", name), fields(doc, { $ref: `#/components/schemas/${name}` }));
    const bad = Object.entries(it.responses ?? {}).filter(([status]) => status >= "300");
    all.append(made("h3", say("docsRefusals")), table(bad.map(([status, answer]) => [status, "", answer.description ?? ""])));
    all.append(made("h3", say("docsTry")), trial(path, method, it, body));
  });
  return all;
}

async function start() {
  const answer = await fetch("/openapi.json");
  const doc = await answer.json();
  $("status").remove();
  $("about").textContent = `${doc.info.title} ${doc.info.version}. ${doc.info.description ?? ""}`;
  const rooms = new Map();
  for (const [path, methods] of Object.entries(doc.paths)) {
    for (const method of METHODS.filter((m) => methods[m])) {
      const tag = methods[method].tags?.[0] ?? "";
      rooms.set(tag, [...(rooms.get(tag) ?? []), operation(doc, path, method, methods[method])]);
    }
  }
  $("operations").replaceChildren(...[...rooms].flatMap(([tag, all]) => { const h = made("h2", tag); h.id = `tag-${tag}`; return [h, ...all]; }));
  $("index").replaceChildren(...[...rooms.keys()].map((tag) => { const a = made("a", tag); a.href = `#tag-${tag}`; return a; }));
}

dress();
$("key").value = sessionStorage.getItem("key") ?? "";
start().catch(() => { $("status").textContent = say("offline"); });
