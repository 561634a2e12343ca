"""SAP Business One against the suite of all ledgers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

import pytest

from conformance.approving import Approving
from conformance.bench import Act, Harm, PingFailure, Site, Write
from conformance.ledger import LedgerConformance
from conformance.sap_business_one import SapBusinessOneBench, bench_of
from conformance.settling import settlements_of
from conformance.stage import bill_of, calls_of, posted_of
from ml_connector.connectors.base import Ledger
from ml_connector.records.reason import Reason


async def _lock_the_user(bench: SapBusinessOneBench) -> None:
    wrong = {"CompanyDB": bench.side().values["company_db"], "UserName": "basware", "Password": "guessed"}
    for _ in range(3):
        async with bench.session.post(f"{bench.base}/b1s/v2/Login", json=wrong) as reply:
            assert reply.status == 401


async def _lose_the_company(bench: SapBusinessOneBench) -> None:
    await bench.hook("login", unknown_company=305)


async def _open_branches(bench: SapBusinessOneBench) -> None:
    await bench.hook("branches", enabled=True)


async def _forbid_payments(bench: SapBusinessOneBench) -> None:
    await bench.strike(Harm("status", status=403, count=99), Site(r"/VendorPayments", "GET"))


class TestSapBusinessOne(LedgerConformance, Approving):
    """The suite, and where SAP Business One differs: OData 4, a release of 2024."""

    writes: ClassVar[tuple[Write, ...]] = (
        Write(Act.CREATE, Site(r"/PurchaseInvoices$", "POST")),
        # Only where an approval procedure keeps a draft; one that is gone is as good as one removed just now.
        Write(Act.DISCARD, Site(r"/Drafts\(\d+\)$", "DELETE"), is_repeatable=True),
        Write(Act.ATTACH, Site(r"/Attachments2$", "POST"), name="attach the bytes"),
        Write(Act.ATTACH, Site(r"/PurchaseInvoices\(\d+\)$", "PATCH"), name="attach the entry", is_repeatable=True),
    )
    ping_steps: ClassVar[tuple[str, ...]] = ("reach", "TLS", "sign in", "company", "branch", "rights", "version")
    ping_failures: ClassVar[tuple[PingFailure, ...]] = (
        PingFailure("nobody answers", "reach", "base_url", values={"base_url": "http://127.0.0.1:1/b1s/v2"}),
        PingFailure("no such host", "reach", "base_url", values={"base_url": "http://nowhere.invalid/b1s/v2"}),
        PingFailure("wrong password", "sign in", "password", secrets={"password": "wrong-secret"}),
        PingFailure("wrong user", "sign in", "username", values={"username": "manager"}),
        PingFailure("locked user", "sign in", "unlocked", arrange=_lock_the_user),
        PingFailure("wrong company", "sign in", "company_db", values={"company_db": "SBO_NONE"}),
        PingFailure(
            "lost company", "sign in", "company_db", values={"company_db": "SBO_NONE"}, arrange=_lose_the_company
        ),
        PingFailure("wrong path", "sign in", "base_url", values={"base_url": "{base}/b2s/b1s/v2"}),
        PingFailure("no branch", "branch", "branch", arrange=_open_branches, values={"branch": ""}),
        PingFailure("unknown branch", "branch", "branch", arrange=_open_branches, values={"branch": "99"}),
        PingFailure("closed branch", "branch", "branch", arrange=_open_branches, values={"branch": "3"}),
        PingFailure("no rights", "rights", "outgoing payments", arrange=_forbid_payments),
    )
    told_by_refusal: ClassVar[frozenset[Reason]] = frozenset(
        # Posting periods and rates are no part of the Service Layer (SAP dossier 6.8, 7.6).
        {Reason.PERIOD_CLOSED, Reason.RATE_MISSING}
    )

    @pytest.fixture
    async def bench(self) -> AsyncIterator[SapBusinessOneBench]:
        async with bench_of() as made:
            yield made


class TestAnOlderInstallation(TestSapBusinessOne):
    """The same on OData 3, as a build of 2021 speaks it, with accounts in segments and branches."""

    @pytest.fixture
    async def bench(self) -> AsyncIterator[SapBusinessOneBench]:
        async with bench_of(base_url="{base}/b1s/v1", branch="2") as made:
            await made.hook("profile", profile=2021)
            await made.hook("habits", rooted_links=True, text_errors_on_v1=True)
            await made.hook("segments", enabled=True)
            await made.hook("branches", enabled=True)
            yield made

    async def test_bills_are_posted_in_the_branch_and_on_internal_codes(
        self, bench: SapBusinessOneBench, ledger: Ledger
    ) -> None:
        posted = await posted_of(ledger, bill_of(bench, "SEG-1"))
        (row,) = await bench.rows()
        assert (row["branch"], row["rows"][0]["account"]) == (2, bench.facts.account)
        document = await ledger._client.get(f"PurchaseInvoices({posted.id[3:]})")  # type: ignore[attr-defined]
        assert [line["AccountCode"][:4] for line in document["DocumentLines"]] == ["_SYS"]

    async def test_with_nothing_changed_payments_cost_two_calls_at_most(
        self, bench: SapBusinessOneBench, ledger: Ledger
    ) -> None:
        # No document tells here what is paid of it (SAP dossier 9): its payments are read, and told of again.
        posted = await posted_of(ledger, bill_of(bench, "PAY-1"))
        await bench.pay(posted.id, day=bench.facts.open_day)
        first, mark = await settlements_of(ledger, {posted.id: posted.number})
        for seconds in (0, 600):
            await bench.pass_time(seconds)
            await bench.forget_calls()
            told, mark = await settlements_of(ledger, {posted.id: posted.number}, since=mark)
            assert told == first
            assert len(await calls_of(bench)) <= 3
