"""Epicor Kinetic: one save, accounts proven, nothing half-made posted, whatever people do meanwhile (dossier 9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import encode_basic_auth

from conformance.enduring import settle
from conformance.epicor_kinetic import EpicorKineticBench, bench_of
from conformance.stage import assert_stands_as_said, bill_of, draft_of, found_of, line_of, only, posted_of
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.records.invoice import Bill, BillStatus, DocumentKind
from ml_connector.records.reason import Reason
from ml_connector.sandbox import epicor_kinetic as simulated

SAVE = r"\.APInvoiceSvc/UpdateMaster$"
FIRST_SAVE, ACCOUNTS = 0, 1
"""The saves of a bill on a server that loses the accounts of new lines."""


@pytest.fixture
async def bench() -> AsyncIterator[EpicorKineticBench]:
    async with bench_of() as made:
        yield made


@pytest.fixture
async def ledger(bench: EpicorKineticBench) -> AsyncIterator[Ledger]:
    opened = bench.open(bench.side())
    yield opened
    await opened.close()


@pytest.fixture
async def another(bench: EpicorKineticBench) -> AsyncIterator[Ledger]:
    """Another process."""
    opened = bench.open(bench.side())
    yield opened
    await opened.close()


def two_lines(bench: EpicorKineticBench, number: str = "INV-1", **changes: Any) -> Bill:
    """Rows that differ in nothing but their coding."""
    lines = tuple(line_of(bench, dimensions={bench.facts.dimension: value}) for value in bench.facts.values)
    return bill_of(bench, number, lines=lines, **changes)


# ------------------------------------------------------------------ accounts


@pytest.mark.parametrize("account", ["", "6210|D040"])
async def test_an_account_that_does_not_come_to_be_the_codings_is_never_posted(
    bench: EpicorKineticBench, ledger: Ledger, account: str
) -> None:
    """Somebody, or the server, codes it otherwise between the save of the accounts and the look at them."""
    bill = two_lines(bench)
    creating = asyncio.create_task(ledger.create(bill))
    async with bench.amid(SAVE, skip=ACCOUNTS, kind="hold_after"):
        await bench.hook("coded", number="INV-1", line=2, account=account)
    with pytest.raises(Refused) as refused:
        await creating
    assert "account of row 2" in refused.value.findings[0].subject
    assert await bench.bills() == []
    assert await bench.groups() == []
    assert await bench.times("/SubmitToAgent") == 0


async def test_an_account_that_is_emptied_before_each_posting_keeps_the_bill_on_hold(
    bench: EpicorKineticBench, ledger: Ledger
) -> None:
    bill = two_lines(bench)
    draft = await draft_of(ledger, bill)
    await bench.hook("coded", id=draft.id, line=1, account="")
    for _ in range(2):
        with pytest.raises(Refused):
            await ledger.post(bill, draft)
        row = await bench.row("INV-1")
        assert (row["held"], row["posted"]) == (True, False)
    # What the flow does next: it completes what it finds, and posts that.
    assert (await settle(ledger, bill)).status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)


@pytest.mark.parametrize("coding", ["lost", "kept"])
async def test_the_stored_account_is_the_codings_and_nothing_of_the_servers(
    bench: EpicorKineticBench, ledger: Ledger, coding: str
) -> None:
    await bench.hook("coding", coding=coding)
    project = next(each.code for each in bench.company.dimension_values if each.dimension == "PROJECT")
    lines = (line_of(bench, dimensions={}), line_of(bench, dimensions={"Department": "D010", "4": project}))
    await posted_of(ledger, bill_of(bench, "INV-1", lines=lines))
    rows = (await bench.row("INV-1"))["rows"]
    assert [(row["glAccount"], row["dimensions"]) for row in rows] == [
        ("6120", {}),
        ("6120|D010", {"2": "D010", "4": project}),
    ]
    assert await bench.times("/UpdateMaster") == (3 if coding == "lost" else 2)  # the last takes it off hold


@pytest.mark.parametrize("strict", [False, True])
async def test_a_combination_that_is_gone_since_the_check_is_not_posted(
    bench: EpicorKineticBench, ledger: Ledger, *, strict: bool
) -> None:
    await bench.hook("coding", strict_accounts=strict)
    bill = bill_of(bench, "INV-1")
    assert await ledger.check([bill]) == {bill.key: ()}
    await bench.hook("accounts", number="6120", combination=["D010"], delete=True)
    with pytest.raises(Refused) as refused:
        await ledger.post(bill, await ledger.create(bill))
    assert refused.value.reason in (Reason.ACCOUNT_UNKNOWN, Reason.DIMENSION_UNKNOWN)
    assert not any(row["posted"] for row in await bench.rows())


# ------------------------------------------------------------------ held until it is ready


@pytest.mark.parametrize("moment", [FIRST_SAVE, ACCOUNTS])
async def test_a_person_who_posts_the_group_meanwhile_posts_nothing_half_made(
    bench: EpicorKineticBench, ledger: Ledger, moment: int
) -> None:
    bill = two_lines(bench)
    creating = asyncio.create_task(ledger.create(bill))
    async with bench.amid(SAVE, skip=moment, kind="hold_after"):
        (group,) = await bench.groups()
        await bench.hook("groups", post=group["group"])
        row = await bench.row("INV-1")
        assert (row["held"], row["posted"]) == (True, False)
    draft = await creating
    assert draft.status is BillStatus.DRAFT
    await bench.hook("groups", post=group["group"])
    assert (await bench.row("INV-1"))["posted"] is False
    assert (await ledger.post(bill, draft)).status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)


async def test_a_person_who_posts_it_the_moment_it_is_off_hold_posted_it_for_us(
    bench: EpicorKineticBench, ledger: Ledger
) -> None:
    bill = two_lines(bench)
    draft = await draft_of(ledger, bill)
    posting = asyncio.create_task(ledger.post(bill, draft))
    async with bench.amid(SAVE, kind="hold_after"):
        await bench.hook("groups", post=(await bench.row("INV-1"))["group"])
    assert (await posting).status is BillStatus.POSTED
    assert await bench.times("/SubmitToAgent") == 0
    await assert_stands_as_said(bench, bill)


# ------------------------------------------------------------------ saves that did not save


@pytest.mark.parametrize("moment", [FIRST_SAVE, ACCOUNTS])
async def test_a_save_that_asks_a_person_leaves_nothing_behind(
    bench: EpicorKineticBench, ledger: Ledger, moment: int
) -> None:
    bill = two_lines(bench)
    creating = asyncio.create_task(ledger.create(bill))
    async with bench.amid(SAVE, skip=moment):
        await bench.hook("prompts", count=1)
    with pytest.raises(Refused) as refused:
        await creating
    assert refused.value.findings[0].vendor_text
    assert await bench.bills() == []
    assert await bench.groups() == []


async def test_a_bill_that_is_not_taken_off_hold_for_a_question_is_not_posted(
    bench: EpicorKineticBench, ledger: Ledger
) -> None:
    bill = two_lines(bench)
    draft = await draft_of(ledger, bill)
    await bench.hook("prompts", count=1)
    with pytest.raises(Refused):
        await ledger.post(bill, draft)
    assert await bench.times("/SubmitToAgent") == 0
    assert (await bench.row("INV-1"))["held"] is True
    assert (await ledger.post(bill, draft)).status is BillStatus.POSTED


@pytest.mark.parametrize("status", [400, 409])
async def test_a_row_that_somebody_changed_since_is_read_again_and_not_taken_for_a_duplicate(
    bench: EpicorKineticBench, ledger: Ledger, status: int
) -> None:
    await bench.hook("duplicates", stale=status)
    bill = two_lines(bench)
    creating = asyncio.create_task(ledger.create(bill))
    async with bench.amid(SAVE, skip=ACCOUNTS):
        await bench.hook("coded", number="INV-1", account="6210|D040")
    draft = await creating
    posting = asyncio.create_task(ledger.post(bill, draft))
    async with bench.amid(SAVE):
        await bench.hook("bill", id=draft.id, InvoiceComment="seen")
    assert (await posting).status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)


async def test_a_users_own_column_outlives_every_save_of_ours(bench: EpicorKineticBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "INV-1")
    draft = await draft_of(ledger, bill)
    await bench.hook("bill", id=draft.id, DocumentID_c="north", PayHold=True)
    posted = await ledger.post(bill, draft)
    await ledger.attach(bill, posted, name="image.pdf", content=b"%PDF")
    head = await _header(bench, "INV-1")
    assert (head["DocumentID_c"], head["PayHold"], head["TermsCode"] != "") == ("north", True, True)


async def _header(bench: EpicorKineticBench, number: str) -> dict[str, Any]:
    row = await bench.row(number)
    path = f"api/v2/odata/EPIC4000/Erp.BO.APInvoiceSvc/APInvoices('EPIC4000',{row['vendorNum']},'{number}')"
    login = encode_basic_auth(simulated.USERNAME, simulated.PASSWORD)
    headers = {"Authorization": login, "x-api-key": simulated.API_KEY}
    async with bench.session.get(f"{bench.base}/{simulated.INSTANCE}/{path}", headers=headers) as reply:
        assert reply.status == 200, await reply.text()
        return await reply.json()


# ------------------------------------------------------------------ duplicates


@pytest.mark.parametrize("status", [400, 409])
@pytest.mark.parametrize("kind", list(DocumentKind))
async def test_a_number_in_any_case_of_letters_is_taken_for_either_kind(
    bench: EpicorKineticBench, ledger: Ledger, status: int, kind: DocumentKind
) -> None:
    await bench.hook("duplicates", status=status)
    first = await posted_of(ledger, bill_of(bench, "Inv-7a"))
    with pytest.raises(Refused) as refused:
        await ledger.create(bill_of(bench, "INV-7A", key="c/other/1", kind=kind))
    assert refused.value.reason is Reason.POSSIBLE_DUPLICATE
    assert [each.id for each in await bench.bills()] == [first.id]
    theirs = bill_of(bench, "INV-7A", key="c/theirs/1", vendor=bench.facts.other_vendor)
    await posted_of(ledger, theirs)


async def test_two_processes_with_one_bill_at_the_same_time_make_one(
    bench: EpicorKineticBench, ledger: Ledger, another: Ledger
) -> None:
    bills = [two_lines(bench, f"RACE-{at}") for at in range(3)]
    for bill in bills:
        done = await asyncio.gather(*(each.create(bill) for each in (ledger, another)), return_exceptions=True)
        assert all(not isinstance(each, BaseException) or isinstance(each, OutcomeUnknown) for each in done)
        settled = await asyncio.gather(*(settle(each, bill) for each in (ledger, another)))
        assert {each.status for each in settled} == {BillStatus.POSTED}
        await assert_stands_as_said(bench, bill)


async def test_what_a_person_keyed_is_no_draft_of_ours_even_without_lines(
    bench: EpicorKineticBench, ledger: Ledger
) -> None:
    bill = bill_of(bench, "INV-1")
    draft = await draft_of(ledger, bill)
    await bench.hook("bill", id=draft.id, ExternalID="")
    with pytest.raises(Refused) as refused:
        await ledger.complete(bill, draft)
    assert refused.value.reason is Reason.POSSIBLE_DUPLICATE
    with pytest.raises(Refused):
        await ledger.discard(bill, draft)
    assert len(await bench.bills()) == 1


# ------------------------------------------------------------------ suppliers, terms, signs


async def test_a_supplier_that_was_renamed_has_its_bills_still(bench: EpicorKineticBench, ledger: Ledger) -> None:
    bill = bill_of(bench, "INV-1")
    posted = await posted_of(ledger, bill)
    await bench.hook("vendors", number=bill.vendor, rename="RENAMED")
    fresh = bench.open(bench.side())
    renamed = replace(bill, vendor="RENAMED")
    assert [each.id for each in await found_of(fresh, renamed)] == [posted.id]
    assert (await fresh.read_bill(bill, posted.id)) is not None
    second = bill_of(bench, "INV-2", vendor="RENAMED")
    await posted_of(fresh, second)
    await fresh.close()
    assert (await only(bench, second)).vendor == "RENAMED"


async def test_a_supplier_without_terms_is_found_beforehand_unless_there_is_a_default(
    bench: EpicorKineticBench, ledger: Ledger
) -> None:
    terms = bench.company.payment_terms[-1].code
    await bench.hook("vendors", number=bench.facts.vendor, TermsCode="")
    bill = bill_of(bench, "INV-1")
    (finding,) = (await ledger.check([bill]))[bill.key]
    assert finding.reason is Reason.SETUP_INCOMPLETE
    assert bench.facts.vendor in finding.subject
    with pytest.raises(Refused):
        await ledger.create(bill)
    assert await bench.bills() == []
    set_up = bench.open(bench.side(values={"payment_terms": terms}))
    await posted_of(set_up, bill)
    await set_up.close()
    assert (await bench.row("INV-1"))["terms"] == terms


async def test_a_debit_memo_is_stored_with_its_signs_turned_and_so_are_its_rows(
    bench: EpicorKineticBench, ledger: Ledger
) -> None:
    lines = (line_of(bench), line_of(bench, net=Decimal("-30.00"), tax_code=bench.facts.untaxed_code))
    posted = await posted_of(ledger, bill_of(bench, "CN-1", kind=DocumentKind.CREDIT_NOTE, lines=lines))
    row = await bench.row("CN-1")
    assert [each["net"] for each in row["rows"]] == [-100, 30]
    assert (row["net"], row["tax"], row["total"], row["vendorTotal"], row["variance"]) == (-70, -24, -94, -94, 0)
    assert (posted.net, posted.tax, posted.gross) == (70, 24, 94)


# ------------------------------------------------------------------ files


@pytest.mark.parametrize("path", ["/UploadFile", "/GetNewAPInvHedAttch", "/APInvoiceSvc/Update"])
async def test_a_file_that_does_not_get_there_changes_nothing_of_the_bill(
    bench: EpicorKineticBench, ledger: Ledger, path: str
) -> None:
    bill = bill_of(bench, "FILE-1")
    posted = await posted_of(ledger, bill)
    before = await bench.row("FILE-1")
    await bench.hook("faults", kind="status", status=400, method="POST", path=f"{path}$".replace("/AP", r"\.AP"))
    with pytest.raises((Refused, Unavailable)):
        await ledger.attach(bill, posted, name="image.pdf", content=b"%PDF")
    assert await bench.row("FILE-1") == before
    await ledger.attach(bill, posted, name="image.pdf", content=b"%PDF")
    assert (await bench.row("FILE-1"))["attachments"] == 1
