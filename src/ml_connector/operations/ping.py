"""The connection test: both real systems, step by step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from ml_connector.connectors.base import PingStep
from ml_connector.connectors.errors import ConnectorError
from ml_connector.engine.process import Process
from ml_connector.operations.finding import require_connection
from ml_connector.records.reason import explain


@dataclass(frozen=True, slots=True)
class Pinged:
    """One step of one side."""

    side: str
    """The side's name for people."""
    step: PingStep

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        step = self.step
        return {
            "side": self.side, "step": step.name, "ok": step.ok, "detail": step.detail,
            "seconds": round(step.seconds, 3), "advice": step.advice,
        }  # fmt: skip


async def ping(process: Process, connection: str) -> AsyncIterator[Pinged]:
    """All that is spoken to at once, each step as it is done. Raises `UnknownConnection`."""
    await require_connection(process.database, connection)
    sides = await process.open_sides(connection)
    steps: asyncio.Queue[Pinged | None] = asyncio.Queue()

    async def test(name: str, found: AsyncIterator[PingStep]) -> None:
        try:
            async for step in found:
                steps.put_nowait(Pinged(name, step))
        except ConnectorError as error:
            steps.put_nowait(Pinged(name, _failed(error)))
        finally:
            steps.put_nowait(None)

    tests = [asyncio.create_task(test(side.name, side.ping())) for side in (sides.payables, sides.erp)]
    if sides.inbound is not None:
        name = f"{sides.payables.name}, invoices in"
        tests.append(asyncio.create_task(test(name, sides.inbound.ping())))
    try:
        running = len(tests)
        while running:
            step = await steps.get()
            if step is None:
                running -= 1
            else:
                yield step
        await asyncio.gather(*tests)
    finally:
        for each in tests:
            each.cancel()
        await sides.close()


def _failed(error: ConnectorError) -> PingStep:
    return PingStep("test", ok=False, detail=str(error), seconds=0.0, advice=explain(error.reason).engineer)
