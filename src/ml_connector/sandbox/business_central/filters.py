"""`$filter`: parsed once, then a plain function of a row (BC dossier 4.1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

from ml_connector.sandbox.business_central.errors import Refused, bad_request, not_an_option
from ml_connector.sandbox.business_central.schema import (
    GUID,
    EntityType,
    Property,
    Row,
    decoded,
    is_date,
    stamp,
)
from ml_connector.sandbox.expressions import COMPARE, Expression, tokens_of, unquoted

Test = Callable[[Row], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<punctuation>[(),])|(?P<word>[^\s(),']+))",
)
_SEARCH: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
}
_OR = "The 'OR' operator is not supported on distinct fields on an OData filter."


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter: the test, the properties it looks at, and the values that narrow the search."""

    test: Test
    properties: frozenset[str]
    equal: dict[str, frozenset[Any]]
    """Properties that must have one of these values for the test to hold."""
    since: str = ""
    """A lower bound of lastModifiedDateTime, empty when there is none."""


@dataclass(frozen=True, slots=True)
class _Operand:
    value: Callable[[Row], Any]
    prop: Property
    plain: bool


def parse_filter(entity: EntityType, text: str, *, schema_21: bool = False) -> Filter:
    """Parses `text` against the properties of `entity`; raises Refused with the server's words."""

    def refused(at: int) -> Refused:
        return bad_request(f"Syntax error at position {at} in '{text.strip()}'.")

    return _Parser(entity, tokens_of(text, _TOKEN, refused=refused), schema_21=schema_21).whole()


class _Parser(Expression[Filter]):
    def __init__(self, entity: EntityType, tokens: list[str], *, schema_21: bool) -> None:
        super().__init__(tokens)
        self._entity = entity
        self._schema_21 = schema_21

    def refuse(self) -> NoReturn:
        raise bad_request(f"Syntax error at position {self.at} in '{' '.join(self.tokens)}'.")

    def both(self, left: Filter, right: Filter) -> Filter:
        return _both(left, right)

    def either(self, left: Filter, right: Filter) -> Filter:
        return _either(left, right)

    def term(self) -> Filter:
        return self._search() if self.peek() in _SEARCH else self._comparison()

    def _search(self) -> Filter:
        operator = _SEARCH[self.take()]
        self.take("(")
        operand = self._operand()
        self.take(",")
        wanted = self._text()
        self.take(")")
        if operand.prop.kind not in ("code", "text"):
            raise bad_request(f"No function signature for the function was found on '{operand.prop.name}'.")
        if self.peek() in ("eq", "ne"):
            negated = (self.take() == "eq") != (self.take() == "true")
            return Filter(
                lambda row: operator(operand.value(row), wanted) != negated,
                frozenset({operand.prop.name}),
                {},
            )
        return Filter(lambda row: operator(operand.value(row), wanted), frozenset({operand.prop.name}), {})

    def _operand(self) -> _Operand:
        word = self.take()
        if self.peek() == "(" and word in ("tolower", "toupper", "substring"):
            return self._function(word)
        prop = self._entity.properties.get(word)
        if prop is None:
            raise unknown_property(self._entity, word)
        if not prop.filterable or prop.kind == "stream":
            # UNCONFIRMED exact error (dossier 4.1): 400.
            raise bad_request(f"The property '{word}' cannot be used in the $filter query option.")
        return _Operand(lambda row: row[word], prop, plain=True)

    def _function(self, word: str) -> _Operand:
        self.take("(")
        inside = self._operand()
        if word == "substring":
            self.take(",")
            start = int(self.take())
            self.take(")")
            return _Operand(lambda row: inside.value(row)[start:], inside.prop, plain=False)
        self.take(")")
        change = str.lower if word == "tolower" else str.upper
        return _Operand(lambda row: change(inside.value(row)), inside.prop, plain=False)

    def _text(self) -> str:
        token = self.take()
        if not token.startswith("'"):
            self.refuse()
        return unquoted(token)

    def _comparison(self) -> Filter:
        operand = self._operand()
        operator = self.take()
        if operator == "in" and self._schema_21:
            return self._one_of(operand)
        if operator not in COMPARE:
            self.refuse()
        literal = _literal(operand.prop, self.take())
        return _compared(operand, operator, literal)

    def _one_of(self, operand: _Operand) -> Filter:
        self.take("(")
        values = {_literal(operand.prop, self.take())}
        while self.peek() == ",":
            self.take()
            values.add(_literal(operand.prop, self.take()))
        self.take(")")
        wanted = frozenset(values)
        name = operand.prop.name
        return Filter(
            lambda row: operand.value(row) in wanted,
            frozenset({name}),
            {name: wanted} if operand.plain else {},
        )


def unknown_property(entity: EntityType, name: str) -> Refused:
    """The refusal for a name that $filter, $select, $expand or $orderby does not know."""
    return bad_request(f"Could not find a property named '{name}' on type 'Microsoft.NAV.{entity.name}'.")


def _compared(operand: _Operand, operator: str, literal: Any) -> Filter:
    compare = COMPARE[operator]
    value = operand.value
    name = operand.prop.name
    equal = {name: frozenset({literal})} if operator == "eq" and operand.plain else {}
    since = literal if name == "lastModifiedDateTime" and operator in ("gt", "ge", "eq") else ""
    return Filter(lambda row: compare(value(row), literal), frozenset({name}), equal, since)


def _both(left: Filter, right: Filter) -> Filter:
    equal = dict(left.equal)
    for name, values in right.equal.items():
        equal[name] = equal[name] & values if name in equal else values
    return Filter(
        lambda row: left.test(row) and right.test(row),
        left.properties | right.properties,
        equal,
        max(left.since, right.since),
    )


def _either(left: Filter, right: Filter) -> Filter:
    if len(left.properties | right.properties) > 1:
        raise bad_request(_OR)
    equal = {name: values | right.equal[name] for name, values in left.equal.items() if name in right.equal}
    since = min(left.since, right.since) if left.since and right.since else ""
    return Filter(lambda row: left.test(row) or right.test(row), left.properties, equal, since)


def _literal(prop: Property, token: str) -> Any:
    quoted = token.startswith("'")
    if quoted != (prop.kind in ("code", "text", "enum")):
        raise _incompatible(prop, "Edm.String" if quoted else "an unquoted literal")
    if quoted:
        text = unquoted(token)
        return _member(prop, text) if prop.kind == "enum" else text
    value = _unquoted(prop, token)
    if value is None:
        raise _incompatible(prop, f"literal '{token}'")
    return value


def _member(prop: Property, text: str) -> str:
    member = decoded(text)
    if not member.strip() or member not in prop.members:
        # UNCONFIRMED (dossier U11): a blank member cannot be filtered on.
        raise not_an_option(text, prop.members)
    return member


def _unquoted(prop: Property, token: str) -> Any:
    match prop.kind:
        case "guid":
            return token.lower() if GUID.fullmatch(token) else None
        case "bool":
            return {"true": True, "false": False}.get(token)
        case "date":
            return token if is_date(token) else None
        case "datetime":
            return _moment(token)
        case _:
            return Decimal(token) if re.fullmatch(r"-?\d+(\.\d+)?", token) else None


def _moment(token: str) -> str | None:
    try:
        moment = datetime.fromisoformat(token)
    except ValueError:
        return None
    return stamp(moment.astimezone(UTC)) if moment.tzinfo else None


def _incompatible(prop: Property, found: str) -> Refused:
    return bad_request(
        "A binary operator with incompatible types was detected. "
        f"Found operand types '{prop.edm}' and '{found}' for operator kind 'Equal'."
    )
