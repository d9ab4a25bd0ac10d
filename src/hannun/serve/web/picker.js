// A query and an item of several pictures go in; the pictures come out in the order of how they fit, the one to show marked and cut.

import * as api from "./api.js";
import { number, say } from "./words.js";

// look(n): shows picture n. Nothing is offered for one picture, or where no words were asked.
export function offer(hit, query, look, trouble) {
  const box = document.createElement("div");
  box.id = "picker";
  if (!(hit.images?.length > 1) || !query) return box;
  const [b, told] = [document.createElement("button"), document.createElement("p")];
  b.type = "button";
  b.id = "pick-thumbnail";
  b.className = "plain";
  b.textContent = say("pickThumbnail");
  told.setAttribute("role", "status");
  b.addEventListener("click", async () => {
    b.disabled = true;
    try {
      const { pictures } = await api.thumbnail({ id: hit.id, query });
      const best = pictures.find((p) => p.shown);
      told.textContent = best ? say("thumbnailIs", { n: number(best.number + 1), sure: `${Math.round(best.score * 100)}%` }) : say("noThumbnail");
      if (best) look(best.number);
      box.dataset.best = best ? best.number : "";
    } catch (e) { trouble(e); }
    b.disabled = false;
  });
  box.append(b, told);
  return box;
}
