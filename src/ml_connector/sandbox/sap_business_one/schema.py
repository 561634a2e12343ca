"""The types of the Service Layer: which properties there are, in which version, and what they hold.

`entities.json` comes from the public metadata of two installations (B1 dossier 17): `later` are properties that the
2021 metadata does not have.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

Row = dict[str, Any]
"""A record: property name to value. Amounts are Decimal, dates `YYYY-MM-DD`, times `HH:MM:SS`, enums member names."""

_PACKAGE = "ml_connector.sandbox.sap_business_one"
_DATE = "Edm.DateTimeOffset"
_TIME = "Edm.TimeOfDay"


@dataclass(frozen=True, slots=True)
class EntityType:
    """One entity or complex type."""

    name: str
    key: str
    """Empty for complex types."""
    properties: dict[str, str]
    """By name: an Edm type, the name of an enum or of a complex type, or `Collection(...)` of one."""
    later: frozenset[str]
    """Properties that the profile of 2021 lacks."""
    dates: tuple[str, ...]
    nested: dict[str, str]
    """Collections of complex types that are described here: property to type."""
    blank: Row
    """Every property with the value it has when nobody set it."""

    def has(self, name: str, profile: int) -> bool:
        """True when an installation of that year has the property."""
        return name in self.properties and not (profile < 2024 and name in self.later)

    def enum_of(self, name: str) -> str | None:
        """The enum a property takes its values from."""
        kind = self.properties.get(name, "")
        return kind if kind in ENUMS else None


def member_of(enum: str, value: object) -> str | None:
    """The member by its name or by its stored value; both are accepted (B1 dossier 5.1)."""
    members = ENUMS[enum]
    text = str(value)
    return text if text in members else _by_stored(enum).get(text)


@cache
def _by_stored(enum: str) -> dict[str, str]:
    return {stored: member for member, stored in ENUMS[enum].items()}


def _blank(kind: str) -> Any:
    if kind.startswith("Collection("):
        return ()
    if kind == "Edm.Double":
        return Decimal(0)
    return "tNO" if kind == "BoYesNoEnum" else None


def _entity(name: str, described: dict[str, Any], types: set[str]) -> EntityType:
    properties = {each: kind for kind, names in described["properties"].items() for each in names.split()}
    inner = {each: kind[11:-1] for each, kind in properties.items() if kind.startswith("Collection(")}
    return EntityType(
        name=name,
        key=next(iter(described["key"]), ""),
        properties=properties,
        later=frozenset(described["later"].split()),
        dates=tuple(each for each, kind in properties.items() if kind == _DATE),
        nested={each: kind for each, kind in inner.items() if kind in types},
        blank={each: _blank(kind) for each, kind in properties.items()},
    )


def is_date(kind: str) -> bool:
    """True for a property that holds a day."""
    return kind == _DATE


def is_time(kind: str) -> bool:
    """True for a property that holds a time of day."""
    return kind == _TIME


_DESCRIBED: dict[str, Any] = json.loads(files(_PACKAGE).joinpath("entities.json").read_text("utf-8"))
ENUMS: dict[str, dict[str, str]] = _DESCRIBED["enums"]
"""By enum: member name to the value the database stores."""
TYPES: dict[str, EntityType] = {
    name: _entity(name, described, set(_DESCRIBED["types"])) for name, described in _DESCRIBED["types"].items()
}
SETS: dict[str, EntityType] = {name: TYPES[kind] for name, kind in _DESCRIBED["sets"].items()}
"""The type behind each entity set that is served."""
DOCUMENT_SETS = frozenset(name for name, entity in SETS.items() if entity.name == "Document")
TAGGED_SETS = frozenset(DOCUMENT_SETS | {"BusinessPartners", "Items"})
"""The sets with ETags (B1 dossier 5.6)."""
