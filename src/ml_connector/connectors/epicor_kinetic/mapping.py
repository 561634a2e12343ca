"""Master data: Kinetic's rows as our records. Pure functions (Epicor dossier 8, 13, 14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from ml_connector.connectors.rows import day, integer, is_set, number, text
from ml_connector.records.master_data import Account, Address, BankAccount, DimensionValue, PaymentTerm, TaxCode, Vendor

Row = Mapping[str, Any]

VENDOR_FIELDS: Final = (
    "VendorNum", "VendorID", "Name", "Address1", "Address2", "Address3", "City", "State", "ZIP", "CountryNumISOCode",
    "TermsCode", "CurrencyCode", "PrimaryBankID", "PayHold", "Inactive", "EMailAddress", "PhoneNum",
)  # fmt: skip
BANK_FIELDS: Final = (
    "VendorNum", "BankID", "BankName", "BankAcctNumber", "IBANCode", "SwiftNum", "PrimaryBank",
)  # fmt: skip
VALUE_FIELDS: Final = (
    "COACode", "SegmentNbr", "SegmentCode", "SegmentName", "SegmentDesc", "ActiveFlag", "EffectiveFrom", "EffectiveTo",
    "Category",
)  # fmt: skip
TAX_CATEGORY_FIELDS: Final = ("TaxCatID", "Description")
TERM_FIELDS: Final = (
    "TermsCode", "Description", "DueDays", "DiscountDays", "DiscountPercent", "NumberOfPayments", "Monthly",
    "NumberOfMonths", "NumberOfDays", "DueOnDay", "MinimumDays",
)  # fmt: skip
_COUNTRY_LENGTH: Final = 2


# ------------------------------------------------------------------ suppliers


def vendor_of(row: Row, banks: Sequence[Row], *, vat_number_field: str) -> Vendor:
    """A supplier with its bank accounts, the main one first. Its number may be renamed, its key is lasting."""
    return Vendor(
        key=text(row, "VendorNum"),
        number=text(row, "VendorID"),
        name=text(row, "Name"),
        active=not is_set(row, "Inactive"),
        payment_blocked=is_set(row, "PayHold"),
        currency=text(row, "CurrencyCode"),
        payment_term=text(row, "TermsCode"),
        tax_number=text(row, vat_number_field),
        email=text(row, "EMailAddress"),
        phone=text(row, "PhoneNum"),
        address=_address_of(row),
        bank_accounts=_bank_accounts(banks, text(row, "PrimaryBankID")),
    )


def _address_of(row: Row) -> Address:
    """`Country` is a name; the code is a column that is joined to the row (Epicor dossier 8.2)."""
    country = text(row, "CountryNumISOCode")
    second = (text(row, "Address2"), text(row, "Address3"))
    return Address(
        street=text(row, "Address1"),
        street2=", ".join(each for each in second if each),
        city=text(row, "City"),
        postal_code=text(row, "ZIP"),
        region=text(row, "State"),
        country=country.upper() if len(country) == _COUNTRY_LENGTH else "",
    )


def _bank_accounts(rows: Sequence[Row], primary: str) -> tuple[BankAccount, ...]:
    def rank(row: Row) -> tuple[bool, str]:
        is_primary = text(row, "BankID") == primary if primary else is_set(row, "PrimaryBank")
        return not is_primary, text(row, "BankID")

    found = [
        BankAccount(
            bank_name=text(row, "BankName"),
            bic=text(row, "SwiftNum"),
            iban=text(row, "IBANCode"),
            number=text(row, "BankAcctNumber"),
        )
        for row in sorted(rows, key=rank)
    ]
    return tuple(dict.fromkeys(each for each in found if each.iban or each.number))


# ------------------------------------------------------------------ accounts and dimensions


def account_of(row: Row, today: date) -> Account:
    """A value of the natural account's segment."""
    return Account(
        key=text(row, "SegmentCode"),
        number=text(row, "SegmentCode"),
        name=_name_of(row),
        active=is_usable(row, today),
        category=text(row, "Category"),
    )


def dimension_value_of(row: Row, dimension: str, today: date) -> DimensionValue:
    """A value of another segment, as that of the dimension which the settings spell `dimension`."""
    return DimensionValue(
        key=value_key(row),
        dimension=dimension,
        code=text(row, "SegmentCode"),
        name=_name_of(row),
        active=is_usable(row, today),
    )


def value_key(row: Row) -> str:
    """The key of a segment value: the segment's number, which no renaming touches, and the code."""
    return f"{integer(row, 'SegmentNbr')}/{text(row, 'SegmentCode')}"


def is_usable(row: Row, today: date) -> bool:
    """True where a segment value may be coded today."""
    begins, ends = day(row, "EffectiveFrom"), day(row, "EffectiveTo")
    if (begins is not None and begins > today) or (ends is not None and ends < today):
        return False
    return is_set(row, "ActiveFlag")


def _name_of(row: Row) -> str:
    return text(row, "SegmentName") or text(row, "SegmentDesc") or text(row, "SegmentCode")


# ------------------------------------------------------------------ tax and terms


def tax_code_of(row: Row) -> TaxCode:
    """A tax category, which is what a line carries. Its rate depends on the supplier's tax region: it is not told."""
    code = text(row, "TaxCatID")
    return TaxCode(key=code, code=code, name=text(row, "Description") or code)


def payment_term_of(row: Row) -> PaymentTerm:
    """Purchase terms; those by instalments, by months or by a day of the month cannot be said in days.

    `DueDays` counts from the invoice's date, for monthly terms from the end of its month (field text of PurTerms).
    """
    code, is_monthly = text(row, "TermsCode"), is_set(row, "Monthly")
    is_odd = number(row, "NumberOfPayments") > 1 or any(
        number(row, name) for name in ("NumberOfMonths", "DueOnDay", "MinimumDays")
    )
    days = integer(row, "DueDays") or integer(row, "NumberOfDays")
    return PaymentTerm(
        key=code,
        code=code,
        name=text(row, "Description") or code,
        due_days=None if is_odd else 0 if is_monthly else days,
        end_of_month=1 if is_monthly and not is_odd else 0,
        days_after_month_end=days if is_monthly and not is_odd else 0,
        discount_days=integer(row, "DiscountDays"),
        discount_percent=number(row, "DiscountPercent"),
    )
