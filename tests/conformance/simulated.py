"""A simulated ERP behind a socket: what the benches of all of them have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import aiohttp
from aiohttp import web

from conformance.bench import Call, Harm, Site
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import TradingCompany


class HeldClock(Clock):
    """The sandbox's time, which can also stand still."""

    held: datetime | None = None

    def now(self) -> datetime:
        return self.held or Clock.now(self)


@dataclass
class Simulated:
    """The control pages, and what the switchboard of every simulated system can do."""

    base: str
    company: TradingCompany
    clock: HeldClock
    session: aiohttp.ClientSession

    def signs_in(self, path: str) -> bool:
        """True for the call at which a session begins or ends."""
        raise NotImplementedError

    def writes(self, method: str, path: str) -> bool:
        """True for a call that changes something."""
        return method != "GET" and not self.signs_in(path)

    async def calls(self) -> Sequence[Call]:
        return [
            Call(
                method=call["method"],
                path=call["path"],
                status=call["status"],
                is_sign_in=self.signs_in(call["path"]),
                writes=self.writes(call["method"], call["path"]),
            )
            for call in (await self.show("calls"))["calls"]
        ]

    async def forget_calls(self) -> None:
        await self._delete("calls")

    async def strike(self, harm: Harm, site: Site) -> None:
        await self.hook("faults", path=site.path, method=site.method, skip=site.skip, **asdict(harm))

    async def mend(self) -> None:
        await self._delete("faults")

    async def pass_time(self, seconds: float) -> None:
        await self.hook("clock", seconds=seconds)

    def hold_time(self) -> None:
        self.clock.held = self.clock.now()

    # ------------------------------------------------------------------ control pages

    async def hook(self, page: str, **body: Any) -> Any:
        """Does what a control page does."""
        async with self.session.post(f"{self.base}/_sandbox/{page}", json=body) as reply:
            assert reply.status < 300, await reply.text()
            return await reply.json()

    async def show(self, page: str) -> Any:
        """What a control page shows."""
        async with self.session.get(f"{self.base}/_sandbox/{page}") as reply:
            assert reply.status < 300, await reply.text()
            return await reply.json()

    async def _delete(self, page: str) -> None:
        async with self.session.delete(f"{self.base}/_sandbox/{page}"):
            pass


@asynccontextmanager
async def served(application: web.Application) -> AsyncIterator[tuple[str, aiohttp.ClientSession]]:
    """Serves a simulated system on a free port: its address, and a session for its control pages."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", session
    await runner.cleanup()
