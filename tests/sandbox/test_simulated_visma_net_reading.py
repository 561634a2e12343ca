"""The simulated Visma.net on the wire: tokens, limits, lists and single records (Visma dossier 17, 1-24)."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from visma_net_wire import CODE, OLD, Wire, scopes

from ml_connector.sandbox.visma_net import CLIENT_ID, CLIENT_SECRET, CUSTOMER_TENANT, tenant_of


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


# --- Tokens and transport (1-9) -----------------------------------------------------------------------------


async def test_1_only_a_form_with_client_credentials_is_taken(wire: Wire) -> None:
    json_body = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    refused = await wire.send("POST", "/connect/token", json_body, token="")
    assert (refused.status, refused.body) == (400, {"error": "invalid_request"})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"tenant_id": ""}, "invalid_tenant"),
        ({"tenant_id": "5d0c1f8e-2f44-4f1c-9a0b-6f2b9e0d7a11"}, "invalid_tenant"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "stranger"}, "invalid_client"),
        ({"scope": scopes("read", "everything")}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"grant_type": "refresh_token"}, "unauthorized_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
async def test_1_a_wrong_token_request_is_refused_with_its_error(
    wire: Wire, changes: dict[str, str], error: str
) -> None:
    refused = await wire.grant(**changes)
    assert (refused.status, refused.body) == (400, {"error": error})


async def test_1_a_wrong_secret_can_be_401(wire: Wire) -> None:
    await wire.control("tokens", wrong_secret=401)
    assert (await wire.grant(client_secret="wrong")).status == 401


async def test_2_the_answer_has_no_refresh_token_and_the_life_it_was_given(wire: Wire) -> None:
    await wire.control("tokens", seconds=90)
    body = (await wire.grant(scope=scopes("update", "read"))).body
    assert set(body) == {"access_token", "expires_in", "token_type", "scope"}
    assert (body["expires_in"], body["token_type"]) == (90, "Bearer")
    assert body["scope"] == scopes("read", "update")


async def test_3_a_customer_tenant_gets_a_token_that_every_call_refuses(wire: Wire) -> None:
    token = (await wire.grant(tenant_id=CUSTOMER_TENANT)).body["access_token"]
    for address in ("/v1/branch", "/v1/supplier", "/v1/supplierInvoice/Invoice/300001"):
        assert (await wire.send("GET", address, token=token)).status == 401, address


async def test_4_a_token_is_good_for_one_company_only() -> None:
    async with Wire(CODE, "5001") as wire:
        other = (await wire.grant(tenant_id=tenant_of("5001"))).body["access_token"]
        mine = (await wire.rows("/v1/branch"))[0]["name"]
        theirs = (await wire.send("GET", "/v1/branch", token=other)).body[0]["name"]
        assert (mine, theirs) == ("Acme Trading 5000", "Acme Trading 5001")
        await wire.control("invoices", company="5001", supplier="V000001", number="999777", lines=[{"net": 5}])
        assert (await wire.get("/v1/supplierInvoice/Invoice/999777")).status == 404


async def test_4_an_expired_or_unknown_token_is_401_with_or_without_a_body(wire: Wire) -> None:
    await wire.control("tokens", seconds=60)
    token = (await wire.grant()).body["access_token"]
    assert (await wire.send("GET", "/v1/branch", token=token)).status == 200
    await wire.control("clock", seconds=61)
    refused = await wire.send("GET", "/v1/branch", token=token)
    assert (refused.status, refused.body) == (401, b"")
    await wire.control("tokens", envelope_on_401=True)
    refused = await wire.send("GET", "/v1/branch", token="made-up")
    assert (refused.status, refused.body["ExceptionType"]) == (401, "IPPException")


async def test_5_a_verb_without_its_scope_is_403(wire: Wire) -> None:
    wire.token = (await wire.grant(scope=scopes("read"))).body["access_token"]
    assert (await wire.get("/v1/supplier/V000001")).status == 200
    body = {"note": {"value": "x"}}
    assert (await wire.put("/v1/supplierInvoice/Invoice/300001", body)).status == 403
    assert (await wire.send("POST", "/v1/supplierInvoice", {})).status == 403
    assert (await wire.send("DELETE", "/v1/supplierInvoice/Invoice/300001")).status == 403
    wire.token = (await wire.grant(scope=scopes("create"))).body["access_token"]
    assert (await wire.send("POST", "/v1/supplierInvoice/Invoice/300001/action/release")).status == 403
    assert (await wire.get("/v1/supplier/V000001")).status == 403


async def test_5_scopes_that_were_not_approved_are_refused_or_missing(wire: Wire) -> None:
    await wire.control("scopes", granted=["read"])
    assert (await wire.grant(scope=scopes("read", "update"))).body == {"error": "invalid_scope"}
    await wire.control("scopes", drops=True)
    assert (await wire.grant(scope=scopes("read", "update"))).body["scope"] == scopes("read")
    await wire.control("scopes", approved=False)
    assert (await wire.grant(scope=scopes("read"))).body == {"error": "invalid_tenant"}


async def test_6_only_the_two_versions_are_served_and_no_token_is_asked_for_what_is_not(wire: Wire) -> None:
    for address in ("/erp/service/v1/supplier", "/v3/supplier", "/v1/nonsense", "/v2/supplier", "/resources/v1/event"):
        assert (await wire.send("GET", address, token="")).status == 404, address
    assert (await wire.send("GET", "/v1/supplier", token="")).status == 401


async def test_6_the_old_address_has_its_own_count(wire: Wire) -> None:
    new = await wire.get("/v1/branch")
    old = await wire.get(f"{OLD}/v1/branch")
    assert old.body == new.body
    assert (old.headers["X-RateLimit-Policy"], old.headers["X-RateLimit-Limit"]) == ("6-fixed-window", "500")
    assert (new.headers["X-RateLimit-Policy"], new.headers["X-RateLimit-Limit"]) == ("4-fixed-window", "5000")
    await wire.control("limits", remaining=0, old=True)
    assert (await wire.get(f"{OLD}/v1/branch")).status == 429
    assert (await wire.get("/v1/branch")).status == 200


async def test_7_paths_are_matched_without_case_and_keys_may_be_base64(wire: Wire) -> None:
    assert (await wire.get("/V1/SUPPLIERINVOICE/invoice/300001")).status == 200
    packed = base64.urlsafe_b64encode(b"V000001").decode().rstrip("=")
    assert (await wire.get(f"/v1/supplier/b64({packed})")).body["number"] == "V000001"


async def test_8_the_company_header_is_ignored_and_shown_in_the_log_of_calls(wire: Wire) -> None:
    answered = await wire.get("/v1/branch", headers={"ipp-company-id": "9999999"})
    assert answered.body[0]["name"] == "Acme Trading 5000"
    log = (await wire.get("/_sandbox/calls")).body["calls"]
    assert log[-1]["headers"]["ipp-company-id"] == "9999999"
    assert "authorization" not in {name.lower() for call in log for name in call["headers"]}


async def test_9_every_answer_tells_what_is_left(wire: Wire) -> None:
    first, second = await wire.get("/v1/branch"), await wire.get("/v1/branch")
    left = [int(reply.headers["X-RateLimit-Remaining"]) for reply in (first, second)]
    assert left[1] == left[0] - 1
    assert 1 <= int(second.headers["X-RateLimit-Reset"]) <= 3600
    assert first.headers["Ipp-Request-Id"] != second.headers["Ipp-Request-Id"]
    refused = await wire.get("/v1/supplierInvoice/Invoice/nobody")
    assert (refused.status, "X-RateLimit-Policy" in refused.headers) == (404, True)


async def test_9_beyond_the_limit_it_is_429_until_the_window_is_over(wire: Wire) -> None:
    await wire.control("limits", limit=2, html=True)
    assert [(await wire.get("/v1/branch")).status for _ in range(2)] == [200, 200]
    refused = await wire.get("/v1/branch")
    assert (refused.status, b"<html>" in refused.body) == (429, True)
    assert refused.headers["X-RateLimit-Remaining"] == "0"
    await wire.control("clock", seconds=int(refused.headers["Retry-After"]))
    wire.token = (await wire.grant()).body["access_token"]
    assert (await wire.get("/v1/branch")).status == 200


# --- Reading (10-24) ----------------------------------------------------------------------------------------


async def test_10_moments_have_no_offset_and_fractions_of_every_length(wire: Wire) -> None:
    stamps = [row["lastModifiedDateTime"] for row in await wire.rows("/v1/supplierInvoice", pageSize=500)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?", stamp) for stamp in stamps)
    assert {len(stamp) for stamp in stamps} >= {19, 21, 22, 23}
    assert len(set(stamps)) < len(stamps), "equal stamps are the rule"


async def test_10_members_without_a_value_are_left_out(wire: Wire) -> None:
    await wire.control("invoices", supplier="V000001", number="A-000123", lines=[{"net": "12.50"}])
    body = (await wire.get("/v1/supplierInvoice/Invoice/A-000123")).body
    assert None not in body.values()
    assert "supplierReference" not in body
    assert "poNumber" not in body["invoiceLines"][0]


async def test_11_one_record_has_its_tag_and_a_list_has_none(wire: Wire) -> None:
    one = await wire.get("/v1/supplierInvoice/Invoice/300001")
    assert one.headers["ETag"] == f'"{one.body["timeStamp"]}"'
    assert len(base64.b64decode(one.body["timeStamp"])) == 8
    listed = await wire.get("/v1/supplierInvoice", pageSize=1)
    assert "ETag" not in listed.headers
    assert listed.body[0]["timeStamp"] == one.body["timeStamp"]


async def test_12_pages_count_from_one_and_too_large_ones_are_lowered(wire: Wire) -> None:
    await wire.control("page-size", resource="supplier", size=50)
    first = await wire.rows("/v1/supplier", pageNumber=1, pageSize=200)
    assert len(first) == 50
    assert first[0]["metadata"] == {"totalCount": 320, "maxPageSize": 50}
    assert await wire.rows("/v1/supplier", pageNumber=0, pageSize=200) == first
    second = await wire.rows("/v1/supplier", pageNumber=2, pageSize=200)
    assert not {row["number"] for row in first} & {row["number"] for row in second}
    assert await wire.rows("/v1/supplier", pageNumber=8, pageSize=200) == []


async def test_13_each_resource_has_its_envelope(wire: Wire) -> None:
    for path in ("supplier", "supplierInvoice", "purchaseorder", "account", "subaccount", "project", "vatZone"):
        assert "totalCount" in (await wire.rows(f"/v1/{path}", pageSize=2))[0]["metadata"], path
    terms = (await wire.get("/v1/creditTerm", pageSize=4)).body
    assert (terms["pageNumber"], terms["pageSize"], terms["totalCount"], len(terms["records"])) == (1, 4, 6, 4)
    for path in ("vat", "vatCategory", "branch", "organization", "currency", "financialPeriod", "department"):
        assert "metadata" not in (await wire.rows(f"/v1/{path}"))[0], path


async def test_13_a_dimension_is_one_object_and_their_list_is_of_names(wire: Wire) -> None:
    assert "SUBACCOUNT" in await wire.rows("/v1/dimension")
    bare = (await wire.get("/v1/dimension/SUBACCOUNT")).body
    assert [segment["segmentValues"] for segment in bare["segments"]] == [[], [], []]
    full = (await wire.get("/v1/dimension/SUBACCOUNT", expandSegmentsValues="true")).body
    department = full["segments"][0]
    assert {value["valueId"] for value in department["segmentValues"]} >= {"0000", "D010", "D450"}
    assert [value["active"] for value in department["segmentValues"] if value["valueId"] == "D450"] == [False]
    one = (await wire.get("/v1/dimension/SUBACCOUNT/1/D010")).body
    assert one["description"] == "Department 10"


async def test_14_a_page_without_a_size_is_not_everything(wire: Wire) -> None:
    assert len(await wire.rows("/v1/supplier")) == 100


@pytest.mark.parametrize("asked", [{"numberToRead": 1}, {"skipRecords": 5}, {"skip": 5}, {"$top": 1}, {"made": "up"}])
async def test_15_unknown_parameters_are_ignored(wire: Wire, asked: dict[str, Any]) -> None:
    assert await wire.rows("/v1/supplier", pageSize=10, **asked) == await wire.rows("/v1/supplier", pageSize=10)


@pytest.mark.parametrize("operator", [">", ">=", "<", "<="])
async def test_16_the_last_modified_filter_compares(wire: Wire, operator: str) -> None:
    rows = await wire.rows("/v1/supplier", pageSize=1000)
    border = rows[130]["lastModifiedDateTime"]
    compare = {">": str.__gt__, ">=": str.__ge__, "<": str.__lt__, "<=": str.__le__}[operator]
    expected = [row["number"] for row in rows if compare(_filled(row["lastModifiedDateTime"]), _filled(border))]
    found = await wire.rows(
        "/v1/supplier", pageSize=1000, lastModifiedDateTime=border, lastModifiedDateTimeCondition=operator
    )
    assert [row["number"] for row in found] == expected


def _filled(stamp: str) -> str:
    whole, _, fraction = stamp.partition(".")
    return f"{whole}.{fraction:<03}"


@pytest.mark.parametrize(
    "asked",
    [
        {"lastModifiedDateTime": "2026-01-01"},
        {"lastModifiedDateTimeCondition": ">"},
        {"lastModifiedDateTime": "2026-01-01T00:00:00Z", "lastModifiedDateTimeCondition": ">"},
        {"lastModifiedDateTime": "2026-01-01T00:00:00+01:00", "lastModifiedDateTimeCondition": ">"},
        {"lastModifiedDateTime": "2026-01-01", "lastModifiedDateTimeCondition": "between"},
        {"lastModifiedDateTime": "yesterday", "lastModifiedDateTimeCondition": ">"},
        {"lastModifiedDateTime": "2026-13-01", "lastModifiedDateTimeCondition": ">"},
    ],
)
async def test_16_a_half_or_unreadable_filter_is_400(wire: Wire, asked: dict[str, str]) -> None:
    refused = await wire.get("/v1/supplier", **asked)
    assert (refused.status, set(refused.body)) == (400, {"message"})


async def test_16_all_documented_formats_are_read(wire: Wire) -> None:
    for time in ("", " 10:11:12", " 10:11:12.345", "T10:11:12", "T10:11:12.345"):
        text = f"2020-01-31{time}"
        rows = await wire.rows("/v1/vatCategory", lastModifiedDateTime=text, lastModifiedDateTimeCondition=">=")
        assert len(rows) == 5, text


async def test_17_orders_have_a_filter_of_their_own_name_and_ignore_the_other(wire: Wire) -> None:
    closed = await wire.rows("/v1/purchaseorderbasic", orderStatus="Closed", pageSize=500)
    assert {row["status"] for row in closed} == {"Closed"}
    assert len(await wire.rows("/v1/purchaseorderbasic", status="Closed", pageSize=500)) == 84


async def test_18_released_documents_are_open_or_closed(wire: Wire) -> None:
    rows = await wire.rows("/v1/supplierInvoice", released=1, pageSize=500)
    assert {row["status"] for row in rows} == {"Open", "Closed"}


async def test_19_lists_leave_out_what_is_not_expanded(wire: Wire) -> None:
    await wire.control("invoices", key="Invoice/300001", note="Checked.")
    bare = (await wire.rows("/v1/supplierInvoice", pageSize=1))[0]
    assert not {"attachments", "note"} & set(bare)
    full = (await wire.rows("/v1/supplierInvoice", pageSize=1, expandAttachment="true", expandNote="true"))[0]
    assert (full["note"], len(full["attachments"])) == ("Checked.", 1)
    one = (await wire.get("/v1/supplierInvoice/Invoice/300001")).body
    assert one["attachments"] == full["attachments"]
    assert "glAccounts" not in (await wire.rows("/v1/supplier", pageSize=1))[0]
    assert "glAccounts" in (await wire.rows("/v1/supplier", pageSize=1, expandAccountInformation="true"))[0]


async def test_20_some_lists_come_whole_whatever_page_is_asked_for(wire: Wire) -> None:
    for path in ("account", "vat", "branch", "currency", "financialPeriod"):
        everything = await wire.rows(f"/v1/{path}")
        assert await wire.rows(f"/v1/{path}", pageNumber=7, pageSize=1) == everything, path


async def test_21_a_number_without_a_type_is_an_invoice_and_numbers_overlap(wire: Wire) -> None:
    untyped = (await wire.get("/v1/supplierInvoice/300001")).body
    credit = (await wire.get("/v1/supplierInvoice/DebitAdj/300001")).body
    assert (untyped["documentType"], credit["documentType"]) == ("Invoice", "DebitAdj")
    assert credit["amount"] > 0
    await wire.control("invoices", type="DebitAdj", number="777", supplier="V000001", lines=[{"net": 10}])
    assert (await wire.get("/v1/supplierInvoice/777")).status == 404


async def test_22_receipts_are_read_in_the_second_version_only(wire: Wire) -> None:
    assert (await wire.get("/v1/PurchaseReceipt")).status == 404
    receipt = (await wire.rows("/v2/PurchaseReceipt", pageSize=1))[0]
    assert (await wire.get(f"/v2/PurchaseReceipt/{receipt['receiptNbr']}")).status == 200
    order = receipt["lines"][0]["poOrderNbr"]
    found = await wire.rows("/v2/PurchaseReceipt", poOrderNbr=order, pageSize=50)
    assert receipt["receiptNbr"] in {row["receiptNbr"] for row in found}
    assert {line["poOrderNbr"] for row in found for line in row["lines"]} == {order}


async def test_23_an_unknown_key_is_404_and_an_empty_list_may_be_an_empty_body(wire: Wire) -> None:
    assert (await wire.get("/v1/supplier/NOBODY")).status == 404
    assert await wire.rows("/v1/supplier", name="Nobody") == []
    await wire.control("habits", empty_lists=True)
    empty = await wire.get("/v1/supplier", name="Nobody")
    assert (empty.status, empty.body) == (200, b"")


async def test_24_closed_lines_may_have_received_less_than_ordered(wire: Wire) -> None:
    closed = await wire.rows("/v1/purchaseorder", orderStatus="Closed", pageSize=500)
    lines = [line for order in closed for line in order["lines"]]
    assert all(line["completed"] for line in lines)
    assert any(line["qtyOnReceipts"] < line["orderQty"] for line in lines)
    cancelled = await wire.rows("/v1/purchaseorder", orderStatus="Cancelled", pageSize=500)
    assert all(line["canceled"] for order in cancelled for line in order["lines"])


async def test_the_servers_time_is_not_utc(wire: Wire) -> None:
    stamp = (await wire.control("touch", table="supplier", key="V000001"))["stamp"]
    ahead = datetime.fromisoformat(stamp) - wire.clock.now().replace(tzinfo=None)
    assert timedelta(minutes=59) < ahead <= timedelta(hours=1)


async def test_42_records_may_change_between_two_pages(wire: Wire) -> None:
    body = {"company": CODE, "number": "NEW1"}
    await wire.control("during-paging", resource="supplier", after_page=1, action="vendors", body=body)
    first = await wire.rows("/v1/supplier", pageNumber=1, pageSize=200)
    second = await wire.rows("/v1/supplier", pageNumber=2, pageSize=200)
    assert (first[0]["metadata"]["totalCount"], second[0]["metadata"]["totalCount"]) == (320, 321)
    assert second[-1]["number"] == "NEW1"
    gone = {"company": CODE, "number": "V000001", "delete": True}
    await wire.control("during-paging", resource="supplier", after_page=1, action="vendors", body=gone)
    await wire.rows("/v1/supplier", pageNumber=1, pageSize=200)
    shifted = await wire.rows("/v1/supplier", pageNumber=2, pageSize=200)
    assert shifted[0]["number"] == second[1]["number"], "one row was shifted over the page's edge"
