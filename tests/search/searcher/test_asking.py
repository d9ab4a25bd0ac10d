"""Examples, dims, groups, reranking and several pictures: each on a small collection whose right answers are plain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hannun import collection
from hannun.collection import Collection
from hannun.embeddings import Embeddings, Floats, unit
from hannun.errors import InputError, MissingError
from hannun.item import Content, Item
from hannun.search import fuse
from tests.conftest import draw
from tests.search.searcher.rows import ids, rows
from tests.toy import Toy


def test_more_like_these_leaves_the_examples_out(shop: Collection) -> None:
    hits = shop.similar("빨강-셔츠", weights=(1, 0), limit=12)
    assert "빨강-셔츠" not in ids(hits) and len(hits) == 11
    assert ids(hits) == ids(shop.search(None, like=[{"id": "빨강-셔츠"}], weights=(1, 0), limit=12))
    stored = shop.vectors([h.id for h in hits] + ["빨강-셔츠"])
    truth = sorted((i for i in stored if i != "빨강-셔츠"), key=lambda i: -float(stored[i]["text"] @ stored["빨강-셔츠"]["text"]))
    assert ids(hits) == truth
    assert set(ids(shop.similar(["빨강-셔츠", "파랑-셔츠"], weights=(1, 0), limit=2))) <= {
        "초록-셔츠",
        "빨강-원피스",
        "파랑-원피스",
        *truth,
    }


def test_an_example_draws_a_query_towards_it(shop: Collection) -> None:
    def score(id: str, **examples: Any) -> float:
        return next(h.score for h in shop.search("셔츠", weights=(1, 0), limit=12, **examples) if h.id == id)

    assert score("파랑-셔츠", like=["파랑"]) > score("파랑-셔츠")
    assert score("빨강-셔츠", like=["파랑"]) < score("빨강-셔츠")
    assert score("빨강-셔츠", unlike=["빨강"]) < score("빨강-셔츠")
    assert score("빨강-셔츠", unlike=[{"id": "빨강-모자"}]) < score("빨강-셔츠")


def test_a_picture_with_words_composes(shop: Collection) -> None:
    query = {"text": "파랑", "image": rows()[0]["image"]}
    by_text, by_look = shop.search(query, mix=0.9, weights=(1, 0)), shop.search(query, mix=0.1, weights=(0, 1))
    assert by_text[0].id.startswith("파랑") and by_look[0].id == "빨강-원피스"


def test_words_after_a_minus_count_as_unlike(shop: Collection) -> None:
    assert ids(shop.search("셔츠 -빨강", limit=12)) == ids(shop.search("셔츠", unlike=["빨강"], limit=12))


def test_an_unknown_example_is_told(shop: Collection) -> None:
    with pytest.raises(MissingError, match="no item 'none'"):
        shop.search("a", like=[{"id": "none"}])
    with pytest.raises(MissingError, match="no item 'none'"):
        shop.similar("none")


@pytest.mark.parametrize("weights", [(0.5, 0.5), (1, 0), (0, 1), (0.2, 0.8)])
def test_a_shorter_dim_is_the_cosine_of_renormalised_prefixes(shop: Collection, weights: tuple[float, float]) -> None:
    hits = shop.search("빨강 셔츠", words=0, dim=32, weights=weights, limit=12)
    q = Toy().encode_query(["빨강 셔츠"]).truncate(32).dense[0]
    stored = shop.vectors(ids(hits))
    for hit in hits:
        t, i = (unit(stored[hit.id][p][:32]) for p in ("text", "image"))
        mean = float(q @ unit(weights[0] * t + weights[1] * i))
        cosines, counting = {"text": float(q @ t), "image": float(q @ i)}, {"text": weights[0], "image": weights[1]}
        # Of one kind alone the order is that of the cosine; among several, what is the same as the query is lifted to 1.
        assert hit.score == pytest.approx(fuse.same(mean, cosines, counting) if all(weights) else mean, abs=1e-5)
    with pytest.raises(InputError, match="dim=7 came, but 'toy1' declares the dims 64, 32"):
        shop.search("a", dim=7)


def test_the_best_of_each_group_and_the_rest_behind_it(shop: Collection) -> None:
    plain = shop.search("셔츠", limit=12)
    hits = shop.search("셔츠", group_by="색", limit=12)
    assert [h.group for h in hits] == list(dict.fromkeys(h.item.facts["색"] for h in plain))
    for hit in hits:
        members = [h.id for h in plain if h.item.facts["색"] == hit.group]
        assert [hit.id, *ids(hit.also)] == members
        assert all(h.item.text for h in hit.also)
    assert ids(shop.search("셔츠", group_by="색", limit=1, offset=1)) == [hits[1].id]
    with pytest.raises(InputError, match="no item has the fact '없음'"):
        shop.search("셔츠", group_by="없음", limit=12)


def test_groups_are_found_beyond_the_first_candidates(tmp_path: Path) -> None:
    with collection.open(tmp_path / "c", Toy(), words=False) as many:
        many.add([{"id": f"a{n}", "text": "원피스", "shop": "a"} for n in range(450)] + [{"id": "b", "text": "zzzz", "shop": "b"}])
        hits = many.search("원피스", group_by="shop", limit=2)
        assert [h.group for h in hits] == ["a", "b"] and len(hits[0].also) == 5


def test_a_reranker_puts_the_top_in_a_new_order(shop: Collection) -> None:
    seen: list[tuple[str | None, int]] = []

    def cheapest(query: Item, items: Sequence[Item]) -> list[float]:
        seen.append((query.text, len(items)))
        return [-float(it.facts["price"]) for it in items]

    hits = shop.search("셔츠", rerank=cheapest, limit=3, explain=True)
    assert [h.item.facts["price"] for h in hits] == [0, 100, 200] and seen == [("셔츠", 12)]
    assert [h.score for h in hits] == [0, -100, -200] and hits[0].why is not None and hits[0].why.parts["rerank"] == 0
    assert hits[0].why.rank == [h.id for h in shop.search("셔츠", limit=12)].index(hits[0].id) + 1
    for bad, message in ((lambda q, i: [1.0], "gave 1 scores for 12 items"), ("x", "expected 'tokens' or a function")):
        with pytest.raises(InputError, match=message):
            shop.search("셔츠", rerank=bad)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="'toy1' gives no token vectors"):
        shop.search("셔츠", rerank="tokens")


class Letters:
    """The toy encoder in one sequence, with a token vector for each letter."""

    token_dim = 32

    def __init__(self) -> None:
        self._toy = Toy(parts=False)
        for name in ("name", "fingerprint", "dims", "kinds", "side", "calibration"):
            setattr(self, name, getattr(self._toy, name))

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        return self._with_letters(contents)

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        return self._with_letters(contents)

    def _with_letters(self, contents: Sequence[Content]) -> Embeddings:
        dense = self._toy.encode_query(contents).dense
        texts = [c if isinstance(c, str) else getattr(c, "text", "") or "?" for c in contents]
        return Embeddings(dense, tuple(self.letters(t) for t in texts))

    @staticmethod
    def letters(text: str) -> Floats:
        return np.stack([unit(np.random.default_rng(ord(c)).normal(size=32)) for c in text]).astype(np.float32)


def test_late_interaction_over_stored_tokens_is_maxsim(tmp_path: Path) -> None:
    with collection.open(tmp_path / "c", Letters(), words=False) as shop:  # type: ignore[arg-type]
        assert shop.settings.tokens == 32
        texts = ["원피스 빨강", "빨강 모자", "셔츠", "피스원"]
        shop.add([{"id": t, "text": t} for t in texts])
        hits = shop.search("빨강 피스", rerank="tokens")
        query = Letters.letters("빨강 피스")
        truth = {t: float(np.mean((query @ Letters.letters(t).T).max(axis=1))) for t in texts}
        assert ids(hits) == sorted(truth, key=lambda t: -truth[t])
        assert [h.score for h in hits] == pytest.approx(sorted(truth.values(), reverse=True), abs=2e-3)  # stored as float16


def test_of_several_pictures_the_nearest_counts(tmp_path: Path) -> None:
    looks = [draw(seed=n, size=(16, 16)) for n in range(6)]
    with collection.open(tmp_path / "c", Toy()) as shop:
        shop.add(
            [
                {"id": "album", "text": "사진첩", "image": looks[:5]},
                {"id": "one", "text": "한 장", "image": looks[5]},
                {"id": "text", "text": "글"},
            ]
        )
        q = Toy().encode_query([looks[3]]).dense[0]
        album = Toy().encode_document(looks[:5]).dense
        hits = shop.search(looks[3], weights=(0, 1), explain=True)
        assert hits[0].id == "album" and hits[0].score == pytest.approx(1, abs=1e-3)  # its mean picture would score far less
        assert float(q @ unit(album.sum(axis=0))) < 0.9
        assert hits[0].why is not None and hits[0].why.picture == 3
        both = next(h for h in shop.search(looks[3], weights=(0.5, 0.5), explain=True) if h.id == "album")
        text = Toy().encode_document(["사진첩"]).dense[0]
        assert both.why is not None and both.why.parts == pytest.approx({"text": float(q @ text), "image": 1}, abs=1e-3)
    with collection.open(tmp_path / "c", Toy()) as again:
        assert again.settings.albums and again.search(looks[1], weights=(0, 1))[0].id == "album"
