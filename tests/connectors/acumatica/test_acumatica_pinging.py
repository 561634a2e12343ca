"""The connection test against a simulated instance: what fails is told with what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from acumatica_instance import Instance, running

from ml_connector.connectors.acumatica.pinging import Test as ConnectionTest
from ml_connector.connectors.base import PingStep

STEPS = ["reach", "TLS", "instance", "tenant", "sign in", "endpoint", "rights", "branch", "version"]


@pytest.fixture
async def instance() -> AsyncIterator[Instance]:
    async with running(vendors=20) as instance:
        yield instance


async def ping(instance: Instance, *, branch: str = "", **values: Any) -> list[PingStep]:
    client = instance.open(**values)
    try:
        return [step async for step in ConnectionTest(client, branch=branch).steps()]
    finally:
        await client.close()


async def failing(instance: Instance, *, branch: str = "", **values: Any) -> PingStep:
    steps = await ping(instance, branch=branch, **values)
    assert [step.ok for step in steps[:-1]] == [True] * (len(steps) - 1)
    assert not steps[-1].ok
    assert steps[-1].advice
    return steps[-1]


async def test_all_is_well(instance: Instance) -> None:
    steps = await ping(instance, branch="HEADOFFICE")
    assert [step.name for step in steps] == STEPS
    assert all(step.ok for step in steps)
    assert "24.208.0020" in steps[-1].detail


async def test_an_older_build_tells_a_bare_list(instance: Instance) -> None:
    await instance.hook("versions", bare_list=True)
    steps = await ping(instance)
    assert [step.name for step in steps] == STEPS
    assert steps[-1].detail == "not told"


async def test_a_wrong_version_is_explained_by_those_there_are(instance: Instance) -> None:
    await instance.hook("versions", versions=["22.200.001", "23.200.001"])
    step = await failing(instance)
    assert step.name == "endpoint"
    assert "this instance offers 22.200.001, 23.200.001" in step.detail


async def test_a_wrong_endpoint_is_explained_by_those_there_are(instance: Instance) -> None:
    step = await failing(instance, endpoint="Defualt", version="1.0")
    assert step.name == "endpoint"
    assert "Default, MLConnector" in step.detail


async def test_a_wrong_endpoint_of_terms_is_found(instance: Instance) -> None:
    step = await failing(instance, terms_endpoint="MLConnector/2.0")
    assert step.name == "endpoint"
    assert "terms_endpoint is 2.0" in step.detail


async def test_a_site_that_is_not_there(instance: Instance) -> None:
    step = await failing(instance, base_url=f"{instance.base}/nothing")
    assert step.name == "instance"
    assert "base_url" in step.advice


async def test_nobody_answers(instance: Instance) -> None:
    step = await failing(instance, base_url="http://127.0.0.1:9/acme")
    assert step.name == "reach"


async def test_a_client_of_another_tenant(instance: Instance) -> None:
    step = await failing(instance, tenant="Acme4000")
    assert step.name == "tenant"
    assert "Acme3000" in step.detail


async def test_a_wrong_secret(instance: Instance) -> None:
    side = instance.side(secrets={"client_secret": "wrong"})
    client = type(instance.client)(side)
    steps = [step async for step in ConnectionTest(client, branch="").steps()]
    await client.close()
    assert (steps[-1].name, steps[-1].ok) == ("sign in", False)
    assert "client_secret" in steps[-1].advice
    assert "wrong" not in steps[-1].detail


async def test_a_locked_account(instance: Instance) -> None:
    await instance.hook("lock", locked=True)
    step = await failing(instance)
    assert step.name == "sign in"
    assert "unlocked" in step.advice
    await instance.hook("lock", locked=False)
    assert all(step.ok for step in await ping(instance))


async def test_no_seat_left(instance: Instance) -> None:
    await instance.client.rows("Currency", select=("CurrencyID",))
    await instance.hook("seats", limit=1)
    step = await failing(instance)
    assert "SM604000" in step.advice
    await instance.client.session.close()
    assert all(step.ok for step in await ping(instance))


@pytest.mark.parametrize(("entity", "form"), [("Bill", "AP301000"), ("Vendor", "AP303000"), ("Check", "AP302000")])
async def test_a_missing_right_names_its_form(instance: Instance, entity: str, form: str) -> None:
    await instance.hook("rights", entity=entity, allowed=False)
    step = await failing(instance)
    assert step.name == "rights"
    assert form in step.detail
    assert "SM201025" in step.advice


async def test_all_missing_rights_are_told_at_once(instance: Instance) -> None:
    for entity in ("Bill", "Check", "PurchaseOrder"):
        await instance.hook("rights", entity=entity, allowed=False)
    step = await failing(instance)
    assert all(form in step.detail for form in ("AP301000", "AP302000", "PO301000"))


@pytest.mark.parametrize(("dimension", "form"), [("Subaccount.1", "GL203000"), ("ProjectTask", "PM302000")])
async def test_a_form_that_only_a_mapped_dimension_needs(instance: Instance, dimension: str, form: str) -> None:
    await instance.hook("features", subaccounts=False, projects=False)
    assert all(step.ok for step in await ping(instance))
    steps = [step async for step in ConnectionTest(instance.client, branch="", dimensions=[dimension]).steps()]
    assert steps[-1].name == "rights"
    assert form in steps[-1].detail


async def test_a_branch_that_is_not_there(instance: Instance) -> None:
    step = await failing(instance, branch="NOWHERE")
    assert step.name == "branch"
    assert "HEADOFFICE" in step.detail


async def test_a_test_leaves_no_seat_taken(instance: Instance) -> None:
    await instance.hook("seats", limit=1)
    for _ in range(3):
        assert all(step.ok for step in await ping(instance))
