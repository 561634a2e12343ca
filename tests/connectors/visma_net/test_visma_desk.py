"""Supplier invoices, their files and their notes, over sockets against the simulated Visma.net."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from visma_world import COMPANY, World, simulation

from ml_connector.connectors.errors import Refused, Unavailable
from ml_connector.connectors.visma_net.connector import open_source
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentKind
from ml_connector.records.reason import Reason
from ml_connector.records.supplier_invoice import SourceStage, SupplierInvoice

PDF = b"%PDF-1.7\n\x00\xff\xfe bytes that are no text\r\n%%EOF"


async def invoice(world: World, number: str, **changes: Any) -> str:
    asked = {"supplier": "V000001", "reference": f"R-{number}", "lines": [{"net": 100}], "number": number, **changes}
    return (await world.do("invoices", **asked))["key"]


async def by_key(world: World) -> dict[str, SupplierInvoice]:
    return {each.key: each for each in await world.invoices()}


async def test_what_is_told_is_what_is_there_and_whole(world: World) -> None:
    bills = {each["key"]: each for each in (await world.see("bills"))["bills"]}
    found = await by_key(world)
    assert found.keys() == {key for key, bill in bills.items() if bill["type"] in ("Invoice", "DebitAdj")}
    for key, each in found.items():
        bill = bills[key]
        assert (each.number, each.reference, each.currency) == (bill["number"], bill["reference"], bill["currency"])
        assert each.gross == Decimal(str(bill["total"]))
        assert each.vendor == str(bill["supplierId"])
        assert sum(line.net for line in each.lines) == each.net
        assert [(file.key, file.name) for file in each.files] == [(file["id"], file["name"]) for file in bill["files"]]
        assert each.bank_account


async def test_one_that_is_read_alone_is_the_same(world: World) -> None:
    for key, each in (await by_key(world)).items():
        assert await world.source.read_invoice(key) == each


async def test_nothing_changed_costs_two_reads_and_tells_nothing(world: World) -> None:
    await world.invoices()
    mark = world.marks["invoices"]
    await world.calls()
    assert await world.invoices() == []
    assert len(await world.calls()) == 2
    assert world.marks["invoices"] == mark


async def test_what_changed_comes_alone_oldest_first(world: World) -> None:
    await invoice(world, "900001")
    await invoice(world, "900002")
    await world.invoices()
    world.clock.move(timedelta(hours=1))
    await world.do("invoices", key="Invoice/900002", description="changed first")
    world.clock.move(timedelta(hours=1))
    await world.do("invoices", key="Invoice/900001", description="changed last")
    assert [each.description for each in await world.invoices()] == ["changed first", "changed last"]


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_equal_stamps_and_small_pages_lose_nothing(world: World, size: int) -> None:
    await world.do("page-size", resource="supplierInvoice", size=size)
    await world.do("touch", table="supplierInvoice")
    first = await by_key(world)
    assert len(first) == len((await world.see("bills"))["bills"])
    world.clock.move(timedelta(minutes=5))
    await world.do("touch", table="supplierInvoice", change={"description": "again"})
    assert (await by_key(world)).keys() == first.keys()
    assert await world.invoices() == []


async def test_an_invoice_that_changes_between_two_pages_is_told_as_it_is_then(world: World) -> None:
    for number in range(6):
        await invoice(world, f"90000{number}")
    await world.do("page-size", resource="supplierInvoice", size=2)
    body = {"key": "Invoice/900000", "description": "meanwhile", "company": COMPANY}
    await world.do("during-paging", resource="supplierInvoice", after_page=5, action="invoices", body=body)
    told = [*await world.invoices(), *await world.invoices()]
    assert [each.description for each in told if each.key == "Invoice/900000"][-1] == "meanwhile"
    assert {f"Invoice/90000{number}" for number in range(6)} <= {each.key for each in told}


async def test_types_whose_numbers_meet_are_two_documents(world: World) -> None:
    await invoice(world, "900001", reference="ours")
    await invoice(world, "900001", type="DebitAdj", reference="theirs", lines=[{"net": 40}])
    found = await by_key(world)
    note = found["DebitAdj/900001"]
    assert (note.kind, note.reference, note.net) == (DocumentKind.CREDIT_NOTE, "theirs", Decimal(40))
    assert found["Invoice/900001"].kind is DocumentKind.INVOICE
    read = await world.source.read_invoice("DebitAdj/900001")
    assert read is not None
    assert read.reference == "theirs"


@pytest.mark.parametrize("kind", ["CreditAdj", "Prepayment"])
async def test_other_types_are_left_out(world: World, kind: str) -> None:
    key = await invoice(world, "900001", type=kind)
    assert key not in await by_key(world)
    assert await world.source.read_invoice(key) is None


async def test_its_stage_follows_it_through_its_life(world: World) -> None:
    async def stage() -> SourceStage:
        return (await by_key(world))[key].stage

    key = await invoice(world, "900001", hold=True)
    assert await stage() is SourceStage.ON_HOLD
    await world.do("hold", key=key, on=False)
    assert await stage() is SourceStage.READY
    await world.do("release-invoice", key=key)
    assert await stage() is SourceStage.READY
    await world.do("preferences", payment_touches_invoice=True)
    await world.do("pay", key=key)
    assert await stage() is SourceStage.DONE
    other = await invoice(world, "900002")
    await world.do("release-invoice", key=other)
    await world.do("void", key=other)
    assert (await by_key(world))[other].stage is SourceStage.CANCELLED


async def test_an_invoice_that_is_gone_is_none(world: World) -> None:
    key = await invoice(world, "900001")
    await world.do("invoices", key=key, delete=True)
    assert await world.source.read_invoice(key) is None
    assert await world.source.read_invoice("900001") is None


async def test_invoices_dated_before_the_first_day_are_left_out() -> None:
    async with simulation(first_invoice_date="2026-03-01") as world:
        await invoice(world, "900001", date="2026-03-05", invoice_date="2026-02-28")
        await invoice(world, "900002", date="2026-02-28", invoice_date="2026-03-01")
        assert {"Invoice/900001", "Invoice/900002"} & (await by_key(world)).keys() == {"Invoice/900002"}


async def test_foreign_currency_is_told_in_the_documents_own(world: World) -> None:
    key = await invoice(world, "900001", currency="USD", lines=[{"net": "123.45", "vat": "NOVAT"}])
    found = (await by_key(world))[key]
    assert (found.currency, found.net, found.gross) == ("USD", Decimal("123.45"), Decimal("123.45"))


async def test_a_receipts_line_leads_to_its_order(world: World) -> None:
    await world.do("orders", number="PO900", supplier="V000001", lines=[{"quantity": 4, "unit_cost": 25}])
    await world.do("receipts", number="RC900", order="PO900", lines={"1": 4})
    key = await invoice(world, "900001", lines=[{"net": 100, "receipt": "RC900", "receipt_line": 1}])
    (line,) = (await by_key(world))[key].lines
    assert (line.order_number, line.order_line, line.receipt_number) == ("PO900", "1", "RC900")


async def test_accounts_of_many_suppliers_are_looked_up_in_few_calls(world: World) -> None:
    for number in range(1, 21):
        await invoice(world, f"9000{number:02}", supplier=f"V{number:06}")
    await world.calls()
    await world.invoices()
    assert len(await world.calls()) <= 2 + 1 + 20
    await invoice(world, "900099")
    await world.calls()
    assert [each.bank_account != "" for each in await world.invoices()] == [True]
    assert len(await world.calls()) == 2


async def test_a_new_company_of_many_suppliers_costs_one_list() -> None:
    async with simulation() as world:
        for number in range(30):
            await world.do("suppliers", number=f"W{number:05}", bank_account=f"15030000{number:03}")
            await invoice(world, f"9000{number:02}", supplier=f"W{number:05}")
        await world.calls()
        found = await by_key(world)
        assert {found[f"Invoice/9000{number:02}"].bank_account for number in range(30)} == {
            f"15030000{number:03}" for number in range(30)
        }
        assert len(await world.calls()) <= 12


# ------------------------------------------------------------------ files


async def test_a_file_comes_byte_for_byte_in_its_latest_revision(world: World) -> None:
    content = base64.b64encode(PDF).decode()
    key = await invoice(world, "900001", files=[{"name": "a.pdf", "content": base64.b64encode(b"old").decode()}])
    await world.do("invoices", key=key, files=[{"name": "a.pdf", "content": content}])
    found = (await by_key(world))[key]
    (file,) = found.files
    assert (file.name, file.is_image) == ("a.pdf", True)
    assert await world.source.read_file(found, file) == PDF


# ------------------------------------------------------------------ notes


async def note_of(world: World, key: str) -> Any:
    return next(each for each in (await world.see("bills"))["bills"] if each["key"] == key)["note"]


async def writes(world: World) -> list[tuple[str, int]]:
    return [(each["method"], each["status"]) for each in await world.calls() if each["method"] != "GET"]


async def test_a_note_is_added_to_what_stands_there_once(world: World) -> None:
    key = await invoice(world, "900001", note="Call Kari.")
    await world.calls()
    await world.source.write_note(key, "Approved in Basware on 2026-09-01.")
    await world.source.write_note(key, "Approved in Basware on 2026-09-01.")
    assert await note_of(world, key) == "Call Kari.\nApproved in Basware on 2026-09-01."
    assert await writes(world) == [("PUT", 204)]
    await world.source.write_note(key, "Paid.")
    assert await note_of(world, key) == "Call Kari.\nApproved in Basware on 2026-09-01.\nPaid."


async def test_a_note_of_several_lines_is_one_and_what_stood_there_stays_as_it_was(world: World) -> None:
    key = await invoice(world, "900001", note="  Call Kari.\r\nApproved. \r\n")
    await world.source.write_note(key, "Approved.")
    await world.source.write_note(key, "Disputed:\nwrong price")
    await world.source.write_note(key, "Disputed:\nwrong price")
    assert await note_of(world, key) == "  Call Kari.\r\nApproved. \r\nDisputed: wrong price"


async def test_a_note_changes_nothing_else(world: World) -> None:
    key = await invoice(world, "900001", type="DebitAdj")
    before = await world.source.read_invoice(key)
    await world.source.write_note(key, "Approved.")
    after = await world.source.read_invoice(key)
    assert before is not None
    assert after is not None
    assert {name for name in before.__slots__ if getattr(before, name) != getattr(after, name)} <= {"modified"}


async def test_a_note_that_meets_a_change_is_written_over_the_newer_state(world: World) -> None:
    key = await invoice(world, "900001", note="old")
    await world.fault("hold", method="PUT", path="/supplierInvoice/")
    writing = asyncio.create_task(world.source.write_note(key, "Approved."))
    while not (await world.see("held"))["held"]:
        await asyncio.sleep(0.01)
    await world.do("invoices", key=key, note="new")
    await world.do("release")
    await writing
    assert await note_of(world, key) == "new\nApproved."


async def test_a_note_that_is_always_overtaken_is_given_up(world: World) -> None:
    key = await invoice(world, "900001")
    await world.fault("status", method="PUT", path="/supplierInvoice/", status=412, count=2)
    with pytest.raises(Refused) as caught:
        await world.source.write_note(key, "Approved.")
    assert caught.value.reason is Reason.CHANGED_MEANWHILE
    assert await note_of(world, key) is None


async def test_a_note_whose_answer_was_lost_is_not_written_twice(world: World) -> None:
    key = await invoice(world, "900001")
    await world.fault("lost_reply", method="PUT", path="/supplierInvoice/")
    with pytest.raises(Unavailable):
        await world.source.write_note(key, "Approved.")
    await world.source.write_note(key, "Approved.")
    assert await note_of(world, key) == "Approved."


async def test_a_released_invoice_may_refuse_its_note_and_is_named(world: World) -> None:
    key = await invoice(world, "900001")
    await world.do("release-invoice", key=key)
    with pytest.raises(Refused) as caught:
        await world.source.write_note(key, "Approved.")
    assert (caught.value.reason, caught.value.findings[0].subject) == (Reason.REFUSED, key)
    await world.do("preferences", notes_after_release=True)
    await world.source.write_note(key, "Approved.")
    assert await note_of(world, key) == "Approved."


async def test_a_note_to_an_invoice_that_is_gone_is_refused(world: World) -> None:
    with pytest.raises(Refused) as caught:
        await world.source.write_note("Invoice/1", "Approved.")
    assert caught.value.reason is Reason.CHANGED_MEANWHILE


async def test_without_the_scope_a_note_is_a_missing_right(world: World) -> None:
    key = await invoice(world, "900001")
    source = open_source(world.side(write_back="none"), world.clock.now, None)
    with pytest.raises(Refused) as caught:
        await source.write_note(key, "Approved.")
    await source.close()
    assert caught.value.reason is Reason.RIGHTS_MISSING


async def test_the_guard_is_asked_before_a_note_leaves(world: World) -> None:
    class Deposed(Exception):
        pass

    def guard() -> None:
        raise Deposed

    key = await invoice(world, "900001")
    source = open_source(world.side(), world.clock.now, guard)
    with pytest.raises(Deposed):
        await source.write_note(key, "Approved.")
    await source.close()
    assert await note_of(world, key) is None


# ------------------------------------------------------------------ limits


async def test_the_limit_is_kept_before_it_is_met(world: World) -> None:
    await world.do("limits", limit=3)
    await world.calls()
    await world.changed(Flow.PURCHASE_ORDERS)
    with pytest.raises(Unavailable) as caught:
        await world.changed(Flow.PURCHASE_ORDERS)
    assert caught.value.reason is Reason.RATE_LIMITED
    assert caught.value.retry_after is not None
    assert 429 not in [each["status"] for each in await world.calls()]
