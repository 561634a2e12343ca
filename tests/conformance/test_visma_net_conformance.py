"""Visma.net against the suite of all sources."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from conformance.bench import PingFailure
from conformance.source import SourceConformance
from conformance.source_bench import Oddity
from conformance.source_stage import Reader, calls_of
from conformance.visma_net import ODDITIES, VismaBench, bench_of
from ml_connector.connectors.base import Source
from ml_connector.connectors.errors import Refused, Unavailable
from ml_connector.connectors.visma_net.connector import VismaNet
from ml_connector.records.flow import Flow
from ml_connector.records.reason import Reason
from ml_connector.sandbox import visma_net as simulated
from ml_connector.sandbox.visma_net.resources import _INVOICE_HIDDEN  # pyright: ignore[reportPrivateUsage]


async def _approve_nothing(bench: VismaBench) -> None:
    await bench.hook("scopes", approved=False)


async def _grant_reading_alone(bench: VismaBench) -> None:
    await bench.hook("scopes", granted=["read"])


async def _grant_reading_silently(bench: VismaBench) -> None:
    await bench.hook("scopes", granted=["read"], drops=True)


async def _use_up_the_calls(bench: VismaBench) -> None:
    await bench.hook("limits", remaining=0)


class TestVismaNet(SourceConformance):
    """The suite, and where Visma.net has more to it."""

    oddities: ClassVar[tuple[Oddity, ...]] = ODDITIES
    ping_steps: ClassVar[tuple[str, ...]] = ("reach", "sign in", "company", "rights", "limit")
    ping_failures: ClassVar[tuple[PingFailure, ...]] = (
        PingFailure("nobody answers", "reach", "base_url", values={"base_url": "http://127.0.0.1:1"}),
        PingFailure("no such host", "reach", "base_url", values={"base_url": "http://nowhere.invalid"}),
        PingFailure("no token address", "sign in", "token_url", values={"token_url": "{base}/connect/nothing"}),
        PingFailure("wrong secret", "sign in", "client_secret", secrets={"client_secret": "wrong-secret"}),
        PingFailure("unknown client", "sign in", "client_id", values={"client_id": "isv_other"}),
        PingFailure("unknown tenant", "sign in", "tenant_id", values={"tenant_id": simulated.tenant_of("9999")}),
        PingFailure("not approved", "sign in", "App Store", arrange=_approve_nothing),
        PingFailure("scope not registered", "sign in", "scope", arrange=_grant_reading_alone),
        PingFailure("scope left out", "rights", "scope", arrange=_grant_reading_silently),
        PingFailure("customer tenant", "company", "company tenant", values={"tenant_id": simulated.CUSTOMER_TENANT}),
        PingFailure("wrong path", "company", "base_url", values={"base_url": "{base}/somewhere"}),
        PingFailure("no calls left", "company", "later", arrange=_use_up_the_calls),
    )

    @pytest.fixture
    async def bench(self) -> AsyncIterator[VismaBench]:
        async with bench_of() as made:
            yield made

    async def test_a_customer_tenants_token_that_every_call_refuses_is_explained(self, bench: VismaBench) -> None:
        source = bench.open(bench.side(values={"tenant_id": simulated.CUSTOMER_TENANT}))
        try:
            with pytest.raises(Refused) as refused:
                await Reader(source).invoices()
        finally:
            await source.close()
        assert refused.value.reason is Reason.SIGN_IN_REFUSED
        assert "customer tenant" in str(refused.value)
        assert "company tenant" in str(refused.value)

    async def test_without_notes_no_right_to_write_is_asked_for(self, bench: VismaBench) -> None:
        await _grant_reading_alone(bench)
        source = bench.open(bench.side(values={"write_back": "none"}))
        assert len(await Reader(source).invoices()) == await bench.count(Flow.SUPPLIER_INVOICES)
        key = await bench.enter("900001")
        with pytest.raises(Refused) as refused:
            await source.write_note(key, "Approved.")
        await source.close()
        assert refused.value.reason is Reason.RIGHTS_MISSING

    async def test_every_call_names_company_and_application(self, bench: VismaBench) -> None:
        source = bench.open(bench.side())
        key = await bench.enter("900001", files={"a.pdf": b"%PDF"})
        (found,) = [each for each in await Reader(source).invoices() if each.key == key]
        await source.read_file(found, found.files[0])
        await source.write_note(key, "Approved.")
        await source.close()
        calls = [call for call in (await bench.show("calls"))["calls"] if not bench.signs_in(call["path"])]
        assert {call["headers"].get("ipp-company-id") for call in calls} == {simulated.company_id("5000")}
        assert {call["headers"].get("ipp-application-type") for call in calls} == {"Visma.net Financials"}

    async def test_two_companies_of_one_application_are_two_tokens(self, bench: VismaBench) -> None:
        await bench.hook("companies", codes=["5100"], vendors=7, orders=0, invoices=0)
        other = {"tenant_id": simulated.tenant_of("5100"), "company_id": simulated.company_id("5100")}
        sources = [bench.open(bench.side()), bench.open(bench.side(values=other))]
        read = [await Reader(source).read(Flow.VENDORS) for source in sources]
        for source in sources:
            await source.close()
        assert [len(each) for each in read] == [await bench.count(Flow.VENDORS), 7]

    async def test_a_filter_names_neither_zone_nor_offset(self, bench: VismaBench) -> None:
        source = bench.open(bench.side())
        reader = Reader(source)
        await reader.invoices()
        await bench.forget_calls()
        await reader.invoices()
        await source.close()
        asked = [parse_qs(urlsplit(call.path).query) for call in await calls_of(bench)]
        assert [each["lastModifiedDateTimeCondition"] for each in asked] == [[">="]] * 2
        for each in asked:
            assert datetime.fromisoformat(each["lastModifiedDateTime"][0]).tzinfo is None

    async def test_the_address_that_is_on_its_way_out_serves_too(self, bench: VismaBench) -> None:
        source = bench.open(bench.side(values={"base_url": "{base}/API/controller/api/v1/"}))
        key = await bench.enter("900001", files={"a.pdf": b"%PDF"})
        (found,) = [each for each in await Reader(source).invoices() if each.key == key]
        assert await source.read_file(found, found.files[0]) == b"%PDF"
        await source.write_note(key, "Approved.")
        await source.close()
        assert [call.path for call in await bench.written()] == [f"/API/controller/api/v1/supplierInvoice/{key}"]

    async def test_more_invoices_than_an_hours_calls_are_read_to_the_end(
        self, bench: VismaBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where the list leaves their terms out, each is read alone (Visma dossier 6.3)."""
        monkeypatch.setitem(_INVOICE_HIDDEN, "creditTerms", "expandNever")
        keys = {await bench.enter(f"9000{number:02}") for number in range(30)}
        await bench.hook("limits", limit=20)
        source = bench.open(bench.side())
        reader, waits = Reader(source), list[Reason]()
        while True:
            try:
                told = {each.key: each for each in await reader.invoices()}
                break
            except Unavailable as later:
                waits.append(later.reason)
            assert len(waits) < 6
            await bench.pass_time(3600)
            _pass_time(source, len(waits) * 3600.0)
        await source.close()
        assert set(waits) == {Reason.RATE_LIMITED}
        assert keys <= told.keys()
        assert {told[key].payment_term for key in keys} == {bench.company.vendors[0].payment_term}


def _pass_time(source: Source, seconds: float) -> None:
    assert isinstance(source, VismaNet)
    allowance = source._client.allowance  # pyright: ignore[reportPrivateUsage]
    allowance._clock = lambda: time.monotonic() + seconds  # pyright: ignore[reportPrivateUsage]
