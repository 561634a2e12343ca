"""Tables in memory: rows in the order of their keys, indexes, stamps of change, and undo.

A row is a dict that is never changed in place: a change puts a new one, so that taking it back is putting the old one.
"""

from __future__ import annotations

import uuid
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from ml_connector.sandbox.acumatica.schema import Entity, Row
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.undo import UndoLog

Key = tuple[str, ...]
"""The key fields' values, folded (see `folded`)."""

_SPACE = uuid.UUID("6f0c3c0e-0e1a-4d0b-9d2a-3a1f6c1d4b77")


@dataclass(slots=True)
class Store(UndoLog):
    """What all tables share: time, identities and the undo log that makes a request all or nothing."""

    clock: Clock
    _made: int = 0

    def now(self) -> datetime:
        """The instant as SQL Server's datetime keeps it: thousandths that end in 0, 3 or 7 (Acumatica dossier 3.3)."""
        moment = self.clock.now()
        ticks = moment.microsecond * 3 // 10_000
        return moment.replace(microsecond=(ticks * 10 // 3 + (1 if ticks % 3 == 2 else 0)) * 1_000)

    def today(self) -> date:
        """The server's day."""
        return self.clock.now().date()

    def new_id(self) -> str:
        """A GUID nobody had before."""
        self._made += 1
        return str(uuid.uuid5(_SPACE, str(self._made)))


class Table:
    """The rows of one entity of one tenant."""

    def __init__(self, store: Store, entity: Entity, *, indexed: Sequence[str] = ()) -> None:
        self.entity = entity
        self.rows: dict[Key, Row] = {}
        self.order: list[Key] = []
        """Keys in ascending order."""
        self._store = store
        self._keys: dict[str, Key] = {}
        self._by: dict[str, dict[object, dict[Key, None]]] = {name: {} for name in indexed}
        self._moments: list[tuple[datetime, Key]] = []

    def load(self, rows: Iterable[Row]) -> None:
        """Fills the table at the start, without undo; stamps that the rows bring are kept."""
        for row in rows:
            self._replace(self.key_of(row), None, self._stamp(row, touch=False))

    def key_of(self, row: Row) -> Key:
        """The row's key."""
        return tuple(folded(row[name]) for name in self.entity.keys)

    def get(self, *keys: object) -> Row | None:
        """The row of those key values, in the order of `entity.keys`, whatever the case of the letters."""
        return self.rows.get(tuple(folded(key) for key in keys))

    def by_id(self, record_id: str) -> Row | None:
        """The row of that GUID."""
        key = self._keys.get(record_id.lower())
        return None if key is None else self.rows[key]

    def put(self, row: Row, *, touch: bool = True) -> Row:
        """Stores a new state of a row and returns it as stored; the key of a row never changes.

        Gives it an `id` where it has none and stamps LastModifiedDateTime; `touch=False` leaves the stamp.
        """
        key = self.key_of(row)
        before = self.rows.get(key)
        after = self._stamp(row, touch=touch)
        self._replace(key, before, after)
        self._store.remember(lambda: self._replace(key, self.rows.get(key), before))
        return after

    def drop(self, row: Row) -> None:
        """Removes a row."""
        key = self.key_of(row)
        before = self.rows[key]
        self._replace(key, before, None)
        self._store.remember(lambda: self._replace(key, None, before))

    def all(self) -> list[Row]:
        """Every row, in the order of the keys."""
        return [self.rows[key] for key in self.order]

    def find(self, name: str, value: object) -> list[Row]:
        """The rows with that value in an indexed field, whatever the case; oldest first."""
        return [self.rows[key] for key in self._by[name].get(folded(value), ())]

    def is_indexed(self, name: str) -> bool:
        """True when `find` and `keys_alike` take that field."""
        return name in self._by

    def keys_alike(self, name: str, values: Iterable[object]) -> list[Key]:
        """The keys of the rows with one of those values in an indexed field."""
        index = self._by[name]
        return [key for value in values for key in index.get(folded(value), ())]

    def keys_since(self, moment: datetime) -> list[Key]:
        """The keys of the rows last changed at that moment or later, ascending."""
        start = bisect_left(self._moments, (moment,))
        return sorted({key for at, key in self._moments[start:] if self._moment_of(key) == at})

    def _moment_of(self, key: Key) -> datetime | None:
        row = self.rows.get(key)
        return None if row is None else row["LastModifiedDateTime"]

    def _stamp(self, row: Row, *, touch: bool) -> Row:
        after = dict(row)
        after.setdefault("id", self._store.new_id())
        if touch or "LastModifiedDateTime" not in after:
            after["LastModifiedDateTime"] = self._store.now()
        after.setdefault("CreatedDateTime", after["LastModifiedDateTime"])
        return after

    def _replace(self, key: Key, before: Row | None, after: Row | None) -> None:
        if before is not None:
            self._unindex(key, before)
        if after is None:
            if before is not None:
                del self.rows[key]
                del self.order[bisect_left(self.order, key)]
            return
        self.rows[key] = after
        self._keys[after["id"]] = key
        if before is None:
            self._append(key)
        for name, index in self._by.items():
            index.setdefault(folded(after.get(name)), {})[key] = None
        self._note_moment(key, before, after["LastModifiedDateTime"])

    def _note_moment(self, key: Key, before: Row | None, moment: datetime) -> None:
        if before is not None and before["LastModifiedDateTime"] == moment:
            return
        insort(self._moments, (moment, key))
        if len(self._moments) > 2 * len(self.rows) + 1_000:
            self._moments = sorted((row["LastModifiedDateTime"], each) for each, row in self.rows.items())

    def _append(self, key: Key) -> None:
        if not self.order or key > self.order[-1]:
            self.order.append(key)
        else:
            self.order.insert(bisect_right(self.order, key), key)

    def _unindex(self, key: Key, before: Row) -> None:
        self._keys.pop(before["id"], None)
        for name, index in self._by.items():
            value = folded(before.get(name))
            index[value].pop(key, None)
            if not index[value]:
                del index[value]


def folded(value: Any) -> str:
    """What keys and indexes know a value by: the database compares without case and blanks at the end."""
    return "" if value is None else str(value).rstrip().lower()
