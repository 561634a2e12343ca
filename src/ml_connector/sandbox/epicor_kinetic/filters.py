"""`$filter`: OData's expressions as conditions (Epicor dossier 5.2, 17.13, 17.14)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn

from ml_connector.sandbox.epicor_kinetic.conditions import (
    Condition,
    both,
    compared,
    either,
    moment,
    negated,
    number,
)
from ml_connector.sandbox.epicor_kinetic.errors import Refusal, bad_query, unknown_property
from ml_connector.sandbox.epicor_kinetic.schema import TABLES, Entity, Kind
from ml_connector.sandbox.expressions import COMPARE, Expression, tokens_of, unquoted

_TOKEN = re.compile(r" *(?:(?P<text>'(?:[^']|'')*')|(?P<mark>[(),])|(?P<word>[^ (),']+))")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SEARCH: dict[str, Callable[[str, str], bool]] = {
    "startswith": str.startswith,
    "endswith": str.endswith,
    "contains": str.__contains__,
}


@lru_cache(maxsize=2000)
def parse_filter(table: str, text: str) -> Condition:
    """Parses a filter on the rows of a type; raises Refusal (400)."""

    def refused(at: int) -> Refusal:
        return bad_query(f"Syntax error at position {at} in '{text.strip(' ')}'.")

    return _Parser(TABLES[table], tokens_of(text, _TOKEN, refused=refused)).whole()


def require(entity: Entity, name: str) -> None:
    """Refuses columns that the type does not have, and those that come from other tables (an assumption)."""
    if name not in entity.columns or name in entity.joined:
        raise unknown_property(name, entity.type_name)


class _Parser(Expression[Condition]):
    def __init__(self, entity: Entity, tokens: list[str]) -> None:
        super().__init__(tokens)
        self._entity = entity

    def refuse(self) -> NoReturn:
        raise bad_query(f"Syntax error near '{self.peek()}' in '{' '.join(self.tokens)}'.")

    def both(self, left: Condition, right: Condition) -> Condition:
        return both(left, right)

    def either(self, left: Condition, right: Condition) -> Condition:
        return either(left, right)

    def term(self) -> Condition:
        if self.peek() == "not":
            self.take()
            return negated(self.one())
        return self._function() if self.peek(1) == "(" else self._comparison()

    def _function(self) -> Condition:
        name = self.take()
        if name not in _SEARCH:
            raise bad_query(f"An unknown function with name '{name}' was found.")
        self.take("(")
        column = self.take()
        require(self._entity, column)
        self.take(",")
        literal = self.take()
        self.take(")")
        if not literal.startswith("'"):
            self.refuse()
        search, part = _SEARCH[name], unquoted(literal).lower()
        return Condition(lambda row: search(str(row.get(column) or "").lower(), part))

    def _comparison(self) -> Condition:
        column = self.take()
        require(self._entity, column)
        operator = self.take()
        if operator not in COMPARE:
            self.refuse()
        return compared(self._entity, column, operator, self._value(column, self.take()))

    def _value(self, column: str, literal: str) -> Any:
        kind = self._entity.columns[column]
        value = None if literal == "null" else _read(kind, literal)
        if value is None and literal != "null":
            raise bad_query(f"A binary operator with incompatible types was detected near '{column}' and {literal}.")
        return value


def _read(kind: Kind, literal: str) -> Any:
    """The value of a literal; None where it is none of that type."""
    quoted = literal.startswith("'")
    match kind:
        case Kind.TEXT:
            return unquoted(literal) if quoted else None
        case Kind.FLAG:
            return {"true": True, "false": False}.get(literal)
        case Kind.DATE:
            return None if quoted else moment(literal)
        case Kind.GUID:
            return literal.lower() if _GUID.fullmatch(literal) else None
        case _:
            return None if quoted else number(literal, kind)
