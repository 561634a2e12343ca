"""Walks at random through what people and wires do: in the end what was told last is what stands there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import pytest

from conformance.bench import Harm, Site
from conformance.source_bench import Meanwhile, SourceBench
from conformance.source_stage import Reader, SourceStage, swept
from ml_connector.connectors.base import Source
from ml_connector.connectors.errors import ConnectorError
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentKind

FLOWS: Final = (Flow.VENDORS, Flow.PURCHASE_ORDERS, Flow.SUPPLIER_INVOICES)
STEPS: Final = 60
HARMS: Final = (
    Harm("cut", count=5),
    Harm("status", status=400),
    Harm("status", status=401),
    Harm("status", status=503, retry_after="0"),
    Harm("status", status=429, retry_after="0"),
)


@dataclass
class Walk:
    """People who work, and somebody who reads now and then."""

    bench: SourceBench
    reader: Reader
    chance: Random
    vendors: list[str] = field(default_factory=list[str])
    orders: list[str] = field(default_factory=list[str])
    invoices: list[str] = field(default_factory=list[str])
    told: dict[Flow, dict[str, Any]] = field(default_factory=lambda: {flow: {} for flow in FLOWS})
    count: int = 0

    def fresh(self) -> str:
        self.count += 1
        return f"9{self.count:05}"

    async def read(self) -> None:
        """All flows; what breaks off was told as far as it came, and is read again from the mark before."""
        for flow in FLOWS:
            pages = (
                self.reader.source.invoices(since=self.reader.marks.get(flow))
                if flow is Flow.SUPPLIER_INVOICES
                else self.reader.source.read(flow, since=self.reader.marks.get(flow))
            )
            mark = self.reader.marks.get(flow)
            try:
                async for page in pages:
                    self.told[flow] |= {record.key: record for record in page.records}
                    mark = page.mark or mark
            except ConnectorError:
                continue
            self.reader.marks[flow] = mark

    async def add(self) -> None:
        number = self.fresh()
        kind = self.chance.choice(list(DocumentKind))
        self.invoices.append(await self.bench.enter(number, kind=kind, hold=self.chance.random() < 0.3))
        if self.chance.random() < 0.5:
            await self.bench.add_vendor(number)
            self.vendors.append(number)
        if self.chance.random() < 0.5:
            await self.bench.place_order(number, quantity=20)
            self.orders.append(number)

    async def change(self) -> None:
        if self.vendors:
            await self.bench.rename_vendor(self.chance.choice(self.vendors), self.fresh())
        if self.invoices:
            await self.bench.describe(self.chance.choice(self.invoices), self.fresh())

    async def receive(self) -> None:
        if self.orders:
            order, released = self.chance.choice(self.orders), self.chance.random() < 0.7
            receipt = await self.bench.receive(order, 1, released=released)
            if not released and self.chance.random() < 0.5:
                await self.read()
                await self.bench.release_receipt(receipt)

    async def close(self) -> None:
        if len(self.orders) > 3:
            await self.bench.close_order(self.orders.pop(self.chance.randrange(len(self.orders))))
        if len(self.vendors) > 3:
            await self.bench.stop_vendor(self.vendors.pop(self.chance.randrange(len(self.vendors))))

    async def touch(self) -> None:
        """Many with one stamp."""
        await self.bench.touch(Flow.SUPPLIER_INVOICES, self.chance.sample(self.invoices, len(self.invoices) // 2))

    async def wait(self) -> None:
        await self.bench.pass_time(self.chance.choice((1, 60, 3600, 7200, 90000)))

    async def shrink(self) -> None:
        for flow in FLOWS:
            await self.bench.limit_pages(flow, self.chance.choice((1, 2, 3, 5, 500)))

    async def meddle(self) -> None:
        """Something will happen between two pages of the next lists."""
        page = self.chance.randrange(1, 4)
        if self.vendors:
            await self.bench.meanwhile(
                Flow.VENDORS, Meanwhile.CHANGES, self.chance.choice(self.vendors), after_page=page
            )
        if self.orders:
            order = self.chance.choice(self.orders)
            await self.bench.meanwhile(Flow.PURCHASE_ORDERS, Meanwhile.CHANGES, order, after_page=page)
        if self.invoices:
            what = self.chance.choice((Meanwhile.CHANGES, Meanwhile.COMES_FIRST))
            key = self.fresh() if what is Meanwhile.COMES_FIRST else self.chance.choice(self.invoices)
            await self.bench.meanwhile(Flow.SUPPLIER_INVOICES, what, key, after_page=page)

    async def harm(self) -> None:
        site = self.bench.list_sites[self.chance.choice(FLOWS)]
        struck = Site(site.path, site.method, skip=self.chance.randrange(3))
        await self.bench.strike(self.chance.choice(HARMS), struck)


class SourceWalks(SourceStage):
    """Whatever happens between reads and in the middle of them, nothing is lost for good."""

    @pytest.mark.parametrize("seed", range(4))
    async def test_what_was_told_last_is_what_stands_there(self, bench: SourceBench, source: Source, seed: int) -> None:
        walk = Walk(bench, Reader(source), Random(seed))
        steps: list[Callable[[], Awaitable[None]]] = [
            walk.add, walk.add, walk.change, walk.change, walk.receive, walk.close, walk.touch, walk.wait,
            walk.shrink, walk.meddle, walk.harm, walk.read, walk.read, walk.read,
        ]  # fmt: skip
        for _ in range(STEPS):
            await walk.chance.choice(steps)()
        await bench.mend()
        await walk.read()
        await walk.read()  # what changed while the one before was read
        for flow in FLOWS:
            stands = {record.key: record for record in await Reader(source).read(flow)}
            assert {key: walk.told[flow].get(key) for key in stands} == stands
            keys = set(await swept(source, flow)) if flow is not Flow.SUPPLIER_INVOICES else stands.keys()
            gone = walk.told[flow].keys() - stands.keys()
            assert not [key for key in gone if key in keys or walk.told[flow][key].active]
            assert await walk.reader.read(flow) == []
