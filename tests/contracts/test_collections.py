"""The contract of every collection (`hannun.collection.Collection`): in a folder, on a Qdrant server, behind a Hannun service."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hannun import collection
from hannun.collection import Collection
from hannun.collection.local import Local
from hannun.collection.remote import Remote
from hannun.errors import InputError, MissingError, WhereError
from hannun.item import Problem
from tests.conftest import draw, encoded
from tests.serve.conftest import start  # noqa: F401
from tests.toy import DIM, Toy

pytestmark = pytest.mark.filterwarnings("ignore")
ROWS: list[dict[str, Any]] = [
    {"id": "a", "text": "빨간 원피스", "category": "원피스", "price": 30000},
    {"id": "b", "text": "파란 치마", "category": "치마", "price": 20000},
    {"id": "c", "text": "노란 가방", "category": "가방", "price": 10000},
    {"id": "d/1", "text": "빨간 원피스!", "category": "원피스", "price": 50000},
]


def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Collection:
    return collection.open(tmp_path / "shop.hannun", Toy())


def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Collection:
    """The client's local mode in the place of a server: the same requests, run in Python."""
    client = pytest.importorskip("qdrant_client", reason="needs hannun[cluster]")
    real = client.QdrantClient
    request.getfixturevalue("monkeypatch").setattr(client, "QdrantClient", lambda **_: real(path=str(tmp_path / "server")))
    return collection.open("qdrant://somewhere:6333/shop", Toy())


def service(request: pytest.FixtureRequest, tmp_path: Path) -> Collection:
    collection.open(tmp_path / "shop.hannun", Toy()).close()
    return collection.open(request.getfixturevalue("start")(tmp_path / "shop.hannun").url)


# A new place for collections is one line here.
PLACES: dict[str, Callable[[pytest.FixtureRequest, Path], Collection]] = {"folder": folder, "cluster": cluster, "service": service}


@pytest.fixture(params=PLACES)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Collection]:
    """A collection with the four items of ROWS, and one picture."""
    photo = tmp_path / "e.png"
    photo.write_bytes(encoded(draw(seed=1)))
    with PLACES[request.param](request, tmp_path) as made:
        report = made.add([*ROWS, {"id": "e", "image": photo, "category": "사진"}])
        assert (report.added, report.problems) == (5, [])
        yield made


@pytest.mark.parametrize("kind", [Local, Remote])
def test_every_method_is_there_as_it_is_declared(kind: type) -> None:
    declared = {
        n: m for n, m in vars(Collection).items() if not n.startswith("_") or n in ("__len__", "__iter__", "__contains__", "__enter__")
    }
    assert len(declared) > 25
    for name, member in declared.items():
        if isinstance(member, property):
            assert hasattr(kind, name) or name == "settings", name  # an attribute of Local
            continue
        ours, theirs = inspect.signature(member).parameters, inspect.signature(getattr(kind, name)).parameters
        assert [(p.name, p.kind, p.default) for p in theirs.values()] == [(p.name, p.kind, p.default) for p in ours.values()], name


def test_what_is_there(shop: Collection) -> None:
    assert len(shop) == 5 == shop.count() and shop.count("category = 원피스") == 2
    assert {it.id for it in shop} == {"a", "b", "c", "d/1", "e"} and [it.id for it in shop.items("price < 20000")] == ["c"]
    assert [it.id for it in shop.items(ids=["e", "nobody", "a"])] == ["e", "a"]
    assert "a" in shop and "d/1" in shop and "nobody" not in shop and 7 not in shop
    got = shop.get("b")
    assert (got.text, dict(got.facts)) == ("파란 치마", {"category": "치마", "price": 20000})
    assert shop.get("e").images[0].load().size == (24, 24)
    with pytest.raises(MissingError, match="nobody"):
        shop.get("nobody")
    with pytest.raises(InputError, match="expected one of them"):
        list(shop.items("price < 1", ids=["a"]))
    with pytest.raises(WhereError):
        shop.count("price <")
    for work in (lambda: shop.items(ids="ab"), lambda: shop.vectors("ab"), lambda: shop.delete("ab"), lambda: shop.update({"n": 1}, "ab")):
        with pytest.raises(InputError, match="expected a list of ids"):
            work()


def test_searching(shop: Collection) -> None:
    assert shop.search("파란 치마", words=0, limit=2)[0].id == "b"
    assert {h.id for h in shop.search("원피스", words=1)} == {"a", "d/1"}
    assert shop.search(None, like=[{"id": "a"}], words=0, limit=1)[0].id == "d/1" == shop.similar("a", limit=1)[0].id
    assert shop.search(draw(seed=1), limit=1)[0].id == "e"
    assert {h.id for h in shop.search("원피스", where="price > 20000", group_by="category")} <= {"a", "d/1"}
    assert shop.search("빨간 원피스", words=0, limit=1, explain=True)[0].why.parts["text"] == pytest.approx(1, abs=1e-3)  # type: ignore[union-attr]
    near = shop.why("b", "빨간 원피스", words=0, where="price > 90000", fusion="ranks", dim=32)
    assert near.id == "b" and near.why is not None and "price" in near.why.note
    assert shop.why("d/1", None, like=[{"id": "a"}], words=0).why is not None
    assert shop.readings("qkfrks")[0] == "빨간" and shop.readings("원피스") == ()
    with pytest.raises(InputError):
        shop.search("  ")


def test_stored_vectors(shop: Collection) -> None:
    found = shop.vectors(["a", "e", "nobody"])
    assert found.keys() == {"a", "e"} and found["a"].keys() == {"text"} and found["e"].keys() == {"image"}
    np.testing.assert_allclose(found["a"]["text"], Toy().encode_document(["빨간 원피스"]).dense[0], atol=1e-6)
    assert found["e"]["image"].shape == (DIM,) and found["e"]["image"].dtype == np.float32


def test_the_whole_collection_at_a_glance(shop: Collection) -> None:
    assert shop.facets(["category"], where="price > 0") == {"category": [("원피스", 2), ("가방", 1), ("치마", 1)]}
    one, other = Toy().encode_document(["빨간 원피스", "빨간 원피스!"]).dense
    (group,) = shop.dupes(float(one @ other) - 0.01, where="price > 0")
    assert sorted(group.ids) == ["a", "d/1"] and group.similarity == pytest.approx(float(one @ other), abs=1e-5) and not group.exact
    made = shop.map(where="category = 원피스")
    assert sorted(made.ids) == ["a", "d/1"] and made.points.shape == (2, 2)
    told = shop.info()
    assert (told["items"], told["with_text"], told["with_picture"], told["encoder"]) == (5, 4, 1, "toy1")
    assert told["facts"] == {"category": 5, "price": 4} and told["path"] == shop.name
    assert shop.settings.fingerprint == Toy().fingerprint and shop.settings.dims == (DIM, 32) and shop.settings.words
    assert repr(shop).count("\n") == 0 and shop.name in repr(shop)


def test_changing(shop: Collection) -> None:
    done: list[int] = []
    again = shop.add([*ROWS, {"id": "f", "text": "초록 모자"}, {"id": "f", "text": "다른 모자"}, Problem("x", "broken")], done.append)
    assert (again.added, again.unchanged) == (1, 4) and len(again.problems) == 2 and sum(done) >= 5
    assert shop.update({"price": None, "new": True}, ["a"], where="price < 15000") == 2 and shop.count("new = true") == 2
    assert dict(shop.get("a").facts) == {"category": "원피스", "new": True}
    assert shop.delete(["f", "nobody"], where="new = true") == 3 and len(shop) == 3
    assert shop.moved({"b"}) == 0 and shop.optimise() is False
    with pytest.raises(InputError, match="nothing could be added"):
        shop.add([{"id": "gone", "image": "nowhere.png"}])


def test_what_is_done_where_the_files_lie(shop: Collection, tmp_path: Path) -> None:
    """A service's address raises one line that says where to do it; nothing is written."""
    acts: dict[str, Callable[[], Any]] = {
        "copy": lambda: shop.copy(tmp_path / "copy.hannun").added,
        "backup": lambda: shop.backup(tmp_path / "backup.tar") > 0,
        "check": lambda: shop.check().damaged,
        "prune": lambda: shop.prune([tmp_path / "nothing"], set()),
        "encoder": lambda: shop.encoder.name,
        "reindex": lambda: shop.reindex(Toy()).unchanged,
        "compact": lambda: shop.compact().removed,
    }
    expected = {"copy": 5, "backup": True, "check": (), "prune": 0, "encoder": "toy1", "reindex": 5, "compact": 0}
    for name, act in acts.items():
        if isinstance(shop, Remote) or (name == "compact" and shop.name.startswith("qdrant:")):
            with pytest.raises(InputError, match=r"service|server") as e:
                act()
            assert "\n" not in str(e.value)
        else:
            assert act() == expected[name], name
    assert isinstance(shop, Remote) == (not (tmp_path / "copy.hannun").exists())


def test_the_order_of_a_fact_and_what_comes_last(shop: Collection) -> None:
    assert [h.id for h in shop.search(None, sort="price")] == ["c", "b", "a", "d/1", "e"]
    assert [h.id for h in shop.search(None, sort="-price", where="price is not null", limit=2, offset=1)] == ["a", "b"]
    last = [h.id for h in shop.search("빨간 원피스", last="category in (원피스, 가방)")]
    assert set(last[:2]) == {"b", "e"} and set(last[2:]) == {"a", "c", "d/1"}
    assert [h.id for h in shop.search("빨간 원피스", sort="price", where="category = 원피스")] == ["a", "d/1"]
    with pytest.raises(WhereError, match="price"):
        shop.search("옷", sort="prise")


def test_synonyms_are_kept_and_searched_by(shop: Collection) -> None:
    if shop.name.startswith("qdrant:"):
        pytest.skip("the client's local mode cannot be opened a second time, as settings are written; a server can")
    assert shop.synonyms() == ()
    assert shop.synonyms(["# 옷", "스커트, 치마"]) == ("# 옷", "스커트, 치마") == shop.synonyms()
    assert [h.id for h in shop.search("스커트", words=1)] == ["b"]
    with pytest.raises(InputError, match="line 1 of the synonyms"):
        shop.synonyms(["치마"])
    assert shop.synonyms([]) == () and not shop.search("스커트", words=1)
