"""`$filter`: parsed once into a test of a row and the values that narrow the search (Acumatica dossier 4.1).

Every trap that was measured on live systems is here: what they answer with an error or, worse, with nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from operator import eq, ge, gt, le, lt, ne
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from ml_connector.sandbox.acumatica.bodies import key_not_present
from ml_connector.sandbox.acumatica.errors import Refusal, bad_request, failed
from ml_connector.sandbox.acumatica.schema import Contract, Field, Row
from ml_connector.sandbox.acumatica.table import folded
from ml_connector.sandbox.acumatica.wire import midnight

Test = Callable[[Row], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<custom>cf\.\w+\(f='[^']*'\))|(?P<prefixed>(?:datetimeoffset|datetime|date|guid)'[^']*')"
    r"|(?P<text>'(?:[^']|'')*')|(?P<punctuation>[(),])|(?P<word>[^\s(),']+))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {"eq": eq, "ne": ne, "gt": gt, "ge": ge, "lt": lt, "le": le}
_WORDS = {"eq": "Equal", "ne": "NotEqual", "gt": "GreaterThan", "ge": "GreaterThanOrEqual"} | {
    "lt": "LessThan",
    "le": "LessThanOrEqual",
}
_SEARCH: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "substringof": str.__contains__,
}
_EDM = {"String": "Edm.String", "Boolean": "Edm.Boolean", "DateTime": "Edm.DateTimeOffset", "Guid": "Edm.Guid"}
_NUMBERS = frozenset({"Decimal", "Int", "Short"})


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter."""

    test: Test
    equal: dict[str, frozenset[str]] = field(default_factory=dict)
    """Fields that must have one of these values, folded, for the test to hold."""
    since: datetime | None = None
    """LastModifiedDateTime must be at or after it for the test to hold."""
    names: frozenset[str] = frozenset()
    """Fields it looks at."""
    views: frozenset[str] = frozenset()
    """Data views behind them."""
    searches: frozenset[str] = frozenset()
    """Fields that are looked into by a function."""


@dataclass(frozen=True, slots=True)
class _Operand:
    path: str
    kind: str
    view: str
    value: Callable[[Row], Any]


def parse_filter(contract: Contract, text: str, zone: ZoneInfo) -> Filter:
    """Parses `text`; raises Refusal as the server would."""
    return _Parser(contract, _tokens(text), zone).whole()


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _syntax_error(at)
        tokens.append(match[0].strip())
        at = match.end()
    return tokens


def _syntax_error(at: int) -> Refusal:
    return bad_request(f"The query specified in the URI is not valid. Syntax error at position {at}.")


class _Parser:
    """Recursive descent: or, and, not, comparison."""

    def __init__(self, contract: Contract, tokens: list[str], zone: ZoneInfo) -> None:
        self._contract = contract
        self._tokens = tokens
        self._zone = zone
        self._at = 0

    def whole(self) -> Filter:
        parsed = self._any()
        if self._at < len(self._tokens):
            self._syntax()
        return parsed

    def _peek(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else ""

    def _next(self, wanted: str = "") -> str:
        token = self._peek()
        if not token or (wanted and token != wanted):
            self._syntax()
        self._at += 1
        return token

    def _syntax(self) -> NoReturn:
        raise _syntax_error(self._at)

    def _any(self) -> Filter:
        left = self._all()
        while self._peek() == "or":
            self._next()
            left = _either(left, self._all())
        return left

    def _all(self) -> Filter:
        left = self._one()
        while self._peek() == "and":
            self._next()
            left = _both(left, self._one())
        return left

    def _one(self) -> Filter:
        if self._peek() == "not":
            return self._negated()
        if self._peek() == "(":
            self._next()
            inside = self._any()
            self._next(")")
            return inside
        return self._function() if self._peek(1) == "(" else self._comparison()

    def _negated(self) -> Filter:
        self._next()
        if self._peek(1) == "(" and self._peek() in _SEARCH:
            raise failed("The 'not' operator is not supported for a function.", "System.NotSupportedException")
        inside = self._one()
        return Filter(lambda row: not inside.test(row), names=inside.names, views=inside.views)

    def _function(self) -> Filter:
        name = self._next()
        if name not in _SEARCH:
            raise failed(f"An unknown function with name '{name}' was found.", "Microsoft.Data.OData.ODataException")
        self._next("(")
        first, _, second = self._next(), self._next(","), self._next()
        self._next(")")
        path, literal = (second, first) if name == "substringof" else (first, second)
        operand = self._operand(path)
        found = self._search(_SEARCH[name], operand, literal)
        if self._peek() in ("eq", "ne") and self._peek(1) in ("true", "false"):
            # The silent trap: `substringof(...) eq true` finds nothing at all (Acumatica dossier 4.1).
            self._next()
            self._next()
            return Filter(lambda _: False, names=found.names, views=found.views, searches=found.searches)
        return found

    def _search(self, found: Callable[[str, str], bool], operand: _Operand, literal: str) -> Filter:
        if not literal.startswith("'"):
            self._syntax()
        part = _unquoted(literal).lower()
        path, value = operand.path, operand.value
        return Filter(
            lambda row: found(str(value(row) or "").lower(), part),
            names=frozenset({path}),
            views=frozenset({operand.view}),
            searches=frozenset({path}),
        )

    def _comparison(self) -> Filter:
        operand = self._operand(self._next())
        operator = self._next()
        if operator not in _COMPARE:
            self._syntax()
        literal = self._next()
        names, views = frozenset({operand.path}), frozenset({operand.view})
        if literal == "null":
            wanted = operator == "eq"
            return Filter(lambda row: (operand.value(row) is None) is wanted, names=names, views=views)
        value = self._value(operand, operator, literal)
        test = self._compared(operand, operator, value)
        equal = {operand.path: frozenset({value})} if operator == "eq" and operand.kind == "String" else {}
        since = value if operand.path == "LastModifiedDateTime" and operator in ("gt", "ge", "eq") else None
        return Filter(test, equal=equal, since=since, names=names, views=views)

    def _compared(self, operand: _Operand, operator: str, value: Any) -> Test:
        compare, read, zone = _COMPARE[operator], operand.value, self._zone
        if operand.kind == "String":
            return lambda row: (kept := read(row)) is not None and compare(folded(kept), value)
        if operand.kind == "DateTime":
            return lambda row: (kept := read(row)) is not None and compare(_instant(kept, zone), value)
        return lambda row: (kept := read(row)) is not None and compare(kept, value)

    def _operand(self, path: str) -> _Operand:
        if path.startswith("cf."):
            return _custom(path)
        steps = path.split("/")
        contract = self._contract
        for step in steps[:-1]:
            if step in contract.lists:
                message = f"The parent value for a property access of a property '{steps[-1]}' is not a single value."
                raise failed(message, "Microsoft.Data.OData.ODataException")
            if step not in contract.nested:
                raise key_not_present()
            contract = contract.nested[step]
        named = contract.fields.get(steps[-1])
        if named is None or not named.view:
            raise key_not_present()
        return _Operand(path, named.kind, named.view, _reader(steps, named))

    def _value(self, operand: _Operand, operator: str, literal: str) -> Any:
        """The literal as the field's values compare; raises Refusal where the types do not go together."""
        kind = operand.kind
        if literal.startswith("'"):
            if kind != "String":
                raise _incompatible(kind, "Edm.String", operator)
            return folded(_unquoted(literal))
        if literal in ("true", "false"):
            if kind != "Boolean":
                raise _incompatible(kind, "Edm.Boolean", operator)
            return literal == "true"
        prefix, quote, rest = literal.partition("'")
        if quote:
            return self._prefixed(operand, operator, prefix, rest[:-1])
        if kind not in _NUMBERS:
            raise _incompatible(kind, "Edm.Int32", operator)
        try:
            return Decimal(literal.rstrip("mMlLdD"))
        except InvalidOperation:
            raise key_not_present() from None

    def _prefixed(self, operand: _Operand, operator: str, prefix: str, text: str) -> Any:
        if prefix == "guid":
            return text.lower()
        if operand.kind != "DateTime":
            raise _incompatible(operand.kind, "Edm.DateTimeOffset", operator)
        try:
            return _instant(_moment(text), self._zone)
        except ValueError:
            # A `+` that was not encoded arrives as a blank (Acumatica dossier 15.21).
            message = f"The query specified in the URI is not valid. Unrecognized '{prefix}' literal '{text}'."
            raise bad_request(message) from None


def _moment(text: str) -> date:
    return date.fromisoformat(text) if len(text) == len("2024-12-31") else datetime.fromisoformat(text)


def _instant(value: date, zone: ZoneInfo) -> datetime:
    """A moment that compares: a day begins at the user's midnight, a time without offset is the user's."""
    if not isinstance(value, datetime):
        return midnight(value, zone)
    return value if value.tzinfo is not None else value.replace(tzinfo=zone)


def _reader(steps: list[str], named: Field) -> Callable[[Row], Any]:
    name, path = named.name, steps[:-1]
    if not path:
        return lambda row: row.get(name)

    def read(row: Row) -> Any:
        for step in path:
            row = row.get(step) or {}
        return row.get(name)

    return read


def _custom(path: str) -> _Operand:
    """`cf.String(f='View.Field')`."""
    kind, _, rest = path.removeprefix("cf.").partition("(")
    element = rest[3:-2]

    def read(row: Row) -> Any:
        kept: Row = row.get("custom") or {}
        return kept.get(element)

    return _Operand(path, kind, element.partition(".")[0], read)


def _incompatible(kind: str, other: str, operator: str) -> Refusal:
    own = _EDM.get(kind, "Edm.Decimal")
    return failed(
        "A binary operator with incompatible types was detected. "
        f"Found operand types '{own}' and '{other}' for operator kind '{_WORDS[operator]}'.",
        "Microsoft.Data.OData.ODataException",
    )


def _unquoted(literal: str) -> str:
    return literal[1:-1].replace("''", "'")


def _both(left: Filter, right: Filter) -> Filter:
    equal = dict(left.equal)
    for name, values in right.equal.items():
        equal[name] = equal[name] & values if name in equal else values
    moments = [each for each in (left.since, right.since) if each is not None]
    return Filter(
        lambda row: left.test(row) and right.test(row),
        equal=equal,
        since=max(moments, default=None),
        names=left.names | right.names,
        views=left.views | right.views,
        searches=left.searches | right.searches,
    )


def _either(left: Filter, right: Filter) -> Filter:
    shared = left.equal.keys() & right.equal.keys()
    return Filter(
        lambda row: left.test(row) or right.test(row),
        equal={name: left.equal[name] | right.equal[name] for name in shared},
        since=None if left.since is None or right.since is None else min(left.since, right.since),
        names=left.names | right.names,
        views=left.views | right.views,
        searches=left.searches | right.searches,
    )
