"""The simulated Basware over a socket: sign-in and documents (dossier 12), control pages, all systems served."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from aiohttp import ClientConnectorError, ClientSession
from basware_wire import (
    COMPANY,
    CREDENTIALS,
    DOCUMENTS,
    FORM,
    TOKEN,
    Client,
    Receiver,
    account,
    basic,
    response,
    subscription,
    transferred,
    vendor,
)

from ml_connector.sandbox.basware import BASIC_PASSWORD, BASIC_USER, CLIENT_ID, CLIENT_SECRET
from ml_connector.sandbox.basware.schema import problems
from ml_connector.sandbox.company import found
from ml_connector.sandbox.server import start


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
        assert set(running.addresses) == {
            "basware", "acumatica", "business-central", "epicor-kinetic", "sap-business-one", "visma-net",
        }  # fmt: skip
        async with ClientSession() as session:
            for address in running.addresses.values():
                async with session.get(f"{address}/_sandbox/state") as answer:
                    assert (await answer.json())["simulated"] is True
        await running.close()
        async with ClientSession() as session:
            with pytest.raises(ClientConnectorError):
                await session.get(running.addresses["basware"])
