"""SAP Business One: sessions that are lost, refusals that are none of them, nodes, paths and pages (dossier 4, 5)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from conformance.reading import keys_of, read_all
from conformance.sap_business_one import SapBusinessOneBench, bench_of
from conformance.settling import register_of, settlements_of
from conformance.stage import assert_stands_as_said, bill_of, calls_of, found_of, posted_of, standing
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import OutcomeUnknown, Refused
from ml_connector.records.flow import MASTER_DATA, Flow
from ml_connector.records.invoice import BillStatus, DocumentKind
from ml_connector.records.reason import Reason

LOST = "Invalid session or session already timeout."
POSTS = {"method": "POST", "path": r"/PurchaseInvoices$"}


@pytest.fixture(params=["v2", "v1"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[SapBusinessOneBench]:
    async with bench_of(base_url=f"{{base}}/b1s/{request.param}") as made:
        yield made


@pytest.fixture
async def ledger(bench: SapBusinessOneBench) -> AsyncIterator[Ledger]:
    opened = bench.open(bench.side())
    yield opened
    await opened.close()


def answer(code: int, message: str, *, as_text: bool) -> str:
    """An error in one of the two shapes (dossier 10.1)."""
    if as_text:
        return json.dumps({"error": {"code": str(code), "message": message}})
    return json.dumps({"error": {"code": code, "message": {"lang": "en-us", "value": message}}})


async def posts_of(bench: SapBusinessOneBench) -> int:
    """How many invoices were sent."""
    return len([each for each in await bench.calls() if each.method == "POST" and "/PurchaseInvoices" in each.path])


# ------------------------------------------------------------------ the session


async def test_reads_and_writes_that_lose_the_session_together_sign_in_once(
    bench: SapBusinessOneBench, ledger: Ledger
) -> None:
    bills = [bill_of(bench, f"S-{index}") for index in range(6)]
    await ledger.check(bills)
    await bench.expire_sessions()
    before = await bench.logins()
    await asyncio.gather(
        *(ledger.create(bill) for bill in bills), *(found_of(ledger, bill_of(bench, f"F-{at}")) for at in range(6))
    )
    assert await bench.logins() == before + 1
    for bill in bills:
        await assert_stands_as_said(bench, bill)


@pytest.mark.parametrize("status", [401, 400])
@pytest.mark.parametrize("as_text", [False, True], ids=["object", "text"])
async def test_a_session_that_is_lost_after_the_work_makes_no_second_bill(
    bench: SapBusinessOneBench, ledger: Ledger, status: int, as_text: bool
) -> None:
    bill = bill_of(bench, "S-1")
    await ledger.check([bill])
    said = answer(301 if status == 401 else -5002, LOST, as_text=as_text)
    await bench.hook("faults", kind="status_after", status=status, body=said, content_type="application/json", **POSTS)
    with pytest.raises(OutcomeUnknown):
        await ledger.create(bill)
    assert [each.status for each in await found_of(ledger, bill)] == [BillStatus.POSTED]
    await assert_stands_as_said(bench, bill)


@pytest.mark.parametrize("status", [401, 400])
async def test_a_session_that_is_lost_before_the_work_costs_no_bill(
    bench: SapBusinessOneBench, ledger: Ledger, status: int
) -> None:
    bill = bill_of(bench, "S-1")
    await ledger.check([bill])
    said = answer(301 if status == 401 else -5002, LOST, as_text=False)
    await bench.hook("faults", kind="status", status=status, body=said, content_type="application/json", **POSTS)
    assert (await ledger.create(bill)).status is BillStatus.POSTED
    await assert_stands_as_said(bench, bill)
    assert await posts_of(bench) == 2


@pytest.mark.parametrize(
    "said",
    [
        "Internal error (-5002) occurred",
        "Document total value must be zero or greater than zero",
        "10001467 - There is already a record with duplicated customer/vendor reference number.",
        "The posting session of the warehouse is closed",
    ],
)
async def test_a_business_refusal_is_never_sent_again(bench: SapBusinessOneBench, ledger: Ledger, said: str) -> None:
    bill = bill_of(bench, "S-1")
    await ledger.check([bill])
    before = await bench.logins()
    body = answer(-5002, said, as_text=False)
    await bench.hook("faults", kind="status", status=400, body=body, content_type="application/json", **POSTS)
    with pytest.raises(Refused):
        await ledger.create(bill)
    assert (await posts_of(bench), await bench.logins()) == (1, before)
    assert await standing(bench, bill) == []


async def test_a_session_that_nobody_used_is_replaced_before_it_is_refused(
    bench: SapBusinessOneBench, ledger: Ledger
) -> None:
    await bench.hook("login", timeout=60)
    await found_of(ledger, bill_of(bench, "S-1"))
    ledger._client.session._used_at -= 31  # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage] - half a minute without a call
    await found_of(ledger, bill_of(bench, "S-1"))
    calls = await bench.calls()
    assert len([call for call in calls if call.is_sign_in]) == 2
    assert not [call for call in calls if call.status == 401]


async def test_a_closed_connection_leaves_no_session_open(bench: SapBusinessOneBench) -> None:
    ledger = bench.open(bench.side())
    await found_of(ledger, bill_of(bench, "S-1"))
    await ledger.close()
    assert (await bench.show("state"))["sessions"] == 0


async def test_a_broken_node_is_left_for_another_and_nothing_is_lost(
    bench: SapBusinessOneBench, ledger: Ledger
) -> None:
    await ledger.check([bill_of(bench, "N-1")])
    await bench.hook("break-node", node=".node1")
    bill = bill_of(bench, "N-1")
    assert await found_of(ledger, bill) == ()
    await posted_of(ledger, bill)
    await assert_stands_as_said(bench, bill)
    assert await bench.logins() == 2


async def test_a_write_that_meets_a_broken_node_is_settled_by_looking(
    bench: SapBusinessOneBench, ledger: Ledger
) -> None:
    bill = bill_of(bench, "N-1")
    await ledger.check([bill])
    await bench.hook("break-node", node=".node1")
    with pytest.raises(OutcomeUnknown):
        await ledger.create(bill)
    assert await found_of(ledger, bill) == ()
    await posted_of(ledger, bill)
    await assert_stands_as_said(bench, bill)


@pytest.mark.parametrize("path", ["/B1S/v2", "/b1s/V1", "/b1s/v2/Login"])
async def test_a_path_in_the_wrong_case_is_a_wrong_address_and_no_wrong_password(
    bench: SapBusinessOneBench, path: str
) -> None:
    async def look() -> None:
        ledger = bench.open(bench.side(values={"base_url": f"{bench.base}{path}"}))
        try:
            await found_of(ledger, bill_of(bench, "S-1"))
        finally:
            await ledger.close()

    with pytest.raises(Refused) as refused:
        await look()
    assert refused.value.reason is Reason.ADDRESS_WRONG


# ------------------------------------------------------------------ pages


async def everything(ledger: Ledger) -> dict[Flow, tuple[Sequence[Any], Sequence[str]]]:
    """All master data, and all keys."""
    return {flow: ((await read_all(ledger, flow))[0], await keys_of(ledger, flow)) for flow in MASTER_DATA}


@pytest.mark.parametrize("rooted", [False, True], ids=["relative links", "rooted links"])
async def test_pages_of_twenty_hold_as_much_as_larger_ones(
    bench: SapBusinessOneBench, ledger: Ledger, rooted: bool
) -> None:
    whole = await everything(ledger)
    await bench.hook("habits", loses_prefer=True, rooted_links=rooted, zulu_on_v1=True)
    assert await everything(ledger) == whole
    assert max(len(records) for records, _ in whole.values()) > 100


@pytest.mark.parametrize("rooted", [False, True], ids=["relative links", "rooted links"])
async def test_many_documents_of_one_number_are_found_across_next_links(
    bench: SapBusinessOneBench, ledger: Ledger, rooted: bool
) -> None:
    # Nothing but a next link leads beyond the first page of a look.
    bills = [bill_of(bench, "MANY-1") for _ in range(7)]
    posted = [(await posted_of(ledger, bill)).id for bill in bills]
    await bench.hook("page-size", size=3)
    await bench.hook("habits", loses_prefer=True, rooted_links=rooted)
    assert [each.id for each in await found_of(ledger, bills[0])] == posted


async def test_payments_and_the_register_come_whole_in_pages_of_twenty(
    bench: SapBusinessOneBench, ledger: Ledger
) -> None:
    day = bench.facts.open_day
    posted = [await posted_of(ledger, bill_of(bench, f"P-{index}")) for index in range(45)]
    for each in posted:
        await bench.pay(each.id, day=day)
    await bench.hook("habits", loses_prefer=True)
    told, _ = await settlements_of(ledger, {each.id: each.number for each in posted})
    assert sorted(each.bill_id for each in told if each.is_settled) == sorted(each.id for each in posted)
    assert set(await register_of(ledger, day, day)) == {each.vendor_number for each in posted}


async def test_a_look_asks_for_invoices_and_credit_notes_apart(bench: SapBusinessOneBench, ledger: Ledger) -> None:
    # Their keys are separate number spaces: the same one may stand for two documents.
    pair = [bill_of(bench, "K-1", kind=kind, key=kind.value) for kind in DocumentKind]
    posted = {bill.kind: await posted_of(ledger, bill) for bill in pair}
    await bench.forget_calls()
    found = await ledger.find(pair)
    assert {bill.kind: [each.id for each in found[bill.key]] for bill in pair} == {
        kind: [each.id] for kind, each in posted.items()
    }
    assert len(await calls_of(bench)) <= 3
