"""Master data as Basware's import entities (Basware dossier 4 to 6). Pure: no I/O, no clock.

Every payload is the whole record: what is left out of a POST is lost on the other side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors.basware.codes import cut, exact, external_code, length, source_system
from ml_connector.connectors.basware.errors import refused
from ml_connector.connectors.basware.items import import_item
from ml_connector.connectors.basware.orders import order_items
from ml_connector.connectors.import_items import ImportItem
from ml_connector.connectors.side import MappingRules
from ml_connector.records.flow import Flow
from ml_connector.records.master_data import (
    Account,
    DimensionValue,
    MasterRecord,
    PaymentTerm,
    PurchaseOrder,
    TaxCode,
    Vendor,
)
from ml_connector.records.reason import Reason

PATHS: Final[Mapping[str, str]] = {
    "vendors": "/v1/vendors",
    "accounts": "/v1/accounts",
    "costCenters": "/v1/costCenters",
    "projects": "/v2/projects",  # /v1 is deprecated and of another shape (dossier 5.3)
    "taxCodes": "/v1/taxCodes",
    "paymentTerms": "/v1/paymentTerms",
    "matchingOrders": "/v1/matchingOrders",
    "matchingOrderLines": "/v1/matchingOrderLines",
}
ENTITY_TYPES: Final[Mapping[str, str]] = {
    "vendors": "Vendor",
    "accounts": "Account",
    "costCenters": "CostCenter",
    "projects": "Project",
    "taxCodes": "TaxCode",
    "paymentTerms": "PaymentTerm",
    "matchingOrders": "MatchingOrder",
    "matchingOrderLines": "MatchingOrderLine",
}
COST_CENTERS, PROJECTS, LISTS = "costCenters", "projects", "lists/"
CODE_LENGTH: Final = 25
"""Of vendors, accounts, cost centres, projects, tax codes and payment terms alike."""
LANGUAGE: Final = "en-US"
SOURCE_LENGTH: Final = 36
_LIST_KEY = re.compile(r"ACC_LIST_([1-9]|[12]\d|3[0-5])|INV_LIST_([1-9]|1\d|20)|CUST_RESOLVER_[1-5]")
_NARROW_LIST = re.compile(r"ACC_LIST_(1[1-9]|20)")
_LONGEST_DAYS: Final = 2**31 - 1
_VALID_FROM = "2000-01-01T00:00:00Z"
_VALID_TO = "2099-12-31T00:00:00Z"
_PROJECT_FROM = "2001-01-02T00:00:00Z"  # projects want a date after 2001-01-01 (dossier 5.3)
_CURRENCY = 3


def path_of(resource: str) -> str:
    """Where a resource is imported."""
    return PATHS.get(resource) or f"/v1/{resource}"


def entity_type(resource: str) -> str:
    """A resource as request status and error feedback call it."""
    return ENTITY_TYPES.get(resource, "GenericList")


def list_text_length(resource: str) -> int:
    """Characters that a text column of a generic list holds (dossier 5.3)."""
    return 50 if _NARROW_LIST.fullmatch(resource.removeprefix(LISTS)) else 250


@dataclass(frozen=True, slots=True)
class Importer:
    """Makes import items of records, for one company of one connection."""

    connection: str
    company: str
    rules: MappingRules

    @property
    def source(self) -> str:
        """The source system that Basware is told: ours, lasting."""
        return source_system(self.connection, SOURCE_LENGTH)

    def code(self, kind: str, *keys: str) -> str:
        """A record's external code."""
        return external_code(self.connection, kind, *keys)

    def items(self, flow: Flow, record: MasterRecord, *, active: bool) -> tuple[ImportItem, ...]:
        """The record's items; empty where Basware has no list for it.

        Raises Refused (RECORD_REFUSED) where something that identifies the record does not fit.
        """
        shown = active and record.active
        items: tuple[ImportItem, ...] = ()
        match flow, record:
            case Flow.VENDORS, Vendor():
                items = (self._vendor(record, active=shown),)
            case Flow.ACCOUNTS, Account():
                items = (self._account(record, active=shown),)
            case Flow.DIMENSIONS, DimensionValue():
                items = self._dimension_value(record, active=shown)
            case Flow.TAX_CODES, TaxCode():
                items = self._tax_code(record, active=shown)
            case Flow.PAYMENT_TERMS, PaymentTerm():
                items = (self._payment_term(record, active=shown),)
            case Flow.PURCHASE_ORDERS, PurchaseOrder():
                items = order_items(self, record, active=shown)
            case _:
                pass
        return items

    def tax_codes(self, code: str) -> tuple[str, ...]:
        """What Basware calls a tax code of the ledger: every code that the mapping leads to it, or itself."""
        named = tuple(theirs for theirs, ours in self.rules.tax_codes.items() if ours == code)
        return named or (code,)

    def companies(self, *, active: bool, inherit: bool) -> list[dict[str, Any]]:
        """The company mapping; `inherit`: the resource has that member too (dossier 4.1)."""
        entry: dict[str, Any] = {"companyCode": exact(self.company, 32, what="code", of="the company")}
        return [entry | ({"inherit": False} if inherit else {}) | {"active": active}]

    # -------------------------------------------------------------- vendors

    def _vendor(self, vendor: Vendor, *, active: bool) -> ImportItem:
        of = f"vendor {vendor.number}"
        code = self.code("V", vendor.key)
        payload: dict[str, Any] = {
            "externalCode": code,
            "vendorCode": exact(vendor.number, CODE_LENGTH, what="number", of=of),
            "name": cut(vendor.name or vendor.number, 250),
            "sourceSystem": self.source,
            "processingStatus": {"active": active, "paymentDenied": vendor.payment_blocked},
            "companies": [
                {
                    "companyCode": exact(self.company, 32, what="code", of="the company"),
                    "inheritToChildUnits": False,
                }
            ],
        }
        if vendor.tax_number:
            number = exact(vendor.tax_number, 36, what="tax number", of=of)
            payload["identifiers"] = [{"id": number, "schemeId": "VATID", "defaultPartyId": False}]
        if vendor.payment_term:
            term = exact(vendor.payment_term, CODE_LENGTH, what="payment term", of=of)
            payload["paymentTerms"] = {"paymentTermCode": term}
        optional = {
            "addresses": self._addresses(vendor),
            "contacts": _contacts(vendor),
            "paymentMeans": _payment_means(vendor, of),
        }
        return import_item("vendors", code, payload | {name: value for name, value in optional.items() if value})

    def _addresses(self, vendor: Vendor) -> list[dict[str, Any]]:
        address = vendor.address
        lines = {
            "streetName": address.street,
            "cityName": address.city,
            "postalZone": address.postal_code,
            "countrySubEntity": address.region,
        }
        given = {name: cut(text, 50) for name, text in lines.items() if text}
        # P2P reads the country and the second line from here, not from countryId (dossier 5.1).
        more = {"Country": address.country, "AdditionalStreetName": address.street2}
        parts = [{"key": key, "value": cut(text, 200)} for key, text in more.items() if text]
        if not given and not parts:
            return []
        entry: dict[str, Any] = {"externalCode": self.code("VA", vendor.key), "name": "Postal"}
        entry |= {"addressType": "PostalAddress", "default": True, **given}
        if len(address.country) == 2:
            entry["countryId"] = address.country
        return [entry | ({"additionalAddressFields": parts} if parts else {})]

    # -------------------------------------------------------------- coding

    def _account(self, account: Account, *, active: bool) -> ImportItem:
        of = f"account {account.number}"
        code = self.code("A", account.key)
        payload: dict[str, Any] = {
            "externalCode": code,
            "accountCode": exact(account.number, CODE_LENGTH, what="number", of=of),
            "accountNames": names(account.name, account.number),
            "companies": self.companies(active=active, inherit=True),
        }
        if account.tax_code:
            tax_code = self.tax_codes(account.tax_code)[0]
            payload["taxCode"] = exact(tax_code, CODE_LENGTH, what="tax code", of=of)
        if account.category:
            payload["text1"] = cut(account.category, 250)
        return import_item("accounts", code, payload)

    def _dimension_value(self, value: DimensionValue, *, active: bool) -> tuple[ImportItem, ...]:
        lists = [rule.list for rule in self.rules.dimensions if rule.erp == value.dimension and rule.list]
        return tuple(self._list_entry(name, value, active=active) for name in dict.fromkeys(lists))

    def _list_entry(self, name: str, value: DimensionValue, *, active: bool) -> ImportItem:
        of = f"{value.dimension} {value.code}"
        companies = self.companies(active=active, inherit=False)
        if name == COST_CENTERS:
            code = self.code("CC", value.dimension, value.key)
            payload: dict[str, Any] = {
                "externalCode": code,
                "costCenterCode": exact(value.code, CODE_LENGTH, what="code", of=of),
                "costCenterNames": names(value.name, value.code),
                "companies": companies,
            }
            return import_item(COST_CENTERS, code, payload)
        if name == PROJECTS:
            code = self.code("PR", value.dimension, value.key)
            payload = {
                "externalCode": code,
                "projectCode": exact(value.code, CODE_LENGTH, what="code", of=of),
                "projectName": cut(value.name or value.code, 100),
                "validFrom": _PROJECT_FROM,
                "validUntil": _VALID_TO,
                "companies": companies,
            }
            return import_item(PROJECTS, code, payload)
        return self._generic(name, value, companies=companies, of=of)

    def _generic(self, key: str, value: DimensionValue, *, companies: list[dict[str, Any]], of: str) -> ImportItem:
        if not _LIST_KEY.fullmatch(key):
            said = f"mapping.dimensions names the list {key!r}, which Basware does not have"
            raise refused(Reason.SETUP_INCOMPLETE, said)
        resource = LISTS + key
        width = list_text_length(resource)
        code = self.code(key.replace("_LIST_", ""), value.dimension, value.key)
        payload: dict[str, Any] = {
            "externalCode": code,
            "text_1": exact(value.code, width, what="code", of=of),
            "text_2": cut(value.name or value.code, width),
            "companies": companies,
        }
        return import_item(resource, code, payload)

    def _tax_code(self, tax: TaxCode, *, active: bool) -> tuple[ImportItem, ...]:
        return tuple(self._one_tax_code(tax, theirs, active=active) for theirs in self.tax_codes(tax.code))

    def _one_tax_code(self, tax: TaxCode, theirs: str, *, active: bool) -> ImportItem:
        keys = (tax.key,) if theirs == tax.code else (tax.key, theirs)
        code = self.code("T", *keys)
        payload: dict[str, Any] = {
            "externalCode": code,
            "taxCode": exact(theirs, CODE_LENGTH, what="code", of=f"tax code {theirs}"),
            "taxCodeNames": names(tax.name, theirs),
            "taxPercentage": tax.percent if tax.percent is not None else Decimal(0),  # required
            "companies": self.companies(active=active, inherit=True),
        }
        return import_item("taxCodes", code, payload)

    def _payment_term(self, term: PaymentTerm, *, active: bool) -> ImportItem:
        code = self.code("PT", term.key)
        payload: dict[str, Any] = {
            "externalCode": code,
            "paymentTermCode": exact(term.code, CODE_LENGTH, what="code", of=f"payment term {term.code}"),
            "paymentTermNames": names(term.name, term.code),
            "moveDueDatesTo": "0",  # a string (dossier 5.2)
            **_due(term),
            **_discount(term),
            "validFrom": _VALID_FROM,
            "validTo": _VALID_TO,
            "companies": self.companies(active=active, inherit=True),
        }
        return import_item("paymentTerms", code, payload)


def names(name: str, code: str) -> list[dict[str, str]]:
    """A names list with its en-US entry; a name has at least two characters there (dossier 4.1, 4.9)."""
    spoken = name if length(name) >= 2 else f"{name or code} ({code})"
    return [{"language": LANGUAGE, "translation": cut(spoken, 2_000)}]


def _due(term: PaymentTerm) -> dict[str, int]:
    parts = (term.due_days or 0, term.end_of_month, term.days_after_month_end)
    if term.due_days is None or not all(0 <= part <= _LONGEST_DAYS for part in parts):
        return {"dueDateCalc": 0}  # by hand
    days, months, after = parts
    return {"dueDateCalc": 1, "dueDateDays": days, "dueDateDays2": after, "dueDateEom": months}


def _discount(term: PaymentTerm) -> dict[str, Any]:
    if term.discount_percent <= 0 or not 0 <= term.discount_days <= _LONGEST_DAYS:
        return {"cashDueDateCalc": 0}
    return {
        "cashDueDateCalc": 1,
        "cashDueDateDays": term.discount_days,
        "cashDueDateDays2": 0,
        "cashDueDateEom": 0,
        "cashDiscount": term.discount_percent,
    }


def _contacts(vendor: Vendor) -> list[dict[str, Any]]:
    entry = {"email": vendor.email if length(vendor.email) <= 200 else "", "telephone": cut(vendor.phone, 50)}
    given = {name: value for name, value in entry.items() if value}
    return [{"name": "Accounts receivable", "role": "PrimaryContact", **given}] if given else []


def _payment_means(vendor: Vendor, of: str) -> list[dict[str, Any]]:
    """One entry with the vendor's currency and its accounts; each account once, or P2P rejects the vendor."""
    accounts: dict[str, dict[str, Any]] = {}
    for bank in vendor.bank_accounts:
        scheme, number = ("IBAN", bank.iban) if bank.iban else ("BBAN", bank.number)
        bare = number.replace(" ", "")
        if not bare or bare in accounts:
            continue
        if length(bare) > 32:  # the number itself stays out of the words
            raise refused(Reason.RECORD_REFUSED, f"{of}: a bank account has more than 32 characters")
        identifier: dict[str, Any] = {"schemeId": scheme, "id": bare, "default": not accounts}
        if len(bank.currency) == _CURRENCY:
            identifier["currencyCode"] = bank.currency
        account: dict[str, Any] = {"financialAccountIdentifiers": [identifier]}
        if bank.bic:
            bic = exact(bank.bic, 20, what="BIC", of=of)
            institution = {"name": cut(bank.bank_name or bic, 250), "id": bic, "schemeId": "BIC"}
            account["financialInstitution"] = institution
        accounts[bare] = account
    if not accounts and not vendor.currency:
        return []
    means: dict[str, Any] = {"paymentMeansCode": "BANK", "default": True}
    if vendor.currency:
        means["currencyCode"] = exact(vendor.currency, _CURRENCY, what="currency", of=of, least=_CURRENCY)
    return [means | ({"financialAccounts": list(accounts.values())} if accounts else {})]
