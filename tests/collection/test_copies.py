"""Copies, backups and older formats hold what the collection held."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hannun import collection
from hannun.collection import Collection
from hannun.embeddings import unit
from hannun.errors import CollectionBusy, EncoderMismatch, InputError, MissingError
from tests.collection.contents import Stop, everything, rows
from tests.conftest import draw, encoded, finished
from tests.toy import Toy


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
    """format1.tar.xz was made by the code of format 1: five items, three of them with pictures of its own, one with two."""
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
    """The collection of format2.tar.xz, which the code before the words' second analysis made; see format2.py beside it."""
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
