"""Rows as they come off the wire in JSON: what is read of them, told or not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

Row = dict[str, Any]
"""A row by the names of its members; numbers with a point are Decimal."""

_DATE_LENGTH: Final = 10


def text(row: Mapping[str, Any], name: str) -> str:
    """A member as text without blanks around it, empty for none."""
    value = row.get(name)
    return "" if value is None else str(value).strip()


def amount(row: Mapping[str, Any], name: str) -> Decimal | None:
    """A number, also one that is written as text; None where it is empty: that means unknown, not zero."""
    value = row.get(name)
    if value is None or isinstance(value, bool):
        return None
    try:
        return Decimal(str(value))
    except ArithmeticError:
        return None


def number(row: Mapping[str, Any], name: str) -> Decimal:
    """A number, zero where it is empty."""
    return amount(row, name) or Decimal(0)


def integer(row: Mapping[str, Any], name: str) -> int:
    """A whole number, zero where it is empty; one beyond 2^53 stays exact."""
    return int(number(row, name))


def is_set(row: Mapping[str, Any], name: str) -> bool:
    """True for a set check box."""
    return row.get(name) in (True, "true", "True")


def day(row: Mapping[str, Any], name: str) -> date | None:
    """A calendar date: the first ten characters, whatever time and offset stand behind them; None for none."""
    try:
        return date.fromisoformat(text(row, name)[:_DATE_LENGTH])
    except ValueError:
        return None


def part(row: Mapping[str, Any], name: str) -> Row:
    """A member that is a row, empty where it is left out."""
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def parts(row: Mapping[str, Any], name: str) -> list[Row]:
    """A member that is a list of rows, empty where it is left out."""
    value = row.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
