"""A ledger's notifications of changes: the handshake, genuine ones become runs, all others nothing; 202 to each."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from ml_connector.engine.subscription import change_secret

PATH = "/webhooks/business-central/acme-bc"
COMPANY = "companies(6e3f1c1a-7d0b-4c5e-9a51-0f7a2f9b1001)"
VENDOR = f"api/v2.0/{COMPANY}/vendors(c6c8f2d0-94a1-f111-9c4f-6045bd1a0001)"
COLLECTION = f"/api/v2.0/{COMPANY}/vendors?$filter=lastModifiedDateTime%20gt%202026-08-20T05:00:11.950Z"
PAID = f"https://api.example.com/v2.0/t/Production/api/v2.0/{COMPANY}/purchaseInvoices(1)"


@pytest.fixture
async def listening(served):
    """The product with a connection whose vendors and payments wait for notifications."""
    await served.process.database.execute(
        "UPDATE schedule SET webhook = true, enabled = true WHERE flow IN ('vendors', 'payments')"
    )
    return served


def told(secret: str, *resources: str, change: str = "updated", **more: Any) -> bytes:
    entries = [
        {"subscriptionId": "c670", "clientState": secret, "changeType": change, "resource": each} for each in resources
    ]
    return json.dumps({"value": entries, **more}).encode()


def secret_of(served, connection: str = "acme-bc") -> str:
    return change_secret(served.process.scribe, connection)


async def runs(served) -> list[tuple[str, str, str]]:
    rows = await served.process.database.fetch("SELECT flow, trigger, status FROM run ORDER BY id")
    return [(row["flow"], row["trigger"], row["status"]) for row in rows]


async def counted(served, answer: str) -> float:
    figures = await served.call("GET", "/metrics", token=served.viewer)
    lines = [each for each in figures.text.splitlines() if f'notifications_total{{answer="{answer}"}}' in each]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_the_handshake_gets_its_token_back_as_text(served, method):
    answer = await served.call(method, f"{PATH}?validationToken=a%2Bb%3C%20c")
    assert (answer.status, answer.text) == (200, "a+b< c")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", [PATH, "/webhooks/basware/acme-bc?validationToken=x", "/webhooks/nobody/acme-bc"])
async def test_a_get_that_is_no_handshake_is_refused(served, path):
    assert (await served.call("GET", path)).status == 405


async def test_the_payables_system_has_no_handshake(served):
    answer = await served.call("POST", "/webhooks/basware/acme-bc?validationToken=x", data=b"")
    assert answer.status == 401


async def test_a_genuine_one_becomes_a_run_with_its_work(listening):
    answer = await listening.call("POST", PATH, data=told(secret_of(listening), VENDOR))
    assert (answer.status, answer.text) == (202, "")
    assert await runs(listening) == [("vendors", "webhook", "queued")]
    assert await listening.jobs() == 1
    assert await counted(listening, "accepted") == 1


async def test_a_collection_and_several_kinds_become_one_run_of_each_flow(listening):
    body = told(secret_of(listening), COLLECTION, PAID, VENDOR, change="collection")
    assert (await listening.call("POST", PATH, data=body)).status == 202
    assert await runs(listening) == [("vendors", "webhook", "queued"), ("payments", "webhook", "queued")]


async def test_while_a_run_waits_no_other_is_queued(listening):
    body = told(secret_of(listening), VENDOR)
    answers = await asyncio.gather(*(listening.call("POST", PATH, data=body) for _ in range(20)))
    assert {answer.status for answer in answers} == {202}
    assert await runs(listening) == [("vendors", "webhook", "queued")]
    assert await listening.jobs() == 1


async def test_a_run_that_has_begun_does_not_stand_for_a_later_change(listening):
    body = told(secret_of(listening), VENDOR)
    await listening.call("POST", PATH, data=body)
    await listening.process.database.execute("UPDATE run SET status = 'running'")
    for _ in range(3):
        await listening.call("POST", PATH, data=body)
    assert [status for _, _, status in await runs(listening)] == ["running", "queued"]


@pytest.mark.parametrize("secret", ["", "wrong", "of another connection"])
async def test_without_the_secret_it_is_discarded_and_nothing_shows_it(listening, secret):
    state = secret_of(listening, "other") if secret.startswith("of") else secret
    answer = await listening.call("POST", PATH, data=told(state, VENDOR))
    assert (answer.status, answer.text) == (202, "")
    assert await runs(listening) == []
    assert await listening.jobs() == 0
    assert await counted(listening, "discarded") == 1


async def test_a_connection_that_does_not_exist_is_answered_alike(listening):
    body = told(secret_of(listening, "nobody"), VENDOR)
    assert (await listening.call("POST", "/webhooks/business-central/nobody", data=body)).status == 202
    assert await runs(listening) == []


async def test_flows_that_do_not_wait_for_notifications_are_not_run(listening):
    body = told(secret_of(listening), f"/api/v2.0/{COMPANY}/accounts(1)", f"/api/v2.0/{COMPANY}/customers(1)")
    assert (await listening.call("POST", PATH, data=body)).status == 202
    assert await runs(listening) == []


async def test_a_connection_that_is_switched_off_is_not_run(listening):
    await listening.process.database.execute("UPDATE connection SET enabled = false")
    assert (await listening.call("POST", PATH, data=told(secret_of(listening), VENDOR))).status == 202
    assert await runs(listening) == []


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"value": {}}', b"\xff\xfe"])
async def test_one_that_cannot_be_read_is_told_so(listening, body):
    answer = await listening.call("POST", PATH, data=body)
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_a_full_one_of_every_subscription_is_taken(listening):
    body = told(secret_of(listening), *[VENDOR] * 4000, padding="x" * 300_000)
    assert len(body) > 1_000_000
    assert (await listening.call("POST", PATH, data=body)).status == 202
    assert await runs(listening) == [("vendors", "webhook", "queued")]


async def test_a_huge_one_is_refused(listening):
    answer = await listening.call("POST", PATH, data=b"x" * (4 * 1024 * 1024 + 1))
    assert answer.status == 413
