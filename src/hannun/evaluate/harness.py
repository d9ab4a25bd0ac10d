"""Contents go in, their vectors come out, encoded once and kept on disk: what a suite sees of the encoder, the data and the machine.

Vectors are kept by the encoder's fingerprint and the hash of the contents, in chunks whose borders do not depend on what is
there already: a run with an empty cache, a run that was killed and a run that finds everything give the same numbers.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, final

import numpy as np
import PIL.Image

from hannun.embeddings import Embeddings, concatenate
from hannun.encoder import Encoder
from hannun.errors import InputError, MissingError, StorageError
from hannun.files import write_cached
from hannun.generated import is_generated
from hannun.item import Content, Item, content_hash, item, require_content
from hannun.seen import Seen

CHUNK = 256  # contents in one cached file: what is lost at most when a run is killed
FORMAT = "1"  # raised when the way vectors are kept changes

Role = Literal["query", "document"]


def cache_folder() -> Path:
    """Where vectors and drawn pictures are kept between runs, unless told otherwise."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hannun" / "eval"


@dataclass(frozen=True)
class Overlap:
    """How much of a suite the model was trained on: rows (what is asked and what answers it) that it knows, and contents it has met.

    Contents are counted in every suite, each time that they are read; rows once, in every suite but those that say why not
    (`Suite.no_rows`).
    """

    rows: int = 0
    known: int = 0
    contents: int = 0
    met: int = 0


@final
class Harness:
    """What a suite is handed. `data` is the folder of data sets, `cache` where vectors and drawn pictures are kept."""

    def __init__(
        self,
        encoder: Encoder,
        data: Path,
        cache: Path,
        seed: int = 0,
        dim: int | None = None,
        progress: Callable[[int], None] = lambda _: None,
        trained: Seen | None = None,
        keep_trained: bool = False,
    ) -> None:
        """`dim` cuts every vector to one of the encoder's dims; `progress` is told how many more contents are encoded.

        `trained` is what the model was trained on, where that is known; its rows are left out unless `keep_trained`.
        """
        if dim is not None and dim not in encoder.dims:
            raise InputError(f"dim={dim} came, but {encoder.name!r} declares the dims {', '.join(map(str, encoder.dims))}")
        self.encoder, self.data, self.cache, self.seed, self.dim = encoder, data, cache, seed, dim
        self.trained, self.keep_trained = trained, keep_trained
        self.overlap = Overlap()
        self._rows, self._known_rows = Counter[str](), Counter[str]()
        self._known: dict[str, bool] = {}
        self.notes: list[str] = []  # what a suite left out, and why
        self.used: dict[str, str] = {}  # the data read so far, by name, with its hash
        self.encoded = 0  # contents that were not in the cache
        self._progress = progress
        self._files: dict[Path, str] = {}
        self._sees: bool | None = None
        self._one_look: bool | None = None

    def begin(self) -> None:
        """Forget what the suite before has used; its vectors stay."""
        self.notes, self.used, self.overlap = [], {}, Overlap()
        self._rows, self._known_rows = Counter[str](), Counter[str]()

    def queries(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Vectors of what is asked, unit rows [n, dim], in order."""
        return self._vectors(contents, "query", instruction)

    def unseen(self, rows: Sequence[Sequence[Content]]) -> list[int]:
        """The numbers of the rows that the model was not trained on; all of them with `keep_trained`, or where that is not known.

        Rows with a generated picture are left out always: they are no test of anything. A row is what is asked and what answers it; it is
        known where the model saw either. A suite that asks for the same rows again counts them once. Raises InputError where none is left.
        """
        parts = [[item(c, id="-") for c in row] for row in rows]
        drawn = {n for n, row in enumerate(parts) if any(map(is_generated, row))}
        if drawn:
            self.notes.append(f"{len(drawn):,} of {len(rows):,} rows have a generated picture, and are left out")
            if len(drawn) == len(rows):
                raise InputError(f"all {len(rows):,} rows have a generated picture, so nothing is measured; measure on real ones")
        if self.trained is None:
            return [n for n in range(len(rows)) if n not in drawn]
        names = ["\n".join(content_hash(it.parts) for it in row) for row in parts]
        known = [n for n, row in enumerate(parts) if any(self._trained_on(it) for it in row)]
        left = drawn if self.keep_trained else {*known, *drawn}
        self._rows |= Counter(names)
        self._known_rows |= Counter(names[n] for n in known)
        self.overlap = replace(self.overlap, rows=self._rows.total(), known=self._known_rows.total())
        if rows and len(left) == len(rows):
            raise InputError(
                f"the model was trained on all {len(rows):,} rows, so nothing is measured; --keep-trained shows what it knows by heart"
            )
        return [n for n in range(len(rows)) if n not in left]

    def _trained_on(self, it: Item) -> bool:
        if self.trained is None:
            return False
        key = content_hash(it.parts)
        if key not in self._known:
            self._known[key] = self.trained.knows(it)
        return self._known[key]

    @property
    def one_look(self) -> bool:
        """Whether a picture has one vector, asked or searched: then a gallery need not be looked at twice."""
        if self._one_look is None:
            noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
            picture = PIL.Image.fromarray(noise)
            asked, searched = (f([picture]).dense for f in (self.encoder.encode_query, self.encoder.encode_document))
            self._one_look = bool(np.array_equal(asked, searched))
        return self._one_look

    def documents(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Vectors of what is searched, unit rows [n, dim], in order."""
        return self._vectors(contents, "document", instruction)

    @property
    def sees(self) -> bool:
        """Whether the encoder takes pictures: found out by showing it one."""
        if self._sees is None:
            try:
                self.encoder.encode_document([PIL.Image.new("RGB", (64, 64), (120, 120, 120))])
                self._sees = True
            except InputError:
                self._sees = False
        return self._sees

    def file(self, relative: str) -> Path:
        """A file of the data folder, its hash noted for the report. Raises MissingError where it is not there."""
        path = self.data / relative
        if not path.is_file():
            raise MissingError(f"{path}: no such file; see docs/data.md for where to get it, or give another folder with --data")
        if path not in self._files:
            with path.open("rb") as f:
                self._files[path] = hashlib.file_digest(f, "sha256").hexdigest()
        self.used[relative] = self._files[path]
        return path

    def files(self, pattern: str) -> list[Path]:
        """The files of the data folder that fit a pattern, by name. Raises MissingError where there are none."""
        found = sorted(p for p in self.data.glob(pattern) if p.is_file())
        if not found:
            raise MissingError(f"{self.data / pattern}: no such files; see docs/data.md for where to get them, or give --data")
        return [self.file(p.relative_to(self.data).as_posix()) for p in found]

    def place(self, name: str) -> Path:
        """A folder in the cache for pictures that a suite draws."""
        folder = self.cache / "drawn" / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as e:
            raise StorageError(f"{folder}: cannot be made ({e.strerror or e}); give another folder with --cache") from None
        return folder

    def _vectors(self, contents: Sequence[Content], role: Role, instruction: str | None) -> Embeddings:
        items = [require_content(item(c, id="-")) for c in contents]
        asked = role
        if role == "query" and instruction is None and items and not any(it.text for it in items) and self.one_look:
            role = "document"
        hashes = [content_hash(it.parts) for it in items]
        said = f"{role}:{instruction or ''}"
        if self.trained is not None:
            met = sum(self._trained_on(it) for it in items)
            self.overlap = replace(self.overlap, contents=self.overlap.contents + len(items), met=self.overlap.met + met)
        whole = hashlib.blake2b(("\n".join(hashes)).encode(), digest_size=16).hexdigest()
        self.used[f"contents {len(self.used):02} ({len(items)}, {asked})"] = whole
        pieces: list[Embeddings] = []
        for start in range(0, len(items), CHUNK):
            key = "\n".join([FORMAT, self.encoder.fingerprint, said, *hashes[start : start + CHUNK]])
            digest = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
            target = self.cache / "vectors" / digest[:2] / f"{digest}.npz"
            pieces.append(self._kept(target) or self._made(target, items[start : start + CHUNK], role, instruction))
            self._progress(len(pieces[-1]))
        made = concatenate(pieces, self.encoder.dims[0])
        return made if self.dim is None else made.truncate(self.dim)

    def _kept(self, target: Path) -> Embeddings | None:
        if not target.exists():
            return None
        try:
            return Embeddings.load(target)
        except InputError:  # half a file from a full disk: made again
            return None

    def _made(self, target: Path, contents: Sequence[Content], role: Role, instruction: str | None) -> Embeddings:
        encode = self.encoder.encode_query if role == "query" else self.encoder.encode_document
        made = encode(contents, instruction=instruction)
        if len(made) != len(contents) or not all(np.isfinite(x).all() for x in (made.dense, *(made.tokens or ()))):
            raise InputError(
                f"{self.encoder.name}: gave {len(made)} vectors for {len(contents)} contents, or some that are not finite; it is broken"
            )
        self.encoded += len(contents)
        data = io.BytesIO()
        made.write(data)
        try:
            write_cached(target, data.getvalue())
        except OSError as e:
            raise StorageError(
                f"{target}: cannot be written ({e.strerror or e}); free some space or give another folder with --cache"
            ) from None
        return made
