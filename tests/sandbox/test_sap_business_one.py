"""The simulated SAP Business One on the wire: sessions, batches, company services, control pages (dossier 14)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sap_business_one_wire import CODE, Wire

from ml_connector.sandbox.sap_business_one import as_invoiced


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


async def keys(wire: Wire, address: str, key: str, **options: str) -> list[Any]:
    return [row[key] for row in await wire.rows(address, select=key, **options)]


@pytest.fixture
async def old_wire() -> AsyncIterator[Wire]:
    """The same on OData 3."""
    async with Wire(version=1) as started:
        yield started


# --- Sessions (1-9) -----------------------------------------------------------------------------------------


async def test_1_only_the_exact_case_logs_in(wire: Wire) -> None:
    for path in ("login", "LOGIN", "Orders", "PurchaseInvoices", "nothing"):
        reply = await wire.send("POST", path, {}, cookie="")
        assert (reply.status, reply.code) == (401, 301), path
    elsewhere = await wire.send("POST", f"{wire.origin}/B1S/v2/Login", {}, cookie="")
    assert (elsewhere.status, elsewhere.code) == (401, 301)


async def test_2_login_tells_the_session_and_sets_two_cookies(wire: Wire) -> None:
    reply = await wire.login()
    assert reply.status == 200
    assert (reply.body["Version"], reply.body["SessionTimeout"]) == ("1000190", 30)
    first, second = reply.headers.getall("Set-Cookie")  # type: ignore[attr-defined]
    assert first == f"B1SESSION={reply.body['SessionId']};HttpOnly;"
    assert second.startswith("ROUTEID=.node")
    assert second.endswith("; path=/b1s")


async def test_3_a_wrong_password_is_refused_and_the_third_one_locks_the_user(wire: Wire) -> None:
    for _ in range(3):
        reply = await wire.login(Password="wrong")
        assert (reply.status, reply.code) == (401, 100000027)
    assert (await wire.login()).code == 100000055
    await wire.control("login")
    assert (await wire.login()).status == 200


@pytest.mark.parametrize("code", [-304, 305])
async def test_3_an_unknown_company_is_refused_with_the_code_of_the_installation(wire: Wire, code: int) -> None:
    await wire.control("login", unknown_company=code)
    reply = await wire.login(CompanyDB="SBO_NOBODY")
    assert (reply.status, reply.code) == (401, code)


async def test_4_the_session_is_enough_and_the_route_may_come_along(wire: Wire) -> None:
    assert (await wire.get("Dimensions")).status == 200
    routed = await wire.send("GET", "Dimensions", cookie=f"{wire.cookie}; ROUTEID=.node1")
    assert routed.status == 200
    assert (await wire.send("GET", "Dimensions", cookie="ROUTEID=.node1")).code == 301


async def test_5_a_session_lives_on_while_it_is_used_and_dies_when_it_is_not(wire: Wire) -> None:
    await wire.control("login", timeout=100)
    wire.cookie = f"B1SESSION={(await wire.login()).body['SessionId']}"
    for _ in range(3):
        wire.clock.move(timedelta(seconds=70))
        assert (await wire.get("Dimensions")).status == 200
    wire.clock.move(timedelta(seconds=101))
    reply = await wire.get("Dimensions")
    assert (reply.status, reply.code) == (401, 301)


async def test_6_the_refusal_has_a_shape_for_each_version_and_a_switch(wire: Wire, old_wire: Wire) -> None:
    text = (await wire.send("GET", "Orders", cookie="")).body["error"]
    assert (text["code"], text["message"]) == ("301", "Invalid session or session already timeout.")
    number = (await old_wire.send("GET", "Orders", cookie="")).body["error"]
    assert number["code"] == 301
    assert number["message"] == {"lang": "en-us", "value": "Invalid session or session already timeout."}
    await old_wire.control("habits", text_errors_on_v1=True)
    assert (await old_wire.send("GET", "Orders", cookie="")).body["error"]["code"] == "301"


async def test_7_logout_ends_the_session_once(wire: Wire) -> None:
    assert (await wire.post("Logout")).status == 204
    assert (await wire.get("Dimensions")).code == 301
    again = await wire.post("Logout")
    assert (again.status, again.code) == (401, 301)


async def test_8_one_session_or_all_can_be_killed(wire: Wire) -> None:
    other = (await wire.login()).body["SessionId"]
    assert (await wire.control("expire-sessions", session=other)) == {"expired": 1}
    assert (await wire.get("Dimensions")).status == 200
    assert (await wire.send("GET", "Dimensions", cookie=f"B1SESSION={other}")).code == 301
    await wire.control("expire-sessions")
    assert (await wire.get("Dimensions")).code == 301


async def test_8_sessions_of_a_broken_node_fail_until_they_sign_in_again(wire: Wire) -> None:
    await wire.control("break-node", node=".node1")
    reply = await wire.get("Dimensions")
    assert (reply.status, reply.code) == (500, 407)
    fresh = (await wire.login()).body["SessionId"]
    assert (await wire.send("GET", "Dimensions", cookie=f"B1SESSION={fresh}")).status == 200


async def test_9_an_expect_header_gets_500_and_nothing(wire: Wire) -> None:
    reply = await wire.send("POST", "Login", {}, headers={"Expect": "100-continue"})
    assert (reply.status, reply.body) == (500, b"")


# --- Tags and batches (39, 40) ------------------------------------------------------------------------------


async def test_39_a_stale_tag_is_refused_and_no_tag_writes_blindly(wire: Wire) -> None:
    first = await wire.get("BusinessPartners('V000001')")
    version = first.body["DataVersion"]
    assert first.headers["ETag"] == f'W/"{hashlib.sha1(str(version).encode()).hexdigest().upper()}"'
    tagged = {"If-Match": first.headers["ETag"]}
    assert (await wire.patch("BusinessPartners('V000001')", {"Website": "a"}, **tagged)).status == 204
    stale = await wire.patch("BusinessPartners('V000001')", {"Website": "b"}, **tagged)
    assert (stale.status, stale.code) == (412, -2039)
    assert (await wire.patch("BusinessPartners('V000001')", {"Website": "c"})).status == 204
    after = await wire.get("BusinessPartners('V000001')")
    assert (after.body["Website"], after.body["DataVersion"]) == ("c", version + 2)
    assert "ETag" not in (await wire.get("ChartOfAccounts('6110')")).headers


def part(request: str, body: str = "", *, content_id: str = "") -> str:
    number = f"Content-ID: {content_id}\r\n" if content_id else ""
    kind = "Content-Type: application/json\r\n" if body else ""
    head = f"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n{number}"
    return f"{head}\r\n{request} HTTP/1.1\r\n{kind}\r\n{body}"


def change_set(*parts: str) -> str:
    return f"Content-Type: multipart/mixed;boundary=cs\r\n\r\n{joined('cs', parts)}"


def joined(boundary: str, parts: tuple[str, ...]) -> str:
    return "".join(f"--{boundary}\r\n{each}\r\n" for each in parts) + f"--{boundary}--\r\n"


async def batch(wire: Wire, *parts: str) -> tuple[int, str]:
    headers = {"Content-Type": "multipart/mixed;boundary=batch_b1"}
    reply = await wire.send("POST", "$batch", joined("batch_b1", parts).encode(), headers=headers)
    return reply.status, reply.body.decode() if isinstance(reply.body, bytes) else str(reply.body)


async def test_40_parts_run_in_turn_and_stop_at_the_first_failure(wire: Wire) -> None:
    status, text = await batch(
        wire,
        part("POST /b1s/v2/Projects", '{"Code":"A1","Name":"One"}'),
        part("GET /b1s/v2/Projects('A1')"),
        part("POST /b1s/v2/Projects", '{"Code":"A1","Name":"Again"}'),
        part("POST /b1s/v2/Projects", '{"Code":"A2","Name":"Two"}'),
    )
    assert status == 200
    assert (text.count("HTTP/1.1 201"), text.count("HTTP/1.1 200"), text.count("HTTP/1.1 400")) == (1, 1, 1)
    assert (await wire.get("Projects('A1')")).body["Name"] == "One"
    assert (await wire.get("Projects('A2')")).code == -2028


async def test_40_a_change_set_is_taken_back_as_a_whole_and_answered_once(wire: Wire) -> None:
    status, text = await batch(
        wire,
        part("POST /b1s/v2/Projects", '{"Code":"B0","Name":"Before"}'),
        change_set(
            part("POST /b1s/v2/Projects", '{"Code":"B1","Name":"One"}', content_id="1"),
            part("PATCH /b1s/v2/Projects('NOBODY')", '{"Name":"x"}', content_id="2"),
        ),
    )
    assert status == 200
    assert text.count("HTTP/1.1 ") == 2
    assert "HTTP/1.1 404" in text
    assert (await wire.get("Projects('B0')")).status == 200
    assert (await wire.get("Projects('B1')")).code == -2028


async def test_40_later_parts_name_what_an_earlier_one_made(wire: Wire, old_wire: Wire) -> None:
    for each, version, overall in ((wire, 2, 200), (old_wire, 1, 202)):
        status, text = await batch(
            each,
            change_set(
                part(f"POST /b1s/v{version}/Projects", '{"Code":"C1","Name":"One"}', content_id="1"),
                part(f"PATCH /b1s/v{version}/$1", '{"Name":"Changed"}', content_id="2"),
            ),
        )
        assert status == overall
        assert (await each.get("Projects('C1')")).body["Name"] == "Changed"
        head, _, inner = text.partition("HTTP/1.1 201")
        assert ("Content-ID: 1" in head) == (version == 2)
        assert ("Content-ID: 1" in inner.partition("\r\n\r\n")[0]) == (version == 1)


async def test_40_what_does_not_belong_into_a_batch_is_refused(wire: Wire) -> None:
    status, text = await batch(wire, change_set(part("GET /b1s/v2/Projects", content_id="1")))
    assert (status, "-1000" in text) == (400, True)
    headers = {"Content-Type": "multipart/mixed;boundary=batch_b1"}
    torn = await wire.send("POST", "$batch", b"--batch_b1\r\nContent-Type: application/http", headers=headers)
    assert (torn.status, torn.code, torn.message) == (400, -1000, "Incomplete Batch Request Body!")


# --- The rest (46-48, 50) -----------------------------------------------------------------------------------


async def test_46_ping_needs_no_session_and_a_stopped_node_answers_503(wire: Wire) -> None:
    reply = await wire.send("GET", f"{wire.origin}/ping/", cookie="")
    assert (reply.status, reply.body["message"]) == (200, "pong")
    assert {"sender", "timestamp"} <= set(reply.body)
    await wire.control("break-node", stopped=2)
    assert (await wire.send("GET", f"{wire.origin}/ping/node/2", cookie="")).status == 503
    assert (await wire.send("GET", f"{wire.origin}/ping/node/1", cookie="")).status == 200


async def test_47_the_company_tells_its_switches(wire: Wire) -> None:
    info, admin = "CompanyService_GetCompanyInfo", "CompanyService_GetAdminInfo"
    before = (await wire.get(admin)).body
    assert (before["LocalCurrency"], before["TotalsAccuracy"], before["EnableBranches"]) == ("EUR", 2, "tNO")
    assert before["EnableApprovalProcedureInDI"] == "tNO"
    await wire.control("branches", enabled=True)
    await wire.control("approval", enabled=True)
    await wire.control("segments", enabled=True)
    after = (await wire.post(admin)).body
    assert (after["EnableBranches"], after["EnableApprovalProcedureInDI"]) == ("tYES", "tYES")
    assert (await wire.get(info)).body["EnableAccountSegmentation"] == "tYES"
    assert (await wire.get(info)).body["Version"] == 1000190


async def test_47_the_company_services_are_actions_on_odata_3(old_wire: Wire) -> None:
    assert (await old_wire.post("CompanyService_GetCompanyInfo")).body["CompanyName"] == old_wire.company.name
    assert (await old_wire.get("CompanyService_GetCompanyInfo")).status == 405


async def test_48_a_segmented_chart_knows_accounts_by_internal_codes(wire: Wire) -> None:
    await wire.control("segments", enabled=True)
    (account,) = await wire.rows("ChartOfAccounts", filter="FormatCode eq '6110'")
    assert account["Code"].startswith("_SYS0")
    father = (await wire.get(f"ChartOfAccounts('{account['FatherAccountKey']}')")).body
    assert father["FormatCode"] == "6100"
    visible = await wire.post("PurchaseInvoices", wire.invoice())
    assert (visible.status, visible.code) == (400, -5002)
    lines = [wire.line(AccountCode=account["Code"])]
    assert (await wire.make(DocumentLines=lines))["DocumentLines"][0]["AccountCode"] == account["Code"]
    await wire.control("segments", enabled=False)
    assert (await wire.get("ChartOfAccounts('6110')")).body["FormatCode"] is None


async def test_50_logins_first_requests_and_posts_can_be_slow(wire: Wire) -> None:
    loop = asyncio.get_running_loop()

    async def seconds(work: Any) -> float:
        started = loop.time()
        assert (await work).status in (200, 201)
        return loop.time() - started

    await wire.control("login", seconds=0.2)
    assert await seconds(wire.login()) >= 0.2
    wire.cookie = f"B1SESSION={(await wire.login()).body['SessionId']}"
    await wire.control("latency", first=0.2)
    assert await seconds(wire.get("Dimensions")) >= 0.2
    await wire.control("latency", first=0, post=0.2)
    assert await seconds(wire.post("PurchaseInvoices", wire.invoice())) >= 0.2


# --- Control pages ------------------------------------------------------------------------------------------


async def test_people_change_suppliers_accounts_and_values(wire: Wire) -> None:
    await wire.control("vendors", number="V000001", Frozen="tYES", Valid="tNO")
    assert (await wire.get("BusinessPartners('V000001')")).body["Frozen"] == "tYES"
    await wire.control("vendors", number="V9", CardName="Nine", Currency="EUR")
    assert (await wire.get("BusinessPartners('V9')")).body["CardType"] == "cSupplier"
    await wire.control("vendors", number="V9", delete=True)
    assert (await wire.get("BusinessPartners('V9')")).status == 404
    await wire.control("accounts", number="6110", FrozenFor="tYES")
    assert (await wire.get("ChartOfAccounts('6110')")).body["FrozenFor"] == "tYES"
    await wire.control("dimension-values", dimension="1", code="D900", name="Nine hundred")
    assert (await wire.get("DistributionRules('D900')")).body["FactorDescription"] == "Nine hundred"
    await wire.control("dimension-values", dimension="Project", code="P-001", active=False)
    assert (await wire.get("Projects('P-001')")).body["Active"] == "tNO"
    await wire.control("records", set="PaymentTermsTypes", key=9, PaymentTermsGroupName="90 days")
    assert (await wire.get("PaymentTermsTypes(9)")).body["PaymentTermsGroupName"] == "90 days"


async def test_a_control_page_that_names_nobody_says_so(wire: Wire) -> None:
    await wire.control("vendors", number="NOBODY", delete=True, status=404)
    await wire.control("vendors", number="V000001", Nothing=1, status=400)
    await wire.control("vendors", company="9999", number="V000001", status=404)


async def test_faults_strike_and_calls_are_counted(wire: Wire) -> None:
    fault = {"kind": "status", "path": "/Dimensions", "status": 502, "count": 1}
    assert (await wire.send("POST", f"{wire.origin}/_sandbox/faults", fault)).status == 201
    assert (await wire.get("Dimensions")).status == 502
    assert (await wire.get("Dimensions")).status == 200
    calls = (await wire.send("GET", f"{wire.origin}/_sandbox/calls")).body
    assert [call["status"] for call in calls["calls"]] == [200, 502, 200]


async def test_a_reset_brings_the_first_day_back_and_sessions_stay(wire: Wire) -> None:
    await wire.control("vendors", number="V000001", CardName="Changed")
    await wire.control("branches", enabled=True)
    await wire.make(BPL_IDAssignedToInvoice=1)
    await wire.control("reset")
    assert (await wire.get("BusinessPartners('V000001')")).body["CardName"] == wire.company.vendors[0].name
    assert (await wire.get("CompanyService_GetAdminInfo")).body["EnableBranches"] == "tNO"
    assert len(await wire.rows("PurchaseInvoices")) == len(wire.company.already_posted)


async def test_further_companies_have_books_of_their_own(wire: Wire) -> None:
    founded = await wire.control("companies", codes=["2001"], vendors=25, orders=12, invoices=0)
    assert founded == {"companies": {"2001": "SBO_2001"}}
    other = f"B1SESSION={(await wire.login(CompanyDB='SBO_2001')).body['SessionId']}"
    reply = await wire.send("GET", "BusinessPartners/$count", cookie=other)
    assert reply.body == b"28"
    state = (await wire.send("GET", f"{wire.origin}/_sandbox/state")).body
    assert set(state["companies"]) == {CODE, "2001"}


async def test_basware_names_orders_and_lines_as_b1_numbers_them(wire: Wire) -> None:
    matched = [invoice for invoice in as_invoiced(wire.company).invoices if invoice.order_numbers]
    assert matched
    for invoice in matched:
        (number,) = invoice.order_numbers
        (order,) = await wire.rows("PurchaseOrders", filter=f"DocNum eq {number}")
        assert order["CardCode"] == invoice.vendor
        ordered = {str(line["LineNum"] + 1): line["LineTotal"] for line in order["DocumentLines"]}
        assert {row.order_line for row in invoice.rows} == set(ordered)
        assert invoice.net == sum(row.net for row in invoice.rows)
        assert invoice.gross == invoice.net + invoice.tax


@pytest.mark.parametrize(
    "text",
    [
        "CardCode eq 'V000007'",
        "CardCode eq 'V000007' or CardCode eq 'V000003' or CardCode eq 'NOBODY'",
        "CardCode gt 'V000310' and CardType eq 'cSupplier'",
        "CardCode ge 'V000310' and CardCode lt 'V000315'",
        "CardType eq 'cCustomer' or CardType eq 'cLid'",
        "CardType eq 'cCustomer' and CardCode eq 'V000007'",
        "UpdateDate ge '{day}' and CardType eq 'S'",
        "UpdateDate ge '{day}' and CardCode gt 'V000100'",
        "UpdateDate ge '{day}' or CardCode eq 'V000007'",
    ],
)
async def test_what_an_index_finds_is_what_looking_at_every_row_finds(wire: Wire, text: str) -> None:
    text = text.format(day=(wire.company.today - timedelta(days=40)).isoformat())
    fast = await keys(wire, "BusinessPartners", "CardCode", filter=text)
    assert fast == await keys(wire, "BusinessPartners", "CardCode", filter=f"not (not ({text}))")
    assert fast == sorted(fast)
    descending = await keys(wire, "BusinessPartners", "CardCode", filter=text, orderby="CardCode desc")
    assert descending == fast[::-1]
