"""What a matched line is taken from: receipts, oldest first, then what did not come (Epicor dossier 9.5.4, 12)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from epicor_papers import bill_of, coded, matched
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.epicor_kinetic.lines import claim, entries_of, matches_as_stored, papers_before
from ml_connector.connectors.epicor_kinetic.matching import Match, Papers, matches_of
from ml_connector.records.invoice import Bill, BillLine, DocumentKind
from ml_connector.records.reason import Reason

VENDOR = 7


def papers(ordered: str, *received: str, **order: Any) -> Papers:
    """An order of one line and release, and receipts of it, the newest first."""
    receipts = [
        {
            "PONum": 42, "POLine": 1, "PORelNum": 1, "PurPoint": "", "PackSlip": f"L-{place}", "PackLine": 1,
            "Received": True, "ReceiptDate": f"2026-01-{9 - place:02d}T00:00:00", "VendorQty": Decimal(quantity),
        }
        for place, quantity in enumerate(received)
    ]  # fmt: skip
    head = {"PONum": 42, "VendorNum": VENDOR, "OpenOrder": True, "VoidOrder": False, "CurrencyCode": "EUR", **order}
    there = sum(map(Decimal, received), Decimal(0))
    release = {"PONum": 42, "POLine": 1, "PORelNum": 1, "RelQty": Decimal(ordered), "ReceivedQty": there}
    return Papers([head], [{"PONUM": 42, "POLine": 1}], [release], receipts)


def taken(bill: Bill, of: Papers) -> list[tuple[str, Decimal, Decimal]]:
    """Pack slip (empty for none), quantity and sum of all that a bill is taken from."""
    matches = matches_of(bill, of, vendor=VENDOR)
    assert not isinstance(matches, tuple), matches
    return [(each.pack_slip, each.quantity, each.net) for position in sorted(matches) for each in matches[position]]


def reasons(line: BillLine, of: Papers) -> list[Reason]:
    matches = matches_of(bill_of("M-1", lines=(line,)), of, vendor=VENDOR)
    return [each.reason for each in matches] if isinstance(matches, tuple) else []


def test_receipts_are_taken_oldest_first_and_then_what_did_not_come() -> None:
    bill = bill_of("M-1", lines=(matched(42, 1, "13", "130.00"),))
    assert taken(bill, papers("20", "4", "6")) == [("L-1", 6, 60), ("L-0", 4, 40), ("", 3, 30)]


def test_a_named_receipt_is_the_only_one_that_is_taken() -> None:
    line = matched(42, 1, "4", "40.00", receipt_number="l-0")
    assert taken(bill_of("M-1", lines=(line,)), papers("20", "4", "6")) == [("L-0", 4, 40)]
    too_much = matched(42, 1, "5", "50.00", receipt_number="L-0")
    assert reasons(too_much, papers("20", "4", "6")) == [Reason.ORDER_DIFFERS]


@pytest.mark.parametrize(
    ("line", "order", "reason"),
    [
        (matched(43, 1, "1", "10"), {}, Reason.ORDER_UNKNOWN),
        (matched(42, 9, "1", "10"), {}, Reason.ORDER_UNKNOWN),
        (matched(42, 1, "1", "10"), {"VoidOrder": True}, Reason.ORDER_UNKNOWN),
        (matched(42, 1, "1", "10"), {"OpenOrder": False}, Reason.ORDER_UNKNOWN),
        (matched(42, 1, "1", "10"), {"VendorNum": 8}, Reason.ORDER_DIFFERS),
        (matched(42, 1, "1", "10"), {"CurrencyCode": "USD"}, Reason.ORDER_DIFFERS),
        (matched(42, 1, "21", "210"), {}, Reason.ORDER_DIFFERS),
        (matched(42, 1, "1", "-10"), {}, Reason.ORDER_DIFFERS),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_found(line: BillLine, order: dict[str, Any], reason: Reason) -> None:
    assert reasons(line, papers("20", **order)) == [reason]


def test_rows_that_share_a_receipt_become_one_line_of_the_invoice() -> None:
    bill = bill_of("M-1", lines=(matched(42, 1, "2", "20.00"), matched(42, 1, "3", "31.00")))
    assert taken(bill, papers("20", "5")) == [("L-0", 5, 51)]
    other = bill_of("M-1", lines=(matched(42, 1, "2", "20.00"), matched(42, 1, "3", "31.00", account="6210")))
    found = matches_of(other, papers("20", "5"), vendor=VENDOR)
    assert isinstance(found, tuple)
    assert [each.reason for each in found] == [Reason.ORDER_DIFFERS]


def test_a_credit_note_is_never_matched() -> None:
    bill = bill_of("M-1", kind=DocumentKind.CREDIT_NOTE, lines=(matched(42, 1, "1", "10.00"),))
    assert matches_of(bill, Papers(), vendor=VENDOR) == {}


@pytest.mark.parametrize(("per", "price"), [("E", "2.5"), ("C", "250"), ("M", "2500"), ("", "2.5")])
def test_a_price_is_for_as_many_as_the_order_says(per: str, price: str) -> None:
    assert Match(42, 1, 1, Decimal(40), Decimal(100)).price(per) == Decimal(price)


QUANTITIES = st.lists(st.integers(1, 50), max_size=4)


ROWS = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 99_999)), min_size=1, max_size=4)
"""Quantities and cents."""


@given(received=QUANTITIES, rest=st.integers(0, 50), rows=ROWS)
def test_all_is_taken_to_the_cent_and_nothing_twice(
    received: list[int], rest: int, rows: list[tuple[int, int]]
) -> None:
    of = papers(str(sum(received) + rest), *map(str, received))
    lines = tuple(matched(42, 1, str(quantity), str(Decimal(cents) / 100)) for quantity, cents in rows)
    bill = bill_of("M-1", lines=lines)
    matches = matches_of(bill, of, vendor=VENDOR)
    wanted = sum(quantity for quantity, _ in rows)
    if wanted > sum(received) + rest:
        assert isinstance(matches, tuple)
        return
    assert not isinstance(matches, tuple)
    every = [each for position in matches for each in matches[position]]
    assert sum(each.quantity for each in every) == wanted
    assert sum(each.net for each in every) == bill.net
    slips = [each.pack_slip for each in every if each.is_received]
    assert len(slips) == len(set(slips))
    for place, quantity in enumerate(received):
        assert sum(each.quantity for each in every if each.pack_slip == f"L-{place}") <= quantity


def stored(bill: Bill, matches: Any) -> dict[str, list[dict[str, Any]]]:
    """The lines of an invoice as they come to be stored."""
    rows = [
        {
            "InvoiceLine": place, "LineType": each.line_type, "Description": each.text, "DocExtCost": each.net,
            **(_columns(each.match) if each.match else {}),
        }
        for place, each in enumerate(entries_of(bill, matches), 1)
    ]  # fmt: skip
    return {"APInvDtl": rows}


def _columns(match: Match) -> dict[str, Any]:
    return {
        "PONum": match.order, "POLine": match.line, "PORelNum": match.release, "VendorQty": match.quantity,
        "PurPoint": match.purchase_point, "PackSlip": match.pack_slip, "PackLine": match.pack_line,
    }  # fmt: skip


def test_a_draft_that_took_its_part_is_planned_as_it_was() -> None:
    bill = bill_of("M-1", lines=(matched(42, 1, "8", "80.00"), coded(), matched(42, 1, "9", "90.00")))
    before = papers("20", "4", "6")
    matches = matches_of(bill, before, vendor=VENDOR)
    ds = stored(bill, matches)
    gone = [{**row, "Invoiced": True, "SupplierUnInvcReceiptQty": Decimal(0)} for row in before.receipts]
    after = Papers(before.orders, before.lines, before.releases, gone)
    assert matches_of(bill, papers_before(after, ds), vendor=VENDOR) == matches
    as_stored = matches_as_stored(bill, ds)
    claims = claim(entries_of(bill, as_stored), ds)
    assert (claims.missing, list(claims.strays)) == ([], [])


NETS = st.lists(st.tuples(st.integers(-500, 500), st.sampled_from(["a", "b", "b longer"])), min_size=1, max_size=8)


@given(rows=NETS, kind=st.sampled_from(DocumentKind), data=st.data())
def test_what_is_stored_is_never_written_twice(
    rows: Sequence[tuple[int, str]], kind: DocumentKind, data: st.DataObject
) -> None:
    lines = tuple(coded(net=Decimal(net), description=words) for net, words in rows)
    bill = bill_of("M-1", kind=kind, lines=lines)
    ds = stored(bill, {})
    kept = data.draw(st.sets(st.sampled_from(range(len(lines)))))
    some = {"APInvDtl": [ds["APInvDtl"][place] for place in sorted(kept)]}
    claims = claim(entries_of(bill, {}), some)
    assert list(claims.strays) == []
    assert len(claims.missing) == len(lines) - len(kept)
    left = sorted(each.net for each in claims.missing) + sorted(row["DocExtCost"] for row in some["APInvDtl"])
    assert sorted(left) == sorted(row["DocExtCost"] for row in ds["APInvDtl"])


def test_a_line_that_the_bill_does_not_have_is_a_stray() -> None:
    bill = bill_of("M-1")
    ds = stored(bill, {})
    strange = {"InvoiceLine": 9, "LineType": "M", "Description": "x", "DocExtCost": Decimal(1)}
    assert list(claim(entries_of(bill, {}), {"APInvDtl": [*ds["APInvDtl"], strange]}).strays) == [strange]
