"""What is read from rows as they come off the wire (Epicor dossier 5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from ml_connector.connectors.rows import text


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
