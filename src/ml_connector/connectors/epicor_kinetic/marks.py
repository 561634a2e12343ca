"""High-water marks: row versions where rows have nothing else, days of change elsewhere (Epicor dossier 7).

A row that was committed late may bear an earlier version or stamp than one that was read before. So each read begins
some way before the mark, and the mark remembers the versions of the rows in that stretch: they are not told twice.
A version is given once in the whole database, so that it says which row it was, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from ml_connector.connectors.epicor_kinetic.contract import REVISION
from ml_connector.connectors.epicor_kinetic.errors import unexpected
from ml_connector.connectors.epicor_kinetic.manifest import PAGE_SIZE
from ml_connector.connectors.epicor_kinetic.values import local_time
from ml_connector.connectors.rows import Row, integer

MARGIN: Final = 1_000
"""Versions before the mark that are read again (Epicor dossier 7.2)."""
OVERLAP: Final = timedelta(hours=24)
"""How long before the mark a read by day of change begins (Epicor dossier 7.3)."""
MOST_REMEMBERED: Final = 2_000
"""Rows a mark remembers at most; others come again, which costs a comparison and no more."""
_CHANGED: Final = "ChangeDate"


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a flow, by what was read, and the day of the read."""

    parts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    day: date | None = None

    @classmethod
    def of(cls, text: str | None) -> Marks:
        """From a mark of an earlier page. Raises Refused (unexpected answer) where it is none."""
        if text is None:
            return cls()
        try:
            body = json.loads(text)
            told = body.pop("day", None)
            return cls(
                {str(name): dict(part) for name, part in body.items()}, date.fromisoformat(told) if told else None
            )
        except (ValueError, TypeError, AttributeError) as odd:
            raise unexpected(f"the mark {text[:80]!r} is none") from odd

    def has(self, *names: str) -> bool:
        """True where there is a mark for each of these."""
        return all(name in self.parts for name in names)


def written(*progresses: Revisions | Stamps, day: date | None = None) -> str | None:
    """The mark once all rows are stored; None where nothing was ever met."""
    parts = {each.name: part for each in progresses if (part := each.part()) is not None}
    if not parts:
        return None
    told = {"day": day.isoformat()} if day is not None else {}
    return json.dumps({**parts, **told}, separators=(",", ":"))


class Revisions:
    """How far a read by row version has come."""

    def __init__(self, name: str, marks: Marks) -> None:
        part = marks.parts.get(name, {})
        self.name = name
        self._before = int(part["at"]) if "at" in part else None
        self._known = _shifted(part.get("seen"), self._before or 0)
        self._reached = 0
        self._met: set[int] = set()

    @property
    def after(self) -> int:
        """The version above which rows are to be read."""
        return 0 if self._before is None else max(self._before - MARGIN, 0)

    @property
    def at(self) -> int:
        """The version that the mark stands at, zero where there is none."""
        return self._before or 0

    @property
    def is_dense(self) -> bool:
        """True where what is read again would fill more than a page: versions alone are looked at first then."""
        return len(self._known) > PAGE_SIZE

    def skip(self) -> None:
        """Nothing is read this time: the mark stays as it was."""
        self._reached, self._met = self.at, set(self._known)

    def unknown(self, versions: Iterable[int]) -> list[int]:
        """The versions that the mark does not remember."""
        return [each for each in versions if not self._is_known(each)]

    @property
    def is_behind(self) -> bool:
        """True where the newest row is older than the mark: the database was restored or moved (dossier 7.2, rule 7).

        To be asked once all rows were read. That the marked row was deleted looks the same, and costs a whole read.
        """
        return self._before is not None and self._reached < self._before

    def fresh(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that the mark does not remember as they are."""
        return [row for row in rows if not self._is_known(integer(row, REVISION))]

    def _is_known(self, version: int) -> bool:
        self._reached = max(self._reached, version)
        self._met.add(version)
        return version in self._known

    def part(self) -> dict[str, Any] | None:
        """What the next read has to know."""
        if not self._reached:
            return None
        recent = sorted((each for each in self._met if each > self._reached - MARGIN), reverse=True)[:MOST_REMEMBERED]
        return {"at": self._reached, "seen": [self._reached - each for each in recent]}


class Stamps:
    """How far a read by day of change has come: the server's own time, without a zone (Epicor dossier 7.3)."""

    def __init__(self, name: str, marks: Marks) -> None:
        part = marks.parts.get(name, {})
        self.name = name
        try:
            self._before = datetime.fromisoformat(part["at"]) if "at" in part else None
        except (TypeError, ValueError) as odd:
            raise unexpected(f"the mark of {name} is no time") from odd
        self._known = frozenset(int(each) for each in part.get("seen", ()))
        self._reached = self._before
        self._met: dict[int, datetime] = {}

    @property
    def since(self) -> datetime | None:
        """The time from which rows are to be read, None for all."""
        return None if self._before is None else self._before - OVERLAP

    def fresh(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that the mark does not remember as they are."""
        return [row for row in rows if not self._is_known(row)]

    def reach(self, row: Row | None) -> None:
        """Takes note of the time of a row that is looked at for nothing else."""
        stamp = local_time(row, _CHANGED) if row is not None else None
        if stamp is not None:
            self._reached = stamp if self._reached is None else max(stamp, self._reached)

    def _is_known(self, row: Row) -> bool:
        stamp, version = local_time(row, _CHANGED), integer(row, REVISION)
        if stamp is None:
            return False
        self._reached = stamp if self._reached is None else max(stamp, self._reached)
        self._met[version] = stamp
        return version in self._known

    def part(self) -> dict[str, Any] | None:
        """What the next read has to know."""
        if self._reached is None:
            return None
        begin = self._reached - OVERLAP
        recent = sorted((version for version, stamp in self._met.items() if stamp >= begin), reverse=True)
        return {"at": self._reached.isoformat(), "seen": recent[:MOST_REMEMBERED]}


def _shifted(offsets: Any, at: int) -> frozenset[int]:
    return frozenset(at - int(each) for each in offsets) if isinstance(offsets, list) else frozenset()
