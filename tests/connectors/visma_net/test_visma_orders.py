"""Orders with what was received on them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ml_connector.connectors.visma_net.orders import is_open, is_wanted, order_of, orders_of, received_of
from ml_connector.records.master_data import MatchingMode, OrderLine, PurchaseOrder, Receipt

LINE: dict[str, Any] = {
    "lineNbr": 1, "inventory": {"number": "CHAIR7", "description": "Chair"}, "lineType": "GoodsForInventory",
    "lineDescription": "Chair, model 7", "uom": "STK", "orderQty": Decimal("4.0"), "qtyOnReceipts": Decimal("4.0"),
    "unitCost": Decimal("2000.0"), "extCost": Decimal("8000.0"), "amount": Decimal("8000.0"),
    "taxCategory": {"number": "1"}, "account": {"number": "1460"}, "project": {"id": "X"},
    "sub": {"subaccountNumber": "0100000", "segments": [{"segmentId": 1, "segmentValue": "0100"}]},
    "completed": False, "canceled": False,
}  # fmt: skip
ORDER: dict[str, Any] = {
    "orderType": "RegularOrder", "orderNbr": "PO000412", "status": "Open", "hold": False,
    "date": "2026-08-03T00:00:00", "description": "Workshop", "supplier": {"internalId": 214, "number": "50012"},
    "currency": "NOK", "lines": [LINE],
}  # fmt: skip


def receipt(number: str, quantity: str, *, line: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "receiptType": "PoReceipt", "receiptNbr": number, "status": "Released", "date": "2026-08-22T00:00:00",
        "lines": [{
            "lineNbr": 1, "receiptQty": Decimal(quantity), "unitCost": Decimal(2000),
            "poOrderNbr": "PO000412", "poOrderLineNbr": line,
        }],
    } | changes  # fmt: skip


def test_an_order_has_its_lines_with_coding_and_receipts() -> None:
    found = order_of(ORDER, received_of([receipt("RC1", "2.0")]), {"1": "1", "Project": "Project"})
    came = Receipt("RC1/1", "RC1", "1", Decimal(2), Decimal(2000), date(2026, 8, 22))
    assert found == PurchaseOrder(
        key="PO000412", number="PO000412", vendor="50012", currency="NOK", ordered_on=date(2026, 8, 3),
        description="Workshop", lines=(OrderLine(
            key="1", number="1", description="Chair, model 7", quantity=Decimal(4), unit_price=Decimal(2000),
            net=Decimal(8000), tax_code="1", unit="STK", product="CHAIR7", account="1460", dimensions={"1": "0100"},
            received_quantity=Decimal(2), receipts=(came,),
        ),),
    )  # fmt: skip


def test_only_released_receipts_count_and_returns_take_away() -> None:
    receipts = [
        receipt("RC1", "3"), receipt("RC2", "1", status="Hold"), receipt("RC3", "1", status="Balanced"),
        receipt("RT1", "1", receiptType="PoReturn"), receipt("RT2", "-1", receiptType="PoReturn"),
        receipt("TR1", "9", receiptType="TransferReceipt"),
    ]  # fmt: skip
    line = order_of(ORDER, received_of(receipts), {}).lines[0]
    assert line.received_quantity == 1
    assert [(each.key, each.quantity) for each in line.receipts] == [
        ("RC1/1", 3), ("PoReturn/RT1/1", -1), ("PoReturn/RT2/1", -1),
    ]  # fmt: skip


def test_receipts_go_to_the_line_they_name() -> None:
    received = received_of([receipt("RC1", "3", line=2), receipt("RC2", "1", lines=[{"lineNbr": 1, "receiptQty": 1}])])
    assert list(received) == [("PO000412", "2")]
    assert orders_of([receipt("RC1", "3")]) == {"PO000412"}


@pytest.mark.parametrize(
    ("changes", "wanted", "is_active"),
    [
        ({}, True, True),
        ({"status": "Printed"}, True, True),
        ({"status": "PendingEmail"}, True, True),
        ({"status": "Closed"}, True, False),
        ({"status": "Cancelled"}, True, False),
        ({"status": "Voided"}, True, False),
        ({"status": "Hold", "hold": True}, False, False),
        ({"status": "Balanced"}, False, False),
        ({"status": "Open", "hold": True}, False, False),
        ({"orderType": "Blanket"}, False, False),
        ({"orderType": "DropShip"}, True, True),
    ],
)
def test_an_orders_state_says_whether_it_is_told_and_open(
    changes: dict[str, Any], wanted: bool, is_active: bool
) -> None:
    row = ORDER | changes
    assert (is_wanted(row), is_open(row)) == (wanted, is_active)
    assert order_of(row, {}, {}).active is is_active


@pytest.mark.parametrize("flag", ["completed", "canceled"])
def test_a_line_is_done_when_it_says_so_whatever_its_quantities(flag: str) -> None:
    line = {**LINE, "qtyOnReceipts": Decimal(2), flag: True}
    assert order_of(ORDER | {"lines": [line]}, {}, {}).lines[0].closed
    assert not order_of(ORDER, {}, {}).lines[0].closed


def test_a_line_without_a_quantity_is_matched_by_its_sum_and_a_remark_is_none() -> None:
    fee = {"lineNbr": 2, "lineType": "Service", "lineDescription": "Fee", "orderQty": 0, "extCost": Decimal(500)}
    remark = {"lineNbr": 3, "lineType": "Description", "lineDescription": "Thanks"}
    lines = order_of(ORDER | {"lines": [remark, fee, LINE]}, {}, {}).lines
    assert [each.number for each in lines] == ["1", "2"]
    assert (lines[1].mode, lines[1].quantity, lines[1].unit_price) == (MatchingMode.BLANKET, 1, 500)


def test_a_discount_is_in_the_price() -> None:
    line = {**LINE, "discountAmount": Decimal(400), "amount": Decimal(7600)}
    found = order_of(ORDER | {"lines": [line]}, {}, {}).lines[0]
    assert (found.unit_price, found.net) == (Decimal(1900), Decimal(7600))


def test_a_project_is_coded_unless_it_stands_for_none() -> None:
    line = {**LINE, "project": {"id": "P-100"}}
    assert order_of(ORDER | {"lines": [line]}, {}, {"Project": "project"}).lines[0].dimensions == {"project": "P-100"}
