"""What the other side gave is kept encrypted, and by one process at a time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from ml_connector.store.database import Database, open_database
from ml_connector.store.keepsake import VaultKeepsake
from ml_connector.store.keys import create_key
from ml_connector.store.rotation import rotate
from ml_connector.store.settings import Settings
from ml_connector.store.vault import Vault


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def vault(settings: Settings) -> Vault:
    return Vault(create_key(settings))


def keepsake(database: Database, vault: Vault, connection: str = "acme", side: str = "erp") -> VaultKeepsake:
    return VaultKeepsake(database, vault, connection=connection, side=side)


async def test_what_is_kept_is_there_for_the_next_process_and_nowhere_in_clear(
    database: Database, vault: Vault
) -> None:
    async with keepsake(database, vault).open("token") as kept:
        assert kept.value is None
        await kept.replace("first")
        await kept.replace("second-token")
    async with keepsake(database, vault).open("token") as kept:
        assert kept.value == "second-token"
    rows = await database.fetch("SELECT * FROM secret WHERE connection_id = 'acme'")
    assert len(rows) == 1
    assert b"second-token" not in bytes(rows[0]["ciphertext"])
    assert "erp" not in await vault.get_all(database, "acme")


async def test_names_sides_and_connections_are_apart(database: Database, vault: Vault) -> None:
    async with keepsake(database, vault).open("token") as kept:
        await kept.replace("ours")
    for other, name in (
        (keepsake(database, vault), "another"),
        (keepsake(database, vault, side="basware"), "token"),
        (keepsake(database, vault, connection="other"), "token"),
    ):
        async with other.open(name) as kept:
            assert kept.value is None


async def test_it_can_be_forgotten(database: Database, vault: Vault) -> None:
    async with keepsake(database, vault).open("token") as kept:
        await kept.replace("gone soon")
        await kept.replace(None)
    async with keepsake(database, vault).open("token") as kept:
        assert kept.value is None


async def test_of_many_who_renew_at_once_each_sees_what_the_one_before_left(database: Database, vault: Vault) -> None:
    together, most = 0, 0

    async def renew() -> None:
        nonlocal together, most
        async with keepsake(database, vault).open("token") as kept:
            together += 1
            most = max(most, together)
            await asyncio.sleep(0)
            await kept.replace(str(int(kept.value or 0) + 1))
            together -= 1

    await asyncio.gather(*(renew() for _ in range(8)))
    async with keepsake(database, vault).open("token") as kept:
        assert kept.value == "8"
    assert most == 1


async def test_whoever_fails_lets_go(database: Database, vault: Vault) -> None:
    with pytest.raises(RuntimeError, match="sign-in"):
        await _fail(keepsake(database, vault))
    async with asyncio.timeout(5), keepsake(database, vault).open("token") as kept:
        assert kept.value == "before"


async def _fail(place: VaultKeepsake) -> None:
    async with place.open("token") as kept:
        await kept.replace("before")
        raise RuntimeError("the sign-in failed")


async def test_a_new_master_key_covers_it_too(database: Database, vault: Vault, settings: Settings) -> None:
    async with keepsake(database, vault).open("token") as kept:
        await kept.replace("lasting")
    await rotate(database, settings, datetime.now(UTC))
    vault.keys.reload()
    async with keepsake(database, vault).open("token") as kept:
        assert kept.value == "lasting"


async def test_many_who_sign_in_at_once_do_not_wait_for_each_others_sessions(postgres: str, vault: Vault) -> None:
    narrow = await open_database(Settings(database_url=SecretStr(postgres)), pool_size=1)
    everybody = asyncio.Barrier(6)

    async def sign_in(number: int) -> None:
        async with keepsake(narrow, vault, connection=f"c{number}").open("token") as kept:
            await everybody.wait()
            await kept.replace(f"token {number}")

    async with asyncio.timeout(20):
        await asyncio.gather(*(sign_in(number) for number in range(6)))
    for number in range(6):
        async with keepsake(narrow, vault, connection=f"c{number}").open("token") as kept:
            assert kept.value == f"token {number}"
            await kept.replace(None)
    await narrow.close()


async def test_a_process_that_has_stopped_is_not_waited_for_for_ever(
    database: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml_connector.store.keepsake._PATIENCE", "SET lock_timeout = '50ms'")
    async with keepsake(database, vault).open("token") as stopped:
        await stopped.replace("old")
        async with keepsake(database, vault).open("token") as kept:
            assert kept.value == "old"
            await kept.replace("new")
    async with keepsake(database, vault).open("token") as kept:
        assert kept.value == "new"
