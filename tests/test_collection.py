"""A collection keeps what it was given, once, whatever happens to the process, the disk or the encoder."""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import hannun
from hannun import collection, sources
from hannun.collection import Collection
from hannun.encode import CHUNK
from hannun.errors import CollectionBusy, EncoderMismatch, HannunError, InputError, MissingError, PictureError, StorageError, WhereError
from hannun.item import Image, Problem
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


@pytest.mark.parametrize("bad", [b"x", object(), 2**70, [[]] * 1 and eval("[" * 60 + "]" * 60)])
def test_a_fact_that_cannot_be_kept_is_a_problem_of_its_row(shop: Collection, bad: Any) -> None:
    report = shop.add([{"id": "1", "text": "a", "x": bad}, {"id": "2", "text": "b"}])
    assert report.added == 1 and len(report.problems) == 1 and "a fact is" in report.problems[0].reason
    assert list(everything(shop)) == ["2"]


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
    left = {i.removeprefix(f"{tmp_path}/") for i in everything(shop)}
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
    monkeypatch.setattr("hannun.collection.load", lambda name: changed)
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
        assert everything(shop) == before and shop.settings.parts is False and shop.encoder is new
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
    (tmp_path / "c/hannun.json").write_text(whole.replace('"format": 1', '"format": 99'), "utf-8")
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
    for path in (place / "c", place / "new"):
        with pytest.raises(StorageError, match=r"cannot be opened for writing .*make it writable"):
            collection.open(path, Toy())
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
    with collection.open(sys.argv[1], Toy()) as c:
        print(c.add({"id": str(i), "text": f"빨간 원피스 {i}", "long": f"{i}" * 100_000} for i in range(int(sys.argv[2]))).added)
except HannunError as e:
    print(type(e).__name__, e)
"""


def test_a_disk_that_fills_up(disk: Callable[[str], Path]) -> None:
    """In a child, because a full disk under a memory-mapped file would kill the process that wrote."""
    place = disk("8m")
    small = finished("-c", FILL, str(place / "c"), "5")
    assert small.returncode == 0 and small.stdout.startswith("StorageError") and "the disk is full" in small.stdout, small
    disk("140m")
    full = finished("-c", FILL, str(place / "c"), "400")
    assert full.returncode == 0 and full.stdout.startswith("StorageError") and "the disk is full" in full.stdout, full
    assert len(full.stdout.splitlines()) == 1
    (place / "ballast").write_bytes(b"x" * (shutil.disk_usage(place).free - 5 * 2**20))  # somebody else fills the rest
    again = finished("-c", FILL, str(place / "c"), "0")
    assert again.returncode == 0 and "the disk is full" in again.stdout, again
    disk("400m")
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
