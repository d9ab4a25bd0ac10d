"""A text goes in; its place in a fixed order or split comes out, from a hash of the text alone: the same on every machine."""

from __future__ import annotations

import hashlib


def share(text: str) -> int:
    """0 … 99 by the text alone: how sets without splits are split."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 100


def blake(text: str) -> str:
    """A digest to order by: the same on every machine, and unlike any order of the data's own."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def part(text: str, test: int, dev: int = 10) -> str:
    """ "test", "dev" or "train" by the text alone: of 100 shares, `test` are for measuring and `dev` more for choosing settings."""
    at = share(text)
    return "test" if at < test else "dev" if at < test + dev else "train"
