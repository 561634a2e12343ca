"""Bills that are wrong: found beforehand, refused by the ledger, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from conformance.bench import Bench
from conformance.stage import (
    Stage,
    assert_stands_as_said,
    bill_of,
    draft_of,
    found_of,
    line_of,
    lists_of,
    standing,
    waiting_of,
)
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import Refused
from ml_connector.records.invoice import Bill, BillStatus, LedgerBill
from ml_connector.records.reason import Reason

NOWHERE = "NOPE9"
"""A code nothing in any simulated company has."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong with a bill, and what its finding must be about."""

    reason: Reason
    changes: Callable[[Bench, Ledger], dict[str, Any]]
    subject: Callable[[Bench, Ledger], str]
    name: str = ""

    def bill(self, bench: Bench, ledger: Ledger) -> Bill:
        """A bill with only this wrong."""
        return bill_of(bench, **{"number": "T-1", **self.changes(bench, ledger)})

    def __str__(self) -> str:
        return (self.name or self.reason.value).replace(" ", "-")


def _line(bench: Bench, **changes: Any) -> dict[str, Any]:
    return {"lines": (line_of(bench), line_of(bench, **changes))}


TROUBLES = (
    Trouble(
        Reason.PERIOD_CLOSED,
        lambda bench, _: {"posting_date": bench.facts.closed_day, "invoice_date": bench.facts.closed_day},
        lambda bench, _: bench.facts.closed_day.isoformat(),
    ),
    Trouble(Reason.VENDOR_UNKNOWN, lambda *_: {"vendor": NOWHERE}, lambda *_: NOWHERE),
    Trouble(
        Reason.VENDOR_BLOCKED,
        lambda bench, _: {"vendor": bench.facts.blocked_vendor},
        lambda bench, _: bench.facts.blocked_vendor,
    ),
    Trouble(Reason.ACCOUNT_UNKNOWN, lambda bench, _: _line(bench, account=NOWHERE), lambda *_: NOWHERE),
    Trouble(
        Reason.ACCOUNT_BLOCKED,
        lambda bench, _: _line(bench, account=bench.facts.inactive_account),
        lambda bench, _: bench.facts.inactive_account,
    ),
    Trouble(
        Reason.DIMENSION_UNKNOWN,
        lambda bench, _: _line(bench, dimensions={bench.facts.dimension: NOWHERE}),
        lambda *_: NOWHERE,
    ),
    Trouble(Reason.TAX_CODE_UNKNOWN, lambda bench, _: _line(bench, tax_code=NOWHERE), lambda *_: NOWHERE),
    Trouble(
        Reason.RATE_MISSING,
        lambda bench, _: {"currency": bench.facts.currency_without_rate},
        lambda bench, _: bench.facts.currency_without_rate,
    ),
    Trouble(Reason.CURRENCY_UNKNOWN, lambda *_: {"currency": "XTS"}, lambda *_: "XTS"),
    Trouble(
        Reason.NUMBER_TOO_LONG,
        lambda _, ledger: {"number": "7" * (ledger.capabilities.number_length + 1)},
        lambda _, ledger: "7" * (ledger.capabilities.number_length + 1),
    ),
)


SPOILT = {"vendor": Reason.VENDOR_BLOCKED, "dimension": Reason.DIMENSION_BLOCKED, "period": Reason.PERIOD_CLOSED}
"""What somebody changes between the check of a bill and its posting, and what the ledger then says."""


async def spoil(bench: Bench, bill: Bill, change: str) -> None:
    """Makes the change."""
    if change == "vendor":
        await bench.block_vendor(bill.vendor)
    elif change == "dimension":
        await bench.block_value(bench.facts.dimension, bench.facts.values[0])
    else:
        await bench.close_period()


class Refusals(Stage):
    """Each trouble alone, all at once, and those that come between the check and the posting."""

    @pytest.mark.parametrize("trouble", TROUBLES, ids=str)
    async def test_what_is_wrong_is_found_without_writing(self, bench: Bench, ledger: Ledger, trouble: Trouble) -> None:
        bill = trouble.bill(bench, ledger)
        fine = bill_of(bench, "FINE-1")
        findings = await ledger.check([bill, fine])
        assert findings[fine.key] == ()
        assert await bench.bills() == []
        if trouble.reason in self.told_by_refusal:
            assert findings[bill.key] == ()
            return
        assert [each.reason for each in findings[bill.key]] == [trouble.reason]
        assert trouble.subject(bench, ledger) in findings[bill.key][0].subject
        assert "{" not in findings[bill.key][0].sentence()

    @pytest.mark.parametrize("trouble", TROUBLES, ids=str)
    async def test_what_was_not_found_beforehand_the_ledger_refuses(
        self, bench: Bench, ledger: Ledger, trouble: Trouble
    ) -> None:
        bill = trouble.bill(bench, ledger)
        draft: LedgerBill | None = None
        with pytest.raises(Refused) as refused:  # noqa: PT012 - either of the two may refuse
            draft = await ledger.create(bill)
            await ledger.post(bill, draft)
        assert refused.value.reason in self.said_unchecked.get(trouble.reason, {trouble.reason})
        if trouble.reason in self.told_by_refusal:
            assert trouble.subject(bench, ledger) in refused.value.findings[0].subject
        left = await standing(bench, bill)
        assert [(each.id, each.is_posted) for each in left] == ([] if draft is None else [(draft.id, False)])
        if draft is not None:
            await ledger.discard(bill, draft)
        assert await bench.bills() == []

    async def test_all_that_is_wrong_is_said_at_once(self, bench: Bench, ledger: Ledger) -> None:
        changes: dict[str, Any] = {"lines": []}
        for trouble in TROUBLES:
            asked = trouble.changes(bench, ledger)
            changes = {**changes, **asked, "lines": [*changes["lines"], *asked.get("lines", ())]}
        changes |= {"vendor": NOWHERE, "currency": "XTS"}
        bill = bill_of(bench, **changes)
        reasons = [each.reason for each in (await ledger.check([bill]))[bill.key]]
        hidden = {Reason.VENDOR_BLOCKED, Reason.RATE_MISSING}  # of a vendor and a currency that are not there
        assert set(reasons) == {trouble.reason for trouble in TROUBLES} - hidden - self.told_by_refusal
        assert len(reasons) == len(set(reasons))

    async def test_checking_many_bills_costs_a_handful_of_reads(self, bench: Bench, ledger: Ledger) -> None:
        bills = [bill_of(bench, f"C-{index}") for index in range(100)]
        await ledger.check(bills)
        assert len(await lists_of(bench)) <= 8
        await bench.forget_calls()
        for bill in bills:
            await ledger.check([bill])
        assert await bench.calls() == []

    @pytest.mark.parametrize("change", list(SPOILT))
    async def test_what_changed_since_the_check_is_refused_and_leaves_nothing(
        self, bench: Bench, ledger: Ledger, change: str
    ) -> None:
        if ledger.capabilities.posting_is_separate:
            pytest.skip(f"{ledger.name} takes such bills as drafts")
        bill = bill_of(bench, "D-1")
        assert await ledger.check([bill]) == {bill.key: ()}
        await spoil(bench, bill, change)
        with pytest.raises(Refused) as refused:
            await ledger.create(bill)
        assert refused.value.reason is SPOILT[change]
        assert await found_of(ledger, bill) == ()
        assert await bench.bills() == []

    @pytest.mark.parametrize("change", list(SPOILT))
    async def test_a_draft_that_can_no_longer_be_posted_stays_until_it_is_discarded(
        self, bench: Bench, ledger: Ledger, change: str
    ) -> None:
        if not ledger.capabilities.posting_is_separate:
            pytest.skip(f"{ledger.name} posts no drafts")
        bill = bill_of(bench, "D-1")
        draft = await draft_of(ledger, bill)
        await spoil(bench, bill, change)
        with pytest.raises(Refused) as refused:
            await ledger.post(bill, draft)
        assert refused.value.reason is SPOILT[change]
        there = await ledger.read_bill(bill, draft.id)
        assert there is not None
        assert there.status is BillStatus.DRAFT
        await ledger.discard(bill, there)
        assert await ledger.read_bill(bill, draft.id) is None
        assert await found_of(ledger, bill) == ()
        assert await bench.bills() == []

    async def test_a_draft_that_is_gone_is_discarded_without_fuss(self, bench: Bench, ledger: Ledger) -> None:
        bill = bill_of(bench, "D-1")
        draft = await waiting_of(bench, ledger, bill)
        for _ in range(2):
            await ledger.discard(bill, draft)
        assert await bench.bills() == []

    async def test_a_posted_bill_is_never_discarded(self, bench: Bench, ledger: Ledger) -> None:
        bill = bill_of(bench, "D-1")
        draft = await draft_of(ledger, bill)
        posted = await ledger.post(bill, draft)
        for claimed in (draft, posted):
            with pytest.raises(Refused):
                await ledger.discard(bill, claimed)
        await assert_stands_as_said(bench, bill)
