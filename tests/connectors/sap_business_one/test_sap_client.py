"""Reads page by page and single writes, on both protocol versions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import unquote

import pytest
from aiohttp import web
from sap_wire import Wire, refusal, serving

from ml_connector.connectors.errors import OutcomeUnknown, Refused
from ml_connector.connectors.sap_business_one.address import Address
from ml_connector.connectors.sap_business_one.client import ServiceLayer, keyed, multipart
from ml_connector.records.reason import Reason


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with serving() as wire:
        yield wire


@pytest.fixture(params=["/b1s/v1", "/b1s/v2"])
async def layer(wire: Wire, request: pytest.FixtureRequest) -> AsyncIterator[ServiceLayer]:
    layer = ServiceLayer(wire.side(request.param))
    yield layer
    await layer.close()


def page(layer: ServiceLayer, codes: list[str], link: str = "") -> web.Response:
    name = "@odata.nextLink" if layer.address.is_v4 else "odata.nextLink"
    return web.json_response({"value": [{"Code": each} for each in codes], **({name: link} if link else {})})


@pytest.mark.parametrize("form", ["{root}/Set?$skip=2", "Set?$skip=2", "{host}{root}/Set?$skip=2"])
async def test_a_next_link_is_followed_in_each_of_its_forms(wire: Wire, layer: ServiceLayer, form: str) -> None:
    root = layer.address.root.removeprefix(wire.base)
    link = form.format(root=root, host=wire.base)

    def answer(request: web.Request) -> web.Response:
        return page(layer, ["C"]) if "skip" in request.query_string else page(layer, ["A", "B"], link)

    wire.answer = answer
    assert [row["Code"] for row in await layer.rows("Set", size=2)] == ["A", "B", "C"]
    assert [headers["Prefer"] for headers in wire.headers] == ["odata.maxpagesize=2"] * 2
    assert wire.paths()[1] == f"{root}/Set?$skip=2"


async def test_a_next_link_to_another_host_is_not_followed(wire: Wire, layer: ServiceLayer) -> None:
    wire.answer = lambda _: page(layer, ["A"], "https://elsewhere.example.com/b1s/v2/Set?$skip=1")
    with pytest.raises(Refused) as refused:
        await layer.rows("Set")
    assert refused.value.reason is Reason.UNEXPECTED
    assert len(wire.requests) == 1


async def test_paging_by_key_goes_on_behind_the_last_one(wire: Wire, layer: ServiceLayer) -> None:
    pages = iter([["A", "O'B"], ["P", "Q"], ["R"]])
    wire.answer = lambda _: page(layer, next(pages))
    found = await layer.rows("Set", {"$filter": "X eq 1 or Y eq 2"}, key="Code", size=2)
    assert [row["Code"] for row in found] == ["A", "O'B", "P", "Q", "R"]
    asked = [unquote(path).split("?")[1].replace("+", " ") for path in wire.paths()]
    assert "$filter=X eq 1 or Y eq 2" in asked[0].split("&")
    assert "$filter=(X eq 1 or Y eq 2) and Code gt 'O''B'" in asked[1].split("&")
    assert all("$orderby=Code asc" in each and "$top=2" in each for each in asked)


async def test_a_server_with_smaller_pages_than_asked_for_loses_no_rows(wire: Wire, layer: ServiceLayer) -> None:
    pages = iter([(["A", "B"], "Set?$skip=2"), (["C"], "")])
    wire.answer = lambda _: page(layer, *next(pages))
    assert [row["Code"] for row in await layer.rows("Set", key="Code", size=500)] == ["A", "B", "C"]
    assert "Code gt 'B'" in unquote(wire.paths()[1]).replace("+", " ")


async def test_pages_that_do_not_advance_are_an_error_not_a_loop(wire: Wire, layer: ServiceLayer) -> None:
    wire.answer = lambda _: page(layer, ["A"])
    with pytest.raises(Refused) as refused:
        await layer.rows("Set", key="Code", size=1)
    assert refused.value.reason is Reason.UNEXPECTED


async def test_what_is_gone_is_none_where_that_may_be(wire: Wire, layer: ServiceLayer) -> None:
    wire.answer = lambda _: refusal(404, -2028, "No matching records found (ODBC -2028)")
    assert await layer.get(keyed("PurchaseInvoices", 7), missing_ok=True) is None
    with pytest.raises(Refused):
        await layer.get(keyed("PurchaseInvoices", 7))


async def test_an_entity_set_that_is_unknown_is_not_a_row_that_is_gone(wire: Wire, layer: ServiceLayer) -> None:
    wire.answer = lambda _: refusal(404, -1002, "Service Not Found")
    with pytest.raises(Refused) as refused:
        await layer.get(keyed("purchaseinvoices", 7), missing_ok=True)
    assert refused.value.reason is Reason.SETUP_INCOMPLETE


async def test_a_function_is_asked_with_the_verb_of_the_version(wire: Wire, layer: ServiceLayer) -> None:
    wire.answer = lambda _: web.json_response({"CompanyName": "Nordlys"})
    assert (await layer.call("CompanyService_GetCompanyInfo"))["CompanyName"] == "Nordlys"
    assert wire.requests[0][0] == ("GET" if layer.address.is_v4 else "POST")


async def test_a_function_that_is_post_only_is_found_out_once(wire: Wire) -> None:
    layer = ServiceLayer(wire.side())
    wire.answer = lambda request: (
        web.Response(status=405) if request.method == "GET" else web.json_response({"CompanyName": "Nordlys"})
    )
    await layer.call("CompanyService_GetCompanyInfo")
    await layer.call("CompanyService_GetAdminInfo")
    assert [method for method, _, _ in wire.requests] == ["GET", "POST", "POST"]
    await layer.close()


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_write_that_a_gateway_answers_is_left_open(wire: Wire, layer: ServiceLayer, status: int) -> None:
    wire.answer = lambda _: web.Response(status=status, text="<html>Proxy Error</html>")
    with pytest.raises(OutcomeUnknown):
        await layer.create("PurchaseInvoices", {})
    assert len(wire.requests) == 1


async def test_a_created_object_that_is_not_told_is_left_open(wire: Wire, layer: ServiceLayer) -> None:
    wire.answer = lambda _: web.Response(status=201, text="created")
    with pytest.raises(OutcomeUnknown):
        await layer.create("PurchaseInvoices", {})


async def test_deleting_what_is_gone_is_no_error(wire: Wire, layer: ServiceLayer) -> None:
    wire.answer = lambda _: refusal(404, -2028, "No matching records found (ODBC -2028)")
    assert await layer.remove(keyed("Drafts", 77)) is False


async def test_an_action_without_an_answer_is_done(wire: Wire, layer: ServiceLayer) -> None:
    wire.answer = lambda _: web.Response(status=204)
    assert await layer.act("PurchaseInvoices(17)/Cancel") is None
    await layer.change(keyed("PurchaseInvoices", 17), {"AttachmentEntry": 3})
    assert [method for method, _, _ in wire.requests] == ["POST", "PATCH"]


async def test_a_file_goes_up_as_the_field_files_with_a_bare_boundary(wire: Wire, layer: ServiceLayer) -> None:
    wire.answer = lambda _: web.json_response({"AbsoluteEntry": "3"}, status=201)
    assert await layer.upload("Attachments2", 'in"voice.pdf', b"%PDF") == {"AbsoluteEntry": "3"}
    kind = wire.headers[0]["Content-Type"]
    assert kind.startswith("multipart/form-data; boundary=b1")
    assert '"' not in kind
    assert b'name="files"; filename="in_voice.pdf"' in wire.bodies[0]
    assert b"%PDF" in wire.bodies[0]


def test_a_file_is_closed_by_its_boundary() -> None:
    assert multipart("a.pdf", b"x", boundary="b").endswith(b"x\r\n--b--\r\n")


def test_keys_are_quoted_where_they_are_text() -> None:
    assert keyed("Drafts", 77) == "Drafts(77)"
    assert keyed("BusinessPartners", "O'Brien") == "BusinessPartners(%27O%27%27Brien%27)"


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("https://b1.example.com:50000", "https://b1.example.com:50000/b1s/v2"),
        ("https://b1.example.com:50000/", "https://b1.example.com:50000/b1s/v2"),
        ("https://b1.example.com:50000/b1s/v1/", "https://b1.example.com:50000/b1s/v1"),
        ("https://proxy.example.com/erp/b1s/v2", "https://proxy.example.com/erp/b1s/v2"),
    ],
)
def test_the_root_is_completed_where_it_is_left_out(wire: Wire, given: str, root: str) -> None:
    assert Address.of(wire.side(base_url=given)).root == root


@pytest.mark.parametrize("given", ["", "b1.example.com:50000", "ftp://b1/b1s/v2", "https://b1:50000/B1S/V2"])
def test_an_address_that_cannot_be_right_is_said_before_anything_is_asked(wire: Wire, given: str) -> None:
    with pytest.raises(Refused) as refused:
        Address.of(wire.side(base_url=given))
    assert refused.value.reason is Reason.ADDRESS_WRONG


def test_a_ca_bundle_that_cannot_be_read_is_said_before_anything_is_asked(wire: Wire) -> None:
    with pytest.raises(Refused) as refused:
        Address.of(wire.side(ca_bundle="/nowhere/ca.pem"))
    assert "/nowhere/ca.pem" in str(refused.value)
