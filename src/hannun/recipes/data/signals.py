"""The data folder, or recordings of one's own, go in; pairs of a caption and a signal come out, by where they are from and by style.

A style is a set of levels: what is told of a signal. Each signal has a caption in Korean and one in English for each style that it is
drawn for; templates are drawn anew each time. Levels stand in one order (semantic, structural, statistical), so that what a short context
cuts off are numbers, which there are most of.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hannun.datasets import wearables
from hannun.datasets.wearables import ActivityWindows
from hannun.item import Item, Pair, Text
from hannun.recipes.data.simulated_days import days
from hannun.sensors.captions import NONE, Labels, Level, caption
from hannun.sensors.recording import SignalRecording
from hannun.sensors.templates import LANGUAGES
from hannun.signals import Signal

ORDER: tuple[Level, ...] = ("semantic", "structural", "statistical")
STYLES: Mapping[str, tuple[Level, ...]] = {"+".join(c): c for size in (1, 2, 3) for c in itertools.combinations(ORDER, size)}
#: How often each style is drawn: ours. What somebody did is asked for most.
SHARES = dict(zip(STYLES, (0.68, 0.04, 0.10, 0.04, 0.07, 0.02, 0.05), strict=True))
PEOPLE, EACH = 100, 4  # simulated
Described = tuple[Signal, Labels, str]  # a signal, its labels, and the activity whose signals are no negatives of each other; "" for none


def of_windows(found: ActivityWindows, part: str = "train") -> list[Described]:
    """The windows of the people of one split."""
    split = found.split
    return [(found.signal(n), found.labels(n), found.activities[found.activity[n]]) for n in range(len(split)) if split[n] == part]


def described(data: Path, part: str = "train") -> dict[str, list[Described]]:
    """Signals of each source: HMP and SisFall (a window each 4 s and each 8 s for training), Fitbit's days, and simulated days."""
    training = part == "train"
    hmp, sisfall = (
        wearables.hmp(data, wearables.every(128, 128) if training else None),
        wearables.sisfall(data, wearables.every(200, 200) if training else None),
    )
    found: dict[str, list[Described]] = {"hmp": of_windows(hmp, part), "sisfall": of_windows(sisfall, part)}
    found["fitbit"] = [(d.signal, NONE, "") for d in wearables.fitbit_days(data) if d.split == part]
    if training:
        found["simulated"] = [(d.signal, d.labels, "") for d in days(PEOPLE, EACH)]
    return found


def of_recordings(recordings: Sequence[SignalRecording], rows: int) -> list[Described]:
    """Recordings of one's own: days as they are, raw ones in windows of `rows`, each with the labels that fall into it."""
    found: list[Described] = []
    for one in recordings:
        long = len(one.signal.values)
        if one.signal.rate <= 1 / 30 or long <= rows:
            found.append((one.signal, one.labels, ""))
            continue
        for start in range(0, long - rows + 1, rows // 2):
            part = slice(start, start + rows)
            if one.signal.measured[part].any():
                signal = replace(one.signal, values=one.signal.values[part], mask=one.signal.measured[part])
                inside = [
                    replace(e, start=max(0, e.start - start), end=min(rows, e.end - start))
                    for e in one.labels.episodes
                    if min(e.end, start + rows) - max(e.start, start) > rows // 2
                ]
                found.append((signal, Labels(tuple(inside)), inside[0].english if inside else ""))
    return found


def paired(name: str, some: Sequence[Described], seed: int = 0) -> dict[str, list[Pair]]:
    """ "hmp semantic" … → pairs: each signal has one caption of each language, in a style that is drawn for it."""
    found: dict[str, list[Pair]] = {f"{name} {style}": [] for style in STYLES}
    rng = np.random.default_rng([seed, len(some)])
    styles, odds = list(SHARES), np.array(list(SHARES.values()))
    for n, (signal, labels, activity) in enumerate(some):
        facts = {"activity": activity} if activity else {}
        item = Item(f"{name}-{n}", (signal,), facts)
        for language in LANGUAGES:
            for style in rng.choice(len(styles), 1, p=odds / odds.sum()):
                text = caption(signal, language, STYLES[styles[style]], labels, seed=int(rng.integers(2**31)))
                if text:
                    source = f"{name} {styles[style]}"
                    found[source].append(Pair(Item(f"{name}-{n}-{language}", (Text(text),), facts), item, source=source))
    return {k: v for k, v in found.items() if len(v) > 1}


def fitted(made: Mapping[str, Sequence[Pair]], fits: Callable[[str], bool]) -> dict[str, list[Pair]]:
    """The same with captions cut to whole sentences that fit; a pair of which none does is left out."""
    found: dict[str, list[Pair]] = {}
    for source, some in made.items():
        kept = []
        for pair in some:
            text = shortened(pair.query.text or "", fits)
            if text:
                kept.append(replace(pair, query=replace(pair.query, parts=(Text(text),))))
        found[source] = kept
    return {k: v for k, v in found.items() if len(v) > 1}


def shortened(text: str, fits: Callable[[str], bool]) -> str:
    """The most whole sentences from the beginning that fit."""
    if fits(text):
        return text
    sentences = text.split(". ")
    few, many = 0, len(sentences)
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (middle, many) if fits(". ".join(sentences[:middle]) + ".") else (few, middle)
    return ". ".join(sentences[:few]) + "." if few else ""
