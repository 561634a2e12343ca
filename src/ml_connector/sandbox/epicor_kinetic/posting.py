"""Posting a group: a task of the server, which tells nobody that it is done (Epicor dossier 10, 17.41-43)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from ml_connector.sandbox.epicor_kinetic.books import Books
from ml_connector.sandbox.epicor_kinetic.coding import MAIN_BOOK, coding_fault
from ml_connector.sandbox.epicor_kinetic.errors import no_record, rejected
from ml_connector.sandbox.epicor_kinetic.groups import GROUP, entered_in, group_of, total_of
from ml_connector.sandbox.epicor_kinetic.habits import habits_of
from ml_connector.sandbox.epicor_kinetic.invoices import ACCOUNT, AMOUNT, HEAD, LINE, parts_of
from ml_connector.sandbox.epicor_kinetic.plugs import Outcome, Visit, due, operation, tableset
from ml_connector.sandbox.epicor_kinetic.schema import TABLES, Row
from ml_connector.sandbox.epicor_kinetic.tablesets import ZERO, day_of, text, whole

SERVICE = "Erp.PROC.APInvoicePostSvc"
AGENT = "SystemTaskAgent"
JOURNAL = "PJ"
_PARAMETERS = "APInvoicePostParam"
_WAITING = "postings"
Waiting = list[tuple[datetime, int, str]]
"""Postings under way: when each ends, its task and its group."""


@operation("Erp.BO.APInvGrpSvc", "PrePostGroupInvoices")
def pre_post(visit: Visit, asked: Row) -> Outcome:
    """What an accountant would be asked before the group is posted."""
    books, group = visit.books, group_of(visit.books, asked["PostGroupID"])
    if group is None:
        raise no_record()
    heads = [head for head in entered_in(books, group["GroupID"]) if not head.get("InvoiceHeld")]
    varied = [head["InvoiceNum"] for head in heads if head.get("DocInvoiceVariance")]
    message = f"A variance exists on invoice {', '.join(varied)}. Do you want to continue?" if varied else ""
    uncalculated = not books.switches.tax_calculated and any(_lacks_tax(books, head) for head in heads)
    return Outcome(parameters={"ReturnMessage": "", "VarianceMessage": message, "TaxCalcFlag": uncalculated})


def _lacks_tax(books: Books, head: Row) -> bool:
    return not head.get("ReadyToCalc") and any(line.get("TaxCatID") for line in parts_of(books, LINE, head))


@operation(SERVICE, "GetNewParameters")
def new_parameters(visit: Visit, _: Row) -> Outcome:
    """What the posting asks to be told."""
    row = {**TABLES[_PARAMETERS].blank, "SysRowID": visit.books.store.new_id()}
    return Outcome(returned={_PARAMETERS: [row]})


@operation(SERVICE, "SubmitToAgent")
def submit(visit: Visit, asked: Row) -> Outcome:
    """Gives the group to the task agent and answers at once: accepted is not done."""
    rows = tableset(asked["ds"]).get(_PARAMETERS) or []
    if not rows:
        raise rejected("The parameters of the process are missing.", table=_PARAMETERS)
    books, group = visit.books, group_of(visit.books, rows[0].get("GroupID"))
    if group is None:
        raise rejected(f"Invoice group {rows[0].get('GroupID')} is not valid.", table=GROUP, field="GroupID")
    if text(asked["agentID"]) != AGENT:
        raise rejected(f"Agent {asked['agentID']} is not valid.", table=_PARAMETERS, field="AgentID")
    if whole(asked["agentTaskNum"]) or whole(asked["agentSchedNum"]):
        raise rejected("The sandbox runs new tasks, at once, only.", table=_PARAMETERS)
    if group.get("PostInProcess"):
        raise rejected(f"Group {group['GroupID']} is being posted.", table=GROUP, field="PostInProcess")
    task = _start(visit, group, note=text(rows[0].get("TaskNote")))
    if books.switches.agent:
        ends = books.store.clock.now() + timedelta(seconds=books.switches.posting_seconds)
        waiting: Waiting = books.scratch.setdefault(_WAITING, [])
        waiting.append((ends, task["SysTaskNum"], group["GroupID"]))
    return Outcome()


def _start(visit: Visit, group: Row, *, note: str) -> Row:
    books = visit.books
    agent = books.switches.agent
    if agent:
        books.table(GROUP).put({**group, "PostInProcess": True, "PostErrorLog": ""})
    return books.table("SysTask").put(
        {
            "SysTaskNum": books.next_number("SysTask"),
            "TaskDescription": "Post AP Invoices",
            "TaskType": "Process",
            "RunProcedure": "Erp/Internal/AP/APInvoicePost.dll",
            "TaskNote": note,
            "StartedOn": books.store.utc() if agent else None,
            "SubmitUser": visit.user,
            # Without a running agent the task waits and nobody says so.
            "TaskStatus": "Active" if agent else "Pending",
            "Company": books.id,
            "AgentID": AGENT,
            "_group": group["GroupID"],
        }
    )


@due
def run_tasks(books: Books) -> None:
    """Runs the postings whose time has come to their end, in the order in which they were submitted."""
    waiting: Waiting = books.scratch.get(_WAITING, [])
    now = books.store.clock.now()
    for each in [each for each in waiting if each[0] <= now]:
        waiting.remove(each)
        run_task(books, each[1], each[2])


def run_task(books: Books, number: int, group_id: str) -> None:
    """Runs a posting to its end: the task itself, or how it breaks down."""
    task = books.table("SysTask").get(number)
    if task is None:
        return
    ended = {"EndedOn": books.store.utc(), "ProgressPercent": Decimal(100)}
    group = group_of(books, group_id)
    if books.switches.posting_task == "Complete":
        if group is not None:
            post_group(books, group)
        books.table("SysTask").put({**task, **ended, "TaskStatus": "Complete"})
    else:
        if group is not None:
            books.table(GROUP).put({**group, "PostInProcess": False})
        message = "The task ended because of an unexpected error."
        books.table("SysTask").put({**task, **ended, "TaskStatus": books.switches.posting_task, "ErrorMsg": message})


def post_group(books: Books, group: Row) -> None:
    """Posts what can be posted; what cannot stays with a text in PostErrorLog, and an empty group is gone."""
    group_id, holder = group["GroupID"], group.get("ActiveUserID", "")
    heads = entered_in(books, group_id)
    faults = {head["InvoiceNum"]: posting_fault(books, head) for head in heads}
    if holder:
        faults = dict.fromkeys(faults, f"Group {group_id} is in use by user {holder}.")
    held = {head["InvoiceNum"] for head in heads if head.get("InvoiceHeld")}
    if books.switches.whole_group and any(fault for number, fault in faults.items() if number not in held):
        # What is on hold stays by itself, and keeps nobody (Epicor dossier 9.1).
        kept = "Another invoice of the group cannot be posted."
        faults = {number: fault or kept for number, fault in faults.items()}
    for head in heads:
        if not faults[head["InvoiceNum"]]:
            post_invoice(books, head)
    left = {number: fault for number, fault in faults.items() if fault}
    if not left and not habits_of(books).keeps_groups:
        books.table(GROUP).drop(group)
        return
    log = "\r\n".join(f"Invoice {number}: {fault}" for number, fault in left.items())
    changed = {"PostInProcess": False, "PostErrorLog": log, "DispPostErrorLog": log}
    books.table(GROUP).put({**group, **changed, "BaseTotal": total_of(books, group_id)})


def posting_fault(books: Books, head: Row) -> str:
    """Why an invoice cannot be posted; empty when it can."""
    if head.get("InvoiceHeld"):
        return "Invoice is on hold"
    if head.get("DocInvoiceVariance"):
        lines = parts_of(books, LINE, head)
        return "Invoice Total does not agree with vendor's total" if lines else "Invoice with no detail"
    day = day_of(head.get("ApplyDate"))
    if day is None or not books.period_is_open(day.isoformat()):
        return "Fiscal period is closed for the apply date"
    return _lines_fault(books, head, day.isoformat())


def _lines_fault(books: Books, head: Row, day: str) -> str:
    lines = parts_of(books, LINE, head)
    if not lines:
        return "Invoice with no detail"
    distributed: dict[int, Decimal] = {}
    for amount in parts_of(books, AMOUNT, head):
        line = amount["InvoiceLine"]
        distributed[line] = distributed.get(line, ZERO) + amount.get("DocExpAmt", ZERO)
    accounts: dict[int, list[Row]] = {}
    for account in parts_of(books, ACCOUNT, head):
        if account.get("BookID", "") == MAIN_BOOK and account.get("RecordType") == "A":
            accounts.setdefault(account["InvoiceLine"], []).append(account)
    for line in lines:
        number = line["InvoiceLine"]
        if distributed.get(number, ZERO) != line.get("DocExtCost", ZERO):
            return f"GL distribution of line {number} does not agree with its amount"
        fault = next(filter(None, (coding_fault(books, row, day) for row in accounts.get(number, ()))), "")
        if fault or number not in accounts:
            return f"Line {number}: {fault or 'GL Account is missing.'}"
    return ""


def post_invoice(books: Books, head: Row) -> Row:
    """Makes an invoice an open payable. GLPosted stays as it was: it is about something else (Epicor dossier 17.42)."""
    day = day_of(head.get("ApplyDate")) or books.store.today()
    total = head.get("DocInvoiceAmt", ZERO)
    for line in parts_of(books, LINE, head):
        _count_invoiced(books, line)
    posted = {
        "Posted": True,
        "JournalCode": JOURNAL,
        "JournalNum": books.next_number("JournalNum"),
        "OpenPayable": total != ZERO,
    }
    if books.switches.legal_numbers:
        posted["LegalNumber"] = f"AP-{day.year}-{books.next_number('LegalNumber'):05d}"
    return books.table(HEAD).put({**head, **posted})


def _count_invoiced(books: Books, line: Row) -> None:
    release = books.table("PORel").get(books.id, line.get("PONum", 0), line.get("POLine", 0), line.get("PORelNum", 0))
    if release is not None:
        invoiced = release.get("InvoicedQty", ZERO) + line.get("VendorQty", ZERO)
        books.table("PORel").put({**release, "InvoicedQty": invoiced}, touch=False)
