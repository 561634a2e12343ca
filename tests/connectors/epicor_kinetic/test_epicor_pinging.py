"""The test of a connection, and what it advises (Epicor dossier 16)."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from epicor_company import CODE, MAPPING, Office, office

from ml_connector.connectors.base import PingStep
from ml_connector.connectors.epicor_kinetic import auth
from ml_connector.connectors.epicor_kinetic.connector import KineticLedger
from ml_connector.connectors.side import DimensionRule, MappingRules, Side
from ml_connector.sandbox import epicor_kinetic as simulated
from ml_connector.sandbox.clock import Clock

ALL = ["reach", "TLS", "sign in", "company", "site", "chart", "rights"]


@pytest.fixture
async def there() -> AsyncIterator[Office]:
    auth._refused.clear()  # pyright: ignore[reportPrivateUsage]
    async with office() as found:
        yield found
    auth._refused.clear()  # pyright: ignore[reportPrivateUsage]


async def steps(
    there: Office, *, secrets: dict[str, str] | None = None, mapping: MappingRules = MAPPING, **values: Any
) -> list[PingStep]:
    usual = {"base_url": f"{there.base}/{simulated.INSTANCE}", "company": simulated.company_id(CODE),
             "username": simulated.USERNAME, **values}  # fmt: skip
    known = {"password": simulated.PASSWORD, "api_key": simulated.API_KEY, **(secrets or {})}
    side = Side("c", CODE, {name: value for name, value in usual.items() if value}, known, mapping)
    ledger = KineticLedger(side, Clock().now)
    there.opened.append(ledger)
    return [step async for step in ledger.ping()]


async def failed(there: Office, name: str, **changes: Any) -> PingStep:
    """The step that the test ends with, which is to be this one."""
    found = await steps(there, **changes)
    assert [step.name for step in found] == ALL[: ALL.index(name) + 1]
    assert [step.ok for step in found] == [True] * (len(found) - 1) + [False]
    assert found[-1].advice
    return found[-1]


async def test_a_connection_that_is_right_passes_every_step(there: Office) -> None:
    found = await steps(there, site="MfgSys", chart="MAIN")
    assert [(step.name, step.ok) for step in found] == [(name, True) for name in ALL]
    assert "EPIC4000" in found[3].detail
    assert "Department" in found[5].detail


@pytest.mark.parametrize(
    "sign_in",
    [
        {"token_url": "{base}/KineticLive/TokenResource.svc/"},
        {"username": "", "client_id": simulated.CLIENT, "token_url": "{base}/connect/token"},
    ],
)
async def test_both_kinds_of_token_pass_as_well(there: Office, sign_in: dict[str, str]) -> None:
    values = {name: value.format(base=there.base) for name, value in sign_in.items()}
    found = await steps(there, secrets={"client_secret": simulated.CLIENT_SECRET}, **values)
    assert [step.ok for step in found] == [True] * len(ALL)


async def test_an_address_that_nobody_answers_at_is_named(there: Office) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    step = await failed(there, "reach", base_url=f"http://127.0.0.1:{port}/{simulated.INSTANCE}")
    assert "base_url" in step.advice


async def test_a_wrong_password_and_a_wrong_key_are_advised_on_apart(there: Office) -> None:
    password = await failed(there, "sign in", secrets={"password": "wrong"})
    key = await failed(there, "sign in", secrets={"api_key": "wrong-key"})
    assert "username" in password.advice
    assert "api_key" in key.advice
    assert "wrong-key" not in key.detail


async def test_a_key_that_ran_out_is_no_password(there: Office) -> None:
    await there.hook("key", expires="2020-01-01")
    assert "API Key Maintenance" in (await failed(there, "sign in")).advice


async def test_a_client_that_stands_for_no_user_is_to_be_mapped(there: Office) -> None:
    await there.hook("users", mapped=False)
    step = await failed(
        there, "sign in", secrets={"client_secret": simulated.CLIENT_SECRET}, username="",
        client_id=simulated.CLIENT, token_url=f"{there.base}/connect/token",
    )  # fmt: skip
    assert "map the client id" in step.advice


@pytest.mark.parametrize("company", ["EPIC9999", "epic4000"])
async def test_a_company_that_is_not_there_or_spelt_otherwise_is_named(there: Office, company: str) -> None:
    step = await failed(there, "company", company=company)
    assert "company" in step.advice


async def test_an_instance_that_is_not_there_is_an_address(there: Office) -> None:
    step = await failed(there, "company", base_url=f"{there.base}/Pilot")
    assert "base_url" in step.advice


async def test_a_site_is_looked_up_since_calls_take_any(there: Office) -> None:
    step = await failed(there, "site", site="Nowhere")
    assert "Nowhere" in step.detail
    assert "MfgSys" in step.detail


async def test_a_chart_that_is_not_there_is_told_with_those_that_are(there: Office) -> None:
    assert "MAIN" in (await failed(there, "chart", chart="OTHER")).detail


@pytest.mark.parametrize("dimension", ["Campaign", "1"])
async def test_a_dimension_that_is_none_of_the_segments_is_named(there: Office, dimension: str) -> None:
    step = await failed(there, "chart", mapping=MappingRules(dimensions=(DimensionRule("a", dimension),)))
    assert dimension in step.detail


async def test_every_right_that_is_missing_is_named_at_once(there: Office) -> None:
    await there.hook("rights", object="Erp.BO.PO", allowed=False)
    await there.hook("rights", object="Erp.BO.APInvGrp.GetNewAPInvGrpNoLock", allowed=False)
    step = await failed(there, "rights")
    assert "purchase orders" in step.detail
    assert "Erp.BO.APInvGrp.GetNewAPInvGrpNoLock" in step.detail
    assert "Erp.BO.PO" in step.advice


async def test_a_scope_that_leaves_a_service_out_is_another_matter_than_a_right(there: Office) -> None:
    await there.hook("scope", services=["Erp.BO.CompanySvc", "Erp.BO.COASvc", "Erp.BO.VendorSvc"])
    step = await failed(there, "rights")
    assert "Erp.BO.POSvc" in step.detail
    assert "Erp.PROC.APInvoicePostSvc/GetNewParameters" in step.detail
    assert "Access Scope" in step.advice


async def test_a_server_whose_sets_fail_passes_by_its_methods(there: Office) -> None:
    for service in ("Erp.BO.VendorSvc", "Erp.BO.POSvc", "Erp.BO.APInvoiceSvc", "Erp.BO.APInvGrpSvc"):
        await there.hook("heavy", service=service, fails=True)
    assert all(step.ok for step in await steps(there))


async def test_nothing_is_stored_by_a_test(there: Office) -> None:
    before = await there.groups()
    await steps(there)
    assert await there.groups() == before
