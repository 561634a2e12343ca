"""Tables in memory: rows in the order of their keys, indexes, row versions, dates of change, and undo.

A row is a dict that is never changed in place: a change puts a new one, so that taking it back is putting the old one.
"""

from __future__ import annotations

import uuid
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.epicor_kinetic.schema import NO_GUID, Entity, Row
from ml_connector.sandbox.undo import UndoLog

Key = tuple[Any, ...]
"""The key columns' values, folded (see `folded`); numbers stay numbers."""

FIRST_REVISION = 88_000_000
SERVER_ZONE = ZoneInfo("Europe/Helsinki")
_SPACE = uuid.UUID("5b3f1a52-7b8e-4a53-8a2e-0c7a5e0f9d31")


@dataclass(slots=True)
class Store(UndoLog):
    """What all tables of the database share: time, row versions, identities and the undo log of a request."""

    clock: Clock
    zone: ZoneInfo = SERVER_ZONE
    """Of the server: ChangeDate is written in it, without saying so (Epicor dossier 7.3)."""
    revision: int = FIRST_REVISION
    """The last SysRevID that was given: one counter for the whole database (Epicor dossier 7.2)."""
    tables: list[Table] = field(default_factory=list, init=False, repr=False)
    _made: int = 0

    def now(self) -> str:
        """The server's local time to the second, as rows keep it."""
        return self.clock.now().astimezone(self.zone).strftime("%Y-%m-%dT%H:%M:%S")

    def utc(self) -> str:
        """The time in UTC, as tasks keep it (Epicor dossier 10)."""
        return self.clock.now().strftime("%Y-%m-%dT%H:%M:%S")

    def today(self) -> date:
        """The server's day."""
        return self.clock.now().astimezone(self.zone).date()

    def next_revision(self) -> int:
        """A row version nobody had before; those of requests that failed stay used up."""
        self.revision += 1
        return self.revision

    def new_id(self) -> str:
        """A GUID nobody had before."""
        self._made += 1
        return str(uuid.uuid5(_SPACE, str(self._made)))

    def restore(self, revision: int = 1_000_000) -> None:
        """The database came back from a copy on another server: every row version is another, and lower."""
        self.revision = revision
        for table in self.tables:
            table.renumber()


class Table:
    """The rows of one table of one company."""

    def __init__(self, store: Store, entity: Entity, keys: Sequence[str], *, indexed: Sequence[str] = ()) -> None:
        self.entity = entity
        self.keys = tuple(keys)
        self.rows: dict[Key, Row] = {}
        self.order: list[Key] = []
        """Keys in ascending order."""
        self._store = store
        self._dated = "ChangeDate" in entity.columns
        self._ids: dict[str, Key] = {}
        self._by: dict[str, dict[object, dict[Key, None]]] = {name: {} for name in indexed}
        self._revisions: list[tuple[int, Key]] = []
        self._changes: list[tuple[str, Key]] = []
        store.tables.append(self)

    def load(self, rows: Iterable[Row]) -> None:
        """Fills the table at the start, without undo; a ChangeDate that rows bring is kept."""
        for row in rows:
            self._replace(self.key_of(row), self._stamp(row, touch="ChangeDate" not in row))

    def key_of(self, row: Row) -> Key:
        """The row's key."""
        blank = self.entity.blank
        return tuple(folded(row.get(name, blank[name])) for name in self.keys)

    def get(self, *keys: object) -> Row | None:
        """The row of those key values, `Company` first, whatever the case of the letters."""
        return self.rows.get(tuple(folded(key) for key in keys))

    def by_id(self, row_id: str) -> Row | None:
        """The row of that SysRowID."""
        key = self._ids.get(row_id.lower())
        return None if key is None else self.rows[key]

    def below(self, *prefix: object) -> list[Row]:
        """The rows whose key begins with those values, in the order of the keys: the lines of a header."""
        asked = tuple(folded(value) for value in prefix)
        size, at, found = len(asked), bisect_left(self.order, asked), list[Row]()
        while at < len(self.order) and self.order[at][:size] == asked:
            found.append(self.rows[self.order[at]])
            at += 1
        return found

    def put(self, row: Row, *, touch: bool = True) -> Row:
        """Stores a new state of a row and returns it as stored.

        Gives it a new SysRevID, and a SysRowID where it has none, and stamps ChangeDate where the table has it;
        `touch=False` leaves that stamp, as postings of payments and receipts do (Epicor dossier 17.20).
        """
        key = self.key_of(row)
        before = self.rows.get(key)
        after = self._stamp(row, touch=touch)
        self._replace(key, after)
        self._store.remember(lambda: self._replace(key, before))
        return after

    def drop(self, row: Row) -> None:
        """Removes a row."""
        key = self.key_of(row)
        before = self.rows[key]
        self._replace(key, None)
        self._store.remember(lambda: self._replace(key, before))

    def all(self) -> list[Row]:
        """Every row, in the order of the keys."""
        return [self.rows[key] for key in self.order]

    def find(self, name: str, value: object) -> list[Row]:
        """The rows with that value in an indexed column, whatever the case; oldest first."""
        return [self.rows[key] for key in self._by[name].get(folded(value), ())]

    def is_indexed(self, name: str) -> bool:
        """True when `find` and `keys_alike` take that column."""
        return name in self._by

    def keys_alike(self, name: str, values: Iterable[object]) -> list[Key]:
        """The keys of the rows with one of those folded values in an indexed column."""
        index = self._by[name]
        return [key for value in values for key in index.get(value, ())]

    def keys_after(self, revision: int) -> list[Key]:
        """The keys of the rows with a SysRevID above that one, in the order of the versions."""
        start = bisect_right(self._revisions, revision, key=lambda each: each[0])
        return [key for number, key in self._revisions[start:] if self._value_of(key, "SysRevID") == number]

    def keys_since(self, moment: str) -> list[Key]:
        """The keys of the rows last changed at that local time or later, in the order of their keys."""
        start = bisect_left(self._changes, (moment,))
        return sorted({key for at, key in self._changes[start:] if self._value_of(key, "ChangeDate") == at})

    def renumber(self) -> None:
        """Gives every row another version, in the order they had."""
        ranked = sorted(self.rows, key=lambda key: self.rows[key]["SysRevID"])
        for key in ranked:
            self.rows[key] = {**self.rows[key], "SysRevID": self._store.next_revision()}
        self._revisions = [(self.rows[key]["SysRevID"], key) for key in ranked]

    def _value_of(self, key: Key, name: str) -> Any:
        row = self.rows.get(key)
        return None if row is None else row.get(name)

    def _stamp(self, row: Row, *, touch: bool) -> Row:
        after = {**row, "SysRevID": self._store.next_revision()}
        if after.get("SysRowID") in (None, "", NO_GUID):
            after["SysRowID"] = self._store.new_id()
        if self._dated and (touch or not after.get("ChangeDate")):
            after["ChangeDate"] = self._store.now()
        after.pop("RowMod", None)
        return after

    def _replace(self, key: Key, after: Row | None) -> None:
        before = self.rows.get(key)
        if before is not None:
            self._unindex(key, before)
        if after is None:
            if before is not None:
                del self.rows[key]
                del self.order[bisect_left(self.order, key)]
            return
        self.rows[key] = after
        self._ids[after["SysRowID"].lower()] = key
        if before is None:
            _add(self.order, key)
        blank = self.entity.blank
        for name, index in self._by.items():
            index.setdefault(folded(after.get(name, blank[name])), {})[key] = None
        self._note(key, before, after)

    def _note(self, key: Key, before: Row | None, after: Row) -> None:
        """Keeps the lists of versions and of dates; what is out of date in them is skipped, and now and then swept."""
        _add(self._revisions, (after["SysRevID"], key))
        limit = 2 * len(self.rows) + 1_000
        if len(self._revisions) > limit:
            self._revisions = sorted((row["SysRevID"], each) for each, row in self.rows.items())
        if self._dated and (before is None or before["ChangeDate"] != after["ChangeDate"]):
            _add(self._changes, (after["ChangeDate"], key))
            if len(self._changes) > limit:
                self._changes = sorted((row["ChangeDate"], each) for each, row in self.rows.items())

    def _unindex(self, key: Key, before: Row) -> None:
        self._ids.pop(before["SysRowID"].lower(), None)
        blank = self.entity.blank
        for name, index in self._by.items():
            value = folded(before.get(name, blank[name]))
            index[value].pop(key, None)
            if not index[value]:
                del index[value]


def _add(ordered: list[Any], item: Any) -> None:
    if not ordered or item > ordered[-1]:
        ordered.append(item)
    else:
        insort(ordered, item)


def folded(value: Any) -> Any:
    """What keys and indexes know a value by: the database compares text without case and blanks at its end."""
    return value.rstrip().lower() if isinstance(value, str) else value
