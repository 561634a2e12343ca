"""Bills for the tests, orders and receipts as the Service Layer tells them, and strategies that make more."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from ml_connector.connectors.sap_business_one.documents import Wording
from ml_connector.records.invoice import Bill, BillLine, DocumentKind

LINE = BillLine(account="6110", net=Decimal("100.00"), description="Copy paper", tax_code="VAT24")
BILL = Bill(
    key="c/1/1",
    kind=DocumentKind.INVOICE,
    vendor="V000010",
    number="FP-88213",
    invoice_date=date(2026, 8, 10),
    posting_date=date(2026, 8, 12),
    due_date=date(2026, 9, 9),
    currency="EUR",
    exchange_rate=None,
    net=Decimal("100.00"),
    tax=Decimal("24.00"),
    gross=Decimal("124.00"),
    description="Paper",
    lines=(LINE,),
)
WORDING = Wording(accounts={"6110": "6110", "6120": "_SYS00000000120"}, local_currency="EUR", tax_field="VatGroup")


def bill(**changes: Any) -> Bill:
    """The usual bill, changed."""
    return replace(BILL, **changes)


def line(**changes: Any) -> BillLine:
    """The usual line, changed."""
    return replace(LINE, **changes)


def matched(quantity: str, net: str, **changes: Any) -> BillLine:
    """A line matched to the first line of order 1044."""
    usual: dict[str, Any] = {"order_number": "1044", "order_line": "1"}
    return line(quantity=Decimal(quantity), net=Decimal(net), **{**usual, **changes})


def order_line(number: int = 0, *, quantity: str = "20", left: str | None = None, **changes: Any) -> dict[str, Any]:
    """A line of an item order."""
    open_part = Decimal(quantity if left is None else left)
    return {
        "LineNum": number, "LineStatus": "bost_Open" if open_part else "bost_Close", "Quantity": Decimal(quantity),
        "RemainingOpenQuantity": open_part, "UnitPrice": Decimal("12.5"), **changes,
    }  # fmt: skip


def order(*lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Order 1044 of the usual vendor."""
    return {
        "DocEntry": 5210, "DocNum": 1044, "DocType": "dDocument_Items", "CardCode": "V000010",
        "DocumentStatus": "bost_Open", "Cancelled": "tNO", "DocumentLines": list(lines) or [order_line()], **changes,
    }  # fmt: skip


def receipt(entry: int, quantity: str, *, left: str | None = None, number: int = 0, **changes: Any) -> dict[str, Any]:
    """Goods received on a line of order 1044."""
    open_part = Decimal(quantity if left is None else left)
    row = {
        "LineNum": 0, "LineStatus": "bost_Open" if open_part else "bost_Close", "Quantity": Decimal(quantity),
        "RemainingOpenQuantity": open_part, "BaseType": 22, "BaseEntry": 5210, "BaseLine": number,
    }  # fmt: skip
    return {
        "DocEntry": entry, "DocNum": entry + 70_000, "DocType": "dDocument_Items", "CardCode": "V000010",
        "DocumentStatus": "bost_Open" if open_part else "bost_Close", "CancelStatus": "csNo",
        "DocumentLines": [row], **changes,
    }  # fmt: skip


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
dimensions = st.dictionaries(st.sampled_from(("1", "2", "5", "Project")), st.sampled_from(("A", "B", "")), max_size=4)
lines = st.builds(
    BillLine,
    account=st.sampled_from(("6110", "6120", " 6110 ")),
    net=st.decimals(-(10**9), 10**9, places=2),
    description=texts,
    tax_code=st.sampled_from(("", "VAT24")),
    dimensions=dimensions,
    order_number=st.one_of(st.just(""), texts),
    order_line=st.sampled_from(("", "1")),
)
bills = st.builds(
    bill,
    kind=st.sampled_from(DocumentKind),
    number=st.text("abß'&/ -0123456789Å", min_size=1, max_size=35).filter(str.strip),
    due_date=st.one_of(st.none(), st.dates(date(2020, 1, 1), date(2030, 1, 1))),
    currency=st.sampled_from(("EUR", "USD", "eur")),
    description=texts,
    lines=st.lists(lines, min_size=1, max_size=6).map(tuple),
)
