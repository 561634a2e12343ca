"""Master data, ledger to payables: only what changed, in order, and done only when the import's status says so."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ml_connector.connectors.base import Page
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.import_items import ImportItem
from ml_connector.connectors.manifest import ReadMode
from ml_connector.flows.dispatch import Dispatch, item_of
from ml_connector.flows.pages import read_ahead
from ml_connector.flows.workplace import Counts, Workplace
from ml_connector.records.flow import Flow
from ml_connector.records.master_data import MasterRecord, PurchaseOrder, Vendor
from ml_connector.store.imports import Imports, Staged, StoredItem, Waiting
from ml_connector.store.marks import Mark

BRAKE_SHARE: Final = 0.2
"""A run that would switch off more than this share of what is active stops and asks."""
BRAKE_FLOOR: Final = 5
"""Fewer than this many are never a mass deactivation."""
SHORT: Final = 1000
"""A list of no more records than this is read whole where it is to be swept anyway."""
SWEEP_EVERY: Final = timedelta(hours=20)
STORED_AT_ONCE: Final = 1000
MAPPED_AT_ONCE: Final = 25
NAMED_AT_MOST: Final = 20
"""Suppliers that a sentence names."""


class Braked(Exception):
    """The run would deactivate too many records at once; nothing was deactivated."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a run was asked for."""

    touch: bool = False
    full: bool = False
    allow_deactivations: bool = False
    by_person: bool = False


@dataclass(slots=True)
class _Reading:
    """How far a run has read."""

    newest: str | None
    """The mark that what was read comes to."""
    seen: set[str] | None
    """The keys of what was read, where what is missing is looked for."""

    def take(self, page: Page[MasterRecord]) -> None:
        self.newest = page.mark or self.newest
        if self.seen is not None:
            self.seen.update(record.key for record in page.records)


class MasterDataFlow:
    """One run of one of the flows that go from the ledger to the payables system."""

    def __init__(self, place: Workplace, flow: Flow, *, run_id: int, options: Options) -> None:
        self.place = place
        self.flow = flow
        self.run_id = run_id
        self.options = options
        self.counts = Counts()
        self.held_words: str | None = None
        """Why records are held, where any are."""
        self.imports = Imports(place.database, place.scribe, connection=place.connection, flow=flow, epoch=place.epoch)
        self.dispatch = Dispatch(place, self.imports, run_id=run_id, counts=self.counts)

    async def run(self) -> Counts:
        """Reads, sends, and waits for what became of it. Raises ConnectorError, or Braked before deactivating."""
        if self.options.touch:
            # A record that is sent again on purpose says the same as one that is under way: that one comes first.
            await self.dispatch.await_outcomes()
        else:
            await self.dispatch.collect_outcomes()
        self.dispatch.without_vendor = not await vendors_go(self.place)
        async with self.dispatch.going_on():
            await self._read()
        await self.dispatch.send_all()
        await self._count_waiting()
        return self.counts

    async def send_released(self) -> None:
        """Sends what waited for a vendor that has been accepted meanwhile; nothing is read. Raises ConnectorError."""
        if await self.imports.has_released():
            await self.dispatch.send_all()

    async def _count_waiting(self) -> None:
        if self.dispatch.without_vendor:
            return
        waiting = await self.imports.waiting(at=self.place.clock())
        if waiting:
            self.counts.held += sum(each.count for each in waiting)
            self.held_words = _waiting_words(self.flow, waiting)

    # ------------------------------------------------------------------ reading

    async def _read(self) -> None:
        mark = await self.place.marks().read(self.flow)
        can = self.place.erp.capabilities
        is_snapshot = can.reads[self.flow] is ReadMode.SNAPSHOT
        everything = is_snapshot or self.options.full or self.options.touch or mark is None
        if not everything and self.flow not in can.told_singly and self._sweep_is_due(mark):
            # A short list is read whole in fewer calls than its changes and its keys.
            everything = await self.imports.count_keys(at_most=SHORT + 1) <= SHORT
        since = None if everything or mark is None else mark.value
        # Where nothing was imported yet, nothing can be missing.
        sweeps = everything and await self.imports.count_keys(at_most=1) > 0
        reading = _Reading(newest=since, seen=set() if sweeps else None)
        async with aclosing(read_ahead(self._stored_parts(reading))) as parts:
            async for fresh in parts:
                await self.dispatch.offer(fresh)
        seen = reading.seen or set()
        swept = everything
        if not everything and self._sweep_is_due(mark):
            async for keys in self.place.erp.keys(self.flow):
                seen.update(keys)
            sweeps = swept = True
        if sweeps:
            await self._deactivate_missing(seen)
        await self._move_mark(reading.newest, swept=swept, before=mark)

    def _sweep_is_due(self, mark: Mark | None) -> bool:
        if self.options.by_person or mark is None or mark.swept_at is None:
            return True
        return self.place.clock() - mark.swept_at >= SWEEP_EVERY

    async def _stored_parts(self, reading: _Reading) -> AsyncGenerator[Sequence[Staged]]:
        """What differs, part by part, once it is stored: the part before is being sent meanwhile."""
        async with aclosing(read_ahead(self._mapped_parts(reading))) as parts:
            async for part in parts:
                yield await self._store(part)

    async def _mapped_parts(self, reading: _Reading) -> AsyncGenerator[Sequence[Staged]]:
        """What is read, as it is to be stored: the part before is being stored meanwhile."""
        async with aclosing(read_ahead(self.place.erp.read(self.flow, since=reading.newest))) as pages:
            async for page in pages:
                self.place.go_on()
                reading.take(page)
                self.counts.read += len(page.records)
                for start in range(0, len(page.records), STORED_AT_ONCE):
                    yield await self._mapped(page.records[start : start + STORED_AT_ONCE])

    async def _store(self, part: Sequence[Staged]) -> Sequence[Staged]:
        """Stores what differs from what was sent last; of that, what may be sent."""
        fresh: list[Staged] = []
        for start in range(0, len(part), STORED_AT_ONCE):  # a record may come to several items
            some = part[start : start + STORED_AT_ONCE]
            changed = await self.imports.stage(
                some, run_id=self.run_id, at=self.place.clock(), force=self.options.touch
            )
            self.counts.unchanged += len(some) - len(changed)
            fresh += [each for each in some if (each.resource, each.code) in changed]
        return await self._without_waiting(fresh)

    async def _without_waiting(self, staged: Sequence[Staged]) -> Sequence[Staged]:
        needed = {each.needs for each in staged if each.needs}
        if not needed or self.dispatch.without_vendor:
            return staged
        accepted = await self.imports.accepted_vendors(needed)
        return [each for each in staged if not each.needs or each.needs in accepted]

    async def _mapped(self, records: Sequence[MasterRecord]) -> list[Staged]:
        staged: list[Staged] = []
        for place, record in enumerate(records):
            if place % MAPPED_AT_ONCE == 0:
                await asyncio.sleep(0)  # thousands of records must not keep everybody else waiting
            try:
                items = self.place.payables.import_items(self.flow, record, active=_is_active(record))
            except Refused as refused:
                self.counts.rejected += 1
                await self.imports.refuse(record.key, message=str(refused), run_id=self.run_id, at=self.place.clock())
                continue
            staged += [self._staged(item, record) for item in items]
        return staged

    def _staged(self, item: ImportItem, record: MasterRecord) -> Staged:
        sent = self.place.payables.touched(item, self._token()) if self.options.touch else item
        return Staged(
            resource=item.resource, code=item.code, erp_key=record.key, stage=item.stage, text=sent.text,
            hash=_hash(item), active=_is_active(record),
            number=record.number if isinstance(record, Vendor | PurchaseOrder) else "",
            needs=record.vendor if isinstance(record, PurchaseOrder) else "",
        )  # fmt: skip

    def _token(self) -> str:
        return f"{self.place.clock():%Y%m%dT%H%M%S}-{self.run_id}"

    async def _deactivate_missing(self, seen: set[str]) -> None:
        gone, active = await self.imports.missing(list(seen))
        if not gone:
            return
        if len(gone) > max(BRAKE_FLOOR, BRAKE_SHARE * active) and not self.options.allow_deactivations:
            raise Braked(
                f"{len(gone)} of {active} {self.flow} are no longer in the ledger. That many are not switched off "
                f"without asking: if it is right, run `ml-connector run {self.place.connection} {self.flow} "
                "--allow-deactivations`."
            )
        for start in range(0, len(gone), 500):
            stored = await self.imports.items_of(gone[start : start + 500])
            off = [switched for each in stored if (switched := self._switched_off(each)) is not None]
            await self.imports.stage(off, run_id=self.run_id, at=self.place.clock(), force=False)

    def _switched_off(self, stored: StoredItem) -> Staged | None:
        item = self.place.payables.deactivated(item_of(stored))
        if item is None:
            return None
        return Staged(
            resource=item.resource, code=item.code, erp_key=stored.erp_key, stage=stored.stage,
            text=item.text, hash=_hash(item), active=False,
        )  # fmt: skip

    async def _move_mark(self, value: str | None, *, swept: bool, before: Mark | None) -> None:
        if before is None or before.value != value or swept:
            await self.place.marks().move(self.flow, value, at=self.place.clock(), swept=swept)


async def vendors_go(place: Workplace) -> bool:
    """True where vendors are imported: only then can anything wait for one."""
    row = await place.database.fetch_one(
        "SELECT 1 AS there FROM schedule WHERE connection_id = :c AND flow = :f AND enabled",
        c=place.connection, f=Flow.VENDORS,
    )  # fmt: skip
    return row is not None


def _waiting_words(flow: Flow, waiting: Sequence[Waiting]) -> str:
    count = sum(each.count for each in waiting)
    named = ", ".join(each.vendor for each in waiting[:NAMED_AT_MOST])
    more = f" and {len(waiting) - NAMED_AT_MOST} more" if len(waiting) > NAMED_AT_MOST else ""
    return (
        f"{count} {flow} wait until the payables system has accepted their suppliers: {named}{more}. "
        "They go by themselves afterwards; see the vendors flow."
    )


def _is_active(record: MasterRecord) -> bool:
    return record.active


def _hash(item: ImportItem) -> str:
    return hashlib.sha256(item.text.encode()).hexdigest()[:32]
