"""Invoices into Epicor Kinetic: durable transfer against the bare loop, and the calls an invoice costs."""

from __future__ import annotations

from typing import Final

from bench.bare_epicor import epicor_kinetic
from bench.report import Report
from bench.stage import EPICOR
from bench.transfer import LATENCY, Ledger, measure_into

INVOICES: Final = 100

INTO_EPICOR: Final = Ledger(
    system=EPICOR, name="Epicor Kinetic", title=f"Transfer of {INVOICES} invoices into Epicor Kinetic",
    open=epicor_kinetic, slow_page="latency", slow={"seconds": LATENCY}, invoices=INVOICES,
    # Posting runs on by itself there; one that is not over at the first look is asked after a second later.
    in_each={"posting": {"seconds": 0}},
    note="""The task agent posts at once; one that takes its time is asked after a second and more later. The server
    loses the accounts of new lines, which is the stricter of its two habits: they are put right by a second save.""",
    # Each line is drawn up by seven calls, each invoice coded, taken off hold and posted by others.
    calls_goal=None,
)  # fmt: skip


async def measure() -> Report:
    """Into Epicor Kinetic."""
    return await measure_into(INTO_EPICOR)
