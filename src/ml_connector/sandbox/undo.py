"""What was changed since the last commit, kept as the ways to take it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class UndoLog:
    """Makes a request, or a part of one, all or nothing."""

    _undo: list[Callable[[], None]] = field(default_factory=list, init=False, repr=False)

    def remember(self, undo: Callable[[], None]) -> None:
        """Notes how to take a change back."""
        self._undo.append(undo)

    def mark(self) -> int:
        """A point to go back to, good until the next commit."""
        return len(self._undo)

    def rollback(self, mark: int = 0) -> None:
        """Takes back everything since the mark."""
        while len(self._undo) > mark:
            self._undo.pop()()

    def commit(self) -> None:
        """Makes everything so far stay."""
        self._undo.clear()
