"""Posting against the simulated SAP Business One, over sockets: calls made, and what stands afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sap_bills import line, matched
from sap_world import TODAY, World, coded, simulated_world

from ml_connector.connectors.errors import OutcomeUnknown, Refused
from ml_connector.records.invoice import BillLine, BillStatus, DocumentKind
from ml_connector.records.reason import Reason


@pytest.fixture(params=["v2", "v1"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with simulated_world() as made:
        made.ledger = made.fresh_ledger(base_url=f"{made.base}/b1s/{request.param}")
        yield made


async def test_a_plain_bill_is_posted_in_one_call(world: World) -> None:
    plain = world.bill("ONE-1", lines=(coded(net=Decimal("33.33")), coded(net=Decimal("-3.33"), tax_code="VAT0")))
    assert await world.ledger.check([plain]) == {"ONE-1": ()}
    assert await world.ledger.find([plain]) == {"ONE-1": ()}
    before = world.calls
    posted = await world.ledger.create(plain)
    assert world.calls - before == 1
    assert (posted.status, posted.line_count) == (BillStatus.POSTED, 2)
    assert (posted.net, posted.tax, posted.gross) == (plain.net, plain.tax, plain.gross)
    (stands,) = await world.bills()
    assert (stands["id"], stands["number"], stands["kind"]) == (posted.id, posted.number, "invoice")
    assert [(row["account"], Decimal(str(row["net"])), row["dimensions"]) for row in stands["rows"]] == [
        ("6120", Decimal("33.33"), {"1": "D040"}), ("6120", Decimal("-3.33"), {"1": "D040"}),
    ]  # fmt: skip


async def test_checking_a_batch_costs_a_handful_of_reads_and_then_none(world: World) -> None:
    batch = [world.bill(f"B-{index}") for index in range(20)]
    await world.ledger.check(batch)
    assert world.calls <= 8
    before = world.calls
    assert set((await world.ledger.check(batch)).values()) == {()}
    assert world.calls == before
    await world.ledger.find(batch)
    assert world.calls - before <= 2


async def test_all_who_check_at_once_share_the_reads(world: World) -> None:
    await asyncio.gather(*(world.ledger.check([world.bill(f"B-{index}")]) for index in range(12)))
    assert world.calls <= 8


async def test_what_was_opened_a_moment_ago_is_known(world: World) -> None:
    await world.ledger.check([world.bill("B-1")])
    await world.hook("accounts", company="2000", number="6129", Name="Fresh", ActiveAccount="tYES")
    await world.hook("dimension-values", company="2000", dimension="1", code="D999")
    await world.hook("vendors", company="2000", number="Vxyz", CardName="Fresh")
    fresh = world.bill("B-2", vendor=" vXYZ", lines=(coded(account="6129", dimensions={"1": "d999"}),))
    assert await world.ledger.check([fresh]) == {"B-2": ()}
    await world.ledger.create(fresh)
    (stands,) = await world.bills()
    assert [(each["account"], each["dimensions"]) for each in stands["rows"]] == [("6129", {"1": "D999"})]
    assert stands["vendor"] == "Vxyz"
    assert [each.id for each in (await world.ledger.find([fresh]))["B-2"]] == [stands["id"]]


async def test_many_long_numbers_are_looked_for_in_as_many_looks_as_an_address_takes(world: World) -> None:
    batch = [world.bill(f"{index:03d}" + "ß'" * 48) for index in range(20)]
    posted = await world.ledger.create(batch[17])
    found = await world.ledger.find(batch)
    assert {key: [each.id for each in there] for key, there in found.items() if there} == {batch[17].key: [posted.id]}


@pytest.mark.parametrize("kind", list(DocumentKind))
async def test_a_bill_is_found_in_any_case_and_read_by_its_id(world: World, kind: DocumentKind) -> None:
    bill = world.bill("Å/ß o'b-1", kind=kind)
    posted = await world.ledger.create(bill)
    for number in ("å/ß O'B-1", " Å/ß o'b-1 "):
        found = await world.ledger.find([world.bill(number, key="k", kind=kind)])
        assert [each.id for each in found["k"]] == [posted.id]
    there = await world.ledger.read_bill(bill, posted.id)
    assert there is not None
    assert (there.number, there.gross, there.kind) == (posted.number, posted.gross, kind)
    assert await world.ledger.read_bill(bill, posted.id + "999") is None
    other = DocumentKind.INVOICE if kind is DocumentKind.CREDIT_NOTE else DocumentKind.CREDIT_NOTE
    assert await world.ledger.find([world.bill("Å/ß o'b-1", key="k", kind=other)]) == {"k": ()}


async def test_a_foreign_bill_keeps_its_own_sums(world: World) -> None:
    bill = world.bill("FC-1", currency="USD", vendor=vendor_of(world, "USD"))
    assert await world.ledger.check([bill]) == {"FC-1": ()}
    posted = await world.ledger.create(bill)
    assert (posted.currency, posted.net, posted.gross) == ("USD", bill.net, bill.gross)
    (stands,) = await world.bills()
    assert (stands["currency"], Decimal(str(stands["total"]))) == ("USD", bill.gross)


def vendor_of(world: World, currency: str) -> str:
    return next(each.number for each in world.company.vendors if not each.blocked and each.currency == currency)


TROUBLES: tuple[tuple[str, dict[str, Any], Reason, str], ...] = (
    ("vendor", {"vendor": "NOPE"}, Reason.VENDOR_UNKNOWN, "NOPE"),
    ("account", {"account": "NOPE"}, Reason.ACCOUNT_UNKNOWN, "NOPE"),
    ("blocked account", {"account": "6990"}, Reason.ACCOUNT_BLOCKED, "6990"),
    ("heading", {"account": "6100"}, Reason.ACCOUNT_BLOCKED, "6100"),
    ("no direct posting", {"account": "1410"}, Reason.ACCOUNT_BLOCKED, "1410"),
    ("rule", {"dimensions": {"1": "NOPE"}}, Reason.DIMENSION_UNKNOWN, "NOPE"),
    ("rule of another dimension", {"dimensions": {"2": "D040"}}, Reason.DIMENSION_UNKNOWN, "D040"),
    ("blocked rule", {"dimensions": {"1": "D450"}}, Reason.DIMENSION_BLOCKED, "D450"),
    ("project", {"dimensions": {"Project": "NOPE"}}, Reason.DIMENSION_UNKNOWN, "NOPE"),
    ("blocked project", {"dimensions": {"Project": "P-099"}}, Reason.DIMENSION_BLOCKED, "P-099"),
    ("dimension", {"dimensions": {"DEPARTMENT": "D040"}}, Reason.DIMENSION_UNKNOWN, "DEPARTMENT"),
    ("tax code", {"tax_code": "NOPE"}, Reason.TAX_CODE_UNKNOWN, "NOPE"),
    ("currency", {"currency": "XTS"}, Reason.CURRENCY_UNKNOWN, "XTS"),
    ("number", {"number": "7" * 101}, Reason.NUMBER_TOO_LONG, "777"),
    ("total", {"gross": Decimal("125.00")}, Reason.TOTALS_DIFFER, "124.00 in the ledger"),
)  # fmt: skip


@pytest.mark.parametrize(("changes", "reason", "words"), [each[1:] for each in TROUBLES], ids=[t[0] for t in TROUBLES])
async def test_what_is_wrong_is_found_and_never_written(
    world: World, changes: dict[str, Any], reason: Reason, words: str
) -> None:
    of_line = {name: changes[name] for name in ("account", "dimensions", "tax_code") if name in changes}
    of_bill = {name: value for name, value in changes.items() if name not in of_line}
    bill = world.bill(of_bill.pop("number", "T-1"), **{"lines": (coded(**of_line),), **of_bill})
    (finding,) = (await world.ledger.check([bill]))[bill.key]
    assert finding.reason is reason
    assert words in finding.subject
    assert "{" not in finding.sentence()
    with pytest.raises(Refused) as refused:
        await world.ledger.create(bill)
    assert refused.value.reason is reason
    assert await world.bills() == []


async def test_what_cannot_be_known_beforehand_is_refused_in_its_own_words(world: World) -> None:
    day = world.company.posting_from - timedelta(days=40)
    closed = world.bill("P-1", posting_date=day)
    unrated = world.bill("P-2", currency="DKK")
    for bill, reason in ((closed, Reason.PERIOD_CLOSED), (unrated, Reason.RATE_MISSING)):
        assert await world.ledger.check([bill]) == {bill.key: ()}
        with pytest.raises(Refused) as refused:
            await world.ledger.create(bill)
        assert refused.value.reason is reason
        assert bill.posting_date.isoformat() in str(refused.value)
    assert await world.bills() == []


async def test_nobody_is_turned_down_for_what_was_mended_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bill = world.bill("M-1", vendor="V000008", lines=(coded(account="6990", dimensions={"1": "D450"}),))
    assert len((await world.ledger.check([bill]))["M-1"]) == 3
    await world.hook("vendors", company="2000", number="V000008", Frozen="tNO", Valid="tYES")
    await world.hook("accounts", company="2000", number="6990", FrozenFor="tNO")
    await world.hook("dimension-values", company="2000", dimension="1", code="D450", active=True)
    assert len((await world.ledger.check([bill]))["M-1"]) == 3, "just read: not read again each time"
    monkeypatch.setattr("ml_connector.connectors.remembered.SECOND_LOOK", 0.0)
    assert await world.ledger.check([bill]) == {"M-1": ()}


async def test_a_total_within_the_tolerance_is_posted(world: World) -> None:
    bill = world.bill("C-1", gross=Decimal("124.02"))
    assert await world.ledger.check([bill]) == {"C-1": ()}
    assert (await world.ledger.create(bill)).gross == Decimal("124.00")


async def test_a_segmented_chart_is_coded_by_its_visible_numbers(world: World) -> None:
    await world.hook("segments", company="2000", enabled=True)
    number = (await first_account(world))["FormatCode"]
    bill = world.bill("SEG-1", lines=(coded(account=number),))
    assert await world.ledger.check([bill]) == {"SEG-1": ()}
    await world.ledger.create(bill)
    (stands,) = await world.bills()
    assert stands["rows"][0]["account"] == number


async def first_account(world: World) -> Any:
    rows = await world.ledger._client.rows("ChartOfAccounts", {"$select": "Code,FormatCode,Name"}, key="Code")  # pyright: ignore[reportPrivateUsage]
    return next(row for row in rows if str(row.get("FormatCode") or "").startswith("6120"))


async def test_a_company_with_branches_wants_one(world: World) -> None:
    await world.hook("branches", company="2000", enabled=True)
    bill = world.bill("BR-1")
    (finding,) = (await world.ledger.check([bill]))["BR-1"]
    assert finding.reason is Reason.SETUP_INCOMPLETE
    version = world.ledger._client.address.root  # pyright: ignore[reportPrivateUsage]
    (unknown,) = (await world.fresh_ledger(base_url=version, branch="99").check([bill]))["BR-1"]
    assert "99" in unknown.subject
    there = world.fresh_ledger(base_url=version, branch="1")
    assert await there.check([bill]) == {"BR-1": ()}
    await there.create(bill)
    (stands,) = await world.bills()
    assert stands["branch"] == 1


async def test_branches_that_were_given_up_are_noticed_at_the_next_check(world: World) -> None:
    await world.hook("branches", company="2000", enabled=True)
    bill = world.bill("BR-2")
    assert len((await world.ledger.check([bill]))["BR-2"]) == 1
    await world.hook("branches", company="2000", enabled=False)
    assert await world.ledger.check([bill]) == {"BR-2": ()}


async def test_a_sales_tax_company_has_its_codes_elsewhere(world: World) -> None:
    await world.hook("localisation", company="2000", localisation="US")
    rows = await world.ledger._client.rows("SalesTaxCodes", {"$select": "Code,Rate,ValidForAP"}, key="Code")  # pyright: ignore[reportPrivateUsage]
    code = next(row for row in rows if row["ValidForAP"] == "tYES")
    gross = round(Decimal(100) * (100 + Decimal(str(code["Rate"]))) / 100, 2)
    bill = world.bill("US-1", lines=(coded(tax_code=code["Code"]),), gross=gross)
    assert await world.ledger.check([bill]) == {"US-1": ()}
    assert (await world.ledger.create(bill)).gross == gross


# ------------------------------------------------------------------ duplicates and lost answers


async def test_a_duplicate_the_company_refuses_is_one(world: World) -> None:
    await world.hook("duplicates", company="2000", mode="partner")
    bill = world.bill("D-1")
    await world.ledger.create(bill)
    with pytest.raises(Refused) as refused:
        await world.ledger.create(bill)
    assert refused.value.reason is Reason.POSSIBLE_DUPLICATE
    assert len(await world.bills()) == 1


@pytest.mark.parametrize("fault", [{"kind": "lost_reply"}, {"kind": "status_after", "status": 502}])
async def test_a_post_without_an_answer_is_found_by_looking(world: World, fault: dict[str, Any]) -> None:
    bill = world.bill("L-1")
    await world.ledger.check([bill])
    await world.strike(path=r"/PurchaseInvoices$", method="POST", count=1, **fault)
    with pytest.raises(OutcomeUnknown):
        await world.ledger.create(bill)
    (found,) = (await world.ledger.find([bill]))["L-1"]
    assert (found.status, found.net, found.gross) == (BillStatus.POSTED, bill.net, bill.gross)
    assert len(await world.bills()) == 1


async def test_a_post_under_a_lost_session_is_made_again_after_a_look(world: World) -> None:
    bill = world.bill("S-1")
    await world.ledger.check([bill])
    await world.hook("expire-sessions")
    assert (await world.ledger.create(bill)).status is BillStatus.POSTED
    assert len(await world.bills()) == 1


@pytest.mark.parametrize("count", [1, 2])
async def test_a_post_that_was_done_though_the_session_was_said_to_be_lost_is_not_made_again(
    world: World, count: int
) -> None:
    bill = world.bill("S-2")
    await world.ledger.check([bill])
    await world.strike(path=r"/PurchaseInvoices$", method="POST", count=count, kind="status_after", status=401)
    with pytest.raises(OutcomeUnknown):
        await world.ledger.create(bill)
    (found,) = (await world.ledger.find([bill]))["S-2"]
    assert found.status is BillStatus.POSTED
    assert len(await world.bills()) == 1


async def test_a_cancelled_bill_is_told_apart_from_the_document_that_cancelled_it(world: World) -> None:
    bill = world.bill("X-1")
    posted = await world.ledger.create(bill)
    await world.hook("cancel", company="2000", id=posted.id)
    assert [(each.id, each.status) for each in (await world.ledger.find([bill]))["X-1"]] == [
        (posted.id, BillStatus.CANCELLED)
    ]
    there = await world.ledger.read_bill(bill, posted.id)
    assert there is not None
    assert there.status is BillStatus.CANCELLED
    listed = [row async for page in world.ledger.posted(since=TODAY, until=TODAY) for row in page.records]
    assert [row.id for row in listed if row.vendor_number == "X-1"] == [posted.id]
    again = await world.ledger.create(bill)
    assert again.id != posted.id


async def test_a_posted_bill_is_never_discarded(world: World) -> None:
    bill = world.bill("N-1")
    posted = await world.ledger.create(bill)
    assert await world.ledger.complete(bill, posted) == await world.ledger.read_bill(bill, posted.id)
    assert (await world.ledger.post(bill, posted)).number == posted.number
    with pytest.raises(Refused) as refused:
        await world.ledger.discard(bill, posted)
    assert refused.value.reason is Reason.ALREADY_POSTED


# ------------------------------------------------------------------ approvals


@pytest.fixture
async def approving(world: World) -> World:
    await world.hook("approval", company="2000", enabled=True)
    return world


@pytest.mark.parametrize("kind", list(DocumentKind))
async def test_a_bill_that_wants_approval_waits_and_is_followed(approving: World, kind: DocumentKind) -> None:
    world, ledger = approving, approving.ledger
    bill = world.bill("A-1", kind=kind)
    waiting = await ledger.create(bill)
    assert waiting.status is BillStatus.PENDING
    assert waiting.id.startswith("112:")
    assert waiting.gross == bill.gross
    assert (await ledger.post(bill, waiting)).status is BillStatus.PENDING
    assert [each.id for each in (await ledger.find([bill]))["A-1"]] == [waiting.id]
    await world.hook("approve", company="2000", draft=waiting.id, add=False)
    there = await ledger.read_bill(bill, waiting.id)
    assert there is not None
    assert there.status is BillStatus.PENDING
    (stands,) = await world.bills()
    assert stands["status"] == "draft"


@pytest.mark.parametrize("kind", list(DocumentKind))
async def test_an_approved_bill_is_posted_under_an_id_of_its_own(approving: World, kind: DocumentKind) -> None:
    bill = approving.bill("A-1", kind=kind)
    waiting = await approving.ledger.create(bill)
    await approving.hook("approve", company="2000", draft=waiting.id)
    posted = await approving.ledger.post(bill, waiting)
    assert posted.status is BillStatus.POSTED
    assert not posted.id.startswith("112:")
    assert [(each.id, each.number) for each in (await approving.ledger.find([bill]))["A-1"]] == [
        (posted.id, posted.number)
    ]
    with pytest.raises(Refused):
        await approving.ledger.discard(bill, waiting)
    assert len(await approving.bills()) == 1


@pytest.mark.parametrize("cancel", [False, True])
async def test_a_rejected_bill_is_cancelled_and_can_be_removed(approving: World, cancel: bool) -> None:
    bill = approving.bill("A-1")
    waiting = await approving.ledger.create(bill)
    await approving.hook("reject", company="2000", draft=waiting.id, cancel=cancel)
    there = await approving.ledger.read_bill(bill, waiting.id)
    assert there is not None
    assert there.status is BillStatus.CANCELLED
    assert await approving.ledger.find([bill]) == {"A-1": ()}
    with pytest.raises(Refused) as refused:
        await approving.ledger.post(bill, waiting)
    assert refused.value.reason is Reason.APPROVAL_REFUSED
    for _ in range(2):
        await approving.ledger.discard(bill, waiting)
    assert await approving.bills() == []


async def test_a_waiting_bill_that_is_gone_is_told_so(approving: World) -> None:
    bill = approving.bill("A-1")
    waiting = await approving.ledger.create(bill)
    await approving.ledger.discard(bill, waiting)
    assert await approving.ledger.read_bill(bill, waiting.id) is None


async def test_a_draft_that_is_gone_leads_to_the_bill_of_its_number_and_sum_only(approving: World) -> None:
    bill = approving.bill("A-1")
    waiting = await approving.ledger.create(bill)
    await approving.hook("remove-draft", company="2000", draft=waiting.id)
    await approving.hook("approval", company="2000", enabled=False)
    posted = await approving.ledger.create(bill)
    there = await approving.ledger.read_bill(bill, waiting.id)
    assert there is not None
    assert there.id == posted.id
    other = approving.bill("A-1", lines=(coded(net=Decimal("99.00")),))
    assert await approving.ledger.read_bill(other, waiting.id) is None


async def test_an_approved_bill_under_another_number_is_no_reason_to_post_it_again(approving: World) -> None:
    bill = approving.bill("A-1")
    waiting = await approving.ledger.create(bill)
    await approving.hook("approve", company="2000", draft=waiting.id, add=True)
    with pytest.raises(Refused) as refused:
        await approving.ledger.read_bill(approving.bill("A-2"), waiting.id)
    assert refused.value.reason is Reason.UNEXPECTED


async def test_a_lost_answer_to_a_bill_that_wants_approval_is_found_waiting(approving: World) -> None:
    bill = approving.bill("A-1")
    await approving.strike(path=r"/PurchaseInvoices$", method="POST", count=1, kind="lost_reply")
    with pytest.raises(OutcomeUnknown):
        await approving.ledger.create(bill)
    (found,) = (await approving.ledger.find([bill]))["A-1"]
    assert found.status is BillStatus.PENDING


async def test_where_the_draft_cannot_be_looked_for_the_outcome_is_open(approving: World) -> None:
    bill = approving.bill("A-1")
    await approving.ledger.check([bill])
    await approving.strike(path=r"/Drafts\?", method="GET", count=9, kind="status", status=503)
    with pytest.raises(OutcomeUnknown):
        await approving.ledger.create(bill)


# ------------------------------------------------------------------ orders


ITEM = {"ItemCode": "I0001", "Quantity": 20, "UnitPrice": 10, "VatGroup": "VAT24"}


def row(order: Any, quantity: str, net: str, place: int = 1, **changes: Any) -> BillLine:
    return matched(quantity, net, order_number=order["number"], order_line=str(place), account="6120", **changes)


async def test_an_invoice_on_an_order_takes_off_it(world: World) -> None:
    order = await world.order(ITEM)
    bill = world.bill("O-1", lines=(row(order, "8", "84.00", dimensions={"1": "D040"}),))
    assert await world.ledger.check([bill]) == {"O-1": ()}
    posted = await world.ledger.create(bill)
    assert (posted.net, posted.gross) == (bill.net, bill.gross)
    (stands,) = await world.bills()
    assert stands["rows"][0]["base"] == f"22:{order['entry']}/0"
    assert stands["rows"][0]["dimensions"] == {"1": "D040"}
    rest = world.bill("O-2", lines=(row(order, "13", "130.00"),))
    (finding,) = (await world.ledger.check([rest]))["O-2"]
    assert finding.reason is Reason.ORDER_DIFFERS
    assert "12" in finding.subject
    await world.ledger.create(world.bill("O-3", lines=(row(order, "12", "120.00"),)))
    closed = world.bill("O-4", lines=(row(order, "1", "10.00"),))
    assert [each.reason for each in (await world.ledger.check([closed]))["O-4"]] == [Reason.ORDER_UNKNOWN]


async def test_an_invoice_on_received_goods_takes_off_the_receipts_then_the_order(world: World) -> None:
    order = await world.order(ITEM, receive={"0": 5})
    order = await world.hook("orders", company="2000", number=order["number"], receive={"0": 4})
    bill = world.bill("O-1", lines=(row(order, "11", "110.00"),))
    assert await world.ledger.check([bill]) == {"O-1": ()}
    posted = await world.ledger.create(bill)
    assert posted.net == bill.net
    (stands,) = await world.bills()
    assert [each["base"].split(":")[0] for each in stands["rows"]] == ["20", "20", "22"]
    assert [Decimal(str(each["quantity"])) for each in stands["rows"]] == [5, 4, 2]


async def test_an_order_that_was_received_whole_is_invoiced_by_its_receipt(world: World) -> None:
    order = await world.order(ITEM, receive=True)
    bill = world.bill("O-1", lines=(row(order, "20", "200.00"),))
    assert await world.ledger.check([bill]) == {"O-1": ()}
    await world.ledger.create(bill)
    (stands,) = await world.bills()
    assert [each["base"].split(":")[0] for each in stands["rows"]] == ["20"]


async def test_a_service_order_is_invoiced_by_its_sum(world: World) -> None:
    service = {"ItemDescription": "Cleaning", "AccountCode": "6120", "LineTotal": 300, "VatGroup": "VAT24"}
    order = await world.order(service, DocType="dDocument_Service")
    bill = world.bill("O-1", lines=(row(order, "1", "120.00"), coded(net=Decimal("5.00"))))
    assert await world.ledger.check([bill]) == {"O-1": ()}
    posted = await world.ledger.create(bill)
    assert posted.net == Decimal("125.00")
    (stands,) = await world.bills()
    assert [each["base"] for each in stands["rows"]] == [f"22:{order['entry']}/0", None]
    more = world.bill("O-2", lines=(row(order, "1", "180.01"),))
    assert [each.reason for each in (await world.ledger.check([more]))["O-2"]] == [Reason.ORDER_DIFFERS]


async def test_orders_that_do_not_fit_are_said_beforehand(world: World) -> None:
    order = await world.order(ITEM)
    stranger = world.bill("O-1", vendor=world.vendor(1), lines=(row(order, "1", "10.00"),))
    unknown = world.bill("O-2", lines=(matched("1", "10.00", order_number="999999", account="6120"),))
    wordy = world.bill("O-3", lines=(matched("1", "10.00", order_number="PO 7", account="6120"),))
    mixed = world.bill("O-4", lines=(row(order, "1", "10.00"), coded()))
    found = await world.ledger.check([stranger, unknown, wordy, mixed])
    assert {key: [each.reason for each in findings] for key, findings in found.items()} == {
        "O-1": [Reason.ORDER_DIFFERS], "O-2": [Reason.ORDER_UNKNOWN], "O-3": [Reason.ORDER_UNKNOWN],
        "O-4": [Reason.ORDER_DIFFERS],
    }  # fmt: skip


async def test_an_order_that_is_only_named_becomes_a_note(world: World) -> None:
    bill = world.bill("O-1", lines=(coded(order_number="PO100001", order_line="10000"),))
    assert await world.ledger.check([bill]) == {"O-1": ()}
    await world.ledger.create(bill)
    (stands,) = await world.bills()
    assert stands["rows"][0]["base"] is None


# ------------------------------------------------------------------ files


async def test_a_file_is_put_once_and_others_beside_it(world: World) -> None:
    bill = world.bill("F-1")
    posted = await world.ledger.create(bill)
    for name in ("image.pdf", "image.pdf", "image.xml", "O'Brien & ß: <a>.xml", "image.pdf", "no extension"):
        await world.ledger.attach(bill, posted, name=name, content=b"%PDF-1.7")
    (stands,) = await world.bills()
    assert stands["attachments"] == 4


@pytest.mark.parametrize("path", [r"/Attachments2$", r"/PurchaseInvoices\(\d+\)$"])
async def test_a_file_whose_answer_was_lost_is_put_once(world: World, path: str) -> None:
    bill = world.bill("F-1")
    posted = await world.ledger.create(bill)
    method = "POST" if "Attachments" in path else "PATCH"
    await world.strike(path=path, method=method, count=1, kind="lost_reply")
    with pytest.raises(Exception, match=r"answer|reached"):
        await world.ledger.attach(bill, posted, name="image.pdf", content=b"%PDF-1.7")
    await world.ledger.attach(bill, posted, name="image.pdf", content=b"%PDF-1.7")
    (stands,) = await world.bills()
    assert stands["attachments"] == 1


async def test_a_file_that_is_too_large_is_not_sent(world: World) -> None:
    bill = world.bill("F-1")
    posted = await world.ledger.create(bill)
    before = world.calls
    with pytest.raises(Refused, match="bytes"):
        await world.ledger.attach(bill, posted, name="x.pdf", content=bytes(50 * 1024 * 1024))
    assert world.calls == before


async def test_the_register_tells_the_bills_of_the_days(world: World) -> None:
    await world.ledger.create(world.bill("R-1"))
    await world.ledger.create(world.bill("R-2", kind=DocumentKind.CREDIT_NOTE))
    await world.ledger.create(world.bill("R-3", posting_date=TODAY - timedelta(days=1), lines=(coded(),)))
    listed = [each async for page in world.ledger.posted(since=TODAY, until=TODAY) for each in page.records]
    assert [(each.vendor_number, each.kind) for each in listed if each.vendor_number.startswith("R-")] == [
        ("R-1", DocumentKind.INVOICE), ("R-2", DocumentKind.CREDIT_NOTE),
    ]  # fmt: skip


async def test_a_line_without_a_tax_code_is_left_to_the_ledger(world: World) -> None:
    bill = world.bill("TX-1", lines=(line(account="6120", tax_code=""),))
    assert await world.ledger.check([bill]) == {"TX-1": ()}
