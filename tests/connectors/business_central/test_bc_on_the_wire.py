"""The connector against the simulated Business Central, over sockets: calls made, and what stands afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from bc_bills import bill, line

from ml_connector.connectors.business_central.connector import BusinessCentral, open_ledger
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.side import DimensionRule, MappingRules, Side
from ml_connector.records.flow import Flow
from ml_connector.records.invoice import Bill, BillStatus, DocumentKind
from ml_connector.records.reason import Reason
from ml_connector.sandbox import business_central as simulated
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import TradingCompany, found

TODAY = datetime.now(UTC).date()


@dataclass
class World:
    """A simulated Business Central and the ledger that talks to it."""

    ledger: BusinessCentral
    company: TradingCompany
    base: str
    session: aiohttp.ClientSession

    async def hook(self, name: str, **body: Any) -> Any:
        async with self.session.post(f"{self.base}/_sandbox/{name}", json=body) as reply:
            assert reply.status < 300, await reply.text()
            return await reply.json()

    async def bills(self) -> list[dict[str, Any]]:
        async with self.session.get(f"{self.base}/_sandbox/bills?company=1000&rows=true") as reply:
            return (await reply.json())["bills"]

    async def forget_faults(self) -> None:
        async with self.session.delete(f"{self.base}/_sandbox/faults"):
            pass

    @property
    def calls(self) -> int:
        return self.ledger._client.http.calls  # pyright: ignore[reportPrivateUsage]

    def vendor(self, *, with_defaults: bool = False) -> str:
        return next(
            each.number
            for each in self.company.vendors
            if not each.blocked and bool(each.default_dimensions) == with_defaults
        )

    def bill(self, number: str, **changes: Any) -> Bill:
        usual: dict[str, Any] = {
            "key": number, "number": number, "vendor": self.vendor(), "currency": "EUR", "invoice_date": TODAY,
            "posting_date": TODAY, "due_date": TODAY + timedelta(days=30),
            "lines": (line(account="6120", tax_code="VAT24", dimensions={"DEPARTMENT": "D040"}),),
        }  # fmt: skip
        return bill(**{**usual, **changes})


def side(base: str, **values: Any) -> Side:
    settings = {
        "tenant_id": simulated.TENANT, "environment": simulated.ENVIRONMENT, "company_id": simulated.ACME_ID,
        "client_id": simulated.CLIENT_ID, "base_url": base, "token_url": base + "/{tenant}/oauth2/v2.0/token",
    }  # fmt: skip
    return Side(
        connection="c",
        company="1000",
        values={**settings, **values},
        secrets={"client_secret": simulated.CLIENT_SECRET},
        mapping=MappingRules(dimensions=(DimensionRule("costCenterCode", "DEPARTMENT"),)),
    )


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = Clock()
    company = found(today=TODAY, invoices=1, vendors=40, orders=12)
    system = simulated.BusinessCentral(clock=clock, companies=[company])
    runner = web.AppRunner(system.applications()[0])
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    ledger = open_ledger(side(base), clock.now, None)
    async with aiohttp.ClientSession() as session:
        yield World(ledger, company, base, session)
    await ledger.close()
    await runner.cleanup()


def lines_with(*dimensions: Mapping[str, str]) -> tuple[Any, ...]:
    return tuple(line(account="6120", net=Decimal(10), dimensions=each) for each in dimensions)


async def test_a_plain_bill_is_created_in_one_call_and_posted_in_one(world: World) -> None:
    plain = world.bill("ONE-1", lines=lines_with({"DEPARTMENT": "D040"}, {"DEPARTMENT": "D040"}))
    assert (await world.ledger.check([plain]))[plain.key] == ()
    before = world.calls
    draft = await world.ledger.create(plain)
    assert (draft.status, draft.line_count, draft.gross) == (BillStatus.DRAFT, 2, Decimal("24.8"))
    posted = await world.ledger.post(plain, draft)
    assert world.calls - before == 2
    assert posted.status is BillStatus.POSTED
    assert posted.id == draft.id
    assert posted.number != draft.number


@pytest.mark.parametrize("kind", list(DocumentKind))
@pytest.mark.parametrize("with_defaults", [False, True])
async def test_every_line_ends_with_the_dimensions_the_bill_says(
    world: World, kind: DocumentKind, with_defaults: bool
) -> None:
    wanted = ({"DEPARTMENT": "D040", "AREA": "A01"}, {"DEPARTMENT": "D040", "AREA": "A02"}, {})
    vendor = world.vendor(with_defaults=with_defaults)
    mixed = world.bill("DIM-1", kind=kind, vendor=vendor, lines=lines_with(*wanted))
    draft = await world.ledger.create(mixed)
    (made,) = [each for each in await world.bills() if each["id"] == draft.id]
    for row, dimensions in zip(made["rows"], wanted, strict=True):
        assert dimensions.items() <= row["dimensions"].items()


async def test_more_dimension_changes_than_a_batch_may_carry(world: World) -> None:
    departments = [each.code for each in world.company.dimension_values if each.dimension == "DEPARTMENT"][:2]
    wanted = [{"DEPARTMENT": departments[index % 2]} for index in range(130)]
    draft = await world.ledger.create(world.bill("LONG-1", lines=lines_with(*wanted)))
    (made,) = [each for each in await world.bills() if each["id"] == draft.id]
    assert [row["dimensions"]["DEPARTMENT"] for row in made["rows"]] == [each["DEPARTMENT"] for each in wanted]


async def test_nobody_is_turned_down_for_what_was_mended_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = next(each.number for each in world.company.vendors if each.blocked == "All")
    wrong = bill(vendor=blocked, posting_date=TODAY, lines=(line(account="6990"),))
    assert {each.reason for each in (await world.ledger.check([wrong]))[wrong.key]} == {
        Reason.VENDOR_BLOCKED, Reason.ACCOUNT_BLOCKED,
    }  # fmt: skip
    await world.hook("vendors", number=blocked, blocked="")
    await world.hook("accounts", number="6990", blocked=False)
    assert (await world.ledger.check([wrong]))[wrong.key], "just read: not read again each time"
    monkeypatch.setattr("ml_connector.connectors.remembered.SECOND_LOOK", 0.0)
    assert (await world.ledger.check([wrong]))[wrong.key] == ()


async def test_a_default_dimension_the_vendor_got_meanwhile_is_no_obstacle(world: World) -> None:
    late = world.bill("LATE-1")
    await world.ledger.check([late])
    await world.hook("vendors", number=late.vendor, defaultDimensions=[{"code": "DEPARTMENT", "value": "D010"}])
    draft = await world.ledger.create(late)
    made = [each for each in await world.bills() if each["vendorInvoiceNumber"] == "LATE-1"]
    assert [each["id"] for each in made] == [draft.id]
    assert made[0]["rows"][0]["dimensions"]["DEPARTMENT"] == "D040"
    assert made[0]["dimensions"]["DEPARTMENT"] == "D040"


@pytest.mark.parametrize(
    ("fault", "error", "stands"),
    [
        ({"kind": "lost_reply"}, OutcomeUnknown, True),
        ({"kind": "status_after", "status": 500}, OutcomeUnknown, True),
        ({"kind": "status", "status": 503}, OutcomeUnknown, False),
        ({"kind": "cut"}, OutcomeUnknown, False),
        ({"kind": "status", "status": 429, "retry_after": "9"}, Unavailable, False),
    ],
)
async def test_writes_without_a_clear_answer_are_made_once(
    world: World, fault: dict[str, Any], error: type[Exception], stands: bool
) -> None:
    shaky = world.bill("LOST-1")
    await world.hook("faults", path=r"\$batch", **fault)
    with pytest.raises(error):
        await world.ledger.create(shaky)
    found_again = (await world.ledger.find([shaky]))[shaky.key]
    assert len(found_again) == int(stands)
    draft = found_again[0] if found_again else await world.ledger.create(shaky)
    draft = await world.ledger.complete(shaky, draft)
    await world.hook("faults", path=r"\$batch", **fault)
    with pytest.raises(error):
        await world.ledger.post(shaky, draft)
    there = await world.ledger.read_bill(shaky, draft.id)
    assert there is not None
    assert there.status is (BillStatus.POSTED if stands else BillStatus.DRAFT)
    assert (await world.ledger.post(shaky, draft)).status is BillStatus.POSTED
    assert len([each for each in await world.bills() if each["vendorInvoiceNumber"] == "LOST-1"]) == 1


async def test_dimensions_lost_half_way_are_completed(world: World) -> None:
    mixed = world.bill("HALF-1", lines=lines_with({"DEPARTMENT": "D010"}, {"DEPARTMENT": "D040"}))
    await world.hook("faults", path=r"\$batch", kind="cut", skip=1)
    with pytest.raises(OutcomeUnknown):
        await world.ledger.create(mixed)
    (draft,) = (await world.ledger.find([mixed]))[mixed.key]
    await world.ledger.complete(mixed, draft)
    (made,) = [each for each in await world.bills() if each["id"] == draft.id]
    assert [row["dimensions"]["DEPARTMENT"] for row in made["rows"]] == ["D010", "D040"]


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_server_without_batches_is_asked_call_by_call(world: World, status: int) -> None:
    single = world.bill("SINGLE-1", lines=lines_with({"DEPARTMENT": "D010"}, {"DEPARTMENT": "D040"}))
    await world.hook("faults", path=r"\$batch", kind="status", status=status, count=99)
    draft = await world.ledger.create(single)
    assert (await world.ledger.post(single, draft)).status is BillStatus.POSTED
    assert len([each for each in await world.bills() if each["vendorInvoiceNumber"] == "SINGLE-1"]) == 1


async def test_a_reread_that_fails_singly_does_not_read_as_nothing_done(world: World) -> None:
    single = world.bill("SINGLE-2", lines=lines_with({}))
    await world.hook("faults", path=r"\$batch", kind="status", status=405, count=99)
    await world.hook("faults", path=r"/purchaseInvoices", method="GET", kind="status", status=403, count=99)
    await world.hook("faults", path=r"/purchaseInvoices", method="DELETE", kind="status", status=403, count=99)
    with pytest.raises(OutcomeUnknown, match="is not complete"):
        await world.ledger.create(single)


async def test_a_refusal_leaves_nothing_behind(world: World) -> None:
    wrong = world.bill("NONE-1", lines=(line(account="6120"), line(account="9999")))
    with pytest.raises(Refused) as refused:
        await world.ledger.create(wrong)
    assert refused.value.reason in (Reason.ACCOUNT_UNKNOWN, Reason.ACCOUNT_BLOCKED)
    assert not [each for each in await world.bills() if each["vendorInvoiceNumber"] == "NONE-1"]


async def test_a_second_posting_of_a_number_is_a_possible_duplicate_and_its_draft_can_go(world: World) -> None:
    twice = world.bill("TWICE-1")
    first, second = await world.ledger.create(twice), await world.ledger.create(twice)
    posted = await world.ledger.post(twice, first)
    with pytest.raises(Refused) as refused:
        await world.ledger.post(twice, second)
    assert refused.value.reason is Reason.POSSIBLE_DUPLICATE
    await world.ledger.discard(twice, second)
    await world.ledger.discard(twice, second)
    with pytest.raises(Refused):
        await world.ledger.discard(twice, posted)
    (left,) = (await world.ledger.find([twice]))[twice.key]
    assert left.id == posted.id


async def test_everything_that_speaks_against_a_bill_is_said_at_once(world: World) -> None:
    wrong = world.bill(
        "X" * 36, vendor="NOBODY", currency="XXX", posting_date=TODAY - timedelta(days=900),
        lines=(line(account="9999", tax_code="NIX", dimensions={"DEPARTMENT": "NOPE", "MOON": "1"}),),
    )  # fmt: skip
    findings = (await world.ledger.check([wrong]))[wrong.key]
    assert {each.reason for each in findings} == {
        Reason.NUMBER_TOO_LONG, Reason.VENDOR_UNKNOWN, Reason.CURRENCY_UNKNOWN, Reason.PERIOD_CLOSED,
        Reason.ACCOUNT_UNKNOWN, Reason.DIMENSION_UNKNOWN, Reason.TAX_CODE_UNKNOWN,
    }  # fmt: skip
    assert len([each for each in findings if each.reason is Reason.DIMENSION_UNKNOWN]) == 2


async def test_checks_need_a_handful_of_reads_however_many_ask(world: World) -> None:
    many = [world.bill(f"CHK-{index}", vendor=each.number) for index, each in enumerate(world.company.vendors)]
    await world.ledger.check(many)
    assert world.calls <= 6
    before = world.calls
    for each in many:
        await world.ledger.check([each])
    assert world.calls == before


@pytest.mark.parametrize("number", ["O'B-1", "Å/1-ß", "A&B#1", "1 % 7", "+1=1", "inv-1a ", "日本-1"])
async def test_odd_numbers_are_found_again(world: World, number: str) -> None:
    odd = world.bill(number)
    draft = await world.ledger.create(odd)
    assert [each.id for each in (await world.ledger.find([odd]))[odd.key]] == [draft.id]


async def test_a_run_with_nothing_changed_needs_two_reads_at_most(world: World) -> None:
    async def ours(bill_ids: Sequence[str]) -> Mapping[str, str]:
        return dict.fromkeys(bill_ids, "")

    paid = world.bill("PAID-1")
    posted = await world.ledger.post(paid, await world.ledger.create(paid))
    await world.hook("pay", id=posted.id, date=(TODAY - timedelta(days=3)).isoformat())
    pages = [page async for page in world.ledger.settlements(since=None, ours=ours)]
    (told,) = [each for page in pages for each in page.records if each.bill_id == posted.id]
    assert (told.paid_total, told.paid_on, told.dated_by_ledger) == (posted.gross, TODAY - timedelta(days=3), True)
    mark, before = pages[-1].mark, world.calls
    again = [page async for page in world.ledger.settlements(since=mark, ours=ours)]
    assert [page.records for page in again] == [()]
    assert again[-1].mark == mark
    assert world.calls - before <= 2

    await world.hook("unpay", id=posted.id)
    (taken_back,) = [each async for page in world.ledger.settlements(since=mark, ours=ours) for each in page.records]
    assert (taken_back.paid_total, taken_back.is_settled) == (0, False)


@pytest.mark.parametrize("flow", [Flow.VENDORS, Flow.PURCHASE_ORDERS])
async def test_what_changed_is_read_since_the_mark_across_pages(world: World, flow: Flow) -> None:
    await world.hook("page-size", size=7)
    records, mark = [], None
    async for page in world.ledger.read(flow, since=None):
        records += page.records
        mark = page.mark or mark
    keys = [key async for page in world.ledger.keys(flow) for key in page]
    assert {each.key for each in records} == set(keys)
    assert len(records) == len(keys)
    before = world.calls
    again = [each async for page in world.ledger.read(flow, since=mark) for each in page.records]
    assert len(again) < len(records)
    assert world.calls - before <= 2


async def test_a_file_is_put_once_and_completed_after_a_crash(world: World) -> None:
    with_file = world.bill("FILE-1")
    draft = await world.ledger.create(with_file)
    await world.hook("faults", path="attachmentContent", method="PATCH", kind="status", status=503)
    with pytest.raises(Unavailable):
        await world.ledger.attach(with_file, draft, name="a.pdf", content=b"%PDF")
    for _ in range(2):
        await world.ledger.attach(with_file, draft, name="a.pdf", content=b"%PDF")
    (made,) = [each for each in await world.bills() if each["id"] == draft.id]
    assert made["attachments"] == 1


async def test_an_expired_session_is_renewed_unseen(world: World) -> None:
    await world.ledger.find([world.bill("EXP-1")])
    await world.hook("expire-tokens")
    assert (await world.ledger.create(world.bill("EXP-1"))).status is BillStatus.DRAFT


async def test_a_test_of_the_connection_tells_each_step(world: World) -> None:
    steps = [step async for step in world.ledger.ping()]
    assert [step.name for step in steps] == ["reach", "sign in", "company", "rights", "version"]
    assert all(step.ok for step in steps)


@pytest.mark.parametrize(
    ("change", "step", "advice"),
    [
        ({"environment": "Nowhere"}, "company", "environment"),
        ({"company_id": None, "company_name": "Nobody"}, "company", "company_name"),
        ({"tenant_id": "99999999-2222-3333-4444-555555555555"}, "sign in", "tenant_id"),
    ],
)
async def test_a_wrong_setting_comes_with_advice(world: World, change: dict[str, Any], step: str, advice: str) -> None:
    ledger = open_ledger(side(world.base, **change), lambda: datetime.now(UTC), None)
    last = [each async for each in ledger.ping()][-1]
    await ledger.close()
    assert (last.name, last.ok) == (step, False)
    assert advice in last.advice


async def test_a_wrong_secret_and_a_missing_card_come_with_advice(world: World) -> None:
    wrong = replace(side(world.base), secrets={"client_secret": "wrong-secret"})
    ledger = open_ledger(wrong, lambda: datetime.now(UTC), None)
    last = [each async for each in ledger.ping()][-1]
    await ledger.close()
    assert "client secret" in last.advice
    assert "wrong-secret" not in repr(last)
    await world.hook("registered", enabled=False)
    last = [each async for each in world.ledger.ping()][-1]
    assert "Microsoft Entra Applications" in last.advice
