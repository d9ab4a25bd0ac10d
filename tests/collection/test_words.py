"""Words, meaning and both; dictionaries; how a store is made."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import pytest

import hannun
from hannun import collection
from hannun.errors import InputError
from hannun.search import fuse
from tests.collection.contents import rows
from tests.conftest import draw
from tests.toy import Toy


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
