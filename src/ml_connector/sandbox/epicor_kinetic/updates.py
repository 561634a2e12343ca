"""The calls that save invoices, and those that take them out again (Epicor dossier 6.3, 9.4)."""

from __future__ import annotations

from ml_connector.sandbox.epicor_kinetic.errors import Refusal, no_record, rejected
from ml_connector.sandbox.epicor_kinetic.groups import group_of, total_of, writable_group
from ml_connector.sandbox.epicor_kinetic.headers import blank_header, fill_from_vendor
from ml_connector.sandbox.epicor_kinetic.invoices import (
    ACCOUNT,
    AMOUNT,
    CHILDREN,
    HEAD,
    LINE,
    LINK,
    RATE_CODE,
    TAX,
    drop_invoice,
    invoice_of,
    stored_invoice,
    tableset_of,
    total_invoice,
)
from ml_connector.sandbox.epicor_kinetic.lines import blank_line, header_for
from ml_connector.sandbox.epicor_kinetic.plugs import Outcome, Visit, operation, tableset, writer
from ml_connector.sandbox.epicor_kinetic.saving import Save
from ml_connector.sandbox.epicor_kinetic.schema import NO_GUID, Row, Tableset
from ml_connector.sandbox.epicor_kinetic.tablesets import (
    INVOICE_SERVICE,
    INVOICE_TABLES,
    RowMod,
    marked,
    new_row,
    opened,
    text,
    whole,
)
from ml_connector.sandbox.epicor_kinetic.writing import key_of

_QUESTION = "The supplier's total is not that of the lines. Do you want to continue?"


@operation(INVOICE_SERVICE, "Update")
def update(visit: Visit, asked: Row) -> Outcome:
    """Stores the marked rows and gives the invoices back."""
    heads = Save(visit, tableset(asked["ds"])).run()
    return Outcome(parameters={"ds": tableset_of(visit.books, heads)})


@operation(INVOICE_SERVICE, "UpdateMaster")
def update_master(visit: Visit, asked: Row) -> Outcome:
    """What the screen calls: stores the marked rows, or asks something and stores nothing (Epicor dossier 17.27)."""
    books, ds, group_id = visit.books, tableset(asked["ds"]), text(asked["cGroupID"])
    if asked["cTableName"] not in INVOICE_TABLES:
        raise rejected(f"Table {asked['cTableName']} is not valid.")
    if group_of(books, group_id) is None:
        raise rejected(f"Invoice group {group_id} is not valid.", table="APInvGrp", field="GroupID")
    asks = books.switches.prompts > 0
    if asks:
        books.switches.prompts -= 1
    else:
        ds = tableset_of(books, Save(visit, ds).run())
    return Outcome(
        parameters={
            "ds": ds,
            "grpTotalInvAmt": total_of(books, group_id),
            "requiresUserInput": asks,
            "opMessage": _QUESTION if asks else "",
            "opMsgChkBankRef": "",
            "opChkRevMsg": "",
            "lEnableGenLegalNum": books.switches.legal_numbers,
            "lUpdateRan": not asks,
            "opDUAMsg": "",
        }
    )


@operation(INVOICE_SERVICE, "UpdateExt", "UpdateMasterExt")
def update_partial(visit: Visit, asked: Row) -> Outcome:
    """Takes partial rows; what fails is told in the answer, which is a 200 all the same (Epicor dossier 17.28)."""
    store, ds = visit.books.store, tableset(asked["ds"])
    start, errors, done = store.mark(), list[Row](), list[tuple[str, Row]]()
    for table in (HEAD, *CHILDREN):
        for row in marked(ds, table, RowMod.ADDED, RowMod.UPDATED, RowMod.DELETED):
            before = store.mark()
            try:
                done.append((table, save_partial(visit, table, row)))
            except Refusal as refused:
                store.rollback(start if asked["rollbackParentOnChildError"] and table != HEAD else before)
                errors.append(_told(table, row, refused))
                if not asked["continueProcessingOnError"]:
                    return _partial_outcome(visit, errors, done)
    return _partial_outcome(visit, errors, done)


def _partial_outcome(visit: Visit, errors: list[Row], done: list[tuple[str, Row]]) -> Outcome:
    stored: Tableset = {}
    for table, row in done:
        current = visit.books.table(table).by_id(row["SysRowID"])
        if current is not None:
            stored.setdefault(table, []).append({**current, "RowMod": ""})
    return Outcome(
        returned={"BOUpdError": errors} if errors else {"BOUpdError": []},
        parameters={"ds": stored, "errorsOccurred": bool(errors)},
    )


def _told(table: str, row: Row, refused: Refusal) -> Row:
    return {
        "TableName": table,
        "ErrorLevel": "Error",
        "ErrorType": refused.kind,
        "ErrorText": refused.message,
        "ErrorSysRowID": row.get("SysRowID") or NO_GUID,
    }


def save_partial(visit: Visit, table: str, row: Row) -> Row:
    """Stores one partial row, and returns it; a deleted one as it was. Raises Refusal."""
    books = visit.books
    known = {each["SysRowID"] for each in _siblings(visit, table, row)}
    if row["RowMod"] == RowMod.ADDED:
        row = _drawn_up(visit, table, row)
    Save(visit, {table: [row]}, partial=True).run()
    after = _siblings(visit, table, row)
    made = [each for each in after if each["SysRowID"] not in known]
    if row["RowMod"] == RowMod.ADDED and made:
        return made[-1]
    keys = books.table(table).keys[1:]
    return books.table(table).get(books.id, *[row.get(name) for name in keys]) or row


def _siblings(visit: Visit, table: str, row: Row) -> list[Row]:
    books = visit.books
    vendor, number = key_of(row)
    if not vendor:
        vendor = (books.vendor_by_code(text(row.get("VendorNumVendorID"))) or {}).get("VendorNum", 0)
    return books.table(table).below(books.id, vendor, number)


def _drawn_up(visit: Visit, table: str, row: Row) -> Row:
    """A new partial row laid over what `GetNew...` would have given; no `Change...` runs (Epicor dossier 6.3)."""
    books = visit.books
    if table == HEAD:
        group = writable_group(books, visit.user, row.get("GroupID"))
        fresh = blank_header(books, group, debit_memo=bool(row.get("DebitMemo")))
        vendor = books.vendor(row.get("VendorNum", 0)) or books.vendor_by_code(text(row.get("VendorNumVendorID")))
        fresh["InvoiceDate"] = row.get("InvoiceDate") or fresh["ApplyDate"]
        fill_from_vendor(books, fresh, vendor)
        return {**fresh, **row, "VendorNum": fresh["VendorNum"]}
    if table == LINE:
        head = stored_invoice(books, *key_of(row))
        bare = blank_line(books, head, "M")
        amounts = dict.fromkeys(("VendorQty", "ScrVendorQty"), 0) if "VendorQty" in row or "ScrVendorQty" in row else {}
        return {**bare, **amounts, **row}
    return row


@operation(INVOICE_SERVICE, "DeleteByID")
def delete_invoice(visit: Visit, asked: Row) -> Outcome:
    """Removes an invoice that is not posted."""
    _delete(visit, whole(asked["vendorNum"]), text(asked["invoiceNum"]))
    return Outcome()


@operation(INVOICE_SERVICE, "DeleteMaster")
def delete_master(visit: Visit, asked: Row) -> Outcome:
    """The screen's way to remove one: `keyValue` is the VendorNum, `keyValue2` the number."""
    _delete(visit, whole(asked["keyValue"]), text(asked["keyValue2"]))
    total = total_of(visit.books, text(asked["cGroupID"]))
    return Outcome(parameters={"ds": {}, "grpTotalInvAmt": total, "lEnableGenLegalNum": False})


def _delete(visit: Visit, vendor: int, number: str) -> None:
    head = stored_invoice(visit.books, vendor, number)
    if not head.get("Posted"):
        writable_group(visit.books, visit.user, head["GroupID"])
    drop_invoice(visit.books, head)


@operation(INVOICE_SERVICE, "SetReadyToCalc")
def set_ready(visit: Visit, asked: Row) -> Outcome:
    """Works out the taxes of a stored invoice (Epicor dossier 9.6)."""
    books = visit.books
    head = stored_invoice(books, whole(asked["ipVendorNum"]), text(asked["ipInvoiceNum"]))
    writable_group(books, visit.user, head["GroupID"])
    if not head.get("ReadyToCalc"):
        head = books.table(HEAD).put({**head, "ReadyToCalc": True})
    return Outcome(parameters={"ds": tableset_of(books, [total_invoice(books, head, taxed=True)])})


@operation(INVOICE_SERVICE, "GetNewAPInvTax")
def new_tax(visit: Visit, asked: Row) -> Outcome:
    """A tax row to be written by hand."""
    books, ds = visit.books, opened(tableset(asked["ds"]), INVOICE_TABLES)
    head = header_for(books, ds, whole(asked["vendorNum"]), text(asked["invoiceNum"]))
    named = {"VendorNum": head["VendorNum"], "InvoiceNum": head["InvoiceNum"], "Manual": True}
    rate_code = text(asked["rateCode"]) or RATE_CODE
    ds[TAX].append(new_row(books, TAX, **named, TaxCode=text(asked["taxCode"]), RateCode=rate_code))
    return Outcome(parameters={"ds": ds})


@operation(INVOICE_SERVICE, "GetNewAPInvHedAttch")
def new_link(visit: Visit, asked: Row) -> Outcome:
    """A link to a file."""
    books, ds = visit.books, opened(tableset(asked["ds"]), INVOICE_TABLES)
    head = header_for(books, ds, whole(asked["vendorNum"]), text(asked["invoiceNum"]))
    ds[LINK].append(new_row(books, LINK, VendorNum=head["VendorNum"], InvoiceNum=head["InvoiceNum"]))
    return Outcome(parameters={"ds": ds})


@operation(INVOICE_SERVICE, "ValidateInvoiceID")
def validate_number(visit: Visit, asked: Row) -> Outcome:
    """Looks for a *logged* invoice, of which there is none here: no check for duplicates (Epicor dossier 9.1)."""
    vendor = visit.books.vendor_by_code(text(asked["txtVendorID"]))
    return Outcome(parameters={"intVendorNum": (vendor or {}).get("VendorNum", 0), "logAPInvFound": False})


class _Rows:
    """Rows of an invoice written through their set: partial ones, saved the way UpdateExt does."""

    def __init__(self, table: str) -> None:
        self.table = table

    def create(self, visit: Visit, values: Row) -> Row:
        return save_partial(visit, self.table, {**values, "RowMod": RowMod.ADDED.value})

    def change(self, visit: Visit, row: Row, values: Row) -> None:
        keys = {name: row[name] for name in visit.books.table(self.table).keys}
        save_partial(visit, self.table, {**values, **keys, "RowMod": RowMod.UPDATED.value})

    def delete(self, visit: Visit, row: Row) -> None:
        keys = {name: row[name] for name in visit.books.table(self.table).keys}
        if self.table == HEAD and invoice_of(visit.books, row["VendorNum"], row["InvoiceNum"]) is None:
            raise no_record()
        save_partial(visit, self.table, {**keys, "SysRevID": row["SysRevID"], "RowMod": RowMod.DELETED.value})


for _table in (HEAD, LINE, AMOUNT, ACCOUNT, TAX, LINK):
    writer(_table, _Rows(_table))
