"""Epicor Kinetic against the suite of all ledgers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from conformance.bench import PingFailure, Write
from conformance.epicor_kinetic import SECOND_SAVE, WRITES, EpicorKineticBench, bench_of
from conformance.ledger import LedgerConformance
from ml_connector.records.reason import Reason


async def _forbid_orders(bench: EpicorKineticBench) -> None:
    await bench.hook("rights", object="Erp.BO.PO", allowed=False)


async def _narrow_the_scope(bench: EpicorKineticBench) -> None:
    await bench.hook("scope", services=["Erp.BO.CompanySvc", "Erp.BO.COASvc", "Erp.BO.VendorSvc"])


async def _let_the_key_expire(bench: EpicorKineticBench) -> None:
    await bench.hook("key", expires="2020-01-01")


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
