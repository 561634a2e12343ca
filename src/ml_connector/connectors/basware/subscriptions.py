"""Subscriptions to notifications, and those that never arrived (Basware dossier 8)."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ml_connector.connectors.base import Notification
from ml_connector.connectors.basware.client import BaswareClient, members_of
from ml_connector.connectors.basware.errors import error_of
from ml_connector.connectors.basware.mapping import stamp
from ml_connector.connectors.basware.webhook import parse_notification
from ml_connector.records.reason import Reason

PATH: Final = "/v1/subscriptions"
TASKS_PATH: Final = "/v1/tasks"
WANTED: Final = (("AccountingDocuments", "WaitingForTransfer"), ("RequestStatus", "Error"))


async def subscribe(client: BaswareClient, *, url: str, token: str) -> None:
    """Posts the subscriptions that are missing or differ. Basware calls `url` before it stores them.

    Raises Refused (ADDRESS_WRONG) where that call fails.
    """
    there = await _present(client)
    missing = [
        {
            "taskType": task,
            "taskSubType": sub,
            "subscriptionType": "Webhook",
            "notificationWebhookURL": url,
            "webhookAuthenticationToken": token,
        }
        for task, sub in WANTED
        if not any(_is_ours(each, task=task, sub=sub, url=url, token=token) for each in there)
    ]
    if not missing:
        return
    reply = await client.post(PATH, missing, idempotent=True)
    if reply.ok:
        return
    where = f"The webhook {url}, which Basware calls before it subscribes and which must run and be reachable,"
    raise error_of(reply, attempted=Reason.ADDRESS_WRONG, subject=where)


async def missed(client: BaswareClient, *, since: datetime) -> AsyncIterator[Sequence[Notification]]:
    """Notifications that Basware gave up on, page by page."""
    params = {"taskStatus": "Failed", "lastUpdated": stamp(since)}
    async for page in client.pages(TASKS_PATH, "taskStatus", params=params):
        yield [found for each in page if (found := _readable(each)) is not None]


async def _present(client: BaswareClient) -> Sequence[Mapping[str, Any]]:
    answer = await client.get(PATH)
    return members_of(answer.reply, "subscriptions") if answer.found else ()


def _is_ours(entry: Mapping[str, Any], *, task: str, sub: str, url: str, token: str) -> bool:
    secret = str(entry.get("webhookAuthenticationToken") or "")
    return (
        (entry.get("taskType"), entry.get("taskSubType")) == (task, sub)
        and entry.get("notificationWebhookURL") == url
        and hmac.compare_digest(secret.encode(), token.encode())
    )


def _readable(entry: Mapping[str, Any]) -> Notification | None:
    """An entry of the history; None for one that names nothing to look at."""
    try:
        return parse_notification(entry)
    except ValueError:
        return None
