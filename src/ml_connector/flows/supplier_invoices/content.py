"""A supplier invoice as its row keeps it: bank details left out, sums as exact texts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from ml_connector.records.supplier_invoice import SupplierInvoice

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_LEFT_OUT: Final = ("bank_account", "modified")
"""What is nobody's business at rest, and what changes without the invoice having changed."""


def content_of(invoice: SupplierInvoice, *, at: datetime) -> dict[str, Any]:
    """The columns that say what an invoice is, in its version read at that moment."""
    payload = payload_of(invoice)
    return {
        "kind": str(invoice.kind), "invoice_number": invoice.reference, "supplier": invoice.vendor_number,
        "supplier_name": invoice.vendor_name, "net": invoice.net, "gross": invoice.gross,
        "currency": invoice.currency, "invoice_date": invoice.invoice_date,
        "posting_date": invoice.posting_date or invoice.invoice_date, "payload": payload,
        "payload_hash": hash_of(payload), "source_updated": invoice.modified, "content_at": at,
        "bill_id": invoice.key, "bill_number": invoice.number,
    }  # fmt: skip


def payload_of(invoice: SupplierInvoice) -> dict[str, Any]:
    """The invoice as it is kept."""
    return {name: _plain(getattr(invoice, name)) for name in _names(SupplierInvoice) if name not in _LEFT_OUT}


def hash_of(payload: Mapping[str, Any]) -> str:
    """The same for the same content."""
    canonical = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def vendor_of(payload: Mapping[str, Any]) -> str:
    """The lasting key of the invoice's supplier."""
    return str(payload["vendor"])


def orders_of(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """The orders that its lines refer to, each once."""
    return tuple(dict.fromkeys(line["order_number"] for line in payload["lines"] if line["order_number"]))


@cache
def _names(record: type[DataclassInstance]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(record))


def _plain(value: Any) -> Any:
    """Of records their fields: `asdict` would copy each deeply first, which is half of what an invoice costs here."""
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"  # 10.0 and 10.00 are one amount
    if is_dataclass(value):
        return {name: _plain(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value)
