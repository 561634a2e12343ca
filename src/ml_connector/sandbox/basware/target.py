"""The P2P side: what the target system really holds, and the rules it takes records by (dossier 5, 6, 12.31)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from ml_connector.sandbox.basware.batches import Batch, Item
from ml_connector.sandbox.basware.resources import LIST_COLUMNS, ORDER_LINES, ORDERS, SINGLE, VENDORS, Columns
from ml_connector.sandbox.basware.wire import Fields

CURRENCIES = frozenset({"EUR", "USD", "SEK", "NOK", "GBP", "DKK"})
_CODE_FIELDS = {resource.name: resource.code_field for resource in SINGLE if resource.code_field}
_COMPANY_ERROR = "Record skipped due to wrong or missing company code: {}"

NewestVersion = Callable[[str, str], int | None]


class Target:
    """The target system's own tables, by drawer (resource name or list key) and external code."""

    def __init__(self, newest_version: NewestVersion) -> None:
        self._newest_version = newest_version
        self.companies: set[str] = set()
        self.clear()

    def clear(self) -> None:
        """Empties every table; the companies stay."""
        self.held: defaultdict[str, dict[str, Fields]] = defaultdict(dict)
        self._codes: dict[tuple[str, str, str], str] = {}
        self._lines: defaultdict[str, set[str]] = defaultdict(set)
        self._refusals: dict[tuple[str, str], list[Any]] = {}

    def refuse(self, drawer: str, external_code: str, message: str, count: int) -> None:
        """Makes the next `count` imports of that record fail with the message."""
        self._refusals[drawer, external_code] = [message, count]

    def apply(self, batch: Batch) -> None:
        """Processes a batch: every item still in progress gets its final status."""
        for item in batch.items:
            if item.status != "InProgress":
                continue
            if item.record is None or batch.drawer not in _RULES:
                item.status = "Success"
                continue
            self._apply(batch, item, item.record)

    def _apply(self, batch: Batch, item: Item, record: Fields) -> None:
        newest = self._newest_version(batch.drawer, item.external_code)
        if newest is not None and newest > item.version:
            item.fail("A newer version of the record exists.", "RecordExpired")
            return
        for message in self._objections(batch.drawer, item.external_code, record):
            item.fail(message)
        if item.status == "Error":
            return
        kept, dropped = _fitting(batch.drawer, record)
        for name in dropped:
            item.fail(f"The list has no column for {name}.", "Warning")
        self._keep(batch.drawer, item.external_code, kept)
        if item.status == "InProgress":
            item.status = "Success"

    def _objections(self, drawer: str, code: str, record: Fields) -> Iterator[str]:
        refusal = self._refusals.get((drawer, code))
        if refusal is not None and refusal[1] > 0:
            refusal[1] -= 1
            yield refusal[0]
            return
        yield from self._company_objections(drawer, record)
        yield from self._code_objections(drawer, code, record)
        yield from _RULES[drawer](self, drawer, record)

    def _company_objections(self, drawer: str, record: Fields) -> Iterator[str]:
        if drawer == ORDER_LINES.name or (drawer in LIST_COLUMNS and not record.get("companies")):
            return
        named = companies_of(record)
        if not named:
            yield _COMPANY_ERROR.format("none given")
        yield from (_COMPANY_ERROR.format(company) for company in named if company not in self.companies)

    def _code_objections(self, drawer: str, code: str, record: Fields) -> Iterator[str]:
        field = _CODE_FIELDS.get(drawer)
        if field is None:
            return
        for company in companies_of(record):
            other = self._codes.get((drawer, company, record[field]))
            if other is not None and other != code:
                yield f"{field} {record[field]} is already used in company {company} by {other}."

    def vendor_objections(self, _: str, record: Fields) -> Iterator[str]:
        """Payment term and currency must be in P2P, bank accounts must be unique."""
        term = (record.get("paymentTerms") or {}).get("paymentTermCode")
        if term and not self._known("paymentTerms", companies_of(record), term):
            yield f"Payment term {term} not found"
        means = record.get("paymentMeans") or []
        for mean in means:
            currency = mean.get("currencyCode")
            if mean.get("default") and currency and currency not in CURRENCIES:
                yield f"Currency {currency} not found or not active"
        accounts = [account for mean in means for account in _bank_accounts(mean)]
        if len(accounts) != len(set(accounts)):
            yield "Duplicate bank account on supplier"

    def order_objections(self, _: str, record: Fields) -> Iterator[str]:
        """The vendor must be in P2P."""
        if not self._known(VENDORS.name, [record["companyCode"]], record["supplierCode"]):
            yield f"Supplier {record['supplierCode']} not found"

    def line_objections(self, _: str, record: Fields) -> Iterator[str]:
        """The header must be in P2P; Blanket and Service have rules of their own (dossier 6.2)."""
        if record["orderExternalCode"] not in self.held[ORDERS.name]:
            yield f"Order {record['orderExternalCode']} not found"
        mode = record["matchingMode"]
        if record["quantity"] <= 0:
            yield "Quantity must be greater than 0"
        if mode in {"Blanket", "Service"} and record["quantity"] != 1:
            yield f"Quantity must be 1 on a {mode} line"
        if mode == "Blanket" and record.get("isReceiptRequired"):
            yield "A Blanket line cannot require receipts"
        if mode == "Service" and not (record.get("isReceiptRequired") and record.get("isReceiptBasedMatching")):
            yield "A Service line must require receipts and receipt based matching"
        if mode == "Service" and record.get("orderLineCoding"):
            yield "A Service line cannot carry order line coding"

    def list_objections(self, drawer: str, record: Fields) -> Iterator[str]:
        """Texts must fit the list's columns."""
        columns = LIST_COLUMNS[drawer]
        for name, value in record.items():
            if name.startswith("text_") and isinstance(value, str) and len(value) > columns.text_length:
                yield f"The value of {name} is longer than {columns.text_length} characters"

    def nothing_to_object(self, _: str, __: Fields) -> Iterator[str]:
        """No rule of its own."""
        return iter(())

    def knows_supplier(self, company: str, code: str) -> bool:
        """True where the company has a vendor of that code."""
        return self._known(VENDORS.name, [company], code)

    def knows_order(self, company: str, number: str) -> bool:
        """True where the company has an order of that number."""
        orders = self.held[ORDERS.name].values()
        return any(order["orderNumber"] == number and order["companyCode"] == company for order in orders)

    def _known(self, drawer: str, companies: list[str], code: str) -> bool:
        return any((drawer, company, code) in self._codes for company in companies)

    def _keep(self, drawer: str, code: str, record: Fields) -> None:
        self._forget_codes(drawer, code)
        self.held[drawer][code] = record
        field = _CODE_FIELDS.get(drawer)
        if field is not None:
            for company in companies_of(record):
                self._codes[drawer, company, record[field]] = code
        if drawer == ORDER_LINES.name:
            self._lines[record["orderExternalCode"]].add(code)

    def _forget_codes(self, drawer: str, code: str) -> None:
        old = self.held[drawer].get(code)
        field = _CODE_FIELDS.get(drawer)
        if old is None:
            return
        if field is not None:
            for company in companies_of(old):
                self._codes.pop((drawer, company, old[field]), None)
        if drawer == ORDER_LINES.name:
            self._lines[old["orderExternalCode"]].discard(code)

    def remove(self, drawer: str, code: str) -> bool:
        """A person deletes the record in P2P; the API layer does not hear of it."""
        self._forget_codes(drawer, code)
        return self.held[drawer].pop(code, None) is not None

    def view(self, drawer: str, company: str | None) -> list[Fields]:
        """What a person sees in P2P: an order shows only once it has lines (dossier 6)."""
        return [
            {"externalCode": code, "active": is_active(drawer, record), "record": record}
            for code, record in self.held[drawer].items()
            if (drawer != ORDERS.name or self._lines[code])
            and (company is None or company in self._companies(drawer, record))
        ]

    def _companies(self, drawer: str, record: Fields) -> list[str]:
        if drawer == ORDER_LINES.name:
            record = self.held[ORDERS.name].get(record["orderExternalCode"], {})
        return companies_of(record)


_Rule = Callable[[Target, str, Fields], Iterator[str]]
_RULES: dict[str, _Rule] = {
    **{resource.name: Target.nothing_to_object for resource in SINGLE},
    **dict.fromkeys(LIST_COLUMNS, Target.list_objections),
    VENDORS.name: Target.vendor_objections,
    ORDERS.name: Target.order_objections,
    ORDER_LINES.name: Target.line_objections,
}


def companies_of(record: Fields) -> list[str]:
    """The companies a record is for."""
    if "companyCode" in record:
        return [record["companyCode"]]
    return [company["companyCode"] for company in record.get("companies") or []]


def is_active(drawer: str, record: Fields) -> bool:
    """Whether people in P2P can use the record (dossier 4.7)."""
    if drawer == VENDORS.name:
        return (record.get("processingStatus") or {}).get("active") is not False
    if drawer == ORDER_LINES.name:
        return not record.get("isDeleted")
    if drawer == ORDERS.name:
        return not record.get("isClosed")
    return any(company.get("active", True) for company in record.get("companies") or [{}])


def _bank_accounts(mean: Fields) -> Iterator[tuple[str, str]]:
    for account in mean.get("financialAccounts") or []:
        for identifier in account.get("financialAccountIdentifiers") or []:
            yield identifier["schemeId"], identifier.get("id") or ""


def _fitting(drawer: str, record: Fields) -> tuple[Fields, list[str]]:
    """The record without what its list has no column for, and the names of that."""
    columns = LIST_COLUMNS.get(drawer)
    if columns is None:
        return record, []
    dropped = [name for name, value in record.items() if value is not None and not _has_column(columns, name)]
    return {name: value for name, value in record.items() if name not in dropped}, dropped


def _has_column(columns: Columns, name: str) -> bool:
    most = {"text": columns.texts, "number": columns.numbers, "dateValue": columns.dates}
    kind, _, number = name.partition("_")
    return not number.isdecimal() or int(number) <= most.get(kind, 99)
