"""The one thing that is ever written: a sentence to an invoice's note."""

from __future__ import annotations

import asyncio

import pytest

from conformance.bench import Harm
from conformance.source_bench import SourceBench
from conformance.source_stage import Reader, SourceStage, note_of
from ml_connector.connectors.base import Source
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.records.flow import MASTER_DATA
from ml_connector.records.invoice import DocumentKind

SENTENCE = "Approved in Basware."


class Deposed(Exception):
    """Raised by a guard where this process may no longer write."""


class SourceNotes(SourceStage):
    """Written once, beside what stands there, and harmless where it is refused."""

    @pytest.mark.parametrize("kind", list(DocumentKind))
    async def test_a_note_is_written_once_beside_what_stands_there(
        self, bench: SourceBench, source: Source, kind: DocumentKind
    ) -> None:
        key = await bench.enter("900001", kind=kind, note="Call Kari.")
        for _ in range(3):
            await source.write_note(key, SENTENCE)
        assert (await note_of(bench, key)).splitlines() == ["Call Kari.", SENTENCE]
        assert len(await bench.written()) == 1
        await source.write_note(key, "Paid.")
        assert (await note_of(bench, key)).splitlines() == ["Call Kari.", SENTENCE, "Paid."]

    async def test_another_process_does_not_write_it_again(self, bench: SourceBench, source: Source) -> None:
        key = await bench.enter("900001")
        await source.write_note(key, SENTENCE)
        fresh = bench.open(bench.side())
        await fresh.write_note(key, SENTENCE)
        await fresh.close()
        assert (await note_of(bench, key), len(await bench.written())) == (SENTENCE, 1)

    async def test_nothing_but_the_note_is_changed(self, bench: SourceBench, source: Source) -> None:
        keys = [await bench.enter(f"90000{number}", files={"a.pdf": b"%PDF"}) for number in range(3)]
        before = await bench.everything()
        for key in keys:
            await source.write_note(key, SENTENCE)
        assert await bench.everything() == before
        assert len(await bench.written()) == len(keys)

    async def test_everything_that_is_read_writes_nothing(self, bench: SourceBench, source: Source) -> None:
        await bench.enter("900001", files={"a.pdf": b"%PDF"})
        before = await bench.everything()
        reader = Reader(source)
        for flow in MASTER_DATA:
            if flow in source.capabilities.reads:
                await reader.read(flow)
                _ = [keys async for keys in source.keys(flow)]
        for invoice in await reader.invoices():
            for file in invoice.files:
                await source.read_file(invoice, file)
        _ = [step async for step in source.ping()]
        assert await bench.everything() == before
        assert await bench.written() == []

    async def test_a_note_that_a_released_invoice_refuses_is_told_and_harms_nothing(
        self, bench: SourceBench, source: Source
    ) -> None:
        key = await bench.enter("900001", note="Call Kari.")
        await bench.release(key)
        await bench.take_notes_after_release(yes=False)
        before = await bench.everything()
        with pytest.raises(Refused) as refused:
            await source.write_note(key, SENTENCE)
        assert refused.value.findings[0].subject == key
        assert refused.value.findings[0].vendor_text
        assert await bench.everything() == before
        assert await note_of(bench, key) == "Call Kari."
        await bench.take_notes_after_release(yes=True)
        await source.write_note(key, SENTENCE)
        assert (await note_of(bench, key)).splitlines() == ["Call Kari.", SENTENCE]

    async def test_a_note_to_an_invoice_that_is_gone_is_refused(self, bench: SourceBench, source: Source) -> None:
        key = await bench.enter("900001")
        await bench.remove(key)
        with pytest.raises(Refused) as refused:
            await source.write_note(key, SENTENCE)
        assert refused.value.findings[0].subject == key
        assert await bench.written() == []

    @pytest.mark.parametrize("harm", [
        Harm("lost_reply"), Harm("status_after", status=500), Harm("cut"), Harm("status", status=503),
        Harm("status", status=429, retry_after="120"),
    ], ids=str)  # fmt: skip
    async def test_a_note_without_a_clear_answer_stands_once_in_the_end(
        self, bench: SourceBench, source: Source, harm: Harm
    ) -> None:
        key = await bench.enter("900001", note="Call Kari.")
        await bench.strike(harm, bench.note_site)
        with pytest.raises((Unavailable, OutcomeUnknown)):
            await source.write_note(key, SENTENCE)
        await source.write_note(key, SENTENCE)
        assert (await note_of(bench, key)).splitlines() == ["Call Kari.", SENTENCE]

    async def test_a_note_that_others_overtake_keeps_what_they_wrote(self, bench: SourceBench, source: Source) -> None:
        key = await bench.enter("900001", note="old")
        await bench.strike(Harm("hold"), bench.note_site)
        writing = asyncio.create_task(source.write_note(key, SENTENCE))
        await bench.until_held()
        await bench.describe(key, "changed meanwhile")
        await bench.let_go()
        await writing
        (found,) = [each for each in await Reader(source).invoices() if each.key == key]
        assert found.description == "changed meanwhile"
        assert (await note_of(bench, key)).splitlines() == ["old", SENTENCE]

    async def test_a_note_does_not_leave_where_this_process_may_not_write(
        self, bench: SourceBench, source: Source
    ) -> None:
        def guard() -> None:
            raise Deposed

        key = await bench.enter("900001")
        deposed = bench.open(bench.side(), guard=guard)
        try:
            assert await deposed.read_invoice(key) is not None
            with pytest.raises(Deposed):
                await deposed.write_note(key, SENTENCE)
        finally:
            await deposed.close()
        assert await bench.written() == []
