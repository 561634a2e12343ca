"""Master data: the methods on accounts and suppliers, and the changes that people make to masters."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.epicor_kinetic.books import CHART, DOMESTIC, SEGMENTS, Books
from ml_connector.sandbox.epicor_kinetic.chart import put_combination, stored_form
from ml_connector.sandbox.epicor_kinetic.errors import no_record, rejected
from ml_connector.sandbox.epicor_kinetic.plugs import Outcome, Visit, operation
from ml_connector.sandbox.epicor_kinetic.reading import tableset_of
from ml_connector.sandbox.epicor_kinetic.schema import SERVICES, TABLES, Row, keys_of
from ml_connector.sandbox.epicor_kinetic.wire import read_row

_ACCOUNTS = "Erp.BO.GLAccountSvc"
_VENDORS = "Erp.BO.VendorSvc"
_RECORDS = frozenset(
    {"PurTerms", "TaxCat", "TaxRgn", "Currency", "PayMethod", "Plant", "COASegment", "VendBank", "XbSyst", "APSyst"}
)
_PLAIN = frozenset({"company", "number", "name", "delete", "set", "key", "dimension", "code", "active"})


@operation(_ACCOUNTS, "GlAccountExists")
def account_exists(visit: Visit, asked: Row) -> Outcome:
    """Whether the chart has an account; the display form is none (Epicor dossier 17.35)."""
    known = str(asked["ipCOACode"]).upper() == CHART and visit.books.account(str(asked["ipGLAccount"])) is not None
    return Outcome(returned=known)


@operation(_ACCOUNTS, "ValidateGLAccount")
def validate_account(visit: Visit, asked: Row) -> Outcome:
    """Refuses an account that cannot be used on a day."""
    day = str(asked["EffectiveDate"] or visit.books.store.today().isoformat())
    fault = visit.books.account_fault(str(asked["GLAccount"]), day)
    if fault or str(asked["COACode"]).upper() != CHART:
        raise rejected(fault or f"Chart of accounts {asked['COACode']} does not exist.")
    return Outcome()


@operation(_VENDORS, "GetByVendID")
def vendor_by_code(visit: Visit, asked: Row) -> Outcome:
    """The supplier of that code with all that hangs on it."""
    row = visit.books.vendor_by_code(str(asked["vendorID"]))
    if row is None:
        raise no_record()
    return Outcome(returned=tableset_of(visit.books, SERVICES[_VENDORS], "GetByID", [row]))


def change_vendor(books: Books, asked: dict[str, Any]) -> Any:
    """{number, name?, rename?, ...columns of Vendor, delete?}: somebody edits a supplier, or creates one."""
    table = books.table("Vendor")
    stored = books.vendor_by_code(str(asked["number"]))
    if asked.get("delete"):
        table.drop(_found(stored, f"supplier {asked['number']}"))
        return {"deleted": asked["number"]}
    if stored is None:
        number = max((row["VendorNum"] for row in table.all()), default=0) + 1
        stored = {
            "Company": books.id,
            "VendorNum": number,
            "VendorID": str(asked["number"]),
            "CurrencyCode": books.currency,
            "TaxRegionCode": DOMESTIC,
            "TermsCode": books.company.payment_terms[0].code,
        }
    given = _given("Vendor", asked)
    if "name" in asked:
        given["Name"] = str(asked["name"])
    if "rename" in asked:
        given["VendorID"] = str(asked["rename"])
    row = table.put({**stored, **given})
    return {"VendorNum": row["VendorNum"], "VendorID": row["VendorID"], "SysRevID": row["SysRevID"]}


def change_account(books: Books, asked: dict[str, Any]) -> Any:
    """{number, name?, active?, combination?, delete?}: a natural account; `combination` makes a GL account of it."""
    if "combination" in asked:
        stored = stored_form([str(asked["number"]), *(str(each) for each in asked["combination"])])
        if asked.get("delete"):
            books.table("GLAccount").drop(_found(books.account(stored), f"account {stored}"))
            return {"deleted": stored}
        row = put_combination(books, stored)
        if "active" in asked:
            row = books.table("GLAccount").put({**row, "Active": bool(asked["active"])})
        return {"GLAccount": stored, "SysRevID": row["SysRevID"]}
    answer = _change_value(books, 1, str(asked["number"]), asked)
    if not asked.get("delete") and books.account(str(asked["number"])) is None:
        put_combination(books, str(asked["number"]))
    return answer


def change_value(books: Books, asked: dict[str, Any]) -> Any:
    """{dimension: 2-4 or its name, code, name?, active?, ...columns of COASegValues, delete?}."""
    named = str(asked["dimension"])
    number = int(named) if named.isdecimal() else SEGMENTS.get(named.upper())
    if number is None:
        message = f"There is no segment {named} here."
        raise LookupError(message)
    return _change_value(books, number, str(asked["code"]), asked)


def _change_value(books: Books, segment: int, code: str, asked: dict[str, Any]) -> Any:
    table, stored = books.table("COASegValues"), books.segment_value(segment, code)
    if asked.get("delete"):
        table.drop(_found(stored, f"value {code} of segment {segment}"))
        return {"deleted": code}
    new = {"COACode": CHART, "SegmentNbr": segment, "SegmentCode": code, "SegmentName": code, "ActiveFlag": True}
    given = _given("COASegValues", asked)
    if "name" in asked:
        given |= {"SegmentName": str(asked["name"]), "SegmentDesc": str(asked["name"])}
    if "active" in asked:
        given["ActiveFlag"] = bool(asked["active"])
    row = table.put({"Company": books.id, **(stored or new), **given})
    return {"SegmentNbr": segment, "SegmentCode": code, "SysRevID": row["SysRevID"]}


def change_record(books: Books, asked: dict[str, Any]) -> Any:
    """{set: name of the table, key: list of key values after Company, ...columns, delete?}: any other master."""
    name, keys = str(asked["set"]), asked.get("key", [])
    if name not in _RECORDS:
        message = f"There is no master {name} here."
        raise LookupError(message)
    table = books.table(name)
    values = keys if isinstance(keys, list) else [keys]
    stored = table.get(books.id, *values)
    if asked.get("delete"):
        table.drop(_found(stored, f"{name} {keys}"))
        return {"deleted": keys}
    keyed = dict(zip(keys_of(name), (books.id, *values), strict=True))
    percent = {"_percent": Decimal(str(asked["percent"]))} if "percent" in asked else {}
    new = {"_percent": Decimal(0)} if name == "TaxCat" else {}
    row = table.put({**(stored or new), **keyed, **_given(name, asked), **percent})
    return {"key": [row[each] for each in keys_of(name)], "SysRevID": row["SysRevID"]}


def change_rate(books: Books, asked: dict[str, Any]) -> Any:
    """{currency, rate, from?} or {currency, delete}."""
    currency = str(asked["currency"])
    if asked.get("delete"):
        books.rates.pop(currency, None)
        return {"currency": currency, "rates": 0}
    start = str(asked.get("from", books.store.today().isoformat()))
    date.fromisoformat(start)
    rates = [each for each in books.rates.get(currency, []) if each[0] != start]
    books.rates[currency] = sorted([*rates, (start, Decimal(str(asked["rate"])))])
    return {"currency": currency, "rates": len(books.rates[currency])}


def _given(table: str, asked: dict[str, Any]) -> Row:
    return read_row(TABLES[table], {name: value for name, value in asked.items() if name not in _PLAIN})


def _found(row: Row | None, what: str) -> Row:
    if row is None:
        message = f"There is no {what} here."
        raise LookupError(message)
    return row
