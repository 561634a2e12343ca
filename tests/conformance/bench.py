"""What the conformance suite needs of a simulated ERP: one adapter of this shape for each connector."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from ml_connector.connectors.base import Ledger, LedgerConnector
from ml_connector.connectors.side import Guard, Side
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentKind
from ml_connector.records.reason import Reason


class Act(StrEnum):
    """What a write belongs to."""

    CREATE = "create"
    DIMENSIONS = "dimensions"
    """A write of `create` that comes after the bill is there."""
    PREPARE = "prepare"
    """A write of `post` that comes before the one by which the bill is posted."""
    POST = "post"
    DISCARD = "discard"
    ATTACH = "attach"


@dataclass(frozen=True, slots=True)
class Site:
    """One call on the wire; `path` is a regular expression on path and query."""

    path: str
    method: str
    skip: int = 0
    """Calls that match and are let through before it, counted from the beginning of its act."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write of the connector."""

    act: Act
    site: Site
    name: str = ""
    is_repeatable: bool = False
    """True where sending it twice does no harm: a lost answer is then `Unavailable`, not unknown."""

    def __str__(self) -> str:
        return self.name or self.act.value


@dataclass(frozen=True, slots=True)
class Harm:
    """Something that goes wrong on the wire, in the switchboard's words."""

    kind: str
    status: int = 500
    retry_after: str | None = None
    seconds: float = 0.0
    count: int = 1

    @property
    def comes_after_the_work(self) -> bool:
        """True where the system has done what it was asked by then."""
        return self.kind in ("lost_reply", "status_after")

    def __str__(self) -> str:
        return f"{self.kind}-{self.status}" if self.kind.startswith("status") else self.kind


@dataclass(frozen=True, slots=True)
class PingFailure:
    """A set-up that is wrong in one way: the step that must say so, and a word its advice must hold."""

    name: str
    step: str
    advice: str
    values: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    arrange: Callable[[Any], Awaitable[None]] | None = None
    """What is done to the simulated system first; it is given the bench."""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is in the simulated company, by the names bills use. Days in which one may post are given."""

    vendor: str
    other_vendor: str
    vendor_with_defaults: str
    account_with_defaults: str
    default_dimensions: Mapping[str, str]
    """What the two above bring with them by themselves, if anything; one that brings nothing is a plain one."""
    blocked_vendor: str
    account: str
    other_account: str
    inactive_account: str
    dimension: str
    values: tuple[str, str]
    second_dimension: str
    second_values: tuple[str, str]
    tax_code: str
    tax_percent: Decimal
    untaxed_code: str
    currency: str
    foreign_currency: str
    currency_without_rate: str
    open_day: date
    closed_day: date
    description_length: int
    """In UTF-16 units."""
    odd_numbers: tuple[str, ...]
    """Suppliers' numbers with characters that need care on the wire."""


@dataclass(frozen=True, slots=True)
class StandingLine:
    """A line as it stands in the simulated system. `net` is negative where it takes away."""

    account: str
    net: Decimal
    tax_code: str
    description: str
    dimensions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StandingBill:
    """A bill as it stands in the simulated system."""

    id: str
    number: str
    vendor: str
    supplier_number: str
    kind: DocumentKind
    is_posted: bool
    currency: str
    net: Decimal
    gross: Decimal
    posting_date: date
    lines: tuple[StandingLine, ...]
    attachments: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call that reached the simulated system."""

    method: str
    path: str
    status: int
    is_sign_in: bool
    """Signs in or out."""
    writes: bool


class Bench(Protocol):
    """A simulated ERP with one company, fresh for each test, and the hands of the people around it."""

    @property
    def connector(self) -> LedgerConnector: ...

    @property
    def facts(self) -> Facts: ...

    @property
    def read_site(self) -> Site:
        """A call that each `find` of an invoice begins with."""
        ...

    def side(self, *, values: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None) -> Side:
        """Settings that work, some of them changed. The suite's dimensions are among its mapping rules."""
        ...

    def open(self, side: Side, *, guard: Guard | None = None) -> Ledger: ...

    def be_impatient(self, ledger: Ledger, seconds: float) -> None:
        """Makes a ledger wait no longer than that for any answer."""
        ...

    # ------------------------------------------------------------------ looking

    async def bills(self) -> Sequence[StandingBill]:
        """All that came after the first day."""
        ...

    async def calls(self) -> Sequence[Call]: ...

    async def forget_calls(self) -> None: ...

    async def count(self, flow: Flow) -> int:
        """How many records of that kind there are."""
        ...

    # ------------------------------------------------------------------ the wire

    async def strike(self, harm: Harm, site: Site) -> None: ...

    async def mend(self) -> None:
        """Takes every fault away that is still to come."""
        ...

    async def expire_sessions(self) -> None: ...

    async def limit_pages(self, size: int) -> None: ...

    # ------------------------------------------------------------------ time

    async def pass_time(self, seconds: float) -> None: ...

    def hold_time(self) -> None:
        """Stops the simulated system's clock: what is done from now on is done in one moment."""
        ...

    # ------------------------------------------------------------------ people

    async def rename_vendor(self, number: str, name: str) -> None: ...

    async def add_vendor(self, number: str) -> str:
        """Creates a vendor that has no bills; answers its lasting key."""
        ...

    async def remove_vendor(self, number: str) -> None: ...

    async def block_vendor(self, number: str) -> None: ...

    async def block_value(self, dimension: str, value: str) -> None: ...

    async def close_period(self) -> None:
        """Closes the period that `open_day` lies in."""
        ...

    async def leave_unposted(self) -> bool:
        """Sees to it that bills created from now on are not posted yet; False where they always are."""
        ...

    async def pay(self, bill_id: str, *, day: date, amount: Decimal | None = None) -> None:
        """In full, or in part; a credit note is set off where nothing else is done with one."""
        ...

    async def take_payment_back(self, bill_id: str) -> None: ...


class ApprovingBench(Bench, Protocol):
    """A simulated ERP that can want a person's approval of each bill. The ids are those that `create` answered."""

    async def want_approval(self) -> None:
        """From now on each bill wants it before it is posted."""
        ...

    async def approve(self, bill_id: str) -> None:
        """Approves a bill, which is posted by that."""
        ...

    async def turn_down(self, bill_id: str) -> None: ...

    async def remove(self, bill_id: str) -> None:
        """Deletes a bill that waits, so that nothing is left of it."""
        ...


Reasons = Mapping[Reason, frozenset[Reason]]
"""For a trouble: what the ledger itself may call it where nothing was checked beforehand."""
