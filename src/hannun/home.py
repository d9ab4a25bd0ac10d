"""Where a collection lives: its settings, its pictures and its engine go in and come out of one folder, owned by one process.

hannun.json   what made the vectors: encoder, fingerprint, dims, calibration, and which shard is in force
shard-N/      the vector engine's files, the only place where items are kept
pictures/     pictures that were handed over as bytes, by content hash
lock, owner   one process at a time owns a collection; where the folder cannot be written, several may read it together
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NoReturn, Protocol, final

import filelock

from hannun import checksums
from hannun.encoder import Calibration, Encoder
from hannun.errors import CollectionBusy, InputError, MissingError, StorageError
from hannun.files import write_whole
from hannun.index.cluster import connect
from hannun.index.edge import Edge
from hannun.index.engine import Engine, Layout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FORMAT = 2  # 1: without words, picture hashes and single pictures; opening one brings it up to date
CONDITIONS = 2
_OWN = "pictures/"

Quantise = Literal["none", "int8", "binary"]


@dataclass(frozen=True)
class Settings:
    """What a collection's vectors were made by, and what is kept of each item.

    Attributes:
        encoder, fingerprint, dims, parts, calibration: the encoder's.
        shard: which of the engine's stores is in force.
        words: whether the words of texts are kept for ranking by words.
        dictionary: words that are kept whole, see `hannun.index.lexical`.
        tokens: the length of token vectors, 0 where none are kept.
        quantise, prefix: see `hannun.index.engine.Layout`.
        albums: whether an item with several pictures was ever added.
        conditions: what is kept beside the facts for conditions on them: 1 the words of plain facts; 2 those in dicts, dates and
            times too.
        format: of the file it was read from.
    """

    encoder: str
    fingerprint: str
    dims: tuple[int, ...]
    parts: bool
    calibration: Calibration
    shard: str = "shard-1"
    words: bool = True
    dictionary: tuple[str, ...] = ()
    tokens: int = 0
    quantise: Quantise = "none"
    prefix: int = 0
    albums: bool = False
    conditions: int = CONDITIONS
    format: int = FORMAT

    @staticmethod
    def of(encoder: Encoder) -> Settings:
        """The settings that an encoder's vectors have."""
        # Not of the Encoder protocol: most encoders give no token vectors.
        tokens = int(getattr(encoder, "token_dim", 0) or 0)
        return Settings(encoder.name, encoder.fingerprint, encoder.dims, encoder.parts, encoder.calibration, tokens=tokens)

    def made_by(self, encoder: Encoder, shard: str) -> Settings:
        """The same collection's settings with another encoder."""
        new = Settings.of(encoder)
        prefix = self.prefix if self.prefix in new.dims else 0
        return replace(
            new, shard=shard, words=self.words, dictionary=self.dictionary, quantise=self.quantise, prefix=prefix, albums=self.albums
        )

    @property
    def layout(self) -> Layout:
        """What the store keeps of each item."""
        return Layout(("text", "image") if self.parts else ("joint",), self.dims, self.tokens, self.quantise, self.prefix)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the collection's own file."""
        return {
            "format": FORMAT,
            "encoder": self.encoder,
            "fingerprint": self.fingerprint,
            "dims": list(self.dims),
            "parts": self.parts,
            "calibration": self.calibration.to_json(),
            "shard": self.shard,
            "words": self.words,
            "dictionary": list(self.dictionary),
            "tokens": self.tokens,
            "quantise": self.quantise,
            "prefix": self.prefix,
            "albums": self.albums,
            "conditions": self.conditions,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any], where: str) -> Settings:
        """The inverse, for every format there was. Raises InputError for a newer format, StorageError for what is damaged."""
        try:
            form = data["format"]
            if form not in (1, FORMAT):
                raise InputError(f"{where}: has format {form}, this Hannun reads formats 1…{FORMAT}; update Hannun, or index again")
            calibration = Calibration.from_json(data["calibration"])
            settings = Settings(
                data["encoder"], data["fingerprint"], tuple(data["dims"]), data["parts"], calibration, data["shard"], format=form
            )
            if form == 1:
                return settings
            settings = replace(settings, dictionary=tuple(data.get("dictionary", ())), conditions=int(data.get("conditions", 1)))
            return replace(settings, **{k: data[k] for k in ("words", "tokens", "quantise", "prefix", "albums")})
        except InputError:
            raise
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as e:
            raise StorageError(f"{where}: is damaged ({e!r}); restore it from a backup, or index again into a new collection") from None


class Home(Protocol):
    """Where a collection lives."""

    @property
    def name(self) -> str:
        """What a user calls it: a path or an address."""
        ...

    @property
    def root(self) -> Path:
        """The folder that stored pictures are below."""
        ...

    @property
    def keeps(self) -> bool:
        """Whether it has room for files beside its engine: for pictures' bytes, and for a second store while vectors are made anew."""
        ...

    def read(self) -> Settings | None:
        """The settings; None where nothing has been made yet."""
        ...

    def write(self, settings: Settings) -> None:
        """Put settings in force, whole or not at all."""
        ...

    def engine(self, settings: Settings) -> Engine:
        """The engine's store that the settings name, made where there is none."""
        ...

    def drop(self, shard: str) -> None:
        """Remove one of the engine's stores."""
        ...

    def keep(self, data: bytes) -> str:
        """Put a picture's bytes into the picture store and return their place below `root`; equal bytes are kept once."""
        ...

    def forget(self, places: Iterable[str]) -> None:
        """Remove pictures that nobody uses any more."""
        ...

    def close(self) -> None:
        """Let others open it."""
        ...


@final
class Folder:
    """A collection's folder on this machine; made where there is none, and owned until `close`."""

    keeps = True

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder.absolute()
        self._lock: filelock.FileLock | None = None
        self._shared: int | None = None  # the handle of a lock that readers share
        if (folder / "hannun.json").is_file() and not os.access(folder, os.W_OK):
            self._read_along()
            return
        try:
            if folder.is_file():
                raise InputError(f"{folder}: is a file, expected the folder of a collection; choose another name")
            foreign = folder.exists() and not (folder / "hannun.json").exists() and any(folder.iterdir())
            if foreign and not (folder / "lock").exists():
                raise InputError(f"{folder}: is a folder with other things in it, expected a collection; choose another name")
            folder.mkdir(parents=True, exist_ok=True)
            self._own()
        except OSError as e:
            if isinstance(e, StorageError):
                raise
            if e.errno == errno.ENOSPC and (folder / "hannun.json").is_file():  # not even room for the lock's name
                return self._read_along()
            raise StorageError(f"{folder}: cannot be opened for writing ({e.strerror or e}); free some space or make it writable") from None
        with contextlib.suppress(OSError):  # only the words of an error hang on it
            (folder / "owner").write_text(str(os.getpid()))

    def _own(self) -> None:
        lock = filelock.FileLock(self.folder / "lock", thread_local=False)  # a service closes it from another thread
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            self._busy()
        self._lock = lock

    def _read_along(self) -> None:
        """Keep writers out where they could come in, over another mount of the same folder, and leave other readers alone."""
        if fcntl is None:
            return
        with contextlib.suppress(FileNotFoundError):
            self._shared = os.open(self.folder / "lock", os.O_RDONLY)
            try:
                fcntl.flock(self._shared, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError as e:
                os.close(self._shared)
                self._shared = None
                if e.errno in (errno.EAGAIN, errno.EACCES):
                    self._busy()

    def _busy(self) -> NoReturn:
        with contextlib.suppress(OSError):
            pid = (self.folder / "owner").read_text()
            raise CollectionBusy(
                f"{self.folder}: process {pid} has this collection open, and one process at a time owns it; "
                f"wait for it or stop it, or share it with `hannun serve {self.folder}`"
            ) from None
        raise CollectionBusy(f"{self.folder}: another process has this collection open; wait for it or stop it") from None

    @property
    def name(self) -> str:
        """The folder's path as it was given."""
        return str(self.folder)

    def read(self) -> Settings | None:
        """The content of hannun.json."""
        file = self.folder / "hannun.json"
        if not file.exists():
            _vanished(self.folder)
            return None
        text = file.read_bytes()
        data = checksums.verified(text, unsigned=True)
        if data is None:
            with contextlib.suppress(json.JSONDecodeError, UnicodeError, AttributeError):
                newer = json.loads(text)
                if newer.get("format") not in (1, FORMAT, None):  # it may be signed in another way
                    return Settings.from_json(newer, str(file))
            raise StorageError(f"{file}: is damaged; restore it from a backup, or index again into a new collection")
        return Settings.from_json(data, str(file))

    def write(self, settings: Settings) -> None:
        """Write hannun.json."""
        self._require_writing()
        write_settings(self.folder, settings)

    def engine(self, settings: Settings) -> Engine:
        """A Qdrant Edge shard."""
        return Edge(self.folder / settings.shard, settings.layout)

    def drop(self, shard: str) -> None:
        """Remove a shard's files."""
        shutil.rmtree(self.folder / shard, ignore_errors=True)

    def keep(self, data: bytes) -> str:
        """Write the bytes below pictures/, once."""
        name = hashlib.blake2b(data, digest_size=16).hexdigest()
        place = f"{_OWN}{name[:2]}/{name}"  # relative, so that the folder may be moved
        target = self.folder / place
        if not target.exists():
            self._require_writing()
            write_whole(target, data)
        return place

    def forget(self, places: Iterable[str]) -> None:
        """Unlink them."""
        for place in places:
            with contextlib.suppress(OSError):  # gone, or on a disk that has become read-only: it does no harm
                (self.folder / place).unlink()

    def close(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.release()
        if self._shared is not None:
            os.close(self._shared)
            self._shared = None

    def _require_writing(self) -> None:
        if self._lock is None:
            raise StorageError(f"{self.folder}: cannot be written (read-only, or its disk is full); make it writable, or free some space")


@final
class Server:
    """A collection of a Qdrant server or cluster, with its settings in the server's metadata. Several processes may have it open."""

    keeps = False

    def __init__(self, address: str) -> None:
        self.name, self.root = address, Path.cwd()  # every stored picture has an absolute place of its own

    def read(self) -> Settings | None:
        """What the server keeps with the collection."""
        try:
            server = connect(self.name)
        except MissingError:
            return None
        try:
            data = server.read_settings()
            return None if data is None else Settings.from_json(data, self.name)
        finally:
            server.close()

    def write(self, settings: Settings) -> None:
        """Keep them there; the server's collection is made where there is none."""
        server = connect(self.name, settings.layout)
        try:
            server.write_settings(settings.to_json())
        finally:
            server.close()

    def engine(self, settings: Settings) -> Engine:
        """The server's collection."""
        return connect(self.name, settings.layout)

    def drop(self, shard: str) -> None:
        """There is only one store, which stays."""

    def keep(self, data: bytes) -> str:
        """Raises InputError: a server keeps no files."""
        raise InputError(
            f"{self.name}: a picture came as {len(data):,} bytes, but a Qdrant server keeps no files; save it where all can read it, "
            "and give its path"
        )

    def forget(self, places: Iterable[str]) -> None:
        """It keeps none."""

    def close(self) -> None:
        """The engine has let its connection go."""


def own_pictures(payload: Mapping[str, Any]) -> set[str]:
    """The places of those of an item's pictures that the collection itself keeps."""
    return {p for p in payload.get("images") or () if isinstance(p, str) and p.startswith(_OWN)}


def there(folder: Path) -> None:
    """Raises MissingError where no collection is."""
    if not (folder / "hannun.json").exists():
        _vanished(folder)
        raise MissingError(f"{folder}: no collection there; make one with `hannun index PATH --to {folder}`")


def _vanished(folder: Path) -> None:
    if any(folder.glob("shard-*/current")):
        raise StorageError(f"{folder / 'hannun.json'}: has vanished; restore it from a backup, or index again into a new collection")


def write_settings(folder: Path, settings: Settings) -> None:
    """Write a folder's hannun.json."""
    write_whole(folder / "hannun.json", checksums.signed(settings.to_json()))
