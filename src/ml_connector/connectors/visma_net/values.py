"""Values as Visma.net writes them: plain on read, left out where there are none (Visma dossier 4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

Row = Mapping[str, Any]


def text(row: Row, name: str) -> str:
    """A member as text, empty where it is left out."""
    value = row.get(name)
    return "" if value is None else str(value).strip()


def part(row: Row, name: str) -> Row:
    """A member that is an object, empty where it is left out."""
    value = row.get(name)
    return value if isinstance(value, dict) else {}


def parts(row: Row, name: str) -> list[Row]:
    """A member that is a list of objects."""
    value = row.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def is_set(row: Row, name: str, *, default: bool = False) -> bool:
    """A member that says yes or no."""
    value = row.get(name)
    return value if isinstance(value, bool) else default


def amount(row: Row, name: str) -> Decimal | None:
    """A number, also one that is written as text; None where it is left out."""
    value = row.get(name)
    if value is None or isinstance(value, bool):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def number(row: Row, name: str) -> Decimal:
    """A number, zero where it is left out."""
    found = amount(row, name)
    return Decimal(0) if found is None else found


def moment(value: Any) -> datetime | None:
    """A time of the server, whose zone it does not tell: comparable with its others only (Visma dossier 4.2).

    Fractions have up to seven digits, or are left out; some come as a date alone or with an offset.
    """
    try:
        found = datetime.fromisoformat(str(value).strip()) if value else None
    except ValueError:
        return None
    return None if found is None else found.replace(tzinfo=None)


def day(row: Row, name: str) -> date | None:
    """A date, which comes as a midnight; None where it is left out."""
    found = moment(row.get(name))
    return None if found is None else found.date()
