"""A query and its options go in; its vector, gains, terms and conditions, each made when first needed, come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import final

from hannun.encoder import JOINT, Encoder
from hannun.errors import InputError
from hannun.facts import called
from hannun.index import lexical
from hannun.index.engine import All, Among, Any_, Condition, Engine, Not, Plan, Words
from hannun.item import Item, Text
from hannun.search import fuse, synonyms
from hannun.search.background import TAIL, Background
from hannun.search.named import every, verbatim
from hannun.search.options import SHARE, Options
from hannun.search.query import Asked, Pointed, pointed
from hannun.search.relevance import Judge, relevance
from hannun.search.synonyms import Rule

FEW = 10  # items that have every word of a query are what it names, where there are no more of them than a page shows


@final
class Prepared:
    """A query as one engine is to be asked it.

    Args:
        worded: whether the engine keeps words.
        exact: compare with every point.
        only: a condition beside that of the options.
        rules: of the collection's synonyms.
    """

    def __init__(
        self,
        engine: Engine,
        encoder: Callable[[], Encoder],
        asked: Asked,
        options: Options,
        background: Background | None = None,
        dictionary: Sequence[str] = (),
        worded: bool = True,
        exact: bool = False,
        only: Condition | None = None,
        rules: Sequence[Rule] = (),
    ) -> None:
        self.engine, self.load, self.asked, self.options, self.background = engine, encoder, asked, options, background
        self.dictionary, self.worded, self.exact, self.only, self.rules = dictionary, worded, exact, only, rules

    def again(self, exact: bool = False, only: Condition | None = None) -> Prepared:
        """The same query, compared with every point, or with those alone for which a further condition holds."""
        narrower = both(self.only, only)
        given = self.engine, self.load, self.asked, self.options, self.background, self.dictionary, self.worded
        other = Prepared(*given, exact or self.exact, narrower, self.rules)
        made = ("words", "weights", "pointed", "gains", "spread", "terms", "whole", *(() if only else ("named", "holders", "avoided")))
        other.__dict__ |= {k: self.__dict__[k] for k in made if k in self.__dict__}
        return other

    def check(self) -> None:
        """Raises InputError where the options do not fit the encoder or the query."""
        o, asked = self.options, self.asked
        if o.words == 1 and not asked.words:
            raise InputError("words=1 came with a query that has no words; write some, or leave words out")
        _ = o.condition, o.behind
        if o.words == 1 and not (o.weights or o.dim or o.rerank):
            return
        encoder = self.load()
        if encoder.kinds:
            _ = o.part_weights(encoder.kinds)
        else:
            if o.weights is not None:
                raise InputError(f"weights came, but the encoder {encoder.name!r} makes one joint vector of an item; leave weights out")
            if o.mix != 0.5 and asked.own is not None and len(asked.own.kinds) > 1:
                raise InputError(f"mix came, but the encoder {encoder.name!r} reads words and picture in one sequence; leave mix out")
        if o.dim is not None and (isinstance(o.dim, bool) or o.dim not in encoder.dims):
            raise InputError(f"dim={o.dim!r} came, but {encoder.name!r} declares the dims {', '.join(map(str, encoder.dims))}")

    @cached_property
    def words(self) -> float:
        """The share of the words. Left to us: none beside a picture, whose words say how it is to differ, nor where nothing has words."""
        given = self.options.words
        if not self.asked.words:
            return 0.0  # a picture has no words to rank by
        if given != "auto":
            return given
        if self.asked.own is not None and self.asked.own.images:
            return 0.0
        texts = self.worded and (self.background is None or self.background.answers(self.asked.words))
        return SHARE if texts and self.weights.get(Text.kind, 1) > 0 else 0.0

    @cached_property
    def weights(self) -> dict[str, float]:
        """How much each part of an item counts, by every kind that the collection has vectors of."""
        return self.options.part_weights(self.engine.layout.parts)

    @cached_property
    def pointed(self) -> Pointed:
        """The query vector."""
        encoder = self.load()
        return pointed(self.engine, encoder, self.asked, self.options.mix, self.weights, self.options.dim or encoder.dims[0])

    @cached_property
    def gains(self) -> dict[str, float]:
        """What the cosine of an item is multiplied by, for every set of kinds that it may have."""
        if JOINT in self.weights:
            return dict(self.weights)
        calibration, shares = self.load().calibration, self.pointed.shares
        if self.background is None:
            return fuse.gains(calibration, shares, self.weights)
        return self.background.gains(self.pointed.vector, self.weights, fuse.edges(calibration, shares, self.weights, TAIL))

    @cached_property
    def judge(self) -> Judge | None:
        """How surely an item is related to the query; None where nobody can tell: by words alone, and of an encoder without calibration."""
        if self.words == 1 or JOINT in self.weights or not self.load().calibration.measured:
            return None
        return relevance(self.load().calibration, self.pointed.shares, self.weights)

    @cached_property
    def counting(self) -> list[str]:
        """The kinds that count."""
        return fuse.counted(self.weights, self.weights)

    @cached_property
    def several(self) -> bool:
        """Whether items of several kinds are compared: there what is the same as the query must come before what is near in its kind."""
        return len(self.counting) > 1

    @cached_property
    def alone(self) -> str | None:
        """The query's text, where it is all that is asked with, and its meaning counts among items of several kinds."""
        asked = self.asked
        return asked.words if self.several and self.words < 1 and asked.own is not None and asked.own.kinds == (Text.kind,) else None

    @cached_property
    def spread(self) -> float:
        """The deviation of scores in the collection."""
        return 0.0 if self.background is None else self.background.spread(self.pointed.vector, self.weights, self.gains)

    @cached_property
    def share(self) -> float:
        """The share of the words' chances. Consonants alone have no meaning: there the words have nearly all."""
        if self.terms.initials and not self.terms.words:
            return max(self.words, 0.99)
        return self.words if self.background is None else fuse.leaning(self.words, self.background.letters)

    @cached_property
    def where(self) -> Condition | None:
        """Which items may appear."""
        named = self.asked.named
        return both(both(self.options.condition, Not(Among("id", named)) if named else None), self.only)

    @cached_property
    def terms(self) -> lexical.Terms:
        """What is asked of the words, in every wording."""
        each = [lexical.query(w, self.dictionary) for w in synonyms.wordings(self.asked.words, self.rules)]
        words = dict.fromkeys(t for e in each for t in e.words)
        return lexical.Terms(tuple(words), tuple(dict.fromkeys(t for e in each for t in e.initials)))

    @cached_property
    def whole(self) -> Condition | None:
        """Holds for items that have every word of the query."""
        return self._every(self.asked.words)

    def _every(self, text: str) -> Condition | None:
        """Holds for items that have every word of a text, or another word for it."""
        if not self.rules:
            return every(text, self.dictionary)
        found: list[Condition] = []
        for piece in synonyms.parted(text, self.rules):
            each = [c for words in piece if (c := every(words, self.dictionary)) is not None]
            if len(each) < len(piece):
                return None
            found.append(Any_(tuple(each)) if len(each) > 1 else each[0])
        return All(tuple(found)) if len(found) > 1 else found[0] if found else None

    @cached_property
    def named(self) -> frozenset[str]:
        """The ids of the FEW items at most that the query names: they have every word of it, and all of a sentence as it stands."""
        held = self.holders or frozenset()
        if not held or not lexical.sentence(self.asked.words, self.dictionary):
            return held
        stored = self.engine.get(sorted(held), ["text", "facts"])
        return frozenset(
            i for i, p in stored.items() if verbatim(self.asked.words, str(p.get("text") or "") or called(p.get("facts") or {}))
        )

    @cached_property
    def holders(self) -> frozenset[str] | None:
        """The ids of all items that have every word of the query; None where there are more than FEW, or nothing is named."""
        whole = self.whole
        if whole is None or not 0 < self.words < 1 or (self.asked.own is not None and self.asked.own.images):
            return None
        initials = not self.terms.words
        asked = self.terms.initials if initials else self.terms.words
        found = self.engine.query(Words(tuple(asked), both(self.where, whole), FEW + 1, 0, initials, ()))
        return frozenset(str(m.payload["id"]) for m in found) if len(found) <= FEW else None

    @cached_property
    def avoided(self) -> Condition | None:
        """Holds for items that come last: whose text has every word of something that is to be avoided, or that `last` holds for."""
        texts = [w.text for w in self.asked.unlike if isinstance(w, Item) and w.text and not w.images]
        found = [c for t in texts if (c := self._every(t)) is not None] if self.worded else []
        found += [self.options.behind] if self.options.behind is not None else []
        return (Any_(tuple(found)) if len(found) > 1 else found[0]) if found else None

    def plan(self, limit: int, candidates: int, only: Condition | None) -> Plan:
        """Ranking by meaning and looks."""
        where, o = both(self.where, only), self.options
        return Plan(
            self.pointed.vector,
            self.weights,
            self.gains,
            where,
            limit,
            candidates=candidates,
            exact=self.exact,
            fields=(),
            explain=o.explain,
            same=fuse.SAME if self.several else 1.0,
        )


def both(first: Condition | None, second: Condition | None) -> Condition | None:
    """Both conditions, where they are there."""
    given = tuple(c for c in (first, second) if c is not None)
    return All(given) if len(given) > 1 else given[0] if given else None
