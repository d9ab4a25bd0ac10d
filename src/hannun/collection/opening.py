"""A path or an address goes in, the collection there comes out, whoever keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hannun.collection.local import Local
from hannun.collection.protocol import Collection
from hannun.collection.remote import Remote
from hannun.collection.settings import Quantise, Settings
from hannun.collection.storage import storage_at
from hannun.encoder import Encoder
from hannun.errors import InputError


def open(
    path: str | Path,
    encoder: Encoder | None = None,
    *,
    create: bool = True,
    words: bool | None = None,
    dictionary: Sequence[str] | None = None,
    quantise: Quantise | None = None,
    prefix: int | None = None,
    careful: bool | None = None,
) -> Collection:
    """Open the collection at `path`, or begin one there.

    Args:
        path: a folder, by custom named `something.hannun`; `qdrant://host:6333/name` for a Qdrant cluster; `http://host:port` for a
            Hannun service.
        encoder: makes the vectors; left out, the one that made the collection is loaded by name ("mini" for a new one).
        create: whether to begin a collection where there is none.
        words: of a new collection: whether to keep the words of texts for ranking by words (True where left out).
        dictionary: of a new collection: words that the analysis of Korean is to take whole, such as names of products (none where left
            out). It is kept with the collection.
        quantise: of a new collection: "int8" or "binary" vectors are searched first, and rescored by whole ones ("none" where left out).
        prefix: of a new collection: one of the encoder's dims that is searched first, and rescored by whole vectors (0: none).
        careful: of a new collection: each picture is encoded by three looks, in three times the time (False where left out).

    Raises:
        MissingError: there is none and `create` is false.
        CollectionBusy: another process has it open.
        EncoderMismatch: it was made by another encoder than the one given.
        StorageError: the disk is full, read-only, or the files are damaged.
        InputError: the folder holds something else, or the collection was made with another `words`, `dictionary`, `quantise`, `prefix` or
            `careful`.
    """
    address = str(path)
    if address.startswith(("http://", "https://")):
        if any(x is not None for x in (words, dictionary, quantise, prefix, careful)):
            raise InputError(
                f"{address}: words, dictionary, quantise, prefix or careful came with the address of a service, which has made its "
                "collection; leave them out"
            )
        return Remote(address, encoder)
    storage = storage_at(path, create)
    try:
        return Local(storage, encoder, words, dictionary, quantise, prefix, careful=careful)
    except BaseException:
        storage.close()
        raise


def read_settings(path: str | Path, *, create: bool = False) -> Settings | None:
    """What made the collection at `path` (a folder or qdrant://…), without opening it; None where `create` is to begin one there.

    Raises what `open` raises.
    """
    storage = storage_at(path, create)
    try:
        return storage.read()
    finally:
        storage.close()
