"""What was imported and what became of it in P2P, a moment later (dossier 4.4, 7)."""

from __future__ import annotations

import asyncio
import heapq
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ml_connector.sandbox.basware.shelf import Shelf
from ml_connector.sandbox.basware.wire import Fields, dumps, stamp, whole
from ml_connector.sandbox.clock import Clock


@dataclass(slots=True)
class Item:
    """One record of a batch on its way into P2P."""

    external_code: str
    parent: str | None = None
    status: str = "InProgress"
    errors: list[Fields] = field(default_factory=list)
    record: Fields | None = None
    """What was sent; dropped once it is settled."""
    version: int = 0

    def fail(self, message: str, kind: str = "Error") -> None:
        """Notes an error or, with kind Warning or RecordExpired, something less."""
        self.status = "Warning" if kind == "Warning" and self.status != "Error" else kind
        self.errors.append({"type": kind, "message": message, "category": "DataValidation"})

    def as_json(self) -> Fields:
        """As it stands in a requestStatus."""
        body: Fields = {"externalCode": self.external_code, "status": self.status, "errors": self.errors}
        return body if self.parent is None else {**body, "parentExternalCode": self.parent}


@dataclass(slots=True)
class Batch:
    """One import call."""

    request_id: str
    entity_type: str
    entity_version: str
    operation: str
    drawer: str
    items: list[Item]
    updated: datetime
    list_key: str | None = None
    status: str = "InProgress"

    def as_json(self, *, ignore_successful: bool) -> Fields:
        """The batch as a requestStatus; null fields are left out."""
        shown = [item for item in self.items if not (ignore_successful and item.status == "Success")]
        moment = stamp(self.updated)
        body: Fields = {
            "requestId": self.request_id,
            "entityType": self.entity_type,
            "entityVersion": self.entity_version,
            "requestStatus": self.status,
            "changedBy": "acme",
            "operationType": self.operation,
            "lastUpdated": moment,
            "systems": [
                {
                    "system": "P2P",
                    "module": "IA",
                    "systemStatus": self.status,
                    "lastUpdated": moment,
                    "items": [item.as_json() for item in shown],
                }
            ],
        }
        return body if self.list_key is None else {**body, "genericListKey": self.list_key}


class Batches:
    """All import calls, settled one by one when they are due."""

    def __init__(
        self,
        clock: Clock,
        delay: float,
        *,
        apply: Callable[[Batch], None],
        announce: Callable[[str, str, str], None],
    ) -> None:
        self._clock = clock
        self._apply = apply
        self._announce = announce
        self._due: list[tuple[datetime, int, Batch]] = []
        self._count = 0
        self.delay = delay
        self.clear()

    def clear(self) -> None:
        """Forgets every call."""
        self._due.clear()
        self.shelf = Shelf()
        self.feedback_shelf = Shelf()
        self.batches: dict[str, Batch] = {}
        self.feedback: dict[str, Fields] = {}

    def open(
        self,
        request_id: str,
        *,
        entity_type: str,
        operation: str,
        drawer: str,
        items: Sequence[Item],
        list_key: str | None = None,
        version: str = "V1",
    ) -> Batch:
        """Takes a call in; it is settled after the delay."""
        now = self._clock.now()
        batch = Batch(
            request_id,
            entity_type,
            f"{entity_type}{version}",
            operation,
            drawer,
            list(items),
            whole(now),
            list_key,
        )
        self.batches[request_id] = batch
        self._file(batch, "InProgress")
        self._count += 1
        heapq.heappush(self._due, (now + timedelta(seconds=self.delay), self._count, batch))
        asyncio.get_running_loop().call_later(self.delay, self.settle)
        return batch

    def settle(self) -> None:
        """Lets P2P process whatever is due by the clock, oldest first."""
        now = self._clock.now()
        # The loop's timer may fire a hair before the clock says so.
        while self._due and self._due[0][0] <= now + timedelta(milliseconds=5):
            self._finish(heapq.heappop(self._due)[2], now)

    def acknowledge(self, batch: Batch) -> None:
        """Takes a settled call off the lists of Success and Error."""
        batch.updated = whole(self._clock.now())
        self._file(batch, f"Acknowledged{batch.status}")

    def _finish(self, batch: Batch, now: datetime) -> None:
        self._apply(batch)
        failed = [item for item in batch.items if item.status == "Error"]
        batch.updated = whole(now)
        self._file(batch, "Error" if failed else "Success")
        for item in failed:
            self._report(batch, item)
        for item in batch.items:
            item.record = None
        self._announce("RequestStatus", batch.status, batch.request_id)

    def _file(self, batch: Batch, status: str) -> None:
        batch.status = status
        self.shelf.put(batch.request_id, batch.updated, [(status, batch.entity_type)])

    def _report(self, batch: Batch, item: Item) -> None:
        entity = {name[:1].upper() + name[1:]: value for name, value in (item.record or {}).items()}
        entry: Fields = {
            "id": str(uuid.uuid4()),
            "requestId": batch.request_id,
            "externalCode": item.external_code,
            "errorEntity": json.dumps(json.loads(dumps(entity)), ensure_ascii=False),
            "entityType": batch.entity_type,
            "errorStamp": stamp(batch.updated),
            "errors": [error["message"] for error in item.errors],
            "targetSystem": "P2P",
        }
        self.feedback[entry["id"]] = entry
        groups: list[Any] = [
            "*",
            ("type", batch.entity_type),
            ("request", batch.request_id),
            ("record", batch.entity_type, item.external_code),
        ]
        self.feedback_shelf.put(entry["id"], batch.updated, groups)
