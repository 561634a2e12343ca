"""Master data, ledger to payables: only what changed, in order, and done only when the import's status says so."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from sqlalchemy import text

from ml_connector.connectors.base import ImportItem, ItemOutcome, ItemState, ReadMode
from ml_connector.connectors.errors import Refused
from ml_connector.flows.workplace import Counts, Workplace
from ml_connector.records.flow import Flow
from ml_connector.records.master_data import MasterRecord
from ml_connector.store.imports import Imports, OpenRequest, Staged, StoredItem

BRAKE_SHARE: Final = 0.2
"""A run that would switch off more than this share of what is active stops and asks."""
BRAKE_FLOOR: Final = 5
"""Fewer than this many are never a mass deactivation."""
SHORT: Final = 1000
"""A list of no more records than this is read whole where it is to be swept anyway."""
SWEEP_EVERY: Final = timedelta(hours=20)
PATIENCE: Final = timedelta(minutes=15)
"""How long an import may stay without an outcome before the run reports it as failed."""
LONGEST_CHECK: Final = 120.0
FEEDBACK_LOOKS: Final = 50
STORED_AT_ONCE: Final = 1000
MAPPED_AT_ONCE: Final = 25
READ_AT_ONCE: Final = 1000
"""A multiple of the batch sizes that occur, so that calls leave full."""
SENDS_AT_ONCE: Final = 3
MEANWHILE: Final = 0.1
"""Seconds between looks at what can be sent while reading goes on."""
LOOKS_AT_ONCE: Final = 4
"""Imports whose outcome is asked for at the same time."""


_CANONICAL: Final = json.JSONEncoder(sort_keys=True, default=str, separators=(",", ":"))


class Braked(Exception):
    """The run would deactivate too many records at once; nothing was deactivated."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a run was asked for."""

    touch: bool = False
    full: bool = False
    allow_deactivations: bool = False
    by_person: bool = False


class MasterDataFlow:
    """One run of one of the flows that go from the ledger to the payables system."""

    def __init__(self, place: Workplace, flow: Flow, *, run_id: int, options: Options) -> None:
        self.place = place
        self.flow = flow
        self.run_id = run_id
        self.options = options
        self.counts = Counts()
        self.imports = Imports(place.database, place.scribe, connection=place.connection, flow=flow, epoch=place.epoch)

    async def run(self) -> Counts:
        """Reads, sends, and waits for what became of it. Raises ConnectorError, or Braked before deactivating."""
        await self.collect_outcomes()
        reading = asyncio.create_task(self._read(), name=f"read {self.flow}")
        try:
            await self._send_meanwhile(reading)
            await reading
        finally:
            reading.cancel()
            await asyncio.wait({reading})
        await self._send_all()
        return self.counts

    # ------------------------------------------------------------------ reading

    async def _read(self) -> None:
        mark = await self._mark()
        mode = self.place.ledger.capabilities.reads[self.flow]
        everything = mode is ReadMode.SNAPSHOT or self.options.full or self.options.touch or mark is None
        if not everything and self._sweep_is_due(mark):
            # A short list is read whole in fewer calls than its changes and its keys.
            everything = await self.imports.count_keys(at_most=SHORT + 1) <= SHORT
        since = None if everything or mark is None else mark["value"]
        seen: set[str] = set()
        newest = since
        async for page in self.place.ledger.read(self.flow, since=since):
            self.place.go_on()
            newest = page.mark or newest
            self.counts.read += len(page.records)
            await self._stage(page.records)
            if everything:
                seen.update(record.key for record in page.records)
        swept = everything
        if not everything and self._sweep_is_due(mark):
            async for keys in self.place.ledger.keys(self.flow):
                seen.update(keys)
            swept = True
        if swept:
            await self._deactivate_missing(seen)
        await self._move_mark(newest, swept=swept, before=mark)

    async def _mark(self) -> dict[str, Any] | None:
        return await self.place.database.fetch_one(
            "SELECT value, swept_at FROM mark WHERE connection_id = :c AND flow = :f",
            c=self.place.connection, f=self.flow,
        )  # fmt: skip

    def _sweep_is_due(self, mark: Mapping[str, Any] | None) -> bool:
        if self.options.by_person or mark is None or mark["swept_at"] is None:
            return True
        return self.place.clock() - mark["swept_at"] >= SWEEP_EVERY

    async def _stage(self, records: Sequence[MasterRecord]) -> None:
        """Maps and stores; the next part is mapped while the one before is being stored."""
        storing: asyncio.Task[None] | None = None
        try:
            for start in range(0, len(records), STORED_AT_ONCE):
                staged = await self._mapped(records[start : start + STORED_AT_ONCE])
                if storing is not None:
                    await storing
                storing = asyncio.create_task(self._store(staged), name="store")
        finally:
            if storing is not None:
                await storing

    async def _store(self, staged: Sequence[Staged]) -> None:
        for start in range(0, len(staged), STORED_AT_ONCE):
            part = staged[start : start + STORED_AT_ONCE]
            changed = await self.imports.stage(
                part, run_id=self.run_id, at=self.place.clock(), force=self.options.touch
            )
            self.counts.unchanged += len(part) - changed

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
            resource=item.resource, code=item.code, erp_key=record.key, stage=item.stage, payload=sent.payload,
            hash=_hash(item.payload), active=_is_active(record),
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
        item = self.place.payables.deactivated(_item(stored))
        if item is None:
            return None
        return Staged(
            resource=item.resource, code=item.code, erp_key=stored.erp_key, stage=stored.stage,
            payload=item.payload, hash=_hash(item.payload), active=False,
        )  # fmt: skip

    async def _move_mark(self, value: str | None, *, swept: bool, before: Mapping[str, Any] | None) -> None:
        if before is not None and before["value"] == value and not swept:
            return
        async with self.place.database.transaction() as transaction:
            await transaction.execute(text("SELECT fence(:c, :e)"), {"c": self.place.connection, "e": self.place.epoch})
            await transaction.execute(
                text(
                    """INSERT INTO mark (connection_id, flow, value, swept_at, updated_at)
                    VALUES (:c, :f, :v, :swept, :now)
                    ON CONFLICT (connection_id, flow) DO UPDATE SET value = :v, updated_at = :now,
                        swept_at = coalesce(:swept, mark.swept_at)"""
                ),
                {
                    "c": self.place.connection,
                    "f": self.flow,
                    "v": value,
                    "now": self.place.clock(),
                    "swept": self.place.clock() if swept else None,
                },
            )

    # ------------------------------------------------------------------ sending

    async def _send_all(self) -> None:
        for stage in await self.imports.stages():
            if stage > 0:
                # What it refers to must have been taken first.
                await self._await_outcomes()
            await self._send_stage(stage)
        await self._await_outcomes()

    async def _send_meanwhile(self, reading: asyncio.Task[None]) -> None:
        """Sends what is stored already while a long list is still being read, and hears what became of it.

        What refers to it waits for the end.
        """

        async def send() -> None:
            while not reading.done():
                await asyncio.wait({reading}, timeout=MEANWHILE)
                if not reading.done():
                    await self._send_stage(0, only_full=True)

        async def collect(sending: asyncio.Task[None]) -> None:
            while not sending.done():
                await asyncio.wait({sending}, timeout=MEANWHILE)
                await self.collect_outcomes()

        async with asyncio.TaskGroup() as both:
            both.create_task(collect(both.create_task(send())))

    async def _send_stage(self, stage: int, *, only_full: bool = False) -> None:
        slots = asyncio.Semaphore(SENDS_AT_ONCE)
        after = ("", "")
        async with asyncio.TaskGroup() as tasks:
            while found := await self.imports.pending(stage=stage, limit=READ_AT_ONCE, after=after):
                if only_full and len(found) < READ_AT_ONCE:
                    return
                after = (found[-1].resource, found[-1].code)
                for batch in self._batches(found):
                    await self.place.invoices_at_rest.wait()
                    await slots.acquire()
                    self.place.go_on()
                    tasks.create_task(self._send(batch, slots))

    def _batches(self, items: Sequence[StoredItem]) -> Iterator[Sequence[StoredItem]]:
        """As many as one call carries, of one resource each."""
        capabilities = self.place.payables.capabilities
        for resource, group in groupby(items, key=lambda each: each.resource):
            alike = list(group)
            size = capabilities.batch_sizes.get(resource, capabilities.default_batch)
            for start in range(0, len(alike), size):
                yield alike[start : start + size]

    async def _send(self, batch: Sequence[StoredItem], slots: asyncio.Semaphore) -> None:
        try:
            receipt = await self.place.payables.send([_item(each) for each in batch])
            now = self.place.clock()
            await self.imports.mark_sent(
                batch, request_id=receipt.request_id, refused=receipt.refused, run_id=self.run_id, at=now,
                next_check=now + timedelta(seconds=1),
            )  # fmt: skip
            self.counts.rejected += len(receipt.refused)
            self.counts.sent += len(batch) - len(receipt.refused)
        finally:
            slots.release()

    # ------------------------------------------------------------------ outcomes

    async def _await_outcomes(self) -> None:
        """Waits for every import that is under way, asking less and less often."""
        pause = 0.25
        while True:
            open_requests = await self.imports.requests()
            if not open_requests:
                return
            oldest = min(each.sent_at for each in open_requests)
            if self.place.clock() - oldest > PATIENCE:
                self.counts.failed += sum([len(await self.imports.items_sent(r.request_id)) for r in open_requests])
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self.place.closing.wait(), timeout=pause)
            self.place.go_on()
            pause = min(pause * 1.7, 10.0)
            await self.collect_outcomes(everything=True)

    async def collect_outcomes(self, *, everything: bool = False) -> None:
        """Asks after imports that are due to be asked after."""
        due_by = None if everything else self.place.clock()
        slots = asyncio.Semaphore(LOOKS_AT_ONCE)

        async def collect(request: OpenRequest) -> None:
            async with slots:
                await self._collect(request)

        try:
            async with asyncio.TaskGroup() as looks:
                for request in await self.imports.requests(due_by=due_by):
                    looks.create_task(collect(request))
        except ExceptionGroup as several:
            raise several.exceptions[0] from None

    async def _collect(self, request: OpenRequest) -> None:
        stored = await self.imports.items_sent(request.request_id)
        outcome = await self.place.payables.outcome(request.request_id, [_item(each) for each in stored])
        by_code = {each.code: each for each in stored}
        settled: dict[str, tuple[str, str]] = {}
        looks = FEEDBACK_LOOKS
        for each in outcome.items:
            if each.state is ItemState.PENDING or each.code not in by_code:
                continue
            explained = each
            if each.state is ItemState.UNCHANGED and looks > 0:
                looks -= 1
                explained = await self._explained(each, by_code[each.code])
            settled[each.code] = _settled(explained)
        done = outcome.done or len(settled) == len(stored)
        await self.imports.settle(
            request, settled, done=done, at=self.place.clock(), next_check=self._next_check(request)
        )
        rejected = sum(status == "rejected" for status, _ in settled.values())
        self.counts.rejected += rejected
        self.counts.sent -= min(rejected, self.counts.sent)
        if done:
            await self.place.payables.settle_import(request.request_id)

    async def _explained(self, outcome: ItemOutcome, item: StoredItem) -> ItemOutcome:
        """Skipped as unchanged: it may be that the first copy, whose answer was lost, was rejected."""
        words = await self.place.payables.feedback(_item(item))
        return outcome if words is None else replace(outcome, state=ItemState.REJECTED, message=words)

    def _next_check(self, request: OpenRequest) -> datetime:
        wait = min(LONGEST_CHECK, 2.0 ** min(request.checks, 8))
        return self.place.clock() + timedelta(seconds=wait)


def _is_active(record: MasterRecord) -> bool:
    return record.active


def _item(stored: StoredItem) -> ImportItem:
    return ImportItem(resource=stored.resource, code=stored.code, payload=stored.payload, stage=stored.stage)


def _hash(payload: Mapping[str, Any]) -> str:
    return hashlib.sha256(_CANONICAL.encode(payload).encode()).hexdigest()[:32]


def _settled(outcome: ItemOutcome) -> tuple[str, str]:
    if outcome.state is ItemState.REJECTED:
        return "rejected", outcome.message or "The payables system gave no words."
    return "accepted", outcome.message
