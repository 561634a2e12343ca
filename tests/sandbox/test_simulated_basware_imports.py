"""The simulated Basware over a socket: imports and what becomes of them (dossier 12)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from basware_wire import ACTIVE, TOKEN, Answer, Client, account, order, order_line, payment_term, until, vendor


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
