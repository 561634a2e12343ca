"""The door for notifications: size, signature, age; kept; answered at once. The work comes after."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.requests import ClientDisconnect

from ml_connector.connectors.base import Announcements
from ml_connector.operations.announcements import Heard
from ml_connector.operations.webhooks import BODY_LIMIT, Answer
from ml_connector.web.problems import problem

router = APIRouter(include_in_schema=False)

_REFUSED: Final = {
    Answer.NOT_GENUINE: (401, "The notification is not signed as it should be, or is too old."),
    Answer.NOT_READABLE: (400, "The notification is genuine but cannot be read."),
}


@router.post("/webhooks/{system}/{connection}")
async def take(system: str, connection: str, request: Request) -> Response:
    """A notification of the payables system, or one that an ERP makes of its changes."""
    reader: Announcements | None = request.app.state.announcements.reader(system)
    if reader is not None and (token := reader.answer_handshake(request.url.query)) is not None:
        return PlainTextResponse(token)
    limit = BODY_LIMIT if reader is None else reader.body_limit
    try:
        body = await _read(request, limit)
    except ClientDisconnect:
        return Response(status_code=400)
    if body is None:
        request.app.state.counted.notification("too large")
        return problem(413, f"A notification has at most {limit // 1024} KiB.", headers={"Connection": "close"})
    if reader is not None:
        return await _take_changes(system, connection, request, body)
    return await _take_notification(system, connection, request, body)


@router.get("/webhooks/{system}/{connection}")
async def shake_hands(system: str, connection: str, request: Request) -> Response:
    """An ERP's question whether we listen, where it asks by GET."""
    del connection
    reader: Announcements | None = request.app.state.announcements.reader(system)
    token = None if reader is None else reader.answer_handshake(request.url.query)
    if token is None:
        return problem(405, "Notifications are sent by POST.", headers={"Allow": "POST"})
    return PlainTextResponse(token)


async def _take_notification(payables: str, connection: str, request: Request, body: bytes) -> Response:
    """The answer is the notification's own content back, which is what the sender's contract describes."""
    answer = await request.app.state.desk.take(payables, connection, body=body, headers=request.headers)
    request.app.state.counted.notification(str(answer))
    if answer is Answer.ACCEPTED:
        return Response(body, media_type="application/json")
    status, words = _REFUSED[answer]
    return problem(status, words)


async def _take_changes(system: str, connection: str, request: Request, body: bytes) -> Response:
    """The answer tells nothing of whether it was believed."""
    heard = await request.app.state.announcements.take(system, connection, body=body, headers=request.headers)
    request.app.state.counted.notification(str(heard))
    if heard is Heard.NOT_READABLE:
        return problem(400, "The notification cannot be read.")
    return Response(status_code=202)


async def _read(request: Request, limit: int) -> bytes | None:
    """The body as it was sent; None as soon as it is larger than allowed."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        return None
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            return None
    return bytes(body)
