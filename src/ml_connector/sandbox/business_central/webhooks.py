"""Subscriptions and the notifications they cause (BC dossier 13)."""

from __future__ import annotations

import asyncio
import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp

from ml_connector.sandbox.business_central.errors import (
    Refused,
    bad_request,
    bad_token,
    changed_meanwhile,
    no_method,
    no_record,
)
from ml_connector.sandbox.business_central.schema import TYPES, Row, stamp
from ml_connector.sandbox.business_central.table import Change, Store, etag

SUPPORTED = frozenset(
    {
        "accounts",
        "companyInformation",
        "countriesRegions",
        "currencies",
        "dimensions",
        "generalLedgerEntries",
        "items",
        "paymentMethods",
        "paymentTerms",
        "purchaseInvoices",
        "shipmentMethods",
        "unitsOfMeasure",
        "vendors",
    }
)
"""The documented entities among those served here; purchaseOrders is not one (dossier U12)."""
LIFETIME = timedelta(days=3)
LIMIT = 200
WINDOW = 30.0
THRESHOLD = 1000
RETRY_DELAYS: tuple[float, ...] = (60, 60, 600, 6000, 60000)
_RESOURCE = re.compile(r"/?(?:.*/)?api/v2\.0/companies\(([0-9a-fA-F-]{36})\)/(\w+)")
_WRITABLE = {"notificationUrl", "resource", "clientState"}
_RETRIED = {408, 429}


@dataclass(slots=True)
class Webhooks:
    """Who wants to know of what, and the sending of it."""

    store: Store
    window: float = WINDOW
    """Seconds between the first change and the notification."""
    threshold: int = THRESHOLD
    retry_delays: tuple[float, ...] = RETRY_DELAYS
    rows: dict[str, Row] = field(default_factory=dict)
    sent: int = 0
    _pending: dict[str, dict[str, Change]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _timer: asyncio.Task[None] | None = None
    _session: aiohttp.ClientSession | None = None

    async def create(self, body: Any) -> Row:
        """A new subscription, once the handshake succeeded; raises Refused (dossier U9: 400)."""
        values = _values(body)
        for name in ("notificationUrl", "resource"):
            if not values.get(name):
                raise bad_request(f"Field '{name}' must not be blank or empty.")
        company, entity_set = _resource(values["resource"])
        if len(self._alive()) >= LIMIT:
            raise bad_request(f"The maximum number of subscriptions ({LIMIT}) has been reached.")
        if any(row["_of"] == (company, entity_set) for row in self._alive()):
            raise bad_request(f"A subscription for '{values['resource']}' already exists.")
        await self._shake_hands(values["notificationUrl"])
        key = uuid.uuid4().hex
        row: Row = {"subscriptionId": key, "clientState": "", **values, "_of": (company, entity_set)}
        row |= {"systemCreatedAt": self.store.now(), "systemCreatedBy": _USER}
        return self._keep(row)

    async def renew(self, key: str, body: Any, tag: str) -> Row:
        """Three more days, after another handshake."""
        row = self.get(key)
        _match(row, tag)
        changed = {**row, **_values(body)}
        changed["_of"] = _resource(changed["resource"])
        await self._shake_hands(changed["notificationUrl"])
        return self._keep(changed)

    def remove(self, key: str, tag: str) -> None:
        """Ends a subscription."""
        _match(self.get(key), tag)
        del self.rows[key]

    def get(self, key: str) -> Row:
        """One of them; raises Refused for an unknown or expired one."""
        row = next((row for row in self._alive() if row["subscriptionId"] == key), None)
        if row is None:
            raise no_record("Webhook Subscription", key)
        return row

    def all(self) -> list[Row]:
        """Those that have not expired."""
        return self._alive()

    def notice(self, changes: list[Change]) -> None:
        """Takes in what was committed; told after the window."""
        for row in self._alive():
            for change in changes:
                if (change.company, change.entity_set) == row["_of"]:
                    self._note(row["subscriptionId"], change)
        if self._pending and (self._timer is None or self._timer.done()):
            self._timer = self._start(self._flush())

    async def close(self) -> None:
        """Stops sending."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def forget(self) -> None:
        """Drops every subscription and all that was to be told, and sends as at first."""
        self.window, self.threshold, self.retry_delays = WINDOW, THRESHOLD, RETRY_DELAYS
        self.rows.clear()
        self._pending.clear()

    def _note(self, key: str, change: Change) -> None:
        waiting = self._pending.setdefault(key, {})
        before = waiting.get(change.id)
        kind = "created" if before and before.kind == "created" and change.kind == "updated" else change.kind
        waiting[change.id] = Change(change.company, change.entity_set, change.id, kind, change.moment)

    def _alive(self) -> list[Row]:
        now = self.store.now()
        self.rows = {key: row for key, row in self.rows.items() if row["expirationDateTime"] > now}
        return list(self.rows.values())

    def _keep(self, row: Row) -> Row:
        now = self.store.clock.now()
        version = self.store.next_version()
        saved = row | {
            "_version": version,
            "timestamp": version,
            "userId": _USER,
            "lastModifiedDateTime": stamp(now),
            "expirationDateTime": stamp(now + LIFETIME),
            "systemModifiedAt": stamp(now),
            "systemModifiedBy": _USER,
        }
        self.rows[str(saved["subscriptionId"])] = saved
        return saved

    async def _shake_hands(self, url: str) -> None:
        token = secrets.token_urlsafe(24)
        joint = "&" if urlsplit(url).query else "?"
        try:
            async with self._client().post(f"{url}{joint}validationToken={quote(token)}") as answer:
                echoed = (await answer.text()).strip()
                good = answer.status == 200 and echoed == token
        except (aiohttp.ClientError, ValueError, TimeoutError):
            good = False
        if not good:
            raise bad_request(f"The notification URL '{url}' did not return the validation token.")

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        return self._session

    def _start(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _flush(self) -> None:
        await asyncio.sleep(self.window)
        pending, self._pending = self._pending, {}
        by_url: dict[str, list[dict[str, Any]]] = {}
        keys: dict[str, list[str]] = {}
        for key, changes in pending.items():
            row = self.rows.get(key)
            if row is not None:
                by_url.setdefault(row["notificationUrl"], []).extend(self._told(row, list(changes.values())))
                keys.setdefault(row["notificationUrl"], []).append(key)
        for url, told in by_url.items():
            self._start(self._send(url, told, keys[url]))

    def _told(self, row: Row, changes: Sequence[Change]) -> list[dict[str, Any]]:
        company, entity_set = row["_of"]
        base = f"api/v2.0/companies({company})/{entity_set}"
        if len(changes) >= self.threshold:
            return [_notification(row, f"/{base}{_since(changes)}", "collection", changes[-1].moment)]
        return [_notification(row, f"{base}({change.id})", change.kind, change.moment) for change in changes]

    async def _send(self, url: str, told: list[dict[str, Any]], keys: list[str]) -> None:
        for delay in (*self.retry_delays, None):
            status = await self._deliver(url, told)
            if 200 <= status < 300:
                self.sent += len(told)
                return
            if status < 500 and status not in _RETRIED:
                break
            if delay is not None:
                await asyncio.sleep(delay)
        for key in keys:
            self.rows.pop(key, None)

    async def _deliver(self, url: str, told: list[dict[str, Any]]) -> int:
        """The status of the answer; 599 for none."""
        correlation = str(uuid.uuid4())
        headers = {"clientRequestId": correlation, "x-ms-correlation-id": correlation}
        try:
            async with self._client().post(url, json={"value": told}, headers=headers) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 599


_USER = "b7f0b6a2-0c0e-4d7c-9a11-2d2f0a9f0002"


def _values(body: Any) -> dict[str, str]:
    if not isinstance(body, dict):
        raise bad_request("Invalid Request Body")
    for name, value in body.items():
        if name not in _WRITABLE or not isinstance(value, str):
            raise bad_request(
                f"The property '{name}' does not exist on type 'Microsoft.NAV.subscriptions'. "
                "Make sure to only use property names that are defined by the type."
            )
    if len(body.get("clientState", "")) > 2048:
        raise Refused(400, "Application_StringExceededLength", "The length of clientState exceeds 2048 characters.")
    return body


def _resource(resource: str) -> tuple[str, str]:
    match = _RESOURCE.fullmatch(urlsplit(resource).path if "://" in resource else resource)
    if match is None or match[2] not in SUPPORTED:
        raise bad_request(f"The resource '{resource}' does not support webhooks.")
    return match[1].lower(), match[2]


def _match(row: Row, tag: str) -> None:
    if not tag:
        raise bad_token()
    if tag not in ("*", etag(row)):
        raise changed_meanwhile()


def _since(changes: Sequence[Change]) -> str:
    """The filter of a collection notification: 50 ms before the first change, none after a deletion."""
    stamped = "lastModifiedDateTime" in TYPES[changes[0].entity_set].properties
    if not stamped or any(change.kind == "deleted" for change in changes):
        return ""
    first = datetime.fromisoformat(changes[0].moment) - timedelta(milliseconds=50)
    return "?$filter=" + quote(f"lastModifiedDateTime gt {stamp(first)}", safe=":")


def _notification(row: Row, resource: str, kind: str, moment: str) -> dict[str, Any]:
    return {
        "subscriptionId": row["subscriptionId"],
        "clientState": row["clientState"],
        "expirationDateTime": row["expirationDateTime"],
        "resource": resource,
        "changeType": kind,
        "lastModifiedDateTime": moment,
    }


def shown(row: Row) -> dict[str, Any]:
    """A subscription as the wire wants it."""
    return {"@odata.etag": etag(row), **{name: value for name, value in row.items() if not name.startswith("_")}}


def require_method(method: str, *allowed: str) -> None:
    """Raises Refused for another verb."""
    if method not in allowed:
        raise no_method(method, "subscriptions")
