"""Conditions on rows, written once and said in both tongues of the server.

Sets are asked in OData, `GetRows` in the server's own dialect (Epicor dossier 5.2, 5.5).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from urllib.parse import quote
from uuid import UUID

from ml_connector.connectors.odata import literal

Value = str | int | Decimal | bool | date | datetime | UUID

_DIALECT: Final = {"eq": "=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_SQL_NAMES: Final = {"GLAccount1": "GLAccount", "Company1": "Company", "Plant1": "Plant"}
"""Columns that sets call differently from the table itself (Epicor dossier 8.1)."""


@dataclass(frozen=True, slots=True)
class Where:
    """A comparison, or several joined by `and` or `or`."""

    column: str = ""
    operator: str = ""
    value: Value = ""
    joined: str = ""
    parts: tuple[Where, ...] = ()

    def columns(self) -> Iterator[str]:
        """All columns that are named."""
        if not self.joined:
            yield self.column
        for part in self.parts:
            yield from part.columns()

    def within(self, columns: Collection[str]) -> Where | None:
        """What of it is about these columns only, and follows from it; None where nothing is."""
        if not self.joined:
            return self if self.column in columns else None
        parts = tuple(part.within(columns) for part in self.parts)
        kept = tuple(part for part in parts if part is not None)
        if not kept or (self.joined == "or" and len(kept) < len(parts)):
            return None
        return all_of(*kept) if self.joined == "and" else any_of(*kept)

    def odata(self) -> str:
        """As `$filter` says it."""
        if self.joined:
            return f" {self.joined} ".join(each.odata() if not each.joined else f"({each.odata()})"
                                           for each in self.parts)  # fmt: skip
        return f"{self.column} {self.operator} {_odata(self.value)}"

    def dialect(self) -> str:
        """As the where clause of a method says it."""
        if self.joined:
            joined = f" {self.joined.upper()} "
            return joined.join(each.dialect() if not each.joined else f"({each.dialect()})" for each in self.parts)
        column = _SQL_NAMES.get(self.column, self.column)
        return f"{column} {_DIALECT[self.operator]} {_own(self.value)}"

    def __and__(self, other: Where) -> Where:
        return all_of(self, other)


def eq(column: str, value: Value) -> Where:
    """True where the column has the value."""
    return Where(column, "eq", value)


def gt(column: str, value: Value) -> Where:
    """True where the column is greater."""
    return Where(column, "gt", value)


def ge(column: str, value: Value) -> Where:
    """True where the column is greater or equal."""
    return Where(column, "ge", value)


def lt(column: str, value: Value) -> Where:
    """True where the column is less."""
    return Where(column, "lt", value)


def le(column: str, value: Value) -> Where:
    """True where the column is less or equal."""
    return Where(column, "le", value)


def all_of(*parts: Where) -> Where:
    """True where every part is."""
    return parts[0] if len(parts) == 1 else Where(joined="and", parts=parts)


def any_of(*parts: Where) -> Where:
    """True where one of the parts is."""
    return parts[0] if len(parts) == 1 else Where(joined="or", parts=parts)


def one_of(column: str, values: Iterable[Value]) -> Where:
    """True where the column has one of `values`, of which there is at least one."""
    return any_of(*(eq(column, value) for value in values))


def in_groups(parts: Iterable[Where], *, length: int) -> Iterator[Where]:
    """`parts` joined by `or`, in groups that take at most `length` characters each once they are in an address."""
    group: list[Where] = []
    taken = 0
    for part in parts:
        cost = len(quote(f"({part.odata()}) or ", safe="()"))
        if group and taken + cost > length:
            yield any_of(*group)
            group, taken = [], 0
        group.append(part)
        taken += cost
    if group:
        yield any_of(*group)


def _odata(value: Value) -> str:
    """Date-times always go with a Z: OData 4 demands an offset (Epicor dossier 5.2)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return literal(value)
    if isinstance(value, datetime):
        return f"{value.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00Z"
    return str(value)


def _own(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"'{value.replace(tzinfo=None).isoformat(timespec='seconds')}'"
    if isinstance(value, date):
        return f"'{value.isoformat()}'"
    if isinstance(value, str | UUID):
        return literal(str(value))
    return str(value)
