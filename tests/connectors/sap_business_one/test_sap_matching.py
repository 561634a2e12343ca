"""Bills matched to orders: based on what is open, receipts first, and never on more than there is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sap_bills import BILL, bill, line, matched, order, order_line, receipt

from ml_connector.connectors.order_matching import wanted_orders
from ml_connector.connectors.sap_business_one.documents import Base, Plan
from ml_connector.connectors.sap_business_one.matching import Papers, needs_receipts, plan_of
from ml_connector.records.invoice import Bill, BillLine, DocumentKind
from ml_connector.records.reason import Finding, Reason


def planned(*lines: BillLine, papers: Papers) -> Plan:
    plan = plan_of(bill(lines=lines), papers)
    assert isinstance(plan, Plan)
    return plan


def refused(*lines: BillLine, papers: Papers) -> Finding:
    findings = plan_of(bill(lines=lines), papers)
    assert isinstance(findings, tuple)
    (finding,) = findings
    assert "{" not in finding.sentence()
    return finding


def test_an_unreceived_line_is_based_on_the_order() -> None:
    plan = planned(matched("8", "100.00"), papers=Papers([order()]))
    assert plan.is_item_document
    assert plan.bases_of(0) == (Base(22, 5210, 0, Decimal(8), Decimal("100.00")),)


def test_a_received_line_is_based_on_its_receipts_oldest_first_then_on_the_order() -> None:
    papers = Papers([order(order_line(left="5"))], [receipt(7, "9"), receipt(3, "6", left="2")])
    plan = planned(matched("13", "130.00"), papers=papers)
    assert [(base.object_type, base.entry, base.quantity) for base in plan.bases_of(0)] == [
        (20, 3, 2), (20, 7, 9), (22, 5210, 2),
    ]  # fmt: skip
    assert [base.net for base in plan.bases_of(0)] == [20, 90, 20]


def test_an_order_closed_by_its_receipts_is_invoiced_by_them() -> None:
    closed = order(order_line(left="0"), DocumentStatus="bost_Close")
    plan = planned(matched("20", "250.00"), papers=Papers([closed], [receipt(7, "20")]))
    assert [base.object_type for base in plan.bases_of(0)] == [20]


def test_the_receipt_that_is_named_is_the_base() -> None:
    papers = Papers([order(order_line(left="5"))], [receipt(3, "5"), receipt(7, "5")])
    plan = planned(matched("4", "50.00", receipt_number="70007"), papers=papers)
    assert [(base.object_type, base.entry) for base in plan.bases_of(0)] == [(20, 7)]
    finding = refused(matched("4", "50.00", receipt_number="70008"), papers=papers)
    assert finding.reason is Reason.ORDER_DIFFERS
    assert "70008" in finding.subject


def test_two_rows_of_one_order_line_share_what_is_open() -> None:
    papers = Papers([order()])
    plan = planned(matched("12", "150.00"), matched("8", "100.00"), papers=papers)
    assert [plan.bases_of(place)[0].quantity for place in (0, 1)] == [12, 8]
    finding = refused(matched("12", "150.00"), matched("9", "100.00"), papers=papers)
    assert finding.reason is Reason.ORDER_DIFFERS


CASES: tuple[tuple[str, BillLine, Papers, Reason, str], ...] = (
    ("an order nobody knows", matched("1", "10"), Papers(), Reason.ORDER_UNKNOWN, "1044"),
    ("a cancelled order", matched("1", "10"), Papers([order(Cancelled="tYES")]), Reason.ORDER_UNKNOWN, "1044"),
    ("a line it does not have", matched("1", "10", order_line="9"), Papers([order()]), Reason.ORDER_UNKNOWN, "line 9"),
    ("no line", matched("1", "10", order_line=""), Papers([order()]), Reason.ORDER_UNKNOWN, "no line"),
    ("a closed order", matched("1", "10"), Papers([order(DocumentStatus="bost_Close")]), Reason.ORDER_UNKNOWN, "1044"),
    ("a closed line", matched("1", "10"), Papers([order(order_line(left="0"))]), Reason.ORDER_UNKNOWN, "line 1"),
    ("too much", matched("21", "10"), Papers([order()]), Reason.ORDER_DIFFERS, "20 are open"),
    ("a stranger's order", matched("1", "10"), Papers([order(CardCode="V9")]), Reason.ORDER_DIFFERS, "V9"),
    ("two of that number", matched("1", "10"), Papers([order(), order(DocEntry=1)]), Reason.ORDER_DIFFERS, "2 orders"),
    ("a row that takes away", matched("1", "-10"), Papers([order()]), Reason.ORDER_DIFFERS, "takes away"),
)


@pytest.mark.parametrize(
    ("wanted", "papers", "reason", "words"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_what_cannot_be_based_is_said(wanted: BillLine, papers: Papers, reason: Reason, words: str) -> None:
    finding = refused(wanted, papers=papers)
    assert finding.reason is reason
    assert words in finding.subject


def test_an_older_order_of_the_same_number_does_not_stand_in_the_way() -> None:
    papers = Papers([order(DocEntry=1, DocumentStatus="bost_Close"), order()])
    assert planned(matched("1", "10"), papers=papers).bases_of(0)[0].entry == 5210


def test_an_item_document_takes_no_row_that_is_only_coded() -> None:
    finding = refused(matched("1", "10"), line(), papers=Papers([order()]))
    assert finding.reason is Reason.ORDER_DIFFERS
    assert "without an order line" in finding.subject


def service_order(left: str, **changes: Any) -> dict[str, Any]:
    row = {
        "LineNum": 0, "LineStatus": "bost_Open", "LineTotal": Decimal(100), "OpenAmount": Decimal(left),
        "OpenAmountFC": Decimal(0),
    }  # fmt: skip
    return order(row, DocType="dDocument_Service", **changes)


def test_a_service_order_is_invoiced_by_its_sum_and_other_rows_may_stand_beside() -> None:
    plan = planned(line(), matched("1", "80.00"), papers=Papers([service_order("100.00")]))
    assert not plan.is_item_document
    assert plan.bases_of(0) == ()
    assert plan.bases_of(1) == (Base(22, 5210, 0, None, Decimal("80.00")),)
    assert refused(matched("1", "100.01"), papers=Papers([service_order("100.00")])).reason is Reason.ORDER_DIFFERS


def test_services_received_are_invoiced_by_the_receipt_and_only_in_the_orders_currency() -> None:
    received = receipt(7, "0", DocType="dDocument_Service", DocumentStatus="bost_Open")
    received["DocumentLines"][0] |= {"LineStatus": "bost_Open", "OpenAmount": Decimal(60), "OpenAmountFC": Decimal(0)}
    papers = Papers([service_order("40.00", DocCurrency="EUR")], [received])
    assert needs_receipts(papers.orders[0])
    plan = planned(matched("1", "80.00"), papers=papers)
    assert [(base.object_type, base.net) for base in plan.bases_of(0)] == [(20, 60), (22, 20)]
    elsewhere = Papers([service_order("100.00", DocCurrency="USD")])
    assert "USD" in refused(matched("1", "80.00"), papers=elsewhere).subject


def test_item_and_service_orders_do_not_go_into_one_document() -> None:
    papers = Papers([order(), service_order("100", DocNum=7)])
    finding = refused(matched("1", "10"), matched("1", "10", order_number="7"), papers=papers)
    assert "service orders" in finding.subject


def test_rows_that_only_name_an_order_and_credit_notes_are_coded() -> None:
    plan = planned(line(order_number="1044", order_line="1"), papers=Papers())
    assert (plan.is_item_document, plan.bases_of(0)) == (False, ())
    credit = bill(kind=DocumentKind.CREDIT_NOTE, lines=(matched("1", "10"),))
    assert plan_of(credit, Papers()) == Plan(bases={})
    assert wanted_orders([credit, BILL]) == frozenset()
    assert wanted_orders([bill(lines=(matched("1", "10"),))]) == {"1044"}


def test_receipts_are_read_only_where_something_was_received() -> None:
    assert not needs_receipts(order())
    assert needs_receipts(order(order_line(left="3")))
    assert needs_receipts(order(DocumentStatus="bost_Close"))


def test_all_that_is_wrong_is_said_at_once() -> None:
    findings = plan_of(bill(lines=(matched("1", "10"), matched("99", "10", order_number="7"))), Papers())
    assert isinstance(findings, tuple)
    assert [each.subject for each in findings] == ["1044", "7"]


@given(
    st.lists(st.integers(0, 30), max_size=4),
    st.integers(0, 30),
    st.lists(st.tuples(st.integers(1, 25), st.decimals("0.01", 9999, places=2)), min_size=1, max_size=4),
)
def test_bases_add_up_to_the_rows_and_never_take_more_than_is_open(
    received: list[int], left: int, rows: list[tuple[int, Decimal]]
) -> None:
    receipts = [receipt(index + 1, "30", left=str(part)) for index, part in enumerate(received)]
    papers = Papers([order(order_line(quantity="200", left=str(left)))], receipts)
    given_bill: Bill = bill(lines=tuple(matched(str(quantity), str(net)) for quantity, net in rows))
    plan = plan_of(given_bill, papers)
    if sum(quantity for quantity, _ in rows) > sum(received) + left:
        assert isinstance(plan, tuple)
        return
    assert isinstance(plan, Plan)
    taken: dict[tuple[int, int], Decimal] = {}
    for place, (quantity, net) in enumerate(rows):
        bases = plan.bases_of(place)
        assert sum(base.quantity or 0 for base in bases) == quantity
        assert sum(base.net for base in bases) == net
        for base in bases:
            key = (base.object_type, base.entry)
            taken[key] = taken.get(key, Decimal(0)) + (base.quantity or 0)
    open_parts = {(20, index + 1): part for index, part in enumerate(received)} | {(22, 5210): left}
    assert all(quantity <= open_parts[key] for key, quantity in taken.items())
