"""The two sides of a connection, opened from its stored settings and kept open between slices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ml_connector.connectors import registry
from ml_connector.connectors.base import (
    AS_NOTE,
    INVOICE_ROUTE,
    WRITE_BACK,
    Erp,
    Inbound,
    Ledger,
    Payables,
    PayablesConnector,
    Source,
    SourceConnector,
    ledger_of,
    source_of,
)
from ml_connector.connectors.manifest import Manifest
from ml_connector.connectors.side import Clock, DimensionRule, Guard, MappingRules, Side
from ml_connector.engine.schedules import FlowSchedule, schedule_from
from ml_connector.records.flow import Flow
from ml_connector.store.database import Database
from ml_connector.store.keepsake import VaultKeepsake
from ml_connector.store.vault import Vault


class UnknownConnection(LookupError):
    """There is no connection of that name; the text lists those there are."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """One connection's settings with its secrets opened."""

    id: str
    company: str
    system: str
    version: int
    """Rises with every change of the settings or a secret."""
    enabled: bool
    payables: Side
    erp: Side
    flows: Mapping[Flow, FlowSchedule]

    def announced_among(self, able: frozenset[Flow]) -> frozenset[Flow]:
        """Of the flows that an ERP is able to announce, those whose announcements are wanted."""
        return frozenset(flow for flow, each in self.flows.items() if flow in able and each.enabled and each.webhook)


@dataclass(frozen=True, slots=True)
class Sides:
    """A connection's two systems, ready to be spoken to."""

    connection: str
    company: str
    version: int
    erp: Erp
    payables: Payables
    mapping: MappingRules
    redacted: frozenset[str]
    webhook_token: str | None = field(default=None, repr=False)
    """What notifications are signed with; None where none is set."""
    system: str = ""
    """The ERP's id."""
    announced: frozenset[Flow] = frozenset()
    """Flows that the ERP's own notifications are to start."""
    inbound: Inbound | None = None
    """The way of its invoices into the payables system, where they go that way."""
    writes_notes: bool = False
    """Whether an invoice's standing is put to it in the ERP."""

    @property
    def ledger(self) -> Ledger:
        """The ERP, where bills are posted to it."""
        return ledger_of(self.erp)

    @property
    def source(self) -> Source:
        """The ERP, where its invoices go into the payables system."""
        return source_of(self.erp)

    async def close(self) -> None:
        """Lets go of sessions and pooled connections."""
        await self.erp.close()
        await self.payables.close()
        if self.inbound is not None:
            await self.inbound.close()


async def load_settings(database: Database, vault: Vault, connection: str) -> ConnectionSettings:
    """The settings of a connection. Raises `UnknownConnection`, and what the vault does."""
    row = await database.fetch_one("SELECT * FROM connection WHERE id = :id", id=connection)
    if row is None:
        raise await unknown_connection(database, connection)
    settings = row["settings"]
    secrets = await vault.get_all(database, connection)
    rules = mapping_from(settings["mapping"])
    found = {"region": row["region"]} if row["region"] else {}

    def side(name: str, manifest: Manifest, extra: Mapping[str, Any]) -> Side:
        defaults = {each.name: each.default for each in manifest.fields if each.default is not None}
        given = {key: value for key, value in settings[name].items() if key != "system"}
        keepsake = VaultKeepsake(database, vault, connection=connection, side=name)
        values = {**defaults, **extra, **given}
        return Side(connection, row["company"], values, secrets.get(name, {}), rules, keepsake)

    payables = registry.payables().manifest
    return ConnectionSettings(
        id=connection,
        company=row["company"],
        system=row["system"],
        version=row["version"],
        enabled=row["enabled"],
        payables=side(payables.id, payables, found),
        erp=side("erp", registry.erp(row["system"]).manifest, {}),
        flows={Flow(name): schedule_from(each) for name, each in settings["flows"].items()},
    )


def mapping_from(settings: Mapping[str, Any]) -> MappingRules:
    """The mapping as it was stored."""
    return MappingRules(
        dimensions=tuple(DimensionRule(**rule) for rule in settings["dimensions"]),
        tax_codes=settings["tax_codes"],
        tax_ids=settings.get("tax_ids", {}),
        credit_note_types=frozenset(settings["credit_note_types"]),
        tolerance={currency: Decimal(amount) for currency, amount in settings["tolerance"].items()},
        posting_date=settings["posting_date"],
        line_description=settings["line_description"],
    )


def open_sides(settings: ConnectionSettings, *, clock: Clock, guard: Guard | None = None) -> Sides:
    """Opens both sides; nothing is called yet."""
    erp = registry.erp(settings.system)
    payables = registry.payables()
    gives = isinstance(erp, SourceConnector)
    return Sides(
        connection=settings.id,
        company=settings.company,
        version=settings.version,
        erp=erp.open(settings.erp, clock, guard),
        payables=payables.open(settings.payables, clock, guard),
        mapping=settings.erp.mapping,
        redacted=erp.manifest.redacted | payables.manifest.redacted,
        webhook_token=settings.payables.secrets.get("webhook_token"),
        system=settings.system,
        announced=settings.announced_among(erp.capabilities.announces),
        inbound=_open_inbound(payables, settings, clock, guard) if gives else None,
        writes_notes=gives and settings.erp.values.get(WRITE_BACK) == AS_NOTE,
    )


def _open_inbound(
    payables: PayablesConnector, settings: ConnectionSettings, clock: Clock, guard: Guard | None
) -> Inbound:
    if payables.open_inbound is None:
        raise TypeError(f"{payables.manifest.name} takes no invoices in.")
    return payables.open_inbound(settings.payables, str(settings.erp.values[INVOICE_ROUTE]), clock, guard)


async def unknown_connection(database: Database, connection: str) -> UnknownConnection:
    """The error that says which connections there are."""
    known = ", ".join(row["id"] for row in await database.fetch("SELECT id FROM connection ORDER BY id"))
    return UnknownConnection(
        f"There is no connection {connection}. "
        + (f"Known: {known}." if known else "None has been made yet: see `ml-connector apply`.")
    )
