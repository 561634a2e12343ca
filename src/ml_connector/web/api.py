"""The REST API under /api/v1: the same operations as the command line."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from ml_connector.operations.documents import (
    Filter,
    Position,
    document_as_json,
    entry_as_json,
    find_document,
    list_documents,
    select_documents,
    trail_of,
)
from ml_connector.operations.finding import require_connection
from ml_connector.operations.ping import ping
from ml_connector.operations.reconcile import Period, reconcile
from ml_connector.operations.replay import Step, link, reject, replay
from ml_connector.operations.runs import Options, RunState, choose_flows, list_runs, read_runs, request
from ml_connector.operations.status import read_status
from ml_connector.operations.verify import verification_as_json, verify
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentStatus
from ml_connector.records.reason import Reason
from ml_connector.web import shapes
from ml_connector.web.access import Caller, Here, actor_of
from ml_connector.web.problems import Problem, described

router = APIRouter(prefix="/api/v1", responses=described(401, 403, 404, 422, 503))

NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"
ConnectionName = Annotated[str, Path(pattern=NAME, description="The connection's name.")]
Connection = Annotated[str | None, Query(pattern=NAME, description="Only of this connection.")]
Document = Annotated[
    str, Path(pattern=r"^[^\x00-\x1f]{1,200}$", description="A document's id, invoice number or ERP number.")
]  # fmt: skip
MISSING = described(404)
DECIDED = described(404, 409, 502)


# ------------------------------------------------------------------ connections


@router.get("/status")
async def status(process: Here, _caller: Caller, connection: Connection = None) -> list[shapes.Connection]:
    """Each connection and flow: last run, next run, lag, counts, health."""
    if connection is not None:
        await _known(process, connection)
    found = await read_status(process.database, now=process.clock(), connection=connection)
    return [shapes.Connection(**each.as_json()) for each in found]


@router.get("/connections")
async def connections(process: Here, _caller: Caller) -> list[shapes.ConnectionSummary]:
    """The connections there are."""
    found = await read_status(process.database, now=process.clock())
    return [shapes.ConnectionSummary(**_summary(each.as_json())) for each in found]


@router.get("/connections/{connection}/flows", responses=MISSING)
async def flows(process: Here, _caller: Caller, connection: ConnectionName) -> list[shapes.Flow]:
    """A connection's flows, in the order they run."""
    (found,) = await read_status(process.database, now=process.clock(), connection=connection)
    return [shapes.Flow(**each.as_json()) for each in found.flows]


@router.post("/connections/{connection}/ping", responses=described(404, 502))
async def ping_connection(process: Here, _caller: Caller, connection: ConnectionName) -> list[shapes.PingStep]:
    """Tests both sides, step by step."""
    return [shapes.PingStep(**each.as_json()) async for each in ping(process, connection)]


@router.get("/connections/{connection}/reconciliation", responses=described(404, 502))
async def reconciliation(
    process: Here, _caller: Caller, connection: ConnectionName,
    period: Annotated[str | None, Query(pattern=r"^[12][0-9]{3}-(0[1-9]|1[0-2])$", examples=["2026-10"])] = None,
) -> shapes.Reconciliation:  # fmt: skip
    """Approved = posted + held + in flight + rejected, for a month of the posting date; every difference named."""
    try:
        month = Period.parse(period) if period else None
        result = await reconcile(process, connection, period=month)
    except (ValueError, OverflowError) as error:
        raise Problem(422, str(error)) from None
    return shapes.Reconciliation(**result.as_json())


@router.get("/verification")
async def verification(process: Here, _caller: Caller) -> shapes.Verification:
    """Checks the trail's chain. Reads all of it."""
    chains = [verification_as_json(each) async for each in verify(process)]
    return shapes.Verification(ok=all(each["ok"] for each in chains), chains=[shapes.Chain(**each) for each in chains])


# ------------------------------------------------------------------ invoices


@router.get("/invoices")
async def invoices(
    process: Here, _caller: Caller, connection: Connection = None, status: DocumentStatus | None = None,
    reason: Reason | None = None,
    find: Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$", description="A number or id, exactly.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    after: Annotated[str | None, Query(max_length=600, description="`next` of the page before.")] = None,
) -> shapes.InvoicePage:  # fmt: skip
    """Documents, the one changed last first."""
    if connection is not None:
        await _known(process, connection)
    wanted = Filter(connection=connection, status=status, reason=reason, text=find)
    position = _position(after) if after else None
    found = await list_documents(process.database, wanted, limit=limit, after=position)
    following = _cursor(Position(found[-1].updated, found[-1].key)) if len(found) == limit else None
    return shapes.InvoicePage(items=[shapes.Invoice(**each.as_json()) for each in found], next=following)


@router.get("/invoices/{document:path}/trail", responses=MISSING)
async def invoice_trail(
    process: Here, _caller: Caller, document: Document, full: bool = False
) -> list[shapes.TrailEntry]:
    """Everything that was done about a document; `full` adds the requests and answers."""
    return [shapes.TrailEntry(**entry_as_json(each, full=full)) for each in await trail_of(process.database, document)]


@router.get("/invoices/{document:path}", responses=MISSING)
async def invoice(
    process: Here, _caller: Caller, document: Document, connection: Connection = None
) -> shapes.InvoiceDetail:
    """One document."""
    return shapes.InvoiceDetail(
        **document_as_json(await find_document(process.database, document, connection=connection))
    )


@router.post("/invoices/{document:path}/replay", status_code=202, responses=DECIDED)
async def replay_invoice(
    process: Here, caller: Caller, document: Document, how: shapes.ReplayOne | None = None,
    connection: Connection = None,
) -> shapes.InvoiceDetail:  # fmt: skip
    """Tries a document again. What is posted is never posted twice."""
    found = await find_document(process.database, document, connection=connection)
    begin = how.begin if how else Step.START
    (done,) = await replay(process, [found], step=begin, actor=actor_of(caller))
    if done.refusal is not None:
        raise Problem(409, done.refusal)
    return shapes.InvoiceDetail(**document_as_json(await find_document(process.database, found.key)))


@router.post("/replays", status_code=202, responses=described(404, 502))
async def replays(process: Here, caller: Caller, wanted: shapes.ReplayMany) -> list[shapes.Replayed]:
    """Tries all held documents again, or those held for one reason."""
    if wanted.connection is not None:
        await require_connection(process.database, wanted.connection)
    found = await select_documents(process.database, status=None, reason=wanted.reason, connection=wanted.connection)
    done = await replay(process, found, step=wanted.begin, actor=actor_of(caller))
    return [
        shapes.Replayed(
            key=each.key,
            connection=each.connection,
            document_id=each.document_id,
            invoice_number=each.invoice_number,
            replayed=each.refusal is None,
            refusal=each.refusal,
        )
        for each in done
    ]


@router.post("/invoices/{document:path}/link", status_code=202, responses=DECIDED)
async def link_invoice(
    process: Here, caller: Caller, document: Document, what: shapes.Link, connection: Connection = None
) -> shapes.InvoiceDetail:
    """Says that a posted bill in the ERP is this held invoice."""
    found = await find_document(process.database, document, connection=connection)
    return shapes.InvoiceDetail(**document_as_json(await link(process, found, what.bill, actor=actor_of(caller))))


@router.post("/invoices/{document:path}/reject", status_code=202, responses=DECIDED)
async def reject_invoice(
    process: Here, caller: Caller, document: Document, why: shapes.Rejection, connection: Connection = None
) -> shapes.InvoiceDetail:
    """Returns a held invoice to the clerk, with a message."""
    found = await find_document(process.database, document, connection=connection)
    return shapes.InvoiceDetail(**document_as_json(await reject(process, found, why.message, actor=actor_of(caller))))


# ------------------------------------------------------------------ runs


@router.post("/runs", status_code=202, responses=MISSING)
async def start_runs(process: Here, caller: Caller, wanted: shapes.RunRequest) -> list[shapes.Run]:
    """Asks for a run of each flow named, or of all that are switched on. A worker does them, in the right order."""
    options = Options(touch=wanted.touch, full=wanted.full, allow_deactivations=wanted.allow_deactivations)
    chosen = await choose_flows(process.database, wanted.connection, [str(each) for each in wanted.flows])
    ids = await request(process, wanted.connection, chosen, options=options, actor=actor_of(caller))
    return _runs(await read_runs(process.database, ids))


@router.get("/runs")
async def runs(
    process: Here, _caller: Caller, connection: Connection = None, flow: Flow | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="The last id of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[shapes.Run]:  # fmt: skip
    """Runs, newest first."""
    found = await list_runs(
        process.database, connection=connection, flow=str(flow) if flow else None, before=before, limit=limit
    )
    return _runs(found)


@router.get("/runs/{run}", responses=MISSING)
async def one_run(process: Here, _caller: Caller, run: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> shapes.Run:
    """One run."""
    found = await read_runs(process.database, [run])
    if not found:
        raise Problem(404, f"There is no run {run}.")
    return _runs(found)[0]


def _runs(states: Sequence[RunState]) -> list[shapes.Run]:
    return [
        shapes.Run(
            **state.as_json(),
            id=state.id,
            status=state.status,
            trigger=state.trigger,
            actor=state.actor,
            queued=state.queued_at,
            started=state.started_at,
            finished=state.finished_at,
        )
        for state in states
    ]


# ------------------------------------------------------------------ parts


async def _known(process: Here, connection: str) -> None:
    await require_connection(process.database, connection)


def _summary(told: dict[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in shapes.ConnectionSummary.model_fields}


def _cursor(position: Position) -> str:
    return base64.urlsafe_b64encode(f"{position.updated.isoformat()}|{position.key}".encode()).decode()


def _position(cursor: str) -> Position:
    try:
        updated, _, key = base64.urlsafe_b64decode(cursor.encode("ascii")).decode().partition("|")
        moment = datetime.fromisoformat(updated)
    except (ValueError, binascii.Error):
        raise Problem(422, "`after` is not the `next` of a page of this list.") from None
    if moment.tzinfo is None or "\x00" in key:
        raise Problem(422, "`after` is not the `next` of a page of this list.")
    return Position(moment, key)
