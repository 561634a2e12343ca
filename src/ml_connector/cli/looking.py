"""Commands that look: ping, status, invoices, trail, reconcile, verify."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ml_connector.cli.output import Output
from ml_connector.cli.setting_up import Json
from ml_connector.cli.shell import FAILED, OK, Usage, with_process

if TYPE_CHECKING:
    from ml_connector.engine.process import Process
    from ml_connector.operations.documents import Filter, Listed
    from ml_connector.operations.reconcile import Reconciliation
    from ml_connector.operations.status import ConnectionStatus, FlowStatus
    from ml_connector.store.trail import Written


def ping(connection: str, /, *, as_json: Json = False) -> int:
    """Tests both sides, step by step: reach, TLS, sign in, rights, company, version.

    Parameters
    ----------
    connection
        Its name.
    """
    output = Output(as_json=as_json)

    async def work(process: Process) -> int:
        from ml_connector.operations.ping import ping as test

        steps = []
        async for each in test(process, connection):
            steps.append(each)
            if not as_json:
                step = each.step
                output.text(
                    f"{'ok  ' if step.ok else 'FAIL'} {each.side}: {step.name}: {step.detail} ({step.seconds:.2f} s)"
                )
                if not step.ok and step.advice:
                    output.text(f"     What to do: {step.advice}")
        if as_json:
            output.json([each.as_json() for each in steps])
        return OK if steps and all(each.step.ok for each in steps) else FAILED

    return with_process(output, work)


# ------------------------------------------------------------------ status


def status(connection: str | None = None, /, *, as_json: Json = False) -> int:
    """Each connection and flow: last run, next run, lag, counts, health.

    Parameters
    ----------
    connection
        Only this one.
    """
    output = Output(as_json=as_json)

    async def work(process: Process) -> int:
        from ml_connector.operations.status import read_status

        found = await read_status(process.database, now=process.clock(), connection=connection)
        if as_json:
            output.json([each.as_json() for each in found])
            return OK
        if not found:
            output.text("There is no connection yet. Make one with `ml-connector apply FILE`.")
        for each in found:
            _tell_status(output, each)
        return OK

    return with_process(output, work)


def _tell_status(output: Output, found: ConnectionStatus) -> None:
    simulated = ", simulated" if found.simulated else ""
    off = ", switched off" if not found.enabled else ""
    output.text(f"{found.connection}: {found.health} ({found.system}, company {found.company}{simulated}{off})")
    documents = ", ".join(f"{number} {name}" for name, number in sorted(found.documents.items()))
    output.text(f"  documents: {documents or 'none yet'}")
    for each in found.circuits:
        output.text(f"  {each.side} does not work since {_time(each.since)}: {each.detail}")
        output.text(f"    It is tried again at {_time(each.tried_again)}.")
    output.table(
        ("  FLOW", "LAST RUN", "OUTCOME", "NEXT RUN", "LAG", "COUNTS"),
        [_flow_row(each) for each in found.flows],
    )
    for each in found.flows:
        if each.error and each.outcome != "ok":
            output.text(f"  {each.flow}: {each.error}")
    output.text()


def _flow_row(flow: FlowStatus) -> tuple[str, ...]:
    counts = ", ".join(f"{number} {name}" for name, number in flow.counts.items() if number)
    outcome = "running" if flow.running else flow.outcome or ""
    following = _time(flow.next_run) if flow.enabled else "off"
    lag = f"{flow.lag:.0f} s" if flow.lag >= 1 else ""
    return f"  {flow.flow}", _time(flow.last_run), outcome, following, lag, counts


# ------------------------------------------------------------------ invoices and trail


def invoices(
    connection: str | None = None, /, *, status: str | None = None, reason: str | None = None,
    find: str | None = None, limit: int = 1000, as_json: Json = False,
) -> int:  # fmt: skip
    """The documents and where each stands, the one changed last first.

    Parameters
    ----------
    connection
        Only of this one.
    status
        Only with this status: held, posted, transferred, …
    reason
        Only with this reason: "vendor unknown", …
    find
        Only with this invoice number, supplier, ERP number or document id.
    limit
        At most so many; 0 gives all.
    """
    output = Output(as_json=as_json)

    async def work(process: Process) -> int:
        if limit < 0:
            raise Usage("--limit is 0 or more.")
        from ml_connector.operations.documents import stream_documents
        from ml_connector.operations.finding import require_connection

        if connection is not None:
            await require_connection(process.database, connection)
        found = stream_documents(process.database, _filter(connection, status, reason, find), limit=limit)
        if as_json:
            await _write_list(found)
        else:
            _tell_invoices(output, [each async for each in found])
        return OK

    return with_process(output, work)


def _filter(connection: str | None, status: str | None, reason: str | None, find: str | None) -> Filter:
    from ml_connector.operations.documents import Filter, reason_named, status_named

    try:
        return Filter(
            connection=connection, status=status_named(status) if status else None,
            reason=reason_named(reason) if reason else None, text=find or "",
        )  # fmt: skip
    except ValueError as error:
        raise Usage(str(error)) from None


async def _write_list(found: Any) -> None:
    """A JSON list, written as it is read: it may be long."""
    between = "["
    async for each in found:
        sys.stdout.write(between + json.dumps(each.as_json(), ensure_ascii=False))
        between = ",\n "
    sys.stdout.write("[]\n" if between == "[" else "]\n")
    sys.stdout.flush()


def _tell_invoices(output: Output, found: list[Listed]) -> None:
    if not found:
        output.text("No documents.")
        return
    output.table(
        ("DOCUMENT", "NUMBER", "SUPPLIER", "GROSS", "", "STATUS", "ERP NUMBER", "UPDATED", "REASON"),
        [
            (each.document_id, each.invoice_number, f"{each.supplier} {each.supplier_name}", each.gross, each.currency,
             each.status, each.erp_number, _time(each.updated), each.message or each.reason)
            for each in found
        ],
        right=("GROSS",),
    )  # fmt: skip


def trail(record: str, /, *, full: bool = False, as_json: Json = False) -> int:
    """The whole trail of one record.

    Parameters
    ----------
    record
        A document's id, invoice number or ERP number, or the code of a vendor, account, …
    full
        Also the requests and answers.
    """
    output = Output(as_json=as_json)

    async def work(process: Process) -> int:
        from ml_connector.operations.documents import entry_as_json, trail_of

        entries = await trail_of(process.database, record)
        if as_json:
            output.json([entry_as_json(each, full=full) for each in entries])
        else:
            for each in entries:
                _tell_entry(output, each, full=full)
        return OK

    return with_process(output, work)


def _tell_entry(output: Output, entry: Written, *, full: bool) -> None:
    output.text(f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.connection} #{entry.seq}  {entry.step}: {entry.outcome}"
                f"  ({entry.actor})")  # fmt: skip
    output.text(f"    {entry.summary}")
    detail = ", ".join(f"{name}={value}" for name, value in entry.detail.items() if value not in (None, "", []))
    if detail:
        output.text(f"    {detail}")
    if full:
        for each in entry.exchanges:
            output.text("    " + json.dumps(each, ensure_ascii=False, default=str))


# ------------------------------------------------------------------ reconcile and verify


def reconcile(connection: str, /, *, period: str | None = None, as_json: Json = False) -> int:
    """Approved = posted in the ERP + held + in flight + rejected, in count and money; every difference named.

    Where invoices go from the ERP: those in the ERP = entered + held + in flight + rejected + cancelled.

    Parameters
    ----------
    connection
        Its name.
    period
        The month of the posting date, as 2026-10; the current one where it is left out.
    """
    output = Output(as_json=as_json)

    async def work(process: Process) -> int:
        from ml_connector.operations.reconcile import Period
        from ml_connector.operations.reconcile import reconcile as compare

        try:
            month = Period.parse(period) if period else None
        except ValueError as error:
            raise Usage(str(error)) from None
        result = await compare(process, connection, period=month)
        if as_json:
            output.json(result.as_json())
        else:
            _tell_reconciliation(output, result)
        return OK if result.agrees else FAILED

    return with_process(output, work)


def _tell_reconciliation(output: Output, result: Reconciliation) -> None:
    output.text(f"{result.connection}, {result.period}: " + ("agrees." if result.agrees else "does not agree."))
    rows: list[tuple[str, ...]] = []
    supplied = any(each.with_cancelled for each in result.balances)
    for balance in result.balances:
        told = balance.as_json()
        names = ("approved", "posted", "held", "in_flight", "rejected", *(("cancelled",) if supplied else ()))
        rows.append((balance.currency, *(f"{told[name]['count']} / {told[name]['money']}" for name in names)))
    if rows:
        approved = ("IN THE ERP", "ENTERED") if supplied else ("APPROVED", "POSTED")
        cancelled = ("CANCELLED",) if supplied else ()
        headings = ("CURRENCY", *approved, "HELD", "IN FLIGHT", "REJECTED", *cancelled)
        output.table(headings, rows, right=headings[1:])
    for each in result.differences:
        amount = f" {each.amount} {each.currency}" if each.amount is not None else ""
        output.text(f"- {each.kind}: {each.invoice_number or each.document_id} of {each.supplier}{amount}")
        output.text(f"    {each.words}")


def verify(*, as_json: Json = False) -> int:
    """Checks the trail's chain: that nothing was altered, inserted or removed."""
    output = Output(as_json=as_json)

    async def work(process: Process) -> int:
        from ml_connector.operations.verify import verification_as_json
        from ml_connector.operations.verify import verify as check

        found = []
        async for each in check(process):
            found.append(each)
            if not as_json:
                name = each.connection or "(the product's own)"
                output.text(f"{name}: " + (each.fault or f"{each.entries} entries, whole."))
        if as_json:
            whole = all(each.fault is None for each in found)
            output.json({"ok": whole, "chains": [verification_as_json(each) for each in found]})
        elif not found:
            output.text("The trail is empty.")
        return FAILED if any(each.fault for each in found) else OK

    return with_process(output, work)


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
