"""Tables in memory: rows by id, keyset order, indexes, and an undo log that makes a request all or nothing.

A row is a dict that is never changed in place: a change puts a new one. Keys that begin with `_` stay off the wire.
"""

from __future__ import annotations

import base64
import uuid
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from ml_connector.sandbox.business_central.schema import EntityType, Row, stamp
from ml_connector.sandbox.clock import Clock


@dataclass(frozen=True, slots=True)
class Change:
    """Something that happened to a row, for those who subscribed to its set."""

    company: str
    entity_set: str
    id: str
    kind: str
    """created, updated or deleted."""
    moment: str


@dataclass(slots=True)
class Store:
    """What all tables of an environment share: time, row versions, the undo log, who listens to changes."""

    clock: Clock
    version: int = 1_000
    listener: Callable[[list[Change]], None] | None = None
    _undo: list[Callable[[], None]] = field(default_factory=list)
    _changes: list[Change] = field(default_factory=list)
    _committed: int = 0

    def now(self) -> str:
        """The time as rows keep it."""
        return stamp(self.clock.now())

    def next_version(self) -> int:
        """A row version nobody had before."""
        self.version += 1
        return self.version

    def remember(self, undo: Callable[[], None], change: Change) -> None:
        """Notes how to take a change back and what to tell once it stays."""
        self._undo.append(undo)
        self._changes.append(change)

    def mark(self) -> int:
        """A point to go back to; what was committed since stays."""
        return self._committed + len(self._undo)

    def rollback(self, mark: int = 0) -> None:
        """Takes everything back that happened since the mark, or since the last commit if that was later."""
        while self._undo and self._committed + len(self._undo) > mark:
            self._undo.pop()()
            self._changes.pop()

    def commit(self) -> None:
        """Makes everything so far stay and tells the listener."""
        changes, self._changes = self._changes, []
        self._committed += len(self._undo)
        self._undo.clear()
        if self.listener is not None and changes:
            self.listener(changes)


class Table:
    """The rows of one entity set of one company."""

    def __init__(
        self, store: Store, entity: EntityType, company: str, *, indexed: Sequence[str] = (), key: str = "id"
    ) -> None:
        self.entity = entity
        self.rows: dict[str, Row] = {}
        self.order: list[str] = []
        """Ids in ascending order: what skip tokens point into."""
        self.indexed = tuple(indexed)
        self._store = store
        self._company = company
        self._key = key
        self._by: dict[str, dict[object, dict[str, None]]] = {name: {} for name in indexed}
        self._recent: list[tuple[str, str]] = []

    def load(self, rows: Iterable[Row]) -> None:
        """Fills the table at the start, without undo, keeping the stamps the rows bring."""
        for row in rows:
            row["_version"] = self._store.next_version()
            self.rows[row[self._key]] = row
            self._index(row)
        self.order = sorted(self.rows)
        self._recent = sorted((row.get("lastModifiedDateTime", ""), key) for key, row in self.rows.items())

    def put(self, row: Row, *, touch: bool = True) -> Row:
        """Stores a new state of a row with a new version and, unless told otherwise, a new stamp."""
        key: str = row[self._key]
        before = self.rows.get(key)
        after = {**row, "_version": self._store.next_version()}
        if touch and "lastModifiedDateTime" in self.entity.properties:
            after["lastModifiedDateTime"] = self._store.now()
        self._replace(key, after)
        kind = "updated" if before else "created"
        self._store.remember(lambda: self._replace(key, before), self._change(key, kind))
        return after

    def drop(self, key: str) -> None:
        """Removes a row."""
        before = self.rows[key]
        self._replace(key, None)
        self._store.remember(lambda: self._replace(key, before), self._change(key, "deleted"))

    def find(self, name: str, value: object) -> list[Row]:
        """The rows with that value in an indexed property, oldest first."""
        return [self.rows[key] for key in self._by[name].get(value, ())]

    def first(self, name: str, value: object) -> Row | None:
        """One of them, or None."""
        key = next(iter(self._by[name].get(value, ())), None)
        return None if key is None else self.rows[key]

    def keys_of(self, name: str, values: Iterable[object]) -> list[str]:
        """Ids of the rows with one of those values, in ascending order."""
        if name == self._key:
            return sorted(key for key in values if isinstance(key, str) and key in self.rows)
        return sorted(key for value in values for key in self._by[name].get(value, ()))

    def count_of(self, name: str, values: Iterable[object]) -> int:
        """How many rows have one of those values at most."""
        return sum(1 if name == self._key else len(self._by[name].get(value, ())) for value in values)

    def can_find(self, name: str) -> bool:
        """True when that property leads straight to its rows."""
        return name == self._key or name in self._by

    def keys_since(self, moment: str, limit: int) -> list[str] | None:
        """Ids of rows stamped at or after that moment; None when they are more than `limit`."""
        start = bisect_left(self._recent, (moment, ""))
        if len(self._recent) - start > limit:
            return None
        return sorted({key for stamped, key in self._recent[start:] if self._stamped(key) == stamped})

    def _stamped(self, key: str) -> str:
        return self.rows[key].get("lastModifiedDateTime", "") if key in self.rows else ""

    def _change(self, key: str, kind: str) -> Change:
        return Change(self._company, self.entity.entity_set, key, kind, self._store.now())

    def _replace(self, key: str, after: Row | None) -> None:
        before = self.rows.get(key)
        if before is not None and (after is None or self._moved(before, after)):
            self._forget(before)
        if after is None:
            del self.rows[key]
            del self.order[bisect_left(self.order, key)]
            return
        self.rows[key] = after
        if before is None:
            insort(self.order, key)
        self._index(after)
        if "lastModifiedDateTime" in after:
            insort(self._recent, (after["lastModifiedDateTime"], key))
            if len(self._recent) > 2 * len(self.rows) + 1_000:
                self._recent = sorted((row["lastModifiedDateTime"], key) for key, row in self.rows.items())

    def _moved(self, before: Row, after: Row) -> bool:
        return any(before[name] != after[name] for name in self.indexed)

    def _index(self, row: Row) -> None:
        for name, index in self._by.items():
            index.setdefault(row[name], {})[row[self._key]] = None

    def _forget(self, row: Row) -> None:
        for name, index in self._by.items():
            keys = index[row[name]]
            keys.pop(row[self._key], None)
            if not keys:
                del index[row[name]]


def new_id() -> str:
    """An id for a new row."""
    return str(uuid.uuid4())


def etag(row: Row) -> str:
    """The row's tag, opaque to clients: length; version; 00."""
    version = str(row["_version"])
    text = f"'{len(version)};{version};00;'"
    return f'W/"{base64.b64encode(text.encode()).decode()}"'
