"""`$metadata` of a service: the sets, their types and keys in OData 4 CSDL."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from ml_connector.sandbox.epicor_kinetic.schema import SERVICES, EntitySet, Kind

_EDM = {
    Kind.TEXT: "Edm.String",
    Kind.INTEGER: "Edm.Int32",
    Kind.LONG: "Edm.Int64",
    Kind.NUMBER: "Edm.Decimal",
    Kind.FLAG: "Edm.Boolean",
    Kind.DATE: "Edm.DateTimeOffset",
    Kind.GUID: "Edm.Guid",
}


@cache
def describe(service: str) -> str:
    """The document of one service."""
    sets = SERVICES[service].sets.values()
    types = "".join(_type(each) for each in sets)
    listed = "".join(f'<EntitySet Name="{each.name}" EntityType="Erp.{each.entity.name}"/>' for each in sets)
    container = service.rpartition(".")[2]
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="Erp" xmlns="http://docs.oasis-open.org/odata/ns/edm">{types}'
        f'<EntityContainer Name="{container}">{listed}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    )


def _type(entity_set: EntitySet) -> str:
    keys = "".join(f'<PropertyRef Name="{name}"/>' for name in entity_set.keys)
    return (
        f'<EntityType Name="{entity_set.entity.name}"><Key>{keys}</Key>{"".join(_properties(entity_set))}</EntityType>'
    )


def _properties(entity_set: EntitySet) -> Iterator[str]:
    for name, kind in entity_set.entity.columns.items():
        yield f'<Property Name="{name}" Type="{_EDM[kind]}"/>'
