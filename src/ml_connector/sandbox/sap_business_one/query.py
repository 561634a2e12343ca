"""Reading sets: filter, order, page and select, counts and next links of both versions (B1 dossier 5.3-5.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import quote

from ml_connector.sandbox.sap_business_one.errors import (
    invalid_filter_property,
    invalid_property,
    malformed,
)
from ml_connector.sandbox.sap_business_one.filters import Filter, Grammar, parse_filter
from ml_connector.sandbox.sap_business_one.schema import TYPES, EntityType, Row
from ml_connector.sandbox.sap_business_one.table import Key, Table

PAGE_SIZE = 20
_PREFERRED = re.compile(r"odata\.maxpagesize\s*=\s*(\d+)")
_OPTIONS = frozenset({"$filter", "$select", "$orderby", "$top", "$skip", "$count", "$inlinecount", "$format"})
_EVERYTHING = Filter(lambda _: True)


@dataclass(frozen=True, slots=True)
class Query:
    """What a request asks of a set."""

    filter: Filter
    filtered: bool
    order: tuple[tuple[str, bool], ...]
    """Properties and whether they ascend; empty for the order of the keys."""
    top: int | None
    skip: int
    select: tuple[str, ...] | None
    counted: bool
    page_size: int
    """0 for all rows."""


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page, how many match in all if that was asked, and where the next one starts."""

    rows: list[Row]
    count: int | None
    next_skip: int | None


def read_query(
    entity: EntityType, options: Mapping[str, str], headers: Mapping[str, str], *, version: int, profile: int, size: int
) -> Query:
    """Reads the options of a request; `size` is the installation's page size. Raises B1Error."""
    for name in options:
        if name.startswith("$") and name not in _OPTIONS:
            raise malformed(f"Query string error: the option {name} is not supported")
    fold = headers.get("b1s-caseinsensitive", "").lower() == "true"
    text = options.get("$filter", "")
    return Query(
        filter=_parsed(entity.name, profile, fold, text) if text else _EVERYTHING,
        filtered=bool(text),
        order=tuple(_orders(entity, options.get("$orderby", ""), profile)),
        top=_number(options, "$top"),
        skip=_number(options, "$skip") or 0,
        select=_selected(entity, options.get("$select"), profile),
        counted=_is_counted(options, version),
        page_size=page_size(headers, size),
    )


def preferred_page_size(headers: Mapping[str, str]) -> int | None:
    """The page size that `Prefer` asks for."""
    asked = _PREFERRED.search(headers.get("prefer", ""))
    return None if asked is None else int(asked[1])


def page_size(headers: Mapping[str, str], size: int) -> int:
    """`Prefer` before `B1S-PageSize` before the installation's."""
    asked = preferred_page_size(headers)
    if asked is not None:
        return asked
    given = headers.get("b1s-pagesize", "")
    return int(given) if given.isdecimal() else size


def run_query(table: Table, query: Query) -> Page:
    """The page asked for. Reads no further than it must, and by an index where the filter names one."""
    rows = _sorted(_candidates(table, query), table, query)
    wanted = query.page_size if query.top is None else min(query.top, query.page_size or query.top)
    if query.counted:
        every = list(rows)
        rest = every[query.skip :]
        return _page(rest, len(every), wanted, query)
    limit = None if wanted == 0 and query.top is None else query.skip + wanted + 1
    return _page(list(islice(rows, query.skip, limit)), None, wanted, query)


def count_rows(table: Table, query: Query) -> int:
    """How many rows match."""
    return sum(1 for _ in _candidates(table, query))


def next_link(entity_set: str, options: Mapping[str, str], *, skip: int, left: int | None, rooted: str) -> str:
    """The relative reference to the next page; `rooted` is put before it, `left` is what remains of $top."""
    kept = {name: value for name, value in options.items() if name not in ("$skip", "$top")}
    if left is not None:
        kept["$top"] = str(left)
    pairs = [f"{name}={quote(value, safe=',$()*')}" for name, value in kept.items()]
    return f"{rooted}{entity_set}?{'&'.join([*pairs, f'$skip={skip}'])}"


def _page(rows: list[Row], count: int | None, wanted: int, query: Query) -> Page:
    """No next link where $top is not above the page size, though more may match (B1 dossier 5.4)."""
    if wanted == 0 and query.top is None:
        return Page(rows, count, None)
    more = len(rows) > wanted and (query.top is None or query.top > wanted)
    return Page(rows[:wanted], count, query.skip + wanted if more else None)


@lru_cache(maxsize=2000)
def _parsed(type_name: str, profile: int, fold: bool, text: str) -> Filter:
    return parse_filter(Grammar(TYPES[type_name], profile, fold), text)


def _orders(entity: EntityType, text: str, profile: int) -> Iterator[tuple[str, bool]]:
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, way = part.partition(" ")
        if not entity.has(name, profile) or entity.properties[name].startswith("Collection("):
            raise invalid_filter_property(name)
        if way.strip() not in ("", "asc", "desc"):
            raise malformed(f"Query string error: syntax error near '{way.strip()}'")
        yield name, way.strip() != "desc"


def _number(options: Mapping[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not text.isdecimal():
        raise malformed(f"Query string error: {name} is no number")
    return int(text)


def _selected(entity: EntityType, text: str | None, profile: int) -> tuple[str, ...] | None:
    if text is None or text.strip() in ("", "*"):
        return None
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if not entity.has(name, profile):
            raise invalid_property(name, entity.name)
    return names


def _is_counted(options: Mapping[str, str], version: int) -> bool:
    """`$inlinecount` belongs to OData 3; `$count=true` was seen on both (B1 dossier 2.1)."""
    asked = options.get("$inlinecount")
    if asked is not None and (version != 3 or asked not in ("allpages", "none")):
        raise malformed("Query string error: $inlinecount is allpages or none, and for OData 3 only")
    return asked == "allpages" or options.get("$count") == "true"


def _candidates(table: Table, query: Query) -> Iterator[Row]:
    """The matching rows in the order of their keys."""
    if not query.filtered:
        return iter(table.all()) if query.order else _by_key(table, table.order)
    test = query.filter.test
    return (row for row in _by_key(table, _narrowed(table, query.filter)) if test(row))


def _by_key(table: Table, keys: Iterable[Key]) -> Iterator[Row]:
    rows = table.rows
    return (rows[key] for key in keys)


def _narrowed(table: Table, asked: Filter) -> Iterable[Key]:
    if table.key in asked.equal:
        return sorted(key for key in map(_as_key, asked.equal[table.key]) if key in table.rows)  # type: ignore[type-var]
    indexed = [name for name in asked.alike if table.is_indexed(name)]
    if indexed:
        found = min((table.keys_alike(name, asked.alike[name]) for name in indexed), key=len)
        if len(found) * 4 < len(table.order):
            return sorted(found)  # type: ignore[type-var]
    if "UpdateDate" in asked.above and table.entity.name in ("Document", "BusinessPartner"):
        return table.keys_since(asked.above["UpdateDate"])
    if table.key in asked.above:
        return table.keys_after(_as_key(asked.above[table.key]), including=True)
    return table.order


def _as_key(value: Any) -> Key:
    return value if isinstance(value, str) else int(value)


def _sorted(rows: Iterator[Row], table: Table, query: Query) -> Iterator[Row]:
    if not query.order or query.order == ((table.key, True),):
        return rows
    kept = list(rows)
    for name, ascending in reversed(query.order):
        blank = table.entity.blank[name]
        kept.sort(key=lambda row: _sort_key(row.get(name, blank)), reverse=not ascending)
    return iter(kept)


def _sort_key(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)


def asked_names(options: Mapping[str, str]) -> dict[str, Any]:
    """The options that are not the protocol's own: parameters of functions."""
    return {name: value for name, value in options.items() if not name.startswith("$")}
