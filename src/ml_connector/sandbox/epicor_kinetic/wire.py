"""Rows as they travel: every column of the type, dates with a time part, amounts as numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.epicor_kinetic.conditions import moment
from ml_connector.sandbox.epicor_kinetic.errors import bad_body
from ml_connector.sandbox.epicor_kinetic.schema import TABLES, Entity, Kind, Row, Tableset

_WITH_OFFSET = frozenset({"OrderDate", "TranDate", "ReceiptDate", "EffFrom", "EffectiveFrom"})
"""Dates that this server writes with an offset; it is no part of the date (Epicor dossier 17.22)."""
_OFFSET = "+02:00"


def shown(entity: Entity, row: Row, select: Sequence[str] | None = None) -> Row:
    """The row as it travels: all columns or those selected."""
    blank = entity.blank
    wanted = blank if select is None else {name: blank[name] for name in select}
    answer = {name: row.get(name, value) for name, value in wanted.items()}
    for name in entity.dates:
        if name in _WITH_OFFSET and answer.get(name):
            answer[name] = f"{answer[name]}{_OFFSET}"
    return answer


def shown_tableset(names: Iterable[str], rows: Tableset) -> dict[str, list[Row]]:
    """A tableset with all of its tables; those nobody keeps are empty."""
    return {name: [shown(TABLES[name], row) for row in rows.get(name, ())] if name in TABLES else [] for name in names}


def read_tableset(value: Any) -> Tableset:
    """A tableset as it came: rows of known tables by name, see `read_row`. Raises Refusal (400)."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_body("A tableset is an object of arrays.")
    read: Tableset = {}
    for name, rows in value.items():
        if name not in TABLES:
            continue
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise bad_body(f"Table {name} is not an array of rows.")
        read[name] = [read_row(TABLES[name], row) for row in rows]
    return read


def read_row(entity: Entity, given: Row) -> Row:
    """The columns that came along in the types of the schema; unknown ones are dropped. Raises Refusal (400)."""
    columns, row = entity.columns, Row()
    for name, value in given.items():
        kind = columns.get(name)
        if kind is None or value is None:
            continue
        try:
            row[name] = _READERS[kind](value)
        except (TypeError, ValueError, ArithmeticError):
            text = f"Error converting value {value!r} of property '{name}' of type '{entity.type_name}'."
            raise bad_body(text) from None
    return row


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _date(value: Any) -> str | None:
    """A date as rows keep it; an empty text is none."""
    if value == "":
        return None
    read = moment(_text(value))
    if read is None:
        raise ValueError
    return read


def _number(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise TypeError
    return value if isinstance(value, Decimal) else Decimal(value)


def _whole(value: Any) -> int:
    return int(_number(value))


_READERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _text,
    Kind.GUID: _text,
    Kind.FLAG: _flag,
    Kind.DATE: _date,
    Kind.NUMBER: _number,
    Kind.INTEGER: _whole,
    Kind.LONG: _whole,
}


def parse_json(body: bytes) -> Any:
    """The body with decimals kept exact; raises Refusal (400)."""
    try:
        return json.loads(body, parse_float=Decimal)
    except ValueError:
        raise bad_body("The request body is not valid JSON.") from None


def dump_json(body: Any) -> str:
    """JSON with amounts as numbers."""
    return json.dumps(body, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> float:
    if not isinstance(value, Decimal):
        message = f"{type(value).__name__} is not for the wire"
        raise TypeError(message)
    return float(value)
