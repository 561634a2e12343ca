"""Bills as B1's documents: what is sent exists, fits, and says what the bill says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sap_bills import BILL, LINE, WORDING, bill, bills, line, texts

from ml_connector.connectors.sap_business_one.documents import (
    CREDIT_NOTES,
    DRAFT_FIELDS,
    HEADER_FIELDS,
    INVOICES,
    SORTS,
    Base,
    BillId,
    Plan,
    amount_of,
    day_of,
    document_body,
    draft_status_of,
    foretold_total,
    is_mirror,
    is_of,
    ledger_bill_of,
    pending_bill_of,
    sort_of_draft,
    unit_price,
)
from ml_connector.connectors.sap_business_one.matching import ORDER_FIELDS, RECEIPT_FIELDS
from ml_connector.connectors.sap_business_one.settlements import PAYMENT_FIELDS
from ml_connector.connectors.texts import cut, units
from ml_connector.records.invoice import Bill, BillStatus, DocumentKind
from ml_connector.records.money import add_up, json_number

FIELDS: Final[dict[str, dict[str, list[str]]]] = json.loads((Path(__file__).parent / "fields.json").read_text())
"""By type and release: the properties it has first."""
CODED = Plan()
LONGEST = {"NumAtCard": 100, "Comments": 254, "JournalMemo": 50, "ItemDescription": 100, "FreeText": 100}
ROW = {
    "DocEntry": 9120, "DocNum": 260331, "CardCode": "V000010", "NumAtCard": "FP-88213", "DocCurrency": "EUR",
    "DocTotal": Decimal("124.0"), "DocTotalFc": Decimal("0.0"), "VatSum": Decimal("24.0"), "VatSumFc": Decimal(0),
    "CancelStatus": "csNo", "DocumentStatus": "bost_Open", "TransNum": 55012,
}  # fmt: skip


def sent_lines(given_bill: Bill, plan: Plan = CODED, **wording: Any) -> list[dict[str, Any]]:
    return document_body(given_bill, plan, replace(WORDING, **wording))["DocumentLines"]


@pytest.mark.parametrize(
    ("of", "names"),
    [
        ("Documents", HEADER_FIELDS), ("Documents", DRAFT_FIELDS), ("Documents", ORDER_FIELDS),
        ("Documents", RECEIPT_FIELDS), ("VendorPayments", PAYMENT_FIELDS),
    ],
)  # fmt: skip
def test_what_is_selected_is_there_in_every_release(of: str, names: str) -> None:
    assert set(names.split(",")) <= set(FIELDS[of]["2021"])


@given(bills)
def test_what_is_sent_exists(given_bill: Bill) -> None:
    bases = (Base(20, 1, 0, Decimal(3), Decimal(10)), Base(22, 1, 0, None, Decimal(10)))
    for plan in (CODED, Plan(is_item_document=True, bases={0: bases})):
        body = document_body(given_bill, plan, replace(WORDING, branch=1))
        assert body.keys() <= set(FIELDS["Documents"]["2021"])
        for each in body["DocumentLines"]:
            assert each.keys() <= set(FIELDS["DocumentLines"]["2021"])


@given(bills)
def test_texts_fit_and_no_line_is_without_one(given_bill: Bill) -> None:
    body = document_body(given_bill, CODED, WORDING)
    for each in (body, *body["DocumentLines"]):
        for name, longest in LONGEST.items():
            assert units(each.get(name, "")) <= longest
    assert all(each["ItemDescription"] for each in body["DocumentLines"])


@given(bills)
def test_lines_keep_their_sums_and_signs(given_bill: Bill) -> None:
    sent = sent_lines(given_bill)
    field = "UnitPrice" if given_bill.currency == "USD" else "LineTotal"
    assert [each[field] for each in sent] == [each.net for each in given_bill.lines]
    for each in sent:
        assert json_number(each[field]) is not None


@given(bills)
def test_the_number_leaves_as_it_is(given_bill: Bill) -> None:
    assert document_body(given_bill, CODED, WORDING)["NumAtCard"] == given_bill.number.strip()


def test_a_service_invoice_says_what_the_bill_says() -> None:
    body = document_body(
        bill(lines=(line(dimensions={"1": "D010", "project": "P-001", "2": ""}),)), CODED, replace(WORDING, branch=3)
    )
    assert body == {
        "DocType": "dDocument_Service", "CardCode": "V000010", "NumAtCard": "FP-88213", "DocDate": "2026-08-12",
        "TaxDate": "2026-08-10", "DocDueDate": "2026-09-09", "DocCurrency": "EUR", "BPL_IDAssignedToInvoice": 3,
        "Comments": "Paper", "JournalMemo": "Paper",
        "DocumentLines": [
            {"ItemDescription": "Copy paper", "AccountCode": "6110", "LineTotal": Decimal("100.00"),
             "VatGroup": "VAT24", "CostingCode": "D010", "ProjectCode": "P-001"},
        ],
    }  # fmt: skip


def test_documents_carry_the_internal_code_of_an_account() -> None:
    assert sent_lines(bill(lines=(line(account="6120"),)))[0]["AccountCode"] == "_SYS00000000120"


def test_an_account_nobody_knows_is_never_sent() -> None:
    with pytest.raises(KeyError):
        sent_lines(bill(lines=(line(account="9999"),)))


def test_the_tax_code_goes_where_the_company_wants_it() -> None:
    assert sent_lines(BILL, tax_field="TaxCode")[0]["TaxCode"] == "VAT24"
    (untaxed,) = sent_lines(bill(lines=(line(tax_code=" "),)))
    assert not {"TaxCode", "VatGroup"} & untaxed.keys()


def test_a_foreign_sum_is_a_price_since_line_totals_are_local() -> None:
    (sent,) = sent_lines(bill(currency="USD", lines=(line(net=Decimal("-40.00")),)))
    assert sent["UnitPrice"] == Decimal("-40.00")
    assert "LineTotal" not in sent


def test_an_order_that_was_not_matched_is_a_note() -> None:
    (sent,) = sent_lines(bill(lines=(line(order_number="1044", order_line="2"),)))
    assert sent["FreeText"] == "Order 1044 / 2"
    assert "BaseType" not in sent


def test_a_matched_line_is_copied_from_its_bases() -> None:
    bases = (Base(20, 6641, 0, Decimal(3), Decimal("60.00")), Base(22, 5210, 1, Decimal(2), Decimal("40.00")))
    plan = Plan(is_item_document=True, bases={0: bases})
    body = document_body(bill(lines=(line(dimensions={"1": "D010"}),)), plan, WORDING)
    assert body["DocType"] == "dDocument_Items"
    assert body["DocumentLines"] == [
        {"BaseType": 20, "BaseEntry": 6641, "BaseLine": 0, "Quantity": Decimal(3), "UnitPrice": Decimal("20.000000"),
         "VatGroup": "VAT24", "CostingCode": "D010"},
        {"BaseType": 22, "BaseEntry": 5210, "BaseLine": 1, "Quantity": Decimal(2), "UnitPrice": Decimal("20.000000"),
         "VatGroup": "VAT24", "CostingCode": "D010"},
    ]  # fmt: skip


def test_a_sum_that_no_price_gives_is_said_itself() -> None:
    plan = Plan(is_item_document=True, bases={0: (Base(22, 1, 0, Decimal(3), Decimal("100.00")),)})
    (sent,) = sent_lines(BILL, plan, price_places=2)
    assert sent["LineTotal"] == Decimal("100.00")
    (sent,) = sent_lines(BILL, plan, price_places=6)
    assert sent["UnitPrice"] == Decimal("33.333333")


@given(st.decimals("0.01", 10**6, places=2), st.decimals("0.001", 10**5, places=3))
def test_a_price_can_be_written_as_a_json_number(net: Decimal, quantity: Decimal) -> None:
    assert json_number(unit_price(net, quantity, 6)) is not None


# ------------------------------------------------------------------ reading


@given(st.sampled_from((18, 19, 112)), st.integers(1, 2**31))
def test_ids_read_back(kind: int, entry: int) -> None:
    assert BillId.parse(str(BillId(kind, entry))) == BillId(kind, entry)


@pytest.mark.parametrize("text", ["", "18", "18:", "18:x", "20:5", ":5", "18:-5", "9120"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no id"):
        BillId.parse(text)


def test_a_local_document_tells_its_sums() -> None:
    read = ledger_bill_of({**ROW, "DocumentLines": [{}, {}]}, INVOICES)
    assert (read.id, read.number, read.status, read.line_count) == ("18:9120", "260331", BillStatus.POSTED, 2)
    assert (read.gross, read.tax, read.net, read.currency, read.journal) == (124, 24, 100, "EUR", "55012")


def test_a_foreign_document_tells_its_sums_in_its_own_currency() -> None:
    row = {**ROW, "DocCurrency": "USD", "DocTotalFc": Decimal("134.64"), "VatSumFc": Decimal("26.06")}
    read = ledger_bill_of(row, CREDIT_NOTES)
    assert (read.id, read.gross, read.tax, read.currency) == ("19:9120", Decimal("134.64"), Decimal("26.06"), "USD")


def test_closed_is_not_paid_and_cancelled_is_told_by_its_own_status() -> None:
    assert ledger_bill_of({**ROW, "DocumentStatus": "bost_Close"}, INVOICES).status == "posted"
    assert ledger_bill_of({**ROW, "CancelStatus": "csYes"}, INVOICES).status == "cancelled"
    assert is_mirror({**ROW, "CancelStatus": "csCancellation"})
    assert not is_mirror({**ROW, "CancelStatus": "csYes"})


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("dasPending", BillStatus.PENDING), ("dasApproved", BillStatus.PENDING), ("dasRejected", BillStatus.CANCELLED),
        ("dasCancelled", BillStatus.CANCELLED), ("dasGenerated", BillStatus.POSTED), ("dasWithout", None),
        (None, None),
    ],
)  # fmt: skip
def test_a_draft_stands_where_its_approval_stands(said: str | None, status: BillStatus | None) -> None:
    assert draft_status_of({"AuthorizationStatus": said, "DocumentStatus": "bost_Open"}) is status


def test_a_waiting_bill_has_an_id_of_its_own() -> None:
    row = {**ROW, "DocEntry": 77, "DocObjectCode": "oPurchaseInvoices"}
    sort = sort_of_draft(row)
    assert sort is INVOICES
    waiting = pending_bill_of(row, sort, status=BillStatus.PENDING)
    assert (waiting.id, waiting.status, waiting.vendor_number) == ("112:77", BillStatus.PENDING, "FP-88213")
    assert sort_of_draft({"DocObjectCode": "19"}) is CREDIT_NOTES
    assert sort_of_draft({"DocObjectCode": "oOrders"}) is None


def test_a_document_is_of_a_bill_in_any_case() -> None:
    assert is_of({"CardCode": "v000010", "NumAtCard": " fp-88213"}, BILL)
    assert not is_of({"CardCode": "V000011", "NumAtCard": "FP-88213"}, BILL)
    assert not is_of({"CardCode": "V000010", "NumAtCard": None}, BILL)


@pytest.mark.parametrize("text", ["2026-03-31", "2026-03-31T00:00:00Z"])
def test_a_day_is_its_first_ten_characters(text: str) -> None:
    assert day_of(text) == date(2026, 3, 31)
    assert day_of(None) is None


def test_an_amount_the_release_lacks_is_not_zero() -> None:
    assert amount_of({"DocCurrency": "EUR"}, "PaidToDate") is None
    assert (
        amount_of({"DocTotalFc": Decimal(9), "PaidToDateFC": Decimal(5), "PaidToDate": Decimal(4)}, "PaidToDate") == 5
    )


@given(texts, st.integers(1, 60))
def test_a_cut_text_is_the_beginning_of_the_text(text: str, length: int) -> None:
    assert units(cut(text, length)) <= length
    cut(text, length).encode("utf-8")


# ------------------------------------------------------------------ totals


def test_tax_is_rounded_by_line_or_once_for_each_code() -> None:
    lines = tuple(line(net=Decimal("0.10")) for _ in range(10))
    rates = {"VAT24": Decimal(24)}
    assert foretold_total(bill(lines=lines), rates, by_code=False) == Decimal("1.20")
    assert foretold_total(bill(lines=lines), rates, by_code=True) == Decimal("1.24")


@pytest.mark.parametrize("tax_code", ["", "VAT14"])
def test_nothing_is_foretold_of_a_tax_that_is_not_known(tax_code: str) -> None:
    unknown = bill(lines=(LINE, line(tax_code=tax_code)))
    assert foretold_total(unknown, {"VAT24": Decimal(24)}, by_code=False) is None


@given(st.lists(st.decimals(-(10**6), 10**6, places=2), min_size=1, max_size=5), st.booleans())
def test_without_tax_the_net_is_the_total(nets: list[Decimal], by_code: bool) -> None:
    lines = tuple(line(net=net) for net in nets)
    assert foretold_total(bill(lines=lines), {"VAT24": Decimal(0)}, by_code=by_code) == add_up(nets)


def test_both_kinds_have_a_sort() -> None:
    assert set(SORTS) == set(DocumentKind)
