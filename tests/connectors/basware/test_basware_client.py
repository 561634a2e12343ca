"""The client's manners on the wire, against a small server that answers as told."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from ml_connector.connectors.basware.auth import SCOPES
from ml_connector.connectors.basware.connector import Basware
from ml_connector.connectors.errors import ConnectorError, Refused, Unavailable
from ml_connector.connectors.import_items import ImportItem
from ml_connector.connectors.side import Side
from ml_connector.records.reason import Reason

Answer = web.Response | Callable[[web.Request, bytes], web.Response]
CONTINUATION = "x-amz-meta-continuationtoken"
DOCUMENTS = "/v1/accountingDocuments"


class Wire:
    """Answers each path from a queue and keeps what was asked. The last answer of a path stays."""

    def __init__(self) -> None:
        self.asked: list[tuple[web.Request, bytes]] = []
        self.answers: dict[str, list[Answer]] = {}
        self.address = ""

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked.append((request, body))
        queue = self.answers.get(request.path) or [web.Response(status=404)]
        found = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(found, web.Response):
            return web.Response(status=found.status, body=found.body, headers=found.headers)
        return found(request, body)

    def of(self, path: str) -> list[tuple[web.Request, bytes]]:
        return [(request, body) for request, body in self.asked if request.path == path]


def said(body: Any, status: int = 200, **headers: str) -> web.Response:
    return web.Response(
        status=status, body=json.dumps(body).encode(), content_type="application/json",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )  # fmt: skip


def page(*ids: str, token: str = "") -> web.Response:
    found = said({"accountingDocuments": [{"invoiceId": each} for each in ids]})
    if token:
        found.headers["X-Amz-Meta-ContinuationToken"] = token
    return found


def token_answer(lifetime: int = 3600, scopes: str = " ".join(SCOPES)) -> web.Response:
    return said({"access_token": "t", "expires_in": lifetime, "scope": scopes})


def moved(location: str, token: str = "") -> web.Response:
    headers = {"Location": location} | ({CONTINUATION: token} if token else {})
    return web.Response(status=302, headers=headers)


async def listen() -> tuple[Wire, web.AppRunner]:
    wire = Wire()
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/{rest:.*}", wire.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    wire.address = f"http://{host}:{port}"
    return wire, runner


@pytest.fixture
async def wire() -> AsyncGenerator[Wire]:
    served, runner = await listen()
    served.answers["/v1/tokens"] = [token_answer()]
    yield served
    await runner.cleanup()


@pytest.fixture
async def files() -> AsyncGenerator[Wire]:
    served, runner = await listen()
    yield served
    await runner.cleanup()


def opened(wire: Wire, *, hosts: Any = None, **values: Any) -> Basware:
    set_ = {"client_id": "acme", **({} if hosts else {"base_url": wire.address}), **values}
    side = Side("acme-bc", "1000", set_, {"client_secret": "sesame"})
    more = {"hosts": hosts} if hosts else {}
    return Basware(side, clock=lambda: datetime(2026, 11, 21, tzinfo=UTC), **more)


@pytest.fixture
async def basware(wire: Wire) -> AsyncGenerator[Basware]:
    system = opened(wire)
    yield system
    await system.close()


async def offered(system: Basware) -> list[str]:
    return [document.document_id async for page_ in system.offered() for document in page_.records]


async def test_the_token_is_asked_with_every_scope_and_used(wire: Wire, basware: Basware) -> None:
    assert await offered(basware) == []
    assert await offered(basware) == []
    ((request, body),) = wire.of("/v1/tokens")
    assert request.headers["Authorization"] == "Basic YWNtZTpzZXNhbWU="
    assert f"scope={'+'.join(SCOPES)}" in body.decode()
    assert wire.of(DOCUMENTS)[0][0].headers["Authorization"] == "Bearer t"


async def test_a_refused_token_is_renewed_once(wire: Wire, basware: Basware) -> None:
    wire.answers[DOCUMENTS] = [web.Response(status=401), page("a")]
    assert await offered(basware) == ["a"]
    wire.answers[DOCUMENTS] = [web.Response(status=401)]
    with pytest.raises(Refused) as caught:
        await offered(basware)
    assert caught.value.reason is Reason.SIGN_IN_REFUSED
    assert len(wire.of(DOCUMENTS)) == 4


async def test_a_missing_right_is_not_tried_again(wire: Wire, basware: Basware) -> None:
    wire.answers[DOCUMENTS] = [said({"message": "Forbidden"}, 403)]
    with pytest.raises(Refused) as caught:
        await offered(basware)
    assert caught.value.reason is Reason.RIGHTS_MISSING
    assert len(wire.of(DOCUMENTS)) == 1


async def test_a_redirect_is_followed_without_the_token(wire: Wire, files: Wire, basware: Basware) -> None:
    wire.answers[DOCUMENTS] = [moved(files.address + "/f?X-Amz-Signature=a%2Fb")]
    files.answers["/f"] = [page("a")]
    assert await offered(basware) == ["a"]
    ((request, _),) = files.asked
    assert "Authorization" not in request.headers
    assert request.query["X-Amz-Signature"] == "a/b"


@pytest.mark.parametrize("hop", ["first", "second"])
async def test_the_continuation_is_taken_from_either_hop(wire: Wire, files: Wire, basware: Basware, hop: str) -> None:
    location = files.address + "/f"
    wire.answers[DOCUMENTS] = [moved(location, token="n1" if hop == "first" else ""), moved(location)]
    files.answers["/f"] = [page("a", token="n1" if hop == "second" else ""), page("b")]
    assert await offered(basware) == ["a", "b"]
    first, second = (request for request, _ in wire.of(DOCUMENTS))
    assert CONTINUATION not in first.headers
    assert second.headers[CONTINUATION] == "n1"
    assert dict(first.query) == dict(second.query)
    assert dict(first.query) == {"ProcessingStatus": "WaitingForTransfer", "companyCode": "1000", "pageSize": "100"}


async def test_404_on_a_further_page_is_the_end(wire: Wire, basware: Basware) -> None:
    wire.answers[DOCUMENTS] = [page("a", token="n1"), web.Response(status=404)]
    assert await offered(basware) == ["a"]


async def test_the_same_continuation_twice_does_not_go_round_for_ever(wire: Wire, basware: Basware) -> None:
    wire.answers[DOCUMENTS] = [page("a", token="n1")]
    with pytest.raises(Refused, match="twice"):
        await offered(basware)
    assert len(wire.of(DOCUMENTS)) == 2


async def test_an_expired_address_is_asked_for_afresh_once(wire: Wire, files: Wire, basware: Basware) -> None:
    wire.answers[DOCUMENTS] = [moved(files.address + "/f")]
    files.answers["/f"] = [web.Response(status=403), page("a")]
    assert await offered(basware) == ["a"]
    files.answers["/f"] = [web.Response(status=403)]
    with pytest.raises(Unavailable):
        await offered(basware)


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "ftp://x/y"])
async def test_a_redirect_to_nowhere_is_not_followed(wire: Wire, basware: Basware, location: str) -> None:
    wire.answers[DOCUMENTS] = [moved(location)]
    with pytest.raises(Refused) as caught:
        await offered(basware)
    assert caught.value.reason is Reason.UNEXPECTED


async def test_redirects_do_not_go_on_for_ever(wire: Wire, files: Wire, basware: Basware) -> None:
    wire.answers[DOCUMENTS] = [moved(files.address + "/f")]
    files.answers["/f"] = [moved("/f")]
    with pytest.raises(Refused, match="redirects"):
        await offered(basware)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"accountingDocuments": 3}', b'{"accountingDocuments": [{}]}'])
async def test_an_answer_that_is_no_list_is_an_error(wire: Wire, basware: Basware, body: bytes) -> None:
    wire.answers[DOCUMENTS] = [web.Response(body=body)]
    with pytest.raises(Refused) as caught:
        await offered(basware)
    assert caught.value.reason is Reason.UNEXPECTED


# ------------------------------------------------------------------ regions


def hosts(**addresses: str) -> dict[str, dict[str, str]]:
    return {region: {"production": address, "test": "http://127.0.0.1:9"} for region, address in addresses.items()}


async def test_the_region_that_knows_the_credentials_is_found_and_remembered(wire: Wire, files: Wire) -> None:
    files.answers["/v1/tokens"] = [said({"error": "invalid_client"}, 401)]
    system = opened(wire, hosts=hosts(eu=files.address, us=wire.address))
    assert await offered(system) == []
    assert await offered(system) == []
    assert system.region_found == "us"
    assert len(files.asked) == 1
    await system.close()


async def test_no_region_fits_and_each_is_named_with_its_words(wire: Wire, files: Wire) -> None:
    for each in (wire, files):
        each.answers["/v1/tokens"] = [said({"error": "invalid_client"}, 401)]
    system = opened(wire, hosts=hosts(eu=files.address, us=wire.address))
    with pytest.raises(Refused, match=r"eu \(.*401 invalid_client; us \(.*401 invalid_client") as caught:
        await offered(system)
    assert caught.value.reason is Reason.SIGN_IN_REFUSED
    assert "sesame" not in str(caught.value)
    await system.close()


async def test_a_region_that_is_silent_may_yet_be_the_one(wire: Wire) -> None:
    wire.answers["/v1/tokens"] = [said({"error": "invalid_client"}, 401)]
    system = opened(wire, hosts=hosts(eu=wire.address, us="http://127.0.0.1:9"))
    with pytest.raises(ConnectorError) as caught:
        await system.acknowledge("x")
    assert isinstance(caught.value, Unavailable)
    await system.close()


@pytest.mark.parametrize("values", [{"region": "mars"}, {"environment": "staging"}])
async def test_a_region_that_does_not_exist_is_said_at_once(wire: Wire, values: dict[str, str]) -> None:
    with pytest.raises(Refused) as caught:
        opened(wire, hosts=hosts(eu=wire.address), **values)
    assert caught.value.reason is Reason.ADDRESS_WRONG


# ------------------------------------------------------------------ imports


def batch(size: int) -> list[ImportItem]:
    return [ImportItem.of("vendors", f"v{n}", {"externalCode": f"v{n}"}) for n in range(size)]


def refusing(*codes: str, status: int = 400, code: str = "SCHEMA_VALIDATION_ERROR", named: bool = True) -> Answer:
    """Refuses the whole batch as long as one of `codes` is in it."""

    def answer(_: web.Request, body: bytes) -> web.Response:
        bad = [each["externalCode"] for each in json.loads(body) if each["externalCode"] in codes]
        if not bad:
            return said([], x_amzn_RequestId=f"req-{len(json.loads(body))}")
        errors = [
            {
                "type": "VALIDATION",
                "code": code,
                "message": f"{each} is bad",
                **({"externalCode": each} if named else {}),
            }
            for each in bad
        ]
        return said({"hasErrors": True, "errors": errors}, status)

    return answer


@pytest.mark.parametrize(("status", "code"), [(400, "SCHEMA_VALIDATION_ERROR"), (409, "CONFLICT_IN_POST")])
async def test_records_refused_by_name_are_set_aside_and_the_rest_goes_again(
    wire: Wire, basware: Basware, status: int, code: str
) -> None:
    wire.answers["/v1/vendors"] = [refusing("v1", "v3", status=status, code=code)]
    receipt = await basware.send(batch(5))
    assert receipt.refused == {"v1": "v1 is bad", "v3": "v3 is bad"}
    assert receipt.request_id == "req-3"
    assert len(wire.of("/v1/vendors")) == 2


async def test_a_record_refused_without_a_name_is_found_by_halving(wire: Wire, basware: Basware) -> None:
    wire.answers["/v1/vendors"] = [refusing("v5", named=False)]
    receipt = await basware.send(batch(8))
    assert receipt.refused == {"v5": "v5 is bad"}
    assert receipt.request_id == "req-4,req-1,req-2"


async def test_a_batch_too_large_is_halved_until_it_fits(wire: Wire, basware: Basware) -> None:
    def too_large(_: web.Request, body: bytes) -> web.Response:
        count = len(json.loads(body))
        return web.Response(status=413) if count > 2 else said([], x_amzn_RequestId=f"req-{count}")

    wire.answers["/v1/vendors"] = [too_large]
    receipt = await basware.send(batch(5))
    assert (receipt.refused, receipt.request_id) == ({}, "req-2,req-1,req-2")


async def test_a_refusal_of_the_call_itself_is_raised(wire: Wire, basware: Basware) -> None:
    body = {"errors": [{"type": "VALIDATION", "code": "PARAMETER_VALIDATION_ERROR", "message": "listKey"}]}
    wire.answers["/v1/vendors"] = [said(body, 400)]
    with pytest.raises(Refused, match="listKey"):
        await basware.send(batch(5))
    assert len(wire.of("/v1/vendors")) == 1


async def test_a_record_given_twice_goes_once_as_given_last(wire: Wire, basware: Basware) -> None:
    wire.answers["/v1/vendors"] = [said([], x_amzn_RequestId="r")]
    await basware.send([ImportItem.of("vendors", "v", {"n": 1}), ImportItem.of("vendors", "v", {"n": 2})])
    assert json.loads(wire.of("/v1/vendors")[0][1]) == [{"n": 2}]


@pytest.mark.parametrize("status", [403, 501])
async def test_without_request_status_the_error_feedback_is_asked(wire: Wire, basware: Basware, status: int) -> None:
    wire.answers["/v1/requestStatus/r"] = [web.Response(status=status)]
    wire.answers["/v1/errorFeedbacks/r"] = [said({"errorList": [{"externalCode": "v0", "errors": ["no"]}]})]
    outcome = await basware.outcome("r", batch(1))
    assert (outcome.done, outcome.items[0].message) == (True, "no")


# ------------------------------------------------------------------ subscriptions


async def test_only_what_is_missing_or_differs_is_subscribed(wire: Wire, basware: Basware) -> None:
    there = {
        "taskType": "AccountingDocuments", "taskSubType": "WaitingForTransfer", "subscriptionType": "Webhook",
        "notificationWebhookURL": "https://here/hook", "webhookAuthenticationToken": "tok",
    }  # fmt: skip
    posted = [said([])]
    wire.answers["/v1/subscriptions"] = [said({"subscriptions": [there]}), *posted]
    await basware.subscribe(url="https://here/hook", token="tok")
    ((_, body),) = [each for each in wire.of("/v1/subscriptions") if each[0].method == "POST"]
    assert [(each["taskType"], each["taskSubType"]) for each in json.loads(body)] == [("RequestStatus", "Error")]


async def test_a_failed_connection_test_names_the_receiver_and_keeps_the_secret(wire: Wire, basware: Basware) -> None:
    wire.answers["/v1/subscriptions"] = [web.Response(status=404), said({"message": "UnprocessableEntity"}, 422)]
    with pytest.raises(Refused, match="https://here/hook") as caught:
        await basware.subscribe(url="https://here/hook", token="very-secret")
    assert caught.value.reason is Reason.ADDRESS_WRONG
    assert "very-secret" not in str(caught.value)
