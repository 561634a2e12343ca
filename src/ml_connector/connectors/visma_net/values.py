"""Values as Visma.net writes them: plain on read, left out where there are none (Visma dossier 4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

Row = Mapping[str, Any]


def is_set(row: Row, name: str, *, default: bool = False) -> bool:
    """A member that says yes or no."""
    value = row.get(name)
    return value if isinstance(value, bool) else default


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
