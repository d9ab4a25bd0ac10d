"""A condition written as text (or a dict of facts) goes in, an index Condition comes out: the one grammar of Python, shell and HTTP.

    condition := either ("or" either)*          either := each ("and" each)*
    each      := "not" each | "(" condition ")" | field op value | field ["not"] "in" "(" value ("," value)* ")"
               | field "is" ["not"] "null" | field ["not"] "contains" value | field ["not"] "like" 'prefix%'
    op        := = | == | != | <> | < | <= | > | >=
    field     := letters, digits, _ . - (Korean too), or `quoted in backticks` (`` for a backtick)
    value     := number | date | true | false | 'quoted' | "quoted" | one bare word

`category = 원피스 and price < 50000`, `not (color in (빨강, 분홍) or pattern = '꽃무늬')`, `date >= 2025-11-01 and tags contains 여름`,
`meta.size = M` for a fact in a dict. `!=` and `not` hold for items without the field too. Text is compared as NFC. A word is a
number only where it is written as one: 007, 3.10, 1e5, +82 and whole numbers of over 64 bits are words, codes, as in a table.
< <= > >= compare numbers, ISO dates (2025-11-01, '2025-11-01 09:30', UTC where no zone is told) and times of day (09:30). A list
contains one of its values, a text any piece of it. An `id` is always text, so `id = 1` needs no quotes.

As a dict, {"category": "신발", "price": 9900, "size": ["M", "L"], "sale": None} is `category = 신발 and price = 9900 and size in (M, L)
and sale is null`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, final

from hannun import facts, hangul
from hannun.errors import InputError, WhereError
from hannun.index.engine import All, Among, Any_, Begins, Compare, Condition, Contains, Holds, Not, Present, Scalar

EXAMPLE = "category = 원피스 and price < 50000"
Where = str | Mapping[str, Any]

_TOKEN = re.compile(
    r"""\s*(?:(?P<op><=|>=|<>|!=|==|=|<|>)|(?P<mark>[(),])|(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|`(?P<field>(?:[^`]|``)+)`
    |(?P<word>[^\s()=<>!,'"`]+))""",
    re.VERBOSE,
)
_BARE = re.compile(r"[^\s()=<>!,'\"`]+")
_NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_KEYWORDS = frozenset({"and", "or", "not", "in", "is", "null", "contains", "like"})
_OPERATORS = "= != < <= > >= in, is null, contains, like"
_MAX_DEPTH = 50


def parse_where(text: Where) -> Condition:
    """The condition. Raises WhereError, pointing at the place, when the text does not follow the grammar."""
    if isinstance(text, Mapping):
        return _equal(text)
    if not isinstance(text, str):
        raise WhereError(f'where is a {type(text).__name__}, expected a condition as text ("{EXAMPLE}") or a dict of facts')
    return _Parser(text).parse()


def _equal(wanted: Mapping[str, Any]) -> Condition:
    """All of the dict's facts: a list means any of its values, None none at all."""
    found: list[Condition] = []
    for name, value in wanted.items():
        try:
            field, plain = hangul.normalise(str(name)), facts.fact(value)
        except InputError as e:
            raise WhereError(f'where: {name!r}: {e}; for example "{EXAMPLE}"') from None
        if plain is None:
            found.append(Not(Present(field)))
        elif isinstance(plain, list) and plain and all(isinstance(v, str | int | float) for v in plain):
            found.append(Among(field, tuple(str(v) for v in plain) if field == "id" else tuple(plain)))
        elif isinstance(plain, str | int | float):
            found.append(Compare(field, "=", str(plain) if field == "id" else plain))
        else:
            raise WhereError(
                f"where: {name!r} is {value!r:.60}, expected a value, or a list of values of which one is meant; "
                f'for < <= > >=, contains and like write the condition as text: "{EXAMPLE}"'
            )
    if not found:
        raise WhereError(f'an empty condition came, expected for example "{EXAMPLE}"')
    return found[0] if len(found) == 1 else All(tuple(found))


def written(condition: Condition) -> str:
    """The text of a condition, such that `parse_where` gives it back."""
    match condition:
        case Compare(field, op, value):
            return f"{_name(field)} {op} {_literal(value)}"
        case Among(field, values):
            return f"{_name(field)} in ({', '.join(map(_literal, values))})"
        case Contains(field, value):
            return f"{_name(field)} contains {_literal(value)}"
        case Begins(field, prefix):
            escaped = re.sub(r"([\\'%])", r"\\\1", prefix)
            return f"{_name(field)} like '{escaped}%'"
        case Present(field):
            return f"{_name(field)} is not null"
        case Not(Present(field)):
            return f"{_name(field)} is null"
        case Holds(term):
            return f"words have {term}"  # made of a query, never read from a text
        case Not(inner):
            return f"not {_inner(inner)}"
        case All(conditions):
            return " and ".join(map(_inner, conditions))
        case Any_(conditions):
            return " or ".join(map(_inner, conditions))


def needed(condition: Condition, holds: bool = True) -> Iterator[str]:
    """The fields that some item must have for the condition to tell anything: those not under `not`, `!=` or `is null`."""
    match condition:
        case Not(inner):
            yield from needed(inner, not holds)
        case All(conditions) | Any_(conditions):
            for each in conditions:
                yield from needed(each, holds)
        case Holds():
            return  # words are no fact
        case _:
            if holds and condition.field != "id":
                yield condition.field


def reads(condition: Condition) -> bool:
    """Whether it asks for more of the facts than their own words and numbers: paths into dicts, dates, texts within texts."""
    match condition:
        case Not(inner):
            return reads(inner)
        case All(conditions) | Any_(conditions):
            return any(map(reads, conditions))
        case Holds():
            return False
        case Contains():
            return True
        case Compare(_, op, str()) if op != "=":
            return True
    return "." in condition.field


def _inner(condition: Condition) -> str:
    return f"({written(condition)})" if isinstance(condition, All | Any_) else written(condition)


def _name(field: str) -> str:
    plain = _BARE.fullmatch(field) and field.lower() not in _KEYWORDS
    return field if plain else f"`{field.replace('`', '``')}`"


def _literal(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(value)
    plain = _BARE.fullmatch(value) and not _NUMBER.fullmatch(value) and value.lower() not in ("true", "false")
    return value if plain else _quoted(value)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def value(text: str) -> Scalar:
    """A value as a condition would read it: a number, true or false, a 'quoted' text, or the text as it stands."""
    clean = hangul.normalise(text)
    found = _TOKEN.fullmatch(clean)
    return _scalar(found.lastgroup, found[found.lastgroup]) if found and found.lastgroup in ("quoted", "word") else clean


def _scalar(kind: str, text: str) -> Scalar:
    if kind == "quoted":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    found = facts.number(text)
    return text if found is None else found


def _measure(kind: str, text: str) -> Scalar | None:
    """What < <= > >= compare with: any number, a date or a time of day; None for anything else."""
    plain = _scalar(kind, text)
    if isinstance(plain, str):
        if facts.moment(plain) is not None or facts.clock(plain) is not None:
            return plain
        if kind == "word" and _NUMBER.fullmatch(plain):
            return int(plain) if plain.lstrip("+-").isdigit() else float(plain)
        return None
    return None if isinstance(plain, bool) else plain


@final
class _Parser:
    def __init__(self, text: str) -> None:
        self.text = hangul.normalise(text)
        self.tokens: list[tuple[str, str, int]] = []
        at = 0
        while at < len(self.text):
            found = _TOKEN.match(self.text, at)
            if found is None:
                at += self.text[at] == " "
                raise self._error(f"{self.text[at:][:20]!r} cannot be read", at)
            kind = found.lastgroup or ""
            self.tokens.append((kind, found[kind], found.start(kind)))
            at = found.end()
        self.at = 0
        self.depth = 0

    def parse(self) -> Condition:
        if not self.tokens:
            raise WhereError(f'an empty condition came, expected for example "{EXAMPLE}"')
        result = self.any()
        if self.at < len(self.tokens):
            raise self._error(f"{self.tokens[self.at][1]!r} came, expected 'and', 'or' or the end", self.tokens[self.at][2])
        return result

    def any(self) -> Condition:
        branches = [self.all()]
        while self._keyword("or"):
            branches.append(self.all())
        return branches[0] if len(branches) == 1 else Any_(tuple(branches))

    def all(self) -> Condition:
        branches = [self.each()]
        while self._keyword("and"):
            branches.append(self.each())
        return branches[0] if len(branches) == 1 else All(tuple(branches))

    def each(self) -> Condition:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise WhereError(f"a condition nested over {_MAX_DEPTH} deep came; simplify it")
        try:
            if self._keyword("not"):
                return Not(self.each())
            if self._mark("("):
                inner = self.any()
                self._expect(")")
                return inner
            return self.comparison()
        finally:
            self.depth -= 1

    def comparison(self) -> Condition:
        kind, field, at = self._next("a field name")
        if kind not in ("word", "field"):
            raise self._error(f"{field!r} came, expected a field name", at)
        field = field.replace("``", "`") if kind == "field" else field
        if self._keyword("is"):
            negated = self._keyword("not")
            if not self._keyword("null"):
                raise self._error("expected null or not null after is", self._place())
            return Present(field) if negated else Not(Present(field))
        negated = self._keyword("not")
        found = self._within(field)
        if found is not None:
            return Not(found) if negated else found
        kind, op, at = self._next(f"one of {_OPERATORS}")
        if kind != "op" or negated:
            raise self._error(f"{op!r} came after {field!r}, expected one of {_OPERATORS}", at)
        if op in ("=", "=="):
            return Compare(field, "=", self.value(field))
        if op in ("!=", "<>"):
            return Not(Compare(field, "=", self.value(field)))
        return self._ordered(field, op)

    def _within(self, field: str) -> Condition | None:
        """The rest of `in (…)`, `contains …` and `like '…%'`, where one of them comes."""
        if self._keyword("in"):
            self._expect("(")
            values = [self.value(field)]
            while self._mark(","):
                values.append(self.value(field))
            self._expect(")")
            return Among(field, tuple(values))
        if self._keyword("contains"):
            return Contains(field, self.value(field))
        if not self._keyword("like"):
            return None
        kind, text, at = self._next("'prefix%'")
        # Read piece by piece: %, and \\% for a percent sign that is meant.
        # In pieces, so that \\% is a percent sign that is meant.
        pieces = re.findall(r"\\?.", text[1:-1] if kind == "quoted" else text) if kind in ("quoted", "word") else []
        if not pieces or pieces[-1] != "%" or "%" in pieces[:-1]:
            raise self._error(f"{text!r} came after like, expected 'prefix%'; `contains` finds what stands anywhere", at)
        prefix = re.sub(r"\\(.)", r"\1", "".join(pieces[:-1]))
        return Begins(field, prefix)

    def _ordered(self, field: str, op: str) -> Condition:
        kind, text, at = self._next("a value")
        if kind not in ("quoted", "word"):
            raise self._error(f"{text!r} came, expected a value", at)
        if kind == "word" and _NUMBER.fullmatch(text) and not _finite(text):
            raise self._error(f"{text[:20]!r} is too large a number", at)
        measure = _measure(kind, text)
        if measure is None:
            said = _scalar(kind, text)
            raise self._error(f"{said!r} is not a number or an ISO date; < <= > >= compare numbers and dates such as 2025-11-01", at)
        return Compare(field, op, measure)

    def value(self, field: str) -> Scalar:
        kind, text, at = self._next("a value")
        if kind not in ("quoted", "word"):
            raise self._error(f"{text!r} came, expected a value", at)
        if kind == "word" and field == "id":
            return text
        if kind == "word" and _NUMBER.fullmatch(text) and not _finite(text):
            raise self._error(f"{text[:20]!r} is too large a number", at)
        return _scalar(kind, text)

    def _place(self) -> int:
        return self.tokens[self.at][2] if self.at < len(self.tokens) else len(self.text)

    def _next(self, expected: str) -> tuple[str, str, int]:
        if self.at == len(self.tokens):
            raise self._error(f"the condition ends, expected {expected}", len(self.text))
        self.at += 1
        return self.tokens[self.at - 1]

    def _keyword(self, word: str) -> bool:
        hit = self.at < len(self.tokens) and self.tokens[self.at][0] == "word" and self.tokens[self.at][1].lower() == word
        self.at += hit
        return hit

    def _mark(self, mark: str) -> bool:
        hit = self.at < len(self.tokens) and self.tokens[self.at][:2] == ("mark", mark)
        self.at += hit
        return hit

    def _expect(self, mark: str) -> None:
        if not self._mark(mark):
            raise self._error(f"expected {mark!r}", self._place())

    def _error(self, what: str, at: int) -> WhereError:
        return WhereError(f'where {self.text!r}, character {at + 1}: {what}; for example "{EXAMPLE}"')


def _finite(text: str) -> bool:
    return math.isfinite(float(text))
