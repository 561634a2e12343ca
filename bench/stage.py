"""The stage of every measurement: the sandbox in a process of its own, a home, connections."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from ml_connector.engine.process import Process, utc_now
from ml_connector.engine.runs import request_runs
from ml_connector.operations.configuration import read_configuration
from ml_connector.operations.connections import apply
from ml_connector.records.flow import Flow
from ml_connector.store.database import initialise_database
from ml_connector.store.keys import create_key
from ml_connector.store.settings import Settings

TENANT: Final = "11111111-2222-3333-4444-555555555555"
CLIENT: Final = "22222222-3333-4444-5555-666666666666"
BASWARE: Final = "basware"
LEDGER: Final = "business-central"
SAP: Final = "sap-business-one"
ACUMATICA: Final = "acumatica"
EPICOR: Final = "epicor-kinetic"
VISMA: Final = "visma-net"
_PORTS: Final = {BASWARE: 0, ACUMATICA: 10, LEDGER: 20, EPICOR: 30, SAP: 40, VISMA: 50}
TAX_CODES: Final = {"T24": "VAT24", "T14": "VAT14", "T10": "VAT10", "T0": "VAT0"}
DIMENSIONS: Final = {
    "costCenterCode": "DEPARTMENT", "projectCode": "PROJECT", "dimCode1": "AREA", "dimCode2": "CAMPAIGN",
}  # fmt: skip
SAP_DIMENSIONS: Final = {"costCenterCode": "1", "projectCode": "Project", "dimCode1": "2", "dimCode2": "3"}
ACUMATICA_DIMENSIONS: Final = {"costCenterCode": "Subaccount.1", "projectCode": "Project", "dimCode1": "Subaccount.2"}
VISMA_DIMENSIONS: Final = {"costCenterCode": "1", "projectCode": "Project", "dimCode1": "2", "dimCode2": "3"}
EPICOR_DIMENSIONS: Final = {"costCenterCode": "2", "projectCode": "4", "dimCode1": "3"}
LISTS: Final = {
    "costCenterCode": "costCenters", "projectCode": "projects", "dimCode1": "ACC_LIST_1", "dimCode2": "ACC_LIST_2",
}  # fmt: skip
SAP_USER: Final = "basware"
ACUMATICA_USER: Final = "basware"
ACUMATICA_SITE: Final = "acme"
EPICOR_USER: Final = "basware"
EPICOR_INSTANCE: Final = "KineticLive"
VISMA_CLIENT: Final = "isv_ml_connector"
NETWORK_USER: Final = "acme-network"
SECRETS: Final = {
    "BS": "basware-secret", "BC": "bc-secret", "B1": "sap-secret", "AC": "acumatica-client-secret",
    "AP": "acumatica-secret", "EK": "epicor-api-key", "EP": "epicor-secret", "NW": "network-secret",
    "VN": "visma-secret", "WT": "webhook-token-123456",
}  # fmt: skip


def company_id(code: str) -> str:
    """The id of a further company in the simulated ledger."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"bc-company-{code}"))


def company_db(code: str) -> str:
    """The database of a company in the simulated SAP Business One."""
    return f"SBO_{code}"


def tenant(code: str) -> str:
    """The tenant of a company in the simulated Acumatica."""
    return f"Acme{code}"


def client_id(code: str) -> str:
    """The connected application of such a tenant."""
    return f"8e0761d9-f4ec-2d4b-a60f-bce2708c6fdd@{tenant(code)}"


def epicor_company(code: str) -> str:
    """The id of a company in the simulated Epicor Kinetic."""
    return f"EPIC{code}"


def visma_tenant(code: str) -> str:
    """The tenant of a company in the simulated Visma.net, which alone says which company is meant."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"visma-company-{code}"))


def network_endpoint(code: str) -> str:
    """The address of a company in the simulated Basware Network."""
    return f"0192:9{code:0>8}"


@dataclass(slots=True)
class Sandbox:
    """The simulated systems while they are served by a child process."""

    port: int
    http: aiohttp.ClientSession
    addresses: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.addresses = {system: f"http://127.0.0.1:{self.port + offset}" for system, offset in _PORTS.items()}

    async def control(self, system: str, page: str, asked: Any = None, *, method: str | None = None) -> Any:
        """Uses a control page."""
        url = f"{self.addresses[system]}/_sandbox/{page}"
        async with self.http.request(method or ("GET" if asked is None else "POST"), url, json=asked) as reply:
            reply.raise_for_status()
            return await reply.json()

    async def found(self, *codes: str, ledger: str = LEDGER, **sizes: int) -> None:
        """Founds further companies in Basware and in a ledger."""
        for system in (BASWARE, ledger):
            await self.control(system, "companies", {"codes": codes, **sizes})

    async def calls(self) -> dict[str, list[dict[str, Any]]]:
        """The calls that came to each since they were last forgotten."""
        return {system: (await self.control(system, "calls"))["calls"] for system in self.addresses}

    async def forget_calls(self) -> None:
        """Begins the log of calls anew."""
        for system in self.addresses:
            await self.control(system, "calls", method="DELETE")


@asynccontextmanager
async def sandbox(*, import_delay: float = 0.5) -> AsyncGenerator[Sandbox]:
    """The sandbox, its companies without invoices, in a child process."""
    port = _free_ports()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ml_connector.sandbox", "--empty", "--port-base", str(port),
        "--import-delay", str(import_delay), stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=600)) as http:
            served = Sandbox(port, http)
            await _answers(served)
            yield served
    finally:
        await ended(child)


async def ended(child: asyncio.subprocess.Process) -> None:
    """Ends a child process and waits until it has."""
    if child.returncode is None:
        child.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), 15)
    if child.returncode is None:
        child.kill()
        await child.wait()


@asynccontextmanager
async def product(*command: str) -> AsyncGenerator[tuple[asyncio.subprocess.Process, str]]:
    """`ml-connector` with a command that stays, in a child process; the process, and the line it began with."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "import sys; from ml_connector.cli.main import main; sys.exit(main())", *command,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert child.stdout is not None
        line = await asyncio.wait_for(child.stdout.readline(), 30)
        assert line, "the product did not start"
        yield child, line.decode().strip()
    finally:
        await ended(child)


async def notify(http: aiohttp.ClientSession, address: str, name: str, document: str) -> tuple[float, float]:
    """Notifies the product of a document as Basware does; when it was sent and when it was answered."""
    body = json.dumps({"taskId": uuid.uuid4().hex, "taskType": "AccountingDocuments", "documentId": document}).encode()
    signature = hmac.new(SECRETS["WT"].encode(), body, hashlib.sha256).hexdigest()
    headers = {"X-BWAPI-Signature-256": signature, "Content-Type": "application/json"}
    sent = time.time()
    async with http.post(f"{address}/webhooks/{BASWARE}/{name}", data=body, headers=headers) as reply:
        await reply.read()
        assert reply.status == 200, reply.status
    return sent, time.time()


async def _answers(served: Sandbox) -> None:
    for _ in range(300):
        try:
            for system in served.addresses:
                await served.control(system, "state")
        except aiohttp.ClientError:
            await asyncio.sleep(0.1)
        else:
            return
    raise TimeoutError("The sandbox did not start.")


def _free_ports() -> int:
    for base in range(21_000 + os.getpid() % 500 * 20, 60_000, 60):
        with suppress(OSError):
            for offset in (1, *_PORTS.values()):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", base + offset))
            return base
    raise OSError("There are no free ports.")


@asynccontextmanager
async def home() -> AsyncGenerator[Settings]:
    """A fresh home with its embedded PostgreSQL, as `ml-connector init` makes it."""
    os.environ.update(SECRETS)
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        os.environ["ML_CONNECTOR_HOME"] = directory
        settings = Settings(slice_seconds=600)
        os.environ["ML_CONNECTOR_SLICE_SECONDS"] = "600"
        create_key(settings)
        await (await initialise_database(settings)).close()
        yield settings


def connection(
    served: Sandbox, code: str, *, ledger: str = LEDGER, flows: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A connection of the configuration file. Basware's limit, an assumption, is set out of the way."""
    erp, dimensions = _ERPS[ledger]
    return {
        "company": code,
        "basware": {
            "base_url": served.addresses[BASWARE], "client_id": "acme", "client_secret": "${env:BS}",
            "webhook_token": "${env:WT}", "max_requests_per_second": 100_000,
        },
        "erp": {"system": ledger, **erp(served.addresses[ledger], code)},
        "mapping": {
            "dimensions": [
                {"basware": ours, "list": LISTS[ours], "erp": theirs} for ours, theirs in dimensions.items()
            ],
            "tax_codes": TAX_CODES,
        },
        **({"flows": flows} if flows else {}),
    }  # fmt: skip


def _business_central(address: str, code: str) -> dict[str, str]:
    return {
        "tenant_id": TENANT, "company_id": company_id(code), "client_id": CLIENT, "client_secret": "${env:BC}",
        "base_url": address, "token_url": f"{address}/{TENANT}/oauth2/v2.0/token",
    }  # fmt: skip


def _sap_business_one(address: str, code: str) -> dict[str, str]:
    return {
        "base_url": f"{address}/b1s/v2", "company_db": company_db(code), "username": SAP_USER, "password": "${env:B1}",
    }  # fmt: skip


def _acumatica(address: str, code: str) -> dict[str, str]:
    return {
        "base_url": f"{address}/{ACUMATICA_SITE}", "tenant": tenant(code), "client_id": client_id(code),
        "client_secret": "${env:AC}", "username": ACUMATICA_USER, "password": "${env:AP}",
        # No limit, as with the others.
        "requests_per_minute": "1000000",
    }  # fmt: skip


def _epicor_kinetic(address: str, code: str) -> dict[str, str]:
    return {
        "base_url": f"{address}/{EPICOR_INSTANCE}", "company": epicor_company(code), "api_key": "${env:EK}",
        "username": EPICOR_USER, "password": "${env:EP}",
    }  # fmt: skip


def _visma_net(address: str, code: str) -> dict[str, str]:
    return {
        "base_url": address, "token_url": f"{address}/connect/token", "company_id": "1",
        "tenant_id": visma_tenant(code), "client_id": VISMA_CLIENT, "client_secret": "${env:VN}",
    }  # fmt: skip


_ERPS: Final = {
    LEDGER: (_business_central, DIMENSIONS),
    SAP: (_sap_business_one, SAP_DIMENSIONS),
    ACUMATICA: (_acumatica, ACUMATICA_DIMENSIONS),
    EPICOR: (_epicor_kinetic, EPICOR_DIMENSIONS),
    VISMA: (_visma_net, VISMA_DIMENSIONS),
}


async def configure(settings: Settings, connections: Mapping[str, Any]) -> None:
    """Applies a configuration file; YAML reads JSON."""
    file = settings.home / "bench.yaml"
    file.write_text(json.dumps({"connections": connections}), encoding="utf-8")
    process = await Process.open(settings)
    try:
        await apply(process.database, process.vault, read_configuration(Path(file)), actor="bench", now=utc_now())
    finally:
        await process.close()


async def run_flows(
    process: Process, name: str, flows: Sequence[Flow], *, options: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Runs flows of a connection in this process to their end; the run rows."""
    ids = await request_runs(
        process.database, name, flows, trigger="schedule", actor="bench", options=options or {}, now=utc_now()
    )
    while True:
        await process.work_now(name)
        rows = await process.database.fetch("SELECT * FROM run WHERE id = ANY(:ids) ORDER BY id", ids=ids)
        if all(row["status"] == "finished" for row in rows):
            return rows
        await asyncio.sleep(0.02)
