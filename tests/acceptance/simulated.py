"""The simulated systems in a process of their own, and what people do in them."""

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
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from ml_connector.sandbox.basware.approved import approved_documents
from ml_connector.sandbox.company import TradingCompany, found

Fields = dict[str, Any]
T = TypeVar("T")


class Simulated:
    """Both systems, and their control pages."""

    def __init__(self, log: Path) -> None:
        base = _free_base()
        self.basware = f"http://127.0.0.1:{base}"
        self.ledger = f"http://127.0.0.1:{base + 20}"
        command = [sys.executable, "-m", "ml_connector.sandbox", "--import-delay", "0.1", "--port-base", str(base)]
        with log.open("wb") as output:
            self._child = subprocess.Popen(command, stdout=output, stderr=output)
        until(self._answers, "the simulated systems answer")
        self.today = datetime.now(UTC).date()

    def _answers(self) -> bool:
        try:
            return bool(call("GET", f"{self.ledger}/_sandbox/state"))
        except OSError:
            return False

    def close(self) -> None:
        """Ends the process."""
        self._child.terminate()
        self._child.wait(10)

    def reset(self) -> None:
        """Back to the first day, without faults."""
        for address in (self.basware, self.ledger):
            call("POST", f"{address}/_sandbox/reset", {})
            call("DELETE", f"{address}/_sandbox/faults")
            call("DELETE", f"{address}/_sandbox/calls")

    def found(self, codes: Sequence[str], *, vendors: int) -> None:
        """Founds companies in both systems, without orders and invoices."""
        asked = {"codes": list(codes), "vendors": vendors, "orders": 0, "invoices": 0}
        for address in (self.basware, self.ledger):
            call("POST", f"{address}/_sandbox/companies", asked)

    # ------------------------------------------------------------------ Basware

    def documents(self, code: str) -> list[Fields]:
        """Every document of a company, and where it stands."""
        return call("GET", f"{self.basware}/_sandbox/documents?company={code}")["documents"]

    def document(self, code: str, number: str) -> Fields:
        """The one with that invoice number."""
        (document,) = [each for each in self.documents(code) if each.get("invoiceNumber") == number]
        return document

    def approve(self, documents: Sequence[Fields], *, notify: bool = False) -> None:
        """A person approves invoices."""
        call("POST", f"{self.basware}/_sandbox/documents", {"documents": list(documents), "notify": notify})

    def transfer_again(self, document_id: str) -> None:
        """A person transfers a document once more."""
        call("POST", f"{self.basware}/_sandbox/retransfer", {"invoiceId": document_id})

    def held_in_basware(self, entity: str, code: str) -> list[Fields]:
        """What the target system really holds: {externalCode, active, record}."""
        return call("GET", f"{self.basware}/_sandbox/p2p?entity={entity}&company={code}")["records"]

    # ------------------------------------------------------------------ Business Central

    def bills(self, code: str) -> list[Fields]:
        """Every purchase invoice and credit memo of a company."""
        return call("GET", f"{self.ledger}/_sandbox/bills?company={code}&rows=true")["bills"]

    def in_ledger(self, page: str, code: str, **asked: Any) -> Any:
        """A person does something in the ledger."""
        return call("POST", f"{self.ledger}/_sandbox/{page}", {"company": code, **asked})

    # ------------------------------------------------------------------ the wire

    def fault(self, address: str, **what: Any) -> None:
        """Something is to go wrong."""
        call("POST", f"{address}/_sandbox/faults", what)

    def mend(self) -> None:
        """No fault is to come any more."""
        for address in (self.basware, self.ledger):
            call("DELETE", f"{address}/_sandbox/faults")

    def forget_calls(self) -> None:
        """Counts from zero."""
        for address in (self.basware, self.ledger):
            call("DELETE", f"{address}/_sandbox/calls")

    def calls(self) -> list[tuple[str, str]]:
        """Method and path of each call since, sign-ins and the second leg of redirects left out."""
        found = [
            (each["method"], each["path"])
            for address in (self.basware, self.ledger)
            for each in call("GET", f"{address}/_sandbox/calls")["calls"]
        ]
        return [(method, path) for method, path in found if "token" not in path and "X-Amz-" not in path]


def company_of(code: str, today: Any, *, vendors: int = 320, invoices: int | None = None) -> TradingCompany:
    """The company as the simulated systems founded it."""
    return found(
        code, today=today, vendors=vendors, **({} if invoices is None else {"orders": 0, "invoices": invoices})
    )


def invoices_of(code: str, count: int, *, vendors: int) -> list[Fields]:
    """Approved invoices as Basware offers them, all of which can be posted."""
    now = datetime.now(UTC)
    return [
        fields for fields, _ in approved_documents(company_of(code, now.date(), vendors=vendors, invoices=count), now)
    ]


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


def until(condition: Callable[[], T], what: str, *, seconds: float = 30.0) -> T:
    """The condition's value once it is true."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError(f"This did not come about within {seconds:.0f} s: {what}.")


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _free_base() -> int:
    for base in range(10_000 + os.getpid() % 90 * 100, 20_000, 100):
        if all(_is_free(base + offset) for offset in (0, 1, 20)):
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
