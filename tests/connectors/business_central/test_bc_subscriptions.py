"""Notifications of Business Central, parsed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from ml_connector.connectors.business_central.announcements import ANNOUNCEMENTS
from ml_connector.connectors.business_central.subscriptions import (
    Change,
    handshake_answer,
    parse_notices,
    place_of,
    subscription_of,
)
from ml_connector.records.flow import Flow

COMPANY = "companies(6e3f1c1a-7d0b-4c5e-9a51-0f7a2f9b1001)"
INVOICE = "c6c8f2d0-94a1-f111-9c4f-6045bd1a0001"


@pytest.mark.parametrize(
    ("resource", "place"),
    [
        (f"api/v2.0/{COMPANY}/purchaseInvoices({INVOICE})", ("purchaseInvoices", INVOICE)),
        (f"/api/v2.0/{COMPANY}/purchaseInvoices({INVOICE})", ("purchaseInvoices", INVOICE)),
        (f"https://h/v2.0/t/Production/api/v2.0/{COMPANY}/vendors({INVOICE})", ("vendors", INVOICE)),
        (f"/api/v2.0/{COMPANY}/purchaseInvoices?$filter=lastModifiedDateTime%20gt%202026", ("purchaseInvoices", "")),
        (f"/api/v2.0/{COMPANY}/vendors", ("vendors", "")),
        ("", ("", "")),
        ("http://[", ("", "")),
    ],
)
def test_places(resource: str, place: tuple[str, str]) -> None:
    assert place_of(resource) == place


def body(**changes: str) -> bytes:
    entry = {
        "subscriptionId": "c670", "clientState": "secret", "changeType": "updated",
        "resource": f"/api/v2.0/{COMPANY}/purchaseInvoices({INVOICE})",
    }  # fmt: skip
    return json.dumps({"value": [{**entry, **changes}]}).encode()


def test_a_genuine_notice() -> None:
    (notice,) = parse_notices(body(), secret="secret")
    assert (notice.entity, notice.key, notice.change, notice.genuine) == (
        "purchaseInvoices", INVOICE, Change.UPDATED, True,
    )  # fmt: skip


@pytest.mark.parametrize("secret", ["other", ""])
def test_a_wrong_secret_is_seen(secret: str) -> None:
    (notice,) = parse_notices(body(clientState=""), secret=secret)
    assert not notice.genuine


def test_an_unknown_change_means_read_what_changed() -> None:
    (notice,) = parse_notices(body(changeType="moved"), secret="secret")
    assert notice.change is Change.COLLECTION


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"value": 1}', b"\xff", b"[" * 100_000])
def test_what_is_no_notification_is_said_so(raw: bytes) -> None:
    with pytest.raises(ValueError, match="the body"):
        parse_notices(raw, secret="s")


def test_the_flows_of_all_genuine_notices_are_told_once() -> None:
    entries = [
        {"clientState": state, "changeType": kind, "resource": f"/api/v2.0/{COMPANY}/{place}"}
        for state, kind, place in [
            ("secret", "updated", f"vendors({INVOICE})"),
            ("secret", "collection", "vendors?$filter=lastModifiedDateTime%20gt%202026"),
            ("secret", "deleted", f"purchaseInvoices({INVOICE})"),
            ("secret", "updated", f"customers({INVOICE})"),
            ("wrong", "updated", f"accounts({INVOICE})"),
            ("\ud800", "updated", f"accounts({INVOICE})"),
        ]
    ]
    told = json.dumps({"value": [*entries, 5]}).encode()
    assert ANNOUNCEMENTS.parse(told, headers={}, secret="secret") == {Flow.VENDORS, Flow.PAYMENTS}
    assert ANNOUNCEMENTS.parse(told, headers={}, secret="another") == frozenset()


def test_handshake() -> None:
    assert handshake_answer("validationToken=a%20b%2Bc") == "a b+c"
    assert handshake_answer("x=1") is None


def test_renewal_is_due_a_day_after() -> None:
    now = datetime(2026, 8, 12, 7, 31, tzinfo=UTC)
    row = {
        "subscriptionId": "c670", "resource": f"/api/v2.0/{COMPANY}/vendors", "notificationUrl": "https://h/x",
        "expirationDateTime": "2026-08-15T07:31:00Z",
    }  # fmt: skip
    subscription = subscription_of(row)
    assert not subscription.is_due(now)
    assert subscription.is_due(now + timedelta(days=1, minutes=1))
