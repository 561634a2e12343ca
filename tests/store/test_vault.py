"""The vault against a real PostgreSQL, and the life of its keys."""

from __future__ import annotations

import asyncio
import base64
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from ml_connector.store import rotation
from ml_connector.store.database import Database
from ml_connector.store.keys import KeyProblem, Keys, create_key, new_key, write_keys
from ml_connector.store.rotation import rotate
from ml_connector.store.settings import Settings
from ml_connector.store.vault import SecretUnreadable, Vault

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "home", key=None, key_file=None)
    create_key(made)
    return made


@pytest.fixture
def vault(settings: Settings) -> Vault:
    return Vault(Keys(settings))


def encoded(count: int = 32) -> str:
    return base64.urlsafe_b64encode(os.urandom(count)).decode()


def key_path(settings: Settings) -> Path:
    return settings.home / "key"


# ------------------------------------------------------------------ keys


def test_the_first_key_is_for_its_owner_only_and_stays(settings: Settings) -> None:
    before = key_path(settings).read_text()
    assert key_path(settings).stat().st_mode & 0o777 == 0o600
    assert create_key(settings).newest.id == Keys(settings).newest.id
    assert key_path(settings).read_text() == before


def test_a_key_file_others_can_read_is_refused(settings: Settings) -> None:
    key_path(settings).chmod(0o644)
    with pytest.raises(KeyProblem, match="chmod 600"):
        Keys(settings)


def test_a_missing_key_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(KeyProblem, match="ml-connector init"):
        Keys(Settings(home=tmp_path, key=None, key_file=None))


@pytest.mark.parametrize("text", ["", "short", "A" * 42, "A" * 44, "!" * 43])
def test_a_key_of_the_wrong_shape_is_refused_without_being_shown(text: str, tmp_path: Path) -> None:
    with pytest.raises(KeyProblem) as caught:
        Keys(Settings(home=tmp_path, key=SecretStr(text)))
    assert "ML_CONNECTOR_KEY" in str(caught.value)
    assert not text or text not in str(caught.value)


def test_the_environment_wins_over_files(settings: Settings) -> None:
    first, second = encoded(), encoded()
    keys = Keys(settings.model_copy(update={"key": SecretStr(f"{first}, {second}")}))
    assert len(keys.known) == 2
    assert keys.file is None
    assert Keys(settings).newest not in keys.known


def test_keys_never_show_their_bytes(settings: Settings) -> None:
    key = Keys(settings).newest
    assert key.id in repr(key)
    assert repr(key.secret) not in repr(key)


# ------------------------------------------------------------------ sealing


def test_a_secret_opens_in_its_place(vault: Vault) -> None:
    sealed = vault.seal("acme", "erp", "client_secret", "påss")
    assert b"p" not in sealed.ciphertext or "påss".encode() not in sealed.ciphertext
    assert vault.open("acme", "erp", "client_secret", sealed) == "påss"


@pytest.mark.parametrize("place", [("other", "erp", "secret"), ("acme", "basware", "secret"), ("acme", "erp", "token")])
def test_a_secret_moved_elsewhere_does_not_open(vault: Vault, place: tuple[str, str, str]) -> None:
    sealed = vault.seal("acme", "erp", "secret", "hidden")
    with pytest.raises(SecretUnreadable, match=r"moved") as caught:
        vault.open(*place, sealed)
    assert "hidden" not in str(caught.value)


def test_an_altered_secret_does_not_open(vault: Vault) -> None:
    sealed = vault.seal("acme", "erp", "secret", "hidden")
    flipped = bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:]
    with pytest.raises(SecretUnreadable):
        vault.open("acme", "erp", "secret", replace(sealed, ciphertext=flipped))


def test_a_missing_key_is_named(vault: Vault, tmp_path: Path) -> None:
    sealed = vault.seal("acme", "erp", "secret", "hidden")
    other = Vault(create_key(Settings(home=tmp_path / "other", key=None, key_file=None)))
    with pytest.raises(KeyProblem, match=sealed.key_id):
        other.open("acme", "erp", "secret", sealed)


# ------------------------------------------------------------------ keeping


async def test_secrets_are_kept_replaced_and_forgotten(vault: Vault, database: Database) -> None:
    await vault.put(database, "acme", "erp", "secret", "one", now=NOW)
    await vault.put(database, "acme", "erp", "secret", "two", now=NOW)
    await vault.put(database, "acme", "basware", "token", "three", now=NOW)
    await vault.put(database, "other", "erp", "secret", "four", now=NOW)
    assert await vault.get(database, "acme", "erp", "secret") == "two"
    assert await vault.get_all(database, "acme") == {"erp": {"secret": "two"}, "basware": {"token": "three"}}
    await vault.delete(database, "acme", "erp", "secret")
    assert await vault.get(database, "acme", "erp", "secret") is None


async def test_a_secret_goes_with_the_transaction_it_was_put_in(vault: Vault, database: Database) -> None:
    async with database.engine.connect() as transaction:
        await vault.put(transaction, "acme", "erp", "secret", "one", now=NOW)
        assert await vault.get(transaction, "acme", "erp", "secret") == "one"
        await transaction.rollback()
    assert await vault.get(database, "acme", "erp", "secret") is None


async def test_a_row_copied_to_another_connection_does_not_open(vault: Vault, database: Database) -> None:
    await vault.put(database, "acme", "erp", "secret", "one", now=NOW)
    await database.execute("UPDATE secret SET connection_id = 'thief'")
    with pytest.raises(SecretUnreadable, match=r"thief\.erp\.secret"):
        await vault.get(database, "thief", "erp", "secret")


async def test_the_trail_key_is_created_once_by_whoever_comes_first(settings: Settings, database: Database) -> None:
    keys = await asyncio.gather(*(Vault(Keys(settings)).trail_key(database) for _ in range(5)))
    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert await Vault(Keys(settings)).trail_key(database) == keys[0]


# ------------------------------------------------------------------ rotation


async def fill(vault: Vault, database: Database, count: int = 5) -> None:
    for number in range(count):
        await vault.put(database, f"c{number}", "erp", "secret", f"value {number}", now=NOW)


async def assert_all_open(vault: Vault, database: Database, count: int = 5) -> None:
    for number in range(count):
        assert await vault.get(database, f"c{number}", "erp", "secret") == f"value {number}"


async def test_rotation_brings_every_secret_under_a_new_key(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "_BATCH", 2)
    running = Vault(Keys(settings))
    old = running.keys.newest
    await fill(running, database)
    trail = await running.trail_key(database)
    done = await rotate(database, settings, NOW)
    assert (done.resealed, done.dropped, done.resumed) == (6, (old.id,), False)
    assert [key.id for key in Keys(settings).known] == [done.key_id]
    assert {row["key_id"] for row in await database.fetch("SELECT key_id FROM secret")} == {done.key_id}
    await assert_all_open(running, database)  # a process that was running all the while
    assert await running.trail_key(database) == trail
    assert key_path(settings).stat().st_mode & 0o777 == 0o600


async def test_a_running_process_stores_new_secrets_under_the_new_key(settings: Settings, database: Database) -> None:
    running = Vault(Keys(settings))
    await rotate(database, settings, NOW)
    await running.put(database, "c0", "erp", "secret", "value 0", now=NOW)
    await assert_all_open(Vault(Keys(settings)), database, 1)


async def test_rotation_goes_on_after_a_crash_half_way(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(Vault(Keys(settings)), database)
    began = (new_key(), *Keys(settings).known)
    write_keys(key_path(settings), began)
    async with database.transaction() as transaction:
        assert await Vault(Keys(settings)).reseal(transaction, batch=2, now=NOW) == 2
    await assert_all_open(Vault(Keys(settings)), database)
    done = await rotate(database, settings, NOW)
    assert (done.key_id, done.resealed, done.resumed) == (began[0].id, 3, True)
    await assert_all_open(Vault(Keys(settings)), database)
    assert [key.id for key in Keys(settings).known] == [began[0].id]


async def test_a_crash_before_the_old_key_is_dropped_loses_nothing(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(Vault(Keys(settings)), database)

    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(rotation, "_finish", crash)
        with pytest.raises(ZeroDivisionError):
            await rotate(database, settings, NOW)
    assert len(Keys(settings).known) == 2
    await assert_all_open(Vault(Keys(settings)), database)
    done = await rotate(database, settings, NOW)
    assert (done.resealed, done.resumed) == (0, True)
    await assert_all_open(Vault(Keys(settings)), database)


async def test_rotation_with_a_lost_key_drops_nothing(settings: Settings, database: Database) -> None:
    await fill(Vault(Keys(settings)), database, 1)
    write_keys(key_path(settings), (new_key(), new_key()))
    before = key_path(settings).read_text()
    with pytest.raises(KeyProblem):
        await rotate(database, settings, NOW)
    assert key_path(settings).read_text() == before


async def test_a_key_in_the_environment_is_explained_then_rotated(database: Database, tmp_path: Path) -> None:
    old, new = encoded(), encoded()
    only_old = Settings(home=tmp_path, key=SecretStr(old))
    await fill(Vault(Keys(only_old)), database)
    with pytest.raises(KeyProblem, match="a comma and the old key") as caught:
        await rotate(database, only_old, NOW)
    assert old not in str(caught.value)
    done = await rotate(database, Settings(home=tmp_path, key=SecretStr(f"{new},{old}")), NOW)
    assert done.resealed == 5
    assert done.key_id in done.advice
    await assert_all_open(Vault(Keys(Settings(home=tmp_path, key=SecretStr(new)))), database)


async def test_two_rotations_do_not_run_at_once(settings: Settings, database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": rotation._ROTATION_LOCK})
        with pytest.raises(KeyProblem, match="another process"):
            await rotate(database, settings, NOW)
    assert len(Keys(settings).known) == 1


async def test_a_secret_being_stored_during_the_last_step_is_not_lost(settings: Settings, database: Database) -> None:
    writer = Vault(Keys(settings))
    async with database.transaction() as transaction:
        await writer.put(transaction, "c0", "erp", "secret", "value 0", now=NOW)
        rotating = asyncio.create_task(rotate(database, settings, NOW))
        await _until_waiting(database)
    await rotating
    await assert_all_open(Vault(Keys(settings)), database, 1)


async def _until_waiting(database: Database) -> None:
    while not await database.fetch("SELECT 1 FROM pg_locks WHERE relation = 'secret'::regclass AND NOT granted"):
        await asyncio.sleep(0.01)
