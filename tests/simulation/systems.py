"""The simulated systems in a process of their own, their control pages, and the wire to them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from simulation.ledgers import LEDGERS, Ledger
from simulation.sources import SOURCES, Source

Fields = dict[str, Any]
T = TypeVar("T")
_OFFSETS = (0, 1, *range(10, 60, 10))
"""Of the ports that the simulated systems take, whichever of them are tried here."""


class Systems:
    """Basware and every ERP, served until closed."""

    def __init__(self, log: Path, *options: str) -> None:
        base = _free_base()
        self.basware = f"http://127.0.0.1:{base}"
        erps = (*LEDGERS, *SOURCES)
        self._addresses = {erp.system: f"http://127.0.0.1:{base + erp.offset}" for erp in erps}
        command = [sys.executable, "-m", "ml_connector.sandbox", "--port-base", str(base), *options]
        with log.open("wb") as output:
            self._child = subprocess.Popen(command, stdout=output, stderr=output)
        until(self._answer, "the simulated systems answer")

    @property
    def addresses(self) -> list[str]:
        """Of all systems, Basware first."""
        return [self.basware, *self._addresses.values()]

    def address_of(self, erp: Ledger | Source) -> str:
        """Where an ERP is served."""
        return self._addresses[erp.system]

    def close(self) -> None:
        """Ends the process."""
        self._child.terminate()
        self._child.wait(10)

    def found_in(self, ledger: Ledger, codes: Sequence[str], *, vendors: int) -> None:
        """Founds companies in Basware and a ledger, without orders and invoices."""
        asked = {"codes": list(codes), "vendors": vendors, "orders": 0, "invoices": 0}
        for address in (self.basware, self.address_of(ledger)):
            call("POST", f"{address}/_sandbox/companies", asked)
        for page, told in ledger.founded.items():
            for code in codes:
                call("POST", f"{self.address_of(ledger)}/_sandbox/{page}", {"company": code, **told})

    def found_in_source(self, source: Source, codes: Sequence[str], *, vendors: int, **more: int) -> None:
        """Founds companies in Basware and an ERP whose invoices go there, without any unless it is told."""
        asked = {"codes": list(codes), "vendors": vendors, "orders": 0, "invoices": 0, **more}
        call("POST", f"{self.address_of(source)}/_sandbox/companies", asked)
        call("POST", f"{self.basware}/_sandbox/companies", {**asked, "invoices": 0})

    def entered(self, code: str) -> Fields:
        """What came into Basware for a company: {inbound, documents, duplicates, ...}."""
        return call("GET", f"{self.basware}/_sandbox/inbound?company={code}")

    def bills_of(self, ledger: Ledger, code: str, *, rows: bool = True) -> list[Fields]:
        """Every bill and draft of a company, in the words that all ledgers share."""
        address = f"{self.address_of(ledger)}/_sandbox/bills?company={code}{'&rows=true' if rows else ''}"
        return [ledger.bill(each) for each in call("GET", address)["bills"]]

    def documents(self, code: str) -> list[Fields]:
        """Every document of a company in Basware, and where it stands."""
        return call("GET", f"{self.basware}/_sandbox/documents?company={code}")["documents"]

    def approve(self, documents: Sequence[Fields], *, notify: bool = False) -> None:
        """A person approves invoices in Basware."""
        call("POST", f"{self.basware}/_sandbox/documents", {"documents": list(documents), "notify": notify})

    def held_in_basware(self, entity: str, code: str) -> list[Fields]:
        """What the target system really holds: {externalCode, active, record}."""
        return call("GET", f"{self.basware}/_sandbox/p2p?entity={entity}&company={code}")["records"]

    def fault(self, address: str, **what: Any) -> None:
        """Something is to go wrong."""
        call("POST", f"{address}/_sandbox/faults", what)

    def mend(self) -> None:
        """No fault is to come any more."""
        for address in self.addresses:
            call("DELETE", f"{address}/_sandbox/faults")

    def forget_calls(self) -> None:
        """Counts from zero."""
        for address in self.addresses:
            call("DELETE", f"{address}/_sandbox/calls")

    def _answer(self) -> bool:
        try:
            return all(call("GET", f"{address}/_sandbox/state") for address in self.addresses)
        except OSError:
            return False


def call(method: str, url: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Any:
    """A JSON answer; fails where the status is no success."""
    status, answer = request(method, url, body, headers=headers)
    assert status < 300, f"{method} {url}: {status} {answer!r}"
    return answer


def request(method: str, url: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """Status and answer, parsed where it is JSON."""
    data = None if body is None else json.dumps(body, default=_number).encode()
    sent = {"Content-Type": "application/json", **(headers or {})}
    asked = urllib.request.Request(url, data=data, method=method, headers=sent)
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, _parsed(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, _parsed(refused.read())


def until(condition: Callable[[], T], what: str, *, seconds: float = 60.0) -> T:
    """The condition's value once it is true; fails where that takes too long."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"This did not come about within {seconds:.0f} s: {what}.")


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _free_base() -> int:
    """Below the ports that the system gives out, and far from where another process of the tests begins to look."""
    for base in range(10_000 + os.getpid() % 200 * 100, 32_000, 100):
        if all(_is_free(base + offset) for offset in _OFFSETS):
            return base
    raise AssertionError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body, parse_float=Decimal)
    except ValueError:
        return body.decode(errors="replace")


def _number(value: object) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)
