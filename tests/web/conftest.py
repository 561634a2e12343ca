"""The product served over a fresh database, with a connection to systems that need not answer."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from ml_connector.engine.process import Process
from ml_connector.operations.configuration import parse_configuration
from ml_connector.operations.setting_up import apply_configuration, initialise
from ml_connector.operations.tokens import Role, create_token
from ml_connector.store.settings import Settings
from ml_connector.web.server import Server

WEBHOOK_TOKEN = "webhook-token-0123456789abcdef"
FILE = """\
connections:
  acme-bc:
    company: "1000"
    basware:
      base_url: http://127.0.0.1:9
      client_id: acme
      client_secret: basware-secret
      webhook_token: ${env:TOKEN}
    erp:
      system: business-central
      base_url: http://127.0.0.1:9
      token_url: http://127.0.0.1:9/token
      tenant_id: 11111111-2222-3333-4444-555555555555
      environment: Production
      company_id: 6e3f1c1a-7d0b-4c5e-9a51-0f7a2f9b1001
      client_id: bc-client
      client_secret: bc-secret
    flows:
      vendors: {enabled: false}
"""


@dataclass
class Answered:
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Served:
    """The product while it answers."""

    process: Process
    address: str
    operator: str
    viewer: str
    session: aiohttp.ClientSession

    async def call(self, method: str, path: str, *, token: str | None = None, **more: Any) -> Answered:
        """One call; `token` as bearer."""
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        async with self.session.request(method, self.address + path, headers=headers, **more) as answer:
            return Answered(answer.status, answer.headers.copy(), await answer.text())

    async def notify(self, body: bytes, *, token: str = WEBHOOK_TOKEN, path: str = "/webhooks/basware/acme-bc",
                     **headers: str) -> Answered:  # fmt: skip
        """A notification, signed as the payables system does."""
        signature = hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
        return await self.call("POST", path, data=body, headers={"X-BWAPI-Signature-256": signature, **headers})

    async def notifications(self) -> list[str]:
        """Task ids of those that were kept."""
        rows = await self.process.database.fetch("SELECT task_id FROM notification ORDER BY task_id")
        return [row["task_id"] for row in rows]

    async def jobs(self) -> int:
        """How much work waits."""
        row = await self.process.database.fetch_one("SELECT count(*) AS n FROM procrastinate_jobs")
        return row["n"] if row else 0


@pytest.fixture
async def process(database_url: str, tmp_path: Path) -> AsyncGenerator[Process]:
    """A process over a fresh database with one connection."""
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    settings = Settings(home=tmp_path, database_url=SecretStr(database_url), key=SecretStr(key), public_url=None)
    await initialise(settings)
    opened = await Process.open(settings, pool_size=5)
    configuration = parse_configuration(FILE, file="c.yaml", folder=tmp_path, environment={"TOKEN": WEBHOOK_TOKEN})
    await apply_configuration(opened, configuration, actor="test", dry_run=False)
    # Nothing is due by itself: what the tests see is what they asked for.
    await opened.database.execute("UPDATE schedule SET next_due = NULL")
    await opened.database.execute("UPDATE connection SET next_due = NULL")
    yield opened
    await opened.close()


@pytest.fixture
async def served(process: Process) -> AsyncGenerator[Served]:
    """The web side of the process, without its workers: what comes in stays to be looked at."""
    made = [
        await create_token(process.database, role, role=Role(role), now=process.clock())
        for role in ("operator", "viewer")
    ]
    stop, ready = asyncio.Event(), asyncio.Event()

    async def no_work(until: asyncio.Event) -> None:
        await until.wait()

    process.run_workers = no_work  # type: ignore[method-assign]
    server = Server(process, host="127.0.0.1", port=0)
    running = asyncio.create_task(server.run(stop, ready.set))
    await ready.wait()
    async with aiohttp.ClientSession() as session:
        yield Served(process, server.address, made[0].secret, made[1].secret, session)
    stop.set()
    await running
