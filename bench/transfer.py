"""Invoices: durable transfer against the bare loop, and the calls an invoice costs."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from bench.bare import BareLedger, bare
from bench.bare_business_central import business_central
from bench.report import Report, spread
from bench.stage import BASWARE, LEDGER, Sandbox, configure, connection, home, run_flows, sandbox
from ml_connector.engine.process import Process
from ml_connector.records.flow import Flow
from ml_connector.store.settings import Settings

INVOICES: Final = 500
ROUNDS: Final = 4
SLOW_ROUNDS: Final = 2
LATENCY: Final = 0.02
"""Seconds a call to the ledger takes in the slow rounds; the real one takes several times as long."""
GOAL: Final = 0.6
CALLS_GOAL: Final = 5.0
_NOT_COUNTED: Final = re.compile(
    r"^/(v1/(accountingDocuments|supplierInvoice)\?|basware-sandbox/)|/token|/b1s/v2/Log(in|out)$|/auth/logout$"
)
_ROOT: Final = re.compile("/v2.0/|/b1s/v2/|/entity/Default/[0-9.]+/|/odata/[^/]+/")
_ID: Final = re.compile(r"\(.*?\)|(?<=Invoice/)[0-9]+|[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Ledger:
    """What tells one ledger from another here."""

    system: str
    name: str
    title: str
    open: Callable[[Sandbox, str], AbstractAsyncContextManager[BareLedger]]
    slow_page: str
    """The control page of its sandbox that makes calls take longer."""
    slow: Mapping[str, Any]
    mapping: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Additions to the connection's mapping."""
    before: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What its control pages are told beforehand."""
    in_each: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What they are told of each company."""
    note: str = ""
    invoices: int = INVOICES
    calls_goal: float | None = CALLS_GOAL


BUSINESS_CENTRAL: Final = Ledger(
    system=LEDGER, name="Business Central", title=f"Transfer of {INVOICES} invoices", open=business_central,
    slow_page="limits", slow={"latency": LATENCY},
)  # fmt: skip


async def measure() -> Report:
    """Into Business Central."""
    return await measure_into(BUSINESS_CENTRAL)


async def measure_into(ledger: Ledger) -> Report:
    """Alternately the product and the bare loop, each with companies of its own."""
    report = Report(
        ledger.title,
        f"""{ledger.invoices} approved invoices of one to three lines wait in Basware; the time is from the order to
        begin until the last one is posted in {ledger.name} and Basware was told. The product: a `Process` working one
        connection, every step in the database and the trail. {ROUNDS} rounds each, in turns, after one of each to
        warm up, against systems that answer as fast as they can; then {SLOW_ROUNDS} rounds with a ledger that takes
        {LATENCY * 1000:.0f} ms for every call. {ledger.note}
        Requests for tokens or sessions and pages of the list of waiting documents are not counted among the calls of
        an invoice, the reads that check a whole batch are.""",
    )
    rates: dict[str, list[float]] = {"product": [], "bare": []}
    slow: dict[str, list[float]] = {"product": [], "bare": []}
    counted: dict[str, dict[str, float]] = {}
    async with sandbox() as served, home() as settings:
        await _found(served, settings, ledger)
        process = await Process.open(settings)
        try:
            for turn in range(ROUNDS + 1 + SLOW_ROUNDS):
                if turn == ROUNDS + 1:
                    await served.control(ledger.system, ledger.slow_page, ledger.slow)
                for who in ("product", "bare"):
                    await served.forget_calls()
                    code = f"{who[0].upper()}{turn}"
                    carried = _durable(process, code, ledger) if who == "product" else _plain(served, code, ledger)
                    seconds = await carried
                    await _proven(served, code, ledger)
                    if turn > ROUNDS:
                        slow[who].append(ledger.invoices / seconds)
                    elif turn:
                        rates[who].append(ledger.invoices / seconds)
                        counted[who] = per_invoice(await served.calls(), ledger.invoices)
        finally:
            await process.close()
    tell(report, rates, counted, calls_goal=ledger.calls_goal)
    ratio = median(slow["product"]) / median(slow["bare"])
    report.add(f"product / bare loop, ledger calls of {LATENCY * 1000:.0f} ms", f"{ratio:.2f}")
    return report


async def _found(served: Sandbox, settings: Settings, ledger: Ledger) -> None:
    for page, asked in ledger.before.items():
        await served.control(ledger.system, page, asked)
    codes = [f"{who}{turn}" for turn in range(ROUNDS + 1 + SLOW_ROUNDS) for who in "PB"]
    await served.found(*codes, ledger=ledger.system, vendors=320, orders=0, invoices=ledger.invoices)
    for page, asked in ledger.in_each.items():
        for code in codes:
            await served.control(ledger.system, page, {"company": code, **asked})
    ours = {code: connection(served, code, ledger=ledger.system) for code in codes if code[0] == "P"}
    for each in ours.values():
        each["mapping"] |= ledger.mapping
    await configure(settings, {f"transfer-{code.lower()}": each for code, each in ours.items()})


async def _durable(process: Process, code: str, ledger: Ledger) -> float:
    started = time.perf_counter()
    (run,) = await run_flows(process, f"transfer-{code.lower()}", [Flow.INVOICES])
    seconds = time.perf_counter() - started
    assert run["outcome"] == "ok", run
    assert run["counts"]["posted"] == ledger.invoices, run
    return seconds


async def _plain(served: Sandbox, code: str, ledger: Ledger) -> float:
    started = time.perf_counter()
    async with bare(served, code, ledger.open) as loop:
        count = await loop.transfer()
    assert count == ledger.invoices, count
    return time.perf_counter() - started


async def _proven(served: Sandbox, code: str, ledger: Ledger) -> None:
    """Both did the whole work: every bill is posted and every document answered."""
    bills = (await served.control(ledger.system, f"bills?company={code}"))["bills"]
    assert len(bills) == ledger.invoices, len(bills)
    assert all(bill["status"].lower() == "open" for bill in bills)
    waiting = (await served.control(BASWARE, f"documents?company={code}"))["documents"]
    assert all(document["transferResponseCount"] == 1 for document in waiting)


def per_invoice(calls: dict[str, list[dict[str, Any]]], invoices: int) -> dict[str, float]:
    """The calls of an invoice by system and kind, the most frequent first."""
    kinds: Counter[str] = Counter()
    for system, made in calls.items():
        for call in made:
            if not _NOT_COUNTED.search(call["path"]):
                kinds[f"{system} {call['method']} {_kind(call['path'])}"] += 1
    return {kind: count / invoices for kind, count in kinds.most_common()}


def _kind(path: str) -> str:
    return _ID.sub("…", _ROOT.split(path.split("?", maxsplit=1)[0])[-1])


def tell(
    report: Report, rates: dict[str, list[float]], counted: dict[str, dict[str, float]], *, calls_goal: float | None
) -> None:
    """The rates, their ratio, and what an invoice costs."""
    ratio = median(rates["product"]) / median(rates["bare"])
    calls, theirs = sum(counted["product"].values()), sum(counted["bare"].values())
    report.add("product, invoices a second", spread(rates["product"], 1))
    report.add("bare loop, invoices a second", spread(rates["bare"], 1))
    report.add("product / bare loop", f"{ratio:.2f}", f"at least {GOAL}", met=ratio >= GOAL)
    if calls_goal is None:
        report.add("calls of an invoice, product", f"{calls:.2f}")
    else:
        report.add("calls of an invoice, product", f"{calls:.2f}", f"at most {calls_goal:.0f}", met=calls <= calls_goal)
    report.add("calls of an invoice, bare loop", f"{theirs:.2f}")
    for kind, count in counted["product"].items():
        if count >= 0.05:
            report.add(f"of these, {kind}", f"{count:.2f}")
