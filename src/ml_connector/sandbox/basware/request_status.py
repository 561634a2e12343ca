"""The pages that tell what became of an import: requestStatus and errorFeedbacks (dossier 7)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ml_connector.sandbox.basware.batches import Batch, Batches
from ml_connector.sandbox.basware.errors import parameter_error, refused
from ml_connector.sandbox.basware.shelf import TOKEN_HEADER, Shelf, just_after, page, start_of
from ml_connector.sandbox.basware.wire import (
    answer,
    nothing,
    query_moment,
    query_of,
    query_size,
    read_object,
)
from ml_connector.sandbox.clock import Clock

_STATUSES = frozenset({"InProgress", "Success", "Error", "AcknowledgedSuccess", "AcknowledgedError"})


class RequestStatus:
    """Reading and acknowledging what became of import calls."""

    def __init__(self, clock: Clock, batches: Batches) -> None:
        self._clock = clock
        self._batches = batches

    async def read(self, request: web.Request) -> web.Response:
        """GET /v1/requestStatus/{requestId}; one l in `ignoreSuccessfulItems` here."""
        self._batches.settle()
        query = query_of(request)
        batch = self._batches.batches.get(request.match_info["requestId"])
        if batch is None or query.get("system", "P2P") != "P2P":
            return nothing()
        return answer({"requestStatus": [batch.as_json(ignore_successful=_flag(query, "ignoresuccessfulitems"))]})

    async def list_all(self, request: web.Request) -> web.Response:
        """GET /v1/requestStatus; two l in `ignoreSuccessfullItems` here."""
        self._batches.settle()
        query = query_of(request)
        ignore = _flag(query, "ignoresuccessfullitems")
        if query.get("system", "P2P") != "P2P":
            return nothing()
        size = query_size(query, default=500, most=500)
        now = self._clock.now()
        start = start_of(request.headers.get(TOKEN_HEADER), now) or just_after(query_moment(query))
        ids, token = page(self._batches.shelf.entries(self._groups(query), start), size, now)
        if not ids:
            return nothing()
        found = [self._batches.batches[request_id] for request_id in ids]
        return _paged({"requestStatus": [batch.as_json(ignore_successful=ignore) for batch in found]}, token)

    async def acknowledge(self, request: web.Request) -> web.Response:
        """POST /v1/requestStatus/acknowledge."""
        self._batches.settle()
        ids = (await read_object(request)).get("requestIds")
        if not isinstance(ids, list) or not ids:
            raise refused(400, "SCHEMA_VALIDATION_ERROR", "The requestIds field is required.")
        found = [self._acknowledgeable(request_id) for request_id in ids]
        for batch in found:
            self._batches.acknowledge(batch)
        return answer("OK")

    async def feedback(self, request: web.Request) -> web.Response:
        """GET /v1/errorFeedbacks with its filters."""
        query = query_of(request)
        if query.get("targetsystem", "P2P") != "P2P":
            return nothing()
        kind = query.get("entitytype")
        return self._feedback(request, "*" if kind is None else ("type", kind))

    async def feedback_of_request(self, request: web.Request) -> web.Response:
        """GET /v1/errorFeedbacks/{requestId}."""
        return self._feedback(request, ("request", request.match_info["requestId"]))

    async def feedback_of_record(self, request: web.Request) -> web.Response:
        """GET /v1/errorFeedbacks/{entityType}/{errorEntityExternalCode}."""
        return self._feedback(request, ("record", request.match_info["entityType"], request.match_info["code"]))

    def _feedback(self, request: web.Request, group: Any) -> web.Response:
        self._batches.settle()
        query = query_of(request)
        size = query_size(query, default=500, most=500)
        now = self._clock.now()
        start = start_of(request.headers.get(TOKEN_HEADER), now) or just_after(query_moment(query))
        ids, token = page(self._batches.feedback_shelf.entries([group], start), size, now)
        if not ids:
            return nothing()
        return _paged({"errorList": [self._batches.feedback[entry] for entry in ids]}, token)

    def _groups(self, query: dict[str, str]) -> list[Any]:
        status, kind = query.get("status"), query.get("entitytype")
        if status is None and kind is None and "system" not in query:
            status = "Error"
        if status is not None and status not in _STATUSES:
            raise parameter_error(f"The value '{status}' is not valid for status.")
        groups: list[Any] = list(self._batches.shelf.groups())
        return [group for group in groups if status in (None, group[0]) and kind in (None, group[1])]

    def _acknowledgeable(self, request_id: object) -> Batch:
        batch = self._batches.batches.get(str(request_id))
        if batch is None:
            raise refused(404, "ENTITY_NOT_FOUND", f"There is no request {request_id}.")
        if batch.status.startswith("Acknowledged"):
            raise refused(405, "METHOD_NOT_ALLOWED", f"Request {request_id} is already acknowledged.")
        if batch.status == "InProgress":
            raise refused(400, "DATA_VALIDATION_FAILED", f"Request {request_id} is still in progress.")
        return batch


class Feedback:
    """The error feedbacks as something that can be cleaned up."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    @property
    def shelf(self) -> Shelf:
        """The feedbacks by time."""
        return self._batches.feedback_shelf

    def remove(self, code: str) -> bool:
        """Removes the feedback of that id, or all on that external code."""
        feedback = self._batches.feedback
        ids = [code] if code in feedback else [key for key in feedback if feedback[key]["externalCode"] == code]
        for key in ids:
            self.shelf.remove(key)
            del feedback[key]
        return bool(ids)


def _flag(query: dict[str, str], name: str) -> bool:
    text = query.get(name, "false").lower()
    if text not in {"true", "false"}:
        raise parameter_error(f"The value '{text}' is not valid for {name}.")
    return text == "true"


def _paged(body: object, token: str | None) -> web.Response:
    response = answer(body)
    if token:
        response.headers[TOKEN_HEADER] = token
    return response
