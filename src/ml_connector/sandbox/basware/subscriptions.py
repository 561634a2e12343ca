"""The pages of subscriptions and of the notification history (dossier 8.1, 8.4)."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from ml_connector.sandbox.basware.errors import Refused, gateway
from ml_connector.sandbox.basware.notifications import Notifier, Subscription, Task
from ml_connector.sandbox.basware.shelf import TOKEN_HEADER, just_after, page, start_of
from ml_connector.sandbox.basware.wire import REQUEST_ID, Fields, answer, query_moment, query_of, read_json, whole
from ml_connector.sandbox.clock import Clock

_PAGE = 500
_TYPES = frozenset(
    {
        "AccountingDocuments",
        "ExportedPurchaseRequisitions",
        "ExportedPurchaseOrders",
        "RequestStatus",
        "ExportedContracts",
        "ExportedContractSpends",
    }
)
_SUB_TYPES = {
    "AccountingDocuments": frozenset(
        {
            "WaitingForPrebook",
            "WaitingForTransfer",
            "WaitingForPrebookCancelation",
            "WaitingToBeRemoved",
            "WaitingToBeReturned",
            "WaitingToBeCompleted",
            "All",
        }
    ),
    "RequestStatus": frozenset({"Error", "Success", "All"}),
}
_OTHER_SUB_TYPES = frozenset({"WaitingForExport", "All"})
_REQUIRED = ("taskType", "subscriptionType", "notificationWebhookURL", "webhookAuthenticationToken")
_KNOWN = frozenset({*_REQUIRED, "taskSubType", "lastUpdated", "autoResponder"})


class SubscriptionPages:
    """Subscribing and looking back at what was sent."""

    def __init__(self, clock: Clock, notifier: Notifier) -> None:
        self._clock = clock
        self._notifier = notifier

    async def create(self, request: web.Request) -> web.Response:
        """POST /v1/subscriptions: the receiver must answer the ConnectionTest before anything is stored."""
        asked = await read_json(request)
        _check(asked, request)
        now = whole(self._clock.now())
        made = [Subscription({"taskSubType": _default(entry), **_given(entry)}, now) for entry in asked]
        for subscription in made:
            test = Task(str(uuid.uuid4()), "ConnectionTest", "All", str(uuid.uuid4()), now, now)
            status, _ = await self._notifier.send(test, subscription)
            if status != 200:  # U18
                raise gateway(422, "UnprocessableEntity")
        for subscription in made:
            key = (subscription.fields["taskType"], subscription.fields["taskSubType"])
            self._notifier.subscriptions[key] = subscription
        return answer([subscription.as_json() for subscription in made])

    async def list_all(self, request: web.Request) -> web.Response:
        """GET /v1/subscriptions."""
        query = query_of(request)
        after = query_moment(query)
        found = [
            subscription.as_json()
            for subscription in self._notifier.subscriptions.values()
            if query.get("tasktype") in (None, subscription.fields["taskType"])
            and query.get("tasksubtype") in (None, subscription.fields["taskSubType"])
            and (after is None or subscription.updated > after)
        ]
        return answer({"subscriptions": found}) if found else _not_found()

    async def delete(self, request: web.Request) -> web.Response:
        """DELETE /v1/subscriptions: all three parameters are required, `All` stands for every type."""
        query = query_of(request)
        if not {"lastupdated", "tasktype", "tasksubtype"} <= query.keys():
            raise gateway(422, "UnprocessableEntity")
        after = query_moment(query)
        gone = [
            key
            for key, subscription in self._notifier.subscriptions.items()
            if query["tasktype"] in ("All", key[0])
            and query["tasksubtype"] in ("All", key[1])
            and after is not None
            and subscription.updated > after
        ]
        for key in gone:
            del self._notifier.subscriptions[key]
        return answer({"status": "Deleted successfully", "numberOfRecordsDeleted": len(gone)})

    async def task(self, request: web.Request) -> web.Response:
        """GET /v1/tasks/{taskId}."""
        task = self._notifier.tasks.get(request.match_info["taskId"])
        return _not_found() if task is None else answer({"taskStatus": [task.as_json()]})

    async def tasks(self, request: web.Request) -> web.Response:
        """GET /v1/tasks, the notification history."""
        query = query_of(request)
        now = self._clock.now()
        start = start_of(request.headers.get(TOKEN_HEADER), now) or just_after(query_moment(query))
        entries = (
            entry
            for entry in self._notifier.shelf.entries(self._groups(query), start)
            if _asked_for(self._notifier.tasks[entry[2]], query)
        )
        ids, token = page(entries, _PAGE, now)
        if not ids:
            return _not_found()
        response = answer({"taskStatus": [self._notifier.tasks[task_id].as_json() for task_id in ids]})
        if token:
            response.headers[TOKEN_HEADER] = token
        return response

    def _groups(self, query: dict[str, str]) -> list[Any]:
        if "documentid" in query:
            return [("document", query["documentid"])]
        groups: list[Any] = list(self._notifier.shelf.groups())
        return [
            group
            for group in groups
            if group[0] != "document"
            and query.get("tasktype") in (None, group[0])
            and query.get("taskstatus") in (None, group[1])
        ]


def _asked_for(task: Task, query: dict[str, str]) -> bool:
    return query.get("tasktype") in (None, task.kind) and query.get("taskstatus") in (None, task.status)


def _given(entry: Fields) -> Fields:
    return {name: value for name, value in entry.items() if value is not None and name != "lastUpdated"}


def _default(entry: Fields) -> str:
    return "Error" if entry["taskType"] == "RequestStatus" else "All"


def _check(asked: object, request: web.Request) -> None:
    wrong = ["The request body must be a non-empty array."]
    if isinstance(asked, list) and asked:
        wrong = [text for entry in asked for text in _wrong_in(entry)]
    if wrong:
        messages = [{"type": "VALIDATION", "code": "SCHEMA_VALIDATION_ERROR", "message": text} for text in wrong]
        body = {"requestId": request[REQUEST_ID], "hasError": True, "errorMessages": messages}
        raise Refused(400, body=body)


def _wrong_in(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return ["value is not a valid dict"]
    unknown = [f"{name} extra fields not permitted" for name in entry if name not in _KNOWN]
    missing = [f"{name} field required" for name in _REQUIRED if not isinstance(entry.get(name), str)]
    if unknown or missing:
        return unknown + missing
    wrong: list[str] = []
    sub_types = _SUB_TYPES.get(entry["taskType"], _OTHER_SUB_TYPES)
    if entry["taskType"] not in _TYPES:
        wrong.append("taskType value is not supported")
    elif entry.get("taskSubType") is not None and entry["taskSubType"] not in sub_types:
        wrong.append("taskSubType value is not supported")
    if entry["subscriptionType"] != "Webhook":
        wrong.append("subscriptionType value is not supported")
    if not entry["webhookAuthenticationToken"]:
        wrong.append("webhookAuthenticationToken ensure this value has at least 1 characters")
    return wrong if _is_address(entry["notificationWebhookURL"]) else [*wrong, "notificationWebhookURL invalid uri"]


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc) and len(text) <= 2083


def _not_found() -> web.Response:
    return answer({"detail": "Not Found"}, 404)
