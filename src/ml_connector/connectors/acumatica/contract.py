"""The names of entities, fields and actions that we use, by version of the endpoint (Acumatica dossier 1, 9).

The server ignores names it does not know, without a word (Acumatica dossier 3.1): a misspelt field would be lost.
So every name is looked up here before it is sent. An endpoint that extends Default has Default's names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ml_connector.connectors.acumatica.errors import unexpected, wrong_settings
from ml_connector.connectors.acumatica.manifest import DEFAULT_ENDPOINT
from ml_connector.connectors.acumatica.values import BARE

OLDEST: Final = "22.200.001"
NEWEST_TABLED: Final = "24.200.001"
NEWEST_SUPPORTED: Final = "25.200.001"
"""Adds fields to 24.200.001 that we do not use and takes none away (Acumatica dossier 1)."""
_VERSION: Final = re.compile(r"\d+\.\d+(?:\.\d+)?")

_STANDARD: Final = BARE | {"note", "custom", "files"}
"""Members that every record has."""

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "Account": ("AccountCD",),
    "Bill": ("Type", "ReferenceNbr"),
    "Check": ("Type", "ReferenceNbr"),
    "CreditTerms": ("TermsID",),
    "Currency": ("CurrencyID",),
    "FinancialPeriod": ("FinancialYear",),
    "JournalTransaction": ("Module", "BatchNbr"),
    "Ledger": ("LedgerID",),
    "Project": ("ProjectID",),
    "ProjectTask": ("ProjectID", "ProjectTaskID"),
    "PurchaseOrder": ("Type", "OrderNbr"),
    "PurchaseReceipt": ("Type", "ReceiptNbr"),
    "Subaccount": ("SubaccountCD",),
    "Tax": ("TaxID",),
    "TaxCategory": ("TaxCategoryID",),
    "TaxZone": ("TaxZoneID",),
    "Vendor": ("VendorID",),
}
"""The key fields of a record, in the order its address names them (Acumatica dossier 4.4)."""

FORMS: Final[Mapping[str, str]] = {
    "Account": "GL202500",
    "Bill": "AP301000",
    "Check": "AP302000",
    "CompaniesStructure": "CS401000",
    "CreditTerms": "CS206500",
    "Currency": "CM202000",
    "FinancialPeriod": "GL201000",
    "Ledger": "GL201500",
    "Project": "PM301000",
    "ProjectTask": "PM302000",
    "PurchaseOrder": "PO301000",
    "PurchaseReceipt": "PO302000",
    "Subaccount": "GL203000",
    "Tax": "TX205000",
    "TaxCategory": "TX205500",
    "TaxZone": "TX206000",
    "Vendor": "AP303000",
}
"""The form that the rights to an entity hang on (Acumatica dossier 14)."""

ACTIONS: Final[Mapping[str, frozenset[str]]] = {"Bill": frozenset({"ReleaseBill", "ReverseBill"})}

_FIELDS: Final[Mapping[str, str]] = {
    "Account": "AccountCD AccountClass AccountGroup AccountID Active CashAccount ChartOfAccountsOrder"
    " ConsolidationAccount CreatedDateTime CurrencyID Description LastModifiedDateTime PostOption RequireUnits"
    " RevaluationRateType Secured TaxCategory Type UseDefaultSubaccount",
    "Bill": "Amount Applications ApprovedForPayment Balance BranchID CashAccount CurrencyID Date Description Details"
    " DueDate Hold IsTaxValid LastModifiedDateTime LocationID PostPeriod Project ReferenceNbr Status TaxDetails"
    " TaxTotal Terms Type Vendor VendorRef",
    "Bill/Applications": "AmountPaid Balance DocType ReferenceNbr Status",
    "Bill/Details": "Account Amount Branch CalculateDiscountsOnImport CostCode Description ExtendedCost InventoryID"
    " LCLineNbr LCNbr LCType NonBillable POLine POOrderNbr POOrderType POReceiptLine POReceiptNbr POReceiptType"
    " Project ProjectTask Qty Subaccount TaxCategory TransactionDescription UOM UnitCost",
    "Bill/TaxDetails": "TaxAmount TaxID TaxRate TaxableAmount",
    "Check": "ApplicationDate CashAccount CurrencyID Description Details History Hold LastModifiedDateTime"
    " PaymentAmount PaymentMethod PaymentRef ReferenceNbr Status Type UnappliedBalance Vendor",
    "Check/Details": "AmountPaid Balance CashDiscountBalance DocLineNbr DocType ReferenceNbr",
    "Check/History": "AmountPaid Balance CashDiscountBalance CashDiscountTaken DocType ReferenceNbr VendorRef",
    "CompaniesStructure": "Results",
    "CompaniesStructure/Results": "BaseCurrencyID BranchCountry BranchID BranchName BranchStatus CompanyID CompanyName"
    " CompanyStatus CompanyType",
    # Of an endpoint of the customer's own (Acumatica dossier 9.10).
    "CreditTerms": "DayDue00 Descr DiscPercent DiscType DueType TermsID VisibleTo",
    "Currency": "Active CreatedDateTime CurrencyID CurrencySymbol DecimalPrecision Description LastModifiedDateTime"
    " UseForAccounting",
    "FinancialPeriod": "CreatedDateTime Details FinancialYear LastModifiedDateTime NbrOfPeriods StartDate"
    " UserDefinedPeriods",
    "FinancialPeriod/Details": "AdjustmentPeriod ClosedInAP ClosedInAR ClosedInCA ClosedInFA ClosedInIN Description"
    " EndDate FinancialPeriodID LengthInDays PeriodNbr StartDate Status",
    "JournalTransaction": "BatchNbr BranchID CreatedDateTime CurrencyID Description Details Hold LastModifiedDateTime"
    " LedgerID Module PostPeriod Status TransactionDate",
    "JournalTransaction/Details": "Account BranchID CostCode CreditAmount DebitAmount Description LineNbr Project"
    " ProjectTask Qty ReferenceNbr Subaccount TransactionDescription UOM VendorOrCustomer",
    "Ledger": "Branches Companies ConsolidationSource Currency Description LastModifiedDateTime LedgerID Type",
    "Ledger/Branches": "Active BranchID BranchName CompanyName",
    "Ledger/Companies": "Active Company CompanyName CompanyType",
    "Project": "Customer Description ExternalRefNbr Hold LastModifiedDateTime ProjectID ProjectTemplateID Status",
    "ProjectTask": "Default Description ExternalRefNbr LastModifiedDateTime ProjectID ProjectTaskID Status",
    "PurchaseOrder": "BaseCurrencyID Branch ControlTotal CurrencyEffectiveDate CurrencyID CurrencyRate"
    " CurrencyRateTypeID CurrencyReciprocalRate Date Description Details Hold IsTaxValid LastModifiedDateTime LineTotal"
    " Location OrderNbr OrderTotal Owner Project PromisedOn Status TaxDetails TaxTotal Terms Type VendorID VendorRef"
    " VendorTaxZone",
    "PurchaseOrder/Details": "Account AlternateID BranchID CalculateDiscountsOnImport Cancelled CompleteOn Completed"
    " CostCode Description ExtendedCost InventoryID LineDescription LineNbr LineType MaxReceiptPercent"
    " MinReceiptPercent OrderNbr OrderQty OrderType OrderedQty OrigPONbr OrigPOType Project ProjectTask Promised"
    " QtyOnReceipts ReceiptAction ReceivedAmount Requested Subaccount Subitem TaxCategory UOM UnitCost WarehouseID",
    "PurchaseOrder/TaxDetails": "RetainedTaxAmount RetainedTaxableAmount TaxAmount TaxID TaxRate TaxableAmount",
    "PurchaseReceipt": "BaseCurrencyID BillDate Branch ControlQty CreateBill CurrencyID Date Details Hold"
    " LastModifiedDateTime Location PostPeriod ReceiptNbr Status TotalCost TotalQty Type UnbilledQuantity VendorID"
    " VendorRef Warehouse",
    "PurchaseReceipt/Details": "Account Branch Description ExtendedCost InventoryID LineNbr LineType OpenQty OrderedQty"
    " POLineNbr POOrderNbr POOrderType POReceiptLineNbr POReceiptNbr ReceiptQty Subaccount TransactionDescription"
    " UOM UnitCost Warehouse",
    "Subaccount": "Active Description Secured SubaccountCD SubaccountID",
    "Tax": "CalculateOn CashDiscount CreatedDateTime DeductibleVAT Description EnterFromTaxBill"
    " ExcludeFromTaxonTaxCalculation IncludeInVATExemptTotal IncludeInVATTaxableTotal LastModifiedDateTime"
    " NotValidAfter PendingVAT ReverseVAT StatisticalVAT TaxAgency TaxID TaxSchedule TaxType Zones",
    "Tax/TaxSchedule": "DeductibleTaxRate MaxTaxableAmount MinTaxableAmount ReportingGroup RevisionID StartDate TaxID"
    " TaxRate",
    "Tax/Zones": "DefaultTaxCategory Description TaxID TaxZoneID",
    "TaxCategory": "Active CreatedDateTime Description Details ExcludeListedTaxes LastModifiedDateTime TaxCategoryID",
    "TaxCategory/Details": "CalculateOn CashDiscount Description TaxCategory TaxID TaxType",
    "TaxZone": "ApplicableTaxes CreatedDateTime Description LastModifiedDateTime TaxZoneID",
    "TaxZone/ApplicableTaxes": "TaxID",
    "Vendor": "APAccount APSubaccount AccountRef Attributes CashAccount Contacts CreatedDateTime CurrencyID"
    " CurrencyRateType EnableCurrencyOverride EnableRateOverride LastModifiedDateTime LegalName LocationName"
    " MainContact ParentAccount PaymentBy PaymentInstructions PaymentLeadTimedays PaymentMethod PaySeparately"
    " PrimaryContact RemittanceAddressOverride RemittanceContact RemittanceContactOverride Status TaxCalculationMode"
    " TaxRegistrationID TaxZone Terms VendorClass VendorID VendorIsTaxAgency VendorName Warehouse",
    "Vendor/MainContact": "Address Attention ContactID DisplayName Email Fax FirstName JobTitle LastName MiddleName"
    " Phone1 Phone1Type Phone2 Phone2Type Title WebSite",
    "Vendor/MainContact/Address": "AddressLine1 AddressLine2 City Country PostalCode State Validated",
    "Vendor/PaymentInstructions": "Description LocationID PaymentInstructionsID PaymentMethod Value",
}
_SINCE: Final[Mapping[str, Mapping[str, str]]] = {
    "23.200.001": {"Bill": "IsTaxValid", "PurchaseReceipt": "LastModifiedDateTime"},
    "24.200.001": {"Bill/Details": "LCLineNbr LCNbr LCType"},
}
"""Names that came with a version: those before do not have them."""


_ESSENTIAL: Final[Mapping[str, str]] = {
    "Bill": "Amount Applications Balance BranchID CurrencyID Date Description Details DueDate Hold LastModifiedDateTime"
    " PostPeriod ReferenceNbr Status TaxTotal Type Vendor VendorRef",
    "Bill/Applications": "AmountPaid DocType ReferenceNbr",
    "Bill/Details": "Account Amount Branch ExtendedCost POLine POOrderNbr POOrderType Project ProjectTask Qty"
    " Subaccount TaxCategory TransactionDescription UnitCost",
    "Check": "ApplicationDate CurrencyID History LastModifiedDateTime PaymentRef ReferenceNbr Status Type Vendor",
    "Check/History": "AmountPaid CashDiscountTaken DocType ReferenceNbr",
    "Vendor": "CurrencyID LastModifiedDateTime MainContact PaymentInstructions Status Terms VendorID VendorName",
    "Account": "AccountCD Active Description",
    "TaxCategory": "Active Details TaxCategoryID",
    "FinancialPeriod": "Details FinancialYear",
    "PurchaseOrder": "Details LastModifiedDateTime OrderNbr Status Type VendorID",
    "PurchaseOrder/Details": "Account ExtendedCost LineNbr OrderQty UnitCost",
}
"""What an endpoint of another name must have of Default's: without these, something would be lost without a word."""


@dataclass(frozen=True, slots=True)
class Contract:
    """The names one version of the endpoint knows, by entity and by path of a part (`Bill/Details`)."""

    version: str
    fields: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, endpoint: str, version: str) -> Contract:
        """The contract of an endpoint's version; one that extends Default (another name) has the newest names.

        Raises Refused (address wrong) for versions of Default whose shapes are not these.
        """
        if not _VERSION.fullmatch(version):
            raise wrong_settings(f"the version {version!r} is not written as {NEWEST_TABLED} is")
        if endpoint != DEFAULT_ENDPOINT:
            return cls(version, _fields_in(NEWEST_TABLED))
        if not OLDEST <= version <= NEWEST_SUPPORTED:
            raise wrong_settings(
                f"{DEFAULT_ENDPOINT} {version} is not supported: set version to one from {OLDEST} to {NEWEST_SUPPORTED}"
            )
        return cls(version, _fields_in(version))

    def has(self, path: str, field: str) -> bool:
        """True where the entity, or part of one, has the field in this version."""
        return field in self.fields.get(path, frozenset())

    def check(self, entity: str, record: Mapping[str, Any]) -> None:
        """Raises Refused (unexpected answer) where a record to be sent holds a name that would be ignored."""
        unknown = sorted(self._unknown(entity, record))
        if unknown:
            raise unexpected(f"version {self.version} of the endpoint does not know {', '.join(unknown)}")

    def check_paths(self, entity: str, paths: Iterable[str]) -> None:
        """The same for names to be read, such as `Details/Account`."""
        unknown = [path for path in paths if not self._knows(entity, path)]
        if unknown:
            raise unexpected(f"version {self.version} of the endpoint does not know {', '.join(unknown)} of {entity}")

    def check_action(self, entity: str, action: str) -> None:
        """The same for an action."""
        if action not in ACTIONS.get(entity, frozenset()):
            raise unexpected(f"{entity} has no action {action}")

    def nested(self, entity: str) -> frozenset[str]:
        """The names of an entity's parts."""
        return frozenset(path.split("/")[1] for path in self.fields if path.startswith(f"{entity}/"))

    def _knows(self, entity: str, path: str) -> bool:
        owner, _, field = f"{entity}/{path}".rpartition("/")
        return field in _STANDARD or self.has(owner, field)

    def _unknown(self, path: str, record: Mapping[str, Any]) -> Iterable[str]:
        known = self.fields.get(path, frozenset())
        for name, value in record.items():
            if name in _STANDARD:
                continue
            if name not in known:
                yield f"{path}/{name}"
            elif isinstance(value, Mapping):
                yield from self._unknown(f"{path}/{name}", value)
            elif isinstance(value, Sequence) and not isinstance(value, str):
                for each in value:
                    yield from self._unknown(f"{path}/{name}", each)


def missing_in(schema: Mapping[str, Any]) -> list[str]:
    """What an endpoint lacks of the essential names, by its own schema: OpenAPI 3, or Swagger 2 before 2024 R2."""
    components = schema.get("components")
    types = (components.get("schemas") if isinstance(components, dict) else None) or schema.get("definitions") or {}
    missing: list[str] = []
    for path, names in _ESSENTIAL.items():
        entity, *parts = path.split("/")
        members = _members(types, entity)
        for part in parts:
            members = _members(types, _type_of(members.get(part)))
        missing += [f"{path}/{name}" for name in names.split() if name not in members]
    return missing


def _members(types: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The fields of a type: it is said in pieces, of which one is the base of all entities."""
    found = types.get(name)
    if not isinstance(found, dict):
        return {}
    members: dict[str, Any] = {}
    for piece in (found, *(found.get("allOf") or ())):
        members |= piece.get("properties") or {}
    return members


def _type_of(member: Any) -> str:
    if not isinstance(member, dict):
        return ""
    found = member.get("$ref") or (member.get("items") or {}).get("$ref") or ""
    return str(found).rpartition("/")[2]


def _fields_in(version: str) -> Mapping[str, frozenset[str]]:
    later = {path: set[str]() for path in _FIELDS}
    for came, added in _SINCE.items():
        if came > version:
            for path, names in added.items():
                later[path] |= set(names.split())
    return {path: frozenset(names.split()) - later[path] for path, names in _FIELDS.items()}
