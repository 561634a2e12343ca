"""Lines of bills: inserted, changed by their id, copied from orders and receipts, and coded (dossier 5, 9.1.1)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.acumatica.books import NO_PROJECT, Books
from ml_connector.sandbox.acumatica.coding import (
    Faults,
    pick,
    pick_account,
    pick_branch,
    pick_item,
    pick_project,
    pick_subaccount,
    pick_task,
    pick_tax_category,
    text,
)
from ml_connector.sandbox.acumatica.errors import no_entity
from ml_connector.sandbox.acumatica.order_links import linked_lines
from ml_connector.sandbox.acumatica.plugs import MISSING, Body, Visit
from ml_connector.sandbox.acumatica.schema import Row
from ml_connector.sandbox.trade import rounded

ZERO = Decimal(0)
_ONE = Decimal(1)
_PRICE = Decimal("0.000001")
_TAKEN = (
    "CalculateDiscountsOnImport",
    "LCLineNbr",
    "LCNbr",
    "LCType",
    "NonBillable",
    "POLine",
    "POOrderNbr",
    "POOrderType",
    "POReceiptLine",
    "POReceiptNbr",
    "POReceiptType",
    "Qty",
    "UOM",
    "UnitCost",
)
"""Fields that are stored as they are sent. Amount and Description are not: the form fills them in."""


def draw_lines(visit: Visit, head: Row, before: list[Row], given: tuple[Body, ...], faults: Faults) -> list[Row]:
    """The lines after those changes. Raises Refusal for an id that no line of the bill has in this session.

    An element without `id` inserts; with `id` it changes that line, or with `delete` takes it away.
    """
    known = {visit.session.line_id(line["id"]): place for place, line in enumerate(before)} if given else {}
    lines: list[Row | None] = list(before)
    for body in given:
        if body.id is None:
            for source in linked_lines(visit.books, head, body, path=f"Details/{len(lines)}", faults=faults):
                lines.append(_drawn(visit.books, head, source, body, path=f"Details/{len(lines)}", faults=faults))
            continue
        place = known.get(body.id.lower())
        if place is None:
            raise no_entity()
        changed = lines[place]
        if body.delete or changed is None:
            lines[place] = None
        else:
            lines[place] = _drawn(visit.books, head, changed, body, path=f"Details/{place}", faults=faults)
    return [line for line in lines if line is not None]


def _drawn(books: Books, head: Row, start: Row, body: Body, *, path: str, faults: Faults) -> Row:
    """One line: `start` is what it was, or what it is copied from."""
    faults |= {f"{path}/{name}": fault for name, fault in body.faults.items()}
    line: Row = {**start, "id": start.get("id") or books.store.new_id(), "custom": {**start.get("custom", {})}}
    line["custom"].update(body.custom)
    if body.note is not MISSING:
        line["note"] = body.note
    for name in _TAKEN:
        if name in body.values:
            line[name] = body.values[name]
    line["TransactionDescription"] = text(_chosen(line, body, "TransactionDescription"))
    line |= _coded(books, head, line, body, path=path, faults=faults)
    return line | _priced(line, start, body)


def _chosen(line: Row, body: Body, name: str) -> Any:
    return body.values[name] if name in body.values else line.get(name)


def _coded(books: Books, head: Row, line: Row, body: Body, *, path: str, faults: Faults) -> Row:
    """Account, subaccount and the rest, with what the article, the vendor and the account bring along."""
    item = pick_item(books, text(_chosen(line, body, "InventoryID")), path=f"{path}/InventoryID", faults=faults)
    asked = {name: text(_chosen(line, body, name)) for name in _CODES}
    account = pick_account(books, asked["Account"] or (item and item.account), path=f"{path}/Account", faults=faults)
    described = books.table("Account").get(account) or {}
    project = pick_project(books, asked["Project"] or head.get("Project"), path=f"{path}/Project", faults=faults)
    cost_code = asked["CostCode"]
    if cost_code:
        pick(books, "CostCode", cost_code, path=f"{path}/CostCode", faults=faults)
    category = asked["TaxCategory"]
    if category is None and "TaxCategory" not in body.values:
        category = item.tax_group if item else described.get("TaxCategory")
    subaccount = asked["Subaccount"] or head.get("_subaccount")
    return {
        "InventoryID": item.number if item else text(_chosen(line, body, "InventoryID")),
        "Account": account,
        "Description": described.get("Description"),
        "Subaccount": pick_subaccount(books, subaccount, path=f"{path}/Subaccount", faults=faults),
        "Branch": pick_branch(asked["Branch"] or head["BranchID"], path=f"{path}/Branch", faults=faults),
        "Project": project,
        "ProjectTask": pick_task(
            books, project, _task(line, asked, project), path=f"{path}/ProjectTask", faults=faults
        ),
        "CostCode": cost_code,
        "TaxCategory": pick_tax_category(books, category, path=f"{path}/TaxCategory", faults=faults),
        "TransactionDescription": line["TransactionDescription"] or (item.name if item else None),
        "UOM": line.get("UOM") or ("EA" if item else None),
    }


_CODES = ("Account", "Subaccount", "Branch", "Project", "ProjectTask", "CostCode", "TaxCategory")


def _task(line: Row, asked: Row, project: str | None) -> str | None:
    """The task of another project is no task of this one."""
    moved = line.get("Project") not in (None, NO_PROJECT, project) and asked["ProjectTask"] == line.get("ProjectTask")
    return None if moved else asked["ProjectTask"]


def _priced(line: Row, start: Row, body: Body) -> Row:
    """Quantity, price and amount: an amount that is sent wins, else quantity by price."""
    quantity, price = line.get("Qty"), line.get("UnitCost")
    if quantity is None:
        quantity = _ONE
    sent = body.values.get("ExtendedCost")
    touched = any(name in body.values for name in ("Qty", "UnitCost"))
    if sent is not None:
        amount = rounded(sent)
        if "UnitCost" not in body.values:
            price = (amount / quantity).quantize(_PRICE) if quantity else ZERO
    elif price is not None and (touched or "ExtendedCost" not in start):
        amount = rounded(quantity * price)
    else:
        amount = start.get("ExtendedCost", ZERO)
    return {"Qty": quantity, "UnitCost": price or ZERO, "ExtendedCost": amount, "Amount": amount}


def copied_lines(books: Books, lines: list[Row]) -> Iterator[Row]:
    """The same lines for another document: with ids of their own."""
    for line in lines:
        yield {**line, "id": books.store.new_id(), "custom": dict(line.get("custom", {}))}
