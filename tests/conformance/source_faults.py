"""A wire and a server that fail: 429 and limits, 5xx, slow answers, pages of HTML, nothing at all."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from conformance.bench import Harm
from conformance.source_bench import Garbled, SourceBench
from conformance.source_stage import Reader, SourceStage, calls_of, keys_of, note_of, record_of
from ml_connector.connectors.base import Source
from ml_connector.connectors.errors import ConnectorError, Refused, Unavailable
from ml_connector.records.flow import Flow
from ml_connector.records.reason import Reason

LISTS = (Flow.VENDORS, Flow.SUPPLIER_INVOICES)
PAGE = "<!doctype html><html><body><h1>Something went wrong</h1></body></html>"


class SourceFaults(SourceStage):
    """Reads wait, are tried again, or give up with the right word; a list that broke tells no record as gone."""

    @pytest.mark.parametrize("form", ["seconds", "date", "none"])
    async def test_a_read_waits_as_long_as_it_is_asked_to(self, bench: SourceBench, source: Source, form: str) -> None:
        key = await bench.enter("900001")
        await source.read_invoice(key)
        await bench.forget_calls()
        until = datetime.now(UTC) + timedelta(seconds=2)
        asked = {"seconds": "1", "date": format_datetime(until, usegmt=True), "none": None}[form]
        await bench.strike(Harm("status", status=429, retry_after=asked), bench.single_site)
        started = time.monotonic()
        assert await source.read_invoice(key) is not None
        if form == "seconds":
            assert time.monotonic() - started >= 1.0
        if form == "date":
            assert datetime.now(UTC) >= until.replace(microsecond=0)
        assert len(await calls_of(bench)) == 2

    async def test_a_wait_that_is_too_long_is_handed_up(self, bench: SourceBench, source: Source) -> None:
        await bench.strike(Harm("status", status=429, retry_after="3600"), bench.single_site)
        with pytest.raises(Unavailable) as later:
            await source.read_invoice(await bench.enter("900001"))
        assert (later.value.reason, later.value.retry_after) == (Reason.RATE_LIMITED, 3600)
        assert len(await calls_of(bench)) == 1

    async def test_the_limit_is_kept_before_it_is_met(self, bench: SourceBench, source: Source) -> None:
        keys = [await bench.enter(f"90000{number}") for number in range(6)]
        await source.read_invoice(keys[0])  # with what invoices refer to, which is remembered
        if not await bench.leave_calls(3, window=3600):
            pytest.skip(f"{source.name} does not tell what is left")
        await bench.forget_calls()
        answers = [await _outcome(source, key) for key in keys]
        assert answers[:3] == ["read"] * 3
        assert set(answers[3:]) == {Reason.RATE_LIMITED}
        assert [call.status for call in await calls_of(bench)] == [200] * 3  # it never had to say 429

    async def test_calls_at_one_time_keep_the_limit_too(self, bench: SourceBench, source: Source) -> None:
        key = await bench.enter("900001")
        await source.read_invoice(key)
        if not await bench.leave_calls(4, window=3600):
            pytest.skip(f"{source.name} does not tell what is left")
        await bench.forget_calls()
        await source.read_invoice(key)
        answers = await asyncio.gather(*(_outcome(source, key) for _ in range(12)))
        assert answers.count("read") == 3
        assert [call.status for call in await calls_of(bench)] == [200] * 4

    async def test_the_next_window_is_waited_for_where_it_is_near(self, bench: SourceBench, source: Source) -> None:
        keys = [await bench.enter(f"90000{number}") for number in range(4)]
        if not await bench.leave_calls(2, window=2):
            pytest.skip(f"{source.name} does not tell what is left")
        assert [await _outcome(source, key) for key in keys] == ["read"] * 4
        assert 429 not in [call.status for call in await calls_of(bench)]

    @pytest.mark.parametrize("harm", [
        Harm("status", status=500), Harm("status", status=502), Harm("status", status=503),
        Harm("status", status=504), Harm("cut", count=2), Harm("lost_reply", count=2),
        Garbled("status", status=502, body=PAGE), Harm("slow", seconds=0.3),
    ], ids=str)  # fmt: skip
    @pytest.mark.parametrize("flow", LISTS)
    async def test_a_list_comes_whole_over_a_passing_fault(
        self, bench: SourceBench, source: Source, flow: Flow, harm: Harm
    ) -> None:
        await bench.limit_pages(flow, max(2, await bench.count(flow) // 3))
        await bench.strike(harm, bench.list_sites[flow])
        assert len(await Reader(source).read(flow)) == await bench.count(flow)

    async def test_a_server_that_stays_out_of_order_is_unavailable(self, bench: SourceBench, source: Source) -> None:
        await bench.strike(Garbled("status", status=503, count=99, body=PAGE), bench.single_site)
        with pytest.raises(Unavailable) as later:
            await source.read_invoice(await bench.enter("900001"))
        assert later.value.reason is Reason.OUT_OF_ORDER
        assert "<" not in str(later.value)
        assert len(await calls_of(bench)) <= 5

    async def test_an_answer_that_never_comes_is_given_up(self, bench: SourceBench, source: Source) -> None:
        key = await bench.enter("900001")
        bench.be_impatient(source, 0.2)
        await bench.strike(Harm("slow", seconds=2, count=99), bench.single_site)
        async with asyncio.timeout(30):
            with pytest.raises(Unavailable) as later:
                await source.read_invoice(key)
        assert later.value.reason is Reason.UNREACHABLE

    @pytest.mark.parametrize("garbled", [
        Garbled("status", status=200, body=PAGE),
        Garbled("status", status=200, body='{"message": "no rows here"', content_type="application/json"),
        Garbled("status", status=200, body='"ok"', content_type="application/json"),
        Garbled("status", status=200, body="[1, 2]", content_type="application/json"),
    ], ids=lambda each: each.body[:6].strip("<![{"))  # fmt: skip
    @pytest.mark.parametrize("flow", LISTS)
    async def test_something_that_is_no_list_is_an_unexpected_answer(
        self, bench: SourceBench, source: Source, flow: Flow, garbled: Garbled
    ) -> None:
        await bench.strike(garbled, bench.list_sites[flow])
        with pytest.raises(Refused) as refused:
            await Reader(source).read(flow)
        assert refused.value.reason is Reason.UNEXPECTED

    @pytest.mark.parametrize("garbled", [
        Garbled("status", status=200), Garbled("status", status=200, body=PAGE),
        Garbled("status", status=200, body="[]", content_type="application/json"),
        Garbled("status", status=200, body="{}", content_type="application/json"),
        Garbled("status", status=200, body='{"message": "Try again"}', content_type="application/json"),
    ], ids=lambda each: each.body[:6].strip("<!") or "empty")  # fmt: skip
    async def test_an_invoice_is_not_gone_because_an_answer_is_odd(
        self, bench: SourceBench, source: Source, garbled: Garbled
    ) -> None:
        key = await bench.enter("900001")
        await bench.strike(garbled, bench.single_site)
        with pytest.raises((Refused, Unavailable)):
            await source.read_invoice(key)
        assert await source.read_invoice(key) is not None

    @pytest.mark.parametrize("flow", LISTS)
    async def test_an_empty_body_is_an_empty_list_and_hides_nothing_for_good(
        self, bench: SourceBench, source: Source, flow: Flow
    ) -> None:
        reader = Reader(source)
        await reader.read(flow)
        await bench.pass_time(600)
        key = await record_of(bench, flow, "900001")
        await bench.strike(Garbled("status", status=200, count=2), bench.list_sites[flow])
        assert await reader.read(flow) == []
        await bench.mend()
        assert key in keys_of(await reader.read(flow))

    @pytest.mark.parametrize(("status", "reason"), [
        (400, Reason.REFUSED), (403, Reason.RIGHTS_MISSING), (404, Reason.ADDRESS_WRONG),
    ])  # fmt: skip
    @pytest.mark.parametrize("flow", LISTS)
    async def test_a_list_that_is_refused_says_why_and_is_not_tried_again(
        self, bench: SourceBench, source: Source, flow: Flow, status: int, reason: Reason
    ) -> None:
        await bench.strike(Garbled("status", status=status, count=99), bench.list_sites[flow])
        with pytest.raises(Refused) as refused:
            await Reader(source).read(flow)
        assert (refused.value.reason, refused.value.status) == (reason, status)
        assert len(await calls_of(bench)) == 1

    async def test_a_file_that_cannot_be_read_now_is_not_an_empty_file(
        self, bench: SourceBench, source: Source
    ) -> None:
        key = await bench.enter("900001", files={"a.pdf": b"%PDF-1.7"})
        found = await source.read_invoice(key)
        assert found is not None
        await bench.strike(Harm("status", status=500, count=99), bench.file_site)
        with pytest.raises(Unavailable):
            await source.read_file(found, found.files[0])
        await bench.mend()
        await bench.strike(Harm("lost_reply"), bench.file_site)
        assert await source.read_file(found, found.files[0]) == b"%PDF-1.7"

    @pytest.mark.parametrize("content_type", ["text/html", "application/pdf"])
    async def test_a_page_that_somebody_put_between_is_no_file_and_no_note(
        self, bench: SourceBench, source: Source, content_type: str
    ) -> None:
        """A proxy's page with 200."""
        page = Garbled("status", status=200, body=PAGE, content_type=content_type)
        key = await bench.enter("900001", files={"a.pdf": b"%PDF-1.7", "page.html": PAGE.encode()})
        found = await source.read_invoice(key)
        assert found is not None
        await bench.strike(page, bench.file_site)
        with pytest.raises(Refused) as refused:
            await source.read_file(found, found.files[0])
        assert refused.value.reason is Reason.UNEXPECTED
        assert [await source.read_file(found, file) for file in found.files] == [b"%PDF-1.7", PAGE.encode()]
        await bench.strike(page, bench.note_site)
        with pytest.raises(ConnectorError):
            await source.write_note(key, "Approved.")
        await source.write_note(key, "Approved.")
        assert await note_of(bench, key) == "Approved."

    async def test_a_file_is_known_by_its_bytes_whatever_it_is_said_to_be(
        self, bench: SourceBench, source: Source
    ) -> None:
        key = await bench.enter("900001", files={"a.pdf": b"%PDF-1.7"})
        found = await source.read_invoice(key)
        assert found is not None
        await bench.strike(Garbled("status", status=200, body="%PDF-1.7"), bench.file_site)
        assert await source.read_file(found, found.files[0]) == b"%PDF-1.7"


async def _outcome(source: Source, key: str) -> str | Reason:
    try:
        found = await source.read_invoice(key)
    except Unavailable as later:
        return later.reason
    assert found is not None
    return "read"
