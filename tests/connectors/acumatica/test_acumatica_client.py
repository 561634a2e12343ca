"""The client against a bare instance: pages, lists that cannot be optimised, writes, actions, links."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
from acumatica_wire import Wire, described, fault, serving, wrapped
from aiohttp import web

from ml_connector.connectors.acumatica import session
from ml_connector.connectors.acumatica.client import Acumatica, any_key
from ml_connector.connectors.acumatica.errors import may_be_duplicate
from ml_connector.connectors.acumatica.pinging import Test as ConnectionTest
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.records.reason import Reason

BASE = "/entity/Default/24.200.001"
NO_ENTITY = ("PX.Api.ContractBased.NoEntitySatisfiesTheConditionException", "No entity satisfies the condition.")
NOT_OPTIMAL = "PX.Api.ContractBased.OptimizedExport.CannotOptimizeException"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    session._refused.clear()
    async with serving() as wire:
        yield wire


@pytest.fixture
async def client(wire: Wire) -> AsyncIterator[Acumatica]:
    client = Acumatica(wire.side())
    yield client
    await client.close()


def asked(request: web.Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(request.rel_url.raw_query_string).items()}


def vendor(number: int, **fields: Any) -> dict[str, Any]:
    return wrapped(VendorID=f"V{number:03}", **fields)


class List:
    """Vendors that are listed by `$top` and `$skip`, in the order they stand here."""

    def __init__(self, wire: Wire, count: int) -> None:
        self.rows = [vendor(number) for number in range(count)]
        self.meddling: dict[int, Any] = {}
        self.reads = 0
        wire.answer = self.answer

    def answer(self, request: web.Request) -> web.Response:
        self.reads += 1
        if self.reads in self.meddling:
            self.meddling[self.reads]()
        options = asked(request)
        skip, top = int(options["$skip"]), int(options["$top"])
        return web.json_response(self.rows[skip : skip + top])


async def listed(client: Acumatica) -> list[str]:
    pages = client.pages("Vendor", select=("VendorID",), size=4)
    return [row["VendorID"] async for page in pages for row in page]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 7, 8, 20])
async def test_a_list_of_any_length_is_read_whole_and_once(wire: Wire, client: Acumatica, count: int) -> None:
    List(wire, count)
    assert await listed(client) == [f"V{number:03}" for number in range(count)]


async def test_what_is_removed_meanwhile_hides_nothing_that_stays(wire: Wire, client: Acumatica) -> None:
    everyone = List(wire, 12)
    everyone.meddling[2] = lambda: everyone.rows.pop(0)
    assert set(await listed(client)) >= {f"V{number:03}" for number in range(1, 12)}


async def test_what_is_added_meanwhile_hides_nothing_either(wire: Wire, client: Acumatica) -> None:
    everyone = List(wire, 12)
    everyone.meddling[2] = lambda: everyone.rows.insert(0, vendor(999))
    assert set(await listed(client)) >= {f"V{number:03}" for number in range(12)}


async def test_a_list_that_shrinks_below_the_page_comes_to_its_end(wire: Wire, client: Acumatica) -> None:
    everyone = List(wire, 12)
    everyone.meddling[2] = lambda: everyone.rows.__delitem__(slice(2, None))
    assert {"V000", "V001"} <= set(await listed(client))


async def test_a_list_in_no_order_at_all_is_read_at_once_in_the_end(wire: Wire, client: Acumatica) -> None:
    everyone = List(wire, 12)
    plain = everyone.answer

    def shuffled(request: web.Request) -> web.Response:
        everyone.rows.append(everyone.rows.pop(0))
        return plain(request) if "$top" in asked(request) else web.json_response(everyone.rows)

    wire.answer = shuffled
    assert sorted(await listed(client)) == [f"V{number:03}" for number in range(12)]
    assert len(wire.requests) < 20


async def test_what_is_read_twice_comes_once_unless_it_changed(wire: Wire, client: Acumatica) -> None:
    everyone = List(wire, 9)

    def meddle() -> None:
        everyone.rows.pop(0)
        everyone.rows[0] = vendor(1, LastModifiedDateTime="2026-11-18T14:15:14.04-05:00")

    everyone.meddling[2] = meddle
    found = await listed(client)
    assert found.count("V001") == 2
    assert all(found.count(each) == 1 for each in found if each != "V001")


async def test_names_are_asked_for_as_the_server_reads_them(wire: Wire, client: Acumatica) -> None:
    where = "VendorID eq 'A+B & C''s'"
    await client.rows("Vendor", where=where, select=("VendorName", "MainContact/Email"), expand=("MainContact",))
    query = wire.paths()[0].partition("?")[2]
    assert "+" not in query
    assert unquote(query) == (
        f"$select=VendorID,VendorName,MainContact/Email&$expand=MainContact&$filter={where}&$top=500&$skip=0"
    )


async def test_a_misspelt_name_goes_nowhere(wire: Wire, client: Acumatica) -> None:
    with pytest.raises(Refused):
        await client.rows("Vendor", select=("Name",))
    with pytest.raises(Refused):
        await client.put("Bill", {"RefNbr": "1"})
    assert wire.requests == []


async def test_what_a_list_cannot_bring_is_read_record_by_record(wire: Wire, client: Acumatica) -> None:
    words = "Optimization cannot be performed.The following fields cause the error:\r\n" + (
        "PaymentInstructions/Value: View PaymentDetails has BQL delegate\r\n"
    )
    rows = [vendor(1, VendorName="One"), vendor(2, VendorName="Two")]

    def answer(request: web.Request) -> web.Response:
        if "/Vendor/" in request.path:
            number = int(request.path[-3:])
            return web.json_response(vendor(number, PaymentInstructions=[wrapped(Value=f"IBAN{number}")]))
        if "PaymentInstructions" in asked(request).get("$expand", ""):
            return fault(NOT_OPTIMAL, words)
        return web.json_response(rows)

    wire.answer = answer
    for _ in range(2):
        found = await client.rows(
            "Vendor", select=("VendorName", "PaymentInstructions/Value"), expand=("PaymentInstructions",)
        )
        assert [row["PaymentInstructions"][0]["Value"] for row in found] == ["IBAN1", "IBAN2"]
    refused = [path for path in wire.paths() if "/Vendor?" in path and "PaymentInstructions" in path]
    assert len(refused) == 1, "what an instance cannot do is learnt once"


async def test_a_list_that_cannot_be_optimised_at_all_is_told(wire: Wire, client: Acumatica) -> None:
    wire.answer = lambda _: fault(NOT_OPTIMAL, "Optimization cannot be performed.There is a BqlDelegate in view Vendor")
    with pytest.raises(Refused):
        await client.rows("Vendor", select=("VendorName",))
    assert len(wire.requests) == 1


async def test_a_missing_record_is_a_500_and_is_not_asked_for_again(wire: Wire, client: Acumatica) -> None:
    wire.answer = lambda _: fault(*NO_ENTITY)
    assert await client.get("Bill", "Debit Adj.", "000045", missing_ok=True) is None
    assert wire.paths() == [f"{BASE}/Bill/Debit%20Adj./000045"]
    with pytest.raises(Refused):
        await client.get("Bill", "Bill", "000045")


@pytest.mark.parametrize("key", ["A/B", "A|B", "A:B", "50%", "R&D", "A+B"])
async def test_a_record_whose_key_fits_in_no_address_is_read_by_its_id(wire: Wire, client: Acumatica, key: str) -> None:
    row = {**wrapped(SubaccountCD=key, Description="Both"), "id": "b6410d82"}
    wire.answer = lambda request: web.json_response(row if request.path.endswith("/b6410d82") else [row])
    found = await client.get("Subaccount", key, select=("Description",))
    assert found is not None
    assert found["Description"] == "Both"
    assert parse_qs(wire.paths()[0].partition("?")[2])["$filter"] == [f"(SubaccountCD eq '{key}')"]
    assert wire.paths()[1].startswith(f"{BASE}/Subaccount/b6410d82?")


async def test_a_server_out_of_order_is_asked_again_for_a_read(wire: Wire, client: Acumatica) -> None:
    answers = iter([fault("System.TimeoutException", "Timeout expired."), web.Response(status=503)])
    wire.answer = lambda _: next(answers, None)
    assert await client.rows("Vendor", select=("VendorID",)) == []
    assert len(wire.requests) == 3


async def test_a_write_with_no_clear_answer_is_never_sent_twice(wire: Wire, client: Acumatica) -> None:
    wire.answer = lambda _: fault("System.TimeoutException", "Timeout expired.")
    with pytest.raises(OutcomeUnknown):
        await client.put("Bill", {"Type": "Bill"})
    assert len(wire.requests) == 1


async def test_a_refused_write_says_all_that_is_wrong(wire: Wire, client: Acumatica) -> None:
    echo = {"ReferenceNbr": {"value": "<NEW>"}, "Vendor": {"value": "V9", "error": "cannot be found"}, "Details": [
        {"Account": {"value": "1", "error": "cannot be found"}},
    ]}  # fmt: skip
    wire.answer = lambda _: web.json_response(echo, status=422)
    with pytest.raises(Refused) as refused:
        await client.put("Bill", {"Type": "Bill"})
    assert [each.reason for each in refused.value.findings] == [Reason.VENDOR_UNKNOWN, Reason.ACCOUNT_UNKNOWN]


async def test_a_duplicate_that_comes_as_a_500_is_a_refusal(wire: Wire, client: Acumatica) -> None:
    wire.answer = lambda _: fault("PX.Api.ContractBased.OutcomeEntityHasErrorsException", "Errors.")
    with pytest.raises(Refused) as refused:
        await client.put("Bill", {"Type": "Bill"})
    assert may_be_duplicate(refused.value)
    assert refused.value.status == 500


async def test_values_leave_wrapped_and_come_back_plain(wire: Wire, client: Acumatica) -> None:
    wire.answer = lambda _: web.Response(
        body=b'{"id":"d11d","Amount":{"value":1120.10},"CashAccount":{}}', content_type="application/json"
    )
    row = await client.put("Bill", {"Amount": Decimal("1120.10"), "Details": [{"Qty": 1}]}, expand=("Details",))
    assert json.loads(wire.bodies[0]) == {"Amount": {"value": 1120.1}, "Details": [{"Qty": {"value": 1}}]}
    assert row == {"id": "d11d", "Amount": Decimal("1120.10"), "CashAccount": None}
    assert wire.requests[0][1] == f"{BASE}/Bill?$expand=Details"


@pytest.mark.parametrize("status", [429, 403])
async def test_a_full_licence_is_a_matter_of_waiting(wire: Wire, client: Acumatica, status: int) -> None:
    wire.answer = lambda _: web.Response(status=status, text="License_LoginLimitExceeded")
    with pytest.raises(Unavailable) as waits:
        await client.put("Bill", {"Type": "Bill"})
    assert waits.value.reason is Reason.RATE_LIMITED


async def test_a_form_that_another_process_keeps_busy_takes_the_write_later(wire: Wire, client: Acumatica) -> None:
    wire.answer = lambda _: fault("PX.Data.PXException", "The previous operation has not been completed yet.")
    with pytest.raises(Unavailable) as waits:
        await client.put("Bill", {"Type": "Bill"})
    assert (waits.value.reason, waits.value.status) == (Reason.RATE_LIMITED, 500)
    assert len(wire.requests) == 1


async def test_no_more_calls_at_once_than_the_licence_bears(wire: Wire, client: Acumatica) -> None:
    await asyncio.gather(*(client.rows("Vendor", select=("VendorID",)) for _ in range(10)))
    assert wire.most == 2


def test_requests_a_minute_are_sixty_where_nobody_knows() -> None:
    wire = Wire(base="http://127.0.0.1:1")
    assert Acumatica(wire.side(requests_per_minute="0")).http.limits.calls == 240
    assert Acumatica(wire.side(requests_per_minute="150")).http.limits.calls == 150
    with pytest.raises(Refused):
        Acumatica(wire.side(requests_per_minute="many"))


# ------------------------------------------------------------------ actions


async def released(client: Acumatica) -> bool:
    async with client.alone("Bill"):
        started = await client.start("Bill", "ReleaseBill", {"id": "d11d"})
        while not await client.is_over(started):
            await asyncio.sleep(0)
        return started.location is not None


async def test_an_action_is_asked_after_until_its_end(wire: Wire, client: Acumatica) -> None:
    status = f"/acme{BASE}/Bill/ReleaseBill/status/9bab77d3"
    answers = iter([
        web.Response(status=202, headers={"Location": status}), web.Response(status=202), web.Response(status=204),
    ])  # fmt: skip
    wire.answer = lambda _: next(answers)
    assert await released(client)
    assert [method for method, _ in wire.requests] == ["POST", "GET", "GET"]
    assert wire.paths()[1] == f"{BASE}/Bill/ReleaseBill/status/9bab77d3"
    assert json.loads(wire.bodies[0]) == {"entity": {"id": "d11d"}, "parameters": {}}


@pytest.mark.parametrize("headers", [{}, {"Location": f"/acme{BASE}/Bill/d11d"}])
async def test_an_action_that_is_over_at_once_is_not_asked_after(
    wire: Wire, client: Acumatica, headers: dict[str, str]
) -> None:
    wire.answer = lambda _: web.Response(status=204, headers=headers)
    assert not await released(client)
    assert len(wire.requests) == 1


async def test_an_action_that_failed_says_why(wire: Wire, client: Acumatica) -> None:
    answers = iter([
        web.Response(status=202, headers={"Location": f"/acme{BASE}/x"}),
        fault("PX.Data.PXException", "The document is out of balance."),
    ])  # fmt: skip
    wire.answer = lambda _: next(answers)
    with pytest.raises(Refused) as refused:
        await released(client)
    assert refused.value.reason is Reason.TOTALS_DIFFER


async def test_no_token_goes_to_another_host(wire: Wire, client: Acumatica) -> None:
    wire.answer = lambda _: web.Response(status=202, headers={"Location": "https://elsewhere.example.com/status"})
    with pytest.raises(Refused):
        await released(client)


async def test_nothing_else_is_asked_of_a_form_while_an_action_runs_on_it(wire: Wire, client: Acumatica) -> None:
    order: list[str] = []

    async def acting() -> None:
        async with client.alone("Bill"):
            order.append("begins")
            await asyncio.sleep(0.05)
            order.append("ends")

    async def reading(entity: str) -> None:
        await asyncio.sleep(0.01)
        await client.rows(entity, select=())
        order.append(entity)

    await asyncio.gather(acting(), reading("Bill"), reading("Vendor"), acting())
    assert order.index("Vendor") < order.index("ends")
    assert "".join(each[0] for each in order if each in ("begins", "ends")) == "bebe"
    assert order.index("Bill") > order.index("ends")


# ------------------------------------------------------------------ endpoints of the customer's own


async def test_a_list_of_endpoints_that_is_closed_to_strangers_is_read_signed_in(wire: Wire) -> None:
    def answer(request: web.Request) -> web.Response | None:
        if request.path != "/acme/entity":
            return None
        if "Authorization" not in request.headers:
            return web.Response(status=401)
        return web.json_response([{"name": "Default", "version": "24.200.001"}])

    wire.answer = answer
    client = Acumatica(wire.side())
    steps = [step async for step in ConnectionTest(client, branch="").steps()]
    await client.close()
    assert all(step.ok for step in steps)
    assert len(steps) == 9


@pytest.mark.parametrize(("lacking", "ok"), [("", True), ("Bill/VendorRef", False)])
async def test_an_endpoint_of_another_name_must_have_what_default_has(wire: Wire, lacking: str, ok: bool) -> None:
    def answer(request: web.Request) -> web.Response | None:
        if request.path == "/acme/entity":
            return web.json_response([{"name": "ExtendedDefault", "version": "1.0"}])
        if request.path.endswith("/swagger.json"):
            assert request.query["company"] == "Acme"
            return web.json_response(described("24.200.001", without=lacking))
        return None

    wire.answer = answer
    client = Acumatica(wire.side(endpoint="ExtendedDefault", version="1.0"))
    steps = {step.name: step async for step in ConnectionTest(client, branch="").steps()}
    await client.close()
    assert steps["endpoint"].ok is ok
    assert lacking in steps["endpoint"].detail
    assert any("/entity/ExtendedDefault/1.0/Bill?" in path for path in wire.paths()) is ok


# ------------------------------------------------------------------ files, keys, addresses


async def test_a_file_goes_where_the_record_says(wire: Wire, client: Acumatica) -> None:
    wire.answer = lambda _: web.Response(status=204)
    link = f"/acme{BASE}/files/PX.Objects.AP.APInvoiceEntry/Document/d11d/{{filename}}"
    await client.upload(link, "Rechnung 7/ä.pdf", b"%PDF", comment="Basware")
    assert wire.paths() == [f"{BASE}/files/PX.Objects.AP.APInvoiceEntry/Document/d11d/Rechnung%207%2F%C3%A4.pdf"]
    assert wire.bodies == [b"%PDF"]
    assert wire.headers[0]["Content-Type"] == "application/octet-stream"


async def test_removing_what_is_gone_is_no_error(wire: Wire, client: Acumatica) -> None:
    answers = iter([web.Response(status=204), fault(*NO_ENTITY)])
    wire.answer = lambda _: next(answers)
    assert await client.delete("Bill", "d11d")
    assert not await client.delete("Bill", "d11d")


def test_many_keys_make_one_filter() -> None:
    assert any_key("PurchaseOrder", [("Normal", "PO1"), ("Normal", "O'2")]) == (
        "(Type eq 'Normal' and OrderNbr eq 'PO1') or (Type eq 'Normal' and OrderNbr eq 'O''2')"
    )


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("https://erp.example.com/AcumaticaERP", "https://erp.example.com/AcumaticaERP"),
        ("https://erp.example.com/AcumaticaERP/", "https://erp.example.com/AcumaticaERP"),
        ("https://erp.example.com/AcumaticaERP/Main?ScreenId=AP301000", "https://erp.example.com/AcumaticaERP"),
        ("https://erp.example.com/AcumaticaERP/entity/Default/24.200.001", "https://erp.example.com/AcumaticaERP"),
        ("https://acme.acumatica.com", "https://acme.acumatica.com"),
    ],
)
def test_the_root_is_found_in_what_people_copy(given: str, root: str) -> None:
    address = Acumatica(Wire(base="x").side(base_url=given)).address
    assert address.root == root
    assert address.token_url == f"{root}/identity/connect/token"


@pytest.mark.parametrize(("name", "value"), [
    ("base_url", "erp.example.com"), ("base_url", ""), ("version", "26.200.001"), ("terms_endpoint", "MLConnector"),
])  # fmt: skip
def test_settings_that_cannot_be_right_are_refused(name: str, value: str) -> None:
    with pytest.raises(Refused) as refused:
        Acumatica(Wire(base="http://127.0.0.1:1").side(**{name: value}))
    assert refused.value.reason is Reason.ADDRESS_WRONG
