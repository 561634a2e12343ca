"""`$filter`: parsed once into a test of a row and the values that narrow the search (Acumatica dossier 4.1).

Every trap that was measured on live systems is here: what they answer with an error or, worse, with nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from ml_connector.sandbox.acumatica.bodies import key_not_present
from ml_connector.sandbox.acumatica.errors import Refusal, bad_request, failed
from ml_connector.sandbox.acumatica.schema import Contract, Field, Row
from ml_connector.sandbox.acumatica.table import folded
from ml_connector.sandbox.acumatica.wire import midnight
from ml_connector.sandbox.expressions import COMPARE, Expression, tokens_of, unquoted

Test = Callable[[Row], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<custom>cf\.\w+\(f='[^']*'\))|(?P<prefixed>(?:datetimeoffset|datetime|date|guid)'[^']*')"
    r"|(?P<text>'(?:[^']|'')*')|(?P<punctuation>[(),])|(?P<word>[^\s(),']+))"
)
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
    return _Parser(contract, tokens_of(text, _TOKEN, refused=_syntax_error), zone).whole()


def _syntax_error(at: int) -> Refusal:
    return bad_request(f"The query specified in the URI is not valid. Syntax error at position {at}.")


class _Parser(Expression[Filter]):
    def __init__(self, contract: Contract, tokens: list[str], zone: ZoneInfo) -> None:
        super().__init__(tokens)
        self._contract = contract
        self._zone = zone

    def refuse(self) -> NoReturn:
        raise _syntax_error(self.at)

    def both(self, left: Filter, right: Filter) -> Filter:
        return _both(left, right)

    def either(self, left: Filter, right: Filter) -> Filter:
        return _either(left, right)

    def term(self) -> Filter:
        if self.peek() == "not":
            return self._negated()
        return self._function() if self.peek(1) == "(" else self._comparison()

    def _negated(self) -> Filter:
        self.take()
        if self.peek(1) == "(" and self.peek() in _SEARCH:
            raise failed("The 'not' operator is not supported for a function.", "System.NotSupportedException")
        inside = self.one()
        return Filter(lambda row: not inside.test(row), names=inside.names, views=inside.views)

    def _function(self) -> Filter:
        name = self.take()
        if name not in _SEARCH:
            raise failed(f"An unknown function with name '{name}' was found.", "Microsoft.Data.OData.ODataException")
        self.take("(")
        first, _, second = self.take(), self.take(","), self.take()
        self.take(")")
        path, literal = (second, first) if name == "substringof" else (first, second)
        operand = self._operand(path)
        found = self._search(_SEARCH[name], operand, literal)
        if self.peek() in ("eq", "ne") and self.peek(1) in ("true", "false"):
            # The silent trap: `substringof(...) eq true` finds nothing at all (Acumatica dossier 4.1).
            self.take()
            self.take()
            return Filter(lambda _: False, names=found.names, views=found.views, searches=found.searches)
        return found

    def _search(self, found: Callable[[str, str], bool], operand: _Operand, literal: str) -> Filter:
        if not literal.startswith("'"):
            self.refuse()
        part = unquoted(literal).lower()
        path, value = operand.path, operand.value
        return Filter(
            lambda row: found(str(value(row) or "").lower(), part),
            names=frozenset({path}),
            views=frozenset({operand.view}),
            searches=frozenset({path}),
        )

    def _comparison(self) -> Filter:
        operand = self._operand(self.take())
        operator = self.take()
        if operator not in COMPARE:
            self.refuse()
        literal = self.take()
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
        compare, read, zone = COMPARE[operator], operand.value, self._zone
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
            return folded(unquoted(literal))
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
