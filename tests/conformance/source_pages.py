"""Lists page by page: edges, sizes that are lowered, what changes between two pages."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from conformance.bench import Harm
from conformance.source_bench import Garbled, Meanwhile, SourceBench
from conformance.source_stage import (
    Reader,
    SourceStage,
    calls_of,
    change_of,
    keys_of,
    record_of,
    swept,
    text_of,
)
from ml_connector.connectors.base import Source
from ml_connector.connectors.errors import ConnectorError, Refused
from ml_connector.records.flow import MASTER_DATA, Flow
from ml_connector.records.reason import Reason

LISTS = (Flow.VENDORS, Flow.SUPPLIER_INVOICES)
SMALL = 8
"""Records that are added where a test wants to know their order."""


class SourcePages(SourceStage):
    """First page, last page, page edges, sizes lowered, repeated pages, lists that move while they are read."""

    @pytest.mark.parametrize("size", [1000, 3], ids=["usual pages", "small pages"])
    @pytest.mark.parametrize("flow", MASTER_DATA)
    async def test_all_there_is_comes_once_and_is_among_the_keys(
        self, bench: SourceBench, source: Source, flow: Flow, size: int
    ) -> None:
        if flow not in source.capabilities.reads:
            pytest.skip(f"{source.name} has no {flow}")
        await bench.limit_pages(flow, size)
        keys = keys_of(await Reader(source).read(flow))
        assert len(keys) == await bench.count(flow)
        assert sorted(await swept(source, flow)) == sorted(set(keys)) == sorted(keys)

    @pytest.mark.parametrize("what", list(Meanwhile))
    async def test_a_sweep_of_the_keys_misses_nobody_while_the_list_moves(
        self, bench: SourceBench, source: Source, what: Meanwhile
    ) -> None:
        """Who is missing from a sweep is switched off on the other side."""
        await bench.add_vendor("900001")
        before = set(await swept(source, Flow.VENDORS))
        await bench.limit_pages(Flow.VENDORS, 3)
        target = "A00" if what is Meanwhile.COMES_FIRST else bench.facts.vendor
        await bench.meanwhile(Flow.VENDORS, what, target, after_page=2)
        keys = set(await swept(source, Flow.VENDORS))
        assert len(before - keys) <= int(what is Meanwhile.LEAVES)

    @pytest.mark.parametrize("harm", [
        Harm("status", status=503, count=99), Harm("status", status=404), Harm("status", status=403),
        Garbled("status", status=200, body="<html>Sign in</html>"),
    ], ids=str)  # fmt: skip
    async def test_a_sweep_that_breaks_off_is_no_sweep(self, bench: SourceBench, source: Source, harm: Harm) -> None:
        await bench.limit_pages(Flow.VENDORS, 5)
        site = bench.list_sites[Flow.VENDORS]
        await bench.strike(harm, replace(site, skip=1))
        with pytest.raises(ConnectorError):
            await swept(source, Flow.VENDORS)

    async def test_every_invoice_comes_once_and_those_of_other_kinds_never(
        self, bench: SourceBench, source: Source
    ) -> None:
        others = await bench.enter_other("900001")
        told = keys_of(await Reader(source).invoices())
        assert sorted(told) == sorted(each.key for each in await bench.invoices() if each.kind is not None)
        assert others
        assert [await source.read_invoice(key) for key in others] == [None] * len(others)

    @pytest.mark.parametrize("last_page", ["full", "one record"])
    @pytest.mark.parametrize("flow", [*LISTS, Flow.PURCHASE_ORDERS])
    async def test_nothing_is_lost_between_the_first_page_and_the_last(
        self, bench: SourceBench, source: Source, flow: Flow, last_page: str
    ) -> None:
        for number in range(SMALL):
            await bench.enter(f"90000{number}")
        count = await bench.count(flow)
        whole = count if last_page == "full" else count - 1
        await bench.limit_pages(flow, next(size for size in range(2, count + 1) if whole % size == 0))
        keys = keys_of(await Reader(source).read(flow))
        assert len(set(keys)) == len(keys) == count

    @pytest.mark.parametrize("flow", LISTS)
    async def test_pages_of_one_record_are_read_to_the_end(
        self, bench: SourceBench, source: Source, flow: Flow
    ) -> None:
        await bench.limit_pages(flow, 1)
        assert len(keys_of(await Reader(source).read(flow))) == await bench.count(flow)

    @pytest.mark.parametrize("flow", LISTS)
    async def test_a_list_that_fills_one_page_costs_no_second(
        self, bench: SourceBench, source: Source, flow: Flow
    ) -> None:
        await bench.limit_pages(flow, await bench.count(flow))
        assert len(await Reader(source).read(flow)) == await bench.count(flow)
        site = bench.list_sites[flow]
        lists = [call for call in await calls_of(bench) if re.search(site.path, call.path)]
        assert len(lists) <= 2  # invoices and credit notes may be two lists

    @pytest.mark.parametrize("size", [1, 2, 3, SMALL])
    @pytest.mark.parametrize("flow", LISTS)
    async def test_equal_stamps_across_page_edges_are_all_read(
        self, bench: SourceBench, source: Source, flow: Flow, size: int
    ) -> None:
        reader = Reader(source)
        await reader.read(flow)
        await bench.pass_time(600)
        bench.hold_time()
        fresh = {await record_of(bench, flow, f"90000{number}") for number in range(SMALL)}
        await bench.limit_pages(flow, size)
        told = keys_of(await reader.read(flow))
        assert sorted(told) == sorted(fresh)
        assert await reader.read(flow) == []

    @pytest.mark.parametrize("flow", LISTS)
    async def test_a_record_that_joins_others_of_its_stamp_after_they_were_read_is_told(
        self, bench: SourceBench, source: Source, flow: Flow
    ) -> None:
        reader = Reader(source)
        await bench.pass_time(600)
        bench.hold_time()
        await record_of(bench, flow, "900001")
        await reader.read(flow)
        later = await record_of(bench, flow, "900002")
        assert keys_of(await reader.read(flow)) == [later]

    @pytest.mark.parametrize("after_page", [1, 2, 3])
    @pytest.mark.parametrize("place", ["first", "last"])
    @pytest.mark.parametrize("flow", LISTS)
    async def test_a_record_that_changes_while_its_list_is_read_is_told_as_it_is_then(
        self, bench: SourceBench, source: Source, flow: Flow, place: str, after_page: int
    ) -> None:
        numbers = [f"90000{number}" for number in range(SMALL)]
        keys = [await record_of(bench, flow, number) for number in numbers]
        at = 0 if place == "first" else -1
        await bench.limit_pages(flow, max(2, await bench.count(flow) // 4))
        target = numbers[at] if flow is Flow.VENDORS else keys[at]
        await bench.meanwhile(flow, Meanwhile.CHANGES, target, after_page=after_page)
        reader = Reader(source)
        told = [*await reader.read(flow), *await reader.read(flow)]
        assert set(keys) <= set(keys_of(told))
        assert [text_of(each) for each in told if each.key == keys[at]][-1] == Meanwhile.CHANGES
        assert await reader.read(flow) == []

    @pytest.mark.parametrize("what", [Meanwhile.LEAVES, Meanwhile.COMES_FIRST])
    @pytest.mark.parametrize("flow", LISTS)
    async def test_a_record_that_comes_or_goes_while_its_list_is_read_hides_no_other(
        self, bench: SourceBench, source: Source, flow: Flow, what: Meanwhile
    ) -> None:
        before = set(keys_of(await Reader(source).read(flow)))
        numbers = [f"90000{number}" for number in range(SMALL)]
        keys = [await record_of(bench, flow, number) for number in numbers]
        await bench.limit_pages(flow, 3)
        target = numbers[0] if flow is Flow.VENDORS else keys[0]
        if what is Meanwhile.COMES_FIRST:
            target = "A00" if flow is Flow.VENDORS else "100000"
        await bench.meanwhile(flow, what, target, after_page=4)
        told = keys_of(await Reader(source).read(flow))
        assert before | set(keys[1:]) <= set(told)

    @pytest.mark.parametrize("flow", LISTS)
    async def test_a_page_number_that_is_ignored_is_an_error_and_no_loop(
        self, bench: SourceBench, source: Source, flow: Flow
    ) -> None:
        for number in range(SMALL):
            await record_of(bench, flow, f"90000{number}")
        await bench.limit_pages(flow, 3)
        await bench.repeat_pages(flow)
        await bench.forget_calls()
        with pytest.raises(Refused) as refused:
            await Reader(source).read(flow)
        assert refused.value.reason is Reason.UNEXPECTED
        assert len(await calls_of(bench)) <= SMALL

    @pytest.mark.parametrize("flow", LISTS)
    async def test_the_page_size_that_is_lowered_between_two_reads_hides_nothing(
        self, bench: SourceBench, source: Source, flow: Flow
    ) -> None:
        reader = Reader(source)
        await reader.read(flow)
        keys = {}
        for number in range(SMALL):
            keys[f"90000{number}"] = await record_of(bench, flow, f"90000{number}")
        assert len(await reader.read(flow)) == SMALL
        await bench.pass_time(600)
        for number, key in keys.items():
            await change_of(bench, flow, number, key, "changed")
        await bench.limit_pages(flow, 2)
        changed = await reader.read(flow)
        assert [text_of(each) for each in changed] == ["changed"] * SMALL
