"""Change subscriptions: Business Central calls us when something changed (BC dossier 13).

Optional and never relied on: a notification only says where to look, and polling stays the truth. One
subscription lives for three days; it is renewed daily. Ours are known by the secret or the address they carry.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from ml_connector.connectors.business_central.client import BusinessCentralClient
from ml_connector.connectors.business_central.errors import unexpected
from ml_connector.connectors.errors import ConnectorError, Unavailable

RENEW_BEFORE: Final = timedelta(hours=60)
"""Renewed once less than this is left of its three days: whoever looks twice a day renews daily."""


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
    secret: str = field(default="", repr=False)

    def is_ours(self, *, url: str, secret: str) -> bool:
        """True where we made it, be it when we were reached elsewhere."""
        return self.url == url or self.carries(secret)

    def carries(self, secret: str) -> bool:
        """True where its notifications come with that secret."""
        return hmac.compare_digest(self.secret.encode(errors="replace"), secret.encode())

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
        """The subscriptions of this company, whoever made them."""
        company = await self._client.company_path()
        rows = await self._client.environment_rows("subscriptions")
        try:
            return tuple(
                subscription_of(row) for row in rows if f"/{company}/".lower() in str(row.get("resource")).lower()
            )
        except (KeyError, ValueError) as odd:
            raise unexpected("the list of subscriptions holds one without its id or its end") from odd

    async def keep(self, entities: frozenset[str], *, url: str, secret: str, now: datetime) -> None:
        """Sees to a subscription of ours to each of these entity sets, and to no other one of ours.

        A failure does not keep the others from being tried, unless Business Central is out of reach; the first
        one is raised.
        """
        ours = [each for each in await self.existing() if each.is_ours(url=url, secret=secret)]
        kept: set[str] = set()
        steps: list[Callable[[], Awaitable[None]]] = []
        for each in ours:
            if each.entity not in entities or each.entity in kept:
                steps.append(partial(self.remove, each))
            elif each.url != url or not each.carries(secret) or each.is_due(now):
                steps.append(partial(self._renew, each, url=url, secret=secret))
            kept.add(each.entity)
        steps += [partial(self._create, entity, url=url, secret=secret) for entity in sorted(entities - kept)]
        failures = [error for step in steps if (error := await _failure_of(step)) is not None]
        if failures:
            raise failures[0]

    async def _create(self, entity: str, *, url: str, secret: str) -> None:
        body = await self._body(entity, url=url, secret=secret)
        await self._client.environment_write("POST", "subscriptions", body)

    async def _renew(self, present: Subscription, *, url: str, secret: str) -> None:
        body = await self._body(present.entity, url=url, secret=secret)
        await self._client.environment_write("PATCH", _path(present.id), body, if_match=present.etag or "*")

    async def _body(self, entity: str, *, url: str, secret: str) -> dict[str, str]:
        company = await self._client.company_path()
        return {"notificationUrl": url, "resource": f"/api/v2.0/{company}/{entity}", "clientState": secret}

    async def remove(self, subscription: Subscription) -> None:
        """Ends a subscription; one that is gone already is fine."""
        await self._client.environment_write("DELETE", _path(subscription.id), None, if_match=subscription.etag or "*")


async def _failure_of(step: Callable[[], Awaitable[None]]) -> ConnectorError | None:
    try:
        await step()
    except Unavailable:
        raise
    except ConnectorError as error:
        return error
    return None


def subscription_of(row: Mapping[str, Any]) -> Subscription:
    """A subscription from its row."""
    entity, _ = place_of(str(row.get("resource") or ""))
    return Subscription(
        id=str(row["subscriptionId"]),
        entity=entity,
        url=str(row.get("notificationUrl") or ""),
        expires=datetime.fromisoformat(str(row["expirationDateTime"])),
        etag=str(row.get("@odata.etag") or ""),
        secret=str(row.get("clientState") or ""),
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
    except (ValueError, RecursionError) as odd:
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
        genuine=bool(secret) and hmac.compare_digest(state.encode(errors="replace"), secret.encode()),
    )


def place_of(resource: str) -> tuple[str, str]:
    """Entity set and key of a resource: it may be relative, absolute, or carry a filter. Empty for nonsense."""
    try:
        path = urlsplit(resource).path
    except ValueError:
        return "", ""
    last = unquote(path).rstrip("/").rpartition("/")[2]
    entity, _, rest = last.partition("(")
    return entity, rest.rstrip(")").strip("'")


def _path(subscription_id: str) -> str:
    quoted = subscription_id.replace("'", "''")
    return f"subscriptions('{quoted}')"
