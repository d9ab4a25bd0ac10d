"""A condition written as text goes in, an index Condition comes out: the one grammar of Python, the shell and HTTP.

    condition := either ("or" either)*          either := each ("and" each)*
    each      := "not" each | "(" condition ")" | field op value | field ["not"] "in" "(" value ("," value)* ")"
    op        := = | == | != | <> | < | <= | > | >=
    field     := letters, digits, _ . - (Korean too), or `quoted in backticks`
    value     := number | true | false | 'quoted' | "quoted" | one bare word; 007 and the like are words, codes with zeros

`category = 원피스 and price < 50000`, `not (color in (빨강, 분홍) or pattern = '꽃무늬')`. `!=` and `not` hold for items without
the field too. Text is compared as NFC. An `id` is always text, so `id = 1` needs no quotes.
"""

from __future__ import annotations

import math
import re
from typing import final

from hannun import hangul
from hannun.errors import WhereError
from hannun.index.engine import All, Among, Any_, Compare, Condition, Holds, Not, Scalar

_TOKEN = re.compile(
    r"""\s*(?:(?P<op><=|>=|<>|!=|==|=|<|>)|(?P<mark>[(),])|(?P<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|`(?P<field>[^`]+)`
    |(?P<word>[^\s()=<>!,'"`]+))""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_MAX_DEPTH = 50


def parse_where(text: str) -> Condition:
    """The condition. Raises WhereError, pointing at the place, when the text does not follow the grammar."""
    return _Parser(text).parse()


def written(condition: Condition) -> str:
    """The text of a condition, such that `parse_where` gives it back."""
    match condition:
        case Compare(field, op, value):
            return f"{_name(field)} {op} {_literal(value)}"
        case Among(field, values):
            return f"{_name(field)} in ({', '.join(map(_literal, values))})"
        case Holds(term):
            return f"words have {term}"  # made of a query, never read from a text
        case Not(inner):
            return f"not {_inner(inner)}"
        case All(conditions):
            return " and ".join(map(_inner, conditions))
        case Any_(conditions):
            return " or ".join(map(_inner, conditions))


def _inner(condition: Condition) -> str:
    return f"({written(condition)})" if isinstance(condition, All | Any_) else written(condition)


def _name(field: str) -> str:
    plain = re.fullmatch(r"[^\s()=<>!,'\"`]+", field) and field.lower() not in ("and", "or", "not", "in")
    return field if plain else f"`{field}`"


def _literal(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(value)
    plain = re.fullmatch(r"[^\s()=<>!,'\"`]+", value) and not _NUMBER.fullmatch(value) and value.lower() not in ("true", "false")
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return value if plain else f"'{escaped}'"


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
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        return text
    return int(text) if _WHOLE.fullmatch(text) else float(text)


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
            raise WhereError('an empty condition came, expected for example "category = 원피스 and price < 50000"')
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
        negated = self._keyword("not")
        if self._keyword("in"):
            self._expect("(")
            values = [self.value(field)]
            while self._mark(","):
                values.append(self.value(field))
            self._expect(")")
            among = Among(field, tuple(values))
            return Not(among) if negated else among
        kind, op, at = self._next("one of = != < <= > >= in")
        if kind != "op" or negated:
            raise self._error(f"{op!r} came after {field!r}, expected one of = != < <= > >= in", at)
        value = self.value(field)
        if op in ("!=", "<>"):
            return Not(Compare(field, "=", value))
        if op not in ("=", "==") and (isinstance(value, str | bool)):
            raise self._error(f"{value!r} is not a number; < <= > >= compare numbers", self.tokens[self.at - 1][2])
        return Compare(field, "=" if op == "==" else op, value)

    def value(self, field: str) -> Scalar:
        kind, text, at = self._next("a value")
        if kind not in ("quoted", "word"):
            raise self._error(f"{text!r} came, expected a value", at)
        if kind == "word" and field == "id":
            return text
        if kind == "word" and _NUMBER.fullmatch(text) and not math.isfinite(float(text)):
            raise self._error(f"{text[:20]!r} is too large a number", at)
        return _scalar(kind, text)

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
            at = self.tokens[self.at][2] if self.at < len(self.tokens) else len(self.text)
            raise self._error(f"expected {mark!r}", at)

    def _error(self, what: str, at: int) -> WhereError:
        return WhereError(f'where {self.text!r}, character {at + 1}: {what}; for example "category = 원피스 and price < 50000"')
