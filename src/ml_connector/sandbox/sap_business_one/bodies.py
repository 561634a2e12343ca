"""Bodies read by the type they are for: unknown names and impossible values refused, the rest in one form.

Afterwards enums are member names, days `YYYY-MM-DD`, times `HH:MM:SS`, amounts Decimal (B1 dossier 5.1, 5.3, 5.5).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, cast

from ml_connector.sandbox.sap_business_one.errors import B1Error, invalid_property, invalid_value
from ml_connector.sandbox.sap_business_one.schema import ENUMS, TYPES, EntityType, Row, member_of

_LENGTHS = {
    "CardCode": 15,
    "CardName": 100,
    "NumAtCard": 100,
    "Comments": 254,
    "JournalMemo": 50,
    "ItemDescription": 100,
    "AccountCode": 15,
    "CostingCode": 8,
    "CostingCode2": 8,
    "CostingCode3": 8,
    "CostingCode4": 8,
    "CostingCode5": 8,
    "ProjectCode": 20,
    "VatGroup": 8,
    "TaxCode": 8,
}
"""UNCONFIRMED lengths (B1 dossier 6)."""
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:T.*)?")
_TIME = re.compile(r"(\d{2}):?(\d{2})(?::?(\d{2}))?(?:\..*)?")


def read_body(entity: EntityType, body: object, *, profile: int) -> Row:
    """What a request sets, in the form tables keep; raises B1Error -1000 for what the type does not have."""
    if not isinstance(body, dict):
        raise B1Error(-1000, "The request body is no JSON object")
    given = cast(dict[str, Any], body)
    row: Row = {}
    for name, value in given.items():
        if "@" in name or name.startswith("odata."):
            continue
        if not entity.has(name, profile):
            raise invalid_property(name, entity.name)
        row[name] = _read_value(entity, name, value, profile=profile)
    return row


def _read_value(entity: EntityType, name: str, value: Any, *, profile: int) -> Any:
    if name in entity.nested:
        if not isinstance(value, list):
            raise invalid_value(name, entity.name)
        return [read_body(TYPES[entity.nested[name]], each, profile=profile) for each in cast(list[Any], value)]
    if value is None:
        return None
    read = _read_plain(entity.properties[name], value)
    if read is None:
        raise invalid_value(name, entity.name)
    if isinstance(read, str) and len(read) > _LENGTHS.get(name, 8000):
        raise B1Error(-1000, f"Value too long in property '{name}' of '{entity.name}'")
    return read


def _read_plain(kind: str, value: Any) -> Any:
    """The value in its one form; None when the property cannot hold it."""
    if kind in ENUMS:
        return member_of(kind, value)
    read = _READERS.get(kind)
    return value if read is None else read(value)


def _read_text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) else None


def _read_whole(value: Any) -> int | None:
    number = _read_number(value)
    return int(number) if number is not None and number == int(number) else None


def _read_number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = Decimal(str(value))
    return number if number.is_finite() else None


def read_day(value: object) -> str | None:
    """A day in any form that B1 takes, its time of day dropped; None when it is none."""
    found = _DAY.fullmatch(str(value))
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
    except ValueError:
        return None


def read_time(value: object) -> str | None:
    """A time of day in any form that B1 takes; None when it is none."""
    found = _TIME.fullmatch(str(value))
    if found is None or int(found[1]) > 23 or int(found[2]) > 59:
        return None
    return f"{found[1]}:{found[2]}:{found[3] or '00'}"


_READERS: dict[str, Callable[[Any], Any]] = {
    "Edm.Double": _read_number,
    "Edm.Int32": _read_whole,
    "Edm.DateTimeOffset": read_day,
    "Edm.TimeOfDay": read_time,
    "Edm.String": _read_text,
}
