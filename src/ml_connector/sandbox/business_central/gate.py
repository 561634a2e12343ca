"""The operational limits of one user, an application being one (BC dossier 7)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ml_connector.sandbox.business_central.errors import Refused
from ml_connector.sandbox.clock import Clock

WINDOW = timedelta(minutes=5)


@dataclass(slots=True)
class Gate:
    """Lets requests in: so many at once, so many waiting, so many in five minutes."""

    clock: Clock
    requests_per_5_minutes: int | None = None
    """None for no limit, 6000 online. Off by default: a bench is no tenant."""
    concurrent: int = 5
    queue: int = 95
    retry_after: int | None = None
    """Seconds named in Retry-After of a 429; None for a 429 without it (dossier U4)."""
    latency: float = 0.0
    """Seconds every request takes."""
    _seen: deque[datetime] = field(default_factory=deque)
    _inside: int = 0
    _waiting: int = 0
    _freed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @asynccontextmanager
    async def enter(self) -> AsyncGenerator[None]:
        """Waits for a free place; raises Refused when there are too many."""
        self._count()
        if self._inside >= self.concurrent:
            await self._wait()
        self._inside += 1
        try:
            if self.latency:
                await asyncio.sleep(self.latency)
            yield
        finally:
            self._inside -= 1
            if self._waiting:
                async with self._freed:
                    self._freed.notify()

    async def _wait(self) -> None:
        if self._waiting >= self.queue:
            raise self._too_many(self._inside + self._waiting + 1, self.concurrent + self.queue)
        self._waiting += 1
        try:
            async with self._freed:
                await self._freed.wait_for(lambda: self._inside < self.concurrent)
        finally:
            self._waiting -= 1

    def _count(self) -> None:
        if self.requests_per_5_minutes is None:
            return
        now = self.clock.now()
        while self._seen and self._seen[0] <= now - WINDOW:
            self._seen.popleft()
        if len(self._seen) >= self.requests_per_5_minutes:
            raise self._too_many(len(self._seen) + 1, self.requests_per_5_minutes)
        self._seen.append(now)

    def _too_many(self, actual: int, maximum: int) -> Refused:
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        text = f"Too many requests reached. Actual ({actual}). Maximum ({maximum})."
        return Refused(429, "Application_TooManyRequests", text, headers=headers)
