"""Reading training pairs: tables, shards, wrong columns, and what makes two items one."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")

from hannun.errors import InputError, MissingError
from hannun.item import Image, Item, Pair, Problem, Text
from hannun.train.pairs import label, read
from tests.conftest import draw, encoded


def table(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return path


def test_texts_pictures_and_both(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(encoded(draw()))
    file = table(
        tmp_path / "a.jsonl",
        {"query": "빨간 것", "positive": {"text": "빨강", "image": "b.png"}, "negatives": ["파랑", {"image": "b.png"}], "score": 0.5},
    )
    (pair,) = read([file])
    assert isinstance(pair, Pair) and pair.source == "a"
    assert pair.query.text == "빨간 것" and pair.query.facts == {"score": 0.5}
    assert pair.positive.images[0].load().size == (24, 24)  # relative to the table
    assert [n.text for n in pair.negatives] == ["파랑", None]


def test_a_csv_names_pictures_in_columns_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(encoded(draw()))
    (tmp_path / "a.csv").write_text("query,positive,positive_image\n빨간 것,,b.png\n", encoding="utf-8")
    (pair,) = read([tmp_path / "a.csv"], source="shop")
    assert isinstance(pair, Pair) and pair.source == "shop" and pair.positive.text is None and pair.positive.images


def test_a_picture_is_found_in_the_form_of_its_name_that_the_disk_has(tmp_path: Path) -> None:
    (tmp_path / unicodedata.normalize("NFD", "사진.png")).write_bytes(encoded(draw()))
    file = table(
        tmp_path / "a.jsonl", {"query": "빨간 것", "positive": {"image": "사진.png"}}, {"id": "1", "text": "빨간 것", "image": "사진.png"}
    )
    pairs = list(read([file]))
    assert [p.positive.images[0].load().size for p in pairs if isinstance(p, Pair)] == [(24, 24)] * 2


def test_hidden_files_of_a_folder_are_not_read(tmp_path: Path) -> None:
    table(tmp_path / "A.JSONL", {"query": "a", "positive": "b"})
    for hidden in ("._A.JSONL", ".~lock.a.csv", ".cache/x.csv"):  # macOS, LibreOffice, others
        (tmp_path / hidden).parent.mkdir(exist_ok=True)
        (tmp_path / hidden).write_bytes(b"\0\5\x16\7")
    assert [type(p) for p in read([tmp_path])] == [Pair]


def test_wrong_columns_are_named(tmp_path: Path) -> None:
    file, empty = table(tmp_path / "a.jsonl", {"q": "a", "d": "b"}), tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="has the columns d, q, expected query and positive"):
        list(read([file]))
    with pytest.raises(MissingError):
        list(read([tmp_path / "none.jsonl"]))
    with pytest.raises(InputError, match="holds no pairs"):
        list(read([empty]))


def test_what_is_empty_is_a_problem_and_stops_nothing(tmp_path: Path) -> None:
    file = table(
        tmp_path / "a.jsonl",
        {"query": " ", "positive": "b"},
        {"query": "a", "positive": "b"},
        {"query": "a", "positive": "b", "negatives": "c"},
    )
    found = list(read([file]))
    assert [type(f) for f in found] == [Problem, Pair, Problem]
    assert "row 1" in found[0].where and "'query' is empty" in found[0].reason  # type: ignore[union-attr]
    assert "expected a list" in found[2].reason  # type: ignore[union-attr]


def test_labels_tell_content_and_place() -> None:
    picture = draw(seed=1)
    assert label(Item("1", (Image(picture),))) == label(Item("2", (Image(picture.copy()),)))  # PIL pictures cannot be hashed
    assert label(Item("1", (Image(picture),))) != label(Item("1", (Image(draw(seed=2)),)))
    assert label(Item("1", (Text("a"),))) == label(Item("2", (Text("a"),))) != label(Item("1", (Text("b"),)))
    assert label(Item("1", (Image(Path("a.jpg")),))) != label(Item("1", (Image(Path("b.jpg")),)))
