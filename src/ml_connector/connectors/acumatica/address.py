"""Where an instance is, from the settings of a connection (Acumatica dossier 1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit

from ml_connector.connectors.acumatica.contract import Contract
from ml_connector.connectors.acumatica.errors import unexpected, wrong_settings
from ml_connector.connectors.acumatica.manifest import DEFAULT_ENDPOINT, DEFAULT_VERSION, UNKNOWN_LIMIT
from ml_connector.connectors.side import Side

_ENDPOINT: Final = re.compile(r"\s*([^/\s][^/]*?)\s*/\s*([^/\s]+)\s*")
_BEHIND_THE_ROOT: Final = re.compile(r"/(?:entity|identity|main|frames)(?:/.*)?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """An instance's root with its site name, the endpoint in it, and what it knows."""

    root: str
    endpoint: str
    version: str
    contract: Contract
    token_url: str
    tenant: str
    terms: str = ""
    """`Name/Version` of the endpoint with credit terms, empty for none."""
    requests_per_minute: int = UNKNOWN_LIMIT

    @classmethod
    def of(cls, side: Side) -> Address:
        """From the settings of a connection. Raises Refused (address wrong) where they cannot be right."""
        values = side.values
        root = _root_of(text_of(values, "base_url"))
        endpoint = text_of(values, "endpoint") or DEFAULT_ENDPOINT
        version = text_of(values, "version") or DEFAULT_VERSION
        return cls(
            root=root,
            endpoint=endpoint,
            version=version,
            contract=Contract.of(endpoint, version),
            token_url=text_of(values, "token_url") or f"{root}/identity/connect/token",
            tenant=text_of(values, "tenant"),
            terms=_terms_of(text_of(values, "terms_endpoint")),
            requests_per_minute=_limit_of(text_of(values, "requests_per_minute")),
        )

    @property
    def base(self) -> str:
        """The root of the endpoint."""
        return f"{self.root}/entity/{quote(self.endpoint)}/{quote(self.version)}"

    def of_entity(self, entity: str) -> str:
        """The address of an entity; credit terms are on an endpoint of their own."""
        if entity == "CreditTerms":
            return f"{self.root}/entity/{quote(self.terms)}/{entity}"
        return f"{self.base}/{entity}"

    def resolve(self, link: str) -> str:
        """The address of a link, relative to the host with the site's name in it, or absolute (dossier 6, 7).

        Raises Refused (unexpected answer) where it leads to another host: the session must not go there.
        """
        absolute = urljoin(f"{self.root}/", link)
        theirs, ours = urlsplit(absolute), urlsplit(self.root)
        if (theirs.scheme, theirs.netloc.lower()) != (ours.scheme, ours.netloc.lower()):
            raise unexpected(f"a link leads to another host ({theirs.netloc})")
        return absolute

    def check_tenant(self, client_id: str) -> None:
        """Raises Refused (address wrong) where the client id is of another tenant: its suffix chooses the company.

        The right secret of the wrong tenant would write to another company without any error (dossier 16, 20).
        """
        suffix = client_id.partition("@")[2]
        if not suffix:
            raise wrong_settings(f"client_id names no tenant: it ends in @{self.tenant or 'tenant'}")
        if self.tenant and suffix.casefold() != self.tenant.casefold():
            raise wrong_settings(f"client_id is of the tenant {suffix}, and tenant is set to {self.tenant}")


def text_of(values: Mapping[str, Any], name: str) -> str:
    """A setting as text without blanks around it, empty where it is not set."""
    value = values.get(name)
    return "" if value is None else str(value).strip()


def _root_of(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise wrong_settings(f"base_url {base_url!r} is no address such as https://erp.example.com/AcumaticaERP")
    path = _BEHIND_THE_ROOT.sub("", parts.path).rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def _terms_of(setting: str) -> str:
    if not setting:
        return ""
    found = _ENDPOINT.fullmatch(setting)
    if found is None:
        raise wrong_settings(f"terms_endpoint {setting!r} is not written as Name/Version, such as MLConnector/1.0")
    return f"{found.group(1)}/{found.group(2)}"


def _limit_of(setting: str) -> int:
    if not setting or setting == "0":
        return UNKNOWN_LIMIT
    if not setting.isdecimal():
        raise wrong_settings(f"requests_per_minute {setting!r} is no number")
    return int(setting)
