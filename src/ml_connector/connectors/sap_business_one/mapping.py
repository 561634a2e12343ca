"""Master data: the Service Layer's rows as our records. Pure functions (SAP dossier 6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors.sap_business_one.documents import (
    DIMENSIONS,
    day_of,
    decimal_of,
)
from ml_connector.connectors.texts import code
from ml_connector.records.master_data import (
    Account,
    Address,
    BankAccount,
    DimensionValue,
    PaymentTerm,
    TaxCode,
    Vendor,
)

Row = Mapping[str, Any]

PROJECT: Final = "Project"
ANY_CURRENCY: Final = "##"
_SEGMENTED: Final = "_SYS"

VENDOR_FIELDS: Final = (
    "CardCode", "CardName", "CardType", "FederalTaxID", "VatIDNum", "Currency", "PayTermsGrpCode", "Valid",
    "ValidFrom", "ValidTo", "Frozen", "FrozenFrom", "FrozenTo", "EmailAddress", "Phone1", "PaymentBlock",
    "BilltoDefault", "BPAddresses", "BPBankAccounts", "CreateDate", "UpdateDate",
)  # fmt: skip
ACCOUNT_FIELDS: Final = (
    "Code", "Name", "FormatCode", "ActiveAccount", "AccountType", "LockManualTransaction", "BlockManualPosting",
    "ValidFor", "ValidFrom", "ValidTo", "FrozenFor", "FrozenFrom", "FrozenTo", "DefaultVatGroup",
)  # fmt: skip
RULE_FIELDS: Final = ("FactorCode", "FactorDescription", "InWhichDimension", "Active", "DistributionRuleLines")
PROJECT_FIELDS: Final = ("Code", "Name", "ValidFrom", "ValidTo", "Active")
VAT_GROUP_FIELDS: Final = ("Code", "Name", "Category", "Inactive", "VatGroups_Lines")
SALES_TAX_FIELDS: Final = ("Code", "Name", "Rate", "ValidForAP", "Inactive")
TERM_FIELDS: Final = (
    "GroupNumber", "PaymentTermsGroupName", "StartFrom", "NumberOfAdditionalMonths", "NumberOfAdditionalDays",
    "NumberOfInstallments",
)  # fmt: skip

VAT_GROUP: Final = "VatGroup"
TAX_CODE: Final = "TaxCode"
_SALES_TAX_COUNTRIES: Final = frozenset({"US", "CA", "IN", "BR", "PR"})
"""UNCONFIRMED which localizations fill TaxCode (SAP dossier 6.6): all others VatGroup; `tax_field` overrides."""


def tax_field_of(setting: str, localization: str) -> str:
    """The line's property that carries the tax code: VatGroup or TaxCode, as set or by the localization."""
    if setting:
        return setting
    # Its form is no part of the metadata: `US` or an enum's member such as `lsUS` are both read.
    country = localization.strip().removeprefix("ls").upper()
    return TAX_CODE if country in _SALES_TAX_COUNTRIES else VAT_GROUP


# ------------------------------------------------------------------ vendors


def vendor_of(row: Row, today: date) -> Vendor:
    """A supplier as it stands today."""
    currency = text(row, "Currency")
    return Vendor(
        key=text(row, "CardCode"),
        number=text(row, "CardCode"),
        name=text(row, "CardName"),
        active=is_usable(row, today, valid="Valid", frozen="Frozen"),
        payment_blocked=is_yes(row, "PaymentBlock"),
        currency="" if currency == ANY_CURRENCY else currency,
        payment_term=text(row, "PayTermsGrpCode"),
        # Which of them holds the number depends on the localization (SAP dossier 6.1).
        tax_number=text(row, "FederalTaxID") or text(row, "VatIDNum"),
        email=text(row, "EmailAddress"),
        phone=text(row, "Phone1"),
        address=_address_of(row),
        bank_accounts=tuple(
            _bank_account_of(each)
            for each in row.get("BPBankAccounts") or ()
            if text(each, "IBAN") or text(each, "AccountNo")
        ),
    )


def is_usable(row: Row, today: date, *, valid: str, frozen: str) -> bool:
    """True where it is active today: not frozen, and inside its window where it has one (SAP dossier 6.1, 6.2).

    Neither flag set is active without limits. A frozen record without dates is frozen for ever.
    """
    if is_yes(row, frozen) and _covers(row, today):
        return False
    return not is_yes(row, valid) or _within(day_of(row.get("ValidFrom")), day_of(row.get("ValidTo")), today)


def _covers(row: Row, today: date) -> bool:
    return _within(day_of(row.get("FrozenFrom")), day_of(row.get("FrozenTo")), today)


def _within(begin: date | None, end: date | None, today: date) -> bool:
    return (begin is None or begin <= today) and (end is None or today <= end)


def _address_of(row: Row) -> Address:
    """The default bill-to address, else the first one."""
    theirs = [each for each in row.get("BPAddresses") or () if text(each, "AddressType") in ("bo_BillTo", "B")]
    default = text(row, "BilltoDefault")
    chosen = next((each for each in theirs if default and text(each, "AddressName") == default), None)
    found: Row = chosen or (theirs[0] if theirs else {})
    street = " ".join(part for part in (text(found, "Street"), text(found, "StreetNo")) if part)
    return Address(
        street=street,
        street2=text(found, "Block"),
        city=text(found, "City"),
        postal_code=text(found, "ZipCode"),
        region=text(found, "State"),
        country=text(found, "Country"),
    )


def _bank_account_of(row: Row) -> BankAccount:
    return BankAccount(
        bank_name=text(row, "BankCode"),
        bic=text(row, "BICSwiftCode"),
        iban=text(row, "IBAN"),
        number=text(row, "AccountNo"),
    )


# ------------------------------------------------------------------ accounts


def account_of(row: Row, today: date) -> Account:
    """A GL account, inactive where no bill may be coded on it."""
    return Account(
        key=text(row, "Code"),
        number=visible_number(row),
        name=text(row, "Name"),
        active=is_postable(row, today),
        category=text(row, "AccountType").removeprefix("at_"),
        tax_code=text(row, "DefaultVatGroup"),
    )


def visible_number(row: Row) -> str:
    """What people call the account: a segmented chart's code is internal, `_SYS00000000010` (SAP dossier 6.2)."""
    internal = text(row, "Code")
    return (text(row, "FormatCode") if is_internal(internal) else "") or internal


def is_internal(account: str) -> bool:
    """True for the code of a segmented chart's account, which is not its number."""
    return account.startswith(_SEGMENTED)


def is_postable(row: Row, today: date) -> bool:
    """True where a bill may be coded on the account: no title, no control account, active today."""
    return (
        is_yes(row, "ActiveAccount")
        and not is_yes(row, "LockManualTransaction")
        and not is_yes(row, "BlockManualPosting")
        and is_usable(row, today, valid="ValidFor", frozen="FrozenFor")
    )


# ------------------------------------------------------------------ dimensions


def dimension_name(setting: str) -> str:
    """A dimension as records name it, from how the mapping rule writes it; empty where there is none such."""
    name = code(setting)
    if name not in DIMENSIONS:
        return ""
    return PROJECT if name == PROJECT.upper() else name


def dimension_value_of(row: Row, name: str, today: date) -> DimensionValue:
    """A distribution rule, which is what a line's cost centre takes (SAP dossier 6.4)."""
    dimension = text(row, "InWhichDimension")
    windows = [
        (day_of(each.get("EffectiveFrom")), day_of(each.get("EffectiveTo")))
        for each in row.get("DistributionRuleLines") or ()
    ]
    in_effect = not windows or any(_within(begin, end, today) for begin, end in windows)
    return DimensionValue(
        key=f"{dimension}/{text(row, 'FactorCode')}",
        dimension=dimension,
        code=text(row, "FactorCode"),
        name=name or text(row, "FactorCode"),
        active=is_yes(row, "Active") and in_effect,
    )


def project_of(row: Row, today: date) -> DimensionValue:
    """A project as a value of the dimension `Project`."""
    number = text(row, "Code")
    window = (day_of(row.get("ValidFrom")), day_of(row.get("ValidTo")))
    return DimensionValue(
        key=f"{PROJECT}/{number}",
        dimension=PROJECT,
        code=number,
        name=text(row, "Name") or number,
        active=is_yes(row, "Active") and _within(*window, today),
    )


# ------------------------------------------------------------------ tax codes and terms


def vat_group_of(row: Row, today: date) -> TaxCode:
    """A tax group with its rate of today."""
    return TaxCode(
        key=text(row, "Code"),
        code=text(row, "Code"),
        name=text(row, "Name"),
        percent=rate_on(row, today),
        active=not is_yes(row, "Inactive"),
    )


def rate_on(row: Row, day: date) -> Decimal | None:
    """A tax group's percentage on a day: the newest that is in effect (SAP dossier 6.6). None before the first."""
    in_effect = [
        (begin, decimal_of(each.get("Rate")))
        for each in row.get("VatGroups_Lines") or ()
        if (begin := day_of(each.get("Effectivefrom")) or date.min) <= day
    ]
    return max(in_effect)[1] if in_effect else None


def sales_tax_code_of(row: Row) -> TaxCode:
    """A sales tax code."""
    return TaxCode(
        key=text(row, "Code"),
        code=text(row, "Code"),
        name=text(row, "Name"),
        percent=decimal_of(row.get("Rate")),
        active=not is_yes(row, "Inactive"),
    )


def payment_term_of(row: Row) -> PaymentTerm:
    """Payment terms (SAP dossier 6.7). Months on a plain date, half months and instalments cannot be said in days."""
    number = text(row, "GroupNumber")
    start = text(row, "StartFrom") or "pdt_None"
    months, days = _whole(row, "NumberOfAdditionalMonths"), _whole(row, "NumberOfAdditionalDays")
    plain = start == "pdt_None" and months == 0 and days >= 0
    by_month = start == "pdt_MonthEnd" and months >= 0 and days >= 0
    sayable = (plain or by_month) and _whole(row, "NumberOfInstallments") <= 1
    return PaymentTerm(
        key=number,
        code=number,
        name=text(row, "PaymentTermsGroupName"),
        due_days=(days if plain else 0) if sayable else None,
        end_of_month=months + 1 if sayable and by_month else 0,
        days_after_month_end=days if sayable and by_month else 0,
    )


# ------------------------------------------------------------------ values


def is_yes(row: Row, name: str) -> bool:
    """True for tYES."""
    return row.get(name) in ("tYES", "Y")


def text(row: Row, name: str) -> str:
    """A value as text, empty for none."""
    value = row.get(name)
    return "" if value is None else str(value).strip()


def _whole(row: Row, name: str) -> int:
    return int(decimal_of(row.get(name)))
