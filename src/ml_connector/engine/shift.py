"""A shift: one process working one connection, for a slice of time or until nothing is due.

Lanes run side by side within what the vendors allow: documents in one, master data and payments in the other.
Documents come first: imports give way while one is being worked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from ml_connector.connectors.base import NotificationKind
from ml_connector.connectors.errors import ConnectorError
from ml_connector.engine.roads import Road, road_of
from ml_connector.engine.runs import Run
from ml_connector.engine.subscription import (
    CHANGES,
    RENEW_EVERY,
    TRY_AGAIN,
    Receiver,
    keep_announced,
    keep_subscribed,
)
from ml_connector.flows.circuit import Circuits
from ml_connector.flows.master_data import Braked, MasterDataFlow, Options
from ml_connector.flows.payments import PaymentFlow
from ml_connector.flows.statuses import StatusFlow
from ml_connector.flows.supplier_invoices import release_waiting
from ml_connector.flows.workplace import Counts, LeaseLost, PutDown, Workplace
from ml_connector.records.flow import DEPENDS_ON, MASTER_DATA, Flow
from ml_connector.store.documents import ACTIVE
from ml_connector.store.trail import Entry

log = structlog.get_logger(__name__)

REST_WITHIN: Final = timedelta(seconds=30)
"""A document that is tried again within this time is waited for by the run that brought it."""


@dataclass(slots=True)
class Shift:
    """The work on one connection."""

    place: Workplace
    circuits: Circuits = field(init=False)
    road: Road = field(init=False)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by whoever learns that there is more to do."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    receiver: Receiver | None = None
    """Set in a process that also receives notifications."""
    webhook_token: str | None = field(default=None, repr=False)
    system: str = ""
    announced: frozenset[Flow] = frozenset()
    """Flows that the ERP's own notifications are to start."""

    def __post_init__(self) -> None:
        self.circuits = Circuits(self.place)
        self.road = road_of(self.place, self.circuits, self.news, receives=self.receiver is not None)
        self.place.invoices_at_rest.set()

    async def work(self) -> None:
        """Works until nothing is due now or the slice is over. Raises LeaseLost where it was taken over."""
        await self.circuits.load()
        if self.receiver is not None and self.circuits.opens_at() is None:
            await keep_subscribed(self.place, self.receiver, token=self.webhook_token)
            await keep_announced(self.place, self.receiver, system=self.system, flows=self.announced)
        try:
            async with asyncio.TaskGroup() as lanes:
                imports = lanes.create_task(self._import_lane())
                lanes.create_task(self._document_lane(imports))
        except BaseExceptionGroup as several:
            # Not `except*`: what is raised inside one may come out as a group again (it does in 3.11.2, Debian 12), and
            # nobody would know it for what it is.
            of_lease = several.subgroup((LeaseLost, DBAPIError))
            if of_lease is None:
                raise
            first = _first(of_lease)
            if isinstance(first, LeaseLost) or is_lease_lost(first):
                raise LeaseLost(str(first)) from first
            raise first from None
        await self._note_next_due()

    def close(self) -> None:
        """The process is about to end: nothing more is begun, what takes long is put down."""
        self.place.closing.set()
        self.place.stopping.set()
        self.news.set()

    # ------------------------------------------------------------------ documents

    async def _document_lane(self, imports: asyncio.Task[None]) -> None:
        while not self.place.stopping.is_set():
            self.news.clear()
            done = await self._take_notifications()
            runs = await self._ready_runs()
            for run in runs:
                await self._poll(run)
            self.place.invoices_at_rest.clear()
            try:
                done += await self.road.bring_on_due()
            finally:
                self.place.invoices_at_rest.set()
            settled = [await self._finish_documents(run) for run in runs]
            done += await self._run_followers()
            if imports.done() and await self._is_blocked(self.road.flow):
                return  # what it waits for was asked for after the imports had ended: another shift does both
            if not done and all(settled) and not await self._wait_a_little():
                await self.road.rest()
                if not await self._news_during(imports):
                    return

    async def _ready_runs(self) -> list[Run]:
        """Runs that find documents, unless one is still to be run that they wait for."""
        if await self._is_blocked(self.road.flow):
            return []
        return await self._open_runs((self.road.flow,))

    async def _run_followers(self) -> int:
        """Runs about documents, while none is in hand."""
        done = 0
        for flow in self.road.followers:
            if not await self._is_blocked(flow):
                for run in await self._open_runs((flow,)):
                    await self._do(run)
                    done += 1
        return done

    async def _is_blocked(self, flow: Flow) -> bool:
        """True while a run is asked for, and another is still to be run that it depends on."""
        row = await self.place.database.fetch_one(
            """SELECT 1 AS there FROM run mine JOIN run other USING (connection_id)
            WHERE mine.connection_id = :c AND mine.flow = :f AND mine.status <> 'finished'
                AND other.flow = ANY(:before) AND other.status <> 'finished' LIMIT 1""",
            c=self.place.connection, f=flow, before=[str(each) for each in DEPENDS_ON.get(flow, ())],
        )  # fmt: skip
        return row is not None

    async def _news_during(self, imports: asyncio.Task[None]) -> bool:
        """True when news came before the imports ended: a notification does not wait for them."""
        news = asyncio.create_task(self.news.wait(), name="news")
        try:
            await asyncio.wait({imports, news}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
        return self.news.is_set()

    async def _wait_a_little(self) -> bool:
        """True when the lane should look again: news came, or a run's documents are due again soon."""
        if self.news.is_set():
            return True
        if not await self._is_open((self.road.flow, *self.road.followers)):
            return False
        with suppress(TimeoutError):
            await asyncio.wait_for(self.news.wait(), timeout=0.2)
        return True

    async def _take_notifications(self) -> int:
        rows = await self.place.database.fetch(
            "SELECT task_id, kind, subject FROM notification WHERE connection_id = :c AND handled_at IS NULL "
            "ORDER BY received_at LIMIT 200",
            c=self.place.connection,
        )  # fmt: skip
        if not rows or self.circuits.opens_at() is not None:
            return 0
        handled: list[str] = []
        slots = asyncio.Semaphore(self.place.payables.capabilities.parallel_documents)

        async def look(row: Mapping[str, Any]) -> None:
            async with slots:
                if await self._look(row):
                    handled.append(row["task_id"])

        await asyncio.gather(*(look(row) for row in rows))
        await self.place.database.execute(
            "UPDATE notification SET handled_at = :now WHERE connection_id = :c AND task_id = ANY(:ids)",
            now=self.place.clock(), c=self.place.connection, ids=handled,
        )  # fmt: skip
        return len(handled)

    async def _look(self, row: Mapping[str, Any]) -> bool:
        """Does what a notification orders; False where the other side cannot be reached now."""
        try:
            if row["kind"] == NotificationKind.IMPORT:
                await self._ask_after_import(row["subject"])
            else:
                await self.road.follow(row)
            await self.circuits.heard("payables")
        except ConnectorError as error:
            if self.place.concerns_side(error):
                await self.circuits.trip(error)
                return False
            log.warning("A notification could not be followed.", error=str(error), subject=row["subject"])
        return True

    async def _ask_after_import(self, request_id: str) -> None:
        # A batch that had to be split carries several ids.
        await self.place.database.execute(
            "UPDATE import_request SET next_check = :now WHERE connection_id = :c "
            "AND :id = ANY(string_to_array(request_id, ','))",
            c=self.place.connection, id=request_id, now=self.place.clock(),
        )  # fmt: skip

    async def _poll(self, run: Run) -> None:
        """Reads what is offered, once a run; what is known already stays as it is."""
        if run.options.get("polled"):
            return
        counts = Counts()
        if run.by_person:
            await self.circuits.try_now()
        try:
            await self.road.poll(run, counts)
        except ConnectorError as error:
            if self.place.concerns_side(error):
                await self.circuits.trip(error)
            await self._finish(run, "failed", counts, error=str(error))
            return
        run_options = {**run.options, "polled": True}
        await self.place.database.execute(
            "UPDATE run SET options = cast(:o AS jsonb), counts = cast(:n AS jsonb) WHERE id = :id",
            o=json.dumps(run_options), n=json.dumps(counts.as_json()), id=run.id,
        )  # fmt: skip

    async def _finish_documents(self, run: Run) -> bool:
        """Finishes a run once everything it brought rests. True when it is finished."""
        row = await self.place.database.fetch_one(
            """SELECT r.status, r.counts,
                count(d.key) FILTER (WHERE d.status IN ('posted', 'transferred', 'paid')) AS done,
                count(d.key) FILTER (WHERE d.status = 'held') AS held,
                count(d.key) FILTER (WHERE d.status = 'rejected') AS rejected,
                count(d.key) FILTER (WHERE d.responded_at IS NOT NULL) AS told,
                count(d.key) FILTER (WHERE d.status = ANY(:active)) AS open,
                min(d.next_due) FILTER (WHERE d.status = ANY(:active)) AS due
            FROM run r LEFT JOIN document d ON d.run_id = r.id WHERE r.id = :id GROUP BY r.id""",
            active=[str(each) for each in ACTIVE],
            id=run.id,
        )  # fmt: skip
        if row is None or row["status"] == "finished":
            return True
        waits = self.circuits.opens_at()
        due = row["due"] if waits is None or row["due"] is None else max(row["due"], waits)
        if row["open"] and due is not None and due <= self.place.clock() + REST_WITHIN:
            return False
        before = row["counts"]
        polled = Counts(read=before.get("read", 0), unchanged=before.get("unchanged", 0))
        counts = self.road.counted(row, polled)
        clean = not (counts.held or counts.rejected or counts.failed)
        error = await self._circuit_words() if counts.failed else None
        await self._finish(run, "ok" if clean else "partial", counts, error=error)
        return True

    async def _circuit_words(self) -> str | None:
        row = await self.place.database.fetch_one(
            "SELECT detail FROM circuit WHERE connection_id = :c ORDER BY since LIMIT 1", c=self.place.connection
        )
        return row["detail"] if row else None

    # ------------------------------------------------------------------ imports and payments

    async def _import_lane(self) -> None:
        """Runs side by side whatever does not wait for something else that is still to be run."""
        while not self.place.stopping.is_set():
            runs = await self._open_runs((*MASTER_DATA, Flow.PAYMENTS))
            if not runs:
                await self._collect_outcomes()
                return
            to_come = {run.flow for run in runs}
            ready = {run.flow: run for run in reversed(runs) if not to_come & DEPENDS_ON.get(run.flow, frozenset())}
            async with asyncio.TaskGroup() as side_by_side:
                for run in ready.values():
                    side_by_side.create_task(self._do(run))

    async def _do(self, run: Run) -> None:
        options = Options(
            touch=bool(run.options.get("touch")), full=bool(run.options.get("full")),
            allow_deactivations=bool(run.options.get("allow_deactivations")),
            by_person=bool(run.options.get("by_person")),
        )  # fmt: skip
        flow = self._flow_of(run, options)
        if self.circuits.opens_at() is not None and not options.by_person:
            await self._finish(run, "failed", flow.counts, error=await self._circuit_words())
            return
        try:
            missing = await self._missing_dependency(run)
            if missing is not None:
                await self._finish(run, "failed", flow.counts, error=missing)
                return
            counts = await flow.run()
        except* ConnectorError as several:
            error = _first(several)
            if isinstance(error, ConnectorError) and self.place.concerns_side(error):
                await self.circuits.trip(error)
            await self._finish(run, "failed", flow.counts, error=str(error))
        except* PutDown:
            log.info("A run was put down; it is taken up again.", connection=self.place.connection, flow=run.flow)
        except* Braked as several:
            await self._finish(run, "failed", flow.counts, error=str(_first(several)))
        else:
            for side in ("ledger", "payables"):
                await self.circuits.heard(side)
            partial = counts.rejected or counts.failed or counts.held
            words = flow.held_words if isinstance(flow, MasterDataFlow) else None
            await self._release(run)
            await self._finish(run, "partial" if partial else "ok", counts, error=words)

    def _flow_of(self, run: Run, options: Options) -> MasterDataFlow | PaymentFlow | StatusFlow:
        if run.flow is Flow.PAYMENTS:
            return PaymentFlow(self.place, run_id=run.id, full=options.full)
        if run.flow is Flow.STATUSES:
            return StatusFlow(self.place, run_id=run.id, full=options.full)
        return MasterDataFlow(self.place, run.flow, run_id=run.id, options=options)

    async def _release(self, run: Run) -> None:
        """What waited for the records of this run goes on; its own errors are not this run's."""
        if run.flow is Flow.VENDORS and not await self._is_open((Flow.PURCHASE_ORDERS,)):
            orders = MasterDataFlow(self.place, Flow.PURCHASE_ORDERS, run_id=run.id, options=Options())
            try:
                await orders.send_released()
            except* ConnectorError as several:
                error = _first(several)
                if isinstance(error, ConnectorError) and self.place.concerns_side(error):
                    await self.circuits.trip(error)
                log.warning("What waited for a supplier could not be sent.", error=str(error))
            except* PutDown:
                log.info("What waited for a supplier is sent later.", connection=self.place.connection)
        supplies = self.road.flow is Flow.SUPPLIER_INVOICES and run.flow in DEPENDS_ON[Flow.SUPPLIER_INVOICES]
        if supplies and await release_waiting(self.place):
            self.news.set()

    async def _is_open(self, flows: tuple[Flow, ...]) -> bool:
        """True while a run of one of these flows is asked for or under way."""
        row = await self.place.database.fetch_one(
            "SELECT 1 AS there FROM run WHERE connection_id = :c AND flow = ANY(:f) AND status <> 'finished' LIMIT 1",
            c=self.place.connection, f=[str(each) for each in flows],
        )  # fmt: skip
        return row is not None

    async def _missing_dependency(self, run: Run) -> str | None:
        """A flow waits for those it depends on: they must have come through once."""
        needed = [flow for flow in DEPENDS_ON.get(run.flow, ()) if flow in self.place.erp.capabilities.reads]
        rows = await self.place.database.fetch(
            """SELECT s.flow FROM schedule s LEFT JOIN mark m USING (connection_id, flow)
            WHERE s.connection_id = :c AND s.enabled AND s.flow = ANY(:needed) AND m.flow IS NULL""",
            c=self.place.connection, needed=[str(each) for each in needed],
        )  # fmt: skip
        if not rows:
            return None
        names = ", ".join(sorted(row["flow"] for row in rows))
        return f"{run.flow} waits for {names}, which has not come through yet. Run that first."

    async def _collect_outcomes(self) -> None:
        """Asks after imports of earlier runs whose outcome is still open."""
        rows = await self.place.database.fetch(
            "SELECT DISTINCT flow FROM import_request WHERE connection_id = :c AND next_check <= :now",
            c=self.place.connection, now=self.place.clock(),
        )  # fmt: skip
        for row in rows:
            flow = MasterDataFlow(self.place, Flow(row["flow"]), run_id=0, options=Options())
            try:
                await flow.dispatch.collect_outcomes()
            except ConnectorError as error:
                log.warning("The outcome of an import could not be read.", flow=row["flow"], error=str(error))
                return

    # ------------------------------------------------------------------ runs

    async def _open_runs(self, flows: tuple[Flow, ...]) -> list[Run]:
        """Runs asked for, and those an earlier process left unfinished."""
        rows = await self.place.database.fetch(
            """UPDATE run SET status = 'running', started_at = coalesce(started_at, :now)
            WHERE connection_id = :c AND status <> 'finished' AND flow = ANY(:flows)
            RETURNING id, flow, trigger, actor, options""",
            c=self.place.connection, flows=[str(each) for each in flows], now=self.place.clock(),
        )  # fmt: skip
        runs = [Run(row["id"], Flow(row["flow"]), row["trigger"], row["actor"], row["options"]) for row in rows]
        order = {flow: place for place, flow in enumerate(Flow)}
        return sorted(runs, key=lambda run: (order[run.flow], run.id))

    async def _finish(self, run: Run, outcome: str, counts: Counts, *, error: str | None = None) -> None:
        now = self.place.clock()
        entry = Entry(
            flow=run.flow, record=f"run/{run.id}", step="run", outcome=outcome, actor=run.actor,
            summary=error or f"The run of {run.flow} came to its end.",
            detail={**counts.as_json(), "trigger": run.trigger},
        )  # fmt: skip
        async with self.place.database.transaction() as transaction:
            await transaction.execute(
                text(
                    """UPDATE run SET status = 'finished', outcome = :outcome, counts = cast(:counts AS jsonb),
                        error = :error, finished_at = :now WHERE id = :id"""
                ),
                {
                    "outcome": outcome, "counts": json.dumps(counts.as_json()), "error": error, "now": now,
                    "id": run.id,
                },
            )  # fmt: skip
            # Polls that found nothing new would only fill the trail.
            if run.trigger != "schedule" or outcome != "ok" or counts.sent or counts.posted:
                await self.place.scribe.append(
                    transaction, self.place.connection, [entry], epoch=self.place.epoch, at=now
                )

    async def _note_next_due(self) -> None:
        """Leaves word when the connection is due again, for the tick.

        What somebody else wished while this shift went on stays, though the statement may not see why: its answers are
        of the moment it began, and it may have waited for the row. At worst there is one look too many.
        """
        wait = self.circuits.opens_at()
        await self.place.database.execute(
            """UPDATE connection SET next_due = least(next_due, (
                SELECT min(due) FROM (
                    SELECT greatest(min(next_due), cast(:wait AS timestamptz)) AS due FROM document
                        WHERE connection_id = :c AND next_due IS NOT NULL
                    UNION ALL SELECT min(next_check) FROM import_request
                        WHERE connection_id = :c AND next_check IS NOT NULL
                    UNION ALL SELECT greatest(min(received_at), cast(:wait AS timestamptz)) FROM notification
                        WHERE connection_id = :c AND handled_at IS NULL
                    UNION ALL SELECT min(queued_at) FROM run WHERE connection_id = :c AND status <> 'finished'
                    -- An ERP's subscriptions end by themselves, however seldom the flows run.
                    UNION ALL SELECT greatest(
                        updated_at + CASE WHEN value LIKE 'at %' THEN cast(:renew AS interval)
                            ELSE cast(:again AS interval) END,
                        cast(:wait AS timestamptz)
                    ) FROM mark WHERE connection_id = :c AND flow = :changes AND cast(:receives AS boolean)
                    -- Settings that were changed meanwhile are for another shift.
                    UNION ALL SELECT cast(:now AS timestamptz) FROM connection WHERE id = :c AND version <> :version
                ) AS all_due)) WHERE id = :c""",
            c=self.place.connection, wait=wait, renew=RENEW_EVERY, again=TRY_AGAIN, changes=CHANGES,
            receives=self.receiver is not None, version=self.place.version, now=self.place.clock(),
        )  # fmt: skip


def is_lease_lost(error: BaseException) -> bool:
    """True for the database's refusal of a write under an old epoch."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == "ML001"


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    first: BaseException = several
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first
