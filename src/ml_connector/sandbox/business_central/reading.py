"""Reads: narrowing by index, paging by key, writing rows out with their parts (BC dossier 4)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ml_connector.sandbox.business_central.errors import bad_request
from ml_connector.sandbox.business_central.query import Query
from ml_connector.sandbox.business_central.schema import EntityType, Row, encoded
from ml_connector.sandbox.business_central.table import Table, etag

Parts = Callable[[EntityType, Row, str], list[Row]]
"""Gives the rows of a part of a row."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows, and where the next begins."""

    rows: list[Row]
    next_token: str = ""
    top_left: int | None = None


def read_page(rows: Table | list[Row], query: Query, *, size: int) -> Page:
    """The page that `query` asks for, at most `size` rows.

    With `$top` no larger than a page there is never a next one: `$top` is a limit (dossier 4.2).
    """
    limited = query.top is not None and query.top <= size
    limit = query.top if limited and query.top is not None else size
    matching = _matching(rows, query)
    for _ in range(query.skip if not query.token else 0):
        next(matching, None)
    page = list(islice(matching, limit))
    if limited or len(page) < limit or next(matching, None) is None:
        return Page(page)
    left = None if query.top is None else query.top - len(page)
    return Page(page, next_token=_key(query, page[-1]), top_left=left)


def _key(query: Query, row: Row) -> str:
    return row["id"] if "id" in query.entity.properties else str(row["entryNumber"])


def _matching(rows: Table | list[Row], query: Query) -> Iterator[Row]:
    test = query.filter.test if query.filter else _anything
    if query.order or isinstance(rows, list):
        found = [row for row in (rows if isinstance(rows, list) else _all(rows, query)) if test(row)]
        for name, down in reversed(query.order):
            found.sort(key=lambda row: row[name], reverse=down)
        return iter(found[_after(found, query) :])
    return (row for row in _all(rows, query) if test(row))


def _anything(_: Row) -> bool:
    return True


def _after(rows: list[Row], query: Query) -> int:
    if not query.token:
        return 0
    at = next((at for at, row in enumerate(rows) if _key(query, row) == query.token), None)
    if at is None:
        # UNCONFIRMED (dossier U20): the row a skip token points to is gone.
        raise bad_request("The skip token is no longer valid.")
    return at + 1


def _all(table: Table, query: Query) -> Iterator[Row]:
    """The rows that can match, in keyset order, found through an index where there is one."""
    narrowed = _narrowed(table, query)
    keys = table.order if narrowed is None else narrowed
    start = _past(keys, query.token) if query.token and not query.order else 0
    return (table.rows[keys[at]] for at in range(start, len(keys)))


def _past(keys: list[str], token: str) -> int:
    """Where the keys above the token begin. Those of ledger entries are numbers."""
    return bisect_right(keys, type(keys[0])(token)) if keys else 0


def _narrowed(table: Table, query: Query) -> list[str] | None:
    if query.filter is None:
        return None
    known = {name: values for name, values in query.filter.equal.items() if table.can_find(name)}
    if known:
        fewest = min(known, key=lambda name: table.count_of(name, known[name]))
        return table.keys_of(fewest, known[fewest])
    if query.filter.since:
        return table.keys_since(query.filter.since, limit=max(1_000, len(table.rows) // 8))
    return None


def write(row: Row, query: Query, *, parts: Parts, links: str) -> dict[str, Any]:
    """A row as the wire wants it; `links` is the address its streams hang below."""
    written: dict[str, Any] = {"@odata.etag": etag(row)} if "_version" in row else {}
    for name in query.select:
        written[name] = row[name]
    for name in query.enums:
        written[name] = encoded(row[name])
    for name in query.streams:
        address = f"{links}/{query.entity.entity_set}({row['id']})/{name}"
        written |= {f"{name}@odata.mediaEditLink": address, f"{name}@odata.mediaReadLink": address}
    for name, inner in query.expand.items():
        children = _children(parts(query.entity, row, name), inner)
        shown = [write(child, inner, parts=parts, links=links) for child in children]
        written[name] = shown if query.entity.parts[name].many else (shown[0] if shown else None)
    return written


def _children(rows: Iterable[Row], query: Query) -> list[Row]:
    found = [row for row in rows if query.filter is None or query.filter.test(row)]
    for name, down in reversed(query.order):
        found.sort(key=lambda row: row[name], reverse=down)
    return found[query.skip :][: query.top]
