"""The first day of a company: its master data, grown from the trading company."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ml_connector.sandbox.epicor_kinetic.books import CALENDAR, CHART, DOMESTIC, FOREIGN, SITE, Books
from ml_connector.sandbox.epicor_kinetic.chart import chart_rows, combination_rows, segment_rows, value_rows
from ml_connector.sandbox.epicor_kinetic.schema import Row
from ml_connector.sandbox.epicor_kinetic.table import Store
from ml_connector.sandbox.trade import PaymentTerm, TaxGroup, TradingCompany, Vendor

FIRST_VENDOR = 1001
SECOND_SITE = "Turku"
COUNTRIES = {
    "FI": (246, "Finland"),
    "SE": (752, "Sweden"),
    "DE": (276, "Germany"),
    "NO": (578, "Norway"),
    "EE": (233, "Estonia"),
    "US": (840, "United States"),
    "GB": (826, "United Kingdom"),
    "ES": (724, "Spain"),
}
_TRANSFER = 1
_BIC = "NDEA{}HH"


def open_books(store: Store, company: TradingCompany) -> Books:
    """The books of that company with all their master data; documents are seeded apart."""
    books = Books(company, store)
    for name, rows in _master_data(company).items():
        books.table(name).load({**row, "Company": books.id} for row in rows)
    books.table("Company").load([_company(books)])
    return books


def _master_data(company: TradingCompany) -> dict[str, Iterable[Row]]:
    numbered = list(enumerate(company.vendors, FIRST_VENDOR))
    return {
        "XbSyst": [{"AutoLockFinGroups": False, "GlobalCurrencyCode": company.currency}],
        "GLSyst": [{"APInterfaced": True, "ARInterfaced": True, "MasterCOA": CHART}],
        "APSyst": [{"InvcReadyToCalcDflt": True}],
        "Plant": [_site(SITE, "Head office"), _site(SECOND_SITE, "Turku")],
        "Currency": _currencies(company),
        "PayMethod": [_payment_method(_TRANSFER, "Bank transfer"), _payment_method(2, "Printed check")],
        "PurTerms": (terms_row(term) for term in company.payment_terms),
        "PurTermsDtl": (_discount(term) for term in company.payment_terms if term.discount_days),
        "TaxRgn": [_region(DOMESTIC, "Domestic"), _region(FOREIGN, "Abroad")],
        "TaxRgnSalesTax": _region_taxes(company.tax_groups),
        "TaxCat": (tax_category_row(group) for group in company.tax_groups),
        "TaxCatD": ({"TaxCatID": group.code, "TaxCode": group.code} for group in company.tax_groups),
        "COA": chart_rows(company),
        "COASegment": segment_rows(),
        "COASegValues": value_rows(company),
        "GLAccount": combination_rows(company),
        "Vendor": (vendor_row(number, vendor) for number, vendor in numbered),
        "VendBank": (_bank(number, vendor) for number, vendor in numbered),
        "VendorPP": (_purchase_point(number, vendor) for number, vendor in numbered),
    }


def vendor_row(number: int, vendor: Vendor) -> Row:
    """A supplier; all of them are taxed as domestic ones, as their invoices are."""
    country, name = COUNTRIES.get(vendor.country, (0, vendor.country))
    return {
        "VendorNum": number,
        "VendorID": vendor.number,
        "Name": vendor.name,
        "LegalName": vendor.name,
        "Address1": vendor.street,
        "City": vendor.city,
        "ZIP": vendor.post_code,
        "Country": name,
        "CountryNum": country,
        "CountryNumISOCode": vendor.country,
        "TaxPayerID": vendor.vat_number,
        "OrgRegCode": vendor.vat_number[2:],
        "TermsCode": vendor.payment_term,
        "CurrencyCode": vendor.currency,
        "TaxRegionCode": DOMESTIC,
        "GroupCode": "TRADE",
        "PMUID": _TRANSFER,
        "PayMethodName": "Bank transfer",
        "PrimaryBankID": "MAIN",
        "PayHold": vendor.blocked == "Payment",
        "Inactive": vendor.blocked == "All",
        "Approved": True,
        "EMailAddress": vendor.email,
        "PhoneNum": vendor.phone,
        "ApprovedBy_c": f"buyer{number % 7}",
    }


def _bank(number: int, vendor: Vendor) -> Row:
    account = f"{number * 7919:014d}"
    return {
        "VendorNum": number,
        "BankID": "MAIN",
        "BankName": "Nordea",
        "BankAcctNumber": account,
        "IBANCode": f"{vendor.country}21{account}",
        "SwiftNum": _BIC.format(vendor.country),
        "NameOnAccount": vendor.name,
        "PrimaryBank": True,
        "PMUID": _TRANSFER,
    }


def _purchase_point(number: int, vendor: Vendor) -> Row:
    return {"VendorNum": number, "PurPoint": "", "Name": vendor.name, "City": vendor.city, "Address1": vendor.street}


def terms_row(term: PaymentTerm) -> Row:
    """Payment terms, AP's own."""
    return {
        "TermsCode": term.code,
        "Description": term.name,
        "TermsType": "D",
        "DueDays": term.days,
        "NumberOfDays": term.days,
        "DiscountDays": term.discount_days,
        "DiscountPercent": term.discount_percent,
        "NumberOfPayments": 1,
    }


def _discount(term: PaymentTerm) -> Row:
    percent = term.discount_percent
    return {"TermsCode": term.code, "TermsSeq": 1, "NumberOfDays": term.discount_days, "DiscountPercent": percent}


def tax_category_row(group: TaxGroup) -> Row:
    """A tax category; the server knows its rate by the tax behind it."""
    return {"TaxCatID": group.code, "Description": group.name, "_percent": group.percent}


def _region(code: str, name: str) -> Row:
    return {"TaxRegionCode": code, "Description": name, "UseInAP": True, "InPrice": False}


def _region_taxes(groups: Iterable[TaxGroup]) -> Iterator[Row]:
    for group in groups:
        yield {"TaxRegionCode": DOMESTIC, "TaxCode": group.code, "TaxCodeDescription": group.name}


def _currencies(company: TradingCompany) -> Iterator[Row]:
    for code in (company.currency, *company.currencies):
        names = {"CurrencyID": code, "CurrDesc": code, "CurrName": code, "CurrSymbol": code, "ISOCurrCode": code}
        decimals = {"DecimalsGeneral": 2, "DecimalsPrice": 5, "DecimalsCost": 5}
        yield {"CurrencyCode": code, **names, **decimals, "BaseCurr": code == company.currency}


def _payment_method(number: int, name: str) -> Row:
    return {"PMUID": number, "Name": name, "Type": number - 1}


def _site(code: str, name: str) -> Row:
    return {"Plant1": code, "Name": name, "City": "Helsinki", "CountryNum": 246, "CalendarID": CALENDAR}


def _company(books: Books) -> dict[str, Any]:
    company = books.company
    return {
        "Company1": books.id,
        "Name": company.name,
        "LegalName": company.name,
        "BaseCurrCode": company.currency,
        "CurrentFiscalYear": company.today.year,
        "FiscalCalendarID": CALENDAR,
        "Country": "Finland",
        "CountryNum": 246,
        "TaxRegionCode": DOMESTIC,
    }
