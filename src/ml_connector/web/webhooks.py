"""The door for notifications: size, signature, age; kept; answered at once. The work comes after."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from ml_connector.operations.webhooks import BODY_LIMIT, Answer
from ml_connector.web.problems import problem

router = APIRouter(include_in_schema=False)

_REFUSED: Final = {
    Answer.NOT_GENUINE: (401, "The notification is not signed as it should be, or is too old."),
    Answer.NOT_READABLE: (400, "The notification is genuine but cannot be read."),
}


@router.post("/webhooks/{payables}/{connection}")
async def take(payables: str, connection: str, request: Request) -> Response:
    """A notification. The answer is its own content back, which is what the sender's contract describes."""
    try:
        body = await _read(request)
    except ClientDisconnect:
        return Response(status_code=400)
    counted = request.app.state.counted
    if body is None:
        counted.notification("too large")
        return problem(413, f"A notification has at most {BODY_LIMIT // 1024} KiB.", headers={"Connection": "close"})
    answer = await request.app.state.desk.take(payables, connection, body=body, headers=request.headers)
    counted.notification(str(answer))
    if answer is Answer.ACCEPTED:
        return Response(body, media_type="application/json")
    status, words = _REFUSED[answer]
    return problem(status, words)


async def _read(request: Request) -> bytes | None:
    """The body as it was sent; None as soon as it is larger than allowed."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > BODY_LIMIT:
        return None
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_LIMIT:
            return None
    return bytes(body)
