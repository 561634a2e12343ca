"""The settings that a side of a connection is opened with, and what it is given beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

Clock = Callable[[], datetime]
"""The time now, in UTC."""


class Guard(Protocol):
    """Asked right before each write leaves: raises where this process may no longer write."""

    def __call__(self) -> None: ...


class Kept(Protocol):
    """What was kept under a name, while nobody else has it."""

    @property
    def value(self) -> str | None:
        """None where nothing is kept."""
        ...

    async def replace(self, value: str | None) -> None:
        """Keeps another value in its place, for good before it returns; None forgets it."""
        ...


class Keepsake(Protocol):
    """Where a connector keeps, encrypted, what the other side gives it for later: a refresh token.

    Whoever opens a name has it alone, over all processes, until the block ends.
    """

    def open(self, name: str) -> AbstractAsyncContextManager[Kept]: ...


@dataclass(frozen=True, slots=True)
class DimensionRule:
    """`mapping.dimensions`: which coding field carries which dimension, and the list it is imported into."""

    basware: str
    erp: str
    list: str | None = None


@dataclass(frozen=True, slots=True)
class MappingRules:
    """`mapping` of a connection."""

    dimensions: tuple[DimensionRule, ...] = ()
    tax_codes: Mapping[str, str] = field(default_factory=dict)
    """Payables system's code to the ledger's; others pass unchanged."""
    tax_ids: Mapping[str, str] = field(default_factory=dict)
    """A line's tax code in the ledger to the tax itself, where the ledger is told a tax's amount under that name."""
    credit_note_types: frozenset[str] = frozenset({"CN"})
    tolerance: Mapping[str, Decimal] = field(default_factory=dict)
    posting_date: str = "voucherDate"
    line_description: str = "text1"


@dataclass(frozen=True, slots=True)
class Side:
    """Settings of one side of a connection. `values` are the file's keys; secrets come decrypted."""

    connection: str
    company: str
    values: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)
    mapping: MappingRules = field(default_factory=MappingRules)
    keepsake: Keepsake | None = field(default=None, repr=False, compare=False)
    """None where nothing can be kept beyond this process."""
