"""The server's own where clauses, as GetRows and GetList take them (Epicor dossier 5.5): no OData at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

from ml_connector.sandbox.epicor_kinetic.conditions import (
    EVERYTHING,
    NOTHING,
    Condition,
    both,
    compared,
    either,
    moment,
    number,
)
from ml_connector.sandbox.epicor_kinetic.errors import Refusal, rejected
from ml_connector.sandbox.epicor_kinetic.schema import TABLES, Entity, Kind

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|<>|>=|<=|[=<>()]|[^\s'=<>()]+)")
_OPERATORS = {"=": "eq", "<>": "ne", ">": "gt", ">=": "ge", "<": "lt", "<=": "le"}


@dataclass(frozen=True, slots=True)
class Where:
    """A parsed clause: the condition, and the columns to sort by."""

    condition: Condition = EVERYTHING
    order: tuple[tuple[str, bool], ...] = ()
    """Columns and whether they ascend."""


@lru_cache(maxsize=2000)
def parse_where(table: str, text: str) -> Where:
    """Parses a clause on the rows of a table; raises Refusal (400)."""
    tokens = [match[1] for match in _TOKEN.finditer(text)]
    words = [token.upper() for token in tokens]
    at = words.index("BY") if "BY" in words else len(tokens)
    condition = _Parser(TABLES[table], tokens[:at]).whole() if at else EVERYTHING
    return Where(condition, _orders(TABLES[table], " ".join(tokens[at + 1 :])))


def _orders(entity: Entity, text: str) -> tuple[tuple[str, bool], ...]:
    found: list[tuple[str, bool]] = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, way = part.partition(" ")
        found.append((_column(entity, name), way.strip().upper() != "DESC"))
    return tuple(found)


def _column(entity: Entity, name: str) -> str:
    """The column as rows name it: clauses speak SQL, where GLAccount1 is plain GLAccount (Epicor dossier 8.1)."""
    renamed = f"{name}1"
    if name == entity.name and renamed in entity.columns:
        return renamed
    if name == f"{entity.name}1" or name not in entity.columns or name in entity.joined:
        raise _fault(f"{entity.name}.{name} is not a valid column.")
    return name


def _fault(text: str) -> Refusal:
    return rejected(f"The where clause cannot be read: {text}")


class _Parser:
    """Recursive descent: OR, AND, comparison."""

    def __init__(self, entity: Entity, tokens: list[str]) -> None:
        self._entity = entity
        self._tokens = tokens
        self._at = 0

    def whole(self) -> Condition:
        parsed = self._any()
        if self._at < len(self._tokens):
            self._syntax()
        return parsed

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            self._syntax()
        self._at += 1
        return token

    def _syntax(self) -> NoReturn:
        raise _fault(f"syntax error near '{self._peek()}'")

    def _any(self) -> Condition:
        left = self._all()
        while self._peek().upper() == "OR":
            self._next()
            left = either(left, self._all())
        return left

    def _all(self) -> Condition:
        left = self._one()
        while self._peek().upper() == "AND":
            self._next()
            left = both(left, self._one())
        return left

    def _one(self) -> Condition:
        if self._peek() == "(":
            self._next()
            inside = self._any()
            if self._next() != ")":
                self._syntax()
            return inside
        name, operator, literal = self._next(), self._next(), self._next()
        if operator not in _OPERATORS:
            self._syntax()
        if name.isdecimal() and literal.isdecimal():
            return EVERYTHING if (int(name) == int(literal)) == (operator == "=") else NOTHING
        column = _column(self._entity, name)
        return compared(self._entity, column, _OPERATORS[operator], self._value(column, literal))

    def _value(self, column: str, literal: str) -> Any:
        kind = self._entity.columns[column]
        text = literal[1:-1].replace("''", "'") if literal.startswith("'") else literal
        match kind:
            case Kind.TEXT:
                value = text if literal.startswith("'") else None
            case Kind.FLAG:
                value = {"true": True, "1": True, "false": False, "0": False}.get(text.lower())
            case Kind.DATE:
                value = moment(text)
            case Kind.GUID:
                value = text.lower()
            case _:
                value = number(text, kind)
        if value is None:
            raise _fault(f"'{literal}' does not fit {self._entity.name}.{column}.")
        return value
