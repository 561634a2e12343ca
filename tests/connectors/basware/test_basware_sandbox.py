"""The connector against the simulated Basware, over sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from test_basware_imports import RECORDS, RULES

from ml_connector.connectors.base import Acknowledgement, NotificationKind, PaymentResponse, TransferResponse, Verdict
from ml_connector.connectors.basware import CONNECTOR, webhook_for
from ml_connector.connectors.basware.connector import Basware
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.http import recording
from ml_connector.connectors.import_items import ImportItem, ImportOutcome, ItemState
from ml_connector.connectors.side import Side
from ml_connector.records.flow import Flow
from ml_connector.records.master_data import PaymentTerm
from ml_connector.records.reason import Reason
from ml_connector.sandbox.basware import Basware as Simulated
from ml_connector.sandbox.clock import Clock
from ml_connector.sandbox.company import found
from ml_connector.sandbox.trade import TradingCompany

TOKEN = "k3J9vT0sQm7xWb2Zr8Yd5Nf1Lh6Pc4Ug"


@cache
def founded(today: date) -> TradingCompany:
    return found(today=today)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Box:
    """The simulated system and its control pages."""

    address: str
    session: aiohttp.ClientSession

    async def tell(self, page: str, **body: Any) -> dict[str, Any]:
        async with self.session.post(f"{self.address}/_sandbox/{page}", json=body) as reply:
            assert reply.ok, await reply.text()
            return json.loads(await reply.text())

    async def see(self, page: str) -> dict[str, Any]:
        async with self.session.get(f"{self.address}/_sandbox/{page}") as reply:
            return json.loads(await reply.text())


@pytest.fixture
async def box() -> AsyncGenerator[Box]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [each.getsockname()[1] for each in sockets]
    clock = Clock()
    company = founded(clock.now().date())
    simulated = Simulated(
        clock=clock, companies=[company], file_origin=f"http://127.0.0.1:{ports[1]}", import_delay=0.05
    )
    runners = [web.AppRunner(application, access_log=None) for application in simulated.applications()]
    for runner, taken in zip(runners, sockets, strict=True):
        await runner.setup()
        await web.SockSite(runner, taken).start()
    async with aiohttp.ClientSession() as session:
        yield Box(f"http://127.0.0.1:{ports[0]}", session)
    for runner in reversed(runners):
        await runner.cleanup()


def side(box: Box, *, secret: str = "basware-secret", company: str = "1000") -> Side:
    values = {"base_url": box.address, "client_id": "acme"}
    return Side("acme-bc", company, values, {"client_secret": secret}, RULES)


@pytest.fixture
async def basware(box: Box) -> AsyncGenerator[Basware]:
    system = Basware(side(box), clock=now)
    yield system
    await system.close()


async def first(system: Basware) -> str:
    async for page in system.offered():
        return page.records[0].document_id
    raise AssertionError("nothing is offered")


async def steps_of(system: Basware) -> list[tuple[str, bool, str]]:
    return [(step.name, step.ok, step.detail + step.advice) async for step in system.ping()]


async def settled(system: Basware, items: Sequence[ImportItem]) -> ImportOutcome:
    receipt = await system.send(items)
    assert receipt.refused == {}
    assert receipt.request_id is not None
    async with asyncio.timeout(10):
        while not (outcome := await system.outcome(receipt.request_id, items)).done:
            await asyncio.sleep(0.02)
    await system.settle_import(receipt.request_id)
    await system.settle_import(receipt.request_id)
    return outcome


# ------------------------------------------------------------------ the connection test


async def test_every_step_of_the_connection_test_succeeds(basware: Basware) -> None:
    steps = await steps_of(basware)
    assert [(name, ok) for name, ok, _ in steps] == [
        ("reach", True), ("sign in", True), ("rights", True), ("company", True), ("reports", True),
    ]  # fmt: skip


async def test_a_wrong_secret_is_told_with_what_to_do(box: Box) -> None:
    system = CONNECTOR.open(side(box, secret="wrong"), now, None)
    *_, (name, ok, told) = await steps_of(system)  # pyright: ignore[reportArgumentType]
    assert (name, ok) == ("sign in", False)
    assert "client_secret" in told
    await system.close()


async def test_missing_scopes_are_named(box: Box, basware: Basware) -> None:
    await box.tell("flags", denied_scopes=["vendors.write", "tasks.read"])
    *_, (name, ok, told) = await steps_of(basware)
    assert (name, ok) == ("sign in", False)
    assert "vendors.write, tasks.read" in told


async def test_a_company_with_nothing_waiting_passes(box: Box) -> None:
    system = Basware(side(box, company="9999"), clock=now)
    assert all(ok for _, ok, _ in await steps_of(system))
    await system.close()


# ------------------------------------------------------------------ documents


async def test_all_that_waits_is_offered_and_reads_the_same_from_its_payload(box: Box, basware: Basware) -> None:
    await box.tell("flags", unknown_fields=True)
    offered = [document async for page in basware.offered() for document in page.records]
    waiting = (await box.see("documents?company=1000&status=WaitingForTransfer"))["documents"]
    assert {document.document_id for document in offered} == {each["invoiceId"] for each in waiting}
    for document in offered:
        stored = json.loads(json.dumps(basware.document_payload(document), default=str))
        assert basware.parse_document(stored) == document


async def test_acknowledging_twice_says_so_and_what_is_gone_is_gone(basware: Basware) -> None:
    document = await first(basware)
    assert await basware.acknowledge(document) is Acknowledgement.DONE
    assert await basware.acknowledge(document) is Acknowledgement.ALREADY
    assert await basware.acknowledge("nowhere") is Acknowledgement.GONE
    unfinished = [each.document_id async for page in basware.unfinished() for each in page.records]
    assert unfinished == [document]


@pytest.mark.parametrize("fault", [{"kind": "lost_reply"}, {"kind": "status_after", "status": 500}])
async def test_a_lost_reply_to_an_acknowledge_may_be_asked_again(
    box: Box, basware: Basware, fault: dict[str, Any]
) -> None:
    document = await first(basware)
    await box.tell("faults", method="POST", path="/acknowledge$", **fault)
    with pytest.raises(Unavailable):
        await basware.acknowledge(document)
    assert await basware.acknowledge(document) is Acknowledgement.ALREADY


async def test_a_response_with_texts_too_long_arrives_cut(basware: Basware) -> None:
    document = await first(basware)
    await basware.respond(document, TransferResponse("r-1", True, "Posted " * 60, "1" * 40, at=now()))
    there = await basware.read_document(document)
    assert there is not None
    assert (there.status, there.responses) == ("Transferred", {"r-1": True})
    assert there.fields["voucherNumber1"] == "1" * 24 + "…"


@pytest.mark.parametrize("fault", [{"kind": "lost_reply"}, {"kind": "status_after", "status": 500}])
async def test_a_lost_reply_to_a_response_is_unknown_and_then_found(
    box: Box, basware: Basware, fault: dict[str, Any]
) -> None:
    document = await first(basware)
    response = TransferResponse("r-1", False, "The account does not exist.")
    await box.tell("faults", method="POST", path="/transferResponses$", **fault)
    with pytest.raises(OutcomeUnknown):
        await basware.respond(document, response)
    there = await basware.read_document(document)
    assert there is not None
    assert there.responses == {"r-1": False}
    await basware.respond(document, response)
    again = await basware.read_document(document)
    assert again is not None
    assert again.responses == {"r-1": False}


async def test_a_response_to_a_document_that_moved_on_is_told_apart(basware: Basware) -> None:
    document = await first(basware)
    await basware.respond(document, TransferResponse("r-1", True, "Posted"))
    for where, code in ((document, "r-2"), ("nowhere", "r-3")):
        with pytest.raises(Refused) as caught:
            await basware.respond(where, TransferResponse(code, True, "Posted"))
        assert caught.value.reason is Reason.CHANGED_MEANWHILE


async def test_a_response_basware_does_not_take_is_refused_with_its_words(basware: Basware) -> None:
    with pytest.raises(Refused, match="externalCode") as caught:
        await basware.respond(await first(basware), TransferResponse("r" * 37, True, "Posted"))
    assert caught.value.reason is Reason.RESPONSE_REFUSED


async def test_a_payment_told_twice_is_told_once(basware: Basware) -> None:
    document = await first(basware)
    await basware.respond(document, TransferResponse("r-1", True, "Posted"))
    payment = PaymentResponse(
        "p-1", Decimal("12.34"), "EUR", date(2026, 11, 20), Decimal("0.66"), "PAY-1", "NET30", "Bank", "Paid"
    )
    await basware.respond_payment(document, payment)
    await basware.respond_payment(document, payment)
    there = await basware.read_document(document)
    assert there is not None
    told = basware.document_payload(there)["paymentResponses"]
    assert [(each["externalCode"], each["paidTotal"], each["cashDiscount"]) for each in told] == [
        ("p-1", Decimal("12.34"), Decimal("0.66"))
    ]


async def test_a_worthless_token_is_renewed_for_reads_and_writes(box: Box, basware: Basware) -> None:
    document = await first(basware)
    await box.tell("expire-tokens")
    assert await basware.read_document(document) is not None
    await box.tell("expire-tokens")
    assert await basware.acknowledge(document) is Acknowledgement.DONE


async def test_files_come_after_the_transfer_and_requests_keep_their_id(box: Box, basware: Basware) -> None:
    await box.tell("flags", attachments=True)
    document = await first(basware)
    await basware.respond(document, TransferResponse("r-1", True, "Posted"))
    there = await basware.read_document(document)
    assert there is not None
    async with recording() as exchanges:
        content = await basware.read_attachment(document, there.attachments[0].key)
    assert content.startswith(b"%PDF")
    assert exchanges[0].request_id
    with pytest.raises(Refused):
        await basware.read_attachment(document, "nothing")


# ------------------------------------------------------------------ imports


async def test_every_kind_of_record_is_taken_unchanged_touched_and_switched_off(basware: Basware) -> None:
    terms = basware.import_items(Flow.PAYMENT_TERMS, PaymentTerm("net30", "NET30", "30 days", 30), active=True)
    await settled(basware, terms)
    for flow, record in RECORDS:
        for item in basware.import_items(flow, record, active=True):
            off = basware.deactivated(item)
            assert off is not None
            for each, state in (
                (item, ItemState.ACCEPTED),
                (item, ItemState.UNCHANGED),
                (basware.touched(item, "again"), ItemState.ACCEPTED),
                (off, ItemState.ACCEPTED),
            ):
                (outcome,) = (await settled(basware, [each])).items
                assert (item.resource, outcome.code, outcome.state, outcome.message) == (
                    item.resource, item.code, state, "",
                )  # fmt: skip


async def test_records_refused_by_the_schema_do_not_hold_up_the_rest(box: Box, basware: Basware) -> None:
    good, other = (
        basware.import_items(Flow.PAYMENT_TERMS, PaymentTerm(key, key, "Term", 30), active=True)[0]
        for key in ("A", "B")
    )
    bad = ImportItem.of(other.resource, other.code, {**other.payload, "paymentTermCode": "x" * 26})
    receipt = await basware.send([good, bad])
    assert receipt.refused.keys() == {bad.code}
    assert receipt.request_id


async def test_a_record_the_target_rejects_comes_back_with_its_words(box: Box, basware: Basware) -> None:
    (item,) = basware.import_items(Flow.PAYMENT_TERMS, PaymentTerm("A", "A", "Term", 30), active=True)
    await box.tell("reject", entity="paymentTerms", externalCode=item.code, message="Not this one.")
    (outcome,) = (await settled(basware, [item])).items
    assert (outcome.state, outcome.message) == (ItemState.REJECTED, "Not this one.")
    assert await basware.feedback(item) == "Not this one."
    assert await basware.feedback(replace(item, code="other")) is None


async def test_a_lost_reply_to_an_import_may_be_sent_again(box: Box, basware: Basware) -> None:
    (item,) = basware.import_items(Flow.PAYMENT_TERMS, PaymentTerm("A", "A", "Term", 30), active=True)
    await box.tell("faults", kind="lost_reply", method="POST", path="/v1/paymentTerms")
    with pytest.raises(Unavailable):
        await basware.send([item])
    (outcome,) = (await settled(basware, [item])).items
    assert outcome.state in (ItemState.UNCHANGED, ItemState.ACCEPTED)


async def test_a_request_nobody_knows_is_pending(basware: Basware) -> None:
    (item,) = basware.import_items(Flow.PAYMENT_TERMS, PaymentTerm("A", "A", "Term", 30), active=True)
    assert not (await basware.outcome("00000000-0000-0000-0000-000000000000", [item])).done


# ------------------------------------------------------------------ notifications


@dataclass
class Receiver:
    """Where notifications arrive."""

    address: str
    calls: list[tuple[bytes, dict[str, str]]]
    status: int = 200


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    taken = socket.create_server(("127.0.0.1", 0))
    here = Receiver(f"http://127.0.0.1:{taken.getsockname()[1]}/hook", [])

    async def take(request: web.Request) -> web.Response:
        here.calls.append((await request.read(), dict(request.headers)))
        return web.Response(status=here.status)

    application = web.Application()
    application.router.add_post("/hook", take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.SockSite(runner, taken).start()
    yield here
    await runner.cleanup()


async def test_subscribing_is_done_once_and_again_for_another_secret(basware: Basware, receiver: Receiver) -> None:
    for token, tests in ((TOKEN, 2), (TOKEN, 2), (TOKEN + "x", 4)):
        await basware.subscribe(url=receiver.address, token=token)
        assert len(receiver.calls) == tests


async def test_a_receiver_that_does_not_answer_well_is_explained(basware: Basware, receiver: Receiver) -> None:
    receiver.status = 500
    with pytest.raises(Refused, match="/hook") as caught:
        await basware.subscribe(url=receiver.address, token=TOKEN)
    assert caught.value.reason is Reason.ADDRESS_WRONG


@pytest.mark.parametrize("scheme", ["body", "ts+body", "ts.body"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize(
    ("kind", "verdict"),
    [("plain", Verdict.GENUINE), ("wrong-signature", Verdict.WRONG_SIGNATURE), ("stale", Verdict.STALE)],
)
async def test_notifications_are_judged_on_their_bytes(
    box: Box, basware: Basware, receiver: Receiver, scheme: str, encoding: str, kind: str, verdict: Verdict
) -> None:
    await basware.subscribe(url=receiver.address, token=TOKEN)
    receiver.calls.clear()
    document = await first(basware)
    await box.tell("signature", scheme=scheme, encoding=encoding, prefix="sha256=")
    await box.tell("notify", kind=kind, invoiceId=document)
    async with asyncio.timeout(10):
        while not receiver.calls:
            await asyncio.sleep(0.01)
    body, headers = receiver.calls[0]
    webhook = webhook_for({"signature_scheme": scheme, "signature_encoding": encoding})
    assert webhook.verify(body=body, headers=headers, token=TOKEN, now=now()) is verdict
    notification = webhook.parse(body)
    assert (notification.kind, notification.subject) == (NotificationKind.DOCUMENT, document)
