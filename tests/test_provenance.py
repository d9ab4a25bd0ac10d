"""Ids of files: relative to the folder that was indexed, the same after a move, and never those of another folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from hannun import collection
from hannun.collection import Collection
from hannun.collection.local import Local
from hannun.serve.cli.main import run
from tests.conftest import draw
from tests.toy import Toy

Captured = pytest.CaptureFixture[str]


def filled(folder: Path, *seeds: int) -> Path:
    """A folder with a picture, a text, a table with a picture and a row without an id; other seeds, other content."""
    (folder / "in").mkdir(parents=True)
    for n in seeds:
        draw(seed=n).save(folder / "in" / f"{n}.png")
        draw(seed=n + 50).save(folder / f"row{n}.png")
        (folder / f"{n}.txt").write_text(f"초록 바지 {n} {folder}", "utf-8")
        rows = [{"id": f"r{n}", "text": "빨간 가방", "image": f"row{n}.png"}, {"text": f"모자 {n}"}]
        (folder / f"t{n}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    return folder


def ids(shop: Collection) -> set[str]:
    return {it.id for it in shop}


def readable(shop: Collection) -> bool:
    """Whether every picture is found."""
    return all(p.load().size for it in shop for p in it.images)


def of(name: str, *seeds: int) -> set[str]:
    return {i for n in seeds for i in (f"{name}/in/{n}.png", f"{name}/{n}.txt", f"r{n}", f"{name}/t{n}.jsonl#2")}


@pytest.fixture
def shop(tmp_path: Path) -> Collection:
    return collection.open(tmp_path / "s.hannun", Toy())


def test_ids_begin_with_the_name_of_the_folder(shop: Collection, tmp_path: Path) -> None:
    shop.add(filled(tmp_path / "photos", 1))
    assert ids(shop) == of("photos", 1)
    assert shop.settings.roots == {"photos": f"{tmp_path}/photos"}
    assert str(tmp_path) not in json.dumps([{**it.facts, "text": it.id} for it in shop], ensure_ascii=False)


def test_two_folders_of_one_name_do_not_meet(shop: Collection, tmp_path: Path) -> None:
    for place in ("a", "b"):
        draw(seed=ord(place)).save(filled(tmp_path / place / "photos", 1) / "in/same.png")
        (tmp_path / place / "photos/t1.jsonl").unlink()
    shop.add(tmp_path / "a/photos")
    shop.add(tmp_path / "b/photos")
    pictures = {i: it.images[0].read() for it in shop if (i := it.id).endswith("same.png")}
    assert set(pictures) == {"photos/in/same.png", "photos-2/in/same.png"} and len(set(pictures.values())) == 2
    again = shop.add(tmp_path / "b/photos")
    assert (again.added, again.unchanged) == (0, 5 - 1)
    shutil.rmtree(tmp_path / "b/photos/in")
    from hannun import sources

    seen = {f.id for f in sources.read([tmp_path / "b/photos"], rooted=shop.rooted) if f.id}
    assert shop.prune([tmp_path / "b/photos"], seen) == 2 and "photos/in/same.png" in shop and "photos-2/in/same.png" not in shop


def test_a_folder_that_was_moved_keeps_its_ids_and_is_not_encoded_again(tmp_path: Path) -> None:
    filled(tmp_path / "a/photos", 1, 2)
    with collection.open(tmp_path / "s.hannun", Toy()) as shop:
        shop.add(tmp_path / "a/photos")
        shop.update({"tag": "좋음"}, ids=["photos/1.txt"])
        (tmp_path / "a/photos/2.txt").unlink()
        (tmp_path / "a/photos").rename(tmp_path / "photos")
        report = shop.add(tmp_path / "photos")
        assert (report.added, report.unchanged) == (0, 7) and ids(shop) == of("photos", 1, 2) and readable(shop)
        assert shop.settings.roots == {"photos": f"{tmp_path}/photos"}
        assert shop.get("photos/1.txt").facts == {"tag": "좋음"}
        assert shop.prune([tmp_path / "photos"], of("photos", 1, 2) - {"photos/2.txt"}) == 1


def test_another_folder_in_the_place_of_one_that_is_away_has_another_name(shop: Collection, tmp_path: Path) -> None:
    filled(tmp_path / "usb/photos", 1)
    shop.add(tmp_path / "usb/photos")
    (tmp_path / "usb").rename(tmp_path / "elsewhere")  # as a disk that is not plugged in
    shop.add(filled(tmp_path / "photos", 2))
    assert ids(shop) == of("photos", 1) | of("photos-2", 2)


def test_a_table_that_was_moved_names_its_pictures_where_they_are_now(shop: Collection, tmp_path: Path) -> None:
    shop.add(filled(tmp_path / "old", 1) / "t1.jsonl")
    (tmp_path / "old").rename(tmp_path / "new")
    report = shop.add(tmp_path / "new/t1.jsonl")
    assert "r1" in shop and shop.get("r1").images[0].load().size and report.unchanged == 1  # the row with an id of its own


def aged(path: Path) -> None:
    """Make of a collection what an earlier version made: absolute ids, and no names of folders."""
    with collection.open(path, Toy()) as shop:
        assert isinstance(shop, Local)
        for point in list(shop._engine.points()):
            told: Mapping[str, object] = {k: v for k, v in point.payload.items() if k != "place"}
            if (place := point.payload.get("place")) and point.id.startswith(str(place)):
                shop._engine.upsert([replace(point, id=str(told["source"]) + point.id[len(str(place)) :], payload=told)])
                shop._engine.delete([point.id])
            else:
                shop._engine.update([replace(point, payload=told)])
        shop._settle(replace(shop.settings, roots={}))


def test_what_an_earlier_version_made_opens_and_is_renamed_when_it_is_indexed_again(tmp_path: Path) -> None:
    folder, place = filled(tmp_path / "photos", 1, 2), tmp_path / "s.hannun"
    with collection.open(place, Toy()) as shop:
        shop.add(folder)
        shop.add([{"id": "mine", "text": "by hand"}])
        before = {it.id: shop.vectors([it.id]) for it in shop}
    aged(place)
    with collection.open(place, Toy()) as shop:
        assert len(shop) == 9 and f"{folder}/1.txt" in shop and readable(shop)
        assert shop.similar(f"{folder}/in/1.png", limit=3)
        report = shop.add(folder)
        assert (report.added, report.unchanged, len(shop)) == (0, 8, 9)
        assert ids(shop) == of("photos", 1, 2) | {"mine"} and readable(shop)
        for id, parts in before.items():
            now = shop.vectors([id])[id]
            assert all((now[kind] == row).all() for kind, row in parts[id].items())


def test_hashes_of_an_earlier_version_are_known(tmp_path: Path) -> None:
    from hannun import encode, sources
    from hannun.item import Item

    items = [it for it in sources.read([filled(tmp_path / "photos", 1)]) if isinstance(it, Item)]
    told: list[list[tuple[str, str]]] = []
    list(encode.encode(items, Toy(), lambda pairs: (bool(told.append(list(pairs))) and set()) or set()))
    hashes = {id: [h for i, h in told[0] if i == id] for id, _ in told[0]}
    assert all(len(set(h)) == 2 for h in hashes.values())  # today's, and the one that held the path


def test_copies_of_two_collections_keep_their_folders_apart(tmp_path: Path) -> None:
    for name, n in (("a", 1), ("b", 2)):
        with collection.open(tmp_path / f"{name}.hannun", Toy()) as shop:
            shop.add(filled(tmp_path / name / "photos", n) / "in")
            shop.add(tmp_path / name / "photos")
            shop.copy(tmp_path / "both.hannun")
            shop.copy(tmp_path / "both.hannun")
    with collection.open(tmp_path / "both.hannun", Toy()) as both:
        assert ids(both) == {"in/1.png", "in-2/2.png"} | (of("photos", 1) | of("photos-2", 2)) - {"photos/in/1.png", "photos-2/in/2.png"}
        assert readable(both) and len(both) == 8


def test_ids_survive_a_reindex_and_a_backup(tmp_path: Path) -> None:
    folder = filled(tmp_path / "photos", 1)
    with collection.open(tmp_path / "s.hannun", Toy()) as shop:
        shop.add(folder)
        shop.reindex(Toy("2"))
        assert ids(shop) == of("photos", 1)
        assert (report := shop.add(folder)).added == 0 and report.unchanged == 4
        shop.backup(tmp_path / "b.hannun")
    with collection.open(tmp_path / "b.hannun", Toy("2")) as back:
        assert back.settings.roots == {"photos": str(folder)} and back.add(folder).unchanged == 4


@pytest.mark.usefixtures("toy_models")
def test_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.chdir(tmp_path)
    filled(tmp_path / "photos", 1)
    assert run(["index", "photos", "--to", "s.hannun"]) == 0
    assert run(["index", "photos/in", "--to", "s.hannun"]) == 0 and "0 added, 1 unchanged" in capsys.readouterr().out
    assert run(["search", "--like", "photos/in/1.png", "--in", "s.hannun", "--json"]) == 0
    assert {h["id"] for h in json.loads(capsys.readouterr().out)} == of("photos", 1) - {"photos/in/1.png"}
    assert run(["delete", "photos/1.txt", "--in", "s.hannun"]) == 0 and "1 removed" in capsys.readouterr().out
    (tmp_path / "away").mkdir()
    (tmp_path / "photos").rename("away/photos")
    assert run(["index", "away/photos", "--to", "s.hannun", "--prune"]) == 0
    assert "1 added, 3 unchanged, 0 removed" in capsys.readouterr().out
    assert run(["info", "s.hannun"]) == 0 and json.loads(capsys.readouterr().out)["roots"] == {"photos": f"{tmp_path}/away/photos"}
