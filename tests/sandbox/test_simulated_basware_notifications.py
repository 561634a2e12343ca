"""The simulated Basware over a socket: subscriptions and notifications (dossier 12)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any

from basware_wire import COMPANY, DOCUMENTS, Client, Receiver, account, subscription, until, vendor


class TestNotifications:
    async def test_nothing_is_stored_before_the_connection_test_succeeds(
        self, basware: Client, receiver: Receiver
    ) -> None:
        """12.38"""
        receiver.answers = [500]
        refused = await basware.post("/v1/subscriptions", [subscription(receiver)])
        assert (refused.status, refused.body) == (422, {"message": "UnprocessableEntity"})
        none = await basware.get("/v1/subscriptions")
        assert (none.status, none.body) == (404, {"detail": "Not Found"})
        wanted = [subscription(receiver), subscription(receiver, taskType="RequestStatus", taskSubType=None)]
        stored = await basware.post("/v1/subscriptions", wanted)
        assert stored.status == 200
        assert [entry["taskSubType"] for entry in stored.body] == ["WaitingForTransfer", "Error"]
        assert {body["taskType"] for body, _, _ in receiver.got} == {"ConnectionTest"}
        assert len((await basware.get("/v1/subscriptions")).body["subscriptions"]) == 2

    async def test_subscriptions_are_checked_and_deleted_by_three_parameters(
        self, basware: Client, receiver: Receiver
    ) -> None:
        """12.38"""
        assert (await basware.post("/v1/subscriptions", subscription(receiver))).status == 400
        refused = await basware.post("/v1/subscriptions", [subscription(receiver, colour="blue")])
        assert (refused.status, refused.body["hasError"]) == (400, True)
        assert refused.body["errorMessages"][0]["code"] == "SCHEMA_VALIDATION_ERROR"
        lacking = subscription(receiver)
        del lacking["taskType"]
        refused = await basware.post("/v1/subscriptions", [lacking])
        assert refused.body["errorMessages"][0]["message"] == "taskType field required"
        await basware.post("/v1/subscriptions", [subscription(receiver)])
        assert (await basware.call("DELETE", "/v1/subscriptions?taskType=All")).status == 422
        query = "lastUpdated=2001-01-01&taskType=AccountingDocuments&taskSubType=All"
        gone = await basware.call("DELETE", f"/v1/subscriptions?{query}")
        assert gone.body == {"status": "Deleted successfully", "numberOfRecordsDeleted": 1}

    async def test_a_document_that_starts_waiting_is_notified(self, basware: Client, receiver: Receiver) -> None:
        """12.39"""
        await basware.post("/v1/subscriptions", [subscription(receiver)])
        invoice_id = await basware.approve(invoiceNumber="NTF")
        await basware.approve(invoiceNumber="PRE", processingStatus="WaitingForPrebook")
        await until(lambda: receiver.notified)
        body, headers, raw = receiver.got[-1]
        assert (body["documentId"], body["taskSubType"]) == (invoice_id, "WaitingForTransfer")
        secret = subscription(receiver)["webhookAuthenticationToken"].encode()
        assert headers["X-BWAPI-Signature-256"] == hmac.new(secret, raw, hashlib.sha256).hexdigest()
        stamp = datetime.fromisoformat(headers["X-BWAPI-Timestamp"])
        assert abs((datetime.now(UTC) - stamp).total_seconds()) < 60
        await basware.post(f"{DOCUMENTS}/{invoice_id}/acknowledge")
        await basware.post("/_sandbox/retransfer", {"invoiceId": invoice_id})
        await until(lambda: len(receiver.notified) == 2)
        assert {entry["documentId"] for entry in receiver.notified} == {invoice_id}

    async def test_failed_imports_are_notified(self, basware: Client, receiver: Receiver) -> None:
        """12.39"""
        await basware.post("/v1/subscriptions", [subscription(receiver, taskType="RequestStatus", taskSubType=None)])
        await basware.post("/v1/accounts", [account()])
        bad = await basware.post("/v1/vendors", [vendor(companies=[{"companyCode": "9"}])])
        await until(lambda: receiver.notified)
        (told,) = receiver.notified
        assert (told["taskType"], told["taskSubType"]) == ("RequestStatus", "Error")
        assert told["documentId"] == bad.headers["x-amzn-RequestId"]

    async def test_a_refused_notification_is_sent_again(self, basware: Client, receiver: Receiver) -> None:
        """12.39"""
        await basware.post("/v1/subscriptions", [subscription(receiver)])
        receiver.answers = [500]
        invoice_id = await basware.approve(invoiceNumber="RTY")

        async def completed() -> bool:
            page = await basware.get(f"/v1/tasks?documentId={invoice_id}&taskStatus=Completed")
            return page.status == 200

        await until(completed)
        assert len({entry["taskId"] for entry in receiver.notified}) == 1
        assert len(receiver.notified) == 2
        task = (await basware.get(f"/v1/tasks/{receiver.notified[0]['taskId']}")).body["taskStatus"][0]
        assert [entry["action"] for entry in task["taskHistory"]] == ["New", "Retry", "Completed"]

    async def test_hundreds_of_notifications_arrive(self, basware: Client, receiver: Receiver) -> None:
        await basware.post("/v1/subscriptions", [subscription(receiver)])
        documents = [{"invoiceNumber": f"M-{number}"} for number in range(500)]
        made = await basware.post("/_sandbox/documents", {"documents": documents})
        await until(lambda: len(receiver.notified) == 500)
        assert {entry["documentId"] for entry in receiver.notified} == set(made.body["invoiceIds"])

    async def test_odd_notifications_on_demand(self, basware: Client, receiver: Receiver) -> None:
        """12.40"""
        await basware.post("/v1/subscriptions", [subscription(receiver)])
        invoice_id = COMPANY.invoices[0].document_id

        async def notified(kind: str) -> list[tuple[dict[str, Any], dict[str, str], bytes]]:
            receiver.got.clear()
            sent = await basware.post("/_sandbox/notify", {"kind": kind, "invoiceId": invoice_id})
            assert sent.status == 200, sent.text
            return list(receiver.got)

        def rightly_signed(got: tuple[dict[str, Any], dict[str, str], bytes]) -> bool:
            secret = subscription(receiver)["webhookAuthenticationToken"].encode()
            return got[1]["X-BWAPI-Signature-256"] == hmac.new(secret, got[2], hashlib.sha256).hexdigest()

        first, second = await notified("duplicate")
        assert first[0]["taskId"] == second[0]["taskId"]
        newer, older = await notified("out-of-order")
        assert newer[0]["taskId"] != older[0]["taskId"]
        (forged,) = await notified("wrong-signature")
        assert not rightly_signed(forged)
        (stale,) = await notified("stale")
        assert rightly_signed(stale)
        age = datetime.now(UTC) - datetime.fromisoformat(stale[1]["X-BWAPI-Timestamp"])
        assert age > timedelta(minutes=50)

    async def test_the_signature_scheme_can_be_changed(self, basware: Client, receiver: Receiver) -> None:
        await basware.post("/v1/subscriptions", [subscription(receiver)])
        scheme = {"scheme": "ts.body", "encoding": "base64", "prefix": "sha256="}
        await basware.post("/_sandbox/signature", scheme)
        await basware.post("/_sandbox/notify", {"kind": "plain", "invoiceId": COMPANY.invoices[0].document_id})
        _, headers, raw = receiver.got[-1]
        secret = subscription(receiver)["webhookAuthenticationToken"].encode()
        text = f"{headers['X-BWAPI-Timestamp']}.".encode() + raw
        digest = base64.b64encode(hmac.new(secret, text, hashlib.sha256).digest()).decode()
        assert headers["X-BWAPI-Signature-256"] == f"sha256={digest}"
        assert (await basware.post("/_sandbox/signature", {"scheme": "md5"})).status == 400
