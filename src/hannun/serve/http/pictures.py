"""Items with pictures go in, signed links and small JPEGs come out: a store of the service's own that survives moved files.

    KEY.jpg    one rendition; its modification time is the original's, so that a changed original is noticed

What is shown is always drawn anew from decoded pixels: no metadata (places, serial numbers) and no foreign bytes reach a browser.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, final

import PIL.Image

from hannun.errors import HannunError, MissingError
from hannun.files import write_cached
from hannun.item import Image, Item, Member
from hannun.serve.http.keys import Signer

SIDES = (160, 320, 640, 1600)  # pixels of the longer side
THUMBNAIL, VIEW = 320, 1600
_STRETCH = 0.02  # seconds that `keep` works before it rests


class Rendition(NamedTuple):
    """A JPEG and the tag that changes whenever it does."""

    data: bytes
    tag: str


@final
class Pictures:
    """Draws and keeps renditions of items' pictures in `folder`."""

    def __init__(self, folder: Path, signer: Signer, get: Callable[[str], Item]) -> None:
        self._folder, self._signer, self._get = folder, signer, get
        self._drawing = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))  # a decoded picture may take hundreds of megabytes
        self._stop = threading.Event()

    def links(self, it: Item) -> list[dict[str, str]]:
        """Where each picture of an item, and its thumbnail, can be seen."""
        found = []
        for n, picture in enumerate(it.images):
            token = self._signer.sign(f"{_version(picture)}:{n}:{it.id}")
            found.append({"picture": f"/v1/pictures/{token}", "thumbnail": f"/v1/thumbnails/{token}"})
        return found

    def whole(self, token: str) -> Rendition:
        """The picture that a link names in its own size, which is not kept; where its file is gone, the largest that is kept."""
        version, number, id = self._signer.read(token).split(":", 2)
        with contextlib.suppress(MissingError, IndexError):
            picture = self._get(id).images[int(number)]
            if _version(picture) == version:
                with self._drawing:
                    out = io.BytesIO()
                    picture.load().save(out, "JPEG", quality=92)
                return Rendition(out.getvalue(), hashlib.blake2b(out.getvalue(), digest_size=12).hexdigest())
        return self._rendition(id, int(number), version, SIDES[-1])

    def draw(self, token: str, side: int) -> Rendition:
        """The picture that a link names, at most about `side` pixels wide or high. Raises MissingError where it is gone for good."""
        version, number, id = self._signer.read(token).split(":", 2)
        size = next((s for s in SIDES if s >= side), SIDES[-1])
        return self._rendition(id, int(number), version, size)

    def keep(self, items: Iterable[Item], inside: Path) -> tuple[int, int]:
        """Draw the missing thumbnails of pictures that lie outside the folder `inside`, and drop renditions that no item has any more.

        Returns how many were drawn and how many dropped. Works a tenth of the time, so that searches hardly notice. Ends early after
        `close`.
        """
        drawn, begun = 0, time.monotonic()
        before, wanted = list(self._files()), set[str]()  # what is drawn meanwhile is somebody's
        for it in items:
            for n, picture in enumerate(it.images):
                if self._stop.is_set():
                    return drawn, 0
                version = _version(picture)
                wanted |= {_name(it.id, n, version, s) for s in SIDES}
                outside = isinstance(picture.source, Member) or (isinstance(picture.source, Path) and inside not in picture.source.parents)
                if outside and not self._fresh(_name(it.id, n, version, THUMBNAIL), picture):
                    with contextlib.suppress(HannunError):  # gone or damaged since it was indexed: nothing to keep
                        self._draw(picture, _name(it.id, n, version, THUMBNAIL), THUMBNAIL)
                        drawn += 1
            if (worked := time.monotonic() - begun) > _STRETCH:
                self._stop.wait(worked * 9)
                begun = time.monotonic()
        stale = [f for f in before if f.stem not in wanted]
        for f in stale:
            f.unlink(missing_ok=True)
        return drawn, len(stale)

    def close(self) -> None:
        """End a `keep` that runs."""
        self._stop.set()

    def _rendition(self, id: str, number: int, version: str, size: int) -> Rendition:
        name = _name(id, number, version, size)
        picture = None
        with contextlib.suppress(MissingError, IndexError):
            picture = self._get(id).images[number]
            if _version(picture) != version:
                picture = None  # the item has another picture by now: the link shows what it was made for, while that is kept
        if picture is not None and not self._fresh(name, picture):
            with contextlib.suppress(MissingError):  # the file was moved: what is kept must do
                return self._draw(picture, name, size)
        for s in sorted(SIDES, key=lambda s: (s != size, -s)):
            with contextlib.suppress(OSError):
                kept = _name(id, number, version, s)
                return Rendition(self._place(kept).read_bytes(), kept[:24])
        raise MissingError("the picture is gone: its file was moved or removed before a copy was kept")

    def _fresh(self, name: str, picture: Image) -> bool:
        try:
            kept = self._place(name).stat().st_mtime_ns
        except OSError:
            return False
        made = _made(picture)
        return made is None or made == kept

    def _draw(self, picture: Image, name: str, size: int) -> Rendition:
        made = _made(picture)
        with self._drawing:
            drawn = picture.load(size)
            drawn.thumbnail((size, size), PIL.Image.Resampling.LANCZOS)
            out = io.BytesIO()
            drawn.save(out, "JPEG", quality=82, optimize=True)
        place = self._place(name)
        with contextlib.suppress(OSError):  # a full disk must not keep a picture from being shown
            write_cached(place, out.getvalue(), made)
        return Rendition(out.getvalue(), name[:24])

    def _place(self, name: str) -> Path:
        return self._folder / name[:2] / f"{name}.jpg"

    def _files(self) -> Iterator[Path]:
        return self._folder.glob("??/*.jpg")


def _version(picture: Image) -> str:
    return hashlib.blake2b(str(picture).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _name(id: str, number: int, version: str, size: int) -> str:
    return hashlib.blake2b(f"{size}:{version}:{number}:{id}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _made(picture: Image) -> int | None:
    """When the file was last changed, in nanoseconds; None where it cannot be told."""
    file = picture.source.archive if isinstance(picture.source, Member) else picture.source
    with contextlib.suppress(OSError, ValueError):
        return file.stat().st_mtime_ns if isinstance(file, Path) else None
    return None
