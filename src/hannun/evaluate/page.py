"""A report or a comparison goes in; one HTML page with tables and drawings comes out, with nothing to fetch."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from hannun.evaluate import plots
from hannun.evaluate.compare import Comparison
from hannun.evaluate.report import EvalReport


def report_page(report: EvalReport) -> str:
    """The whole page of a report."""
    data = report.to_json()
    model, run = data["model"], data["run"]
    parts = [
        f"<h1>{_t(model['name'])}</h1>",
        f"<p class=note>fingerprint {_t(str(model['fingerprint'])[:16])} · {model['dim']} of {', '.join(map(str, model['dims']))} dims · "
        f"{_t(run['machine'])} · {_t(run['created'])}</p>",
        "<nav>" + " ".join(f'<a href="#{_t(s["suite"])}">{_t(s["suite"])}</a>' for s in data["suites"]) + "</nav>",
    ]
    for s in data["suites"]:
        parts.append(f'<section id="{_t(s["suite"])}"><h2>{_t(s["suite"])}</h2><p>{_t(s["about"])}</p>')
        parts += [f"<p class=note>{_t(n)}</p>" for n in s["notes"]]
        extra = s["extra"]
        if "curve" in extra:
            parts.append(plots.curve(extra["curve"], extra["where"]))
        parts += [f"<p>{_t(name)}</p>{plots.maps(found)}" for name, found in extra.items() if name.startswith("maps")]
        if "curve" not in extra:
            parts.append(plots.bars(s["figures"]))
        parts.append(_figures(s["figures"]))
        parts.append(f"<details><summary>data, {s['seconds']} s</summary>{_pairs(s['data'])}</details></section>")
    if data["skipped"]:
        parts.append(f"<section><h2>skipped</h2>{_pairs(data['skipped'])}</section>")
    how = {"command": run["command"], "seed": run["seed"], **run["versions"]}
    parts.append(
        f"<section><h2>how it was run</h2>{_pairs(how)}<p class=note>Intervals are 95 % bootstrap intervals over queries, or over "
        "what varies by itself (photos, people, paragraphs). A tie counts against the model.</p></section>"
    )
    return _page(f"{model['name']}: evaluation", "".join(parts))


def comparison_page(comparison: Comparison) -> str:
    """The whole page of a comparison."""
    data = comparison.to_json()
    parts = [
        f"<h1>{' · '.join(_t(m) for m in data['models'])}</h1><p class=note>differences from {_t(data['models'][0])}, paired by query</p>"
    ]
    for model, rows in data["differences"].items():
        heads = ("suite", "figure", "first", "other", "difference", "95 %", "p", "p (Holm)", "")
        body = "".join(
            _row(
                (r["suite"], r["name"], f"{r['first']:.3f}", f"{r['other']:.3f}", f"{r['difference']:+.3f}",
                 f"[{r['low']:+.3f}, {r['high']:+.3f}]", f"{r['p']:.3f}", f"{r['adjusted']:.3f}", r["verdict"]),
                r["verdict"] or "same",
            )
            for r in rows
        )  # fmt: skip
        head = "<tr>" + "".join(f"<th>{h}</th>" for h in heads) + "</tr>"
        parts.append(f"<section><h2>{_t(model)}</h2>{plots.differences(rows)}<table>{head}{body}</table></section>")
    if data["left_out"]:
        parts.append("<section><h2>left out</h2><ul>" + "".join(f"<li>{_t(x)}</li>" for x in data["left_out"]) + "</ul></section>")
    return _page("comparison", "".join(parts))


def _t(text: object) -> str:
    return html.escape(str(text))


def _pairs(values: Mapping[str, Any]) -> str:
    return "<table>" + "".join(f"<tr><td>{_t(k)}</td><td><code>{_t(v)}</code></td></tr>" for k, v in values.items()) + "</table>"


def _row(cells: Sequence[object], kind: str = "") -> str:
    return f"<tr class='{kind}'>" + "".join(f"<td>{_t(c)}</td>" for c in cells) + "</tr>"


def _figures(figures: Sequence[Mapping[str, Any]]) -> str:
    head = "<tr><th>figure</th><th>value</th><th>95 %</th><th>n</th><th></th></tr>"
    rows = []
    for f in figures:
        plain = f["low"] is None
        interval = "" if plain else f"[{f['low']:.3f}, {f['high']:.3f}]"
        rows.append(_row((f["name"], f"{f['value']:.3f}", interval, "" if plain else f["n"], ("↓ " if f["lower"] else "") + f["note"])))
    return f"<table>{head}{''.join(rows)}</table>"


def _page(title: str, body: str) -> str:
    return _PAGE.replace("{title}", _t(title)).replace("{body}", body)


_PAGE = """<!doctype html><html lang="ko"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title><style>
:root{color-scheme:light;--ink:#1d2126;--soft:#68707c;--line:#e1e4e9}
body{font:15px/1.55 "Noto Sans KR","Apple SD Gothic Neo","Malgun Gothic","NanumGothic",sans-serif;color:var(--ink);background:#fff;
max-width:1060px;margin:2rem auto;padding:0 1.2rem}
h1{font-size:1.7rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .3rem;border-top:1px solid var(--line);padding-top:1.2rem}
nav a{margin-right:.8rem;color:#2f6fb0}table{border-collapse:collapse;width:100%;margin:.6rem 0}td{font-variant-numeric:tabular-nums}
td,th{padding:.22rem .6rem .22rem 0;text-align:left;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:600}
code{font-size:.85em;word-break:break-all}.note{color:var(--soft);font-size:.9em}svg{max-width:100%;height:auto}
.better td:last-child{color:#2a7a48}.worse td:last-child{color:#b23a28}summary{color:var(--soft);cursor:pointer;font-size:.9em}
</style>{body}</html>
"""
