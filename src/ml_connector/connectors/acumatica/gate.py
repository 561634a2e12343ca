"""Who may call a form while an action runs on it (Acumatica dossier 2.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Gate:
    """Lets calls on one form pass together, and an action on it alone.

    While an action runs, other requests on its form in the same session fail (Acumatica dossier 2.3).
    """

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._passing = 0
        self._waiting = 0
        self._closed = False

    @asynccontextmanager
    async def shared(self) -> AsyncGenerator[None]:
        """Among other calls."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed and not self._waiting)
            self._passing += 1
        try:
            yield
        finally:
            async with self._changed:
                self._passing -= 1
                self._changed.notify_all()

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None]:
        """Without any other call."""
        async with self._changed:
            self._waiting += 1
            try:
                await self._changed.wait_for(lambda: not self._closed and not self._passing)
                self._closed = True
            finally:
                self._waiting -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            async with self._changed:
                self._closed = False
                self._changed.notify_all()
