"""Invoices on their way in by either route: each becomes an accounting document after a while (dossier 9, 12.41)."""

from __future__ import annotations

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ml_connector.sandbox.basware.approved import without_empty
from ml_connector.sandbox.basware.documents import Documents
from ml_connector.sandbox.basware.wire import Fields
from ml_connector.sandbox.clock import Clock

NEW = "New"


@dataclass(frozen=True, slots=True)
class ArrivedFile:
    """A file that came along."""

    name: str
    content: bytes = field(repr=False)

    def as_json(self) -> Fields:
        """The file by what it can be compared by."""
        digest = hashlib.sha256(self.content).hexdigest()
        return {"name": self.name, "bytes": len(self.content), "sha256": digest}


@dataclass(slots=True)
class Arrival:
    """One document that was handed in. `times` counts how often; `fields` are those of the document to come."""

    bum_id: str
    route: str
    company: str
    fields: Fields
    files: tuple[ArrivedFile, ...]
    at: datetime
    source: str = ""
    """What the sender calls it."""
    unknown: tuple[str, ...] = ()
    """What it names that the company did not have when it came: `supplier V1`, `order PO1`."""
    times: int = 1
    turned_away: str = ""
    entered: bool = False

    @property
    def invoice_id(self) -> str:
        """The id of the accounting document that it becomes."""
        return uuid.uuid5(uuid.NAMESPACE_OID, f"inbound/{self.bum_id}").hex


class Arrivals:
    """Everything that was handed in. `delay` is how many seconds it takes to become an accounting document."""

    def __init__(self, clock: Clock, documents: Documents, unknown_in: Callable[[str, Fields], Iterable[str]]) -> None:
        self._clock = clock
        self._documents = documents
        self._unknown_in = unknown_in
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self.delay = 0.0
        self.by_id: dict[str, Arrival] = {}
        self._on_their_way: list[Arrival] = []

    def take(self, arrival: Arrival) -> None:
        """One more; a document that came before under the same id is only counted."""
        before = self.by_id.get(arrival.bum_id)
        if before is None:
            arrival.unknown = tuple(self._unknown_in(arrival.company, arrival.fields))
            self.by_id[arrival.bum_id] = arrival
            self._on_their_way.append(arrival)
        else:
            before.times += 1
        self.settle()

    def settle(self) -> None:
        """Makes documents of those whose time has come."""
        if not self._on_their_way:
            return
        due = self._clock.now() - timedelta(seconds=self.delay)
        waiting = [each for each in self._on_their_way if each.at > due]
        for arrival in self._on_their_way:
            if arrival.at <= due and not arrival.turned_away:
                arrival.entered = True
                self._documents.add(self._document(arrival), notify=False)
        self._on_their_way = waiting

    def turn_away(self, arrival: Arrival, words: str) -> None:
        """It never becomes a document, or is one no longer."""
        arrival.turned_away = words
        if arrival.entered:
            self._documents.remove(arrival.invoice_id)
            arrival.entered = False

    def duplicates(self) -> list[list[str]]:
        """Ids of documents that are one and the same invoice: alike in company, supplier and number, or in files."""
        groups: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for arrival in self.by_id.values():
            if arrival.turned_away:
                continue
            shown = self.shown(arrival)
            if arrival.source:
                groups[arrival.company, arrival.source].add(arrival.bum_id)
            elif shown["files"]:
                groups[arrival.company, *(each["sha256"] for each in shown["files"])].add(arrival.bum_id)
        return [sorted(group) for group in groups.values() if len(group) > 1]

    def shown(self, arrival: Arrival) -> Fields:
        """An arrival as the control pages show it."""
        document = self._documents.by_id.get(arrival.invoice_id)
        fields = arrival.fields if document is None else document.fields
        return {
            "bumId": arrival.bum_id,
            "route": arrival.route,
            "company": arrival.company,
            "number": fields.get("invoiceNumber", ""),
            "supplier": fields.get("supplierCode", ""),
            "supplierName": fields.get("supplierName", ""),
            "unknown": list(arrival.unknown),
            "currency": fields.get("currencyCode", ""),
            "net": fields.get("netSum"),
            "tax": fields.get("taxSum1"),
            "gross": fields.get("grossSum"),
            "source": arrival.source,
            "orders": fields.get("orderNumbers", []),
            "lines": len(fields.get("invoiceLines") or []),
            "files": [each.as_json() for each in arrival.files],
            "times": arrival.times,
            "invoiceId": arrival.invoice_id if document else None,
            "status": document.status if document else ("turned away" if arrival.turned_away else "on its way"),
            "turnedAway": arrival.turned_away,
        }

    def _document(self, arrival: Arrival) -> Fields:
        head: Fields = {
            "invoiceId": arrival.invoice_id,
            "bumid": arrival.bum_id,
            "p2pProcessingMode": "Standard",
            "processingStatus": NEW,
            "companyCode": arrival.company,
            "paymentBlock": False,
            "prebooked": False,
        }
        return without_empty({**head, **arrival.fields, "invoiceLines": list(arrival.fields.get("invoiceLines") or [])})
