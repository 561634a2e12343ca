"""Where a company's Service Layer is found (SAP dossier 2)."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from ml_connector.connectors.sap_business_one.errors import unexpected, wrong_address
from ml_connector.connectors.side import Side

_ROOT: Final = re.compile(r"/b1s/v([12])$")
_DEFAULT_ROOT: Final = "/b1s/v2"


@dataclass(frozen=True, slots=True)
class Address:
    """The service root of one protocol version, and the company behind it."""

    root: str
    company_db: str
    ca_bundle: Path | None = None

    @classmethod
    def of(cls, side: Side) -> Address:
        """From the settings of a connection. Raises Refused (address wrong) where they cannot be right."""
        base = text_of(side.values, "base_url").rstrip("/")
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise wrong_address(f"base_url {base!r} is no address such as https://b1.example.com:50000/b1s/v2")
        if not _ROOT.search(parts.path):
            if _ROOT.search(parts.path.lower()):
                raise wrong_address(f"the path {parts.path!r} must be in lower case: the server tells the two apart")
            base += _DEFAULT_ROOT
        return cls(root=base, company_db=text_of(side.values, "company_db"), ca_bundle=_bundle(side.values))

    @property
    def is_v4(self) -> bool:
        """True for OData 4 (/b1s/v2), False for OData 3 (/b1s/v1)."""
        return self.root.endswith("/v2")

    @property
    def host(self) -> str:
        """Scheme, host and port."""
        parts = urlsplit(self.root)
        return f"{parts.scheme}://{parts.netloc}"

    def resolve(self, link: str) -> str:
        """The address of a next link in any of its forms (SAP dossier 5.4).

        Raises Refused (unexpected answer) where it leads to another host: the session must not go there.
        """
        if link.startswith("/") and not link.startswith("//"):
            return self.host + link
        if not urlsplit(link).netloc:
            return f"{self.root}/{link}"
        absolute = urljoin(self.root, link)
        theirs, ours = urlsplit(absolute), urlsplit(self.root)
        if (theirs.scheme, theirs.netloc.lower()) != (ours.scheme, ours.netloc.lower()):
            raise unexpected(f"the next page is at another host ({theirs.netloc})")
        return absolute


def text_of(values: Mapping[str, Any], name: str) -> str:
    """A setting as text without blanks around it, empty where it is not set."""
    value = values.get(name)
    return "" if value is None else str(value).strip()


def _bundle(values: Mapping[str, Any]) -> Path | None:
    path = text_of(values, "ca_bundle")
    if not path:
        return None
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as odd:
        raise wrong_address(f"ca_bundle {path!r} cannot be read as certificates ({odd})") from odd
    return Path(path)
