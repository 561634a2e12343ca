"""`$metadata`: the types that are served, in either version's XML (B1 dossier 5.10)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from xml.sax.saxutils import quoteattr

from ml_connector.sandbox.sap_business_one.schema import ENUMS, SETS, TYPES, EntityType

_VERSION_3 = {"Edm.DateTimeOffset": "Edm.DateTime", "Edm.TimeOfDay": "Edm.Time"}
_NAMESPACES = {
    3: ("1.0", "http://schemas.microsoft.com/ado/2007/06/edmx", "http://schemas.microsoft.com/ado/2009/11/edm"),
    4: ("4.0", "http://docs.oasis-open.org/odata/ns/edmx", "http://docs.oasis-open.org/odata/ns/edm"),
}


@cache
def describe(version: int, profile: int) -> str:
    """The metadata document of an installation of that year."""
    number, edmx, edm = _NAMESPACES[version]
    enums = "".join(_enum(name) for name in sorted(ENUMS))
    types = "".join(_type(entity, version, profile) for entity in TYPES.values())
    sets = "".join(f'<EntitySet Name="{name}" EntityType="SAPB1.{entity.name}"/>' for name, entity in SETS.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><edmx:Edmx Version="{number}" xmlns:edmx="{edmx}"><edmx:DataServices>'
        f'<Schema Namespace="SAPB1" xmlns="{edm}">{enums}{types}'
        f'<EntityContainer Name="ServiceLayer">{sets}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    )


def _enum(name: str) -> str:
    members = "".join(f"<Member Name={quoteattr(member)}/>" for member in ENUMS[name])
    return f'<EnumType Name="{name}">{members}</EnumType>'


def _type(entity: EntityType, version: int, profile: int) -> str:
    kind = "EntityType" if entity.key else "ComplexType"
    key = f'<Key><PropertyRef Name="{entity.key}"/></Key>' if entity.key else ""
    return f'<{kind} Name="{entity.name}">{key}{"".join(_properties(entity, version, profile))}</{kind}>'


def _properties(entity: EntityType, version: int, profile: int) -> Iterator[str]:
    for name, kind in entity.properties.items():
        if entity.has(name, profile):
            told = _VERSION_3.get(kind, kind) if version == 3 else kind
            yield f'<Property Name="{name}" Type="{_qualified(told)}"/>'


def _qualified(kind: str) -> str:
    if kind.startswith("Collection("):
        return f"Collection({_qualified(kind[11:-1])})"
    return kind if kind.startswith("Edm.") else f"SAPB1.{kind}"
