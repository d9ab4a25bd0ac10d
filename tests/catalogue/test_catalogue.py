"""The drawn catalogue: the same pixels every time, titles that say what is drawn, and a split that training cannot cross."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from hannun import catalogue
from hannun.catalogue import drawing, pages, scene, surfaces
from hannun.catalogue.garments import GARMENTS
from hannun.catalogue.things import THINGS
from hannun.errors import DependencyError, MissingError, StorageError

ENTRIES = catalogue.entries()
GARMENT_ENTRIES = [e for e in ENTRIES if e.category not in ("사물", "문서")]
SETTING = ("흰 스튜디오", "정면")


def pixels(entry: catalogue.Entry) -> np.ndarray:
    return np.asarray(catalogue.picture(entry), dtype=np.int16)


@pytest.mark.parametrize(
    "entry", [GARMENT_ENTRIES[5], *(next(e for e in ENTRIES if e.category == c) for c in ("사물", "문서"))], ids=lambda e: e.id
)
def test_the_same_entry_gives_the_same_pixels(entry: catalogue.Entry) -> None:
    assert entry.picture().tobytes() == catalogue.picture(entry).tobytes()


def run_python(code: str, **env: str) -> str:
    env["PYTHONPATH"] = str(Path(catalogue.__file__).parents[2])
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout


def test_another_process_gives_the_same_pixels() -> None:
    # String hashes differ between processes: a draw that leant on them would show here.
    code = f"""
import hashlib
from hannun import catalogue
entry = next(e for e in catalogue.entries() if e.id == {GARMENT_ENTRIES[20].id!r})
print(hashlib.sha256(entry.picture().tobytes()).hexdigest())
"""
    assert len({run_python(code, PYTHONHASHSEED="1"), run_python(code, PYTHONHASHSEED="2")}) == 1


def test_size_and_uniqueness() -> None:
    assert len(ENTRIES) >= 300
    assert len({e.id for e in ENTRIES}) == len({e.title for e in ENTRIES}) == len({e.title_en for e in ENTRIES}) == len(ENTRIES)
    assert all(e.id.isascii() and "/" not in e.id for e in ENTRIES)


def test_titles_say_the_facts() -> None:
    for e in GARMENT_ENTRIES:
        colour = catalogue.COLOURS[str(e.facts["color"])]
        assert e.title == f"{colour.adjective} {e.facts['pattern']} {e.facts['kind']}"
        assert colour.english in e.title_en and catalogue.PATTERNS[str(e.facts["pattern"])] in e.title_en
        assert isinstance(e.facts["price"], int) and 1_000 <= e.facts["price"] < 300_000
    for e in ENTRIES:
        if e.category == "문서":
            assert e.title_en and pages.PAGES[str(e.facts["page"])].title in e.title
        else:
            assert str(e.facts["kind"]) in e.title and catalogue.COLOURS[str(e.facts["color"])].adjective in e.title


def test_everything_is_represented_and_balanced() -> None:
    counts = {key: Counter(e.facts[key] for e in GARMENT_ENTRIES) for key in ("kind", "color", "pattern")}
    for key, known in (("kind", GARMENTS), ("color", catalogue.COLOURS), ("pattern", catalogue.PATTERNS)):
        assert set(counts[key]) == set(known)
        assert min(counts[key].values()) * 2 > max(counts[key].values()), counts[key]
    assert {e.facts["kind"] for e in ENTRIES if e.category == "사물"} == set(THINGS)
    assert {e.facts["page"] for e in ENTRIES if e.category == "문서"} == set(pages.PAGES)
    assert {e.facts["background"] for e in ENTRIES} == set(surfaces.BACKGROUNDS)
    assert {e.facts["pose"] for e in ENTRIES} == set(scene.POSES)


def test_every_garment_has_a_near_miss() -> None:
    combos = [(e.facts["kind"], e.facts["color"], e.facts["pattern"]) for e in GARMENT_ENTRIES]
    for a in combos:
        assert any(sum(x != y for x, y in zip(a, b, strict=True)) == 1 for b in combos), a


def test_the_split_is_about_a_fifth_and_names_only_what_exists() -> None:
    held = catalogue.splits()
    combos = list(catalogue.products())
    assert len(combos) == len(GARMENTS) * len(catalogue.COLOURS) * len(catalogue.PATTERNS)
    assert 0.18 < sum(map(catalogue.held_out, combos)) / len(combos) < 0.22
    assert (
        set(held["backgrounds"]) < set(surfaces.BACKGROUNDS)
        and set(held["poses"]) < set(scene.POSES)
        and set(held["pages"]) < set(pages.PAGES)
    )
    assert set(held["garments"]) == set(GARMENTS) and set(held["things"]) == set(THINGS)
    assert all(set(colours) < set(THINGS[kind].colours) for kind, colours in held["things"].items())
    assert {p.kind for p in pages.PAGES.values()} == {pages.PAGES[s].kind for s in held["pages"]}


def is_clean(e: catalogue.Entry) -> bool:
    """Whether an entry shows nothing that is held out, worked out from its facts and the file alone."""
    held, f = catalogue.splits(), e.facts
    if f["background"] in held["backgrounds"] or f["pose"] in held["poses"]:
        return False
    if e.category == "문서":
        return f["page"] not in held["pages"]
    if e.category == "사물":
        return f["color"] not in held["things"][f["kind"]]
    return f["pattern"] not in held["garments"][f["kind"]][f["color"]]


def test_no_training_entry_shows_what_is_held_out() -> None:
    for e in [*ENTRIES, *catalogue.training_entries(3000, seed=3)]:
        assert (e.split == "train") == is_clean(e), e
    assert sum(e.split == "test" for e in ENTRIES) >= 150
    assert {e.category for e in ENTRIES if e.split == "test"} == {e.category for e in ENTRIES}


def test_training_entries_are_many_seeded_and_beyond_the_default() -> None:
    made = catalogue.training_entries(2000, seed=7)
    assert made == catalogue.training_entries(2000, seed=7) != catalogue.training_entries(2000, seed=8)
    assert len({e.id for e in made}) == 2000 and not {e.id for e in made} & {e.id for e in ENTRIES}
    assert {e.split for e in made} == {"train"}
    assert len({e.title for e in made}) > 700
    assert set(GARMENTS) | set(THINGS) <= {e.facts["kind"] for e in made}


@pytest.mark.parametrize("kind", GARMENTS)
def test_plain_garments_have_their_colour(kind: str) -> None:
    # The median of what is drawn: soles, linings and buttons have colours of their own.
    names = list(catalogue.COLOURS)
    palette = np.array([catalogue.COLOURS[n].rgb for n in names], dtype=float)
    for k, name in enumerate(names):
        sheet = drawing.Sheet(catalogue.COLOURS[name].rgb)
        GARMENTS[kind].draw(sheet, random.Random(f"{kind}/{k}"))
        drawn = np.asarray(sheet.image.reduce(4), dtype=float)
        middle = np.median(drawn[drawn[..., 3] > 250][:, :3], axis=0)
        assert names[int(np.linalg.norm(palette - middle, axis=1).argmin())] == name, middle


@pytest.mark.parametrize("pattern", [p for p in catalogue.PATTERNS if p != "민무늬"])
def test_a_pattern_changes_the_cloth_and_leaves_the_colour_dominant(pattern: str) -> None:
    for name, colour in catalogue.COLOURS.items():
        cloth = surfaces.cloth(pattern, colour.rgb, random.Random(name))
        assert cloth is not None
        distance = np.abs(np.asarray(cloth.reduce(4), dtype=float) - np.array(colour.rgb)).sum(-1)
        assert 0.12 < (distance > 90).mean() < 0.68, name  # visible everywhere
        assert (distance < 30).mean() > 0.3, name


def test_pattern_and_colour_change_pixels_where_the_rest_is_equal() -> None:
    plain = pixels(catalogue.garment("x", catalogue.Product("원피스", "빨강", "민무늬"), *SETTING))
    for other in (("원피스", "빨강", "줄무늬"), ("원피스", "파랑", "민무늬"), ("코트", "빨강", "민무늬")):
        changed = np.abs(pixels(catalogue.garment("x", catalogue.Product(*other), *SETTING)) - plain).sum(-1) > 60
        assert changed.mean() > 0.03, other


def test_pages_carry_dark_text_and_true_facts() -> None:
    for slug, p in pages.PAGES.items():
        entry = catalogue.page("p", slug, 0, *SETTING)
        picture = entry.picture()
        assert picture.size == pages.SIZE
        dark = (np.asarray(picture.convert("L")) < 110).mean()
        assert 0.01 < dark < 0.5, slug
        if p.kind in pages.CHARTS:
            assert entry.facts["peak_value"] == max(p.numbers) and entry.facts["peak"] == p.words[p.numbers.index(max(p.numbers))]
            assert len(p.words) == len(p.numbers)
        if p.unit == "%":
            assert sum(p.numbers) == sum(pages.figures(p, 12345)) == 100
        if p.numbers and p.kind != "표":
            assert pages.figures(p, 1) != p.numbers


def test_every_default_kind_is_drawn_and_not_blank() -> None:
    for e in {str(e.facts["kind"]): e for e in ENTRIES}.values():
        picture = e.picture()
        assert picture.mode == "RGB" and min(picture.size) == (320 if e.category != "문서" else 400)
        assert np.asarray(picture.convert("L")).std() > 8, e.id


def test_write_makes_a_readable_folder_and_resumes(tmp_path: Path) -> None:
    some, seen = ENTRIES[:3] + ENTRIES[-2:], []
    table = catalogue.write(tmp_path / "shop", some, progress=seen.append)
    rows = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    assert [(r["id"], r["text"], r["split"], r["category"]) for r in rows] == [(e.id, e.title, e.split, e.category) for e in some]
    for row, e in zip(rows, some, strict=True):
        assert row["title_en"] == e.title_en and all(row[k] == v for k, v in e.facts.items())
        with PIL.Image.open(table.parent / row["image"]) as picture:
            picture.load()
    assert seen == [1] * 5
    first, gone = table.parent / rows[0]["image"], table.parent / rows[1]["image"]
    before, content = first.stat().st_mtime_ns, gone.read_bytes()
    gone.unlink()
    catalogue.write(tmp_path / "shop", some)
    assert first.stat().st_mtime_ns == before and gone.read_bytes() == content
    assert sorted(f.name for f in table.parent.iterdir()) == sorted([*(r["image"] for r in rows), "catalogue.jsonl"])


def test_errors_name_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        catalogue.write(tmp_path / "file" / "shop", ENTRIES[:1])
    odd = catalogue.Entry("x", "", "", "원피스", {**GARMENT_ENTRIES[0].facts, "kind": "원피쓰"}, "test")
    with pytest.raises(MissingError, match="원피스"):
        odd.picture()
    pages._fonts.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DependencyError, match="pip install koreanize-matplotlib"):
        pages._fonts()


def test_import_opens_no_font_and_drawing_a_page_imports_no_matplotlib() -> None:
    code = """
import sys
from hannun import catalogue
assert catalogue.pages._fonts.cache_info().currsize == catalogue.pages.font.cache_info().currsize == 0
catalogue.page("p", "cafe-sales", 0, "린넨", "정면").picture()
assert not {"matplotlib", "koreanize_matplotlib"} & set(sys.modules)
print("fine")
"""
    assert run_python(code, PYTHONUTF8="1") == "fine\n"
