"""Master data: Acumatica's rows as our records. Pure functions (Acumatica dossier 9, 12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors.acumatica.subaccounts import Dimension, DimensionKind, is_blank, segments
from ml_connector.connectors.rows import amount, day, is_set, number, part, parts, text
from ml_connector.records.master_data import Account, Address, BankAccount, DimensionValue, PaymentTerm, TaxCode, Vendor

Row = Mapping[str, Any]

VENDOR_FIELDS: Final = (
    "VendorID", "VendorName", "Status", "CurrencyID", "Terms", "TaxRegistrationID", "PaymentMethod",
    "LastModifiedDateTime", "MainContact/Email", "MainContact/Phone1",
    *(f"MainContact/Address/{name}" for name in (
        "AddressLine1", "AddressLine2", "City", "PostalCode", "State", "Country",
    )),
    *(f"PaymentInstructions/{name}" for name in ("PaymentInstructionsID", "Description", "PaymentMethod", "Value")),
)  # fmt: skip
VENDOR_PARTS: Final = ("MainContact", "MainContact/Address", "PaymentInstructions")
ACCOUNT_FIELDS: Final = ("AccountCD", "Description", "Type", "Active", "AccountClass", "TaxCategory")
SUBACCOUNT_FIELDS: Final = ("SubaccountCD", "Description", "Active")
PROJECT_FIELDS: Final = ("ProjectID", "Description", "Status")
TASK_FIELDS: Final = ("ProjectID", "ProjectTaskID", "Description", "Status")
TAX_CATEGORY_FIELDS: Final = ("TaxCategoryID", "Description", "Active", "ExcludeListedTaxes")
TAX_FIELDS: Final = ("TaxID", "TaxType", "NotValidAfter", "ReverseVAT", "StatisticalVAT", "PendingVAT")
TERM_FIELDS: Final = ("TermsID", "Descr", "VisibleTo", "DueType", "DayDue00")

BLOCKED_VENDORS: Final = frozenset({"Inactive", "On Hold"})
"""No bill of theirs can be released (Acumatica dossier 3.2; UNCONFIRMED for On Hold)."""
PAYMENT_HELD: Final = "Hold Payments"
_RUNNING: Final = frozenset({"Active"})
"""Projects and tasks that bills may be coded on."""
_WITHHOLDING: Final = "Withholding"
_NO_PROJECT: Final = "X"

# UNCONFIRMED labels and codes of the due types (Acumatica dossier 9.10); others cannot be said in days.
_FIXED_DAYS: Final = frozenset({"Fixed Number of Days", "N"})
_END_OF_MONTH: Final = frozenset({"End of Month", "E"})
_END_OF_NEXT_MONTH: Final = frozenset({"End of Next Month", "M"})
_DAY_OF_NEXT_MONTH: Final = frozenset({"Day of Next Month", "D"})
_OF_CUSTOMERS: Final = frozenset({"Customer", "Customers", "Disabled", "CU", "DS"})


# ------------------------------------------------------------------ vendors


def vendor_of(row: Row) -> Vendor:
    """A vendor with its main address and the accounts of its payment instructions."""
    status, contact = text(row, "Status"), part(row, "MainContact")
    return Vendor(
        key=text(row, "VendorID"),
        number=text(row, "VendorID"),
        name=text(row, "VendorName"),
        active=status not in BLOCKED_VENDORS,
        payment_blocked=status == PAYMENT_HELD,
        currency=text(row, "CurrencyID"),
        payment_term=text(row, "Terms"),
        tax_number=text(row, "TaxRegistrationID"),
        email=text(contact, "Email"),
        phone=text(contact, "Phone1"),
        address=_address_of(part(contact, "Address")),
        bank_accounts=_bank_accounts(row),
    )


def _address_of(row: Row) -> Address:
    return Address(
        street=text(row, "AddressLine1"),
        street2=text(row, "AddressLine2"),
        city=text(row, "City"),
        postal_code=text(row, "PostalCode"),
        region=text(row, "State"),
        country=text(row, "Country"),
    )


def _bank_accounts(row: Row) -> tuple[BankAccount, ...]:
    """One account for each payment method, that of the vendor's own method first (Acumatica dossier 9.2.2)."""
    by_method: dict[str, list[Row]] = {}
    for each in parts(row, "PaymentInstructions"):
        by_method.setdefault(text(each, "PaymentMethod"), []).append(each)
    own = text(row, "PaymentMethod")
    found = [_bank_account(by_method[method]) for method in sorted(by_method, key=lambda name: (name != own, name))]
    return tuple(dict.fromkeys(each for each in found if each.iban or each.number))


def _bank_account(instructions: Sequence[Row]) -> BankAccount:
    """The codes are the tenant's own: told by what stands in the code or its label, IBAN and BIC being the usual."""
    return BankAccount(
        bank_name=_instruction(instructions, "BANK NAME", "BANKNAME"),
        bic=_instruction(instructions, "BIC", "SWIFT"),
        iban=_instruction(instructions, "IBAN"),
        number=_instruction(instructions, "ACCOUNT NO", "ACCOUNT NUMBER", "ACCOUNTNO", "BANK ACCOUNT"),
    )


def _instruction(instructions: Sequence[Row], *words: str) -> str:
    for label in ("PaymentInstructionsID", "Description"):
        for each in instructions:
            if text(each, "Value") and any(word in text(each, label).upper() for word in words):
                return text(each, "Value")
    return ""


# ------------------------------------------------------------------ accounts


def account_of(row: Row) -> Account:
    """A GL account."""
    return Account(
        key=text(row, "AccountCD"),
        number=text(row, "AccountCD"),
        name=text(row, "Description"),
        active=is_set(row, "Active"),
        category=text(row, "Type"),
        tax_code=text(row, "TaxCategory"),
    )


# ------------------------------------------------------------------ dimensions


def subaccount_values(rows: Sequence[Row], name: str, dimension: Dimension) -> list[DimensionValue]:
    """Subaccounts as the values of one dimension, which the settings spell `name`: whole, or one segment of them.

    A segment's value is active while any subaccount with it is; its name is that of the subaccount in which it
    stands alone, the others being zeros.
    """
    if dimension.kind is DimensionKind.SUBACCOUNT:
        return [
            _value("Subaccount", name, text(row, "SubaccountCD"), text(row, "Description"), is_set(row, "Active"))
            for row in rows
        ]
    found: dict[str, tuple[str, bool]] = {}
    for row in rows:
        codes = segments(text(row, "SubaccountCD"))
        if len(codes) < dimension.segment or is_blank(codes[dimension.segment - 1]):
            continue
        code = codes[dimension.segment - 1]
        stands_alone = all(is_blank(each) for place, each in enumerate(codes, 1) if place != dimension.segment)
        known, active = found.get(code, ("", False))
        found[code] = (text(row, "Description") if stands_alone else known, active or is_set(row, "Active"))
    kind = f"Subaccount.{dimension.segment}"
    return [_value(kind, name, code, known, active) for code, (known, active) in found.items()]


def project_of(row: Row, name: str) -> DimensionValue:
    """A project."""
    is_active = text(row, "Status") in _RUNNING
    return _value("Project", name, text(row, "ProjectID"), text(row, "Description"), is_active)


def is_real_project(row: Row) -> bool:
    """False for the code that stands for no project (Acumatica dossier 9.1)."""
    return text(row, "ProjectID") not in ("", _NO_PROJECT)


def tasks_of(rows: Iterable[Row], name: str) -> list[DimensionValue]:
    """Project tasks by their code, which many projects have in common; active while any such task is."""
    found: dict[str, tuple[dict[str, None], bool]] = {}
    for row in rows:
        code = text(row, "ProjectTaskID")
        named, active = found.get(code, ({}, False))
        found[code] = ({**named, text(row, "Description"): None}, active or text(row, "Status") in _RUNNING)
    return [
        _value("ProjectTask", name, code, next(iter(named)) if len(named) == 1 else code, active)
        for code, (named, active) in found.items()
    ]


def _value(kind: str, dimension: str, code: str, name: str, active: bool) -> DimensionValue:
    return DimensionValue(key=f"{kind}/{code}", dimension=dimension, code=code, name=name or code, active=active)


# ------------------------------------------------------------------ tax


def tax_code_of(row: Row, percent: Decimal | None) -> TaxCode:
    """A tax category, which is what a line carries."""
    return TaxCode(
        key=text(row, "TaxCategoryID"),
        code=text(row, "TaxCategoryID"),
        name=text(row, "Description"),
        percent=percent,
        active=is_set(row, "Active"),
    )


def percent_of(category: Row, taxes: Sequence[Row], today: date) -> Decimal | None:
    """A category's rate of today. It depends on the vendor's zone too: None where zones differ in it.

    In a zone it is the sum of the taxes that are both of the zone and of the category, or, where the category
    excludes those it lists, of all others of the zone.
    """
    listed = {text(each, "TaxID") for each in parts(category, "Details")}
    excludes = is_set(category, "ExcludeListedTaxes")
    by_zone: dict[str, Decimal] = {}
    for tax in taxes:
        if (text(tax, "TaxID") in listed) is excludes or not _is_charged(tax, today):
            continue
        rate = rate_on(tax, today)
        if rate is None:
            return None
        for zone in parts(tax, "Zones"):
            name = text(zone, "TaxZoneID")
            by_zone[name] = by_zone.get(name, Decimal(0)) + rate
    rates = set(by_zone.values())
    return Decimal(0) if not rates else rates.pop() if len(rates) == 1 else None


def rate_on(tax: Row, today: date) -> Decimal | None:
    """A tax's percentage: that of the newest line of its schedule that is in effect; None before the first."""
    in_effect = [
        (begin, number(each, "TaxRate"))
        for each in parts(tax, "TaxSchedule")
        if (begin := day(each, "StartDate") or date.min) <= today
    ]
    return max(in_effect)[1] if in_effect else None


def _is_charged(tax: Row, today: date) -> bool:
    """True for a tax that raises a bill's total."""
    ends = day(tax, "NotValidAfter")
    if ends is not None and ends < today:
        return False
    return text(tax, "TaxType") != _WITHHOLDING and not is_set(tax, "ReverseVAT") and not is_set(tax, "StatisticalVAT")


# ------------------------------------------------------------------ terms


def payment_term_of(row: Row) -> PaymentTerm:
    """Credit terms; those that cannot be said in days have none."""
    code, due, days = text(row, "TermsID"), text(row, "DueType"), int(amount(row, "DayDue00") or 0)
    months = 1 if due in _END_OF_MONTH | _DAY_OF_NEXT_MONTH else 2 if due in _END_OF_NEXT_MONTH else 0
    return PaymentTerm(
        key=code,
        code=code,
        name=text(row, "Descr") or code,
        due_days=days if due in _FIXED_DAYS else 0 if months else None,
        end_of_month=months,
        days_after_month_end=days if due in _DAY_OF_NEXT_MONTH else 0,
        active=text(row, "VisibleTo") not in _OF_CUSTOMERS,
    )


def bare_term(code: str) -> PaymentTerm:
    """Terms of which only the code is known."""
    return PaymentTerm(key=code, code=code, name=code)
