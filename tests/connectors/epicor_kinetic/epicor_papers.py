"""Rows as the server tells them, and bills that are right, for tests without a socket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ml_connector.connectors.epicor_kinetic.coding import Chart, Segment, Value, ValueFacts
from ml_connector.records.invoice import Bill, BillLine, DocumentKind
from ml_connector.records.money import add_up, round_amount

TODAY = datetime.now(UTC).date()
RATES = {"VAT24": Decimal(24), "VAT14": Decimal(14), "VAT0": Decimal(0)}
CHART = Chart(
    "MAIN",
    (
        Segment(1, "Account", is_dynamic=False, is_mandatory=True),
        Segment(2, "Department", is_dynamic=False, is_mandatory=False),
        Segment(3, "Area", is_dynamic=False, is_mandatory=False),
        Segment(4, "Project", is_dynamic=True, is_mandatory=False),
    ),
)


def values_of(*known: str, inactive: Sequence[str] = ()) -> dict[Value, ValueFacts | None]:
    """Segment values by `2/D010`."""
    found: dict[Value, ValueFacts | None] = {}
    for each in known:
        segment, _, value = each.partition("/")
        found[int(segment), value.upper()] = ValueFacts({"SegmentCode": value, "ActiveFlag": each not in inactive})
    return found


def coded(**changes: Any) -> BillLine:
    """A line that can be posted in the simulated company."""
    usual = BillLine(
        account="6120", net=Decimal("100.00"), description="Copy paper", tax_code="VAT24", dimensions={"2": "D010"}
    )
    return replace(usual, **changes)


def matched(order: int, line: int, quantity: str, net: str, **changes: Any) -> BillLine:
    """A row as the payables system gives it once it matched the order's line; it names no account."""
    usual = BillLine(
        account="", net=Decimal(net), description="Boxes", tax_code="VAT24", quantity=Decimal(quantity),
        order_number=str(order), order_line=str(line),
    )  # fmt: skip
    return replace(usual, **changes)


def bill_of(number: str, **changes: Any) -> Bill:
    """A bill that is right, its sums computed from its lines."""
    lines: Sequence[BillLine] = changes.pop("lines", None) or (coded(),)
    net = add_up(line.net for line in lines)
    tax = round_amount(add_up(line.net * RATES.get(line.tax_code, Decimal(0)) / 100 for line in lines), "EUR")
    usual: dict[str, Any] = {
        "key": f"c/{number}/1", "kind": DocumentKind.INVOICE, "vendor": "V00001", "number": number,
        "invoice_date": TODAY, "posting_date": TODAY, "due_date": TODAY + timedelta(days=21), "currency": "EUR",
        "exchange_rate": None, "net": net, "tax": tax, "gross": net + tax, "description": "Office",
        "lines": tuple(lines),
    }  # fmt: skip
    return Bill(**{**usual, **changes})
