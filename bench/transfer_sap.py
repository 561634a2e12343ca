"""Invoices into SAP Business One: durable transfer against the bare loop, and the calls an invoice costs."""

from __future__ import annotations

from typing import Final

from bench.bare_sap import sap_business_one
from bench.report import Report
from bench.stage import SAP
from bench.transfer import INVOICES, LATENCY, Ledger, measure_into

SAP_BUSINESS_ONE: Final = Ledger(
    system=SAP, name="SAP Business One", title=f"Transfer of {INVOICES} invoices into SAP Business One",
    open=sap_business_one, slow_page="latency", slow={"request": LATENCY},
    # Tax is rounded line by line there; the invoices' is rounded by rate.
    mapping={"tolerance": {"EUR": "0.02"}},
)  # fmt: skip


async def measure() -> Report:
    """Into SAP Business One."""
    return await measure_into(SAP_BUSINESS_ONE)
