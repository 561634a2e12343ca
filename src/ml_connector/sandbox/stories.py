"""The invoices of the trading company: each is in the set for a reason, which it carries as its story."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from ml_connector.sandbox.trade import (
    CENT,
    Account,
    CodingRow,
    Invoice,
    InvoiceKind,
    Order,
    TradingCompany,
    Vendor,
    rounded,
)

_TAX_PERCENT = {"T24": Decimal(24), "T14": Decimal(14), "T10": Decimal(10), "T0": Decimal(0)}
_ODD_TEXTS = (
    "Förbrukningsmaterial för Åbo – ”hösten”",
    "Straßenreinigung, Größe <XL> & mehr",
    "O'Brien's \"special\" delivery; 100 % & more",
    "Kahvit ☕ ja pullat 🥐 kokoukseen",
    "Tab\tand\nnew line in one text",
    "x" * 240,
    "ÅÄÖ åäö ñ ç ø æ " * 12,
)
_ODD_NUMBERS = ("O'B-{}", "Å/{}-ß", "A&B#{}", "{} % 7", "inv-{}a", "<{}>", "+{}=1")


@dataclass(slots=True)
class Desk:
    """Where invoices are made: picks vendors, accounts and dates, keeps sums right unless told otherwise."""

    company: TradingCompany
    rng: Random
    prefix: str
    made: list[Invoice] = field(default_factory=list)
    posted: list[Invoice] = field(default_factory=list)
    vendors: list[Vendor] = field(init=False)
    accounts: list[Account] = field(init=False)

    def __post_init__(self) -> None:
        self.vendors = [vendor for vendor in self.company.vendors if vendor.blocked != "All"]
        self.accounts = [
            account
            for account in self.company.accounts
            if account.account_type == "Posting"
            and account.direct_posting
            and not account.blocked
            and account.category == "Expense"
        ]

    def vendor(self, currency: str | None = None) -> Vendor:
        """One that may be billed; paying in `currency`, the company's own when left out."""
        wanted = currency or self.company.currency
        while True:
            vendor = self.rng.choice(self.vendors)
            if vendor.currency == wanted and not vendor.blocked:
                return vendor

    def row(self, *, tax_code: str = "T24", net: Decimal | None = None, deep: int = 1) -> CodingRow:
        """One row with `deep` dimensions; its tax is settled with the whole invoice."""
        amount = Decimal(self.rng.randint(500, 250_000)) / 100 if net is None else net
        account = self.rng.choice(self.accounts)
        return CodingRow(
            account=account.number,
            net=amount,
            gross=amount,
            tax=Decimal(0),
            tax_code=tax_code,
            tax_percent=_TAX_PERCENT.get(tax_code, Decimal(24)),
            dimensions=self._dimensions(deep),
            text=account.name,
        )

    def _dimensions(self, deep: int) -> tuple[tuple[str, str], ...]:
        chosen = (
            ("DEPARTMENT", f"D{self.rng.randint(1, 44) * 10:03d}"),
            ("PROJECT", f"P-{self.rng.randint(1, 98):03d}"),
            ("AREA", f"A{self.rng.randint(1, 25):02d}"),
            ("CAMPAIGN", f"C{self.rng.randint(1, 20):02d}"),
        )
        return chosen[:deep]

    def write(
        self,
        story: str,
        *,
        case: str = "plain",
        vendor: Vendor | None = None,
        rows: Sequence[CodingRow] = (),
        currency: str | None = None,
        type_code: str = "RE",
        posts: bool = True,
        number: str | None = None,
        description: str = "",
    ) -> Invoice:
        """Makes an invoice whose sums agree to the cent, adds it to the set and returns it."""
        supplier = vendor or self.vendor(currency)
        settled = settle(rows or [self.row()])
        invoiced = self.company.today - timedelta(days=self.rng.randint(4, 40))
        booked = min(invoiced + timedelta(days=self.rng.randint(0, 4)), self.company.today)
        money = currency or supplier.currency
        net = sum((row.net for row in settled), Decimal(0))
        tax = sum((row.tax for row in settled), Decimal(0))
        credit = type_code == "CN" or net + tax < 0
        invoice = Invoice(
            document_id=f"{self.rng.getrandbits(128):032x}",
            number=f"{self.prefix}{len(self.made) + 1:06d}" if number is None else number,
            vendor=supplier.number,
            vendor_name=supplier.name,
            kind=InvoiceKind.CREDIT_NOTE if credit else InvoiceKind.INVOICE,
            type_code=type_code,
            currency=money,
            rate=self.rate(money, booked),
            invoice_date=invoiced,
            voucher_date=booked,
            due_date=invoiced + timedelta(days=self._days(supplier)),
            net=net,
            tax=tax,
            gross=net + tax,
            rows=settled,
            description=description or f"{supplier.name}: {settled[0].text}" if settled else description,
            order_numbers=tuple(dict.fromkeys(row.order_number for row in settled if row.order_number)),
            story=story,
            case=case,
            posts=posts,
        )
        self.made.append(invoice)
        return invoice

    def change(self, invoice: Invoice, **changes: object) -> Invoice:
        """Spoils the invoice made last, or whichever it is, in place."""
        changed = replace(invoice, **changes)  # pyright: ignore[reportArgumentType]
        self.made[self.made.index(invoice)] = changed
        return changed

    def rate(self, currency: str, day: date) -> Decimal:
        """Company currency for one unit on that day; 1 where the ledger has no rate."""
        known = [rate for code, start, rate in self.company.rates if code == currency and start <= day]
        return known[-1] if known else Decimal(1)

    def _days(self, vendor: Vendor) -> int:
        return next(term.days for term in self.company.payment_terms if term.code == vendor.payment_term)


def settle(rows: Sequence[CodingRow]) -> tuple[CodingRow, ...]:
    """Gives each row its tax so that the sum per rate is rounded once, which is how the ledger does it."""
    bases: dict[str, Decimal] = {}
    taxes: dict[str, Decimal] = {}
    settled: list[CodingRow] = []
    for row in rows:
        bases[row.tax_code] = bases.get(row.tax_code, Decimal(0)) + row.net
        total = rounded(bases[row.tax_code] * row.tax_percent / 100)
        tax = total - taxes.get(row.tax_code, Decimal(0))
        taxes[row.tax_code] = total
        settled.append(replace(row, tax=tax, gross=row.net + tax))
    return tuple(settled)


def load_invoices(company: TradingCompany, rng: Random, count: int) -> TradingCompany:
    """`count` plain invoices of one to three lines that all post."""
    desk = Desk(company, rng, f"L{company.code}-")
    for _ in range(count):
        rows = [desk.row() for _ in range(rng.randint(1, 3))]
        desk.write("A plain invoice of a load set: it posts.", vendor=_home_vendor(desk), rows=rows)
    return replace(company, invoices=tuple(desk.made))


def _home_vendor(desk: Desk) -> Vendor:
    while True:
        vendor = desk.rng.choice(desk.vendors)
        if vendor.currency == desk.company.currency and not vendor.default_dimensions:
            return vendor


def story_invoices(company: TradingCompany, rng: Random) -> TradingCompany:
    """Every kind of invoice and every way to fail, at least 120 of them, about two thirds without trouble."""
    if len(company.vendors) < 20 or len(company.orders) < 10:
        message = "The stories need at least 20 vendors and 10 orders."
        raise ValueError(message)
    desk = Desk(company, rng, f"INV-{company.code}-")
    for tell in _TELLERS:
        tell(desk)
    return replace(company, invoices=tuple(desk.made), already_posted=tuple(desk.posted))


def _plain(desk: Desk) -> None:
    for number in range(36):
        rows = [desk.row(deep=number % 4 + 1) for _ in range(number % 3 + 1)]
        desk.write("An ordinary invoice: it posts.", rows=rows)


def _taxes(desk: Desk) -> None:
    for _ in range(3):
        desk.write("No VAT at all: it posts.", case="zero-vat", rows=[desk.row(tax_code="T0")])
        mixed = [desk.row(tax_code=code, deep=2) for code in ("T24", "T14", "T10", "T0")]
        desk.write("Four VAT rates in one invoice: it posts.", case="mixed-vat", rows=mixed)
    thirds = [desk.row(net=Decimal("33.33")) for _ in range(3)]
    desk.write("VAT that rounds differently by line and by sum: it posts.", case="rounding", rows=thirds)
    rebate = [desk.row(net=Decimal(400)), desk.row(net=Decimal(-40))]
    desk.write("A rebate as a negative row: it posts.", case="negative-row", rows=rebate)


def _currencies(desk: Desk) -> None:
    for currency in ("USD", "SEK", "NOK", "GBP") * 2:
        rows = [desk.row(deep=2) for _ in range(2)]
        desk.write(f"Billed in {currency}: it posts.", case="foreign-currency", currency=currency, rows=rows)
    desk.write(
        "A vendor that usually bills in SEK bills in euro this time: it posts in EUR.",
        case="currency-not-the-vendors",
        vendor=desk.vendor("SEK"),
        currency="EUR",
    )


def _credits(desk: Desk) -> None:
    for _ in range(5):
        desk.write(
            "A credit note by its type: it posts as a credit memo.",
            case="credit-note",
            type_code="CN",
            rows=[desk.row(net=-Decimal(desk.rng.randint(1000, 90000)) / 100) for _ in range(2)],
        )
    desk.write(
        "A credit note told only by its negative gross: it posts as a credit memo.",
        case="credit-note-by-sign",
        rows=[desk.row(net=Decimal("-120.50"))],
    )
    desk.write(
        "A credit note by its type, with sums of positive sign: it posts as a credit memo.",
        case="credit-note-positive",
        type_code="CN",
        rows=[desk.row(net=Decimal("75.20"))],
    )


def _ordered(desk: Desk) -> None:
    items = {item.number: item.account for item in desk.company.items}
    vendors = {vendor.number: vendor for vendor in desk.company.vendors}
    matched = [order for order in desk.company.orders if order.status == "Open" and order.currency != "DKK"][:8]
    for order in matched:
        rows = [_order_row(desk, order, index, items) for index in range(len(order.lines))]
        story = f"Matched to order {order.number}: it posts, coded to accounts."
        desk.write(story, case="order-matched", vendor=vendors[order.vendor], currency=order.currency, rows=rows)


def _order_row(desk: Desk, order: Order, index: int, items: dict[str, str]) -> CodingRow:
    line = order.lines[index]
    account = items.get(line.number, line.number)
    row = desk.row(net=line.net)
    return replace(row, account=account, text=line.description, order_number=order.number, order_line=str(line.line))


def _long_and_odd(desk: Desk) -> None:
    for lines in (12, 40, 99, 101, 150):
        rows = [desk.row(deep=index % 3) for index in range(lines)]
        desk.write(f"{lines} rows: it posts.", case="many-lines", rows=rows)
    for text in _ODD_TEXTS:
        row = replace(desk.row(), text=text)
        desk.write("Odd or very long text: it posts.", case="odd-text", rows=[row], description=text)
    for index, pattern in enumerate(_ODD_NUMBERS):
        number = pattern.format(f"{desk.company.code}{index:02d}")
        desk.write("Odd characters in the invoice number: it posts.", case="odd-number", number=number)
    defaults = [vendor for vendor in desk.vendors if vendor.default_dimensions and vendor.currency == "EUR"][:4]
    for vendor in defaults:
        desk.write(
            "The vendor brings a dimension of its own that the coding overrules: it posts.",
            case="default-dimension",
            vendor=vendor,
            rows=[desk.row(deep=3), desk.row(deep=1)],
        )


def _vendor_troubles(desk: Desk) -> None:
    blocked = [vendor for vendor in desk.company.vendors if vendor.blocked == "All"]
    no_payments = [vendor for vendor in desk.company.vendors if vendor.blocked == "Payment"]
    for number in range(2):
        stranger = replace(desk.vendor(), number=f"X{number + 900001}", name="Unknown Trader Oy")
        desk.write("Its vendor is not in the ledger.", case="vendor-unknown", vendor=stranger, posts=False)
        refused = blocked[number % len(blocked)]
        desk.write("Its vendor is blocked for everything.", case="vendor-blocked", vendor=refused, posts=False)
        desk.write(
            "Its vendor is blocked for payments only: it posts.",
            case="vendor-blocked-for-payment",
            vendor=no_payments[number % len(no_payments)],
        )


def _coding_troubles(desk: Desk) -> None:
    accounts = (
        ("account-unknown", "9999", "Coded to an account that does not exist."),
        ("account-blocked", "6990", "Coded to a blocked account."),
        ("account-heading", "6100", "Coded to a heading."),
        ("account-no-direct-posting", "1410", "Coded to an account closed to direct posting."),
    )
    for case, account, story in accounts * 2:
        desk.write(story, case=case, rows=[desk.row(), replace(desk.row(), account=account)], posts=False)
    dimensions = (
        ("dimension-unknown", ("DEPARTMENT", "D999"), "Coded to a department that does not exist."),
        ("dimension-unknown", ("PROJECT", "P-777"), "Coded to a project that does not exist."),
        ("dimension-blocked", ("DEPARTMENT", "D450"), "Coded to a blocked department."),
        ("dimension-blocked", ("PROJECT", "P-099"), "Coded to a blocked project."),
    )
    for case, value, story in dimensions:
        desk.write(story, case=case, rows=[replace(desk.row(), dimensions=(value,))], posts=False)
    for code in ("T99", "EXEMPT"):
        rows = [replace(desk.row(), tax_code=code)]
        desk.write("A tax code that leads nowhere.", case="tax-code-unknown", rows=rows, posts=False)


def _money_troubles(desk: Desk) -> None:
    home = desk.company.currency
    for _ in range(2):
        desk.write(
            "A currency the ledger has no rate for.",
            case="rate-missing",
            vendor=desk.vendor(home),
            currency="DKK",
            posts=False,
        )
        desk.write(
            "A currency the ledger does not know.",
            case="currency-unknown",
            vendor=desk.vendor(home),
            currency="PLN",
            posts=False,
        )
        short = desk.write("Its rows do not add up to its net sum.", case="rows-do-not-add-up", posts=False)
        desk.change(short, net=short.net + 10, gross=short.gross + 10)
        taxed = desk.write("Its gross is not what the ledger computes.", case="totals-differ", posts=False)
        tax = rounded(taxed.net * Decimal("0.255"))
        row = replace(taxed.rows[0], tax=tax, gross=taxed.net + tax)
        desk.change(taxed, tax=tax, gross=taxed.net + tax, rows=(row,))
        cent = desk.write("Its gross is a cent off, within the tolerance: it posts.", case="cent-off")
        desk.change(cent, tax=cent.tax + CENT, gross=cent.gross + CENT)


def _paper_troubles(desk: Desk) -> None:
    for number in range(2):
        closed = desk.write("Its posting date is in a closed period.", case="period-closed", posts=False)
        day = desk.company.posting_from - timedelta(days=20 + number)
        desk.change(closed, invoice_date=day, voucher_date=day, due_date=day + timedelta(days=30))
        long = f"{desk.company.code}-{number}-" + "0123456789" * 4
        desk.write("Its number is longer than the ledger takes.", case="number-too-long", number=long, posts=False)
        desk.write("It has no number.", case="number-missing", number="", posts=False)
        empty = desk.write("It has no coding rows.", case="no-coding", posts=False)
        desk.change(empty, rows=())


def _duplicates(desk: Desk) -> None:
    for _ in range(2):
        known = desk.write("Somebody keyed it into the ledger already.", case="posted-by-somebody-else", posts=False)
        keyed = replace(known, document_id=f"{desk.rng.getrandbits(128):032x}")
        desk.posted.append(replace(keyed, story=f"Keyed by hand before {known.document_id} was approved."))
        first = desk.write("Came twice; this is the first: it posts.", case="twice-first")
        twin = desk.write(
            "The same supplier number a second time: only one of the two may be posted.",
            case="twice-second",
            number=first.number,
            posts=False,
        )
        desk.change(
            twin,
            vendor=first.vendor,
            vendor_name=first.vendor_name,
            rows=first.rows,
            net=first.net,
            tax=first.tax,
            gross=first.gross,
        )


_TELLERS: tuple[Callable[[Desk], None], ...] = (
    _plain,
    _taxes,
    _currencies,
    _credits,
    _ordered,
    _long_and_odd,
    _vendor_troubles,
    _coding_troubles,
    _money_troubles,
    _paper_troubles,
    _duplicates,
)
