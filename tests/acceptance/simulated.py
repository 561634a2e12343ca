"""The simulated systems as people have them: what is done in them, and what then stands there."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml_connector.sandbox.basware.approved import approved_documents
from ml_connector.sandbox.company import TradingCompany, found
from ml_connector.sandbox.epicor_kinetic import as_invoiced as as_invoiced_with_epicor_kinetic
from ml_connector.sandbox.sap_business_one import as_invoiced as as_invoiced_with_sap_business_one
from simulation.ledgers import BUSINESS_CENTRAL, Ledger
from simulation.systems import Systems, call

Fields = dict[str, Any]


class Simulated(Systems):
    """Basware and the ledger that is tried with it, and their control pages."""

    def __init__(self, log: Path, kind: Ledger = BUSINESS_CENTRAL) -> None:
        super().__init__(log, "--import-delay", "0.1")
        self.kind = kind
        self.ledger = self.address_of(kind)
        self.today = datetime.now(UTC).date()

    def reset(self) -> None:
        """Back to the first day, without faults."""
        for address in (self.basware, self.ledger):
            call("POST", f"{address}/_sandbox/reset", {})
        self.mend()
        self.forget_calls()

    def found(self, codes: Sequence[str], *, vendors: int) -> None:
        """Founds companies in both systems, without orders and invoices."""
        self.found_in(self.kind, codes, vendors=vendors)

    # ------------------------------------------------------------------ Basware

    def document(self, code: str, number: str) -> Fields:
        """The one with that invoice number."""
        (document,) = [each for each in self.documents(code) if each.get("invoiceNumber") == number]
        return document

    def transfer_again(self, document_id: str) -> None:
        """A person transfers a document once more."""
        call("POST", f"{self.basware}/_sandbox/retransfer", {"invoiceId": document_id})

    # ------------------------------------------------------------------ the ledger

    def bills(self, code: str) -> list[Fields]:
        """Every bill and draft of a company, in the words that all ledgers share."""
        return self.bills_of(self.kind, code)

    def in_ledger(self, page: str, code: str, **asked: Any) -> Any:
        """A person does something in the ledger."""
        return call("POST", f"{self.ledger}/_sandbox/{page}", {"company": code, **asked})

    # ------------------------------------------------------------------ the wire

    def calls(self) -> list[tuple[str, str]]:
        """Method and path of each call since, sign-ins and the second leg of redirects left out."""
        left_out = re.compile(rf"token|X-Amz-|{self.kind.sessions}")
        found = [
            (each["method"], each["path"])
            for address in (self.basware, self.ledger)
            for each in call("GET", f"{address}/_sandbox/calls")["calls"]
        ]
        return [(method, path) for method, path in found if not left_out.search(path)]


def company_of(code: str, today: Any, *, vendors: int = 320, invoices: int | None = None) -> TradingCompany:
    """The company as the simulated systems founded it: the small ones without orders."""
    sizes = {} if invoices is None else {"orders": 0, "invoices": invoices}
    company = found(code, today=today, vendors=vendors, **sizes)
    return _RENUMBERED.get(code, lambda as_it_is: as_it_is)(company)


_RENUMBERED: dict[str, Callable[[TradingCompany], TradingCompany]] = {
    "2000": as_invoiced_with_sap_business_one,
    "4000": as_invoiced_with_epicor_kinetic,
}
"""Whose ledger numbers the orders in its own way."""


def invoices_of(code: str, count: int, *, vendors: int) -> list[Fields]:
    """Approved invoices as Basware offers them, all of which can be posted."""
    now = datetime.now(UTC)
    return [
        fields for fields, _ in approved_documents(company_of(code, now.date(), vendors=vendors, invoices=count), now)
    ]
