"""`ml-connector demo`: the simulated systems and the product together, connected, with data."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ml_connector.cli.output import Output
from ml_connector.cli.serving import serve_process, stop_on_signals
from ml_connector.cli.shell import OK, Unlucky, actor, carry_out, read_settings
from ml_connector.cli.working import run_flows

if TYPE_CHECKING:
    from ml_connector.engine.process import Process

CONNECTIONS: Final = ("acme-bc", "acme-b1", "acme-acumatica", "acme-epicor", "acme-visma")
"""By their names in the file below; worked one after the other, so that what is told of one stays together."""
_ACUMATICA: Final = "Acumatica"
_EPICOR: Final = "Epicor Kinetic"
_SYSTEMS: Final = {
    "Basware": ("DEMO_BASWARE_URL", 0),
    _ACUMATICA: ("DEMO_ACUMATICA_URL", 10),
    "Business Central": ("DEMO_BC_URL", 20),
    _EPICOR: ("DEMO_EPICOR_URL", 30),
    "SAP Business One": ("DEMO_B1_URL", 40),
    "Visma.net": ("DEMO_VISMA_URL", 50),
}
"""The simulated systems: the variable of the file that holds the address, and the port counted from the first."""
_IMPORT_DELAY: Final = "0.2"
"""Seconds an import takes in the simulated Basware: nobody who looks at a demo wants to wait."""
_HASTE: Final = {
    _ACUMATICA: ("actions", {"immediate": True}),
    _EPICOR: ("posting", {"company": "4000", "seconds": 0}),
}
"""The control page on which a simulated ledger is told to release or post at once, for the same reason."""
_FILE: Final = "demo.yaml"
_LEFT_OUT: Final = ("database_url", "key", "key_file")

DEMO_FILE: Final = """\
# The demo's connections: all sides are simulated on this machine.
connections:
  acme-bc:
    company: "1000"
    basware: &basware
      base_url: ${env:DEMO_BASWARE_URL}
      client_id: acme
      client_secret: ${env:DEMO_BASWARE_SECRET}
      webhook_token: ${env:DEMO_WEBHOOK_TOKEN}
    erp:
      system: business-central
      base_url: ${env:DEMO_BC_URL}
      token_url: ${env:DEMO_BC_URL}/{tenant}/oauth2/v2.0/token
      tenant_id: 11111111-2222-3333-4444-555555555555
      environment: Production
      company_id: 6e3f1c1a-7d0b-4c5e-9a51-0f7a2f9b1001
      client_id: 22222222-3333-4444-5555-666666666666
      client_secret: ${env:DEMO_BC_SECRET}
    flows: &flows
      invoices: {every: 1m, webhook: true}
      payments: {every: 2m}
    mapping:
      dimensions:
        - {basware: costCenterCode, list: costCenters, erp: DEPARTMENT}
        - {basware: projectCode, list: projects, erp: PROJECT}
        - {basware: dimCode1, list: ACC_LIST_1, erp: AREA}
        - {basware: dimCode2, list: ACC_LIST_2, erp: CAMPAIGN}
      tax_codes: &tax_codes {T24: VAT24, T14: VAT14, T10: VAT10, T0: VAT0}
      tolerance: {EUR: "0.02"}

  acme-b1:
    company: "2000"
    basware: *basware
    erp:
      system: sap-business-one
      base_url: ${env:DEMO_B1_URL}/b1s/v2
      company_db: SBO_2000
      username: basware
      password: ${env:DEMO_B1_SECRET}
    flows: *flows
    mapping:
      dimensions:
        - {basware: costCenterCode, list: costCenters, erp: "1"}
        - {basware: projectCode, list: projects, erp: Project}
        - {basware: dimCode1, list: ACC_LIST_1, erp: "2"}
        - {basware: dimCode2, list: ACC_LIST_2, erp: "3"}
      tax_codes: *tax_codes
      # Its tax is rounded line by line.
      tolerance: {EUR: "0.02", GBP: "0.02", NOK: "0.02", SEK: "0.02", USD: "0.02"}

  acme-acumatica:
    company: "3000"
    basware: *basware
    erp:
      system: acumatica
      base_url: ${env:DEMO_ACUMATICA_URL}/acme
      tenant: Acme3000
      client_id: 8e0761d9-f4ec-2d4b-a60f-bce2708c6fdd@Acme3000
      client_secret: ${env:DEMO_ACUMATICA_CLIENT_SECRET}
      username: basware
      password: ${env:DEMO_ACUMATICA_SECRET}
      terms_endpoint: MLConnector/1.0
      # A licence without limits: nobody who looks at a demo wants to wait.
      requests_per_minute: 100000
    flows: *flows
    mapping:
      dimensions:
        - {basware: costCenterCode, list: costCenters, erp: Subaccount.1}
        - {basware: projectCode, list: projects, erp: Project}
        - {basware: dimCode1, list: ACC_LIST_1, erp: Subaccount.2}
      tax_codes: *tax_codes
      tolerance: {EUR: "0.02"}

  acme-epicor:
    company: "4000"
    basware: *basware
    erp:
      system: epicor-kinetic
      base_url: ${env:DEMO_EPICOR_URL}/KineticLive
      company: EPIC4000
      api_key: ${env:DEMO_EPICOR_API_KEY}
      username: basware
      password: ${env:DEMO_EPICOR_SECRET}
    flows: *flows
    mapping:
      dimensions:
        - {basware: costCenterCode, list: costCenters, erp: Department}
        - {basware: dimCode1, list: ACC_LIST_1, erp: Area}
        - {basware: projectCode, list: projects, erp: Project}
      tax_codes: *tax_codes
      tolerance: {EUR: "0.02"}

  acme-visma:
    # The road that runs the other way: its suppliers' invoices go into Basware.
    company: "5000"
    basware:
      <<: *basware
      network_username: acme-network
      network_password: ${env:DEMO_NETWORK_SECRET}
      buyer_name: Acme Trading 5000
      buyer_endpoint: "0192:900005000"
    erp:
      system: visma-net
      base_url: ${env:DEMO_VISMA_URL}
      token_url: ${env:DEMO_VISMA_URL}/connect/token
      company_id: "5000001"
      tenant_id: b0418d84-81ea-5b9d-bca1-a9b6f0586838
      client_id: isv_ml_connector
      client_secret: ${env:DEMO_VISMA_SECRET}
      invoice_route: network
      write_back: note
    flows:
      supplier-invoices: {every: 1m}
      statuses: {every: 1m}
    mapping:
      dimensions:
        - {basware: costCenterCode, list: costCenters, erp: "1"}
        - {basware: projectCode, list: projects, erp: Project}
        - {basware: dimCode1, list: ACC_LIST_1, erp: "2"}
        - {basware: dimCode2, list: ACC_LIST_2, erp: "3"}
"""


def demo(*, port: int = 8080, port_base: int = 9100, home: Path = Path(".demo"), once: bool = False) -> int:
    """Sandbox and product together, connected, with data, ready in a browser. Nothing in it is real.

    Parameters
    ----------
    port
        Where the product is served.
    port_base
        The first port of the simulated systems.
    home
        Where the demo keeps its database.
    once
        Ends as soon as everything is ready.
    """
    output = Output()
    return carry_out(output, lambda: _demo(output, port=port, port_base=port_base, home=home.resolve(), once=once))


async def _demo(output: Output, *, port: int, port_base: int, home: Path, once: bool) -> int:
    _prepare_home(home)
    stop = stop_on_signals()
    for name in _LEFT_OUT:
        # The demo keeps to its own home, whatever else is set up on this machine.
        os.environ.pop(f"ML_CONNECTOR_{name.upper()}", None)
    output.text("Starting the simulated systems…")
    async with _sandbox(port_base):
        for name, (_, offset) in _SYSTEMS.items():
            output.text(f"  {name:<16}  http://127.0.0.1:{port_base + offset}/_sandbox/   (simulated)")
        working = asyncio.create_task(_connected(output, stop, home, port=port, base=port_base, once=once))
        told = asyncio.create_task(stop.wait())
        await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        told.cancel()
        await working
    return OK


def _prepare_home(home: Path) -> None:
    """The demo begins by forgetting its connections: never in a home that somebody works with."""
    if home.is_dir() and any(home.iterdir()) and not (home / _FILE).exists():
        raise Unlucky(f"{home} is no home of a demo. Name a new directory with --home, or leave it out.")
    home.mkdir(parents=True, exist_ok=True)
    (home / _FILE).write_text(DEMO_FILE, encoding="utf-8")


async def _connected(output: Output, stop: asyncio.Event, home: Path, *, port: int, base: int, once: bool) -> None:
    from ml_connector.engine.process import Process
    from ml_connector.operations.setting_up import initialise

    settings = read_settings(home=home, public_url=f"http://127.0.0.1:{port}")
    output.text(f"Preparing the database in {home}…")
    await initialise(settings)
    process = await Process.open(settings)
    try:
        await _connect(process, output, home, base=base)
        if stop.is_set():
            return
        for name in CONNECTIONS:
            if not stop.is_set():
                output.text(f"\nRunning every flow of {name} once…")
                await _run_all(process, output, stop, name)
        if not stop.is_set():
            await _serve(process, output, stop, port=port, once=once)
    finally:
        await process.close()


async def _connect(process: Process, output: Output, home: Path, *, base: int) -> None:
    from ml_connector.operations.configuration import read_configuration
    from ml_connector.operations.setting_up import apply_configuration, forget_connection

    file = home / _FILE
    # The simulated systems begin anew each time, so the connections have to as well.
    for name in CONNECTIONS:
        await forget_connection(process, name)
    configuration = read_configuration(file, environment={**os.environ, **_values(base)})
    await apply_configuration(process, configuration, actor=actor(), dry_run=False)
    output.text(f"Connected {', '.join(CONNECTIONS)} as {file} says.")


def _values(base: int) -> Mapping[str, str]:
    return {
        **{variable: f"http://127.0.0.1:{base + offset}" for variable, offset in _SYSTEMS.values()},
        "DEMO_BASWARE_SECRET": "basware-secret",
        "DEMO_WEBHOOK_TOKEN": secrets.token_hex(16),
        "DEMO_BC_SECRET": "bc-secret",
        "DEMO_B1_SECRET": "sap-secret",
        "DEMO_ACUMATICA_CLIENT_SECRET": "acumatica-client-secret",
        "DEMO_ACUMATICA_SECRET": "acumatica-secret",
        "DEMO_EPICOR_API_KEY": "epicor-api-key",
        "DEMO_EPICOR_SECRET": "epicor-secret",
        "DEMO_NETWORK_SECRET": "network-secret",
        "DEMO_VISMA_SECRET": "visma-secret",
    }


async def _run_all(process: Process, output: Output, stop: asyncio.Event, name: str) -> None:
    from ml_connector.operations.runs import Options

    running = asyncio.create_task(run_flows(process, output, name, (), options=Options()))
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({running, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if stop.is_set():
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    else:
        await running


async def _serve(process: Process, output: Output, stop: asyncio.Event, *, port: int, once: bool) -> None:
    from ml_connector.operations.tokens import Role, create_token, list_tokens, revoke_token

    now = process.clock()
    for each in await list_tokens(process.database):
        if each.name == "demo" and each.revoked_at is None:
            await revoke_token(process.database, each.id, now=now)
    made = await create_token(process.database, "demo", role=Role.OPERATOR, now=now)
    ready = asyncio.Event()
    serving = asyncio.create_task(serve_process(process, output, stop, host="127.0.0.1", port=port, ready=ready))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if ready.is_set():
        _tell_ready(output, process, port=port, token=made.secret)
        if once:
            stop.set()
    await serving


def _tell_ready(output: Output, process: Process, *, port: int, token: str) -> None:
    # Started by make, the command is in a folder that the other terminal does not look into.
    folder = Path(sys.executable).parent
    found = f"  export PATH={folder}:$PATH\n" if shutil.which("ml-connector") is None else ""
    each_connection = "\n".join(
        f"  ml-connector {command}"
        for name in CONNECTIONS
        for command in (f"invoices {name} --status held", f"reconcile {name}")
    )
    output.text(
        f"""
Ready. Everything here is simulated.

  Browser:   http://127.0.0.1:{port}/   (any user name; the password is the token)
  Token:     {token}
  API:       http://127.0.0.1:{port}/api/v1/openapi.json

In another terminal:

{found}  export ML_CONNECTOR_HOME={process.settings.home}
  ml-connector status
{each_connection}
  ml-connector verify

Ctrl-C ends all of it."""
    )


@asynccontextmanager
async def _sandbox(port_base: int) -> AsyncGenerator[None]:
    """The simulated systems in a process of their own. Raises `Unlucky` where they do not come up."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ml_connector.sandbox", "--port-base", str(port_base), "--import-delay", _IMPORT_DELAY,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stderr is not None
    try:
        for _ in _SYSTEMS:
            if not await child.stdout.readline():
                said = (await child.stderr.read()).decode(errors="replace").strip().rpartition("\n")[2]
                raise Unlucky(
                    f"The simulated systems did not start from port {port_base} on: {said or 'no reason given'}. "
                    "Choose other ports with --port-base."
                )
        for name, (page, asked) in _HASTE.items():
            await _hasten(port_base + _SYSTEMS[name][1], page, asked)
        drains = [asyncio.create_task(_drain(stream)) for stream in (child.stdout, child.stderr)]
        yield
        for each in drains:
            each.cancel()
    finally:
        if child.returncode is None:
            child.terminate()
            await child.wait()


async def _hasten(port: int, page: str, asked: Mapping[str, object]) -> None:
    import aiohttp

    url = f"http://127.0.0.1:{port}/_sandbox/{page}"
    async with aiohttp.ClientSession() as http, http.post(url, json=asked) as reply:
        reply.raise_for_status()


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.readline():
        pass
