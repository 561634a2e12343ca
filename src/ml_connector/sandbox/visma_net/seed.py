"""The trading company as Visma.net holds it on the first day: master data (Visma dossier 10, 13, 14)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from ml_connector.sandbox.trade import Account, PaymentTerm, TaxGroup, TradingCompany, Vendor
from ml_connector.sandbox.visma_net.books import Books
from ml_connector.sandbox.visma_net.table import Store
from ml_connector.sandbox.visma_net.wire import Row, day

SEGMENTS = {"DEPARTMENT": 1, "AREA": 2, "CAMPAIGN": 3}
"""The segments of SUBACCOUNT by what the company calls them."""
_LENGTHS = {1: 4, 2: 3, 3: 3}
_TITLES = {1: "Department", 2: "Region", 3: "Campaign"}
_TYPES = {"Assets": "Asset", "Liabilities": "Liability"}
_COUNTRIES = {
    "FI": "Finland",
    "SE": "Sweden",
    "DE": "Germany",
    "NO": "Norway",
    "EE": "Estonia",
    "US": "United States",
    "GB": "United Kingdom",
}
_CURRENCIES = {"EUR": "Euro", "USD": "US dollar", "SEK": "Swedish krona", "NOK": "Norwegian krone"}
_BATCH = 25
"""Suppliers that one import brought, and that bear one stamp therefore."""
_BANK = "Account number"


def open_books(store: Store, company: TradingCompany) -> Books:
    """Fills the books with master data."""
    books = Books(store, company)
    _fill(books, "creditTerm", "termsId", (term_row(term) for term in company.payment_terms))
    _fill(books, "vat", "vatId", (_vat(group) for group in company.tax_groups))
    _fill(books, "vatCategory", "vatCategoryId", (_category(group) for group in company.tax_groups))
    _fill(books, "vatZone", "id", ({"id": each, "description": _ZONES[each]} for each in _ZONES))
    _fill(books, "account", "accountCD", _accounts(company))
    _fill(books, "currency", "id", _currencies(company))
    _fill(books, "currencyrate", "effectiveDate", _rates(company))
    _fill(books, "paymentmethod", "paymentMethodID", [_payment_method()])
    _fill(books, "cashaccount", "number", [{"number": "1920", "description": "Bank", "currency": company.currency}])
    _fill(books, "branch", "number", [_branch(company)])
    _fill(books, "organization", "organizationCd", [_organization(company)])
    _fill(books, "financialPeriod", "_id", _periods(company.today))
    _fill(books, "dimension", "id", _dimensions(company))
    _fill(books, "project", "projectID", _projects(company))
    _fill(books, "department", "departmentId", _departments(company))
    _suppliers(books)
    return books


def supplier_row(books: Books, vendor: Vendor, internal_id: int) -> Row:
    """A supplier; its lasting id is not its number."""
    company = books.company
    term = next(each for each in company.payment_terms if each.code == vendor.payment_term)
    return {
        "internalId": internal_id,
        "number": vendor.number,
        "name": vendor.name,
        "status": _status(vendor, internal_id),
        "mainAddress": {
            "addressId": internal_id * 3,
            "addressLine1": vendor.street,
            "postalCode": vendor.post_code,
            "city": vendor.city,
            "country": country(vendor.country),
        },
        "mainContact": {
            "contactId": internal_id * 3 + 1,
            "name": vendor.name,
            "email": vendor.email,
            "phone1": vendor.phone,
        },
        "supplierClass": {"id": "1", "description": "Suppliers"},
        "creditTerms": {"id": term.code, "description": term.name},
        "currencyId": vendor.currency,
        "paymentMethod": {"id": "10", "description": "Bank payment"},
        "cashAccount": "1920",
        "chargeBearer": "Shared",
        "accountUsedForPayment": "BBAN" if vendor.country == "US" else "IBAN",
        "paymentBy": "DueDate",
        "vatRegistrationId": vendor.vat_number,
        "corporateId": vendor.vat_number[2:],
        "vatZone": {"id": zone_of(vendor.country), "description": _ZONES[zone_of(vendor.country)]},
        "location": {"countryId": vendor.country, "id": "Main", "name": "Primary location"},
        "glAccounts": {"expenseAccount": {"type": "Expense", "number": "6110", "description": "Stationery, domestic"}},
        "supplierPaymentMethodDetails": [bank_detail(_account_number(vendor, internal_id))],
    }


def bank_detail(value: str) -> Row:
    """The bank account of a supplier, as its payment method asks for it."""
    return {
        "paymentMethodDetailID": "1",
        "paymentMethodDetailDescription": _BANK,
        "paymentMethodDetailValue": value,
        "paymentMethodDetailBankingDetailType": "AccountNo",
    }


def country(code: str) -> Row:
    """A country with its name."""
    return {"id": code, "name": _COUNTRIES.get(code, code)}


def segment_value(segment: int, code: str, name: str, *, active: bool = True) -> Row:
    """One value of a segment of SUBACCOUNT."""
    return {
        "internalId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"visma-segment-{segment}-{code}")),
        "segmentId": segment,
        "valueId": code,
        "description": name,
        "active": active,
    }


def project_row(number: int, code: str, name: str, *, status: str = "Active", visible: bool = True) -> Row:
    """A project; only active ones that are visible in accounts payable can be named by an invoice."""
    return {
        "internalID": number,
        "projectID": code,
        "hold": False,
        "status": status,
        "description": name,
        "visibility": {"visibleInAp": visible, "visibleInGl": True, "visibleInPo": visible},
        "tasks": [],
    }


def account_row(number: int, code: str, name: str, **more: Any) -> Row:
    """An account."""
    return {
        "accountID": number,
        "accountCD": code,
        "accountClass": "EXPENSE",
        "accountClassDescription": "Ordinary accounts",
        "type": "Expense",
        "active": True,
        "description": name,
        "useDefaultSub": False,
        "cashAccount": False,
        "allowManualEntry": True,
        **more,
    }


_ZONES = {"01": "Domestic", "02": "European Union", "03": "Rest of the world"}
_UNION = frozenset({"SE", "DE", "EE"})


def zone_of(code: str) -> str:
    """The VAT zone of a country, as a Finnish company sees it."""
    return "01" if code == "FI" else "02" if code in _UNION else "03"


def _fill(books: Books, table: str, key: str, rows: Iterable[Row]) -> None:
    at = books.store.now() - timedelta(days=400)
    for row in rows:
        books.table(table).load(str(row[key]), row, at=at)


def _suppliers(books: Books) -> None:
    """In batches of one stamp each, oldest first: equal stamps are the rule after an import."""
    start = books.store.now() - timedelta(days=200)
    for index, vendor in enumerate(books.company.vendors):
        at = start + timedelta(hours=index // _BATCH * 7, milliseconds=index // _BATCH * 130)
        books.table("supplier").load(vendor.number, supplier_row(books, vendor, 201 + index), at=at)


def _status(vendor: Vendor, internal_id: int) -> str:
    if vendor.blocked == "All":
        return "Inactive" if internal_id % 128 == 80 else "OnHold"
    return "HoldPayments" if vendor.blocked else "Active"


def _account_number(vendor: Vendor, internal_id: int) -> str:
    """An IBAN with its check digits; a plain number where there are none."""
    bank = f"1503{internal_id:010d}"
    if vendor.country == "US":
        return bank
    land = vendor.country
    digits = "".join(str(int(each, 36)) for each in f"{bank}{land}00")
    return f"{land}{98 - int(digits) % 97:02d}{bank}"


def term_row(term: PaymentTerm) -> Row:
    return {
        "termsId": term.code,
        "description": term.name,
        "visibleTo": "VE" if term.code == "60D" else "AL",
        "dueDateType": "N",
        "dueDay1": term.days,
        "discountType": "N",
        "discountDay": term.discount_days or None,
        "discountPercent": term.discount_percent,
        "calculationType": "G",
        "instalmentType": "S",
    }


def _vat_id(group: TaxGroup) -> str:
    """The id of the VAT itself, which is not that of the category."""
    return f"{group.percent:f}I" if group.code != "NOVAT" else "0X"


def _vat(group: TaxGroup) -> Row:
    return {
        "vatId": _vat_id(group),
        "description": f"Input {group.name}",
        "type": "Vat",
        "deductibleVat": True,
        "reverseVat": False,
        "schedules": [{"startDate": "2013-01-01T00:00:00", "vatRate": group.percent, "groupType": "Input"}],
    }


def _category(group: TaxGroup) -> Row:
    line = {
        "vatId": _vat_id(group),
        "description": f"Input {group.name}",
        "type": "Vat",
        "calculateOn": "ItemAmount",
        "cashDiscount": "NoAdjust",
        "vatRates": [{"revisionID": "1", "vatRate": group.percent, "startDate": "2013-01-01T00:00:00"}],
    }
    return {
        "vatCategoryId": group.code,
        "description": group.name,
        "active": True,
        "excludeListedTaxes": False,
        "vatCategoryLines": [line],
    }


def _accounts(company: TradingCompany) -> Iterable[Row]:
    """Headings and totals are no accounts here; the bank's and the control account are, and not for coding."""
    posting = [account for account in company.accounts if account.account_type == "Posting"]
    for number, account in enumerate(posting, 101):
        yield account_row(number, account.number, account.name, **_account_kind(account))
    yield account_row(98, "1920", "Bank", type="Asset", cashAccount=True)
    yield account_row(99, "2400", "Accounts payable", type="Liability", controlAccountModule="AP")


def _account_kind(account: Account) -> Row:
    return {
        "type": _TYPES.get(account.category, "Expense"),
        "active": not account.blocked,
        "allowManualEntry": account.direct_posting,
    }


def _currencies(company: TradingCompany) -> Iterable[Row]:
    for code in (company.currency, *company.currencies):
        base = code == company.currency
        yield {
            "id": code,
            "description": _CURRENCIES.get(code, code),
            "symbol": code,
            "isBaseCurrency": base,
            "decimalPrecision": 2,
            "isUsedForAccounting": base,
        }


def _rates(company: TradingCompany) -> Iterable[Row]:
    for currency, start, rate in company.rates:
        yield {
            "effectiveDate": f"{day(start)}/{currency}",
            "fromCurrencyId": currency,
            "toCurrencyId": company.currency,
            "rateType": "SPOT",
            "rate": rate,
            "multDiv": "Multiply",
        }


def _payment_method() -> Row:
    detail = {"detailID": "1", "description": _BANK, "bankingDetailType": "AccountNo"}
    return {
        "paymentMethodID": "10",
        "description": "Bank payment",
        "active": True,
        "meansOfPayment": "DirectDeposit",
        "useInAP": True,
        "details": [detail],
    }


def _branch(company: TradingCompany) -> Row:
    return {
        "branchId": 1,
        "number": "1",
        "name": company.name,
        "organizationId": 1,
        "isMainBranch": True,
        "isActive": True,
        "corporateId": f"91{company.code}001",
        "vatRegistrationId": f"FI91{company.code}00",
        "currency": {"id": company.currency, "description": "Euro", "symbol": "€"},
    }


def _organization(company: TradingCompany) -> Row:
    return {
        "organizationCd": "1",
        "name": company.name,
        "organizationType": "WithoutBranches",
        "baseCurrency": company.currency,
        "corporateId": f"91{company.code}001",
    }


def _periods(today: date) -> Iterable[Row]:
    for year in (today.year - 1, today.year, today.year + 1):
        for month in range(1, 13):
            first = date(year, month, 1)
            after = (first + timedelta(days=32)).replace(day=1)
            closed = after < today - timedelta(days=75)
            yield {
                "_id": f"{year}{month:02d}",
                "year": year,
                "period": f"{month:02d}",
                "startDate": day(first),
                "endDate": day(after - timedelta(days=1)),
                "description": first.strftime("%B"),
                "active": True,
                "closedInSupplierLedger": closed,
                "closedInGeneralLedger": closed,
            }


def _dimensions(company: TradingCompany) -> Iterable[Row]:
    yield {"id": "ACCOUNT", "length": 10, "description": "Account", "segments": []}
    yield {
        "id": "SUBACCOUNT",
        "length": sum(_LENGTHS.values()),
        "description": "Subaccount",
        "segments": [_segment(company, segment) for segment in _LENGTHS],
    }
    yield {"id": "VENDOR", "length": 10, "description": "Supplier", "segments": []}


def _segment(company: TradingCompany, segment: int) -> Row:
    values = [segment_value(segment, "0" * _LENGTHS[segment], "None")]
    for value in company.dimension_values:
        if SEGMENTS.get(value.dimension) == segment:
            values.append(segment_value(segment, value.code, value.name, active=not value.blocked))
    return {
        "internalId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"visma-segment-{segment}")),
        "segmentId": segment,
        "description": _TITLES[segment],
        "length": _LENGTHS[segment],
        "validate": True,
        "isAutoNumber": False,
        "segmentValues": values,
    }


def _projects(company: TradingCompany) -> Iterable[Row]:
    yield project_row(1, "X", "Non-project")
    projects = [value for value in company.dimension_values if value.dimension == "PROJECT"]
    for number, value in enumerate(projects, 2):
        status = "Completed" if value.blocked else "Active"
        yield project_row(number, value.code, value.name, status=status, visible=value.code != "P-120")


def _departments(company: TradingCompany) -> Iterable[Row]:
    for value in company.dimension_values:
        if value.dimension == "DEPARTMENT":
            yield {"departmentId": value.code, "description": value.name}
