"""What documents may name: vendors, accounts, subaccounts, projects and the like, looked up and refused by name.

A fault is kept under the path of its field and nothing is raised, so that all of them come back at once.
"""

from __future__ import annotations

from typing import Any

from ml_connector.sandbox.acumatica.books import BRANCH, EMPTY_SUBACCOUNT, NO_PROJECT, SECOND_BRANCH, Books
from ml_connector.sandbox.acumatica.schema import Row
from ml_connector.sandbox.trade import Item

Faults = dict[str, str]
"""By path: `PostPeriod`, `Details/0/Account`."""

BRANCHES = (BRANCH, SECOND_BRANCH)
_LABELS = {
    "Account": "Account",
    "Branch": "Branch",
    "CostCode": "Cost Code",
    "CreditTerms": "Terms",
    "Currency": "Currency",
    "InventoryID": "Inventory ID",
    "PaymentMethod": "Payment Method",
    "Project": "Project",
    "ProjectTask": "Project Task",
    "Subaccount": "Subaccount",
    "TaxCategory": "Tax Category",
    "Vendor": "Vendor",
}
_SEGMENT = EMPTY_SUBACCOUNT.index("-")


def unknown(entity: str, code: object) -> str:
    """The text for a code nobody bears; the one about projects is recorded with its name (Acumatica dossier 8.1)."""
    label = _LABELS[entity]
    return f"{label} '{code}' cannot be found in the system." if entity == "Project" else f"'{label}' {_NOWHERE}"


_NOWHERE = "cannot be found in the system."


def empty(label: str) -> str:
    """The text for a field that must hold something."""
    return f"'{label}' cannot be empty."


def pick(books: Books, entity: str, *codes: object, path: str, faults: Faults) -> Row | None:
    """The master record of that key, or None with a fault where there is none."""
    row = books.table(entity).get(*codes)
    if row is None:
        faults[path] = unknown(entity, codes[-1])
    return row


def pick_account(books: Books, code: str | None, *, path: str, faults: Faults) -> str | None:
    """The account's own code; it must be active."""
    if not code:
        faults[path] = empty("Account")
        return None
    row = pick(books, "Account", code, path=path, faults=faults)
    if row is not None and not row["Active"]:
        faults[path] = f"Account '{row['AccountCD']}' is inactive."
    return code if row is None else row["AccountCD"]


def pick_subaccount(books: Books, code: str | None, *, path: str, faults: Faults) -> str | None:
    """The subaccount's own code; the mask's separators may be left out (Acumatica dossier 9.1.1)."""
    if not books.switches.subaccounts:
        return None
    if not code:
        faults[path] = empty("Subaccount")
        return None
    whole = code if "-" in code else f"{code[:_SEGMENT]}-{code[_SEGMENT:]}"
    row = pick(books, "Subaccount", whole, path=path, faults=faults)
    if row is not None and not row["Active"]:
        faults[path] = f"Subaccount '{row['SubaccountCD']}' is inactive."
    return code if row is None else row["SubaccountCD"]


def pick_project(books: Books, code: str | None, *, path: str, faults: Faults) -> str | None:
    """The project's own code; the code of no project is always there."""
    if not books.switches.projects:
        return None
    if not code or code.strip().upper() == NO_PROJECT:
        return NO_PROJECT
    row = pick(books, "Project", code, path=path, faults=faults)
    if row is not None and row["Status"] != "Active":
        faults[path] = f"Project '{row['ProjectID']}' is not active: its status is {row['Status']}."
    return code if row is None else row["ProjectID"]


def pick_task(books: Books, project: str | None, code: str | None, *, path: str, faults: Faults) -> str | None:
    """The task of a real project, its default one where none is named."""
    if project in (None, NO_PROJECT) or books.table("Project").get(project) is None:
        return None
    if not code:
        tasks = books.table("ProjectTask").find("ProjectID", project)
        code = next((task["ProjectTaskID"] for task in tasks if task.get("Default")), None)
    if not code:
        faults[path] = empty("Project Task")
        return None
    row = pick(books, "ProjectTask", project, code, path=path, faults=faults)
    if row is not None and row["Status"] in ("Canceled", "Completed"):
        faults[path] = f"Project Task '{row['ProjectTaskID']}' is not active: its status is {row['Status']}."
    return code if row is None else row["ProjectTaskID"]


def pick_tax_category(books: Books, code: str | None, *, path: str, faults: Faults) -> str | None:
    """The category's own code; none is allowed."""
    if not code:
        return None
    row = pick(books, "TaxCategory", code, path=path, faults=faults)
    if row is not None and not row["Active"]:
        faults[path] = f"Tax Category '{row['TaxCategoryID']}' is inactive."
    return code if row is None else row["TaxCategoryID"]


def pick_branch(code: str | None, *, path: str, faults: Faults) -> str | None:
    """The branch's own code, the head office where none is named."""
    if not code:
        return BRANCH
    known = next((branch for branch in BRANCHES if branch == code.strip().upper()), None)
    if known is None:
        faults[path] = unknown("Branch", code)
    return known or code


def pick_item(books: Books, code: str | None, *, path: str, faults: Faults) -> Item | None:
    """The article of that number; None for none and, with a fault, for an unknown one."""
    if not code:
        return None
    item = next((item for item in books.company.items if item.number == code.strip().upper()), None)
    if item is None:
        faults[path] = unknown("InventoryID", code)
    return item


def vendor_fault(row: Row) -> str | None:
    """Why nothing may be entered for a vendor (Acumatica dossier 3.2); holding payments does not matter here."""
    return f"The vendor status is '{row['Status']}'." if row["Status"] in ("Inactive", "On Hold") else None


def text(value: Any) -> str | None:
    """A text as it is stored: without blanks at its end, None where nothing is left."""
    return None if value is None else str(value).rstrip() or None
