"""A new master key, and every secret encrypted again, while everything else keeps running."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import text

from ml_connector.store.database import Database
from ml_connector.store.keys import Key, KeyProblem, Keys, new_key, write_keys
from ml_connector.store.settings import Settings
from ml_connector.store.vault import Vault

_BATCH: Final = 200
_ROTATION_LOCK: Final = 0x6D6C_6B65

ONE_KEY_IN_ENVIRONMENT: Final = (
    "The master key is given by ML_CONNECTOR_KEY, so a new one has to come from there too. "
    "Make one (`openssl rand -base64 32 | tr '+/' '-_'`), set ML_CONNECTOR_KEY to the new key, a comma and "
    "the old key wherever ml-connector runs, restart, and run `ml-connector key rotate` again."
)


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did. `advice` says what is left for a person to do, if anything."""

    key_id: str
    resealed: int
    dropped: tuple[str, ...]
    resumed: bool
    advice: str = ""


async def rotate(database: Database, settings: Settings, now: datetime) -> Rotation:
    """Brings every secret under a new key; run again after a crash, it goes on with the key begun.

    The new key is in the file before the first secret needs it, the old one leaves it after the last. More
    than one key in the file (or in ML_CONNECTOR_KEY) is a rotation that has begun: the first one is the new
    one. Raises `KeyProblem` with what to do where it cannot go on.
    """
    async with database.transaction() as guard:
        got = await guard.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _ROTATION_LOCK})
        if not got.scalar():
            raise KeyProblem("The master key is being rotated by another process already.")
        keys = Keys(settings)
        resumed = len(keys.known) > 1
        if not resumed:
            _begin(keys)
        resealed = await _reseal_all(database, Vault(keys), now=now)
        return _finish(keys, resealed=resealed, resumed=resumed)


def _begin(keys: Keys) -> None:
    if keys.file is None:
        raise KeyProblem(ONE_KEY_IN_ENVIRONMENT)
    _write(keys.file, (new_key(), *keys.known))
    keys.reload()


async def _reseal_all(database: Database, vault: Vault, *, now: datetime) -> int:
    total = 0
    while True:
        async with database.transaction() as transaction:
            count = await vault.reseal(transaction, batch=_BATCH, now=now)
        total += count
        if count < _BATCH:
            break
    # Whoever was storing a secret under the old key is done once this lock is had; whoever comes after it
    # reads the keys anew (see `Vault.put`).
    async with database.transaction() as transaction:
        await transaction.execute(text("LOCK TABLE secret IN SHARE ROW EXCLUSIVE MODE"))
        while count := await vault.reseal(transaction, batch=_BATCH, now=now):
            total += count
    return total


def _finish(keys: Keys, *, resealed: int, resumed: bool) -> Rotation:
    newest, *older = keys.known
    advice = ""
    if keys.file is not None:
        _write(keys.file, (newest,))
    else:
        advice = f"Now leave only the first key ({newest.id}) in ML_CONNECTOR_KEY and restart."
    dropped = tuple(key.id for key in older)
    return Rotation(key_id=newest.id, resealed=resealed, dropped=dropped, resumed=resumed, advice=advice)


def _write(path: Path, keys: tuple[Key, ...]) -> None:
    try:
        write_keys(path, keys)
    except OSError as error:
        raise KeyProblem(
            f"The master key file {path} cannot be replaced ({error.strerror}). Where it is mounted read-only, "
            "put a new key on a line before the old one in its source, run `ml-connector key rotate` where the "
            "file can be written or give both by ML_CONNECTOR_KEY, and take the old one out afterwards."
        ) from None
