"""The mark of a generated picture: written, read back, seen in files of others, and that nothing so marked is measured on."""

from __future__ import annotations

import io
from pathlib import Path

import PIL.Image
import pytest

from hannun import generated
from hannun.curate.verdict import pair_of, real
from hannun.errors import InputError
from hannun.evaluate.harness import Harness
from hannun.item import Image, Item, Member, Pair, Text, item
from hannun.sources import Reading, read
from hannun.train.own import apart
from tests.conftest import draw, encoded
from tests.toy import Toy

TOLD = {"made_by": "small@1234", "prompt": '빨간 "줄무늬" & <원피스>', "seed": 7, "steps": 20, "guidance": 7.5}


def marked(colour: tuple[int, int, int] = (200, 30, 30)) -> bytes:
    return generated.png(draw(colour), TOLD)


def test_what_was_told_comes_back_and_the_pixels_are_whole() -> None:
    data = marked()
    assert generated.marked(data) and generated.told(data) == TOLD
    with PIL.Image.open(io.BytesIO(data)) as picture:
        assert picture.convert("RGB").tobytes() == draw().tobytes()
        assert "trainedAlgorithmicMedia" in picture.info["XML:com.adobe.xmp"] and "&quot;" not in picture.info["hannun"]


def test_a_changed_photo_says_so_and_a_real_one_says_nothing() -> None:
    changed = generated.png(draw(), TOLD, changed=True)
    assert b"compositeWithTrainedAlgorithmicMedia" in changed and generated.marked(changed)
    for plain in (encoded(draw()), encoded(draw(), "JPEG"), b"", b"hannun", encoded(draw(), "WEBP")):
        assert not generated.marked(plain) and generated.told(plain) == {}


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_the_mark_of_another_generator_is_seen(kind: str) -> None:
    xmp = b'<x:xmpmeta><d Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/></x:xmpmeta>'
    data = encoded(draw(), kind, xmp=xmp)
    assert generated.told(data) == {"made_by": "unknown"}


def test_a_damaged_record_keeps_the_mark() -> None:
    data = marked().replace(b'{"made_by"', b'{"made_by}')
    assert generated.told(data)["made_by"] == "unknown"


def test_saved_anew_without_metadata_it_is_gone() -> None:
    with PIL.Image.open(io.BytesIO(marked())) as picture:
        assert not generated.marked(encoded(picture.convert("RGB"), "JPEG"))  # what the page of docs says of it


def test_items_wherever_their_picture_lies(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(marked())
    tar = tmp_path / "a.tar"
    tar.write_bytes(b"\0" * 512 + marked())
    with PIL.Image.open(file) as opened:
        sources = [file, marked(), Member(tar, 512, len(marked()), "a.png"), opened]
        assert all(generated.is_generated(Item("1", (Image(s),))) for s in sources)
    assert generated.is_generated(item({"text": "x", "made_by": "small@1"}))
    assert not any(generated.is_generated(i) for i in (item("x"), Item("2", (Image(tmp_path / "gone.png"),)), Item("3", (Image(draw()),))))


def test_an_indexed_picture_has_the_facts_even_without_exif(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(marked())
    (tmp_path / "b.png").write_bytes(encoded(draw()))
    found = {i.id: i.facts for i in read([tmp_path], Reading(exif=False)) if isinstance(i, Item)}
    drawn, plain = (next(f for k, f in found.items() if k.endswith(n)) for n in ("a.png", "b.png"))
    assert drawn["made_by"] == "small@1234" and drawn["seed"] == 7 and "made_by" not in plain


def test_the_pair_factory_drops_it() -> None:
    assert real(pair_of("", {"generated": 1.0})).reason == "picture_generated" and real(pair_of("", {"generated": 0.0})).kept


def test_no_suite_measures_on_it(tmp_path: Path) -> None:
    harness = Harness(Toy(), tmp_path, tmp_path)
    rows = [[Image(draw((n, 0, 0)))] for n in range(3)]
    assert harness.unseen([*rows, ["a", marked()]]) == [0, 1, 2]
    assert "1 of 4 rows have a generated picture" in harness.notes[-1]
    assert Harness(Toy(), tmp_path, tmp_path, keep_trained=True).unseen([*rows, [marked()]]) == [0, 1, 2]
    with pytest.raises(InputError, match="measure on real ones"):
        harness.unseen([[marked()]])


def test_own_pairs_train_on_it_and_are_not_measured_on_it() -> None:
    pairs = [
        Pair(Item(f"q{n}", (Text(f"query number {n}"),)), Item(f"p{n}", (Image(marked((n, n, 9)) if n % 2 else encoded(draw((n, 9, n)))),)))
        for n in range(40)
    ]
    made = apart(pairs)
    assert made.dev and not any(generated.is_generated(p.positive) for p in made.dev)
    assert sum(generated.is_generated(p.positive) for p in made.train) == 20
    given = apart(pairs[10:], pairs[:10])
    assert len(given.dev) == 5 and any("5 dev pairs have a generated picture" in s for s in given.said)
