"""High-water marks of sets that are stamped by the day (SAP dossier 8.2).

A day is coarse, so the read after a mark begins a day early and meets much again. The mark therefore carries a
digest of each row of those last days: what comes again unchanged is passed over. A row is known by its content,
since two changes within a minute bear the same stamps.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from hashlib import blake2b
from typing import Any, Final

from ml_connector.connectors.sap_business_one.documents import day_of
from ml_connector.connectors.sap_business_one.errors import unexpected

Row = Mapping[str, Any]

OVERLAP: Final = timedelta(days=1)
MOST_REMEMBERED: Final = 2_000
"""Rows a mark remembers at most; others come again, which costs a comparison and no more."""


class Progress:
    """How far a read has come. `stamps` are the properties that hold a row's days of change."""

    def __init__(self, since: str | None, *stamps: str) -> None:
        day, _, seen = (since or "").partition(" ")
        self._stamps = stamps
        self._seen = frozenset(seen.split(".")) if seen else frozenset[str]()
        self._recent: dict[str, date] = {}
        try:
            self._day = date.fromisoformat(day) if day else None
        except ValueError as odd:
            raise unexpected(f"the mark {since!r} is no day") from odd
        self._since = self._day

    @property
    def filter(self) -> str:
        """What the read has to ask for; empty where it begins from nothing."""
        return self._changed_since(self._since)

    @property
    def window(self) -> str:
        """What changed on the last days that were met so far: the next read will meet it again."""
        return self._changed_since(self._day)

    def reach(self, rows: Iterable[Row]) -> None:
        """Takes note of the days of rows that are looked at for nothing else."""
        days = [day for row in rows if (day := self._day_of(row))]
        self._day = max([*days, self._day] if self._day else days, default=None)

    def _changed_since(self, day: date | None) -> str:
        if day is None:
            return ""
        asked = " or ".join(f"{name} ge '{(day - OVERLAP).isoformat()}'" for name in self._stamps)
        return f"({asked})" if len(self._stamps) > 1 else asked

    def _day_of(self, row: Row) -> date | None:
        return max((found for name in self._stamps if (found := day_of(row.get(name)))), default=None)

    def fresh(self, rows: Iterable[dict[str, Any]], *, of: str) -> list[dict[str, Any]]:
        """The rows of set `of` that the mark does not remember as they are."""
        return [row for row in rows if not self._is_known(row, of)]

    def _is_known(self, row: Row, of: str) -> bool:
        day = self._day_of(row)
        if day is None:
            return False
        self._day = day if self._day is None else max(day, self._day)
        is_recent = day >= self._day - OVERLAP
        if not is_recent and not self._seen:
            return False  # the first read meets many rows that no mark will have to remember
        digest = _digest(row, of)
        if is_recent:
            self._recent[digest] = day
        return digest in self._seen

    def mark(self) -> str | None:
        """The mark once all rows are stored; None where no row had a stamp yet."""
        if self._day is None:
            return None
        begin = self._day - OVERLAP
        recent = sorted(digest for digest, day in self._recent.items() if day >= begin)[:MOST_REMEMBERED]
        return f"{self._day.isoformat()} {'.'.join(recent)}".rstrip()


def _digest(row: Row, of: str) -> str:
    content = {name: value for name, value in row.items() if "odata." not in name}  # annotations are no content
    return blake2b(json.dumps([of, content], default=str, sort_keys=True).encode(), digest_size=6).hexdigest()
