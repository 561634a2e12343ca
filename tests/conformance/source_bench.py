"""What the suite for sources needs of a simulated ERP that gives its invoices: one adapter of this shape for each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from conformance.bench import Call, Harm, Site
from ml_connector.connectors.base import Source, SourceConnector
from ml_connector.connectors.side import Guard, Side
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import DocumentKind


@dataclass(frozen=True, slots=True)
class Garbled(Harm):
    """An answer in place of the right one, whatever its status."""

    body: str = ""
    content_type: str = "text/html"

    def __str__(self) -> str:
        what = "empty" if not self.body else self.content_type.rpartition("/")[2]
        return f"{what}-{self.status}"


class Meanwhile(StrEnum):
    """What somebody does to a record of a list between two of its pages."""

    CHANGES = "changes"
    LEAVES = "leaves"
    COMES_FIRST = "comes first"
    """A record that was not there is now the first of the list."""


@dataclass(frozen=True, slots=True)
class Oddity:
    """A way in which the ERP writes or counts its stamps, or its lists, that it does not promise."""

    name: str
    arrange: Callable[[Any], Awaitable[None]]
    """It is given the bench."""
    turn: Callable[[Any], Awaitable[None]] | None = None
    """What happens after the first read: clocks are set back."""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What there is in the simulated company."""

    vendor: str
    other_vendor: str
    currency: str
    foreign_currency: str


@dataclass(frozen=True, slots=True)
class StandingInvoice:
    """An invoice as it stands in the simulated ERP. Sums are positive."""

    key: str
    number: str
    reference: str
    kind: DocumentKind | None
    """None for a kind that does not go into the payables system."""
    vendor: str
    """The lasting key of its supplier."""
    currency: str
    net: Decimal
    tax: Decimal
    gross: Decimal
    note: str
    files: tuple[tuple[str, str], ...]
    """Ids and names."""


class SourceBench(Protocol):
    """A simulated ERP with one company, fresh for each test, and the hands of the people around it.

    Vendors and orders go by their numbers here, invoices by the keys that `enter` answers.
    """

    @property
    def connector(self) -> SourceConnector: ...

    @property
    def facts(self) -> SourceFacts: ...

    @property
    def list_sites(self) -> Mapping[Flow, Site]:
        """The list that a read of vendors, orders or invoices begins with."""
        ...

    @property
    def single_site(self) -> Site:
        """The call by which one invoice is read."""
        ...

    @property
    def file_site(self) -> Site:
        """The call by which a file is read."""
        ...

    @property
    def note_site(self) -> Site:
        """The one write there is."""
        ...

    def side(self, *, values: Mapping[str, Any] | None = None, secrets: Mapping[str, str] | None = None) -> Side:
        """Settings that work and let notes be written, some of them changed."""
        ...

    def open(self, side: Side, *, guard: Guard | None = None) -> Source: ...

    def be_impatient(self, source: Source, seconds: float) -> None: ...

    # ------------------------------------------------------------------ looking

    async def invoices(self) -> Sequence[StandingInvoice]: ...

    async def everything(self) -> Any:
        """All that stands in the company but notes and stamps, comparable."""
        ...

    async def count(self, flow: Flow) -> int:
        """How many records of a flow a first read tells."""
        ...

    async def calls(self) -> Sequence[Call]: ...

    async def forget_calls(self) -> None: ...

    async def written(self) -> Sequence[Call]:
        """Every call that changes something, forgotten ones too."""
        ...

    # ------------------------------------------------------------------ the wire

    async def strike(self, harm: Harm, site: Site) -> None: ...

    async def mend(self) -> None:
        """Takes away what is still to come, faults and what `meanwhile` planned."""
        ...

    async def until_held(self) -> None:
        """Waits until a call came that is to be held (`Harm("hold")`)."""
        ...

    async def let_go(self) -> None:
        """Lets held calls go on."""
        ...

    async def expire_sessions(self) -> None: ...

    async def limit_pages(self, flow: Flow, size: int) -> None:
        """Lowers the pages of all lists that a flow reads; nothing where they come at once."""
        ...

    async def repeat_pages(self, flow: Flow) -> None:
        """From now on the second page of a list is its first once more."""
        ...

    async def meanwhile(self, flow: Flow, what: Meanwhile, key: str, *, after_page: int) -> None:
        """Something happens to a vendor or an invoice once that page went out; an order's goods come."""
        ...

    async def leave_calls(self, count: int, *, window: int) -> bool:
        """Lets that many calls through until the window of so many seconds ends; False where nothing is counted."""
        ...

    # ------------------------------------------------------------------ time

    async def pass_time(self, seconds: float) -> None: ...

    def hold_time(self) -> None:
        """Stops the simulated ERP's clock: what is done from now on bears one stamp."""
        ...

    def resume_time(self) -> None: ...

    # ------------------------------------------------------------------ people and invoices

    async def enter(
        self, number: str, *, kind: DocumentKind = DocumentKind.INVOICE, vendor: str = "", net: str = "100.00",
        currency: str = "", note: str = "", order: str = "", hold: bool = False,
        files: Mapping[str, bytes] | None = None,
    ) -> str:  # fmt: skip
        """An invoice of one line; answers its key."""
        ...

    async def enter_other(self, number: str) -> Sequence[str]:
        """A document of each kind that does not go into the payables system."""
        ...

    async def describe(self, key: str, text: str) -> None: ...

    async def touch(self, flow: Flow, keys: Sequence[str]) -> None:
        """New stamps without a change, one for all."""
        ...

    async def hold(self, key: str, *, on: bool) -> None: ...

    async def release(self, key: str) -> None:
        """Posts it in the ERP's own ledger."""
        ...

    async def void(self, key: str) -> None: ...

    async def settle(self, key: str) -> None:
        """Pays it in full."""
        ...

    async def remove(self, key: str) -> None: ...

    async def attach(self, key: str, name: str, content: bytes) -> None:
        """A file, or a newer one of that name."""
        ...

    async def take_notes_after_release(self, *, yes: bool) -> None: ...

    # ------------------------------------------------------------------ people and master data

    async def rename_vendor(self, number: str, name: str) -> None: ...

    async def add_vendor(self, number: str) -> str:
        """Answers its lasting key."""
        ...

    async def remove_vendor(self, number: str) -> None: ...

    async def stop_vendor(self, number: str) -> None:
        """Nothing may be bought from it any more."""
        ...

    async def place_order(self, number: str, *, quantity: int, is_held: bool = False) -> None:
        """An order of one line."""
        ...

    async def release_order(self, number: str) -> None:
        """Takes it off hold."""
        ...

    async def close_order(self, number: str) -> None: ...

    async def receive(self, order: str, quantity: int, *, released: bool = True) -> str:
        """Goods came for the order's line, or went back (a negative quantity); answers the receipt."""
        ...

    async def release_receipt(self, receipt: str) -> None: ...
