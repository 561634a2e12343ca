"""The contract in scope: services, sets, keys, methods with their parameters, tables with their columns.

`contract.json` comes from the public wrappers of one hosted server (Epicor dossier 19): the columns that the dossier
names, neutral others, so that rows are as wide as clients must cope with, and a user column (`..._c`) here and there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

Row = dict[str, Any]
"""A row: column to value; a column that is left out is blank. Amounts are Decimal, dates `YYYY-MM-DDTHH:MM:SS`.

Columns that begin with `_` stay off the wire.
"""
Tableset = dict[str, list[Row]]
"""Rows by table name."""

NO_GUID = "00000000-0000-0000-0000-000000000000"
_PACKAGE = "ml_connector.sandbox.epicor_kinetic"


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "s"
    INTEGER = "i"
    LONG = "l"
    NUMBER = "n"
    FLAG = "b"
    DATE = "d"
    GUID = "g"


_BLANK: dict[Kind, Any] = {
    Kind.TEXT: "",
    Kind.INTEGER: 0,
    Kind.LONG: 0,
    Kind.NUMBER: Decimal(0),
    Kind.FLAG: False,
    Kind.DATE: None,
    Kind.GUID: NO_GUID,
}


@dataclass(frozen=True, slots=True)
class Entity:
    """The row type of a table."""

    name: str
    columns: dict[str, Kind]
    """All of them, joined ones too."""
    joined: frozenset[str]
    """Display columns of other tables: returned, no use in a filter (Epicor dossier 5.2)."""
    blank: Row
    """Every column with the value it has when nobody set it."""
    dates: tuple[str, ...]

    @property
    def type_name(self) -> str:
        """What the server calls the type: `Erp.PO` for POHeader (Epicor dossier 4.3)."""
        return f"Erp.{self.name.removesuffix('Header')}"


@dataclass(frozen=True, slots=True)
class EntitySet:
    """A set of one service, what it is keyed by, and the table its rows are kept in."""

    name: str
    service: str
    entity: Entity
    keys: tuple[str, ...]
    table: str
    """Another than the entity where the set is a view: APTranSearches shows APTran."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method as it is declared."""

    service: str
    name: str
    verb: str
    parameters: tuple[str, ...]
    """All of them must be in the call (Epicor dossier 17.25)."""
    returns: str
    """Tableset or type of `returnObj`; empty for none."""
    outputs: tuple[str, ...]
    tablesets: dict[str, str]
    """By parameter, in or out: the tableset it holds."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service."""

    name: str
    sets: dict[str, EntitySet]
    methods: dict[str, Method]
    tablesets: dict[str, tuple[str, ...]]

    @property
    def object(self) -> str:
        """`Erp.BO.Company` for `Erp.BO.CompanySvc`, as refusals print it."""
        return self.name.removesuffix("Svc")

    @property
    def main(self) -> EntitySet | None:
        """The set of the header table: GetRows, GetByID and GetList are about it."""
        return next(iter(self.sets.values()), None)

    def tables_of(self, method: str) -> tuple[str, ...]:
        """The tables of the tableset that a method returns, the header's first."""
        return self.tablesets.get(self.methods[method].returns, ())


def _entity(name: str, described: dict[str, str]) -> Entity:
    columns = {each: Kind(kind) for kind, names in described.items() if kind != "joined" for each in names.split()}
    joined = dict(each.split(":") for each in described.get("joined", "").split())
    columns |= {each: Kind(kind) for each, kind in joined.items()}
    return Entity(
        name=name,
        columns=columns,
        joined=frozenset(joined),
        blank={each: _BLANK[kind] for each, kind in columns.items()},
        dates=tuple(each for each, kind in columns.items() if kind is Kind.DATE),
    )


def _service(name: str, described: dict[str, Any]) -> Service:
    sets = {
        each: EntitySet(each, name, TABLES[table], tuple(keys.split()), _VIEWS.get(table) or table)
        for each, (table, keys) in described["sets"].items()
    }
    methods = {
        each: _method(name, each, verb, given.split(), returns, out.split())
        for each, (verb, given, returns, out) in described["methods"].items()
    }
    tablesets = {each: tuple(names.split()) for each, names in described["tablesets"].items()}
    return Service(name, sets, methods, tablesets)


def _method(service: str, name: str, verb: str, given: list[str], returns: str, out: list[str]) -> Method:
    tablesets = dict(each.split(":") for each in (*given, *out) if ":" in each)
    plain = [each.partition(":")[0] for each in given], [each.partition(":")[0] for each in out]
    return Method(service, name, verb, tuple(plain[0]), returns, tuple(plain[1]), tablesets)


@cache
def keys_of(table: str) -> tuple[str, ...]:
    """The key columns of a stored table, `Company` first."""
    return next(each.keys for service in SERVICES.values() for each in service.sets.values() if each.table == table)


_VIEWS = {"COASegmentSearch": "COASegment", "APTranSearch": "APTran"}
_DESCRIBED: dict[str, Any] = json.loads(files(_PACKAGE).joinpath("contract.json").read_text("utf-8"))
TABLES: dict[str, Entity] = {name: _entity(name, described) for name, described in _DESCRIBED["tables"].items()}
SERVICES: dict[str, Service] = {name: _service(name, described) for name, described in _DESCRIBED["services"].items()}
STORED: tuple[str, ...] = tuple(
    dict.fromkeys(
        each.table for service in SERVICES.values() for each in service.sets.values() if each.table != "PaymentTotals"
    )
)
"""The tables that rows are kept in."""
