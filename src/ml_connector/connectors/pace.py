"""How often calls may begin."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

_LEAST_WAIT: Final = 0.001


class Pace:
    """Lets at most `calls` begin within any `per_seconds`: all at once if they come so, and never one more.

    Exact where a leaky bucket is not: it keeps the time of each of the last `calls` calls.
    """

    def __init__(self, calls: int, per_seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_seconds = per_seconds
        self._clock = clock
        self._begun: deque[float] = deque(maxlen=max(1, calls))
        self._turn = asyncio.Lock()

    async def wait(self) -> None:
        """Returns when the next call may begin, and counts it. First come, first served."""
        if not self._turn.locked() and self._has_room():
            self._begun.append(self._clock())
            return
        async with self._turn:
            while not self._has_room():
                left = self._begun[0] + self._per_seconds - self._clock()
                await asyncio.sleep(max(left, _LEAST_WAIT))
            self._begun.append(self._clock())

    def _has_room(self) -> bool:
        # Full: the oldest that is kept is the one that must have left the window.
        return len(self._begun) < (self._begun.maxlen or 1) or self._clock() - self._begun[0] >= self._per_seconds
