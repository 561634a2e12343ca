"""What is read from rows as they come off the wire (Epicor dossier 5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

Row = dict[str, Any]
"""A row of a set or of a tableset's table, by column, as it came; numbers with a point are Decimal."""

_DATE_LENGTH: Final = 10


def text(row: Mapping[str, Any], name: str) -> str:
    """A column as text without blanks around it, empty for none."""
    value = row.get(name)
    return "" if value is None else str(value).strip()


def amount(row: Mapping[str, Any], name: str) -> Decimal | None:
    """A number, None where the column is empty or was not told."""
    value = row.get(name)
    if value is None or isinstance(value, bool):
        return None
    try:
        return Decimal(str(value))
    except ArithmeticError:
        return None


def number(row: Mapping[str, Any], name: str) -> Decimal:
    """A number, zero where the column is empty or was not told."""
    return amount(row, name) or Decimal(0)


def integer(row: Mapping[str, Any], name: str) -> int:
    """A whole number, zero where the column is empty. Row versions may exceed 2^53: they stay exact."""
    return int(number(row, name))


def is_set(row: Mapping[str, Any], name: str) -> bool:
    """True for a set check box."""
    return row.get(name) in (True, "true", "True")


def day(row: Mapping[str, Any], name: str) -> date | None:
    """A calendar date: the first ten characters, whatever time and offset stand behind them (Epicor dossier 5.2)."""
    try:
        return date.fromisoformat(text(row, name)[:_DATE_LENGTH])
    except ValueError:
        return None


def local_time(row: Mapping[str, Any], name: str) -> datetime | None:
    """A stamp of the server's own clock, without a zone (Epicor dossier 7.3); None where there is none."""
    try:
        return datetime.fromisoformat(text(row, name)).replace(tzinfo=None)
    except ValueError:
        return None


def wire_date(when: date) -> str:
    """A date as methods take it: `2025-01-31T00:00:00`."""
    return f"{when.isoformat()}T00:00:00"


def account_of(row: Mapping[str, Any]) -> str:
    """The stored form of an account: sets call the column `GLAccount1`, other rows `GLAccount` (dossier 8.1)."""
    return text(row, "GLAccount1") or text(row, "GLAccount")
