"""The simulated Basware and a webhook, for all who test it."""

from __future__ import annotations

from basware_wire import basware, receiver

__all__ = ["basware", "receiver"]
