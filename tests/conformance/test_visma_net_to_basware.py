"""A whole company's invoices, read from the simulated Visma.net and handed in to the simulated Basware."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import pytest

from conformance.source_basware import BaswareBench, NetworkBench, SmartPdfBench
from conformance.source_basware import bench_of as basware_of
from conformance.source_handed import digests_of
from conformance.source_inbound_bench import Entered
from conformance.source_stage import Reader
from conformance.visma_net import VismaBench
from conformance.visma_net import bench_of as visma_of
from ml_connector.connectors.base import Inbound, Source
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentKind
from ml_connector.records.supplier_invoice import Admission, InvoiceFile, SourceStage, SupplierInvoice, Whereabouts

SUMS = ("net", "tax", "gross")


@dataclass
class Road:
    """Both ends."""

    visma: VismaBench
    basware: BaswareBench
    source: Source
    inbound: Inbound

    async def hand_in(self, invoice: SupplierInvoice) -> tuple[Admission, tuple[InvoiceFile, ...]]:
        """One invoice with its files, read from one end and handed in at the other."""
        files = tuple([InvoiceFile(each.name, await self.source.read_file(invoice, each)) for each in invoice.files])
        admission = await self.inbound.admit(invoice, key=f"c/{invoice.key}")
        await self.inbound.hand_in(invoice, files, admission)
        return admission, files

    async def entered(self) -> dict[str, Entered]:
        """What arrived, by its id."""
        return {each.id: each for each in await self.basware.entered()}


@pytest.fixture(params=[NetworkBench, SmartPdfBench], ids=["network", "smartpdf"])
async def road(request: pytest.FixtureRequest) -> AsyncIterator[Road]:
    async with visma_of(invoices=None) as visma, basware_of(request.param) as basware:
        made = Road(visma, basware, visma.open(visma.side()), basware.open(basware.side()))
        yield made
        await made.source.close()
        await made.inbound.close()


async def test_every_invoice_that_is_ready_enters_once_as_it_stands(road: Road) -> None:
    invoices = [each for each in await Reader(road.source).invoices() if each.stage is SourceStage.READY]
    goes = [each for each in invoices if road.inbound.objection(each) is None]
    assert len(goes) > 50
    handed = await asyncio.gather(*(road.hand_in(each) for each in goes))
    entered = await road.entered()
    assert entered.keys() == {admission.id for admission, _ in handed}
    for invoice, (admission, files) in zip(goes, handed, strict=True):
        arrived = entered[admission.id]
        assert (arrived.times, arrived.is_document) == (1, True)
        if road.basware.carries_data:
            assert_is(arrived, invoice)
        images = {file.name for file in invoice.files if file.is_image}
        sent = files if road.basware.carries_all_files else [file for file in files if file.name in images]
        assert arrived.files == digests_of(sent)
    if road.basware.carries_data:
        assert await road.basware.duplicates() == []
        assert sums_of(goes) == sums_arrived([*entered.values()])


def assert_is(arrived: Entered, invoice: SupplierInvoice) -> None:
    """What arrived is the invoice that was handed in."""
    assert (arrived.source, arrived.number) == (invoice.key, invoice.reference)
    assert (arrived.vendor, arrived.currency) == (invoice.vendor_number, invoice.currency)
    assert (arrived.orders, arrived.lines) == (invoice.order_numbers, len(invoice.lines))


def sums_of(invoices: Sequence[SupplierInvoice]) -> dict[tuple[str, str], Decimal]:
    """Net, tax and gross by currency, credit notes taken away."""
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for invoice in invoices:
        sign = -1 if invoice.kind is DocumentKind.CREDIT_NOTE else 1
        for name in SUMS:
            found[invoice.currency, name] += sign * getattr(invoice, name)
    assert len({currency for currency, _ in found}) > 1
    assert {invoice.kind for invoice in invoices} == set(DocumentKind)
    return found


def sums_arrived(entered: Sequence[Entered]) -> dict[tuple[str, str], Decimal]:
    """The same of what arrived."""
    found: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for arrived in entered:
        for name in SUMS:
            found[arrived.currency, name] += getattr(arrived, name) or Decimal(0)
    return found


async def test_what_is_told_of_a_whole_company_is_what_stands_there(road: Road) -> None:
    if not road.basware.carries_data:
        pytest.skip("said once")
    vendors = {each.key for each in await Reader(road.source).read(Flow.VENDORS)}
    told = {each.key: each for each in await Reader(road.source).invoices()}
    stands = {each.key: each for each in await road.visma.invoices() if each.kind is not None}
    assert told.keys() == stands.keys()
    assert {each.stage for each in told.values()} == set(SourceStage)
    for key, each in told.items():
        there = stands[key]
        assert (each.net, each.tax, each.gross, each.currency) == (there.net, there.tax, there.gross, there.currency)
        assert each.vendor == there.vendor
        assert each.vendor in vendors
        assert [(file.key, file.name) for file in each.files] == list(there.files)
        assert sum(line.net for line in each.lines) == each.net


async def test_an_invoice_that_changed_since_it_entered_is_still_the_one_that_entered(road: Road) -> None:
    invoice = next(
        each
        for each in await Reader(road.source).invoices()
        if each.stage is SourceStage.READY and road.inbound.objection(each) is None
    )
    admission, _ = await road.hand_in(invoice)
    await road.visma.describe(invoice.key, "corrected")
    changed = await road.source.read_invoice(invoice.key)
    assert changed is not None
    assert changed.description == "corrected"
    assert await road.inbound.look(admission) is Whereabouts.ENTERED
    await road.inbound.hand_in(changed, [InvoiceFile(invoice.files[0].name, b"%PDF-1.7 other")][:1], admission)
    assert len(await road.entered()) == 1
