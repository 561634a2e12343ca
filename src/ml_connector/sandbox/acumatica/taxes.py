"""Taxes of bills and orders: what zone and category have in common, rounded once for each tax of a document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from ml_connector.sandbox.acumatica.books import Books
from ml_connector.sandbox.acumatica.coding import Faults
from ml_connector.sandbox.acumatica.plugs import Body
from ml_connector.sandbox.acumatica.schema import Row
from ml_connector.sandbox.trade import rounded

ZERO = Decimal(0)


def computed_taxes(
    books: Books, lines: Iterable[Row], *, zone: str | None, day: date, before: Sequence[Row] = ()
) -> list[Row]:
    """The taxes of those lines as rows of TaxDetails; a tax that was there `before` keeps its row's id."""
    bases: dict[str, tuple[Decimal, Decimal]] = {}
    found: dict[str | None, list[tuple[str, Decimal]]] = {}
    for line in lines:
        category = line.get("TaxCategory")
        if category not in found:
            found[category] = list(books.taxes(zone, category, day))
        for tax_id, rate in found[category]:
            bases[tax_id] = (bases.get(tax_id, (ZERO, rate))[0] + line["ExtendedCost"], rate)
    return [
        _row(books, tax_id, before, TaxRate=rate, TaxableAmount=base, TaxAmount=rounded(base * rate / 100))
        for tax_id, (base, rate) in bases.items()
    ]


def given_taxes(books: Books, given: Iterable[Body], *, day: date, before: Sequence[Row], faults: Faults) -> list[Row]:
    """Taxes as they are sent with IsTaxValid (Acumatica dossier 10.4); an unknown one is a fault."""
    rows: list[Row] = []
    for place, each in enumerate(body for body in given if not body.delete):
        tax = books.table("Tax").get(each.get("TaxID"))
        if tax is None:
            faults[f"TaxDetails/{place}/TaxID"] = "'Tax ID' cannot be found in the system."
        tax_id = each.get("TaxID") if tax is None else tax["TaxID"]
        sums = {name: rounded(each.get(name) or ZERO) for name in ("TaxableAmount", "TaxAmount")}
        rate = ZERO if tax is None else books.tax_rate(tax_id, day)
        rows.append(_row(books, tax_id, before, TaxRate=rate, custom=dict(each.custom), **sums))
    return rows


def _row(books: Books, tax_id: str, before: Sequence[Row], **values: object) -> Row:
    known = next((row["id"] for row in before if row["TaxID"] == tax_id), None)
    return {"id": known or books.store.new_id(), "TaxID": tax_id, "custom": {}, **values}
