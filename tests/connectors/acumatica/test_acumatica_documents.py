"""Bills as Acumatica's documents: what is sent exists, fits, and says what the bill says (dossier 9.1, 10)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from acumatica_world import bill_of, coded
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.acumatica.attaching import file_name, names_of
from ml_connector.connectors.acumatica.contract import Contract
from ml_connector.connectors.acumatica.documents import (
    COMPARED,
    DESCRIPTION_LENGTH,
    HEADER,
    LINES,
    Match,
    Plan,
    header_body,
    header_changes,
    is_of,
    ledger_bill_of,
    line_bodies,
    lines_there,
    status_of,
    sum_differences,
)
from ml_connector.connectors.acumatica.values import unwrap, wrap
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.rows import Row
from ml_connector.connectors.texts import cut, units
from ml_connector.records.invoice import Bill, BillLine, BillStatus, DocumentKind
from ml_connector.records.money import write_json
from ml_connector.records.reason import Reason

VERSIONS = ("22.200.001", "23.200.001", "24.200.001", "25.200.001")
cents = st.integers(-10_000_000, 10_000_000).filter(bool).map(lambda each: Decimal(each) / 100)
days = st.dates(date(2000, 1, 1), date(2099, 12, 31))
codes = st.text(min_size=1, max_size=12).filter(str.strip)
lines = st.builds(
    BillLine,
    account=codes, net=cents, description=st.text(max_size=600), tax_code=st.one_of(st.just(""), codes),
    dimensions=st.dictionaries(st.sampled_from(["Project", "ProjectTask", "Subaccount.1", "Subaccount"]), codes),
)  # fmt: skip
bills = st.builds(
    bill_of,
    codes,
    kind=st.sampled_from(DocumentKind), lines=st.lists(lines, min_size=1, max_size=6).map(tuple), invoice_date=days,
    posting_date=days, due_date=st.one_of(st.none(), days), description=st.text(max_size=600),
)  # fmt: skip
MATCH = Match("Normal", "PO000123", 2)


def plan_for(bill: Bill, **changes: Any) -> Plan:
    usual: dict[str, Any] = {
        "period": "112026", "branch": "HEADOFFICE", "vendor": bill.vendor.strip(),
        "subaccounts": dict.fromkeys(range(len(bill.lines)), "D010-A01"),
    }  # fmt: skip
    return Plan(**{**usual, **changes})


def stored(bill: Bill, plan: Plan, **changes: Any) -> Row:
    """The bill as the ledger would tell it, dates as local midnight."""
    told = {
        name: f"{value.isoformat()}T00:00:00-05:00" if isinstance(value, date) else value
        for name, value in header_body(bill, plan).items()
    }
    made = [
        {"TransactionDescription": body["TransactionDescription"], "Amount": line.net}
        for line, body in zip(bill.lines, line_bodies(bill, plan), strict=True)
    ]
    usual = {
        "id": "d11d2e19-7c07-f111-8cb1-ac198e472cfe", "ReferenceNbr": "005933", "Status": "On Hold",
        "Balance": bill.gross, "TaxTotal": bill.tax, "Details": made,
    }  # fmt: skip
    return {**told, **usual, **changes}


# ------------------------------------------------------------------ what is sent


@given(bills, st.sampled_from(VERSIONS))
def test_every_name_that_is_sent_is_known_to_every_version(bill: Bill, version: str) -> None:
    counted = replace(bill, lines=tuple(replace(line, quantity=Decimal(3)) for line in bill.lines))
    for given_bill, matches in (
        (bill, None),
        (counted, {0: MATCH}),
        (counted, {0: replace(MATCH, receipt_number="PR1", receipt_line=1)}),
        (counted, {0: replace(MATCH, is_counted=False)}),
    ):
        plan = plan_for(given_bill, matches=matches)
        body = header_body(given_bill, plan) | {"Details": line_bodies(given_bill, plan)}
        Contract.of("Default", version).check("Bill", body)
        write_json(wrap(body))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_name_that_is_read_is_known_to_every_version(version: str) -> None:
    Contract.of("Default", version).check_paths("Bill", [*HEADER, *COMPARED, *LINES])


@given(bills)
def test_what_identifies_is_never_cut_and_texts_fit(bill: Bill) -> None:
    plan = plan_for(bill)
    header, made = header_body(bill, plan), line_bodies(bill, plan)
    assert header["VendorRef"] == bill.number.strip()
    assert header["Amount"] == bill.gross
    assert header["Hold"] is True
    assert units(header.get("Description", "")) <= DESCRIPTION_LENGTH
    assert [body["ExtendedCost"] for body in made] == [line.net for line in bill.lines]
    assert all(units(body["TransactionDescription"]) <= DESCRIPTION_LENGTH for body in made)
    assert all(body["TransactionDescription"] or not cut(bill.number, 40) for body in made)
    assert all("Description" not in body for body in made)


def test_the_date_is_the_suppliers_and_the_period_is_that_of_posting() -> None:
    bill = bill_of("1", invoice_date=date(2026, 10, 30), posting_date=date(2026, 11, 2))
    header = header_body(bill, plan_for(bill))
    assert (header["Date"], header["PostPeriod"]) == (date(2026, 10, 30), "112026")


def test_a_debit_adjustment_has_no_due_date() -> None:
    bill = bill_of("1", kind=DocumentKind.CREDIT_NOTE)
    assert "DueDate" not in header_body(bill, plan_for(bill))
    assert header_body(bill, plan_for(bill))["Type"] == "Debit Adj."


def test_a_matched_line_says_quantity_price_and_sum_and_leaves_the_rest_to_the_order() -> None:
    bill = bill_of("1", lines=(coded(net=Decimal("10.00"), quantity=Decimal(3)),))
    (made,) = line_bodies(bill, plan_for(bill, matches={0: MATCH}))
    assert made == {
        "POOrderType": "Normal", "POOrderNbr": "PO000123", "POLine": 2, "Qty": Decimal(3),
        "UnitCost": Decimal("3.333333"), "ExtendedCost": Decimal("10.00"), "TransactionDescription": "Copy paper",
        "TaxCategory": "VAT24",
    }  # fmt: skip
    (by_sum,) = line_bodies(bill, plan_for(bill, matches={0: replace(MATCH, is_counted=False)}))
    assert "Qty" not in by_sum
    assert by_sum["ExtendedCost"] == Decimal("10.00")
    on_receipt = replace(MATCH, receipt_number="PR1", receipt_line=4)
    (received,) = line_bodies(bill, plan_for(bill, matches={0: on_receipt}))
    assert (received["POReceiptType"], received["POReceiptNbr"], received["POReceiptLine"]) == ("Receipt", "PR1", 4)
    assert "POLine" not in received


# ------------------------------------------------------------------ what is read


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ("On Hold", BillStatus.DRAFT), ("Balanced", BillStatus.DRAFT), ("Pending Approval", BillStatus.PENDING),
        ("Rejected", BillStatus.CANCELLED), ("Voided", BillStatus.CANCELLED), ("Open", BillStatus.POSTED),
        ("Closed", BillStatus.PAID),
    ],
)  # fmt: skip
def test_a_label_tells_where_a_bill_stands(told: str, status: BillStatus) -> None:
    assert status_of({"Status": told}) is status


def test_a_label_of_another_language_is_said_to_be_one() -> None:
    with pytest.raises(Refused) as refused:
        status_of({"Status": "Offen", "ReferenceNbr": "005933"})
    assert refused.value.reason is Reason.SETUP_INCOMPLETE
    assert "English" in str(refused.value)


def test_a_draft_tells_the_forms_own_sum_and_a_released_bill_its_amount() -> None:
    bill = bill_of("1")
    row = stored(bill, plan_for(bill), Balance=Decimal("123.00"))
    assert ledger_bill_of(row).gross == Decimal("123.00")
    released = {**row, "Status": "Open", "Balance": Decimal("5.00")}
    assert (ledger_bill_of(released).gross, ledger_bill_of(released).net) == (bill.gross, bill.net)


def test_empty_sums_are_unknown_and_lines_are_counted_only_where_they_came() -> None:
    row = unwrap({
        "id": "x", "Type": {"value": "Bill"}, "Status": {"value": "Open"}, "Amount": {}, "TaxTotal": {}, "Details": None
    })  # fmt: skip
    there = ledger_bill_of(row)
    assert (there.gross, there.net, there.tax, there.line_count) == (None, None, None, None)


@given(bills)
def test_a_bill_is_recognised_in_any_case(bill: Bill) -> None:
    row = {"Vendor": bill.vendor.swapcase(), "VendorRef": f" {bill.number.strip()}"}
    assert is_of(row, bill)
    assert not is_of({**row, "VendorRef": f"{bill.number.strip()}-1"}, bill)


@given(bills, st.data())
def test_a_half_written_draft_is_told_from_another(bill: Bill, data: st.DataObject) -> None:
    row = stored(bill, plan_for(bill))
    count = data.draw(st.integers(0, len(bill.lines)))
    part = {**row, "Details": row["Details"][:count]}
    assert lines_there(bill, part) == count
    assert sum_differences(bill, part) == ""
    if count:
        place = data.draw(st.integers(0, count - 1))
        made = [dict(each) for each in part["Details"]]
        made[place]["Amount"] += Decimal("0.01")
        assert lines_there(bill, {**row, "Details": made}) is None
        assert sum_differences(bill, {**row, "Details": made}).startswith(f"row {place + 1} ")
    assert lines_there(bill, {**row, "Details": [*row["Details"], row["Details"][0]]}) is None


@given(bills)
def test_what_is_stored_as_it_was_said_needs_no_change(bill: Bill) -> None:
    plan = plan_for(bill)
    row = stored(bill, plan)
    assert header_changes(bill, plan, row) == {}
    if bill.due_date is not None and bill.kind is DocumentKind.INVOICE:
        other = bill.due_date - timedelta(days=1)
        assert header_changes(bill, plan, {**row, "DueDate": f"{other.isoformat()}T00:00:00+01:00"}) == {
            "DueDate": bill.due_date
        }
    assert header_changes(bill, plan, {**row, "PostPeriod": "102026"}) == {"PostPeriod": "112026"}


# ------------------------------------------------------------------ files


@given(st.text(max_size=400))
def test_a_files_name_can_stand_in_an_address_and_in_a_folder(name: str) -> None:
    made = file_name(name)
    assert made.strip()
    assert not set(made) & set('<>:"/\\|?*{}')
    assert units(made) <= 130
    assert file_name(made) == made


def test_names_of_files_are_compared_without_what_the_ledger_puts_before_them() -> None:
    files = [{"filename": "Bills and Adjustments (INV 005933)\\invoice.pdf"}, {"filename": "plain.xml"}]
    assert names_of({"files": files}) == ["invoice.pdf", "plain.xml"]
