"""`ml-connector demo`: one command, a company of each ERP joined, and nobody else's home touched."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

COMMAND = Path(sys.executable).with_name("ml-connector")
SYSTEMS = {
    "Basware": 0, "Acumatica": 10, "Business Central": 20, "Epicor Kinetic": 30, "SAP Business One": 40,
    "Visma.net": 50,
}  # fmt: skip
CONNECTIONS = {
    "acme-bc": "business-central", "acme-b1": "sap-business-one", "acme-acumatica": "acumatica",
    "acme-epicor": "epicor-kinetic", "acme-visma": "visma-net",
}  # fmt: skip
MASTER_DATA = {"tax-codes", "accounts", "dimensions", "payment-terms", "vendors", "purchase-orders"}
FLOWS = {"visma-net": MASTER_DATA | {"supplier-invoices", "statuses"}}
ELSEWHERE = MASTER_DATA | {"invoices", "payments"}
ENDS = {"visma-net": ("transferred", "held", "cancelled")}
"""What becomes of invoices that come from the ERP: nobody approved them yet, so that none is returned."""


def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ML_CONNECTOR_")}
    done = subprocess.run(
        [str(COMMAND), *words], env=kept | more, capture_output=True, text=True, timeout=240, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def free_ports() -> tuple[int, int]:
    """A port for the product, and the first of those for the simulated systems."""
    for base in range(25_000 + os.getpid() % 200 * 100, 60_000, 100):
        with suppress(OSError):
            for offset in (1, 60, *SYSTEMS.values()):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", base + offset))
            return base + 60, base
    raise AssertionError("no free ports")


def demo(home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    port, base = free_ports()
    return run("demo", "--home", str(home), "--port", str(port), "--port-base", str(base), "--once", **more)


def ask(home: Path, *words: str) -> Any:
    return json.loads(run(*words, "--json", ML_CONNECTOR_HOME=str(home)).stdout)


def test_every_company_is_joined_worked_and_told_of(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    done = demo(home, ML_CONNECTOR_DATABASE_URL="postgresql://nobody@127.0.0.1:9/somebody-elses")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in SYSTEMS:
        assert re.search(rf"{name} +http://127\.0\.0\.1:\d+/_sandbox/ +\(simulated\)", done.stdout)
    for name in CONNECTIONS:
        assert f"Running every flow of {name} once" in done.stdout
        assert f"ml-connector reconcile {name}" in done.stdout.partition("Ready.")[2]
    states = {each["connection"]: each for each in ask(home, "status")}
    assert {name: each["system"] for name, each in states.items()} == CONNECTIONS
    for each in states.values():
        assert each["simulated"] is True
        assert {flow["flow"] for flow in each["flows"]} == FLOWS.get(each["system"], ELSEWHERE)
        assert {flow["outcome"] for flow in each["flows"]} == {"ok", "partial"}
        ends = ENDS.get(each["system"], ("transferred", "held", "rejected"))
        assert min(each["documents"][status] for status in ends) > 0
    assert ask(home, "verify")["ok"] is True


def test_a_home_somebody_works_with_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("precious")
    done = demo(tmp_path)
    assert done.returncode == 1
    assert "is no home of a demo" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


def test_taken_ports_are_told_with_what_to_do(tmp_path: Path) -> None:
    _, base = free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base + SYSTEMS["SAP Business One"]))
        taken.listen()
        done = run("demo", "--home", str(tmp_path / "demo"), "--port-base", str(base), "--once")
    assert done.returncode == 1
    assert "--port-base" in done.stderr
    assert str(base) in done.stderr
