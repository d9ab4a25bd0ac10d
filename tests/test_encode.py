"""Items in, outcomes out: in order, in chunks, with nothing stopped by what is broken."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import final

import numpy as np
import pytest

from hannun import encode
from hannun.embeddings import Embeddings, unit
from hannun.encode import CHUNK, Encoded, Unchanged
from hannun.encoder import UNCALIBRATED
from hannun.errors import HannunError, PictureError, StorageError
from hannun.item import Content, Image, Item, Problem, Text, item
from tests.conftest import bomb, draw, encoded
from tests.toy import Toy


def texts(n: int) -> list[Item]:
    return [item({"id": str(i), "text": f"글 {i}"}) for i in range(n)]


def flat(chunks: Iterator[list[encode.Outcome]]) -> list[encode.Outcome]:
    return [o for chunk in chunks for o in chunk]


def test_outcomes_come_in_order_and_in_chunks() -> None:
    chunks = list(encode.encode(texts(3 * CHUNK + 1), Toy()))
    assert [len(c) for c in chunks] == [CHUNK, CHUNK, CHUNK, 1]
    assert [o.item.id for c in chunks for o in c if isinstance(o, Encoded)] == [str(i) for i in range(3 * CHUNK + 1)]


def test_nothing_gives_nothing() -> None:
    assert list(encode.encode([], Toy())) == [] and encode.vectors([], Toy()) == []


def test_a_part_vector_for_each_part_and_equal_to_the_encoders(tmp_path: Path) -> None:
    draw().save(tmp_path / "a.png")
    both = item({"id": "b", "text": "빨강", "image": tmp_path / "a.png"})
    word, look, two = flat(encode.encode([item("빨강"), item(tmp_path / "a.png"), both], Toy()))
    assert isinstance(word, Encoded) and isinstance(look, Encoded) and isinstance(two, Encoded)
    assert list(word.vectors) == ["text"] and list(look.vectors) == ["image"] and list(two.vectors) == ["text", "image"]
    truth = Toy().encode_document(["빨강", tmp_path / "a.png"]).dense
    assert word.vectors["text"] == pytest.approx(truth[0]) and two.vectors["image"] == pytest.approx(truth[1], abs=1e-6)


def test_several_pictures_give_their_mean_direction() -> None:
    pictures = [draw(seed=1), draw(seed=2)]
    (row,) = encode.vectors([Item("1", tuple(Image(p) for p in pictures))], Toy())
    assert row["image"] == pytest.approx(unit(Toy().encode_document(list(pictures)).dense.sum(axis=0)), abs=1e-6)


def test_a_careful_look_is_the_mean_of_the_picture_its_mirror_image_and_its_middle() -> None:
    picture = draw(size=(200, 100), seed=3)
    whole, mirrored, middle = encode.looks(Image(picture), 100)
    assert whole.size == mirrored.size == (200, 100) and middle.size == (172, 86)
    assert whole.getpixel((10, 20)) == mirrored.getpixel((189, 20)) and whole.getpixel((14, 7)) == middle.getpixel((0, 0))
    toy, album = Toy(), item({"id": "a", "text": "글", "image": [picture, draw(seed=4)]})
    (found,) = encode.vectors([album], toy, careful=True)
    by_hand = [unit(np.sum([toy.encode_document([look]).dense[0] for look in encode.looks(p, 16)], axis=0)) for p in album.images]
    np.testing.assert_allclose(found["pictures"], np.stack(by_hand), atol=1e-6)
    np.testing.assert_allclose(found["image"], unit(np.sum(by_hand, axis=0)), atol=1e-6)
    (plain,) = encode.vectors([album], toy)
    assert (found["text"] == plain["text"]).all() and np.abs(found["image"] - plain["image"]).max() > 1e-3


def test_an_encoder_of_one_sequence_gives_one_joint_vector() -> None:
    (row,) = encode.vectors([item({"text": "빨강", "image": draw()})], Toy(parts=False))
    assert list(row) == ["joint"]


def test_broken_pictures_become_problems_in_their_place(tmp_path: Path) -> None:
    (tmp_path / "zero.jpg").touch()
    (tmp_path / "text.jpg").write_text("글")
    (tmp_path / "half.png").write_bytes(encoded(draw(size=(99, 99), seed=1))[:500])
    (tmp_path / "bomb.png").write_bytes(bomb())
    draw().save(tmp_path / "good.png")
    names = ["zero.jpg", "good.png", "text.jpg", "half.png", "bomb.png", "gone.png"]
    given: list[Item | Problem] = [Item(n, (Image(tmp_path / n),)) for n in names]
    given += [Problem("row 7", "came broken"), Item("none", ())]
    found = flat(encode.encode(given, Toy()))
    assert [isinstance(o, Encoded) for o in found] == [False, True] + [False] * 6
    problems = [o for o in found if isinstance(o, Problem)]
    reasons = [
        "is empty",
        "is not a picture",
        "cannot be decoded",
        "has over 178,956,970",
        "no such picture",
        "came broken",
        "empty content",
    ]
    assert all(p.reason.startswith(r) for p, r in zip(problems, reasons, strict=True)), problems
    assert [p.id for p in problems] == ["zero.jpg", "text.jpg", "half.png", "bomb.png", "gone.png", None, "none"]
    assert problems[0].where == str(tmp_path / "zero.jpg")


def test_the_hash_sees_text_pictures_and_facts_and_nothing_else(tmp_path: Path) -> None:
    draw().save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    base = Item("1", (Text("글"), Image(tmp_path / "a.png")), {"price": 1, "color": "빨강"})
    same = [
        replace(base, id="2"),
        replace(base, parts=(Text("글"), Image(tmp_path / "b.png"))),
        replace(base, facts={"color": "빨강", "price": 1}),
    ]
    other = [
        replace(base, parts=(Text("글!"), Image(tmp_path / "a.png"))),
        replace(base, parts=(Text("글"), Image(draw((1, 2, 3))))),
        replace(base, parts=(Image(tmp_path / "a.png"), Text("글"))),
        replace(base, facts={"price": 2, "color": "빨강"}),
    ]
    hashes = [o.hash for o in flat(encode.encode([base, *same, *other], Toy())) if isinstance(o, Encoded)]
    assert len(set(hashes[:4])) == 1 and len(set(hashes)) == 5


def test_known_items_are_not_encoded_again() -> None:
    toy = Toy()
    asked: list[tuple[str, str]] = []

    def known(pairs: Sequence[tuple[str, str]]) -> set[str]:
        asked.extend(pairs)
        return {i for i, _ in pairs if int(i) % 2}

    found = flat(encode.encode(texts(10), toy, known))
    assert [isinstance(o, Unchanged) for o in found] == [False, True] * 5
    assert toy.encoded == 5 and [i for i, _ in asked] == [str(i) for i in range(10)]


def test_only_pictures_without_a_place_of_their_own_are_kept(tmp_path: Path) -> None:
    draw().save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    three = Item("1", (Image(tmp_path / "a.png"), Image(data), Image(draw())))
    (row,) = flat(encode.encode([three], Toy()))
    assert isinstance(row, Encoded)
    assert row.pictures[:2] == (None, data) and row.pictures[2] is not None and row.pictures[2].startswith(b"\x89PNG")


def test_reading_runs_ahead_of_the_encoder() -> None:
    begun = threading.Event()

    def source() -> Iterator[Item]:
        yield from texts(CHUNK)
        begun.set()
        yield from texts(CHUNK)

    first = next(encode.encode(source(), Toy()))
    assert len(first) == CHUNK and begun.is_set()


def test_an_error_of_the_source_comes_through() -> None:
    def source() -> Iterator[Item]:
        yield from texts(2)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        flat(encode.encode(source(), Toy()))


@final
class Allergic:
    """The toy encoder, but whatever holds a picture of just one width or a certain word is too much for it."""

    def __init__(self, error: BaseException, everything: bool = False) -> None:
        self._toy, self._error, self._everything, self.calls = Toy(), error, everything, 0
        self.name, self.fingerprint, self.dims, self.kinds, self.side = "allergic", "allergic", (64,), ("text", "image"), 16
        self.calibration = UNCALIBRATED

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        return self.encode_document(contents)

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        self.calls += 1
        for it in map(item, contents):
            if self._everything or "땅콩" in (it.text or "") or any(p.load().width == 13 for p in it.images):
                raise self._error
        return self._toy.encode_document(contents)


def mixed(tmp_path: Path) -> list[Item | Problem]:
    """Sixty-six items, of which the texts 7 and 40 and the picture "pic" are too much for the encoder."""
    draw(size=(13, 16)).save(tmp_path / "pic.png")
    given: list[Item | Problem] = [item({"id": str(n), "text": "땅콩" if n in (7, 40) else f"글 {n}"}) for n in range(64)]
    return [*given, Item("pic", (Image(tmp_path / "pic.png"),)), Item("bytes", (Image(encoded(draw(size=(13, 16)))),))]


@pytest.mark.parametrize("error", [RuntimeError("too\nmuch"), MemoryError(), PictureError("x: too much"), StorageError("too much")])
def test_what_the_encoder_cannot_take_is_a_problem_of_that_item_alone(error: Exception, tmp_path: Path) -> None:
    encoder = Allergic(error)
    found = flat(encode.encode(mixed(tmp_path), encoder))
    problems = {o.id: o for o in found if isinstance(o, Problem)}
    assert list(problems) == ["7", "40", "pic", "bytes"] and len(found) == 66
    assert problems["pic"].where == str(tmp_path / "pic.png") and problems["bytes"].where == "bytes"
    assert all(p.reason and "\n" not in p.reason for p in problems.values())
    assert encoder.calls < 2 * 66
    seven = found[8]
    assert isinstance(seven, Encoded) and seven.vectors["text"] == pytest.approx(Toy().encode_document(["글 8"]).dense[0], abs=1e-6)


def test_a_batch_of_nothing_but_bad_items_is_all_problems() -> None:
    found = flat(encode.encode([item({"id": str(n), "text": "땅콩"}) for n in range(5)], Allergic(RuntimeError("too much"))))
    assert [o.reason for o in found if isinstance(o, Problem)] == ["cannot be encoded (RuntimeError: too much)"] * 5


def test_an_encoder_that_takes_nothing_at_all_ends_the_run_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(HannunError, match=r"^allergic: encodes nothing, not even a plain word or picture \(RuntimeError: gone\)") as e:
        flat(encode.encode(mixed(tmp_path), Allergic(RuntimeError("gone"), everything=True)))
    assert "\n" not in str(e.value)
    with pytest.raises(StorageError, match=r"^the model's file is damaged$"):
        flat(encode.encode(mixed(tmp_path), Allergic(StorageError("the model's file is damaged"), everything=True)))


def test_an_interrupt_is_no_problem_of_an_item(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        flat(encode.encode(mixed(tmp_path), Allergic(KeyboardInterrupt())))


def test_vectors_that_are_no_numbers_are_a_problem_of_their_item() -> None:
    class Holes:
        name, fingerprint, dims, kinds, side, calibration = "holes", "holes", (64,), ("text", "image"), 16, UNCALIBRATED

        def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
            made = Toy().encode_document(contents).dense.copy()
            made[[i for i, c in enumerate(contents) if "땅콩" in str(c)]] = np.nan
            return Embeddings(made)

        encode_query = encode_document

    found = flat(encode.encode([item("글"), item("땅콩")], Holes()))
    assert isinstance(found[0], Encoded) and isinstance(found[1], Problem) and "NaN" in found[1].reason


def test_embed_leaves_out_what_cannot_be_encoded(tmp_path: Path) -> None:
    problems: list[Problem] = []
    given = [it for it in mixed(tmp_path) if isinstance(it, Item)]
    made, kept = encode.embed(given, Allergic(RuntimeError("too much")), "document", problems, lambda n: None)
    assert len(made) == len(kept) == 62 and [p.id for p in problems] == ["7", "40", "pic", "bytes"]
    assert made.dense[-1] == pytest.approx(Toy().encode_document(["글 63"]).dense[0], abs=1e-6)


def test_embed_gives_one_row_for_each_readable_item() -> None:
    problems: list[Problem] = []
    done: list[int] = []
    given = [*texts(40), Item("bad", (Image(b"x"),)), Item("none", ()), item({"id": "both", "text": "a", "image": draw()})]
    made, kept = encode.embed(given, Toy(), "document", problems, done.append)
    assert [it.id for it in kept] == [*map(str, range(40)), "both"] and len(made) == 41
    assert [p.id for p in problems] == ["bad", "none"] and sum(done) == 43
    assert made.dense[3] == pytest.approx(Toy().encode_document(["글 3"]).dense[0], abs=1e-6)
    assert np.linalg.norm(made.dense, axis=1) == pytest.approx(np.ones(41), abs=1e-5)
    empty, none = encode.embed([], Toy(), "query", problems, done.append)
    assert empty.dense.shape == (0, 64) and none == []
