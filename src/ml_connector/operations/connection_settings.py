"""A connection's settings as they are stored: the file's shape, without secrets and with everything filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ml_connector.connectors import registry
from ml_connector.connectors.base import DimensionRule, Manifest, MappingRules, Side
from ml_connector.operations.configuration import ConnectionConfiguration
from ml_connector.operations.schedules import FlowSchedule, schedule_from, schedule_settings
from ml_connector.records.flow import Flow
from ml_connector.store.database import Database
from ml_connector.store.vault import Vault

_NOTHING: Final[Mapping[str, str]] = {}


class UnknownConnection(LookupError):
    """There is no connection of that name; the text lists those there are."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """One connection, ready to be opened."""

    id: str
    company: str
    system: str
    version: int
    """Rises with every change of the settings or a secret."""
    enabled: bool
    basware: Side
    erp: Side
    flows: Mapping[Flow, FlowSchedule]


async def load_side_settings(database: Database, vault: Vault, connection_id: str) -> ConnectionSettings:
    """The settings of a connection with its secrets opened. Raises `UnknownConnection`, and what `Vault` does."""
    row = await database.fetch_one("SELECT * FROM connection WHERE id = :id", id=connection_id)
    if row is None:
        raise await unknown_connection(database, connection_id)
    settings = row["settings"]
    secrets = await vault.get_all(database, connection_id)
    rules = mapping_from(settings["mapping"])
    found = {"region": str(row["region"])} if row["region"] else {}

    def side(name: str, manifest: Manifest, found: Mapping[str, str] = _NOTHING) -> Side:
        defaults = {each.name: each.default for each in manifest.fields if each.default is not None}
        given = {key: value for key, value in settings[name].items() if key != "system"}
        return Side(connection_id, row["company"], {**defaults, **found, **given}, secrets.get(name, {}), rules)

    return ConnectionSettings(
        id=connection_id,
        company=row["company"],
        system=row["system"],
        version=row["version"],
        enabled=row["enabled"],
        basware=side("basware", registry.payables().manifest, found),
        erp=side("erp", registry.ledger(row["system"]).manifest),
        flows={Flow(name): schedule_from(each) for name, each in settings["flows"].items()},
    )


async def unknown_connection(database: Database, connection_id: str) -> UnknownConnection:
    """The error that says which connections there are."""
    known = ", ".join(row["id"] for row in await database.fetch("SELECT id FROM connection ORDER BY id"))
    return UnknownConnection(
        f"There is no connection {connection_id}. "
        + (f"Known: {known}." if known else "None has been made yet: see `ml-connector apply`.")
    )


def settings_of(connection: ConnectionConfiguration) -> dict[str, Any]:
    """What is stored of a connection of the file."""
    return {
        "company": connection.company,
        "basware": dict(connection.basware.values),
        "erp": {"system": connection.system, **connection.erp.values},
        "flows": {flow.value: schedule_settings(each, flow) for flow, each in connection.flows.items()},
        "mapping": _mapping_settings(connection.mapping),
    }


def mapping_from(settings: Mapping[str, Any]) -> MappingRules:
    """The mapping as it was stored."""
    return MappingRules(
        dimensions=tuple(DimensionRule(**rule) for rule in settings["dimensions"]),
        tax_codes=settings["tax_codes"],
        credit_note_types=frozenset(settings["credit_note_types"]),
        tolerance={currency: Decimal(amount) for currency, amount in settings["tolerance"].items()},
        posting_date=settings["posting_date"],
        line_description=settings["line_description"],
    )


def _mapping_settings(rules: MappingRules) -> dict[str, Any]:
    dimensions = [
        {"basware": rule.basware, "erp": rule.erp} | ({} if rule.list is None else {"list": rule.list})
        for rule in rules.dimensions
    ]
    return {
        "dimensions": dimensions,
        "tax_codes": dict(rules.tax_codes),
        "credit_note_types": sorted(rules.credit_note_types),
        "tolerance": {currency: str(amount) for currency, amount in rules.tolerance.items()},
        "posting_date": rules.posting_date,
        "line_description": rules.line_description,
    }
