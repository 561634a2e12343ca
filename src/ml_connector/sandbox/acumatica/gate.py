"""The licence's limits: requests a minute and at a time (Acumatica dossier 2.4)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from ml_connector.sandbox.acumatica.errors import RawRefusal, Refusal, failed
from ml_connector.sandbox.clock import Clock

_MINUTE = 60.0


@dataclass(slots=True)
class Gate:
    """Delays silently from half of the limit on; declines only when the queue is long."""

    clock: Clock
    per_minute: int = 0
    """0 for no limit."""
    concurrent: int = 0
    queue: int = 20
    query: int = 0
    """Longest query string that the web server takes; 0 for no limit (UNCONFIRMED, depends on the set-up of IIS)."""
    plain_text: bool = False
    declined: int = 0
    delayed: int = 0
    _times: deque[datetime] = field(default_factory=deque)
    _active: int = 0
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    @asynccontextmanager
    async def passing(self) -> AsyncGenerator[None]:
        """Lets one request in; raises Refusal or RawRefusal (429) where too many wait."""
        if self.concurrent and self._active >= self.concurrent:
            await self._queue()
        self._active += 1
        try:
            if (seconds := self._delay()) > 0:
                self.delayed += 1
                await asyncio.sleep(seconds)
            yield
        finally:
            self._active -= 1
            while self._waiting and (next_one := self._waiting.popleft()):
                if not next_one.done():
                    next_one.set_result(None)
                    break

    async def _queue(self) -> None:
        if len(self._waiting) >= self.queue:
            self.declined += 1
            text = "The number of concurrent API requests exceeds the license limit."
            raise RawRefusal(429, text, "text/plain") if self.plain_text else _declined(text)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _delay(self) -> float:
        """The guide's formula; beyond the limit, until the oldest request is a minute old."""
        if not self.per_minute:
            return 0.0
        now = self.clock.now()
        while self._times and (now - self._times[0]).total_seconds() >= _MINUTE:
            self._times.popleft()
        done = len(self._times)
        self._times.append(now)
        if done < self.per_minute / 2 or not done:
            return 0.0
        left = _MINUTE - (now - self._times[0]).total_seconds()
        return left / max(self.per_minute - done, 1)


def _declined(text: str) -> Refusal:
    return failed(text, status=429)
