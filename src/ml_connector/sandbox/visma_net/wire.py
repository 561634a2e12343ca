"""Values as they travel: moments without an offset, amounts as doubles, empty members left out (Visma dossier 4.2)."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.visma_net.errors import bad_request

Row = dict[str, Any]

_FORMATS = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d(?:\.\d{1,7})?)?")


def day(value: date | None) -> str | None:
    """A date as a midnight without a zone."""
    return None if value is None else f"{value.isoformat()}T00:00:00"


def moment(value: datetime, digits: int = 3) -> str:
    """A moment without an offset; what is zero at the end of the fraction is not written."""
    fraction = f"{value.microsecond:06d}0"[:digits].rstrip("0")
    return value.strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction}" if fraction else "")


def read_moment(text: str) -> datetime:
    """What a filter may be compared with; raises Refusal (400) for a zone, an offset and all else (dossier 6.3)."""
    if _FORMATS.fullmatch(text) is None:
        raise bad_request(f"The value '{text}' is not valid for a date and time.")
    try:
        return datetime.fromisoformat(text[:26])
    except ValueError:
        raise bad_request(f"The value '{text}' is not valid for a date and time.") from None


def shown(value: Any) -> Any:
    """A row as it travels: without members that are empty or our own, amounts as the doubles that .NET writes."""
    kind = type(value)
    if kind is dict:
        return {name: shown(each) for name, each in value.items() if each is not None and name[0] != "_"}
    if kind is list:
        return [shown(each) for each in value]
    return float(value) if kind is Decimal else value


def dump_json(body: Any) -> str:
    """JSON in the letters it is made of."""
    return json.dumps(body, default=_number, ensure_ascii=False)


def parse_json(body: bytes) -> Any:
    """A body with decimals kept exact; raises Refusal (400) when it is not JSON."""
    try:
        return json.loads(body, parse_float=Decimal)
    except ValueError:
        raise bad_request("The request body is not valid JSON.") from None


def _number(value: Any) -> float:
    if not isinstance(value, Decimal):
        message = f"{type(value).__name__} is not for the wire"
        raise TypeError(message)
    return float(value)
