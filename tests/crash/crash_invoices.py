"""Invoices to break things with: so many that post, and one for each way to fail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.basware.approved import approved_documents
from ml_connector.sandbox.company import found

Fields = dict[str, Any]


def invoices(code: str, good: int, *bad: str) -> list[Fields]:
    """Approved invoices as Basware offers them: so many that post, then one for each way to fail."""
    now = datetime.now(UTC)
    company = found(code, today=now.date(), vendors=20, orders=0, invoices=good + len(bad) + 20)
    documents = [fields for fields, _ in approved_documents(company, now)]
    # Some are created whole in one call; the first is one whose lines' dimensions take another.
    first = next(fields for fields in documents if len({row["costCenterCode"] for row in fields["codingRows"]}) > 1)
    documents.remove(first)
    documents = [first, *documents][: good + len(bad)]
    for fields, flaw in zip(documents[good:], bad, strict=True):
        _FLAWS[flaw](fields)
    return documents


def _unknown_vendor(fields: Fields) -> None:
    fields["supplierCode"] = "V-NOBODY"


def _other_totals(fields: Fields) -> None:
    """Its tax is not what the ledger computes: found out only once the draft is there."""
    more = Decimal("3.00")
    row = fields["codingRows"][0]
    row["taxSum"] += more
    row["grossTotal"] += more
    fields["taxSum1"] += more
    fields["grossSum"] += more


_FLAWS: dict[str, Callable[[Fields], None]] = {"unknown vendor": _unknown_vendor, "other totals": _other_totals}
