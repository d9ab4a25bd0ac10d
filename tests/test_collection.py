"""A collection keeps what it was given, once, whatever happens to the process, the disk or the encoder."""

from __future__ import annotations

import json
import shutil
import statistics
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import hannun
from hannun import collection, sources
from hannun.collection import Collection
from hannun.embeddings import unit
from hannun.encode import CHUNK
from hannun.errors import CollectionBusy, EncoderMismatch, HannunError, InputError, MissingError, PictureError, StorageError, WhereError
from hannun.index.conditions import kept
from hannun.item import Image, Item, Problem, Text
from hannun.search import fuse
from tests.conftest import child, draw, encoded, finished
from tests.toy import Toy


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Collection]:
    with collection.open(tmp_path / "shop.hannun", Toy()) as opened:
        yield opened


def rows(n: int, **facts: Any) -> list[dict[str, Any]]:
    return [{"id": str(i), "text": f"{['빨간', '파란', '노란', '하얀'][i % 4]} 원피스 {i}", "n": i, **facts} for i in range(n)]


def everything(opened: Collection) -> dict[str, tuple[str | None, dict[str, Any]]]:
    found = [(it.id, (it.text, dict(it.facts))) for it in opened]
    assert len(found) == len({i for i, _ in found}) == len(opened)
    return dict(found)


# Adding and searching


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


# Pictures of its own


def test_bytes_and_decoded_pictures_are_kept_once_and_move_with_the_folder(tmp_path: Path) -> None:
    data, decoded = encoded(draw(seed=1), "JPEG"), draw(seed=2)
    with collection.open(tmp_path / "a", Toy()) as shop:
        shop.add([{"id": "1", "image": data}, {"id": "2", "image": data, "text": "b"}, {"id": "3", "image": decoded}])
        assert len([f for f in (tmp_path / "a/pictures").rglob("*") if f.is_file()]) == 2
        assert shop.add([{"id": "1", "image": data}, {"id": "3", "image": decoded}]).unchanged == 2
    shutil.move(tmp_path / "a", tmp_path / "b")
    with collection.open(tmp_path / "b", Toy()) as moved:
        assert moved.get("1").images[0].read() == moved.get("2").images[0].read() == data
        assert moved.get("3").images[0].load().tobytes() == decoded.tobytes()
        assert moved.search(data, weights=(0, 1))[0].item.images[0].read() == data
        assert moved.reindex(Toy("2")).added == 3


def test_pictures_in_tars_are_read_where_they_lie(tmp_path: Path) -> None:
    import io
    import tarfile

    data = encoded(draw(seed=3))
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        info = tarfile.TarInfo("k.png")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    with collection.open(tmp_path / "c", Toy()) as shop:
        shop.add(sources.read([tmp_path / "s.tar"]))
        assert shop.get("k").images[0].read() == data and not (tmp_path / "c/pictures").exists()
        assert shop.reindex(Toy("2")).added == 1


# Removing


def test_delete_by_id_and_by_condition(shop: Collection) -> None:
    shop.add(rows(20))
    assert shop.delete(["1", "none", "1"]) == 1
    assert shop.delete(where="n >= 15") == 5
    assert shop.delete(["2"], where="n = 2 or n = 3") == 2
    assert shop.delete() == 0 and shop.delete(["1"]) == 0
    assert len(everything(shop)) == 12 and all(h.item.facts["n"] < 15 for h in shop.search("원피스", limit=20))
    with pytest.raises(MissingError, match="no item '1'"):
        shop.get("1")
    with pytest.raises(InputError, match="expected a list"):
        shop.delete("12")
    with pytest.raises(WhereError):
        shop.delete(["4"], where="n >")
    assert "4" in everything(shop)


def test_prune_removes_what_has_vanished_below_the_paths_and_nothing_else(
    shop: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.png", "a/2.png", "a/사진.png", "ab/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        draw().save(tmp_path / unicodedata.normalize("NFD", name))
    (tmp_path / "a/t.jsonl").write_text('{"id": "r1", "text": "x"}\n{"id": "r2", "text": "y"}\n')
    shop.add(sources.read([tmp_path / "a", tmp_path / "ab"]))
    shop.add([{"id": "mine", "text": "by hand"}])
    (tmp_path / "a/1.png").unlink()
    (tmp_path / "ab/3.png").unlink()
    (tmp_path / "a/t.jsonl").write_text('{"id": "r2", "text": "y"}\n')
    monkeypatch.chdir(tmp_path)
    found = {f.id for f in sources.read([Path("a")]) if f.id}
    assert shop.prune([Path("../" + tmp_path.name + "/a")], found) == 2
    left = everything(shop).keys()
    assert left == {"a/2.png", "a/사진.png", "ab/3.png", "r2", "mine"}


def test_a_table_that_cannot_be_read_today_has_not_vanished(shop: Collection, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,text\n1,하나\n2,둘\n", "utf-8")
    shop.add(sources.read([tmp_path]))
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00\x00")
    found = {f.id for f in sources.read([tmp_path]) if f.id}
    assert shop.prune([tmp_path], found) == 0 and len(shop) == 2


# Another encoder


def test_another_encoder_is_refused_and_the_error_names_reindex(tmp_path: Path, toy_models: None) -> None:
    path = tmp_path / "shop.hannun"
    with collection.open(path, Toy("1")) as shop:
        shop.add(rows(3))
    with pytest.raises(EncoderMismatch, match=rf"hannun reindex {path} --model toy2"):
        collection.open(path, Toy("2"))
    with collection.open(path) as shop:  # the one that made it is loaded by its name
        assert shop.encoder.fingerprint == Toy("1").fingerprint and len(shop.search("원피스")) == 3
    with collection.open(path, Toy("1")) as shop:  # and the lock is free again after the refusal
        assert len(shop) == 3


def test_an_encoder_of_one_name_that_has_changed_is_refused_when_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with collection.open(tmp_path / "c", Toy("1")) as shop:
        shop.add(rows(3))
    changed = Toy("1")
    changed.fingerprint = "toy-1-newer"
    monkeypatch.setattr("hannun.collection.local.load", lambda name: changed)
    with collection.open(tmp_path / "c") as shop:
        assert len(shop) == 3 and shop.info()["items"] == 3 and shop.delete(["1"]) == 1  # none of these needs it
        with pytest.raises(EncoderMismatch, match="hannun reindex"):
            shop.search("a")
        with pytest.raises(EncoderMismatch):
            shop.add(rows(5))
        assert len(shop) == 2


def test_reindex_encodes_everything_once_and_keeps_everything(tmp_path: Path) -> None:
    path, toy, new = tmp_path / "c", Toy("1"), Toy("2", parts=False)
    draw().save(tmp_path / "a.png")
    given = [*rows(70, sale=True), {"id": "p", "image": tmp_path / "a.png"}, {"id": "b", "image": encoded(draw(seed=1)), "text": "둘"}]
    with collection.open(path, toy) as shop:
        shop.add(given)
        before = everything(shop)
        done: list[int] = []
        assert shop.reindex(toy).unchanged == 72 and toy.encoded == 73  # nothing to do; b has two parts
        report = shop.reindex(new, done.append)
        assert (report.added, report.unchanged, new.encoded, sum(done)) == (72, 0, 72, 72)
        assert everything(shop) == before and shop.settings.kinds == () and shop.encoder is new
        assert len(shop.search("원피스", where="sale = true", limit=100)) == 70
        assert shop.add(given).unchanged == 72  # the hashes are as before
    assert [f.name for f in path.iterdir() if f.name.startswith("shard")] == ["shard-2"]
    with pytest.raises(EncoderMismatch):
        collection.open(path, toy)
    with collection.open(path, Toy("2", parts=False)) as shop:
        assert everything(shop) == before and shop.reindex(Toy("3")).added == 72


def test_after_reindex_the_sources_are_still_known(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"id": "1", "text": "a"}\n{"id": "2", "text": "b"}\n')
    with collection.open(tmp_path / "c", Toy("1")) as shop:
        shop.add(sources.read([tmp_path / "t.jsonl"]))
        shop.reindex(Toy("2"))
        assert shop.add(sources.read([tmp_path / "t.jsonl"])).unchanged == 2
        assert shop.prune([tmp_path], {"1"}) == 1


class Stop(Exception):
    pass


def interrupt(shop: Collection, encoder: Toy, after: int) -> None:
    def progress(done: int) -> None:
        nonlocal after
        after -= done
        if after <= 0:
            raise Stop

    with pytest.raises(Stop):
        shop.reindex(encoder, progress)


def test_an_interrupted_reindex_goes_on_where_it_was(tmp_path: Path) -> None:
    first, second = Toy("2"), Toy("2")
    with collection.open(tmp_path / "c", Toy("1")) as shop:
        shop.add(rows(300))
        interrupt(shop, first, 100)
        assert len(shop.search("원피스", limit=300)) == 300 and shop.settings.fingerprint == Toy("1").fingerprint
    with collection.open(tmp_path / "c", Toy("1")) as shop:
        report = shop.reindex(second)
        assert report.added + report.unchanged == 300 and report.unchanged >= 100
        assert second.encoded == report.added <= 200
        assert len(everything(shop)) == 300


def test_what_was_deleted_or_changed_between_two_attempts_does_not_come_back(tmp_path: Path) -> None:
    with collection.open(tmp_path / "c", Toy("1")) as shop:
        shop.add(rows(100))
        interrupt(shop, Toy("2"), 90)
        shop.delete(["0", "1"])
        shop.add([{"id": "2", "text": "새 글"}])
        shop.reindex(Toy("2"))
        assert set(everything(shop)) == {str(i) for i in range(2, 100)}
        assert shop.get("2").text == "새 글" and shop.search("새 글")[0].id == "2"


def test_a_reindex_begun_with_one_encoder_is_not_mixed_with_another(tmp_path: Path) -> None:
    third = Toy("3")
    with collection.open(tmp_path / "c", Toy("1")) as shop:
        shop.add(rows(100))
        interrupt(shop, Toy("2"), 60)
        assert shop.reindex(third).added == 100 and third.encoded == 100


def test_missing_pictures_stop_a_reindex_and_leave_the_collection_as_it_was(tmp_path: Path) -> None:
    for n in range(3):
        draw(seed=n).save(tmp_path / f"{n}.png")
    with collection.open(tmp_path / "c", Toy("1")) as shop:
        shop.add([*rows(40), *[{"id": f"p{n}", "image": tmp_path / f"{n}.png"} for n in range(3)]])
        (tmp_path / "1.png").unlink()
        before = everything(shop)
        with pytest.raises(MissingError, match=r"1 items cannot be encoded again .*1\.png: no such picture.*the collection is as it was"):
            shop.reindex(Toy("2"))
        assert everything(shop) == before and shop.settings.fingerprint == Toy("1").fingerprint
        assert len(shop.search("원피스", limit=100)) == 43
        shop.delete(["p1"])
        new = Toy("2")
        assert shop.reindex(new).unchanged == 42 and new.encoded == 0 and len(shop) == 42


# One owner, and folders that are something else


def test_a_second_process_is_told_who_has_it(tmp_path: Path) -> None:
    code = "import sys; from hannun import collection; from tests.toy import Toy\n"
    code += "c = collection.open(sys.argv[1], Toy()); print('open', flush=True); sys.stdin.read()"
    other = child("-c", code, str(tmp_path / "c"))
    try:
        assert other.stdout is not None and other.stdout.readline() == "open\n"
        with pytest.raises(CollectionBusy, match=rf"process {other.pid} has this collection open"):
            collection.open(tmp_path / "c", Toy())
    finally:
        other.kill()
        other.communicate()
    with collection.open(tmp_path / "c", Toy()) as shop:  # the lock died with its owner
        assert len(shop) == 0


def test_one_process_cannot_open_it_twice_but_again_after_closing(tmp_path: Path) -> None:
    first = collection.open(tmp_path / "c", Toy())
    with pytest.raises(CollectionBusy):
        collection.open(tmp_path / "c", Toy())
    first.close()
    collection.open(tmp_path / "c", Toy()).close()


def test_places_that_cannot_be_a_collection(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/photo.jpg").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        collection.open(tmp_path / "file", Toy())
    with pytest.raises(InputError, match="other things in it"):
        collection.open(tmp_path / "other", Toy())
    assert [f.name for f in (tmp_path / "other").iterdir()] == ["photo.jpg"]
    with pytest.raises(MissingError, match=r"no collection there; make one with `hannun index"):
        collection.open(tmp_path / "none", Toy(), create=False)
    assert not (tmp_path / "none").exists()
    (tmp_path / "empty").mkdir()
    collection.open(tmp_path / "empty", Toy()).close()


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"format": 1}', '{"format": 1, "calibration": 5}', "\x00" * 40])
def test_a_damaged_settings_file_is_told(tmp_path: Path, damage: str) -> None:
    collection.open(tmp_path / "c", Toy()).close()
    whole = (tmp_path / "c/hannun.json").read_text("utf-8")
    (tmp_path / "c/hannun.json").write_text(damage)
    with pytest.raises(StorageError, match=r"hannun\.json: is damaged"):
        collection.open(tmp_path / "c", Toy())
    (tmp_path / "c/hannun.json").write_text(whole.replace('"format": 2', '"format": 99'), "utf-8")
    with pytest.raises(InputError, match="has format 99"):
        collection.open(tmp_path / "c", Toy())
    (tmp_path / "c/hannun.json").write_text(whole, "utf-8")
    collection.open(tmp_path / "c", Toy()).close()


def test_info(shop: Collection) -> None:
    shop.add(
        [
            {"id": "1", "text": "a", "price": 1},
            {"id": "2", "image": draw(), "price": 2, "색": "x"},
            {"id": "3", "text": "b", "image": draw()},
        ]
    )
    info = shop.info()
    assert (info["items"], info["with_text"], info["with_picture"]) == (3, 2, 2) and info["facts"] == {"price": 2, "색": 1}
    assert (info["encoder"], info["fingerprint"], info["dims"], info["part_vectors"]) == ("toy1", "toy-1-True", [64, 32], True)
    assert info["bytes"] > 0 and json.dumps(info)


# Disks


def test_a_read_only_disk(tmp_path: Path, disk: Callable[[str], Path]) -> None:
    place = disk("200m")
    with collection.open(place / "c", Toy()) as shop:
        shop.add(rows(3))
    disk("200m,ro")
    with pytest.raises(StorageError, match=r"cannot be opened for writing .*make it writable"):
        collection.open(place / "new", Toy())
    with collection.open(place / "c", Toy()) as shop:
        assert len(shop) == 3  # more in tests/faults/test_storage.py
    disk("200m,rw")
    with collection.open(place / "c", Toy()) as shop:
        assert len(shop) == 3


FILL = """
import sys
from pathlib import Path
from hannun import collection
from hannun.errors import HannunError
from tests.toy import Toy
try:
    with collection.open(sys.argv[1], Toy(), words=False) as c:
        print(c.add({"id": str(i), "text": f"빨간 원피스 {i}", "long": f"{i}" * 100_000} for i in range(int(sys.argv[2]))).added)
except HannunError as e:
    print(type(e).__name__, e)
"""


def test_a_disk_that_fills_up(disk: Callable[[str], Path]) -> None:
    """In a child, because a full disk under a memory-mapped file would kill the process that wrote."""
    place = disk("8m")
    small = finished("-c", FILL, str(place / "c"), "5")
    assert small.returncode == 0 and small.stdout.startswith("StorageError") and "the disk is full" in small.stdout, small
    disk("220m")
    full = finished("-c", FILL, str(place / "c"), "400")
    assert full.returncode == 0 and full.stdout.startswith("StorageError") and "the disk is full" in full.stdout, full
    assert len(full.stdout.splitlines()) == 1
    (place / "ballast").write_bytes(b"x" * (shutil.disk_usage(place).free - 5 * 2**20))  # somebody else fills the rest
    again = finished("-c", FILL, str(place / "c"), "400")
    assert again.returncode == 0 and "the disk is full" in again.stdout, again
    disk("600m")
    with collection.open(place / "c", Toy()) as shop:
        kept = len(everything(shop))
        assert 0 < kept < 400 and len(shop.search("빨간 원피스", limit=400)) == kept
    more = finished("-c", FILL, str(place / "c"), "400")
    assert more.stdout == f"{400 - kept}\n", more
    with collection.open(place / "c", Toy()) as shop:
        assert set(everything(shop)) == {str(i) for i in range(400)}


def test_a_disk_without_room_where_none_can_be_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with collection.open(tmp_path / "c", Toy()) as shop:
        shop.add(rows(3))
        usage = shutil.disk_usage(tmp_path)
        with monkeypatch.context() as full:
            full.setattr("shutil.disk_usage", lambda _: type(usage)(usage.total, usage.total, 2**20))
            for change in (lambda: shop.add(rows(9)), lambda: shop.delete(["1"]), lambda: shop.reindex(Toy("2"))):
                with pytest.raises(StorageError, match=r"the disk is full \(1 MB free, \d+ MB needed\)"):
                    change()
            assert len(shop.search("원피스")) == 3
        assert shop.add(rows(9)).added == 6


def test_a_write_that_fails_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with collection.open(tmp_path / "c", Toy()) as shop:
        with monkeypatch.context() as full:
            full.setattr("os.fsync", no_space)
            with pytest.raises(StorageError, match="No space left"):
                shop.add([{"id": "1", "image": encoded(draw())}])
            with pytest.raises(StorageError, match="No space left"):
                collection.open(tmp_path / "new", Toy())
        assert not list((tmp_path / "c").rglob("*.part"))
        assert shop.add([{"id": "1", "image": encoded(draw())}]).added == 1
    collection.open(tmp_path / "new", Toy()).close()


# Facts


def test_facts_change_without_encoding(tmp_path: Path) -> None:
    toy = Toy()
    with collection.open(tmp_path / "c", toy) as shop:
        shop.add(rows(10, sale=True))
        done = toy.encoded
        assert shop.update({"price": 5, "sale": None, "색": "빨강"}, ["1", "none"], where="n >= 8") == 3 and toy.encoded == done
        assert shop.get("1").facts == {"n": 1, "price": 5, "색": "빨강"} and shop.get("2").facts == {"n": 2, "sale": True}
        assert sorted(it.id for it in shop.items("색 = 빨강")) == ["1", "8", "9"] and shop.count("sale = true") == 7
        assert {h.id for h in shop.search("원피스", where="price = 5")} == {"1", "8", "9"}
        assert [h.id for h in shop.search("원피스 8", words=1, where="price = 5", limit=1)] == ["8"]  # words are still there
        assert shop.add(rows(10, sale=True)).unchanged == 10  # the content is as it was, so the changes stand
        assert shop.update({"price": 6}) == 0
        for bad, message in (({"text": "x"}, "a change of 'text' came"), ({"x": object()}, "a fact is")):
            with pytest.raises(InputError, match=message):
                shop.update(bad, ["1"])
        with pytest.raises(InputError, match="expected a list"):
            shop.update({"price": 6}, "12")
    with collection.open(tmp_path / "c", toy) as shop:
        assert shop.get("9").facts == {"n": 9, "price": 5, "색": "빨강"}


def test_facets(shop: Collection) -> None:
    shop.add(
        [{"id": str(n), "text": "a", "색": ["빨강", "파랑"][n % 3 == 0], "tags": ["x", "y"][: n % 3], "n": n, "all": 1} for n in range(60)]
    )
    assert shop.facets(["색"]) == {"색": [("빨강", 40), ("파랑", 20)]}
    assert shop.facets(["색", "tags"], where="n < 6") == {"색": [("빨강", 4), ("파랑", 2)], "tags": [("x", 4), ("y", 2)]}
    assert shop.facets(["색"], limit=1) == {"색": [("빨강", 40)]}
    with pytest.raises(InputError, match="no item has the fact 'none'"):
        shop.facets(["none"])
    assert set(shop.facets()) == {"색", "tags"}  # n has too many values to choose by, `all` only one
    shop.update({"all": 2}, ["1"])
    assert set(shop.facets()) == {"색", "tags", "all"}
    with pytest.raises(InputError, match="expected a list of names"):
        shop.facets("색")


def test_items_by_condition_and_by_id(shop: Collection) -> None:
    shop.add(rows(6))
    assert sorted(it.id for it in shop.items(where="n > 3")) == ["4", "5"] and shop.count("n > 3") == 2 and shop.count() == 6
    assert [it.id for it in shop.items(ids=["5", "none", "0"])] == ["5", "0"]
    with pytest.raises(InputError, match="expected one of them"):
        shop.items("n = 1", ["1"])
    assert set(shop.vectors(["1", "none"])) == {"1"} and shop.vectors(["1"])["1"]["text"].shape == (64,)


# Words


def test_words_meaning_and_both(tmp_path: Path) -> None:
    pytest.importorskip("kiwipiepy")
    with collection.open(tmp_path / "c", Toy()) as shop:
        shop.add(
            [
                {"id": "1", "text": "빨간 원피스를 샀다"},
                {"id": "2", "text": "파란 가방"},
                {"id": "3", "text": "원피스 원피스"},
                {"id": "4", "image": draw()},
            ]
        )
        assert [h.id for h in shop.search("빨갛다", words=1)] == ["1"]  # a morpheme, however it is inflected
        assert {h.id for h in shop.search("원피스가", words=1)} == {"1", "3"} and shop.search("없는말", words=1) == []
        meaning = {h.id: h.score for h in shop.search("파란 원피스", words=0)}
        words = {h.id: h.score for h in shop.search("파란 원피스", words=1)}
        both = {h.id: h.score for h in shop.search("파란 원피스", words=0.4)}
        assert max(words.values()) == pytest.approx(1) and set(both) == {"1", "2", "3", "4"}
        assert sum(both.values()) == pytest.approx(1)  # chances, of which each half is one by itself
        found = shop.search("파란 원피스", words=1, explain=True)
        bm25 = {h.id: sum(score for _, score in h.why.terms) for h in found if h.why is not None}
        kinds = [[meaning[i] for i in ids] for ids in (("1", "2", "3"), ("4",))]  # texts, and a picture
        spread = statistics.pstdev([v - statistics.mean(k) for k in kinds for v in k])
        share = fuse.leaning(0.4, statistics.mean(map(len, ("빨간 원피스를 샀다", "파란 가방", "원피스 원피스"))))  # of short texts
        assert both == pytest.approx(fuse.either(meaning, bm25, share, list(meaning.values()), list(bm25.values()), spread), abs=1e-5)
        fused = shop.search("파란 원피스", words=0.5, fusion="ranks")
        order = [[h.id for h in shop.search("파란 원피스", words=w)] for w in (0, 1)]
        assert {h.id: h.score for h in fused} == pytest.approx(
            {i: sum(0.5 / (61 + o.index(i)) for o in order if i in o) for i in both}, abs=1e-6
        )
        (why,) = [h.why for h in shop.search("빨간 원피스", words=0.8, explain=True, limit=1)]
        assert why is not None and {w for w, _ in why.terms} >= {"빨갛다", "원피스"} and why.parts["words"] == pytest.approx(1)
        assert [h.id for h in shop.search("ㅃㄱ", words=1)] == ["1"]  # first consonants
        avoided = {h.id: h.score for h in shop.search("원피스 -빨간", words=0.5)}
        assert avoided["3"] > avoided["1"]
        assert [h.score for h in shop.search(draw(), words=0.5)] == [h.score for h in shop.search(draw())]  # a picture has no words
        with pytest.raises(InputError, match="has no words"):
            shop.search(draw(), words=1)
        assert shop.readings("qkfrks") == ("빨간", "발간") or "빨간" in shop.readings("qkfrks")
        shop.delete(["1"])
        assert [h.id for h in shop.search("원피스", words=1)] == ["3"]


def test_a_collection_without_words_says_so(tmp_path: Path) -> None:
    with collection.open(tmp_path / "c", Toy(), words=False) as shop:
        shop.add(rows(3))
        with pytest.raises(InputError, match="was made without words"):
            shop.search("원피스", words=0.5)
    with pytest.raises(InputError, match="was made with words=False, but True came"):
        collection.open(tmp_path / "c", Toy(), words=True)
    collection.open(tmp_path / "c", Toy(), words=False).close()


def test_a_dictionary_stays_with_its_collection(tmp_path: Path) -> None:
    """듀이트리 is a name that the analysis does not know: without a dictionary it is also found by its pairs of letters."""
    rows = [{"id": "1", "text": "듀이트리 크림"}, {"id": "2", "text": "듀이 크림"}]

    def asked(shop: Any) -> list[str]:
        return [h.id for h in shop.search("듀이트리", words=1)]

    with collection.open(tmp_path / "a", Toy(), dictionary=["듀이트리"]) as shop:
        shop.add(rows)
        assert asked(shop) == ["1"] and shop.info()["dictionary"] == ["듀이트리"]
    with collection.open(tmp_path / "a", Toy()) as shop:
        shop.add([{"id": "3", "text": "듀이트리를 샀다"}])
        assert sorted(asked(shop)) == ["1", "3"]
        shop.copy(tmp_path / "same")
        with collection.open(tmp_path / "b", Toy()) as other:
            assert other.info()["dictionary"] == []
        shop.copy(tmp_path / "b")  # into one that has another dictionary: words are taken anew
    collection.open(tmp_path / "a", Toy(), dictionary=("듀이트리", "듀이트리")).close()
    with pytest.raises(InputError, match=r"was made with dictionary=.*copy the collection"):
        collection.open(tmp_path / "a", Toy(), dictionary=["크림"])
    with pytest.raises(InputError, match="the dictionary has"):
        collection.open(tmp_path / "c", Toy(), dictionary=["★"])
    with collection.open(tmp_path / "same", Toy()) as same, collection.open(tmp_path / "b", Toy()) as other:
        assert sorted(asked(same)) == ["1", "3"]
        assert sorted(asked(other)) == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("options", "message"), [({"quantise": "int4"}, "expected 'none', 'int8' or 'binary'"), ({"prefix": 7}, "prefix=7")]
)
def test_a_store_that_cannot_be_made(tmp_path: Path, options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        collection.open(tmp_path / "c", Toy(), **options)


def test_a_careful_collection_stays_one(tmp_path: Path) -> None:
    pictures = [{"id": str(n), "image": draw(seed=n)} for n in range(3)]
    with hannun.open(tmp_path / "plain.hannun", Toy()) as plain, hannun.open(tmp_path / "c.hannun", Toy(), careful=True) as careful:
        plain.add(pictures)
        careful.add(pictures)
        once, thrice = (c.vectors(["1"])["1"]["image"] for c in (plain, careful))
        assert abs(once - thrice).max() > 1e-3 and not plain.info()["careful"]
        careful.copy(tmp_path / "copy.hannun")
    with hannun.open(tmp_path / "copy.hannun", Toy()) as c:
        c.reindex(Toy("2"))
        assert abs(c.vectors(["1"])["1"]["image"] - thrice).max() < 1e-6
        assert c.info()["careful"]
    with pytest.raises(InputError, match="was made with careful=True, but False came"):
        hannun.open(tmp_path / "copy.hannun", careful=False)
    with pytest.raises(InputError, match="gives pictures no vectors of their own"):
        hannun.open(tmp_path / "joint.hannun", Toy(parts=False), careful=True)


@pytest.mark.parametrize("options", [{"quantise": "int8"}, {"quantise": "binary"}, {"prefix": 32}, {"quantise": "int8", "prefix": 32}])
def test_quantised_and_nested_stores_find_the_same(tmp_path: Path, options: Any) -> None:
    with (
        collection.open(tmp_path / "a", Toy(), words=False) as plain,
        collection.open(tmp_path / "b", Toy(), words=False, **options) as short,
    ):
        plain.add(rows(120))
        short.add(rows(120))
        for query in ("빨간 원피스 17", "하얀 원피스 3"):
            assert [(h.id, pytest.approx(h.score, abs=1e-5)) for h in short.search(query, limit=5)] == [
                (h.id, h.score) for h in plain.search(query, limit=5)
            ]
        assert short.info()["quantise"] == options.get("quantise", "none") and short.info()["prefix"] == options.get("prefix", 0)


# Pictures that nobody uses any more


def stored(place: Path) -> int:
    return len([f for f in (place / "pictures").rglob("*") if f.is_file()])


def test_stored_pictures_go_with_their_last_item(tmp_path: Path) -> None:
    one, two, three = (encoded(draw(seed=n)) for n in range(3))
    with collection.open(tmp_path / "c", Toy()) as shop:
        shop.add([{"id": "1", "image": one}, {"id": "2", "image": [one, two]}, {"id": "3", "image": three, "n": 3}])
        assert stored(tmp_path / "c") == 3
        shop.delete(["1"])
        assert stored(tmp_path / "c") == 3 and shop.get("2").images[0].read() == one
        shop.add([{"id": "2", "image": two}])
        assert stored(tmp_path / "c") == 2 and shop.get("2").images[0].read() == two
        shop.delete(where="n = 3")
        assert stored(tmp_path / "c") == 1
        shop.reindex(Toy("2"))
    shutil.move(tmp_path / "c", tmp_path / "d")
    with collection.open(tmp_path / "d", Toy("2")) as moved:  # reindexing leaves them the collection's own
        assert moved.get("2").images[0].read() == two and moved.delete(["2"]) == 1 and stored(tmp_path / "d") == 0


# Near-duplicates and the map


def test_dupes_are_the_same_picture_or_nearly(shop: Collection) -> None:
    look = draw(seed=1, size=(64, 64))
    shop.add(
        [
            {"id": "a", "image": encoded(look), "text": "하나"},
            {"id": "b", "image": encoded(look), "text": "둘"},
            {"id": "c", "image": encoded(look, "JPEG", quality=60)},
            {"id": "d", "image": encoded(draw(seed=9))},
            {"id": "e", "text": "같은 글"},
            {"id": "f", "text": "같은 글"},
        ]
    )
    first, second = shop.dupes(0.98)
    assert first.ids == ("a", "b", "c") and not first.exact and 0.98 <= first.similarity <= 1
    assert second.ids == ("e", "f") and second.similarity == pytest.approx(1)
    (only,) = shop.dupes(0.99999, where="id in (a, b, c)")
    assert only.ids == ("a", "b") and only.exact
    for bad in (0, 1.5, "x", True):
        with pytest.raises(InputError, match="expected a cosine"):
            shop.dupes(bad)  # type: ignore[arg-type]


def test_the_map(shop: Collection) -> None:
    assert len(shop.map().ids) == 0
    shop.add([*rows(40), *[{"id": f"p{n}", "image": draw(seed=n, size=(8, 8))} for n in range(10)]])
    whole = shop.map()
    assert len(whole.ids) == 50 and whole.points.shape == (50, 2) and abs(whole.points).max() <= 1
    part = shop.map(limit=20)
    assert len(part.ids) == 20 and part.ids == shop.map(limit=20).ids != shop.map(limit=20, seed=1).ids
    assert set(shop.map(where="n < 5").ids) == {"0", "1", "2", "3", "4"}


# Copies, backups and older formats


def same(a: Collection, b: Collection) -> None:
    assert everything(a) == everything(b) and a.settings.fingerprint == b.settings.fingerprint
    for query in ("빨간 원피스", draw(seed=1)):
        assert [(h.id, pytest.approx(h.score, abs=1e-5)) for h in a.search(query, limit=50)] == [
            (h.id, h.score) for h in b.search(query, limit=50)
        ]
    assert [h.id for h in a.search("원피스", words=1)] == [h.id for h in b.search("원피스", words=1)]
    assert all(it.images[0].read() == b.get(it.id).images[0].read() for it in a if it.images)


def several(n: int) -> list[dict[str, Any]]:
    pictures = [encoded(draw(seed=k)) for k in range(3)]
    return [
        {"id": str(i), "text": f"빨간 원피스 {i}", "n": i, **({"image": pictures[: 1 + i % 2]} if i % 9 == 0 else {})} for i in range(n)
    ]


def test_a_copy_goes_on_where_it_was(tmp_path: Path) -> None:
    toy = Toy()
    with collection.open(tmp_path / "a", toy) as shop:
        shop.add(several(450))
        done, begun = toy.encoded, [0]

        def stop(n: int) -> None:
            begun[0] += n
            if begun[0] >= 200:
                raise Stop

        with pytest.raises(Stop):
            shop.copy(tmp_path / "b", stop)
        shop.update({"sale": True}, ["7"])
        told: list[int] = []
        report = shop.copy(tmp_path / "b", told.append)
        assert report.added + report.unchanged == sum(told) == 450 and report.unchanged >= 150 and toy.encoded == done
        assert shop.copy(tmp_path / "b").unchanged == 450
        with collection.open(tmp_path / "b", Toy()) as copied:
            same(shop, copied)
            assert copied.get("7").facts == {"n": 7, "sale": True} and copied.settings.albums
        with collection.open(tmp_path / "other", Toy("2")) as other:
            other.add(rows(1))
        with pytest.raises(EncoderMismatch, match="copy to another place"):
            shop.copy(tmp_path / "other")
        with pytest.raises(CollectionBusy):
            shop.copy(tmp_path / "a")


@pytest.mark.filterwarnings("ignore")
def test_a_copy_to_a_cluster_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's local mode in the place of a server: the same requests, run in Python."""
    client = pytest.importorskip("qdrant_client", reason="needs hannun[cluster]")
    real, address = client.QdrantClient, "qdrant://somewhere:6333/shop"
    monkeypatch.setattr(client, "QdrantClient", lambda **_: real(path=str(tmp_path / "server")))
    with pytest.raises(MissingError, match="no collection of Hannun there"):
        collection.open(address, Toy(), create=False)
    with collection.open(tmp_path / "a", Toy(), words=False) as shop:
        shop.add(several(30))
        assert shop.copy(address).added == 30 and shop.copy(address).unchanged == 30
        with collection.open(address) as far:
            assert far.settings.fingerprint == shop.settings.fingerprint and everything(far) == everything(shop)
            query = Toy().encode_query(["빨간 원피스 7"])
            assert len(query) == 1 and far._encoder is None
        with collection.open(address, Toy()) as far:
            assert [h.id for h in far.search("빨간 원피스 7", limit=8)] == [h.id for h in shop.search("빨간 원피스 7", limit=8)]
            assert far.get("9").images[0].read() == shop.get("9").images[0].read()
            assert far.update({"price": 5}, ["3"]) == 1 and far.count("price = 5") == 1 and far.delete(["4"]) == 1
            with pytest.raises(InputError, match="keeps no files"):
                far.add([{"id": "new", "image": encoded(draw())}])
            with pytest.raises(InputError, match="reindex a copy on this machine"):
                far.reindex(Toy("2"))
            assert far.backup(tmp_path / "back") > 0 and far.info()["items"] == 29
        with collection.open(tmp_path / "back", Toy()) as back:
            assert len(back) == 29 and back.get("3").facts["price"] == 5


@pytest.mark.parametrize("name", ["b.tar", "b"])
def test_a_backup_comes_back_whole(tmp_path: Path, name: str) -> None:
    with collection.open(tmp_path / "a", Toy()) as shop:
        shop.add(several(60))
        assert shop.backup(tmp_path / name) > 0
        with pytest.raises(InputError, match="is there already"):
            shop.backup(tmp_path / name)
        collection.restore(tmp_path / name, tmp_path / "c")
        with collection.open(tmp_path / "c", Toy()) as back:
            same(shop, back)
            back.delete(where="n > 5")
            shop.add(rows(70))
        with pytest.raises(InputError, match="is there already"):
            collection.restore(tmp_path / name, tmp_path / "c")
    assert {p.name for p in tmp_path.iterdir()} <= {"a", "c", name, "lock"}


def test_what_is_no_backup_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"x" * 2000)
    (tmp_path / "empty").mkdir()
    for bad in ("x.tar", "empty"):
        with pytest.raises(InputError, match="is no backup of a collection"):
            collection.restore(tmp_path / bad, tmp_path / "c")
    with pytest.raises(MissingError, match="no such backup"):
        collection.restore(tmp_path / "none", tmp_path / "c")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "x.tar"]


def test_a_collection_of_format_1_opens_and_is_brought_up_to_date(tmp_path: Path) -> None:
    """tests/format1.tar.xz was made by the code of format 1: five items, three of them with pictures of its own, one with two."""
    import tarfile

    with tarfile.open(Path(__file__).parent / "format1.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    place = tmp_path / "format1.hannun"
    assert json.loads((place / "hannun.json").read_text("utf-8"))["format"] == 1
    for _ in range(2):
        with collection.open(place, Toy()) as shop:
            assert len(shop) == 5 and shop.info()["format"] == 2 and shop.settings.words
            assert shop.get("1").facts == {"price": 39000, "new": True, "tags": ["여름", "면"]} and len(shop.get("5").images) == 2
            assert shop.search("빨간 줄무늬 원피스")[0].id == "1"
            assert [h.id for h in shop.search("원피스를", words=1)] == ["1"]
            assert [h.id for h in shop.search("가방", where="new != true and price > 50000")] == ["2"]
            assert shop.get("3").images[0].load().size == (16, 16)
            short, stored = shop.search("파란 가방", words=0, weights=(1, 0), dim=32, limit=1)[0], shop.vectors(["2"])["2"]["text"]
            assert short.score == pytest.approx(
                float(Toy().encode_query(["파란 가방"]).truncate(32).dense[0] @ unit(stored[:32])), abs=1e-5
            )
    assert json.loads((place / "hannun.json").read_text("utf-8"))["format"] == 2


def test_addresses_that_are_no_collection(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no address of a collection"):
        collection.open("ftp://x")


def test_many_threads_search_while_one_writes(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with collection.open(tmp_path / "c", Toy(), words=False) as shop:
        shop.add(rows(100))

        def look(n: int) -> int:
            hits = shop.search(f"빨간 원피스 {n}", limit=5, diversity=0.2 * (n % 2))
            return len({h.id for h in hits}) + len(list(shop.items(ids=["1", "2"]))) + (shop.count() >= 100)

        with ThreadPoolExecutor(4) as pool:
            found = [pool.submit(look, n) for n in range(60)]
            shop.add(rows(300))
            shop.update({"seen": True}, where="n < 50")
            shop.delete(where="n >= 290")
            assert [f.result() for f in found] == [8] * 60
        assert shop.count() == 290 and shop.count("seen = true") == 50


def format2(place: Path) -> Path:
    """The collection of tests/format2.tar.xz, which the code before the words' second analysis made; see tests/format2.py."""
    import tarfile

    with tarfile.open(Path(__file__).parent / "format2.tar.xz") as archive:
        archive.extractall(place, filter="data")
    return place / "format2.hannun"


def test_a_collection_of_format_2_opens_and_answers(tmp_path: Path) -> None:
    place = format2(tmp_path)
    assert "analysis" not in json.loads((place / "hannun.json").read_text("utf-8"))
    for _ in range(2):
        with collection.open(place, Toy()) as shop:
            assert len(shop) == 5 and "4" not in shop and shop.info()["analysis"] == 1 and shop.check().damaged == ()
            assert dict(shop.get("1").facts) == {"price": 39000, "new": True, "tags": ["여름", "면"]} and len(shop.get("5").images) == 2
            assert shop.search("파란 가방")[0].id == "3" == shop.search("가방", words=1)[0].id
            assert shop.search(encoded(draw((30, 30, 200), (16, 16))), weights=(0, 1), limit=1)[0].id == "3"
            assert {it.id for it in shop.items("price >= 39000 and price < 60000")} == {"1", "6"}
            assert [it.id for it in shop.items("meta.size = M and day < 2026-01-01")] == ["2"]


def test_older_words_are_made_anew_by_reindex_and_nothing_is_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hannun.collection.upgrade._AT_ONCE", 2)
    toy, done = Toy(), list[int]()

    def stop(count: int) -> None:
        raise Stop

    with collection.open(format2(tmp_path), toy) as shop:
        assert "hannun reindex" in shop.advice and "\n" not in shop.advice
        vectors = shop.vectors(["1", "2", "3", "5", "6"])
        assert shop.search("줄무늬", words=1)[0].id == "1"
        assert shop.search("신라면", words=1) == [] == shop.search("50000원", words=1)  # of 辛라면 and 5만원권
        with pytest.raises(Stop):
            shop.reindex(toy, stop)
        assert shop.advice and shop.settings.analysis == 1 and shop.search("신라면", words=1)[0].id == "2"
        report = shop.reindex(toy, done.append)  # the words of 2 are there, those of 6 are not, the others' are as they were
        assert (report.added, report.unchanged, sum(done), toy.encoded) == (1, 4, 5, 0)
        assert shop.advice == "" and shop.search("50000원", words=1)[0].id == "6"
        after = shop.vectors(list(vectors))
        assert all((after[i][part] == row).all() for i, parts in vectors.items() for part, row in parts.items())
    with collection.open(tmp_path / "format2.hannun", Toy()) as shop:
        assert shop.advice == "" and shop.settings.conditions == 2 and shop.reindex(Toy()).unchanged == 5


def test_a_copy_of_older_words_is_as_old(tmp_path: Path) -> None:
    with collection.open(format2(tmp_path), Toy()) as shop:
        shop.copy(tmp_path / "copy.hannun")
        collection.open(tmp_path / "new.hannun", Toy()).close()
        shop.copy(tmp_path / "new.hannun")
    with collection.open(tmp_path / "copy.hannun", Toy()) as copied, collection.open(tmp_path / "new.hannun", Toy()) as new:
        assert copied.advice and not new.advice
        assert copied.search("신라면", words=1) == [] and new.search("신라면", words=1)[0].id == "2"


def test_kiwi_is_not_loaded_where_no_item_has_text(tmp_path: Path) -> None:
    code = (
        "import sys; from hannun import collection; from tests.toy import Toy; from tests.conftest import draw, encoded\n"
        "with collection.open(sys.argv[1], Toy()) as shop:\n"
        "    shop.add([{'id': str(n), 'image': encoded(draw(seed=n))} for n in range(3)])\n"
        "    print(len(shop.search('빨간 원피스')), len(shop.search(encoded(draw(seed=1)))), 'kiwipiepy' in sys.modules)\n"
    )
    done = finished("-c", code, str(tmp_path / "photos.hannun"))
    assert done.stdout.split() == ["3", "3", "False"], done.stderr


def test_what_a_collection_and_its_answers_look_like(tmp_path: Path) -> None:
    with collection.open(tmp_path / "shop.hannun", Toy()) as shop:
        report = shop.add([{"id": "<b>", "text": "빨간 <원피스>", "image": encoded(draw()), "price": 9}, {"id": "x", "image": "gone.png"}])
        assert repr(report).startswith("Report(added=1, unchanged=0, removed=0, problems=[1, the first: gone.png: no such picture")
        assert "1 items, made by toy1" in repr(shop) and str(tmp_path) in repr(shop)
        hits = shop.search("빨간 원피스")
        assert repr(hits[0]) == "Hit('<b>', score=1.000, relevance=1.00, '빨간 <원피스>')"  # its text has every word of the query
        page = hits._repr_html_()  # type: ignore[attr-defined]
        assert "&lt;b&gt;" in page and "빨간 &lt;원피스&gt;" in page and "price = 9" in page and page.count("data:image/jpeg;base64,") == 1
        assert "<b>" not in page and hits[0]._repr_html_() == page and len(page) < 20_000
    assert "closed" in repr(shop)
