"""Bills written to a simulated Acumatica: saved, released, found, refused, taken back (dossier 5, 6, 10, 15.28-46)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from acumatica_world import TODAY, World, coded, simulated_world

from ml_connector.connectors.acumatica import finding, posting
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.records.invoice import Bill, BillStatus, DocumentKind, LedgerBill
from ml_connector.records.reason import Reason


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with simulated_world() as made:
        yield made


async def found(world: World, bill: Bill) -> tuple[LedgerBill, ...]:
    return (await world.ledger.find([bill]))[bill.key]


async def reasons(world: World, bill: Bill) -> list[Reason]:
    return [each.reason for each in (await world.ledger.check([bill]))[bill.key]]


# ------------------------------------------------------------------ bills that are right


@pytest.mark.parametrize("kind", list(DocumentKind))
async def test_a_bill_is_saved_on_hold_and_then_released(world: World, kind: DocumentKind) -> None:
    bill = world.bill("P-1", kind=kind)
    assert await reasons(world, bill) == []
    draft = await world.ledger.create(bill)
    assert (draft.status, draft.gross, draft.net, draft.tax, draft.line_count) == (
        BillStatus.DRAFT, bill.gross, bill.net, bill.tax, 1,
    )  # fmt: skip
    (stands,) = await world.standing("P-1")
    assert (stands["status"], stands["released"]) == ("On Hold", False)
    posted = await world.ledger.post(bill, draft)
    assert (posted.id, posted.number, posted.status, posted.kind) == (draft.id, draft.number, BillStatus.POSTED, kind)
    (stands,) = await world.standing("P-1")
    assert (stands["status"], stands["released"], stands["kind"]) == ("Open", True, str(kind))
    assert await world.ledger.read_bill(bill, posted.id) == replace(posted, line_count=None)


async def test_what_is_written_is_what_the_bill_says(world: World) -> None:
    lines = (
        coded(description="One"),
        coded(net=Decimal("-10.50"), account="6110", dimensions={"Subaccount.2": "A02"}, tax_code="VAT14"),
    )
    bill = world.bill("P-2", lines=lines, invoice_date=TODAY - timedelta(days=40), due_date=TODAY)
    await world.posted(bill)
    (stands,) = await world.standing("P-2")
    assert stands["invoiceDate"] == (TODAY - timedelta(days=40)).isoformat()
    assert stands["period"] == f"{TODAY:%m%Y}"
    assert stands["dueDate"] == TODAY.isoformat()
    rows = [(row["account"], row["subaccount"], row["net"], row["taxCategory"]) for row in stands["rows"]]
    assert rows == [("6120", "D040-A01", 100.0, "VAT24"), ("6110", "0000-A02", -10.5, "VAT14")]
    assert [row["description"] for row in stands["rows"]] == ["One", "Copy paper"]


async def test_a_line_without_subaccount_takes_what_the_form_gives_it(world: World) -> None:
    bill = world.bill("P-3", lines=(coded(dimensions={}),))
    await world.posted(bill)
    (vendor,) = [each for each in world.company.vendors if each.number == bill.vendor]
    given = dict(vendor.default_dimensions)
    (stands,) = await world.standing("P-3")
    assert stands["rows"][0]["subaccount"] == f"{given.get('DEPARTMENT', '0000')}-{given.get('AREA', '000')}"


async def test_very_many_lines_are_written_in_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "LINES_PER_REQUEST", 7)
    lines = tuple(coded(net=Decimal(1000 + index) / 100, description=f"Line {index}") for index in range(20))
    bill = world.bill("P-4", lines=lines)
    draft = await world.ledger.create(bill)
    assert draft.line_count == 20
    await world.ledger.post(bill, draft)
    (stands,) = await world.standing("P-4")
    assert [row["description"] for row in stands["rows"]] == [line.description for line in lines]


async def test_posting_twice_posts_once(world: World) -> None:
    bill = world.bill("P-5")
    draft = await world.ledger.create(bill)
    first = await world.ledger.post(bill, draft)
    await world.forget_calls()
    second = await world.ledger.post(bill, draft)
    assert (second.id, second.status) == (first.id, BillStatus.POSTED)
    assert [call["method"] for call in await world.calls()] == ["PUT"]


async def test_a_number_is_found_in_any_spelling_and_for_its_own_vendor_and_kind(world: World) -> None:
    posted = await world.posted(world.bill("O'Brien & Co/7a"))
    for spelling in ("O'BRIEN & CO/7A", " o'brien & co/7a "):
        assert [each.id for each in await found(world, world.bill(spelling))] == [posted.id]
    assert await found(world, world.bill("O'Brien & Co/7a", vendor=world.vendor(1))) == ()
    assert await found(world, world.bill("O'Brien & Co/7a", kind=DocumentKind.CREDIT_NOTE)) == ()


async def test_a_file_is_put_once_by_the_link_that_the_bill_offers(world: World) -> None:
    bill = world.bill("F-1")
    posted = await world.posted(bill)
    for content in (b"first", b"second"):
        await world.ledger.attach(bill, posted, name="image.pdf", content=content)
    await world.ledger.attach(bill, posted, name="O'Brien & ß.xml", content=b"<a/>")
    (stands,) = await world.standing("F-1")
    assert stands["attachments"] == 2


# ------------------------------------------------------------------ orders


async def test_a_line_is_taken_off_its_order(world: World) -> None:
    order = await world.hook(
        "orders", company="3000", VendorID=world.vendor(), CurrencyID="EUR",
        Details=[{"LineType": "Non-Stock", "InventoryID": None, "OrderQty": 10, "UnitCost": 20, "Account": "6120",
                  "Subaccount": "D040-A01", "TaxCategory": "VAT24", "LineDescription": "Chairs"}],
    )  # fmt: skip
    place = order["lines"][0]["line"]
    line = coded(net=Decimal("82.00"), order_number=order["number"], order_line=str(place), quantity=Decimal(4))
    bill = world.bill("O-1", lines=(line,))
    assert await reasons(world, bill) == []
    draft = await world.ledger.create(bill)
    assert draft.gross == bill.gross
    await world.ledger.post(bill, draft)
    (stands,) = await world.standing("O-1")
    assert stands["rows"][0]["order"] == f"Normal/{order['number']}/{place}"
    assert (stands["rows"][0]["quantity"], stands["rows"][0]["net"]) == (4, 82.0)


async def test_what_does_not_fit_the_order_is_found_beforehand(world: World) -> None:
    order = await world.hook(
        "orders", company="3000", VendorID=world.vendor(), CurrencyID="EUR",
        Details=[{"OrderQty": 10, "UnitCost": 20, "Account": "6120", "Subaccount": "D040-A01"}],
    )  # fmt: skip
    number, place = order["number"], str(order["lines"][0]["line"])
    fits = coded(order_number=number, order_line=place, quantity=Decimal(4))
    cases = {
        "NOPE": (replace(fits, order_number="NOPE"), Reason.ORDER_UNKNOWN),
        "line": (replace(fits, order_line="77"), Reason.ORDER_UNKNOWN),
        "quantity": (replace(fits, quantity=Decimal(11)), Reason.ORDER_DIFFERS),
        "receipt": (replace(fits, receipt_number="NOPE"), Reason.ORDER_DIFFERS),
    }
    for key, (line, reason) in cases.items():
        assert await reasons(world, world.bill(f"O-{key}", lines=(line,))) == [reason]
    assert await reasons(world, world.bill("O-v", vendor=world.vendor(1), lines=(fits,))) == [Reason.ORDER_DIFFERS]
    await world.hook("orders", company="3000", number=number, status="canceled")
    assert await reasons(world, world.bill("O-c", lines=(fits,))) == [Reason.ORDER_UNKNOWN]


# ------------------------------------------------------------------ bills that are wrong


async def test_all_that_is_wrong_is_said_at_once_and_nothing_is_written(world: World) -> None:
    lines = (
        coded(account="NOPE9", tax_code="NOPE9", dimensions={"Subaccount.1": "NOPE9"}),
        coded(dimensions={"Project": "NOPE9", "CAMPAIGN": "X"}),
    )
    bill = world.bill(
        "9" * 41, vendor="NOPE9", currency="XTS", lines=lines, posting_date=TODAY - timedelta(days=700),
    )  # fmt: skip
    findings = (await world.ledger.check([bill]))[bill.key]
    assert [each.reason for each in findings] == [
        Reason.NUMBER_TOO_LONG, Reason.VENDOR_UNKNOWN, Reason.CURRENCY_UNKNOWN, Reason.PERIOD_CLOSED,
        Reason.TAX_CODE_UNKNOWN, Reason.ACCOUNT_UNKNOWN, Reason.DIMENSION_UNKNOWN, Reason.DIMENSION_UNKNOWN,
        Reason.DIMENSION_UNKNOWN,
    ]  # fmt: skip
    with pytest.raises(Refused) as refused:
        await world.ledger.create(bill)
    assert refused.value.findings == findings
    assert await world.bills() == []


async def test_checking_costs_a_handful_of_reads_and_then_none(world: World) -> None:
    await world.forget_calls()
    await world.ledger.check([world.bill(f"C-{index}") for index in range(50)])
    assert len(await world.calls()) <= 8
    await world.forget_calls()
    await world.ledger.check([world.bill("C-99")])
    assert await world.calls() == []


@pytest.mark.parametrize("status", [500, 422])
async def test_a_duplicate_is_told_as_one_in_either_guise(world: World, status: int) -> None:
    await world.hook("duplicates", company="3000", enabled=True, status=status)
    first = await world.posted(world.bill("D-1"))
    with pytest.raises(Refused) as refused:
        await world.ledger.create(replace(world.bill("D-1"), key="other"))
    assert refused.value.reason is Reason.POSSIBLE_DUPLICATE
    assert first.number in refused.value.findings[0].subject
    assert len(await world.standing("D-1")) == 1


async def test_nobody_is_turned_down_for_what_was_mended_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (coded(account="6990", dimensions={"Subaccount.1": "D450", "Project": "P-099"}),)
    day = world.company.posting_from - timedelta(days=20)
    bill = world.bill("M-1", vendor="V000008", lines=lines, posting_date=day)
    assert len(await reasons(world, bill)) == 5
    await world.hook("vendors", company="3000", number="V000008", Status="Active")
    await world.hook("accounts", company="3000", number="6990", Active=True)
    await world.hook("dimension-values", company="3000", dimension="Project", code="P-099", active=True)
    await world.hook("period", company="3000", **{"from": day.isoformat()})
    for area in ("000", "A01"):
        await world.hook("dimension-values", company="3000", dimension="Subaccount", code=f"D450-{area}", active=True)
    assert len(await reasons(world, bill)) == 5, "just read: not read again each time"
    monkeypatch.setattr("ml_connector.connectors.remembered.SECOND_LOOK", 0.0)
    assert await reasons(world, bill) == []


async def test_a_missing_rate_is_told_by_the_refusal(world: World) -> None:
    await world.hook("rates", company="3000", currency="USD", delete=True)
    with pytest.raises(Refused) as refused:
        await world.ledger.create(world.bill("R-1", currency="USD"))
    assert refused.value.reason is Reason.RATE_MISSING
    assert await world.bills() == []


async def test_where_totals_are_validated_the_amount_goes_along(world: World) -> None:
    await world.hook("preferences", company="3000", validate_totals=True)
    await world.posted(world.bill("T-1"))
    odd = world.bill("T-2", gross=Decimal("130.00"), tax=Decimal("30.00"))
    draft = await world.ledger.create(odd)
    assert draft.gross == Decimal("124.00")
    with pytest.raises(Refused) as refused:
        await world.ledger.post(odd, draft)
    assert refused.value.reason is Reason.TOTALS_DIFFER
    await world.ledger.discard(odd, draft)
    assert await world.standing("T-2") == []


@pytest.mark.parametrize("is_validated", [True, False])
async def test_a_total_within_the_tolerance_is_posted_as_the_form_computes_it(
    world: World, *, is_validated: bool
) -> None:
    await world.hook("preferences", company="3000", validate_totals=is_validated)
    off = world.bill("T-3", gross=Decimal("124.01"), tax=Decimal("24.01"))
    assert (await world.posted(off)).gross == Decimal("124.00")
    (stands,) = await world.standing("T-3")
    assert (stands["released"], stands["total"]) == (True, 124.0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [("vendor", Reason.VENDOR_BLOCKED), ("period", Reason.PERIOD_CLOSED)],
)
async def test_what_changed_since_the_check_is_refused_and_the_draft_can_be_removed(
    world: World, change: str, reason: Reason
) -> None:
    bill = world.bill("S-1")
    draft = await world.ledger.create(bill)
    if change == "vendor":
        await world.hook("vendors", company="3000", number=bill.vendor, Status="Inactive")
    else:
        until = TODAY.replace(day=1) - timedelta(days=1)
        await world.hook("period", company="3000", **{"from": until.replace(day=1).isoformat()}, to=until.isoformat())
    with pytest.raises(Refused) as refused:
        await world.ledger.post(bill, draft)
    assert refused.value.reason is reason
    there = await world.ledger.read_bill(bill, draft.id)
    assert there is not None
    assert there.status is BillStatus.DRAFT
    await world.ledger.discard(bill, there)
    assert await world.ledger.read_bill(bill, draft.id) is None
    await world.ledger.discard(bill, there)


@pytest.mark.parametrize("change", ["vendor", "period"])
async def test_a_release_that_fails_leaves_a_draft_and_says_why(world: World, change: str) -> None:
    bill = world.bill("S-2")
    draft = await world.ledger.create(bill)
    await world.hook("bill", company="3000", id=draft.id, Hold=False)
    await spoil(world, bill, change)
    with pytest.raises(Refused) as refused:
        await world.ledger.post(bill, draft)
    assert refused.value.reason is {"vendor": Reason.VENDOR_BLOCKED, "period": Reason.PERIOD_CLOSED}[change]
    assert [each.status for each in await found(world, bill)] == [BillStatus.DRAFT]


async def spoil(world: World, bill: Bill, change: str) -> None:
    if change == "vendor":
        await world.hook("vendors", company="3000", number=bill.vendor, Status="Inactive")
        return
    until = TODAY.replace(day=1) - timedelta(days=1)
    await world.hook("period", company="3000", **{"from": until.replace(day=1).isoformat()}, to=until.isoformat())


async def test_a_posted_bill_is_never_discarded(world: World) -> None:
    bill = world.bill("S-3")
    draft = await world.ledger.create(bill)
    await world.ledger.post(bill, draft)
    with pytest.raises(Refused) as refused:
        await world.ledger.discard(bill, draft)
    assert refused.value.reason is Reason.ALREADY_POSTED
    assert len(await world.standing("S-3")) == 1


async def test_a_user_who_may_only_view_is_told_so(world: World) -> None:
    await world.hook("preferences", company="3000", saves_silently=True)
    with pytest.raises(Refused) as refused:
        await world.ledger.create(world.bill("V-1"))
    assert refused.value.reason is Reason.RIGHTS_MISSING
    assert await world.bills() == []


# ------------------------------------------------------------------ bills that were taken back


async def test_a_bill_that_was_reversed_is_cancelled_and_may_be_posted_again(world: World) -> None:
    bill = world.bill("B-1")
    first = await world.posted(bill)
    await world.hook("cancel", company="3000", id=first.id)
    assert [(each.id, each.status) for each in await found(world, bill)] == [(first.id, BillStatus.CANCELLED)]
    # What took it back has its number, and is no credit note.
    assert await found(world, replace(bill, kind=DocumentKind.CREDIT_NOTE)) == ()
    there = await world.ledger.read_bill(bill, first.id)
    assert there is not None
    assert there.status is BillStatus.CANCELLED
    second = await world.posted(replace(bill, key="again"))
    await world.hook("pay", company="3000", id=second.id)
    stand = {each.id: each.status for each in await found(world, bill)}
    assert stand == {first.id: BillStatus.CANCELLED, second.id: BillStatus.PAID}
    assert await register(world) == {first.id: BillStatus.CANCELLED, second.id: BillStatus.PAID}


async def test_a_bill_that_was_paid_is_not_taken_for_a_reversed_one(world: World) -> None:
    bill = world.bill("B-2")
    posted = await world.posted(bill)
    await world.hook("pay", company="3000", id=posted.id)
    credit = await world.posted(replace(bill, key="c", kind=DocumentKind.CREDIT_NOTE))
    assert [each.status for each in await found(world, bill)] == [BillStatus.PAID]
    assert await register(world) == {posted.id: BillStatus.PAID, credit.id: BillStatus.POSTED}


async def register(world: World) -> dict[str, BillStatus]:
    pages = [page async for page in world.ledger.posted(since=TODAY, until=TODAY)]
    return {each.id: each.status for page in pages for each in page.records}


async def test_a_bill_counts_in_the_period_it_was_posted_in(world: World) -> None:
    first = TODAY.replace(day=1)
    before = first - timedelta(days=20)
    posted = await world.posted(world.bill("B-3", invoice_date=before, posting_date=TODAY, due_date=TODAY))

    async def between(since: date, until: date) -> list[str]:
        return [each.id async for page in world.ledger.posted(since=since, until=until) for each in page.records]

    assert await between(first, TODAY + timedelta(days=31)) == [posted.id]
    assert await between(first, first) == [posted.id]
    assert await between(before, first - timedelta(days=1)) == []


# ------------------------------------------------------------------ approvals


async def test_a_bill_that_wants_approval_waits_and_goes_on(world: World) -> None:
    await world.hook("approval", company="3000", enabled=True)
    bill = world.bill("A-1")
    draft = await world.ledger.create(bill)
    waiting = await world.ledger.post(bill, draft)
    assert waiting.status is BillStatus.PENDING
    await world.hook("approve", company="3000", id=draft.id)
    there = await world.ledger.read_bill(bill, draft.id)
    assert there is not None
    assert there.status is BillStatus.DRAFT
    assert (await world.ledger.post(bill, there)).status is BillStatus.POSTED


async def test_a_bill_that_was_turned_down_makes_room(world: World) -> None:
    await world.hook("approval", company="3000", enabled=True)
    bill = world.bill("A-2")
    draft = await world.ledger.create(bill)
    await world.ledger.post(bill, draft)
    await world.hook("reject", company="3000", id=draft.id)
    assert [each.status for each in await found(world, bill)] == [BillStatus.CANCELLED]
    with pytest.raises(Refused) as refused:
        await world.ledger.post(bill, draft)
    assert refused.value.reason is Reason.APPROVAL_REFUSED
    await world.ledger.discard(bill, draft)
    assert await world.standing("A-2") == []


# ------------------------------------------------------------------ a release and its end


@pytest.mark.parametrize("location", [False, True])
async def test_a_release_that_is_over_at_once_is_not_asked_after(world: World, location: bool) -> None:
    await world.hook("actions", immediate=True, location=location)
    bill = world.bill("L-1")
    draft = await world.ledger.create(bill)
    await world.forget_calls()
    assert (await world.ledger.post(bill, draft)).status is BillStatus.POSTED
    assert not any("/status/" in call["path"] for call in await world.calls())


async def test_a_release_is_polled_to_its_end_while_other_bills_wait(world: World) -> None:
    await world.hook("actions", polls=6)
    bills = [world.bill(f"L-{index}") for index in range(4)]
    drafts = [await world.ledger.create(bill) for bill in bills]
    posted = await asyncio.gather(*(world.ledger.post(b, d) for b, d in zip(bills, drafts, strict=True)))
    assert [each.status for each in posted] == [BillStatus.POSTED] * 4
    assert not any(call["status"] == 500 for call in await world.calls())


async def test_a_release_whose_address_is_dead_is_judged_by_the_bill(world: World) -> None:
    bill = world.bill("L-5")
    draft = await world.ledger.create(bill)
    await world.hook("actions", seconds=0.5)
    fault = {"path": "/status/", "method": "GET", "kind": "status", "status": 404, "count": 1}
    await strike(world, **fault)
    with pytest.raises(OutcomeUnknown) as unknown:
        await world.ledger.post(bill, draft)
    assert unknown.value.reason is Reason.OUTCOME_UNKNOWN
    assert (await world.ledger.post(bill, draft)).status is BillStatus.POSTED


async def strike(world: World, **fault: object) -> None:
    async with world.session.post(f"{world.base}/_sandbox/faults", json=fault) as reply:
        assert reply.status < 300, await reply.text()


# ------------------------------------------------------------------ lost answers


@pytest.mark.parametrize("kind", ["lost_reply", "status_after"])
async def test_a_create_without_an_answer_is_found(world: World, kind: str) -> None:
    bill = world.bill("X-1")
    await world.ledger.check([bill])
    await strike(world, path="/Bill", method="PUT", kind=kind, status=500, count=1)
    with pytest.raises(OutcomeUnknown):
        await world.ledger.create(bill)
    (there,) = await world.fresh_ledger().find([bill])
    (ours,) = await found(world, bill)
    assert there == bill.key
    assert ours.status is BillStatus.DRAFT
    draft = await world.ledger.complete(bill, ours)
    assert draft.line_count == 1
    assert (await world.ledger.post(bill, draft)).status is BillStatus.POSTED
    assert len(await world.standing("X-1")) == 1


async def test_a_half_written_draft_is_found_and_completed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (posting, finding):
        monkeypatch.setattr(module, "LINES_PER_REQUEST", 5)
    lines = tuple(coded(net=Decimal(100 + index), description=f"Line {index}") for index in range(12))
    bill = world.bill("X-2", lines=lines)
    await world.ledger.check([bill])
    await strike(world, path="/Bill", method="PUT", kind="lost_reply", count=1, skip=1)
    with pytest.raises(OutcomeUnknown):
        await world.ledger.create(bill)
    (half,) = await found(world, bill)
    assert (half.status, half.gross, half.net) == (BillStatus.DRAFT, None, None)
    whole = await world.ledger.complete(bill, half)
    assert (whole.line_count, whole.gross) == (12, bill.gross)
    await world.ledger.post(bill, whole)
    (stands,) = await world.standing("X-2")
    assert [row["description"] for row in stands["rows"]] == [line.description for line in lines]


@pytest.mark.parametrize("kind", ["lost_reply", "status_after", "cut"])
async def test_a_release_without_an_answer_is_unknown_until_somebody_looks(world: World, kind: str) -> None:
    bill = world.bill("X-3")
    draft = await world.ledger.create(bill)
    await world.hook("actions", seconds=0.5)
    await strike(world, path="/ReleaseBill", method="POST", kind=kind, status=500, count=1)
    with pytest.raises(OutcomeUnknown):
        await world.ledger.post(bill, draft)
    there = await world.ledger.read_bill(bill, draft.id)
    assert there is not None
    assert there.status is (BillStatus.DRAFT if kind == "cut" else BillStatus.POSTED)
    assert (await world.ledger.post(bill, there)).status is BillStatus.POSTED
    assert len(await world.standing("X-3")) == 1


async def test_taking_off_hold_may_be_repeated(world: World) -> None:
    bill = world.bill("X-4")
    draft = await world.ledger.create(bill)
    await strike(world, path="/Bill", method="PUT", kind="lost_reply", count=1)
    with pytest.raises(Unavailable):
        await world.ledger.post(bill, draft)
    assert (await world.ledger.post(bill, draft)).status is BillStatus.POSTED


async def test_a_draft_that_somebody_removed_is_not_made_anew_by_its_posting(world: World) -> None:
    bill = world.bill("X-5")
    draft = await world.ledger.create(bill)
    await world.hook("remove", company="3000", id=draft.id)
    with pytest.raises(OutcomeUnknown):
        await world.ledger.post(bill, draft)
    assert await world.bills() == []
