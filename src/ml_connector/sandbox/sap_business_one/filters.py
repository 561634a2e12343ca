"""`$filter`: parsed once into a test of a row and the keys and values that narrow the search (B1 dossier 5.3)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from ml_connector.sandbox.expressions import COMPARE, Expression, tokens_of, unquoted
from ml_connector.sandbox.sap_business_one.bodies import read_day, read_time
from ml_connector.sandbox.sap_business_one.errors import (
    B1Error,
    invalid_filter_property,
    invalid_property,
    malformed,
)
from ml_connector.sandbox.sap_business_one.schema import EntityType, Row, is_date, is_time, member_of
from ml_connector.sandbox.sap_business_one.table import folded_value

Test = Callable[[Row], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<prefixed>datetime'[^']*'|time'[^']*')|(?P<text>'(?:[^']|'')*')|(?P<punctuation>[(),])"
    r"|(?P<word>[^\s(),']+))"
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\S*)?")
_SEARCH: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
    "substringof": str.__contains__,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter."""

    test: Test
    equal: dict[str, frozenset[Any]] = field(default_factory=dict)
    """Properties that must have one of these values for the test to hold."""
    alike: dict[str, frozenset[Any]] = field(default_factory=dict)
    """The same, whatever the case of the letters."""
    above: dict[str, Any] = field(default_factory=dict)
    """Properties that must be at or above a value for the test to hold."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a filter is read by: the type, the installation's year, and how text compares."""

    entity: EntityType
    profile: int
    fold: bool = False
    """B1S-CaseInsensitive."""


def parse_filter(grammar: Grammar, text: str) -> Filter:
    """Parses `text`; raises B1Error with the server's codes."""
    return _Parser(grammar, tokens_of(text, _TOKEN, refused=_syntax_error)).whole()


def _syntax_error(at: int) -> B1Error:
    return malformed(f"Query string error: syntax error at position {at}")


class _Parser(Expression[Filter]):
    def __init__(self, grammar: Grammar, tokens: list[str]) -> None:
        super().__init__(tokens)
        self._grammar = grammar

    def refuse(self) -> NoReturn:
        raise malformed(f"Query string error: syntax error near '{self.peek()}'")

    def both(self, left: Filter, right: Filter) -> Filter:
        first, second = left.test, right.test
        return Filter(
            lambda row: first(row) and second(row),
            equal=_narrower(left.equal, right.equal),
            alike=_narrower(left.alike, right.alike),
            above={**left.above, **right.above},
        )

    def either(self, left: Filter, right: Filter) -> Filter:
        first, second = left.test, right.test
        return Filter(
            lambda row: first(row) or second(row),
            equal=_wider(left.equal, right.equal),
            alike=_wider(left.alike, right.alike),
        )

    def term(self) -> Filter:
        if self.peek() == "not":
            self.take()
            inside = self.one().test
            return Filter(lambda row: not inside(row))
        return self._function() if self.peek(1) == "(" else self._comparison()

    def _function(self) -> Filter:
        name = self.take()
        if name not in _SEARCH:
            raise invalid_property(name, self._grammar.entity.name)
        self.take("(")
        first = self.take()
        self.take(",")
        second = self.take()
        self.take(")")
        if self.peek() in ("eq", "ne") and self.peek(1) in ("true", "false"):
            wanted = (self.take() == "eq") == (self.take() == "true")
        else:
            wanted = True
        prop, literal = (second, first) if name == "substringof" else (first, second)
        return self._search(_SEARCH[name], prop, literal, wanted=wanted)

    def _search(self, found: Callable[[str, str], bool], prop: str, literal: str, *, wanted: bool) -> Filter:
        self._require(prop)
        if not literal.startswith("'"):
            self.refuse()
        fold = str.lower if self._grammar.fold else str
        part = fold(_unquoted(literal))
        return Filter(lambda row: found(fold(str(row.get(prop) or "")), part) is wanted)

    def _comparison(self) -> Filter:
        prop = self.take()
        self._require(prop)
        operator = self.take()
        if operator not in COMPARE:
            self.refuse()
        literal = self.take()
        if literal == "null":
            return self._null(prop, operator)
        if literal in self._grammar.entity.properties:
            return self._between(prop, operator, literal)
        return self._compared(prop, operator, self._value(prop, literal))

    def _require(self, prop: str) -> None:
        """Collections and unknown names cannot be looked at; the number is 201 (B1 dossier 14.14)."""
        kind = self._grammar.entity.properties.get(prop, "Collection(")
        if kind.startswith("Collection(") or not self._grammar.entity.has(prop, self._grammar.profile):
            raise invalid_filter_property(prop)

    def _null(self, prop: str, operator: str) -> Filter:
        blank = self._grammar.entity.blank[prop]
        if operator not in ("eq", "ne"):
            self.refuse()
        wanted = operator == "eq"
        return Filter(lambda row: (row.get(prop, blank) is None) is wanted)

    def _between(self, prop: str, operator: str, other: str) -> Filter:
        self._require(other)
        compare, blank = COMPARE[operator], self._grammar.entity.blank

        def test(row: Row) -> bool:
            left, right = row.get(prop, blank[prop]), row.get(other, blank[other])
            return left is not None and right is not None and compare(left, right)

        return Filter(test)

    def _compared(self, prop: str, operator: str, value: Any) -> Filter:
        compare, blank = COMPARE[operator], self._grammar.entity.blank[prop]
        kind = self._grammar.entity.properties[prop]
        if is_time(kind):
            value = value[:5]
            return Filter(lambda row: (kept := row.get(prop)) is not None and compare(kept[:5], value))
        if self._grammar.fold and kind == "Edm.String":
            folded = str(value).lower()
            alike = {prop: frozenset({folded})} if operator == "eq" else {}
            return Filter(
                lambda row: (kept := row.get(prop)) is not None and compare(kept.lower(), folded), alike=alike
            )

        def test(row: Row) -> bool:
            kept = row.get(prop, blank)
            return kept is not None and compare(kept, value)

        if operator == "eq":
            return Filter(test, equal={prop: frozenset({value})}, alike={prop: frozenset({folded_value(value)})})
        return Filter(test, above={prop: value} if operator in ("gt", "ge") else {})

    def _value(self, prop: str, literal: str) -> Any:
        """The literal in the form tables keep; raises B1Error where the property cannot hold it."""
        kind = self._grammar.entity.properties[prop]
        quoted = literal.startswith("'")
        text = _unquoted(literal)
        value: Any
        if is_date(kind):
            value = read_day(text) if quoted or "'" in literal or _DAY.fullmatch(text) else None
        elif is_time(kind):
            value = read_time(text) if quoted or "'" in literal else None
        elif kind == "Edm.String":
            value = text if quoted else None
        elif self._grammar.entity.enum_of(prop):
            value = member_of(kind, text) if quoted else None
        else:
            value = None if quoted else _number(text)
        if value is None:
            raise _bad_literal(prop, literal)
        return value


def _bad_literal(prop: str, literal: str) -> B1Error:
    return malformed(f"Query string error: {literal} is no value for property '{prop}'")


def _unquoted(literal: str) -> str:
    inner = re.sub(r"^(?:datetime|time)(?=')", "", literal)
    return unquoted(inner) if inner.startswith("'") else inner


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _narrower(left: dict[str, frozenset[Any]], right: dict[str, frozenset[Any]]) -> dict[str, frozenset[Any]]:
    """What both sides of an `and` leave."""
    both = {name: left[name] & right[name] for name in left.keys() & right.keys()}
    return {**left, **right, **both}


def _wider(left: dict[str, frozenset[Any]], right: dict[str, frozenset[Any]]) -> dict[str, frozenset[Any]]:
    """What either side of an `or` allows: only what both of them limit."""
    return {name: left[name] | right[name] for name in left.keys() & right.keys()}
