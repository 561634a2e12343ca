"""Two companies of one tenant: one subscription, and each notification finds its connection."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from acceptance.simulated import Simulated, call
from ml_connector.engine.process import Process
from ml_connector.operations.configuration import parse_configuration
from ml_connector.operations.setting_up import apply_configuration, initialise
from ml_connector.sandbox.business_central import company_id
from ml_connector.store.settings import Settings
from ml_connector.web.server import Server

CONNECTION = """\
  acme-{code}:
    company: "{code}"
    basware:
      base_url: {basware}
      client_id: acme
      client_secret: basware-secret
      webhook_token: token-of-{code}-0123456789abcdef
    erp:
      system: business-central
      base_url: {ledger}
      token_url: {ledger}/{{tenant}}/oauth2/v2.0/token
      tenant_id: 11111111-2222-3333-4444-555555555555
      company_id: {company}
      client_id: 22222222-3333-4444-5555-666666666666
      client_secret: bc-secret
    flows:
      invoices: {{every: 1d, webhook: true}}
      tax-codes: {{enabled: false}}
      accounts: {{enabled: false}}
      dimensions: {{enabled: false}}
      payment-terms: {{enabled: false}}
      vendors: {{enabled: false}}
      purchase-orders: {{enabled: false}}
      payments: {{enabled: false}}
    mapping:
      tax_codes: {{T24: VAT24, T14: VAT14, T10: VAT10, T0: VAT0}}
      tolerance: {{EUR: "0.02"}}
"""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulated]:
    systems = Simulated(tmp_path_factory.mktemp("sandbox") / "log")
    body = {"codes": ["1001", "1002"], "vendors": 20, "orders": 0, "invoices": 2}
    for address in (systems.basware, systems.ledger):
        call("POST", f"{address}/_sandbox/companies", body)
    yield systems
    systems.close()


@pytest.fixture
async def serving(simulated: Simulated, database_url: str, tmp_path: Path) -> AsyncGenerator[Process]:
    """Both connections, served and worked."""
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    settings = Settings(home=tmp_path, database_url=SecretStr(database_url), key=SecretStr(key))
    await initialise(settings)
    process = await Process.open(settings, pool_size=5)
    file = "connections:\n" + "".join(
        CONNECTION.format(
            code=code, basware=simulated.basware, ledger=simulated.ledger, company=company_id(code)
        )
        for code in ("1001", "1002")
    )  # fmt: skip
    configuration = parse_configuration(file, file="c.yaml", folder=tmp_path, environment={})
    await apply_configuration(process, configuration, actor="test", dry_run=False)
    server = Server(process, host="127.0.0.1", port=0)
    process.settings = settings.model_copy(update={"public_url": server.address})
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(server.run(stop, ready.set))
    await ready.wait()
    yield process
    stop.set()
    await running
    await process.close()


async def come(process: Process, sql: str, wanted: Any) -> None:
    """Waits until a query's one value is what is wanted."""
    for _ in range(600):
        row = await process.database.fetch_one(sql)
        found = next(iter(row.values())) if row else None
        if found == wanted:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{sql} stays at {found}, not {wanted}")


async def test_a_notification_for_the_other_company_is_passed_on(simulated: Simulated, serving: Process) -> None:
    await come(serving, "SELECT count(*) FROM document WHERE status = 'transferred'", 4)
    await come(serving, "SELECT count(*) FROM mark WHERE flow = 'subscription' AND value LIKE 'at %'", 1)
    state = await asyncio.to_thread(call, "GET", f"{simulated.basware}/_sandbox/documents?company=1002")
    again = state["documents"][0]["invoiceId"]
    await asyncio.to_thread(call, "POST", f"{simulated.basware}/_sandbox/retransfer", {"invoiceId": again})
    # The first connection of the tenant gets the notification; the second one's document is worked.
    await come(serving, "SELECT count(*) FROM document WHERE status = 'transferred' AND attempt = 2", 1)
    await come(serving, "SELECT count(DISTINCT connection_id) FROM notification WHERE handled_at IS NOT NULL", 2)
    rows = await serving.database.fetch("SELECT connection_id, bill_id FROM document WHERE document_id = :d", d=again)
    assert {row["connection_id"] for row in rows} == {"acme-1002"}
    assert len({row["bill_id"] for row in rows}) == 1, "no second bill for the second transfer"
