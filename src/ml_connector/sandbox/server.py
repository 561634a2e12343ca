"""Serves the simulated systems, each on its own port; every ERP has a trading company of its own, Basware has all."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from dataclasses import replace
from datetime import date
from typing import Any, Protocol

from aiohttp import web

from ml_connector.sandbox import epicor_kinetic
from ml_connector.sandbox.acumatica import Acumatica
from ml_connector.sandbox.basware import Basware
from ml_connector.sandbox.business_central import BusinessCentral
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import found
from ml_connector.sandbox.sap_business_one import SapBusinessOne, as_invoiced
from ml_connector.sandbox.visma_net import VismaNet

_ACUMATICA = 10
_BUSINESS_CENTRAL = 20
_EPICOR_KINETIC = 30
_SAP_BUSINESS_ONE = 40
_VISMA_NET = 50


class System(Protocol):
    """One simulated system."""

    def applications(self) -> list[web.Application]:
        """What is served, on consecutive ports."""
        ...


class Running:
    """The systems while they are served."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self.addresses = addresses
        self._runners: list[web.AppRunner] = []

    async def serve(self, application: web.Application, host: str, port: int) -> None:
        """Serves one more application."""
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, host, port).start()

    async def close(self) -> None:
        """Stops serving."""
        for runner in reversed(self._runners):
            await runner.cleanup()
        self._runners = []


async def start(
    *,
    port_base: int = 9100,
    host: str = "127.0.0.1",
    today: date | None = None,
    import_delay: float = 2.0,
    token_seconds: int = 3600,
    seeded: bool = True,
) -> Running:
    """Serves every system from `port_base` on; returns once they answer.

    Company 1000 keeps its books in Business Central, 2000 in SAP Business One, 3000 in Acumatica, 4000 in Epicor
    Kinetic, 5000 in Visma.net: its invoices are there, and Basware has none of them yet. `seeded=False` founds them
    without invoices. Raises OSError where a port is taken.
    """
    clock = Clock()
    first = today or clock.now().date()
    acme, second, third, fourth, fifth = (
        found(code, today=first, invoices=None if seeded else 0) for code in ("1000", "2000", "3000", "4000", "5000")
    )
    systems: dict[str, tuple[int, System]] = {
        "basware": (
            port_base,
            Basware(
                clock=clock,
                companies=[
                    acme,
                    as_invoiced(second),
                    third,
                    epicor_kinetic.as_invoiced(fourth),
                    replace(fifth, invoices=(), already_posted=()),
                ],
                file_origin=f"http://{host}:{port_base + 1}",
                token_seconds=token_seconds,
                import_delay=import_delay,
            ),
        ),
        "acumatica": (
            port_base + _ACUMATICA,
            Acumatica(clock=clock, companies=[third], token_seconds=token_seconds),
        ),
        "business-central": (
            port_base + _BUSINESS_CENTRAL,
            BusinessCentral(clock=clock, companies=[acme], token_seconds=token_seconds),
        ),
        "epicor-kinetic": (
            port_base + _EPICOR_KINETIC,
            epicor_kinetic.EpicorKinetic(clock=clock, companies=[fourth], token_seconds=token_seconds),
        ),
        "sap-business-one": (
            port_base + _SAP_BUSINESS_ONE,
            SapBusinessOne(clock=clock, companies=[second]),
        ),
        "visma-net": (
            port_base + _VISMA_NET,
            VismaNet(clock=clock, companies=[fifth], token_seconds=token_seconds),
        ),
    }
    running = Running({name: f"http://{host}:{port}" for name, (port, _) in systems.items()})
    try:
        for port, system in systems.values():
            for offset, application in enumerate(system.applications()):
                await running.serve(application, host, port + offset)
    except BaseException:
        await running.close()
        raise
    return running


def run(
    *,
    port_base: int = 9100,
    host: str = "127.0.0.1",
    import_delay: float = 2.0,
    token_seconds: int = 3600,
    seeded: bool = True,
) -> None:
    """Serves until SIGINT or SIGTERM; prints the addresses once they answer."""
    _run(_until_told(port_base, host, import_delay=import_delay, token_seconds=token_seconds, seeded=seeded))


def _run(main: Coroutine[Any, Any, None]) -> None:
    if sys.platform == "win32":
        asyncio.run(main)
        return
    import uvloop

    uvloop.run(main)


async def _until_told(port_base: int, host: str, **options: Any) -> None:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    running = await start(port_base=port_base, host=host, **options)
    try:
        for name, address in running.addresses.items():
            print(f"{name:<18} {address}   (simulated; control pages: {address}/_sandbox/)", flush=True)
        await told.wait()
    finally:
        await running.close()
