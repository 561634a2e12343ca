"""What a connector says of itself: its settings, limits and abilities. Data, no logic.

Flows ask the abilities, never the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ml_connector.records.flow import Flow


@dataclass(frozen=True, slots=True)
class FormField:
    """One setting a person fills in."""

    name: str
    title: str
    help: str
    example: str = ""
    required: bool = True
    secret: bool = False
    choices: tuple[str, ...] = ()
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The vendor's own ceilings, kept before the vendor enforces them."""

    parallel_calls: int
    calls: int
    """Calls allowed in `per_seconds`."""
    per_seconds: float
    page_size: int
    write_timeout: float = 120.0
    """Seconds after which we give up waiting for a write's answer."""
    read_timeout: float = 60.0


class ReadMode(StrEnum):
    """How a ledger tells of changes in one kind of record."""

    CHANGES = "changes"
    """Changed records since a mark; what left is found by a sweep of the keys."""
    SNAPSHOT = "snapshot"
    """Always everything: what is missing has left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErpCapabilities:
    """What any ERP can do. A flow asks here and says to the user what is missing."""

    reads: Mapping[Flow, ReadMode]
    told_singly: frozenset[Flow] = frozenset()
    """Flows whose records take a call each: however few they are, changes and keys cost less than all of them."""
    parallel_documents: int = 4
    announces: frozenset[Flow] = frozenset()
    """Flows whose changes it tells of by calling us; the others are only polled. Never the invoices."""
    dimension_names: tuple[str, ...] = ()
    """What a mapping rule may call its dimensions, in any case; empty where each company has names of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCapabilities(ErpCapabilities):
    """What an ERP can do that bills are posted to."""

    posting_is_separate: bool
    """True: created as a draft, posted by a second call that can fail alone."""
    refuses_duplicates: bool
    """True: the ledger itself refuses a second bill with the same vendor and number when it is posted."""
    write_settles_after: float
    """Seconds after which a write whose answer was lost, if it cannot be found, was not done."""
    number_length: int
    """Longest supplier's invoice number."""
    attaches_files: bool
    tells_payment_details: bool
    """False: only whether a bill is paid, not when and how much."""
    find_batch: int = 20
    """Bills that one look can cover."""
    takes_tax_amounts: bool = False
    """True: where `mapping.tax_ids` names the taxes, the document's own amounts are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCapabilities(ErpCapabilities):
    """What an ERP can do whose invoices go into the payables system."""

    writes_notes: bool
    """True: a sentence can be put to an invoice there."""


@dataclass(frozen=True, slots=True)
class PayablesCapabilities:
    """What a payables system can do."""

    imports: frozenset[Flow]
    batch_sizes: Mapping[str, int]
    """Records an import call may carry, by resource."""
    default_batch: int
    notifies: bool
    message_length: int
    parallel_documents: int = 4
    inbound_routes: tuple[str, ...] = ()
    """The ways that supplier invoices may enter by."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a connector says of itself: data, no logic."""

    id: str
    name: str
    fields: tuple[FormField, ...]
    limits: Limits
    redacted: frozenset[str]
    """Names of JSON members whose values never reach a log or the trail."""

    @property
    def secret_fields(self) -> frozenset[str]:
        """Names of the settings that are stored encrypted."""
        return frozenset(each.name for each in self.fields if each.secret)
