"""`$filter`: OData's expressions as conditions (Epicor dossier 5.2, 17.13, 17.14)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn

from ml_connector.sandbox.epicor_kinetic.conditions import (
    COMPARE,
    Condition,
    both,
    compared,
    either,
    moment,
    negated,
    number,
)
from ml_connector.sandbox.epicor_kinetic.errors import bad_query, unknown_property
from ml_connector.sandbox.epicor_kinetic.schema import TABLES, Entity, Kind

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
    return _Parser(TABLES[table], _tokens(text)).whole()


def require(entity: Entity, name: str) -> None:
    """Refuses columns that the type does not have, and those that come from other tables (an assumption)."""
    if name not in entity.columns or name in entity.joined:
        raise unknown_property(name, entity.type_name)


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at, text = 0, text.strip(" ")
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise bad_query(f"Syntax error at position {at} in '{text}'.")
        tokens.append(match[0].lstrip(" "))
        at = match.end()
    return tokens


class _Parser:
    """Recursive descent: or, and, not, comparison."""

    def __init__(self, entity: Entity, tokens: list[str]) -> None:
        self._entity = entity
        self._tokens = tokens
        self._at = 0

    def whole(self) -> Condition:
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
        raise bad_query(f"Syntax error near '{self._peek()}' in '{' '.join(self._tokens)}'.")

    def _any(self) -> Condition:
        left = self._all()
        while self._peek() == "or":
            self._next()
            left = either(left, self._all())
        return left

    def _all(self) -> Condition:
        left = self._one()
        while self._peek() == "and":
            self._next()
            left = both(left, self._one())
        return left

    def _one(self) -> Condition:
        if self._peek() == "not":
            self._next()
            return negated(self._one())
        if self._peek() == "(":
            self._next()
            inside = self._any()
            self._next(")")
            return inside
        return self._function() if self._peek(1) == "(" else self._comparison()

    def _function(self) -> Condition:
        name = self._next()
        if name not in _SEARCH:
            raise bad_query(f"An unknown function with name '{name}' was found.")
        self._next("(")
        column = self._next()
        require(self._entity, column)
        self._next(",")
        literal = self._next()
        self._next(")")
        if not literal.startswith("'"):
            self._syntax()
        search, part = _SEARCH[name], _unquoted(literal).lower()
        return Condition(lambda row: search(str(row.get(column) or "").lower(), part))

    def _comparison(self) -> Condition:
        column = self._next()
        require(self._entity, column)
        operator = self._next()
        if operator not in COMPARE:
            self._syntax()
        return compared(self._entity, column, operator, self._value(column, self._next()))

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
            return _unquoted(literal) if quoted else None
        case Kind.FLAG:
            return {"true": True, "false": False}.get(literal)
        case Kind.DATE:
            return None if quoted else moment(literal)
        case Kind.GUID:
            return literal.lower() if _GUID.fullmatch(literal) else None
        case _:
            return None if quoted else number(literal, kind)


def _unquoted(literal: str) -> str:
    return literal[1:-1].replace("''", "'")
