"""The way in through the Basware Network, over sockets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator
from decimal import Decimal

import pytest
from inbound_routes import FILES, PDF, SHEET, Box, hand_in, simulated
from supplier_invoices import INVOICE, invoice
from test_basware_client import Wire, listen

from ml_connector.connectors.basware import CONNECTOR
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.http import recording
from ml_connector.connectors.side import Side
from ml_connector.records.invoice import DocumentKind
from ml_connector.records.reason import Reason
from ml_connector.records.supplier_invoice import Admission, Whereabouts


@pytest.fixture
async def box() -> AsyncGenerator[Box]:
    async with simulated() as opened:
        yield opened


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_an_invoice_enters_with_its_files_unchanged(box: Box) -> None:
    network = box.network()
    admission = await hand_in(network)
    (entered,) = await box.entered()
    assert (entered["bumId"], entered["number"], entered["supplier"]) == (admission.id, "N-7", "V1")
    assert (entered["company"], entered["gross"], entered["source"]) == ("5000", 124, "Invoice/000007")
    assert [each["sha256"] for each in entered["files"]] == [digest(PDF.content), digest(SHEET.content)]
    assert [each["name"] for each in entered["files"]] == ["n-7.pdf", "liite-a.xlsx"]
    assert await network.look(admission) is Whereabouts.ENTERED


async def test_a_credit_note_enters_with_negative_sums(box: Box) -> None:
    await hand_in(box.network(), invoice(kind=DocumentKind.CREDIT_NOTE, original="N-5"))
    (entered,) = await box.entered()
    assert (entered["net"], entered["tax"], entered["gross"]) == (-100, -24, -124)


async def test_an_admission_writes_nothing_and_is_the_same_again(box: Box) -> None:
    network = box.network()
    admission = await network.admit(INVOICE, key="k")
    assert await network.admit(invoice(reference="other"), key="k") == admission
    assert await network.look(admission) is Whereabouts.ABSENT
    assert [method for method, _ in await box.calls()] == ["GET"]


@pytest.mark.parametrize(("kind", "whereabouts"), [("lost_reply", "entered"), ("cut", "absent")])
async def test_a_lost_answer_is_settled_by_looking_and_enters_once(box: Box, kind: str, whereabouts: str) -> None:
    network = box.network()
    await box.strike(kind, "/v1/invoices/", method="POST")
    admission = await network.admit(INVOICE, key="k")
    with pytest.raises(OutcomeUnknown):
        await network.hand_in(INVOICE, FILES, admission)
    assert await network.look(admission) is Whereabouts(whereabouts)
    await network.hand_in(INVOICE, FILES, admission)
    assert await network.look(admission) is Whereabouts.ENTERED
    told = await box.see("inbound")
    assert (told["documents"], told["duplicates"]) == (1, [])


async def test_a_server_error_after_the_work_leaves_it_unknown(box: Box) -> None:
    network = box.network()
    await box.strike("status_after", "/v1/invoices/", status=502)
    with pytest.raises(OutcomeUnknown):
        await hand_in(network)
    assert len(await box.entered()) == 1


@pytest.mark.parametrize("fault", [{"kind": "lost_reply"}, {"kind": "cut"}, {"kind": "status", "status": 503}])
async def test_a_file_that_may_be_lost_leaves_nothing_entered(box: Box, fault: dict[str, object]) -> None:
    network = box.network()
    await box.strike(str(fault["kind"]), "/v2/files", **{k: v for k, v in fault.items() if k != "kind"})
    with pytest.raises(Unavailable):
        await hand_in(network)
    assert await box.entered() == []
    await hand_in(network)
    assert [len(each["files"]) for each in await box.entered()] == [2]


async def test_a_limit_of_calls_is_obeyed(box: Box) -> None:
    network = box.network()
    await box.strike("status", "/v1/invoices/", status=429, retry_after="17")
    with pytest.raises(Unavailable) as caught:
        await hand_in(network)
    assert (caught.value.reason, caught.value.retry_after) == (Reason.RATE_LIMITED, 17)
    assert await box.entered() == []


async def test_a_refusal_keeps_their_words(box: Box) -> None:
    network = box.network()
    envelope = {
        "version": "1.0",
        "errors": {
            "validationErrors": [{"fieldId": "data.invoiceLine", "fieldMessage": "is odd"}],
            "message": "Validation failed", "id": "1", "type": "VALIDATION", "info": "", "code": "Error.004.0002",
        },
    }  # fmt: skip
    await box.strike("status", "/v1/invoices/", status=400, body=json.dumps(envelope), content_type="application/json")
    with pytest.raises(Refused) as caught:
        await hand_in(network)
    assert caught.value.reason is Reason.RECORD_REFUSED
    assert caught.value.findings[0].subject == "N-7"
    assert caught.value.findings[0].vendor_text.endswith("Validation failed: data.invoiceLine is odd")
    assert await box.entered() == []


async def test_an_id_known_under_another_token_is_no_refusal_that_nothing_is_there(box: Box) -> None:
    network = box.network()
    admission = await hand_in(network)
    with pytest.raises(OutcomeUnknown):
        await network.hand_in(INVOICE, (), Admission(id=admission.id, token="another"))
    assert await network.look(admission) is Whereabouts.ENTERED
    assert len(await box.entered()) == 1


async def test_a_wrong_password_is_a_refused_sign_in_and_never_shown(box: Box) -> None:
    network = box.network(secrets={"client_secret": "basware-secret", "network_password": "sesame-123"})
    with pytest.raises(Refused) as caught:
        await hand_in(network)
    assert caught.value.reason is Reason.SIGN_IN_REFUSED
    assert "sesame-123" not in str(caught.value)
    (step,) = [step async for step in network.ping()]
    assert (step.ok, "sesame-123" in step.detail) == (False, False)
    assert step.advice


async def test_the_guard_is_asked_before_each_write(box: Box) -> None:
    asked: list[int] = []

    def guard() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise RuntimeError("no longer ours")

    with pytest.raises(RuntimeError):
        await hand_in(box.network(guard=guard))
    assert len(asked) == 3  # two files and the invoice
    assert await box.entered() == []


async def test_the_route_is_tested_by_signing_in(box: Box) -> None:
    (step,) = [step async for step in box.network().ping()]
    assert (step.name, step.ok) == ("network", True)
    assert "0192:900005000" in step.detail


def test_what_the_route_needs_is_demanded_by_name() -> None:
    assert CONNECTOR.open_inbound is not None
    assert CONNECTOR.capabilities.inbound_routes == ("network", "smartpdf")
    side = Side("acme-visma", "5000", {"network_username": "acme"}, {})
    for route, names in (
        ("network", "network_password and buyer_name and buyer_endpoint"),
        ("smartpdf", "smartpdf_receiver and smartpdf_notify"),
        ("pigeon", "no route 'pigeon'"),
    ):
        with pytest.raises(Refused) as caught:
            CONNECTOR.open_inbound(side, route, lambda: None, None)
        assert caught.value.reason is Reason.SETTING_MISSING
        assert names in str(caught.value)


class TestOnTheWire:
    """Manners that the simulated system does not look at."""

    @pytest.fixture
    async def wire(self) -> AsyncGenerator[Wire]:
        served, runner = await listen()
        yield served
        await runner.cleanup()

    async def test_calls_are_signed_by_basic_and_traced(self, box: Box, wire: Wire) -> None:
        network = box.network(network_url=f"{wire.address}/")
        async with recording() as exchanges:
            with pytest.raises(ConnectorError):
                await hand_in(network)
        ((request, body),) = wire.asked
        assert request.path == "/v2/files"
        assert request.headers["Authorization"].startswith("Basic ")
        assert len(request.headers["X-BW-REQUEST-ID"]) == 36
        assert request.headers["Content-Type"] == "application/pdf"
        assert request.headers["Content-Disposition"] == 'attachment; filename="n-7.pdf"'
        assert body == PDF.content
        assert [each.method for each in exchanges] == ["POST"]
        assert await box.calls() == []

    async def test_what_is_sent_is_exact(self, box: Box, wire: Wire) -> None:
        from aiohttp import web

        wire.answers["/v2/files"] = [web.json_response({"refId": "f-1"}, status=201)]
        network = box.network(network_url=wire.address)
        admission = await network.admit(INVOICE, key="k")
        wire.answers[f"/v1/invoices/{admission.id}"] = [web.Response(status=201)]
        await network.hand_in(invoice(net=Decimal("100.10"), gross=Decimal("124.10")), (PDF,), admission)
        _, (request, body) = wire.asked
        assert request.method == "POST"
        assert b'"payableAmount":{"currencyId":"EUR","amount":124.1}' in body
        assert json.loads(body)["fileRefs"] == [{"refId": "f-1"}]
        assert json.loads(body)["clientToken"] == admission.token
