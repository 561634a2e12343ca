"""Rows of the Service Layer as our records."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ml_connector.connectors.sap_business_one import mapping, orders
from ml_connector.connectors.sap_business_one.mapping import (
    account_of,
    dimension_name,
    dimension_value_of,
    is_usable,
    payment_term_of,
    project_of,
    rate_on,
    tax_field_of,
    vendor_of,
)
from ml_connector.connectors.sap_business_one.orders import naming_of, order_of, received_of
from ml_connector.records.master_data import MatchingMode

TODAY = date(2026, 11, 20)
FIELDS = json.loads((Path(__file__).parent / "fields.json").read_text())
YES, NO = "tYES", "tNO"


@pytest.mark.parametrize(
    ("of", "fields"),
    [
        ("BusinessPartners", mapping.VENDOR_FIELDS),
        ("ChartOfAccounts", mapping.ACCOUNT_FIELDS),
        ("DistributionRules", mapping.RULE_FIELDS),
        ("ProfitCenters", ("CenterCode", "CenterName")),
        ("Projects", mapping.PROJECT_FIELDS),
        ("VatGroups", mapping.VAT_GROUP_FIELDS),
        ("SalesTaxCodes", mapping.SALES_TAX_FIELDS),
        ("PaymentTermsTypes", mapping.TERM_FIELDS),
        ("Documents", orders.ORDER_FIELDS),
        ("Documents", orders.RECEIPT_FIELDS),
        ("BusinessPlaces", ("BPLID", "BPLName", "Disabled")),
    ],
)
def test_what_is_selected_is_there_in_every_release(of: str, fields: tuple[str, ...]) -> None:
    assert set(fields) <= set(FIELDS[of]["2021"])


# ------------------------------------------------------------------ vendors


def partner(**changes: Any) -> dict[str, Any]:
    row = {
        "CardCode": "V10250", "CardName": "Puhdas Oy", "CardType": "cSupplier", "FederalTaxID": "FI12345678",
        "VatIDNum": None, "Currency": "EUR", "PayTermsGrpCode": 5, "Valid": YES, "Frozen": NO,
        "BPAddresses": [
            {"AddressName": "Dock", "AddressType": "bo_ShipTo", "Street": "Satamakatu", "City": "Kotka"},
            {"AddressName": "Old", "AddressType": "bo_BillTo", "Street": "Vanha tie", "City": "Espoo"},
            {"AddressName": "HQ", "AddressType": "bo_BillTo", "Street": "Mannerheimintie", "StreetNo": "4",
             "ZipCode": "00100", "City": "Helsinki", "Country": "FI"},
        ],
        "BilltoDefault": "HQ",
        "BPBankAccounts": [{"BankCode": "OKOY", "IBAN": "FI2112345600000785", "BICSwiftCode": "OKOYFIHH"},
                           {"BankCode": "EMPTY"}],
    }  # fmt: skip
    return {**row, **changes}


def test_a_vendor_has_its_default_bill_to_address_and_its_banks() -> None:
    vendor = vendor_of(partner(), TODAY)
    assert (vendor.key, vendor.number, vendor.payment_term) == ("V10250", "V10250", "5")
    assert (vendor.address.street, vendor.address.city) == ("Mannerheimintie 4", "Helsinki")
    assert [each.iban for each in vendor.bank_accounts] == ["FI2112345600000785"]
    assert vendor.tax_number == "FI12345678"


def test_without_a_default_the_first_bill_to_address_is_taken() -> None:
    assert vendor_of(partner(BilltoDefault=None), TODAY).address.city == "Espoo"
    assert vendor_of(partner(BPAddresses=[]), TODAY).address.city == ""


def test_a_vendor_in_all_currencies_has_none_of_its_own() -> None:
    assert vendor_of(partner(Currency="##"), TODAY).currency == ""


def test_the_other_tax_number_is_taken_where_the_first_is_empty() -> None:
    assert vendor_of(partner(FederalTaxID=None, VatIDNum="FI87654321"), TODAY).tax_number == "FI87654321"


def test_a_payment_block_blocks_payment_only() -> None:
    vendor = vendor_of(partner(PaymentBlock=YES), TODAY)
    assert (vendor.active, vendor.payment_blocked) == (True, True)


@pytest.mark.parametrize(
    ("row", "usable"),
    [
        ({"Valid": YES, "Frozen": NO}, True),
        ({"Valid": NO, "Frozen": NO}, True),
        ({"Valid": NO, "Frozen": YES}, False),
        ({"Valid": YES, "ValidTo": "2026-11-19T00:00:00Z", "Frozen": NO}, False),
        ({"Valid": YES, "ValidTo": "2026-11-20T00:00:00Z", "Frozen": NO}, True),
        ({"Valid": YES, "ValidFrom": "2026-11-21", "Frozen": NO}, False),
        ({"Valid": NO, "Frozen": YES, "FrozenFrom": "2026-11-21"}, True),
        ({"Valid": NO, "Frozen": YES, "FrozenFrom": "2026-11-01", "FrozenTo": "2026-11-19"}, True),
        ({"Valid": YES, "Frozen": YES, "FrozenFrom": "2026-11-01", "FrozenTo": "2026-11-30"}, False),
    ],
)
def test_activity_is_a_matter_of_the_day(row: dict[str, Any], usable: bool) -> None:
    assert is_usable(row, TODAY, valid="Valid", frozen="Frozen") is usable


# ------------------------------------------------------------------ accounts


def account(**changes: Any) -> dict[str, Any]:
    return {"Code": "6000", "Name": "Cleaning", "FormatCode": "6000", "ActiveAccount": YES, **changes}


@pytest.mark.parametrize(
    "change",
    [
        {"ActiveAccount": NO},
        {"LockManualTransaction": YES},
        {"BlockManualPosting": YES},
        {"FrozenFor": YES},
        {"ValidFor": YES, "ValidTo": "2026-01-01"},
    ],
)
def test_an_account_that_takes_no_bill_is_inactive(change: dict[str, Any]) -> None:
    assert account_of(account(), TODAY).active
    assert not account_of(account(**change), TODAY).active


def test_a_segmented_account_shows_its_number_and_keeps_its_code() -> None:
    made = account_of(account(Code="_SYS00000000123", FormatCode="71000101"), TODAY)
    assert (made.key, made.number) == ("_SYS00000000123", "71000101")
    assert account_of(account(FormatCode="60000000"), TODAY).number == "6000"


# ------------------------------------------------------------------ dimensions, tax codes, terms


@pytest.mark.parametrize(
    ("setting", "name"), [("1", "1"), (" 5 ", "5"), ("project", "Project"), ("6", ""), ("DEPARTMENT", "")]
)
def test_a_dimension_is_one_of_five_or_the_project(setting: str, name: str) -> None:
    assert dimension_name(setting) == name


def test_a_rule_out_of_effect_is_inactive() -> None:
    row: dict[str, Any] = {"FactorCode": "ADM", "FactorDescription": "Administration", "InWhichDimension": 1,
                           "Active": YES}  # fmt: skip
    lines = [{"EffectiveFrom": "2020-01-01T00:00:00Z", "EffectiveTo": None}]
    assert dimension_value_of({**row, "DistributionRuleLines": lines}, "Administration", TODAY).active
    lines = [{"EffectiveFrom": "2020-01-01", "EffectiveTo": "2026-10-31"}]
    assert not dimension_value_of({**row, "DistributionRuleLines": lines}, "Administration", TODAY).active
    assert not dimension_value_of({**row, "Active": NO}, "Administration", TODAY).active


def test_a_rule_and_a_project_of_one_code_are_two_records() -> None:
    rule = dimension_value_of({"FactorCode": "P7", "InWhichDimension": 1, "Active": YES}, "", TODAY)
    project = project_of({"Code": "P7", "Name": "Harbour", "Active": YES, "ValidTo": "2026-11-19"}, TODAY)
    assert rule.key != project.key
    assert (project.dimension, project.active) == ("Project", False)


def test_the_rate_is_that_of_the_day() -> None:
    lines = [{"Effectivefrom": "2013-01-01", "Rate": Decimal("24.0")},
             {"Effectivefrom": "2024-09-01T00:00:00Z", "Rate": Decimal("25.5")},
             {"Effectivefrom": "2010-07-01", "Rate": Decimal("23.0")}]  # fmt: skip
    row = {"VatGroups_Lines": lines}
    assert rate_on(row, TODAY) == Decimal("25.5")
    assert rate_on(row, date(2024, 8, 31)) == Decimal("24.0")
    assert rate_on(row, date(2000, 1, 1)) is None


@pytest.mark.parametrize(
    ("setting", "localization", "field"),
    [("", "FI", "VatGroup"), ("", "US", "TaxCode"), ("", "lsIN", "TaxCode"), ("", "", "VatGroup"),
     ("VatGroup", "US", "VatGroup"), ("TaxCode", "FI", "TaxCode")],
)  # fmt: skip
def test_the_tax_field_is_set_or_follows_the_localization(setting: str, localization: str, field: str) -> None:
    assert tax_field_of(setting, localization) == field


@pytest.mark.parametrize(
    ("start", "months", "days", "said"),
    [
        ("pdt_None", 0, 30, (30, 0, 0)),
        ("pdt_None", 1, 0, (None, 0, 0)),
        ("pdt_MonthEnd", 0, 0, (0, 1, 0)),
        ("pdt_MonthEnd", 1, 10, (0, 2, 10)),
        ("pdt_HalfMonth", 0, 10, (None, 0, 0)),
        ("pdt_MonthStart", 1, 0, (None, 0, 0)),
    ],
)
def test_terms_are_said_in_days_where_that_can_be(
    start: str, months: int, days: int, said: tuple[int | None, int, int]
) -> None:
    term = payment_term_of({
        "GroupNumber": 5, "PaymentTermsGroupName": "T", "StartFrom": start, "NumberOfAdditionalMonths": months,
        "NumberOfAdditionalDays": days, "NumberOfInstallments": 1,
    })  # fmt: skip
    assert (term.due_days, term.end_of_month, term.days_after_month_end) == said
    assert (term.key, term.code) == ("5", "5")


def test_terms_in_instalments_have_no_single_day() -> None:
    assert payment_term_of({"GroupNumber": 6, "NumberOfAdditionalDays": 30, "NumberOfInstallments": 2}).due_days is None


# ------------------------------------------------------------------ orders


def order(lines: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    return {
        "DocEntry": 5210, "DocNum": 1044, "DocType": "dDocument_Items", "CardCode": "V10250", "DocCurrency": "EUR",
        "DocDate": "2026-03-02T00:00:00Z", "DocumentStatus": "bost_Open", "Cancelled": NO, "DocumentLines": lines,
        **changes,
    }  # fmt: skip


def item(**changes: Any) -> dict[str, Any]:
    return {
        "LineNum": 0, "ItemCode": "A100", "ItemDescription": "Soap 5 l", "Quantity": Decimal(20),
        "RemainingOpenQuantity": Decimal(20), "UnitPrice": Decimal("12.5"), "Price": Decimal("12.5"),
        "LineTotal": Decimal(250), "GrossTotal": Decimal("313.75"), "VatGroup": "P1", "AccountCode": "_SYS300",
        "CostingCode": "ADM", "CostingCode2": "HEL", "LineStatus": "bost_Open", "MeasureUnit": "pcs", **changes,
    }  # fmt: skip


def receipt(quantity: int, still_open: int, **changes: Any) -> dict[str, Any]:
    line = {"LineNum": 3, "Quantity": Decimal(quantity), "RemainingOpenQuantity": Decimal(still_open),
            "Price": Decimal("12.5"), "BaseType": 22, "BaseEntry": 5210, "BaseLine": 0,
            "LineStatus": "bost_Open" if still_open else "bost_Close"}  # fmt: skip
    return {"DocEntry": 6641, "DocNum": 88, "DocDate": "2026-03-10", "CancelStatus": "csNo", "DocumentLines": [line],
            "DocumentStatus": line["LineStatus"], **changes}  # fmt: skip


NAMING = naming_of({"1": "1", "PROJECT": "Project"}, {"_SYS300": "6000"})


def test_an_order_carries_what_matching_needs() -> None:
    made = order_of(order([item(), item(LineNum=2)]), {}, NAMING)
    assert (made.key, made.number, made.vendor, made.active) == ("5210", "1044", "V10250", True)
    assert [(each.key, each.number) for each in made.lines] == [("0", "1"), ("2", "3")]
    line = made.lines[0]
    assert (line.quantity, line.net, line.gross, line.tax) == (20, 250, Decimal("313.75"), Decimal("63.75"))
    assert line.dimensions == {"1": "ADM"}
    assert (line.product, line.account) == ("A100", "")


def test_amounts_are_in_the_orders_own_currency() -> None:
    foreign = item(LineTotal=Decimal(225), RowTotalFC=Decimal(250), GrossTotal=Decimal(280), GrossTotalFC=Decimal(310))
    line = order_of(order([foreign], DocCurrency="USD"), {}, NAMING).lines[0]
    assert (line.net, line.gross) == (250, 310)


def test_what_was_received_and_what_of_it_was_invoiced_is_told() -> None:
    made = order_of(order([item(RemainingOpenQuantity=Decimal(6))]), received_of([receipt(10, 7)]), NAMING)
    line = made.lines[0]
    assert line.received_quantity == 10
    assert line.invoiced_quantity == 3 + 4  # of the receipt, and of the order itself
    assert [(each.key, each.number, each.line, each.quantity) for each in line.receipts] == [("6641/3", "88", "4", 10)]


def test_an_order_received_whole_is_closed_but_its_receipts_can_be_invoiced() -> None:
    closed = order([item(RemainingOpenQuantity=Decimal(0), LineStatus="bost_Close")], DocumentStatus="bost_Close")
    waiting = order_of(closed, received_of([receipt(20, 20)]), NAMING)
    assert (waiting.active, waiting.lines[0].closed) == (True, False)
    done = order_of(closed, received_of([receipt(20, 0)]), NAMING)
    assert (done.active, done.lines[0].closed) == (False, True)


def test_a_cancelled_receipt_is_taken_back_and_its_mirror_left_out() -> None:
    mirror = receipt(10, 0, DocEntry=6642, DocNum=89, CancelStatus="csCancellation")
    line = order_of(order([item()]), received_of([receipt(10, 0, CancelStatus="csYes"), mirror]), NAMING).lines[0]
    assert [each.quantity for each in line.receipts] == [10, -10]
    assert len({each.key for each in line.receipts}) == 2
    assert (line.received_quantity, line.invoiced_quantity) == (0, 0)


@pytest.mark.parametrize("change", [{"Cancelled": YES}, {"DocumentStatus": "bost_Close"}, {"Confirmed": NO}])
def test_an_order_that_takes_no_invoice_is_inactive(change: dict[str, Any]) -> None:
    row = item(LineStatus=change.get("DocumentStatus", "bost_Open"))
    assert not order_of(order([row], **change), {}, NAMING).active


SERVICE = item(ItemCode=None, Quantity=Decimal(0), RemainingOpenQuantity=Decimal(0), OpenAmount=Decimal(250))


def test_a_service_order_received_by_its_sum_can_still_be_invoiced() -> None:
    closed = order([SERVICE | {"LineStatus": "bost_Close", "OpenAmount": Decimal(0)}], DocType="dDocument_Service",
                   DocumentStatus="bost_Close")  # fmt: skip
    waiting = order_of(closed, received_of([receipt(0, 0, DocumentStatus="bost_Open")]), NAMING)
    assert not waiting.active  # the receipt's line is closed
    opened = receipt(1, 1)
    waiting = order_of(closed, received_of([opened]), NAMING)
    assert (waiting.active, waiting.lines[0].closed, waiting.lines[0].receipts) == (True, False, ())
    assert not order_of(closed, {}, NAMING).active


def test_a_service_order_is_matched_by_its_sum() -> None:
    line = order_of(order([SERVICE], DocType="dDocument_Service"), {}, NAMING).lines[0]
    assert (line.mode, line.quantity, line.unit_price, line.net) == (MatchingMode.BLANKET, 1, 250, 250)
    assert line.account == "6000"
