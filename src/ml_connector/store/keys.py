"""The master keys: where they come from, how they are named, how a new one is written."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ml_connector.store.settings import Settings

KEY_BYTES: Final = 32


class KeyProblem(RuntimeError):
    """A master key is missing or unusable; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Key:
    """One master key. Its id may be shown, its bytes never."""

    id: str
    secret: bytes = field(repr=False)


class Keys:
    """The keys of one source, newest first. Re-read when an id comes up that was not known."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys: tuple[Key, ...] = ()
        self.reload()

    @property
    def file(self) -> Path | None:
        """The file that holds the keys; None where the environment gives them."""
        return None if self._settings.key is not None else key_file(self._settings)

    @property
    def known(self) -> tuple[Key, ...]:
        """All keys, newest first."""
        return self._keys

    @property
    def newest(self) -> Key:
        """The key that new secrets are sealed with."""
        return self._keys[0]

    def reload(self) -> None:
        """Reads the source again. Raises `KeyProblem`."""
        self._keys = _read(self._settings)

    def find(self, key_id: str) -> Key:
        """The key of that id. Raises `KeyProblem` where the source does not hold it."""
        key = self._find(key_id)
        if key is None:
            self.reload()  # another process may have rotated
            key = self._find(key_id)
        if key is None:
            raise KeyProblem(
                f"A secret was encrypted with the master key {key_id}, which is not in {_source(self._settings)}. "
                "Add that key there (older keys after newer ones), or enter the secret again with "
                "`ml-connector apply`."
            )
        return key

    def _find(self, key_id: str) -> Key | None:
        return next((key for key in self._keys if key.id == key_id), None)


def key_file(settings: Settings) -> Path:
    """The file the keys are read from where the environment does not give them."""
    return settings.key_file or settings.home / "key"


def create_key(settings: Settings) -> Keys:
    """The keys there are; where none is given and the file is missing, writes a first one. Idempotent."""
    if settings.key is None and settings.key_file is None:
        settings.home.mkdir(parents=True, exist_ok=True)
        if not key_file(settings).exists():
            _write_first(key_file(settings), new_key())
    return Keys(settings)


def new_key() -> Key:
    """A fresh random key."""
    return _key(os.urandom(KEY_BYTES))


def write_keys(path: Path, keys: Sequence[Key]) -> None:
    """Replaces a key file at once: readers see all of the old keys or all of the new ones. Raises OSError."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o600
    temporary = _write_beside(path, keys, mode=mode)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _write_first(path: Path, key: Key) -> None:
    """Two processes may do this at once: the first one's key stays."""
    temporary = _write_beside(path, (key,), mode=0o600)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _write_beside(path: Path, keys: Sequence[Key], *, mode: int) -> Path:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # created with 0600
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.writelines(f"{_text(key)}\n" for key in keys)
        file.flush()
        os.fsync(file.fileno())
    Path(name).chmod(mode)
    return Path(name)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(settings: Settings) -> tuple[Key, ...]:
    source = _source(settings)
    if settings.key is not None:
        texts = settings.key.get_secret_value().split(",")
    else:
        texts = _read_file(settings).splitlines()
    keys = [_parse(text.strip(), source=source) for text in texts if text.strip()]
    if not keys:
        raise KeyProblem(f"There is no master key in {source}.")
    return tuple(dict.fromkeys(keys))


def _read_file(settings: Settings) -> str:
    path = key_file(settings)
    try:
        if settings.key_file is None:
            _check_mode(path)
        return path.read_text(encoding="ascii")
    except FileNotFoundError:
        advice = "" if settings.key_file else " Run `ml-connector init` first, or bring the key back."
        raise KeyProblem(f"There is no master key: {path} does not exist.{advice}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise KeyProblem(f"The master key file {path} cannot be read: {type(error).__name__}.") from None


def _check_mode(path: Path) -> None:
    """Only our own file: one that the user names may be a container's secret, readable for its group."""
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise KeyProblem(f"The master key {path} can be read by others. Run `chmod 600 {path}`.")


def _parse(text: str, *, source: str) -> Key:
    try:
        secret = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise KeyProblem(f"A master key in {source} is not {KEY_BYTES} bytes of base64url.")
    return _key(secret)


def _key(secret: bytes) -> Key:
    return Key(id=hashlib.sha256(secret).hexdigest()[:8], secret=secret)


def _text(key: Key) -> str:
    return base64.urlsafe_b64encode(key.secret).decode().rstrip("=")


def _source(settings: Settings) -> str:
    return "ML_CONNECTOR_KEY" if settings.key is not None else str(key_file(settings))
