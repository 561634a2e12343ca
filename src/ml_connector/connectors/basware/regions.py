"""Where Basware answers: one table, since nobody outside confirmed all of its rows (Basware dossier 1.1, U1)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from ml_connector.connectors.errors import Refused
from ml_connector.records.reason import Finding, Reason

PRODUCTION: Final = "production"
TEST: Final = "test"
OWN_ADDRESS: Final = "own address"
"""Stands for a region where `base_url` is set."""

HOSTS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "eu": {PRODUCTION: "https://api.basware.com", TEST: "https://test-api.basware.com"},
        "us": {PRODUCTION: "https://api.us.basware.com", TEST: "https://test-api.us.basware.com"},
        "au": {PRODUCTION: "https://api.au.basware.com", TEST: "https://test-api.au.basware.com"},
        "ca": {PRODUCTION: "https://api.ca.basware.com", TEST: "https://test-api.ca.basware.com"},
    }
)


def candidates(values: Mapping[str, Any], *, hosts: Mapping[str, Mapping[str, str]] = HOSTS) -> dict[str, str]:
    """Region to address: one where it is set, every region of the environment where it is to be found out.

    Raises Refused (ADDRESS_WRONG) for a region or environment that does not exist.
    """
    base_url = str(values.get("base_url") or "").rstrip("/")
    if base_url:
        return {OWN_ADDRESS: base_url}
    environment = values.get("environment") or PRODUCTION
    region = values.get("region")
    if environment not in (PRODUCTION, TEST) or (region and region not in hosts):
        said = f"there is no region {region!r} with environment {environment!r}; regions: {', '.join(hosts)}"
        raise Refused(system="Basware", findings=(Finding(Reason.ADDRESS_WRONG, "Basware", said),))
    return {name: urls[environment] for name, urls in hosts.items() if region in (None, "", name)}
