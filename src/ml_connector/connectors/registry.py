"""Which connectors there are: one package of this folder each, imported when it is asked for."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from ml_connector.connectors.base import ErpConnector, LedgerConnector, PayablesConnector, SourceConnector


class UnknownSystem(LookupError):
    """No connector has that id; the text lists those there are."""

    def __str__(self) -> str:
        return str(self.args[0])


def ids() -> tuple[str, ...]:
    """The ids of all connector folders, without importing them."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return tuple(sorted(each.name.replace("_", "-") for each in found if each.ispkg))


@cache
def connector(system_id: str) -> ErpConnector | PayablesConnector | None:
    """What a folder exports as `CONNECTOR`; None where it exports none. Raises `UnknownSystem`."""
    if system_id not in ids():
        raise UnknownSystem(f"There is no connector {system_id!r}. Known: {', '.join(ids())}.")
    package = importlib.import_module(f"ml_connector.connectors.{system_id.replace('-', '_')}")
    found = getattr(package, "CONNECTOR", None)
    if found is None:
        return None
    if not isinstance(found, LedgerConnector | SourceConnector | PayablesConnector):
        raise TypeError(f"{package.__name__}.CONNECTOR is no connector.")
    if found.manifest.id != system_id:
        raise ValueError(f"{package.__name__} says its id is {found.manifest.id!r}, its folder {system_id!r}.")
    return found


def erp_ids() -> tuple[str, ...]:
    """The ids of all ERPs, whichever way their invoices go."""
    return tuple(each for each in ids() if isinstance(connector(each), LedgerConnector | SourceConnector))


def erp(system_id: str) -> ErpConnector:
    """The connector of an ERP. Raises `UnknownSystem`."""
    found = connector(system_id) if system_id in ids() else None
    if not isinstance(found, LedgerConnector | SourceConnector):
        raise UnknownSystem(f"There is no ERP connector {system_id!r}. Known: {', '.join(erp_ids())}.")
    return found


@cache
def payables() -> PayablesConnector:
    """The connector of the payables system; there is one."""
    for each in ids():
        found = connector(each)
        if isinstance(found, PayablesConnector):
            return found
    raise UnknownSystem("There is no connector of a payables system.")
