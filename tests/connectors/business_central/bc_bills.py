"""Bills for the tests, and hypothesis strategies that make more of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from ml_connector.records.invoice import Bill, BillLine, DocumentKind

LINE = BillLine(account="6110", net=Decimal("100.00"), description="Copy paper", tax_code="VAT24")
BILL = Bill(
    key="c/1/1",
    kind=DocumentKind.INVOICE,
    vendor="20000",
    number="FP-88213",
    invoice_date=date(2026, 8, 10),
    posting_date=date(2026, 8, 12),
    due_date=date(2026, 9, 9),
    currency="NOK",
    exchange_rate=None,
    net=Decimal("100.00"),
    tax=Decimal("24.00"),
    gross=Decimal("124.00"),
    description="Paper",
    lines=(LINE,),
)


def bill(**changes: Any) -> Bill:
    """The usual bill, changed."""
    return replace(BILL, **changes)


def line(**changes: Any) -> BillLine:
    """The usual line, changed."""
    return replace(LINE, **changes)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=150)
dimensions = st.dictionaries(
    st.sampled_from(("DEPARTMENT", "PROJECT", "AREA")), st.sampled_from(("A", "B", "")), max_size=3
)
lines = st.builds(
    BillLine,
    account=st.sampled_from(("6110", "6120", " 6130 ")),
    net=st.decimals(-(10**9), 10**9, places=2),
    description=texts,
    tax_code=st.sampled_from(("", "VAT24")),
    dimensions=dimensions,
    order_number=st.one_of(st.just(""), texts),
    order_line=st.sampled_from(("", "10000")),
)
bills = st.builds(
    bill,
    kind=st.sampled_from(DocumentKind),
    number=st.text("abß'&/ -0123456789Å", min_size=1, max_size=35).filter(str.strip),
    due_date=st.one_of(st.none(), st.dates(date(2020, 1, 1), date(2030, 1, 1))),
    lines=st.lists(lines, min_size=1, max_size=6).map(tuple),
)
