"""The measured rates on the pages go in; the tables of docs/cluster.md for 1 million, 100 million and 1.5 billion pairs come out.

    python docs/sizing.py                    write the tables into the page
    python docs/sizing.py --check            say whether the page has them (the tests ask the same)
    python docs/sizing.py --pairs 20000000   print them for a number of one's own

Rates come from docs/curate_at_scale.md, which `benchmarks/curate.py --only rates` printed; bytes of an item from docs/engines.md, which
`benchmarks/search.py` printed. What is assumed stands in ASSUMED, and on the page.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parent
PAGE = DOCS / "cluster.md"
BEGIN, END = "<!-- sizing: written by docs/sizing.py -->", "<!-- end of sizing -->"
SIZES = (1_000_000, 100_000_000, 1_500_000_000)


@dataclass(frozen=True)
class Assumed:
    """What nobody measured: shares of a raw pair, and machines.

    `texts` of a raw pair; `left`: pictures that are left for the models to look at; `scored`: texts of such a picture; `kept`: pairs in the
    end; `cores`, `memory` (GiB) and `filled` (the share of it that data may take) of a machine; `copies` of each item in a cluster.
    """

    texts: float = 3
    left: float = 0.6
    scored: float = 2.5
    kept: float = 0.4
    cores: int = 64
    memory: int = 256
    filled: float = 0.7
    copies: int = 2


ASSUMED = Assumed()


@dataclass(frozen=True)
class Item:
    """Bytes of an item of one vector of 384 values: on the disk, mapped from it by searches, and of the process's own memory."""

    disk: float
    mapped: float
    own: float


def rates() -> dict[str, float]:
    """Stage, as the page's table names it → things a second on one core."""
    page = (DOCS / "curate_at_scale.md").read_text("utf-8").partition("## Rates")[2].partition("## Work")[0]
    return {m[1]: float(m[2].replace(",", "")) for m in re.finditer(r"^\| ([^|]+) \| ([\d,]+) \|$", page, re.MULTILINE)}


def rate(beginning: str) -> float:
    """The rate of the one stage whose name begins so."""
    (found,) = [r for stage, r in rates().items() if stage.startswith(beginning)]
    return found


def item() -> Item:
    """What a million items took, by the page of engines."""
    page = (DOCS / "engines.md").read_text("utf-8")
    found = re.search(r"holds (\d+) bytes an item of its own and maps ([\d.]+) KB an item; on the disk they take ([\d.]+) KB", page)
    assert found is not None
    return Item(float(found[3]) * 1000, float(found[2]) * 1000, float(found[1]))


def curation(pairs: int) -> dict[str, float]:
    """Step → core-hours of so many raw pairs."""
    a, left = ASSUMED, ASSUMED.left * pairs
    counts = {
        "texts": ("texts", a.texts * pairs),
        "look at pictures": ("pictures looked at", pairs),
        "decode for models": ("pictures decoded", left),
        "text boxes": ("text boxes", left),
        "watermarks": ("watermark score", left),
        "picture vectors": ("picture vectors", left),
        "text vectors": ("text vectors", a.scored * left),
        "write": ("pairs written", a.kept * pairs),
    }
    return {step: count / rate(stage) / 3600 for step, (stage, count) in counts.items()}


def embedding(pairs: int) -> float:
    """Core-hours in which the kept pairs, a text and a picture each, are encoded by mini."""
    return sum(ASSUMED.kept * pairs / rate(f"{kind} vectors") / 3600 for kind in ("picture", "text"))


def machines(pairs: int) -> int:
    """Machines whose memory holds what searches map of the kept items, each item on `copies` of them."""
    room = ASSUMED.memory * 2**30 * ASSUMED.filled
    return max(ASSUMED.copies, math.ceil(ASSUMED.copies * ASSUMED.kept * pairs * 2 * (item().mapped + item().own) / room))


def amount(value: float) -> str:
    """Two figures of what is small, whole numbers of what is not."""
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def size(count: float) -> str:
    """Bytes in words."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{amount(count)} {unit}"
        count /= 1000
    raise AssertionError


def tables(sizes: tuple[int, ...] = SIZES) -> str:
    """The tables as Markdown."""
    head = ["| what | " + " | ".join(f"{n:,}" for n in sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    a, per = ASSUMED, item()

    def row(what: str, *cells: str) -> str:
        return f"| {what} | " + " | ".join(cells) + " |"

    whole = [curation(n) for n in sizes]
    steps = [row(step, *(amount(w[step]) for w in whole)) for step in whole[0]]
    totals = [sum(w.values()) for w in whole]
    steps.append(row("**all**, core-hours", *(f"**{amount(t)}**" for t in totals)))
    for many in (1, 20):
        name = f"hours on {many} machine{'s' * (many > 1)} of {a.cores} cores, if nothing waits"
        steps.append(row(name, *(amount(t / many / a.cores) for t in totals)))
    kept = [a.kept * n for n in sizes]
    rows = [
        row("pairs kept", *(f"{k:,.0f}" for k in kept)),
        row("encoded by mini, core-hours", *(amount(embedding(n)) for n in sizes)),
        row("on the disk", *(size(2 * per.disk * k) for k in kept)),
        row("mapped by searches", *(size(2 * per.mapped * k) for k in kept)),
        row("of the process's own memory", *(size(2 * per.own * k) for k in kept)),
        row("vectors searched first: float32", *(size(2 * 384 * 4 * k) for k in kept)),
        row("the same in int8", *(size(2 * 384 * k) for k in kept)),
        row("the same in int8, first 96 values", *(size(2 * 96 * k) for k in kept)),
        row(f"machines of {a.memory} GiB by memory, {a.copies} copies of each item", *(str(machines(n)) for n in sizes)),
    ]
    return "\n".join(["Curation, core-hours by raw pairs:", "", *head, *steps, "", "Embedding and search, by raw pairs:", "", *head, *rows])


def placed(page: str) -> str:
    """The page with the tables of now in it."""
    before, _, rest = page.partition(BEGIN)
    return before + "\n".join([BEGIN, tables(), END]) + rest.partition(END)[2]


def main() -> int:
    """Write, print or check; 1 where the page is out of date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--pairs", type=int, nargs="+")
    given = parser.parse_args()
    if given.pairs:
        print(tables(tuple(given.pairs)))
        return 0
    page = PAGE.read_text("utf-8")
    if given.check and placed(page) != page:
        print("docs/cluster.md shows older tables; run: python docs/sizing.py", file=sys.stderr)
        return 1
    if not given.check:
        PAGE.write_text(placed(page), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
