"""Assembled documents: grades follow from captions, and the same seed gives the same documents."""

from __future__ import annotations

import PIL.Image

from hannun.datasets.documents import assembled, content, degraded
from hannun.datasets.pictures import Picture
from hannun.item import Image
from hannun.search.thumbnail import sharpness
from tests.conftest import draw

CAPTIONS = {
    "dog": ["a brown dog runs in the snow", "a dog plays outside"],
    "dog2": ["a brown dog jumps over the snow", "dogs"],
    "car": ["red car on a street", "a vehicle"],
    "boat": ["a boat at sea", "a ship"],
    "train": ["a train in a station", "railway"],
}


def photo(name: str, seed: int) -> Picture:
    return Picture(name, "flickr8k", "test", Image(draw(size=(90, 90), seed=seed)), {"captions": CAPTIONS[name]})


PHOTOS = [photo(n, i) for i, n in enumerate(CAPTIONS)]
LOW = [Picture(f"r{i}", "receipts", "all", Image(draw(size=(60, 90), seed=50 + i))) for i in range(3)]


def test_grades_are_by_construction() -> None:
    made = assembled(PHOTOS, PHOTOS, LOW, 0, "captions")
    assert [d.query for d in made] == [c[0] for c in CAPTIONS.values()]
    dog = made[0]
    grades = {p.key: p.grade for p in dog.pictures}
    assert grades["dog2"] == 3 and grades.get("dog", 5) == 5 and grades.get("dog#copy", 4) == 4  # brown, dog and snow are shared
    assert all(grades[p.key] == 2 for p in dog.pictures if p.key in ("car", "boat", "train"))
    assert all(grades[p.key] == 1 for p in dog.pictures if p.key.startswith("r"))
    assert all(1 <= sum(p.grade == 1 for p in d.pictures) <= 2 for d in made)


def test_the_same_seed_gives_the_same_documents() -> None:
    first, again, other = (assembled(PHOTOS, PHOTOS, LOW, seed, "captions") for seed in (0, 0, 1))
    keys = [[p.key for p in d.pictures] for d in first]
    assert keys == [[p.key for p in d.pictures] for d in again] and keys != [[p.key for p in d.pictures] for d in other]


def test_words_by_a_picture_are_never_the_query() -> None:
    for d in assembled(PHOTOS * 1, PHOTOS, LOW, 0, "captions"):
        assert all(p.words != d.query for p in d.pictures)


def test_a_degraded_copy_is_worse_and_of_the_same_size() -> None:
    picture = PHOTOS[0].image
    copy = degraded(picture, "x")
    assert copy.size() == picture.size() and copy.read() == degraded(picture, "x").read()
    assert sharpness(copy.load()) < 0.5 * sharpness(picture.load()) and isinstance(copy.load(), PIL.Image.Image)


def test_what_a_caption_says_is_there() -> None:
    assert content("A brown dog runs in the snow") == {"brown", "dog", "run", "snow"} and content("Dogs!") == {"dog"}
