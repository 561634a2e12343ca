"""Purchase orders (form PO301000): entered, changed, totalled (Acumatica dossier 9.5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.acumatica.books import BRANCH, Books
from ml_connector.sandbox.acumatica.coding import (
    Faults,
    empty,
    pick,
    pick_account,
    pick_branch,
    pick_item,
    pick_project,
    pick_subaccount,
    pick_task,
    pick_tax_category,
    text,
    unknown,
)
from ml_connector.sandbox.acumatica.errors import Invalid, failed
from ml_connector.sandbox.acumatica.order_links import settled_order
from ml_connector.sandbox.acumatica.plugs import MISSING, Body, Visit
from ml_connector.sandbox.acumatica.schema import Row
from ml_connector.sandbox.acumatica.taxes import computed_taxes
from ml_connector.sandbox.trade import rounded

ZERO = Decimal(0)
NORMAL = "Normal"
ON_HOLD, OPEN, CANCELED = "On Hold", "Open", "Canceled"
_HEAD = ("Branch", "CurrencyID", "Date", "Description", "Location", "Owner", "Project", "PromisedOn", "Terms")
_LINE = ("AlternateID", "Cancelled", "LineType", "OrderQty", "Promised", "Requested", "UnitCost", "UOM", "WarehouseID")


def put_order(visit: Visit, found: Row | None, body: Body) -> Row:
    """Inserts an order or changes one; returns it as stored. Raises Invalid."""
    if found is not None and found["Status"] in ("Closed", CANCELED):
        raise Invalid(found, {}, error=f"The document cannot be changed: its status is {found['Status']}.")
    return enter_order(visit.books, _Drawing(visit, found, body).finish())


def enter_order(books: Books, row: Row) -> Row:
    """Stores an order with its totals, and with a number where it has none."""
    if not row.get("OrderNbr"):
        # The sequence begins at nothing; the trading company's own numbers are far above.
        row = {**row, "OrderNbr": f"PO{int(books.next_number('PurchaseOrder')) + 1:06d}"}
    return books.table("PurchaseOrder").put(settled_order(totalled(books, row)))


def totalled(books: Books, row: Row) -> Row:
    """The order with its sums, and its lines with its own key."""
    key = {"OrderType": row["Type"], "OrderNbr": row["OrderNbr"]}
    lines = [{**line, **key} for line in row["Details"]]
    zone, before = row.get("VendorTaxZone"), row.get("TaxDetails", ())
    living = [line for line in lines if not line.get("Cancelled")]
    taxes = computed_taxes(books, living, zone=zone, day=row["Date"], before=before)
    net = sum((line["ExtendedCost"] for line in living), ZERO)
    tax = sum((each["TaxAmount"] for each in taxes), ZERO)
    sums = {"LineTotal": net, "TaxTotal": tax, "OrderTotal": net + tax, "ControlTotal": net + tax}
    return {**row, **sums, "Details": lines, "TaxDetails": taxes}


def blank_order(books: Books, vendor: Row) -> Row:
    """What an order of that vendor starts from."""
    return {
        "Type": NORMAL,
        "OrderNbr": None,
        "VendorID": vendor.get("VendorID"),
        "VendorTaxZone": vendor.get("TaxZone"),
        "Terms": vendor.get("Terms"),
        "CurrencyID": vendor.get("CurrencyID") or books.currency,
        "BaseCurrencyID": books.currency,
        "CurrencyRateTypeID": "SPOT",
        "Location": "MAIN",
        "Branch": BRANCH,
        "Hold": True,
        "Status": ON_HOLD,
        "IsTaxValid": None,
        "Details": [],
        "TaxDetails": [],
        "note": "",
        "custom": {},
    }


def blank_line(books: Books) -> Row:
    """What a line of an order starts from."""
    return {
        "id": books.store.new_id(),
        "OrderQty": Decimal(1),
        "OrderedQty": ZERO,
        "UnitCost": ZERO,
        "QtyOnReceipts": ZERO,
        "ReceivedAmount": ZERO,
        "Completed": False,
        "Cancelled": False,
        "CompleteOn": Decimal(100),
        "MaxReceiptPercent": Decimal(100),
        "MinReceiptPercent": ZERO,
        "ReceiptAction": "Accept but Warn",
        "LineType": "Service",
        "custom": {},
        "_billed": ZERO,
    }


@dataclass(slots=True)
class _Drawing:
    """An order while it is being drawn up."""

    visit: Visit
    found: Row | None
    body: Body
    row: Row = field(default_factory=dict)
    faults: Faults = field(default_factory=dict)

    def finish(self) -> Row:
        """The order as it is to be stored; raises Invalid with all faults at once."""
        self.faults = {path: fault for path, fault in self.body.faults.items() if "/" not in path}
        self._vendor()
        for name in _HEAD:
            if name in self.body.values:
                value = self.body.values[name]
                self.row[name] = text(value) if isinstance(value, str) else value
        if self.body.note is not MISSING:
            self.row["note"] = self.body.note
        self._head()
        self._lines()
        self._status()
        if self.faults:
            raise Invalid(self.row, self.faults)
        return self.row

    def _vendor(self) -> None:
        books = self.visit.books
        if self.found is not None:
            self.row = {**self.found, "custom": {**self.found["custom"], **self.body.custom}}
            return
        code = self.body.get("VendorID")
        vendor: Row = {}
        if not code:
            self.faults["VendorID"] = empty("Vendor")
        else:
            vendor = pick(books, "Vendor", code, path="VendorID", faults=self.faults) or {}
        self.row = {**blank_order(books, vendor), "custom": dict(self.body.custom), "VendorRef": None}
        self.row["Type"] = self.body.get("Type") or NORMAL
        self.row["VendorRef"] = text(self.body.get("VendorRef"))

    def _head(self) -> None:
        books, row, faults = self.visit.books, self.row, self.faults
        row["Date"] = row.get("Date") or self.visit.today
        row["Branch"] = pick_branch(row.get("Branch"), path="Branch", faults=faults)
        row["Project"] = pick_project(books, row.get("Project"), path="Project", faults=faults)
        rate = books.rate(row["CurrencyID"], row["Date"])
        if books.table("Currency").get(row["CurrencyID"]) is None:
            faults["CurrencyID"] = unknown("Currency", row["CurrencyID"])
        row["CurrencyEffectiveDate"], row["CurrencyRate"] = row["Date"], rate

    def _lines(self) -> None:
        lines: list[Row] = list(self.row["Details"])
        known = {self.visit.session.line_id(line["id"]): line["id"] for line in lines}
        for body in self.body.lists.get("Details", ()):
            at = self._place(lines, known, body)
            if body.delete:
                if at is not None:
                    del lines[at]
                continue
            number = max((line["LineNbr"] for line in lines), default=0) + 1
            before = {**blank_line(self.visit.books), "LineNbr": number} if at is None else lines[at]
            place = len(lines) if at is None else at
            drawn = self._line(before, body, path=f"Details/{place}")
            lines[place : place + 1] = [drawn]
        self.row["Details"] = lines

    def _place(self, lines: list[Row], known: dict[str, str], body: Body) -> int | None:
        """Where a line stands that is named by its id, or by its number."""
        stored = known.get((body.id or "").lower())
        for at, line in enumerate(lines):
            if line["id"] == stored or (stored is None and line["LineNbr"] == body.get("LineNbr")):
                return at
        return None

    def _line(self, before: Row, body: Body, *, path: str) -> Row:
        self.faults |= {f"{path}/{name}": fault for name, fault in body.faults.items()}
        line = {**before, **{name: body.values[name] for name in _LINE if name in body.values}}
        coded = self._coded(line, body, path=path)
        line |= coded
        if body.get("ExtendedCost") is not None:
            line["ExtendedCost"] = rounded(body.values["ExtendedCost"])
            if line["OrderQty"]:
                line["UnitCost"] = line["ExtendedCost"] / line["OrderQty"]
        else:
            line["ExtendedCost"] = rounded(line["OrderQty"] * line["UnitCost"])
        return line

    def _coded(self, line: Row, body: Body, *, path: str) -> Row:
        books, faults = self.visit.books, self.faults

        def asked(name: str) -> Any:
            return text(body.values[name] if name in body.values else line.get(name))

        item = pick_item(books, asked("InventoryID"), path=f"{path}/InventoryID", faults=faults)
        code = asked("Account") or (item and item.account)
        account = pick_account(books, code, path=f"{path}/Account", faults=faults)
        described = books.table("Account").get(account) or {}
        subaccount = asked("Subaccount") or _default_subaccount(books, self.row["VendorID"])
        project = pick_project(books, asked("Project"), path=f"{path}/Project", faults=faults)
        category = asked("TaxCategory") or (item and item.tax_group)
        return {
            "InventoryID": item.number if item else asked("InventoryID"),
            "LineType": "Non-Stock" if item else line["LineType"],
            "Account": account,
            "Description": described.get("Description"),
            "Subaccount": pick_subaccount(books, subaccount, path=f"{path}/Subaccount", faults=faults),
            "Project": project,
            "ProjectTask": pick_task(books, project, asked("ProjectTask"), path=f"{path}/ProjectTask", faults=faults),
            "TaxCategory": pick_tax_category(books, category, path=f"{path}/TaxCategory", faults=faults),
            "BranchID": pick_branch(asked("BranchID") or self.row["Branch"], path=f"{path}/BranchID", faults=faults),
            "LineDescription": asked("LineDescription") or (item.name if item else None),
            "UOM": line.get("UOM") or "EA",
        }

    def _status(self) -> None:
        hold = self.body.get("Hold")
        if hold is None:
            return
        self.row["Hold"] = hold
        if hold:
            self.row["Status"] = ON_HOLD
        elif self.row["Status"] == ON_HOLD:
            self.row["Status"] = OPEN


def _default_subaccount(books: Books, vendor: str | None) -> str | None:
    row = books.table("Vendor").get(vendor) or {}
    return row.get("_ExpenseSubaccount") or row.get("APSubaccount")


def delete_order(books: Books, row: Row) -> None:
    """Removes an order nothing was received or billed of."""
    if any(line["QtyOnReceipts"] or line["_billed"] for line in row["Details"]):
        raise failed(f"The purchase order {row['OrderNbr']} cannot be deleted: it was received or billed.")
    books.table("PurchaseOrder").drop(row)
