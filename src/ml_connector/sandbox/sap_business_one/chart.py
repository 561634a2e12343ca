"""The chart of accounts, plain or segmented: the same accounts under two kinds of internal code (B1 dossier 6.2)."""

from __future__ import annotations

from collections.abc import Iterator

from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.schema import Row
from ml_connector.sandbox.trade import Account

PAYABLES = "2400"
"""Control account of all suppliers."""
BANK = "1910"
INPUT_TAX = "2939"

_OWN = (
    Account(BANK, "Bank account", "Assets"),
    Account(PAYABLES, "Accounts payable", "Liabilities", direct_posting=False),
    Account(INPUT_TAX, "Input tax", "Liabilities", direct_posting=False),
)
_EXPENSES = ("Expense", "Cost of Goods Sold")
_NAMING: dict[str, tuple[str, ...]] = {
    "BusinessPartners": ("DebitorAccount",),
    "VatGroups": ("TaxAccount",),
    "PurchaseOrders": ("ControlAccount",),
    "PurchaseDeliveryNotes": ("ControlAccount",),
    "PurchaseInvoices": ("ControlAccount",),
    "PurchaseCreditNotes": ("ControlAccount",),
    "Drafts": ("ControlAccount",),
    "VendorPayments": ("TransferAccount", "CashAccount"),
    "JournalEntries": (),
    "Items": ("_account",),
}
"""Properties that name an account by its internal code, beside the AccountCode of lines."""


def chart_rows(accounts: tuple[Account, ...]) -> Iterator[Row]:
    """ChartOfAccounts of a company without segmentation: the code is the visible number."""
    father: str | None = None
    for account in sorted((*accounts, *_OWN), key=lambda each: each.number):
        heading = account.account_type == "Heading"
        father = account.number if heading else father
        yield account_row(account, None if heading else father)


def account_row(account: Account, father: str | None) -> Row:
    """One account."""
    title = account.account_type != "Posting"
    return {
        "Code": account.number,
        "Name": account.name,
        "ActiveAccount": "tNO" if title else "tYES",
        "AccountType": "at_Expenses" if account.category in _EXPENSES else "at_Other",
        "AcctCurrency": "##",
        "FatherAccountKey": father,
        "AccountLevel": 2 if father else 1,
        "LockManualTransaction": "tNO" if title or account.direct_posting else "tYES",
        "CashAccount": "tYES" if account.number == BANK else "tNO",
        "DistributionRuleRelevant": "tYES" if account.category in _EXPENSES else "tNO",
        "FrozenFor": "tYES" if account.blocked else "tNO",
        "ValidFor": "tNO",
        "LoadingFactorCode3": dict(account.default_dimensions).get("CAMPAIGN"),
    }


def set_segments(books: Books, *, enabled: bool) -> None:
    """Rebuilds the chart with the other kind of code; whatever named an account names it still."""
    if books.switches.segments == enabled:
        return
    books.switches.segments = enabled
    table = books.table("ChartOfAccounts")
    rows = table.all()
    numbers = {row["Code"]: row.get("FormatCode") or row["Code"] for row in rows}
    codes = {number: segmented_code(place) if enabled else number for place, number in enumerate(numbers.values())}
    moved = {old: codes[number] for old, number in numbers.items()}
    for row in rows:
        table.drop(row["Code"])
    for row in rows:
        number = numbers[row["Code"]]
        named = {"Code": codes[number], "FormatCode": number if enabled else None}
        table.put({**row, **named, "FatherAccountKey": moved.get(row.get("FatherAccountKey") or "")})
    _rename(books, moved)


def segmented_code(place: int) -> str:
    """The internal code of the account at that place of a segmented chart."""
    return f"_SYS{(place + 1) * 10:011d}"


def _rename(books: Books, moved: dict[str, str]) -> None:
    for name, properties in _NAMING.items():
        table = books.table(name)
        for row in table.all():
            table.put(_renamed(row, properties, moved), touch=False)


def _renamed(row: Row, properties: tuple[str, ...], moved: dict[str, str]) -> Row:
    changed: Row = {each: moved[row[each]] for each in properties if row.get(each) in moved}
    for lines in ("DocumentLines", "JournalEntryLines"):
        if lines in row:
            changed[lines] = [_renamed_line(line, moved) for line in row[lines]]
    return {**row, **changed}


def _renamed_line(line: Row, moved: dict[str, str]) -> Row:
    code = line.get("AccountCode")
    return {**line, "AccountCode": moved.get(code, code)} if code else line
