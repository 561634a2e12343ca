"""Keys kept in the order of their last change, in groups, so that a page costs what the page holds."""

from __future__ import annotations

import base64
import binascii
import heapq
import json
import sys
from bisect import bisect_left, bisect_right, insort
from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from ml_connector.sandbox.basware.errors import parameter_error

Entry = tuple[datetime, int, str]
TOKEN_HEADER = "x-amz-meta-continuationtoken"  # noqa: S105 - a header's name
TOKEN_LIFE = timedelta(minutes=15)


class Shelf:
    """Every key stands in one or more groups, sorted by (moment of change, sequence)."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, list[Entry]] = {}
        self._places: dict[str, tuple[Entry, tuple[Hashable, ...]]] = {}
        self._sequence = 0

    def put(self, key: str, at: datetime, groups: Iterable[Hashable]) -> None:
        """Puts the key at its new place, taking it from the old one."""
        self.remove(key)
        self._sequence += 1
        entry = (at, self._sequence, key)
        places = tuple(dict.fromkeys(groups))
        for group in places:
            insort(self._groups.setdefault(group, []), entry)
        self._places[key] = (entry, places)

    def remove(self, key: str) -> None:
        """Takes the key away, if it is there."""
        entry, groups = self._places.pop(key, (None, ()))
        if entry is None:
            return
        for group in groups:
            entries = self._groups[group]
            del entries[bisect_left(entries, entry)]

    def groups(self) -> Iterable[Hashable]:
        """All groups there ever were."""
        return self._groups.keys()

    def entries(self, groups: Iterable[Hashable], start: Entry | None) -> Iterator[Entry]:
        """The entries of all these groups after `start`, in order."""
        walks = [self._walk(self._groups[group], start) for group in groups if group in self._groups]
        return walks[0] if len(walks) == 1 else heapq.merge(*walks)

    @staticmethod
    def _walk(entries: list[Entry], start: Entry | None) -> Iterator[Entry]:
        return islice(entries, 0 if start is None else bisect_right(entries, start), None)


def just_after(moment: datetime | None) -> Entry | None:
    """The place after everything changed up to and at that moment."""
    return None if moment is None else (moment, sys.maxsize, "")


def token_after(entry: Entry, now: datetime) -> str:
    """The continuation token for what follows `entry`."""
    at, sequence, key = entry
    inside = json.dumps([at.isoformat(), sequence, key, now.isoformat()])
    return base64.urlsafe_b64encode(inside.encode()).decode()


def start_of(token: str | None, now: datetime) -> Entry | None:
    """Where a continuation token leads; refuses unknown and old ones with 400 (U5)."""
    if not token:
        return None
    try:
        at, sequence, key, issued = json.loads(base64.urlsafe_b64decode(token))
        start = (datetime.fromisoformat(at), int(sequence), str(key))
        fresh = now - datetime.fromisoformat(issued) <= TOKEN_LIFE
    except (ValueError, TypeError, binascii.Error):
        fresh, start = False, None
    if not fresh:
        raise parameter_error("The continuation token is not valid or has expired.")
    return start


def page(entries: Iterator[Entry], size: int, now: datetime) -> tuple[list[str], str | None]:
    """The keys of one page and the token of the next, None on the last."""
    taken = list(islice(entries, size + 1))
    token = token_after(taken[size - 1], now) if len(taken) > size else None
    return [key for _, _, key in taken[:size]], token
