"""What the API takes and gives."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ml_connector.operations.replay import Step
from ml_connector.records.flow import Flow as FlowName
from ml_connector.records.reason import Reason

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]+$", min_length=1, max_length=200)]


class Asked(BaseModel):
    """A request's body: unknown members are faults."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class ReplayOne(Asked):
    """Where to begin: start reads the document again, check checks what is stored, post goes on, respond tells."""

    begin: Step = Field(Step.START, alias="from")


class ReplayMany(ReplayOne):
    """Which held documents: all, or those of one reason or connection."""

    reason: Reason | None = None
    connection: Name | None = None


class Link(Asked):
    """The bill's number in the ERP."""

    bill: Line


class Rejection(Asked):
    """What the clerk reads."""

    message: Line


class RunRequest(Asked):
    """Which flows to run, and how."""

    connection: Name
    flows: list[FlowName] = Field(default_factory=list[FlowName], max_length=20)
    touch: bool = False
    full: bool = False
    allow_deactivations: bool = False


class Flow(BaseModel):
    """A flow of a connection."""

    flow: str
    enabled: bool
    running: bool
    last_run: datetime | None
    last_success: datetime | None
    outcome: str | None
    next_run: datetime | None
    lag_seconds: float
    counts: dict[str, int]
    error: str | None


class Circuit(BaseModel):
    """A side that does not work at the moment."""

    side: str
    since: datetime
    tried_again: datetime
    failures: int
    reason: str
    detail: str


class ConnectionSummary(BaseModel):
    """A connection."""

    connection: str
    company: str
    system: str
    enabled: bool
    simulated: bool
    health: str


class Connection(ConnectionSummary):
    """A connection as it stands."""

    documents: dict[str, int]
    waiting_imports: int
    flows: list[Flow]
    circuits: list[Circuit]


class PingStep(BaseModel):
    """One step of the connection test."""

    side: str
    step: str
    ok: bool
    detail: str
    seconds: float
    advice: str


class Invoice(BaseModel):
    """A document in a list."""

    document_id: str
    invoice_number: str
    supplier: str
    gross: str | None
    currency: str
    status: str
    reason: str | None
    erp_number: str | None
    attempts: int
    updated: datetime
    connection: str
    kind: str
    supplier_name: str
    transfer: int
    message: str
    next_due: datetime | None
    created: datetime


class InvoicePage(BaseModel):
    """A page of documents; `next` is None on the last one."""

    items: list[Invoice]
    next: str | None


class Finding(BaseModel):
    """A reason in words."""

    reason: str
    subject: str
    sentence: str
    engineer: str
    owner: str
    vendor_text: str


class InvoiceDetail(Invoice):
    """A document with all that is worth knowing of it."""

    key: str
    net: str | None
    invoice_date: date | None
    posting_date: date | None
    findings: list[Finding]
    erp_id: str | None
    erp_journal: str | None
    linked_by: str | None
    response_message: str | None
    responded: datetime | None
    posted: datetime | None
    paid_total: str | None
    paid_on: date | None


class TrailEntry(BaseModel):
    """One entry of the trail."""

    connection: str
    seq: int
    at: datetime
    flow: str
    record: str
    actor: str
    step: str
    outcome: str
    summary: str
    detail: dict[str, Any]
    exchanges: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])


class Replayed(BaseModel):
    """What became of a document's replay."""

    key: str
    connection: str
    document_id: str
    invoice_number: str
    replayed: bool
    refusal: str | None


class Run(BaseModel):
    """A run."""

    id: int
    connection: str
    flow: str
    status: str
    outcome: str | None
    trigger: str
    actor: str
    read: int
    sent: int
    unchanged: int
    posted: int
    held: int
    rejected: int
    failed: int
    seconds: float
    error: str | None
    queued: datetime
    started: datetime | None
    finished: datetime | None


class CountAndMoney(BaseModel):
    """How many, and how much."""

    count: int
    money: str


class Balance(BaseModel):
    """One currency."""

    currency: str
    approved: CountAndMoney
    posted: CountAndMoney
    held: CountAndMoney
    in_flight: CountAndMoney
    rejected: CountAndMoney
    cancelled: CountAndMoney | None = None
    agrees: bool


class Difference(BaseModel):
    """One thing that does not agree."""

    kind: str
    document_id: str
    invoice_number: str
    supplier: str
    currency: str
    amount: str | None
    words: str


class Reconciliation(BaseModel):
    """A month compared."""

    connection: str
    period: str
    agrees: bool
    currencies: list[Balance]
    differences: list[Difference]


class Chain(BaseModel):
    """One connection's chain of the trail."""

    connection: str
    ok: bool
    entries: int
    dropped_through: int
    fault: str | None


class Verification(BaseModel):
    """Whether the trail is whole."""

    ok: bool
    chains: list[Chain]
