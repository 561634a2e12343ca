"""The way of an invoice, a payment and an import by ledger: its calls, its checkpoints, and what may go wrong on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from simulation.ledgers import ACUMATICA, BUSINESS_CENTRAL, EPICOR_KINETIC, SAP_BUSINESS_ONE, Ledger


@dataclass(frozen=True, slots=True)
class Call:
    """An outgoing call, told by its address and, where several share one, by what it asks."""

    method: str
    path: str
    asks: str = ""
    ledger: bool = True


@dataclass(frozen=True, slots=True)
class Way:
    """How the product goes about it with one ledger, and the names of what is tried."""

    ledger: Ledger
    module: str
    """Where its connector takes its capabilities from."""
    sign_in: Call
    checks: Mapping[str, Call]
    """What is read before the first write."""
    find: Call
    more_finds: Mapping[str, Call]
    """What else is read on the look for a bill."""
    writes: Mapping[str, Call]
    """In their order; the last one posts."""
    throwing_away: Mapping[str, Call]
    """What becomes of a draft whose total differs; nothing where the total is foretold."""
    others: Mapping[str, Call]
    steps: Sequence[str]
    """The checkpoints of an invoice."""
    payment_reads: Mapping[str, Call]
    read_vendors: Call
    narrow: Mapping[str, Mapping[str, object]]
    """What the control pages are told before a test: the limits of one customer among it."""
    wide: Mapping[str, Mapping[str, object]]
    """What they are told so that many customers fit in at once."""
    stray: Mapping[str, object] | None
    """What the control page `duplicates` is told so that a late create makes no second bill; None where it
    makes a draft."""
    answers: Mapping[str, Call]
    """Where one connection of many is stopped: {code}, {company} and {document} stand for its own."""
    expiring: Mapping[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])
    """What the control pages are told so that everybody has to sign in again; nothing where no state is lost."""
    may_leave_drafts: bool = False
    """True where a process that is stopped at any moment may leave one: stopped between its last look at the lease
    and the sending of a create, it sends when it wakes. Nobody posts that draft."""
    patience: Mapping[str, float] = field(default_factory=dict[str, float])
    """How the ledger's own actions are waited for; nothing where it has none."""
    waiting: str = "Desk"
    """Which class of the module is told."""
    costs: int = 1
    """How many times the usual calls an invoice takes: where many are posted, so many fewer do."""
    beside: Mapping[str, Call] = field(default_factory=dict[str, Call])
    """Writes that make no bill: of what bills are put into."""

    def __str__(self) -> str:
        return self.ledger.system

    @property
    def invoice_calls(self) -> dict[str, Call]:
        """Every call that an invoice costs, for both of which that post and those that do not."""
        return {
            "sign in to Basware": SIGN_IN_TO_BASWARE,
            "list": Call("GET", "ProcessingStatus=WaitingForTransfer", ledger=False),
            "redirect": Call("GET", "^/basware-sandbox/", ledger=False),
            "recovery list": Call("GET", "ProcessingStatus=TransferInProgress", ledger=False),
            "acknowledge": ACKNOWLEDGE,
            "sign in to the ledger": self.sign_in,
            **self.checks,
            "find": self.find,
            **self.more_finds,
            **self.beside,
            **self.writes,
            "transfer response": TRANSFER_RESPONSE,
            **self.throwing_away,
            "failure response": FAILURE_RESPONSE,
            "look for files": Call("GET", "/accountingDocuments/[0-9a-f]{32}$", ledger=False),
            **self.others,
        }

    @property
    def invoice_writes(self) -> dict[str, Call]:
        """Of them those that change something."""
        return {
            "sign in to Basware": SIGN_IN_TO_BASWARE,
            "acknowledge": ACKNOWLEDGE,
            "sign in to the ledger": self.sign_in,
            **self.beside,
            **self.bill_writes,
        }

    @property
    def bill_writes(self) -> dict[str, Call]:
        """Of them those that a bill and its answer consist of."""
        removed = {name: call for name, call in self.throwing_away.items() if call.method != "GET"}
        answers = {"transfer response": TRANSFER_RESPONSE, "failure response": FAILURE_RESPONSE}
        return {**self.writes, **answers, **removed}

    @property
    def create(self) -> Call:
        """The first write."""
        return next(iter(self.writes.values()))

    @property
    def post(self) -> Call:
        """The write that makes a posted bill, which may be the first."""
        return list(self.writes.values())[-1]


SIGN_IN_TO_BASWARE = Call("POST", "/v1/tokens$", ledger=False)
ACKNOWLEDGE = Call("POST", "/acknowledge$", ledger=False)
TRANSFER_RESPONSE = Call("POST", "/transferResponses$", '"success": ?true', ledger=False)
FAILURE_RESPONSE = Call("POST", "/transferResponses$", '"success": ?false', ledger=False)
PAYMENT_RESPONSE = Call("POST", "/paymentResponses$", ledger=False)
IMPORT_VENDORS = Call("POST", "/v1/vendors$", ledger=False)
REQUEST_STATUS = Call("GET", "/requestStatus", ledger=False)

BUSINESS_CENTRAL_WAY = Way(
    ledger=BUSINESS_CENTRAL,
    module="ml_connector.connectors.business_central.connector",
    sign_in=Call("POST", "/oauth2/v2.0/token$"),
    checks={
        "check the period": Call("GET", "/generalLedgerSetup"),
        "check vendors": Call("GET", "/vendors"),
        "check accounts": Call("GET", "/accounts"),
        "check dimensions": Call("GET", "/dimensions"),
        "check taxes": Call("GET", "/taxGroups"),
    },
    find=Call("GET", r"/purchaseInvoices\?\$filter"),
    more_finds={},
    writes={
        "create": Call("POST", r"/\$batch$", r'"vendorInvoiceNumber": ?"'),
        "write dimensions": Call("POST", r"/\$batch$", r'^(?!.*"vendorInvoiceNumber": ?").*"valueCode"'),
        "post": Call("POST", r"/\$batch$", r"Microsoft\.NAV\.post"),
    },
    throwing_away={
        "read before discarding": Call("GET", r"/purchaseInvoices\("),
        "discard": Call("DELETE", r"/purchaseInvoices\("),
    },
    others={},
    steps=("received", "checked", "to create", "created", "compared", "posted", "discarded", "transferred", "returned",
           "run"),
    payment_reads={"read what is paid": Call("GET", "/purchaseInvoices")},
    read_vendors=Call("GET", "/vendors"),
    narrow={"limits": {"concurrent": 5, "queue": 95}},
    wide={"limits": {"concurrent": 200, "queue": 10_000}},
    stray=None,
    answers={
        "create": Call("POST", r"/\$batch$", r'{company}.*"vendorInvoiceNumber": ?"'),
        "post": Call("POST", r"/\$batch$", r"{company}.*Microsoft\.NAV\.post"),
        "response": Call("POST", "{document}/transferResponses$", ledger=False),
    },
)  # fmt: skip
SAP_BUSINESS_ONE_WAY = Way(
    ledger=SAP_BUSINESS_ONE,
    module="ml_connector.connectors.sap_business_one.connector",
    sign_in=Call("POST", "/b1s/v2/Login$"),
    checks={
        "read the company": Call("GET", "/CompanyService_GetCompanyInfo"),
        "read its settings": Call("GET", "/CompanyService_GetAdminInfo"),
        "check vendors": Call("GET", "/BusinessPartners"),
        "check accounts": Call("GET", "/ChartOfAccounts"),
        "check dimensions": Call("GET", "/DistributionRules"),
        "check taxes": Call("GET", "/VatGroups"),
    },
    find=Call("GET", r"/PurchaseInvoices\?"),
    more_finds={"find what waits for an approval": Call("GET", r"/Drafts\?")},
    writes={"create and post": Call("POST", "/PurchaseInvoices$")},
    throwing_away={},
    others={"log out": Call("POST", "/Logout$")},
    steps=("received", "checked", "to create", "posted", "transferred", "returned", "run"),
    payment_reads={
        "read what is paid": Call("GET", r"/PurchaseInvoices\?"),
        "read credit notes": Call("GET", r"/PurchaseCreditNotes\?"),
        "read payments": Call("GET", "/VendorPayments"),
    },
    read_vendors=Call("GET", "/BusinessPartners"),
    narrow={},
    wide={},
    stray={"mode": "partner"},
    answers={
        "create and post": Call("POST", "/PurchaseInvoices$", r'"NumAtCard": ?"L{code}-'),
        "response": Call("POST", "{document}/transferResponses$", ledger=False),
    },
    expiring={"expire-sessions": {}},
)
ACUMATICA_WAY = Way(
    ledger=ACUMATICA,
    module="ml_connector.connectors.acumatica.connector",
    sign_in=Call("POST", "/identity/connect/token$"),
    checks={
        "check the years": Call("GET", r"/FinancialPeriod\?"),
        "check the period": Call("GET", r"/FinancialPeriod/\d{4}\?"),
        "check vendors": Call("GET", r"/Vendor\?"),
        "check accounts": Call("GET", r"/Account\?"),
        "check subaccounts": Call("GET", r"/Subaccount\?"),
        "check currencies": Call("GET", r"/Currency\?"),
        "check taxes": Call("GET", r"/TaxCategory\?"),
    },
    find=Call("GET", r"/Bill\?"),
    more_finds={},
    writes={
        "create": Call("PUT", r"/Bill\?", '"VendorRef": ?'),
        "take off hold": Call("PUT", r"/Bill\?", r'"Hold": ?\{"value": ?false'),
        "release": Call("POST", "/Bill/ReleaseBill$"),
    },
    throwing_away={"discard": Call("DELETE", "/Bill/[0-9a-f-]{36}$")},
    others={
        "read a bill": Call("GET", r"/Bill/[0-9a-f-]{36}\?"),
        "ask for the release": Call("GET", "/Bill/ReleaseBill/status/"),
        "sign out": Call("POST", "/entity/auth/logout$"),
    },
    steps=("received", "checked", "to create", "created", "compared", "posted", "discarded", "transferred", "returned",
           "run"),
    payment_reads={"read what is paid": Call("GET", r"/Bill\?"), "read payments": Call("GET", "/Check")},
    read_vendors=Call("GET", r"/Vendor\?"),
    narrow={"seats": {"limit": 4, "free": True}, "actions": {"polls": 2, "seconds": 0.3}},
    wide={"seats": {"limit": 0}},
    stray=None,
    answers={
        "create": Call("PUT", r"/Bill\?", r'"VendorRef": ?\{"value": ?"L{code}-'),
        "response": Call("POST", "{document}/transferResponses$", ledger=False),
    },
    expiring={"expire-tokens": {"refresh": True}},
    may_leave_drafts=True,
    patience={"first": 0.02, "longest": 0.1, "at_most": 30.0, "busy": 5.0},
)  # fmt: skip
EPICOR_WAY = Way(
    ledger=EPICOR_KINETIC,
    module="ml_connector.connectors.epicor_kinetic.connector",
    sign_in=Call("POST", "/connect/token$"),
    checks={
        "check segments": Call("GET", r"/COASegments\?"),
        "check vendors": Call("GET", r"/Vendors\?"),
        "check values": Call("GET", r"/COASegValues\?"),
        "check an account": Call("POST", "/GlAccountExists$"),
        "check currencies": Call("GET", r"/Currencies\?"),
        "check taxes": Call("GET", r"/TaxCats\?"),
    },
    find=Call("GET", r"/APInvoices\?"),
    more_finds={},
    beside={
        "make a group": Call("POST", "APInvGrpSvc/Update$"),
        "unlock the group": Call("POST", "/UnlockGroup$"),
    },
    writes={
        "create": Call("POST", "/UpdateMaster$", '"RowMod": ?"A".*"cTableName": ?"APInvHed"'),
        "code": Call("POST", "/UpdateMaster$", '"cTableName": ?"APInvExpTGLC"'),
        "take off hold": Call("POST", "/UpdateMaster$", r'"InvoiceHeld": ?false'),
        "submit": Call("POST", "/SubmitToAgent$"),
    },
    throwing_away={
        "discard": Call("POST", "APInvoiceSvc/DeleteByID$"),
        "remove the group": Call("POST", "APInvGrpSvc/DeleteByID$"),
    },
    others={
        "read a group": Call("GET", r"/APInvGrps\?"),
        "draw up a group": Call("POST", "/GetNewAPInvGrpNoLock$"),
        "draw up a header": Call("POST", "/GetNewAPInvHed"),
        "draw up a line": Call("POST", "/(?:GetNewAPInvDtl|GetNewAPInvExp|Change|OnChange)"),
        "read an invoice": Call("GET", r"/GetByID\?"),
        "look for variances": Call("POST", "/PrePostGroupInvoices$"),
        "look for tasks": Call("GET", r"/SysTasks\?"),
        "draw up a posting": Call("GET", "/GetNewParameters$"),
    },
    steps=("received", "checked", "to create", "created", "compared", "posted", "discarded", "transferred", "returned",
           "run"),
    payment_reads={
        "read transactions": Call("GET", r"/APTranSearches\?"),
        "read what is paid": Call("GET", r"/APInvoices\?"),
        "read payments": Call("GET", r"/PaymentEntries\?"),
    },
    read_vendors=Call("GET", r"/Vendors\?"),
    narrow={"licences": {"limit": 3, "free": True}},
    wide={"licences": {"limit": 0}},
    stray={"status": 409},
    answers={
        "create": Call("POST", "/EPIC{code}/.*/UpdateMaster$", '"RowMod": ?"A".*"cTableName": ?"APInvHed"'),
        "submit": Call("POST", "/EPIC{code}/.*/SubmitToAgent$"),
        "response": Call("POST", "{document}/transferResponses$", ledger=False),
    },
    expiring={"expire-tokens": {}},
    patience={"first": 0.02, "longest": 0.1, "at_most": 30.0, "held": 5.0},
    waiting="KineticLedger",
    costs=4,
)  # fmt: skip
WAYS = (BUSINESS_CENTRAL_WAY, SAP_BUSINESS_ONE_WAY, ACUMATICA_WAY, EPICOR_WAY)


BASWARE_ALONE = frozenset(
    {
        "sign in to Basware", "list", "redirect", "recovery list", "look for files", "acknowledge", "import vendors",
        "request status",
    }
)  # fmt: skip
"""Calls that are the same whichever ledger stands on the other side: tried with one of them."""


def each(names: Callable[[Way], Iterable[str]], *, ways: Sequence[Way] = WAYS) -> pytest.MarkDecorator:
    """Parametrizes `way` and `name` with what each ledger has of it."""
    cases = [
        pytest.param(way, name, id=f"{way}, {name}")
        for way in ways
        for name in names(way)
        if way is BUSINESS_CENTRAL_WAY or name not in BASWARE_ALONE
    ]
    return pytest.mark.parametrize(("way", "name"), cases, indirect=["way"])


ONE_OF_A_KIND: Sequence[Way] = (BUSINESS_CENTRAL_WAY, SAP_BUSINESS_ONE_WAY)
"""One ledger that posts separately and one that posts at once: what the engine writes down differs by that alone."""
with_one_ledger = pytest.mark.parametrize("way", [BUSINESS_CENTRAL_WAY], indirect=True, ids=str)
"""For what is the engine's alone, whatever ledger it works with."""
