"""The recipe on products drawn here: what is right is known by construction; and its words on the real catalogue, where it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hannun import collection
from hannun.errors import InputError
from hannun.recipes import fashion200k as recipe
from tests.conftest import draw, encoded, shard
from tests.toy import Toy

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "fashion"


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """24 products of four kinds, whose descriptions and looks both tell the kind."""
    kinds = [("Shirts", "Topwear", "셔츠"), ("Tshirts", "Topwear", "티셔츠"), ("Watches", "Watches", "시계"), ("Belts", "Belts", "벨트")]
    files = []
    for n in range(24):
        fine, broad, _ = kinds[n % 4]
        facts = {
            "productDisplayName": f"{fine} number {n}",
            "articleType": fine,
            "subCategory": broad,
            "baseColour": "Black",
            "gender": "Men",
        }
        files.append((f"{n:03}.jpg", encoded(draw(seed=n % 4, size=(16, 16)), "JPEG")))
        files.append((f"{n:03}.json", json.dumps(facts).encode()))
    shard(tmp_path / "test-000.tar", *files)
    return tmp_path


def test_the_numbers_of_the_source() -> None:
    assert recipe.KS == (10, 20, 50, 100) and (recipe.TOP, recipe.CLUSTERS) == (50, 5)
    assert recipe.WAYS == {"description": (1, 0), "picture": (0, 1), "average": (0.5, 0.5)}


def test_every_way_is_measured(shards: Path, tmp_path: Path) -> None:
    with collection.open(tmp_path / "c", Toy(), words=False) as held:
        assert held.add(recipe.products(shards)).added == 24
        items = list(held)
        queries = recipe.descriptions(items)
        assert len(queries) == 24 and {q.text for q in recipe.korean(items)} >= {"남성 검은 셔츠", "남성 검은 티셔츠"}
        for way, weights in recipe.WAYS.items():
            found = recipe.measure(held, queries, weights=weights)
            assert set(found) == {(f, k) for f in (recipe.BROAD, recipe.FINE) for k in recipe.KS} and all(
                len(v) == 24 for v in found.values()
            )
            assert (found[recipe.BROAD, 10] >= found[recipe.FINE, 10]).all(), way  # what is of the fine category is of the broad one
        assert recipe.measure(held, queries, weights=(1, 0))[recipe.FINE, 10].mean() == pytest.approx(
            0.5
        )  # five others of six, of ten shown
        assert recipe.ceiling(queries, items, recipe.FINE, 10) == pytest.approx(5 / 10)
        assert recipe.ceiling(queries, items, recipe.BROAD, 10) == pytest.approx((12 * 10 / 10 + 12 * 5 / 10) / 24)


def test_its_own_command(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(recipe, "load", lambda name: Toy())
    recipe.main(["--data", str(shards), "--to", str(tmp_path / "f.hannun")])
    out = capsys.readouterr().out
    assert "24 added" in out and out.count("average") == out.count("hybrid") == 4 and "P@100" in out
    with pytest.raises(InputError, match=r"has no test-\*\.tar"):
        recipe.main(["--data", str(tmp_path / "none"), "--to", str(tmp_path / "g.hannun")])


def test_a_dash_in_a_description_is_its_own(tmp_path: Path) -> None:
    with collection.open(tmp_path / "c", Toy(), words=False) as held:
        held.add([{"id": "1", "text": "Men -Blue Shirt"}, {"id": "2", "text": "Red"}])
        assert held.search(recipe.collection_text("Men -Blue Shirt"))[0].score == pytest.approx(1, abs=1e-5)


def test_korean_words_for_the_real_catalogue() -> None:
    if not DATA.is_dir():
        pytest.skip("the fashion shards are not here")
    rows = list(recipe.products(DATA))
    assert len(rows) == 1000 and all(r["text"] and r["articleType"] and r["subCategory"] for r in rows)
    covered = np.mean([r["articleType"] in recipe.words()["types"] for r in rows])
    assert covered > 0.85
