"""The first day of a tenant: its master data, grown from the trading company."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.acumatica.books import (
    BRANCH,
    CASH_ACCOUNT,
    EMPTY_SUBACCOUNT,
    FOREIGN_ZONE,
    PAYABLES_ACCOUNT,
    SECOND_BRANCH,
    TAX_ACCOUNT,
    TAX_ZONE,
    Books,
)
from ml_connector.sandbox.acumatica.schema import Row
from ml_connector.sandbox.acumatica.table import Store
from ml_connector.sandbox.trade import Account, DimensionValue, TradingCompany, Vendor

_TYPES = {"Assets": "Asset", "Liabilities": "Liability", "Income": "Income"}
_STATUS = {"": "Active", "Payment": "Hold Payments", "All": "Inactive"}
_BIC = "NDEA{}HH"
_AGE = timedelta(days=30)
"""How long ago the master data was keyed in."""


def open_books(store: Store, company: TradingCompany) -> Books:
    """The books of that company with all their master data, nothing posted yet."""
    books = Books(company, store)
    start = store.now() - _AGE
    for name, rows in _master_data(company).items():
        books.table(name).load(_dated(rows, start))
    set_periods(books, company.posting_from, company.posting_to)
    return books


def set_periods(books: Books, first: date, last: date) -> None:
    """Opens the months from `first` to `last`; those before are closed, those after inactive."""
    table = books.table("FinancialPeriod")
    for year in range(books.company.today.year - 1, books.company.today.year + 2):
        before = table.get(str(year)) or {}
        table.put({**before, **_year(year, first, last)})
    books.periods = {period["FinancialPeriodID"]: period for row in table.all() for period in row["Details"]}


def _dated(rows: Iterable[Row], start: datetime) -> Iterator[Row]:
    """Each a second after the one before, so that they can be told apart by when they changed."""
    for index, row in enumerate(rows):
        moment = start + timedelta(seconds=index)
        yield {**row, "LastModifiedDateTime": moment, "CreatedDateTime": moment}


def _master_data(company: TradingCompany) -> dict[str, Iterable[Row]]:
    return {
        "Vendor": (_vendor(vendor, company) for vendor in company.vendors),
        "VendorClass": ({"ClassID": name, "Description": f"{name.title()} vendors"} for name in (TAX_ZONE, "FOREIGN")),
        "Account": [_account(index, account) for index, account in enumerate([*_own_accounts(), *company.accounts], 1)],
        "Subaccount": _subaccounts(company),
        "Project": (_project(value) for value in _values(company, "PROJECT")),
        "ProjectTask": (task for value in _values(company, "PROJECT") for task in _tasks(value)),
        "Tax": (_tax(group.code, group.name, group.percent) for group in company.tax_groups),
        "TaxCategory": (_tax_category(group.code, group.name) for group in company.tax_groups),
        "TaxZone": _zones(company),
        "Currency": _currencies(company),
        "CreditTerms": _terms(company),
        "PaymentMethod": (_payment_method(*each) for each in (("WIRE", "Wire transfer"), ("CHECK", "Printed check"))),
        "Ledger": [_ledger(company)],
        "CompaniesStructure": [{"Results": [_structure(company, *branch) for branch in _branches(company)]}],
    }


def _vendor(vendor: Vendor, company: TradingCompany) -> Row:
    chosen = dict(vendor.default_dimensions)
    expense = f"{chosen.get('DEPARTMENT', '0000')}-{chosen.get('AREA', '000')}"
    contact = _contact(vendor)
    return {
        "VendorID": vendor.number,
        "VendorName": vendor.name,
        "LegalName": vendor.name,
        "Status": _STATUS[vendor.blocked],
        "VendorClass": TAX_ZONE if vendor.currency == company.currency else "FOREIGN",
        "CurrencyID": vendor.currency,
        "EnableCurrencyOverride": True,
        "EnableRateOverride": False,
        "Terms": vendor.payment_term,
        "TaxZone": TAX_ZONE,
        "TaxRegistrationID": vendor.vat_number,
        "TaxCalculationMode": "Tax Settings",
        "PaymentMethod": "WIRE",
        "CashAccount": CASH_ACCOUNT,
        "PaymentBy": "Due Date",
        "PaymentLeadTimedays": 0,
        "PaySeparately": False,
        "APAccount": PAYABLES_ACCOUNT,
        "APSubaccount": EMPTY_SUBACCOUNT,
        "LocationName": "Primary Location",
        "VendorIsTaxAgency": False,
        "VendorIsLaborUnion": False,
        "F1099Vendor": False,
        "ForeignEntity": False,
        "LandedCostVendor": False,
        "RemittanceAddressOverride": False,
        "RemittanceContactOverride": False,
        "MainContact": contact,
        "RemittanceContact": contact,
        "PaymentInstructions": list(_instructions(vendor)),
        "Attributes": [],
        "custom": {"DefLocation.VExpenseSubID": expense} if chosen else {},
        "_ExpenseSubaccount": expense,
    }


def _contact(vendor: Vendor) -> Row:
    return {
        "DisplayName": vendor.name,
        "Email": vendor.email,
        "Phone1": vendor.phone,
        "Phone1Type": "Business 1",
        "Address": {
            "AddressLine1": vendor.street,
            "City": vendor.city,
            "Country": vendor.country,
            "PostalCode": vendor.post_code,
        },
    }


def _instructions(vendor: Vendor) -> Iterator[Row]:
    digits = f"{int(vendor.number[1:]):014d}"
    details = {"IBAN": f"{vendor.country}21{digits}", "BIC": _BIC.format(vendor.country), "REF": None}
    for code, value in details.items():
        yield {"PaymentInstructionsID": code, "Description": code, "PaymentMethod": "WIRE", "Value": value}


def _own_accounts() -> Iterator[Account]:
    yield Account(PAYABLES_ACCOUNT, "Accounts payable", "Liabilities")
    yield Account(TAX_ACCOUNT, "VAT receivable", "Assets")
    yield Account(CASH_ACCOUNT, "Checking account", "Assets")


def _account(index: int, account: Account) -> Row:
    return {
        "AccountID": 1200 + index,
        "AccountCD": account.number,
        "Description": account.name,
        "Type": _TYPES.get(account.category, "Expense"),
        "AccountClass": account.category.split()[0].upper(),
        "Active": account.account_type == "Posting" and account.direct_posting and not account.blocked,
        "CashAccount": account.number == CASH_ACCOUNT,
        "ChartOfAccountsOrder": index,
        "PostOption": "Summary" if account.number == PAYABLES_ACCOUNT else "Detail",
        "RequireUnits": False,
        "Secured": False,
        "UseDefaultSubaccount": False,
    }


def _values(company: TradingCompany, dimension: str) -> list[DimensionValue]:
    return [value for value in company.dimension_values if value.dimension == dimension]


def _subaccounts(company: TradingCompany) -> Iterator[Row]:
    """Both segments in every combination, each of them alone, and none."""
    departments = [DimensionValue("", "0000", ""), *_values(company, "DEPARTMENT")]
    areas = [DimensionValue("", "000", ""), *_values(company, "AREA")]
    for index, (department, area) in enumerate((first, second) for first in departments for second in areas):
        yield {
            "SubaccountID": 450 + index,
            "SubaccountCD": f"{department.code}-{area.code}",
            "Description": ", ".join(filter(None, (department.name, area.name))) or "Default",
            "Active": not (department.blocked or area.blocked),
            "Secured": False,
        }


def _project(value: DimensionValue) -> Row:
    return {
        "ProjectID": value.code,
        "Description": value.name,
        "Status": "Suspended" if value.blocked else "Active",
        "Hold": False,
        "Assets": Decimal(0),
        "Liabilities": Decimal(0),
        "Income": Decimal(0),
        "Expenses": Decimal(0),
    }


def _tasks(value: DimensionValue) -> Iterator[Row]:
    """A default task for each project; every third has another."""
    status = "Canceled" if value.blocked else "Active"
    plain = {"ProjectID": value.code, "Status": status}
    yield {**plain, "ProjectTaskID": "01", "Description": "Execution", "Default": True}
    if int(value.code[2:]) % 3 == 0:
        yield {**plain, "ProjectTaskID": "02", "Description": "Warranty", "Default": False}


def _tax(code: str, name: str, percent: Decimal) -> Row:
    schedule = {"RevisionID": 1, "StartDate": date(2015, 1, 1), "TaxRate": percent, "DeductibleTaxRate": Decimal(100)}
    return {
        "TaxID": code,
        "Description": name,
        "TaxType": "VAT",
        "CalculateOn": "Calculate on Item Amount",
        "CashDiscount": "Does Not Affect Taxable Amount",
        "DeductibleVAT": False,
        "ReverseVAT": False,
        "PendingVAT": False,
        "StatisticalVAT": False,
        "TaxClaimableAccount": TAX_ACCOUNT,
        "TaxClaimableSubaccount": EMPTY_SUBACCOUNT,
        "TaxSchedule": [{**schedule, "ReportingGroup": "Input VAT"}],
        "Zones": [{"TaxZoneID": TAX_ZONE, "Description": "Domestic", "DefaultTaxCategory": None}],
    }


def _tax_category(code: str, name: str) -> Row:
    detail = {"TaxID": code, "TaxType": "VAT", "Description": name, "TaxCategory": code}
    return {
        "TaxCategoryID": code,
        "Description": name,
        "Active": True,
        "ExcludeListedTaxes": False,
        "Details": [detail | {"CalculateOn": "Calculate on Item Amount", "CashDiscount": None}],
    }


def _zones(company: TradingCompany) -> list[Row]:
    taxes = [{"TaxID": group.code} for group in company.tax_groups]
    return [
        {"TaxZoneID": TAX_ZONE, "Description": "Domestic", "ApplicableTaxes": taxes},
        {"TaxZoneID": FOREIGN_ZONE, "Description": "Abroad, no VAT", "ApplicableTaxes": []},
    ]


def _currencies(company: TradingCompany) -> Iterator[Row]:
    for code in (company.currency, *company.currencies):
        yield {
            "CurrencyID": code,
            "Description": code,
            "CurrencySymbol": code,
            "DecimalPrecision": 2,
            "Active": True,
            "UseForAccounting": True,
        }


def _terms(company: TradingCompany) -> Iterator[Row]:
    for term in company.payment_terms:
        yield {
            "TermsID": term.code,
            "Descr": term.name,
            "VisibleTo": "All",
            "DueType": "Fixed Number of Days",
            "DayDue00": term.days,
            "DiscType": "Fixed Number of Days",
            "DiscPercent": term.discount_percent,
            "_discount_days": term.discount_days,
        }


def _payment_method(code: str, name: str) -> Row:
    cash = {"CashAccount": CASH_ACCOUNT, "Branch": BRANCH, "UseInAP": True, "APDefault": code == "WIRE"}
    return {
        "PaymentMethodID": code,
        "Description": name,
        "Active": True,
        "UseInAP": True,
        "UseInAR": False,
        "MeansOfPayment": "Cash/Check",
        "AllowedCashAccounts": [cash],
    }


def _branches(company: TradingCompany) -> tuple[tuple[str, str], ...]:
    return ((BRANCH, company.name), (SECOND_BRANCH, f"{company.name}, warehouse"))


def _structure(company: TradingCompany, branch: str, name: str) -> Row:
    return {
        "BranchID": branch,
        "BranchName": name,
        "BranchCountry": "FI",
        "BranchStatus": True,
        "BaseCurrencyID": company.currency,
        "CompanyID": f"ACME{company.code}",
        "CompanyName": company.name,
        "CompanyType": "With Branches Not Requiring Balancing",
        "CompanyStatus": True,
    }


def _ledger(company: TradingCompany) -> Row:
    branches: list[dict[str, Any]] = [
        {"BranchID": branch, "BranchName": name, "CompanyName": company.name, "Active": True}
        for branch, name in _branches(company)
    ]
    owner = {"Company": f"ACME{company.code}", "CompanyName": company.name, "Active": True}
    return {
        "LedgerID": "ACTUAL",
        "Description": "Actual ledger",
        "Currency": company.currency,
        "Type": "Actual",
        "ConsolidationSource": False,
        "Branches": branches,
        "Companies": [{**owner, "CompanyType": "With Branches Not Requiring Balancing"}],
    }


def _year(year: int, first: date, last: date) -> Row:
    months = [date(year, month, 1) for month in range(1, 13)]
    return {
        "FinancialYear": str(year),
        "StartDate": months[0],
        "NbrOfPeriods": 12,
        "Details": [_period(start, first, last) for start in months],
    }


def _period(start: date, first: date, last: date) -> Row:
    end = (start + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    status = "Closed" if end < first else "Inactive" if start > last else "Open"
    return {
        "FinancialPeriodID": f"{start.month:02d}{start.year}",
        "PeriodNbr": f"{start.month:02d}",
        "Description": start.strftime("%B"),
        "StartDate": start,
        "EndDate": end,
        "LengthInDays": end.day,
        "Status": status,
        "AdjustmentPeriod": False,
        **dict.fromkeys(("ClosedInAP", "ClosedInAR", "ClosedInCA", "ClosedInFA", "ClosedInIN"), status == "Closed"),
    }
