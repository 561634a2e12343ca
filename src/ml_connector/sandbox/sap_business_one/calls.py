"""One request and its answer, apart from the web server: what batches and single calls share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, unquote_plus

from ml_connector.sandbox.sap_business_one.books import Books
from ml_connector.sandbox.sap_business_one.errors import malformed, unknown_service
from ml_connector.sandbox.sap_business_one.schema import SETS
from ml_connector.sandbox.sap_business_one.table import Key
from ml_connector.sandbox.sap_business_one.wire import Form

_ADDRESS = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:\((.*)\))?(?:/([$A-Za-z_][\w$]*))?")


@dataclass(frozen=True, slots=True)
class Call:
    """A request below the service root."""

    method: str
    path: str
    """Decoded, without the root: `PurchaseInvoices(17)/Cancel`."""
    options: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    root: str
    """`http://host:port/b1s/v2`."""
    version: int
    """3 or 4."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a JSON body, or raw bytes, or nothing."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """A call in the books of its session."""

    call: Call
    books: Books
    form: Form

    @property
    def profile(self) -> int:
        """The year of the installation."""
        return self.books.switches.profile


@dataclass(frozen=True, slots=True)
class Address:
    """What a path names: a set or service, perhaps a key, perhaps what follows it."""

    name: str
    key: str | None
    rest: str | None


def read_address(path: str) -> Address:
    """Takes a path apart; raises B1Error for what is none."""
    found = _ADDRESS.fullmatch(path)
    if found is None:
        raise unknown_service()
    return Address(found[1], found[2], found[3])


def read_key(entity_set: str, text: str) -> Key:
    """The key in parentheses: text in quotes, numbers without (B1 dossier 14.19). Raises B1Error."""
    entity = SETS[entity_set]
    value = text.removeprefix(f"{entity.key}=").strip()
    quoted = len(value) > 1 and value.startswith("'") and value.endswith("'")
    if entity.properties[entity.key] == "Edm.String":
        if not quoted:
            raise malformed(f"Invalid key: property '{entity.key}' of '{entity.name}' needs single quotes")
        return value[1:-1].replace("''", "'")
    if not re.fullmatch(r"-?\d+", value):
        raise malformed(f"Invalid key: property '{entity.key}' of '{entity.name}' is a number")
    return int(value)


def shown_key(key: Key) -> str:
    """The key as addresses carry it."""
    if isinstance(key, int):
        return str(key)
    doubled = key.replace("'", "''")
    return f"'{doubled}'"


def read_options(query: str) -> dict[str, str]:
    """The options of a query string."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return {unquote_plus(name): unquote_plus(value) for name, _, value in pairs}


def read_path(raw: str) -> str:
    """A path as sent, decoded; double slashes are tolerated (B1 dossier 12)."""
    return "/".join(part for part in unquote(raw).split("/") if part)
