"""Documents and responses: nothing is lost, nothing is guessed, nothing too long leaves."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from basware_facts import faults
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.base import PaymentResponse, TransferResponse
from ml_connector.connectors.basware.mapping import (
    parse_date,
    parse_invoice,
    payment_body,
    prebook_body,
    transfer_body,
)
from ml_connector.records.invoice import TransferStage
from ml_connector.records.money import write_json

WIRE = r"""
{"invoiceId": "138e7d94997847aebe7432e521b3dac9", "invoiceNumber": "INV-2026-0815", "aNewField": {"x": 1},
 "voucherDate": "2026-02-03T00:00:00Z", "processingStatus": "WaitingForTransfer", "originService": 100,
 "companyCode": "1000", "supplierCode": "V000123", "supplierName": "Nordic Paper Oy", "currencyCode": "EUR",
 "netSum": 1000.00, "grossSum": 1240.0, "taxSum1": 240.0, "taxSum2": 0.0, "exchangeRateCompany": 1.0,
 "invoiceDate": "2026-01-31", "dueDate": "2026-03-02T23:30:00-05:00", "description": "Copy paper",
 "invoiceTypeCode": "RE", "paymentBlock": false, "paymentTermCode": "NET30", "referenceNumber": "12344",
 "supplierBankIBAN": "FI2112345600000785", "supplierBankBIC": "NDEAFIHH", "invoiceImageToken": "secret",
 "orderNumbers": ["PO004711"], "lastUpdated": "2026-02-03T09:12:44.113Z", "text1": "free",
 "codingRows": [
   {"externalCode": "b", "rowIndex": 7, "accountCode": "605001", "netTotal": 0.1},
   {"externalCode": "a", "rowIndex": 1, "accountCode": "605000", "costCenterCode": "310", "dimCode1": "SALES",
    "netTotal": 999.9, "grossTotal": 1239.9, "taxCode": "T24", "taxPercent": 24.0, "taxSum": 240.0,
    "orderNumber": "PO004711", "orderLineNumber": "1", "goodsReceiptNumber": "RC1", "text1": "line"}],
 "attachments": [{"externalCode": "f1", "category": "ORIGINALIMAGE", "filename": "i.pdf"},
                 {"externalCode": "f2", "category": "ATTACHMENT", "filename": "a.pdf"}],
 "transferResponses": [{"externalCode": "r1", "success": false, "responseMessage": "x", "paymentBlock": false}]}
"""


def wire() -> dict[str, Any]:
    return json.loads(WIRE, parse_float=Decimal)


def test_a_document_is_read_whole() -> None:
    invoice = parse_invoice(wire())
    assert (invoice.net, invoice.tax, invoice.gross) == (Decimal("1000.00"), Decimal("240.0"), Decimal("1240.0"))
    assert (invoice.invoice_date, invoice.due_date) == (date(2026, 1, 31), date(2026, 3, 2))
    assert invoice.stage is TransferStage.OFFERED
    assert [row.index for row in invoice.rows] == [1, 7]
    first = invoice.rows[0]
    assert (first.net, first.tax, first.tax_code, first.receipt_number) == (
        Decimal("999.9"), Decimal("240.0"), "T24", "RC1",
    )  # fmt: skip
    assert (first.fields["costCenterCode"], first.fields["dimCode1"], first.fields["text1"]) == ("310", "SALES", "line")
    assert invoice.fields["text1"] == "free"
    assert [(each.key, each.is_image) for each in invoice.attachments] == [("f1", True), ("f2", False)]
    assert invoice.responses == {"r1": False}
    assert invoice.updated == datetime(2026, 2, 3, 9, 12, 44, 113_000, tzinfo=UTC)


def test_what_is_left_out_stays_out() -> None:
    invoice = parse_invoice({"invoiceId": "x", "codingRows": [{"externalCode": "a"}]})
    assert (invoice.net, invoice.tax, invoice.gross, invoice.invoice_date, invoice.exchange_rate) == (None,) * 5
    assert (invoice.number, invoice.fields) == ("", {"invoiceId": "x"})
    assert (invoice.rows[0].net, invoice.rows[0].tax, invoice.rows[0].index) == (None, None, 1)
    assert invoice.stage is TransferStage.OTHER


def test_a_document_without_its_id_is_refused() -> None:
    with pytest.raises(ValueError, match="invoiceId"):
        parse_invoice({"invoiceNumber": "1"})


def test_bank_details_and_tokens_are_in_nothing_that_is_kept() -> None:
    invoice = parse_invoice(wire())
    for kept in (repr(invoice), json.dumps(invoice.payload, default=str)):
        assert "FI2112345600000785" not in kept
        assert "NDEAFIHH" not in kept
        assert "secret" not in kept


def test_the_kept_payload_gives_the_same_document() -> None:
    invoice = parse_invoice(wire())
    assert parse_invoice(invoice.payload) == invoice


def test_the_payload_survives_a_store_that_keeps_numbers_as_strings() -> None:
    invoice = parse_invoice(wire())
    stored = json.loads(json.dumps(invoice.payload, default=str), parse_float=Decimal)
    assert parse_invoice(stored) == invoice


numbers = st.decimals(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
known = st.sampled_from(
    ["invoiceNumber", "netSum", "taxSum1", "invoiceDate", "codingRows", "attachments", "transferResponses",
     "orderNumbers", "lastUpdated", "processingStatus", "text1", "somethingNew"]
)  # fmt: skip


@given(st.dictionaries(known, values))
def test_any_payload_reads_and_reads_again_the_same(payload: dict[str, Any]) -> None:
    invoice = parse_invoice({**payload, "invoiceId": "x"})
    assert parse_invoice(invoice.payload) == invoice


amounts = st.decimals(min_value=-(10**10), max_value=10**10, places=4)


@given(amounts, amounts)
def test_money_survives_the_wire_both_ways(net: Decimal, paid: Decimal) -> None:
    text = f'{{"invoiceId": "x", "netSum": {net}, "codingRows": [{{"netTotal": {net}}}]}}'
    invoice = parse_invoice(json.loads(text, parse_float=Decimal))
    assert (invoice.net, invoice.rows[0].net) == (net, net)
    sent = write_json(payment_body(payment(paid_total=paid), source="s"))
    assert json.loads(sent, parse_float=Decimal)["paidTotal"] == paid


@given(st.dates(min_value=date(1900, 1, 1)), st.sampled_from(["", "T23:59:59Z", "T00:00:00+14:00", "T00:00:00-11:00"]))
def test_dates_are_the_day_as_written(day: date, rest: str) -> None:
    assert parse_date(day.isoformat() + rest) == day


@pytest.mark.parametrize("value", [None, "", "soon", 20260131, "2026-02-30", "0001-01-01T00:00:00"])
def test_dates_that_are_none_are_not_guessed(value: object) -> None:
    assert parse_date(value) is None


# ------------------------------------------------------------------ responses


def payment(**changed: Any) -> PaymentResponse:
    given_ = {
        "code": "c" * 36, "paid_total": Decimal("1240.00"), "currency": "EUR", "paid_on": date(2026, 3, 2),
        "discount": Decimal(0), "payment_number": "PAY-1", "payment_term": "NET30", "method": "Bank", "message": "Paid",
    }  # fmt: skip
    return PaymentResponse(**{**given_, **changed})


@given(st.booleans(), st.text(max_size=400), st.text(max_size=60), st.text(max_size=60))
def test_responses_of_any_texts_fit_basware_s_fields(ok: bool, message: str, bill: str, journal: str) -> None:
    response = TransferResponse("c" * 36, ok, message, bill, journal, datetime(2026, 2, 3, 9, tzinfo=UTC))
    assert faults("transferResponses", transfer_body(response, source="s" * 32)) == []
    assert faults("prebookResponses", prebook_body(response, source="s" * 32)) == []


@given(st.text(max_size=400), st.text(max_size=60), st.text(max_size=300))
def test_payments_of_any_texts_fit_basware_s_fields(message: str, method: str, number: str) -> None:
    response = payment(message=message, method=method, payment_number=number, reversal_of=number, paid_on=None)
    assert faults("paymentResponses", payment_body(response, source="s" * 32)) == []


def test_a_cut_is_never_silent() -> None:
    body = transfer_body(TransferResponse("c", False, "m" * 251, "b" * 26, "j" * 25), source="s")
    assert body["responseMessage"] == "m" * 249 + "…"
    assert body["voucherNumber1"] == "b" * 24 + "…"
    assert body["voucherNumber2"] == "j" * 25


def test_a_response_says_when_in_utc() -> None:
    moment = datetime.fromisoformat("2026-02-03T11:15:02+02:00")
    response = TransferResponse("c", True, "Posted", "003214", at=moment)
    assert transfer_body(response, source="acme")["transferDate"] == "2026-02-03T09:15:02Z"
    assert "voucherNumber2" not in transfer_body(response, source="acme")
