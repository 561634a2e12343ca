"""Entity types: what a body may say, how rows go over the wire (BC dossier 3 and 5.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from ml_connector.sandbox.business_central.errors import Refused, bad_request, not_an_option
from ml_connector.sandbox.business_central.surface import ENUMS, PAGES

Row = dict[str, Any]
NO_GUID = "00000000-0000-0000-0000-000000000000"
NO_DATE = "0001-01-01"
NO_TIME = "0001-01-01T00:00:00Z"
GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_EMPTY: dict[str, Any] = {
    "guid": NO_GUID,
    "date": NO_DATE,
    "datetime": NO_TIME,
    "decimal": Decimal(0),
    "int": 0,
    "bool": False,
    "code": "",
    "text": "",
    "stream": "",
}
_EDM = {"guid": "Guid", "date": "Date", "datetime": "DateTimeOffset", "int": "Int32", "bool": "Boolean"}


@dataclass(frozen=True, slots=True)
class Property:
    """One field of a page."""

    name: str
    kind: str
    """guid, date, datetime, decimal, int, bool, code, text, stream or enum."""
    length: int = 0
    members: tuple[str, ...] = ()
    read_only: bool = False
    filterable: bool = True

    @property
    def empty(self) -> Any:
        """The value of a field nobody filled: never null."""
        return self.members[0] if self.kind == "enum" else _EMPTY[self.kind]

    @property
    def edm(self) -> str:
        """The type's name in the metadata."""
        return f"Edm.{_EDM.get(self.kind, self.kind.title() if self.kind != 'code' else 'String')}"


@dataclass(frozen=True, slots=True)
class Part:
    """A navigation property."""

    name: str
    entity_set: str
    many: bool = True


@dataclass(frozen=True, slots=True)
class EntityType:
    """One page: its properties, parts in page order and what may be done with it."""

    name: str
    entity_set: str
    verbs: str
    properties: Mapping[str, Property]
    parts: Mapping[str, Part]
    actions: tuple[str, ...] = ()

    def blank(self) -> Row:
        """A row with every property empty."""
        return {name: prop.empty for name, prop in self.properties.items()}


def _property(token: str) -> Property:
    name, _, declared = token.partition(":")
    kind = declared.rstrip("!~-")
    marks = declared[len(kind) :]
    members: tuple[str, ...] = ()
    length = 0
    if coded := re.fullmatch(r"([CT])(\d*)", kind):
        kind, length = ("code" if coded[1] == "C" else "text"), int(coded[2] or 0)
    elif kind in ENUMS:
        kind, members = "enum", tuple(ENUMS[kind].split("|"))
    return Property(
        name,
        kind,
        length=length,
        members=members,
        read_only="!" in marks or "~" in marks,
        filterable="-" not in marks,
    )


def _types() -> dict[str, EntityType]:
    found: dict[str, EntityType] = {}
    for entity_set, page in PAGES.items():
        properties = [_property(token) for token in page.properties.split()]
        parts = [_part(token) for token in page.parts.split()]
        found[entity_set] = EntityType(
            name=page.entity,
            entity_set=entity_set,
            verbs=page.verbs,
            properties={prop.name: prop for prop in properties},
            parts={part.name: part for part in parts},
            actions=tuple(page.actions.split()),
        )
    return found


def _part(token: str) -> Part:
    name = token.rstrip("*?")
    return Part(name, "locations" if name == "location" else name, many=token.endswith("*"))


TYPES = _types()


@cache
def encoded(member: str) -> str:
    """A member name as the wire spells it: `In Review` is `In_x0020_Review`."""
    return re.sub(r"[^A-Za-z0-9_]", lambda odd: f"_x{ord(odd[0]):04X}_", member)


@cache
def decoded(member: str) -> str:
    """The other way round; a plain name comes back as it is."""
    return re.sub(r"_x([0-9A-F]{4})_", lambda code: chr(int(code[1], 16)), member)


def read_body(entity: EntityType, body: Any) -> tuple[Row, dict[str, Any]]:
    """Checks a body and divides it into values and parts; raises Refused at the first wrong property."""
    if not isinstance(body, dict):
        raise bad_request("Invalid Request Body")
    values: Row = {}
    parts: dict[str, Any] = {}
    for name, value in body.items():
        if "@odata." in name:
            continue
        if name in entity.parts:
            parts[name] = value
        else:
            values[name] = _read_property(entity, name, value)
    return values, parts


def _read_property(entity: EntityType, name: str, value: Any) -> Any:
    prop = entity.properties.get(name)
    if prop is None:
        raise bad_request(
            f"The property '{name}' does not exist on type 'Microsoft.NAV.{entity.name}'. "
            "Make sure to only use property names that are defined by the type."
        )
    if prop.read_only:
        raise bad_request(f"Control '{name}' is read-only.")
    return read_value(prop, value)


def read_value(prop: Property, value: Any) -> Any:
    """One value in the form rows keep it."""
    if prop.kind in ("code", "text"):
        return _read_text(prop, value)
    if prop.kind == "enum":
        return _read_member(prop, value)
    if prop.kind in _READ and _READ[prop.kind](value):
        return Decimal(value) if prop.kind == "decimal" else value.lower() if prop.kind == "guid" else value
    raise bad_request(f"Cannot convert the literal '{value}' to the expected type '{prop.edm}'.")


def _is_number(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def is_date(text: str) -> bool:
    """True for a day that exists, written YYYY-MM-DD."""
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


_READ: dict[str, Callable[[Any], bool]] = {
    "decimal": lambda value: _is_number(value, (int, Decimal)),
    "int": lambda value: _is_number(value, (int,)),
    "bool": lambda value: isinstance(value, bool),
    "guid": lambda value: isinstance(value, str) and GUID.fullmatch(value) is not None,
    "date": lambda value: isinstance(value, str) and is_date(value),
}


def _read_text(prop: Property, value: Any) -> str:
    if not isinstance(value, str):
        raise bad_request(f"Cannot convert the literal '{value}' to the expected type 'Edm.String'.")
    text = value.strip().upper() if prop.kind == "code" else value
    if prop.length and len(text) > prop.length:
        raise Refused(
            400,
            "Application_StringExceededLength",
            f"The length of the string is {len(text)}, but it must be less than or equal to "
            f"{prop.length} characters. Value: {text}",
        )
    return text


def _read_member(prop: Property, value: Any) -> str:
    member = decoded(value) if isinstance(value, str) else ""
    if not isinstance(value, str) or (member not in prop.members):
        if value == "" and " " in prop.members:
            return " "
        raise not_an_option(str(value), prop.members)
    return member


def stamp(moment: datetime) -> str:
    """A point in time as rows keep it: UTC, to the millisecond, so that texts sort as times do."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def write_row(entity: EntityType, row: Row, names: Iterable[str]) -> dict[str, Any]:
    """The named properties of a row as the wire wants them; streams are left to the caller."""
    written: dict[str, Any] = {}
    for name in names:
        prop = entity.properties[name]
        if prop.kind == "enum":
            written[name] = encoded(row[name])
        elif prop.kind != "stream":
            written[name] = row[name]
    return written
