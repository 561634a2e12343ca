"""Invoices: durable transfer against the bare loop, and the calls an invoice costs."""

from __future__ import annotations

import re
import time
from collections import Counter
from statistics import median
from typing import Any, Final

from bench.bare import bare
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
_LIST: Final = re.compile(r"^/(v1/accountingDocuments\?|basware-sandbox/)")


async def measure() -> Report:
    """Alternately the product and the bare loop, each with companies of its own."""
    report = Report(
        "Transfer of 500 invoices",
        f"""{INVOICES} approved invoices of one to three lines wait in Basware; the time is from the order to begin
        until the last one is posted in Business Central and Basware was told. The product: a `Process` working one
        connection, every step in the database and the trail. {ROUNDS} rounds each, in turns, after one of each to
        warm up, against systems that answer as fast as they can; then {SLOW_ROUNDS} rounds with a ledger that takes
        {LATENCY * 1000:.0f} ms for every call.
        Requests for tokens and pages of the list of waiting documents are not counted among the calls of
        an invoice, the reads that check a whole batch are.""",
    )
    rates: dict[str, list[float]] = {"product": [], "bare": []}
    slow: dict[str, list[float]] = {"product": [], "bare": []}
    counted: dict[str, dict[str, float]] = {}
    async with sandbox() as served, home() as settings:
        await _found(served, settings)
        process = await Process.open(settings)
        try:
            for turn in range(ROUNDS + 1 + SLOW_ROUNDS):
                if turn == ROUNDS + 1:
                    await served.control(LEDGER, "limits", {"latency": LATENCY})
                for who in ("product", "bare"):
                    await served.forget_calls()
                    code = f"{who[0].upper()}{turn}"
                    seconds = await (_durable(process, code) if who == "product" else _plain(served, code))
                    await _proven(served, code)
                    if turn > ROUNDS:
                        slow[who].append(INVOICES / seconds)
                    elif turn:
                        rates[who].append(INVOICES / seconds)
                        counted[who] = _per_invoice(await served.calls())
        finally:
            await process.close()
    _tell(report, rates, counted)
    ratio = median(slow["product"]) / median(slow["bare"])
    report.add(f"product / bare loop, ledger calls of {LATENCY * 1000:.0f} ms", f"{ratio:.2f}")
    return report


async def _found(served: Sandbox, settings: Settings) -> None:
    codes = [f"{who}{turn}" for turn in range(ROUNDS + 1 + SLOW_ROUNDS) for who in "PB"]
    await served.found(*codes, vendors=320, orders=0, invoices=INVOICES)
    ours = {f"transfer-{code.lower()}": connection(served, code) for code in codes if code[0] == "P"}
    await configure(settings, ours)


async def _durable(process: Process, code: str) -> float:
    started = time.perf_counter()
    (run,) = await run_flows(process, f"transfer-{code.lower()}", [Flow.INVOICES])
    seconds = time.perf_counter() - started
    assert run["outcome"] == "ok", run
    assert run["counts"]["posted"] == INVOICES, run
    return seconds


async def _plain(served: Sandbox, code: str) -> float:
    started = time.perf_counter()
    async with bare(served, code) as loop:
        count = await loop.transfer()
    assert count == INVOICES, count
    return time.perf_counter() - started


async def _proven(served: Sandbox, code: str) -> None:
    """Both did the whole work: every bill is posted and every document answered."""
    bills = (await served.control(LEDGER, f"bills?company={code}"))["bills"]
    assert len(bills) == INVOICES, len(bills)
    assert all(bill["status"] == "Open" for bill in bills)
    waiting = (await served.control(BASWARE, f"documents?company={code}"))["documents"]
    assert all(document["transferResponseCount"] == 1 for document in waiting)


def _per_invoice(calls: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    kinds: Counter[str] = Counter()
    for system, made in calls.items():
        for call in made:
            if "/token" in call["path"] or _LIST.match(call["path"]):
                continue
            kinds[f"{system} {call['method']} {_kind(call['path'])}"] += 1
    return {kind: count / INVOICES for kind, count in kinds.most_common()}


def _kind(path: str) -> str:
    return re.sub(r"\(.*?\)|[0-9a-f]{32}", "…", path.split("?", maxsplit=1)[0].rsplit("/v2.0/", 1)[-1])


def _tell(report: Report, rates: dict[str, list[float]], counted: dict[str, dict[str, float]]) -> None:
    ratio = median(rates["product"]) / median(rates["bare"])
    calls, theirs = sum(counted["product"].values()), sum(counted["bare"].values())
    report.add("product, invoices a second", spread(rates["product"], 1))
    report.add("bare loop, invoices a second", spread(rates["bare"], 1))
    report.add("product / bare loop", f"{ratio:.2f}", f"at least {GOAL}", met=ratio >= GOAL)
    report.add("calls of an invoice, product", f"{calls:.2f}", f"at most {CALLS_GOAL:.0f}", met=calls <= CALLS_GOAL)
    report.add("calls of an invoice, bare loop", f"{theirs:.2f}")
    for kind, count in counted["product"].items():
        if count >= 0.05:
            report.add(f"of these, {kind}", f"{count:.2f}")
