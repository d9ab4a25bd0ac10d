"""Labelled items and a generator go in; marked pictures for classes that have few, in a table that says where each is from, come out.

A class is a value of one fact. Only real items that are trained on count: what is marked as generated fills no class, and rows whose
`split` says test or dev are neither counted nor asked for. The table has the columns that the prompt names, and of each picture who made
it, the prompt, the seed, the row that its words are from and a digest of its pixels; its `split` is train.

    FOLDER/filled.jsonl     id, image, split, the label and the facts of the prompt, made_by, prompt, seed, words_of, pixels
    FOLDER/pictures/*.png   with the same in each, and IPTC's mark of a generated picture
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import PIL.Image

from hannun import generated
from hannun.errors import HannunError, InputError, neighbours
from hannun.files import write_whole
from hannun.generate import pictures, words
from hannun.generate.generator import DrawnPicture, DrawSettings, Generator, Told
from hannun.item import Item

TABLE, PICTURES, SPLIT = "filled.jsonl", "pictures", "split"
MEASURED = frozenset({"test", "dev", "valid", "validation", "val", "eval"})  # splits that nothing is drawn for
_TOGETHER = 16  # pictures between two states of the table: what is lost at most when a run is killed
_PLACE = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class FillPlan:
    """What is filled, and how its pictures are asked for.

    `label` is the fact whose values are the classes; each of fewer than `least` real pictures (0: than half of what the class in the
    middle has) gets as many as it lacks. `prompt` names facts in braces: "{color} {pattern} {kind} 사진". Their values are those of the
    class's own rows, or with `mixed` those of any row but for the label: then a class is seen with what it never came with.
    """

    label: str
    prompt: str
    least: int = 0
    mixed: bool = False

    def __post_init__(self) -> None:
        if self.least < 0:
            raise InputError(f"least={self.least} came, expected 0 (half of the middle class) or how many pictures a class is to have")
        if not self.prompt.strip() or "{" in _PLACE.sub("", self.prompt) or "}" in _PLACE.sub("", self.prompt):
            raise InputError(f"the prompt {self.prompt!r} came, expected words with columns in braces, such as '{{색}} {{무늬}} 원피스'")
        if self.label not in self.named():
            raise InputError(f"the prompt {self.prompt!r} does not say the class; put {{{self.label}}} into it")

    def named(self) -> list[str]:
        """The facts that the prompt names, in its order."""
        return list(dict.fromkeys(n.strip() for n in _PLACE.findall(self.prompt)))

    def said(self, facts: Mapping[str, Any]) -> str:
        """The prompt of these values."""
        return _PLACE.sub(lambda found: str(facts[found[1].strip()]), self.prompt)


@dataclass(frozen=True)
class WantedPicture:
    """One picture that a class lacks: its class, its number in it, the facts of its prompt, and the row that these are from."""

    value: str
    number: int
    facts: Mapping[str, Any]
    like: str


def real(items: Iterable[Item], plan: FillPlan) -> tuple[list[Item], list[str]]:
    """The real items that have every fact of the prompt and are trained on, and lines that tell what was left out. Raises InputError."""
    kept: list[Item] = []
    left: Counter[str] = Counter()
    columns: set[str] = set()
    for it in items:
        columns |= set(it.facts)
        if generated.is_generated(it):
            left["have a generated picture, which fills no class"] += 1
        elif str(it.facts.get(SPLIT, "")).lower() in MEASURED:
            left["are measured on, and neither counted nor drawn for"] += 1
        elif not it.images:
            left["have no picture"] += 1
        elif any(it.facts.get(name) in (None, "") for name in plan.named()):
            left[f"have nothing under {' or '.join(plan.named())}"] += 1
        else:
            kept.append(it)
    for name in plan.named():
        if name not in columns and columns:
            raise InputError(f"{name!r} is no column of the table; {neighbours(name, sorted(columns))}")
    if not kept:
        raise InputError("no real picture with a label came, expected rows of pictures with the columns of the prompt")
    return kept, [f"{n:,} rows {why}" for why, n in left.items()]


def lacking(rows: Sequence[Item], plan: FillPlan) -> tuple[dict[str, int], int]:
    """How many pictures each rare class lacks, and how many a class is to have."""
    have = Counter(str(it.facts[plan.label]) for it in rows)
    sizes = sorted(have.values())
    least = plan.least or -(-sizes[len(sizes) // 2] // 2)
    return {value: least - n for value, n in sorted(have.items()) if n < least}, least


def wanted(rows: Sequence[Item], plan: FillPlan, seed: int) -> list[WantedPicture]:
    """The pictures that are lacking, in an order of the seed: row after row of the class, or of all rows where the plan is `mixed`."""
    found = []
    for value, number in lacking(rows, plan)[0].items():
        own = [it for it in rows if str(it.facts[plan.label]) == value]
        some = list(rows) if plan.mixed else own
        random.Random(f"{seed}/{value}").shuffle(some)
        for n in range(number):
            like = some[n % len(some)]
            facts = {name: like.facts[name] for name in plan.named()}
            found.append(WantedPicture(value, n, {**facts, plan.label: own[0].facts[plan.label]}, like.id))
    return found


def fill(
    rows: Sequence[Item],
    plan: FillPlan,
    generator: Generator,
    settings: DrawSettings,
    folder: Path,
    seed: int = 0,
    checked: Callable[[str], None] = lambda prompt: None,
    told: Told = lambda done, of: None,
) -> list[dict[str, Any]]:
    """Draw what the rare classes of real rows lack; returns the rows of the table. Killed and called again, it goes on where it was.

    `checked` refuses a prompt by raising. Raises InputError for a folder that was filled by another model or another plan, StorageError.
    """
    asked = wanted(rows, plan, seed)
    prompts = [words.clean(plan.said(w.facts)) for w in asked]
    for prompt in dict.fromkeys(prompts):
        checked(prompt)
    done = _begun(folder, asked, prompts, generator)
    for begin in range(len(done), len(asked), _TOGETHER):
        part = slice(begin, begin + _TOGETHER)
        made = generator.generate(prompts[part], seed + begin, settings, None)
        paths = pictures.save(folder / PICTURES, made, generator, settings)
        done += [_row(w, one, path, folder, plan, generator) for w, one, path in zip(asked[part], made, paths, strict=True)]
        write_whole(folder / TABLE, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in done).encode())
        told(len(done), len(asked))
    return done


def _row(wanted: WantedPicture, one: DrawnPicture, path: Path, folder: Path, plan: FillPlan, generator: Generator) -> dict[str, Any]:
    return {
        "id": f"filled/{wanted.value}/{wanted.number}",
        "image": path.relative_to(folder).as_posix(),
        SPLIT: "train",
        **wanted.facts,
        generated.FACT: generator.version,
        "prompt": one.prompt,
        "seed": one.seed,
        "words_of": wanted.like,
        "pixels": digest(one.picture),
    }


def _begun(folder: Path, asked: Sequence[WantedPicture], prompts: Sequence[str], generator: Generator) -> list[dict[str, Any]]:
    """The rows that an earlier run left."""
    file = folder / TABLE
    if not file.exists():
        return []
    found = table(file)
    for row, w, prompt in zip(found, asked, prompts, strict=False):
        mine = {"id": f"filled/{w.value}/{w.number}", "prompt": prompt, generated.FACT: generator.version}
        if any(row.get(k) != v for k, v in mine.items()):
            raise InputError(
                f"{file}: was filled with another prompt, table or model ({row.get('prompt')!r}); give another folder with --to"
            )
    return found[: len(asked)]


def table(file: Path) -> list[dict[str, Any]]:
    """The rows of a filled table. Raises InputError for another file."""
    try:
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        if any(not isinstance(r.get("pixels"), str) for r in rows):
            raise ValueError("a row without 'pixels'")
    except (OSError, ValueError, AttributeError) as e:
        raise InputError(f"{file}: is no table that `hannun fill` wrote ({e}); give its filled.jsonl") from None
    return rows


def digest(picture: PIL.Image.Image) -> str:
    """64 bits of the size and pixels, which stay when a picture is saved anew without its metadata, as long as nothing is lost."""
    plain = picture.convert("RGB")
    return blake2b(f"{plain.size}".encode() + plain.tobytes(), digest_size=8).hexdigest()


def planted(items: Iterable[Item], filled: Sequence[Mapping[str, Any]] = ()) -> Iterator[tuple[str, str]]:
    """Of items that are to be measured on those that a generator made, each with how it is known: by its mark, or by its pixels."""
    known = {row["pixels"]: str(row["id"]) for row in filled}
    for it in items:
        if generated.is_generated(it):
            yield it.id, "is marked as generated"
            continue
        for picture in it.images if known else ():
            try:
                same = known.get(digest(picture.load()))
            except HannunError:
                continue  # what cannot be read is no test of anything, and is told where it is measured
            if same is not None:
                yield it.id, f"has the pixels of {same}, without the mark"
                break
