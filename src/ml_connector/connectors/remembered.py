"""What was read a moment ago, kept for a stated age and read at most once for all who ask at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

_NEVER: Final = float("-inf")
SECOND_LOOK: Final = 10.0
"""Seconds: what is older is read again before anything is turned down for it. It may have been mended meanwhile."""


class Remembered(Generic[T]):
    """One thing read on demand, once for all who wait, and kept for a while."""

    def __init__(self, load: Callable[[], Awaitable[T]], *, age: float) -> None:
        self._load = load
        self._age = age
        self._lock = asyncio.Lock()
        self._value: T | None = None
        self._at = _NEVER

    async def get(self, *, not_before: float | None = None) -> T:
        """The value, read anew where it is too old, or from before `not_before` (monotonic seconds)."""
        async with self._lock:
            limit = time.monotonic() - self._age if not_before is None else not_before
            if self._value is None or self._at < limit:
                asked_at = time.monotonic()
                self._value = await self._load()
                self._at = asked_at
            return self._value

    def forget_before(self, moment: float) -> bool:
        """Has it read anew where it is from before `moment` (monotonic seconds); True where that is so."""
        is_older = _NEVER < self._at < moment
        if is_older:
            self._at = _NEVER
        return is_older


class Many(Generic[T]):
    """Things read by key; keys asked for while a read is under way share the next one.

    A key that was looked for and not found is remembered as None.
    """

    def __init__(self, load: Callable[[frozenset[str]], Awaitable[Mapping[str, T]]], *, age: float) -> None:
        self._load = load
        self._age = age
        self._lock = asyncio.Lock()
        self._wanted: set[str] = set()
        self._known: dict[str, tuple[float, T | None]] = {}

    async def get(self, keys: Iterable[str]) -> dict[str, T | None]:
        """What is known of `keys`, reading what is missing or too old."""
        asked = set(keys)
        self._wanted |= {key for key in asked if not self._is_fresh(key)}
        async with self._lock:
            missing = frozenset(key for key in self._wanted | asked if not self._is_fresh(key))
            self._wanted.clear()
            if missing:
                asked_at = time.monotonic()
                found = await self._load(missing)
                self._known = {key: kept for key, kept in self._known.items() if key in asked or self._is_fresh(key)}
                self._known |= {key: (asked_at, found.get(key)) for key in missing}
            return {key: self._known[key][1] for key in asked}

    def _is_fresh(self, key: str) -> bool:
        kept = self._known.get(key)
        return kept is not None and time.monotonic() - kept[0] < self._age

    def forget_before(self, moment: float) -> bool:
        """Has read anew what is from before `moment` (monotonic seconds); True where there is any."""
        older = [key for key, (at, _) in self._known.items() if _NEVER < at < moment]
        # Aged, not dropped: somebody may be about to take them.
        self._known |= {key: (_NEVER, self._known[key][1]) for key in older}
        return bool(older)

    def forget(self, keys: Iterable[str]) -> None:
        """Has read anew what is known of `keys`."""
        self._known |= {key: (_NEVER, self._known[key][1]) for key in keys if key in self._known}


def forget_older(kept: Iterable[Remembered[Any] | Many[Any]], *, seconds: float | None = None) -> bool:
    """Has read anew what was read longer ago, `SECOND_LOOK` if left out; True where there is any."""
    moment = time.monotonic() - (SECOND_LOOK if seconds is None else seconds)
    return sum(each.forget_before(moment) for each in kept) > 0
