"""Master data: rows as Business Central sends them become our records."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors import odata
from ml_connector.connectors.business_central.formulas import DueRule, parse_formula, plain_days
from ml_connector.connectors.business_central.mapping import (
    account_of,
    changed_since,
    date_of,
    later,
    order_of,
    payment_term_of,
    vendor_of,
)

VENDOR = {
    "@odata.etag": 'W/"x"', "id": "0f0e2c11-1f60-4a32-8a60-7a3d60c3a001", "number": "20000",
    "displayName": "Fjord Papir AS", "addressLine1": "Havnegata 4", "addressLine2": "", "city": "Bergen",
    "state": "", "country": "NO", "postalCode": "5003", "phoneNumber": "", "email": "",
    "taxRegistrationNumber": "NO999", "currencyCode": "NOK", "blocked": "_x0020_",
    "paymentTermsId": "11111111-0000-0000-0000-000000000000", "lastModifiedDateTime": "2026-08-01T09:12:33.41Z",
}  # fmt: skip
ACCOUNT = {
    "id": "a", "number": "6110", "displayName": "Paper", "category": "Expense", "blocked": False,
    "accountType": "Posting", "directPosting": True,
}  # fmt: skip


def test_a_vendor_with_its_terms() -> None:
    vendor = vendor_of(VENDOR, {VENDOR["paymentTermsId"]: "30D"})
    assert (vendor.key, vendor.number, vendor.payment_term) == (VENDOR["id"], "20000", "30D")
    assert (vendor.active, vendor.payment_blocked) == (True, False)
    assert (vendor.address.street, vendor.address.country) == ("Havnegata 4", "NO")


@pytest.mark.parametrize(
    ("blocked", "active", "payment_blocked"),
    [("_x0020_", True, False), (" ", True, False), ("Payment", True, True), ("All", False, False)],
)
def test_blocks_of_vendors(blocked: str, active: bool, payment_blocked: bool) -> None:
    vendor = vendor_of({**VENDOR, "blocked": blocked}, {})
    assert (vendor.active, vendor.payment_blocked) == (active, payment_blocked)


@pytest.mark.parametrize(
    ("change", "active"),
    [
        ({}, True),
        ({"blocked": True}, False),
        ({"directPosting": False}, False),
        ({"accountType": "Heading"}, False),
        ({"accountType": "Begin_x002D_Total"}, False),
    ],
)
def test_only_accounts_a_line_may_use_are_active(change: dict[str, object], active: bool) -> None:
    assert account_of({**ACCOUNT, **change}).active is active


ORDER = {
    "id": "o", "number": "PO1", "orderDate": "2026-08-01", "vendorNumber": "20000", "currencyCode": "NOK",
    "paymentTermsId": "00000000-0000-0000-0000-000000000000", "status": "Open",
    "lastModifiedDateTime": "2026-08-01T09:12:33.41Z",
    "purchaseOrderLines": [
        {"id": "2", "sequence": 20000, "lineType": "Account", "lineObjectNumber": "6110", "quantity": 2,
         "directUnitCost": Decimal("10.5"), "amountExcludingTax": 21, "invoicedQuantity": 2, "receivedQuantity": 2},
        {"id": "3", "sequence": 30000, "lineType": "Comment", "description": "thanks"},
        {"id": "1", "sequence": 10000, "lineType": "Item", "lineObjectNumber": "1896-S", "quantity": 5,
         "directUnitCost": 100, "amountExcludingTax": 500, "invoicedQuantity": 1, "receivedQuantity": 3},
    ],
}  # fmt: skip


def test_an_order_with_its_lines_in_order_and_comments_left_out() -> None:
    order = order_of(ORDER, {})
    assert order.active
    assert [each.number for each in order.lines] == ["10000", "20000"]
    item, account = order.lines
    assert (item.product, item.account, item.closed) == ("1896-S", "", False)
    assert (item.received_quantity, item.invoiced_quantity) == (3, 1)
    assert (account.product, account.account, account.closed) == ("", "6110", True)
    assert account.unit_price == Decimal("10.5")


@pytest.mark.parametrize("status", ["Draft", "In_x0020_Review"])
def test_orders_that_are_not_released_are_inactive(status: str) -> None:
    assert not order_of({**ORDER, "status": status}, {}).active


@pytest.mark.parametrize(
    ("formula", "rule"),
    [
        ("30D", DueRule(30)),
        ("<30D>", DueRule(30)),
        ("4W", DueRule(28)),
        ("0D", DueRule(0)),
        ("", DueRule(0)),
        ("CM", DueRule(0, 1)),
        ("CM+10D", DueRule(0, 1, 10)),
        ("1M+CM", DueRule(0, 2)),
        ("30D+CM", DueRule(30, 1)),
        ("14D+1M+CM+5D", DueRule(14, 2, 5)),
        ("cm + 10d", DueRule(0, 1, 10)),
        ("CM+1M", None),
        ("1M", None),
        ("1M+10D", None),
        ("CM-1D", None),
        ("-5D", None),
        ("WD3", None),
        ("CQ", None),
        ("1Y", None),
        ("CM+CM", None),
        ("30", None),
        ("30D10D", None),
        ("??", None),
    ],
)
def test_date_formulas(formula: str, rule: DueRule | None) -> None:
    assert parse_formula(formula) == rule


@given(st.text("0123456789DWMCYQ+-<> ", max_size=12))
def test_no_formula_breaks_the_parser(formula: str) -> None:
    rule = parse_formula(formula)
    assert rule is None or min(rule.days, rule.end_of_month, rule.days_after) >= 0
    assert plain_days(formula) is None or rule is not None


def test_terms_with_a_discount() -> None:
    row = {"id": "t", "code": "10D2%", "displayName": "", "dueDateCalculation": "30D",
           "discountDateCalculation": "10D", "discountPercent": 2}  # fmt: skip
    term = payment_term_of(row)
    assert (term.due_days, term.discount_days, term.discount_percent) == (30, 10, 2)
    vague = payment_term_of({**row, "dueDateCalculation": "1M", "discountDateCalculation": "CM"})
    assert (vague.due_days, vague.discount_days, vague.discount_percent) == (None, 0, 0)


def test_marks_are_the_largest_stamp_seen_whatever_its_digits() -> None:
    rows = [{"lastModifiedDateTime": stamp} for stamp in ("2026-08-01T09:12:33Z", "2026-08-01T09:12:33.41Z", "")]
    assert later(None, rows) == "2026-08-01T09:12:33.41Z"
    assert later("2027-01-01T00:00:00Z", rows) == "2027-01-01T00:00:00Z"
    assert later(None, [{"lastModifiedDateTime": "0001-01-01T00:00:00Z"}]) is None
    assert later("2027-01-01T00:00:00Z", []) == "2027-01-01T00:00:00Z"


def test_a_read_begins_a_minute_before_the_mark() -> None:
    assert changed_since("2026-08-01T09:12:33.41Z") == "lastModifiedDateTime ge 2026-08-01T09:11:33.410Z"


def test_the_empty_date_is_none() -> None:
    assert date_of("0001-01-01") is None
    assert date_of("2026-08-01T09:12:33.41Z") is not None


# ------------------------------------------------------------------ OData


@pytest.mark.parametrize(
    ("wire", "name"),
    [("In_x0020_Review", "In Review"), ("Non_x002D_Inventory", "Non-Inventory"), ("_x0020_", ""), ("Paid", "Paid")],
)
def test_enum_names(wire: str, name: str) -> None:
    assert odata.decode_enum(wire) == name


@given(st.lists(st.text(max_size=30), max_size=60), st.integers(50, 500))
def test_filters_are_cut_into_groups_that_fit_and_lose_nothing(values: list[str], length: int) -> None:
    groups = list(odata.chunks_of_filter("number", values, length=length))
    assert [each for group in groups for each in group] == values
    for group in groups:
        if len(group) > 1:
            assert len(odata.address("", {"f": odata.any_of("number", group)})) <= length + len("?f=")


def test_quotes_are_doubled_and_nothing_splits_the_address() -> None:
    assert odata.address("x", {"$filter": "n eq " + odata.literal("O'B&#+%")}) == (
        "x?$filter=n%20eq%20%27O%27%27B%26%23%2B%25%27"
    )


def test_a_next_link_to_another_host_is_refused() -> None:
    within = "https://api.example.com/v2.0"
    assert odata.next_link({}, within=within) is None
    link = "https://API.example.com/v2.0/x?$skiptoken=1"
    assert odata.next_link({"@odata.nextLink": link}, within=within) == link
    for foreign in ("https://evil.example.com/x", "http://api.example.com/x", "//api.example.com.evil/x"):
        with pytest.raises(ValueError, match="another host"):
            odata.next_link({"@odata.nextLink": foreign}, within=within)
