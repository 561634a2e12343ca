"""Tablesets: the documents that methods take and give, an object of tables (Epicor dossier 6).

Rows are sent back whole, as they came and with what was changed in them: a column left out would be blanked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ml_connector.connectors.epicor_kinetic.contract import check_columns
from ml_connector.connectors.epicor_kinetic.errors import unexpected
from ml_connector.connectors.rows import Row, text

Tableset = dict[str, Any]

ADDED: Final = "A"
CHANGED: Final = "U"
_STATE: Final = "RowMod"


def rows_of(ds: Mapping[str, Any], table: str) -> list[Row]:
    """The rows of a table, none where it did not come."""
    found = ds.get(table)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def only_row(ds: Mapping[str, Any], table: str) -> Row:
    """The one row of a table. Raises Refused (unexpected answer) where it is not one."""
    found = rows_of(ds, table)
    if len(found) != 1:
        raise unexpected(f"the answer holds {len(found)} rows of {table}, and there should be one")
    return found[0]


def new_row(ds: Mapping[str, Any], table: str) -> Row:
    """The row that a `GetNew...` added: the last one marked as new. Raises Refused where there is none."""
    found = [row for row in rows_of(ds, table) if text(row, _STATE) == ADDED]
    if not found:
        raise unexpected(f"the answer holds no new row of {table}")
    return found[-1]


def change(row: Row, table: str, values: Mapping[str, Any], *, state: str = CHANGED) -> None:
    """Sets columns of a row in place and marks it as changed; a new one stays new.

    Raises Refused (unexpected answer) for a column that the table is not known to have.
    """
    check_columns(table, values)
    row.update(values)
    if text(row, _STATE) != ADDED:
        row[_STATE] = state


def marked(ds: Mapping[str, Any], tables: Sequence[str] | None = None) -> Tableset:
    """What of a tableset a save has to look at: tables with their marked rows, or whole tables by name."""
    if tables is not None:
        return {name: rows_of(ds, name) for name in tables}
    found = {name: [row for row in rows_of(ds, name) if text(row, _STATE)] for name in ds}
    return {name: rows for name, rows in found.items() if rows}
