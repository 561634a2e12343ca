"""What became of invoices that were handed in, over sockets; and how far the mailbox was read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from inbound_routes import Box, hand_in, simulated, told
from supplier_invoices import invoice

from ml_connector.connectors.basware.standings import Mark, Standings, document_standing, parse_mark
from ml_connector.records.supplier_invoice import StandingStage


@pytest.fixture
async def box() -> AsyncGenerator[Box]:
    async with simulated() as opened:
        yield opened


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("New", StandingStage.ENTERED),
        ("InDocumentFilter", StandingStage.ENTERED),
        ("WaitingToBeRemoved", StandingStage.ENTERED),
        ("SomethingOfTomorrow", StandingStage.ENTERED),
        ("WaitingForTransfer", StandingStage.APPROVED),
        ("Transferred", StandingStage.APPROVED),
        ("TransferFailed", StandingStage.APPROVED),
        ("Paid", StandingStage.PAID),
        ("Removed", StandingStage.REMOVED),
        ("Returned", StandingStage.REMOVED),
    ],
)
def test_each_status_has_a_stage(status: str, stage: StandingStage) -> None:
    standing = document_standing({"bumid": "b", "invoiceId": "i", "processingStatus": status})
    assert standing is not None
    assert (standing.id, standing.document_id, standing.stage, standing.status) == ("b", "i", stage, status)


@pytest.mark.parametrize("spelt", ["5A3C2F7E6A0B4D519C1E2F1F0E6B7D44", "5a3c2f7e-6a0b-4d51-9c1e-2f1f0e6b7d44"])
def test_an_id_is_known_however_it_is_spelt(spelt: str) -> None:
    standing = document_standing({"bumid": spelt, "processingStatus": "New"})
    assert standing is not None
    assert standing.id == "5a3c2f7e-6a0b-4d51-9c1e-2f1f0e6b7d44"


def test_a_document_that_nobody_handed_in_has_no_standing() -> None:
    assert document_standing({"invoiceId": "i", "processingStatus": "New"}) is None


def test_a_dispute_counts_until_it_is_removed_or_paid() -> None:
    document = {"bumid": "b", "disputeInfo": {"isDisputed": True, "disputeReason": "Wrong price"}}
    for status, stage in (("WaitingForTransfer", "disputed"), ("Paid", "paid"), ("Removed", "removed")):
        standing = document_standing(document | {"processingStatus": status})
        assert standing is not None
        assert standing.stage == stage
    standing = document_standing(document | {"processingStatus": "New"})
    assert standing is not None
    assert standing.message == "Wrong price"


def test_the_newest_payment_that_counted_is_told() -> None:
    payments = [
        {"success": True, "paidTotal": Decimal("50.10"), "paymentDate": "2026-02-01T00:00:00Z"},
        {"success": True, "paidTotal": Decimal(124), "paymentDate": "2026-03-01T00:00:00Z", "responseMessage": "Done"},
        {"success": False, "paidTotal": Decimal(0)},
    ]
    standing = document_standing({"bumid": "b", "processingStatus": "Paid", "paymentResponses": payments})
    assert standing is not None
    assert (standing.paid_total, standing.paid_on, standing.message) == (124, date(2026, 3, 1), "Done")


async def test_an_invoice_is_followed_from_entry_to_payment(box: Box) -> None:
    network = box.network()
    admission = await hand_in(network)
    (entered,), mark = await told(network)
    assert (entered.id, entered.stage, entered.status) == (admission.id, StandingStage.ENTERED, "New")
    assert entered.document_id == (await box.entered())[0]["invoiceId"]
    assert entered.at is not None

    await box.tell("inbound", bumId=admission.id, status="WaitingForTransfer")
    (approved,), mark = await told(network, mark)
    assert approved.stage is StandingStage.APPROVED

    await box.tell("inbound", bumId=admission.id, status="Paid", paidTotal=124, paidOn="2026-03-01")
    (paid,), mark = await told(network, mark)
    assert (paid.stage, paid.paid_total, paid.paid_on) == (StandingStage.PAID, 124, date(2026, 3, 1))


async def test_a_removal_comes_with_its_words(box: Box) -> None:
    smart = box.smartpdf()
    admission = await hand_in(smart)
    await box.tell("inbound", bumId=admission.id, status="Removed", reason="Duplicate", comment="came by post")
    (removed,), _ = await told(smart)
    assert (removed.stage, removed.message) == (StandingStage.REMOVED, "Duplicate: came by post")


@pytest.mark.parametrize("code", ["TechnicalReject", "BusinessReject"])
async def test_what_the_network_turned_away_is_told_once(box: Box, code: str) -> None:
    network = box.network()
    admission = await hand_in(network)
    _, mark = await told(network)
    await box.tell("inbound", bumId=admission.id, status=code)
    (refused,), mark = await told(network, mark)
    assert (refused.id, refused.stage) == (admission.id, StandingStage.REFUSED)
    assert refused.status.startswith(code)
    assert refused.message
    assert await told(network, mark) == ([], mark)


async def test_an_unknown_receiver_is_turned_away(box: Box) -> None:
    network = box.network(buyer_endpoint="0192:1")
    admission = await hand_in(network)
    (refused,), _ = await told(network)
    assert (refused.id, refused.stage) == (admission.id, StandingStage.REFUSED)


async def test_nothing_there_costs_two_reads(box: Box) -> None:
    network = box.network()
    _, mark = await told(network)
    before = len(await box.calls())
    assert await told(network, mark) == ([], mark)
    assert await box.calls() == [*(await box.calls())[:before], *(
        ("GET", "/v1/accountingDocuments"), ("GET", "/v2/notifications")
    )]  # fmt: skip


async def test_what_was_told_is_not_told_again(box: Box) -> None:
    network = box.network()
    admissions = [await hand_in(network, key=str(number)) for number in range(3)]
    standings, mark = await told(network)
    assert len(standings) == 3
    assert await told(network, mark) == ([], mark)
    await box.tell("inbound", bumId=admissions[1].id, status="InDocumentFilter")
    (moved,), mark = await told(network, mark)
    assert (moved.id, moved.status) == (admissions[1].id, "InDocumentFilter")
    assert await told(network, mark) == ([], mark)


async def test_documents_of_other_companies_are_not_asked_for(box: Box) -> None:
    await box.tell("companies", codes=["6000"], vendors=40, orders=12, invoices=2)
    network = box.network()
    await hand_in(network)
    standings, _ = await told(network)
    assert len(standings) == 1


async def test_many_changes_come_page_by_page_and_move_the_mark_last(box: Box) -> None:
    smart = box.smartpdf()
    for number in range(101):
        await hand_in(smart, invoice(reference=f"N-{number}"), key=str(number))
    pages = [page async for page in smart.standings(since=None)]
    assert [len(page.records) for page in pages] == [100, 1, 0]
    assert [page.mark is None for page in pages] == [True, True, False]
    _, mark = await told(smart, pages[-1].mark)
    assert mark == pages[-1].mark


class Mailbox:
    """Pages of two notifications each, and which of them were asked for."""

    def __init__(self, *ids: str) -> None:
        self.ids = list(ids)
        self.asked: list[int] = []

    async def read(self, page: int) -> Sequence[Mapping[str, Any]]:
        self.asked.append(page)
        shown = self.ids[(page - 1) * 2 : page * 2]
        return [{"resourceId": each, "responseCode": "TechnicalReject"} for each in shown]


class NoDocuments:
    async def pages(self, path: str, member: str, *, params: Mapping[str, str]) -> AsyncGenerator[Any]:
        for none in ():
            yield none


async def refused(mailbox: Mailbox, since: str | None) -> tuple[list[str], list[int], str | None]:
    """Ids, the pages that were asked for, and the mark."""
    standings: Any = Standings(
        NoDocuments(), company="5000", page_size=100, mailbox=mailbox.read, mailbox_page=2  # pyright: ignore
    )  # fmt: skip
    mailbox.asked.clear()
    found, mark = [], since
    async for page in standings.changed(since):
        found += [each.id for each in page.records]
        mark = page.mark
    return found, mailbox.asked, mark


async def test_the_mailbox_is_read_on_from_where_it_ended() -> None:
    mailbox = Mailbox("a", "b", "c")
    found, asked, mark = await refused(mailbox, None)
    assert (found, asked) == (["a", "b", "c"], [1, 2])
    assert await refused(mailbox, mark) == ([], [2], mark)
    mailbox.ids += ["d", "e"]
    found, asked, mark = await refused(mailbox, mark)
    assert (found, asked) == (["d", "e"], [2, 3])


async def test_a_full_last_page_is_read_past() -> None:
    mailbox = Mailbox("a", "b")
    found, asked, mark = await refused(mailbox, None)
    assert (found, asked) == (["a", "b"], [1, 2])
    mailbox.ids.append("c")
    found, asked, mark = await refused(mailbox, mark)
    assert (found, asked) == (["c"], [1, 2])
    assert await refused(mailbox, mark) == ([], [2], mark)


async def test_a_mailbox_that_was_cleared_and_filled_again_is_read_from_its_beginning() -> None:
    mailbox = Mailbox("a", "b", "c")
    _, _, mark = await refused(mailbox, None)
    mailbox.ids = ["x", "y", "z"]
    found, asked, mark = await refused(mailbox, mark)
    assert (found, asked) == (["x", "y", "z"], [2, 1, 2])


async def test_a_mailbox_that_somebody_cleared_is_read_from_its_beginning() -> None:
    mailbox = Mailbox("a", "b", "c")
    _, _, mark = await refused(mailbox, None)
    mailbox.ids = ["x"]
    found, asked, mark = await refused(mailbox, mark)
    assert (found, asked) == (["x"], [2, 1])
    assert await refused(mailbox, mark) == ([], [1], mark)


def test_a_mark_is_what_was_kept() -> None:
    mark = Mark(documents=datetime(2026, 11, 21, tzinfo=UTC).isoformat(), told=("a", "b"), page=3, seen=17, last="x")
    assert parse_mark(mark.text()) == mark
    assert parse_mark(None) == Mark()
