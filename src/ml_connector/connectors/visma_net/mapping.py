"""Master data: Visma.net's rows as our records. Pure functions (Visma dossier 10, 13, 14)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from ml_connector.connectors.rows import amount, number, part, parts, text
from ml_connector.connectors.visma_net.manifest import PROJECT
from ml_connector.connectors.visma_net.values import Row, day, is_set
from ml_connector.records.master_data import (
    Account,
    Address,
    BankAccount,
    DimensionValue,
    PaymentTerm,
    TaxCode,
    Vendor,
)

_TRADING: Final = frozenset({"Active", "HoldPayments", "OneTime"})
"""Suppliers whose invoices are taken; OnHold and Inactive are not (UNCONFIRMED, Visma dossier 10)."""
_PAYMENTS_HELD: Final = "HoldPayments"
_IBAN: Final = re.compile(r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$")
_BY_IBAN: Final = "IBAN"
_NO_VAT: Final = frozenset({"Withholding", "StatisticalVat"})
"""Kinds of VAT that do not raise an invoice's total."""
_REVERSED: Final = "ReverseVat"
NO_PROJECT: Final = "X"
"""What stands for no project, unless the tenant chose another code (Visma dossier 9.5)."""
_OF_SUPPLIERS: Final = frozenset({"AL", "VE", ""})
_OF_CUSTOMERS: Final = "CU"
_LAST_SURE_DAY: Final = 28


# ------------------------------------------------------------------ suppliers


def vendor_of(row: Row) -> Vendor:
    """A supplier; its lasting key is the internal id, since numbers can be changed."""
    status, contact = text(row, "status"), part(row, "mainContact")
    account = bank_account_of(row)
    return Vendor(
        key=text(row, "internalId"),
        number=text(row, "number"),
        name=text(row, "name"),
        active=status in _TRADING,
        payment_blocked=status == _PAYMENTS_HELD,
        currency=text(row, "currencyId"),
        payment_term=text(part(row, "creditTerms"), "id"),
        tax_number=text(row, "vatRegistrationId") or text(row, "corporateId"),
        email=text(contact, "email"),
        phone=text(contact, "phone1"),
        address=_address_of(part(row, "mainAddress")),
        bank_accounts=() if account is None else (account,),
    )


def _address_of(row: Row) -> Address:
    return Address(
        street=text(row, "addressLine1"),
        street2=text(row, "addressLine2"),
        city=text(row, "city"),
        postal_code=text(row, "postalCode"),
        region=text(part(row, "county"), "name"),
        country=text(part(row, "country"), "id"),
    )


def bank_account_of(row: Row) -> BankAccount | None:
    """Where a supplier is paid, from its payment details; None where they hold no account.

    Which details there are, and their words, is the tenant's own; the list of their types is not public. UNCONFIRMED
    (Visma dossier 10): a detail is known by words in its type or label, an IBAN by its form too.
    """
    details = [each for each in parts(row, "supplierPaymentMethodDetails") if text(each, "paymentMethodDetailValue")]
    values = [text(each, "paymentMethodDetailValue") for each in details]
    iban = _detail(details, "IBAN") or next((each for each in values if _is_iban(each)), "")
    plain = _detail(details, "ACCOUNT", "BBAN", "GIRO", "KONTO")
    bic = _detail(details, "SWIFT", "BIC")
    if _is_iban(plain):  # a field for either
        iban, plain = iban or plain, ""
    if plain and iban and text(row, "accountUsedForPayment") not in ("", _BY_IBAN):
        iban = ""
    if not iban and not plain:
        return None
    return BankAccount(
        bank_name=_detail(details, "BANK NAME", "BANKNAME"),
        bic=bic,
        iban=_compact(iban),
        number="" if iban else plain,
        currency=text(row, "currencyId"),
    )


def _detail(details: Sequence[Row], *words: str) -> str:
    for label in ("paymentMethodDetailBankingDetailType", "paymentMethodDetailDescription"):
        for each in details:
            if any(word in text(each, label).upper() for word in words):
                return text(each, "paymentMethodDetailValue")
    return ""


def _compact(account: str) -> str:
    return account.replace(" ", "").upper()


def _is_iban(value: str) -> bool:
    """True where the form and the check digits are those of an IBAN (ISO 13616)."""
    compact = _compact(value)
    if not _IBAN.match(compact):
        return False
    return int("".join(str(int(sign, 36)) for sign in compact[4:] + compact[:4])) % 97 == 1


# ------------------------------------------------------------------ accounts and dimensions


def account_of(row: Row) -> Account:
    """A GL account; inactive where no invoice may be coded on it: cash and control accounts (Visma dossier 13)."""
    is_open = (
        is_set(row, "active")
        and is_set(row, "allowManualEntry", default=True)
        and not is_set(row, "cashAccount")
        and not text(row, "controlAccountModule")
    )
    code = text(row, "accountCD")
    return Account(
        key=code,
        number=code,
        name=text(row, "description") or code,
        active=is_open,
        category=text(row, "type"),
        tax_code=text(row, "taxCategory"),
    )


def segment_values(dimension: Row, wanted: Mapping[str, str]) -> list[DimensionValue]:
    """The values of the wanted segments of the subaccount; `wanted` leads from their number to our spelling."""
    found: list[DimensionValue] = []
    for each in parts(dimension, "segments"):
        place = text(each, "segmentId")
        if place in wanted:
            found += [_segment_value(value, place, wanted[place]) for value in parts(each, "segmentValues")]
    return found


def _segment_value(row: Row, place: str, spelling: str) -> DimensionValue:
    code = text(row, "valueId")
    return DimensionValue(
        key=f"{place}/{code}",
        dimension=spelling,
        code=code,
        name=text(row, "description") or code,
        active=is_set(row, "active", default=True),
    )


def project_of(row: Row, spelling: str) -> DimensionValue:
    """A project; active while it runs and invoices may be coded on it."""
    code = text(row, "projectID")
    is_visible = is_set(part(row, "visibility"), "visibleInAp", default=True)
    return DimensionValue(
        key=f"{PROJECT}/{code}",
        dimension=spelling,
        code=code,
        name=text(row, "description") or code,
        active=text(row, "status") == "Active" and is_visible and not is_set(row, "hold"),
    )


# ------------------------------------------------------------------ tax


def tax_code_of(row: Row, today: date) -> TaxCode:
    """A VAT category, which is what a line carries."""
    code = text(row, "vatCategoryId")
    return TaxCode(
        key=code,
        code=code,
        name=text(row, "description") or code,
        percent=percent_of(row, today),
        active=is_set(row, "active", default=True),
    )


def percent_of(category: Row, today: date) -> Decimal | None:
    """A category's rate of today. It depends on the supplier's VAT zone: None where its VATs differ in it."""
    if is_set(category, "excludeListedTaxes"):
        return None
    listed = [each for each in parts(category, "vatCategoryLines") if text(each, "type") not in _NO_VAT]
    rates = {_rate_on(line, today) for line in listed}
    return Decimal(0) if not listed else rates.pop() if len(rates) == 1 else None


def _rate_on(line: Row, today: date) -> Decimal | None:
    if text(line, "type") == _REVERSED:
        return Decimal(0)  # the buyer reckons it himself: the invoice's total has none of it
    in_effect = [
        (begin, number(each, "vatRate"))
        for each in parts(line, "vatRates")
        if (begin := day(each, "startDate") or date.min) <= today
    ]
    return max(in_effect)[1] if in_effect else None


def vats_of(categories: Iterable[Row]) -> dict[str, frozenset[str]]:
    """The VATs of each category, by its id."""
    return {
        text(row, "vatCategoryId"): frozenset(text(line, "vatId") for line in parts(row, "vatCategoryLines"))
        for row in categories
        if not is_set(row, "excludeListedTaxes")
    }


# ------------------------------------------------------------------ terms


def is_of_suppliers(row: Row) -> bool:
    """False for credit terms that customers alone have."""
    return text(row, "visibleTo") != _OF_CUSTOMERS


def payment_term_of(row: Row) -> PaymentTerm:
    """Credit terms; those that cannot be said in days, or are paid in instalments, have none."""
    code = text(row, "termsId")
    due_days, months, after = _due(row)
    percent, discount_day = number(row, "discountPercent"), amount(row, "discountDay")
    has_discount = percent > 0 and text(row, "discountType") == "N" and discount_day is not None
    return PaymentTerm(
        key=code,
        code=code,
        name=text(row, "description") or code,
        due_days=due_days,
        end_of_month=months,
        days_after_month_end=after,
        discount_days=int(discount_day or 0) if has_discount else 0,
        discount_percent=percent if has_discount else Decimal(0),
        active=text(row, "visibleTo") in _OF_SUPPLIERS,
    )


def _due(row: Row) -> tuple[int | None, int, int]:
    """Days, the end of how many months, days after it (Visma dossier 14).

    A day of the next month that not every month has is none that days could say, nor is a day of the month: it lies
    in this month or in the next.
    """
    kind, days = text(row, "dueDateType"), int(number(row, "dueDay1"))
    if text(row, "instalmentType") == "M":
        return None, 0, 0
    if kind == "N":
        return days, 0, 0
    if kind == "E":
        return 0, 1, 0
    if kind == "M":
        return 0, 2, 0
    if (kind == "D" and 0 < days <= _LAST_SURE_DAY) or kind == "P":
        return 0, 1, days
    return None, 0, 0
