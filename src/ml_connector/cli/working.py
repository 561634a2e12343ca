"""Commands that make the product work: run, replay, link, reject."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from ml_connector.cli.output import Output
from ml_connector.cli.progress import Progress
from ml_connector.cli.setting_up import Json
from ml_connector.cli.shell import FAILED, OK, Usage, actor, with_process

if TYPE_CHECKING:
    from ml_connector.engine.process import Process
    from ml_connector.operations.replay import Replayed
    from ml_connector.operations.runs import RunState
    from ml_connector.store.documents import Document


def run(
    connection: str, /, *flows: str, touch: bool = False, full: bool = False, allow_deactivations: bool = False,
    as_json: Json = False,
) -> int:  # fmt: skip
    """Runs now, in the right order; returns when all that it started has come to rest.

    Parameters
    ----------
    connection
        Its name.
    flows
        Which ones: vendors, accounts, invoices, …; all that are switched on where none is named.
    touch
        Sends unchanged records again, made different on purpose, so that they are taken.
    full
        Reads everything, not only what changed.
    allow_deactivations
        Lifts the brake on mass deactivation, for this run.
    """
    output = Output(as_json=as_json)

    async def work(process: Process) -> int:
        from ml_connector.operations.runs import Options

        options = Options(touch=touch, full=full, allow_deactivations=allow_deactivations)
        return await run_flows(process, output, connection, flows, options=options)

    return with_process(output, work)


async def run_flows(process: Process, output: Output, connection: str, names: Sequence[str], *, options: Any) -> int:
    """Runs flows with progress and tells what came of them; the exit code."""
    from ml_connector.operations.runs import choose_flows, follow, request

    flows = await choose_flows(process.database, connection, names)
    if not flows:
        output.note(f"Every flow of {connection} is switched off; name one to run it all the same.")
        return OK
    runs = await request(process, connection, flows, options=options, actor=actor())
    with Progress(output) as progress:
        states = await follow(process, connection, runs, progress.tell_run)
    for state in states:
        if output.as_json:
            output.json(state.as_json())
    if not output.as_json:
        _tell_runs(output, states)
        await _tell_reasons(process, output, connection, runs)
    return OK if all(state.outcome == "ok" for state in states) else FAILED


def _tell_runs(output: Output, states: Sequence[RunState]) -> None:
    names = ("read", "sent", "unchanged", "posted", "held", "rejected", "failed")
    output.table(
        ("FLOW", "OUTCOME", *(name.upper() for name in names), "SECONDS"),
        [
            (state.flow, state.outcome, *(state.counts.get(name, 0) for name in names), f"{state.seconds:.1f}")
            for state in states
        ],
        right=(*(name.upper() for name in names), "SECONDS"),
    )
    for state in states:
        if state.error:
            output.text(f"{state.flow}: {state.error}")


async def _tell_reasons(process: Process, output: Output, connection: str, runs: Sequence[int]) -> None:
    from ml_connector.operations.runs import reasons_of

    reasons = await reasons_of(process.database, runs)
    for each in reasons:
        output.text(f"{each.documents} {each.status}: {each.reason}. {each.sentence}")
    for status in dict.fromkeys(each.status for each in reasons):
        output.text(f"See: ml-connector invoices {connection} --status {status}")


# ------------------------------------------------------------------ replay

Begin = Literal["start", "check", "post", "respond"]


def replay(
    *ids: str, held: bool = False, reason: str | None = None,
    begin: Annotated[Begin, Parameter(name="--from")] = "start", connection: str | None = None,
    no_wait: bool = False, as_json: Json = False,
) -> int:  # fmt: skip
    """Tries documents again; returns when they have come to rest. What is posted is never posted twice.

    Parameters
    ----------
    ids
        Documents by id, key or invoice number.
    held
        All that are held.
    reason
        All that are held for this reason.
    begin
        start reads the document again, check checks what is stored, post goes on with the draft,
        respond tells of what is posted.
    connection
        Only of this connection.
    no_wait
        Returns at once; a worker does the work.
    """
    output = Output(as_json=as_json)

    async def work(process: Process) -> int:
        from ml_connector.operations.replay import Step
        from ml_connector.operations.replay import replay as send_back

        if bool(ids) == (held or reason is not None):
            raise Usage("Name the documents by their ids, or choose them with --held or --reason.")
        documents = await _chosen(process, ids, reason, connection)
        replayed = await send_back(process, documents, step=Step(begin), actor=actor())
        return await _follow_replayed(process, output, replayed, wait=not no_wait)

    return with_process(output, work)


async def _chosen(process: Process, ids: Sequence[str], reason: str | None, connection: str | None) -> list[Document]:
    from ml_connector.operations.documents import find_document, reason_named, select_documents
    from ml_connector.operations.finding import require_connection

    if connection is not None:
        await require_connection(process.database, connection)
    if ids:
        return [await find_document(process.database, each, connection=connection) for each in dict.fromkeys(ids)]
    try:
        wanted = reason_named(reason) if reason else None
    except ValueError as error:
        raise Usage(str(error)) from None
    return await select_documents(process.database, status=None, reason=wanted, connection=connection)


async def _follow_replayed(process: Process, output: Output, replayed: Sequence[Replayed], *, wait: bool) -> int:
    from ml_connector.operations.replay import follow_documents

    keys = [each.key for each in replayed if each.refusal is None]
    at_rest: list[Document] = []
    if wait and keys:
        with Progress(output) as progress:
            at_rest = await follow_documents(process, keys, progress.tell_documents)
    tell = _replayed_as_json if output.as_json else _tell_replayed
    tell(output, replayed, {each.key: each for each in at_rest})
    bad = any(each.refusal for each in replayed) or any(each.status in ("held", "rejected") for each in at_rest)
    return FAILED if bad or any(each.next_due is not None for each in at_rest) else OK


def _replayed_as_json(output: Output, replayed: Sequence[Replayed], at_rest: dict[str, Document]) -> None:
    told: list[dict[str, Any]] = []
    for each in replayed:
        document = at_rest.get(each.key)
        told.append({
            "key": each.key, "connection": each.connection, "document_id": each.document_id,
            "invoice_number": each.invoice_number, "replayed": each.refusal is None, "refusal": each.refusal,
            "status": str(document.status) if document else None,
            "reason": str(document.reason) if document and document.reason else None,
            "erp_number": document.bill_number if document and document.posted_at else None,
        })  # fmt: skip
    output.json({"replayed": told})


def _tell_replayed(output: Output, replayed: Sequence[Replayed], at_rest: dict[str, Document]) -> None:
    if not replayed:
        output.text("Nothing to replay: no document is held like that.")
    for each in replayed:
        document = at_rest.get(each.key)
        name = f"{each.invoice_number or each.document_id} ({each.document_id})"
        if each.refusal is not None:
            output.text(f"{name}: not replayed. {each.refusal}")
        elif document is None:
            output.text(f"{name}: goes back to work.")
        else:
            words = " ".join(finding.sentence() for finding in document.findings)
            number = f" as {document.bill_number}" if document.posted_at else ""
            output.text(f"{name}: {document.status}{number}. {words}".rstrip())


# ------------------------------------------------------------------ link and reject


def link(
    document: str, bill: str, /, *, connection: str | None = None, no_wait: bool = False, as_json: Json = False
) -> int:
    """Says that a bill in the ERP is this held invoice. No bill is made; Basware is told of that one.

    Parameters
    ----------
    document
        The held document: its id, key or invoice number.
    bill
        The posted bill's number in the ERP.
    connection
        Where the document is, if its name is not enough.
    no_wait
        Returns at once; a worker tells Basware.
    """

    async def decide(process: Process, found: Document) -> Document:
        from ml_connector.operations.replay import link as tie

        return await tie(process, found, bill, actor=actor())

    return _decide(Output(as_json=as_json), document, connection, decide, wait=not no_wait)


def reject(
    document: str, /, *, message: str, connection: str | None = None, no_wait: bool = False, as_json: Json = False
) -> int:
    """Returns a held invoice to the clerk in Basware, with a message.

    Parameters
    ----------
    document
        The held document: its id, key or invoice number.
    message
        What the clerk reads.
    connection
        Where the document is, if its name is not enough.
    no_wait
        Returns at once; a worker tells Basware.
    """

    async def decide(process: Process, found: Document) -> Document:
        from ml_connector.operations.replay import reject as send_back

        return await send_back(process, found, message, actor=actor())

    return _decide(Output(as_json=as_json), document, connection, decide, wait=not no_wait)


def _decide(
    output: Output, name: str, connection: str | None, decide: Callable[..., Any], *, wait: bool
) -> int:  # fmt: skip
    async def work(process: Process) -> int:
        from ml_connector.operations.documents import document_as_json, find_document
        from ml_connector.operations.replay import follow_documents

        decided: Document = await decide(process, await find_document(process.database, name, connection=connection))
        if wait:
            with Progress(output) as progress:
                (decided,) = await follow_documents(process, [decided.key], progress.tell_documents)
        if output.as_json:
            output.json(document_as_json(decided))
        else:
            number = f" as {decided.bill_number}" if decided.posted_at else ""
            output.text(f"{_named(decided)}: {decided.status}{number}.")
        return FAILED if wait and (decided.status == "held" or decided.next_due is not None) else OK

    return with_process(output, work)


def _named(document: Document) -> str:
    return f"{document.invoice_number or document.document_id} ({document.document_id})"
