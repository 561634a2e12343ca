"""The ways of Visma.net's invoices into Basware against the suite of all ways in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from conformance.bench import PingFailure
from conformance.source_basware import (
    NETWORK_WRITES,
    SMARTPDF_WRITES,
    BaswareBench,
    NetworkBench,
    SmartPdfBench,
    bench_of,
)
from conformance.source_bench import Garbled
from conformance.source_entering import EnteringConformance, hand_in, only
from conformance.source_handed import PLAIN, digests_of, handed_of
from conformance.source_inbound_bench import EnteringWrite, Handed
from conformance.source_standings import Follower
from ml_connector.connectors.base import Inbound
from ml_connector.connectors.basware import inbound as ways
from ml_connector.connectors.basware.network import invoice_body
from ml_connector.connectors.errors import OutcomeUnknown, Refused
from ml_connector.connectors.http import recording
from ml_connector.records.invoice import Attachment
from ml_connector.records.reason import Reason
from ml_connector.records.supplier_invoice import (
    InvoiceFile,
    StandingStage,
    Whereabouts,
)


async def _deny_the_scope(bench: SmartPdfBench) -> None:
    await bench.hook("flags", denied_scopes=["importDocuments.write"])


class TestNetwork(EnteringConformance):
    """Structured data and files."""

    writes: ClassVar[tuple[EnteringWrite, ...]] = NETWORK_WRITES
    ping_failures: ClassVar[tuple[PingFailure, ...]] = (
        PingFailure("wrong password", "network", "Check", secrets={"network_password": "wrong-secret"}),
        PingFailure("wrong name", "network", "Check", values={"network_username": "nobody"}),
        PingFailure("nobody answers", "network", "network_url", values={"network_url": "http://127.0.0.1:1"}),
        PingFailure("wrong path", "network", "network_url", values={"network_url": "http://nowhere.invalid"}),
    )

    @pytest.fixture
    async def bench(self) -> AsyncIterator[BaswareBench]:
        async with bench_of(NetworkBench) as made:
            yield made

    async def test_a_field_that_is_not_known_there_is_named_by_the_refusal(
        self, bench: NetworkBench, inbound: Inbound, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def body(*given: Any, **named: Any) -> Mapping[str, Any]:
            right = invoice_body(*given, **named)
            return {**right, "data": {**right["data"], "surprise": 1}}

        monkeypatch.setattr(ways, "invoice_body", body)
        with pytest.raises(Refused) as refused:
            await hand_in(inbound, PLAIN)
        assert refused.value.reason is Reason.RECORD_REFUSED
        assert refused.value.findings[0].subject == PLAIN.invoice.reference
        assert "surprise" in str(refused.value)
        assert await bench.entered() == []
        monkeypatch.undo()
        await hand_in(inbound, PLAIN)  # the same admission serves
        await only(bench)

    async def test_a_file_that_is_not_known_there_keeps_the_invoice_out(
        self, bench: NetworkBench, inbound: Inbound
    ) -> None:
        forgotten = Garbled("status", status=201, body='{"refId": "f-gone"}', content_type="application/json")
        await bench.strike(forgotten, NETWORK_WRITES[0].site)
        with pytest.raises(Refused) as refused:
            await hand_in(inbound, PLAIN)
        assert "f-gone" in str(refused.value)
        assert await bench.entered() == []
        await hand_in(inbound, PLAIN)
        assert (await only(bench)).files == digests_of(PLAIN.files)

    async def test_an_empty_file_is_refused_by_its_name(self, bench: NetworkBench, inbound: Inbound) -> None:
        empty = Handed(PLAIN.invoice, (PLAIN.files[0], InvoiceFile("nothing.xlsx", b"")))
        with pytest.raises(Refused) as refused:
            await hand_in(inbound, empty)
        assert refused.value.findings[0].subject == "nothing.xlsx"
        assert await bench.entered() == []

    async def test_an_invoice_for_a_customer_nobody_knows_is_turned_away_and_told(self, bench: NetworkBench) -> None:
        inbound = bench.open(bench.side(values={"buyer_endpoint": "0192:1"}))
        admission = await hand_in(inbound, PLAIN)
        follower = Follower(inbound)
        (standing,) = await follower.told()
        assert (standing.id, standing.stage) == (admission.id, StandingStage.REFUSED)
        assert standing.message
        assert await follower.told() == []
        assert await bench.entered() == []
        await inbound.close()

    async def test_an_id_that_is_known_under_another_token_is_looked_into(
        self, bench: NetworkBench, inbound: Inbound
    ) -> None:
        admission = await hand_in(inbound, PLAIN)
        other = replace(admission, token="4b7c9a3e-6f7d-4a2e-9d51-0f9d2f4c8a11")
        with pytest.raises(OutcomeUnknown):
            await inbound.hand_in(PLAIN.invoice, PLAIN.files, other)
        assert await inbound.look(other) is Whereabouts.ENTERED
        assert (await only(bench)).times == 1

    async def test_the_same_key_is_the_same_invoice_in_every_process_and_connection(
        self, bench: NetworkBench, inbound: Inbound
    ) -> None:
        admission = await inbound.admit(PLAIN.invoice, key="c/1")
        fresh = bench.open(bench.side(values={"buyer_name": "Renamed"}))
        assert await fresh.admit(PLAIN.invoice, key="c/1") == admission
        await fresh.close()
        assert (admission.id, admission.token) != (admission.token, admission.id)


class TestSmartPdf(EnteringConformance):
    """The PDF alone."""

    writes: ClassVar[tuple[EnteringWrite, ...]] = SMARTPDF_WRITES
    ping_failures: ClassVar[tuple[PingFailure, ...]] = (
        PingFailure("wrong secret", "SmartPDF", "Check", secrets={"client_secret": "wrong-secret"}),
        PingFailure("unknown receiver", "SmartPDF", "Check", values={"smartpdf_receiver": "other@smartpdf.example"}),
        PingFailure("scope missing", "SmartPDF", "scope", arrange=_deny_the_scope),
        PingFailure("nobody answers", "SmartPDF", "Check", values={"base_url": "http://127.0.0.1:1"}),
    )

    @pytest.fixture
    async def bench(self) -> AsyncIterator[BaswareBench]:
        async with bench_of(SmartPdfBench) as made:
            yield made

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"smartpdf_receiver": "other@smartpdf.example"}, "Configuration not found"),
            ({"smartpdf_receiver": "no address"}, "email"),
            ({"smartpdf_notify": "no address"}, "email"),
        ],
        ids=["unknown receiver", "no receiver", "nobody to notify"],
    )
    async def test_a_ticket_that_is_refused_says_why(
        self, bench: SmartPdfBench, values: Mapping[str, str], words: str
    ) -> None:
        inbound = bench.open(bench.side(values=values))
        with pytest.raises(Refused) as refused:
            await hand_in(inbound, PLAIN)
        await inbound.close()
        assert words in str(refused.value)
        assert await bench.entered() == []

    async def test_an_address_that_ended_by_their_clock_is_settled_by_looking(
        self, bench: SmartPdfBench, inbound: Inbound
    ) -> None:
        await bench.hook("inbound-delay", tickets=1)
        admission = await inbound.admit(PLAIN.invoice, key="c/1")
        assert admission.expires is not None
        promised = replace(admission, expires=admission.expires.replace(year=admission.expires.year + 1))
        await bench.pass_time(10)
        with pytest.raises(OutcomeUnknown) as unclear:
            await inbound.hand_in(PLAIN.invoice, PLAIN.files, promised)
        assert unclear.value.status == 403
        assert await bench.entered() == []

    async def test_the_address_of_the_upload_never_sees_the_token(self, bench: SmartPdfBench, inbound: Inbound) -> None:
        async with recording() as exchanges:
            await hand_in(inbound, PLAIN)
        # The object store refuses a call that is signed in twice (400): none was.
        assert [(each.method, each.status) for each in exchanges] == [("POST", 200), ("POST", 200), ("PUT", 200)]

    @pytest.mark.parametrize("names", [(), ("a.xlsx",), ("a.pdf", "b.pdf")], ids=str)
    async def test_without_one_pdf_that_is_the_invoice_it_does_not_go(
        self, inbound: Inbound, names: tuple[str, ...]
    ) -> None:
        files = tuple(Attachment(name, name) for name in names)
        finding = inbound.objection(handed_of("N-7", files=files).invoice)
        assert finding is not None
        assert finding.reason is Reason.FILE_MISSING
