"""The edge of the wire: value objects on and off, and what is read from plain rows (Acumatica dossier 3).

Inside this package a record is a plain mapping by field name; `{"value": x}` exists here only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from ml_connector.connectors.rows import Row, text

BARE: Final = frozenset({"id", "rowNumber", "delete"})
"""Members that are sent and told as they are (Acumatica dossier 3.1)."""
_AS_THEY_ARE: Final = BARE | {"_links", "files", "error"}


# ------------------------------------------------------------------ on


def wrap(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A record as it is sent, nested and repeated parts too. None clears a field; dates go without an offset.

    `custom` is given as `{view: {field: (type, value)}}`, such as `("CustomStringField", "CANADABC")`.
    """
    return {name: _wrapped(name, value) for name, value in fields.items()}


def _wrapped(name: str, value: Any) -> Any:
    if name in BARE:
        return value
    if name == "custom":
        return {view: {field: _custom(each) for field, each in fields.items()} for view, fields in value.items()}
    if isinstance(value, Mapping):
        return wrap(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [wrap(each) for each in value]
    return {"value": _sent(value)}


def _custom(typed: tuple[str, Any]) -> dict[str, Any]:
    kind, value = typed
    return {"type": kind, "value": _sent(value)}


def _sent(value: Any) -> Any:
    """An offset that is not the user's own may move a date (Acumatica dossier 3.3): dates go as `2026-11-18`."""
    if isinstance(value, datetime):
        return instant_text(value)
    return value.isoformat() if isinstance(value, date) else value


# ------------------------------------------------------------------ off


def unwrap(record: Mapping[str, Any]) -> Row:
    """A record as it was told, as a plain row: texts trimmed, empty fields None, parts as rows or lists of rows."""
    return {name: value if name in _AS_THEY_ARE else _unwrapped(value) for name, value in record.items()}


def _unwrapped(value: Any) -> Any:
    if isinstance(value, list):
        return [unwrap(each) if isinstance(each, dict) else _told(each) for each in value]
    if not isinstance(value, dict):
        return _told(value)
    if not value:
        return None  # an empty field
    if "value" in value and value.keys() <= {"value", "error", "type"}:
        return _told(value["value"])
    if value.keys() == {"error"}:
        return None
    return unwrap(value)


def _told(value: Any) -> Any:
    """Codes can come padded with blanks (Acumatica dossier 3.2)."""
    return value.strip() if isinstance(value, str) else value


# ------------------------------------------------------------------ reading rows


def instant(row: Mapping[str, Any], name: str) -> datetime | None:
    """A stamp as an instant in UTC; its offset is the one of that day in the user's zone. None where there is none."""
    return parse_instant(text(row, name))


def parse_instant(told: str) -> datetime | None:
    """A stamp with its offset, in UTC; None where it has none: without one it is no instant."""
    try:
        found = datetime.fromisoformat(told)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo is not None else None


def instant_text(moment: datetime) -> str:
    """An instant as it is written: `2026-11-20T22:15:00.433Z`, in thousandths as the stamps are."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ------------------------------------------------------------------ filters


def moment(when: datetime) -> str:
    """An instant as a filter says it. In UTC: a plus sign of an offset would have to be guarded on its way."""
    return f"datetimeoffset'{instant_text(when)}'"
