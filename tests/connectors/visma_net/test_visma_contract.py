"""What is read and asked for has the names of Visma's own description (`fields.json`), not those of the sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from visma_wire import Listed, Wire

from ml_connector.connectors.visma_net.invoices import Surroundings, invoice_of, key_of, receipt_lines_of
from ml_connector.connectors.visma_net.mapping import (
    account_of,
    is_of_suppliers,
    payment_term_of,
    project_of,
    segment_values,
    tax_code_of,
    vats_of,
    vendor_of,
)
from ml_connector.connectors.visma_net.orders import is_wanted, order_of, orders_of, received_of
from ml_connector.records.flow import Flow

FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "fields.json").read_text())
KEPT = {
    "documentType": "Invoice", "receiptType": "PoReceipt", "status": "Open", "segmentId": 1, "poNumber": "",
    "lineType": "Service",
}  # fmt: skip
NOT_IN_THE_SHORT_FORM = {"terms"}
"""Read where the long form of an order gives it."""


class Described(dict[str, Any]):
    """A record that has every member of its description, and complains of any other name."""

    def get(self, name: str, default: Any = None) -> Any:
        assert name in self or name in NOT_IN_THE_SHORT_FORM, f"no such member: {name}"
        return super().get(name, default)


def sample(kind: Any, name: str = "") -> Any:
    if isinstance(kind, dict):
        return Described({each: sample(of, each) for each, of in kind.items()})
    if isinstance(kind, list):
        return [sample(kind[0])]
    values = {"boolean": True, "integer": 1, "number": 1, "date-time": "2026-08-20T00:00:00"}
    return KEPT.get(name, values.get(kind, str(kind).partition("|")[0]))


def described(path: str) -> Any:
    return sample(FACTS[path]["gives"])


def invoices(row: Any) -> Any:
    return [key_of(row), receipt_lines_of(row), invoice_of(row, Surroundings())]


def receipts(row: Any) -> Any:
    return [orders_of([row]), received_of([row | {"status": "Released"}])]


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("/v1/supplier", vendor_of),
        ("/v1/supplierInvoice", invoices),
        ("/v1/purchaseorderbasic", lambda row: [is_wanted(row), order_of(row, {}, {"1": "1", "Project": "Project"})]),
        ("/v2/PurchaseReceipt", receipts),
        ("/v1/account", account_of),
        ("/v1/project", lambda row: project_of(row, "Project")),
        ("/v1/creditTerm", lambda row: [(is_of_suppliers(each), payment_term_of(each)) for each in row["records"]]),
        ("/v1/vatCategory", lambda row: [tax_code_of(row, date(2026, 9, 1)), vats_of([row])]),
        ("/v1/dimension/{dimensionId}", lambda row: segment_values(row, {"1": "1"})),
    ],
)
def test_every_member_that_is_read_is_described(path: str, read: Callable[[Any], Any]) -> None:
    assert read(described(path))


def test_a_name_that_is_not_described_would_be_noticed() -> None:
    with pytest.raises(AssertionError, match="supplierNumber"):
        described("/v1/supplierInvoice").get("supplierNumber")


async def test_every_filter_that_is_asked_for_is_described(wire: Wire) -> None:
    """Unknown ones are ignored silently (dossier 6.3)."""
    wire.answer = lambda request: Listed([]).page(request) if "dimension" not in request.path else None
    async with wire.source(dimensions=("Project",)) as source:
        for flow in source.capabilities.reads:
            for since in (None, "2026-08-20T10:00:00"):
                _ = [page async for page in source.read(flow, since=since)]
        _ = [page async for page in source.invoices(since="2026-08-20T10:00:00")]
    asked = {(path, name) for (_, path), query in zip(wire.requests, wire.queries, strict=True) for name in query}
    assert {(path, name) for path, name in asked if name not in FACTS[path]["asks"]} == set()
    assert ("/v1/supplierInvoice", "lastModifiedDateTimeCondition") in asked
    assert Flow.VENDORS in source.capabilities.reads
