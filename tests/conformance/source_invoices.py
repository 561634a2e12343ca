"""Invoices as they are told: sums, kinds, stages, currencies, references, files."""

from __future__ import annotations

import base64
from decimal import Decimal

import pytest

from conformance.source_bench import SourceBench
from conformance.source_stage import Reader, SourceStage
from ml_connector.connectors.base import Source
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentKind
from ml_connector.records.supplier_invoice import SourceStage as Stage

FILES = {
    "image.pdf": b"%PDF-1.7\n\x00\xff\xfe bytes that are no text\r\n%%EOF\n",
    "sheet.xlsx": bytes(range(256)) * 3,
    "data.xml": "<?xml version='1.0'?><a>ä</a>\n".encode("utf-16"),
    "text that is base64.txt": base64.b64encode(b"not to be decoded"),
}


class SourceInvoices(SourceStage):
    """What is there is told whole and unchanged; where it stands follows it through its life."""

    async def test_what_is_told_is_what_stands_there(self, bench: SourceBench, source: Source) -> None:
        await bench.enter("900001", files={"image.pdf": b"%PDF-1.7"})
        await bench.enter("900002", kind=DocumentKind.CREDIT_NOTE, net="40.00")
        await bench.enter("900003", currency=bench.facts.foreign_currency, net="123.45")
        told = {each.key: each for each in await Reader(source).invoices()}
        stands = {each.key: each for each in await bench.invoices() if each.kind is not None}
        assert told.keys() == stands.keys()
        for key, each in told.items():
            there = stands[key]
            assert (each.kind, each.number, each.reference) == (there.kind, there.number, there.reference)
            assert (each.vendor, each.currency) == (there.vendor, there.currency)
            assert (each.net, each.tax, each.gross) == (there.net, there.tax, there.gross)
            assert sum(line.net for line in each.lines) == each.net
            assert sum(tax.amount for tax in each.taxes) == each.tax
            assert [(file.key, file.name) for file in each.files] == list(there.files)

    async def test_amounts_are_exact_decimals(self, bench: SourceBench, source: Source) -> None:
        for number, net in (("900001", "0.10"), ("900002", "1234567.89"), ("900003", "0.07")):
            key = await bench.enter(number, net=net)
            found = await source.read_invoice(key)
            assert found is not None
            assert found.lines[0].net == Decimal(net)
            assert all(isinstance(each, Decimal) for each in (found.net, found.tax, found.gross))

    async def test_one_that_is_read_alone_is_the_one_of_the_list(self, bench: SourceBench, source: Source) -> None:
        await bench.enter("900001", kind=DocumentKind.CREDIT_NOTE, files={"image.pdf": b"%PDF-1.7"})
        for each in await Reader(source).invoices():
            assert await source.read_invoice(each.key) == each

    async def test_the_vendor_is_known_by_the_key_of_its_own_record(self, bench: SourceBench, source: Source) -> None:
        key = await bench.enter("900001", vendor=bench.facts.other_vendor)
        vendors = {each.number: each.key for each in await Reader(source).read(Flow.VENDORS)}
        found = await source.read_invoice(key)
        assert found is not None
        assert (found.vendor_number, found.vendor) == (bench.facts.other_vendor, vendors[bench.facts.other_vendor])

    async def test_a_line_names_its_order_by_the_key_of_the_orders_record(
        self, bench: SourceBench, source: Source
    ) -> None:
        await bench.place_order("PO900", quantity=10)
        key = await bench.enter("900001", order="PO900")
        orders = {each.number: each for each in await Reader(source).read(Flow.PURCHASE_ORDERS)}
        found = await source.read_invoice(key)
        assert found is not None
        assert found.order_numbers == ("PO900",)
        assert found.lines[0].order_line in {line.key for line in orders["PO900"].lines}

    async def test_an_invoice_and_a_credit_note_of_one_number_are_two(self, bench: SourceBench, source: Source) -> None:
        invoice = await bench.enter("900001", net="100.00")
        note = await bench.enter("900001", kind=DocumentKind.CREDIT_NOTE, net="40.00")
        assert invoice != note
        told = {each.key: each for each in await Reader(source).invoices()}
        assert (told[invoice].kind, told[invoice].net) == (DocumentKind.INVOICE, Decimal(100))
        assert (told[note].kind, told[note].net) == (DocumentKind.CREDIT_NOTE, Decimal(40))
        alone = await source.read_invoice(note)
        assert alone is not None
        assert alone.kind is DocumentKind.CREDIT_NOTE

    async def test_a_foreign_currency_is_told_in_itself(self, bench: SourceBench, source: Source) -> None:
        key = await bench.enter("900001", currency=bench.facts.foreign_currency, net="123.45")
        found = await source.read_invoice(key)
        assert found is not None
        assert (found.currency, found.net) == (bench.facts.foreign_currency, Decimal("123.45"))
        assert found.lines[0].net == Decimal("123.45")

    # ------------------------------------------------------------------ stages

    @pytest.mark.parametrize("kind", list(DocumentKind))
    async def test_on_hold_taken_off_posted_and_paid(
        self, bench: SourceBench, source: Source, kind: DocumentKind
    ) -> None:
        reader = Reader(source)
        key = await bench.enter("900001", kind=kind, hold=True)
        assert (await reader.invoice(key)).stage is Stage.ON_HOLD
        await bench.pass_time(600)
        await bench.hold(key, on=False)
        assert (await reader.invoice(key)).stage is Stage.READY
        await bench.hold(key, on=True)
        assert (await reader.invoice(key)).stage is Stage.ON_HOLD
        await bench.hold(key, on=False)
        await bench.release(key)
        assert (await reader.invoice(key)).stage is Stage.READY
        await bench.settle(key)
        found = await source.read_invoice(key)  # a payment need not move an invoice's stamp
        assert found is not None
        assert found.stage is Stage.DONE

    async def test_a_voided_one_is_cancelled(self, bench: SourceBench, source: Source) -> None:
        reader = Reader(source)
        key = await bench.enter("900001")
        await bench.release(key)
        await reader.invoices()
        await bench.void(key)
        assert (await reader.invoice(key)).stage is Stage.CANCELLED

    async def test_one_that_is_gone_is_none_and_hurts_no_list(self, bench: SourceBench, source: Source) -> None:
        reader = Reader(source)
        key = await bench.enter("900001")
        await reader.invoices()
        await bench.remove(key)
        assert await source.read_invoice(key) is None
        assert await reader.invoices() == []

    async def test_a_key_nobody_knows_is_none(self, source: Source) -> None:
        for key in ("", "900001", "Invoice/", "/900001", "Nothing/900001", "Invoice/no such number", "Invoice/a/b"):
            assert await source.read_invoice(key) is None, key

    # ------------------------------------------------------------------ files

    async def test_files_come_byte_for_byte(self, bench: SourceBench, source: Source) -> None:
        key = await bench.enter("900001", files=FILES)
        found = await Reader(source).invoice(key)
        assert {file.name: await source.read_file(found, file) for file in found.files} == FILES
        assert [file.name for file in found.files if file.is_image] == ["image.pdf"]

    async def test_a_newer_file_of_the_same_name_takes_the_place_of_the_old(
        self, bench: SourceBench, source: Source
    ) -> None:
        key = await bench.enter("900001", files={"image.pdf": b"%PDF-1.4 old"})
        await bench.attach(key, "image.pdf", b"%PDF-1.7 new")
        found = await source.read_invoice(key)
        assert found is not None
        assert [await source.read_file(found, file) for file in found.files] == [b"%PDF-1.7 new"]

    async def test_a_file_that_comes_later_brings_its_invoice_on(self, bench: SourceBench, source: Source) -> None:
        key = await bench.enter("900001")
        reader = Reader(source)
        assert (await reader.invoice(key)).files == ()
        await bench.pass_time(600)
        await bench.attach(key, "late.pdf", b"%PDF-1.7")
        assert [file.name for file in (await reader.invoice(key)).files] == ["late.pdf"]
