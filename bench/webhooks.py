"""From a notification to the posted bill: what the product adds to the time the other systems take."""

from __future__ import annotations

import asyncio
from statistics import median
from typing import Any, Final

from bench.bare import bare
from bench.bare_business_central import business_central
from bench.report import Report, percentile
from bench.stage import BASWARE, Sandbox, configure, connection, home, notify, product, sandbox

NAME: Final = "webhooks"
CODE: Final = "W1"
SOURCE: Final = "W2"
NOTIFICATIONS: Final = 220
WARM_UP: Final = 20
QUIET: Final = {"enabled": False}


async def measure() -> Report:
    """One notification after the other, each of an invoice that has just been approved."""
    report = Report(
        "From webhook to posted bill",
        f"""`ml-connector serve` in a child process, one connection. {NOTIFICATIONS - WARM_UP} times, after
        {WARM_UP} to warm up: an invoice is approved, the signed notification is sent to the webhook, and the next
        follows when the document was answered in Basware. Time is from the beginning of the POST until the ledger
        had posted the bill, by the sandbox's log of calls; from this is taken away the time during which one of
        the sandbox's systems was working on a call (calls at the same time count once).""",
    )
    added: list[float] = []
    whole: list[float] = []
    async with sandbox() as served, home() as settings:
        await served.found(CODE, vendors=320, orders=0, invoices=0)
        await served.found(SOURCE, vendors=320, orders=0, invoices=NOTIFICATIONS)
        async with bare(served, SOURCE, business_central) as loop:
            documents = [document async for page in loop.offered() for document in page]
        flows = dict.fromkeys(
            ("tax-codes", "accounts", "dimensions", "payment-terms", "vendors", "purchase-orders"), QUIET
        )
        flows |= {"payments": QUIET, "invoices": {"every": "1d", "webhook": True}}
        await configure(settings, {NAME: connection(served, CODE, flows=flows)})
        async with product("serve", "--port", "0") as (_, line):
            address = line.split()[-1]
            await asyncio.sleep(2)  # the first poll finds nothing
            for turn, document in enumerate(documents):
                seconds = await _one(served, address, document)
                if turn >= WARM_UP:
                    whole.append(seconds[0] * 1000)
                    added.append(seconds[1] * 1000)
    for what, values in (("added by the product", added), ("in all", whole)):
        report.add(f"{what}, median", f"{median(values):.1f} ms")
        report.add(f"{what}, 99th percentile", f"{percentile(values, 99):.1f} ms")
    return report


async def _one(served: Sandbox, address: str, document: dict[str, Any]) -> tuple[float, float]:
    fields = {**document, "companyCode": CODE, "invoiceNumber": f"{document['invoiceNumber']}-W"}
    fields.pop("lastUpdated", None)
    await served.control(BASWARE, "documents", {"documents": [fields], "notify": False})
    await served.forget_calls()
    sent, _ = await notify(served.http, address, NAME, document["invoiceId"])
    calls: list[dict[str, Any]] = []
    for _ in range(2000):
        calls = [call for made in (await served.calls()).values() for call in made]
        if any(call["path"].endswith("/transferResponses") for call in calls):
            break
        await asyncio.sleep(0.02)
    else:
        raise TimeoutError(f"Nothing came of a notification: {calls}")
    posted = max(call["at"] for call in calls if call["path"].endswith("/$batch"))
    spans = sorted((call["at"] - call["seconds"], call["at"]) for call in calls if call["at"] <= posted)
    return posted - sent, posted - sent - _covered(spans)


def _covered(spans: list[tuple[float, float]]) -> float:
    """Seconds that are within at least one span."""
    total, until = 0.0, float("-inf")
    for start, end in spans:
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total
