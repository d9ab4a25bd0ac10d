"""Rare classes are filled from real rows that are trained on; what was drawn is marked, and is found where it was planted in a test set."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import PIL.Image
import pytest

from hannun import generated, sources
from hannun.errors import HannunError, InputError
from hannun.generate import filling
from hannun.generate.filling import FillPlan
from hannun.generate.generator import DrawnPicture, DrawSettings, Told
from hannun.item import Item, item
from hannun.serve.cli.main import run

PLAN = FillPlan("무늬", "{색} {무늬} {옷}")
ROWS_SEEN: dict[str, int] = {}


@dataclass
class Flat:
    """A generator of one colour a seed, which can be stopped in the middle."""

    name: str = "flat"
    version: str = "flat@1"
    sides: tuple[int, int] = (8, 8)
    schedulers: tuple[str, ...] = ("one",)
    guidance: float = 2.0
    asked: list[str] = field(default_factory=list)
    stops: int = 1_000

    def generate(
        self,
        texts: Sequence[str],
        seed: int,
        settings: DrawSettings,
        start: PIL.Image.Image | None = None,
        told: Told = lambda done, of: None,
    ) -> list[DrawnPicture]:
        if len(self.asked) + len(texts) > self.stops:
            raise KeyboardInterrupt
        self.asked += texts
        return [DrawnPicture(PIL.Image.new("RGB", (8, 8), (seed + n, 7, 7)), t, seed + n) for n, t in enumerate(texts)]


def row(id: str, pattern: str, colour: str = "빨간", kind: str = "치마", **more: str) -> Item:
    picture = PIL.Image.new("RGB", (8, 8), (ROWS_SEEN.setdefault(id, len(ROWS_SEEN)), 99, 200))
    return item({"id": id, "image": picture, "무늬": pattern, "색": colour, "옷": kind, **more})


#: 8 plain, 6 striped, 4 checked, 1 dotted: the middle class (of four, the third by size) has 6, so each is to have 3.
ROWS = [
    *(row(f"p{n}", "무지") for n in range(8)),
    *(row(f"s{n}", "줄무늬", "파란", "코트") for n in range(6)),
    *(row(f"c{n}", "체크") for n in range(4)),
    row("d0", "물방울", "초록", "모자"),
]


def test_what_a_class_lacks() -> None:
    assert filling.lacking(ROWS, PLAN) == ({"물방울": 2}, 3)
    assert filling.lacking(ROWS, FillPlan("무늬", "{무늬}", least=6)) == ({"물방울": 5, "체크": 2}, 6)


def test_only_real_rows_that_are_trained_on_count() -> None:
    more = [row("t0", "물방울", split="test"), row("g0", "물방울", made_by="sd@1"), row("n0", "물방울", colour="")]
    kept, notes = filling.real([*ROWS, *more, item({"id": "x", "text": "그림 없음"})], PLAN)
    assert kept == ROWS and len(notes) == 4 and filling.lacking(kept, PLAN)[0] == {"물방울": 2}
    with pytest.raises(InputError, match="'재질' is no column of the table"):
        filling.real(ROWS, FillPlan("무늬", "{무늬} {재질}"))


def test_prompts_are_of_rows_of_the_class_or_of_all_rows() -> None:
    own = filling.wanted(ROWS, FillPlan("무늬", PLAN.prompt, 5), 0)
    assert [PLAN.said(w.facts) for w in own if w.value == "물방울"] == ["초록 물방울 모자"] * 4
    mixed = filling.wanted(ROWS, FillPlan("무늬", PLAN.prompt, 30, mixed=True), 0)
    said = {PLAN.said(w.facts) for w in mixed if w.value == "물방울"}
    assert said == {"초록 물방울 모자", "빨간 물방울 치마", "파란 물방울 코트"}


@pytest.mark.parametrize(
    ("label", "prompt", "least"),
    [("무늬", "{색} 치마", 0), ("무늬", "{무늬", 0), ("무늬", " ", 0), ("무늬", "{무늬}", -1)],
)
def test_a_plan_that_means_nothing(label: str, prompt: str, least: int) -> None:
    with pytest.raises(InputError):
        FillPlan(label, prompt, least)


def test_each_picture_keeps_where_it_is_from_and_a_run_goes_on(tmp_path: Path) -> None:
    plan, settings = FillPlan("무늬", PLAN.prompt, 18), DrawSettings(steps=1)
    with pytest.raises(KeyboardInterrupt):
        filling.fill(ROWS, plan, Flat(stops=16), settings, tmp_path, 3)
    assert len(filling.table(tmp_path / filling.TABLE)) == 16
    generator = Flat()
    made = filling.fill(ROWS, plan, generator, settings, tmp_path, 3)
    lacked = 10 + 17 + 12 + 14  # plain, dotted, striped, checked to 18, in this order
    assert len(made) == lacked and len(generator.asked) == lacked - 16  # what was there is not drawn again
    assert made == filling.fill(ROWS, plan, Flat(stops=0), settings, tmp_path, 3) == filling.table(tmp_path / filling.TABLE)
    first = next(r for r in made if r["무늬"] == "물방울")
    assert (first["split"], first["made_by"], first["seed"], first["prompt"]) == ("train", "flat@1", 3 + 10, "초록 물방울 모자")
    assert first["words_of"] == "d0"
    data = (tmp_path / first["image"]).read_bytes()
    assert generated.told(data)["prompt"] == "초록 물방울 모자"
    with pytest.raises(InputError, match="was filled with another prompt"):
        filling.fill(ROWS, FillPlan("무늬", "{무늬}", 18), Flat(), settings, tmp_path, 3)


def test_a_refused_prompt_draws_nothing(tmp_path: Path) -> None:
    def refuse(prompt: str) -> None:
        raise InputError(f"{prompt} is refused")

    generator = Flat()
    with pytest.raises(InputError, match="초록 물방울 모자 is refused"):
        filling.fill(ROWS, PLAN, generator, DrawSettings(), tmp_path, 0, refuse)
    assert not generator.asked and not list(tmp_path.iterdir())


def test_a_generated_picture_that_was_planted_among_real_ones_is_found(tmp_path: Path) -> None:
    made = filling.fill(ROWS, PLAN, Flat(), DrawSettings(steps=1), tmp_path)
    file = tmp_path / made[0]["image"]
    test = tmp_path / "test"
    test.mkdir()
    PIL.Image.new("RGB", (8, 8), (1, 2, 3)).save(test / "real.png")
    (test / "marked.png").write_bytes(file.read_bytes())
    with PIL.Image.open(file) as picture:
        picture.convert("RGB").save(test / "washed.png")  # saved anew, so without the mark
    assert not generated.marked((test / "washed.png").read_bytes())
    items = [it for it in sources.read([test]) if isinstance(it, Item)]
    assert dict(filling.planted(items, made)) == {
        "test/marked.png": "is marked as generated",
        "test/washed.png": "has the pixels of filled/물방울/0, without the mark",
    }


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="torch is in the [train] extra")
    from tests.generate import models

    return models.painter(tmp_path_factory.mktemp("model") / "painter")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A table of eight plain skirts and one striped one, and a table that is measured on."""
    for name, count in (("train", 9), ("test", 2)):
        with (tmp_path / f"{name}.csv").open("w", encoding="utf-8", newline="") as f:
            rows = csv.writer(f)
            rows.writerow(("id", "사진", "무늬"))
            for n in range(count):
                PIL.Image.new("RGB", (16, 16), (n * 20, 50, 90 if name == "test" else 10)).save(tmp_path / f"{name}{n}.png")
                rows.writerow((f"{name}{n}", f"{name}{n}.png", "줄무늬" if n == 0 else "무지"))
    return tmp_path


def test_the_command(drawing: Path, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fill", str(shop / "train.csv"), "--label", "무늬", "--prompt", "{무늬} 치마", "--columns", "image=사진"]
    assert run([*words, "--plan"]) == 0
    assert capsys.readouterr().out == "무늬 줄무늬: has 1, lacks 3 of 4\n"
    words += ["--model", str(drawing), "--steps", "1", "--to", str(shop / "filled"), "--test", str(shop / "test.csv")]
    assert run([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["filled"] == {"줄무늬": 3} and told["least"] == 4
    rows = filling.table(Path(told["table"]))
    assert len(rows) == 3 and rows[0]["made_by"].startswith("painter@")
    # What is filled may be trained on together with the real rows, and counts for nothing when it is filled again.
    items = [it for it in sources.read([shop / "filled"]) if isinstance(it, Item)]
    assert [generated.is_generated(it) for it in items] == [True] * 3
    # One of its pictures, saved anew, is planted in what is measured on: the same command refuses it.
    with PIL.Image.open(shop / "filled" / rows[0]["image"]) as picture:
        picture.convert("RGB").save(shop / "test1.png")
    assert run(words) == 1
    said = capsys.readouterr().err
    assert "test1 has the pixels of filled/줄무늬/0, without the mark" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{shop}/train.csv", "--label", "무늬", "--prompt", "치마"], "does not say the class"),
        (["{shop}/train.csv", "--label", "무늬", "--prompt", "{무늬} {색}", "--columns", "image=사진"], "'색' is no column"),
        (["{shop}/train.csv", "--label", "무늬", "--prompt", "{무늬}"], "run again with `--columns image=사진"),
        (["{shop}/gone.csv", "--label", "무늬", "--prompt", "{무늬}"], "no such file or folder"),
        (["{shop}/train.csv", "--label", "무늬", "--prompt", "{무늬} 누드", "--columns", "image=사진"], "word filter refuses"),
    ],
)
def test_wrong_calls(words: list[str], said: str, drawing: Path, shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fill", *(w.replace("{shop}", str(shop)) for w in words), "--model", str(drawing)]) == 1
    assert said in capsys.readouterr().err


def test_what_is_no_filled_table(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": "1"}\n', "utf-8")
    with pytest.raises(HannunError, match="no table that `hannun fill` wrote"):
        filling.table(tmp_path / "a.jsonl")
