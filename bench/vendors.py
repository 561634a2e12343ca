"""100,000 vendors: memory stays flat, and the import keeps up with the bare loop."""

from __future__ import annotations

import time
from statistics import median
from typing import Any, Final

from bench.bare import bare
from bench.bare_business_central import business_central
from bench.bare_vendors import bring_vendors
from bench.child import run_child
from bench.report import Report, spread
from bench.stage import BASWARE, LEDGER, Sandbox, company_id, configure, connection, home, sandbox
from ml_connector.records.flow import Flow

VENDORS: Final = 100_000
ROUNDS: Final = 2
GOAL: Final = 0.6
MEMORY_GOAL: Final = 300.0
GROWTH_GOAL: Final = 10.0
CODE: Final = "V"


async def measure() -> Report:
    """Alternately the product, in a process of its own, and the bare loop; each under a name of its own."""
    report = Report(
        "100,000 vendors",
        f"""{VENDORS:,} vendors are read from Business Central in pages of 5,000 and imported into Basware in batches
        of 200; the time ends when the outcome of the last batch is known. The product runs in a child process whose
        resident memory is read ten times a second, from start to end; its growth is the median of the last tenth of
        the readings less the median of the tenth after the middle. {ROUNDS} rounds each, in turns, a new connection
        each time.""",
    )
    ours: list[dict[str, Any]] = []
    theirs: list[float] = []
    async with sandbox() as served, home() as settings:
        codes = [f"{who}{turn}" for turn in range(ROUNDS) for who in "PB"]
        await served.control(LEDGER, "companies", {"codes": [CODE], "vendors": VENDORS, "orders": 0, "invoices": 0})
        await served.control(BASWARE, "companies", {"codes": codes, "vendors": 20, "orders": 0, "invoices": 0})
        await configure(settings, {f"vendors-{code.lower()}": _connection(served, code) for code in codes})
        for code in codes:
            name = f"vendors-{code.lower()}"
            await run_child(name, Flow.PAYMENT_TERMS)
            if code[0] == "P":
                ours.append(await run_child(name, Flow.VENDORS))
                assert ours[-1]["outcome"] == "ok", ours[-1]
            else:
                theirs.append(await _plain(served, code, ours[-1]["counts"]["sent"]))
    _tell(report, ours, theirs)
    return report


def _connection(served: Sandbox, code: str) -> dict[str, Any]:
    """A company of its own in Basware each time, all with the vendors of the same company of the ledger."""
    made = connection(served, code)
    made["erp"]["company_id"] = company_id(CODE)
    return made


async def _plain(served: Sandbox, code: str, expected: int) -> float:
    started = time.perf_counter()
    async with bare(served, CODE, business_central) as loop:
        taken = await bring_vendors(loop, code)
    assert taken == expected, (taken, expected)
    return time.perf_counter() - started


def _tell(report: Report, ours: list[dict[str, Any]], theirs: list[float]) -> None:
    product = [VENDORS / each["seconds"] for each in ours]
    plain = [VENDORS / seconds for seconds in theirs]
    ratio = median(product) / median(plain)
    peak = max(max(each["memory"]) for each in ours)
    growth = max(_growth(each["memory"]) for each in ours)
    report.add("product, vendors a second", spread(product, 0))
    report.add("bare loop, vendors a second", spread(plain, 0))
    report.add("product / bare loop", f"{ratio:.2f}", f"at least {GOAL}", met=ratio >= GOAL)
    goal = f"less than {MEMORY_GOAL:.0f} MiB"
    report.add("greatest memory of the product", f"{peak:.0f} MiB", goal, met=peak < MEMORY_GOAL)
    goal = f"about 0 (less than {GROWTH_GOAL:.0f} MiB)"
    report.add("its growth in the second half", f"{growth:.1f} MiB", goal, met=growth < GROWTH_GOAL)


def _growth(memory: list[float]) -> float:
    tenth, middle = max(1, len(memory) // 10), len(memory) // 2
    return median(memory[-tenth:]) - median(memory[middle : middle + tenth])
