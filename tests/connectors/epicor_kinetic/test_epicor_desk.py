"""Bills written into the simulated company: one save, accounts proven, held until they are posted (dossier 9)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from epicor_company import Office, office, post
from epicor_papers import bill_of, coded

from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.connector import KineticLedger
from ml_connector.connectors.errors import OutcomeUnknown, Refused
from ml_connector.records.invoice import BillStatus, DocumentKind
from ml_connector.records.reason import Reason

CODED = (
    coded(dimensions={"2": "D010"}),
    coded(account="6210", net=Decimal("20.50"), dimensions={"Department": "D040", "3": "A01"}),
    coded(net=Decimal("-3.25"), tax_code="VAT0", description="Discount"),
)


@pytest.fixture(params=["lost", "kept"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Office]:
    """The two habits of the server: accounts that come along with a new line are lost, or kept."""
    async with office() as made:
        await made.hook("coding", coding=request.param)
        yield made


@pytest.fixture
def ledger(place: Office) -> KineticLedger:
    return place.open()


@pytest.mark.parametrize("kind", list(DocumentKind))
async def test_header_lines_and_accounts_leave_in_one_save(
    place: Office, ledger: KineticLedger, kind: DocumentKind
) -> None:
    bill = bill_of("INV-77", vendor=place.vendor, kind=kind, lines=CODED)
    draft = await ledger.create(bill)
    assert (draft.status, draft.net, draft.gross, draft.line_count) == (BillStatus.DRAFT, bill.net, bill.gross, 3)
    stands = await place.only("INV-77")
    sign = -1 if kind is DocumentKind.CREDIT_NOTE else 1
    assert [(row["glAccount"], sign * Decimal(str(row["net"]))) for row in stands["rows"]] == [
        ("6120|D010", 100), ("6210|D040|A01", Decimal("20.50")), ("6120|D010", Decimal("-3.25")),
    ]  # fmt: skip
    assert (stands["held"], stands["posted"], stands["variance"]) == (True, False, 0)
    saves = sum(path.endswith("/UpdateMaster") for path in await place.calls())
    assert saves == (1 if (await _habit(place)) == "kept" else 2)


async def _habit(place: Office) -> str:
    async with place.session.get(f"{place.base}/_sandbox/state") as reply:
        return (await reply.json())["companies"]["4000"]["switches"]["coding"]


async def test_an_account_that_is_gone_by_then_is_not_posted_on(place: Office, ledger: KineticLedger) -> None:
    bill = bill_of("INV-77", vendor=place.vendor)
    draft = await ledger.create(bill)
    for account in ("", "6210|D040"):
        await place.hook("coded", id=draft.id, account=account)
        with pytest.raises(Refused) as refused:
            await ledger.post(bill, draft)
        assert "account of row 1" in refused.value.findings[0].subject
        stands = await place.only("INV-77")
        assert (stands["posted"], stands["held"]) == (False, True)
    assert not any("SubmitToAgent" in path for path in await place.calls())
    mended = await ledger.complete(bill, draft)
    assert (mended.id, mended.line_count) == (draft.id, 1)
    assert (await ledger.post(bill, mended)).status is BillStatus.POSTED


async def test_a_save_that_asks_a_person_is_none(place: Office, ledger: KineticLedger) -> None:
    await place.hook("prompts", count=1)
    bill = bill_of("INV-77", vendor=place.vendor)
    with pytest.raises(Refused) as refused:
        await ledger.create(bill)
    assert refused.value.findings[0].vendor_text
    assert await place.bills() == []
    assert await place.groups() == []
    assert (await post(ledger, bill)).status is BillStatus.POSTED


@pytest.mark.parametrize("skip", [0, 1])
async def test_a_lost_save_is_found_and_gone_on_with(place: Office, ledger: KineticLedger, skip: int) -> None:
    bill = bill_of("INV-77", vendor=place.vendor, lines=CODED)
    await place.lose("/UpdateMaster$", skip=skip)
    if skip and await _habit(place) == "kept":
        pytest.skip("there is no second save")
    with pytest.raises(OutcomeUnknown):
        await ledger.create(bill)
    await place.mend()
    other = place.open()
    (there,) = (await other.find([bill]))[bill.key]
    draft = await other.complete(bill, there)
    assert (draft.id, draft.line_count, draft.gross) == (there.id, 3, bill.gross)
    assert (await other.post(bill, draft)).gross == bill.gross
    assert len((await place.only("INV-77"))["rows"]) == 3


@pytest.mark.parametrize("status", [409, 400])
async def test_a_number_that_is_there_is_a_duplicate_whoever_says_so(
    place: Office, ledger: KineticLedger, status: int
) -> None:
    await place.hook("duplicates", status=status)
    bill = bill_of("INV-77", vendor=place.vendor)
    draft = await ledger.create(bill)
    for other in (replace(bill, key="c/other/1"), replace(bill, kind=DocumentKind.CREDIT_NOTE, key="c/credit/1")):
        with pytest.raises(Refused) as refused:
            await ledger.create(other)
        assert refused.value.reason is Reason.POSSIBLE_DUPLICATE
        assert draft.number in refused.value.findings[0].subject
    assert [each["group"] for each in await place.groups()] == [(await place.only("INV-77"))["group"]]


async def test_what_somebody_else_entered_is_neither_completed_nor_posted_nor_removed(
    place: Office, ledger: KineticLedger
) -> None:
    bill = bill_of("INV-77", vendor=place.vendor)
    draft = await ledger.create(bill)
    await place.hook("bill", id=draft.id, ExternalID="SCAN-4711")
    for act in (ledger.complete(bill, draft), ledger.post(bill, draft), ledger.discard(bill, draft)):
        with pytest.raises(Refused) as refused:
            await act
        assert refused.value.reason is Reason.POSSIBLE_DUPLICATE
    assert (await place.only("INV-77"))["posted"] is False


async def test_taxes_that_no_save_calculated_are_asked_for(place: Office, ledger: KineticLedger) -> None:
    await place.hook("switches", tax_calculated=False)
    posted = await post(ledger, bill_of("INV-77", vendor=place.vendor))
    assert (posted.net, posted.tax, posted.gross) == (100, 24, 124)


async def test_a_total_within_the_tolerance_is_agreed_to(place: Office, ledger: KineticLedger) -> None:
    bill = bill_of("INV-77", vendor=place.vendor, tax=Decimal("24.01"), gross=Decimal("124.01"))
    draft = await ledger.create(bill)
    assert draft.gross == 124
    assert (await ledger.post(bill, draft)).gross == 124
    far = bill_of("INV-78", vendor=place.vendor, tax=Decimal("24.50"), gross=Decimal("124.50"))
    with pytest.raises(Refused) as refused:
        await ledger.post(far, await ledger.create(far))
    assert refused.value.reason is Reason.TOTALS_DIFFER


async def test_rows_of_a_second_book_are_left_alone(place: Office, ledger: KineticLedger) -> None:
    await place.hook("habits", other_book=True)
    assert (await post(ledger, bill_of("INV-77", vendor=place.vendor))).status is BillStatus.POSTED


@pytest.mark.parametrize("service", ["Erp.BO.APInvoiceSvc", "Erp.BO.APInvGrpSvc", "Erp.BO.VendorSvc",
                                     "Erp.BO.COASegValuesSvc", "Ice.BO.SysTaskSvc"])  # fmt: skip
async def test_services_that_list_nothing_are_worked_with_all_the_same(
    place: Office, ledger: KineticLedger, service: str
) -> None:
    await place.hook("heavy", service=service, fails=True)
    bill = bill_of("INV-77", vendor=place.vendor)
    posted = await post(ledger, bill)
    assert [each.id for each in (await ledger.find([bill]))[bill.key]] == [posted.id]
    assert await ledger.read_bill(bill, posted.id) is not None


async def test_a_file_that_is_linked_already_stays(place: Office, ledger: KineticLedger) -> None:
    bill = bill_of("INV-77", vendor=place.vendor)
    posted = await post(ledger, bill)
    for _ in range(2):
        await ledger.attach(bill, posted, name="a/b:c.pdf", content=b"%PDF")
    assert (await place.only("INV-77"))["attachments"] == 1


@pytest.mark.parametrize("habit", ["lax_locks", "keeps_groups", "settled_before", "dates_move"])
async def test_what_is_only_assumed_of_the_server_is_not_leant_on(
    place: Office, ledger: KineticLedger, habit: str
) -> None:
    await place.hook("habits", **{habit: True})
    bill = bill_of("INV-77", vendor=place.vendor)
    draft = await ledger.create(bill)
    assert draft.status is BillStatus.DRAFT
    posted = await ledger.post(bill, draft)
    assert (posted.status, posted.gross) == (BillStatus.POSTED, bill.gross)
    again = bill_of("INV-78", vendor=place.vendor)
    assert (await post(ledger, again)).status is BillStatus.POSTED


async def test_a_debit_memo_that_comes_out_with_the_wrong_sign_is_taken_back(
    place: Office, ledger: KineticLedger
) -> None:
    await place.hook("habits", signed_input=True)
    with pytest.raises(Refused):
        await ledger.create(bill_of("INV-77", vendor=place.vendor, kind=DocumentKind.CREDIT_NOTE))
    assert await place.bills() == []


async def test_a_file_that_a_posted_bill_does_not_take_is_refused(place: Office, ledger: KineticLedger) -> None:
    await place.hook("habits", files_early=True)
    bill = bill_of("INV-77", vendor=place.vendor)
    posted = await post(ledger, bill)
    with pytest.raises(Refused):
        await ledger.attach(bill, posted, name="image.pdf", content=b"%PDF")
    assert (await place.only("INV-77"))["posted"] is True


async def test_a_bill_that_somebody_changes_meanwhile_is_read_again(
    place: Office, ledger: KineticLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = bill_of("INV-77", vendor=place.vendor)
    draft = await ledger.create(bill)
    save, saves = Kinetic.save, list[str]()

    async def disturbed(client: Kinetic, *asked: Any, **named: Any) -> Any:
        if not saves:
            await place.hook("bill", id=draft.id, InvoiceComment="for the file")
        saves.append(named["table"])
        return await save(client, *asked, **named)

    monkeypatch.setattr(Kinetic, "save", disturbed)
    assert (await ledger.post(bill, draft)).status is BillStatus.POSTED
    assert saves == ["APInvHed", "APInvHed"]


async def test_a_dynamic_segment_is_no_part_of_the_stored_account(place: Office, ledger: KineticLedger) -> None:
    project = next(each.code for each in place.company.dimension_values if each.dimension == "PROJECT")
    line = coded(dimensions={"2": "D010", "project": project.lower()})
    posted = await post(ledger, bill_of("INV-77", vendor=place.vendor, lines=(line,)))
    assert posted.status is BillStatus.POSTED
    (row,) = (await place.only("INV-77"))["rows"]
    assert (row["glAccount"], row["dimensions"]) == ("6120|D010", {"2": "D010", "4": project})


async def test_a_combination_that_the_chart_does_not_have_is_found_beforehand(
    place: Office, ledger: KineticLedger
) -> None:
    await place.hook("dimension-values", dimension="Area", code="Z99", name="New")
    line = coded(dimensions={"3": "Z99"})
    bill = bill_of("INV-77", vendor=place.vendor, lines=(line,))
    found = (await ledger.check([bill]))[bill.key]
    assert [each.reason for each in found] == [Reason.DIMENSION_UNKNOWN]
    assert "6120||Z99" in found[0].subject
