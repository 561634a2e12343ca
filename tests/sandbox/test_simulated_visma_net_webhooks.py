"""The simulated Visma.net: work in the background, webhooks and faults (Visma dossier 17, 43-47)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from visma_net_wire import CODE, Wire

from ml_connector.sandbox.visma_net import tenant_of

KEY = "signature-key"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


class Receiver:
    """A webhook that keeps what comes; answers with `statuses` in turn, 200 after that."""

    def __init__(self) -> None:
        self.came: list[tuple[Mapping[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.came.append((request.headers.copy(), await request.read()))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    @property
    def events(self) -> list[Any]:
        return [json.loads(body) for _, body in self.came]


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    kept = Receiver()
    app = web.Application()
    app.router.add_post("/hook", kept.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kept.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield kept
    await runner.cleanup()


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Waits for it, at most ten seconds."""
    for _ in range(1000):
        met = condition()
        if met if isinstance(met, bool) else await met:
            return
        await asyncio.sleep(0.01)
    pytest.fail("It did not happen.")


# --- Background (43) ----------------------------------------------------------------------------------------


async def test_43_a_background_call_is_accepted_and_answered_later(wire: Wire) -> None:
    await wire.control("habits", background_seconds=60)
    accepted = await wire.get("/v1/supplier/V000001", headers={"erp-api-background": "none"})
    assert (accepted.status, set(accepted.body)) == (202, {"id", "stateLocation"})
    state = f"/v1/background/{accepted.body['id']}"
    assert accepted.body["stateLocation"].endswith(state)
    started = (await wire.get(state)).body
    assert (started["status"], started["statusCode"]) == ("Started", 0)
    assert (await wire.get(f"{state}/content")).status == 404
    await wire.control("clock", seconds=60)
    finished = (await wire.get(state)).body
    assert (finished["status"], finished["statusCode"]) == ("Finished", 200)
    assert (await wire.get(f"{state}/content")).body["number"] == "V000001"


async def test_43_a_failed_background_call_is_finished_with_its_status(wire: Wire) -> None:
    await wire.control("habits", background_seconds=0)
    body = {"note": {"value": "late"}}
    accepted = await wire.put("/v1/supplierInvoice/Invoice/300002", body, erp_api_background="none")
    state = f"/v1/background/{accepted.body['id']}"
    assert (await wire.get(state)).body["statusCode"] == 400
    assert "already released" in (await wire.get(f"{state}/content")).message


async def test_43_the_content_is_gone_after_a_day_and_never_anothers() -> None:
    async with Wire(CODE, "5001") as wire:
        accepted = await wire.get("/v1/branch", headers={"erp-api-background": "none"})
        content = f"/v1/background/{accepted.body['id']}/content"
        other = (await wire.grant(tenant_id=tenant_of("5001"))).body["access_token"]
        assert (await wire.send("GET", content, token=other)).status == 403
        await wire.control("tokens", seconds=200_000)
        wire.token = (await wire.grant()).body["access_token"]
        await wire.control("clock", seconds=86_401)
        assert (await wire.get(content)).status == 410


async def test_43_an_address_as_background_is_refused(wire: Wire) -> None:
    refused = await wire.get("/v1/branch", headers={"erp-api-background": "https://example.org/hook"})
    assert refused.status == 400


async def test_43_a_subscription_is_told_with_its_headers(wire: Wire, receiver: Receiver) -> None:
    await wire.control("webhook", url=receiver.url, key=KEY)
    accepted = await wire.get("/v1/branch", headers={"erp-api-background": "subscription:job=42"})
    await until(lambda: bool(receiver.came))
    headers, _ = receiver.came[0]
    assert headers["job"] == "42"
    assert receiver.events[0]["entityId"] == accepted.body["id"]


# --- Webhooks (44-46) ---------------------------------------------------------------------------------------


async def test_44_a_change_of_status_is_pushed_and_signed_over_its_bytes(wire: Wire, receiver: Receiver) -> None:
    await wire.control("webhook", url=receiver.url, key=KEY)
    await wire.control("release-invoice", key="Invoice/300001")
    await until(lambda: bool(receiver.came))
    headers, body = receiver.came[0]
    digest = hmac.new(KEY.encode(), body, hashlib.sha256).digest()
    assert headers["x-vwd-signature-v1"] == base64.b64encode(digest).decode()
    assert headers["x-vwd-tenant-id"] == tenant_of(CODE)
    assert headers["x-vwd-notification-timestamp"].isdigit()
    expected = {"eventType": "SupplierInvoiceStatusChanged", "entityId": "300001", "tenantId": tenant_of(CODE)}
    assert json.loads(body) == expected


async def test_44_a_note_is_no_change_of_status(wire: Wire, receiver: Receiver) -> None:
    await wire.control("webhook", url=receiver.url, key=KEY)
    await wire.put("/v1/supplierInvoice/Invoice/300001", {"note": {"value": "x"}})
    await wire.control("vendors", number="V000001", name="Renamed")
    await until(lambda: bool(receiver.came))
    assert [event["eventType"] for event in receiver.events] == ["SupplierUpdated"]


async def test_44_receipts_and_payments_are_not_told_but_orders_and_suppliers_are(
    wire: Wire, receiver: Receiver
) -> None:
    await wire.control("webhook", url=receiver.url, key=KEY)
    await wire.control("touch", table="PurchaseReceipt")
    await wire.control("terms", code="90D")
    await wire.control("orders", number="PO100001", status="Closed")
    await wire.control("vendors", number="NEW1")
    await until(lambda: len(receiver.came) == 2)
    assert [event["eventType"] for event in receiver.events] == ["PurchaseOrderChanged", "SupplierCreated"]


async def test_44_deliveries_may_be_doubled_wrong_reversed_in_one_body_or_lost(wire: Wire, receiver: Receiver) -> None:
    await wire.control("webhook", url=receiver.url, key=KEY, duplicate=True, wrong_signature=True)
    await wire.control("hold", key="Invoice/300001")
    await until(lambda: len(receiver.came) == 2)
    (first, body), (second, _) = receiver.came
    assert first["x-vwd-notification-id"] == second["x-vwd-notification-id"]
    digest = base64.b64encode(hmac.new(KEY.encode(), body, hashlib.sha256).digest()).decode()
    assert first["x-vwd-signature-v1"] != digest
    receiver.came.clear()
    await wire.control("webhook", duplicate=False, array=True, reorder=True)
    await wire.control("touch", table="supplier", keys=["V000001", "V000002"])
    await until(lambda: bool(receiver.came))
    assert [event["entityId"] for event in receiver.events[0]] == ["V000002", "V000001"]
    await wire.control("webhook", lost=True)
    await wire.control("hold", key="Invoice/300001", on=False)
    await wire.control("webhook", lost=False, array=False)
    await wire.control("hold", key="Invoice/300005")
    await until(lambda: len(receiver.came) == 2)
    assert receiver.events[-1]["entityId"] == "300005"


async def test_44_a_refused_delivery_is_repeated(wire: Wire, receiver: Receiver) -> None:
    receiver.statuses = [500, 503]
    await wire.control("webhook", url=receiver.url, key=KEY, retries=2, retry_seconds=0.01)
    await wire.control("hold", key="Invoice/300001")
    await until(lambda: len(receiver.came) == 3)

    async def told() -> bool:
        deliveries = (await wire.get("/_sandbox/webhook")).body["deliveries"]
        return [each["status"] for each in deliveries] == [500, 503, 200]

    await until(told)


async def test_44_only_https_or_this_machine_is_pushed_to(wire: Wire) -> None:
    await wire.control("webhook", url="http://example.org/hook", key=KEY, expect=400)
    told = await wire.control("webhook", url="https://example.org/hook", key=KEY)
    assert KEY not in str(told)


async def test_45_there_is_no_subscription_api(wire: Wire) -> None:
    for method, address in (("GET", "/resources/v1/event"), ("POST", "/resources/v1/subscription")):
        assert (await wire.send(method, address)).status == 404


async def test_46_feedback_on_a_notification_is_taken(wire: Wire) -> None:
    said = {"notificationId": tenant_of(CODE), "source": "ml", "description": "ok", "isSuccess": True}
    assert (await wire.send("POST", "/v1/webhooknotificationfeedback", said)).status == 201
    assert (await wire.get("/_sandbox/feedback")).body["feedback"] == [{"company": CODE, **said}]


# --- Faults (47) --------------------------------------------------------------------------------------------


async def fault(wire: Wire, **asked: Any) -> None:
    assert (await wire.send("POST", "/_sandbox/faults", asked)).status == 201


async def test_47_any_status_with_any_body_can_be_put_in_the_way(wire: Wire) -> None:
    await fault(wire, kind="status", path="/v1/branch", status=502, body="<html/>", content_type="text/html")
    await fault(
        wire, kind="status", path="/v1/branch", status=500, body='{"message": "x"}', content_type="application/json"
    )
    await fault(wire, kind="status", path="/v1/branch", status=401)
    await fault(wire, kind="status", path="/v1/branch", status=429, retry_after="7")
    replies = [await wire.get("/v1/branch") for _ in range(5)]
    assert [reply.status for reply in replies] == [502, 500, 401, 429, 200]
    assert "X-RateLimit-Remaining" in replies[3].headers
    assert replies[3].headers["Retry-After"] == "7"


async def test_47_a_lost_reply_has_done_its_work(wire: Wire) -> None:
    # Twice: aiohttp itself repeats a PUT once.
    await fault(wire, kind="lost_reply", method="PUT", path="/v1/supplierInvoice", count=2)
    with pytest.raises(aiohttp.ClientError):
        await wire.put("/v1/supplierInvoice/Invoice/300001", {"note": {"value": "there"}})
    assert (await wire.get("/v1/supplierInvoice/Invoice/300001")).body["note"] == "there"
