"""What every part of the suite for sources stands on."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

import pytest

from conformance.bench import Call, PingFailure
from conformance.source_bench import Oddity, SourceBench
from ml_connector.connectors.base import Page, Source
from ml_connector.records.flow import Flow
from ml_connector.records.supplier_invoice import SupplierInvoice


class SourceStage:
    """Parametrises by where the connector's set-up can be wrong and by the ERP's oddities; opens the source."""

    ping_failures: ClassVar[tuple[PingFailure, ...]] = ()
    ping_steps: ClassVar[tuple[str, ...]] = ()
    oddities: ClassVar[tuple[Oddity, ...]] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """`failure` and `oddity` come from the connector's class."""
        for name, cases in (("failure", self.ping_failures), ("oddity", self.oddities)):
            if name in metafunc.fixturenames:
                metafunc.parametrize(name, cases, ids=[str(case).replace(" ", "-") for case in cases])

    @pytest.fixture
    async def source(self, bench: SourceBench) -> AsyncIterator[Source]:
        """The connector, set up rightly."""
        opened = bench.open(bench.side())
        yield opened
        await opened.close()

    @pytest.fixture(autouse=True)
    async def nothing_but_notes(self, bench: SourceBench) -> AsyncIterator[None]:
        """Of every test: whatever it was about, no other write ever reached the ERP."""
        yield
        site = bench.note_site
        others = [
            call for call in await bench.written() if call.method != site.method or not re.search(site.path, call.path)
        ]
        assert others == []


class Reader:
    """Reads flows one after the other as the flows do, each from the mark it had."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.marks: dict[Flow, str | None] = {}

    async def read(self, flow: Flow) -> list[Any]:
        """The records of a flow that changed since it was read here before."""
        since = self.marks.get(flow)
        pages: AsyncIterator[Page[Any]] = (
            self.source.invoices(since=since) if flow is Flow.SUPPLIER_INVOICES else self.source.read(flow, since=since)
        )
        records: list[Any] = []
        mark = since
        async for page in pages:
            records += page.records
            mark = page.mark or mark
        self.marks[flow] = mark  # kept only where the whole was read
        return records

    async def invoices(self) -> list[SupplierInvoice]:
        """The invoices that changed."""
        return await self.read(Flow.SUPPLIER_INVOICES)

    async def invoice(self, key: str) -> SupplierInvoice:
        """One of those that changed."""
        (found,) = [each for each in await self.invoices() if each.key == key]
        return found


async def calls_of(bench: SourceBench) -> list[Call]:
    """The calls that reached the ERP, those for a session left out."""
    return [call for call in await bench.calls() if not call.is_sign_in]


async def sign_ins(bench: SourceBench) -> int:
    """How often somebody signed in."""
    return len([call for call in await bench.calls() if call.is_sign_in])


async def note_of(bench: SourceBench, key: str) -> str:
    """What stands in an invoice's note."""
    (found,) = [each.note for each in await bench.invoices() if each.key == key]
    return found


def keys_of(records: Sequence[Any]) -> list[str]:
    """The keys of records."""
    return [record.key for record in records]


async def swept(source: Source, flow: Flow) -> list[str]:
    """Every key there is."""
    return [key async for page in source.keys(flow) for key in page]


async def record_of(bench: SourceBench, flow: Flow, number: str) -> str:
    """Something to be found in a list of vendors or invoices; answers its key."""
    return await bench.add_vendor(number) if flow is Flow.VENDORS else await bench.enter(number)


async def change_of(bench: SourceBench, flow: Flow, number: str, key: str, text: str) -> None:
    """Changes it."""
    if flow is Flow.VENDORS:
        await bench.rename_vendor(number, text)
    else:
        await bench.describe(key, text)


def text_of(record: Any) -> str:
    """What `change_of` changes."""
    return record.description if isinstance(record, SupplierInvoice) else record.name
