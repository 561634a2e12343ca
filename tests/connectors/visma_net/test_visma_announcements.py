"""Visma's webhook calls as hints."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from ml_connector.connectors.visma_net.announcements import ANNOUNCEMENTS, flow_of
from ml_connector.records.flow import Flow

KEY = "signature-key"


def told(body: bytes, *, key: str = KEY, name: str = "x-vwd-signature-v1", **headers: str) -> frozenset[Flow]:
    signature = base64.b64encode(hmac.new(key.encode(), body, hashlib.sha256).digest()).decode()
    sent = {name: signature} | {each.replace("_", "-"): value for each, value in headers.items()}
    return ANNOUNCEMENTS.parse(body, headers=sent, secret=KEY)


def event(kind: str, **more: Any) -> bytes:
    return json.dumps({"eventType": kind, "entityId": "300045", **more}).encode()


@pytest.mark.parametrize(
    ("kind", "flow"),
    [
        ("SupplierInvoiceStatusChanged", Flow.SUPPLIER_INVOICES),
        ("AP invoice status changed", Flow.SUPPLIER_INVOICES),
        ("SupplierUpdated", Flow.VENDORS),
        ("PurchaseOrderChanged", Flow.PURCHASE_ORDERS),
        ("AccountCreated", Flow.ACCOUNTS),
        ("SegmentValueChanged", Flow.DIMENSIONS),
        ("ProjectChanged", Flow.DIMENSIONS),
        ("BackgroundApiResponseReady", None),
    ],
)
def test_an_event_starts_its_flow(kind: str, flow: Flow | None) -> None:
    assert flow_of(kind) is flow
    assert told(event(kind)) == (frozenset() if flow is None else {flow})


def test_several_events_may_come_in_one_call() -> None:
    body = json.dumps([{"eventType": "SupplierChanged"}, {"eventType": "AccountDeleted"}, "odd"]).encode()
    assert told(body) == {Flow.VENDORS, Flow.ACCOUNTS}


def test_the_event_may_stand_in_a_header_alone() -> None:
    assert told(b"", x_vwd_event_id="PurchaseOrderStatusChanged") == {Flow.PURCHASE_ORDERS}


def test_headers_are_found_in_any_case() -> None:
    assert told(event("SupplierChanged"), name="X-Vwd-Signature-V1") == {Flow.VENDORS}


def test_a_call_that_is_signed_with_another_key_says_nothing() -> None:
    assert told(event("SupplierChanged"), key="other") == frozenset()
    assert ANNOUNCEMENTS.parse(event("SupplierChanged"), headers={}, secret=KEY) == frozenset()


def test_one_changed_byte_breaks_the_signature() -> None:
    body = event("SupplierChanged")
    signature = base64.b64encode(hmac.new(KEY.encode(), body, hashlib.sha256).digest()).decode()
    headers = {"x-vwd-signature-v1": signature}
    assert ANNOUNCEMENTS.parse(body.replace(b" ", b"  ", 1), headers=headers, secret=KEY) == frozenset()


def test_without_a_key_nothing_is_genuine() -> None:
    body = event("SupplierChanged")
    signature = base64.b64encode(hmac.new(b"", body, hashlib.sha256).digest()).decode()
    assert ANNOUNCEMENTS.parse(body, headers={"x-vwd-signature-v1": signature}, secret="") == frozenset()


def test_any_of_several_signatures_counts_while_keys_are_exchanged() -> None:
    body = event("SupplierChanged")
    ours = base64.b64encode(hmac.new(KEY.encode(), body, hashlib.sha256).digest()).decode()
    headers = {"x-vwd-signature-v1": f"b2xk, {ours}"}
    assert ANNOUNCEMENTS.parse(body, headers=headers, secret=KEY) == {Flow.VENDORS}


def test_a_genuine_body_that_is_no_json_is_an_error() -> None:
    with pytest.raises(ValueError, match="JSON"):
        told(b"SupplierChanged")


def test_nothing_is_asked_beforehand() -> None:
    assert ANNOUNCEMENTS.answer_handshake("validationToken=x") is None
