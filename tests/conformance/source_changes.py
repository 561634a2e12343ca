"""What is read after a mark: only what changed, nothing twice, and little where nothing did."""

from __future__ import annotations

from decimal import Decimal

import pytest

from conformance.source_bench import Oddity, SourceBench
from conformance.source_stage import Reader, SourceStage, calls_of, change_of, keys_of, record_of, swept, text_of
from ml_connector.connectors.base import Source
from ml_connector.connectors.manifest import ReadMode
from ml_connector.records.flow import MASTER_DATA, Flow
from ml_connector.records.master_data import PurchaseOrder

LISTS = (Flow.VENDORS, Flow.SUPPLIER_INVOICES)
FLOWS = (*MASTER_DATA, Flow.SUPPLIER_INVOICES)


def received(order: PurchaseOrder) -> Decimal:
    """What came, less what went back."""
    return sum((line.received_quantity for line in order.lines), Decimal(0))


class SourceChanges(SourceStage):
    """Marks, overlaps, odd stamps; and what closes, stops and leaves."""

    @pytest.mark.parametrize("flow", LISTS)
    async def test_after_a_mark_only_what_changed_is_told(self, bench: SourceBench, source: Source, flow: Flow) -> None:
        first = await record_of(bench, flow, "900001")
        second = await record_of(bench, flow, "900002")
        reader = Reader(source)
        await reader.read(flow)
        for number, key in (("900001", first), ("900002", second)):
            await bench.pass_time(600)
            await change_of(bench, flow, number, key, f"changed {number}")
            (changed,) = await reader.read(flow)
            assert (changed.key, text_of(changed)) == (key, f"changed {number}")

    @pytest.mark.parametrize("flow", LISTS)
    async def test_what_the_overlap_brings_again_is_not_told_again(
        self, bench: SourceBench, source: Source, flow: Flow
    ) -> None:
        reader = Reader(source)
        await reader.read(flow)
        told = []
        for number in range(6):
            key = await record_of(bench, flow, f"90000{number}")
            assert keys_of(await reader.read(flow)) == [key]
            await bench.pass_time(1500)
            told.append(key)
        assert await reader.read(flow) == []

    @pytest.mark.parametrize("flow", LISTS)
    async def test_a_change_in_the_very_moment_of_the_mark_is_not_missed(
        self, bench: SourceBench, source: Source, flow: Flow
    ) -> None:
        key = await record_of(bench, flow, "900001")
        reader = Reader(source)
        await bench.pass_time(600)
        bench.hold_time()
        for text in ("first", "second", "third"):
            await change_of(bench, flow, "900001", key, text)
            assert [text_of(each) for each in await reader.read(flow) if each.key == key] == [text]

    @pytest.mark.parametrize("flow", LISTS)
    async def test_a_new_stamp_without_a_change_is_the_same_record(
        self, bench: SourceBench, source: Source, flow: Flow
    ) -> None:
        key = await record_of(bench, flow, "900001")
        reader = Reader(source)
        (before,) = [each for each in await reader.read(flow) if each.key == key]
        await bench.pass_time(600)
        await bench.touch(flow, ["900001" if flow is Flow.VENDORS else key])
        for after in await reader.read(flow):
            names = {name for name in after.__slots__ if getattr(before, name) != getattr(after, name)}
            assert names <= {"modified"}

    @pytest.mark.parametrize("flow", FLOWS)
    async def test_with_nothing_changed_a_read_costs_two_calls_at_most_and_tells_nothing(
        self, bench: SourceBench, source: Source, flow: Flow
    ) -> None:
        reader = Reader(source)
        first = await reader.read(flow)
        mark = reader.marks[flow]
        await bench.pass_time(600)
        await bench.forget_calls()
        fresh = bench.open(bench.side())  # a process that knows nothing but the mark
        try:
            reader.source = fresh
            again = await reader.read(flow)
        finally:
            await fresh.close()
        assert len(await calls_of(bench)) <= 2
        assert reader.marks[flow] == mark
        is_whole = source.capabilities.reads.get(flow) is ReadMode.SNAPSHOT
        assert again == (first if is_whole else [])

    @pytest.mark.parametrize("flow", LISTS)
    async def test_a_read_that_broke_off_is_made_good_from_the_mark_before(
        self, bench: SourceBench, source: Source, flow: Flow
    ) -> None:
        keys = {await record_of(bench, flow, f"90000{number}") for number in range(6)}
        await bench.limit_pages(flow, 2)
        since = source.invoices(since=None) if flow is Flow.SUPPLIER_INVOICES else source.read(flow, since=None)
        async for page in since:
            assert page.mark is None  # a mark that came before the last page would skip the rest
            break
        assert keys <= set(keys_of(await Reader(source).read(flow)))

    @pytest.mark.parametrize("flow", LISTS)
    async def test_odd_stamps_and_lists_hide_nothing_and_repeat_nothing(
        self, bench: SourceBench, source: Source, flow: Flow, oddity: Oddity
    ) -> None:
        await oddity.arrange(bench)
        for number in range(5):
            await record_of(bench, flow, f"90000{number}")
        await bench.limit_pages(flow, 3)
        reader = Reader(source)
        told = keys_of(await reader.read(flow))
        assert len(told) == len(set(told)) == await bench.count(flow)
        if oddity.turn is not None:
            await oddity.turn(bench)
        later = await record_of(bench, flow, "900009")
        assert keys_of(await reader.read(flow)) == [later]
        assert await reader.read(flow) == []

    # ------------------------------------------------------------------ vendors

    async def test_a_vendor_that_is_stopped_comes_as_inactive(self, bench: SourceBench, source: Source) -> None:
        reader = Reader(source)
        await reader.read(Flow.VENDORS)
        await bench.stop_vendor(bench.facts.vendor)
        (vendor,) = await reader.read(Flow.VENDORS)
        assert (vendor.number, vendor.active) == (bench.facts.vendor, False)

    async def test_a_vendor_that_is_gone_is_missing_from_the_sweep(self, bench: SourceBench, source: Source) -> None:
        key = await bench.add_vendor("900001")
        assert key in await swept(source, Flow.VENDORS)
        await bench.remove_vendor("900001")
        assert key not in await swept(source, Flow.VENDORS)

    # ------------------------------------------------------------------ orders

    async def test_an_order_brings_what_was_received_and_not_what_is_not_released(
        self, bench: SourceBench, source: Source
    ) -> None:
        await bench.place_order("PO900", quantity=10)
        await bench.receive("PO900", 4)
        await bench.receive("PO900", 5, released=False)
        (order,) = [each for each in await Reader(source).read(Flow.PURCHASE_ORDERS) if each.number == "PO900"]
        assert (order.active, received(order)) == (True, Decimal(4))

    async def test_a_receipt_brings_its_order_once_more_and_a_return_takes_away(
        self, bench: SourceBench, source: Source
    ) -> None:
        await bench.place_order("PO900", quantity=10)
        reader = Reader(source)
        await reader.read(Flow.PURCHASE_ORDERS)
        for quantity, total in ((7, 7), (-2, 5)):
            await bench.pass_time(86400)
            await bench.receive("PO900", quantity)
            (order,) = await reader.read(Flow.PURCHASE_ORDERS)
            assert (order.number, received(order)) == ("PO900", Decimal(total))
            assert await reader.read(Flow.PURCHASE_ORDERS) == []

    async def test_a_receipt_counts_once_it_is_released(self, bench: SourceBench, source: Source) -> None:
        await bench.place_order("PO900", quantity=10)
        receipt = await bench.receive("PO900", 7, released=False)
        reader = Reader(source)
        await reader.read(Flow.PURCHASE_ORDERS)
        await bench.pass_time(86400)
        await bench.release_receipt(receipt)
        (order,) = await reader.read(Flow.PURCHASE_ORDERS)
        assert received(order) == 7

    async def test_an_order_that_is_closed_comes_as_such_and_leaves_the_keys(
        self, bench: SourceBench, source: Source
    ) -> None:
        await bench.place_order("PO900", quantity=10)
        reader = Reader(source)
        await reader.read(Flow.PURCHASE_ORDERS)
        assert "PO900" in await swept(source, Flow.PURCHASE_ORDERS)
        await bench.close_order("PO900")
        (order,) = await reader.read(Flow.PURCHASE_ORDERS)
        assert (order.number, order.active) == ("PO900", False)
        assert "PO900" not in await swept(source, Flow.PURCHASE_ORDERS)

    async def test_an_order_on_hold_is_told_once_it_is_released(self, bench: SourceBench, source: Source) -> None:
        await bench.place_order("PO900", quantity=10, is_held=True)
        reader = Reader(source)
        assert "PO900" not in keys_of(await reader.read(Flow.PURCHASE_ORDERS))
        await bench.pass_time(86400)
        await bench.release_order("PO900")
        assert keys_of(await reader.read(Flow.PURCHASE_ORDERS)) == ["PO900"]
