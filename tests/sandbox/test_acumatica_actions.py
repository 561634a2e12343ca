"""The simulated Acumatica on the wire: status addresses, busy forms, files (Acumatica dossier 15, 13, 39-42, 46)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from acumatica_calls import Wire, plain, wrapped

ENDPOINT = "/acme/entity/Default/24.200.001"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


# --- What documents meet in the frame (13, 39-42, 46) -------------------------------------------------------


async def bill(wire: Wire, **changes: Any) -> dict[str, Any]:
    """A bill of one line as it is answered, balanced unless told otherwise."""
    line = wrapped(TransactionDescription="Paper", Account="6110", Subaccount="D010-A01", ExtendedCost=100)
    body = wrapped(
        Type="Bill",
        Vendor=wire.vendor(),
        VendorRef="INV-10045",
        Date=wire.company.today.isoformat(),
        Amount=124,
        Hold=False,
        Details=[line | wrapped(TaxCategory="VAT24")],
    )
    answer = await wire.put("Bill?$expand=Details", body | wrapped(**changes))
    assert answer.status == 200, answer.body
    return answer.body


async def release(wire: Wire, entity: dict[str, Any], *, token: str | None = None) -> Any:
    body = {"entity": {"id": entity["id"]}}
    return await wire.send("POST", "Bill/ReleaseBill", body, token=token)


async def test_13_lines_go_by_another_id_in_another_session(wire: Wire) -> None:
    made = await bill(wire)
    (line,) = made["Details"]
    address = f"Bill/{made['id']}?$expand=Details"
    assert (await wire.get(address)).body["Details"][0]["id"] == line["id"]
    assert line["_links"]["files:put"].endswith(f"/Transactions/{line['id']}/{{filename}}")
    await wire.logout(token=wire.token)
    assert (await wire.get(address)).body["Details"][0]["id"] != line["id"]


async def test_39_a_form_that_may_only_be_viewed_answers_200_and_saves_nothing(wire: Wire) -> None:
    made = await bill(wire)
    before = len(await wire.bills())
    await wire.control("preferences", saves_silently=True)
    new = plain(await bill(wire, VendorRef="INV-10046"))
    assert new["ReferenceNbr"] == "<NEW>"
    old = await wire.put("Bill", {"id": made["id"], **wrapped(Description="changed")})
    assert (old.status, old.body["Description"]) == (200, {})
    assert len(await wire.bills()) == before


async def test_41_the_status_of_an_action_is_told_to_its_own_session_only(wire: Wire) -> None:
    started = await release(wire, await bill(wire))
    assert started.status == 202
    status = started.headers["Location"]
    assert status.startswith(f"{ENDPOINT}/Bill/ReleaseBill/status/")
    other = (await wire.grant()).body["access_token"]
    assert (await wire.send("GET", status, token=other)).status == 404
    for expected in (202, 202, 204, 204):
        assert (await wire.send("GET", status)).status == expected
    assert (await wire.get(f"{ENDPOINT}/Bill/ReleaseBill/status/{'0' * 8}-0000-0000-0000-{'0' * 12}")).status == 404


async def test_41_the_form_is_busy_in_the_session_while_an_action_runs(wire: Wire) -> None:
    made = await bill(wire)
    status = (await release(wire, made)).headers["Location"]
    for method, body in (("GET", None), ("PUT", wrapped(Vendor=wire.vendor()))):
        assert (await wire.send(method, "Bill?$top=1", body)).status == 500, method
    assert (await wire.get("Vendor/V000001")).status == 200
    other = (await wire.grant()).body["access_token"]
    assert (await wire.send("GET", f"Bill/{made['id']}", token=other)).status == 200
    while (await wire.send("GET", status)).status == 202:
        pass
    assert (await wire.record(f"Bill/{made['id']}"))["Status"] == "Open"


async def test_41_an_action_ends_by_itself_when_nobody_asks(wire: Wire) -> None:
    made = await bill(wire)
    await release(wire, made)
    await wire.control("clock", seconds=6)
    assert (await wire.record(f"Bill/{made['id']}"))["Status"] == "Open"


async def test_40_an_action_may_end_at_once_with_an_address_that_leads_nowhere(wire: Wire) -> None:
    await wire.control("actions", immediate=True)
    first = await release(wire, await bill(wire))
    assert (first.status, "Location" in first.headers) == (204, False)
    await wire.control("actions", location=True)
    second = await release(wire, await bill(wire, VendorRef="INV-10046"))
    assert (second.status, (await wire.get(second.headers["Location"])).status) == (204, 500)


async def test_40_an_action_on_nothing_is_500_and_one_without_a_name_404(wire: Wire) -> None:
    missing = await wire.post("Bill/ReleaseBill", {"Entity": wrapped(Type="Bill", ReferenceNbr="999999")})
    assert missing.kind == "NoEntitySatisfiesTheConditionException"
    made = await bill(wire)
    assert (await wire.post("Bill/PayBill", {"entity": {"id": made["id"]}})).status == 404


async def test_42_a_slow_action_is_done_before_it_answers(wire: Wire) -> None:
    made = await bill(wire)
    await wire.control("actions", slow=2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(release(wire, made), 0.3)
    await wire.control("actions", slow=0)
    other = (await wire.grant()).body["access_token"]
    assert plain((await wire.send("GET", f"Bill/{made['id']}", token=other)).body)["Status"] == "Open"


async def test_46_a_file_travels_to_its_link_and_back(wire: Wire) -> None:
    made = await bill(wire)
    link = made["_links"]["files:put"].replace("{filename}", "faktura%20%C3%A5.pdf")
    sent = await wire.send("PUT", link, b"%PDF", headers={"PX-CbFileComment": "Basware 7f3e2c"})
    assert sent.status == 204
    assert (await wire.send("GET", sent.headers["Location"])).body == b"%PDF"
    (file,) = (await wire.record(f"Bill/{made['id']}", expand="files"))["files"]
    assert file["filename"].endswith("\\faktura å.pdf")
    assert (await wire.send("PUT", f"Bill/{made['id']}/files/x.pdf", b"x")).status == 404
    number = plain(made)["ReferenceNbr"]
    assert (await wire.send("PUT", f"Bill/Bill/{number}/files/x.pdf", b"x")).status == 204
    line = made["Details"][0]["_links"]["files:put"].replace("{filename}", "line.pdf")
    assert (await wire.send("PUT", line, b"x")).status == 204
    nowhere = link.replace(made["id"], f"{'0' * 8}-0000-0000-0000-{'0' * 12}")
    assert (await wire.send("PUT", nowhere, b"x")).status == 500
