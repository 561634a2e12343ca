"""How many calls the current window still allows, as every answer tells it (Visma dossier 8.2).

The window is fixed: at its end the allowance jumps back. What is left is counted down here as calls begin, so
that the limit is not met by calls that are under way at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

_SAME_WINDOW: Final = 2.0
"""Seconds by which the told end of one window may differ: it is told in whole seconds."""


class Allowance:
    """What is left of the window of one company and client."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: int | None = None
        self._ends = 0.0
        self.limit: int | None = None
        self.policy = ""

    @property
    def left(self) -> int | None:
        """Calls that are left; None where nothing was told of this window."""
        return None if self._clock() >= self._ends else self._left

    def take(self) -> float:
        """Counts a call that is to begin and returns 0, or the seconds until one may begin again."""
        if self.left is None or self._left is None:
            return 0.0
        if self._left <= 0:
            return self._ends - self._clock()
        self._left -= 1
        return 0.0

    def learn(self, headers: Mapping[str, str]) -> None:
        """Takes note of an answer's headers; answers that overtook each other count the lower."""
        left, seconds = _whole(headers.get("X-RateLimit-Remaining")), _whole(headers.get("X-RateLimit-Reset"))
        self.limit = _whole(headers.get("X-RateLimit-Limit")) or self.limit
        self.policy = headers.get("X-RateLimit-Policy") or self.policy
        if left is None or seconds is None:
            return
        ends = self._clock() + seconds
        is_same = self.left is not None and abs(ends - self._ends) <= _SAME_WINDOW
        self._left = min(left, self._left or 0) if is_same else left
        self._ends = ends


def _whole(value: str | None) -> int | None:
    return int(value) if value is not None and value.strip().isdigit() else None
