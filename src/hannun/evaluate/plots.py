"""Figures, curves and maps go in; SVG drawings come out as text, the same for the same input."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

_COLOURS = ("#2f6fb0", "#c8553d", "#3a8f5c", "#8a5fb0", "#b8862b", "#5a6270")
_INK = "#444a54"


def _canvas(width: float, height: float) -> Canvas:
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Made

    matplotlib.rcParams["svg.hashsalt"] = "hannun"  # ids inside the file would differ from run to run
    matplotlib.rcParams["svg.fonttype"] = "none"  # the page's own fonts: Korean needs no embedding
    made = Made(figsize=(width, height))
    FigureCanvasSVG(made)
    return made


def _svg(canvas: Canvas) -> str:
    canvas.tight_layout()
    out = io.StringIO()
    canvas.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def bars(figures: Sequence[Mapping[str, Any]]) -> str:
    """Values with intervals as horizontal bars, first on top; only figures that lie in 0…1 are drawn."""
    shown = [f for f in figures if 0 <= f["value"] <= 1]
    if not shown:
        return ""
    canvas = _canvas(9, 0.28 * len(shown) + 0.8)
    axes = canvas.add_subplot()
    y = range(len(shown))[::-1]
    low = [f["value"] - (f["low"] if f["low"] is not None else f["value"]) for f in shown]
    high = [(f["high"] if f["high"] is not None else f["value"]) - f["value"] for f in shown]
    errors = [[max(0.0, v) for v in low], [max(0.0, v) for v in high]]
    axes.barh(list(y), [f["value"] for f in shown], color=_COLOURS[0], height=0.62, xerr=errors, ecolor=_INK, error_kw={"linewidth": 1})
    axes.set_yticks(list(y), [f["name"] for f in shown], fontsize=8)
    axes.set_xlim(0, 1)
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return _svg(canvas)


def curve(rows: Sequence[Mapping[str, Any]], where: str) -> str:
    """Quality over bytes for every format, the knee marked; milliseconds beside."""
    canvas = _canvas(9, 3.8)
    left, right = canvas.subplots(1, 2)
    for n, format in enumerate(dict.fromkeys(r["format"] for r in rows)):
        of = sorted((r for r in rows if r["format"] == format), key=lambda r: r["bytes"])
        left.plot([r["bytes"] for r in of], [r["quality"] for r in of], marker="o", color=_COLOURS[n], label=format)
        right.plot([r["dim"] for r in of], [r["milliseconds"] for r in of], marker="o", color=_COLOURS[n], label=format)
        for r in of:
            left.annotate(str(r["dim"]), (r["bytes"], r["quality"]), fontsize=7, textcoords="offset points", xytext=(3, 4))
    for r in rows:
        if r["knee"]:
            left.plot(
                [r["bytes"]], [r["quality"]], marker="o", markersize=16, fillstyle="none", color="#c8232c", label="knee", linestyle=""
            )
    left.set_xscale("log", base=2)
    left.set_xlabel("bytes for a vector")
    left.set_ylabel("nDCG@10")
    left.set_title(where, fontsize=9)
    right.set_xlabel("dim")
    right.set_ylabel("ms for an exact search (this machine)")
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.legend(fontsize=8)
    return _svg(canvas)


def maps(found: Mapping[str, Any]) -> str:
    """Every map side by side, coloured by language and modality."""
    kinds: list[str] = found["kinds"]
    names = [k for k in found if k != "kinds"]
    if not names:
        return ""
    canvas = _canvas(4.0 * len(names), 3.9)
    for n, name in enumerate(names, start=1):
        axes = canvas.add_subplot(1, len(names), n)
        for c, kind in enumerate(dict.fromkeys(kinds)):
            points = [p for p, k in zip(found[name], kinds, strict=True) if k == kind]
            axes.scatter([p[0] for p in points], [p[1] for p in points], s=9, alpha=0.7, color=_COLOURS[c], label=kind)
        axes.set_title(name, fontsize=10)
        axes.set_xticks([])
        axes.set_yticks([])
        if n == 1:
            axes.legend(fontsize=8)
    return _svg(canvas)


def differences(rows: Sequence[Mapping[str, Any]]) -> str:
    """Differences with intervals around zero; those that chance does not explain in colour."""
    if not rows:
        return ""
    canvas = _canvas(9, 0.28 * len(rows) + 0.8)
    axes = canvas.add_subplot()
    for y, r in zip(range(len(rows))[::-1], rows, strict=True):
        colour = {"better": _COLOURS[2], "worse": _COLOURS[1]}.get(r["verdict"], "#a0a6b0")
        axes.plot([r["low"], r["high"]], [y, y], color=colour, linewidth=2)
        axes.plot([r["difference"]], [y], marker="o", color=colour, markersize=5)
    axes.axvline(0, color=_INK, linewidth=1)
    axes.set_yticks(list(range(len(rows))[::-1]), [f"{r['suite']}: {r['name']}" for r in rows], fontsize=8)
    axes.grid(axis="x", alpha=0.25)
    return _svg(canvas)
