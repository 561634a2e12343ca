"""Tablesets on their way through methods: rows and their marks (Epicor dossier 6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from ml_connector.sandbox.epicor_kinetic.books import Books
from ml_connector.sandbox.epicor_kinetic.errors import rejected
from ml_connector.sandbox.epicor_kinetic.schema import SERVICES, TABLES, Row, Tableset

ZERO = Decimal(0)
PER = {"E": Decimal(1), "C": Decimal(100), "M": Decimal(1000)}
"""How many units a price is for, by CostPerCode (Epicor dossier 9.5.2)."""
INVOICE_SERVICE = "Erp.BO.APInvoiceSvc"
INVOICE_TABLES = SERVICES[INVOICE_SERVICE].tablesets["APInvoiceTableset"]
RECEIPT_TABLES = SERVICES[INVOICE_SERVICE].tablesets["APInvReceiptBillingTableset"]


class RowMod(StrEnum):
    """What `Update` is to do with a row."""

    ADDED = "A"
    UPDATED = "U"
    DELETED = "D"
    UNTOUCHED = ""


def opened(ds: Mapping[str, list[Row]], tables: tuple[str, ...]) -> Tableset:
    """A tableset with all of its tables, its rows free to be changed."""
    return {name: [dict(row) for row in ds.get(name) or ()] for name in tables}


def marked(ds: Mapping[str, list[Row]], table: str, *marks: RowMod) -> list[Row]:
    """The rows of a table with one of those marks."""
    return [row for row in ds.get(table) or () if row.get("RowMod") in marks]


def edited(ds: Mapping[str, list[Row]], table: str) -> list[Row]:
    """Every row that a `Change...` method works on: those added or updated, all of them (Epicor dossier 6.2).

    Whoever keeps several marked rows in one tableset changes them all. Raises Refusal where there is none.
    """
    rows = marked(ds, table, RowMod.ADDED, RowMod.UPDATED)
    if not rows:
        raise rejected(f"{table} has not changed.", table=table)
    return rows


def new_row(books: Books, table: str, **values: Any) -> Row:
    """A row as `GetNew...` gives it: an identity, every other column with its neutral value."""
    fixed = {"Company": books.id, "SysRowID": books.store.new_id(), "RowMod": RowMod.ADDED.value}
    return {**TABLES[table].blank, **values, **fixed}


def text(value: Any) -> str:
    """A string, trimmed at its end as the database does; nothing is the empty string."""
    return "" if value is None else str(value).rstrip()


def number(value: Any) -> Decimal:
    """A number of the wire; what is none is refused."""
    if value is None or value == "":
        return ZERO
    try:
        return Decimal(str(value))
    except ArithmeticError as error:
        raise rejected(f"'{value}' is not a number.") from error


def whole(value: Any) -> int:
    """An integer of the wire."""
    return int(number(value))


def day_of(value: Any) -> date | None:
    """The calendar day of a date in date-time clothing."""
    if not value:
        return None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError as error:
        raise rejected(f"'{value}' is not a date.") from error


def stamp_of(day: date | None) -> str | None:
    """A calendar day as the wire has it."""
    return None if day is None else f"{day.isoformat()}T00:00:00"
