"""Tables in memory: rows in the order of their keys, indexes, stamps, and an undo log.

A row is a dict that is never changed in place: a change puts a new one, so that taking it back is putting the old one.
Keys that begin with `_` stay off the wire.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.sap_business_one.schema import EntityType, Row
from ml_connector.sandbox.undo import UndoLog

Key = str | int


@dataclass(slots=True)
class Store(UndoLog):
    """What all tables share: time and the undo log that makes a request, or a change set, all or nothing."""

    clock: Clock

    def today(self) -> str:
        """The server's day."""
        return self.clock.now().date().isoformat()

    def time(self) -> str:
        """The server's time of day, to the second."""
        return self.clock.now().strftime("%H:%M:%S")


class Table:
    """The rows of one entity set of one company."""

    def __init__(self, store: Store, name: str, entity: EntityType, *, indexed: Sequence[str] = ()) -> None:
        self.name = name
        self.entity = entity
        self.key = entity.key
        self.rows: dict[Key, Row] = {}
        self.order: list[Key] = []
        """Keys in ascending order."""
        self._store = store
        self._stamped = "UpdateDate" in entity.properties
        self._created = next((each for each in ("CreationDate", "CreateDate") if each in entity.properties), None)
        self._by: dict[str, dict[object, dict[Key, None]]] = {name: {} for name in indexed}
        self._days: list[tuple[str, Key]] = []

    def load(self, rows: Iterable[Row]) -> None:
        """Fills the table at the start, without undo; stamps that the rows bring are kept."""
        for row in rows:
            self._replace(row[self.key], self._stamp(None, row, touch=False))

    def get(self, key: Key) -> Row | None:
        """The row of that key."""
        return self.rows.get(key)

    def put(self, row: Row, *, touch: bool = True) -> Row:
        """Stores a new state of a row and returns it as stored.

        Stamps UpdateDate, UpdateTime and DataVersion where the type has them; `touch=False` leaves them as they are.
        """
        key: Key = row[self.key]
        before = self.rows.get(key)
        after = self._stamp(before, row, touch=touch)
        self._replace(key, after)
        self._store.remember(lambda: self._replace(key, before))
        return after

    def drop(self, key: Key) -> None:
        """Removes a row."""
        before = self.rows[key]
        self._replace(key, None)
        self._store.remember(lambda: self._replace(key, before))

    def all(self) -> list[Row]:
        """Every row, in the order of the keys."""
        return [self.rows[key] for key in self.order]

    def find(self, name: str, value: object) -> list[Row]:
        """The rows with that value in an indexed property, oldest first."""
        found = (self.rows[key] for key in self._by[name].get(folded_value(value), ()))
        return [row for row in found if row.get(name) == value]

    def first(self, name: str, value: object) -> Row | None:
        """One of them, or None."""
        return next(iter(self.find(name, value)), None)

    def is_indexed(self, name: str) -> bool:
        """True when `find` takes that property."""
        return name in self._by

    def keys_alike(self, name: str, values: Iterable[object]) -> list[Key]:
        """The keys of rows with one of those values in an indexed property; values folded, see `folded_value`."""
        index = self._by[name]
        return [key for value in values for key in index.get(value, ())]

    def keys_after(self, key: Key, *, including: bool = False) -> list[Key]:
        """The keys above that one, ascending."""
        at = bisect_left(self.order, key) if including else bisect_right(self.order, key)  # type: ignore[arg-type]
        return self.order[at:]

    def keys_since(self, day: str) -> list[Key]:
        """The keys of rows last updated on that day or later, ascending."""
        start = bisect_left(self._days, (day,))
        return sorted({key for stamp, key in self._days[start:] if self._day_of(key) == stamp})  # type: ignore[type-var]

    def _day_of(self, key: Key) -> str | None:
        return self.rows[key].get("UpdateDate") if key in self.rows else None

    def _stamp(self, before: Row | None, row: Row, *, touch: bool) -> Row:
        version = int((before or row).get("DataVersion") or 0)
        after = {**row, "_version": (before or {}).get("_version", 0) + 1}
        if not self._stamped:
            return after
        after["DataVersion"] = max(version + 1, 1)
        if touch or "UpdateDate" not in after:
            after["UpdateDate"], after["UpdateTime"] = self._store.today(), self._store.time()
        if self._created and self._created not in after:
            after[self._created] = after["UpdateDate"]
        return after

    def _replace(self, key: Key, after: Row | None) -> None:
        before = self.rows.get(key)
        if before is not None:
            self._unindex(key, before, after)
        if after is None:
            if before is not None:
                del self.rows[key]
                del self.order[bisect_left(self.order, key)]  # type: ignore[arg-type]
            return
        self.rows[key] = after
        if before is None:
            self._append(key)
        for name, index in self._by.items():
            index.setdefault(folded_value(after.get(name)), {})[key] = None
        if self._stamped and (before is None or before["UpdateDate"] != after["UpdateDate"]):
            insort(self._days, (after["UpdateDate"], key))
            if len(self._days) > 2 * len(self.rows) + 1_000:
                self._days = sorted((row["UpdateDate"], each) for each, row in self.rows.items())

    def _append(self, key: Key) -> None:
        if not self.order or key > self.order[-1]:  # type: ignore[operator]
            self.order.append(key)
        else:
            insort(self.order, key)  # type: ignore[type-var]

    def _unindex(self, key: Key, before: Row, after: Row | None) -> None:
        for name, index in self._by.items():
            value = folded_value(before.get(name))
            if after is not None and folded_value(after.get(name)) == value:
                continue
            keys = index[value]
            keys.pop(key, None)
            if not keys:
                del index[value]


def folded_value(value: object) -> object:
    """What indexes know a value by: text in lower case, so that they serve B1S-CaseInsensitive too."""
    return value.lower() if isinstance(value, str) else value


def etag(row: Row) -> str:
    """The row's tag: SHA-1 of its version in decimal, upper-case hex (B1 dossier 14.39)."""
    return f'W/"{hashlib.sha1(str(row["DataVersion"]).encode(), usedforsecurity=False).hexdigest().upper()}"'
