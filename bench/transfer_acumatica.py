"""Invoices into Acumatica: durable transfer against the bare loop, and the calls an invoice costs."""

from __future__ import annotations

from typing import Final

from bench.bare_acumatica import acumatica
from bench.report import Report
from bench.stage import ACUMATICA
from bench.transfer import INVOICES, LATENCY, Ledger, measure_into

INTO_ACUMATICA: Final = Ledger(
    system=ACUMATICA, name="Acumatica", title=f"Transfer of {INVOICES} invoices into Acumatica", open=acumatica,
    slow_page="faults", slow={"kind": "slow", "seconds": LATENCY, "count": 10_000_000},
    # A seat for each tenant, and releases that are done at once: one that goes on by itself is asked after a second.
    before={"seats": {"limit": 1_000}, "actions": {"immediate": True}},
    note="Releases are answered when they are done; those that go on by themselves take a second and more each.",
    # Saved on hold, taken off hold, released and read again are four by themselves.
    calls_goal=None,
)  # fmt: skip


async def measure() -> Report:
    """Into Acumatica."""
    return await measure_into(INTO_ACUMATICA)
