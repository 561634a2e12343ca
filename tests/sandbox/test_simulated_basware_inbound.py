"""The simulated Basware over a socket: invoices on their way in (dossier 9, 12.41, 12.42)."""

from __future__ import annotations

import copy
import hashlib
import re
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from basware_wire import Answer, Client, answered, basic, until

from ml_connector.sandbox.basware.files import image

NETWORK = basic("acme-network", "network-secret")
TICKET = "/v2/smartpdf/invoiceUpload"
MAILS = {"receivingEmailAddress": "invoices-1000@smartpdf.example", "notificationEmailAddress": "ap@acme.example"}
PDF = image("Nordic Paper Oy: N-7, 124.00")
BUM = "11111111-2222-5333-8444-555555555555"
SUM = {"currencyId": "EUR", "amount": 100.0}

INVOICE: dict[str, Any] = {
    "clientToken": "99999999-2222-4333-8444-555555555555",
    "data": {
        "id": "N-7",
        "issueDate": "2026-01-31",
        "documentCurrencyCode": "EUR",
        "orderReference": {"id": "PO1"},
        "additionalDocumentReference": {"id": "Invoice/000007"},
        "accountingSupplierParty": {"partyName": "Nordic Paper Oy", "partyIdentification": [{"id": "V1"}]},
        "accountingCustomerParty": {"partyName": "Acme", "endpoint": {"id": "0192:900001000"}},
        "paymentMeans": {"paymentMeansCode": "31", "paymentDueDate": "2026-03-02"},
        "taxTotal": {"currencyId": "EUR", "amount": 24.0},
        "legalMonetaryTotal": {"payableAmount": {"currencyId": "EUR", "amount": 124.0}, "lineExtensionAmount": SUM},
        "invoiceLine": [{"id": "1", "lineExtension": SUM, "item": {"name": "Copy paper"}}],
    },
}


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    body = copy.deepcopy(INVOICE)
    change(body)
    return body


async def send(basware: Client, body: Any, bum_id: str = BUM) -> Answer:
    return await basware.post(f"/v1/invoices/{bum_id}", body, headers=NETWORK)


async def upload(basware: Client, content: bytes = PDF, name: str = "n-7.pdf") -> Answer:
    headers = {
        **NETWORK,
        "Content-Type": "application/pdf",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return await basware.post("/v2/files", data=content, headers=headers)


async def put(basware: Client, address: str, content: bytes = PDF, **headers: str) -> Answer:
    async with basware.session.put(address, data=content, headers=headers) as response:
        return await answered(response)


async def inbound(basware: Client) -> dict[str, Any]:
    return (await basware.get("/_sandbox/inbound")).body


def fields_named(answer: Answer) -> list[str]:
    assert answer.body["version"] == "1.0"
    return [each["fieldId"] for each in answer.body["errors"]["validationErrors"]]


class TestSmartPdf:
    async def test_a_ticket_is_for_those_who_may(self, basware: Client) -> None:
        assert (await basware.post(TICKET, MAILS, headers={"Authorization": "Bearer stale"})).status == 401
        await basware.sign_in("accountingDocuments.read")
        forbidden = await basware.post(TICKET, MAILS)
        assert (forbidden.status, forbidden.body) == (403, {"detail": "Forbidden"})
        await basware.sign_in("importDocuments.write")
        ticket = await basware.post(TICKET, MAILS)
        assert ticket.status == 200
        assert set(ticket.body) == {"uploadUrl", "bumId"}

    async def test_both_ways_of_signing_in_at_once_are_refused(self, basware: Client) -> None:
        """12.41"""
        both = [("Authorization", basware.headers["Authorization"]), *basic("acme-basic", "basic-secret").items()]
        async with basware.session.post(basware.base + TICKET, json=MAILS, headers=both) as response:
            assert response.status == 400
            assert (await response.json())["detail"].startswith("Both JWT token and Basic")

    async def test_a_basic_user_gets_a_ticket_where_there_is_one(self, basware: Client) -> None:
        user = basic("acme-basic", "basic-secret")
        assert (await basware.post(TICKET, MAILS, headers=user)).status == 401
        await basware.post("/_sandbox/flags", {"basic_user": True})
        assert (await basware.post(TICKET, MAILS, headers=user)).status == 200

    @pytest.mark.parametrize("body", [{}, {**MAILS, "receivingEmailAddress": "nobody"}, []])
    async def test_addresses_that_are_none_are_refused(self, basware: Client, body: Any) -> None:
        await basware.sign_in("importDocuments.write")
        refused = await basware.post(TICKET, body)
        assert refused.status == 422
        assert refused.body["detail"][0]["loc"][0] == "body"

    async def test_a_receiver_nobody_knows_is_refused(self, basware: Client) -> None:
        await basware.sign_in("importDocuments.write")
        refused = await basware.post(TICKET, {**MAILS, "receivingEmailAddress": "other@smartpdf.example"})
        assert (refused.status, refused.body) == (401, {"detail": "Configuration not found"})

    async def test_the_pdf_becomes_a_document_of_the_tickets_id(self, basware: Client) -> None:
        """12.41"""
        await basware.sign_in("importDocuments.write accountingDocuments.read")
        ticket = (await basware.post(TICKET, MAILS)).body
        sent = await put(basware, ticket["uploadUrl"])
        assert (sent.status, sent.text) == (200, "")
        (shown,) = (await inbound(basware))["inbound"]
        assert (shown["bumId"], shown["route"], shown["number"]) == (ticket["bumId"], "smartpdf", "N-7")
        assert shown["gross"] == Decimal(124)
        assert shown["files"][0]["sha256"] == hashlib.sha256(PDF).hexdigest()
        document = await basware.document(shown["invoiceId"])
        assert (document["bumid"], document["processingStatus"]) == (ticket["bumId"], "New")

    async def test_a_second_put_to_one_address_makes_no_second_document(self, basware: Client) -> None:
        await basware.sign_in("importDocuments.write")
        ticket = (await basware.post(TICKET, MAILS)).body
        assert [(await put(basware, ticket["uploadUrl"])).status for _ in range(2)] == [200, 200]
        told = await inbound(basware)
        assert (told["documents"], told["inbound"][0]["times"], told["duplicates"]) == (1, 2, [])

    async def test_the_same_pdf_by_two_tickets_is_a_duplicate(self, basware: Client) -> None:
        await basware.sign_in("importDocuments.write")
        tickets = [(await basware.post(TICKET, MAILS)).body for _ in range(2)]
        for ticket in tickets:
            await put(basware, ticket["uploadUrl"])
        assert (await inbound(basware))["duplicates"] == [sorted(ticket["bumId"] for ticket in tickets)]

    async def test_the_address_takes_no_credentials_no_other_signature_and_ends(self, basware: Client) -> None:
        await basware.sign_in("importDocuments.write")
        address = (await basware.post(TICKET, MAILS)).body["uploadUrl"]
        assert "X-Amz-Expires=3600&X-Amz-SignedHeaders=host" in address
        assert (await put(basware, address, Authorization="Bearer x")).status == 400
        assert (await put(basware, re.sub("Signature=.*", "Signature=0", address))).status == 403
        await basware.post("/_sandbox/inbound-delay", {"tickets": 0})
        over = (await basware.post(TICKET, MAILS)).body["uploadUrl"]
        assert (await put(basware, over)).status == 403
        assert (await inbound(basware))["inbound"] == []


class TestNetwork:
    async def test_only_basic_opens_it(self, basware: Client) -> None:
        assert (await basware.post(f"/v1/invoices/{BUM}", INVOICE)).status == 401
        wrong = await basware.post(f"/v1/invoices/{BUM}", INVOICE, headers=basic("acme-network", "no"))
        assert wrong.status == 401
        assert (await basware.get(f"/v1/invoices/{BUM}", headers=NETWORK)).status == 404

    async def test_an_invoice_becomes_a_document_of_its_id(self, basware: Client) -> None:
        sent = await send(basware, INVOICE)
        assert (sent.status, sent.text) == (201, "")
        (shown,) = (await inbound(basware))["inbound"]
        assert (shown["company"], shown["supplier"], shown["source"]) == ("1000", "V1", "Invoice/000007")
        assert (shown["net"], shown["tax"], shown["gross"], shown["currency"]) == (100, 24, 124, "EUR")
        assert shown["unknown"] == ["supplier V1", "order PO1"]
        await basware.post("/_sandbox/flags", {"invoice_lines": True})
        document = await basware.document(shown["invoiceId"])
        assert (document["bumid"], document["invoiceNumber"], document["orderNumbers"]) == (BUM, "N-7", ["PO1"])
        assert document["invoiceLines"][0]["netSum"] == 100

    async def test_a_known_id_is_taken_once_under_its_token_and_no_other(self, basware: Client) -> None:
        """12.42"""
        assert [(await send(basware, INVOICE)).status for _ in range(2)] == [201, 201]
        other = await send(basware, {**INVOICE, "clientToken": str(uuid.uuid4())})
        assert other.status == 409
        elsewhere = await send(basware, INVOICE, str(uuid.uuid4()))
        assert elsewhere.status == 409
        told = await inbound(basware)
        assert (told["documents"], told["inbound"][0]["times"]) == (1, 2)

    async def test_one_invoice_under_two_ids_is_a_duplicate(self, basware: Client) -> None:
        await send(basware, INVOICE)
        second = str(uuid.uuid4())
        await send(basware, {**INVOICE, "clientToken": str(uuid.uuid4())}, second)
        assert (await inbound(basware))["duplicates"] == [sorted([BUM, second])]

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            (lambda body: body["data"].update(unheard=1), "data.unheard"),
            (lambda body: body.update(unheard=1), "unheard"),
            (lambda body: body["data"].pop("issueDate"), "data.issueDate"),
            (lambda body: body.pop("clientToken"), "clientToken"),
            (lambda body: body["data"].update(issueDate="31.1.2026"), "data.issueDate"),
            (lambda body: body["data"]["invoiceLine"][0].pop("item"), "data.invoiceLine[0].item"),
            (lambda body: body["data"]["taxTotal"].update(amount="24"), "data.taxTotal.amount"),
            (lambda body: body["data"].update(orderReference={}), "data.orderReference.id"),
            (lambda body: body["data"].update(invoiceLine=[]), "data.invoiceLine"),
            (lambda body: body.update(fileRefs=[{"refId": "f-0"}]), "fileRefs.refId"),
            (lambda body: body.update(deliveryChannelPreference="pigeon"), "deliveryChannelPreference"),
        ],
    )
    async def test_what_is_not_to_the_letter_is_refused(
        self, basware: Client, change: Callable[[dict[str, Any]], Any], field: str
    ) -> None:
        """12.42"""
        refused = await send(basware, changed(change))
        assert refused.status == 400
        assert fields_named(refused) == [field]
        assert refused.body["errors"]["type"] == "VALIDATION"
        assert (await inbound(basware))["inbound"] == []

    async def test_an_id_is_a_uuid(self, basware: Client) -> None:
        assert fields_named(await send(basware, INVOICE, "7")) == ["bumId"]

    async def test_files_go_first_and_are_referred_to(self, basware: Client) -> None:
        stored = await upload(basware)
        assert stored.status == 201
        ref = stored.body["refId"]
        assert (await send(basware, {**INVOICE, "fileRefs": [{"refId": ref}]})).status == 201
        (shown,) = (await inbound(basware))["inbound"]
        assert shown["files"] == [{"name": "n-7.pdf", "bytes": len(PDF), "sha256": hashlib.sha256(PDF).hexdigest()}]
        read = await basware.get(f"/v1/invoices/{BUM}", headers=NETWORK)
        assert (read.status, read.body["data"]["id"]) == (200, "N-7")
        assert read.body["fileRefs"] == [{"refId": ref, "fileType": "PDF"}]

    async def test_a_file_needs_bytes_and_a_plain_name(self, basware: Client) -> None:
        assert (await upload(basware, b"")).status == 400
        assert (await upload(basware, name="lasku-ä.pdf")).status == 400

    async def test_an_unknown_receiver_is_told_afterwards(self, basware: Client) -> None:
        body = changed(lambda body: body["data"]["accountingCustomerParty"].update(endpoint={"id": "0192:1"}))
        assert (await send(basware, body)).status == 201
        (shown,) = (await inbound(basware))["inbound"]
        assert (shown["status"], shown["invoiceId"]) == ("turned away", None)
        (told,) = await mailbox(basware)
        assert (told["responseCode"], told["actionCode"]) == ("TechnicalReject", "Undelivered")
        assert told["resourceId"] == BUM

    async def test_the_mailbox_is_paged(self, basware: Client) -> None:
        for number in range(3):
            await send(basware, {**INVOICE, "clientToken": str(number)}, str(uuid.UUID(int=number)))
        assert (await basware.get("/v2/notifications", headers=NETWORK)).status == 400
        first = await mailbox(basware, size=2)
        second = await mailbox(basware, page=2, size=2)
        assert [each["resourceId"] for each in first + second] == [str(uuid.UUID(int=number)) for number in range(3)]
        gone = await basware.call("DELETE", f"/v2/notifications/{first[0]['id']}", headers=NETWORK)
        assert gone.status == 200
        assert len(await mailbox(basware)) == 2


async def mailbox(basware: Client, page: int = 1, size: int = 100) -> list[dict[str, Any]]:
    answer = await basware.get(f"/v2/notifications?page={page}&pageSize={size}", headers=NETWORK)
    return answer.body["notifications"]


class TestWhatPeopleDo:
    async def test_a_document_shows_up_after_a_while(self, basware: Client) -> None:
        await basware.post("/_sandbox/inbound-delay", {"seconds": 0.1})
        await send(basware, INVOICE)
        (shown,) = (await inbound(basware))["inbound"]
        assert (shown["status"], shown["invoiceId"]) == ("on its way", None)

        async def there() -> bool:
            return (await inbound(basware))["documents"] == 1

        await until(there)

    async def test_a_document_is_moved_on_and_paid(self, basware: Client) -> None:
        await send(basware, INVOICE)
        before = (await inbound(basware))["inbound"][0]["invoiceId"]
        for status in ("InDocumentFilter", "WaitingForTransfer", "Transferred"):
            moved = await basware.post("/_sandbox/inbound", {"bumId": BUM, "status": status})
            assert moved.body["status"] == status
        paid = {"bumId": BUM, "status": "Paid", "paidTotal": 124, "paidOn": "2026-03-01"}
        await basware.post("/_sandbox/inbound", paid)
        document = await basware.document(before)
        assert document["processingStatus"] == "Paid"
        assert document["paymentResponses"][0]["paidTotal"] == 124
        assert document["paymentResponses"][0]["paymentDate"] == "2026-03-01T00:00:00Z"

    async def test_a_document_is_removed_or_disputed(self, basware: Client) -> None:
        await send(basware, INVOICE)
        await basware.post("/_sandbox/inbound", {"bumId": BUM, "disputed": True, "reason": "Wrong price"})
        (shown,) = (await inbound(basware))["inbound"]
        document = await basware.document(shown["invoiceId"])
        assert document["disputeInfo"]["isDisputed"] is True
        removed = {"bumId": BUM, "status": "Removed", "reason": "Duplicate", "comment": "came by post"}
        await basware.post("/_sandbox/inbound", removed)
        document = await basware.document(shown["invoiceId"])
        assert (document["removalReason"], document["removalReasonComment"]) == ("Duplicate", "came by post")

    async def test_a_document_is_rejected_by_the_receiver(self, basware: Client) -> None:
        await send(basware, INVOICE)
        await basware.post("/_sandbox/inbound", {"bumId": BUM, "status": "BusinessReject"})
        assert [each["responseCode"] for each in await mailbox(basware)] == ["TechnicalAccept", "BusinessReject"]
        assert (await inbound(basware))["documents"] == 0

    async def test_what_cannot_be_is_said(self, basware: Client) -> None:
        await send(basware, INVOICE)
        assert (await basware.post("/_sandbox/inbound", {"bumId": BUM, "status": "Lost"})).status == 400
        assert (await basware.post("/_sandbox/inbound", {"bumId": "none"})).status == 400

    async def test_a_reset_forgets_all(self, basware: Client) -> None:
        await send(basware, INVOICE)
        await basware.post("/_sandbox/reset")
        assert (await inbound(basware))["inbound"] == []
        assert await mailbox(basware) == []
        state = (await basware.get("/_sandbox/state")).body
        assert state["receivers"]["1000"] == {
            "endpoint": "0192:900001000",
            "email": "invoices-1000@smartpdf.example",
        }
