"""What a flow works with: the two sides, the store under the connection's lease, the clock."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ml_connector.connectors.base import Erp, Inbound, Ledger, Payables, Source, ledger_of, source_of
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Unavailable
from ml_connector.connectors.side import Clock, MappingRules
from ml_connector.records.reason import Reason
from ml_connector.store.database import Database
from ml_connector.store.documents import Documents
from ml_connector.store.marks import Marks
from ml_connector.store.trail import Scribe
from ml_connector.store.vault import Vault

SIDE_REASONS: Final = frozenset({Reason.SIGN_IN_REFUSED, Reason.RIGHTS_MISSING, Reason.ADDRESS_WRONG})
"""Refusals that concern a whole side, not one record."""
FIRST_WAIT: Final = 2.0
LONGEST_WAIT: Final = 900.0


class LeaseLost(Exception):
    """Another process works the connection now: this one must stop at once and write nothing more."""


class PutDown(Exception):
    """The process is about to end: what is left of a run is taken up by another, or by the next."""


@dataclass(slots=True)
class Workplace:
    """One connection being worked by this process."""

    connection: str
    company: str
    epoch: int
    erp: Erp
    payables: Payables
    mapping: MappingRules
    database: Database
    scribe: Scribe
    clock: Clock
    version: int = 0
    """Of the settings that it was opened with."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the slice is over: no new work is begun."""
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is about to end: also what takes long is put down where it stands."""
    invoices_at_rest: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while no invoice is being worked: imports give way to invoices."""
    random: random.Random = field(default_factory=random.SystemRandom)
    route: Inbound | None = None
    """The way of the ERP's invoices into the payables system, where they go that way."""
    writes_notes: bool = False
    """Whether an invoice's standing is put to it in the ERP."""
    vault: Vault | None = field(default=None, repr=False)
    """Where the address an invoice is handed in at is kept."""

    @property
    def ledger(self) -> Ledger:
        """The ERP, where bills are posted to it."""
        return ledger_of(self.erp)

    @property
    def source(self) -> Source:
        """The ERP, where its invoices go into the payables system."""
        return source_of(self.erp)

    @property
    def inbound(self) -> Inbound:
        """The way of the ERP's invoices into the payables system."""
        if self.route is None:
            raise TypeError(f"Invoices of {self.erp.name} do not go into the payables system.")
        return self.route

    def documents(self) -> Documents:
        """The connection's documents, written under its lease."""
        return Documents(self.database, self.scribe, connection=self.connection, epoch=self.epoch)

    def marks(self) -> Marks:
        """How far the connection's flows have read, moved under its lease."""
        return Marks(self.database, connection=self.connection, epoch=self.epoch)

    def side_of(self, error: ConnectorError) -> str:
        """Which side an error came from."""
        return "ledger" if error.system == self.erp.name else "payables"

    def concerns_side(self, error: ConnectorError) -> bool:
        """True where the error speaks of the whole side: it is out of reach, or lets us not in."""
        return isinstance(error, Unavailable) or (
            not isinstance(error, OutcomeUnknown) and error.reason in SIDE_REASONS
        )

    def go_on(self) -> None:
        """Raises `PutDown` where the process is about to end: asked where work that takes long may rest."""
        if self.closing.is_set():
            raise PutDown

    def back_off(self, attempts: int, *, retry_after: float | None = None) -> datetime:
        """When to try again: exponential with full jitter, or when the other side said."""
        if retry_after is not None:
            return self.clock() + timedelta(seconds=retry_after)
        ceiling = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempts, 12))
        return self.clock() + timedelta(seconds=self.random.uniform(ceiling / 4, ceiling))


@dataclass(slots=True)
class Counts:
    """What a run came to, as `run --json` prints it."""

    read: int = 0
    sent: int = 0
    unchanged: int = 0
    posted: int = 0
    held: int = 0
    rejected: int = 0
    failed: int = 0

    def as_json(self) -> Mapping[str, int]:
        """The counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}
