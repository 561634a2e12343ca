"""Master data: pages, marks, what left."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from conformance.bench import Bench, Harm
from conformance.stage import Stage, bill_of, calls_of, cost_of_a_look, found_of, lists_of
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import Unavailable
from ml_connector.connectors.manifest import ReadMode
from ml_connector.records.flow import MASTER_DATA, Flow
from ml_connector.records.master_data import MasterRecord, Vendor
from ml_connector.records.reason import Reason

TIMED = (Flow.VENDORS, Flow.PURCHASE_ORDERS)


async def read_all(ledger: Ledger, flow: Flow, *, since: str | None = None) -> tuple[list[MasterRecord], str | None]:
    """All records, and the last mark."""
    records: list[MasterRecord] = []
    mark = since
    async for page in ledger.read(flow, since=since):
        records += page.records
        mark = page.mark or mark
    return records, mark


async def keys_of(ledger: Ledger, flow: Flow) -> list[str]:
    """Every key there is."""
    return [key async for page in ledger.keys(flow) for key in page]


def numbers_of(records: Sequence[MasterRecord]) -> set[str]:
    """The numbers of the vendors among records."""
    return {record.number for record in records if isinstance(record, Vendor)}


def skip_unless_marked(ledger: Ledger, flow: Flow) -> None:
    """A flow that is read whole each time has no marks."""
    if ledger.capabilities.reads.get(flow) is not ReadMode.CHANGES:
        pytest.skip(f"{ledger.name} does not tell of changes in {flow}")


class Reading(Stage):
    """First page, last page, read after a mark, equal timestamps, deleted records, busy servers."""

    @pytest.mark.parametrize("flow", MASTER_DATA)
    async def test_all_there_is_comes_once_and_is_among_the_keys(
        self, bench: Bench, ledger: Ledger, flow: Flow
    ) -> None:
        if flow not in ledger.capabilities.reads:
            pytest.skip(f"{ledger.name} has no {flow}")
        records, _ = await read_all(ledger, flow)
        keys = [record.key for record in records]
        assert len(keys) == await bench.count(flow)
        assert len(set(keys)) == len(keys)
        assert set(await keys_of(ledger, flow)) == set(keys)

    @pytest.mark.parametrize("last_page", ["full", "one record"])
    @pytest.mark.parametrize("flow", TIMED)
    async def test_nothing_is_lost_between_the_first_page_and_the_last(
        self, bench: Bench, ledger: Ledger, flow: Flow, last_page: str
    ) -> None:
        if flow not in ledger.capabilities.reads:
            pytest.skip(f"{ledger.name} has no {flow}")
        count = await bench.count(flow)
        whole = count if last_page == "full" else count - 1
        await bench.limit_pages(next(size for size in range(3, count) if whole % size == 0))
        records, _ = await read_all(ledger, flow)
        assert len({record.key for record in records}) == len(records) == count

    async def test_an_answer_that_fits_one_page_is_the_last(self, bench: Bench, ledger: Ledger) -> None:
        await bench.limit_pages(await bench.count(Flow.VENDORS))
        records, _ = await read_all(ledger, Flow.VENDORS)
        assert len(records) == await bench.count(Flow.VENDORS)

    async def test_after_a_mark_only_what_changed_is_read(self, bench: Bench, ledger: Ledger) -> None:
        skip_unless_marked(ledger, Flow.VENDORS)
        _, mark = await read_all(ledger, Flow.VENDORS)
        assert mark is not None
        await bench.pass_time(600)
        await bench.rename_vendor(bench.facts.vendor, "Renamed Oy")
        changed, later = await read_all(ledger, Flow.VENDORS, since=mark)
        assert bench.facts.vendor in numbers_of(changed)
        await bench.pass_time(600)
        await bench.rename_vendor(bench.facts.other_vendor, "Renamed as well Oy")
        changed, _ = await read_all(ledger, Flow.VENDORS, since=later)
        named = {record.number: record.name for record in changed if isinstance(record, Vendor)}
        assert named[bench.facts.other_vendor] == "Renamed as well Oy"
        assert len(named) <= 2  # what was changed last may come again, what was not may not
        assert set(named) <= {bench.facts.vendor, bench.facts.other_vendor}

    async def test_a_change_in_the_very_moment_of_the_mark_is_not_missed(self, bench: Bench, ledger: Ledger) -> None:
        skip_unless_marked(ledger, Flow.VENDORS)
        await bench.pass_time(600)
        bench.hold_time()
        await bench.rename_vendor(bench.facts.vendor, "First Oy")
        _, mark = await read_all(ledger, Flow.VENDORS)
        await bench.rename_vendor(bench.facts.other_vendor, "Second Oy")
        changed, _ = await read_all(ledger, Flow.VENDORS, since=mark)
        assert "Second Oy" in {record.name for record in changed if isinstance(record, Vendor)}

    async def test_equal_timestamps_across_a_page_break_are_all_read(self, bench: Bench, ledger: Ledger) -> None:
        skip_unless_marked(ledger, Flow.VENDORS)
        _, mark = await read_all(ledger, Flow.VENDORS)
        await bench.pass_time(600)
        bench.hold_time()
        fresh = {f"SAME{index:02d}" for index in range(7)}
        for number in sorted(fresh):
            await bench.add_vendor(number)
        await bench.limit_pages(3)
        changed, _ = await read_all(ledger, Flow.VENDORS, since=mark)
        assert fresh <= numbers_of(changed)
        assert len(changed) == len({record.key for record in changed})

    async def test_with_nothing_changed_the_mark_and_what_it_repeats_stay(self, bench: Bench, ledger: Ledger) -> None:
        skip_unless_marked(ledger, Flow.VENDORS)
        first, mark = await read_all(ledger, Flow.VENDORS)
        await bench.pass_time(600)
        again, later = await read_all(ledger, Flow.VENDORS, since=mark)
        assert later == mark
        assert all(record in first for record in again)

    async def test_what_was_deleted_is_missing_from_the_sweep_of_the_keys(self, bench: Bench, ledger: Ledger) -> None:
        key = await bench.add_vendor("GONE1")
        assert key in await keys_of(ledger, Flow.VENDORS)
        await bench.remove_vendor("GONE1")
        assert key not in await keys_of(ledger, Flow.VENDORS)

    async def test_a_blocked_vendor_comes_as_inactive(self, bench: Bench, ledger: Ledger) -> None:
        await bench.block_vendor(bench.facts.vendor)
        records, _ = await read_all(ledger, Flow.VENDORS)
        (vendor,) = [each for each in records if isinstance(each, Vendor) and each.number == bench.facts.vendor]
        assert not vendor.active

    @pytest.mark.parametrize("flow", MASTER_DATA)
    async def test_with_nothing_changed_a_read_costs_two_calls_at_most(
        self, bench: Bench, ledger: Ledger, flow: Flow
    ) -> None:
        if flow not in ledger.capabilities.reads:
            pytest.skip(f"{ledger.name} has no {flow}")
        _, mark = await read_all(ledger, flow)
        await bench.pass_time(600)
        await ledger.close()
        await bench.forget_calls()
        ledger = bench.open(bench.side())
        await read_all(ledger, flow, since=mark)
        await ledger.close()
        assert len(await lists_of(bench)) <= 2
        assert not any(call.writes for call in await calls_of(bench))

    @pytest.mark.parametrize("form", ["seconds", "date", "none"])
    async def test_a_read_waits_as_long_as_it_is_asked_to(self, bench: Bench, ledger: Ledger, form: str) -> None:
        usual = await cost_of_a_look(bench, ledger)
        until = datetime.now(UTC) + timedelta(seconds=2)
        asked = {"seconds": "1", "date": format_datetime(until, usegmt=True), "none": None}[form]
        await bench.strike(Harm("status", status=429, retry_after=asked), bench.read_site)
        started = time.monotonic()
        assert await found_of(ledger, bill_of(bench, "R-1")) == ()
        if form == "seconds":
            assert time.monotonic() - started >= 1.0
        if form == "date":
            assert datetime.now(UTC) >= until.replace(microsecond=0)
        assert len(await calls_of(bench)) == usual + 1

    async def test_a_wait_that_is_too_long_is_handed_up(self, bench: Bench, ledger: Ledger) -> None:
        await bench.strike(Harm("status", status=429, retry_after="3600"), bench.read_site)
        with pytest.raises(Unavailable) as later:
            await found_of(ledger, bill_of(bench, "R-1"))
        assert (later.value.reason, later.value.retry_after) == (Reason.RATE_LIMITED, 3600)

    @pytest.mark.parametrize("status", [500, 502, 503, 504])
    async def test_a_read_is_tried_again_after_a_fault_of_the_server(
        self, bench: Bench, ledger: Ledger, status: int
    ) -> None:
        usual = await cost_of_a_look(bench, ledger)
        await bench.strike(Harm("status", status=status), bench.read_site)
        assert await found_of(ledger, bill_of(bench, "R-1")) == ()
        assert len(await calls_of(bench)) == usual + 1

    @pytest.mark.parametrize("kind", ["cut", "lost_reply"])
    async def test_a_read_is_tried_again_after_the_line_went_dead(
        self, bench: Bench, ledger: Ledger, kind: str
    ) -> None:
        await bench.strike(Harm(kind, count=2), bench.read_site)
        assert await found_of(ledger, bill_of(bench, "R-1")) == ()

    async def test_a_server_that_stays_out_of_order_is_unavailable(self, bench: Bench, ledger: Ledger) -> None:
        await bench.strike(Harm("status", status=503, count=99), bench.read_site)
        with pytest.raises(Unavailable) as later:
            await found_of(ledger, bill_of(bench, "R-1"))
        assert later.value.reason is Reason.OUT_OF_ORDER
        assert len(await calls_of(bench)) <= 5

    async def test_a_slow_answer_is_waited_for(self, bench: Bench, ledger: Ledger) -> None:
        usual = await cost_of_a_look(bench, ledger)
        await bench.strike(Harm("slow", seconds=0.5), bench.read_site)
        async with asyncio.timeout(30):
            assert await found_of(ledger, bill_of(bench, "R-1")) == ()
        assert len(await calls_of(bench)) == usual

    async def test_an_answer_that_never_comes_is_given_up(self, bench: Bench, ledger: Ledger) -> None:
        bench.be_impatient(ledger, 0.2)
        await bench.strike(Harm("slow", seconds=3, count=99), bench.read_site)
        async with asyncio.timeout(30):
            with pytest.raises(Unavailable) as later:
                await found_of(ledger, bill_of(bench, "R-1"))
        assert later.value.reason is Reason.UNREACHABLE
