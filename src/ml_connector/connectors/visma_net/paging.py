"""Lists page by page, so that nothing is lost at a page's edge (Visma dossier 6.1).

Pages count from 1 and their size may be lowered silently, so none of it is trusted: a list is read on until as many
rows came as it says it has, or until a page is empty where it does not say. Where rows shift between two pages, the
list is read once more from its beginning, and what was missed comes then.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from ml_connector.connectors.rows import part
from ml_connector.connectors.visma_net.client import VismaClient
from ml_connector.connectors.visma_net.errors import unexpected
from ml_connector.connectors.visma_net.values import Row

PASSES: Final = 4
"""A list that is read this often and changed every time is left at that: the overlap of the marks has the rest."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list to be read: where, which rows, how many at a time, what tells its rows apart."""

    path: str
    options: Mapping[str, str]
    key: Callable[[Row], str]
    size: int
    satisfies: Callable[[Row], bool] = field(default=lambda _: True)
    """What every row must fulfil: a filter that the server does not know is ignored silently."""


@dataclass(slots=True)
class _Pass:
    """One reading of a list from its beginning."""

    keys: set[str] = field(default_factory=set)
    rows: int = 0
    total: int | None = None
    has_shifted: bool = False
    page: Sequence[str] = ()
    """The digests of the last page's rows."""

    def take(self, keys: Sequence[str], page: Sequence[str], total: int | None) -> bool:
        """Takes note of a page; False where it is the one before once more: its number is being ignored."""
        changed = self.rows > 0 and total != self.total
        is_repeated = page == self.page and not changed
        self.has_shifted = self.has_shifted or changed or not self.keys.isdisjoint(keys)
        self.keys.update(keys)
        self.rows += len(keys)
        self.total, self.page = total, page
        return not is_repeated

    @property
    def is_complete(self) -> bool:
        """True where as many rows came as there are."""
        return self.total is not None and self.rows >= self.total


async def pages(client: VismaClient, listing: Listing) -> AsyncIterator[list[Row]]:
    """The rows of a list, page by page. One that changes meanwhile comes again, as it is then."""
    told: set[str] = set()
    before: set[str] = set()
    for _ in range(PASSES):
        reading = _Pass()
        async for page in _one_pass(client, listing, reading):
            fresh = {digest: row for digest, row in page.items() if digest not in told}
            told |= fresh.keys()
            if fresh:
                yield list(fresh.values())
        if not reading.has_shifted or reading.keys == before:
            return
        before = reading.keys


async def _one_pass(client: VismaClient, listing: Listing, reading: _Pass) -> AsyncIterator[dict[str, Row]]:
    """The pages, their rows by digest."""
    page = 1
    while not reading.is_complete:
        options = {**listing.options, "pageNumber": str(page), "pageSize": str(listing.size)}
        rows, total = _unwrapped(await client.body(listing.path, options), listing.path)
        if not rows:
            # Rows left the list behind our back where it promised more than came.
            reading.has_shifted = reading.has_shifted or reading.total is not None
            return
        if not all(listing.satisfies(row) for row in rows):
            raise unexpected(f"{listing.path}: rows came that the filter leaves out: {dict(listing.options)}")
        found = {digest_of(row): row for row in rows}
        if not reading.take([listing.key(row) for row in rows], list(found), total):
            raise unexpected(
                f"{listing.path}: page {page} is the one before once more; the page number is being ignored"
            )
        yield found
        page += 1


async def all_rows(client: VismaClient, listing: Listing) -> list[Row]:
    """All rows of a list that is known to be small, each once."""
    return list({listing.key(row): row async for rows in pages(client, listing) for row in rows}.values())


def digest_of(row: Row, *, of: str = "") -> str:
    """What tells a row of list `of` from itself before a change; what belongs to the list does not count."""
    content = {name: value for name, value in row.items() if name != "metadata"}
    return blake2b(json.dumps([of, content], default=str, sort_keys=True).encode(), digest_size=16).hexdigest()


def _unwrapped(body: Any, path: str) -> tuple[list[Row], int | None]:
    """Rows and total of any envelope: none where the answer is empty (Visma dossier 5, 6.1)."""
    if body is None:
        return [], None
    rows = body.get("records") if isinstance(body, dict) else body
    if rows is None:
        rows = []
    if not isinstance(rows, list) or not all(isinstance(each, dict) for each in rows):
        raise unexpected(f"{path}: the answer is no list")
    if isinstance(body, dict):
        return rows, _count(body.get("totalCount"))
    return rows, _count(part(rows[-1], "metadata").get("totalCount")) if rows else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
