"""Tables in memory: rows in the order they were made, with stamps and row versions, and an undo log.

A row is a dict that is never changed in place: a change puts a new one. Keys that begin with `_` stay off the wire.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.undo import UndoLog
from ml_connector.sandbox.visma_net.wire import Row

Key = str


@dataclass(frozen=True, slots=True)
class Change:
    """A row that was stored: what it was and what it is; None for one that was not there, or is no more."""

    table: str
    key: Key
    before: Row | None
    after: Row | None


@dataclass(slots=True)
class Store(UndoLog):
    """What all tables share: time, row versions, and what was changed since the last commit."""

    clock: Clock
    hours_ahead: int = 1
    """The servers' zone, which the stamps do not tell (Visma dossier 4.2): an hour ahead of UTC."""
    frozen: datetime | None = None
    """Set while several changes are to bear one stamp."""
    changes: list[Change] = field(default_factory=list)
    listeners: list[Callable[[list[Change]], None]] = field(default_factory=list)
    _version: int = 0x4D18_0000

    def now(self) -> datetime:
        """The server's own time, to the millisecond, without a zone."""
        if self.frozen is not None:
            return self.frozen
        here = self.clock.now().replace(tzinfo=None) + timedelta(hours=self.hours_ahead)
        return here.replace(microsecond=here.microsecond // 1000 * 1000)

    def next_version(self) -> int:
        """One above any before."""
        self._version += 0x11
        return self._version

    def commit(self) -> None:
        """Makes everything so far stay, and tells those who listen."""
        UndoLog.commit(self)
        told, self.changes = self.changes, []
        if told:
            for listener in self.listeners:
                listener(told)

    def rollback(self, mark: int = 0) -> None:
        """Takes back everything since the mark; nothing of a call that failed is told."""
        UndoLog.rollback(self, mark)
        self.changes = []


class Table:
    """The rows of one resource of one company."""

    def __init__(self, store: Store, company: str, name: str) -> None:
        self.name = name
        self.company = company
        self.rows: dict[Key, Row] = {}
        self._store = store

    def load(self, key: Key, row: Row, *, at: datetime | None = None) -> Row:
        """Fills in a row at the start, without undo."""
        self.rows[key] = self._stamped(key, row, at or self._store.now())
        return self.rows[key]

    def get(self, key: Key) -> Row | None:
        """The row of that key."""
        return self.rows.get(key)

    def put(self, key: Key, row: Row, *, touch: bool = True) -> Row:
        """Stores a new state of a row with a new version, and returns it; `touch=False` leaves the stamp as it is."""
        before = self.rows.get(key)
        kept = before["_modified"] if before is not None and not touch else self._store.now()
        after = self._stamped(key, row, kept)
        self._replace(key, after)
        self._store.remember(lambda: self._replace(key, before))
        self._store.changes.append(Change(f"{self.company}/{self.name}", key, before, after))
        return after

    def drop(self, key: Key) -> None:
        """Removes a row."""
        before = self.rows[key]
        self._replace(key, None)
        self._store.remember(lambda: self._replace(key, before))
        self._store.changes.append(Change(f"{self.company}/{self.name}", key, before, None))

    def all(self) -> Iterable[Row]:
        """Every row, oldest first, which is how lists come (Visma dossier 6.1)."""
        return self.rows.values()

    def _replace(self, key: Key, row: Row | None) -> None:
        if row is None:
            self.rows.pop(key, None)
        else:
            returns = key not in self.rows
            self.rows[key] = row
            if returns:
                self._sort_in()

    def _sort_in(self) -> None:
        """Puts a row that was taken out back to its place."""
        newest = reversed(self.rows.values())
        made, last = next(newest)["_made"], next(newest, None)
        if last is not None and last["_made"] > made:
            self.rows = dict(sorted(self.rows.items(), key=lambda item: item[1]["_made"]))

    def _stamped(self, key: Key, row: Row, at: datetime) -> Row:
        version = self._store.next_version()
        before = self.rows.get(key, {})
        made, created = before.get("_made", version), before.get("_created", row.get("_created", at))
        return {**row, "_key": key, "_modified": at, "_version": version, "_made": made, "_created": created}


def time_stamp(row: Row) -> str:
    """The row's version as it travels: base64 of eight bytes, the same as its ETag (Visma dossier 4.2)."""
    return base64.b64encode(int(row["_version"]).to_bytes(8, "big")).decode()
