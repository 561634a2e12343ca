"""A connection whose invoices go the other way: both simulated systems and the product in one process."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import SecretStr

from ml_connector.engine.process import Process
from ml_connector.operations.configuration import parse_configuration
from ml_connector.operations.runs import Options, RunState, choose_flows, follow, request
from ml_connector.operations.setting_up import apply_configuration, initialise
from ml_connector.sandbox.basware import Basware
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import found
from ml_connector.sandbox.visma_net import CLIENT_ID, CLIENT_SECRET, VismaNet, company_id, tenant_of
from ml_connector.store.settings import Settings

Fields = dict[str, Any]
CODE = "5000"
NAME = "acme-visma"
FILE = """\
connections:
  acme-visma:
    company: "5000"
    basware:
      base_url: {basware}
      network_url: {basware}
      client_id: acme
      client_secret: basware-secret
      network_username: acme-network
      network_password: network-secret
      buyer_name: Acme AS
      buyer_endpoint: "0192:900005000"
      buyer_reference: DEPT-310
      smartpdf_receiver: invoices-5000@smartpdf.example
      smartpdf_notify: ap@acme.example
    erp:
      system: visma-net
      base_url: {erp}
      token_url: {erp}/connect/token
      company_id: "{company}"
      tenant_id: {tenant}
      client_id: {client}
      client_secret: {secret}
      invoice_route: {route}
      write_back: {write_back}
      webhook_key: visma-webhook-key-0123456789
{more}"""


@dataclass
class World:
    """Both simulated systems and the product; time passes for all of them alike."""

    clock: Clock
    addresses: dict[str, str]
    process: Process
    session: aiohttp.ClientSession

    def file(self, *, route: str = "network", write_back: str = "none", more: str = "") -> str:
        return FILE.format(
            **self.addresses, company=company_id(CODE), tenant=tenant_of(CODE), client=CLIENT_ID,
            secret=CLIENT_SECRET, route=route, write_back=write_back, more=more,
        )  # fmt: skip

    async def apply(self, *, route: str = "network", write_back: str = "none", more: str = "") -> None:
        text = self.file(route=route, write_back=write_back, more=more)
        configuration = parse_configuration(text, file="c.yaml", folder=Path(), environment={})
        await apply_configuration(self.process, configuration, actor="test", dry_run=False)

    async def run(self, *flows: str, full: bool = False) -> dict[str, RunState]:
        """Runs flows as a person does, until they rest."""
        chosen = await choose_flows(self.process.database, NAME, flows)
        runs = await request(self.process, NAME, chosen, options=Options(full=full), actor="test")
        states = await follow(self.process, NAME, runs, lambda _: None)
        return {str(state.flow): state for state in states}

    @asynccontextmanager
    async def hurried(self) -> AsyncGenerator[None]:
        """Inside, whatever waits for a time of day waits a fortieth of it."""

        async def move() -> None:
            while True:
                await asyncio.sleep(0.05)
                self.clock.move(timedelta(seconds=2))

        moving = asyncio.create_task(move())
        try:
            yield
        finally:
            moving.cancel()

    async def erp(self, page: str, **asked: Any) -> Any:
        return await self._control("erp", page, {"company": CODE, **asked})

    async def basware(self, page: str, **asked: Any) -> Any:
        return await self._control("basware", page, {"company": CODE, **asked})

    async def fault(self, side: str, **what: Any) -> None:
        await self._control(side, "faults", what)

    async def mend(self) -> None:
        for side in ("erp", "basware"):
            async with self.session.delete(f"{self.addresses[side]}/_sandbox/faults") as answer:
                assert answer.status < 300

    async def read(self, side: str, page: str) -> Any:
        async with self.session.get(f"{self.addresses[side]}/_sandbox/{page}") as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def _control(self, side: str, page: str, asked: Fields) -> Any:
        async with self.session.post(f"{self.addresses[side]}/_sandbox/{page}", json=asked) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def entered(self) -> list[Fields]:
        """Everything that entered Basware."""
        return (await self.read("basware", f"inbound?company={CODE}"))["inbound"]

    async def bills(self) -> dict[str, Fields]:
        """The supplier invoices of Visma.net, by key."""
        return {each["key"]: each for each in (await self.read("erp", f"bills?company={CODE}"))["bills"]}

    async def documents(self) -> dict[str, Fields]:
        """The rows here, by document."""
        rows = await self.process.database.fetch("SELECT * FROM document ORDER BY document_id")
        return {row["document_id"]: row for row in rows}

    async def trail(self, record: str) -> list[Fields]:
        return await self.process.database.fetch(
            "SELECT flow, step, outcome, summary, detail FROM trail WHERE record = :r ORDER BY seq", r=record
        )


@asynccontextmanager
async def opened(
    database_url: str, home: Path, *, vendors: int = 20, orders: int = 10, invoices: int | None = 3
) -> AsyncGenerator[World]:
    """The world, with nothing applied yet."""
    clock = Clock()
    company = found(CODE, today=clock.now().date(), vendors=vendors, orders=orders, invoices=invoices)
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    addresses = [f"http://127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    unknown = replace(company, invoices=(), already_posted=())
    basware = Basware(clock=clock, companies=[unknown], file_origin=addresses[1], import_delay=0.0)
    erp = VismaNet(clock=clock, companies=[company])
    runners = await _served([*basware.applications(), *erp.applications()], sockets)
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    settings = Settings(home=home, database_url=SecretStr(database_url), key=SecretStr(key), public_url=None)
    await initialise(settings)
    process = await Process.open(settings, clock=clock.now, pool_size=5)
    try:
        async with aiohttp.ClientSession() as session:
            yield World(clock, {"basware": addresses[0], "erp": addresses[2]}, process, session)
    finally:
        await process.close()
        for runner in runners:
            await runner.cleanup()


async def _served(applications: Sequence[web.Application], sockets: Sequence[socket.socket]) -> list[web.AppRunner]:
    runners = [web.AppRunner(each, shutdown_timeout=1) for each in applications]
    for runner, bound in zip(runners, sockets, strict=True):
        await runner.setup()
        await web.SockSite(runner, bound).start()
    return runners


def now_of(world: World) -> datetime:
    return world.clock.now()
