"""The chart of accounts: its segments, and how an account is put together of them (Epicor dossier 13).

Segment 1 is the natural account, which is our account; the others are our dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.contract import CHARTS, SEGMENTS
from ml_connector.connectors.epicor_kinetic.errors import set_up, wrong_settings
from ml_connector.connectors.epicor_kinetic.values import Row, integer, is_set, text
from ml_connector.connectors.epicor_kinetic.where import eq
from ml_connector.connectors.remembered import Remembered

NATURAL: Final = 1
"""The segment of the natural account."""
AGE: Final = 300.0
SEPARATOR: Final = "|"
"""Between the segments of a stored account, whatever the chart's own separator is (Epicor dossier 9.5.3)."""
MOST_SEGMENTS: Final = 20


class Entry(StrEnum):
    """When a segment has to have a value (`EntryControl`)."""

    MANDATORY = "0"
    BY_ACCOUNT = "1"
    BY_MASK = "2"
    OPTIONAL = "3"


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a chart."""

    number: int
    name: str
    entry: Entry
    is_dynamic: bool
    """True where its values are no part of the stored accounts."""

    @property
    def key(self) -> str:
        """The dimension's name in our records: the number as text."""
        return str(self.number)


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of accounts."""

    code: str
    segments: tuple[Segment, ...]

    def segment(self, called: str) -> Segment | None:
        """The segment that a mapping rule means: by its number, or by its name in any case; None for none."""
        wanted = called.strip().casefold()
        return next((each for each in self.segments if wanted in (each.key, each.name.casefold())), None)

    def stored(self, values: Mapping[int, str]) -> str:
        """The stored form of an account, such as `5100|D010|A01`: the segments that are not dynamic, in the order of
        their numbers; empty ones at the end are dropped, others kept (Epicor dossier 13.3, UNCONFIRMED).
        """
        parts = [values.get(each.number, "") for each in self.segments if not each.is_dynamic]
        while parts and not parts[-1]:
            parts.pop()
        return SEPARATOR.join(parts)


class Charts:
    """Which chart is coded on: the one that is set, else the only one there is."""

    def __init__(self, client: Kinetic, *, code: str) -> None:
        self._client = client
        self._code = code
        self._chart = Remembered(self._load, age=AGE)

    async def get(self) -> Chart:
        """The chart. Raises Refused (address wrong) where it cannot be told which."""
        return await self._chart.get()

    @property
    def remembered(self) -> Remembered[Chart]:
        """What was read, to have it read anew."""
        return self._chart

    async def _load(self) -> Chart:
        rows = await self._client.rows(CHARTS, select=("Company", "COACode", "Description"))
        codes = sorted(text(row, "COACode") for row in rows)
        if self._code:
            found = next((each for each in codes if each.casefold() == self._code.casefold()), None)
            if found is None:
                raise wrong_settings(f"chart is {self._code!r}, and the company has {', '.join(codes) or 'none'}")
        elif len(codes) == 1:
            found = codes[0]
        else:
            raise wrong_settings(
                f"the company has {'several charts: set chart to one of ' + ', '.join(codes) if codes else 'no chart'}"
            )
        segments = await self._client.rows(
            SEGMENTS, where=eq("COACode", found),
            select=("Company", "COACode", "SegmentNbr", "SegmentName", "Dynamic", "EntryControl"),
        )  # fmt: skip
        if not segments:
            raise set_up(f"the chart {found} has no segments that may be read")
        return Chart(found, tuple(sorted((_segment(row) for row in segments), key=lambda each: each.number)))


def _segment(row: Row) -> Segment:
    told = text(row, "EntryControl")
    return Segment(
        number=integer(row, "SegmentNbr"),
        name=text(row, "SegmentName"),
        entry=Entry(told) if told in {each.value for each in Entry} else Entry.MANDATORY,
        is_dynamic=is_set(row, "Dynamic"),
    )
