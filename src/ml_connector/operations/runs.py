"""Runs asked for by a person: requested, worked here or elsewhere, and followed until they rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ml_connector.engine.process import Process
from ml_connector.engine.runs import request_runs
from ml_connector.engine.schedules import flows_of
from ml_connector.flows.workplace import Counts, LeaseLost
from ml_connector.operations.faults import nearest
from ml_connector.operations.finding import system_of
from ml_connector.records.flow import Flow, in_order
from ml_connector.store.database import Database

LOOK_EVERY: Final = 0.2
HELD_ELSEWHERE: Final = 1.0


class UnknownFlow(LookupError):
    """The connection has no flow of that name; the text says which it has."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class Options:
    """How a run differs from a scheduled one."""

    touch: bool = False
    """Sends unchanged records too, made different on purpose."""
    full: bool = False
    """Reads everything, not only what changed."""
    allow_deactivations: bool = False
    """Lifts the brake on mass deactivation for this run."""

    def as_json(self) -> Mapping[str, bool]:
        """As the run's row keeps them."""
        return {
            "touch": self.touch, "full": self.full, "allow_deactivations": self.allow_deactivations,
            "by_person": True,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunState:
    """A run as it stands. `outcome` is None until it is finished."""

    id: int
    connection: str
    flow: Flow
    trigger: str
    actor: str
    status: str
    outcome: str | None
    counts: Mapping[str, int]
    error: str | None
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def finished(self) -> bool:
        """True once it rests."""
        return self.status == "finished"

    @property
    def seconds(self) -> float:
        """From the moment it was asked for to its end; 0 until then."""
        return 0.0 if self.finished_at is None else round((self.finished_at - self.queued_at).total_seconds(), 3)

    def as_json(self) -> dict[str, Any]:
        """The line that `run --json` prints."""
        return {
            "connection": self.connection, "flow": str(self.flow), "outcome": self.outcome,
            **Counts().as_json(), **self.counts, "seconds": self.seconds, "error": self.error,
        }  # fmt: skip


async def choose_flows(database: Database, connection: str, names: Sequence[str]) -> list[Flow]:
    """The flows named, or all that are switched on, in the order they run.

    Raises `UnknownConnection`, `UnknownFlow`.
    """
    erp, payables = await system_of(database, connection)
    had = flows_of(erp.capabilities, payables.capabilities)
    if names:
        for name in names:
            if name not in had:
                raise UnknownFlow(f"{connection} has no flow {name}. {nearest(name, map(str, had))}")
        return in_order({Flow(name) for name in names})
    rows = await database.fetch("SELECT flow FROM schedule WHERE connection_id = :c AND enabled", c=connection)
    return in_order({Flow(row["flow"]) for row in rows})


async def request(
    process: Process, connection: str, flows: Sequence[Flow], *, options: Options, actor: str
) -> list[int]:
    """Asks for a run of each flow. Returns at once with their numbers."""
    return await request_runs(
        process.database, connection, flows, trigger="person", actor=actor, options=options.as_json(),
        now=process.clock(),
    )  # fmt: skip


async def follow(
    process: Process, connection: str, runs: Sequence[int], told: Callable[[RunState], None]
) -> list[RunState]:
    """Works the connection here (or waits for who works it) until the runs rest.

    `told` hears of each state that differs from the one before.
    """
    heard: dict[int, RunState] = {}
    async with working(process, connection):
        while True:
            states = await read_runs(process.database, runs)
            for state in states:
                if heard.get(state.id) != state:
                    heard[state.id] = state
                    told(state)
            if all(state.finished for state in states):
                return states
            await asyncio.sleep(LOOK_EVERY)


@asynccontextmanager
async def working(process: Process, connection: str) -> AsyncGenerator[None]:
    """Works the connection in this process as long as the block lasts, whenever nobody else does.

    At the block's end what is in hand is put down cleanly. Raises in the block what broke the work off.
    """
    over = asyncio.Event()
    block = asyncio.current_task()
    assert block is not None
    task = asyncio.create_task(_work(process, connection, over), name=f"work {connection}")

    def interrupt(done: asyncio.Task[None]) -> None:
        if _broke(done):
            block.cancel()

    task.add_done_callback(interrupt)
    try:
        yield
    except asyncio.CancelledError:
        if _broke(task):
            block.uncancel()
            task.result()
        raise
    finally:
        task.remove_done_callback(interrupt)
        over.set()
        process.put_down(connection)
        await asyncio.gather(task, return_exceptions=True)


def _broke(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


async def _work(process: Process, connection: str, over: asyncio.Event) -> None:
    while not over.is_set():
        try:
            worked = await process.work_now(connection)
        except LeaseLost:
            worked = False
        pause = LOOK_EVERY if worked else HELD_ELSEWHERE
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), timeout=pause)


async def read_runs(database: Database, runs: Sequence[int]) -> list[RunState]:
    """These runs, in the order they were asked for."""
    rows = await database.fetch("SELECT * FROM run WHERE id = ANY(:ids) ORDER BY id", ids=list(runs))
    return [run_from(row) for row in rows]


async def list_runs(
    database: Database, *, connection: str | None = None, flow: str | None = None, before: int | None = None,
    limit: int = 100,
) -> list[RunState]:  # fmt: skip
    """Runs, newest first; `before` is the last number of the page before."""
    rows = await database.fetch(
        """SELECT * FROM run WHERE (cast(:c AS text) IS NULL OR connection_id = :c)
            AND (cast(:f AS text) IS NULL OR flow = :f) AND (cast(:b AS bigint) IS NULL OR id < :b)
        ORDER BY id DESC LIMIT :limit""",
        c=connection, f=flow, b=before, limit=limit,
    )  # fmt: skip
    return [run_from(row) for row in rows]


def run_from(row: Mapping[str, Any]) -> RunState:
    """A run from its row."""
    return RunState(
        id=row["id"], connection=row["connection_id"], flow=Flow(row["flow"]), trigger=row["trigger"],
        actor=row["actor"], status=row["status"], outcome=row["outcome"], counts=row["counts"], error=row["error"],
        queued_at=row["queued_at"], started_at=row["started_at"], finished_at=row["finished_at"],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many documents of some runs rest aside for one reason, with one sentence of it."""

    status: str
    reason: str
    documents: int
    sentence: str


async def reasons_of(database: Database, runs: Sequence[int]) -> list[ReasonCount]:
    """Why documents of these runs did not go through, most frequent first."""
    from ml_connector.store.documents import findings_from

    rows = await database.fetch(
        """SELECT status, reason, count(*) AS documents, (array_agg(findings ORDER BY key))[1] AS findings
        FROM document WHERE run_id = ANY(:ids) AND status IN ('held', 'rejected') AND reason IS NOT NULL
        GROUP BY status, reason ORDER BY count(*) DESC, reason""",
        ids=list(runs),
    )
    return [
        ReasonCount(
            row["status"], row["reason"], row["documents"],
            " ".join(each.sentence() for each in findings_from(row["findings"] or [])[:1]),
        )
        for row in rows
    ]  # fmt: skip
