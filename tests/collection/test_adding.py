"""What is added is kept once, and found."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import hannun
from hannun import collection, sources
from hannun.collection import Collection
from hannun.encode import CHUNK
from hannun.errors import HannunError, InputError, MissingError, PictureError, WhereError
from hannun.index.conditions import kept
from hannun.item import Image, Item, Problem, Text
from tests.collection.contents import everything, rows
from tests.conftest import draw, encoded, finished
from tests.toy import Toy


def test_the_face(tmp_path: Path) -> None:
    draw().save(tmp_path / "b.jpg")
    shop = hannun.open(tmp_path / "shop.hannun", encoder=Toy())
    report = shop.add(
        [{"id": "1", "text": "빨간 원피스", "image": str(tmp_path / "b.jpg"), "category": "원피스"}, {"id": "2", "text": "파란 가방"}]
    )
    assert (report.added, report.unchanged, report.removed, report.problems) == (2, 0, 0, [])
    hits = shop.search("빨간 원피스", limit=10)
    assert [h.id for h in hits] == ["1", "2"] and hits[0].score > hits[1].score
    assert hits[0].item.text == "빨간 원피스" and hits[0].item.facts == {"category": "원피스"}
    assert hits[0].item.images == (Image(tmp_path / "b.jpg"),)
    assert len(shop) == 2 and shop.get("2").text == "파란 가방"
    shop.close()
    shop.close()  # twice does no harm


def test_a_query_is_words_a_picture_or_both(shop: Collection) -> None:
    pictures = [draw(seed=n, size=(16, 16)) for n in range(3)]
    shop.add([{"id": str(n), "text": t, "image": p} for n, (t, p) in enumerate(zip(["빨강", "파랑", "노랑"], pictures, strict=True))])
    assert shop.search(pictures[2], weights=(0, 1))[0].id == "2"
    assert shop.search({"image": encoded(pictures[1])}, weights=(0, 1))[0].id == "1"
    both = {"text": "빨강", "image": pictures[1]}
    assert shop.search(both, mix=1)[0].id == "0" and shop.search(both, mix=0)[0].id == "1"


def test_weights_choose_the_part_that_counts(shop: Collection) -> None:
    shop.add([{"id": "word", "text": "빨강", "image": draw(seed=1)}, {"id": "look", "text": "zzz", "image": draw(seed=2)}])
    query = {"text": "빨강", "image": draw(seed=2)}
    assert shop.search(query, weights=(1, 0))[0].id == "word" and shop.search(query, weights=(0, 1))[0].id == "look"


def test_decomposed_korean_finds_composed_korean(shop: Collection) -> None:
    shop.add(
        [
            {"id": "1", "text": unicodedata.normalize("NFD", "빨간 원피스"), unicodedata.normalize("NFD", "색"): "빨강"},
            {"id": "2", "text": "zz"},
        ]
    )
    for form in ("NFC", "NFD"):
        (hit,) = shop.search(unicodedata.normalize(form, "빨간 원피스"), where=unicodedata.normalize(form, "색 = 빨강"))
        assert hit.id == "1" and hit.score == pytest.approx(1, abs=1e-5)


def test_where_limit_and_offset(shop: Collection) -> None:
    shop.add(rows(40, sale=True))
    assert {h.id for h in shop.search("원피스", where="n >= 38 and sale = true")} == {"38", "39"}
    whole = [h.id for h in shop.search("원피스", limit=40)]
    assert [h.id for h in shop.search("원피스", limit=5, offset=7)] == whole[7:12]
    assert shop.search("원피스", where="n > 100") == []


def test_varied_orders_drop_nothing(shop: Collection) -> None:
    shop.add(rows(40))
    plain = [h.id for h in shop.search("빨간 원피스", limit=40)]
    for other in (shop.search("빨간 원피스", limit=40, diversity=0.5), shop.search("빨간 원피스", limit=40, shuffle=5)):
        assert sorted(h.id for h in other) == sorted(plain) and other[0].id == plain[0]


@pytest.mark.parametrize(
    ("query", "options", "error"),
    [
        ("", {}, InputError),
        ("  ", {}, InputError),
        ({"text": ""}, {}, InputError),
        ({}, {}, InputError),
        (5, {}, InputError),
        (b"", {}, PictureError),
        (b"not a picture", {}, PictureError),
        (Path("none.jpg"), {}, MissingError),
        ("a", {"limit": 0}, InputError),
        ("a", {"limit": 10_001}, InputError),
        ("a", {"limit": 1.5}, InputError),
        ("a", {"offset": -1}, InputError),
        ("a", {"mix": 1.1}, InputError),
        ("a", {"mix": float("nan")}, InputError),
        ("a", {"mix": "x"}, InputError),
        ("a", {"weights": (0, 0)}, InputError),
        ("a", {"weights": (-1, 2)}, InputError),
        ("a", {"weights": (1, float("inf"))}, InputError),
        ("a", {"weights": (1, 2, 3)}, InputError),
        ("a", {"weights": ("1", "2")}, InputError),
        ("a", {"where": ""}, WhereError),
        ("a", {"where": "색 ="}, WhereError),
        ("a", {"where": '`a"` = 1'}, InputError),
        ("a", {"diversity": 2}, InputError),
        ("a", {"shuffle": -1}, InputError),
    ],
)
def test_bad_queries_have_one_clear_error(shop: Collection, query: Any, options: dict[str, Any], error: type[Exception]) -> None:
    shop.add(rows(3))
    with pytest.raises(error) as caught:
        shop.search(query, **options)
    assert isinstance(caught.value, HannunError) and str(caught.value) and "\n" not in str(caught.value)
    assert len(shop) == 3


def test_a_joint_encoder_has_no_weights_and_no_mix(tmp_path: Path) -> None:
    with collection.open(tmp_path / "j", Toy(parts=False)) as joint:
        joint.add([{"id": "1", "text": "빨강", "image": draw()}, {"id": "2", "text": "파랑"}])
        assert joint.search("파랑")[0].id == "2"
        with pytest.raises(InputError, match="leave weights out"):
            joint.search("a", weights=(1, 0))
        with pytest.raises(InputError, match="leave mix out"):
            joint.search({"text": "a", "image": draw()}, mix=0.9)


def test_what_is_there_is_left_alone_and_what_changed_is_replaced(tmp_path: Path) -> None:
    toy, path = Toy(), tmp_path / "shop.hannun"
    draw().save(tmp_path / "a.png")
    given = [*rows(50, tags={"b", "a", "c"}), {"id": "p", "image": tmp_path / "a.png"}]
    with collection.open(path, toy) as shop:
        assert shop.add(given).added == 51 and toy.encoded == 51
        again = shop.add(given)
        assert (again.added, again.unchanged, toy.encoded) == (0, 51, 51)
        given[3] = {**given[3], "n": -1}
        given[4] = {"id": "4", "text": "새 글"}
        draw((0, 0, 99)).save(tmp_path / "a.png")
    with collection.open(path, toy) as shop:
        changed = shop.add(given)
        assert (changed.added, changed.unchanged, toy.encoded) == (3, 48, 54)
        assert shop.get("3").facts == {"n": -1, "tags": ["a", "b", "c"]} and shop.get("4").text == "새 글" and shop.get("4").facts == {}
        assert len(everything(shop)) == 51


def test_unchanged_across_processes_whatever_the_order_of_a_set(tmp_path: Path) -> None:
    code = (
        "import sys; from hannun import collection; from tests.toy import Toy\n"
        "with collection.open(sys.argv[1], Toy()) as c: r = c.add([{'text': 'a', 'tags': set('abcdefghij')}]); print(r.added, r.unchanged)"
    )
    assert [finished("-c", code, str(tmp_path / "c")).stdout.split() for _ in range(3)] == [["1", "0"], ["0", "1"], ["0", "1"]]


def test_of_equal_ids_in_one_call_the_first_stands(shop: Collection) -> None:
    report = shop.add([{"id": "1", "text": "처음"}, {"id": 1, "text": "다시"}, "같은 글", "같은 글"])
    assert report.added == 2 and [p.where for p in report.problems] == ["row 2", "row 4"]
    assert all("came before" in p.reason for p in report.problems) and shop.get("1").text == "처음"


def test_facts_come_back_as_json(shop: Collection) -> None:
    facts = {
        "f": 1.0,
        "i": 1,
        "b": True,
        "s": "x",
        "nan": float("nan"),
        "none": None,
        "l": [1, float("inf")],
        "d": {"k": (1, 2)},
        "": "empty",
        5: "five",
    }
    shop.add([{"id": "1", "text": "a", **facts}])  # type: ignore[dict-item]
    stored = shop.get("1").facts
    assert stored == {"f": 1.0, "i": 1, "b": True, "s": "x", "l": [1, None], "d": {"k": [1, 2]}, "": "empty", "5": "five"}
    assert isinstance(stored["f"], float) and isinstance(stored["i"], int) and stored["b"] is True


@pytest.mark.parametrize("bad", [b"x", object(), [b"x"], eval("[" * 60 + "]" * 60)])
def test_a_fact_that_cannot_be_kept_is_told_once_and_its_rows_stay(shop: Collection, bad: Any) -> None:
    report = shop.add([{"id": str(n), "text": "a", "x": bad, "y": n} for n in range(3)])
    assert report.added == 3 and len(report.problems) == 1
    assert "a fact is" in report.problems[0].reason and report.problems[0].where == "row 1, fact 'x'"
    assert {i: f for i, (_, f) in everything(shop).items()} == {str(n): {"y": n} for n in range(3)}


@pytest.mark.parametrize(
    "given", ["빨간 원피스", {"text": "빨간 원피스", "price": 5}, Item("1", (Text("빨간 원피스"),)), encoded(draw()), draw()]
)
def test_one_content_alone_is_one_item(shop: Collection, given: Any) -> None:
    assert shop.add(given).added == 1 and len(shop) == 1


@pytest.mark.parametrize("frame", ["pandas", "polars", "arrow", "batches"])
def test_frames_are_their_rows(shop: Collection, frame: str) -> None:
    table = pa.table(
        {"id": [1.0, 2.0], "text": ["빨간 원피스", None], "image": [None, encoded(draw())], "price": [9900, None], "raw": [b"x", b"y"]}
    )
    if frame in ("pandas", "polars"):
        pytest.importorskip(frame)
    made = {
        "pandas": lambda: table.to_pandas(),
        "polars": lambda: pytest.importorskip("polars").from_arrow(table),
        "arrow": lambda: table,
        "batches": lambda: table.to_batches()[0],
    }[frame]()
    report = shop.add(made)
    assert report.added == 2 and len(report.problems) == 1 and "column 'raw'" in report.problems[0].where
    assert shop.get("1").facts == {"price": 9900} and shop.get("1").text == "빨간 원피스"
    assert shop.get("2").facts == {} and len(shop.get("2").images) == 1


def test_a_folder_is_what_is_in_it(shop: Collection, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    draw().save(tmp_path / "in" / "a.png")
    assert shop.add(tmp_path / "in").added == 1 and next(shop.items()).facts == {"title": "a", "folder": "in"}


@pytest.mark.parametrize(("given", "message"), [(5, "int came, expected rows"), (None, "NoneType came, expected rows"), ([5], "int came")])
def test_what_holds_no_contents_is_named(shop: Collection, given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        shop.add(given)


def test_a_name_that_no_item_has_is_told_with_its_neighbours(shop: Collection) -> None:
    assert shop.search("a", where="날짜 = 1") == []  # nothing is known of an empty collection
    shop.add([*rows(4), {"id": "x", "text": "a", "meta": {"size": "M"}, "rare": 1}])
    for ask in (
        lambda: shop.search("원피스", where="nn = 1 and n = 2"),
        lambda: shop.search("원피스", group_by="nn"),
        lambda: shop.facets(["nn"]),
        lambda: shop.delete(where="n = 1 or nn > 5"),
        lambda: list(shop.items(where="nn is not null")),
    ):
        with pytest.raises(WhereError, match="no item has the fact 'nn'; did you mean 'n'"):
            ask()
    with pytest.raises(WhereError, match=r"'meta\.size'"):
        shop.count("meta.sise = M")
    assert shop.count("meta.size = M") == shop.count("rare = 1") == shop.count({"rare": 1}) == 1
    assert shop.count("nn != 1") == shop.count("nn is null") == shop.count("not nn = 1") == 5


def test_groups_tell_true_from_one(shop: Collection) -> None:
    shop.add([{"id": str(n), "text": "빨간 원피스", "b": b} for n, b in enumerate([True, 1, "true", False, 0, 1.0])])
    assert sorted(h.id for h in shop.search("원피스", group_by="b")) == ["0", "1", "2", "3", "4"]


def test_an_older_collection_answers_the_newer_conditions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def former(facts: dict[str, Any]) -> dict[str, Any]:
        return {"f": {k: v for k, v in kept(facts)["f"].items() if "." not in k}}

    with monkeypatch.context() as m, collection.open(tmp_path / "shop.hannun", Toy()) as shop:
        m.setattr("hannun.index.request.kept", former)
        shop.add(
            [{"id": "1", "text": "a", "meta": {"size": "M"}, "day": "2025-11-01", "no": 2**60}, {"id": "2", "text": "b", "no": 2**60 + 1}]
        )
    settings = json.loads((tmp_path / "shop.hannun/hannun.json").read_text())
    (tmp_path / "shop.hannun/hannun.json").write_text(
        json.dumps({k: v for k, v in settings.items() if k not in ("conditions", "checksum")})
    )
    with collection.open(tmp_path / "shop.hannun", Toy()) as shop:
        assert shop.settings.conditions == 1 and shop.count(f"no = {2**60}") == shop.count(f"no > {2**60}") == 1
        assert shop.count("meta.size = M") == shop.count("day >= 2025-11-01") == 1
        assert shop.settings.conditions == 2


def test_items_of_files_that_were_moved_are_not_there_twice(shop: Collection, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "old" / name).mkdir(parents=True)
        draw(seed=ord(name)).save(tmp_path / "old" / name / "x.png")
    (tmp_path / "old/t.txt").write_text("빨간 원피스")
    shop.add(tmp_path / "old")
    shop.update({"tag": "좋음"}, ids=["old/a/x.png"])
    (tmp_path / "old").rename(tmp_path / "new")
    shop.add(tmp_path / "new")
    assert len(shop) == 6
    assert shop.moved({f.id for f in sources.read([tmp_path / "new"]) if f.id}) == 3
    assert {it.id for it in shop} == {"new/a/x.png", "new/b/x.png", "new/t.txt"}
    assert shop.get("new/a/x.png").facts == {"title": "x", "folder": "a", "tag": "좋음"}


def test_pictures_without_a_text_are_found_by_their_names_and_folders(shop: Collection, tmp_path: Path) -> None:
    for n, name in enumerate(["제주도/바다_001", "제주도/IMG_1234", "부산/바다_002", *(f"기타/IMG_{n}" for n in range(9))]):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        draw(seed=n).save(tmp_path / f"in/{name}.png")
    shop.add(tmp_path / "in")
    found = [shop.search(words, limit=2) for words in ("제주도", "제주도 바다", "ㅈㅈㄷ")]
    assert [{h.item.facts["folder"] for h in hits} for hits in found][::2] == [{"제주도"}, {"제주도"}]
    assert found[1][0].id == "in/제주도/바다_001.png"
    assert shop.count("folder = 부산") == 1 and all(it.text is None for it in shop)
    shop.update({"title": "해운대"}, ids=["in/부산/바다_002.png"])
    assert shop.search("해운대", limit=1)[0].item.facts == {"title": "해운대", "folder": "부산"}
    assert not shop.search("바다", words=1, where="folder = 부산")


def test_broken_rows_are_listed_and_stop_nothing(shop: Collection, tmp_path: Path) -> None:
    given: list[Any] = [
        {"id": "1", "text": "하나"},
        5,
        {"id": "2"},
        {"id": "3", "text": ""},
        {"id": "4", "image": b"x"},
        None,
        {"id": "5", "image": "none.png"},
    ]
    given += [
        Problem("elsewhere", "broken before"),
        {"id": "6", "text": "가" * 100_000},
        {"id": "7", "text": "👗"},
        {"id": "8", "text": "\ud800", "k\udfff": "v\udfff"},
    ]
    report = shop.add(given)
    assert report.added == 4 and set(everything(shop)) == {"1", "6", "7", "8"}
    assert [p.where for p in report.problems[:3]] == ["row 2", "row 3", "3"] and len(report.problems) == 7
    assert shop.search("👗")[0].id == "7" and shop.get("8").facts == {"k?": "v?"}


def test_where_nothing_could_be_added_the_first_reason_is_an_error(shop: Collection) -> None:
    with pytest.raises(InputError, match=r"nothing could be added: row 1: .*and 1 more like it"):
        shop.add([{"title": "a"}, {"title": "b"}])
    assert shop.add([]).added == 0


def test_progress_is_told_of_every_item(shop: Collection) -> None:
    done: list[int] = []
    shop.add([*rows(70), {"id": "bad", "image": b""}], done.append)
    assert sum(done) == 71 and len(done) == -(-71 // CHUNK)
