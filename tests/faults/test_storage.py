"""Faults of the disk under a collection: each file flipped, cut or removed; no room; nothing writable; and copies of what is damaged.

What may happen is one of three things: the same results, one StorageError with what to do, or a line of `hannun check` that names
the file. `HANNUN_FAULTS=long` damages every file in every way, which takes minutes; else some sixty
files are damaged in one way each, by turns.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hannun import collection
from hannun.collection import Quantise
from hannun.errors import CollectionBusy, HannunError, MissingError, StorageError
from hannun.files import copy_filled, filled, on_disk
from hannun.index.edge import Edge, binding, integrity
from hannun.index.edge import disk as store_disk
from hannun.index.engine import Layout
from hannun.serve.cli.main import run
from tests.conftest import Tally, draw, encoded, finished
from tests.faults import LONG
from tests.toy import Toy

LAYOUT = Layout(("text",), (16, 8))
WAYS = ("flipped", "cut", "removed")


def rows(count: int, first: int = 0) -> list[dict[str, object]]:
    return [
        {"id": str(i), "text": f"빨간 원피스 {i}", "n": i, **({"image": encoded(draw((i % 250, 9, 9), (8, 8)))} if i % 10 == 0 else {})}
        for i in range(first, first + count)
    ]


def made(place: Path, optimised: bool, quantise: Quantise = "none") -> Path:
    """A collection that has been written, optimised, written again and closed."""
    with pytest.MonkeyPatch.context() as few:
        few.setattr(binding, "INDEX_FROM", 1)
        few.setattr(collection.local, "_OPTIMISE_FROM", 1)
        with collection.open(place, Toy(), quantise=quantise) as shop:
            shop.add(rows(90))
            if optimised:
                shop.optimise()
                shop.add(rows(10, 90))
            shop.delete(["3", "13"])
    return place


@pytest.fixture(scope="module", params=["as written", "optimised"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("faults") / "c", request.param == "optimised")


def results(place: Path) -> object:
    """What a user sees of it."""
    with collection.open(place, Toy(), create=False) as c:
        hits = [[(h.id, round(h.score, 5)) for h in c.search(q, words=w, limit=200)] for q, w in (("원피스 7", 0.0), ("빨간 41", 0.4))]
        items = sorted((it.id, it.text, str(it.facts), [p.read() for p in it.images]) for it in c)
        return hits, items, len(c), c.count("n > 50"), c.facets(["n"])


def copied(source: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=copy_filled)
    return target


def damage(file: Path, way: str, chance: random.Random) -> bool:
    """Damage a file; false where it has nothing to be damaged in that way."""
    size = file.stat().st_size
    if way == "removed":
        file.unlink()
    elif not size:
        return False
    elif way == "cut":
        os.truncate(file, size // 2)
    else:
        at, block = next(iter(filled(file)), (0, bytes(1)))
        places = [n for n, byte in enumerate(block) if byte] or [0]
        at += chance.choice(places)
        with file.open("r+b") as f:
            f.seek(at)
            byte = f.read(1)[0]
            f.seek(at)
            f.write(bytes([byte ^ (1 << chance.randrange(8))]))
    return True


def damages(place: Path) -> Iterator[tuple[str, str]]:
    names = sorted(f.relative_to(place).as_posix() for f in place.rglob("*") if f.is_file())
    if LONG:
        yield from ((name, way) for name in names for way in WAYS)
    else:
        chosen = sorted(random.Random(0).sample(names, min(60, len(names))))
        yield from ((name, WAYS[n % 3]) for n, name in enumerate(chosen))


def test_every_file_damaged(shop: Path, tmp_path: Path, tally: Tally) -> None:
    """Never another result in silence, and never an error that is not ours."""
    right, chance, counts = results(copied(shop, tmp_path / "whole")), random.Random(1), Counter[str]()
    place = copied(shop, tmp_path / "c")
    for name, way in damages(shop):
        if not damage(place / name, way, chance):
            continue
        try:
            checked = collection.check(place) if (place / "hannun.json").exists() or way == "removed" else None
        except StorageError:
            checked = None
        named = checked is not None and any(d.file == place / name for d in checked.damaged)
        if named:  # a check changes nothing of what it finds damaged
            assert way != "removed" or not (place / name).exists()
        try:
            same = results(place) == right
            outcome = "the same results" if same else "another result"
        except HannunError as e:
            assert isinstance(e, StorageError | MissingError), (name, way, e)
            assert len(str(e).splitlines()) == 1 and ";" in str(e), e
            outcome = "one error"
        assert outcome != "another result" or named, f"{name} {way}: another result, in silence"
        counts[outcome + (", named by check" if named else "")] += 1
        tally(f"files {way}: {outcome}{', named by check' if named else ''}", 1)
        if outcome == "one error" and (place / name).parent.exists() and "pictures" not in name:
            shutil.copyfile(shop / name, place / name)
        else:  # the store was opened, and has tidied its files when it was closed
            copied(shop, place)
    assert counts["one error, named by check"] > 20


def test_a_check_lists_all_and_says_what_to_do(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = copied(shop, tmp_path / "c")
    assert run(["check", str(place)]) == 0
    assert "all are as they were written" in capsys.readouterr().out
    files = [next(place.rglob("edge_config.json")), next(place.glob("pictures/*/*")), place / "shard-1" / "words.json"]
    for file in files:
        damage(file, "flipped", random.Random(0))
    assert run(["check", str(place)]) == 1
    told = capsys.readouterr().out
    assert all(str(file) in told for file in files) and "3 damaged" in told
    assert "restore a backup" in told and "put it back from its source" in told and "counted anew" in told


def test_without_a_backup_files_are_accepted_as_they_are(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = copied(shop, tmp_path / "c")
    config = next(place.rglob("payload_storage/config.json"))
    config.write_text(config.read_text() + "\n")  # other bytes of the same meaning
    with pytest.raises(StorageError, match=r"config\.json: is \d+ bytes long, \d+ were written; restore a backup"):
        collection.open(place, Toy())
    assert run(["check", str(place), "--accept"]) == 0 and "have been written now" in capsys.readouterr().out
    assert results(place) == results(copied(shop, tmp_path / "whole")) and run(["check", str(place)]) == 0


def test_large_fixed_files_are_named_where_opening_does_not_read_them(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = copied(shop, tmp_path / "c")
    fixed = sorted(f for f in place.rglob("*") if integrity.fixed(f.name) and f.stat().st_size > 64)
    if not fixed:
        return  # a store that was never optimised has none: opening reads it all
    file = next(f for f in fixed if f.name == "matrix.dat")
    damage(file, "flipped", random.Random(2))
    monkeypatch.setattr(integrity, "_READ", 0)
    with collection.open(place, Toy()) as c:
        assert [d.file for d in c.check().damaged] == [file]
        for act in (lambda: c.backup(tmp_path / "b"), lambda: c.copy(tmp_path / "d"), lambda: c.backup(tmp_path / "b.tar")):
            with pytest.raises(StorageError, match=r"matrix\.dat: has other bytes than were written; restore a backup"):
                act()
        monkeypatch.setattr(collection.local, "_OPTIMISE_FROM", 1)
        with pytest.raises(StorageError, match=r"matrix\.dat"):
            c.optimise()
        c.add(rows(1, 500))
    assert [d.file for d in collection.check(place).damaged] == [file]  # writing and closing have not vouched for it
    assert not any((tmp_path / n).exists() for n in ("b", "d", "b.tar"))


def test_after_a_kill_what_never_changes_is_still_judged(shop: Path, tmp_path: Path) -> None:
    place = copied(shop, tmp_path / "c")
    os.replace(place / "shard-1" / integrity.CLOSED, place / "shard-1" / integrity.OPEN)  # as a killed process leaves it
    next(place.rglob("segment.json")).touch()
    assert results(copied(place, tmp_path / "d")) == results(copied(shop, tmp_path / "whole"))
    checked = collection.check(copied(place, tmp_path / "d"))
    assert not checked.damaged and "was not closed by its last process" in checked.notes[0]
    fixed = [f for f in place.rglob("*") if f.name == "matrix.dat"]
    if fixed:
        damage(fixed[0], "flipped", random.Random(3))
        with pytest.raises(StorageError, match=r"matrix\.dat: has other bytes"):
            collection.open(place, Toy())


@pytest.mark.parametrize("quantise", ["none", "binary"])
def test_what_is_fixed_is_never_rewritten(tmp_path: Path, quantise: Quantise) -> None:
    """The sums of these files are carried over from one closing to the next; it would be damage if the engine changed one."""
    place = made(tmp_path / "c", True, quantise)
    before = integrity.known(place / "shard-1")
    with collection.open(place, Toy()) as c:
        c.add(rows(40))
        c.add(rows(60, 200))
        c.delete([str(n) for n in range(40, 80)])
        c.update({"n": -1}, ["90"])
    generation = (place / "shard-1" / "current").read_text()
    fixed = integrity.of_fixed(place / "shard-1", generation)
    assert len(fixed) > 10 and fixed == {n: s for n, s in before.items() if integrity.fixed(n)}


@pytest.mark.parametrize("name", ["b", "b.tar"])
def test_a_damaged_backup_is_not_restored(shop: Path, tmp_path: Path, name: str) -> None:
    with collection.open(copied(shop, tmp_path / "c"), Toy()) as c:
        c.backup(tmp_path / name)
    if name == "b":
        damage(next((tmp_path / "b").rglob("edge_config.json")), "flipped", random.Random(1))
    else:
        data = (tmp_path / name).read_bytes()
        at = data.index(b'"max_segment_size"') if b'"max_segment_size"' in data else data.index(b'"vectors"')
        (tmp_path / name).write_bytes(data[: at + 2] + b"X" + data[at + 3 :])
    with pytest.raises(StorageError, match=r"edge_config\.json has other bytes than were written.*nothing was restored"):
        collection.restore(tmp_path / name, tmp_path / "again")
    assert not list(tmp_path.glob("*again*"))


def test_a_backup_takes_what_there_is(shop: Path, tmp_path: Path) -> None:
    """The engine's files are mostly holes: told sizes are the disk's, and a tar has none of the holes."""
    place = copied(shop, tmp_path / "c")
    logical = sum(f.stat().st_size for f in place.rglob("*") if f.is_file())
    with collection.open(place, Toy()) as c:
        size = c.backup(tmp_path / "b.tar")
        assert c.info()["bytes"] == on_disk(place)
    assert size == (tmp_path / "b.tar").stat().st_size < logical / 10
    collection.restore(tmp_path / "b.tar", tmp_path / "again")
    assert results(tmp_path / "again") == results(place)
    assert on_disk(tmp_path / "again") < logical or not hasattr(os, "SEEK_DATA")
    if shutil.which("tar"):  # the format is not ours
        (tmp_path / "gnu").mkdir()
        done = subprocess.run(["tar", "-xf", str(tmp_path / "b.tar"), "-C", str(tmp_path / "gnu")], capture_output=True, text=True)
        if not done.returncode:
            assert results(tmp_path / "gnu" / "b") == results(place)


def test_a_sparse_file_of_every_shape_comes_back(tmp_path: Path) -> None:
    from hannun.collection import backup

    (tmp_path / "f").mkdir()
    long = "n" * 90
    both = f"{long}/{long}/both"
    shapes = {
        "empty": [],
        "zeros": [],
        "dense": [(0, b"x" * 200_000)],
        "end": [(999_990, b"y" * 10)],
        both: [(0, b"a"), (500_000, b"b" * 5000)],
    }
    for name, pieces in shapes.items():
        file = tmp_path / "f" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as f:
            for at, data in pieces:
                f.seek(at)
                f.write(data)
            if name in ("zeros", both):
                f.truncate(1_000_000)
    with (tmp_path / "f.tar").open("wb") as f:
        backup.pack(tmp_path / "f", f, "f")
    assert (tmp_path / "f.tar").stat().st_size < 300_000
    with tarfile.open(tmp_path / "f.tar") as archive:
        archive.extractall(tmp_path / "again", filter="data")
    for name in shapes:
        assert (tmp_path / "again" / "f" / name).read_bytes() == (tmp_path / "f" / name).read_bytes(), name


# Room and rights

READ = """
import sys
from hannun import collection
from hannun.errors import HannunError
from tests.toy import Toy
with collection.open(sys.argv[1], Toy(), create=False) as c:
    hits = [h.id for h in c.search("빨간 원피스 7", words=0.0, limit=5)]  # ranking by words would load Kiwi, which takes seconds
    print(len(c), c.info()["items"], c.count("n < 50"), *hits)
    for act in sys.argv[2:]:
        try:
            if act == "add":
                c.add([{"id": "new", "text": "새 것"}])
            elif act == "optimise":
                collection.local._OPTIMISE_FROM = 1
                c.optimise()
            else:
                print("deleted", c.delete(act.split(",")))
        except HannunError as e:
            print(type(e).__name__, e)
"""


def test_reading_from_a_read_only_disk(shop: Path, tmp_path: Path, disk: Callable[[str], Path]) -> None:
    """Two readers at once, the same results; what would change something is refused in one line; writers elsewhere are kept out."""
    place = copied(shop, disk("450m") / "c")
    with collection.open(place, Toy()) as c:
        right = [h.id for h in c.search("빨간 원피스 7", words=0.0, limit=5)]
    disk("450m,ro")
    with collection.open(place, Toy()) as first:
        done = finished("-c", READ, str(place), "add", "5", "optimise")
        assert len(first) == len(first.search("빨간 원피스", limit=200))
        told = done.stdout.splitlines()
        assert done.returncode == 0 and told[0].split()[3:] == right, done
        assert len(told) == 4 and all("read-only" in line and line.startswith("StorageError") for line in told[1:]), told
        assert first.backup(tmp_path / "b.tar") > 0
        with pytest.raises(StorageError, match="read-only"):
            first.compact()
    collection.restore(tmp_path / "b.tar", tmp_path / "again")
    assert results(tmp_path / "again") == results(place)
    assert run(["check", str(place)]) == 0 and run(["info", str(place)]) == 0


def test_a_reader_keeps_out_of_a_writers_way(shop: Path, tmp_path: Path, disk: Callable[[str], Path]) -> None:
    """A folder may be writable for one and read-only for another."""
    place, view = copied(shop, disk("450m") / "c"), tmp_path / "view"
    view.mkdir()
    for options in (["--bind", str(place), str(view)], ["-o", "remount,bind,ro", str(view)]):
        if subprocess.run(["mount", *options], capture_output=True).returncode:
            pytest.skip("may not mount a folder again here")
    try:
        with collection.open(place, Toy()), pytest.raises(CollectionBusy, match=f"process {os.getpid()} has this collection open"):
            collection.open(view, Toy())
        with collection.open(view, Toy()), pytest.raises(CollectionBusy):
            collection.open(place, Toy())
    finally:
        subprocess.run(["umount", "-l", str(view)], check=True)


def test_reading_and_deleting_on_a_full_disk(shop: Path, disk: Callable[[str], Path]) -> None:
    """With 6 MB left nothing is added, but what is there is found and deleted; with nothing left it is found."""
    place = copied(shop, disk("500m") / "c")
    with collection.open(place, Toy()) as c:
        there, right = len(c), [h.id for h in c.search("빨간 원피스 7", words=0.0, limit=5)]
    ballast = place.parent / "ballast"
    with ballast.open("wb") as f:
        os.posix_fallocate(f.fileno(), 0, shutil.disk_usage(place).free - 6 * 2**20)
    done = finished("-c", READ, str(place), "add", "20,30,40")
    told = done.stdout.splitlines()
    assert done.returncode == 0 and told[0].split()[3:] == right, done
    assert told[1].startswith("StorageError") and "the disk is full" in told[1] and told[2] == "deleted 3"
    with ballast.open("ab") as f:
        while (free := shutil.disk_usage(place).free) > 0:
            f.write(bytes(min(free, 2**16)))
    done = finished("-c", READ, str(place), "21")
    told = done.stdout.splitlines()
    assert done.returncode == 0 and told[0].split()[0] == str(there - 3), done
    assert told[1].startswith("StorageError") and "the disk is full, 0.0 MB free" in told[1]
    ballast.unlink()
    with collection.open(place, Toy()) as c:
        assert len(c) == there - 3 and not c.check().damaged and c.delete(["21"]) == 1


def test_reading_without_a_disk_to_mount(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = copied(shop, tmp_path / "c")
    right = results(copied(shop, tmp_path / "whole"))
    before = {f: f.stat().st_mtime_ns for f in (place / "shard-1").rglob("*")}
    monkeypatch.setattr(store_disk, "reading_only", lambda _: "the disk is full, 0.1 MB free")
    assert results(place) == right
    assert {f: f.stat().st_mtime_ns for f in (place / "shard-1").rglob("*")} == before
    with collection.open(place, Toy()) as c:
        for act in (lambda: c.add(rows(1, 700)), lambda: c.delete(["5"]), lambda: c.update({"n": 1}, ["5"])):
            with pytest.raises(StorageError, match=r"opened for reading only \(the disk is full, 0\.1 MB free\); make it writable or free"):
                act()


# Leftovers and the engine's own failures


def test_compact_removes_what_no_item_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "c"
    with collection.open(place, Toy()) as c:
        c.add(rows(30))
        whole = results_of_pictures(place)
        (place / "pictures" / "ab").mkdir(exist_ok=True)
        (place / "pictures" / "ab" / "ab0123").write_bytes(bytes(100_000))  # an item was deleted, and the process killed before its picture
        (place / "pictures" / "ab" / "x.part").write_bytes(b"x")
        (place / "shard-9").mkdir()
        (place / "shard-9" / "file").write_bytes(b"x" * 5000)
        (place / "shard-7").mkdir()
        (place / "shard-7.made-by").write_text("toy-9")  # a killed reindex goes on with this
        done = c.compact()
        assert done.removed == 3 and done.bytes >= 105_000
        assert results_of_pictures(place) == whole and (place / "shard-7").exists() and not (place / "shard-9").exists()
        assert c.compact() == collection.Compacted(0, 0)
    assert run(["compact", str(place)]) == 0 and "0 removed, 0.0 MB freed" in capsys.readouterr().out


def results_of_pictures(place: Path) -> set[str]:
    return {f.name for f in place.glob("pictures/*/*")}


def test_a_panic_of_the_engine_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyo3 raises a BaseException of a module that cannot be imported; what is no panic (Ctrl-C) stays what it is."""
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})

    class Broken:
        def __init__(self, error: type[BaseException]) -> None:
            self.error = error

        def retrieve(self, *_: object) -> object:
            raise self.error("range end index 8 out of range\n for slice of length 0")

    store = Edge(tmp_path / "s", LAYOUT)
    for error, expected in ((panic, StorageError), (KeyboardInterrupt, KeyboardInterrupt)):
        with monkeypatch.context() as broken:
            broken.setattr(store, "_shard", Broken(error))
            with pytest.raises(expected, match="range end index 8 out of range"):
                store.get(["1"])
    store.close()


@pytest.mark.skipif(sys.platform == "win32", reason="a mapped file cannot be cut on Windows")
def test_a_store_without_checksums_that_makes_the_engine_panic(shop: Path, tmp_path: Path) -> None:
    """What opening cannot know of, the engine meets itself: its failures of every kind are one StorageError."""
    for pattern in ("status.dat", "mutable_id_tracker.mappings", "id_tracker.mappings", "edge_config.json", "segment.json", "config.json"):
        place = copied(shop, tmp_path / "c")
        for file in (place / "shard-1").glob("checksums.*"):
            file.unlink()
        file = next(iter(sorted(place.rglob(pattern))), None)
        if file is None:
            continue
        os.truncate(file, file.stat().st_size // 2)
        try:
            results(place)
        except HannunError as e:
            assert isinstance(e, StorageError) and ";" in str(e)
