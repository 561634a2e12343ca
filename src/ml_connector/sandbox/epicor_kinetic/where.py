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
from ml_connector.sandbox.expressions import Expression, unquoted

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


class _Parser(Expression[Condition]):
    shouts = True

    def __init__(self, entity: Entity, tokens: list[str]) -> None:
        super().__init__(tokens)
        self._entity = entity

    def refuse(self) -> NoReturn:
        raise _fault(f"syntax error near '{self.peek()}'")

    def both(self, left: Condition, right: Condition) -> Condition:
        return both(left, right)

    def either(self, left: Condition, right: Condition) -> Condition:
        return either(left, right)

    def term(self) -> Condition:
        name, operator, literal = self.take(), self.take(), self.take()
        if operator not in _OPERATORS:
            self.refuse()
        if name.isdecimal() and literal.isdecimal():
            return EVERYTHING if (int(name) == int(literal)) == (operator == "=") else NOTHING
        column = _column(self._entity, name)
        return compared(self._entity, column, _OPERATORS[operator], self._value(column, literal))

    def _value(self, column: str, literal: str) -> Any:
        kind = self._entity.columns[column]
        text = unquoted(literal) if literal.startswith("'") else literal
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
