"""JSON in and out, with money kept exact."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.business_central.errors import bad_request


def parse_json(body: bytes) -> Any:
    """The body with decimals kept exact; raises Refused when it is not JSON."""
    try:
        return json.loads(body, parse_float=Decimal)
    except ValueError:
        raise bad_request("Invalid Request Body") from None


def dump_json(body: Any) -> str:
    """JSON with decimals as numbers: shortest form, exact for anything a ledger holds."""
    return json.dumps(body, default=_number, ensure_ascii=False)


def _number(value: Any) -> int | float:
    if not isinstance(value, Decimal):
        message = f"{type(value).__name__} is not for the wire"
        raise TypeError(message)
    whole = int(value)
    return whole if whole == value else float(value)
