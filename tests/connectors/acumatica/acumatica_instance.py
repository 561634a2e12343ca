"""A simulated instance of Acumatica behind a socket, for tests of what is read from it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

from ml_connector.connectors.acumatica import session
from ml_connector.connectors.acumatica.client import Acumatica
from ml_connector.connectors.acumatica.reading import Reader
from ml_connector.connectors.side import MappingRules, Side
from ml_connector.records.flow import Flow
from ml_connector.records.master_data import MasterRecord
from ml_connector.sandbox.acumatica.app import Acumatica as Simulated
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import found

TODAY = datetime.now(UTC).date()
CLIENT_ID = "8e0761d9-f4ec-2d4b-a60f-bce2708c6fdd@Acme3000"
SECRETS = {"password": "acumatica-secret", "client_secret": "acumatica-client-secret"}
DIMENSIONS = ("Subaccount", "Subaccount.1", "subaccount.2", "Project", "ProjectTask")


@dataclass
class Instance:
    """The client, what it talks to, and the hands of the people around it."""

    base: str
    http: aiohttp.ClientSession
    client: Acumatica
    reader: Reader

    def side(self, *, secrets: dict[str, str] | None = None, **values: Any) -> Side:
        settings = {
            "base_url": f"{self.base}/acme", "tenant": "Acme3000", "client_id": CLIENT_ID, "username": "basware",
            "requests_per_minute": "100000", "terms_endpoint": "MLConnector/1.0", **values,
        }  # fmt: skip
        return Side("acme", "3000", settings, {**SECRETS, **(secrets or {})}, MappingRules())

    def open(self, **values: Any) -> Acumatica:
        """Another process with its own memory, or other settings."""
        return Acumatica(self.side(**values))

    async def hook(self, name: str, **body: Any) -> Any:
        async with self.http.post(f"{self.base}/_sandbox/{name}", json=body) as reply:
            assert reply.status < 300, await reply.text()
            return await reply.json()

    async def read(self, flow: Flow, since: str | None = None) -> tuple[dict[str, MasterRecord], str | None, int]:
        """The records by key, the mark, and how many calls it took."""
        before, records, mark = self.client.http.calls, dict[str, MasterRecord](), None
        async for page in self.reader.read(flow, since=since):
            records |= {record.key: record for record in page.records}
            mark = page.mark or mark
        return records, mark, self.client.http.calls - before

    async def keys(self, flow: Flow) -> list[str]:
        return [key async for keys in self.reader.keys(flow) for key in keys]


@asynccontextmanager
async def running(*, vendors: int = 40, dimensions: tuple[str, ...] = DIMENSIONS) -> AsyncIterator[Instance]:
    """An instance with one tenant, on a port of its own."""
    session._refused.clear()  # pyright: ignore[reportPrivateUsage]
    company = found("3000", today=TODAY, vendors=vendors)
    simulated = Simulated(clock=Clock(), companies=[company])
    (app,) = simulated.applications()
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession() as http:
        instance = Instance(f"http://{host}:{port}", http, None, None)  # type: ignore[arg-type]
        instance.client = instance.open()
        instance.reader = Reader(instance.client, dimensions=dimensions, today=lambda: TODAY)
        try:
            yield instance
        finally:
            await instance.client.close()
            await runner.cleanup()
