"""The one trading company that lives in every simulated system, grown from a seed.

Nothing here reads a clock: dates are relative to `today`, and the same arguments give the same company.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from ml_connector.sandbox.stories import load_invoices, story_invoices
from ml_connector.sandbox.trade import (
    Account,
    CodingRow,
    DimensionValue,
    Invoice,
    InvoiceKind,
    Item,
    Order,
    OrderLine,
    PaymentTerm,
    TaxGroup,
    TradingCompany,
    Vendor,
)

__all__ = [
    "Account",
    "CodingRow",
    "DimensionValue",
    "Invoice",
    "InvoiceKind",
    "Item",
    "Order",
    "OrderLine",
    "PaymentTerm",
    "TaxGroup",
    "TradingCompany",
    "Vendor",
    "found",
]

_COUNTRIES = (
    ("FI", "EUR", ("Helsinki", "Tampere", "Oulu", "Turku", "Jyväskylä"), "Oy", "+358 9 "),
    ("FI", "EUR", ("Espoo", "Vantaa", "Lahti", "Kuopio", "Pori"), "Oy", "+358 40 "),
    ("SE", "SEK", ("Stockholm", "Göteborg", "Malmö"), "AB", "+46 8 "),
    ("DE", "EUR", ("Hamburg", "München", "Köln"), "GmbH", "+49 40 "),
    ("NO", "NOK", ("Oslo", "Bergen", "Tromsø"), "AS", "+47 22 "),
    ("EE", "EUR", ("Tallinn", "Tartu"), "OÜ", "+372 6 "),
    ("US", "USD", ("Portland", "Austin"), "Inc.", "+1 503 "),
    ("GB", "GBP", ("Leeds", "Bristol"), "Ltd", "+44 113 "),
)
_FIRST = [
    "Nordic",
    "Fjord",
    "Baltic",
    "Polar",
    "Birch",
    "Aurora",
    "Granite",
    "Harbour",
    "Lumen",
    "Meadow",
    "Copper",
    "Juniper",
    "Amber",
    "Silver",
    "Tundra",
    "Lakeside",
    "Compass",
    "Northern",
    "Bright",
    "Keystone",
]
_TRADE = [
    "Paper",
    "Logistics",
    "Cleaning",
    "Steel",
    "Catering",
    "Software",
    "Timber",
    "Electrics",
    "Print",
    "Security",
    "Rentals",
    "Packaging",
    "Consulting",
    "Energy",
    "Tools",
    "Freight",
    "Textiles",
    "Media",
]
_ODD_NAMES = (
    "O'Brien & Søns Ltd",
    "Müller Straßenbau GmbH",
    'Kahvila "Kulma" Oy',
    "Åkerblom <Tekniska> AB",
    "Ñandú Café ☕ S.L.",
)
_STREETS = ("Satamakatu", "Hämeentie", "Storgatan", "Hafenstraße", "Mill Lane", "Havnegata", "Kauppakatu")

_TERMS = (
    PaymentTerm("7D", "7 days net", 7),
    PaymentTerm("14D", "14 days net", 14),
    PaymentTerm("30D", "30 days net", 30),
    PaymentTerm("45D", "45 days net", 45),
    PaymentTerm("60D", "60 days net", 60),
    PaymentTerm("2-10-30D", "10 days 2 %, 30 days net", 30, 10, Decimal(2)),
)
_TAX_GROUPS = (
    TaxGroup("VAT24", "VAT 24 %", Decimal(24), "24%"),
    TaxGroup("VAT14", "VAT 14 %", Decimal(14), "14%"),
    TaxGroup("VAT10", "VAT 10 %", Decimal(10), "10%"),
    TaxGroup("VAT0", "VAT 0 %", Decimal(0), "0%"),
    TaxGroup("NOVAT", "Outside VAT", Decimal(0), "NOVAT"),
)
_CURRENCIES = ("USD", "SEK", "NOK", "GBP", "DKK")
_FIRST_RATES = (("USD", "0.9210"), ("SEK", "0.0880"), ("NOK", "0.0855"), ("GBP", "1.1640"))
"""DKK is known but was never given a rate: its bills cannot be posted."""

_CHART = (
    (
        "1000",
        "Fixed assets",
        "Assets",
        "Machines|Vehicles|Furniture|Computers|Buildings|Land|Tools|Leasehold",
    ),
    ("1400", "Stock and receivables", "Assets", "Goods|Raw material|Prepaid rent|Prepaid insurance|Deposits"),
    (
        "4000",
        "Purchases",
        "Cost of Goods Sold",
        "Goods|Raw material|Packaging|Subcontracting|Inbound freight|Customs",
    ),
    (
        "4200",
        "External services",
        "Cost of Goods Sold",
        "Assembly|Design|Testing|Certification|Laboratory|Storage",
    ),
    (
        "5000",
        "Personnel",
        "Expense",
        "Training|Recreation|Workwear|Health care|Recruitment|Meals|Gifts|Canteen",
    ),
    (
        "6000",
        "Premises",
        "Expense",
        "Rent|Electricity|Heating|Water|Cleaning|Waste|Repairs|Security|Gardening",
    ),
    ("6100", "Office", "Expense", "Stationery|Copy paper|Printing|Postage|Small furniture|Coffee|Archiving"),
    (
        "6200",
        "Information technology",
        "Expense",
        "Licences|Cloud services|Hardware|Support|Telephony|Internet",
    ),
    ("6300", "Travel", "Expense", "Tickets|Hotels|Taxis|Car rental|Daily allowances|Parking|Conference fees"),
    ("6400", "Vehicles", "Expense", "Fuel|Service|Tyres|Insurance|Leasing|Washing|Tolls|Inspection"),
    (
        "6500",
        "Machines and tools",
        "Expense",
        "Leasing|Service|Spare parts|Lubricants|Small tools|Calibration",
    ),
    ("6600", "Marketing", "Expense", "Advertising|Fairs|Web|Agency|Sponsoring|Samples|Photography|Prints"),
    (
        "6700",
        "Administration",
        "Expense",
        "Audit|Legal|Bookkeeping|Bank charges|Insurance|Memberships|Consulting",
    ),
    ("6800", "Research", "Expense", "Materials|Prototypes|Patents|Licences|University|Measurements|Trials"),
    ("6900", "Other expenses", "Expense", "Donations|Fines|Bad debts|Rounding|Sundry|Environmental fees"),
    ("8000", "Financial items", "Expense", "Interest|Exchange differences|Late fees|Guarantees|Credit cards"),
)


def found(
    code: str = "1000",
    *,
    today: date,
    seed: int = 7,
    vendors: int = 320,
    orders: int = 84,
    invoices: int | None = None,
) -> TradingCompany:
    """Founds the company of that Basware company code, as it stands on `today`.

    `invoices=None` gives the full set of stories; a number gives that many plain invoices that all post.
    The stories need at least 20 vendors and 10 orders; fewer raise ValueError.
    """
    rng = Random(f"{seed}/{code}")
    dimension_values = tuple(_dimension_values())
    accounts = tuple(_accounts())
    items = tuple(_items(accounts))
    suppliers = tuple(_vendors(rng, vendors))
    bare = TradingCompany(
        code=code,
        name="Acme Trading Oy" if code == "1000" else f"Acme Trading {code}",
        currency="EUR",
        vendors=suppliers,
        accounts=accounts,
        dimension_values=dimension_values,
        payment_terms=_TERMS,
        tax_groups=_TAX_GROUPS,
        items=items,
        orders=tuple(_orders(rng, orders, today, vendors=suppliers, accounts=accounts, items=items)),
        invoices=(),
        already_posted=(),
        currencies=_CURRENCIES,
        rates=tuple(_rates(rng, today)),
        posting_from=(today - timedelta(days=75)).replace(day=1),
        posting_to=_month_end(today + timedelta(days=31)),
        today=today,
    )
    return story_invoices(bare, rng) if invoices is None else load_invoices(bare, rng, invoices)


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _vendors(rng: Random, count: int) -> Iterator[Vendor]:
    for index in range(count):
        country, currency, cities, form, dial = _COUNTRIES[index % len(_COUNTRIES)]
        name = f"{rng.choice(_FIRST)} {rng.choice(_TRADE)} {form}"
        if index % 60 == 11:
            name = _ODD_NAMES[index // 60 % len(_ODD_NAMES)]
        number = f"V{index + 1:06d}"
        yield Vendor(
            number=number,
            name=name,
            street=f"{rng.choice(_STREETS)} {rng.randint(1, 120)}",
            city=rng.choice(cities),
            post_code=f"{rng.randint(100, 99999):05d}",
            country=country,
            email=f"invoicing.{number.lower()}@vendor.example",
            phone=f"{dial}{rng.randint(100000, 999999)}",
            vat_number=f"{country}{rng.randint(10_000_000, 99_999_999)}",
            currency=currency,
            payment_term=rng.choice(_TERMS).code,
            blocked=_blocked(index),
            default_dimensions=_vendor_dimensions(index),
        )


def _blocked(index: int) -> str:
    if index == 7 or index % 64 == 63:
        return "All"
    return "Payment" if index == 5 or index % 40 == 39 else ""


def _vendor_dimensions(index: int) -> tuple[tuple[str, str], ...]:
    if index % 27 == 13:
        return (("DEPARTMENT", "D030"), ("AREA", "A05"))
    return (("AREA", "A03"),) if index % 9 == 4 else ()


def _accounts() -> Iterator[Account]:
    for first, title, category, names in _CHART:
        start = int(first)
        yield Account(first, title, category, "Heading", direct_posting=False)
        posting = names.split("|")
        for offset, name in enumerate(posting, 1):
            for half, suffix in enumerate(("domestic", "abroad")):
                number = str(start + offset * 10 + half * 5)
                yield Account(number, f"{name}, {suffix}", category, "Posting", direct_posting=start != 1400)
        yield Account(
            str(start + len(posting) * 10 + 9),
            f"Total {title.lower()}",
            category,
            "Total",
            direct_posting=False,
        )
    yield Account("2910", "Old suspense account", "Liabilities", blocked=True)
    yield Account("2920", "Accruals", "Liabilities", default_dimensions=(("CAMPAIGN", "C01"),))
    yield Account("6990", "Closed cost account", "Expense", blocked=True)


def _dimension_values() -> Iterator[DimensionValue]:
    for number in range(1, 46):
        yield DimensionValue("DEPARTMENT", f"D{number * 10:03d}", f"Department {number * 10}", blocked=number == 45)
    for number in range(1, 121):
        yield DimensionValue("PROJECT", f"P-{number:03d}", f"Project {number}", blocked=number == 99)
    for number in range(1, 26):
        yield DimensionValue("AREA", f"A{number:02d}", f"Area {number}")
    for number in range(1, 21):
        yield DimensionValue("CAMPAIGN", f"C{number:02d}", f"Campaign {number}")


def _items(accounts: tuple[Account, ...]) -> Iterator[Item]:
    purchases = [account.number for account in accounts if account.number.startswith("40") and account.direct_posting]
    for number in range(1, 31):
        yield Item(
            f"I{number:04d}",
            f"Article {number}",
            Decimal(number * 375 % 9000 + 125) / 100,
            "VAT24",
            purchases[number % len(purchases)],
        )


def _orders(
    rng: Random,
    count: int,
    today: date,
    *,
    vendors: tuple[Vendor, ...],
    accounts: tuple[Account, ...],
    items: tuple[Item, ...],
) -> Iterator[Order]:
    open_vendors = [vendor for vendor in vendors[:500] if not vendor.blocked]
    expenses = [
        account for account in accounts if account.direct_posting and not account.blocked and account.number > "6"
    ]
    for index in range(count):
        vendor = rng.choice(open_vendors)
        status = "Open"
        if index % 21 == 20:
            status = "Draft" if index % 2 == 0 else "In Review"
        yield Order(
            number=f"PO{index + 100001}",
            vendor=vendor.number,
            currency=vendor.currency,
            date=today - timedelta(days=rng.randint(5, 120)),
            status=status,
            lines=tuple(_order_lines(rng, expenses, items, status)),
        )


def _order_lines(rng: Random, accounts: list[Account], items: tuple[Item, ...], status: str) -> Iterator[OrderLine]:
    for position in range(1, rng.randint(1, 6) + 1):
        thing = rng.choice(items) if rng.random() < 0.4 else rng.choice(accounts)
        quantity = Decimal(rng.randint(1, 40))
        cost = thing.unit_cost if isinstance(thing, Item) else Decimal(rng.randint(500, 90000)) / 100
        yield OrderLine(
            line=position * 10000,
            kind="Item" if isinstance(thing, Item) else "Account",
            number=thing.number,
            description=thing.name,
            quantity=quantity,
            unit_cost=cost,
            tax_group="VAT24",
            received=quantity if status == "Open" and rng.random() < 0.7 else Decimal(0),
            invoiced=Decimal(0),
        )


def _rates(rng: Random, today: date) -> Iterator[tuple[str, date, Decimal]]:
    for currency, first in _FIRST_RATES:
        rate = Decimal(first)
        for weeks in range(60, -1, -1):
            rate = (rate * (1 + Decimal(rng.randint(-80, 80)) / 10000)).quantize(Decimal("0.000001"))
            yield currency, today - timedelta(weeks=weeks), rate
