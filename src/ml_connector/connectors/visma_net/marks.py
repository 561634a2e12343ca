"""High-water marks of lists that are stamped by the server's own time (Visma dossier 4.2, 6.3).

Its zone is not told, so the mark is the greatest stamp that the server gave, never our clock, and the next read
begins two hours before it. It meets rows that are known: the mark carries a digest of each, and what comes again
unchanged is passed over. A row is known by its content, since two changes may bear the same stamp.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from ml_connector.connectors.visma_net.errors import unexpected
from ml_connector.connectors.visma_net.paging import digest_of
from ml_connector.connectors.visma_net.values import Row, moment

OVERLAP: Final = timedelta(hours=2)
MOST_REMEMBERED: Final = 2_000
"""Rows a mark remembers at most; others come again, which costs a comparison and no more."""
STAMP: Final = "lastModifiedDateTime"
_KEPT: Final = 12
"""Signs of a digest that a mark keeps: it is compared with those of one flow's last two hours alone."""
_NO_STAMP: Final = datetime.min  # noqa: DTZ901 - the server tells no zone


class Progress:
    """How far the lists of one flow have been read. They share the server's time."""

    def __init__(self, since: str | None) -> None:
        stamp, _, seen = (since or "").partition(" ")
        self._newest = moment(stamp)
        if stamp and self._newest is None:
            raise unexpected(f"the mark {since!r} is no time")
        self._begin = None if self._newest is None else _begin_before(self._newest)
        self._seen = frozenset(seen.split(".")) if seen else frozenset[str]()
        self._recent: dict[str, datetime | None] = {}

    @property
    def filter(self) -> dict[str, str]:
        """What the read has to ask for; empty where it begins from nothing. Neither Z nor offset: dossier 6.3."""
        if self._begin is None:
            return {}
        return {STAMP: self._begin.isoformat(timespec="milliseconds"), f"{STAMP}Condition": ">="}

    def satisfies(self, row: Row) -> bool:
        """False for a row that the filter should have left out."""
        stamp = moment(row.get(STAMP))
        if self._begin is None or stamp is None:
            return True
        return stamp >= self._begin

    def fresh(self, rows: Iterable[Row], *, of: str) -> list[Row]:
        """The rows of list `of` that the mark does not remember as they are, oldest first."""
        found = [row for row in rows if not self._is_known(row, of)]
        return sorted(found, key=lambda row: moment(row.get(STAMP)) or _NO_STAMP)

    def _is_known(self, row: Row, of: str) -> bool:
        stamp = moment(row.get(STAMP))
        if stamp is not None and (self._newest is None or stamp > self._newest):
            self._newest = stamp
        digest = digest_of(row, of=of)[:_KEPT]
        if stamp is None or self._newest is None or stamp >= _begin_before(self._newest):
            self._recent[digest] = stamp
        return digest in self._seen

    def mark(self) -> str | None:
        """The mark once all rows are stored; None where no row had a stamp yet."""
        if self._newest is None:
            return None
        begin = _begin_before(self._newest)
        recent = sorted(digest for digest, stamp in self._recent.items() if stamp is None or stamp >= begin)
        return f"{self._newest.isoformat()} {'.'.join(recent[:MOST_REMEMBERED])}".rstrip()


def _begin_before(newest: datetime) -> datetime:
    """Where the read after this mark begins, in whole milliseconds as filters are."""
    begin = newest - OVERLAP
    return begin.replace(microsecond=begin.microsecond // 1000 * 1000)
