"""Reasons, pages, and what is named or avoided: the order of hits, with scores worked out beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hannun import collection
from hannun.collection import Collection
from hannun.collection.local import Local
from hannun.embeddings import Floats, unit
from hannun.encoder import Calibration
from hannun.errors import InputError, MissingError
from hannun.search import fuse
from tests.conftest import draw
from tests.search.searcher.rows import ids, rows
from tests.toy import Toy


def test_reasons_add_up_to_the_score(shop: Collection) -> None:
    for hit in shop.search("빨강 셔츠", words=0, explain=True, weights=(0.7, 0.3)):
        assert hit.why is not None and set(hit.why.parts) == {"text", "image"}
        v = shop.vectors([hit.id])[hit.id]
        expected = (0.7 * hit.why.parts["text"] + 0.3 * hit.why.parts["image"]) / float(np.linalg.norm(0.7 * v["text"] + 0.3 * v["image"]))
        assert hit.score == pytest.approx(fuse.same(expected, hit.why.parts, {"text": 0.7, "image": 0.3}), abs=1e-5)
        assert json.dumps(hit.why.to_json()) and hit.why.note == ""
    assert [h.why.rank for h in shop.search("셔츠", explain=True, offset=2, limit=3) if h.why] == [3, 4, 5]
    assert shop.search("셔츠")[0].why is None


def test_a_near_miss_is_explained(shop: Collection) -> None:
    ranked = ids(shop.search("빨강 셔츠", limit=12))
    last = shop.why(ranked[-1], "빨강 셔츠")
    assert last.why is not None and last.why.rank == 12 and not last.why.note and set(last.why.parts) == {"text", "image"}
    out = shop.why("빨강-셔츠", "빨강 셔츠", where="색 = 파랑 and price < 1000 and kind in (셔츠, '모 자')")
    assert out.why is not None and out.why.note == "`색 = 파랑` does not hold" and out.score > 0.5
    own = shop.why("빨강-셔츠", None, like=[{"id": "빨강-셔츠"}])
    assert own.why is not None and "own examples" in own.why.note
    with pytest.raises(MissingError):
        shop.why("none", "a")


def test_a_near_miss_by_words_is_measured_against_the_best(shop: Collection) -> None:
    pytest.importorskip("kiwipiepy")
    ranked = {h.id: h for h in shop.search("빨강 셔츠", words=0.5, limit=12, explain=True)}
    for id in ("빨강-모자", "빨강-셔츠"):
        alone, there = shop.why(id, "빨강 셔츠", words=0.5, where="색 = 초록"), ranked[id]
        assert alone.why is not None and there.why is not None and alone.why.note == "`색 = 초록` does not hold"
        assert alone.why.parts["text"] == pytest.approx(there.why.parts["text"], abs=1e-5)
    assert shop.why("빨강-모자", "빨강 셔츠", words=0.5).score == pytest.approx(ranked["빨강-모자"].score, abs=1e-4)
    assert shop.why("빨강-모자", "빨강 셔츠", words=0.5).why.parts["words"] < 1  # type: ignore[union-attr]


def test_the_encoder_s_patches_are_told(tmp_path: Path) -> None:
    class Seeing(Toy):  # type: ignore[misc]
        grid = (3, 3)

        def patches(self, pictures: Sequence[Any]) -> Floats:
            return np.stack([unit(np.eye(9, 64)) for _ in pictures]).astype(np.float32)

    with collection.open(tmp_path / "c", Seeing(), words=False) as shop:
        shop.add([{"id": "1", "image": draw()}, {"id": "2", "text": "글"}])
        first = {h.id: h.why for h in shop.search("빨강", explain=True)}
        assert first["1"] is not None and first["1"].patches is not None and (first["1"].patches.rows, first["1"].patches.columns) == (3, 3)
        assert first["1"].patches.values == pytest.approx(Toy().encode_query(["빨강"]).dense[0][:9].tolist(), abs=1e-5)
        assert first["2"] is not None and first["2"].patches is None


@pytest.mark.parametrize(
    "options",
    [
        {"words": 1.5},
        {"words": -1},
        {"words": "x"},
        {"words": True},
        {"fusion": "sum"},
        {"group_by": ""},
        {"group_by": 5},
        {"dim": 0},
        {"dim": True},
        {"rerank": "x"},
    ],
)
def test_values_out_of_range_are_one_clear_error(shop: Collection, options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="came, "):
        shop.search("a", **options)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    """150 items: texts that repeat, pictures, both and albums. Read only."""
    colours, kinds = ("red", "blue", "green", "white", "black"), ("dress", "shirt", "bag", "hat", "shoe", "coat")
    with collection.open(tmp_path_factory.mktemp("w") / "wide.hannun", Toy()) as opened:
        items: list[dict[str, Any]] = []
        for n in range(150):
            row: dict[str, Any] = {"id": f"{n * 7919 % 150:03}", "shelf": n % 11}
            if n == 7:
                row["colour"] = colours[0]  # a fact that nearly no item has: all others are groups of their own
            if n % 3 != 1:
                row["text"] = f"{colours[n % 5]} {kinds[n % 6]}" + (f" no {n}" if n % 4 == 0 else "")
            if n % 3:
                looks = [draw(seed=n % 40, size=(8, 8)), draw(seed=n % 7, size=(8, 8))]
                row["image"] = looks if n % 10 == 2 else looks[0]
            items.append(row)
        opened.add(items)
        yield opened


@pytest.mark.parametrize("query", ["red dress", "red dress -blue", "coat"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"words": 0},
        {"words": 1},
        {"words": 0.3, "fusion": "ranks"},
        {"words": 0.7, "weights": (0.9, 0.1)},
        {"weights": (0, 1)},
        {"group_by": "shelf"},
        {"group_by": "colour", "words": 0.5, "fusion": "ranks"},
        {"diversity": 0.5},
        {"shuffle": 5, "words": 0},
        {"rerank": lambda query, items: [-float(it.facts["shelf"]) for it in items]},
        {"like": [{"id": "007"}], "unlike": [{"id": "009"}, "green"]},
        {"where": "shelf < 8", "dim": 32},
    ],
    ids=lambda options: "-".join(options) or "plain" if isinstance(options, dict) else None,
)
def test_pages_are_pieces_of_one_list(wide: Collection, query: str, options: dict[str, Any]) -> None:
    def told(**page: int) -> list[tuple[str, float, tuple[str, ...]]]:
        return [(h.id, h.score, tuple(a.id for a in h.also)) for h in wide.search(query, **options, **page)]

    whole = told(limit=200)
    assert len({i for i, _, _ in whole}) == len(whole) > 3
    assert [hit for start in range(0, 28, 7) for hit in told(limit=7, offset=start)] == whole[:28]
    assert [hit for start in range(0, 200, 50) for hit in told(limit=50, offset=start)] == whole
    if not options.keys() & {"diversity", "shuffle", "rerank"}:
        assert [s for _, s, _ in whole] == sorted((s for _, s, _ in whole), reverse=True)


def test_deep_pages_go_on_where_a_search_looks_deeper(tmp_path: Path) -> None:
    """700 texts: a look at 100 candidates, at 200, … at 1,600. Every one is shown once, whichever way two rankings are fused."""
    with collection.open(tmp_path / "c", Toy()) as shop:
        names = ("ash", "birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "oak", "pine")
        shop.add({"id": str(n), "text": f"{names[n % 10]} {names[n // 10 % 10]} {names[n // 100]}"} for n in range(700))
        for fusion in ("scores", "ranks"):
            whole = ids(shop.search("oak elm fir", words=0.3, fusion=fusion, limit=700))  # type: ignore[arg-type]
            assert len(set(whole)) == 700
            for start in range(0, 700, 140):
                page = shop.search("oak elm fir", words=0.3, fusion=fusion, limit=140, offset=start)  # type: ignore[arg-type]
                assert ids(page) == whole[start : start + 140]


def test_groups_tell_true_from_one(tmp_path: Path) -> None:
    with collection.open(tmp_path / "c", Toy()) as shop:
        shop.add({"id": str(n), "text": "umbrella", "value": v} for n, v in enumerate((True, 1, "true", "1", 1.0, False, 0)))
        groups = [h.group for h in shop.search("umbrella", group_by="value")]
        assert sorted((type(g).__name__, str(g)) for g in groups) == [
            ("bool", "False"),
            ("bool", "True"),
            ("int", "0"),
            ("int", "1"),
            ("str", "1"),
            ("str", "true"),
        ]


def test_what_has_every_word_of_a_query_comes_first_where_few_have_it(tmp_path: Path) -> None:
    """The toy finds texts near that share letters: a longer list of the same letters is nearer than the one code in a long title."""
    with collection.open(tmp_path / "c", Toy()) as shop:
        near = [{"id": f"n{n}", "text": f"zx81 zx8{n}"} for n in range(2, 60)]
        shop.add([*near, {"id": "code", "text": "a home computer of the eighties with a keyboard of foil, model zx80"}])
        assert shop.search("zx80", words=0)[0].id != "code"
        for words in ("auto", 0.05, 0.3, 0.9):
            first, second = shop.search("zx80", words=words, limit=2)  # type: ignore[arg-type]
            assert first.id == "code" and first.score > 0.5 > second.score
        assert shop.search("zx80", fusion="ranks")[0].id == "code"
        assert shop.why("code", "zx80").why.rank == 1  # type: ignore[union-attr]
        # what many have names none of them: they are ranked as they were
        assert all(h.score < 0.5 for h in shop.search("zx81", words=0.3))


def test_a_sentence_names_what_has_it_as_it_stands(tmp_path: Path) -> None:
    with collection.open(tmp_path / "c", Toy()) as shop:
        shop.add([{"id": "words", "text": "서울은 내일 날씨가 어떤지 알려줘"}, {"id": "whole", "text": "<내일 서울 날씨 알려줘> 악보"}])
        found = {h.id: h.score for h in shop.search("내일 서울 날씨 알려줘", words=0.3)}
        assert found["whole"] > 0.5 > found["words"]


@pytest.mark.parametrize("words", [0, 0.3, 1, "auto"])
def test_what_is_avoided_comes_after_everything_else(tmp_path: Path, words: Any) -> None:
    with collection.open(tmp_path / "c", Toy()) as shop:
        shop.add(
            {"id": t, "text": t}
            for t in ("black shoe", "brown shoe", "shoe black polish", "black shoe lace", "black and white film", "tall tree", "low shoe")
        )
        found = ids(shop.search("shoe -black", words=words))
        avoided = [t for t in found if "black" in t]
        assert found[-len(avoided) :] == avoided and {"black shoe", "shoe black polish", "black shoe lace"} <= set(avoided)
        assert set(found[:2]) == {"brown shoe", "low shoe"}
        # both words of a phrase, in any place
        phrase = ids(shop.search('shoe -"black polish"', words=words))
        assert phrase[-1] == "shoe black polish" and phrase.index("black shoe") < phrase.index("shoe black polish")
        assert found == ids(shop.search("shoe", unlike=["black"], words=words))


def test_words_count_where_there_are_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collection of pictures asks for no words, so that what reads them is not loaded; nor where the pictures alone count."""
    with collection.open(tmp_path / "p", Toy()) as photos, collection.open(tmp_path / "t", Toy()) as texts:
        photos.add({"id": str(n), "image": draw(seed=n)} for n in range(3))
        texts.add([{"id": "1", "text": "red dress", "image": draw(seed=1)}, {"id": "2", "text": "a tree"}])
        assert texts.search("red dress") == texts.search("red dress", words=0.3) != texts.search("red dress", words=0)
        assert texts.search("red dress", weights=(0, 1)) == texts.search("red dress", weights=(0, 1), words=0)

        def unread(*_: Any) -> Any:
            raise AssertionError("words were read")

        monkeypatch.setattr("hannun.index.lexical.query", unread)
        assert len(photos.search("빨간 원피스")) == 3
        with pytest.raises(AssertionError, match="words were read"):
            texts.search("빨간 원피스")


def test_what_has_the_querys_very_text_comes_first_by_meaning_alone(tmp_path: Path) -> None:
    """Queries and documents of one text have two vectors, as with prefixes: here each query has that of 눈밭을 달리는 개들."""
    toy, text = Toy(), "눈밭을 달리는 개"
    toy.encode_query = lambda contents, *, instruction=None: toy.encode_document([f"{text}들"] * len(contents))  # type: ignore[method-assign]
    with collection.open(tmp_path / "c", toy, words=False) as shop:
        shop.add([{"id": "text", "text": f"{text}들"}, {"id": "both", "text": text, "image": draw(seed=3)}])
        near = shop.search("바다", words=0)
        assert [h.id for h in near] == ["text", "both"]
        found = shop.search("눈밭을  달리는 개", words=0)
        assert [h.id for h in found] == ["both", "text"] and [h.score for h in found] == [near[0].score] * 2
        assert [h.id for h in shop.search(text, words=0, limit=1, offset=1)] == ["text"]
        assert shop.why("both", text, words=0).why.rank == 1  # type: ignore[union-attr]
        assert shop.search({"text": text, "image": draw(seed=9)}, words=0)[0].id == "text"


@pytest.mark.parametrize("calibrated", [True, False])
def test_a_page_is_read_once_and_vectors_only_where_they_tell_something(
    tmp_path: Path, calibrated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = Toy()
    if calibrated:
        encoder.calibration = Calibration({q: {"text": (0.1, 0.1), "image": (0.0, 0.1)} for q in ("text", "image")}, 0.0)
    with collection.open(tmp_path / "c", encoder) as shop:
        shop.add(rows())
        shop.search("빨강 셔츠")
        assert isinstance(shop, Local)
        asked: list[str] = []

        def counted(name: str) -> None:
            read = getattr(shop._engine, name)
            monkeypatch.setattr(shop._engine, name, lambda *given, **rest: asked.append(name) or read(*given, **rest))

        for name in ("query", "get", "vectors", "shown", "points", "scan", "count"):
            counted(name)
        assert len(shop.search("빨강 셔츠", words=0)) == 10
        assert asked == ["query", "shown" if calibrated else "get"]
