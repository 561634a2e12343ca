"""The two roads that documents go: approved invoices into the ledger, the ERP's invoices into the payables system."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Protocol

from sqlalchemy import text

from ml_connector.connectors.base import NotificationKind
from ml_connector.connectors.manifest import SourceCapabilities
from ml_connector.engine.runs import Run, defer_work
from ml_connector.engine.subscription import pass_on
from ml_connector.flows.circuit import Circuits
from ml_connector.flows.files import FileFlow
from ml_connector.flows.intake import take_in
from ml_connector.flows.invoices import InvoiceFlow
from ml_connector.flows.pages import read_ahead
from ml_connector.flows.supplier_invoices import SupplierIntake, SupplierInvoiceFlow, release_waiting
from ml_connector.flows.workplace import Counts, Workplace
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import TransferStage

RECOVERY_EVERY: Final = timedelta(hours=24)


class Road(Protocol):
    """The documents of one connection: how they are found, and how they are brought on."""

    @property
    def flow(self) -> Flow:
        """The flow whose runs find them."""
        ...

    @property
    def followers(self) -> tuple[Flow, ...]:
        """Flows about the same documents, to be run when none of them is in hand."""
        ...

    async def poll(self, run: Run, counts: Counts) -> None:
        """Finds what there is, once a run. Raises ConnectorError."""
        ...

    async def follow(self, row: Mapping[str, Any]) -> None:
        """Does what a notification of a document orders. Raises ConnectorError."""
        ...

    async def bring_on_due(self) -> int:
        """Brings on every document that is due. The number brought on."""
        ...

    async def rest(self) -> None:
        """What is done when no document is due."""
        ...

    def counted(self, row: Mapping[str, Any], counts: Counts) -> Counts:
        """A run's counts, from those of its poll and of where its documents rest."""
        ...


def road_of(place: Workplace, circuits: Circuits, news: asyncio.Event, *, receives: bool) -> Road:
    """The road that a connection's documents go."""
    if isinstance(place.erp.capabilities, SourceCapabilities):
        return SuppliedRoad(place, circuits)
    return ApprovedRoad(place, circuits, news, receives=receives)


class ApprovedRoad:
    """Approved invoices, from the payables system into the ledger."""

    flow = Flow.INVOICES
    followers: tuple[Flow, ...] = ()

    def __init__(self, place: Workplace, circuits: Circuits, news: asyncio.Event, *, receives: bool) -> None:
        self.place = place
        self.circuits = circuits
        self.news = news
        self.receives = receives
        self.documents = InvoiceFlow(place, circuits)

    async def poll(self, run: Run, counts: Counts) -> None:
        await _adopt_due(self.place, run)
        await self._offered(run_id=run.id, source=run.trigger, counts=counts)
        if run.by_person or await self._recovery_is_due():
            await self._take_missed()
            async for page in self.place.payables.unfinished():
                await take_in(self.place, page.records, run_id=run.id, source="recovery")
        await self.circuits.heard("payables")

    async def follow(self, row: Mapping[str, Any]) -> None:
        if row["kind"] == NotificationKind.UNKNOWN:
            await self._offered(run_id=None, source="webhook", counts=Counts())
            return
        document = await self.place.payables.read_document(row["subject"])
        if document is not None and document.company == self.place.company:
            await take_in(self.place, [document], run_id=None, source="webhook")
        elif document is not None:
            await pass_on(self.place, company=document.company, **row)

    async def bring_on_due(self) -> int:
        return await self.documents.bring_on_due()

    async def rest(self) -> None:
        await FileFlow(self.place).run()

    def counted(self, row: Mapping[str, Any], counts: Counts) -> Counts:
        return Counts(
            read=counts.read, unchanged=counts.unchanged, sent=row["told"], posted=row["done"], held=row["held"],
            rejected=row["rejected"], failed=row["open"],
        )  # fmt: skip

    async def _take_missed(self) -> None:
        """Notifications the payables system gave up on."""
        if not self.receives:
            return
        since = self.place.clock() - 2 * RECOVERY_EVERY
        async for missed in self.place.payables.missed_notifications(since=since):
            for each in missed:
                await self.place.database.execute(
                    """INSERT INTO notification (connection_id, task_id, kind, subject, received_at)
                    VALUES (:c, :task, :kind, :subject, :now) ON CONFLICT DO NOTHING""",
                    c=self.place.connection, task=each.id, kind=each.kind, subject=each.subject,
                    now=self.place.clock(),
                )  # fmt: skip
            self.news.set()

    async def _offered(self, *, run_id: int | None, source: str, counts: Counts) -> None:
        async for page in read_ahead(self.place.payables.offered()):
            offered = [each for each in page.records if each.stage is TransferStage.OFFERED]
            new, known = await take_in(self.place, offered, run_id=run_id, source=source)
            counts.read += len(page.records)
            counts.unchanged += known
            if new:
                self.news.set()

    async def _recovery_is_due(self) -> bool:
        """Once a day also what was fetched but never answered: the store may have been restored from a backup."""
        row = await self.place.database.fetch_one(
            """INSERT INTO mark (connection_id, flow, swept_at, updated_at) VALUES (:c, 'invoices', :now, :now)
            ON CONFLICT (connection_id, flow) DO UPDATE SET swept_at = :now, updated_at = :now
            WHERE mark.swept_at IS NULL OR mark.swept_at <= :limit RETURNING 1 AS due""",
            c=self.place.connection, now=self.place.clock(), limit=self.place.clock() - RECOVERY_EVERY,
        )  # fmt: skip
        return row is not None


class SuppliedRoad:
    """Supplier invoices, from the ERP into the payables system."""

    flow = Flow.SUPPLIER_INVOICES
    followers: tuple[Flow, ...] = (Flow.STATUSES,)

    def __init__(self, place: Workplace, circuits: Circuits) -> None:
        self.place = place
        self.circuits = circuits
        self.documents = SupplierInvoiceFlow(place, circuits)

    async def poll(self, run: Run, counts: Counts) -> None:
        await release_waiting(self.place)
        await _adopt_due(self.place, run)
        intake = SupplierIntake(self.place, counts, run_id=run.id, source=run.trigger)
        await intake.run(full=bool(run.options.get("full")))
        await self.circuits.heard("ledger")

    async def follow(self, row: Mapping[str, Any]) -> None:
        """A document of ours is looked after by a run of the statuses; of others only who they are for is asked."""
        ours = await self.place.database.fetch_one(
            "SELECT 1 AS there FROM document WHERE connection_id = :c AND payables_id = :id",
            c=self.place.connection, id=row["subject"],
        )  # fmt: skip
        if ours is None and row["kind"] != NotificationKind.UNKNOWN:
            document = await self.place.payables.read_document(row["subject"])
            if document is None:
                return
            if document.company != self.place.company:
                await pass_on(self.place, company=document.company, **row)
                return
        async with self.place.database.transaction() as transaction:
            values = {"c": self.place.connection, "f": str(Flow.STATUSES), "now": self.place.clock()}
            await transaction.execute(_START_RUN, values)
            await defer_work(transaction, self.place.connection)

    async def bring_on_due(self) -> int:
        return await self.documents.bring_on_due()

    async def rest(self) -> None:
        """Nothing: an invoice's files go with it."""

    def counted(self, row: Mapping[str, Any], counts: Counts) -> Counts:
        return Counts(
            read=counts.read, unchanged=counts.unchanged, sent=row["done"], held=row["held"],
            rejected=row["rejected"], failed=row["open"],
        )  # fmt: skip


async def _adopt_due(place: Workplace, run: Run) -> None:
    await place.database.execute(
        "UPDATE document SET run_id = :run WHERE connection_id = :c AND next_due <= :now",
        run=run.id, c=place.connection, now=place.clock(),
    )  # fmt: skip


# A run that has not begun stands for this notification too; one that has may have read past the change.
_START_RUN = text(
    """INSERT INTO run (connection_id, flow, trigger, actor, queued_at)
    SELECT :c, :f, 'webhook', 'webhook', :now
    WHERE NOT EXISTS (SELECT 1 FROM run WHERE connection_id = :c AND flow = :f AND status = 'queued')
        AND EXISTS (SELECT 1 FROM schedule WHERE connection_id = :c AND flow = :f AND enabled)"""
)
