"""Reads, methods and saves on the wire (Epicor dossier 5, 6)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from epicor_wire import Wire, refusal, wire

from ml_connector.connectors.epicor_kinetic.client import Kinetic
from ml_connector.connectors.epicor_kinetic.contract import (
    ACCOUNT_SERVICE,
    GROUP_SERVICE,
    INVOICE_SERVICE,
    ORDER_SERVICE,
    RECEIPT_LINES,
    TERMS,
    VENDORS,
)
from ml_connector.connectors.epicor_kinetic.where import all_of, eq
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.records.reason import Reason

SEVEN = [{"Company": "EPIC06", "VendorNum": number, "SysRevID": 100 + number} for number in range(1, 8)]
SAVE: dict[str, Any] = {"group": "G", "table": "APInvHed"}


@pytest.fixture
async def there() -> AsyncIterator[Wire]:
    async with wire() as found:
        yield found


@pytest.fixture
async def client(there: Wire) -> AsyncIterator[Kinetic]:
    found = Kinetic(there.side())
    yield found
    await found.close()


def options(request: web.Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(request.raw_path).query).items()}


def set_of(rows: list[dict[str, Any]], *, cap: int, count: bool = False) -> Any:
    """A set that caps its pages without a word."""

    def answer(request: web.Request) -> web.Response:
        asked = options(request)
        found = rows[int(asked.get("$skip", 0)) :]
        if "SysRevID gt" in asked.get("$filter", ""):
            found = [row for row in rows if row["SysRevID"] > int(asked["$filter"].rpartition(" ")[2])]
        told: dict[str, Any] = {"value": found[: min(cap, int(asked["$top"]))]}
        return web.json_response({**told, "@odata.count": len(found)} if count else told)

    return answer


async def numbers(client: Kinetic) -> list[int]:
    return [row["VendorNum"] async for rows in client.pages(VENDORS, select=("VendorNum",)) for row in rows]


# ------------------------------------------------------------------ sets


async def test_a_page_that_is_capped_lower_ends_no_list(there: Wire, client: Kinetic) -> None:
    there.answer = set_of(SEVEN, cap=3)
    assert await numbers(client) == [1, 2, 3, 4, 5, 6, 7]
    assert len(there.requests) == 4


async def test_a_count_that_is_reached_ends_a_list(there: Wire, client: Kinetic) -> None:
    there.answer = set_of(SEVEN, cap=100, count=True)
    assert await numbers(client) == [1, 2, 3, 4, 5, 6, 7]
    assert len(there.requests) == 1


async def test_a_server_that_brings_one_page_again_and_again_is_no_endless_loop(there: Wire, client: Kinetic) -> None:
    there.answer = lambda _: web.json_response({"value": SEVEN[:2]})
    with pytest.raises(Refused, match="again and again"):
        await numbers(client)


async def test_a_read_is_selected_ordered_and_spelt_for_the_wire(there: Wire, client: Kinetic) -> None:
    await client.rows(VENDORS, where=eq("VendorID", "O'Brien & Söhne+1"), select=("VendorNum", "VendorID"))
    path = there.paths()[0]
    assert "+" not in path
    assert "%20" in path
    assert parse_qs(urlsplit(path).query) == {
        "$select": ["VendorNum,VendorID"], "$filter": ["VendorID eq 'O''Brien & Söhne+1'"],
        "$orderby": ["Company,VendorNum"], "$top": ["100"], "$count": ["true"],
    }  # fmt: skip


async def test_a_next_link_is_followed_on_the_same_host_only(there: Wire, client: Kinetic) -> None:
    first = f"{there.base}/Live/api/v2/odata/EPIC06/Erp.BO.VendorSvc/Vendors?$select=VendorNum&$skiptoken=x"

    def answer(request: web.Request) -> web.Response:
        if "skiptoken" in request.raw_path:
            return web.json_response({"value": SEVEN[1:2], "@odata.nextLink": "http://elsewhere.example/x"})
        return web.json_response({"value": SEVEN[:1], "@odata.nextLink": first})

    there.answer = answer
    with pytest.raises(Refused, match="another host"):
        await numbers(client)
    assert len(there.requests) == 2


async def test_a_set_that_is_always_out_of_order_is_read_by_its_method_from_then_on(
    there: Wire, client: Kinetic
) -> None:
    def answer(request: web.Request) -> web.Response:
        if request.method == "GET":
            return refusal(500, "An unexpected internal problem occurred.", kind="System.Exception")
        return web.json_response({"returnObj": {"Vendor": SEVEN[:2]}, "parameters": {"morePages": False}})

    there.answer = answer
    assert await numbers(client) == [1, 2]
    there.requests.clear()
    assert await numbers(client) == [1, 2]
    assert there.requests == [("POST", "Erp.BO.VendorSvc/GetRows")]


async def test_a_method_that_fails_as_well_leaves_the_set_as_it_was(there: Wire, client: Kinetic) -> None:
    there.answer = lambda _: refusal(400, "Could not find a property named 'VendorNum' on type 'Erp.Vendor'.")
    with pytest.raises(Refused, match="VendorNum"):
        await numbers(client)
    there.answer = set_of(SEVEN, cap=100)
    assert len(await numbers(client)) == 7


async def test_get_rows_has_every_clause_and_loops_while_there_are_pages(there: Wire, client: Kinetic) -> None:
    pages = iter([(SEVEN[:3], True), (SEVEN[3:4], True), ([], True), (SEVEN[4:], False)])

    def answer(_: web.Request) -> web.Response:
        rows, more = next(pages)
        return web.json_response({"returnObj": {"Vendor": rows}, "parameters": {"morePages": more}})

    there.answer = answer
    found = [row["VendorNum"] async for rows in client.get_rows(VENDORS, where=eq("VendorID", "A")) for row in rows]
    assert found == [1, 2, 3, 4, 5, 6, 7]
    assert [each["absolutePage"] for each in there.bodies] == [1, 2, 3, 4]
    clauses = {name: value for name, value in there.bodies[0].items() if name.startswith("whereClause")}
    assert len(clauses) == 19
    assert clauses.pop("whereClauseVendor") == "VendorID = 'A'"
    assert set(clauses.values()) == {"1=0"}


async def test_children_by_their_method_come_with_parents_that_are_narrowed_alike(there: Wire, client: Kinetic) -> None:
    there.answer = lambda _: web.json_response({"returnObj": {"RcvDtl": []}, "parameters": {"morePages": False}})
    where = all_of(eq("VendorNum", 1042), eq("PONum", 4211))
    assert [rows async for rows in client.get_rows(RECEIPT_LINES, where=where)] == [[]]
    assert there.bodies[0]["whereClauseRcvHead"] == "VendorNum = 1042"
    assert there.bodies[0]["whereClauseRcvDtl"] == "VendorNum = 1042 AND PONum = 4211"


async def test_changes_are_paged_by_their_versions(there: Wire, client: Kinetic) -> None:
    there.answer = set_of(SEVEN, cap=3)
    found = [
        row["VendorNum"] async for rows in client.changes(VENDORS, after=102, select=("VendorNum",)) for row in rows
    ]
    assert found == [3, 4, 5, 6, 7]
    assert [options_of(path)["$filter"] for path in there.paths()] == [
        "SysRevID gt 102", "SysRevID gt 105", "SysRevID gt 107",
    ]  # fmt: skip
    assert all("$skip" not in options_of(path) for path in there.paths())


def options_of(path: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}


async def test_a_server_that_takes_no_filter_on_versions_is_asked_by_clauses(there: Wire, client: Kinetic) -> None:
    def answer(request: web.Request) -> web.Response:
        if request.method == "GET":
            return refusal(400, "The property 'SysRevID' cannot be used in the $filter query option.")
        return web.json_response({"returnObj": {"PurTerms": [{"TermsCode": "N30", "SysRevID": 9}]},
                                  "parameters": {"morePages": False}})  # fmt: skip

    there.answer = answer
    found = [row async for rows in client.changes(TERMS, after=7, select=("TermsCode",)) for row in rows]
    assert [row["TermsCode"] for row in found] == ["N30"]
    assert there.bodies[-1]["whereClausePurTerms"] == "SysRevID > 7 BY SysRevID"


async def test_a_server_that_ignores_the_filter_is_no_endless_loop(there: Wire, client: Kinetic) -> None:
    there.answer = lambda _: web.json_response({"value": SEVEN[:2]})
    with pytest.raises(Refused, match="does not keep"):
        async for _ in client.changes(VENDORS, after=500, select=("VendorNum",)):
            pass


async def test_a_read_is_tried_again_while_the_server_is_busy(there: Wire, client: Kinetic) -> None:
    answers = iter([web.Response(status=503), web.Response(status=429, headers={"Retry-After": "0"})])
    there.answer = lambda _: next(answers, None)
    assert await numbers(client) == []
    assert len(there.requests) == 3


async def test_a_licence_that_is_missing_is_waited_for(there: Wire, client: Kinetic) -> None:
    answers = iter([refusal(500, "Maximum users exceeded on license type DefaultUser.")])
    there.answer = lambda _: next(answers, None)
    assert await numbers(client) == []
    assert len(there.requests) == 2


# ------------------------------------------------------------------ methods


async def test_a_method_that_stores_nothing_is_tried_again(there: Wire, client: Kinetic) -> None:
    answers = iter([web.Response(status=502)])
    there.answer = lambda _: next(answers, web.json_response({"returnObj": True}))
    answer = await client.call(ACCOUNT_SERVICE, "GlAccountExists", {"ipCOACode": "MAIN", "ipGLAccount": "5100"})
    assert answer.returned is True
    assert len(there.requests) == 2


async def test_a_write_without_a_clear_answer_is_open_and_never_repeated(there: Wire, client: Kinetic) -> None:
    there.answer = lambda _: web.Response(status=504)
    with pytest.raises(OutcomeUnknown):
        await client.update(GROUP_SERVICE, {"APInvGrp": []})
    assert len(there.requests) == 1


async def test_a_write_that_met_no_licence_was_not_done(there: Wire, client: Kinetic) -> None:
    there.answer = lambda _: refusal(500, "Maximum users exceeded on license type DefaultUser.")
    with pytest.raises(Unavailable):
        await client.update(GROUP_SERVICE, {"APInvGrp": []})
    assert len(there.requests) == 1


async def test_writes_leave_one_after_the_other_and_reads_two_at_a_time(there: Wire, client: Kinetic) -> None:
    there.pause = 0.02
    there.answer = lambda request: web.json_response({}) if request.method == "POST" else None
    unlock = [client.call(GROUP_SERVICE, "UnlockGroup", {"InGroupID": str(number)}) for number in range(3)]
    await asyncio.gather(*unlock)
    assert there.most == 1
    await asyncio.gather(*(numbers(client) for _ in range(5)))
    assert there.most == 2


async def test_a_verb_that_the_server_does_not_take_is_changed_and_remembered(there: Wire, client: Kinetic) -> None:
    def answer(request: web.Request) -> web.Response:
        return (
            web.Response(status=405) if request.method == "GET" else web.json_response({"returnObj": {"POHeader": []}})
        )

    there.answer = answer
    for _ in range(2):
        assert await client.get_by_id(ORDER_SERVICE, poNum=4211) == {"POHeader": []}
    assert there.requests == [
        ("GET", "Erp.BO.POSvc/GetByID?poNum=4211"), ("POST", "Erp.BO.POSvc/GetByID"), ("POST", "Erp.BO.POSvc/GetByID"),
    ]  # fmt: skip
    assert there.bodies[-1] == {"poNum": 4211}


async def test_a_number_with_odd_characters_arrives_as_it_is(there: Wire, client: Kinetic) -> None:
    there.answer = lambda _: web.json_response({"returnObj": {}})
    await client.get_by_id(INVOICE_SERVICE, vendorNum=7, invoiceNum="A/1+2 & 3%|ä")
    assert options_of(there.paths()[0]) == {"vendorNum": "7", "invoiceNum": "A/1+2 & 3%|ä"}


async def test_a_record_that_is_not_there_is_none_and_a_path_that_is_not_is_an_error(
    there: Wire, client: Kinetic
) -> None:
    there.answer = lambda _: refusal(404, "Record not found.", kind="Ice.Common.RecordNotFoundException")
    assert await client.get_by_id(ORDER_SERVICE, poNum=1) is None
    there.answer = lambda _: refusal(404, "The requested resource was not found.", kind="Epicor.RESTApi.ApiException")
    with pytest.raises(Refused) as refused:
        await client.get_by_id(ORDER_SERVICE, poNum=1)
    assert refused.value.reason is Reason.ADDRESS_WRONG


async def test_amounts_come_and_go_digit_for_digit(there: Wire, client: Kinetic) -> None:
    there.answer = lambda _: web.Response(
        text='{"parameters":{"ds":{"APInvHed":[{"DocInvoiceAmt":1234567.10000,"SysRevID":9007199254740995}]}}}',
        content_type="application/json",
    )
    ds = await client.update(INVOICE_SERVICE, {"APInvHed": [{"DocInvoiceAmt": Decimal("0.1")}]})
    assert ds["APInvHed"] == [{"DocInvoiceAmt": Decimal("1234567.10000"), "SysRevID": 9007199254740995}]
    assert there.bodies[0]["ds"]["APInvHed"][0]["DocInvoiceAmt"] == 0.1


async def test_an_amount_that_json_cannot_carry_never_leaves(there: Wire, client: Kinetic) -> None:
    with pytest.raises(Refused, match="digits"):
        await client.update(INVOICE_SERVICE, {"APInvHed": [{"DocInvoiceAmt": Decimal("0.12345678901234567890")}]})
    assert there.requests == []


# ------------------------------------------------------------------ UpdateMaster


def saved(**flags: Any) -> Any:
    parameters = {"ds": {"APInvHed": []}, "requiresUserInput": False, "lUpdateRan": True, "opMessage": "", **flags}
    return lambda _: web.json_response({"parameters": parameters})


async def test_a_save_has_every_switch_and_tells_what_was_stored(there: Wire, client: Kinetic) -> None:
    there.answer = saved(opMessage="The apply date lies in the future.")
    found = await client.save({"APInvHed": []}, **SAVE)
    assert (found.ds, found.remarks) == ({"APInvHed": []}, ("The apply date lies in the future.",))
    sent = there.bodies[0]
    assert {name: sent[name] for name in sent if name != "ds"} == {
        "cGroupID": "G", "cTableName": "APInvHed", "runChkCPay": False, "runChkBankRef": False, "runChkRevChrg": False,
        "suppressUserPrompts": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    "flags",
    [
        {"lUpdateRan": False, "requiresUserInput": True, "opMessage": "Continue?"},
        {"lUpdateRan": False, "opMessage": "Continue?"},
        {"requiresUserInput": True, "opMessage": "Continue?"},
        {"lUpdateRan": None, "opChkRevMsg": "Continue?"},
    ],
)
async def test_a_200_that_did_not_save_is_a_refusal_with_the_servers_words(
    there: Wire, client: Kinetic, flags: dict[str, Any]
) -> None:
    there.answer = saved(**flags)
    with pytest.raises(Refused, match=r"Continue\?"):
        await client.save({"APInvHed": []}, **SAVE)


async def test_a_save_that_says_nothing_at_all_is_not_believed(there: Wire, client: Kinetic) -> None:
    there.answer = lambda _: web.json_response({})
    with pytest.raises(Refused, match="did not run"):
        await client.save({"APInvHed": []}, **SAVE)


async def test_what_is_sent_is_json_and_says_so(there: Wire, client: Kinetic) -> None:
    there.answer = saved()
    await client.save({"APInvHed": [{"Description": "ä"}]}, **SAVE)
    assert there.headers[0]["content-type"] == "application/json"
    assert json.dumps(there.bodies[0]["ds"], ensure_ascii=False) == '{"APInvHed": [{"Description": "ä"}]}'
