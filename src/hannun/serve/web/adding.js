// Picture files go in, a job on the service comes out, with its progress in the corner; and where dragged files may be dropped.

import * as api from "./api.js";
import { problem } from "./trouble.js";
import { current, number, say } from "./words.js";

const $ = (id) => document.getElementById(id);

// Resolves when everything is added; rejects with what kept the rest from being sent.
export async function files(given, limit) {
  const largest = (limit ?? Infinity) / 1048576;
  const problems = [];
  const sent = [...given].filter((f) => {
    if (!f.type.startsWith("image/")) problems.push(say("notPicture", { name: f.name }));
    else if (f.size / 1048576 > largest) problems.push(say("tooLarge", { name: f.name, size: (f.size / 1048576).toFixed(1), max: Math.floor(largest) }));
    else return true;
    return false;
  });
  $("job").hidden = false;
  let [done, added] = [0, 0];
  const show = () => {
    $("job-text").textContent = say("adding", { done: number(done), total: number(sent.length) });
    $("job-bar").value = sent.length ? done / sent.length : 1;
    $("job-problems").replaceChildren(...problems.map((p) => { const li = document.createElement("li"); li.textContent = p; return li; }));
  };
  show();
  try {
    for (let at = 0; at < sent.length;) {
      // Batches stay below the service's limit for one body.
      let [batch, bytes] = [[], 0];
      while (at < sent.length && batch.length < 20 && (!batch.length || bytes + sent[at].size <= largest * 1048576 * 0.9)) { bytes += sent[at].size; batch.push(sent[at++]); }
      let job = await api.add(batch);
      const before = done;
      while (job.state === "queued" || job.state === "running") {
        await new Promise((r) => setTimeout(r, 250));
        job = await api.job(job.job ?? job.id);
        done = before + Math.min(job.done ?? 0, batch.length);
        show();
      }
      done = before + batch.length;
      added += job.added ?? batch.length - (job.problems?.length ?? 0);
      problems.push(...(job.problems ?? []).map((p) => { // "row 2" is the second file of this batch
        const row = /^row (\d+)/.exec(p.where);
        return `${(row && batch[row[1] - 1]?.name) ?? p.where}: ${current() === "ko" ? problem(p.reason) : p.reason}`;
      }));
      if (job.state === "failed" && !job.problems?.length && job.error) problems.push(say("jobFailed"));
      show();
    }
    $("job-text").textContent = say("added", { n: number(added) }) + (problems.length ? ` · ${say("problems", { n: number(problems.length) })}` : "");
  } catch (e) { $("job").hidden = true; throw e; }
  setTimeout(() => { $("job").hidden = true; }, problems.length ? 12000 : 4000);
}

// `ask` takes one picture to search by, `add` a list of files to keep; `writable` tells whether adding is allowed.
export function dropping({ ask, add, writable }) {
  const zones = { search: $("drop-search"), add: $("drop-add") };
  const isFiles = (e) => [...(e.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  addEventListener("dragenter", (e) => { if (isFiles(e) && depth++ === 0) { $("drop").hidden = false; zones.add.hidden = !writable(); } });
  addEventListener("dragleave", (e) => { if (isFiles(e) && --depth <= 0) { depth = 0; $("drop").hidden = true; } });
  addEventListener("dragover", (e) => {
    if (!isFiles(e)) return;
    e.preventDefault();
    for (const z of Object.values(zones)) z.classList.toggle("over", z.contains(e.target));
  });
  addEventListener("drop", (e) => {
    if (!isFiles(e)) return;
    e.preventDefault();
    depth = 0;
    $("drop").hidden = true;
    const dropped = [...e.dataTransfer.files];
    if (zones.add.contains(e.target)) add(dropped);
    else if (dropped[0]) ask(dropped[0]);
  });
}
