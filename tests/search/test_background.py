"""Two kinds of items about their own centres, a query between them: what is usual for each kind comes to one score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hannun import collection
from hannun.embeddings import Floats, unit
from hannun.encoder import Calibration
from hannun.search import background, fuse
from hannun.search.background import FEWEST, Background
from tests.conftest import draw
from tests.toy import Toy

HALVES = {"text": 0.5, "image": 0.5}
USUAL = {"text": 0.8, "image": 0.4, "text+image": 0.7}  # where what is related begins, by an encoder's calibration


def crowd(n: int, centre: int, seed: int) -> Floats:
    return unit(2 * np.eye(8)[centre] + np.random.default_rng(seed).normal(size=(n, 8)))


def test_the_usual_of_every_kind_comes_to_one_score() -> None:
    texts, pictures = crowd(200, 0, 1), crowd(200, 1, 2)
    both = crowd(100, 2, 3), crowd(100, 3, 4)
    query = unit([3, 1, 2, 1, 0, 0, 0, 0])
    g = Background({("text",): (texts,), ("image",): (pictures,), ("text", "image"): both}).gains(query, HALVES, USUAL)
    assert max(g.values()) == 1
    edges = {kind: edge(rows, query) for kind, rows in {"text": texts, "image": pictures, "text+image": unit(both[0] + both[1])}.items()}
    assert [g[k] * edges[k] for k in edges] == pytest.approx([min(edges.values())] * 3, rel=1e-5)


def edge(rows: Floats, query: Floats) -> float:
    return background.begins(rows @ query)


def test_where_the_related_begins_is_the_mean_of_the_best_twenty_fifth() -> None:
    assert background.begins(np.arange(100, dtype=np.float32)[::-1]) == 97.5
    assert background.begins(np.arange(60, dtype=np.float32)) == pytest.approx((59 + 58 + 0.4 * 57) / 2.4)
    assert background.begins(np.array([0.1, 0.7, 0.3], np.float32)) == pytest.approx(0.7)
    assert background.begins(np.arange(100, dtype=np.float32), 0.02) == 98.5
    sizes = {0: 0.04, 100: 0.04, 500: 0.04, 1000: 0.02, 100_000: 4 / 256}
    assert {n: Background({}, size=n).best for n in sizes} == pytest.approx(sizes)
    normal = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    assert background.begins(normal) == pytest.approx(background.TAIL, abs=0.02)


def test_a_kind_that_is_not_there_is_judged_by_the_calibration_at_the_height_of_the_others() -> None:
    """Texts stand at e here and at 0.8 by the calibration, so that pictures, 0.4 there, stand at e/2: twice the gain of texts."""
    texts, query = crowd(200, 0, 1), unit(np.ones(8))
    g = Background({("text",): (texts,)}).gains(query, HALVES, USUAL)
    assert g == pytest.approx({"text": 1.0, "image": 2.0, "text+image": 8 / 7}, rel=1e-5)
    assert Background({}).gains(query, HALVES, USUAL) == pytest.approx({"text": 0.5, "image": 1.0, "text+image": 4 / 7})


def test_a_kind_with_few_items_is_believed_by_how_many_it_has() -> None:
    """Half of FEWEST pictures: their own edge counts for a half, the calibration's at the common height for the other half."""
    texts, pictures, query = crowd(200, 0, 1), crowd(FEWEST // 2, 1, 2), unit(np.ones(8))
    t, p = edge(texts, query), edge(pictures, query)
    height = (t + 0.5 * p) / (0.8 + 0.5 * 0.4)
    g = Background({("text",): (texts,), ("image",): (pictures,)}).gains(query, HALVES, USUAL)
    assert g["image"] / g["text"] == pytest.approx(t / (0.5 * p + 0.5 * height * 0.4), rel=1e-5)


def best_of_the_photos(query: Floats, both: tuple[Floats, Floats], photos: Floats, texts: Floats) -> int:
    """The rank of the photo that is nearest to a query among all items; the sample is the whole collection."""
    sample = {("text",): (texts,), ("image",): (photos,), ("text", "image"): both}
    g = Background({k: rows for k, rows in sample.items() if len(rows[0])}).gains(query, HALVES, USUAL)
    named = {"text": texts, "image": photos, "text+image": unit(both[0] + both[1])}
    goal = g["image"] * float((photos @ query).max())
    return 1 + sum(int((g[k] * (rows @ query) > goal + 1e-6).sum()) for k, rows in named.items() if len(rows))


def test_one_stray_text_hides_no_photos() -> None:
    """400 products, 300 photos and one text: texts are near to any query in words, products half as near, photos not at all."""
    random = np.random.default_rng(7)
    both = unit(2 * np.eye(8)[0] + random.normal(size=(400, 8))), unit(2 * np.eye(8)[1] + random.normal(size=(400, 8)))
    photos, texts, query = crowd(300, 1, 5), crowd(60, 0, 6), unit([3, 0.5, 1, 1, 0, 0, 0, 0])
    without = best_of_the_photos(query, both, photos, texts[:0])
    assert without <= 10
    assert abs(best_of_the_photos(query, both, photos, texts[:1]) - without) <= 1


@pytest.mark.parametrize("products", [0, 1, 5, 30, 300])
@pytest.mark.parametrize("pictures", [1, 5, 30, 300])
def test_one_more_of_any_kind_turns_no_ranking_round(products: int, pictures: int) -> None:
    random = np.random.default_rng(7)
    both = unit(2 * np.eye(8)[0] + random.normal(size=(301, 8))), unit(2 * np.eye(8)[1] + random.normal(size=(301, 8)))
    photos, texts, query = crowd(301, 1, 5), crowd(301, 0, 6), unit([3, 0.5, 1, 1, 0, 0, 0, 0])

    def rank(b: int, p: int, t: int) -> int:
        return best_of_the_photos(query, (both[0][:b], both[1][:b]), photos[:p], texts[:t])

    for n in (0, 1, 5, 29, 30, 300):
        before = rank(products, pictures, n)
        size = products + pictures + n
        assert abs(rank(products, pictures, n + 1) - before) <= 2 + size // 20
        assert abs(rank(products + 1, pictures, n) - before) <= 2 + size // 20


def test_a_shorter_query_is_judged_by_prefixes() -> None:
    texts, pictures = crowd(100, 0, 1), crowd(100, 1, 2)
    query = unit(np.ones(4))
    whole = Background({("text",): (texts,), ("image",): (pictures,)}).gains(query, HALVES, USUAL)
    cut = Background({("text",): (unit(texts[:, :4]),), ("image",): (unit(pictures[:, :4]),)}).gains(query, HALVES, USUAL)
    assert whole == pytest.approx(cut, abs=1e-5)


def test_a_sample_knows_how_long_texts_are(tmp_path: Path) -> None:
    with collection.open(tmp_path / "c", Toy(), words=False) as shop:
        shop.add([{"id": "1", "text": "네 글자"}, {"id": "2", "text": "여섯 글자요"}, {"id": "3", "image": draw()}])
        usual = shop._usual()
        assert usual is not None and usual.letters == 5 and usual.answers("원피스")


@pytest.mark.parametrize(
    ("names", "query", "answers"),
    [(["IMG_1"], "원피스", False), (["IMG_1"], "img", True), (["바다_1"], "바다", True), (["바다_1"], "sea", False), ([], "바다", False)],
)
def test_a_query_is_asked_of_names_in_its_own_script(tmp_path: Path, names: list[str], query: str, answers: bool) -> None:
    """Pictures alone: what a camera called them holds no Korean word, and Korean need not be analysed for it."""
    with collection.open(tmp_path / "c", Toy(), words=False) as shop:
        shop.add([{"id": "0", "image": draw()}, *({"id": n, "image": draw(), "title": n} for n in names)])
        usual = shop._usual()
        assert usual is not None and usual.answers(query) == answers


def test_a_mixed_collection_ranks_its_kinds_fairly(tmp_path: Path) -> None:
    """The toy's texts are nearer to any text than its pictures are; by the sample, both kinds are seen."""
    words = ["빨간", "파란", "노란", "하얀", "검은"]
    with collection.open(tmp_path / "c", Toy(), words=False) as shop:
        shop.add(
            [{"id": f"t{n}", "text": f"{words[n % 5]} 원피스 {n}"} for n in range(60)]
            + [{"id": f"p{n}", "image": draw(seed=n, size=(12, 12))} for n in range(60)]
        )
        kinds = [bool(h.item.images) for h in shop.search("빨간 원피스", limit=40)]
        shop._sample = (0, 10**9, None)  # as without a sample: the encoder's own calibration
        before = [bool(h.item.images) for h in shop.search("빨간 원피스", limit=40)]
        assert sum(kinds) > sum(before) and not all(kinds)
        assert shop.search(draw(seed=3, size=(12, 12)), limit=1)[0].id == "p3"


def lost(folder: Path, texts: int, photos: int, both: int) -> list[str]:
    """The ids of items that a query with the very picture, or the very text, of theirs does not find first, among so many of each kind.

    By the calibration what is related begins at 1.0 among things of the query's kind and at 0.1 among others: ten times the gain.
    """
    near, far = (0.7, 0.1), (0.01, 0.03)
    toy = Toy()
    toy.calibration = Calibration({"text": {"text": near, "image": far}, "image": {"text": far, "image": near}}, 0.1)
    rows: list[dict[str, object]] = [{"id": f"t{n}", "text": f"글 {n} {'가나다라마바사'[n % 7]}{n * 37}"} for n in range(texts)]
    rows += [{"id": f"p{n}", "image": draw(seed=n, size=(12, 12))} for n in range(photos)]
    rows += [{"id": f"b{n}", "text": f"물건 {n}{n * 53}", "image": draw(seed=500 + n, size=(12, 12))} for n in range(both)]
    with collection.open(folder, toy, words=False) as shop:
        shop.add(rows)
        asked = [(str(r["id"]), {k: r[k]}) for r in rows if str(r["id"])[1:] in ("0", "4") for k in ("image", "text") if k in r]
        return [id for id, query in asked if shop.search(query, limit=1)[0].id != id]


@pytest.mark.parametrize("counts", [(t, p, b) for t in (0, 1, 5, 40) for p in (0, 1, 5, 40) for b in (0, 1, 5) if t + p + b > 1])
def test_what_is_the_same_as_the_query_comes_first_in_every_mixture(tmp_path: Path, counts: tuple[int, int, int]) -> None:
    """Texts, photos and products, few or many of each: a stored picture as the query finds its item, a stored text its own."""
    assert lost(tmp_path / "c", *counts) == []


def test_what_is_the_same_would_be_lost_by_its_gain_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lift is what brings it up: where nothing is taken for the same, others with ten times the gain stand before it."""
    monkeypatch.setattr(fuse, "SAME", 1.0)
    assert lost(tmp_path / "c", 5, 5, 5)
