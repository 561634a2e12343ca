"""The webhook: signed, fresh, small, readable notifications are kept once and turned into work; others are not."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from ml_connector.operations.webhooks import BODY_LIMIT

TASK = {
    "taskId": "task-1", "taskType": "AccountingDocuments", "taskSubType": "WaitingForTransfer",
    "documentId": "0123456789abcdef0123456789abcdef",
}  # fmt: skip
BODY = json.dumps(TASK).encode()


async def test_a_genuine_notification_is_kept_with_its_work_and_echoed(served):
    answer = await served.notify(BODY)
    assert (answer.status, answer.text) == (200, BODY.decode())
    assert await served.notifications() == ["task-1"]
    assert await served.jobs() == 1


async def test_a_replayed_one_is_answered_well_and_kept_once(served):
    for _ in range(3):
        assert (await served.notify(BODY)).status == 200
    assert await served.notifications() == ["task-1"]
    assert await served.jobs() == 1


async def test_many_at_once_are_each_kept_and_make_one_piece_of_work(served):
    bodies = [json.dumps({**TASK, "taskId": f"t{number:03}"}).encode() for number in range(40)]
    answers = await asyncio.gather(*(served.notify(body) for body in bodies))
    assert {answer.status for answer in answers} == {200}
    assert len(await served.notifications()) == 40
    assert await served.jobs() == 1


@pytest.mark.parametrize("place", [0, 20, len(BODY) - 1])
async def test_one_byte_changed_is_refused(served, place):
    tampered = bytearray(BODY)
    tampered[place] ^= 1
    good = await served.notify(BODY, path="/webhooks/basware/nobody")
    signature = __import__("hmac").new(b"webhook-token-0123456789abcdef", BODY, "sha256").hexdigest()
    answer = await served.call(
        "POST", "/webhooks/basware/acme-bc", data=bytes(tampered), headers={"X-BWAPI-Signature-256": signature}
    )
    assert answer.status == good.status == 401
    assert await served.notifications() == []


async def test_a_wrong_token_is_refused_like_a_connection_that_does_not_exist(served):
    wrong = await served.notify(BODY, token="somebody-else")
    unknown = await served.notify(BODY, path="/webhooks/basware/no-such-connection")
    other = await served.notify(BODY, path="/webhooks/other-system/acme-bc")
    unsigned = await served.call("POST", "/webhooks/basware/acme-bc", data=BODY)
    assert {each.status for each in (wrong, unknown, other, unsigned)} == {401}
    assert len({each.text for each in (wrong, unknown, other, unsigned)}) == 1
    assert await served.notifications() == []


async def test_a_connection_without_a_token_takes_nothing(served):
    await served.process.database.execute("DELETE FROM secret WHERE field = 'webhook_token'")
    await served.process.database.execute("UPDATE connection SET version = version + 1")
    assert (await served.notify(BODY, token="")).status == 401


async def test_a_new_token_counts_at_once(served):
    assert (await served.notify(BODY)).status == 200
    process = served.process
    await process.vault.put(
        process.database, "acme-bc", "basware", "webhook_token", "the-new-token", now=process.clock()
    )
    await process.database.execute("UPDATE connection SET version = version + 1")
    assert (await served.notify(BODY)).status == 401
    assert (await served.notify(BODY, token="the-new-token")).status == 200


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_one_that_is_old_or_from_the_future_is_refused(served, minutes):
    moment = datetime.now(UTC) + timedelta(minutes=minutes)
    answer = await served.notify(BODY, **{"X-BWAPI-Timestamp": moment.isoformat()})
    assert answer.status == 401
    assert await served.notifications() == []


async def test_a_fresh_timestamp_is_accepted(served):
    answer = await served.notify(BODY, **{"X-BWAPI-Timestamp": datetime.now(UTC).isoformat()})
    assert answer.status == 200


async def test_a_huge_one_is_refused_before_it_is_read_whole(served):
    address = urlsplit(served.address)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(
        b"POST /webhooks/basware/acme-bc HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        + 2 * (b"8000\r\n" + b"x" * 0x8000 + b"\r\n") + b"10\r\n" + b"x" * 16 + b"\r\n"
    )  # fmt: skip
    await writer.drain()
    assert b" 413 " in await asyncio.wait_for(reader.readline(), 10)  # the body has not come to its end
    writer.close()


async def test_a_declared_size_that_is_too_large_is_refused(served):
    assert (await served.notify(b"x" * (BODY_LIMIT + 1))).status == 413


async def test_the_largest_allowed_is_read(served):
    body = json.dumps({**TASK, "more": ""}).encode()
    body = body.replace(b'"more": ""', b'"more": "' + b"y" * (BODY_LIMIT - len(body)) + b'"')
    assert len(body) == BODY_LIMIT
    assert (await served.notify(body)).status == 200


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b"{}", b'{"taskId": 5}', b"\xff\xfe"])
async def test_a_signed_one_that_cannot_be_read_is_told_so(served, body):
    answer = await served.notify(body)
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert await served.notifications() == []


async def test_one_that_is_no_json_and_unsigned_learns_nothing(served):
    assert (await served.notify(b"not json", token="wrong")).status == 401


async def test_the_connection_test_is_answered_without_work(served):
    answer = await served.notify(json.dumps({"taskType": "ConnectionTest", "taskId": "test"}).encode())
    assert answer.status == 200
    assert await served.jobs() == 0


async def test_an_unknown_kind_orders_a_look(served):
    answer = await served.notify(json.dumps({"taskType": "Surprise", "taskId": "u1"}).encode())
    assert answer.status == 200
    assert await served.notifications() == ["u1"]
    assert await served.jobs() == 1


async def test_where_the_webhook_is_switched_off_nothing_is_kept(served):
    await served.process.database.execute(
        "UPDATE connection SET version = version + 1, "
        "settings = jsonb_set(settings::jsonb, '{flows,invoices,webhook}', 'false')"
    )
    assert (await served.notify(BODY)).status == 200
    assert await served.notifications() == []
