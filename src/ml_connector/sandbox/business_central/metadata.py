"""The service's description of itself: `$metadata`, as far as this sandbox goes."""

from __future__ import annotations

from functools import cache
from xml.sax.saxutils import quoteattr

from ml_connector.sandbox.business_central.schema import TYPES, EntityType

_HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>'
    '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
    '<Schema Namespace="Microsoft.NAV" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
)
_TAIL = "</Schema></edmx:DataServices></edmx:Edmx>"


@cache
def describe() -> str:
    """The CSDL document."""
    types = "".join(_type(entity) for entity in TYPES.values())
    sets = "".join(
        f'<EntitySet Name={quoteattr(name)} EntityType="Microsoft.NAV.{entity.name}"/>'
        for name, entity in TYPES.items()
    )
    return f'{_HEAD}{types}<EntityContainer Name="NAV">{sets}</EntityContainer>{_TAIL}'


def _type(entity: EntityType) -> str:
    key = "id" if "id" in entity.properties else "entryNumber"
    text = f'<EntityType Name="{entity.name}"><Key><PropertyRef Name="{key}"/></Key>'
    for prop in entity.properties.values():
        edm = "Edm.String" if prop.kind in ("enum", "code", "text") else prop.edm
        length = f' MaxLength="{prop.length}"' if prop.length else ""
        text += f'<Property Name="{prop.name}" Type="{edm}"{length}/>'
    for part in entity.parts.values():
        target = f"Microsoft.NAV.{TYPES[part.entity_set].name}"
        target = f"Collection({target})" if part.many else target
        text += f'<NavigationProperty Name="{part.name}" Type="{target}"/>'
    return text + "</EntityType>"
