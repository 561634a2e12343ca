"""Lists: what passes the filters, one page of it, in the envelope of the resource (Visma dossier 6, 17.10-17.20)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_connector.sandbox.visma_net.errors import bad_request
from ml_connector.sandbox.visma_net.resources import Envelope, Resource, Test
from ml_connector.sandbox.visma_net.table import Table, time_stamp
from ml_connector.sandbox.visma_net.wire import Row, moment, shown

_DEFAULT_SIZE = 100
"""Rows of a page where the client does not say: paging is forced (Visma dossier 6.1)."""


@dataclass(frozen=True, slots=True)
class Query:
    """What a list was asked for. Names of parameters are matched without regard to case; unknown ones say nothing."""

    asked: Mapping[str, str]

    def get(self, name: str) -> str | None:
        """A parameter's text; an empty one is one that was not sent."""
        return self.asked.get(name.lower()) or None

    def is_set(self, name: str) -> bool:
        """True for a flag that is on."""
        return (self.get(name) or "").lower() == "true"

    def number(self, name: str) -> int | None:
        """A number; raises Refusal (400) for a text that is none."""
        text = self.get(name)
        try:
            return None if text is None else int(text)
        except ValueError:
            raise bad_request(f"The value '{text}' is not valid for {name}.") from None

    @property
    def page(self) -> int:
        """The page, counted from 1; 0 is the first, too (UNCONFIRMED, Visma dossier 17.12)."""
        return max(self.number("pageNumber") or 1, 1)

    def size(self, limit: int) -> int:
        """The rows of a page: what is above the limit is lowered without a word."""
        asked = self.number("pageSize") or 0
        return min(asked if asked > 0 else _DEFAULT_SIZE, limit)


def list_rows(resource: Resource, table: Table, query: Query, *, page_max: int | None, digits: int) -> Any:
    """The body of a list; raises Refusal (400) for a filter that cannot be read."""
    tests = _tests(resource, query)
    rows = [row for row in table.all() if all(test(row) for test in tests)]
    page = rows
    size = len(rows)
    if page_max is not None:
        size = query.size(page_max)
        page = rows[(query.page - 1) * size : query.page * size]
    hidden = {name for name, expand in resource.hidden.items() if not query.is_set(expand)}
    records = [render(resource, row, digits=digits, hidden=hidden) for row in page]
    if resource.envelope is Envelope.RECORDS:
        return {"pageNumber": query.page, "pageSize": size, "totalCount": len(rows), "records": records}
    if resource.envelope is Envelope.METADATA:
        totals = {"totalCount": len(rows), "maxPageSize": page_max or max(len(rows), _DEFAULT_SIZE)}
        return [{**record, "metadata": totals} for record in records]
    return records


def render(resource: Resource, row: Row, *, digits: int, hidden: set[str] | frozenset[str] = frozenset()) -> Row:
    """A record as it travels, with its stamps."""
    body = shown({name: value for name, value in row.items() if name not in hidden})
    if resource.created:
        body["createdDateTime"] = moment(row["_created"], digits)
    if resource.stamped:
        body["lastModifiedDateTime"] = moment(row["_modified"], digits)
    if resource.tagged:
        body["timeStamp"] = time_stamp(row)
    return body


def _tests(resource: Resource, query: Query) -> list[Test]:
    tests = [make(value) for name, make in resource.filters.items() if (value := query.get(name)) is not None]
    for name, condition in resource.conditions.items():
        value, operator = query.get(name), query.get(f"{name}Condition")
        if value is None and operator is None:
            continue
        if value is None or operator is None:
            raise bad_request(f"{name} and {name}Condition must be sent together.")
        tests.append(condition.test(value, operator))
    return tests
