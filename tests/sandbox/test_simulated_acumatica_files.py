"""Files in the simulated Acumatica (dossier 15, 46)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from acumatica_bills import act, bill_body, make_bill, put_bill
from acumatica_calls import Reply, Wire, plain


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


def _address(reply: Reply, name: str) -> str:
    return reply.body["_links"]["files:put"].replace("{filename}", name)


async def _files(wire: Wire, bill_id: str) -> list[dict[str, Any]]:
    return (await wire.get(f"Bill/{bill_id}", expand="files")).body["files"]


async def test_a_file_is_attached_listed_with_its_prefix_and_read_back(wire: Wire) -> None:
    reply = await put_bill(wire, bill_body(wire))
    sent = await wire.send("PUT", _address(reply, "in%20voice.pdf"), b"%PDF", headers={"PX-CbFileComment": "Basware"})
    assert sent.status == 204
    (file,) = await _files(wire, reply.body["id"])
    number = reply.body["ReferenceNbr"]["value"]
    assert file["filename"] == f"Bills and Adjustments (INV {number})\\in voice.pdf"
    assert file["comment"] == "Basware"
    assert sent.headers["Location"] == file["href"] == f"/acme/entity/Default/24.200.001/files/{file['id']}"
    assert (await wire.send("GET", file["href"])).body == b"%PDF"
    assert (await wire.bills(number=number))[0]["attachments"] == 1


async def test_the_same_name_again_replaces_the_file(wire: Wire) -> None:
    reply = await put_bill(wire, bill_body(wire))
    for data in (b"one", b"two"):
        await wire.send("PUT", _address(reply, "a.pdf"), data)
    await wire.send("PUT", _address(reply, "b.pdf"), b"three")
    files = await _files(wire, reply.body["id"])
    assert len(files) == 2
    assert (await wire.send("GET", files[0]["href"])).body == b"two"


async def test_a_released_bill_takes_files_too_and_so_does_a_line(wire: Wire) -> None:
    reply = await put_bill(wire, bill_body(wire))
    await act(wire, "ReleaseBill", plain(reply.body))
    assert (await wire.send("PUT", _address(reply, "a.pdf"), b"x")).status == 204
    line = reply.body["Details"][0]["_links"]["files:put"].replace("{filename}", "line.pdf")
    assert (await wire.send("PUT", line, b"y")).status == 204
    (bill,) = await wire.bills(id=reply.body["id"])
    assert [file["name"] for file in bill["files"]] == ["a.pdf", "line.pdf"]


async def test_the_older_address_takes_keys_and_no_guid(wire: Wire) -> None:
    made = await make_bill(wire)
    assert (await wire.send("PUT", f"Bill/Bill/{made['ReferenceNbr']}/files/a.pdf", b"x")).status == 204
    assert (await wire.send("PUT", f"Bill/{made['id']}/files/a.pdf", b"x")).status == 404


async def test_a_file_has_a_largest_size(wire: Wire) -> None:
    reply = await put_bill(wire, bill_body(wire))
    assert (await wire.send("PUT", _address(reply, "a.pdf"), b"x" * (25 * 1024 * 1024 + 1))).status == 413
