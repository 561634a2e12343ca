"""`$batch`: up to 100 calls in one, with what each mode keeps and takes back (BC dossier 5.6)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ml_connector.sandbox.business_central.errors import Refused, bad_request
from ml_connector.sandbox.business_central.service import Answer, Call, Service
from ml_connector.sandbox.business_central.wire import dump_json, parse_json

_LIMIT = 100
_TOO_MANY = (
    "The current batch message contains too many parts. A maximum number of '100' query operations and "
    "change sets are allowed in a batch message."
)


def run_batch(service: Service, call: Call) -> Answer:
    """Runs the parts in order; the outer status is 200 even when parts fail."""
    try:
        parts = _parts(call)
    except Refused as refused:
        return service.refusal(refused, call.headers)
    snapshot = call.headers.get("isolation", "").lower() == "snapshot"
    go_on = "odata.continue-on-error" in call.headers.get("prefer", "") and not snapshot
    responses: list[dict[str, Any]] = []
    for part in parts:
        answer = _run_part(service, call, part, commit=not snapshot)
        responses.append(_response(part, answer))
        if answer.status >= 400 and not go_on:
            service.store.rollback()
            break
    service.store.commit()
    return Answer(body={"responses": responses})


def _parts(call: Call) -> list[dict[str, Any]]:
    if call.method != "POST":
        raise Refused(405, "BadRequest_MethodNotAllowed", "A batch is sent with POST.")
    body = parse_json(call.body)
    parts = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise bad_request("Invalid Request Body")
    if len(parts) > _LIMIT:
        raise Refused(400, "Unknown", _TOO_MANY)
    return parts


def _run_part(service: Service, call: Call, part: dict[str, Any], *, commit: bool) -> Answer:
    headers = {str(name).lower(): str(value) for name, value in (part.get("headers") or {}).items()}
    for name in ("accept-language", "company"):
        if name in call.headers:
            headers.setdefault(name, call.headers[name])
    inner = Call(
        method=str(part.get("method", "")).upper(),
        path=_path(call, str(part.get("url", ""))),
        options=dict(parse_qsl(urlsplit(str(part.get("url", ""))).query, keep_blank_values=True)),
        headers=headers,
        body=dump_json(part["body"]).encode() if "body" in part else b"",
        root=call.root,
    )
    return service.answer(inner, commit=commit)


def _path(call: Call, url: str) -> str:
    """Relative addresses are relative to the API; absolute ones must lead there."""
    path = urlsplit(url).path
    if "://" in url or url.startswith("/"):
        path = path.removeprefix(urlsplit(call.root).path)
    return unquote(path).strip("/")


def _response(part: dict[str, Any], answer: Answer) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in answer.headers.items()} | {"odata-version": "4.0"}
    response: dict[str, Any] = {"id": part.get("id"), "status": answer.status, "headers": headers}
    if answer.body is not None:
        headers["content-type"] = "application/json; odata.metadata=minimal"
        response["body"] = answer.body
    return response
