"""Mining: the window of ranks, the thresholds, and every guard, over a real Collection with a toy encoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")

import hannun
from hannun.collection import Collection
from hannun.errors import InputError
from hannun.item import Item, Pair, item
from hannun.serve.cli.main import run
from hannun.train import negatives, pairs
from hannun.train.negatives import MiningReport, Window, mine
from tests.conftest import draw, encoded
from tests.toy import Toy


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Collection]:
    """Texts that grow more unlike "abcdefgh", letter pair by letter pair."""
    with hannun.open(tmp_path / "shop.hannun", Toy()) as opened:
        rows = ["abcdefgh", "abcdefgx", "abcdefxy", "abcdexyz", "abcdxyzw", "abcxyzwv", "zzzzzzzz"]
        opened.add([{"id": str(n), "text": t, "sku": n // 2} for n, t in enumerate(rows)])
        yield opened


def mined(shop: Collection, window: Window, *given: Pair) -> tuple[list[list[str]], MiningReport]:
    report = MiningReport()
    return [[n.id for n in p.negatives] for p in mine(given, shop, window, report)], report


def asked(positive: str = "abcdefgx", query: str = "abcdefg") -> Pair:
    return Pair(item(query, id="q"), item(positive, id="p"))


def test_constants_are_their_sources() -> None:
    assert negatives.BELOW == 0.95  # NV-Retriever's TopK-PercPos


def test_a_window_of_ranks(shop: Collection) -> None:
    near, _ = mined(shop, Window(1, 2, count=9, below=1.0), asked("abcdefgh"))
    far, _ = mined(shop, Window(3, 4, count=9, below=1.0), asked("abcdefgh"))
    assert near == [["1", "2"]] or near == [["2"]]  # "1" may tie with the positive
    assert far == [["3", "4"]]


def test_nothing_near_the_positives_score(shop: Collection) -> None:
    found, report = mined(shop, Window(below=0.8, count=9), asked("abcdefgx"))
    scores = {h.id: h.score for h in shop.search("abcdefg", limit=7)}
    assert found[0] and all(scores[n] < 0.8 * scores["1"] for n in found[0])
    assert report.dropped[negatives.SCORE] == sum(s >= 0.8 * scores["1"] for n, s in scores.items() if n != "1")
    wide, _ = mined(shop, Window(below=1.0, margin=0.5, count=9), asked("abcdefgx"))
    assert all(scores[n] < scores["1"] - 0.5 for n in wide[0])


def test_guards_and_their_reasons(shop: Collection) -> None:
    texts = {"same": "abcdefg", "loud": "ABC-DEFGX", "twin": "abcdexyz", "copy": "abcdefgx"}
    shop.add([{"id": k, "text": v} for k, v in texts.items()])
    found, report = mined(shop, Window(below=1.0, count=20, product="sku"), asked("abcdefgx"))
    assert "same" not in found[0] and report.dropped[negatives.QUERY] == 1
    assert "copy" not in found[0] and report.dropped[negatives.POSITIVE] == 1
    assert report.dropped[negatives.TWICE] == 1 and ("3" in found[0]) != ("twin" in found[0])
    assert "0" not in found[0] and report.dropped[negatives.PRODUCT] == 1  # "0" and the positive "1" are product 0
    assert "loud" not in found[0] and report.dropped[negatives.TEXT] == 1
    assert report.lines()[0] == f"1 of 1 pairs have hard negatives, {len(found[0])} in all"


def test_what_another_pair_calls_right_is_no_negative(shop: Collection) -> None:
    both = [asked("abcdefgx"), asked("abcdexyz")]
    found, report = mined(shop, Window(below=1.0, count=9), *both)
    assert "3" not in found[0] and "1" not in found[1] and report.dropped[negatives.OTHERS] == 2


def test_a_positive_that_is_not_found_gives_none(shop: Collection) -> None:
    found, report = mined(shop, Window(), asked("not in the shop"))
    assert found == [[]] and report.dropped[negatives.LOST] == 1 and report.mined == 0


def test_pictures_near_duplicates_are_left_out(tmp_path: Path) -> None:
    """Pictures, which Python cannot hash: the positive is found by its bytes, its brighter copy by how it looks."""
    base = draw(seed=1, size=(48, 48))
    brighter = base.point([min(255, v + 3) for v in range(256)] * 3)
    with hannun.open(tmp_path / "shop.hannun", Toy()) as shop:
        shop.add([{"id": "a", "image": encoded(base)}, {"id": "b", "image": encoded(brighter)}])
        shop.add([{"id": f"n{n}", "image": encoded(draw(seed=n, size=(48, 48)))} for n in range(2, 8)])
        pair = Pair(item({"image": encoded(draw(seed=1, size=(40, 40)))}, id="q"), item({"image": encoded(base)}, id="p"))
        report = MiningReport()
        (found,) = mine([pair], shop, Window(below=1.0, count=3), report)
    names = [n.id for n in found.negatives]
    assert not {"a", "b"} & set(names) and report.dropped[negatives.PICTURE] == 1


def test_drawn_from_the_window_by_a_seed(shop: Collection) -> None:
    draws = {tuple(mined(shop, Window(below=1.0, count=2, seed=s), asked("abcdefgh"))[0][0]) for s in range(12)}
    assert len(draws) > 1 and all(len(d) == 2 for d in draws)
    again = [mined(shop, Window(below=1.0, count=2, seed=5), asked("abcdefgh"))[0] for _ in range(2)]
    assert again[0] == again[1]


def test_windows_that_make_no_sense() -> None:
    with pytest.raises(InputError, match=r"ranks 5…2"):
        Window(5, 2)
    with pytest.raises(InputError, match=r"below=1\.5"):
        Window(below=1.5)


def test_a_pairs_own_negatives_stay_and_are_not_taken_twice(shop: Collection) -> None:
    (hit,) = mined(shop, Window(1, 10, count=1, below=0.99), asked())[0]
    own = replace(asked(), negatives=(shop.get(hit[0]), item("zz", id="own")))
    found, report = mined(shop, Window(1, 10, count=1, below=0.99), own)
    assert found[0][:2] == [hit[0], "own"] and len(found[0]) == 3 and found[0][2] != hit[0]
    assert report.dropped[negatives.TWICE] == 1 and report.negatives == 1
    assert mined(shop, Window(), replace(asked("nowhere"), negatives=own.negatives))[0] == [[hit[0], "own"]]


def test_the_difference_hash_by_hand() -> None:
    import numpy as np
    import PIL.Image

    rising = PIL.Image.fromarray(np.tile(np.arange(9, dtype=np.uint8) * 20, (8, 1)))
    assert negatives.difference_hash(rising) == 2**64 - 1  # each cell brighter than its left neighbour
    assert negatives.difference_hash(rising.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT)) == 0


@pytest.mark.usefixtures("toy_models")
def test_the_command(shop: Collection, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop.close()
    folder = tmp_path / "shop.hannun"
    rows = tmp_path / "pairs.jsonl"
    rows.write_text('{"query": "abcdefg", "positive": "abcdefgx"}\n{"query": "", "positive": "x"}\n')
    out = tmp_path / "mined.jsonl"
    status = run(["mine", str(rows), "--in", str(folder), "--to", str(out), "--count", "2", "--below", "0.9"])
    assert status == 0 and "1 of 1 pairs have hard negatives, 2 in all" in capsys.readouterr().out
    (pair,) = pairs.read([out])
    assert isinstance(pair, Pair) and isinstance(pair.negatives[0], Item) and len(pair.negatives) == 2
    rows.write_text('{"query": "abcdefg", "clicked": "1", "shown": "1 6"}\n{"query": "abc", "clicked": "99"}\n')  # ids of the collection
    assert run(["mine", str(rows), "--in", str(folder), "--to", str(out), "--count", "2", "--below", "0.9"]) == 0
    assert "names the item '99'" in capsys.readouterr().err
    (pair,) = pairs.read([out])
    assert isinstance(pair, Pair) and pair.positive.id == "1" and pair.negatives[0].id == "6" and len(pair.negatives) == 3
    assert run(["mine", str(rows), "--in", str(folder), "--ranks", "x"]) == 1
    assert "expected FIRST-LAST" in capsys.readouterr().err
