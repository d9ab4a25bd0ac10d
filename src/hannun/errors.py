"""What can go wrong, as one tree: a mistake goes in, one clear line (what came, what was expected, what to do) comes out.

Every error that Hannun raises on purpose is a `HannunError`; the command line prints its message as one line and exits
with a non-zero status. Anything else that escapes is a bug.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HannunError(Exception):
    """The root: catch this to catch every error Hannun raises on purpose."""


class InputError(HannunError, ValueError):
    """An argument, row or query is not of the expected form."""


class PictureError(InputError):
    """A picture cannot be read: truncated, not a picture, empty, or too many pixels."""


class WhereError(InputError):
    """A `where` condition does not follow the grammar."""


class MissingError(HannunError, LookupError):
    """A path, collection, model or item that was asked for is not there."""


class EncoderMismatch(HannunError):
    """A collection was made by another encoder than the one at hand."""


class CollectionBusy(HannunError):
    """Another process owns the collection."""


class StorageError(HannunError, OSError):
    """The disk is full or read-only, or the stored files are damaged."""


class DependencyError(HannunError, ImportError):
    """A part of Hannun needs a package that the base install does not have."""


def neighbours(name: str, known: Iterable[str]) -> str:
    """A phrase that lists the known names nearest to an unknown one, for the end of an error message."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    return "did you mean " + " or ".join(repr(n) for n in near) + "?" if near else "known: " + ", ".join(names)
