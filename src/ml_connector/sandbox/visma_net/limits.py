"""Calls an hour: one window per company and client, one per application on the old address (Visma dossier 8.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ml_connector.sandbox.clock import Clock

_NEW = "4-fixed-window"
_OLD = "6-fixed-window"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left of a window after a call."""

    limit: int
    remaining: int
    reset: int
    """Whole seconds until the next window."""
    policy: str
    refused: bool

    def headers(self) -> dict[str, str]:
        """What every answer carries."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset),
            "X-RateLimit-Policy": self.policy,
        }


@dataclass(slots=True)
class Limits:
    """The windows."""

    clock: Clock
    limit: int = 5000
    old_limit: int = 500
    window_seconds: int = 3600
    html: bool = False
    """The refusal has a page as its body, otherwise nothing."""
    _windows: dict[str, tuple[int, int]] = field(default_factory=dict, repr=False)

    def take(self, tenant: str, *, old: bool) -> Allowance:
        """Counts a call."""
        key = _key(tenant, old=old)
        window, used = self._used(key)
        self._windows[key] = (window, used + 1)
        return self._allowance(used + 1, old=old)

    def look(self, tenant: str, *, old: bool) -> Allowance:
        """What is left, without counting: for answers that no call of the company caused."""
        return self._allowance(self._used(_key(tenant, old=old))[1], old=old)

    def use_up(self, tenant: str, *, remaining: int, old: bool = False) -> None:
        """Leaves that many calls in the window that runs."""
        key = _key(tenant, old=old)
        limit = self.old_limit if old else self.limit
        self._windows[key] = (self._used(key)[0], max(limit - remaining, 0))

    def forget(self) -> None:
        """Every window is unused."""
        self._windows.clear()

    def _used(self, key: str) -> tuple[int, int]:
        window = int(self.clock.now().timestamp() // self.window_seconds)
        known = self._windows.get(key)
        return known if known is not None and known[0] == window else (window, 0)

    def _allowance(self, used: int, *, old: bool) -> Allowance:
        limit = self.old_limit if old else self.limit
        now = self.clock.now().timestamp()
        reset = math.ceil(self.window_seconds - now % self.window_seconds)
        return Allowance(limit, max(limit - used, 0), max(reset, 1), _OLD if old else _NEW, used > limit)


def _key(tenant: str, *, old: bool) -> str:
    return "old" if old else tenant
