"""Epicor Kinetic against the suite of all ledgers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from conformance.bench import PingFailure, Site, Write
from conformance.enduring import Enduring
from conformance.epicor_kinetic import SECOND_SAVE, WRITES, EpicorKineticBench, bench_of
from conformance.ledger import LedgerConformance
from conformance.lost_replies import LostReplies
from conformance.posting import Posting
from conformance.reading import Reading, read_all
from conformance.signing_in import SigningIn
from ml_connector.connectors.base import Ledger
from ml_connector.records.flow import MASTER_DATA, Flow
from ml_connector.records.reason import Reason

HEAVY = (
    "Erp.BO.VendorSvc", "Erp.BO.COASvc", "Erp.BO.COASegValuesSvc", "Erp.BO.GLAccountSvc", "Erp.BO.PurTermsSvc",
    "Erp.BO.CurrencySvc", "Erp.BO.TaxCatSvc", "Erp.BO.POSvc", "Erp.BO.ReceiptSvc", "Erp.BO.APInvoiceSvc",
    "Erp.BO.APInvGrpSvc", "Erp.BO.APTranSearchSvc", "Erp.BO.PaymentEntrySvc",
)  # fmt: skip
"""Services whose sets some servers cannot list."""


async def _forbid_orders(bench: EpicorKineticBench) -> None:
    await bench.hook("rights", object="Erp.BO.PO", allowed=False)


async def _narrow_the_scope(bench: EpicorKineticBench) -> None:
    await bench.hook("scope", services=["Erp.BO.CompanySvc", "Erp.BO.COASvc", "Erp.BO.VendorSvc"])


async def _let_the_key_expire(bench: EpicorKineticBench) -> None:
    await bench.hook("key", expires="2020-01-01")


async def _unmap_the_client(bench: EpicorKineticBench) -> None:
    await bench.hook("users", mapped=False)


async def _switch_basic_off(bench: EpicorKineticBench) -> None:
    await bench.hook("users", basic=False)


class TestEpicorKinetic(LedgerConformance):
    """The suite, on a server that loses the accounts of new lines, a group for each invoice, tokens of its own."""

    writes: ClassVar[tuple[Write, ...]] = (*WRITES, SECOND_SAVE)
    ping_steps: ClassVar[tuple[str, ...]] = ("reach", "TLS", "sign in", "company", "site", "chart", "rights")
    ping_failures: ClassVar[tuple[PingFailure, ...]] = (
        PingFailure("nobody answers", "reach", "base_url", values={"base_url": "http://127.0.0.1:1/KineticLive"}),
        PingFailure("no such host", "reach", "base_url", values={"base_url": "http://nowhere.invalid/KineticLive"}),
        PingFailure("wrong password", "sign in", "password", secrets={"password": "wrong-secret"}),
        PingFailure("wrong user", "sign in", "username", values={"username": "nobody"}),
        PingFailure("wrong key", "sign in", "api_key", secrets={"api_key": "wrong-secret"}),
        PingFailure("expired key", "sign in", "API Key Maintenance", arrange=_let_the_key_expire),
        PingFailure("wrong company", "company", "company", values={"company": "EPIC9999"}),
        PingFailure("company in another case", "company", "exact spelling", values={"company": "epic4000"}),
        PingFailure("wrong instance", "company", "base_url", values={"base_url": "{base}/Pilot"}),
        PingFailure("unknown site", "site", "site", values={"site": "Nowhere"}),
        PingFailure("unknown chart", "chart", "chart", values={"chart": "OTHER"}),
        PingFailure("no rights", "rights", "Erp.BO.PO.GetRows", arrange=_forbid_orders),
        PingFailure("narrow scope", "rights", "Access Scope", arrange=_narrow_the_scope),
    )
    told_by_refusal: ClassVar[frozenset[Reason]] = frozenset(
        # No service in scope tells periods or rates (Epicor dossier 16): the server's refusal does.
        {Reason.PERIOD_CLOSED, Reason.RATE_MISSING}
    )

    @pytest.fixture
    async def bench(self) -> AsyncIterator[EpicorKineticBench]:
        async with bench_of() as made:
            yield made


class TestAnotherServer(SigningIn, Posting, LostReplies, Enduring):
    """The same where all that is only assumed is otherwise: accounts are kept, groups shared, signed in by OAuth."""

    writes: ClassVar[tuple[Write, ...]] = WRITES
    ping_steps: ClassVar[tuple[str, ...]] = TestEpicorKinetic.ping_steps
    ping_failures: ClassVar[tuple[PingFailure, ...]] = (
        PingFailure("wrong client secret", "sign in", "client_secret", secrets={"client_secret": "wrong-secret"}),
        PingFailure("wrong scope", "sign in", "scope", values={"scope": "openid"}),
        PingFailure("unmapped client", "sign in", "map the client id", arrange=_unmap_the_client),
    )

    @pytest.fixture
    async def bench(self) -> AsyncIterator[EpicorKineticBench]:
        async with bench_of(sign_in="client", coding="kept", invoice_groups="run") as made:
            await made.hook("duplicates", status=400, stale=409)
            await made.hook("switches", auto_lock=True, legal_numbers=True, whole_group=True, tax_calculated=False)
            await made.hook(
                "habits", other_book=True, signed_input=False, keeps_groups=True, settled_before=True, dates_move=True,
                discount_inside=True,
            )  # fmt: skip
            await made.hook("odata", next_link=True, sysrevid=False)
            await made.hook("errors", variant="spelling")
            yield made

    # Nothing about lines and texts differs here, and they take long; payments have a module of their own.
    test_many_lines_keep_each_its_own_dimensions = None  # type: ignore[assignment]
    test_odd_characters_arrive_as_they_were = None  # type: ignore[assignment]
    test_a_text_that_is_too_long_is_cut_and_nothing_else = None  # type: ignore[assignment]


class TestAServerThatListsNothing(Reading):
    """The same where no set can be listed (Epicor dossier 5.4): everything comes by `GetRows`."""

    @pytest.fixture
    async def bench(self) -> AsyncIterator[EpicorKineticBench]:
        async with bench_of(sign_in="password") as made:
            for service in HEAVY:
                await made.hook("heavy", service=service, fails=True)
            made.read_site = Site(r"\.APInvoiceSvc/GetRows$", "POST")
            yield made

    # A process learns it once of each set, by calls that it does not make again.
    test_with_nothing_changed_a_read_costs_two_calls_at_most = None  # type: ignore[assignment]
    test_a_server_that_stays_out_of_order_is_unavailable = None  # type: ignore[assignment]

    @pytest.mark.parametrize("flow", MASTER_DATA)
    async def test_once_that_is_known_a_read_costs_two_lists_as_anywhere(
        self, bench: EpicorKineticBench, ledger: Ledger, flow: Flow
    ) -> None:
        _, mark = await read_all(ledger, flow)
        await read_all(ledger, flow, since=mark)
        await bench.forget_calls()
        await read_all(ledger, flow, since=mark)
        # Each page of them is a call of its own, of the same address.
        assert len({call.path for call in await bench.calls()}) <= 2


class TestAPasswordWithEachCall(SigningIn):
    """The same with Basic authentication, where no session begins or ends."""

    sign_ins: ClassVar[int] = 0
    ping_steps: ClassVar[tuple[str, ...]] = TestEpicorKinetic.ping_steps
    ping_failures: ClassVar[tuple[PingFailure, ...]] = (
        PingFailure("wrong password", "sign in", "password", secrets={"password": "wrong-secret"}),
        PingFailure("wrong key", "sign in", "api_key", secrets={"api_key": "wrong-secret"}),
        PingFailure("no Basic", "sign in", "username", arrange=_switch_basic_off),
    )

    @pytest.fixture
    async def bench(self) -> AsyncIterator[EpicorKineticBench]:
        async with bench_of(sign_in="password") as made:
            yield made
