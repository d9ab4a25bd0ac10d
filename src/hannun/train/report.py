"""The rows of a run's log go in; one HTML page with its curves, no script and nothing to fetch, comes out."""

from __future__ import annotations

import html as escape
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_WIDTH, _HEIGHT, _PAD = 460, 180, 46

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#222;background:#fff}
figure{display:inline-block;margin:.4rem;width:460px;max-width:100%}figcaption{font-weight:600}svg{width:100%;height:auto}
table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0;font-variant-numeric:tabular-nums}
polyline{fill:none;stroke:#2a6fdb;stroke-width:2}line{stroke:#ccc}text{font-size:11px;fill:#555}@media(prefers-color-scheme:dark){body{background:#16181c;color:#ddd}line{stroke:#444}text{fill:#aaa}}"""


def rows(log: Path) -> list[dict[str, Any]]:
    """The rows of a `log.jsonl`; a last line that a killed process left half written is passed over."""
    out = []
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            out.append(json.loads(line))
        except ValueError:
            continue
    return out


def html(title: str, log: Sequence[Mapping[str, Any]], schedule: Mapping[str, Any]) -> str:
    """One curve for each name in the log, in the order of their first appearance, and the schedule's numbers."""
    names = list(dict.fromkeys(k for r in log for k in r if k != "step"))
    first = [n for n in ("loss", "validation") if n in names]
    figures = [_figure(n, [(r["step"], r[n]) for r in log if n in r]) for n in [*first, *(n for n in names if n not in first)]]
    table = "".join(f"<tr><td>{escape.escape(str(k))}</td><td>{escape.escape(str(v))}</td></tr>" for k, v in schedule.items())
    last = max((r["step"] for r in log), default=0)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape.escape(title)}</title><style>{_STYLE}</style>'
        f"<h1>{escape.escape(title)}</h1><p>{last:,} steps.</p>{''.join(figures)}<h2>Schedule</h2><table>{table}</table></html>\n"
    )


def _figure(name: str, points: Sequence[tuple[float, float]]) -> str:
    points = [(x, y) for x, y in points if math.isfinite(y)]
    if not points:
        return ""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    low, high = min(ys), max(ys)
    span, length = (high - low) or 1.0, (max(xs) - min(xs)) or 1

    def at(x: float, y: float) -> str:
        across = _PAD + (x - min(xs)) / length * (_WIDTH - _PAD - 8)
        return f"{across:.1f},{8 + (high - y) / span * (_HEIGHT - 30):.1f}"

    line = " ".join(at(x, y) for x, y in points)
    bottom = _HEIGHT - 22
    return (
        f'<figure><figcaption>{escape.escape(name)}: {ys[-1]:.4g}</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape.escape(name)} from {ys[0]:.4g} to {ys[-1]:.4g}">'
        f'<line x1="{_PAD}" y1="{bottom}" x2="{_WIDTH - 8}" y2="{bottom}"/><line x1="{_PAD}" y1="8" x2="{_PAD}" y2="{bottom}"/>'
        f'<text x="2" y="14">{high:.4g}</text><text x="2" y="{bottom}">{low:.4g}</text>'
        f'<text x="{_PAD}" y="{_HEIGHT - 6}">{min(xs):,}</text>'
        f'<text x="{_WIDTH - 8}" y="{_HEIGHT - 6}" text-anchor="end">{max(xs):,}</text>'
        f'<polyline points="{line}"/></svg></figure>'
    )
