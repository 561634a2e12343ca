"""Change subscriptions: Business Central calls us when something changed (BC dossier 13).

Optional and never relied on: a notification only says where to look, and polling stays the truth. One
subscription lives for three days; it is renewed daily.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from ml_connector.connectors.business_central.client import BusinessCentralClient
from ml_connector.connectors.business_central.errors import unexpected

SUBSCRIBABLE: Final = ("vendors", "accounts", "dimensions", "paymentTerms", "purchaseInvoices")
"""Entity sets of ours that may be subscribed to by the documentation; the others are polled."""
RENEW_BEFORE: Final = timedelta(days=2)
"""Renewed once less than this is left of its three days."""


class Change(StrEnum):
    """What happened to what a notification names."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    COLLECTION = "collection"
    """Too much to name each: read what changed."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as it stands."""

    id: str
    entity: str
    url: str
    expires: datetime
    etag: str = field(repr=False)

    def is_due(self, now: datetime) -> bool:
        """True once it should be renewed."""
        return self.expires - now < RENEW_BEFORE


@dataclass(frozen=True, slots=True)
class Notice:
    """One entry of a notification: an order to look."""

    subscription: str
    entity: str
    key: str
    """The record's id; empty for a whole collection."""
    change: Change
    genuine: bool
    """True where it carries the secret the subscription was made with."""


class Subscriptions:
    """Makes, renews and removes the subscriptions of one company. Receivers must be up: each call shakes hands."""

    def __init__(self, client: BusinessCentralClient) -> None:
        self._client = client

    async def existing(self) -> tuple[Subscription, ...]:
        """The subscriptions of this company."""
        company = await self._client.company_path()
        rows = await self._client.environment_rows("subscriptions")
        return tuple(subscription_of(row) for row in rows if f"/{company}/".lower() in str(row.get("resource")).lower())

    async def ensure(self, entity: str, *, url: str, secret: str, now: datetime) -> Subscription:
        """Sees to a subscription of `entity` that brings notices to `url`, renewing it where it is due."""
        present = next((each for each in await self.existing() if each.entity == entity), None)
        if present is not None and present.url == url and not present.is_due(now):
            return present
        company = await self._client.company_path()
        body = {
            "notificationUrl": url,
            "resource": f"/api/v2.0/{company}/{entity}",
            "clientState": secret,
        }
        if present is None:
            row = await self._client.environment_write("POST", "subscriptions", body)
        else:
            row = await self._client.environment_write("PATCH", _path(present.id), body, if_match=present.etag or "*")
        if row is None:
            raise unexpected(f"the subscription of {entity} was answered without itself")
        return subscription_of(row)

    async def remove(self, subscription: Subscription) -> None:
        """Ends a subscription; one that is gone already is fine."""
        await self._client.environment_write("DELETE", _path(subscription.id), None, if_match=subscription.etag or "*")


def subscription_of(row: Mapping[str, Any]) -> Subscription:
    """A subscription from its row."""
    entity, _ = place_of(str(row.get("resource") or ""))
    return Subscription(
        id=str(row["subscriptionId"]),
        entity=entity,
        url=str(row.get("notificationUrl") or ""),
        expires=datetime.fromisoformat(str(row["expirationDateTime"])),
        etag=str(row.get("@odata.etag") or ""),
    )


def handshake_answer(query: str) -> str | None:
    """The token to answer with, as text and with 200, where a call is the handshake; None for any other."""
    return next(iter(parse_qs(query, keep_blank_values=True).get("validationToken", ())), None)


def parse_notices(body: bytes, *, secret: str) -> tuple[Notice, ...]:
    """The notices of a notification. Raises ValueError with a sentence where the body is none.

    Answer 202 to whatever this accepts, notices that are not genuine too: any refusal but 408, 429 and 5xx
    makes Business Central delete the subscription (BC dossier 13.3).
    """
    try:
        payload = json.loads(body)
    except ValueError as odd:
        raise ValueError("the body is no JSON") from odd
    entries = payload.get("value") if isinstance(payload, dict) else None
    if not isinstance(entries, list):
        raise ValueError("the body holds no list of notifications")  # noqa: TRY004 the sender's fault
    return tuple(_notice(entry, secret) for entry in entries if isinstance(entry, dict))


def _notice(entry: Mapping[str, Any], secret: str) -> Notice:
    entity, key = place_of(str(entry.get("resource") or ""))
    change = str(entry.get("changeType") or "")
    state = str(entry.get("clientState") or "")
    return Notice(
        subscription=str(entry.get("subscriptionId") or ""),
        entity=entity,
        key=key,
        change=Change(change) if change in set(Change) else Change.COLLECTION,
        genuine=bool(secret) and hmac.compare_digest(state.encode(), secret.encode()),
    )


def place_of(resource: str) -> tuple[str, str]:
    """Entity set and key of a resource: it may be relative, absolute, or carry a filter."""
    last = unquote(urlsplit(resource).path).rstrip("/").rpartition("/")[2]
    entity, _, rest = last.partition("(")
    return entity, rest.rstrip(")").strip("'")


def _path(subscription_id: str) -> str:
    quoted = subscription_id.replace("'", "''")
    return f"subscriptions('{quoted}')"
