"""Reading sets: filter, order, page and select (Epicor dossier 5, 17.12 to 17.14)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from ml_connector.sandbox.epicor_kinetic.conditions import EVERYTHING, Condition
from ml_connector.sandbox.epicor_kinetic.errors import bad_query, unknown_property
from ml_connector.sandbox.epicor_kinetic.filters import parse_filter, require
from ml_connector.sandbox.epicor_kinetic.schema import Entity, Row
from ml_connector.sandbox.epicor_kinetic.table import Key, Table, folded

DEFAULT_ROWS = 100
"""Rows of an answer where the caller does not say how many."""
_OPTIONS = frozenset({"$filter", "$select", "$expand", "$orderby", "$top", "$skip", "$count", "$format"})

Order = Sequence[tuple[str, bool]]
"""Columns and whether they ascend."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a request asks of a set."""

    condition: Condition
    filtered: bool
    order: Order
    top: int | None
    skip: int
    select: tuple[str, ...] | None
    expand: tuple[str, ...]
    counted: bool


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page, how many match in all if that was asked, and whether more do."""

    rows: list[Row]
    count: int | None
    more: bool


def read_query(entity: Entity, options: Mapping[str, str], *, revisions: bool = True) -> Query:
    """Reads the options of a request; raises Refusal (400). `revisions` False refuses filters on SysRevID."""
    for name in options:
        if name.startswith("$") and name not in _OPTIONS:
            raise bad_query(f"The query parameter '{name}' is not supported.")
    text = options.get("$filter", "")
    if not revisions and "SysRevID" in text + options.get("$orderby", ""):
        raise bad_query("The property 'SysRevID' cannot be used in the $filter query option.")
    return Query(
        condition=parse_filter(entity.name, text) if text else EVERYTHING,
        filtered=bool(text),
        order=tuple(_orders(entity, options.get("$orderby", ""))),
        top=_number(options, "$top"),
        skip=_number(options, "$skip") or 0,
        select=_selected(entity, options.get("$select", "")),
        expand=tuple(filter(None, (each.strip() for each in options.get("$expand", "").split(",")))),
        counted=options.get("$count") == "true",
    )


def run_query(table: Table, query: Query, *, cap: int = 0) -> Page:
    """The page asked for; `cap` holds even for a larger $top, without saying so."""
    wanted = DEFAULT_ROWS if query.top is None else query.top
    size = min(wanted, cap) if cap else wanted
    rows = ordered(table, matching(table, query.condition), query.order)
    if query.counted:
        every = list(rows)
        rest = every[query.skip : query.skip + size + 1]
        return Page(rest[:size], len(every), len(rest) > size)
    rest = list(islice(rows, query.skip, query.skip + size + 1))
    return Page(rest[:size], None, len(rest) > size)


def matching(table: Table, condition: Condition) -> Iterator[Row]:
    """The rows of a condition in the order of their keys, by an index where it names one."""
    keys, test, rows = _narrowed(table, condition), condition.test, table.rows
    return (rows[key] for key in keys if test(rows[key]))


def ordered(table: Table, rows: Iterator[Row], order: Order) -> Iterator[Row]:
    """The rows in that order; as they come where none is asked."""
    if not order:
        return rows
    kept = list(rows)
    for name, ascending in reversed(order):
        blank = table.entity.blank[name]
        kept.sort(key=lambda row: _sort_key(row.get(name, blank)), reverse=not ascending)
    return iter(kept)


def _sort_key(value: object) -> tuple[bool, object]:
    return (value is not None, 0 if value is None else folded(value))


def _narrowed(table: Table, asked: Condition) -> Iterable[Key]:
    equal = asked.equal
    if table.keys[-1] in equal and len(table.keys) == 2:
        company = next(iter(table.order))[0] if table.order else ""
        return sorted(key for value in equal[table.keys[-1]] if (key := (company, value)) in table.rows)
    if "SysRowID" in equal:
        found = (table.by_id(str(value)) for value in equal["SysRowID"])
        return sorted(table.key_of(row) for row in found if row is not None)
    indexed = [table.keys_alike(name, equal[name]) for name in equal if table.is_indexed(name)]
    if asked.above is not None:
        indexed.append(table.keys_after(asked.above))
    if asked.since is not None and "ChangeDate" in table.entity.columns:
        indexed.append(table.keys_since(asked.since))
    if indexed:
        return sorted(min(indexed, key=len))
    return table.order


def _orders(entity: Entity, text: str) -> Iterator[tuple[str, bool]]:
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, way = part.partition(" ")
        require(entity, name)
        if way.strip() not in ("", "asc", "desc"):
            raise bad_query(f"Syntax error near '{way.strip()}' in $orderby.")
        yield name, way.strip() != "desc"


def _number(options: Mapping[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise bad_query(f"Invalid value '{text}' for {name} query option found.")
    return int(text)


def _selected(entity: Entity, text: str) -> tuple[str, ...] | None:
    if text.strip() in ("", "*"):
        return None
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in entity.columns:
            raise unknown_property(name, entity.type_name)
    return names
