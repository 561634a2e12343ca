"""Codes and texts within Basware's lengths: identities are never cut, texts never silently."""

from __future__ import annotations

import hashlib
import re
import uuid
from base64 import b32encode
from typing import Final

from ml_connector.connectors.basware.errors import refused
from ml_connector.records.reason import Reason

CODE_LENGTH: Final = 36
_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]+")
_ODD: Final = re.compile(r"[^A-Za-z0-9_.-]")
_HASH_BYTES = 10
_HASH_LENGTH = 16  # the same in base 32


def external_code(connection: str, kind: str, *keys: str) -> str:
    """A record's lasting external code, at most 36 characters and unique (Basware dossier 4.3).

    Readable as `connection.KIND.key`; where that is too long or could be read in two ways, its beginning
    and a hash of the whole, told apart by the tilde that no plain code has.
    """
    parts = (connection, kind, *keys)
    readable = ".".join(parts)
    if len(readable) <= CODE_LENGTH and all(_PLAIN.fullmatch(part) for part in parts):
        return readable
    beginning = _ODD.sub("_", readable[: CODE_LENGTH - _HASH_LENGTH - 1])
    return f"{beginning}~{fingerprint(*parts)}"


def fingerprint(*parts: str) -> str:
    """16 letters and digits that stand for `parts`. Lengths go in: no two lists of parts look alike."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return b32encode(digest[:_HASH_BYTES]).decode().lower()


def source_system(connection: str, limit: int) -> str:
    """The connection as a source system's name: lasting, so shortened by a hash and not by a cut."""
    if len(connection) <= limit:
        return connection
    return f"{connection[: limit - _HASH_LENGTH - 1]}~{fingerprint(connection)}"


def document_id(text: str) -> str:
    """A document's id in one spelling: a UUID comes with hyphens or without, in either case (dossier 3.4)."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return text


def length(text: str) -> int:
    """In UTF-16 units, as .NET counts: never fewer than characters, so it fits by either count."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """A text for people within `limit`; one that was cut ends with an ellipsis."""
    if length(text) <= limit:
        return text
    kept = text.encode("utf-16-le", "surrogatepass")[: (limit - 1) * 2]
    return kept.decode("utf-16-le", "ignore") + "…"


def exact(value: str, limit: int, *, what: str, of: str, least: int = 1) -> str:
    """A value that identifies something, unchanged. Raises Refused (RECORD_REFUSED) where it does not fit."""
    size = length(value)
    if least <= size <= limit:
        return value
    room = f"takes {limit}" if size > limit else f"wants at least {least}"
    raise refused(Reason.RECORD_REFUSED, f"{of}: its {what} {value!r} has {size} characters, Basware {room}")
