"""A report goes in; a model card with Hugging Face's results metadata (`model-index`) comes out as markdown."""

from __future__ import annotations

import json
from typing import Any

from hannun.evaluate.report import EvalReport

_TASKS = {"spearman": ("sentence-similarity", "spearman_cosine"), "macro_f1": ("zero-shot-classification", "f1"), "mean": ("retrieval", "")}


def metadata(report: EvalReport) -> dict[str, Any]:
    """The card's front matter as the hub reads it (huggingface.co/docs/hub/model-cards, `model-index`)."""
    data = report.to_json()
    results = []
    for s in data["suites"]:
        for f in s["figures"]:
            if f["kind"] == "value":
                continue
            task, metric = _TASKS[f["kind"]]
            kind = metric or f["name"].split()[-1].lower().replace("@", "_at_")
            results.append({
                "task": {"type": task, "name": s["about"]},
                "dataset": {"type": f"hannun/{s['suite']}", "name": s["suite"], "args": {"seed": data["run"]["seed"]}},
                "metrics": [{"type": kind, "name": f["name"], "value": round(f["value"], 4), "verified": False}],
                "source": {"name": f"hannun {data['run']['versions']['hannun']}", "url": "https://pypi.org/project/hannun/"},
            })  # fmt: skip
    name = str(data["model"]["name"])
    head: dict[str, Any] = {
        "language": ["ko", "en"],
        "library_name": "hannun",
        "pipeline_tag": "feature-extraction",
        "tags": ["multimodal", "korean", "retrieval", "matryoshka"],
    }
    return {**head, "model-index": [{"name": name, "results": results}]} if results else head


def card(report: EvalReport) -> str:
    """The whole card: front matter, figures by suite, how to run it again, what was left out. Words about training are the author's."""
    data = report.to_json()
    model, run = data["model"], data["run"]
    lines = [
        "---", yaml(metadata(report)), "---", "", f"# {model['name']}", "",
        f"Vectors of {model['dim']} values (declared: {', '.join(map(str, model['dims']))}); "
        + ("text and picture have a vector each." if model["parts"] else "text and picture together have one vector."),
        f"Fingerprint `{model['fingerprint']}`.", "", "## Numbers", "",
        "95 % bootstrap intervals over queries, or over what varies by itself. A tie counts against the model.", "",
    ]  # fmt: skip
    for s in data["suites"]:
        lines += [f"### {s['suite']}: {s['about']}", "", "| figure | value | 95 % | n |", "|---|---|---|---|"]
        for f in s["figures"]:
            interval = "" if f["low"] is None else f"{f['low']:.3f} … {f['high']:.3f}"
            lines.append(f"| {f['name'].replace('|', '/')} | {f['value']:.3f} | {interval} | {'' if f['low'] is None else f['n']} |")
        lines += ["", *(f"- {n}" for n in s["notes"]), ""]
    if data["skipped"]:
        lines += ["## Left out", "", *(f"- {name}: {why}" for name, why in data["skipped"].items()), ""]
    versions = ", ".join(f"{k} {v}" for k, v in run["versions"].items())
    lines += ["## How it was run", "", f"`{run['command']}`, seed {run['seed']}, {run['created']}, {run['machine']}; {versions}.", ""]
    hashes = {f"{s['suite']}/{k}": v for s in data["suites"] for k, v in s["data"].items() if not k.startswith("contents")}
    if hashes:
        lines += ["| data | SHA-256 |", "|---|---|", *(f"| {k} | `{v}` |" for k, v in hashes.items()), ""]
    return "\n".join(lines)


def yaml(value: Any, depth: int = 0) -> str:
    """Plain values as YAML: blocks for mappings and lists, JSON's own notation (which YAML reads) for the rest."""
    pad = "  " * depth
    if isinstance(value, dict) and value:
        return "\n".join(
            f"{pad}{k}:\n{yaml(v, depth + 1)}" if isinstance(v, dict | list) and v else f"{pad}{k}: {json.dumps(v, ensure_ascii=False)}"
            for k, v in value.items()
        )
    if isinstance(value, list) and value:
        return "\n".join(
            f"{pad}- {yaml(v, depth + 1).lstrip()}" if isinstance(v, dict | list) and v else f"{pad}- {json.dumps(v, ensure_ascii=False)}"
            for v in value
        )
    return pad + json.dumps(value, ensure_ascii=False)
