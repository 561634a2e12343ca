"""What becomes of an invoice in the payables system is in its trail, and as a note in the ERP, once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from supplied_world import CODE, NAME, World

from ml_connector.connectors.base import NotificationKind
from ml_connector.flows.statuses import REFUSALS
from ml_connector.operations.announcements import AnnouncementDesk, Heard
from ml_connector.operations.configuration import ConfigurationError, parse_configuration
from ml_connector.operations.documents import find_document, trail_of
from ml_connector.operations.replay import NotPossible, Step, link, reject, replay

KEY = "Invoice/300001"


async def _entered(world: World, **settings: Any) -> str:
    """The id under which the first invoice is in Basware."""
    await world.apply(**settings)
    await world.run()
    (arrived,) = [each for each in await world.entered() if each["source"] == KEY]
    return str(arrived["bumId"])


async def _statuses(world: World) -> list[str]:
    return [each["summary"] for each in await world.trail(KEY) if each["step"] == "status"]


async def test_each_change_is_told_once_and_put_to_the_invoice_once(world: World) -> None:
    bum_id = await _entered(world, write_back="note")
    await world.basware("inbound", bumId=bum_id, status="WaitingForTransfer")
    await world.run("statuses")
    await world.run("statuses")
    await world.basware("inbound", bumId=bum_id, status="Paid", paidTotal=123.45, paidOn="2026-11-20")
    await world.run("statuses")
    await world.run("statuses", full=True)
    told = await _statuses(world)
    assert [sum(word in each for each in told) for word in ("approved", "paid, 123.45", "in process")] == [1, 1, 1]
    document = (await world.documents())[KEY]
    assert (document["status"], document["paid_total"], document["notes_due"]) == ("paid", Decimal("123.45"), None)
    note = (await world.bills())[KEY]["note"] or ""
    assert (note.count("approved"), note.count("paid, 123.45")) == (1, 1)


async def test_without_write_back_nothing_is_written_to_the_erp(world: World) -> None:
    bum_id = await _entered(world)
    await world.basware("inbound", bumId=bum_id, status="WaitingForTransfer")
    await world.run("statuses")
    assert not (await world.bills())[KEY]["note"]
    calls = (await world.read("erp", "calls"))["calls"]
    assert {each["method"] for each in calls if "/connect/" not in each["path"]} <= {"GET"}


async def test_a_note_that_failed_is_written_by_the_next_run(world: World) -> None:
    bum_id = await _entered(world, write_back="note")
    await world.basware("inbound", bumId=bum_id, status="WaitingForTransfer")
    await world.fault("erp", kind="status", method="PUT", path="supplierInvoice", status=400, count=9)
    failed = (await world.run("statuses"))["statuses"]
    assert (failed.outcome, failed.counts["failed"]) == ("partial", 1)
    await world.mend()
    assert (await world.run("statuses"))["statuses"].counts["sent"] == 1
    assert ((await world.bills())[KEY]["note"] or "").count("approved") == 1


async def test_a_note_that_is_always_refused_is_given_up_and_the_runs_are_well_again(world: World) -> None:
    bum_id = await _entered(world, write_back="note")
    await world.basware("inbound", bumId=bum_id, status="WaitingForTransfer")
    await world.fault("erp", kind="status", method="PUT", path="supplierInvoice", status=400, count=99)
    outcomes = [(await world.run("statuses"))["statuses"].outcome for _ in range(REFUSALS + 1)]
    assert outcomes == ["partial"] * REFUSALS + ["ok"]
    told = await trail_of(world.process.database, KEY)
    assert "given up" in [each.summary for each in told if each.step == "noted"][-1]
    assert (await world.documents())[KEY]["notes_due"] is None


async def test_the_trail_of_a_supplier_is_found_by_its_number(world: World) -> None:
    await _entered(world)
    (row,) = await world.process.database.fetch(
        "SELECT code, number, erp_key FROM imported WHERE flow = 'vendors' ORDER BY code LIMIT 1"
    )
    for name in (row["code"], row["number"], row["erp_key"]):
        assert {each.record for each in await trail_of(world.process.database, name)} == {row["code"]}


async def test_what_is_removed_there_is_cancelled_and_never_sent_again(world: World) -> None:
    bum_id = await _entered(world)
    await world.basware("inbound", bumId=bum_id, status="Removed", reason="Duplicate", comment="came twice")
    await world.run("statuses")
    document = (await world.documents())[KEY]
    assert (document["status"], document["reason"]) == ("cancelled", "removed")
    assert "came twice" in (await _statuses(world))[-1]
    await world.erp("invoices", key=KEY, description="another text")
    assert (await world.run("supplier-invoices"))["supplier-invoices"].counts["sent"] == 0
    found = await find_document(world.process.database, KEY)
    (refused,) = await replay(world.process, [found], step=Step.START, actor="test")
    assert "removed" in str(refused.refusal)


async def test_what_was_turned_away_is_rejected_and_a_replay_hands_it_in_under_another_admission(world: World) -> None:
    bum_id = await _entered(world)
    await world.basware("inbound", bumId=bum_id, status="BusinessReject", comment="no such buyer")
    run = (await world.run("statuses"))["statuses"]
    assert (run.outcome, run.counts["rejected"]) == ("partial", 1)
    document = (await world.documents())[KEY]
    assert (document["status"], document["reason"]) == ("rejected", "turned away")
    (done,) = await replay(
        world.process, [await find_document(world.process.database, KEY)], step=Step.START, actor="test"
    )
    assert done.refusal is None
    await world.process.work_now(NAME)
    after = (await world.documents())[KEY]
    assert after["status"] == "transferred"
    assert after["admission_id"] != bum_id
    await world.run("statuses", full=True)
    assert (await world.documents())[KEY]["status"] == "transferred", "what is told of the old one is not about it"
    assert (await world.read("basware", f"inbound?company={CODE}"))["duplicates"] == []


async def test_a_standing_settles_what_the_connector_was_unsure_of(world: World) -> None:
    await _entered(world)
    await world.process.database.execute(
        "UPDATE document SET status = 'held', reason = 'entry uncertain', intent = 'hand in', posted_at = NULL, "
        "standing = NULL, next_due = NULL WHERE document_id = :d",
        d=KEY,
    )  # fmt: skip
    await world.run("statuses", full=True)
    document = (await world.documents())[KEY]
    assert (document["status"], document["intent"], document["reason"]) == ("transferred", None, None)


async def test_a_notification_of_basware_about_such_a_document_starts_the_statuses(world: World) -> None:
    bum_id = await _entered(world)
    (arrived,) = [each for each in await world.entered() if each["bumId"] == bum_id]
    await world.basware("inbound", bumId=bum_id, status="WaitingForTransfer")
    await world.process.database.execute(
        "INSERT INTO notification (connection_id, task_id, kind, subject, received_at) VALUES (:c, 't', :k, :s, :now)",
        c=NAME, k=str(NotificationKind.DOCUMENT), s=arrived["invoiceId"], now=world.clock.now(),
    )  # fmt: skip
    await world.process.work_now(NAME)
    runs = await world.process.database.fetch("SELECT trigger, outcome FROM run WHERE flow = 'statuses' ORDER BY id")
    assert (runs[-1]["trigger"], runs[-1]["outcome"]) == ("webhook", "ok")
    assert "approved" in (await _statuses(world))[-1]


async def test_a_signed_hint_of_the_erp_starts_the_flow_it_names_and_an_unsigned_one_nothing(world: World) -> None:
    await world.apply(more="    flows: {supplier-invoices: {every: 1d, webhook: true}}\n")
    desk = AnnouncementDesk(world.process)
    body = json.dumps({"event": "supplierInvoice.updated"}).encode()
    wrong = await desk.take("visma-net", NAME, body=body, headers={"x-vwd-signature-v1": "bm90IHNvOg=="})
    assert wrong is not Heard.ACCEPTED
    key = b"visma-webhook-key-0123456789"
    signed = base64.b64encode(hmac.digest(key, body, hashlib.sha256)).decode()
    await desk.take("visma-net", "another-one", body=body, headers={"x-vwd-signature-v1": signed})
    assert await world.process.database.fetch("SELECT 1 FROM run") == []


async def test_a_held_invoice_can_be_left_out_or_linked_to_a_document_that_is_there(world: World) -> None:
    bum_id = await _entered(world)
    (arrived,) = [each for each in await world.entered() if each["bumId"] == bum_id]
    held = "UPDATE document SET status = 'held', reason = 'cannot enter', posted_at = NULL WHERE document_id = :d"
    await world.process.database.execute(held, d=KEY)
    with pytest.raises(NotPossible, match="no document"):
        await link(world.process, await find_document(world.process.database, KEY), "nothing", actor="test")
    linked = await link(
        world.process, await find_document(world.process.database, KEY), arrived["invoiceId"], actor="test"
    )
    assert (linked.status.value, linked.payables_id) == ("transferred", arrived["invoiceId"])
    await world.process.database.execute(held, d="Invoice/300002")
    left = await reject(
        world.process, await find_document(world.process.database, "Invoice/300002"), "a test", actor="test"
    )
    assert (left.status.value, left.next_due) == ("rejected", None)


async def test_the_trail_is_found_by_the_numbers_people_know(world: World) -> None:
    await _entered(world)
    document = (await world.documents())[KEY]
    for name in (KEY, document["bill_number"], document["invoice_number"]):
        assert {each.record for each in await trail_of(world.process.database, name)} == {KEY}
    assert "NO93" not in str(document["payload"]), "bank details stay out of the row"


@pytest.mark.parametrize(("route", "left_out"), [("network", "network_password"), ("smartpdf", "smartpdf_notify")])
async def test_a_setting_that_the_route_needs_is_demanded_by_name(world: World, route: str, left_out: str) -> None:
    text = "\n".join(line for line in world.file(route=route).splitlines() if left_out not in line)
    with pytest.raises(ConfigurationError, match=left_out):
        parse_configuration(text, file="c.yaml", folder=Path(), environment={})
