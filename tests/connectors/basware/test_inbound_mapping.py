"""A supplier's invoice as the Basware Network takes it: the mapping alone."""

from __future__ import annotations

import json
import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from supplier_invoices import INVOICE, invoice, line

from ml_connector.connectors.basware.network import (
    Buyer,
    admission_of,
    file_name,
    invoice_body,
    invoice_objection,
    is_iban,
)
from ml_connector.connectors.side import MappingRules
from ml_connector.records.invoice import DocumentKind
from ml_connector.records.money import write_json
from ml_connector.records.reason import Reason
from ml_connector.records.supplier_invoice import InvoiceTax, SourceStage, SupplierInvoice
from ml_connector.sandbox.basware.network_schema import invoice_problems

BUYER = Buyer(name="Acme", endpoint="0192:900005000", scheme="PEPPOL", reference="DEPT-310")
RULES = MappingRules(tolerance={"NOK": Decimal("0.50")})
ADMISSION = admission_of("visma/Invoice/000007")


def body_of(given_: SupplierInvoice, *refs: str, buyer: Buyer = BUYER) -> dict[str, Any]:
    """As it reaches the other side."""
    body = invoice_body(given_, buyer=buyer, admission=ADMISSION, file_refs=refs)
    return json.loads(write_json(body), parse_float=Decimal)


def test_everything_there_is_a_field_for_is_sent() -> None:
    assert invoice_objection(INVOICE, RULES) is None
    body = body_of(INVOICE, "f-1", "f-2")
    assert invoice_problems(body) == []
    assert body["clientToken"] == ADMISSION.token
    assert body["fileRefs"] == [{"refId": "f-1"}, {"refId": "f-2"}]
    assert body["data"] == {
        "id": "N-7",
        "issueDate": "2026-01-31",
        "documentCurrencyCode": "EUR",
        "note": "Paper for January",
        "orderReference": {"id": "PO1"},
        "additionalDocumentReference": {"id": "Invoice/000007"},
        "accountingSupplierParty": {"partyName": "Nordic Paper Oy", "partyIdentification": [{"id": "V1"}]},
        "accountingCustomerParty": {
            "partyName": "Acme",
            "endpoint": {"id": "0192:900005000", "schemeId": "PEPPOL"},
        },
        "paymentMeans": {
            "paymentMeansCode": "31",
            "paymentDueDate": "2026-03-02",
            "paymentIdentifier": {"id": "12344"},
            "financialAccount": [{"ids": [{"id": "FI2112345600000785", "schemeId": "IBAN"}]}],
        },
        "paymentTerms": {"note": "30D"},
        "taxTotal": {
            "currencyId": "EUR",
            "amount": 24,
            "taxSubTotal": [{"currencyId": "EUR", "amount": 24, "taxableAmount": 100, "percent": 24}],
        },
        "legalMonetaryTotal": {
            "lineExtensionAmount": {"currencyId": "EUR", "amount": 100},
            "payableAmount": {"currencyId": "EUR", "amount": 124},
        },
        "buyerReference": {"id": "DEPT-310"},
        "invoiceLine": [
            {
                "id": "1",
                "lineExtension": {"currencyId": "EUR", "amount": 100},
                "item": {"name": "Copy paper A4", "taxPercent": 24, "sellersItem": {"id": "PAPER-A4"}},
                "quantity": {"amount": 10, "unitCode": "PCE"},
                "price": {"amount": 10, "currencyId": "EUR"},
                "orderLineReference": {"lineId": "2", "orderReference": "PO1"},
            }
        ],
    }


def test_what_the_erp_left_out_is_left_out() -> None:
    bare = invoice(
        due_date=None, payment_term="", payment_reference="", description="", taxes=(), bank_account="",
        lines=(line(description="", quantity=None, unit="", unit_price=None, product="", tax_percent=None,
                    order_number="", order_line=""),),
    )  # fmt: skip
    assert invoice_objection(bare, RULES) is None
    body = body_of(bare, buyer=Buyer("Acme", "0192:900005000"))
    assert invoice_problems(body) == []
    assert "fileRefs" not in body
    data = body["data"]
    assert {"note", "orderReference", "paymentTerms", "buyerReference"}.isdisjoint(data)
    assert data["paymentMeans"] == {"paymentMeansCode": "31"}
    assert data["taxTotal"] == {"currencyId": "EUR", "amount": 24}
    assert data["invoiceLine"] == [{"id": "1", "lineExtension": {"currencyId": "EUR", "amount": 100}, "item": {}}]


def test_a_credit_note_has_negative_sums_and_names_its_invoice() -> None:
    data = body_of(invoice(kind=DocumentKind.CREDIT_NOTE, original="N-5"))["data"]
    assert data["legalMonetaryTotal"]["payableAmount"]["amount"] == -124
    assert data["taxTotal"]["taxSubTotal"][0]["taxableAmount"] == -100
    (sent,) = data["invoiceLine"]
    assert (sent["lineExtension"]["amount"], sent["quantity"]["amount"], sent["price"]["amount"]) == (-100, -10, 10)
    assert data["billingReference"] == {"id": "N-5"}


def test_several_orders_are_named_by_the_lines_only() -> None:
    lines = (line(net=Decimal(60)), line(number="2", net=Decimal(40), order_number="PO2", order_line="1"))
    data = body_of(invoice(lines=lines))["data"]
    assert "orderReference" not in data
    named = [each["orderLineReference"]["orderReference"] for each in data["invoiceLine"]]
    assert named == ["PO1", "PO2"]


def test_a_buyers_reference_of_the_invoice_counts_where_none_is_set() -> None:
    buyer = Buyer("Acme", "0192:900005000")
    assert body_of(invoice(buyer_reference="310"), buyer=buyer)["data"]["buyerReference"] == {"id": "310"}
    assert body_of(invoice(buyer_reference="310"))["data"]["buyerReference"] == {"id": "DEPT-310"}


def test_an_account_that_is_no_iban_is_said_to_be_none() -> None:
    (account,) = body_of(invoice(bank_account="1234 56 78901"))["data"]["paymentMeans"]["financialAccount"]
    assert account["ids"] == [{"id": "12345678901", "schemeId": "BBAN"}]
    assert is_iban("NO9386011117947")
    assert not is_iban("NO9386011117948")


def test_texts_are_cut_and_say_so() -> None:
    data = body_of(invoice(description="x" * 300, lines=(line(description="y" * 300),)))["data"]
    assert (len(data["note"]), data["note"][-1]) == (250, "…")
    assert len(data["invoiceLine"][0]["item"]["name"]) == 250


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reference": ""}, "the supplier's invoice number is missing"),
        ({"reference": "7" * 101}, "its number '7.*has 101 characters, Basware takes 100"),
        ({"invoice_date": None}, "the invoice date is missing"),
        ({"vendor_number": "V" * 26}, "its supplier number 'V.*has 26 characters"),
        ({"vendor_number": ""}, "its supplier number '' has 0 characters"),
        ({"payment_reference": "1" * 51}, "its payment reference"),
        ({"lines": (line(order_number="P" * 101),)}, "its order number"),
        ({"lines": ()}, "has no lines"),
        ({"net": Decimal("100.01")}, "the lines come to"),
        ({"gross": Decimal("124.01")}, "do not make 124.01"),
        ({"lines": (line(unit_price=Decimal("0.12345678901234567891")),)}, "digits"),
    ],
)
def test_what_cannot_go_is_said_before(changes: dict[str, Any], words: str) -> None:
    finding = invoice_objection(invoice(**changes), RULES)
    assert finding is not None
    assert finding.reason is Reason.CANNOT_ENTER
    assert re.search(words, finding.sentence())
    assert finding.sentence().endswith("Correct it in the ERP; it is tried again then.")


def test_a_difference_within_the_tolerance_goes() -> None:
    rounded = {"currency": "NOK", "gross": Decimal("124.40")}
    assert invoice_objection(invoice(**rounded), RULES) is None
    assert invoice_objection(invoice(**(rounded | {"currency": "EUR"})), RULES) is not None


def test_ids_are_the_same_for_the_same_key_only() -> None:
    assert admission_of("a") == admission_of("a")
    assert len({admission_of("a").id, admission_of("a").token, admission_of("b").id, admission_of("b").token}) == 4


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("n-7.pdf", "n-7.pdf"),
        ("Rechnung Müller.pdf", "Rechnung Muller.pdf"),
        ('a"b\r\n.pdf', "a_b_.pdf"),
        ("発票.pdf", "pdf"),
        ("", "file"),
        ("x" * 300 + ".pdf", "x" * 100 + ".pdf"),
    ],
)
def test_file_names_are_plain(name: str, sent: str) -> None:
    assert file_name(name) == sent


amounts = st.decimals(min_value=-99999, max_value=99999, places=2, allow_nan=False)
texts = st.text(max_size=300)


@st.composite
def invoices(draw: st.DrawFn) -> SupplierInvoice:
    nets = draw(st.lists(amounts, min_size=1, max_size=5))
    taxes = draw(st.lists(amounts, max_size=3))
    lines = tuple(
        line(
            number=str(place),
            net=net,
            description=draw(texts),
            quantity=draw(st.none() | amounts),
            unit_price=draw(st.none() | amounts),
            order_number=draw(st.sampled_from(["", "PO1", "PO2"])),
        )
        for place, net in enumerate(nets, 1)
    )
    net, tax = sum(nets, Decimal(0)), sum(taxes, Decimal(0))
    return SupplierInvoice(
        key="Invoice/1", kind=draw(st.sampled_from(DocumentKind)), number="1",
        reference=draw(st.text(min_size=1, max_size=100).filter(lambda text: text.isprintable() and text.isascii())),
        vendor="1", vendor_number="V1", vendor_name=draw(texts), currency="SEK", net=net, tax=tax, gross=net + tax,
        stage=SourceStage.READY, invoice_date=draw(st.dates(date(2000, 1, 1), date(2099, 1, 1))),
        due_date=draw(st.none() | st.dates(date(2000, 1, 1), date(2099, 1, 1))), description=draw(texts),
        taxes=tuple(InvoiceTax("T", draw(st.none() | amounts), amount * 4, amount) for amount in taxes),
        lines=lines, bank_account=draw(texts),
    )  # fmt: skip


@given(invoices())
def test_any_invoice_without_objection_adds_up_and_fits_the_schema(drawn: SupplierInvoice) -> None:
    assert invoice_objection(drawn, RULES) is None
    body = body_of(drawn)
    assert invoice_problems(body) == []
    data = body["data"]
    total = data["legalMonetaryTotal"]
    lines = sum(Decimal(each["lineExtension"]["amount"]) for each in data["invoiceLine"])
    assert lines == total["lineExtensionAmount"]["amount"]
    taxes = sum(Decimal(each["amount"]) for each in data["taxTotal"].get("taxSubTotal", []))
    assert taxes == data["taxTotal"]["amount"]
    assert lines + taxes == total["payableAmount"]["amount"]
    sign = -1 if drawn.kind is DocumentKind.CREDIT_NOTE else 1
    assert total["payableAmount"]["amount"] == sign * drawn.gross
    assert data["id"] == drawn.reference
