"""The way in through SmartPDF, over sockets."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest
from inbound_routes import FILES, PDF, SHEET, Box, hand_in, simulated
from supplier_invoices import INVOICE, invoice

from ml_connector.connectors.basware.smartpdf import handed_in_since
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.http import recording
from ml_connector.records.invoice import Attachment
from ml_connector.records.reason import Reason
from ml_connector.records.supplier_invoice import Admission, InvoiceFile, Whereabouts

UPLOAD = "/smartpdf-upload/"
TICKETS = "/v2/smartpdf/invoiceUpload"


@pytest.fixture
async def box() -> AsyncGenerator[Box]:
    async with simulated() as opened:
        yield opened


async def test_the_one_pdf_enters_under_the_tickets_id(box: Box) -> None:
    smart = box.smartpdf()
    admission = await hand_in(smart)
    (entered,) = await box.entered()
    assert (entered["bumId"], entered["company"], entered["number"]) == (admission.id, "5000", "N-7")
    assert [each["sha256"] for each in entered["files"]] == [hashlib.sha256(PDF.content).hexdigest()]
    assert await smart.look(admission) is Whereabouts.ENTERED


async def test_an_admission_is_a_ticket_that_may_go_unused(box: Box) -> None:
    smart = box.smartpdf()
    first, second = [await smart.admit(INVOICE, key="k") for _ in range(2)]
    assert first.id != second.id
    assert first.address not in repr(first)
    assert first.expires is not None
    assert timedelta(minutes=59) < first.expires - box.now() <= timedelta(minutes=60)
    assert await box.entered() == []


async def test_it_may_be_there_without_showing_yet(box: Box) -> None:
    smart = box.smartpdf()
    await box.tell("inbound-delay", seconds=3600)
    admission = await hand_in(smart)
    assert await smart.look(admission) is Whereabouts.UNKNOWN
    await box.tell("inbound-delay", seconds=0)
    assert await smart.look(admission) is Whereabouts.ENTERED


def test_an_address_tells_since_when_and_until_when() -> None:
    given, now = datetime(2026, 2, 3, 8, 30, tzinfo=UTC), datetime(2026, 2, 4, tzinfo=UTC)
    signed = "https://store.example/x?X-Amz-Date=20260203T083000Z&X-Amz-Expires=600"
    assert handed_in_since(Admission("b", address=signed), now=now) == given
    bare = Admission("b", address="https://store.example/x", expires=given + timedelta(hours=1))
    assert handed_in_since(bare, now=now) == given


@pytest.mark.parametrize("kind", ["lost_reply", "cut"])
async def test_a_lost_put_is_repeated_to_the_same_address(box: Box, kind: str) -> None:
    smart = box.smartpdf()
    await box.strike(kind, UPLOAD)
    admission = await smart.admit(INVOICE, key="k")
    with pytest.raises(OutcomeUnknown):
        await smart.hand_in(INVOICE, FILES, admission)
    await smart.hand_in(INVOICE, FILES, admission)
    told = await box.see("inbound")
    assert (told["documents"], told["duplicates"], told["tickets"]) == (1, [], 1)


@pytest.mark.parametrize("kind", ["lost_reply", "cut"])
async def test_a_lost_ticket_is_nothing(box: Box, kind: str) -> None:
    smart = box.smartpdf()
    await box.strike(kind, TICKETS)
    with pytest.raises(Unavailable):
        await smart.admit(INVOICE, key="k")
    await hand_in(smart)
    assert len(await box.entered()) == 1


async def test_a_lost_put_that_arrived_is_found_after_the_address_ended(box: Box) -> None:
    smart = box.smartpdf()
    await box.strike("lost_reply", UPLOAD)
    admission = await smart.admit(INVOICE, key="k")
    with pytest.raises(OutcomeUnknown):
        await smart.hand_in(INVOICE, FILES, admission)
    box.ahead = timedelta(hours=2)
    assert await smart.look(admission) is Whereabouts.ENTERED
    await smart.hand_in(INVOICE, FILES, admission)
    assert [each["times"] for each in await box.entered()] == [1]


async def test_nobody_can_tell_after_the_address_ended(box: Box) -> None:
    smart = box.smartpdf()
    admission = await smart.admit(INVOICE, key="k")
    box.ahead = timedelta(hours=2)
    with pytest.raises(OutcomeUnknown):
        await smart.hand_in(INVOICE, FILES, admission)
    assert await smart.look(admission) is Whereabouts.UNKNOWN
    assert "PUT" not in [method for method, _ in await box.calls()]


async def test_an_address_that_ended_by_their_clock_leaves_it_open(box: Box) -> None:
    smart = box.smartpdf()
    await box.tell("inbound-delay", tickets=3)
    admission = await smart.admit(INVOICE, key="k")
    box.ahead = -timedelta(minutes=10)
    await box.strike("status", UPLOAD, status=403)
    with pytest.raises(OutcomeUnknown):
        await smart.hand_in(INVOICE, FILES, admission)


async def test_what_the_address_refuses_is_refused(box: Box) -> None:
    smart = box.smartpdf()
    body = "<Error><Code>EntityTooLarge</Code><Message>Your proposed upload is too large</Message></Error>"
    await box.strike("status", UPLOAD, status=400, body=body, content_type="application/xml")
    with pytest.raises(Refused) as caught:
        await hand_in(smart)
    assert caught.value.reason is Reason.RECORD_REFUSED
    assert "EntityTooLarge: Your proposed upload is too large" in str(caught.value)


@pytest.mark.parametrize(
    ("files", "goes"),
    [
        ((), False),
        ((Attachment("1", "a.xlsx"),), False),
        ((Attachment("1", "a.pdf"),), True),
        ((Attachment("1", "a.PDF"), Attachment("2", "a.xml")), True),
        ((Attachment("1", "a.pdf"), Attachment("2", "b.pdf")), False),
        ((Attachment("1", "a.pdf", is_image=True), Attachment("2", "b.pdf")), True),
        ((Attachment("1", "a.pdf", is_image=True), Attachment("2", "b.pdf", is_image=True)), False),
    ],
)
def test_it_goes_by_one_pdf_and_no_other_file(files: tuple[Attachment, ...], goes: bool) -> None:
    box = Box("http://127.0.0.1:1", None)  # pyright: ignore[reportArgumentType]
    finding = box.smartpdf().objection(invoice(files=files))
    assert (finding is None) is goes
    assert finding is None or finding.reason is Reason.FILE_MISSING


async def test_a_file_that_is_no_pdf_is_not_put_there(box: Box) -> None:
    smart = box.smartpdf()
    admission = await smart.admit(INVOICE, key="k")
    for files in ((InvoiceFile("n-7.pdf", b"PK.."),), (SHEET,)):
        with pytest.raises(Refused) as caught:
            await smart.hand_in(INVOICE, files, admission)
        assert caught.value.reason is Reason.FILE_MISSING
    assert await box.entered() == []


async def test_a_receiver_nobody_knows_is_said_by_the_test_of_the_route(box: Box) -> None:
    (step,) = [step async for step in box.smartpdf().ping()]
    assert (step.name, step.ok) == ("SmartPDF", True)
    (step,) = [step async for step in box.smartpdf(smartpdf_receiver="other@smartpdf.example").ping()]
    assert not step.ok
    assert "Configuration not found" in step.detail
    assert step.advice


async def test_a_missing_scope_is_a_missing_right(box: Box) -> None:
    await box.tell("flags", denied_scopes=["importDocuments.write"])
    with pytest.raises(Refused) as caught:
        await hand_in(box.smartpdf())
    assert caught.value.reason is Reason.RIGHTS_MISSING
    await hand_in(box.network())  # the other route does not need it


async def test_an_expired_token_is_renewed(box: Box) -> None:
    smart = box.smartpdf()
    await smart.admit(INVOICE, key="k")
    await box.tell("expire-tokens")
    await hand_in(smart)
    assert len(await box.entered()) == 1


async def test_the_guard_is_asked_before_each_write(box: Box) -> None:
    asked: list[int] = []
    await hand_in(box.smartpdf(guard=lambda: asked.append(1)))
    assert len(asked) == 3  # token, ticket, PDF


async def test_the_upload_address_never_sees_the_token(box: Box) -> None:
    async with recording() as exchanges:
        await hand_in(box.smartpdf())
    assert [(each.method, each.status) for each in exchanges] == [("POST", 200), ("POST", 200), ("PUT", 200)]
