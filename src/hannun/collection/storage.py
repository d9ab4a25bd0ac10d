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
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, final

import filelock

from hannun import checksums
from hannun.collection.settings import FORMAT, Settings
from hannun.errors import CollectionBusy, DependencyError, InputError, MissingError, StorageError
from hannun.files import write_whole
from hannun.index.edge import Edge
from hannun.index.engine import Engine, Layout

if TYPE_CHECKING:
    from hannun.index.cluster import Cluster

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_OWN = "pictures/"


class Storage(Protocol):
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
    def stores_files(self) -> bool:
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

    def store_picture(self, data: bytes) -> str:
        """Put a picture's bytes into the picture store and return their place below `root`; equal bytes are kept once."""
        ...

    def drop_pictures(self, places: Iterable[str]) -> None:
        """Remove pictures that nobody uses any more."""
        ...

    def close(self) -> None:
        """Let others open it."""
        ...


@final
class FolderStorage:
    """A collection's folder on this machine; made where there is none, and owned until `close`."""

    stores_files = True

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
            _raise_if_vanished(self.folder)
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

    def store_picture(self, data: bytes) -> str:
        """Write the bytes below pictures/, once."""
        name = hashlib.blake2b(data, digest_size=16).hexdigest()
        place = f"{_OWN}{name[:2]}/{name}"  # relative, so that the folder may be moved
        target = self.folder / place
        if not target.exists():
            self._require_writing()
            write_whole(target, data)
        return place

    def drop_pictures(self, places: Iterable[str]) -> None:
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


def connect(address: str, layout: Layout | None = None) -> Cluster:
    """See `hannun.index.cluster.connect`. Raises DependencyError where `qdrant-client` is missing."""
    try:
        from hannun.index.cluster import connect
    except ImportError:
        raise DependencyError("a Qdrant cluster needs the package qdrant-client; `pip install -c constraints.txt '.[cluster]'`") from None
    return connect(address, layout)


@final
class ServerStorage:
    """A collection of a Qdrant server or cluster, with its settings in the server's metadata. Several processes may have it open."""

    stores_files = False

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

    def store_picture(self, data: bytes) -> str:
        """Raises InputError: a server keeps no files."""
        raise InputError(
            f"{self.name}: a picture came as {len(data):,} bytes, but a Qdrant server keeps no files; save it where all can read it, "
            "and give its path"
        )

    def drop_pictures(self, places: Iterable[str]) -> None:
        """It keeps none."""

    def close(self) -> None:
        """The engine has let its connection go."""


def own_pictures(payload: Mapping[str, Any]) -> set[str]:
    """The places of those of an item's pictures that the collection itself keeps."""
    return {p for p in payload.get("images") or () if isinstance(p, str) and p.startswith(_OWN)}


def require_collection(folder: Path) -> None:
    """Raises MissingError where no collection is."""
    if not (folder / "hannun.json").exists():
        _raise_if_vanished(folder)
        raise MissingError(f"{folder}: no collection there; make one with `hannun index PATH --to {folder}`")


def _raise_if_vanished(folder: Path) -> None:
    if any(folder.glob("shard-*/current")):
        raise StorageError(f"{folder / 'hannun.json'}: has vanished; restore it from a backup, or index again into a new collection")


def write_settings(folder: Path, settings: Settings) -> None:
    """Write a folder's hannun.json."""
    write_whole(folder / "hannun.json", checksums.signed(settings.to_json()))


def storage_at(path: str | Path, create: bool = True) -> Storage:
    """The storage at a folder's path or a cluster's address, made where there is none unless `create` is false.

    Raises MissingError where there is none; InputError for another kind of address, or a folder with other things in it.
    """
    address = str(path)
    if address.startswith(("qdrant://", "qdrants://")):
        server = ServerStorage(address)
        if not create and server.read() is None:
            raise MissingError(f"{address}: no collection of Hannun there; copy one with `hannun copy COLLECTION {address}`")
        return server
    if "://" in address:
        raise InputError(f"{address}: is no address of a collection, expected a folder, qdrant://host:6333/name or http://host:port")
    if not create:
        require_collection(Path(path))
    return FolderStorage(Path(path))
