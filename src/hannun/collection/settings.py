"""An encoder goes in, the settings of a collection that it makes come out; they are kept with the collection as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from hannun.encoder import Calibration, Encoder
from hannun.errors import InputError, StorageError
from hannun.index.engine import Layout

FORMAT = 2  # 1: without words, picture hashes and single pictures; opening one brings it up to date
CONDITIONS = 2

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
