"""What the suite for the ways into the payables system needs: one adapter of this shape for each way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from conformance.bench import Call, Harm, Site
from ml_connector.connectors.base import Inbound
from ml_connector.connectors.side import Guard, Side
from ml_connector.records.supplier_invoice import Admission, InvoiceFile, StandingStage, SupplierInvoice


class Step(StrEnum):
    """What a write belongs to."""

    ADMIT = "admit"
    HAND_IN = "hand in"


@dataclass(frozen=True, slots=True)
class EnteringWrite:
    """One write of a way in."""

    step: Step
    site: Site
    name: str
    enters: bool = False
    """True for the one by which the invoice enters: its lost answer leaves that open."""
    is_signed: bool = True
    """False where the address is all there is to sign in with: it has no 401 to give."""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Entered:
    """An invoice as it arrived in the simulated payables system. Sums have the sign they arrived with."""

    id: str
    number: str
    vendor: str
    currency: str
    net: Decimal | None
    tax: Decimal | None
    gross: Decimal | None
    source: str
    """What the ERP calls it, where that was told."""
    orders: tuple[str, ...]
    lines: int
    files: tuple[str, ...]
    """Digests of what arrived."""
    times: int
    is_document: bool


class EnteringBench(Protocol):
    """A simulated payables system with one way in, fresh for each test, and the hands of the people there."""

    @property
    def route(self) -> str: ...

    @property
    def carries_data(self) -> bool:
        """True where the invoice's data go along; False where they are read off its image."""
        ...

    @property
    def carries_all_files(self) -> bool: ...

    @property
    def ids_are_ours(self) -> bool:
        """True where the same key always gives the same admission."""
        ...

    @property
    def tells_absence(self) -> bool:
        """True where a look can say for sure that nothing entered."""
        ...

    @property
    def admission_life(self) -> float | None:
        """Seconds for which an admission may be used, None where it never ends."""
        ...

    @property
    def look_site(self) -> Site: ...

    @property
    def standings_site(self) -> Site: ...

    def side(self, *, values: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None) -> Side:
        """Settings that work, some of them changed."""
        ...

    def open(self, side: Side, *, guard: Guard | None = None) -> Inbound: ...

    def be_impatient(self, inbound: Inbound, seconds: float) -> None: ...

    # ------------------------------------------------------------------ looking

    async def entered(self) -> Sequence[Entered]: ...

    async def duplicates(self) -> Sequence[Any]:
        """Ids that are one and the same invoice."""
        ...

    async def calls(self) -> Sequence[Call]:
        """Those left out that only follow where another one's answer led."""
        ...

    async def forget_calls(self) -> None: ...

    # ------------------------------------------------------------------ the wire

    async def strike(self, harm: Harm, site: Site) -> None: ...

    async def mend(self) -> None: ...

    async def expire_sessions(self) -> None: ...

    async def show_late(self, seconds: float) -> None:
        """What is handed in from now on becomes a document only after so many seconds."""
        ...

    async def pass_time(self, seconds: float) -> None: ...

    def hold_time(self) -> None:
        """Stops the simulated clock: what happens from now on bears one stamp."""
        ...

    # ------------------------------------------------------------------ people there

    async def move(self, admission: Admission, stage: StandingStage, *, words: str = "") -> bool:
        """Brings an invoice so far; False where this way in does not know of that."""
        ...

    async def add_others(self) -> None:
        """Documents that nobody handed in, and some of another company."""
        ...


@dataclass(frozen=True, slots=True)
class Handed:
    """An invoice with its files, as they are handed in."""

    invoice: SupplierInvoice
    files: tuple[InvoiceFile, ...]
