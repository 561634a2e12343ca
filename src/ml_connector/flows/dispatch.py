"""The way of stored items into the payables system: sent in full calls, and done only when their status says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from ml_connector.connectors.import_items import ImportItem, ItemOutcome, ItemState
from ml_connector.flows.workplace import Counts, Workplace
from ml_connector.store.imports import Imports, OpenRequest, Staged, StoredItem

PATIENCE: Final = timedelta(minutes=15)
"""How long an import may stay without an outcome before the run reports it as failed."""
LONGEST_CHECK: Final = 120.0
FEEDBACK_LOOKS: Final = 50
READ_AT_ONCE: Final = 1000
"""A multiple of the batch sizes that occur, so that calls leave full."""
SENDS_AT_ONCE: Final = 3
LOOK_EVERY: Final = 0.2
"""Seconds between looks for imports that are due to be asked after, while reading goes on."""
LOOKS_AT_ONCE: Final = 4
"""Imports whose outcome is asked for at the same time."""
_SENT: Final = "{}"
"""What was said matters no more once only the outcome is asked for."""


class Dispatch:
    """One flow's items on their way. What is to be sent is stored as pending before, so nothing here can be lost."""

    def __init__(self, place: Workplace, imports: Imports, *, run_id: int, counts: Counts) -> None:
        self.place = place
        self.imports = imports
        self.run_id = run_id
        self.counts = counts
        self.without_vendor = False
        """Set where vendors do not go this way: nothing waits for them then."""
        self._sends: set[asyncio.Task[None]] = set()
        self._waiting: dict[str, list[StoredItem]] = {}
        self._in_hand: set[tuple[str, str]] = set()

    # ------------------------------------------------------------------ while the ledger is being read

    @asynccontextmanager
    async def going_on(self) -> AsyncGenerator[None]:
        """Takes offers inside the block, and hears meanwhile what became of them; ends with every call answered."""
        listening = asyncio.create_task(self._listen(), name="listen")
        try:
            async with self._sending():
                yield
        finally:
            listening.cancel()
            await asyncio.wait({listening})
            self._waiting.clear()
            self._in_hand.clear()
        if not listening.cancelled():
            listening.result()

    async def offer(self, items: Sequence[Staged]) -> None:
        """Sends stored items in full calls, and returns once the last call has begun.

        Left for `send_all` are those that do not fill a call, those that refer to others (a later stage), and a
        record that comes a second time: two versions under way could arrive in either order.
        """
        for item in items:
            name = (item.resource, item.code)
            if item.stage or name in self._in_hand:
                continue
            self._in_hand.add(name)
            waiting = self._waiting.setdefault(item.resource, [])
            waiting.append(_stored(item))
            if len(waiting) == self._size_of(item.resource):
                del self._waiting[item.resource]
                await self._begin(waiting)

    async def _listen(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self.collect_outcomes()

    # ------------------------------------------------------------------ sending

    async def send_all(self) -> None:
        """Sends what is pending, stage by stage, and waits for what became of it."""
        for stage in await self.imports.stages():
            if stage > 0:
                # What it refers to must have been taken first.
                await self.await_outcomes()
            await self._send_stage(stage)
        await self.await_outcomes()

    async def _send_stage(self, stage: int) -> None:
        after = ("", "")
        async with self._sending():
            while found := await self.imports.pending(
                stage=stage, limit=READ_AT_ONCE, after=after, without_vendor=self.without_vendor
            ):
                after = (found[-1].resource, found[-1].code)
                for batch in self._batches(found):
                    await self._begin(batch)

    @asynccontextmanager
    async def _sending(self) -> AsyncGenerator[None]:
        """Every call that is begun inside the block is answered at its end, or given up where the block fails."""
        try:
            yield
            while self._sends:
                await self._next_answer()
        finally:
            for each in self._sends:
                each.cancel()
            if self._sends:
                await asyncio.wait(self._sends)
            self._sends = set()

    async def _begin(self, batch: Sequence[StoredItem]) -> None:
        while len(self._sends) >= SENDS_AT_ONCE:
            await self._next_answer()
        await self.place.invoices_at_rest.wait()
        self.place.go_on()
        self._sends.add(asyncio.create_task(self._send(batch), name="send"))

    async def _next_answer(self) -> None:
        done, self._sends = await asyncio.wait(self._sends, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()

    def _batches(self, items: Sequence[StoredItem]) -> Iterator[Sequence[StoredItem]]:
        """As many as one call carries, of one resource each."""
        for resource, group in groupby(items, key=lambda each: each.resource):
            alike = list(group)
            size = self._size_of(resource)
            for start in range(0, len(alike), size):
                yield alike[start : start + size]

    def _size_of(self, resource: str) -> int:
        capabilities = self.place.payables.capabilities
        return capabilities.batch_sizes.get(resource, capabilities.default_batch)

    async def _send(self, batch: Sequence[StoredItem]) -> None:
        receipt = await self.place.payables.send([item_of(each) for each in batch])
        now = self.place.clock()
        await self.imports.note_sent(
            batch, request_id=receipt.request_id, refused=receipt.refused, run_id=self.run_id, at=now,
            next_check=now + timedelta(seconds=1),
        )  # fmt: skip
        self.counts.rejected += len(receipt.refused)
        self.counts.sent += len(batch) - len(receipt.refused)
        self._in_hand.difference_update((each.resource, each.code) for each in batch)

    # ------------------------------------------------------------------ outcomes

    async def await_outcomes(self) -> None:
        """Waits for every import that is under way, asking less and less often."""
        pause = 0.25
        while True:
            open_requests = await self.imports.requests()
            if not open_requests:
                return
            oldest = min(each.sent_at for each in open_requests)
            if self.place.clock() - oldest > PATIENCE:
                self.counts.failed += sum(len(each.items) for each in open_requests)
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
        items = {code: ImportItem(request.resource, code, text=_SENT) for code in request.items}
        outcome = await self.place.payables.outcome(request.request_id, list(items.values()))
        settled: dict[str, tuple[str, str]] = {}
        looks = FEEDBACK_LOOKS
        for each in outcome.items:
            if each.state is ItemState.PENDING or each.code not in items:
                continue
            explained = each
            if each.state is ItemState.UNCHANGED and looks > 0:
                looks -= 1
                explained = await self._explained(each, items[each.code])
            settled[each.code] = _settled(explained)
        done = outcome.done or len(settled) == len(items)
        await self.imports.settle(
            request, settled, done=done, at=self.place.clock(), next_check=self._next_check(request)
        )
        rejected = sum(status == "rejected" for status, _ in settled.values())
        self.counts.rejected += rejected
        self.counts.sent -= min(rejected, self.counts.sent)
        if done:
            await self.place.payables.settle_import(request.request_id)

    async def _explained(self, outcome: ItemOutcome, item: ImportItem) -> ItemOutcome:
        """Skipped as unchanged: it may be that the first copy, whose answer was lost, was rejected."""
        words = await self.place.payables.feedback(item)
        return outcome if words is None else replace(outcome, state=ItemState.REJECTED, message=words)

    def _next_check(self, request: OpenRequest) -> datetime:
        wait = min(LONGEST_CHECK, 2.0 ** min(request.checks, 8))
        return self.place.clock() + timedelta(seconds=wait)


def item_of(stored: StoredItem) -> ImportItem:
    """The item as it is sent."""
    return ImportItem(resource=stored.resource, code=stored.code, text=stored.text, stage=stored.stage)


def _stored(staged: Staged) -> StoredItem:
    return StoredItem(
        resource=staged.resource, code=staged.code, erp_key=staged.erp_key, stage=staged.stage, text=staged.text,
        hash=staged.hash,
    )  # fmt: skip


def _settled(outcome: ItemOutcome) -> tuple[str, str]:
    if outcome.state is ItemState.REJECTED:
        return "rejected", outcome.message or "The payables system gave no words."
    return "accepted", outcome.message
