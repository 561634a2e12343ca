"""JSON, moments and query strings as the simulated Basware reads and writes them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aiohttp import web

from ml_connector.sandbox.basware.errors import parameter_error, refused

Fields = dict[str, Any]

REQUEST_ID = web.RequestKey("request_id", str)
"""The id that the answer carries and the import is known by."""

_MARK = "\ue000"
_NUMBER = re.compile(r'"\\ue000([-+0-9.E]+)"')


def dumps(value: object) -> str:
    """JSON with every Decimal as a plain number, digit for digit."""
    text = json.dumps(value, default=_marked, separators=(",", ":"))
    return _NUMBER.sub(r"\1", text) if "\\ue000" in text else text


def _marked(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{_MARK}{value}"
    raise TypeError(f"{type(value).__name__} cannot be written as JSON.")


def answer(value: object, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(status=status, text=dumps(value), content_type="application/json")


def nothing() -> web.Response:
    """What a list or a single read that finds nothing answers: 404 without a body (dossier 0.2.5)."""
    return web.Response(status=404)


async def read_json(request: web.Request) -> Any:
    """The request's body, numbers as Decimal; refuses with 400 what is no JSON."""
    try:
        return json.loads(await request.read(), parse_float=Decimal)
    except ValueError:
        raise refused(400, "SCHEMA_VALIDATION_ERROR", "The request body is not valid JSON.") from None


async def read_any(request: web.Request) -> Any:
    """The request's body, numbers as Decimal; None where it is no JSON."""
    try:
        return json.loads(await request.read(), parse_float=Decimal)
    except ValueError:
        return None


async def read_object(request: web.Request) -> Fields:
    """The request's body where it must be an object."""
    body = await read_json(request)
    if not isinstance(body, dict):
        raise refused(400, "SCHEMA_VALIDATION_ERROR", "The request body must be an object.")
    return body


def stamp(moment: datetime) -> str:
    """A moment as Basware writes it: UTC, to the millisecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def whole(moment: datetime) -> datetime:
    """The moment cut to the millisecond, so that what is compared is what was written."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def moment_of(text: str) -> datetime:
    """A date or date-time, UTC where no zone is given. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def query_of(request: web.Request) -> dict[str, str]:
    """The query by lower-case names; empty values count as not given."""
    return {name.lower(): value for name, value in request.query.items() if value}


def query_moment(query: dict[str, str], name: str = "lastupdated") -> datetime | None:
    """A moment from the query, None when it is not given."""
    if name not in query:
        return None
    try:
        return moment_of(query[name])
    except ValueError:
        raise parameter_error(f"The value '{query[name]}' is not valid for {name}.") from None


def query_size(query: dict[str, str], *, default: int, most: int) -> int:
    """`pageSize` within its limits (dossier 1.6, U4)."""
    text = query.get("pagesize", str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise parameter_error(f"The field pageSize must be between 1 and {most}.")
    return int(text)
