"""The trading company written into the books of Business Central."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from ml_connector.sandbox.business_central.books import SHORTCUTS, Books
from ml_connector.sandbox.business_central.documents import CREDIT_MEMO, INVOICE, ORDER, create_header
from ml_connector.sandbox.business_central.ledger import PAYABLES_ACCOUNT, VAT_ACCOUNT
from ml_connector.sandbox.business_central.lines import create_line, settle_document
from ml_connector.sandbox.business_central.posting import post, write_receipt
from ml_connector.sandbox.business_central.schema import NO_GUID, TYPES, Row, stamp
from ml_connector.sandbox.business_central.table import Store
from ml_connector.sandbox.trade import Account, Invoice, InvoiceKind, Order, TradingCompany, Vendor

_TAX_GROUPS = {"T24": "VAT24", "T14": "VAT14", "T10": "VAT10", "T0": "VAT0"}
_COUNTRIES = ("FI", "SE", "NO", "DK", "EE", "DE", "US", "GB", "NL", "FR", "ES")


def open_books(store: Store, company: TradingCompany) -> Books:
    """The books of a company on its first day in the sandbox."""
    books = Books(company, store)
    seed = Seed(books)
    seed.codes()
    seed.accounts(company.accounts)
    seed.dimensions()
    books.tables["vendors"].load(seed.vendors(company.vendors))
    books.tables["defaultDimensions"].load(seed.default_dimensions(company.vendors))
    for order in company.orders:
        seed.order(order)
    for invoice in company.already_posted:
        seed.posted(invoice)
    store.commit()
    return books


class Seed:
    """Makes the rows; ids follow from numbers and codes, stamps lie in the year before today."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._rng = Random(f"bc/{books.company.code}")
        midnight = datetime.combine(books.company.today, datetime.min.time(), UTC)
        self._year_ago = midnight - timedelta(days=365)

    def _id(self, entity_set: str, key: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"bc/{self._books.company.code}/{entity_set}/{key}"))

    def _row(self, entity_set: str, key: str, **values: Any) -> Row:
        moment = self._year_ago + timedelta(seconds=self._rng.randint(0, 364 * 86_400))
        stamped = {"lastModifiedDateTime": stamp(moment)}
        return TYPES[entity_set].blank() | {"id": self._id(entity_set, key), "_dims": {}} | stamped | values

    def _load(self, entity_set: str, rows: Iterable[Row]) -> None:
        self._books.tables[entity_set].load(rows)

    def codes(self) -> None:
        """The small tables: terms, currencies and their rates, taxes, units, countries, set-up, periods."""
        company = self._books.company
        self._load("paymentTerms", self._terms())
        self._load(
            "currencies",
            (
                self._row(
                    "currencies",
                    code,
                    code=code,
                    displayName=code,
                    amountDecimalPlaces="2:2",
                    amountRoundingPrecision=Decimal("0.01"),
                )
                for code in company.currencies
            ),
        )
        self._load("currencyExchangeRates", self._rates())
        self._load("taxGroups", self._tax_groups())
        self._load("taxAreas", (self._tax_area(code) for code in ("DOMESTIC", "EU", "EXPORT")))
        self._load("unitsOfMeasure", (self._named("unitsOfMeasure", code) for code in ("PCS", "HOUR", "KG")))
        self._load("countriesRegions", (self._named("countriesRegions", code) for code in _COUNTRIES))
        self._load("paymentMethods", (self._named("paymentMethods", code) for code in ("BANK", "CASH")))
        self._load("locations", (self._named("locations", code) for code in ("MAIN",)))
        self._load("items", self._items())
        self._load("companyInformation", (self._information(),))
        self._load("generalLedgerSetup", (self._setup(),))
        self._load("accountingPeriods", self._periods())

    def _named(self, entity_set: str, code: str) -> Row:
        return self._row(entity_set, code, code=code, displayName=code.title())

    def _tax_area(self, code: str) -> Row:
        return self._row("taxAreas", code, code=code, displayName=code.title(), taxType="VAT")

    def _terms(self) -> Iterator[Row]:
        for term in self._books.company.payment_terms:
            yield self._row(
                "paymentTerms",
                term.code,
                code=term.code,
                displayName=term.name,
                dueDateCalculation=f"{term.days}D",
                discountDateCalculation=f"{term.discount_days}D" if term.discount_days else "",
                discountPercent=term.discount_percent,
            )

    def _rates(self) -> Iterator[Row]:
        for currency, start, rate in self._books.company.rates:
            yield self._row(
                "currencyExchangeRates",
                f"{currency}/{start}",
                currencyCode=currency,
                startingDate=start.isoformat(),
                exchangeRateAmount=Decimal(100),
                relationalExchangeRateAmount=rate * 100,
            )

    def _tax_groups(self) -> Iterator[Row]:
        for group in self._books.company.tax_groups:
            yield self._row(
                "taxGroups",
                group.code,
                code=group.code,
                displayName=group.name,
                taxType="VAT",
                _percent=group.percent,
                _identifier=group.identifier,
            )

    def _items(self) -> Iterator[Row]:
        for item in self._books.company.items:
            yield self._row(
                "items",
                item.number,
                number=item.number,
                displayName=item.name,
                unitCost=item.unit_cost,
                baseUnitOfMeasureCode="PCS",
                baseUnitOfMeasureId=self._id("unitsOfMeasure", "PCS"),
                _tax=item.tax_group,
                _account=item.account,
            )

    def _information(self) -> Row:
        company = self._books.company
        return self._row(
            "companyInformation",
            company.code,
            displayName=company.name,
            addressLine1="Satamakatu 1",
            city="Helsinki",
            country="FI",
            postalCode="00160",
            taxRegistrationNumber="FI12345671",
            currencyCode=company.currency,
            currentFiscalYearStartDate=company.today.replace(month=1, day=1).isoformat(),
        )

    def _setup(self) -> Row:
        company = self._books.company
        return self._row(
            "generalLedgerSetup",
            company.code,
            allowPostingFrom=company.posting_from.isoformat(),
            allowPostingTo=company.posting_to.isoformat(),
            localCurrencyCode=company.currency,
            localCurrencySymbol="€",
            shortcutDimension1Code=SHORTCUTS[0],
            shortcutDimension2Code=SHORTCUTS[1],
            shortcutDimension3Code="AREA",
            shortcutDimension4Code="CAMPAIGN",
        )

    def _periods(self) -> Iterator[Row]:
        first = self._books.company.today.year - 1
        for month in range(36):
            start = datetime(first + month // 12, month % 12 + 1, 1, tzinfo=UTC).date()
            yield self._row(
                "accountingPeriods",
                start.isoformat(),
                startingDate=start.isoformat(),
                name=f"{start:%B}",
                newFiscalYear=start.month == 1,
                closed=start.year < self._books.company.today.year,
                dateLocked=start.year < self._books.company.today.year,
            )

    def accounts(self, accounts: Iterable[Account]) -> None:
        """The chart of accounts, with those that posting itself needs."""
        own = (
            Account(PAYABLES_ACCOUNT, "Trade payables", "Liabilities", direct_posting=False),
            Account(VAT_ACCOUNT, "Deductible VAT", "Liabilities", direct_posting=False),
        )
        self._load("accounts", (self.account(account) for account in (*accounts, *own)))

    def account(self, account: Account) -> Row:
        """One account as a row."""
        return self._row(
            "accounts",
            account.number,
            number=account.number,
            displayName=account.name,
            category=account.category,
            accountType=account.account_type,
            directPosting=account.direct_posting,
            blocked=account.blocked,
            _tax="VAT24",
            _dims=dict(account.default_dimensions),
        )

    def dimensions(self) -> None:
        """The dimensions and all their values."""
        values = self._books.company.dimension_values
        codes = tuple(dict.fromkeys(value.dimension for value in values))
        self._load("dimensions", (self._named("dimensions", code) for code in codes))
        self._load(
            "dimensionValues",
            (
                self._row(
                    "dimensionValues",
                    f"{value.dimension}/{value.code}",
                    code=value.code,
                    displayName=value.name,
                    dimensionId=self._id("dimensions", value.dimension),
                    _blocked=value.blocked,
                )
                for value in values
            ),
        )

    def vendors(self, vendors: Iterable[Vendor]) -> Iterator[Row]:
        """The vendors as rows."""
        own = self._books.company.currency
        for vendor in vendors:
            foreign = vendor.currency not in ("", own)
            yield self._row(
                "vendors",
                vendor.number,
                number=vendor.number,
                displayName=vendor.name,
                addressLine1=vendor.street,
                city=vendor.city,
                country=vendor.country,
                postalCode=vendor.post_code,
                phoneNumber=vendor.phone,
                email=vendor.email,
                taxRegistrationNumber=vendor.vat_number,
                currencyCode=vendor.currency or own,
                currencyId=self._id("currencies", vendor.currency) if foreign else NO_GUID,
                paymentTermsId=self._id("paymentTerms", vendor.payment_term) if vendor.payment_term else NO_GUID,
                blocked=vendor.blocked or " ",
                _currency=vendor.currency if foreign else "",
            )

    def default_dimensions(self, vendors: Iterable[Vendor]) -> Iterator[Row]:
        """What vendors bring to their documents."""
        for vendor in vendors:
            for dimension, value in vendor.default_dimensions:
                yield self._row(
                    "defaultDimensions",
                    f"{vendor.number}/{dimension}",
                    parentType="Vendor",
                    parentId=self._id("vendors", vendor.number),
                    dimensionId=self._id("dimensions", dimension),
                    dimensionCode=dimension,
                    dimensionValueId=self._id("dimensionValues", f"{dimension}/{value}"),
                    dimensionValueCode=value,
                )

    def order(self, order: Order) -> None:
        """A purchase order with what was received of it."""
        books = self._books
        values = {"vendorNumber": order.vendor, "orderDate": order.date.isoformat(), "currencyCode": order.currency}
        header = create_header(books, ORDER, values)
        received: list[tuple[Row, Decimal]] = []
        for line in order.lines:
            row = create_line(
                books,
                ORDER,
                header,
                {
                    "lineType": line.kind,
                    "lineObjectNumber": line.number,
                    "sequence": line.line,
                    "description": line.description,
                    "quantity": line.quantity,
                    "directUnitCost": line.unit_cost,
                    "taxCode": line.tax_group,
                },
                settle=False,
            )
            done = {"receivedQuantity": line.received, "invoicedQuantity": line.invoiced}
            row = books.table(ORDER.lines).put({**row, **done})
            received += [(row, line.received)] if line.received else []
        header = settle_document(books, ORDER, header)
        released = "Released" if order.status == "Open" else "Open"
        moment = self._year_ago + timedelta(days=(order.date - self._year_ago.date()).days, hours=9)
        done = {
            "number": order.number,
            "status": order.status,
            "fullyReceived": all(line.received == line.quantity for line in order.lines),
            "lastModifiedDateTime": stamp(moment),
            "_document_status": "Pending Approval" if order.status == "In Review" else released,
        }
        header = books.table(ORDER.headers).put({**header, **done}, touch=False)
        if received:
            write_receipt(books, header, received)

    def posted(self, invoice: Invoice) -> None:
        """A bill that a person keyed and posted before."""
        books = self._books
        kind = CREDIT_MEMO if invoice.kind is InvoiceKind.CREDIT_NOTE else INVOICE
        sign = -1 if invoice.gross < 0 else 1
        header = create_header(
            books,
            kind,
            {
                "vendorNumber": invoice.vendor,
                kind.own_date: invoice.invoice_date.isoformat(),
                "postingDate": invoice.voucher_date.isoformat(),
                "dueDate": invoice.due_date.isoformat(),
                kind.external_number: invoice.number.upper(),
                "currencyCode": invoice.currency,
            },
        )
        for row in invoice.rows:
            values = {
                "lineType": "Account",
                "lineObjectNumber": row.account,
                "quantity": Decimal(1),
                "unitCost": row.net * sign,
                "taxCode": _TAX_GROUPS[row.tax_code],
            }
            create_line(books, kind, header, values)
        post(books, kind, header["id"])
