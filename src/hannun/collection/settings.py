"""An encoder goes in, the settings of a collection that it makes come out; they are kept with the collection as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from hannun.encoder import JOINT, Calibration, Encoder, token_dim
from hannun.errors import EncoderMismatch, InputError, StorageError
from hannun.index.engine import Layout
from hannun.index.lexical import ANALYSIS
from hannun.item import Image, Text
from hannun.sources import Roots

FORMAT = 2  # 1: without words, picture hashes and single pictures; opening one brings it up to date
CONDITIONS = 2
_FORMER = (Text.kind, Image.kind)  # the kinds of a settings file that says only that there are some ("parts": true)

Quantise = Literal["none", "int8", "binary"]


@dataclass(frozen=True)
class Settings:
    """What a collection's vectors were made by, and what is kept of each item.

    Attributes:
        encoder, fingerprint, dims, kinds, calibration: the encoder's.
        shard: which of the engine's stores is in force.
        words: whether the words of texts are kept for ranking by words.
        dictionary: words that are kept whole, see `hannun.index.lexical`.
        tokens: the length of token vectors, 0 where none are kept.
        quantise, prefix: see `hannun.index.engine.Layout`.
        albums: whether an item with several pictures was ever added.
        conditions: what is kept beside the facts for conditions on them: 1 the words of plain facts; 2 those in dicts, dates and
            times too.
        roots: the folders that were indexed, by the names that they have in ids; see `hannun.sources.roots`. Not for those outside.
        analysis: which revision of the analysis of words its terms were made by, see `hannun.index.lexical.ANALYSIS`.
        format: of the file it was read from.
        synonyms: lines of words that are searched as the same, see `hannun.search.synonyms`.
        careful: whether each picture is encoded by three looks, see `hannun.encode.looks`.
    """

    encoder: str
    fingerprint: str
    dims: tuple[int, ...]
    kinds: tuple[str, ...]
    calibration: Calibration
    shard: str = "shard-1"
    words: bool = True
    dictionary: tuple[str, ...] = ()
    tokens: int = 0
    quantise: Quantise = "none"
    prefix: int = 0
    albums: bool = False
    conditions: int = CONDITIONS
    analysis: int = ANALYSIS
    roots: Roots = field(default_factory=dict)
    format: int = FORMAT
    synonyms: tuple[str, ...] = ()
    careful: bool = False

    @staticmethod
    def of(encoder: Encoder) -> Settings:
        """The settings that an encoder's vectors have."""
        tokens = token_dim(encoder)
        return Settings(encoder.name, encoder.fingerprint, encoder.dims, encoder.kinds, encoder.calibration, tokens=tokens)

    @staticmethod
    def begun_by(
        encoder: Encoder,
        words: bool | None,
        dictionary: tuple[str, ...] | None,
        quantise: Quantise | None,
        prefix: int | None,
        careful: bool | None = None,
    ) -> Settings:
        """The settings of a new collection; None leaves one to the default. Raises InputError for a value that there is not."""
        if quantise not in (None, "none", "int8", "binary"):
            raise InputError(f"quantise={quantise!r} came, expected 'none', 'int8' or 'binary'")
        if prefix and prefix not in encoder.dims[1:]:
            raise InputError(f"prefix={prefix} came, expected one of the encoder's shorter dims {encoder.dims[1:]}, or 0")
        if careful and Image.kind not in encoder.kinds:
            raise InputError(f"careful=True came, but the encoder {encoder.name!r} gives pictures no vectors of their own; leave it out")
        made = replace(Settings.of(encoder), careful=bool(careful))
        return replace(made, words=words is not False, dictionary=dictionary or (), quantise=quantise or "none", prefix=prefix or 0)

    def require(
        self,
        name: str,
        *,
        words: bool | None,
        dictionary: tuple[str, ...] | None,
        quantise: Quantise | None,
        prefix: int | None,
        careful: bool | None,
    ) -> None:
        """Raises InputError where the collection `name` was made otherwise than is asked for; None asks for nothing."""
        asked = {"words": words, "dictionary": dictionary, "quantise": quantise, "prefix": prefix, "careful": careful}
        for setting, wanted in asked.items():
            if wanted is not None and wanted != getattr(self, setting):
                raise InputError(
                    f"{name}: was made with {setting}={getattr(self, setting)!r}, but {wanted!r} came; leave it out, "
                    "or copy the collection into a new one that has it"
                )

    def require_encoder(self, name: str, encoder: Encoder) -> None:
        """Raises EncoderMismatch where another encoder made the collection `name`."""
        if encoder.fingerprint != self.fingerprint:
            raise EncoderMismatch(
                f"{name}: was made by encoder {self.encoder!r} ({self.fingerprint}), but {encoder.name!r} ({encoder.fingerprint}) came; "
                f"run `hannun reindex {name} --model {encoder.name}` to encode it anew"
            )

    def require_words(self, name: str, share: float | Literal["auto"]) -> None:
        """Raises InputError where a share of the words is asked of the collection `name`, and it has none."""
        if share not in ("auto", 0) and not self.words:
            raise InputError(f"words={share} came, but {name} was made without words; leave it out, or copy it into a new one with them")

    def made_by(self, encoder: Encoder, shard: str) -> Settings:
        """The same collection's settings with another encoder."""
        new = Settings.of(encoder)
        prefix = self.prefix if self.prefix in new.dims else 0
        return replace(
            new,
            shard=shard,
            words=self.words,
            dictionary=self.dictionary,
            quantise=self.quantise,
            prefix=prefix,
            albums=self.albums,
            roots=self.roots,
            synonyms=self.synonyms,
            careful=self.careful and Image.kind in new.kinds,
        )

    @property
    def older_words(self) -> bool:
        """Whether the words that are kept are of an earlier analysis than this Hannun's."""
        return self.words and self.analysis < ANALYSIS

    def advice(self, name: str) -> str:
        """What would better the collection of that name, in one line; empty where nothing would."""
        if not self.older_words:
            return ""
        return (
            f"{name}: its words are of analysis {self.analysis}, this Hannun's is {ANALYSIS}; `hannun reindex {name}` finds more of them "
            "(measures, amounts, Hanja, parts of compounds, nouns in titles), and encodes nothing"
        )

    @property
    def layout(self) -> Layout:
        """What the store keeps of each item."""
        return Layout(self.kinds or (JOINT,), self.dims, self.tokens, self.quantise, self.prefix)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the collection's own file."""
        return {
            "format": FORMAT,
            "encoder": self.encoder,
            "fingerprint": self.fingerprint,
            "dims": list(self.dims),
            "parts": bool(self.kinds),
            "kinds": list(self.kinds),
            "calibration": self.calibration.to_json(),
            "shard": self.shard,
            "words": self.words,
            "dictionary": list(self.dictionary),
            "tokens": self.tokens,
            "quantise": self.quantise,
            "prefix": self.prefix,
            "albums": self.albums,
            "conditions": self.conditions,
            "analysis": self.analysis,
            "roots": dict(self.roots),
            **({"synonyms": list(self.synonyms)} if self.synonyms else {}),
            **({"careful": True} if self.careful else {}),
        }

    def told(self) -> dict[str, Any]:
        """The same for those outside: without where anything lies."""
        return {k: v for k, v in self.to_json().items() if k != "roots"}

    @staticmethod
    def from_json(data: Mapping[str, Any], where: str) -> Settings:
        """The inverse, for every format there was. Raises InputError for a newer format, StorageError for what is damaged."""
        try:
            form = data["format"]
            if form not in (1, FORMAT):
                raise InputError(f"{where}: has format {form}, this Hannun reads formats 1…{FORMAT}; update Hannun, or index again")
            calibration = Calibration.from_json(data["calibration"])
            kinds = tuple(data["kinds"]) if "kinds" in data else _FORMER if data["parts"] else ()
            settings = Settings(data["encoder"], data["fingerprint"], tuple(data["dims"]), kinds, calibration, data["shard"], format=form)
            if form == 1:
                return settings
            settings = replace(settings, dictionary=tuple(data.get("dictionary", ())), conditions=int(data.get("conditions", 1)))
            roots = {str(name): str(root) for name, root in data.get("roots", {}).items()}
            settings = replace(settings, analysis=int(data.get("analysis", 1)), roots=roots, synonyms=tuple(data.get("synonyms", ())))
            settings = replace(settings, careful=bool(data.get("careful", False)))
            return replace(settings, **{k: data[k] for k in ("words", "tokens", "quantise", "prefix", "albums")})
        except InputError:
            raise
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as e:
            raise StorageError(f"{where}: is damaged ({e!r}); restore it from a backup, or index again into a new collection") from None
