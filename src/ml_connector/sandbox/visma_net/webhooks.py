"""Webhook notifications: pushed after a change, signed over the exact body (Visma dossier 15, 17.44)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.visma_net.errors import bad_request
from ml_connector.sandbox.visma_net.table import Change

_ENTITIES = {
    "supplier": "Supplier",
    "purchaseorder": "PurchaseOrder",
    "account": "Account",
    "dimension": "SegmentValue",
    "project": "Project",
}
_APPLICATION = str(uuid.uuid5(uuid.NAMESPACE_URL, "visma-application"))


@dataclass(slots=True)
class Manners:
    """How notifications are sent, for better or worse."""

    duplicate: bool = False
    """Each is delivered twice, under one id."""
    wrong_signature: bool = False
    array: bool = False
    """The body is an array of events."""
    reorder: bool = False
    """Those of one change come in the wrong order."""
    retries: int = 2
    retry_seconds: float = 0.5
    lost: bool = False
    """Nothing is delivered at all."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where to, and the signature key."""

    url: str
    key: str = field(repr=False)
    tenant: str | None
    """Events of one tenant only; None for all that approved."""


@dataclass(slots=True)
class Webhooks:
    """Who wants to know, and the sending of it."""

    clock: Clock
    manners: Manners = field(default_factory=Manners)
    subscriptions: list[Subscription] = field(default_factory=list)
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    """Every attempt: event, url and the status of the answer."""
    tenants: dict[str, str] = field(default_factory=dict)
    """Tenant by company id."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _session: aiohttp.ClientSession | None = None

    def subscribe(self, url: str, key: str, tenant: str | None) -> None:
        """Sends to an https address, or to one of this machine; raises Refusal (400) for any other."""
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
            raise bad_request(f"The address {url} is not https.")
        self.subscriptions = [each for each in self.subscriptions if (each.url, each.tenant) != (url, tenant)]
        self.subscriptions.append(Subscription(url, key, tenant))

    def notice(self, changes: list[Change]) -> None:
        """Takes in what was committed."""
        events: dict[str, list[dict[str, str]]] = {}
        for change in changes:
            company, _, table = change.table.partition("/")
            for event in _events(table, change):
                tenant = self.tenants.get(company, "")
                events.setdefault(tenant, []).append({**event, "tenantId": tenant})
        for tenant, told in events.items():
            self.tell(tenant, told)

    def tell(self, tenant: str, told: list[dict[str, str]], extra: Mapping[str, str] | None = None) -> None:
        """Sends events of a tenant to all who want them."""
        ordered = told[::-1] if self.manners.reorder else told
        for each in self.subscriptions:
            if each.tenant in (None, tenant) and not self.manners.lost:
                self._start(self._send(each, tenant, ordered, dict(extra or {})))

    def forget(self) -> None:
        """Drops every subscription, and sends as at first."""
        self.subscriptions.clear()
        self.deliveries.clear()
        self.manners = Manners()

    async def close(self) -> None:
        """Stops sending."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            task = asyncio.get_running_loop().create_task(work)
        except RuntimeError:
            work.close()  # Books that are filled before anything is served have nobody to tell.
            return
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(
        self, to: Subscription, tenant: str, told: Iterable[dict[str, str]], extra: Mapping[str, str]
    ) -> None:
        bodies: list[Any] = [list(told)] if self.manners.array else list(told)
        for body in bodies:
            text = json.dumps(body).encode()
            headers = {**self._headers(to, tenant, body, text), **extra}
            for _ in range(2 if self.manners.duplicate else 1):
                await self._deliver(to.url, text, headers, body)

    async def _deliver(self, url: str, text: bytes, headers: Mapping[str, str], body: Any) -> None:
        for attempt in range(self.manners.retries + 1):
            if attempt:
                await asyncio.sleep(self.manners.retry_seconds)
            status = await self._post(url, text, headers)
            self.deliveries.append({"url": url, "event": body, "status": status})
            if 200 <= status < 300:
                return

    async def _post(self, url: str, text: bytes, headers: Mapping[str, str]) -> int:
        """The status of the answer; 599 for none."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        try:
            async with self._session.post(url, data=text, headers=headers) as answer:
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 599

    def _headers(self, to: Subscription, tenant: str, body: Any, text: bytes) -> dict[str, str]:
        digest = hmac.new(to.key.encode(), text, hashlib.sha256).digest()
        if self.manners.wrong_signature:
            digest = digest[::-1]
        milliseconds = str(int(self.clock.now().timestamp() * 1000))
        first: Any = body[0] if isinstance(body, list) else body
        return {
            "Content-Type": "application/json; charset=utf-8",
            "x-vwd-signature-v1": base64.b64encode(digest).decode(),
            "x-vwd-notification-id": str(uuid.uuid4()),
            "x-vwd-event-id": str(first["eventType"]),
            "x-vwd-tenant-id": tenant,
            "x-vwd-notification-timestamp": milliseconds,
            "x-vwd-webhook-timestamp": milliseconds,
            "x-vwd-subscription-id": str(uuid.uuid5(uuid.NAMESPACE_URL, to.url)),
            "x-vwd-application-id": _APPLICATION,
        }


def _events(table: str, change: Change) -> list[dict[str, str]]:
    """What a change is told as; payments, receipts, terms and VAT are not told at all (Visma dossier 15.2)."""
    if table == "supplierInvoice":
        before, after = (change.before or {}).get("status"), (change.after or {}).get("status")
        number = change.key.rpartition("/")[2]
        return [] if before == after or after is None else [_event("SupplierInvoiceStatusChanged", number)]
    if table not in _ENTITIES:
        return []
    if change.after is None:
        return [_event("AccountDeleted", change.key)] if table == "account" else []
    kind = "Changed" if table in ("purchaseorder", "project", "dimension") else "Updated"
    created = change.before is None and table in ("supplier", "account")
    return [_event(f"{_ENTITIES[table]}{'Created' if created else kind}", change.key)]


def _event(kind: str, key: str) -> dict[str, str]:
    return {"eventType": kind, "entityId": key}


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
