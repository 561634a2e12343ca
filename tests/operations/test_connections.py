"""Applying a file to a real database, and getting it back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from ml_connector.engine.schedules import FlowSchedule
from ml_connector.engine.sides import UnknownConnection, load_settings
from ml_connector.operations.configuration import Configuration, ConfigurationError
from ml_connector.operations.connections import (
    Change,
    ChangeKind,
    FieldChange,
    apply,
    export,
    plan,
)
from ml_connector.operations.setting_up import remarks_on
from ml_connector.records.flow import Flow
from ml_connector.store.database import Database
from ml_connector.store.keepsake import VaultKeepsake
from ml_connector.store.keys import create_key, new_key, write_keys
from ml_connector.store.settings import Settings
from ml_connector.store.vault import Vault

Parse = Callable[..., Configuration]
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(create_key(Settings(home=tmp_path, key=None, key_file=None)))


async def put(database: Database, vault: Vault, file: Configuration, now: datetime = NOW) -> Change:
    [change] = await apply(database, vault, file, actor="me", now=now)
    return change


async def row(database: Database) -> dict[str, Any]:
    found = await database.fetch_one("SELECT * FROM connection WHERE id = 'acme-bc'")
    assert found is not None
    return found


async def dues(database: Database) -> dict[str, datetime | None]:
    return {each["flow"]: each["next_due"] for each in await database.fetch("SELECT * FROM schedule")}


async def test_a_new_connection_is_due_at_once_with_all_its_flows(
    database: Database, vault: Vault, parse: Parse
) -> None:
    change = await put(database, vault, parse())
    assert (change.connection, change.kind) == ("acme-bc", ChangeKind.CREATED)
    stored = await row(database)
    assert (stored["company"], stored["system"], stored["version"]) == ("1000", "business-central", 1)
    assert stored["next_due"] == NOW
    due = await dues(database)
    assert due.pop("purchase-orders") is None
    assert due == dict.fromkeys(due, NOW)
    assert len(due) == 7
    assert await database.fetch("SELECT connection_id, epoch FROM lease") == [{"connection_id": "acme-bc", "epoch": 0}]


async def test_two_connections_that_take_the_same_invoices_are_remarked_on(
    database: Database, vault: Vault, parse: Parse, text: str
) -> None:
    await put(database, vault, parse())
    assert await remarks_on(database, ["acme-bc"]) == []
    await put(database, vault, parse(text.replace("acme-bc", "acme-two")))
    (said,) = await remarks_on(database, ["acme-bc", "acme-two"])
    assert said.startswith("acme-two and acme-bc both take the approved invoices of company 1000")
    assert [each.split(" both")[0] for each in await remarks_on(database, ["acme-bc"])] == ["acme-bc and acme-two"]
    for other in (
        text.replace('"1000"', '"1001"'),
        text.replace("client_id: acme\n", "client_id: acme-other\n"),
        text.replace("invoices: {every: 10m}", "invoices: {enabled: false}"),
    ):
        await put(database, vault, parse(other.replace("acme-bc", "acme-two")))
        assert await remarks_on(database, ["acme-bc", "acme-two"]) == []


async def test_no_secret_is_stored_or_shown_in_clear(database: Database, vault: Vault, parse: Parse) -> None:
    change = await put(database, vault, parse())
    assert "hush" not in repr(change)
    assert FieldChange("erp.client_secret", before=None, after="changed") in change.fields
    for table in ("connection", "secret", "schedule"):
        assert "hush" not in repr(await database.fetch(f"SELECT * FROM {table}"))


async def test_applying_twice_changes_nothing(database: Database, vault: Vault, parse: Parse) -> None:
    await put(database, vault, parse())
    before = [await database.fetch(f"SELECT * FROM {t} ORDER BY 1, 2, 3") for t in ("connection", "schedule", "secret")]
    assert await put(database, vault, parse(), LATER) == Change("acme-bc", ChangeKind.UNCHANGED)
    after = [await database.fetch(f"SELECT * FROM {t} ORDER BY 1, 2, 3") for t in ("connection", "schedule", "secret")]
    assert after == before


async def test_planning_and_a_dry_run_write_nothing(database: Database, vault: Vault, parse: Parse) -> None:
    planned = await plan(database, vault, parse())
    assert await apply(database, vault, parse(), actor="me", now=NOW, dry_run=True) == planned
    assert await database.fetch("SELECT * FROM connection") == []
    assert (await put(database, vault, parse()),) == planned


async def test_a_change_names_the_settings_and_raises_the_version(
    database: Database, vault: Vault, parse: Parse, text: str
) -> None:
    await put(database, vault, parse())
    change = await put(database, vault, parse(text.replace('"0.02"', '"0.05"').replace("region: eu", "")), LATER)
    assert change == Change(
        "acme-bc",
        ChangeKind.CHANGED,
        (
            FieldChange("mapping.tolerance.EUR", before="0.02", after="0.05"),
            FieldChange("basware.region", before="eu", after=None),
        ),
    )
    stored = await row(database)
    assert (stored["version"], stored["updated_at"], stored["created_at"]) == (2, LATER, NOW)


async def test_a_new_secret_is_a_change_and_a_missing_one_is_forgotten(
    database: Database, vault: Vault, parse: Parse, text: str
) -> None:
    await put(database, vault, parse())
    without = text.replace("      webhook_token: ${file:token}\n", "")
    change = await put(database, vault, parse(without, BC_SECRET="hush-other"), LATER)
    assert set(change.fields) == {
        FieldChange("erp.client_secret", before=None, after="changed"),
        FieldChange("basware.webhook_token", before=None, after="removed"),
    }
    assert await vault.get_all(database, "acme-bc") == {
        "basware": {"client_secret": "hush-basware"},
        "erp": {"client_secret": "hush-other"},
    }
    assert (await row(database))["version"] == 2


async def test_only_flows_whose_rhythm_changed_are_planned_anew(
    database: Database, vault: Vault, parse: Parse, text: str
) -> None:
    await put(database, vault, parse())
    later = NOW + timedelta(hours=5)
    await database.execute("UPDATE schedule SET next_due = :due WHERE next_due IS NOT NULL", due=later)
    await database.execute("UPDATE connection SET next_due = :due", due=later)
    changed = text.replace("every: 10m", "every: 2m").replace("{enabled: false}", "{enabled: true}")
    changed = changed.replace("0 2 * * *", "30 14 * * *")  # Helsinki is two hours ahead
    await put(database, vault, parse(changed), NOW)
    due = await dues(database)
    assert due.pop("invoices") == NOW + timedelta(minutes=2)
    assert due.pop("purchase-orders") == NOW
    assert due.pop("vendors") == NOW + timedelta(minutes=30)
    assert set(due.values()) == {later}
    assert (await row(database))["next_due"] == NOW


async def test_a_flow_switched_off_is_not_due(database: Database, vault: Vault, parse: Parse, text: str) -> None:
    await put(database, vault, parse())
    await put(database, vault, parse(text.replace("{every: 10m}", "{enabled: false}")), LATER)
    assert (await dues(database))["invoices"] is None


async def test_a_connection_due_earlier_stays_so(database: Database, vault: Vault, parse: Parse, text: str) -> None:
    await put(database, vault, parse())
    early = NOW - timedelta(minutes=5)
    await database.execute("UPDATE connection SET next_due = :due", due=early)
    await put(database, vault, parse(text.replace("every: 10m", "every: 2m")), LATER)
    assert (await row(database))["next_due"] == early


async def test_a_connection_missing_in_the_file_is_left_alone(
    database: Database, vault: Vault, parse: Parse, text: str
) -> None:
    await put(database, vault, parse())
    await put(database, vault, parse(text.replace("acme-bc", "other").replace('"1000"', '"2000"')))
    assert [each["id"] for each in await database.fetch("SELECT id FROM connection ORDER BY id")] == [
        "acme-bc",
        "other",
    ]


async def test_another_company_is_refused_once_there_are_documents(
    database: Database, vault: Vault, parse: Parse, text: str
) -> None:
    await put(database, vault, parse())
    other = parse(text.replace('"1000"', '"2000"'))
    assert (await plan(database, vault, other))[0].kind is ChangeKind.CHANGED
    await database.execute(
        "INSERT INTO imported (connection_id, flow, resource, code, erp_key, payload, hash, status, updated_at) "
        "VALUES ('acme-bc', 'vendors', 'vendors', 'v', 'k', '{}', 'h', 'accepted', now())"
    )
    with pytest.raises(ConfigurationError, match=r"c\.yaml:2: connections\.acme-bc: .* new connection"):
        await apply(database, vault, other, actor="me", now=LATER)
    assert (await row(database))["company"] == "1000"


async def test_two_who_apply_at_once_make_one_connection(database: Database, vault: Vault, parse: Parse) -> None:
    changes = await asyncio.gather(*(put(database, vault, parse()) for _ in range(4)))
    assert sorted(change.kind for change in changes) == ["created", "unchanged", "unchanged", "unchanged"]
    assert (await row(database))["version"] == 1


async def test_the_trail_is_written_with_the_change_or_neither_is(
    database: Database, vault: Vault, parse: Parse
) -> None:
    seen: list[tuple[str, str]] = []

    async def record(transaction: AsyncConnection, *, change: Change, actor: str, now: datetime) -> None:
        seen.append((change.connection, actor))
        if len(seen) == 1:
            raise ZeroDivisionError

    async def run() -> None:
        await apply(database, vault, parse(), actor="me", now=NOW, record=record)

    with pytest.raises(ZeroDivisionError):
        await run()
    assert await database.fetch("SELECT * FROM connection") == []
    assert await database.fetch("SELECT * FROM secret") == []
    await run()
    await run()
    assert seen == [("acme-bc", "me")] * 2


async def test_secrets_under_a_lost_key_are_mended_by_applying_again(
    database: Database, vault: Vault, parse: Parse, tmp_path: Path
) -> None:
    await put(database, vault, parse())
    write_keys(tmp_path / "key", [new_key()])
    vault.keys.reload()
    assert (await put(database, vault, parse(), LATER)).kind is ChangeKind.CHANGED
    assert (await vault.get_all(database, "acme-bc"))["erp"] == {"client_secret": "hush-bc"}


async def test_what_a_side_gave_us_to_keep_is_no_part_of_the_file(
    database: Database, vault: Vault, parse: Parse, tmp_path: Path
) -> None:
    await put(database, vault, parse())
    before = await export(database)
    async with VaultKeepsake(database, vault, connection="acme-bc", side="erp").open("token") as kept:
        await kept.replace("kept-token")
    assert (await put(database, vault, parse(), LATER)).kind is ChangeKind.UNCHANGED
    assert await export(database) == before
    async with VaultKeepsake(database, vault, connection="acme-bc", side="erp").open("token") as kept:
        assert kept.value == "kept-token"

    # Under a lost key it would stand in the way of everything else.
    write_keys(tmp_path / "key", [new_key()])
    vault.keys.reload()
    await put(database, vault, parse(), LATER)
    assert (await vault.get_all(database, "acme-bc")).keys() == {"basware", "erp"}


# ------------------------------------------------------------------ and back


async def test_the_export_leads_back_to_the_same_connection(
    database: Database, vault: Vault, parse: Parse, text: str
) -> None:
    odd = text.replace("client_id: acme", 'client_id: "0${env:DOLLAR}{env:X}"').replace("T24: VAT24", "'NO': 'yes'")
    await put(database, vault, parse(odd, DOLLAR="$"))
    exported = await export(database)
    assert "hush" not in exported
    variables = {
        "ACME_BC_BASWARE_CLIENT_SECRET": "hush-basware",
        "ACME_BC_BASWARE_WEBHOOK_TOKEN": "hush-token",
        "ACME_BC_ERP_CLIENT_SECRET": "hush-bc",
    }
    for name in variables:
        assert f"${{env:{name}}}" in exported
    assert (await put(database, vault, parse(exported, **variables), LATER)).kind is ChangeKind.UNCHANGED


async def test_the_export_of_an_unknown_connection_lists_the_known_ones(
    database: Database, vault: Vault, parse: Parse
) -> None:
    await put(database, vault, parse())
    with pytest.raises(UnknownConnection, match=r"There is no connection nope\. Known: acme-bc"):
        await export(database, ["nope"])


async def test_settings_are_loaded_with_secrets_and_defaults(database: Database, vault: Vault, parse: Parse) -> None:
    await put(database, vault, parse())
    loaded = await load_settings(database, vault, "acme-bc")
    assert (loaded.company, loaded.system, loaded.version, loaded.enabled) == ("1000", "business-central", 1, True)
    assert loaded.payables.values["region"] == "eu"
    assert loaded.payables.values["environment"] == "production"
    assert loaded.erp.values["environment"] == "Production"
    assert "system" not in loaded.erp.values
    assert loaded.erp.secrets == {"client_secret": "hush-bc"}
    assert loaded.payables.mapping == loaded.erp.mapping == parse().connections[0].mapping
    assert loaded.erp.mapping.tolerance == {"EUR": Decimal("0.02")}
    assert loaded.flows == parse().connections[0].flows
    assert loaded.flows[Flow.VENDORS] == FlowSchedule(cron="0 2 * * *", timezone="Europe/Helsinki")
    assert "hush" not in repr(loaded)


async def test_a_region_found_is_used_until_the_settings_change(
    database: Database, vault: Vault, parse: Parse, text: str
) -> None:
    without = text.replace("      region: eu\n", "")
    await put(database, vault, parse(without))
    await database.execute("UPDATE connection SET region = 'au'")
    assert (await load_settings(database, vault, "acme-bc")).payables.values["region"] == "au"
    await put(database, vault, parse(without, BASWARE_SECRET="hush-2"), LATER)
    assert "region" not in (await load_settings(database, vault, "acme-bc")).payables.values


async def test_an_unknown_connection_is_told(database: Database, vault: Vault) -> None:
    with pytest.raises(UnknownConnection, match="ml-connector apply"):
        await load_settings(database, vault, "nope")


def test_a_change_can_be_written_as_json() -> None:
    assert json.dumps(ChangeKind.CREATED) == '"created"'
