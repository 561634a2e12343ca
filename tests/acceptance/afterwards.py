"""What happens after the first run, with any ledger: payments, corrections, people's decisions. A company each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from acceptance.product import Product, Said, connection, query
from acceptance.simulated import Fields, Simulated, company_of, invoices_of

VENDORS = 20


@dataclass
class Household:
    """One product with a connection to each of many small companies."""

    product: Product
    systems: Simulated


@dataclass
class Small:
    """One of the companies, and the connection to it."""

    household: Household
    code: str

    @property
    def product(self) -> Product:
        return self.household.product

    @property
    def systems(self) -> Simulated:
        return self.household.systems

    @property
    def name(self) -> str:
        return f"acme-{self.code}"

    def approve(self, number: int) -> list[Fields]:
        """Invoices that can be posted, approved."""
        documents = invoices_of(self.code, number, vendors=VENDORS)
        self.systems.approve(documents)
        return documents

    def run(self, *words: str) -> Said:
        return self.product.run("run", self.name, *words, "--json")

    def make_due(self) -> None:
        """A quarter of an hour goes by."""
        for sql in (
            "UPDATE document SET next_due = now() WHERE connection_id = %s AND next_due IS NOT NULL",
            "UPDATE circuit SET open_until = now() WHERE connection_id = %s",
        ):
            query(self.product.database_url or "", sql, self.name)

    def rows(self) -> dict[str, Fields]:
        """The product's documents by invoice number, the newest transfer of each."""
        found = self.product.well("invoices", self.name, "--json").json
        return {each["invoice_number"]: each for each in reversed(found)}

    def bills(self) -> list[Fields]:
        return self.systems.bills(self.code)

    def document(self, number: str) -> Fields:
        return self.systems.document(self.code, number)


class Afterwards:
    """What people do then, and what comes of it. The module gives `small`."""

    tells_parts: ClassVar[bool]
    """True where the ledger tells what part of a bill is paid."""
    tolerated: ClassVar[Decimal]
    """How much the ledger's total of a bill may differ from the invoice's."""
    refusal: ClassVar[Fields]
    """The write that an extension of the ledger refuses, and its answer."""

    def test_payments_close_the_loop(self, small: Small) -> None:
        whole, part, taken_back = (each["invoiceNumber"] for each in small.approve(3))
        assert small.run("invoices").code == 0
        numbers = {number: row["erp_number"] for number, row in small.rows().items()}
        day = small.systems.today.isoformat()
        for number in (whole, taken_back):
            small.systems.in_ledger("pay", small.code, number=numbers[number], date=day)
        small.systems.in_ledger("pay", small.code, number=numbers[part], date=day, amount="1.00")

        first = small.run("payments")
        assert (first.code, first.flow("payments")["sent"]) == (0, 3 if self.tells_parts else 2)
        paid = small.document(whole)
        assert paid["processingStatus"] == "Paid"
        (response,) = paid["paymentResponses"]
        assert Decimal(
            str(response["grossPaidTotalCompany"] if "grossPaidTotalCompany" in response else _paid(response))
        ) == (Decimal(str(paid["grossSum"])))
        parts = [_paid(each) for each in small.document(part)["paymentResponses"]]
        assert parts == ([Decimal("1.00")] if self.tells_parts else [])
        assert {number: row["status"] for number, row in small.rows().items()} == {
            whole: "paid", part: "transferred", taken_back: "paid",
        }  # fmt: skip

        small.systems.in_ledger("unpay", small.code, number=numbers[taken_back], date=day)
        small.systems.in_ledger("pay", small.code, number=numbers[part], date=day)
        second = small.run("payments")
        assert (second.code, second.flow("payments")["sent"]) == (0, 2)
        assert _paid(small.document(taken_back)["paymentResponses"][-1]) == 0
        assert _paid(small.document(part)["paymentResponses"][-1]) == Decimal(str(small.document(part)["grossSum"]))
        assert small.rows()[taken_back]["status"] == "transferred"

        third = small.run("payments")
        assert (third.code, third.flow("payments")["sent"]) == (0, 0)
        codes = [each["externalCode"] for number in numbers for each in small.document(number)["paymentResponses"]]
        assert len(set(codes)) == len(codes) == (5 if self.tells_parts else 4)

    def test_a_payment_that_was_told_and_goes_with_its_bill_is_told_to_be_gone(self, small: Small) -> None:
        document, bill, day = self._posted(small)
        small.systems.in_ledger("pay", small.code, number=bill, date=day)
        assert small.run("payments").flow("payments")["sent"] == 1
        assert small.document(document["invoiceNumber"])["processingStatus"] == "Paid"

        small.systems.in_ledger("unpay", small.code, number=bill, date=day)
        small.systems.in_ledger("cancel", small.code, number=bill)
        said = small.run("payments")
        assert (said.code, said.flow("payments")["sent"]) == (0, 1)
        told = small.document(document["invoiceNumber"])["paymentResponses"]
        assert [_paid(each) == 0 for each in told] == [False, True]
        assert small.rows()[document["invoiceNumber"]]["status"] == "cancelled"

        again = small.run("payments")
        assert (again.code, again.flow("payments")["sent"]) == (0, 0)

    def test_a_payment_that_was_not_told_before_its_bill_was_cancelled_is_not_told(self, small: Small) -> None:
        document, bill, day = self._posted(small)
        assert small.run("payments").flow("payments")["sent"] == 0
        small.systems.in_ledger("pay", small.code, number=bill, date=day)
        small.systems.in_ledger("unpay", small.code, number=bill, date=day)
        small.systems.in_ledger("cancel", small.code, number=bill)
        for _ in range(2):
            said = small.run("payments")
            assert (said.code, said.flow("payments")["sent"]) == (0, 0)
        there = small.document(document["invoiceNumber"])
        assert (there["paymentResponses"], there["processingStatus"]) == ([], "Transferred")
        assert small.rows()[document["invoiceNumber"]]["status"] == "cancelled"

    def _posted(self, small: Small) -> tuple[Fields, str, str]:
        """An invoice that was posted, its bill's number, and today."""
        (document,) = small.approve(1)
        assert small.run("invoices").code == 0
        bill = small.rows()[document["invoiceNumber"]]["erp_number"]
        return document, bill, small.systems.today.isoformat()

    def test_a_corrected_invoice_that_is_transferred_again_makes_one_bill(self, small: Small) -> None:
        (document,) = invoices_of(small.code, 1, vendors=VENDORS)
        small.systems.approve([{**document, "supplierCode": "V-NEW"}])
        first = small.run("invoices")
        assert (first.code, first.flow("invoices")["rejected"]) == (1, 1)
        number = document["invoiceNumber"]
        assert small.bills() == []
        assert "V-NEW does not exist" in small.document(number)["transferResponses"][0]["responseMessage"]

        small.systems.in_ledger("vendors", small.code, number="V-NEW", **small.systems.kind.called("New Oy"))
        small.systems.transfer_again(document["invoiceId"])
        second = small.run("invoices")
        assert (second.code, second.flow("invoices")["posted"]) == (0, 1)
        (bill,) = small.bills()
        there = small.document(number)
        assert (there["processingStatus"], there["voucherNumber1"]) == ("Transferred", bill["number"])
        assert [each["success"] for each in there["transferResponses"]] == [False, True]
        assert small.rows()[number]["transfer"] == 2

    def test_a_posted_invoice_that_is_transferred_again_makes_no_second_bill(self, small: Small) -> None:
        (document,) = small.approve(1)
        assert small.run("invoices").code == 0
        before = small.bills()
        small.systems.transfer_again(document["invoiceId"])
        small.run("invoices")
        assert small.bills() == before
        row = small.rows()[document["invoiceNumber"]]
        assert row["status"] in ("transferred", "held")
        if row["status"] == "held":
            assert row["reason"] == "already posted"
            assert before[0]["number"] in row["message"]

    def test_the_same_number_from_somebody_else_is_held_linked_or_returned(self, small: Small) -> None:
        original, twin, other = invoices_of(small.code, 3, vendors=VENDORS)
        same = {name: original[name] for name in ("invoiceNumber", "supplierCode")}
        small.systems.approve([original])
        assert small.run("invoices").code == 0
        (bill,) = small.bills()
        small.systems.approve([{**twin, **same}, {**other, **same}])
        held = small.run("invoices")
        assert (held.code, held.flow("invoices")["held"]) == (1, 2)
        assert small.bills() == [bill]

        stays = small.product.run("replay", "--held", "--connection", small.name, "--json")
        assert (stays.code, [each["status"] for each in stays.json["replayed"]]) == (1, ["held", "held"])
        unknown = small.product.run("link", twin["invoiceId"], "PPI-NOWHERE")
        assert unknown.code == 1
        assert "PPI-NOWHERE" in unknown.err
        returned = small.product.run("reject", other["invoiceId"], "--message", "Sent twice by the supplier.", "--json")
        assert (returned.code, returned.json["status"]) == (0, "rejected")
        (answer,) = [
            each for document in small.systems.documents(small.code) if document["invoiceId"] == other["invoiceId"]
            for each in document["transferResponses"]
        ]  # fmt: skip
        assert (answer["success"], "Sent twice by the supplier." in answer["responseMessage"]) == (False, True)
        assert small.bills() == [bill]

    def test_an_invoice_that_somebody_keyed_in_can_be_linked_to_that_bill(self, small: Small) -> None:
        (document,) = small.approve(1)
        assert small.run("invoices").code == 0
        (bill,) = small.bills()
        # The product forgets that the bill is its own: to it, somebody keyed it in.
        url = small.product.database_url or ""
        query(url, "DELETE FROM document WHERE connection_id = %s", small.name)
        small.systems.transfer_again(document["invoiceId"])
        held = small.run("invoices")
        assert (held.code, held.flow("invoices")["held"]) == (1, 1)
        linked = small.product.run("link", document["invoiceId"], bill["number"], "--json")
        assert (linked.code, linked.json["status"], linked.json["erp_number"]) == (0, "transferred", bill["number"]), (
            linked
        )
        assert small.bills() == [bill]
        assert small.document(document["invoiceNumber"])["voucherNumber1"] == bill["number"]

    def test_a_held_invoice_can_be_replayed_once_its_cause_is_gone(self, small: Small) -> None:
        (document,) = small.approve(1)
        usual: Fields = {"kind": "status", "method": "POST", "status": 400, "content_type": "application/json"}
        small.systems.fault(small.systems.ledger, **{**usual, **self.refusal}, count=99)
        held = small.run("invoices")
        assert (held.code, held.flow("invoices")["held"]) == (1, 1)
        row = small.rows()[document["invoiceNumber"]]
        assert (row["status"], row["reason"]) == ("held", "refused by the ledger")
        assert "An extension says no." in row["message"]
        small.systems.mend()
        again = small.product.run("replay", document["invoiceNumber"], "--json")
        assert (again.code, [each["status"] for each in again.json["replayed"]]) == (0, ["transferred"])
        assert len(small.bills()) == 1
        once_more = small.product.run("replay", document["invoiceNumber"], "--json")
        assert once_more.code == 1
        assert len(small.bills()) == 1

    def test_a_vendor_that_is_blocked_or_deleted_is_switched_off(self, small: Small) -> None:
        assert small.run("payment-terms", "vendors").code == 0
        company = company_of(small.code, small.systems.today, vendors=VENDORS, invoices=0)
        blocked, deleted, *_ = [each.number for each in company.vendors if not each.blocked]
        before = active(small)
        small.systems.in_ledger("vendors", small.code, number=blocked, **small.systems.kind.locked_out)
        small.systems.in_ledger("vendors", small.code, number=deleted, delete=True)
        said = small.run("vendors")
        assert (said.code, said.flow("vendors")["outcome"]) == (0, "ok")
        assert len(before - active(small)) == 2
        assert len(small.systems.held_in_basware("vendors", small.code)) >= len(before)  # switched off, not deleted

    def test_reconcile_agrees_until_somebody_cancels_a_bill(self, small: Small) -> None:
        documents = small.approve(3)
        assert small.run("invoices").code == 0
        months = sorted({each["month"] for each in small.bills()})
        found = [small.product.well("reconcile", small.name, "--period", month, "--json").json for month in months]
        counted = [balance for each in found for balance in each["currencies"]]
        assert sum(each["approved"]["count"] for each in counted) == len(documents)
        assert sum(each["posted"]["count"] for each in counted) == len(documents)
        money = sum((Decimal(each["posted"]["money"]) for each in counted), Decimal(0))
        assert money == sum(Decimal(str(each["grossSum"])) for each in documents)
        stands = sum((Decimal(str(each["total"])) for each in small.bills()), Decimal(0))
        assert abs(money - stands) <= self.tolerated * len(documents)

        bill = small.bills()[0]
        small.systems.in_ledger("cancel", small.code, number=bill["number"])
        said = small.product.run("reconcile", small.name, "--period", bill["month"], "--json")
        assert said.code == 1
        assert [each["invoice_number"] for each in said.json["differences"]] == [bill["vendorInvoiceNumber"]]


def _paid(response: Fields) -> Decimal:
    """How much a payment response says is paid."""
    (name,) = [
        name for name in response if re.fullmatch(r"(?i)(?:gross)?paid(?:total|sum|amount)\w*|paymentSum\w*", name)
    ]
    return Decimal(str(response[name]))


def matched(document: Fields, order: str, *, quantity: int, net: str) -> Fields:
    """The invoice, all of it matched to the first line of an order, at 24 %."""
    whole = Decimal(net)
    tax = (whole * Decimal("0.24")).quantize(Decimal("0.01"))
    sums = {"netTotal": whole, "taxSum": tax, "grossTotal": whole + tax, "taxCode": "T24", "taxPercent": 24}
    place = {"orderNumber": order, "orderLineNumber": "1", "matchedQuantity": quantity, "matchingType": 1}
    head = {"netSum": whole, "taxSum1": tax, "taxSum2": 0, "grossSum": whole + tax, "orderNumbers": [order]}
    return {**document, **head, "codingRows": [{**document["codingRows"][0], **sums, **place}]}


def active(small: Small) -> set[str]:
    return {each["externalCode"] for each in small.systems.held_in_basware("vendors", small.code) if each["active"]}


@contextmanager
def connected(household: Household, code: str, tmp_path: Path, *, name: str, **changes: str) -> Iterator[Product]:
    """One more connection of the household, set up in another way."""
    product = household.product
    file = tmp_path / "more.yaml"
    file.write_text("connections:\n" + connection(household.systems, code, name=name, **changes), encoding="utf-8")
    product.well("apply", str(file))
    yield product


def assert_said_in_words(product: Product, name: str, *, side: str, step: str, advice: str) -> str:
    """The connection test names the step and what to do, a run fails, and no secret is in either; the run's error."""
    tested = product.run("ping", name, "--json")
    assert tested.code == 1
    (failed,) = [each for each in tested.json if not each["ok"]]
    assert (failed["side"], failed["step"]) == (side, step)
    assert advice in failed["advice"]
    spoken = product.run("ping", name)
    assert spoken.code == 1
    assert "What to do:" in spoken.out
    run = product.run("run", name, "tax-codes", "--json")
    assert run.code == 1
    assert run.flow("tax-codes")["outcome"] == "failed"
    for said in (tested, spoken, run):
        assert "not-the-secret" not in said.out + said.err
    return run.flow("tax-codes")["error"]
