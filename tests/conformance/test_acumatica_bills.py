"""Acumatica: refusals line by line, totals, rights, duplicates, reversals, files (dossier 5, 7, 8, 10)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from conformance.acumatica import AcumaticaBench, bench_of, client_of
from conformance.settling import register_of, settlements_of
from conformance.stage import assert_stands_as_said, bill_of, draft_of, found_of, line_of, only, posted_of, standing
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.records.invoice import BillStatus, DocumentKind
from ml_connector.records.reason import Reason


@pytest.fixture
async def bench() -> AsyncIterator[AcumaticaBench]:
    async with bench_of() as made:
        yield made


@pytest.fixture
async def ledger(bench: AcumaticaBench) -> AsyncIterator[Ledger]:
    opened = bench.open(bench.side())
    yield opened
    await opened.close()


# ------------------------------------------------------------------ refusals


async def switch_off(bench: AcumaticaBench) -> None:
    """An account, a department and a tax category, behind the back of the check."""
    await bench.hook("accounts", number=bench.facts.other_account, Active=False)
    await bench.block_value(bench.facts.dimension, bench.facts.values[1])
    await bench.hook("records", entity="TaxCategory", key=bench.facts.untaxed_code, delete=True)


async def test_all_that_a_refusal_names_in_the_lines_is_told_at_once(bench: AcumaticaBench, ledger: Ledger) -> None:
    facts = bench.facts
    lines = (
        line_of(bench),
        line_of(bench, account=facts.other_account),
        line_of(bench, dimensions={facts.dimension: facts.values[1]}),
        line_of(bench, tax_code=facts.untaxed_code),
    )
    bill = bill_of(bench, "F-1", lines=lines)
    assert await ledger.check([bill]) == {bill.key: ()}
    await switch_off(bench)
    with pytest.raises(Refused) as refused:
        await ledger.create(bill)
    told = {each.reason: each.subject for each in refused.value.findings}
    assert set(told) == {Reason.ACCOUNT_BLOCKED, Reason.DIMENSION_BLOCKED, Reason.TAX_CODE_UNKNOWN}
    assert told[Reason.ACCOUNT_BLOCKED] == facts.other_account
    assert facts.values[1] in told[Reason.DIMENSION_BLOCKED]
    assert told[Reason.TAX_CODE_UNKNOWN] == facts.untaxed_code
    assert "raised at least one error" not in " ".join(each.sentence() for each in refused.value.findings)
    assert await bench.bills() == []


async def test_a_name_that_the_endpoint_does_not_have_never_leaves(bench: AcumaticaBench, ledger: Ledger) -> None:
    await found_of(ledger, bill_of(bench, "F-1"))
    before = len(await bench.calls())
    client = client_of(ledger)
    with pytest.raises(Refused):
        await client.put("Bill", {"Type": "Bill", "VendorReference": "F-1"})
    with pytest.raises(Refused):
        await client.put("Bill", {"Details": [{"LineDescription": "x"}]})
    assert len(await bench.calls()) == before


@pytest.mark.parametrize("validates", [True, False])
async def test_a_total_that_is_a_cent_off_is_told_and_posted_within_the_tolerance(
    bench: AcumaticaBench, validates: bool
) -> None:
    await bench.hook("preferences", validate_totals=validates)
    bench.tolerance = {"EUR": Decimal("0.01")}
    ledger = bench.open(bench.side())
    bill = bill_of(bench, "F-1", tax=Decimal("24.01"), gross=Decimal("124.01"))
    draft = await draft_of(ledger, bill)
    assert (draft.net, draft.tax, draft.gross) == (bill.net, Decimal("24.00"), Decimal("124.00"))
    posted = await ledger.post(bill, draft)
    await ledger.close()
    assert (posted.status, posted.gross) == (BillStatus.POSTED, Decimal("124.00"))
    assert [row["total"] for row in await bench.rows()] == [124]


async def test_a_total_beyond_the_tolerance_leaves_a_draft_that_can_be_discarded(
    bench: AcumaticaBench, ledger: Ledger
) -> None:
    bill = bill_of(bench, "F-1", tax=Decimal("24.01"), gross=Decimal("124.01"))
    draft = await draft_of(ledger, bill)
    with pytest.raises(Refused) as refused:
        await ledger.post(bill, draft)
    assert refused.value.reason is Reason.TOTALS_DIFFER
    await ledger.discard(bill, draft)
    assert await bench.bills() == []


async def test_a_draft_that_somebody_changed_since_it_was_compared_is_not_released(
    bench: AcumaticaBench, ledger: Ledger
) -> None:
    bill = bill_of(bench, "F-1")
    draft = await draft_of(ledger, bill)
    more = {"Account": bench.facts.account, "ExtendedCost": "50", "TaxCategory": bench.facts.untaxed_code}
    await bench.hook("bill", id=draft.id, Details=[more])
    with pytest.raises(Refused) as refused:
        await ledger.post(bill, draft)
    assert refused.value.reason is Reason.TOTALS_DIFFER
    assert not (await only(bench, bill)).is_posted


async def test_rights_that_are_taken_away_are_told_with_the_form(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "F-1")
    await ledger.check([bill])
    await bench.hook("rights", entity="Bill", allowed=False)
    for call in (found_of(ledger, bill), ledger.create(bill)):
        with pytest.raises(Refused) as refused:
            await call
        assert refused.value.reason is Reason.RIGHTS_MISSING
        assert "AP301000" in str(refused.value)


async def test_a_user_who_may_only_look_posts_nothing_and_is_told(bench: AcumaticaBench, ledger: Ledger) -> None:
    await bench.hook("preferences", saves_silently=True)
    bill = bill_of(bench, "F-1")
    with pytest.raises(Refused) as refused:
        await ledger.create(bill)
    assert refused.value.reason is Reason.RIGHTS_MISSING
    assert await bench.bills() == []


async def test_without_subaccounts_bills_are_posted_that_need_none(bench: AcumaticaBench, ledger: Ledger) -> None:
    await bench.hook("features", subaccounts=False, projects=False)
    bill = bill_of(bench, "F-1", lines=(line_of(bench, dimensions={}),))
    assert await ledger.check([bill]) == {bill.key: ()}
    await posted_of(ledger, bill)
    coded = bill_of(bench, "F-2")
    with pytest.raises(Refused):
        await posted_of(ledger, coded)
    assert await standing(bench, coded) == []


# ------------------------------------------------------------------ duplicates and reversals


@pytest.mark.parametrize("status", [500, 422])
async def test_a_duplicate_is_told_with_the_bill_that_is_there(
    bench: AcumaticaBench, ledger: Ledger, status: int
) -> None:
    await bench.hook("duplicates", enabled=True, status=status)
    bill = bill_of(bench, "D-1")
    await bench.hook("faults", kind="lost_reply", method="PUT", path=r"/Bill\?")
    with pytest.raises(OutcomeUnknown):
        await ledger.create(bill)
    # Somebody who does not look first.
    with pytest.raises(Refused) as refused:
        await ledger.create(bill)
    (found,) = await found_of(ledger, bill)
    assert refused.value.reason is Reason.POSSIBLE_DUPLICATE
    assert found.number in refused.value.findings[0].subject
    assert (await ledger.post(bill, found)).status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)
    note = bill_of(bench, "D-1", kind=DocumentKind.CREDIT_NOTE)
    await posted_of(ledger, note)
    await assert_stands_as_said(bench, note)


async def test_where_nobody_checks_numbers_both_bills_are_found(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "D-1")
    pair = {(await posted_of(ledger, bill)).id for _ in range(2)}
    assert {each.id for each in await found_of(ledger, bill)} == pair


async def test_a_reversal_is_never_taken_for_the_invoice(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "X-1")
    posted = await posted_of(ledger, bill)
    _, mark = await settlements_of(ledger, {posted.id: posted.number})
    mirror = (await bench.hook("cancel", id=posted.id))["mirror"]
    assert [each.id for each in await found_of(ledger, bill)] == [posted.id]
    told, _ = await settlements_of(ledger, {posted.id: posted.number}, since=mark)
    assert [(each.bill_id, each.paid_total, each.paid_on) for each in told] == [(posted.id, 0, None)]
    note = bill_of(bench, "X-1", kind=DocumentKind.CREDIT_NOTE)
    assert await found_of(ledger, note) == ()
    day = bench.facts.open_day
    listed = await register_of(ledger, day, day)
    assert {row.id for row in listed.values()} == {posted.id} != {mirror}


# ------------------------------------------------------------------ files


async def test_files_go_to_the_bill_by_its_own_link_and_keep_their_names(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "FILE-1")
    draft = await draft_of(ledger, bill)
    names = ["Rechnung Größe 100 %.pdf", "O'Brien+Co #1?.xml", "a" * 200 + ".pdf"]
    for at, name in enumerate(names):
        await ledger.attach(bill, draft, name=name, content=b"first" if at else b"")
    posted = await ledger.post(bill, draft)
    for name in names:
        await ledger.attach(bill, posted, name=name, content=b"second")
    (row,) = await bench.rows()
    assert row["attachments"] == 3
    assert all("/files/PX.Objects.AP.APInvoiceEntry/Document/" in call.path for call in await bench.calls()
               if call.method == "PUT" and "/files/" in call.path)  # fmt: skip


async def test_a_file_for_a_bill_that_is_gone_is_refused(bench: AcumaticaBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "FILE-1")
    draft = await draft_of(ledger, bill)
    await ledger.discard(bill, draft)
    with pytest.raises((Refused, Unavailable)) as refused:
        await ledger.attach(bill, draft, name="a.pdf", content=b"x")
    assert isinstance(refused.value, Refused)
