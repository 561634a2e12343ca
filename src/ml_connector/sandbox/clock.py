"""The sandbox's own time, which tests can move."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class Clock:
    """Real time plus whatever it was moved by."""

    offset: timedelta = timedelta()

    def now(self) -> datetime:
        """The time in UTC, whole to the microsecond."""
        return datetime.now(UTC) + self.offset

    def move(self, by: timedelta) -> None:
        """Lets `by` pass at once."""
        self.offset += by
