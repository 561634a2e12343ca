"""What every part of the suite stands on: the fixtures, and bills that are right."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from conformance.bench import Bench, Call, Harm, PingFailure, Reasons, StandingBill, Write
from ml_connector.connectors.base import Ledger
from ml_connector.records.invoice import Bill, BillLine, BillStatus, DocumentKind, LedgerBill
from ml_connector.records.money import add_up, round_amount
from ml_connector.records.reason import Reason

AFTER_THE_WORK = (Harm("lost_reply"), Harm("status_after", status=500))
_LATER_PAGE = re.compile(r"[?&](?:\$|%24)skip(?:token)?=(?!0\b)", re.IGNORECASE)
BEFORE_THE_WORK = (Harm("cut"), Harm("status", status=503))


class Stage:
    """Parametrises by what the connector writes and where its set-up can be wrong; opens the ledger."""

    writes: ClassVar[tuple[Write, ...]] = ()
    """Every write of the connector, by the call it is on the wire."""
    ping_failures: ClassVar[tuple[PingFailure, ...]] = ()
    ping_steps: ClassVar[tuple[str, ...]] = ()
    said_unchecked: ClassVar[Reasons] = {}
    dates_by_period: ClassVar[bool] = False
    """True where a bill is dated by its supplier, and a posting date only chooses the period it is posted in."""
    told_by_refusal: ClassVar[frozenset[Reason]] = frozenset()
    """What nobody can ask the ledger beforehand: only its refusal tells, as precisely and with nothing left behind."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """`write` and `failure` come from the connector's class."""
        for name, cases in (("write", self.writes), ("failure", self.ping_failures)):
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, cases, ids=[str(case).replace(" ", "-") for case in cases])

    @pytest.fixture
    async def ledger(self, bench: Bench) -> AsyncIterator[Ledger]:
        """The connector, set up rightly."""
        opened = bench.open(bench.side())
        yield opened
        await opened.close()


def line_of(bench: Bench, **changes: Any) -> BillLine:
    """A line that is right."""
    usual = BillLine(
        account=bench.facts.account,
        net=Decimal("100.00"),
        description="Copy paper",
        tax_code=bench.facts.tax_code,
        dimensions={bench.facts.dimension: bench.facts.values[0]},
    )
    return replace(usual, **changes)


def bill_of(bench: Bench, number: str, **changes: Any) -> Bill:
    """A bill that is right, its sums computed from its lines."""
    facts = bench.facts
    lines: Sequence[BillLine] = changes.pop("lines", None) or (line_of(bench),)
    net = add_up(line.net for line in lines)
    rates = {facts.tax_code: facts.tax_percent, facts.untaxed_code: Decimal(0)}
    tax = round_amount(add_up(line.net * rates.get(line.tax_code, Decimal(0)) / 100 for line in lines), "EUR")
    usual: dict[str, Any] = {
        "key": f"c/{number}/1", "kind": DocumentKind.INVOICE, "vendor": facts.vendor, "number": number,
        "invoice_date": facts.open_day, "posting_date": facts.open_day, "due_date": None,
        "currency": facts.currency, "exchange_rate": None, "net": net, "tax": tax, "gross": net + tax,
        "description": "Office", "lines": tuple(lines),
    }  # fmt: skip
    return Bill(**{**usual, **changes})


async def draft_of(ledger: Ledger, bill: Bill) -> LedgerBill:
    """The bill written, and posted only where the ledger cannot do otherwise."""
    draft = await ledger.create(bill)
    wanted = BillStatus.DRAFT if ledger.capabilities.posting_is_separate else BillStatus.POSTED
    assert draft.status is wanted
    return draft


async def posted_of(ledger: Ledger, bill: Bill) -> LedgerBill:
    """The bill written and posted."""
    draft = await draft_of(ledger, bill)
    if not ledger.capabilities.posting_is_separate:
        return draft
    posted = await ledger.post(bill, draft)
    assert posted.status is BillStatus.POSTED
    return posted


async def waiting_of(bench: Bench, ledger: Ledger, bill: Bill) -> LedgerBill:
    """The bill written and not posted. Skips where the ledger posts whatever it takes."""
    if not await bench.leave_unposted():
        pytest.skip(f"{ledger.name} posts at once")
    written = await ledger.create(bill)
    assert written.status in (BillStatus.DRAFT, BillStatus.PENDING)
    return written


async def calls_of(bench: Bench) -> list[Call]:
    """The calls that reached the ledger, those for the session left out."""
    return [call for call in await bench.calls() if not call.is_sign_in]


async def lists_of(bench: Bench) -> list[Call]:
    """The same, each list counted once: how many pages it comes in is a matter of its length."""
    return [call for call in await calls_of(bench) if not _LATER_PAGE.search(call.path)]


async def cost_of_a_look(bench: Bench, ledger: Ledger) -> int:
    """How many calls one `find` takes on a quiet day. All calls so far are forgotten."""
    await found_of(ledger, bill_of(bench, "QUIET-1"))
    await bench.forget_calls()
    await found_of(ledger, bill_of(bench, "QUIET-2"))
    cost = len(await calls_of(bench))
    await bench.forget_calls()
    return cost


async def standing(bench: Bench, bill: Bill) -> list[StandingBill]:
    """What stands under the bill's number, whoever wrote it."""
    wanted = bill.number.strip().upper()
    return [
        each
        for each in await bench.bills()
        if each.kind is bill.kind and each.supplier_number.strip().upper() == wanted
    ]


async def only(bench: Bench, bill: Bill) -> StandingBill:
    """The one bill that stands under the number."""
    found = await standing(bench, bill)
    assert len(found) == 1, f"{bill.number} stands {len(found)} times"
    return found[0]


async def assert_stands_as_said(bench: Bench, bill: Bill) -> StandingBill:
    """One bill, posted, with the vendor, sums, and on each line the account, sum and dimensions of `bill`."""
    stands = await only(bench, bill)
    assert stands.is_posted
    assert (stands.vendor, stands.currency, stands.net, stands.gross) == (
        bill.vendor, bill.currency, bill.net, bill.gross,
    )  # fmt: skip
    assert stands.posting_date == bill.posting_date
    assert [(line.account, line.net) for line in stands.lines] == [(line.account, line.net) for line in bill.lines]
    for made, said in zip(stands.lines, bill.lines, strict=True):
        assert said.dimensions.items() <= made.dimensions.items()
    return stands


async def found_of(ledger: Ledger, bill: Bill) -> tuple[LedgerBill, ...]:
    """What the ledger finds for one bill."""
    found: Mapping[str, tuple[LedgerBill, ...]] = await ledger.find([bill])
    return found[bill.key]
