"""Items go in, hashes of their texts and pictures come out: what a model was trained on, kept so that a test can tell its rows from it.

A text is compared as NFC, in small letters, without white space and punctuation; a picture by its pixels at 32 × 32 in 32 steps a
colour, so that the same picture in another lossless file is the same. 8 bytes of BLAKE2b each: among a million kept hashes one of a
hundred million other contents is taken for known by chance (1e8 × 1e6 / 2^64 = 5e-6 of them in all).
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import final

import numpy as np
import numpy.typing as npt
import PIL.Image

from hannun.errors import HannunError, InputError
from hannun.files import write_whole
from hannun.item import Image, Item

FILE = "trained_on.npy"
SIDE = 32
WORDS = 3  # a text of fewer words is a name ("개", "red dress"), which many things share and no row of a test is known by

Hashes = npt.NDArray[np.uint64]


def text_hash(text: str) -> int | None:
    """The hash of a text as it is compared; None of one that holds no letter or digit, or fewer than WORDS words."""
    whole = unicodedata.normalize("NFC", text).casefold()
    bare = "".join(c for c in whole if c.isalnum())
    return _number(b"t" + bare.encode()) if bare and len(whole.split()) >= WORDS else None


def picture_hash(picture: Image) -> int | None:
    """The hash of a picture as it is compared; None of one that cannot be read, which is the business of whoever needs it."""
    try:
        loaded = picture.load(SIDE)
    except (HannunError, OSError):
        return None
    small = loaded.convert("RGB").resize((SIDE, SIDE), PIL.Image.Resampling.BOX)
    return _number(b"i" + (np.asarray(small, np.uint8) >> 3).tobytes())


def hashes(items: Iterable[Item]) -> set[int]:
    """The hashes of all texts and pictures of items."""
    found = {h for it in items for h in (*((text_hash(it.text),) if it.text else ()), *(picture_hash(p) for p in it.images))}
    return {h for h in found if h is not None}


def _number(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")


@final
class Seen:
    """A sorted set of hashes."""

    def __init__(self, values: Iterable[int] | Hashes = ()) -> None:
        self.values: Hashes = np.unique(np.fromiter(values, np.uint64) if not isinstance(values, np.ndarray) else values)

    def __len__(self) -> int:
        return len(self.values)

    def __or__(self, other: Seen) -> Seen:
        return Seen(np.concatenate([self.values, other.values]))

    def holds(self, value: int | None) -> bool:
        """Whether a hash is among them; None never is."""
        if value is None or not len(self.values):
            return False
        at = int(np.searchsorted(self.values, np.uint64(value)))
        return at < len(self.values) and int(self.values[at]) == value

    def knows(self, it: Item) -> bool:
        """Whether a text or a picture of the item is among them."""
        return bool(self.values.size) and any(self.holds(h) for h in hashes([it]))

    def bytes(self) -> bytes:
        """As a .npy file."""
        out = io.BytesIO()
        np.save(out, self.values, allow_pickle=False)
        return out.getvalue()

    def save(self, folder: Path) -> None:
        """`folder`/trained_on.npy, whole or not at all."""
        write_whole(folder / FILE, self.bytes())

    @staticmethod
    def of(folder: Path) -> Seen | None:
        """What a model's folder says it was trained on; None where it does not say. Raises InputError for a damaged file."""
        path = folder / FILE
        if not path.is_file():
            return None
        try:
            return Seen(np.load(path, allow_pickle=False).astype(np.uint64))
        except (ValueError, OSError, EOFError):
            raise InputError(
                f"{path}: is no list of hashes, so what was trained on is unknown; put the model's own file there again"
            ) from None
