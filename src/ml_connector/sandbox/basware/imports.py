"""Master data as the API layer keeps it: upsert, partial change, reading, clean-up (dossier 4, 5, 6)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from ml_connector.sandbox.basware import schema
from ml_connector.sandbox.basware.batches import Batches, Item
from ml_connector.sandbox.basware.errors import Problem, Refused, parameter_error, refused
from ml_connector.sandbox.basware.resources import LIST_COLUMNS, LISTS, ORDER_LINES, ORDERS, SINGLE, Resource
from ml_connector.sandbox.basware.shelf import TOKEN_HEADER, Shelf, just_after, page, start_of
from ml_connector.sandbox.basware.target import companies_of
from ml_connector.sandbox.basware.wire import (
    REQUEST_ID,
    Fields,
    answer,
    nothing,
    query_moment,
    query_of,
    query_size,
    read_json,
    read_object,
    stamp,
    whole,
)
from ml_connector.sandbox.clock import Clock

MOST_BYTES = 6 * 1024 * 1024
_PATCH_SECONDS = 0.05


@dataclass(slots=True)
class Stored:
    """A record in the API layer."""

    fields: Fields
    updated: datetime
    version: int

    def as_json(self) -> Fields:
        """As read back: null fields left out, `lastUpdated` set by Basware."""
        given = {name: value for name, value in self.fields.items() if value is not None}
        return {**given, "lastUpdated": stamp(self.updated)}


@dataclass(slots=True)
class Drawer:
    """The records of one resource, or of one generic list."""

    resource: Resource
    name: str
    shelf: Shelf = field(default_factory=Shelf)
    records: dict[str, Stored] = field(default_factory=dict)

    @property
    def list_key(self) -> str | None:
        """The list's key, None for anything but a list."""
        return self.name if self.resource is LISTS else None

    def put(self, fields: Fields, now: datetime) -> tuple[Stored, bool]:
        """Replaces the record; True when that changed anything."""
        code = fields["externalCode"]
        old = self.records.get(code)
        fields = {name: value for name, value in fields.items() if name != "lastUpdated"}
        changed = old is None or old.fields != fields
        stored = Stored(fields, whole(now), (old.version if old else 0) + changed)
        self.records[code] = stored
        self.shelf.put(code, stored.updated, self._groups(fields))
        return stored, changed

    def remove(self, code: str) -> bool:
        """Takes the record out of the API layer."""
        self.shelf.remove(code)
        return self.records.pop(code, None) is not None

    def _groups(self, fields: Fields) -> list[Any]:
        if self.resource is ORDER_LINES:
            return ["*", fields["orderExternalCode"]]
        groups: list[Any] = ["*", *companies_of(fields)]
        if self.resource is ORDERS:
            status = "Closed" if fields.get("isClosed") else "Open"
            groups += [("status", status), ("status", status, fields["companyCode"])]
        return groups


class Imports:
    """All drawers and the pages that work on them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._busy: set[str] = set()
        self.batches: Batches | None = None
        self.clear()

    def clear(self) -> None:
        """Empties the API layer."""
        self.drawers = {resource.name: Drawer(resource, resource.name) for resource in SINGLE}
        self.drawers |= {key: Drawer(LISTS, key) for key in LIST_COLUMNS}

    def newest_version(self, drawer: str, code: str) -> int | None:
        """The version of the record the API layer holds now."""
        stored = self.drawers[drawer].records.get(code)
        return None if stored is None else stored.version

    def drawer_of(self, request: web.Request, resource: Resource) -> Drawer:
        """Where the request's records are; an unknown list key is refused with 400."""
        if resource is not LISTS:
            return self.drawers[resource.name]
        key = request.match_info["listKey"]
        if key not in LIST_COLUMNS:
            raise parameter_error(f"The value '{key}' is not valid for listKey.")
        return self.drawers[key]

    async def post(self, request: web.Request, resource: Resource) -> web.Response:
        """Upsert: every record replaces what was there, or the whole call is refused (U7)."""
        drawer = self.drawer_of(request, resource)
        if len(await request.read()) > MOST_BYTES:
            return answer({"message": "Request Too Long"}, 413)
        records = await read_json(request)
        _check_call(records, resource)
        _check_records(records, resource)
        now = self._clock.now()
        echoes, items = [], []
        for fields in records:
            stored, item = self._take(drawer, fields, now)
            echoes.append(stored.as_json())
            items.append(item)
        self._open(request, drawer, "POST", items)
        return answer(echoes)

    async def patch(self, request: web.Request, resource: Resource) -> web.Response:
        """Partial change of one record; nulls count as not sent (dossier 4.2)."""
        drawer = self.drawer_of(request, resource)
        code = request.match_info["externalCode"]
        changes = await read_object(request)
        given = changes.get("externalCode")
        if given not in (None, code):
            raise refused(400, "EXTERNAL_CODE_MISMATCH", f"External code {given} is not {code}.")
        wrong = schema.problems(resource.entity, changes, partial=True)
        if wrong:
            raise Refused(400, problems=[Problem("SCHEMA_VALIDATION_ERROR", text, code) for text in wrong])
        if code not in drawer.records:
            return nothing()
        if resource is ORDER_LINES:
            await self._alone(code)
        merged = _merged(drawer.records[code].fields, changes)
        stored, item = self._take(drawer, merged, self._clock.now())
        self._open(request, drawer, "PATCH", [item])
        return answer(stored.as_json())

    async def list_all(self, request: web.Request, resource: Resource) -> web.Response:
        """One page of records in the order of their last change."""
        drawer = self.drawer_of(request, resource)
        query = query_of(request)
        group = _group(resource, query)
        size = query_size(query, default=resource.page, most=resource.page_most)
        now = self._clock.now()
        start = start_of(request.headers.get(TOKEN_HEADER), now) or just_after(query_moment(query))
        codes, token = page(drawer.shelf.entries([group], start), size, now)
        if not codes:
            return nothing()
        response = answer({resource.wrapper: [drawer.records[code].as_json() for code in codes]})
        if token:
            response.headers[TOKEN_HEADER] = token
        return response

    async def read(self, request: web.Request, resource: Resource) -> web.Response:
        """One record."""
        stored = self.drawer_of(request, resource).records.get(request.match_info["externalCode"])
        return nothing() if stored is None else answer(stored.as_json())

    def _take(self, drawer: Drawer, fields: Fields, now: datetime) -> tuple[Stored, Item]:
        stored, changed = drawer.put(fields, now)
        parent = fields["orderExternalCode"] if drawer.resource is ORDER_LINES else None
        item = Item(fields["externalCode"], parent, record=stored.fields, version=stored.version)
        if not changed:
            # Unchanged records are not forwarded, not even where P2P lost them (dossier 4.5).
            item.status = "NotProcessed"
        return stored, item

    def _open(self, request: web.Request, drawer: Drawer, operation: str, items: list[Item]) -> None:
        assert self.batches is not None
        self.batches.open(
            request[REQUEST_ID],
            entity_type=drawer.resource.entity_type,
            operation=operation,
            drawer=drawer.name,
            items=items,
            list_key=drawer.list_key,
            version=drawer.resource.version.upper(),
        )

    async def _alone(self, code: str) -> None:
        """Concurrent changes of one order line are refused with 503 (dossier 6)."""
        if code in self._busy:
            message = "The order line is being updated by another request."
            raise refused(503, "UNEXPECTED_ERROR", message, external_code=code)
        self._busy.add(code)
        try:
            await asyncio.sleep(_PATCH_SECONDS)
        finally:
            self._busy.discard(code)


def _check_call(records: object, resource: Resource) -> None:
    if not isinstance(records, list):
        raise refused(400, "SCHEMA_VALIDATION_ERROR", "The request body must be an array.")
    if not 1 <= len(records) <= resource.batch:
        message = f"The request must contain 1 to {resource.batch} records, it contains {len(records)}."
        raise refused(400, "SCHEMA_VALIDATION_ERROR", message)


def _check_records(records: list[Any], resource: Resource) -> None:
    found: list[Problem] = []
    for record in records:
        code = record.get("externalCode") if isinstance(record, dict) else None
        code = code if isinstance(code, str) else None
        texts = schema.problems(resource.entity, record)
        found += [Problem("SCHEMA_VALIDATION_ERROR", text, code) for text in texts]
    if found:
        raise Refused(400, problems=found)
    seen: set[str] = set()
    for record in records:
        code = record["externalCode"]
        if code in seen:  # U8
            message = f"External code {code} is in the request more than once."
            raise refused(409, "CONFLICT_IN_POST", message, external_code=code)
        seen.add(code)


def _group(resource: Resource, query: dict[str, str]) -> Any:
    if resource is ORDER_LINES:
        if "orderexternalcode" not in query:
            raise parameter_error("The orderExternalCode field is required.")
        return query["orderexternalcode"]
    company = query.get("companycode")
    if resource is ORDERS and "orderstatus" in query:
        status = query["orderstatus"].capitalize()
        return ("status", status) if company is None else ("status", status, company)
    return company or "*"


def _merged(old: Fields, changes: Fields) -> Fields:
    merged: Fields = dict(old)
    for name, value in changes.items():
        if value is None:
            continue
        before: Any = old.get(name)
        if name == "goodsReceipts" and before:
            merged[name] = _merged_receipts(before, value)
        elif isinstance(value, dict) and isinstance(before, dict):
            merged[name] = _merged(before, value)
        else:
            merged[name] = value
    return merged


def _merged_receipts(old: list[Fields], changes: list[Fields]) -> list[Fields]:
    """U26: PATCH adds and updates receipts by external code."""
    receipts = {receipt["externalCode"]: receipt for receipt in old}
    for change in changes:
        receipts[change["externalCode"]] = _merged(receipts.get(change["externalCode"], {}), change)
    return list(receipts.values())
