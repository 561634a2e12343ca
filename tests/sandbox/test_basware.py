"""The simulated Basware over a socket: one test for each numbered behaviour of the dossier's section 12."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientConnectorError, ClientResponse, ClientSession, encode_basic_auth, web

from ml_connector.sandbox.basware import BASIC_PASSWORD, BASIC_USER, CLIENT_ID, CLIENT_SECRET, Basware
from ml_connector.sandbox.basware.schema import problems
from ml_connector.sandbox.basware.tokens import SCOPES
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import found
from ml_connector.sandbox.server import start

TOKEN = "x-amz-meta-continuationtoken"
DOCUMENTS = "/v1/accountingDocuments"
FORM = {"grant_type": "client_credentials", "scope": " ".join(sorted(SCOPES))}
COMPANY = found(today=date(2026, 11, 20), vendors=60, orders=12)


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": encode_basic_auth(name, secret)}


CREDENTIALS = basic(CLIENT_ID, CLIENT_SECRET)
ACTIVE = [{"companyCode": "1000", "active": True}]
ACTIVE_INHERIT = [{"companyCode": "1000", "inherit": False, "active": True}]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text, parse_float=Decimal)

    @property
    def code(self) -> str:
        return self.body["errors"][0]["code"]


@dataclass
class Client:
    session: ClientSession
    base: str
    clock: Clock
    headers: dict[str, str] = field(default_factory=dict)

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        headers = {**self.headers, **options.pop("headers", {})}
        if body is not None:
            options["data"] = json.dumps(body)
            headers["Content-Type"] = "application/json"
        address = path if path.startswith("http") else self.base + path
        async with self.session.request(method, address, headers=headers, allow_redirects=False, **options) as response:
            return await answered(response)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return await self.call("POST", path, body, **options)

    async def sign_in(self, scope: str = FORM["scope"]) -> None:
        form = {**FORM, "scope": scope}
        async with self.session.post(f"{self.base}/v1/tokens", data=form, headers=CREDENTIALS) as response:
            self.headers = {"Authorization": f"Bearer {(await response.json())['access_token']}"}

    async def follow(self, answer: Answer) -> Answer:
        assert answer.status == 302
        async with self.session.get(answer.headers["Location"]) as response:
            return await answered(response)

    async def documents(self, query: str = "", **options: Any) -> tuple[list[Any], str | None]:
        first = await self.get(f"{DOCUMENTS}{query}", **options)
        if first.status == 404:
            return [], None
        page = await self.follow(first)
        return page.body["accountingDocuments"], page.headers.get(TOKEN)

    async def document(self, invoice_id: str) -> dict[str, Any]:
        return (await self.documents(f"/{invoice_id}"))[0][0]

    async def approve(self, **fields: Any) -> str:
        made = await self.post("/_sandbox/documents", {"documents": [fields]})
        assert made.status == 200, made.text
        return made.body["invoiceIds"][0]

    async def imported(self, path: str, *records: Any) -> dict[str, dict[str, Any]]:
        """Posts the records and waits for what became of each, by external code."""
        sent = await self.post(path, list(records))
        assert sent.status == 200, sent.text
        return {item["externalCode"]: item for item in (await self.settled(sent))["systems"][0]["items"]}

    async def settled(self, sent: Answer) -> dict[str, Any]:
        while True:
            page = await self.get(f"/v1/requestStatus/{sent.headers['x-amzn-RequestId']}")
            status = page.body["requestStatus"][0]
            if status["requestStatus"] != "InProgress":
                return status
            await asyncio.sleep(0.01)


async def answered(response: ClientResponse) -> Answer:
    return Answer(response.status, dict(response.headers), (await response.read()).decode("latin-1"))


async def served(app: web.Application, port: int = 0) -> tuple[web.AppRunner, int]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    return runner, runner.addresses[0][1]


@pytest.fixture
async def basware() -> AsyncIterator[Client]:
    clock = Clock()
    # The file store's port has to be known before the application is made: reserve one by serving nothing on it.
    reserved, port = await served(web.Application())
    await reserved.cleanup()
    system = Basware(clock=clock, companies=[COMPANY], file_origin=f"http://127.0.0.1:{port}", import_delay=0.05)
    api, store = system.applications()
    runner, base = await served(api)
    files, _ = await served(store, port)
    async with ClientSession() as session:
        client = Client(session, f"http://127.0.0.1:{base}", clock)
        await client.sign_in()
        yield client
    await runner.cleanup()
    await files.cleanup()


@dataclass
class Receiver:
    """A webhook that answers what it is told and keeps what it got."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, Any], dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        raw = await request.read()
        self.got.append((json.loads(raw), dict(request.headers), raw))
        return web.Response(status=self.answers.pop(0) if self.answers else 200)

    @property
    def notified(self) -> list[dict[str, Any]]:
        return [body for body, _, _ in self.got if body["taskType"] != "ConnectionTest"]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner, port = await served(app)
    receiver.url = f"http://127.0.0.1:{port}/hook"
    yield receiver
    await runner.cleanup()


async def until(condition: Callable[[], Any] | Callable[[], Awaitable[Any]]) -> None:
    for _ in range(500):
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return
        await asyncio.sleep(0.01)
    pytest.fail("It did not come to pass.")


def subscription(receiver: Receiver, **changes: Any) -> dict[str, Any]:
    return {
        "taskType": "AccountingDocuments",
        "taskSubType": "WaitingForTransfer",
        "subscriptionType": "Webhook",
        "notificationWebhookURL": receiver.url,
        "webhookAuthenticationToken": "k3J9vT0sQm7xWb2Zr8Yd5Nf1Lh6Pc4Ug",
        **changes,
    }


def vendor(code: str = "V1", **changes: Any) -> dict[str, Any]:
    return {
        "externalCode": f"BC-{code}",
        "vendorCode": code,
        "name": "Nordic Paper Oy",
        "companies": [{"companyCode": "1000"}],
        **changes,
    }


def account(code: str = "6050", **changes: Any) -> dict[str, Any]:
    names = [{"language": "en-US", "translation": "Office supplies"}]
    base = {"externalCode": f"A-{code}", "accountCode": code, "accountNames": names, "companies": ACTIVE_INHERIT}
    return {**base, **changes}


def payment_term(code: str = "30D") -> dict[str, Any]:
    return {
        "externalCode": f"PT-{code}",
        "paymentTermCode": code,
        "paymentTermNames": [{"language": "en-US", "translation": code}],
        "validFrom": "2020-01-01T00:00:00Z",
        "validTo": "2099-12-31T00:00:00Z",
        "companies": ACTIVE_INHERIT,
    }


def order(number: str = "PO1", **changes: Any) -> dict[str, Any]:
    return {
        "externalCode": number,
        "orderNumber": number,
        "sourceSystem": "BC",
        "companyCode": "1000",
        "organizationElementCode": "1000",
        "currencyCode": "EUR",
        "supplierCode": "V1",
        **changes,
    }


def order_line(number: str = "1", header: str = "PO1", **changes: Any) -> dict[str, Any]:
    return {
        "externalCode": f"{header}-{number}",
        "orderExternalCode": header,
        "lineNumber": number,
        "quantity": 10,
        "matchingMode": "Standard",
        **changes,
    }


def response(code: str = "r1", **changes: Any) -> dict[str, Any]:
    base = {"externalCode": code, "success": True, "responseMessage": "Posted", "paymentBlock": False}
    return {**base, **changes}


async def transferred(basware: Client) -> str:
    invoice_id = await basware.approve(invoiceNumber="T-1")
    sent = await basware.post(f"{DOCUMENTS}/{invoice_id}/transferResponses", response(voucherNumber1="PI1"))
    assert sent.status == 200
    return invoice_id


class TestSignIn:
    async def test_wrong_secret_and_missing_grant_type_are_refused(self, basware: Client) -> None:
        """12.1"""
        basware.headers = {}
        wrong = await basware.post("/v1/tokens", data=FORM, headers=basic(CLIENT_ID, "no"))
        assert (wrong.status, wrong.body) == (401, {"error": "invalid_client"})
        bare = await basware.post("/v1/tokens", data={"scope": "vendors.read"}, headers=CREDENTIALS)
        assert bare.status == 400
        assert bare.body == {"error": "invalid_request", "error_description": "grant_type field required"}
        unknown = await basware.post("/v1/tokens", data={**FORM, "scope": "vendors.eat"}, headers=CREDENTIALS)
        assert (unknown.status, unknown.body) == (400, {"error": "invalid_scope"})
        right = await basware.post("/v1/tokens", data=FORM, headers=CREDENTIALS)
        assert right.status == 200
        assert set(right.body) == {"access_token", "scope", "expires_in", "token_type"}
        assert right.body["token_type"] == "Bearer"

    async def test_a_token_is_worthless_after_its_life(self, basware: Client) -> None:
        """12.2"""
        assert (await basware.get("/v1/vendors")).status == 404
        basware.clock.move(timedelta(seconds=3601))
        for path in ("/v1/vendors", DOCUMENTS, "/v1/subscriptions"):
            refused = await basware.get(path)
            assert (refused.status, refused.body) == (401, {"message": "Unauthorized"})

    async def test_tokens_can_be_expired_by_hand(self, basware: Client) -> None:
        assert (await basware.post("/_sandbox/expire-tokens")).body == {"expired": 1}
        assert (await basware.get(DOCUMENTS)).status == 401

    async def test_credentials_in_the_form_do_not_count(self, basware: Client) -> None:
        """12.3"""
        basware.headers = {}
        form = {**FORM, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        assert (await basware.post("/v1/tokens", data=form)).status == 401

    async def test_the_basic_user_works_only_when_switched_on(self, basware: Client) -> None:
        """12.4"""
        basware.headers = {}
        headers = basic(BASIC_USER, BASIC_PASSWORD)
        assert (await basware.get(DOCUMENTS, headers=headers)).status == 401
        await basware.post("/_sandbox/flags", {"basic_user": True})
        assert (await basware.get(DOCUMENTS, headers=headers)).status == 302

    async def test_a_token_without_the_scope_is_refused(self, basware: Client) -> None:
        """12.5"""
        await basware.sign_in("vendors.read")
        assert (await basware.get("/v1/vendors")).status == 404
        refused = await basware.post("/v1/vendors", [vendor()])
        assert (refused.status, refused.body) == (403, {"message": "Forbidden"})

    async def test_every_answer_has_its_own_request_id(self, basware: Client) -> None:
        """12.6"""
        await basware.post("/_sandbox/faults", {"kind": "status", "path": "/v1/accounts", "status": 503})
        paths = ("/v1/vendors", DOCUMENTS, "/v1/accounts", "/nowhere")
        answers = [await basware.get(path) for path in paths]
        ids = [answer.headers["x-amzn-RequestId"] for answer in answers]
        assert [answer.status for answer in answers] == [404, 302, 503, 404]
        assert len(set(ids)) == len(paths)


class TestReadingDocuments:
    async def test_a_list_redirects_to_another_origin_that_refuses_the_token(self, basware: Client) -> None:
        """12.7"""
        first = await basware.get(DOCUMENTS)
        assert first.status == 302
        assert not first.headers["Location"].startswith(basware.base)
        refused = await basware.get(first.headers["Location"])
        assert refused.status == 400
        page = await basware.follow(first)
        assert page.status == 200
        assert page.body["accountingDocuments"]

    async def test_the_redirect_target_works_once_and_not_for_ever(self, basware: Client) -> None:
        """12.8"""
        first = await basware.get(DOCUMENTS)
        assert (await basware.follow(first)).status == 200
        assert (await basware.follow(first)).status == 403
        late = await basware.get(DOCUMENTS)
        basware.clock.move(timedelta(minutes=5))
        assert (await basware.follow(late)).status == 403

    async def test_a_single_read_has_the_same_wrapper(self, basware: Client) -> None:
        """12.9"""
        wanted = COMPANY.invoices[0]
        page = await basware.follow(await basware.get(f"{DOCUMENTS}/{wanted.document_id}"))
        assert [entry["invoiceNumber"] for entry in page.body["accountingDocuments"]] == [wanted.number]
        assert (await basware.get(f"{DOCUMENTS}/none")).status == 404

    async def test_every_seeded_document_keeps_to_the_published_schema(self, basware: Client) -> None:
        seen, token = await basware.documents()
        while token:
            more, token = await basware.documents(headers={TOKEN: token})
            seen += more
        assert len(seen) == len(COMPANY.invoices)
        for document in seen:
            assert problems("AccountingDocumentEntity", document) == []
        by_id = {document["invoiceId"]: document for document in seen}
        for invoice in COMPANY.invoices:
            document = by_id[invoice.document_id]
            assert Decimal(document["grossSum"]) == invoice.gross
            assert len(document.get("codingRows", [])) == len(invoice.rows)

    @pytest.mark.parametrize(
        "path",
        [
            f"{DOCUMENTS}?companyCode=none",
            "/v1/vendors",
            "/v2/projects",
            "/v1/lists/ACC_LIST_1",
            "/v1/matchingOrderLines?orderExternalCode=none",
            "/v1/requestStatus",
            "/v1/errorFeedbacks",
        ],
    )
    async def test_an_empty_list_is_404_without_a_body(self, basware: Client, path: str) -> None:
        """12.10"""
        empty = await basware.get(path)
        assert (empty.status, empty.text) == (404, "")

    async def test_page_sizes_keep_to_their_limits(self, basware: Client) -> None:
        """12.11"""
        assert len((await basware.documents("?pageSize=7"))[0]) == 7
        for path in (f"{DOCUMENTS}?pageSize=101", f"{DOCUMENTS}?pageSize=0", "/v1/vendors?pageSize=501"):
            refused = await basware.get(path)
            assert (refused.status, refused.code) == (400, "PARAMETER_VALIDATION_ERROR")

    async def test_the_token_counts_only_as_a_request_header(self, basware: Client) -> None:
        """12.12, 12.13"""
        for number in range(3):
            await basware.approve(invoiceNumber=f"P-{number}", companyCode="1000", supplierCode="PAGES")
        first, token = await basware.documents("?pageSize=100")
        assert token
        again, _ = await basware.documents(f"?pageSize=100&continuationToken={token}")
        assert [document["invoiceId"] for document in again] == [document["invoiceId"] for document in first]
        seen = [document["invoiceId"] for document in first]
        while token:
            page, token = await basware.documents("?pageSize=100", headers={TOKEN: token})
            seen += [document["invoiceId"] for document in page]
        assert len(seen) == len(set(seen)) == len(COMPANY.invoices) + 3

    async def test_unknown_and_old_tokens_are_refused(self, basware: Client) -> None:
        _, token = await basware.documents("?pageSize=1")
        assert token
        assert (await basware.get(DOCUMENTS, headers={TOKEN: "bm8="})).status == 400
        basware.clock.move(timedelta(minutes=16))
        assert (await basware.get(DOCUMENTS, headers={TOKEN: token})).status == 400

    async def test_many_coding_rows_shorten_the_page(self, basware: Client) -> None:
        """12.14"""
        after = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        await asyncio.sleep(0.002)
        rows = [{"accountCode": "6050", "netTotal": 1}] * 400
        for number in range(4):
            await basware.approve(invoiceNumber=f"L-{number}", codingRows=rows)
        page, token = await basware.documents(f"?lastUpdated={after}")
        assert len(page) == 2
        rest, last = await basware.documents(f"?lastUpdated={after}", headers={TOKEN: token})
        assert (len(rest), last) == (2, None)

    async def test_filters_are_exact_and_last_updated_is_strictly_after(self, basware: Client) -> None:
        """12.15"""
        invoice_id = await basware.approve(invoiceNumber="F-1", processingStatus="WaitingForPrebook")
        page, _ = await basware.documents("?ProcessingStatus=WaitingForPrebook")
        assert [document["invoiceId"] for document in page] == [invoice_id]
        stamp = page[0]["lastUpdated"]
        assert (await basware.documents(f"?processingstatus=WaitingForPrebook&lastUpdated={stamp}"))[0] == []
        assert (await basware.documents("?companyCode=100"))[0] == []
        enriched = await basware.approve(
            p2pProcessingMode="InvoiceEnrichment", processingStatus="WaitingForEnrichmentTransfer"
        )
        status = "ProcessingStatus=WaitingForEnrichmentTransfer"
        assert (await basware.documents(f"?{status}"))[0] == []
        shown, _ = await basware.documents(f"?{status}&p2pProcessingMode=InvoiceEnrichment")
        assert [document["invoiceId"] for document in shown] == [enriched]
        assert (await basware.get(f"{DOCUMENTS}?ProcessingStatus=Waiting")).status == 400

    async def test_nulls_are_left_out_and_new_fields_may_appear(self, basware: Client) -> None:
        """12.16"""
        invoice_id = await basware.approve(invoiceNumber="N-1", description=None, codingRows=[{"netTotal": 1}])
        assert "description" not in await basware.document(invoice_id)
        await basware.post("/_sandbox/flags", {"unknown_fields": True})
        document = await basware.document(invoice_id)
        assert "fieldOfTomorrow" in document
        assert "fieldOfTomorrow" in document["codingRows"][0]

    async def test_attachments_are_listed_after_transfer_and_redirect(self, basware: Client) -> None:
        """12.24"""
        invoice_id = await transferred(basware)
        assert "attachments" not in await basware.document(invoice_id)
        await basware.post("/_sandbox/flags", {"attachments": True})
        waiting = await basware.approve(invoiceNumber="T-2")
        assert "attachments" not in await basware.document(waiting)
        code = (await basware.document(invoice_id))["attachments"][0]["externalCode"]
        first = await basware.get(f"{DOCUMENTS}/{invoice_id}/attachments/{code}")
        image = await basware.follow(first)
        assert image.headers["Content-Type"] == "application/pdf"
        assert image.text.startswith("%PDF-1.4")
        basware.clock.move(timedelta(minutes=16))
        assert (await basware.follow(first)).status == 403

    async def test_invoice_lines_are_shown_only_when_switched_on(self, basware: Client) -> None:
        """12.25"""
        wanted = COMPANY.invoices[0]
        assert "invoiceLines" not in await basware.document(wanted.document_id)
        await basware.post("/_sandbox/flags", {"invoice_lines": True})
        lines = (await basware.document(wanted.document_id))["invoiceLines"]
        assert [line["netSum"] for line in lines] == [row.net for row in wanted.rows]


class TestAnsweringForDocuments:
    async def test_acknowledging_moves_the_document_once(self, basware: Client) -> None:
        """12.17"""
        moves = {"WaitingForTransfer": "TransferInProgress", "WaitingForPrebook": "PrebookInProgress"}
        for before, after in moves.items():
            invoice_id = await basware.approve(invoiceNumber="A-1", processingStatus=before)
            assert (await basware.post(f"{DOCUMENTS}/{invoice_id}/acknowledge")).status == 200
            assert (await basware.document(invoice_id))["processingStatus"] == after
            again = await basware.post(f"{DOCUMENTS}/{invoice_id}/acknowledge")
            assert (again.status, again.code) == (405, "METHOD_NOT_ALLOWED")
            waiting, _ = await basware.documents(f"?ProcessingStatus={before}")
            assert invoice_id not in {document["invoiceId"] for document in waiting}
        assert (await basware.post(f"{DOCUMENTS}/none/acknowledge")).status == 404

    async def test_vouchers_are_kept_only_on_success(self, basware: Client) -> None:
        """12.18, 12.19"""
        good, bad = await basware.approve(invoiceNumber="G"), await basware.approve(invoiceNumber="B")
        await basware.post(f"{DOCUMENTS}/{bad}/acknowledge")
        success = response(voucherNumber1="PI1", voucherNumber2="GL1", paymentBlock=True)
        failure = {**success, "success": False, "responseMessage": "Period is closed"}
        echo = await basware.post(f"{DOCUMENTS}/{good}/transferResponses", success)
        assert (echo.status, echo.body) == (200, success)
        assert (await basware.post(f"{DOCUMENTS}/{bad}/transferResponses", failure)).status == 200
        document = await basware.document(good)
        assert document["processingStatus"] == "Transferred"
        assert (document["voucherNumber1"], document["paymentBlock"]) == ("PI1", True)
        document = await basware.document(bad)
        assert document["processingStatus"] == "TransferFailed"
        assert "voucherNumber1" not in document
        assert document["paymentBlock"] is False
        assert document["transferResponses"] == [failure]

    async def test_only_the_last_hundred_responses_are_kept(self, basware: Client) -> None:
        """12.18"""
        invoice_id = await basware.approve(invoiceNumber="H")
        for number in range(103):
            failure = response(f"r{number}", success=False)
            assert (await basware.post(f"{DOCUMENTS}/{invoice_id}/transferResponses", failure)).status == 200
            await basware.post("/_sandbox/retransfer", {"invoiceId": invoice_id})
        kept = (await basware.document(invoice_id))["transferResponses"]
        assert [entry["externalCode"] for entry in kept] == [f"r{number}" for number in range(3, 103)]

    async def test_a_transferred_document_takes_no_second_response(self, basware: Client) -> None:
        """12.20"""
        invoice_id = await transferred(basware)
        path = f"{DOCUMENTS}/{invoice_id}/transferResponses"
        again = await basware.post(path, response("r2"))
        assert (again.status, again.code) == (400, "DATA_VALIDATION_FAILED")
        assert again.body["errors"][0]["type"] == "BUSINESS"
        for name in ("responseMessage", "paymentBlock", "success", "externalCode"):
            lacking = {key: value for key, value in response("r3").items() if key != name}
            refused = await basware.post(path, lacking)
            assert (refused.status, refused.code) == (400, "SCHEMA_VALIDATION_ERROR")
        for changes in ({"responseMessage": "x" * 251}, {"voucherNumber1": "x" * 26}, {"externalCode": "x" * 37}):
            assert (await basware.post(path, response("r4") | changes)).status == 400

    async def test_a_repeated_external_code_is_a_conflict(self, basware: Client) -> None:
        invoice_id = await basware.approve(invoiceNumber="C")
        path = f"{DOCUMENTS}/{invoice_id}/transferResponses"
        assert (await basware.post(path, response(success=False))).status == 200
        await basware.post("/_sandbox/retransfer", {"invoiceId": invoice_id})
        again = await basware.post(path, response())
        assert (again.status, again.code) == (400, "CONFLICT_IN_POST")

    async def test_a_retransferred_document_is_offered_again(self, basware: Client) -> None:
        """12.21"""
        invoice_id = await transferred(basware)
        await basware.post("/_sandbox/retransfer", {"invoiceId": invoice_id})
        assert (await basware.document(invoice_id))["processingStatus"] == "WaitingForTransfer"
        assert (await basware.post(f"{DOCUMENTS}/{invoice_id}/acknowledge")).status == 200

    async def test_prebooking(self, basware: Client) -> None:
        """12.22"""
        good = await basware.approve(invoiceNumber="PB", processingStatus="WaitingForPrebook")
        path = f"{DOCUMENTS}/{good}/prebookResponses"
        assert (await basware.post(path, response(voucherNumber1="PB1"))).status == 200
        document = await basware.document(good)
        assert (document["processingStatus"], document["voucherNumber1"]) == ("Prebooked", "PB1")
        again = await basware.post(path, response("r2"))
        assert (again.status, again.code) == (409, "CONFLICT_IN_POST")
        bad = await basware.approve(invoiceNumber="PF", processingStatus="WaitingForPrebook")
        failure = response(success=False, voucherNumber1="PB2")
        assert (await basware.post(f"{DOCUMENTS}/{bad}/prebookResponses", failure)).status == 200
        document = await basware.document(bad)
        assert document["processingStatus"] == "PrebookFailed"
        assert "voucherNumber1" not in document

    async def test_payments_replace_what_was_known(self, basware: Client) -> None:
        """12.23"""
        invoice_id = await transferred(basware)
        path = f"{DOCUMENTS}/{invoice_id}/paymentResponses"
        bare = {"success": True, "paymentBlock": False}
        unpaid = {**bare, "externalCode": "p0", "success": False, "paymentMethod": "Cheque"}
        assert (await basware.post(path, unpaid)).status == 200
        document = await basware.document(invoice_id)
        assert document["processingStatus"] == "Transferred"
        assert "paymentMethod" not in document
        assert len(document["paymentResponses"]) == 1
        first = {**bare, "externalCode": "p1", "paymentMethod": "Bank", "paidTotal": 10.5}
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        assert (await basware.post(path, first)).body["paymentDate"].startswith(today)
        document = await basware.document(invoice_id)
        assert (document["processingStatus"], document["paymentMethod"]) == ("Paid", "Bank")
        assert (await basware.post(path, {**bare, "externalCode": "p2"})).status == 200
        assert "paymentMethod" not in await basware.document(invoice_id)
        again = await basware.post(path, first)
        assert (again.status, again.code) == (409, "CONFLICT_IN_POST")

    async def test_a_response_is_processed_like_an_import(self, basware: Client) -> None:
        invoice_id = await basware.approve(invoiceNumber="RS")
        sent = await basware.post(f"{DOCUMENTS}/{invoice_id}/transferResponses", response("rs"))
        status = await basware.settled(sent)
        assert (status["entityType"], status["requestStatus"]) == ("TransferResponse", "Success")
        assert status["systems"][0]["items"][0]["parentExternalCode"] == invoice_id


class TestImports:
    async def test_calls_over_the_limit_are_refused(self, basware: Client) -> None:
        """12.26"""
        assert (await basware.post("/v1/accounts", account())).status == 400
        vendors = [vendor(str(number)) for number in range(201)]
        refused = await basware.post("/v1/vendors", vendors)
        assert (refused.status, refused.code) == (400, "SCHEMA_VALIDATION_ERROR")
        lines = [order_line(str(number)) for number in range(101)]
        assert (await basware.post("/v1/matchingOrderLines", lines)).status == 400
        accounts = [account(str(number)) for number in range(501)]
        assert (await basware.post("/v1/accounts", accounts)).status == 400
        big = account(text1="x" * (6 * 1024 * 1024))
        assert (await basware.post("/v1/accounts", [big])).status == 413
        echo = await basware.post("/v1/accounts", [account(lastUpdated="2001-01-01")])
        assert echo.status == 200
        assert echo.body[0]["lastUpdated"] > "2026"

    async def test_a_bad_record_spoils_the_whole_call(self, basware: Client) -> None:
        """12.27"""
        bad = [
            vendor("B1", name=None),
            vendor("B2", externalCode="x" * 37),
            vendor("B3", orderingDetails={"orderEmail": "Upper@vendor.example"}),
            vendor("B4", addresses=[{"externalCode": "a", "name": "n", "addressType": "Home"}]),
            vendor("B5", unheardOf=1),
        ]
        refused = await basware.post("/v1/vendors", [vendor("GOOD"), *bad])
        assert refused.status == 400
        assert refused.body["hasErrors"] is True
        assert refused.body["requestId"] == refused.headers["x-amzn-RequestId"]
        named = [error["externalCode"] for error in refused.body["errors"]]
        assert named == [record["externalCode"] for record in bad]
        assert {error["code"] for error in refused.body["errors"]} == {"SCHEMA_VALIDATION_ERROR"}
        assert (await basware.get("/v1/vendors/BC-GOOD")).status == 404

    async def test_numbers_keep_to_their_range(self, basware: Client) -> None:
        rate = {
            "externalCode": "FX",
            "rate": -1,
            "currencyCodeFrom": "USD",
            "currencyCodeTo": "EUR",
            "validFrom": "2026-01-01",
            "companies": ACTIVE,
        }
        assert (await basware.post("/v1/exchangeRates", [rate])).status == 400
        sent = await basware.post("/v1/exchangeRates", [{**rate, "rate": 0.8512}])
        assert '"rate":0.8512' in sent.text

    async def test_the_same_code_twice_in_a_call_is_a_conflict(self, basware: Client) -> None:
        twice = await basware.post("/v1/accounts", [account(), account()])
        assert (twice.status, twice.code) == (409, "CONFLICT_IN_POST")

    async def test_post_replaces_and_patch_merges(self, basware: Client) -> None:
        """12.28"""
        await basware.post("/v1/accounts", [account(text1="one", text2="two")])
        await basware.post("/v1/accounts", [account(text1="one")])
        assert "text2" not in (await basware.get("/v1/accounts/A-6050")).body
        changed = await basware.call("PATCH", "/v1/accounts/A-6050", {"text1": None, "text3": "three"})
        assert (changed.body["text1"], changed.body["text3"]) == ("one", "three")
        assert (await basware.call("PATCH", "/v1/accounts/none", {"text1": "x"})).status == 404
        other = await basware.call("PATCH", "/v1/accounts/A-6050", {"externalCode": "other"})
        assert (other.status, other.code) == (400, "EXTERNAL_CODE_MISMATCH")

    async def test_reading_by_company_and_by_page(self, basware: Client) -> None:
        await basware.post("/v1/accounts", [account(str(number)) for number in range(5)])
        first = await basware.get("/v1/accounts?companyCode=1000&pageSize=3")
        token = first.headers[TOKEN]
        rest = await basware.get("/v1/accounts?companyCode=1000&pageSize=3", headers={TOKEN: token})
        assert TOKEN not in rest.headers
        codes = [entry["accountCode"] for page in (first, rest) for entry in page.body["accounts"]]
        assert codes == ["0", "1", "2", "3", "4"]
        assert (await basware.get("/v1/accounts?companyCode=2000")).status == 404

    async def test_an_unchanged_record_is_not_forwarded(self, basware: Client) -> None:
        """12.29"""
        assert (await basware.imported("/v1/accounts", account()))["A-6050"]["status"] == "Success"
        await basware.post("/_sandbox/p2p/remove", {"entity": "accounts", "externalCode": "A-6050"})
        assert (await basware.imported("/v1/accounts", account()))["A-6050"]["status"] == "NotProcessed"
        assert (await basware.get("/_sandbox/p2p?entity=accounts")).body["records"] == []
        touched = await basware.imported("/v1/accounts", account(text5="again"))
        assert touched["A-6050"]["status"] == "Success"
        assert len((await basware.get("/_sandbox/p2p?entity=accounts")).body["records"]) == 1

    async def test_the_older_of_two_quick_versions_expires(self, basware: Client) -> None:
        """12.30"""
        await basware.post("/_sandbox/import-delay", {"seconds": 0.3})
        older = await basware.post("/v1/accounts", [account(text1="old")])
        newer = await basware.post("/v1/accounts", [account(text1="new")])
        item = (await basware.settled(older))["systems"][0]["items"][0]
        assert (item["status"], item["errors"][0]["type"]) == ("RecordExpired", "RecordExpired")
        assert (await basware.settled(newer))["requestStatus"] == "Success"
        held = (await basware.get("/_sandbox/p2p?entity=accounts")).body["records"]
        assert [entry["record"]["text1"] for entry in held] == ["new"]

    async def test_an_import_is_in_progress_first(self, basware: Client) -> None:
        """12.31"""
        await basware.post("/_sandbox/import-delay", {"seconds": 0.2})
        sent = await basware.post("/v1/accounts", [account()])
        path = f"/v1/requestStatus/{sent.headers['x-amzn-RequestId']}"
        first = (await basware.get(path)).body["requestStatus"][0]
        assert (first["requestStatus"], first["entityType"]) == ("InProgress", "Account")
        assert (await basware.get("/_sandbox/p2p?entity=accounts")).body["records"] == []
        assert (await basware.settled(sent))["requestStatus"] == "Success"

    @pytest.mark.parametrize(
        ("path", "record", "message"),
        [
            ("/v1/vendors", vendor(companies=[{"companyCode": "9"}]), "wrong or missing company code"),
            ("/v1/vendors", vendor(paymentTerms={"paymentTermCode": "45D"}), "Payment term 45D not found"),
            (
                "/v1/vendors",
                vendor(paymentMeans=[{"paymentMeansCode": "BANK", "currencyCode": "ZAR", "default": True}]),
                "Currency ZAR",
            ),
            (
                "/v1/vendors",
                vendor(
                    paymentMeans=[
                        {
                            "paymentMeansCode": "BANK",
                            "financialAccounts": [
                                {"financialAccountIdentifiers": [{"schemeId": "IBAN", "id": "FI21"}] * 2}
                            ],
                        }
                    ]
                ),
                "Duplicate bank account",
            ),
            ("/v1/matchingOrders", order(supplierCode="NOBODY"), "Supplier NOBODY not found"),
            ("/v1/matchingOrderLines", order_line(header="NONE"), "Order NONE not found"),
            (
                "/v1/lists/ACC_LIST_11",
                {"externalCode": "L1", "text_1": "x" * 51, "companies": ACTIVE},
                "longer than 50",
            ),
        ],
    )
    async def test_the_target_has_rules_of_its_own(
        self, basware: Client, path: str, record: dict[str, Any], message: str
    ) -> None:
        """12.31, 12.36"""
        item = (await basware.imported(path, record))[record["externalCode"]]
        assert item["status"] == "Error"
        assert message in item["errors"][0]["message"]
        assert item["errors"][0]["category"] == "DataValidation"
        feedback = (await basware.get("/v1/errorFeedbacks")).body["errorList"][0]
        assert feedback["externalCode"] == record["externalCode"]
        assert feedback["errors"] == [item["errors"][0]["message"]]
        assert json.loads(feedback["errorEntity"])["ExternalCode"] == record["externalCode"]
        by_record = f"/v1/errorFeedbacks/{feedback['entityType']}/{record['externalCode']}"
        assert (await basware.get(by_record)).status == 200
        assert (await basware.get(f"/v1/errorFeedbacks/{feedback['requestId']}")).status == 200

    async def test_vendors_follow_their_payment_terms(self, basware: Client) -> None:
        await basware.imported("/v1/paymentTerms", payment_term("30D"))
        record = vendor(paymentTerms={"paymentTermCode": "30D"}, processingStatus={"active": False})
        assert (await basware.imported("/v1/vendors", record))["BC-V1"]["status"] == "Success"
        (held,) = (await basware.get("/_sandbox/p2p?entity=vendors&company=1000")).body["records"]
        assert held["active"] is False

    async def test_a_business_code_belongs_to_one_record_of_a_company(self, basware: Client) -> None:
        await basware.imported("/v1/vendors", vendor())
        other = (await basware.imported("/v1/vendors", vendor(externalCode="other")))["other"]
        assert other["status"] == "Error"

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"matchingMode": "Blanket", "quantity": 2}, "Error"),
            ({"matchingMode": "Blanket", "quantity": 1, "isReceiptRequired": True}, "Error"),
            ({"matchingMode": "Blanket", "quantity": 1}, "Success"),
            ({"matchingMode": "Service", "quantity": 1}, "Error"),
            (
                {"matchingMode": "Service", "quantity": 1}
                | {"isReceiptRequired": True, "isReceiptBasedMatching": True},
                "Success",
            ),
            ({"quantity": 0}, "Error"),
        ],
    )
    async def test_order_lines_keep_to_their_matching_mode(
        self, basware: Client, changes: dict[str, Any], status: str
    ) -> None:
        """12.31"""
        await basware.imported("/v1/vendors", vendor())
        await basware.imported("/v1/matchingOrders", order())
        items = await basware.imported("/v1/matchingOrderLines", order_line(**changes))
        assert items["PO1-1"]["status"] == status

    async def test_request_statuses_are_listed_and_acknowledged(self, basware: Client) -> None:
        """12.32"""
        good = await basware.post("/v1/accounts", [account()])
        await basware.settled(good)
        assert (await basware.get("/v1/requestStatus")).status == 404
        bad = await basware.post("/v1/vendors", [vendor(), vendor("V2", companies=[{"companyCode": "9"}])])
        await basware.settled(bad)
        request_id = bad.headers["x-amzn-RequestId"]

        def items(answer: Answer) -> int:
            return len(answer.body["requestStatus"][0]["systems"][0]["items"])

        errors = await basware.get("/v1/requestStatus")
        assert [entry["requestId"] for entry in errors.body["requestStatus"]] == [request_id]
        assert items(errors) == 2
        assert items(await basware.get("/v1/requestStatus?ignoreSuccessfullItems=true")) == 1
        assert items(await basware.get("/v1/requestStatus?ignoreSuccessfulItems=true")) == 2
        assert items(await basware.get(f"/v1/requestStatus/{request_id}?ignoreSuccessfulItems=true")) == 1
        assert items(await basware.get(f"/v1/requestStatus/{request_id}?ignoreSuccessfullItems=true")) == 2
        narrowed = (await basware.get("/v1/requestStatus?entityType=Account")).body["requestStatus"]
        assert [entry["requestStatus"] for entry in narrowed] == ["Success"]
        body = {"requestIds": [request_id]}
        assert (await basware.post("/v1/requestStatus/acknowledge", body)).status == 200
        assert (await basware.post("/v1/requestStatus/acknowledge", body)).status == 405
        assert (await basware.post("/v1/requestStatus/acknowledge", {"requestIds": ["no"]})).status == 404
        assert (await basware.get("/v1/requestStatus")).status == 404
        after = (await basware.get(f"/v1/requestStatus/{request_id}")).body["requestStatus"][0]
        assert after["requestStatus"] == "AcknowledgedError"

    async def test_order_lines_are_read_by_their_order(self, basware: Client) -> None:
        """12.33"""
        refused = await basware.get("/v1/matchingOrderLines")
        assert (refused.status, refused.code) == (400, "PARAMETER_VALIDATION_ERROR")
        await basware.post("/v1/matchingOrderLines", [order_line("1"), order_line("2", "PO2")])
        found = await basware.get("/v1/matchingOrderLines?orderExternalCode=PO2")
        assert [line["externalCode"] for line in found.body["matchingOrderLines"]] == ["PO2-2"]

    async def test_an_order_shows_once_it_has_lines(self, basware: Client) -> None:
        """12.34"""
        await basware.imported("/v1/vendors", vendor())
        assert (await basware.imported("/v1/matchingOrders", order()))["PO1"]["status"] == "Success"
        assert (await basware.get("/_sandbox/p2p?entity=matchingOrders")).body["records"] == []
        await basware.imported("/v1/matchingOrderLines", order_line("1"), order_line("2"))
        assert len((await basware.get("/_sandbox/p2p?entity=matchingOrders")).body["records"]) == 1
        lines = (await basware.get("/_sandbox/p2p?entity=matchingOrderLines&company=1000")).body["records"]
        assert len(lines) == 2

    async def test_concurrent_changes_of_a_line_are_refused(self, basware: Client) -> None:
        """12.35"""
        await basware.post("/v1/matchingOrderLines", [order_line()])
        path = "/v1/matchingOrderLines/PO1-1"
        calls = [basware.call("PATCH", path, {"text1": text}) for text in ("one", "two")]
        assert sorted(answer.status for answer in await asyncio.gather(*calls)) == [200, 503]

    async def test_receipts_are_merged_by_patch(self, basware: Client) -> None:
        receipt = {"externalCode": "GR1", "goodsReceiptNumber": "GR1", "quantity": 4}
        await basware.post("/v1/matchingOrderLines", [order_line(goodsReceipts=[receipt])])
        more = [{**receipt, "externalCode": "GR2", "goodsReceiptNumber": "GR2"}]
        path = "/v1/matchingOrderLines/PO1-1"
        changed = await basware.call("PATCH", path, {"goodsReceipts": more})
        assert [entry["externalCode"] for entry in changed.body["goodsReceipts"]] == ["GR1", "GR2"]

    async def test_lists_have_fixed_keys_and_columns(self, basware: Client) -> None:
        """12.36"""
        entry = {"externalCode": "L1", "text_1": "SALES", "text_6": "too far", "companies": ACTIVE}
        refused = await basware.post("/v1/lists/ACC_LIST_36", [entry])
        assert (refused.status, refused.code) == (400, "PARAMETER_VALIDATION_ERROR")
        assert (await basware.imported("/v1/lists/ACC_LIST_1", entry))["L1"]["status"] == "Warning"
        (held,) = (await basware.get("/_sandbox/p2p?entity=ACC_LIST_1")).body["records"]
        assert "text_6" not in held["record"]
        assert (await basware.get("/v1/lists/ACC_LIST_1")).body["listItems"][0]["text_6"] == "too far"

    async def test_deleting_clears_the_api_only(self, basware: Client) -> None:
        """12.37"""
        await basware.imported("/v1/accounts", *[account(str(number)) for number in range(4)])
        one = await basware.call("DELETE", "/v1/accounts", {"externalCode": "A-0"})
        assert (one.status, one.body["taskStatus"]) == (200, "Completed")
        assert (await basware.call("DELETE", "/v1/accounts", {})).status == 400
        many = await basware.call("DELETE", "/v1/accounts", {"lastUpdated": "0001-01-01"})
        assert many.status == 202
        again = await basware.call("DELETE", "/v1/accounts", {"lastUpdated": "0001-01-01"})
        assert again.status == 400
        link = many.body["statusApiLink"]

        async def completed() -> bool:
            return (await basware.get(link)).body["taskStatus"] == "Completed"

        await until(completed)
        assert (await basware.get(link)).body["recordCount"] == 3
        assert (await basware.get("/v1/accounts")).status == 404
        assert len((await basware.get("/_sandbox/p2p?entity=accounts")).body["records"]) == 4

    async def test_the_target_refuses_what_it_is_told_to(self, basware: Client) -> None:
        refusal = {"entity": "accounts", "externalCode": "A-6050", "message": "Locked by a user", "count": 1}
        await basware.post("/_sandbox/reject", refusal)
        first = (await basware.imported("/v1/accounts", account()))["A-6050"]
        assert first["errors"][0]["message"] == "Locked by a user"
        assert (await basware.imported("/v1/accounts", account(text1="x")))["A-6050"]["status"] == "Success"


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


class TestControl:
    async def test_faults_strike_the_api_and_its_redirect_targets(self, basware: Client) -> None:
        """12.40"""
        limit = {"kind": "status", "path": DOCUMENTS, "status": 429, "retry_after": "7"}
        await basware.post("/_sandbox/faults", limit)
        limited = await basware.get(DOCUMENTS)
        assert (limited.status, limited.headers["Retry-After"]) == (429, "7")
        await basware.post("/_sandbox/faults", {"kind": "status", "path": "/basware-sandbox/", "status": 500})
        assert (await basware.follow(await basware.get(DOCUMENTS))).status == 500

    async def test_reset_goes_back_to_the_seeded_state(self, basware: Client, receiver: Receiver) -> None:
        before = (await basware.get("/_sandbox/state")).body["documents"]
        await basware.post("/v1/subscriptions", [subscription(receiver)])
        await basware.imported("/v1/accounts", account())
        await transferred(basware)
        await basware.post("/_sandbox/reset")
        state = (await basware.get("/_sandbox/state")).body
        assert state["documents"] == before == {"WaitingForTransfer": len(COMPANY.invoices)}
        assert (state["api"], state["p2p"], state["subscriptions"]) == ({}, {}, 0)
        assert (await basware.get(DOCUMENTS)).status == 401

    async def test_further_companies_can_be_founded(self, basware: Client) -> None:
        sizes = {"codes": ["2000", "3000"], "vendors": 30, "orders": 12, "invoices": 5}
        founded = await basware.post("/_sandbox/companies", sizes)
        assert founded.body["founded"] == ["2000", "3000"]
        page, _ = await basware.documents("?companyCode=3000")
        expected = found("3000", today=datetime.now(UTC).date(), vendors=30, orders=12, invoices=5)
        assert {document["invoiceId"] for document in page} == {invoice.document_id for invoice in expected.invoices}
        listed = (await basware.get("/_sandbox/documents?company=2000&status=WaitingForTransfer")).body
        assert len(listed["documents"]) == 5

    async def test_a_misspelt_document_field_is_refused(self, basware: Client) -> None:
        refused = await basware.post("/_sandbox/documents", {"documents": [{"invoiceNo": "1"}]})
        assert refused.status == 400
        assert "invoiceNo" in refused.body["error"]

    async def test_it_says_that_it_is_simulated(self, basware: Client) -> None:
        assert (await basware.get("/_sandbox/")).body["simulated"] is True
        assert "Simulated" in (await basware.get("/_sandbox/", headers={"Accept": "text/html"})).text


class TestServer:
    async def test_all_systems_answer_at_their_addresses_until_closed(self) -> None:
        for _ in range(20):
            try:
                running = await start(port_base=random.randrange(20_000, 60_000), seeded=False)
                break
            except OSError:
                continue
        else:
            pytest.fail("No free ports were found.")
        assert set(running.addresses) == {"basware", "acumatica", "business-central", "sap-business-one"}
        async with ClientSession() as session:
            for address in running.addresses.values():
                async with session.get(f"{address}/_sandbox/state") as answer:
                    assert (await answer.json())["simulated"] is True
        await running.close()
        async with ClientSession() as session:
            with pytest.raises(ClientConnectorError):
                await session.get(running.addresses["basware"])
