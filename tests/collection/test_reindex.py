"""Another encoder: refused until `reindex`, which encodes everything once and goes on where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from hannun import collection, sources
from hannun.collection import Collection
from hannun.errors import EncoderMismatch, MissingError
from tests.collection.contents import Stop, everything, rows
from tests.conftest import draw, encoded
from tests.toy import Toy


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
